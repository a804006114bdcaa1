// SPDX-License-Identifier: Apache-2.0

/// A piece of a child's output: a line, or a part of one.
struct OutputLine {
    enum Ending: Equatable {
        /// The line ended with a line break, or the output with it.
        case complete
        /// The line is longer than `LineSplitter.lineBytesMax`; its rest follows as another piece.
        case cut
        /// No line break came for a while: a prompt, a progress bar. The rest follows as another
        /// piece.
        case waiting
    }

    /// Without the line break; any bytes, NUL and invalid UTF-8 included.
    var bytes: ArraySlice<UInt8>
    var ending: Ending
}

/// Cuts a stream of bytes into lines.
///
/// Keeps only the beginning of an unfinished line, never more than the limit, and no memory at all
/// between lines. A line break is LF; a CR before it is passed on as it came.
struct LineSplitter {
    /// The longest piece, in bytes.
    static let lineBytesMax = 8_000

    private var partial: [UInt8] = []

    /// Whether the beginning of a line waits for its end.
    var hasPartial: Bool { !partial.isEmpty }

    /// Takes the next bytes and hands out each piece that is complete by them, in order.
    mutating func take(_ bytes: ArraySlice<UInt8>, into emit: (OutputLine) -> Void) {
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            finish(with: rest[..<end], into: emit)
            rest = rest[(end + 1)...]
        }
        guard !rest.isEmpty else { return }
        partial.append(contentsOf: rest)
        cutPartial(into: emit)
    }

    /// Hands out what waits: because nothing followed for a while, or because the output has ended.
    mutating func flush(_ ending: OutputLine.Ending, into emit: (OutputLine) -> Void) {
        guard hasPartial else { return }
        let line = partial
        partial = []
        emit(OutputLine(bytes: line[...], ending: ending))
    }

    private mutating func finish(with last: ArraySlice<UInt8>, into emit: (OutputLine) -> Void) {
        if partial.isEmpty, last.count <= LineSplitter.lineBytesMax {
            emit(OutputLine(bytes: last, ending: .complete))
            return
        }
        partial.append(contentsOf: last)
        cutPartial(into: emit)
        let line = partial
        partial = []
        emit(OutputLine(bytes: line[...], ending: .complete))
    }

    /// Hands out whole pieces until what is left fits the limit.
    private mutating func cutPartial(into emit: (OutputLine) -> Void) {
        guard partial.count > LineSplitter.lineBytesMax else { return }
        var rest = partial[...]
        while rest.count > LineSplitter.lineBytesMax {
            let end = LineSplitter.characterBoundary(
                in: rest, atMost: rest.startIndex + LineSplitter.lineBytesMax)
            emit(OutputLine(bytes: rest[..<end], ending: .cut))
            rest = rest[end...]
        }
        partial = Array(rest)
    }

    /// The last index up to `limit` that does not fall inside a UTF-8 character; `limit` itself
    /// where the bytes around it are no UTF-8.
    private static func characterBoundary(in bytes: ArraySlice<UInt8>, atMost limit: Int) -> Int {
        var index = limit
        while index > bytes.startIndex, limit - index < 4 {
            if bytes[index] & 0b1100_0000 != 0b1000_0000 { return index }
            index -= 1
        }
        return limit
    }
}
