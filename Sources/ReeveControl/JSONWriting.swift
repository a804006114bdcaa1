// SPDX-License-Identifier: Apache-2.0
//
// Writing JSON. A value is appended to a byte buffer as it is known, so that a line of the socket
// costs no tree and no allocation of its own; jansson reads, this file writes. The commas need no
// state: a value follows another one exactly when the last byte is neither an opening bracket nor a
// colon, and outside of the methods below nothing is ever appended to an unfinished line.

internal import ReeveCore

extension [UInt8] {
    // MARK: Structure

    /// `{`, as an element, or as the value of `key`.
    mutating func beginObject(_ key: StaticString? = nil) {
        begin(key)
        append(UInt8(ascii: "{"))
    }

    mutating func endObject() {
        append(UInt8(ascii: "}"))
    }

    /// `[`, as an element, or as the value of `key`.
    mutating func beginArray(_ key: StaticString? = nil) {
        begin(key)
        append(UInt8(ascii: "["))
    }

    mutating func endArray() {
        append(UInt8(ascii: "]"))
    }

    /// Ends a line of the socket's protocol.
    mutating func endLine() {
        append(UInt8(ascii: "\n"))
    }

    // MARK: Values

    mutating func field(_ key: StaticString, _ text: String?) {
        begin(key)
        if let text { appendQuoted(text) } else { appendNull() }
    }

    mutating func field(_ key: StaticString, _ number: Int64?) {
        begin(key)
        if let number { appendNumber(number) } else { appendNull() }
    }

    mutating func field(_ key: StaticString, _ number: Int) {
        begin(key)
        appendNumber(Int64(number))
    }

    mutating func field(_ key: StaticString, _ isTrue: Bool?) {
        begin(key)
        guard let isTrue else { return appendNull() }
        append(contentsOf: (isTrue ? "true" : "false").utf8)
    }

    mutating func field(_ key: StaticString, _ wall: WallTime?, fractionDigits: Int) {
        field(key, wall?.rfc3339(fractionDigits: fractionDigits))
    }

    /// The shortest decimal that reads back as the same number. JSON has no infinities; a number that
    /// is not finite becomes null, which a strict reader refuses.
    mutating func field(_ key: StaticString, _ number: Double) {
        begin(key)
        if number.isFinite { append(contentsOf: number.description.utf8) } else { appendNull() }
    }

    mutating func nullField(_ key: StaticString) {
        begin(key)
        appendNull()
    }

    mutating func element(_ text: String) {
        begin(nil)
        appendQuoted(text)
    }

    mutating func element(_ number: Int64) {
        begin(nil)
        appendNumber(number)
    }

    /// Bytes of unknown encoding as a string: what is no UTF-8 becomes U+FFFD. At most `bytesMax`
    /// bytes are appended between the quotes, whole characters only; returns false where that cut.
    mutating func field(_ key: StaticString, bytes: ArraySlice<UInt8>, bytesMax: Int) -> Bool {
        begin(key)
        append(UInt8(ascii: "\""))
        defer { append(UInt8(ascii: "\"")) }
        let text = String(decoding: bytes, as: UTF8.self)
        // No byte is escaped to more than six.
        if text.utf8.count <= bytesMax / 6 {
            appendEscaped(text)
            return true
        }
        let end = count + bytesMax
        for character in text.unicodeScalars {
            let before = count
            appendEscaped(String(character))
            if count > end {
                removeLast(count - before)
                return false
            }
        }
        return true
    }

    // MARK: Details

    private mutating func begin(_ key: StaticString?) {
        switch last {
        case nil, UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: ":"), UInt8(ascii: "\n"): break
        default: append(UInt8(ascii: ","))
        }
        guard let key else { return }
        append(UInt8(ascii: "\""))
        key.withUTF8Buffer { unsafe append(contentsOf: $0) }
        append(UInt8(ascii: "\""))
        append(UInt8(ascii: ":"))
    }

    private mutating func appendNull() {
        append(contentsOf: "null".utf8)
    }

    private mutating func appendNumber(_ number: Int64) {
        append(contentsOf: String(number).utf8)
    }

    private mutating func appendQuoted(_ text: String) {
        append(UInt8(ascii: "\""))
        appendEscaped(text)
        append(UInt8(ascii: "\""))
    }

    /// RFC 8259, section 7: quotation mark, reverse solidus and the control characters are escaped;
    /// everything else goes as UTF-8. U+2028 and U+2029 too: nobody reads this as JavaScript source.
    private mutating func appendEscaped(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case UInt8(ascii: "\n"):
                append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\t"):
                append(contentsOf: "\\t".utf8)
            case UInt8(ascii: "\r"):
                append(contentsOf: "\\r".utf8)
            case 0..<0x20:
                let digits: StaticString = "0123456789abcdef"
                append(contentsOf: "\\u00".utf8)
                digits.withUTF8Buffer { hexadecimal in
                    unsafe append(hexadecimal[Int(byte >> 4)])
                    unsafe append(hexadecimal[Int(byte & 15)])
                }
            default:
                append(byte)
            }
        }
    }
}
