// SPDX-License-Identifier: Apache-2.0
//
// Where the statements of a text begin and end, as far as one has to know that to leave out one
// with an error, and how deep they nest.

/// What one pass over the text tells of its lines, without understanding them.
struct TomlLines {
    /// Dots outside of quotes on one line. Each may nest a table, and the parser takes a table's
    /// depth from the stack: 256 brackets of this many dots are some 4,000 frames. No key has more
    /// than four.
    static let dotsMax = 16

    /// Open brackets and braces, and whether a multi-line string is open, where a line begins.
    private struct LineStart: Equatable {
        var depth = 0
        var isInString = false
    }

    private var starts = [LineStart()]
    /// The first line with too many dots.
    private(set) var tooDeep: Int?

    private enum State: Equatable {
        case plain, comment
        case string(UInt8)
        case longString(UInt8)
    }

    init(_ source: SourceText) {
        let bytes = source.bytes
        var state = State.plain
        var depth = 0
        var dots = 0
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            var step = 1
            if byte == UInt8(ascii: "\n") {
                if case .longString = state {} else { state = .plain }
                var isInString = false
                if case .longString = state { isInString = true }
                starts.append(LineStart(depth: depth, isInString: isInString))
                dots = 0
            } else {
                step = TomlLines.advance(&state, over: bytes, at: index)
                if state == .plain, step == 1 {
                    switch byte {
                    case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
                    case UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
                    case UInt8(ascii: "."): dots += 1
                    default: break
                    }
                    if dots > TomlLines.dotsMax, tooDeep == nil { tooDeep = starts.count }
                }
            }
            index += step
        }
        starts.append(LineStart(depth: depth))
    }

    /// Takes what begins at a byte that ends no line; returns how many bytes that was.
    private static func advance(_ state: inout State, over bytes: [UInt8], at index: Int) -> Int {
        let byte = bytes[index]
        let isTriple =
            index + 2 < bytes.count && bytes[index + 1] == byte && bytes[index + 2] == byte
        switch state {
        case .comment:
            return 1
        case .plain:
            if byte == UInt8(ascii: "#") {
                state = .comment
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                state = isTriple ? .longString(byte) : .string(byte)
                return isTriple ? 3 : 1
            }
        case .string(let quote):
            if byte == quote {
                state = .plain
                return 1
            }
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\""), index + 1 < bytes.count,
                bytes[index + 1] != UInt8(ascii: "\n")
            {
                return 2
            }
        case .longString(let quote):
            if byte == quote, isTriple {
                // Up to two quotes may stand right before the three that end it.
                var end = index + 3
                while end < bytes.count, end < index + 5, bytes[end] == quote { end += 1 }
                state = .plain
                return end - index
            }
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\""), index + 1 < bytes.count,
                bytes[index + 1] != UInt8(ascii: "\n")
            {
                return 2
            }
        }
        return 1
    }

    /// The bytes to leave out so that the rest can be read without the error on this line; nil
    /// where that is not certain.
    func statement(of error: TomlSyntaxError, in source: SourceText) -> Range<Int>? {
        let line = error.span.line
        guard starts.indices.contains(line), line <= source.lineCount else { return nil }
        let text = source.line(line)
        if starts[line - 1] == LineStart(), isHeader(text) {
            var last = line
            while last < source.lineCount, !isHeader(source.line(last + 1)) { last += 1 }
            return text.startIndex..<source.line(last).endIndex
        }
        if isInBrackets(error), error.isAboutBracket(text) { return nil }
        // An empty line was blanked before, or the text ended too early: nothing to leave out.
        guard starts[line - 1] == starts[line], !starts[line].isInString,
            text.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") })
        else { return nil }
        return text.startIndex..<text.endIndex
    }

    /// Whether the error's line begins inside of an array or of a table in braces.
    func isInBrackets(_ error: TomlSyntaxError) -> Bool {
        let index = error.span.line - 1
        return starts.indices.contains(index) && starts[index].depth > 0
    }

    private func isHeader(_ line: ArraySlice<UInt8>) -> Bool {
        line.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } == UInt8(ascii: "[")
    }
}
