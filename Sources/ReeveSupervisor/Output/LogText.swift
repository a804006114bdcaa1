// SPDX-License-Identifier: Apache-2.0
//
// How lines are written: a child's line with its prefix, a record of reeve's own, both as text or
// as JSON; and a line of the tail. Children's bytes go out as they came in, save that JSON has no
// other way than U+FFFD for what is no UTF-8.

internal import ReeveCore

/// Which of a child's two streams a line came from, or that it came by syslog(3).
package enum OutputStream: UInt8, Sendable {
    case stdout = 1
    case stderr = 2
    case syslog = 3

    var name: String {
        switch self {
        case .stdout: "stdout"
        case .stderr: "stderr"
        case .syslog: "syslog"
        }
    }

    /// The letter that stands for it in a tail.
    var letter: UInt8 { self == .stdout ? UInt8(ascii: "o") : UInt8(ascii: "e") }
}

/// A wall time as text, made once for all lines of the same millisecond.
struct TimeStamp {
    private var millisecond = Int64.min
    private(set) var bytes: [UInt8] = []

    /// RFC 3339 in UTC with milliseconds.
    mutating func update(to wall: WallTime) {
        let now = wall.nanoseconds / 1_000_000
        guard now != millisecond || bytes.isEmpty else { return }
        millisecond = now
        bytes = Array(wall.rfc3339(fractionDigits: 3).utf8)
    }
}

/// Whose lines they are, and where they go.
struct LineSource {
    let scheduler: SchedulerID
    let origin: LineOrigin
    /// The run's id as text; empty where the format does not need it.
    let runText: [UInt8]
    /// They are entries of the journal.
    let goesToJournal: Bool
    /// They are lines of a log file.
    let goesToFile: Bool

    var logOrigin: LogOrigin { LogOrigin(run: origin.run, stream: origin.stream) }
}

/// Whose line it is.
struct LineOrigin {
    var name: SchedulerName
    var run: RunID
    /// Chooses the colour of the prefix, so that neighbours in the file differ.
    var index: Int
    var stream: OutputStream
    /// Whether the run stands beside the name in front of a line.
    var showsRun = false
}

/// Writes whole lines, line break included, to a byte buffer.
enum LogText {
    /// What follows a piece that was cut off a line longer than `LineSplitter.lineBytesMax`.
    static let cutMark: StaticString = " [...]"

    /// `web | text`, or `web 01M89… | text`; the prefix coloured where the stream is a terminal.
    static func childLine(
        _ line: OutputLine, from origin: LineOrigin, run: [UInt8], coloured: Bool,
        to buffer: inout [UInt8]
    ) {
        if coloured {
            buffer.append(contentsOf: "\u{1B}[".utf8)
            buffer.append(UInt8(ascii: "3"))
            buffer.append(colours[origin.index % colours.count])
            buffer.append(UInt8(ascii: "m"))
        }
        buffer.append(contentsOf: origin.name.text.utf8)
        if origin.showsRun {
            buffer.append(UInt8(ascii: " "))
            buffer.append(contentsOf: run)
        }
        buffer.append(contentsOf: " |".utf8)
        if coloured { buffer.append(contentsOf: "\u{1B}[0m".utf8) }
        buffer.append(UInt8(ascii: " "))
        buffer.append(contentsOf: line.bytes)
        if line.ending == .cut { buffer.append(cutMark) }
        buffer.append(UInt8(ascii: "\n"))
    }

    /// Cyan, yellow, green, magenta, blue: red is left to those who mean it.
    private static let colours: [UInt8] = Array("63254".utf8)

