// SPDX-License-Identifier: Apache-2.0
//
// One record is one line of JSON whose first member is the checksum of the rest of the line:
//
//     {"crc":"6f1c09ad","kind":"ended","scheduler":"backup",…}
//
// A line, because a reader that has lost its way finds the next record at the next line break; JSON,
// because `jq` reads it and later versions may add members; the checksum in a fixed place, because
// it then costs no parsing. A text of JSON never holds a line break as such.

internal import ReeveControl

/// Puts records into lines, and takes them out.
enum LedgerFraming {
    /// What a line begins with.
    static let mark = Array(#"{"crc":""#.utf8)
    /// A longer line is damaged. A reason of the greatest length, every byte of it escaped, fits.
    static let lineBytesMax = 16_384
    /// Where the checked part begins: after mark, checksum and its quotation mark.
    private static let checkedFrom = mark.count + 9

    /// The record's line, its line break included.
    static func line(_ record: LedgerRecord) -> [UInt8] {
        var line = mark
        line.reserveCapacity(256)
        line.append(contentsOf: "00000000\"".utf8)
        record.appendMembers(to: &line)
        line.append(UInt8(ascii: "}"))
        let digits = hexadecimal(Checksum.crc32c(line[checkedFrom...]))
        line.replaceSubrange(mark.count..<mark.count + 8, with: digits)
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// Whether a line, without its line break, is as it was written.
    static func isWhole(_ line: ArraySlice<UInt8>) -> Bool {
        guard line.count > checkedFrom, line.count <= lineBytesMax, line.starts(with: mark) else {
            return false
        }
        let start = line.startIndex
        let checked = line[(start + checkedFrom)...]
        return line[start + checkedFrom - 1] == UInt8(ascii: "\"")
            && line[(start + mark.count)..<(start + mark.count + 8)]
                .elementsEqual(hexadecimal(Checksum.crc32c(checked)))
    }

    /// The records in a line that as a whole is none: a damaged line break joins two, and what lies
    /// around a damaged record may be good. Each range is a whole record.
    static func rescued(in line: ArraySlice<UInt8>) -> [Range<Int>] {
        var starts: [Int] = []
        var index = line.startIndex
        while index + mark.count <= line.endIndex {
            if line[index] == mark[0], line[index..<index + mark.count].elementsEqual(mark) {
                starts.append(index)
            }
            index += 1
        }
        var found: [Range<Int>] = []
        for (number, start) in starts.enumerated() {
            let end = number + 1 < starts.count ? starts[number + 1] : line.endIndex
            for candidate in [start..<end, start..<(end - 1)] where isWhole(line[candidate]) {
                found.append(candidate)
                break
            }
        }
        return found
    }

    private static func hexadecimal(_ number: UInt32) -> [UInt8] {
        (0..<8).map { position in
            let digit = UInt8(truncatingIfNeeded: number >> UInt32(28 - position * 4)) & 15
            return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + (digit - 10)
        }
    }
}

/// CRC-32C (Castagnoli), the checksum of iSCSI, ext4 and Btrfs: RFC 3720, appendix B.4.
enum Checksum {
    /// "123456789" gives 0xE3069283.
    static func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var remainder = ~UInt32(0)
        for byte in bytes {
            remainder =
                table[Int((remainder ^ UInt32(byte)) & 0xFF)] ^ (remainder >> 8)
        }
        return ~remainder
    }

    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in
            value & 1 == 0 ? value >> 1 : (value >> 1) ^ 0x82F6_3B78
        }
    }
}
