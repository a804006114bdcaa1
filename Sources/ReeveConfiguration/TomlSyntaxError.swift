// SPDX-License-Identifier: Apache-2.0

/// The parser's first error, in its words, and what they mean to somebody who writes a
/// configuration.
struct TomlSyntaxError {
    /// "string", "table header", "array": what the parser was in; empty where it does not say.
    private let context: String
    private let words: String
    let span: SourceSpan

    /// `words` are "Error while parsing string: encountered end-of-file".
    init(words: String, span: SourceSpan) {
        self.span = span
        let prefix = "Error while parsing "
        guard words.hasPrefix(prefix), let colon = words.firstIndex(of: ":") else {
            context = ""
            self.words = printable(words)
            return
        }
        context = String(words[..<colon].dropFirst(prefix.count))
        self.words = printable(String(words[colon...].dropFirst(2)))
    }

    private var isHeader: Bool { context == "table header" }
    private var isRepetition: Bool { words.hasPrefix("cannot redefine existing ") }

    /// Whether a table is lost with the statement. One that is there twice is not.
    var losesTable: Bool { isHeader && !isRepetition }

    /// Whether an error inside of brackets is probably that of an earlier line, which opened them.
    func isAboutBracket(_ line: ArraySlice<UInt8>) -> Bool {
        context == "array" || context == "inline table" || line.contains(UInt8(ascii: "="))
    }

    /// `isInBrackets`: the line begins inside of an array or of a table in braces.
    func report(in source: SourceText, isInBrackets: Bool, to findings: inout Findings) {
        let bytes = source.line(span.line)
        let line = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
        if isRepetition {
            reportRepetition(line, to: &findings)
        } else if context.contains("string"), span.column > line.count {
            findings.error(
                "this is not TOML: a text is not closed", at: span,
                help: "end it with the quote it began with")
        } else if isInBrackets, isAboutBracket(bytes) {
            findings.error(
                "this is not TOML: a bracket that was opened above is not closed before this",
                at: span, help: "look for a missing comma, ] or }")
        } else if !TomlSyntaxError.structures.contains(context), let place = value(in: line) {
            let first = place.column - 1
            let value = text(line[first..<first + place.length])
            findings.error(
                "this is not TOML: \(code(value)) is no value", at: place, help: help(value: value))
        } else {
            let place = context.isEmpty ? "" : "in the \(context), "
            findings.error("this is not TOML: \(place)\(words)", at: span, help: help)
        }
    }

    /// What the parser calls everything that is no plain value.
    private static let structures = [
        "", "root table", "table header", "key-value pair", "key", "array", "inline table",
        "comment", "string", "literal string", "multi-line string", "multi-line literal string",
    ]

    /// The word that the error is in; nil where that is not plain.
    private func value(in line: [Unicode.Scalar]) -> SourceSpan? {
        let ends: [Unicode.Scalar] = [" ", "\t", "=", ",", "[", "]", "{", "}", "#", "\"", "'"]
        let at = span.column - 1
        guard at > 0, at <= line.count else { return nil }
        let start = line[..<at].lastIndex { ends.contains($0) }.map { $0 + 1 } ?? 0
        let end = line[at...].firstIndex { ends.contains($0) } ?? line.count
        guard start < end else { return nil }
        return SourceSpan(
            line: span.line, column: start + 1, length: end - start, source: span.source)
    }

    private func help(value: String) -> String? {
        if words.contains("64 bits") { return "it has too many digits" }
        switch value.lowercased() {
        case "true", "yes", "on": return "write true, without quotes and in small letters"
        case "false", "no", "off": return "write false, without quotes and in small letters"
        default: break
        }
        return "text, durations, sizes and modes are written in quotes: "
            + printable(tomlString(value))
    }

    private var help: String? {
        if words == "encountered end-of-file" {
            return "the file ends too early: look for a quote or a bracket that is not closed"
        }
        if words.contains("escape sequence") {
            return "in double quotes a backslash is written \\\\; single quotes take text as it is"
        }
        switch context {
        case "inline table": return "a table in braces is written on one line"
        case "array":
            return "elements are separated by commas, and a bracket ends the array: [\"a\", \"b\"]"
        case "key-value pair", "root table":
            return "a line is KEY = VALUE, a header [TABLE] or # a comment"
        case "table header": return "a header is a line such as [schedulers.web]"
        default: return nil
        }
    }

    private func reportRepetition(_ line: [Unicode.Scalar], to findings: inout Findings) {
        let start = line.firstIndex { $0 != " " && $0 != "\t" } ?? 0
        let end = line.firstIndex { $0 == (isHeader ? "#" : "=") } ?? line.count
        let last = line[start..<max(start, end)].lastIndex { $0 != " " && $0 != "\t" } ?? start
        let statement = text(line[start..<min(line.count, last + 1)])
        let place = SourceSpan(
            line: span.line, column: start + 1, length: last - start + 1, source: span.source)
        if isHeader {
            findings.error(
                "the table \(code(statement)) is in the file already", at: place,
                help: "write all keys of a table below one header")
        } else {
            findings.error(
                "the key \(code(statement)) is in this table already", at: place,
                help: "keep one of the two lines")
        }
    }

    private func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        String(String.UnicodeScalarView(scalars))
    }
}
