// SPDX-License-Identifier: Apache-2.0
//
// Reads a ledger file from its beginning, in pieces of bounded size, whatever is in it.

internal import ReeveControl
internal import ReeveLinux

/// Where a record lies in the file: its line without the line break.
struct LedgerPlace: Hashable, Comparable {
    var offset: Int64
    var length: Int32

    static func < (left: LedgerPlace, right: LedgerPlace) -> Bool { left.offset < right.offset }

    /// The place after its line break.
    var end: Int64 { offset + Int64(length) + 1 }
}

/// What a scan found.
struct LedgerScan {
    /// Whole records.
    private(set) var records = 0
    /// Stretches that are no record.
    private(set) var damages = 0
    /// Where the last whole line ends; what follows is a record that was not written to its end.
    private(set) var end: Int64 = 0
    /// The last record is whole but for its line break.
    private(set) var lacksLineBreak = false
    /// The file's length.
    let size: Int64
    /// Where the scan began: not at 0 in a file that is longer than is read.
    let start: Int64

    private static let chunkBytes = 262_144

    /// Hands each whole record to `body`, in the order of the file. Of a file longer than `bytesMax`
    /// only the end is read.
    init(
        _ file: borrowing FileDescriptor, bytesMax: Int64,
        _ body: (LedgerRecord, LedgerPlace) -> Void
    ) throws(Errno) {
        size = try StateFile.size(of: file)
        start = max(0, size - bytesMax)
        end = start
        var buffer = [UInt8](repeating: 0, count: LedgerScan.chunkBytes)
        // The part of a line that the chunks so far have had, and whether it is too long already.
        var pending: [UInt8] = []
        var isTooLong = start > 0
        var offset = start
        while offset < size {
            let count = try file.read(into: &buffer, at: offset)
            guard count > 0 else { break }
            var rest = buffer[..<count]
            while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let piece = rest[..<newline]
                rest = rest[(newline + 1)...]
                let lineEnd = offset + Int64(newline)
                if isTooLong {
                    // The first line of a file whose beginning is not read is none of its damages.
                    if end > start || start == 0 { damages += 1 }
                } else if pending.isEmpty {
                    take(piece, endingAt: lineEnd, body)
                } else {
                    pending.append(contentsOf: piece)
                    take(pending[...], endingAt: lineEnd, body)
                }
                pending.removeAll(keepingCapacity: true)
                isTooLong = false
                end = lineEnd + 1
            }
            if !isTooLong { pending.append(contentsOf: rest) }
            if pending.count > LedgerFraming.lineBytesMax {
                pending.removeAll(keepingCapacity: true)
                isTooLong = true
            }
            offset += Int64(count)
        }
        takeTail(pending[...], body)
    }

    private mutating func take(
        _ line: ArraySlice<UInt8>, endingAt lineEnd: Int64,
        _ body: (LedgerRecord, LedgerPlace) -> Void
    ) {
        if line.isEmpty { return }
        if LedgerFraming.isWhole(line) { return give(line, lineEnd - Int64(line.count), body) }
        let lineStart = lineEnd - Int64(line.count)
        let found = LedgerFraming.rescued(in: line)
        damages += 1
        for range in found {
            give(line[range], lineStart + Int64(range.lowerBound - line.startIndex), body)
        }
    }

    /// The bytes after the last line break: whole records but for it, or one that was not finished.
    private mutating func takeTail(
        _ tail: ArraySlice<UInt8>, _ body: (LedgerRecord, LedgerPlace) -> Void
    ) {
        guard let last = LedgerFraming.rescued(in: tail).last else { return }
        for range in LedgerFraming.rescued(in: tail) {
            give(tail[range], end + Int64(range.lowerBound - tail.startIndex), body)
        }
        end += Int64(last.upperBound - tail.startIndex)
        lacksLineBreak = true
    }

    private mutating func give(
        _ line: ArraySlice<UInt8>, _ offset: Int64, _ body: (LedgerRecord, LedgerPlace) -> Void
    ) {
        guard let record = LedgerRecord(json: line) else {
            // The checksum holds and yet it is none of ours: written by a defect.
            damages += 1
            return
        }
        records += 1
        body(record, LedgerPlace(offset: offset, length: Int32(line.count)))
    }
}