    /// `{"time":…,"scheduler":…,"run":…,"stream":…,"message":…}`, with `"partial":true` where the
    /// line goes on in the next one.
    static func childLineJSON(
        _ line: OutputLine, from origin: LineOrigin, run: [UInt8], time: [UInt8],
        to buffer: inout [UInt8]
    ) {
        buffer.append("{\"time\":\"")
        buffer.append(contentsOf: time)
        buffer.append("\",\"scheduler\":\"")
        buffer.append(contentsOf: origin.name.text.utf8)
        buffer.append("\",\"run\":\"")
        buffer.append(contentsOf: run)
        buffer.append("\",\"stream\":\"")
        buffer.append(contentsOf: origin.stream.name.utf8)
        buffer.append("\",\"message\":")
        JSONText.appendString(line.bytes, to: &buffer)
        if line.ending != .complete { buffer.append(",\"partial\":true") }
        buffer.append("}\n")
    }

    /// `2026-11-25T17:38:34.123Z info  web: started, pid 4711 (…)`.
    static func record(_ record: Record, time: [UInt8], journal: Bool, to buffer: inout [UInt8]) {
        let level = record.level
        if journal {
            buffer.append(UInt8(ascii: "<"))
            buffer.append(priority(of: level))
            buffer.append(UInt8(ascii: ">"))
        }
        buffer.append(contentsOf: time)
        buffer.append(UInt8(ascii: " "))
        buffer.append(contentsOf: level.rawValue.utf8)
        for _ in level.rawValue.utf8.count..<max(5, level.rawValue.utf8.count) {
            buffer.append(UInt8(ascii: " "))
        }
        buffer.append(UInt8(ascii: " "))
        buffer.append(contentsOf: (record.scheduler?.text ?? "reeve").utf8)
        buffer.append(": ")
        appendOneLine(record.message, to: &buffer)
        buffer.append(UInt8(ascii: "\n"))
    }

    /// `{"time":…,"level":…,"event":…,"scheduler":…,"run":…,"message":…}`; absent ones are left
    /// out.
    static func recordJSON(_ record: Record, time: [UInt8], to buffer: inout [UInt8]) {
        buffer.append("{\"time\":\"")
        buffer.append(contentsOf: time)
        buffer.append("\",\"level\":\"")
        buffer.append(contentsOf: record.level.rawValue.utf8)
        buffer.append("\",\"event\":\"")
        buffer.append(contentsOf: record.name.utf8)
        if let scheduler = record.scheduler {
            buffer.append("\",\"scheduler\":\"")
            buffer.append(contentsOf: scheduler.text.utf8)
        }
        if let run = record.run {
            buffer.append("\",\"run\":\"")
            buffer.append(contentsOf: run.description.utf8)
        }
        buffer.append("\",\"message\":")
        JSONText.appendString(Array(record.message.utf8)[...], to: &buffer)
        buffer.append("}\n")
    }

    /// `2026-11-25T17:38:34.123Z o text`: `o` is stdout, `e` stderr, upper case where the line goes
    /// on in the next one.
    static func tailLine(
        _ line: OutputLine, stream: OutputStream, time: [UInt8], to buffer: inout [UInt8]
    ) {
        buffer.append(contentsOf: time)
        buffer.append(UInt8(ascii: " "))
        buffer.append(line.ending == .complete ? stream.letter : stream.letter & 0b1101_1111)
        buffer.append(UInt8(ascii: " "))
        buffer.append(contentsOf: line.bytes)
        buffer.append(UInt8(ascii: "\n"))
    }

    /// The number of syslog(3), as the journal reads it in front of a line.
    private static func priority(of level: SupervisorSettings.LogLevel) -> UInt8 {
        switch level {
        case .error: UInt8(ascii: "3")
        case .warning: UInt8(ascii: "4")
        case .info: UInt8(ascii: "6")
        case .debug: UInt8(ascii: "7")
        }
    }

    /// Names of processes and words of errors come from outside: control characters in them must
    /// neither begin a line nor reach a terminal.
    private static func appendOneLine(_ text: String, to buffer: inout [UInt8]) {
        for byte in text.utf8 {
            buffer.append(byte < 0x20 || byte == 0x7F ? UInt8(ascii: "?") : byte)
        }
    }
}

extension [UInt8] {
    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { unsafe append(contentsOf: $0) }
    }
}
