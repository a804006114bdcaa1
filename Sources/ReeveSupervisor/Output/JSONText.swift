// SPDX-License-Identifier: Apache-2.0

/// Strings of JSON from bytes of unknown encoding.
enum JSONText {
    /// Appends the bytes as a string of RFC 8259, quotation marks included. Each maximal part of
    /// them that is no UTF-8 becomes one U+FFFD (the substitution that Unicode recommends), so that
    /// any reader takes the line.
    static func appendString(_ bytes: ArraySlice<UInt8>, to buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "\""))
        var rest = bytes
        while let first = rest.first {
            if first < 0x80 {
                appendASCII(first, to: &buffer)
                rest = rest.dropFirst()
                continue
            }
            let (length, isValid) = sequence(at: rest)
            if isValid {
                buffer.append(contentsOf: rest.prefix(length))
            } else {
                buffer.append("\u{FFFD}")
            }
            rest = rest.dropFirst(length)
        }
        buffer.append(UInt8(ascii: "\""))
    }

    private static func appendASCII(_ byte: UInt8, to buffer: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            buffer.append(UInt8(ascii: "\\"))
            buffer.append(byte)
        case UInt8(ascii: "\n"): buffer.append("\\n")
        case UInt8(ascii: "\r"): buffer.append("\\r")
        case UInt8(ascii: "\t"): buffer.append("\\t")
        case 0x00..<0x20, 0x7F:
            buffer.append("\\u00")
            buffer.append(hexadecimal(byte >> 4))
            buffer.append(hexadecimal(byte & 15))
        default: buffer.append(byte)
        }
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + (digit - 10)
    }

    /// How many bytes the character at the front takes, or, where it is none, how many of them
    /// could have begun one (Unicode, table 3-7).
    private static func sequence(at bytes: ArraySlice<UInt8>) -> (length: Int, isValid: Bool) {
        let first = bytes[bytes.startIndex]
        let count: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: count = 2
        case 0xE0: (count, second) = (3, 0xA0...0xBF)
        case 0xED: (count, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: count = 3
        case 0xF0: (count, second) = (4, 0x90...0xBF)
        case 0xF4: (count, second) = (4, 0x80...0x8F)
        case 0xF1...0xF3: count = 4
        default: return (1, false)
        }
        for offset in 1..<count {
            let index = bytes.startIndex + offset
            let allowed = offset == 1 ? second : 0x80...0xBF
            guard index < bytes.endIndex, allowed.contains(bytes[index]) else {
                return (offset, false)
            }
        }
        return (count, true)
    }
}
