// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// One line of a scheduler's output, as a client sees it.
package struct OutputReport: Equatable, Sendable {
    package enum Stream: String, Sendable { case stdout, stderr }

    /// What is no UTF-8 has become U+FFFD.
    package var text: String
    /// When it was read, cut to milliseconds; nil where the tail does not tell.
    package var at: WallTime?
    package var stream: Stream?
    /// It was too long for one line of the tail: the next line is its continuation.
    package var continues: Bool
    /// False where the end is missing, because it was too long for the protocol.
    package var isWhole: Bool

    package init(
        text: String, at: WallTime? = nil, stream: Stream? = nil, continues: Bool = false,
        isWhole: Bool = true
    ) {
        self.text = text
        self.at = at
        self.stream = stream
        self.continues = continues
        self.isWhole = isWhole
    }

    /// `{"at":"…","stream":"stdout","continues":false,"line":"…","cut":false}`, as an element.
    package func write(to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("at", at, fractionDigits: 3)
        buffer.field("stream", stream?.rawValue)
        buffer.field("continues", continues)
        buffer.field("line", text)
        buffer.field("cut", !isWhole)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        text = try value.text("line")
        at = try value.optionalTime("at")
        stream = try value.member("stream").isNull ? nil : value.word("stream", as: Stream.self)
        continues = try value.truth("continues")
        isWhole = try !value.truth("cut")
    }
}

/// A line as the tail keeps it, taken apart: `2026-11-25T17:38:34.123Z o text`.
struct TailLine {
    /// RFC 3339, checked.
    private(set) var time: String?
    private(set) var stream: OutputReport.Stream?
    private(set) var continues = false
    private(set) var text: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) {
        text = line
        let rest = line.dropFirst(24)
        guard rest.count >= 3, let letter = rest.dropFirst().first,
            rest.first == UInt8(ascii: " "), rest.dropFirst(2).first == UInt8(ascii: " ")
        else { return }
        let time = String(decoding: line.prefix(24), as: UTF8.self)
        guard WallTime(rfc3339: time) != nil else { return }
        switch letter {
        case UInt8(ascii: "o"): stream = .stdout
        case UInt8(ascii: "e"): stream = .stderr
        case UInt8(ascii: "O"): (stream, continues) = (.stdout, true)
        case UInt8(ascii: "E"): (stream, continues) = (.stderr, true)
        default: return
        }
        self.time = time
        text = rest.dropFirst(3)
    }
}
