// SPDX-License-Identifier: Apache-2.0
//
// The ledger's records as JSON, without the checksum that the file adds in front. Times are whole
// nanoseconds since 1970, because an occurrence's instant is a key and has to come back exactly. A
// reader skips members that it does not know, and keeps a record of a kind that it does not know.

package import ReeveCore

/// One record of the ledger file.
package enum LedgerRecord: Equatable, Sendable {
    /// The first record of a file. `needs`: the least format version that a reader must understand.
    case head(needs: Int64)
    /// What happened to an occurrence.
    case entry(LedgerEntry)
    /// What an operator wants to hold beyond the end of reeve; `nil` takes it back.
    case wish(SchedulerName, Wish?, at: WallTime)
    /// Records that could not be written: how many, and the span of time they are from.
    case gap(count: Int64, from: WallTime, to: WallTime)
    /// A well-formed record of a later version, and whom it is about.
    case unknown(SchedulerName?)
}

extension LedgerRecord {
    /// The format that this version writes, and the newest that it understands.
    package static let version: Int64 = 1
    /// A longer reason is cut to this many bytes.
    package static let reasonBytesMax = 1_024

    /// Whom it is about; nil for the file's own records.
    package var scheduler: SchedulerName? {
        switch self {
        case .entry(let entry): entry.scheduler
        case .wish(let name, _, at: _): name
        case .unknown(let name): name
        case .head, .gap: nil
        }
    }

    /// Appends the members of the record, each with a comma in front, without braces.
    package func appendMembers(to line: inout [UInt8]) {
        switch self {
        case .head(let needs):
            line.field("kind", "ledger")
            line.field("version", LedgerRecord.version)
            line.field("needs", needs)
        case .entry(let entry): LedgerRecord.append(entry, to: &line)
        case .wish(let name, let wish, let at):
            line.field("kind", "wish")
            line.field("scheduler", name.text)
            line.field("wish", wish?.rawValue)
            line.field("at", at.nanoseconds)
        case .gap(let count, let from, let to):
            line.field("kind", "gap")
            line.field("count", count)
            line.field("from", from.nanoseconds)
            line.field("to", to.nanoseconds)
        case .unknown: break
        }
    }

    private static func append(_ entry: LedgerEntry, to line: inout [UInt8]) {
        switch entry.event {
        case .started: line.field("kind", "started")
        case .ended: line.field("kind", "ended")
        }
        line.field("scheduler", entry.scheduler.text)
        switch entry.trigger {
        case .schedule: line.field("trigger", "schedule")
        case .manual: line.field("trigger", "manual")
        case .start: line.field("trigger", "start")
        case .boot(let boot):
            line.field("trigger", "boot")
            line.field("boot", boot.shortened(toBytes: reasonBytesMax))
        }
        line.field("occurrence", entry.occurrence.nanoseconds)
        if entry.through != entry.occurrence { line.field("through", entry.through.nanoseconds) }
        if entry.count != 1 { line.field("count", entry.count) }
        line.field("at", entry.at.nanoseconds)
        switch entry.event {
        case .started(let run, let attempt):
            line.field("run", run.description)
            line.field("attempt", attempt)
        case .ended(let outcome, let reason, let run):
            line.field("outcome", outcome.rawValue)
            line.field("reason", reason.shortened(toBytes: reasonBytesMax))
            if let run { line.field("run", run.description) }
        }
    }

    /// Reads one record, an object with or without the file's checksum. nil for what is no JSON
    /// object with a `kind`; what it says but this version does not understand is `unknown`.
    package init?(json bytes: some Collection<UInt8>) {
        guard let document = try? JSONDocument(bytes), let kind = document.root["kind"]?.text
        else { return nil }
        let root = document.root
        let name = root["scheduler"]?.text.flatMap { SchedulerName($0) }
        let read: LedgerRecord? =
            switch kind {
            case "ledger": root["needs"]?.wholeNumber.map { .head(needs: $0) }
            case "started", "ended": LedgerRecord.entry(root, kind, name).map { .entry($0) }
            case "wish": LedgerRecord.wish(root, name)
            case "gap": LedgerRecord.gap(root)
            default: nil
            }
        self = read ?? .unknown(name)
    }

    private static func wish(_ root: JSONValue, _ name: SchedulerName?) -> LedgerRecord? {
        guard let name, let member = root["wish"], let at = root.wall("at") else { return nil }
        if member.isNull { return .wish(name, nil, at: at) }
        guard let wish = member.text.flatMap({ Wish(rawValue: $0) }) else { return nil }
        return .wish(name, wish, at: at)
    }

    private static func gap(_ root: JSONValue) -> LedgerRecord? {
        guard let count = root["count"]?.wholeNumber, let from = root.wall("from"),
            let to = root.wall("to")
        else { return nil }
        return .gap(count: count, from: from, to: to)
    }

    private static func entry(
        _ root: JSONValue, _ kind: String, _ name: SchedulerName?
    ) -> LedgerEntry? {
        guard let name, let occurrence = root.wall("occurrence"), let at = root.wall("at"),
            let trigger = trigger(root), let event = event(root, kind)
        else { return nil }
        let count = root["count"].map { $0.wholeNumber.flatMap { Int(exactly: $0) } } ?? 1
        guard let count, count >= 1 else { return nil }
        return LedgerEntry(
            scheduler: name, trigger: trigger, occurrence: occurrence,
            through: root.wall("through"), count: count, at: at, event: event)
    }

    private static func trigger(_ root: JSONValue) -> LedgerEntry.Trigger? {
        switch root["trigger"]?.text {
        case "schedule": .schedule
        case "manual": .manual
        case "start": .start
        case "boot": root["boot"]?.text.map { .boot($0) }
        default: nil
        }
    }

    private static func event(_ root: JSONValue, _ kind: String) -> LedgerEntry.Event? {
        let run = root["run"]?.text.flatMap { RunID($0) }
        if kind == "started" {
            guard let run, let number = root["attempt"]?.wholeNumber,
                let attempt = Int(exactly: number)
            else { return nil }
            return .started(run, attempt: attempt)
        }
        guard let word = root["outcome"]?.text, let outcome = LedgerEntry.Outcome(rawValue: word),
            let reason = root["reason"]?.text
        else { return nil }
        return .ended(outcome, reason: reason, run: run)
    }
}

extension JSONValue {
    fileprivate func wall(_ key: StaticString) -> WallTime? {
        self[key]?.wholeNumber.map { WallTime(nanoseconds: $0) }
    }
}
