// SPDX-License-Identifier: Apache-2.0
//
// Text from outside that is shown to an operator: it may hold anything, and must not be able to move a
// cursor, forge a line of the log, or take all of the screen.

/// Makes bytes from outside fit to be shown.
package enum PlainText {
    /// One line of at most `max` bytes: what is no UTF-8 is replaced, control characters and line breaks
    /// become blanks, blanks at both ends go.
    package static func line(_ bytes: some Sequence<UInt8>, max: Int) -> String {
        let text = String(decoding: Array(bytes), as: UTF8.self)
        var scalars = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars {
            let shown: Unicode.Scalar = isControl(scalar) ? " " : scalar
            if count == 0, shown == " " { continue }
            let size = UTF8.width(shown)
            guard count + size <= max else { break }
            count += size
            scalars.append(shown)
        }
        while scalars.last == " " { scalars.removeLast() }
        return String(scalars)
    }

    /// Whole lines, joined by line breaks: empty ones are left out, each cleaned as `line` does.
    package static func lines(_ bytes: [UInt8]) -> String {
        bytes.split(separator: 0x0A).map { line($0, max: bytes.count * 3) }
            .filter { !$0.isEmpty }.joined(separator: "\n")
    }

    /// C0, DEL, C1, and the marks that turn the direction of what follows.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
