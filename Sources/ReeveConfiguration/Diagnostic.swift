// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a configuration, and how it is shown: as a good compiler would, with the line
// of the file and a mark below the place. Nothing here holds a raw control character; what is
// quoted from the file is escaped and cut when it is put in, so that a hostile file cannot write
// to a terminal.

/// One error or warning about a configuration.
package struct Diagnostic: Hashable, Sendable {
    package enum Severity: String, Hashable, Sendable, CaseIterable {
        /// Nothing is started while there is one.
        case error
        /// reeve goes on, as the message says.
        case warning
    }

    /// A place in the file.
    package struct Location: Hashable, Sendable {
        /// From 1.
        package var line: Int
        /// From 1, in Unicode scalars.
        package var column: Int
        /// In Unicode scalars of this line; at least 1.
        package var length: Int
        /// The line as it is shown.
        package var excerpt: Excerpt
    }

    /// A line of the file, fit for a terminal: control characters escaped, long lines cut.
    package struct Excerpt: Hashable, Sendable {
        package var text: String
        /// Where the mark begins in `text`, in Unicode scalars from 0.
        package var markStart: Int
        /// At least 1.
        package var markLength: Int

        /// Leaves out what is not marked.
        mutating func keepMarked() {
            let scalars = text.unicodeScalars.dropFirst(markStart).prefix(markLength)
            text = "…" + String(String.UnicodeScalarView(scalars)) + "…"
            markStart = 1
        }
    }

    /// Whether anything is started.
    package var severity: Severity
    /// The file as it was named, or the environment variable.
    package var file: String
    /// nil where it is about the whole file.
    package var location: Location?
    /// What is wrong, as a sentence without a full stop.
    package var message: String
    /// What to do about it, as a sentence without a full stop.
    package var help: String?

    /// A warning that has no place in the file.
    package static func warning(of file: String, _ message: String, help: String?) -> Diagnostic {
        Diagnostic(severity: .warning, file: file, location: nil, message: message, help: help)
    }

    /// An error about a file as a whole.
    package static func error(of file: String, _ message: String, help: String?) -> Diagnostic {
        Diagnostic(severity: .error, file: file, location: nil, message: message, help: help)
    }

    /// Several lines, the last without a line break:
    ///
    ///     reeve.toml:3:1: error: [schedulers.web] has no key `comand`
    ///       3 | comand = ["nginx"]
    ///         | ^^^^^^
    ///     help: did you mean `command`?
    package var rendered: String {
        var place = printable(file)
        if let location { place += ":\(location.line):\(location.column)" }
        var text = "\(place): \(severity.rawValue): \(message)"
        if let location {
            let number = String(location.line)
            let gutter = String(repeating: " ", count: number.utf8.count)
            let excerpt = location.excerpt
            let indent = String(repeating: " ", count: excerpt.markStart)
            let mark = String(repeating: "^", count: excerpt.markLength)
            text += "\n  \(number) | \(excerpt.text)\n  \(gutter) | \(indent)\(mark)"
        }
        if let help { text += "\nhelp: \(help)" }
        return text
    }
}

extension [Diagnostic] {
    /// All of them, then a line that counts them; empty for none. Ends with a line break otherwise.
    package var rendered: String {
        if isEmpty { return "" }
        let errors = count { $0.severity == .error }
        let warnings = count - errors
        var parts: [String] = []
        if errors > 0 { parts.append(errors == 1 ? "1 error" : "\(errors) errors") }
        if warnings > 0 { parts.append(warnings == 1 ? "1 warning" : "\(warnings) warnings") }
        return map(\.rendered).joined(separator: "\n") + "\n" + parts.joined(separator: ", ") + "\n"
    }
}
