// SPDX-License-Identifier: Apache-2.0
//
// What a launcher tells the supervisor, over a pipe that its exec closes: one line for each thing. The end
// of the pipe after "exec" and without "fail" is the program's begin.

internal import ReeveCore
internal import ReeveLinux

/// What a launcher has told.
struct LaunchReport: Equatable {
    /// What could not be had; sentences.
    var notes: [String] = []
    /// It was about to execute the program.
    var hasBegun = false
    var failure: SpawnFailure?

    init() {}

    /// The lines of a launcher that works by these settings.
    init(_ bytes: some Collection<UInt8>, _ settings: LaunchSettings) {
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            take(String(decoding: line, as: UTF8.self), settings)
        }
    }

    private mutating func take(_ line: String, _ settings: LaunchSettings) {
        let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
        let rest = parts.dropFirst().first ?? ""
        switch parts.first {
        case "exec": hasBegun = true
        case "note": notes.append(rest)
        case "limit": if let note = LaunchReport.limitNote(rest, settings) { notes.append(note) }
        case "fail":
            let words = rest.split(separator: " ", maxSplits: 1).map(String.init)
            failure = SpawnFailure(
                errno: words.first.flatMap { Int32($0) } ?? 0,
                words: words.dropFirst().first ?? "it does not say why")
        default: break
        }
    }

    /// "limits: nofile is 20000:20000 and not 1000000:1000000: operation not permitted (EPERM)".
    private static func limitNote(_ text: String, _ settings: LaunchSettings) -> String? {
        let fields = text.split(separator: " ").compactMap { UInt64($0) }
        guard fields.count == 4, let index = Int(exactly: fields[0]),
            settings.limits.indices.contains(index), let code = Int32(exactly: fields[1])
        else { return nil }
        let limit = settings.limits[index]
        let wanted = "\(word(limit.soft)):\(word(limit.hard))"
        let got = [fields[2], fields[3]].map { word($0 == .max ? nil : $0) }.joined(separator: ":")
        return "limits: \(limit.resource.rawValue) is \(got) instead of \(wanted), "
            + "which was refused: \(Errno(code))"
    }

    private static func word(_ limit: UInt64?) -> String { limit.map { "\($0)" } ?? "unlimited" }

    // MARK: Lines

    static func line(note: String) -> String { "note \(oneLine(note))\n" }

    static func line(_ failure: SpawnFailure) -> String {
        "fail \(failure.errno) \(oneLine(failure.words))\n"
    }

    /// A line break in a path must not begin another line.
    private static func oneLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(2_000).map { $0.value < 32 ? "?" : $0 }))
    }
}
