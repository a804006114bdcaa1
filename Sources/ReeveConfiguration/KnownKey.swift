// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// One key of the configuration: what it is for, where it may stand and what it may hold.
package struct KnownKey: Sendable {
    /// The table it stands in.
    package enum Table: String, Sendable, CaseIterable {
        case reeve, schedulers, alerts, gateway
    }

    /// Keys that belong together; documentation lists them so.
    package enum Group: String, Sendable, CaseIterable {
        case reeve, what, when, run, restart, order, ready, health, memory, recovery, stop, log
        case alerts, gateway
    }

    /// The kinds of schedulers that a key is for; all of them for keys of other tables.
    package struct Kinds: OptionSet, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) {
            self.rawValue = rawValue
        }

        /// Kept running.
        package static let daemon = Kinds(rawValue: 1)
        /// Run once to its end.
        package static let task = Kinds(rawValue: 2)
        /// Run when it is due.
        package static let scheduled = Kinds(rawValue: 4)
        /// Every kind; what keys of other tables have.
        package static let all: Kinds = [.daemon, .task, .scheduled]
    }

    /// Whether this version does what the key says.
    package enum Status: String, Sendable, CaseIterable {
        /// Works.
        case now
        /// Known and validated, and an error: this version does not do it.
        case later
    }

    /// As the file has it.
    package var name: String
    /// What it belongs to.
    package var group: Group
    /// The kinds it is for.
    package var kinds: Kinds
    /// Whether this version does it.
    package var status: Status
    /// Without it: a value as the file would have it, "none", or words where it depends.
    package var defaultText: String
    /// What it does, in one line without a full stop.
    package var summary: String
    /// What it may hold.
    var shape: ValueShape
    /// A value where that of its shape would mislead, as the file would have it.
    var ownExample: String?
    /// Which key does this for the kinds it does not fit; a sentence.
    var instead: String?

    /// The table it stands in.
    package var table: Table {
        switch group {
        case .reeve: .reeve
        case .alerts: .alerts
        case .gateway: .gateway
        case .what, .when, .run, .restart, .order, .ready, .health, .memory, .recovery, .stop, .log:
            .schedulers
        }
    }

    /// What it may hold, in words: "a duration", "one of \"text\", \"json\"".
    package var valueText: String { shape.noun }

    /// A value it takes, as the file would have it.
    package var example: String { ownExample ?? shape.example }

    /// The words it takes in this version; empty for all that is no choice.
    package var choices: [String] {
        if case .choice(let words, later: _) = shape { return words }
        return []
    }

    /// Whether `defaultText` could stand in the file; else it is words.
    package var isDefaultValue: Bool { Explanation.isValue(defaultText) }
}

