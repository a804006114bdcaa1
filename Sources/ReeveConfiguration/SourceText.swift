// SPDX-License-Identifier: Apache-2.0
//
// The text of a configuration and places in it. Lines end with a line feed, as the parser counts
// them; columns count Unicode scalars, as the parser does.

/// A place in a text: where it begins, and how much of that line it covers.
struct SourceSpan: Hashable, Sendable {
    /// From 1.
    var line: Int
    /// From 1, in Unicode scalars.
    var column: Int
    /// At least 1.
    var length: Int
    /// Which of the texts that are read together; 0 is the file itself.
    var source = 0
}

/// A configuration as it was read.
struct SourceText: Sendable {
    /// How messages name the file; nil: they name no place in it.
    let name: String?
    /// Its number among those that are read together.
    let index: Int
    let bytes: [UInt8]
    /// Offset of the first byte of each line; there is always a first line.
    private let lineStarts: [Int]

    init(name: String?, bytes: [UInt8], index: Int = 0) {
        self.name = name
        self.index = index
        self.bytes = bytes
        var starts = [0]
        for (offset, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
            starts.append(offset + 1)
        }
        lineStarts = starts
    }

    var lineCount: Int { lineStarts.count }

    /// The bytes of a line without its end; nothing for a line that is not there.
    func line(_ number: Int) -> ArraySlice<UInt8> {
        guard lineStarts.indices.contains(number - 1) else { return [] }
        let start = lineStarts[number - 1]
        var end = number < lineStarts.count ? lineStarts[number] - 1 : bytes.count
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return bytes[start..<end]
    }

    /// The place of a byte.
    func span(ofByteAt offset: Int) -> SourceSpan {
        let line = (lineStarts.lastIndex { $0 <= offset }) ?? 0
        let before = String(decoding: bytes[lineStarts[line]..<offset], as: UTF8.self)
        return SourceSpan(
            line: line + 1, column: before.unicodeScalars.count + 1, length: 1, source: index)
    }

    /// What is said, and of which place, where the text is not UTF-8; nil where it is.
    var encodingError: (message: String, span: SourceSpan)? {
        guard let offset = firstInvalidByte else { return nil }
        let byte = String(bytes[offset], radix: 16)
        return (
            "the file is not UTF-8: the byte 0x\(byte) is no part of a character",
            span(ofByteAt: offset)
        )
    }

    /// Where the first sequence begins that is not UTF-8; nil for none.
    private var firstInvalidByte: Int? {
        if String(validating: bytes, as: UTF8.self) != nil { return nil }
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var offset = 0
        while true {
            switch decoder.parseScalar(from: &iterator) {
            case .valid(let scalar): offset += scalar.count
            case .error, .emptyInput: return min(offset, bytes.count - 1)
            }
        }
    }

    /// The place as a diagnostic carries it.
    func location(of span: SourceSpan) -> Diagnostic.Location {
        Diagnostic.Location(
            line: span.line, column: span.column, length: span.length,
            excerpt: excerpt(of: span))
    }

    /// The columns of an excerpt, the mark for what was cut off included.
    private static let excerptColumnsMax = 100

    private func excerpt(of span: SourceSpan) -> Diagnostic.Excerpt {
        let scalars = Array(String(decoding: line(span.line), as: UTF8.self).unicodeScalars)
        let from = min(max(0, span.column - 1), scalars.count)
        let upTo = min(scalars.count, from + max(1, span.length))
        // A place far to the right is shown with some 40 columns before it.
        let begin = from > 60 ? from - 40 : 0
        var text = begin > 0 ? "…" : ""
        var columns = begin > 0 ? 1 : 0
        var markStart = columns
        var markEnd = columns
        var index = begin
        while index < scalars.count {
            if index == from { markStart = columns }
            let shown = shown(scalars[index])
            let width = shown.unicodeScalars.count
            if columns + width >= SourceText.excerptColumnsMax, index + 1 < scalars.count {
                text += "…"
                columns += 1
                if index < upTo { markEnd = columns }
                break
            }
            text += shown
            columns += width
            index += 1
            if index <= upTo { markEnd = columns }
        }
        if from == scalars.count { markStart = columns }
        return Diagnostic.Excerpt(
            text: text, markStart: markStart, markLength: max(1, markEnd - markStart))
    }
}

/// One scalar as a terminal may get it: a tab becomes blanks, what is not visible an escape.
private func shown(_ scalar: Unicode.Scalar) -> String {
    if scalar == "\t" { return "    " }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
        .unassigned:
        return "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
    default:
        return String(scalar)
    }
}

/// The text with control and other invisible characters escaped.
func printable(_ text: String) -> String {
    text.unicodeScalars.map(shown).joined()
}

/// The text in double quotes, escaped and cut, for use inside a sentence.
func quoted(_ text: String) -> String {
    "\"" + shortened(text) + "\""
}

/// The name of a key, escaped and cut, for use inside a sentence.
func code(_ text: String) -> String {
    "`" + shortened(text) + "`"
}

private func shortened(_ text: String) -> String {
    let scalars = text.unicodeScalars
    if scalars.count <= 60 { return printable(text) }
    return printable(String(String.UnicodeScalarView(scalars.prefix(57)))) + "…"
}

/// A TOML basic string of this text.
func tomlString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        default:
            let value = scalar.value
            if shown(scalar) == String(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                let digits = String(value, radix: 16, uppercase: true)
                let width = value > 0xFFFF ? 8 : 4
                let zeros = String(repeating: "0", count: max(0, width - digits.utf8.count))
                result += (width == 8 ? "\\U" : "\\u") + zeros + digits
            }
        }
    }
    return result + "\""
}

/// A key as TOML writes it: bare where it can be.
func tomlKey(_ text: String) -> String {
    let isBare = text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
    return isBare && !text.isEmpty ? text : tomlString(text)
}
