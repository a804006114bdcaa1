// SPDX-License-Identifier: Apache-2.0
//
// How text may look where it goes: a terminal gets symbols, perhaps colours, and lines that fit; a file
// or a pipe gets plain lines of any length.

internal import ReeveCore

/// What the place that text goes to can show.
package struct Appearance: Equatable, Sendable {
    /// SGR colours (ECMA-48).
    package var hasColour: Bool
    /// Symbols in front of states, in Unicode.
    package var hasSymbols: Bool
    /// Columns of the terminal; nil: lines are not cut.
    package var width: Int?

    package init(hasColour: Bool = false, hasSymbols: Bool = false, width: Int? = nil) {
        self.hasColour = hasColour
        self.hasSymbols = hasSymbols
        self.width = width
    }

    /// What a file or a pipe gets.
    package static let plain = Appearance()

    /// What suits these facts. Colours need a terminal, no NO_COLOR (see no-color.org: any value but the
    /// empty one), and a TERM that is not "dumb"; symbols need a terminal and a UTF-8 locale.
    package init(isTerminal: Bool, columns: Int?, variable: (String) -> String?) {
        guard isTerminal else {
            self = .plain
            return
        }
        let isColourRefused = !(variable("NO_COLOR") ?? "").isEmpty
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(variable).first { !$0.isEmpty } ?? ""
        let charset = locale.lowercased()
        self.init(
            hasColour: !isColourRefused && variable("TERM") != "dumb",
            hasSymbols: charset.contains("utf-8") || charset.contains("utf8"),
            width: columns)
    }
}

/// A colour, by what it says.
enum Tint: Equatable, Sendable {
    case plain, strong, good, warning, bad, faint

    private var code: String? {
        switch self {
        case .plain: nil
        case .strong: "1"
        case .good: "32"
        case .warning: "33"
        case .bad: "31"
        case .faint: "2"
        }
    }

    /// The text in this colour, where that can be shown.
    func paint(_ text: String, _ appearance: Appearance) -> String {
        guard appearance.hasColour, let code, !text.isEmpty else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}

extension Health {
    var tint: Tint {
        switch self {
        case .healthy: .good
        case .degraded, .starting, .stopping: .warning
        case .unhealthy: .bad
        case .stopped: .faint
        }
    }

    var symbol: String {
        switch self {
        case .healthy: "●"
        case .degraded: "◐"
        case .unhealthy: "✗"
        case .stopped: "○"
        case .starting: "◔"
        case .stopping: "◑"
        }
    }
}

extension String {
    /// The text without anything that could steer a terminal or turn the reading direction: names and
    /// reasons contain what came from outside.
    package var printable: String {
        guard unicodeScalars.contains(where: \.steersTerminal) else { return self }
        var scalars = String.UnicodeScalarView()
        for scalar in unicodeScalars { scalars.append(scalar.steersTerminal ? "?" : scalar) }
        return String(scalars)
    }

    /// At most so many columns, with "…" for what was cut.
    func cut(toColumns columns: Int) -> String {
        count <= columns ? self : String(prefix(max(0, columns - 1))) + "…"
    }
}

extension Unicode.Scalar {
    /// Controls (C0, DEL, C1), line and paragraph separators, bidirectional embeddings and isolates.
    fileprivate var steersTerminal: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