/// What a key may hold.
indirect enum ValueShape: Sendable {
    case boolean
    /// A span of time; "none" where `none` says so.
    case duration(ClosedRange<Duration>, none: Bool = false)
    /// An amount of memory. A bare number counts megabytes where `bareIsMegabytes` says so.
    case size(ClosedRange<Bytes>, none: Bool = false, bareIsMegabytes: Bool = false)
    /// A whole number, or the word.
    case integer(ClosedRange<Int64>, word: String? = nil)
    case number(ClosedRange<Double>)
    /// One of these words. The second list is of those that a later version takes.
    case choice([String], later: [String] = [])
    case text
    /// A cron expression; read with the schedule.
    case cron
    /// The name of a time zone.
    case zone
    /// A file or directory.
    case path(Path)
    /// A user's or group's name or number.
    case account
    /// Permission bits as octal digits in quotes, at most this.
    case mode(max: UInt32)
    case signal
    /// A number, "unlimited", or text that may be two of them.
    case limit
    /// A scheduler's name.
    case scheduler
    /// An array of words to execute, or a string for `/bin/sh -c`.
    case command
    /// Text by name.
    case variables
    /// Paths of files by name.
    case secrets
    case exitCodes
    case dependencies
    /// "spawn", "notify", "probe" or a duration.
    case readiness
    /// A table of one of exec, tcp and http, and how it is judged.
    case healthCheck
    case list(of: ValueShape)
    /// A table with these fields; exactly one of `oneOf`, where there are any.
    case table([Field], oneOf: [String] = [])
    case either(ValueShape, ValueShape)
    case timestamp

    enum Path: Sendable {
        /// As it is; a relative one counts from reeve's own working directory.
        case any
        /// Begins with a slash.
        case absolute
        /// Absolute, and so short that the control socket's path fits into a socket's address.
        case runtimeDirectory
    }

    struct Field: Sendable {
        var name: String
        var shape: ValueShape
        /// A value where that of its shape would mislead.
        var ownExample: String?

        init(_ name: String, _ shape: ValueShape, example: String? = nil) {
            self.name = name
            self.shape = shape
            ownExample = example
        }

        /// A value as the file would have it.
        var example: String { ownExample ?? shape.example }
    }

    /// The bytes of a socket's address that a path may take, less "/control.sock" (unix(7): 108
    /// with the NUL).
    static let runtimeDirectoryBytesMax = 107 - "/control.sock".utf8.count

    /// For "expected …".
    var noun: String {
        switch self {
        case .boolean: "true or false"
        case .duration(_, let none): none ? "a duration or \"none\"" : "a duration"
        case .size(_, let none, _): none ? "a size or \"none\"" : "a size"
        case .integer(_, let word):
            word.map { "a whole number or \"\($0)\"" } ?? "a whole number"
        case .number: "a number"
        case .choice(let words, _):
            words.count == 1
                ? "\"\(words[0])\"" : "one of " + words.map { "\"\($0)\"" }.joined(separator: ", ")
        case .text: "text"
        case .cron: "a cron expression"
        case .zone: "a time zone"
        case .path(.any): "a path"
        case .path: "an absolute path"
        case .account: "a name or a number"
        case .mode: "an octal mode in quotes"
        case .signal: "the name of a signal"
        case .limit: "a number, \"unlimited\", or \"SOFT:HARD\""
        case .scheduler: "the name of a scheduler"
        case .command: "an array of words, or text for /bin/sh"
        case .variables, .secrets: "a table of text"
        case .exitCodes: "an array of exit codes"
        case .dependencies: "an array of schedulers"
        case .readiness: "\"spawn\", \"notify\", \"probe\" or a duration"
        case .healthCheck: "a table"
        case .list(let element): "an array; each element is \(element.noun)"
        case .table: "a table"
        case .either(let first, let second): "\(first.noun) or \(second.noun)"
        case .timestamp: "a date and time"
        }
    }

    /// A value as the file would have it.
    var example: String {
        switch self {
        case .boolean: "true"
        case .duration: "\"30s\""
        case .size(let range, _, _):
            range.contains(Bytes(100_000_000)) ? "\"100MB\"" : "\"\(range.upperBound)\""
        case .integer(let range, _): "\(max(range.lowerBound, min(range.upperBound, 5)))"
        case .number(let range): range.upperBound <= 1 ? "0.25" : "2.0"
        case .choice(let words, _): "\"\(words.first ?? "")\""
        case .text: "\"some text\""
        case .cron: "\"*/15 * * * *\""
        case .zone: "\"Europe/Berlin\""
        case .path: "\"/srv/app\""
        case .account: "65534"
        case .mode: "\"0660\""
        case .signal: "\"TERM\""
        case .limit: "\"1024:4096\""
        case .scheduler: "\"web\""
        case .command: "[\"/usr/bin/app\", \"--flag\"]"
        case .variables: "{ PORT = \"8080\" }"
        case .secrets: "{ TOKEN = \"/run/secrets/token\" }"
        case .exitCodes: "[0, 143]"
        case .dependencies: "[\"database\"]"
        case .readiness: "\"5s\""
        case .healthCheck: "{ tcp = \"localhost:8080\" }"
        case .list(let element): "[\(element.example)]"
        case .table(let fields, let oneOf):
            fields.first { oneOf.isEmpty || oneOf.contains($0.name) }
                .map { "{ \($0.name) = \($0.example) }" } ?? "{}"
        case .either(let first, _): first.example
        case .timestamp: "2026-12-31T23:59:00Z"
        }
    }
}
