// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// Each effective value and where it came from; what `reeve check --explain` prints.
package struct Explanation: Sendable {
    /// Where a value came from.
    package enum Origin: Equatable, Sendable {
        /// Its own table, on this line.
        case file(line: Int)
        /// `[defaults]`, on this line.
        case defaults(line: Int)
        /// Its own table and, for names that are not there, `[defaults]`.
        case merged(line: Int, defaultsLine: Int)
        /// The preset of this profile.
        case preset(Profile)
        /// An environment variable of reeve's.
        case environment(String)
        /// reeve's own default.
        case builtIn
    }

    /// One value.
    package struct Entry: Equatable, Sendable {
        /// "reeve", or "schedulers.NAME" as it is written in a header.
        package var table: String
        package var key: String
        /// As it would be written in the file; "none" where there is none.
        package var value: String
        package var origin: Origin
    }

    /// What makes the entries of each table; nothing is made before it is asked for.
    private let tables: [@Sendable () -> [Entry]]

    init(tables: [@Sendable () -> [Entry]] = []) {
        self.tables = tables
    }

    /// By table in the order of the file, `[reeve]` first; in each in the order of `KnownKeys.all`.
    /// Made anew at each call.
    package var entries: [Entry] { tables.flatMap { $0() } }

    /// The file that it would take to say everything explicitly, with origins as comments:
    ///
    ///     [schedulers.web]
    ///     command = ["nginx"]            # line 4
    ///     stop-timeout = "10s"           # default
    ///
    /// Keys without a value are comments: `# timeout: none`. Ends with a line break unless it is
    /// empty.
    package var rendered: String {
        var text = ""
        var table: String?
        for entry in entries {
            if entry.table != table {
                text += (table == nil ? "" : "\n") + "[\(entry.table)]\n"
                table = entry.table
            }
            let line =
                entry.isValue ? "\(entry.key) = \(entry.value)" : "# \(entry.key): \(entry.value)"
            let column = 44
            let blanks = max(1, column - line.unicodeScalars.count)
            text += line + String(repeating: " ", count: blanks) + "# \(entry.origin)\n"
        }
        return text
    }
}

extension Explanation.Entry {
    /// Whether `value` could stand in the file; else it is words about a default.
    package var isValue: Bool { Explanation.isValue(value) }
}

extension Explanation {
    /// Whether a text is a value of TOML, of those that defaults and settings are written as.
    static func isValue(_ text: String) -> Bool {
        if text == "true" || text == "false" { return true }
        guard let first = text.unicodeScalars.first else { return false }
        if first == "\"" { return text.hasSuffix("\"") && !text.contains("\" for ") }
        return "[{".unicodeScalars.contains(first) || Double(text) != nil
    }
}

extension Explanation.Origin: CustomStringConvertible {
    /// "line 4", "[defaults], line 2", "preset render", "REEVE_STOP_BUDGET", "default".
    package var description: String {
        switch self {
        case .file(let line): "line \(line)"
        case .defaults(let line): "[defaults], line \(line)"
        case .merged(let line, let defaultsLine):
            "line \(line), and [defaults], line \(defaultsLine)"
        case .preset(let profile): "preset \(profile.rawValue)"
        case .environment(let name): name
        case .builtIn: "default"
        }
    }
}
