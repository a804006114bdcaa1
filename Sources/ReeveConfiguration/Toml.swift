// SPDX-License-Identifier: Apache-2.0
//
// A TOML document as values that know their places, and how one is read. The parser stops at its
// first error; an operator wants all of them. So the statement with the error is blanked and the
// rest is read again, where it is certain which statement that is: a line that neither opens nor
// closes a bracket across its end, or a table's header with everything below it.

internal import CToml

/// One value and its place.
struct TomlNode: Sendable {
    var value: TomlValue
    /// nil for what no file says: a preset.
    var span: SourceSpan?
}

/// What a value is.
enum TomlValue: Sendable {
    case table([TomlEntry])
    case array([TomlNode])
    case string(String)
    case integer(Int64)
    case number(Double)
    case boolean(Bool)
    /// A date, a time or both, as it would be written.
    case dateTime(String)
}

/// One key of a table with its value.
struct TomlEntry: Sendable {
    var key: String
    var keySpan: SourceSpan
    var node: TomlNode
}

/// What was read.
struct TomlDocument: Sendable {
    /// In the order of the file; nil where nothing could be made of it.
    var entries: [TomlEntry]?
    /// Keys were left out: what seems to be missing may be in the file.
    var areKeysMissing: Bool
    /// Whole tables were left out.
    var areTablesMissing: Bool

    /// Nothing could be read.
    static let none = TomlDocument(entries: nil, areKeysMissing: true, areTablesMissing: true)
}

/// Reads a text; errors of syntax go to `findings`.
func readToml(_ source: SourceText, into findings: inout Findings) -> TomlDocument {
    let lines = TomlLines(source)
    guard let deep = lines.tooDeep else {
        return readStatements(source, lines, into: &findings)
    }
    findings.error(
        "this line has more than \(TomlLines.dotsMax) dots outside of quotes; "
            + "no key of reeve is that deep",
        at: SourceSpan(line: deep, column: 1, length: 1, source: source.index),
        help: "put a name that holds dots in quotes")
    return .none
}

private func readStatements(
    _ source: SourceText, _ lines: TomlLines, into findings: inout Findings
) -> TomlDocument {
    /// Each error costs another pass over the file.
    let errorsMax = 50
    var bytes = source.bytes
    var areKeysMissing = false
    var areTablesMissing = false
    for _ in 0..<errorsMax {
        switch parse(bytes, index: source.index) {
        case .entries(let entries):
            return TomlDocument(
                entries: entries, areKeysMissing: areKeysMissing,
                areTablesMissing: areTablesMissing)
        case .outOfMemory:
            findings.error("there is not enough memory to read the file", at: nil)
            return .none
        case .failed(let syntax):
            syntax.report(in: source, isInBrackets: lines.isInBrackets(syntax), to: &findings)
            guard let blank = lines.statement(of: syntax, in: source) else {
                return .none
            }
            areKeysMissing = true
            areTablesMissing = areTablesMissing || syntax.losesTable
            for index in blank where bytes[index] != UInt8(ascii: "\n") {
                bytes[index] = UInt8(ascii: " ")
            }
        }
    }
    return .none
}

// MARK: - The shim

private enum ParseResult {
    case entries([TomlEntry])
    case failed(TomlSyntaxError)
    case outOfMemory
}

private func parse(_ bytes: [UInt8], index: Int) -> ParseResult {
    let document = unsafe bytes.withUnsafeBytes { buffer in
        unsafe ctoml_parse(buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    guard let document = unsafe document else { return .outOfMemory }
    defer { unsafe ctoml_free(document) }
    var place = ctoml_span()
    if let words = unsafe ctoml_error(document, &place) {
        let span = SourceSpan(
            line: max(1, Int(place.line)), column: max(1, Int(place.column)), length: 1,
            source: index)
        return unsafe .failed(TomlSyntaxError(words: String(cString: words), span: span))
    }
    return .entries(unsafe entries(of: document, bytes: bytes, index: index))
}

/// Builds the tree from the last node to the first: a node's own children are then complete.
private func entries(of document: OpaquePointer, bytes: [UInt8], index: Int) -> [TomlEntry] {
    let text = SourceText(name: "", bytes: bytes, index: index)
    let count = unsafe ctoml_node_count(document)
    var fields: [Int: [TomlEntry]] = [:]
    var elements: [Int: [TomlNode]] = [:]
    for index in stride(from: count - 1, to: 0, by: -1) {
        let raw = unsafe ctoml_node_at(document, index)
        let kind = unsafe Int(raw.kind)
        let value: TomlValue =
            switch kind {
            case ctoml_table: .table(inOrder(fields.removeValue(forKey: index) ?? []))
            case ctoml_array:
                .array((elements.removeValue(forKey: index) ?? []).reversed())
            case ctoml_integer: .integer(unsafe raw.integer)
            case ctoml_number: .number(unsafe raw.number)
            case ctoml_boolean: .boolean(unsafe raw.boolean)
            case ctoml_string:
                .string(unsafe string(raw.text, length: raw.text_length))
            default: .dateTime(unsafe string(raw.text, length: raw.text_length))
            }
        let node = unsafe TomlNode(value: value, span: span(raw.span, in: text))
        let parent = unsafe Int(raw.parent)
        if unsafe raw.key == nil {
            elements[parent, default: []].append(node)
        } else {
            let key = unsafe string(raw.key, length: raw.key_length)
            let keySpan = unsafe span(raw.key_span, in: text)
            fields[parent, default: []].append(TomlEntry(key: key, keySpan: keySpan, node: node))
        }
    }
    return inOrder(fields[0] ?? [])
}

private func inOrder(_ entries: [TomlEntry]) -> [TomlEntry] {
    entries.sorted { left, right in
        (left.keySpan.line, left.keySpan.column) < (right.keySpan.line, right.keySpan.column)
    }
}

private func string(_ start: UnsafePointer<CChar>?, length: Int) -> String {
    let buffer = unsafe UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : length)
    return unsafe String(decoding: buffer, as: UTF8.self)
}

/// What spans lines is marked to the end of its first.
private func span(_ place: ctoml_span, in text: SourceText) -> SourceSpan {
    let line = Int(place.line)
    let column = Int(place.column)
    let end =
        place.end_line == place.line
        ? Int(place.end_column)
        : String(decoding: text.line(line), as: UTF8.self).unicodeScalars.count + 1
    return SourceSpan(
        line: line, column: column, length: max(1, end - column), source: text.index)
}
