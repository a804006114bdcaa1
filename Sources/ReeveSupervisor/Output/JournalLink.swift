// SPDX-License-Identifier: Apache-2.0
//
// Entries of the journal with fields of their own, through libsystemd, which is loaded with the first
// one. Nothing waits for a journal: where its queue is full, or nobody is there, the line is the
// caller's to write elsewhere, and the first time that is said.

internal import ReeveCore

#if Systemd
    internal import CSystemd
    internal import ReeveLinux
#endif

/// The line to the journal.
final class JournalLink {
    private var sentence: String?
    /// What kept the last entry from being sent; nil while entries go through.
    private var trouble: String?
    private var isUnusable = false
    /// Until when nothing is tried after a failure: a flood of lines would otherwise ask for each.
    private var pausedUntil = Instant.zero
    static let pause = Duration.milliseconds(100)
    private var fields: [UInt8] = []
    private var lengths: [Int] = []

    /// What is to be said about the journal, once for each change.
    func takeSentence() -> String? {
        defer { sentence = nil }
        return sentence
    }

    /// Sends a record of reeve's own: MESSAGE, PRIORITY, REEVE_EVENT, and the scheduler and run where it is
    /// about one. Returns whether it went through.
    func send(_ record: Record, at now: Moment) -> Bool {
        guard now.monotonic >= pausedUntil else { return false }
        begin(priority: record.level.priority, identifier: "reeve")
        add("MESSAGE=", (record.scheduler.map { "\($0): " } ?? "") + record.message)
        add("REEVE_EVENT=", record.name)
        if let scheduler = record.scheduler { add("REEVE_SCHEDULER=", scheduler.text) }
        if let run = record.run { add("REEVE_RUN_ID=", run.description) }
        return send(at: now.monotonic)
    }

    /// Sends a line of a child's, under its scheduler's name. A number in front ("<3>", sd-daemon(3)) is its priority, and no part of
    /// the message. Returns whether it went through.
    func send(_ line: OutputLine, from origin: LineOrigin, at now: Moment) -> Bool {
        guard now.monotonic >= pausedUntil else { return false }
        let (priority, message) = JournalLink.split(line.bytes)
        begin(priority: priority, identifier: origin.name.text)
        add("MESSAGE=", message)
        add("REEVE_SCHEDULER=", origin.name.text)
        add("REEVE_RUN_ID=", origin.run.description)
        add("REEVE_STREAM=", origin.stream.name)
        return send(at: now.monotonic)
    }

    /// The priority in front of a line, 6 where there is none, and the rest.
    static func split(_ line: ArraySlice<UInt8>) -> (UInt8, ArraySlice<UInt8>) {
        let start = line.prefix(3)
        guard start.count == 3, start.first == UInt8(ascii: "<"), start.last == UInt8(ascii: ">"),
            let digit = start.dropFirst().first, (UInt8(ascii: "0")...UInt8(ascii: "7")) ~= digit
        else { return (6, line) }
        return (digit - UInt8(ascii: "0"), line.dropFirst(3))
    }

    // MARK: Details

    private func begin(priority: UInt8, identifier: String) {
        fields.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        add("PRIORITY=", "\(priority)")
        add("SYSLOG_IDENTIFIER=", identifier)
    }

    private func add(_ key: StaticString, _ value: String) {
        add(key, Array(value.utf8)[...])
    }

    private func add(_ key: StaticString, _ value: ArraySlice<UInt8>) {
        let before = fields.count
        fields.append(key)
        fields.append(contentsOf: value)
        lengths.append(fields.count - before)
    }

    private func note(_ words: String?) {
        guard words != trouble else { return }
        sentence =
            words.map { "the journal \($0); lines go to standard error and output until it can" }
            ?? "the journal takes entries again"
        trouble = words
    }
}

extension SupervisorSettings.LogLevel {
    /// The number of syslog(3).
    fileprivate var priority: UInt8 {
        switch self {
        case .error: 3
        case .warning: 4
        case .info: 6
        case .debug: 7
        }
    }
}

#if Systemd
    extension JournalLink {
        private func send(at now: Instant) -> Bool {
            guard !isUnusable else { return false }
            if let words = unsafe reeve_systemd_load() {
                isUnusable = true
                let why = unsafe String(cString: words)
                note("cannot be used, since libsystemd cannot be loaded (\(why))")
                return false
            }
            let result = unsafe reeve_journal_send(fields, lengths, Int32(lengths.count))
            if result < 0 {
                pausedUntil = now + JournalLink.pause
                note(
                    result == -Errno.tryAgain.code
                        ? "does not keep up" : "cannot be reached: \(Errno(-result))")
                return false
            }
            note(nil)
            return true
        }
    }
#else
    extension JournalLink {
        private func send(at now: Instant) -> Bool {
            if !isUnusable { note("cannot be used, since this reeve was built without libsystemd") }
            isUnusable = true
            return false
        }
    }
#endif
