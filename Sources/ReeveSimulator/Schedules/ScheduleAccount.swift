// SPDX-License-Identifier: Apache-2.0
//
// What a schedule owes and has paid: the instants that the wall clock has passed while anyone followed the
// schedule, and what was written of each.

internal import ReeveCore

/// One execution, from its first entry to its outcome.
struct ExecutionTruth {
    let trigger: LedgerEntry.Trigger
    let occurrence: WallTime
    var attempt = 1
    var run: RunID
    /// When the core was told of the last attempt's end, and its exit code.
    var attemptEndedAt: Instant?
    var exitCode: Int32?

    func isOf(_ entry: LedgerEntry) -> Bool {
        trigger == entry.trigger && occurrence == entry.occurrence
    }
}

/// The books of one scheduler, over all supervisors of a simulation.
struct ScheduleAccount {
    var truth: TimetableTruth?
    /// Somebody has begun to follow it: from here on each instant counts.
    private(set) var isKnown = false
    /// The wall clock when it was last looked at.
    private(set) var mark = WallTime(nanoseconds: 0)
    /// The latest that it has ever shown.
    private(set) var latest = WallTime(nanoseconds: 0)
    /// Stretches of wall time that were passed, disjoint.
    private var covered: [ClosedRange<Int64>] = []
    /// Stretches in which it cannot be known from outside which timetable was in force.
    private var uncertain: [ClosedRange<Int64>] = []
    private(set) var uncertainSince: WallTime?
    /// Passed instants without an entry, in no order that matters.
    private(set) var owed: [TimetableTruth.Due] = []
    /// By nanoseconds: true once it has its outcome. Looked up, never iterated.
    private var written: [Int64: Bool] = [:]
    /// The seconds whose merged occurrences have their outcome. Looked up, never iterated.
    private var mergedWritten: Set<Int64> = []
    /// The second of an occurrence that was dealt with by itself, and what the clock skipped was not.
    private var mergedDue: Int64?
    /// Executions without an outcome, in the order of their begin.
    var open: [ExecutionTruth] = []
    /// Outcomes of other triggers, by key; looked up.
    private var otherKeys: [String: Bool] = [:]

    // MARK: Time

    /// The wall clock has come here, by itself or by being set.
    mutating func pass(to wall: WallTime) {
        defer {
            mark = wall
            latest = max(latest, wall)
        }
        guard isKnown, wall > mark, uncertainSince == nil else { return }
        var pieces = [(from: mark.nanoseconds, to: wall.nanoseconds)]
        for old in covered {
            pieces = pieces.flatMap { piece -> [(from: Int64, to: Int64)] in
                guard old.lowerBound < piece.to, piece.from < old.upperBound else { return [piece] }
                return [(piece.from, old.lowerBound), (old.upperBound, piece.to)].filter {
                    $0.0 < $0.1
                }
            }
        }
        for piece in pieces {
            cover(piece.from...piece.to)
            let from = WallTime(nanoseconds: piece.from)
            let due = truth?.instants(after: from, through: WallTime(nanoseconds: piece.to)) ?? []
            owed += due.filter { written[key($0)] == nil }
        }
    }

    private mutating func cover(_ bounds: ClosedRange<Int64>) {
        // Most of them go on where the last one ended.
        if let last = covered.lastIndex(where: { $0.upperBound == bounds.lowerBound }) {
            covered[last] = covered[last].lowerBound...bounds.upperBound
        } else {
            covered.append(bounds)
        }
    }

    mutating func begin(at wall: WallTime) {
        guard !isKnown else { return }
        isKnown = true
        mark = wall
        // A clock that is set back by less is not taken for one that was set.
        covered.append((wall + .milliseconds(-500)).nanoseconds...wall.nanoseconds)
    }

    /// Nothing of what was before is known to whoever takes over.
    mutating func forget() {
        isKnown = false
        owed = []
        covered = []
        mergedDue = nil
        uncertainSince = nil
    }

    /// From here on it is not known which timetable is in force.
    mutating func beginUncertainty(at wall: WallTime) {
        owed = []
        uncertainSince = uncertainSince ?? wall
    }

    mutating func endUncertainty(at wall: WallTime) {
        guard let since = uncertainSince else { return }
        let bounds = min(since, wall).nanoseconds...max(since, wall).nanoseconds
        uncertain.append(bounds)
        cover(bounds)
        uncertainSince = nil
        mark = wall
    }

    /// The clock was set back while it was not known.
    func isUncertain(_ instant: WallTime) -> Bool {
        if let since = uncertainSince, instant >= since || mark < since { return true }
        return uncertain.contains { $0.contains(instant.nanoseconds) }
    }

    mutating func excuse(through wall: WallTime) {
        owed.removeAll { $0.second <= wall.nanoseconds / 1_000_000_000 }
        // Whether it was written down before the end is not known.
        mergedDue = nil
    }

    /// What is owed for longer than its delays allow.
    func overdue(at wall: WallTime, delay: Duration) -> TimetableTruth.Due? {
        owed.first { WallTime(second: $0.second) + delay < wall }
    }

    // MARK: Entries

    private func key(_ due: TimetableTruth.Due) -> Int64 {
        WallTime(second: due.second).nanoseconds
    }

    /// Whether it is an instant of the timetable.
    func isDue(_ instant: WallTime) -> Bool {
        guard let truth else { return true }
        let before = instant + .nanoseconds(-1)
        return truth.instants(after: before, through: instant).first.map { key($0) }
            == instant.nanoseconds
    }

    /// Takes an occurrence off the books. Returns what is wrong with it.
    mutating func write(_ instant: WallTime, hasEnded: Bool) -> String? {
        let isEnded = written[instant.nanoseconds]
        if isEnded == true { return "\(instant) has its outcome already" }
        if isEnded == false, !hasEnded { return "\(instant) is executed twice" }
        if isEnded == nil { expectMerged(instant) }
        written[instant.nanoseconds] = hasEnded
        owed.removeAll { WallTime(second: $0.second) == instant }
        return nil
    }

    /// An outcome of occurrences that were not executed.
    mutating func writeOff(_ entry: LedgerEntry) -> String? {
        guard let truth else {
            return write(entry.occurrence, hasEnded: true)
        }
        let before = entry.occurrence + .nanoseconds(-1)
        let instants = truth.instants(after: before, through: entry.through)
        let known = instants.filter { !isUncertain(WallTime(second: $0.second)) }
        if known.count != instants.count || isUncertain(entry.occurrence)
            || isUncertain(entry.through)
        {
            for due in instants { written[key(due)] = true }
            settleOwed(entry)
            return nil
        }
        if instants.isEmpty { return writeOffMerged(entry, truth) }
        if let due = instants.first, instants.count == 1, due.merged > 0, entry.count == 1,
            entry.occurrence == entry.through
        {
            // Dealt with by itself; what the clock skipped follows.
            return write(entry.occurrence, hasEnded: true)
        }
        let count = instants.reduce(0) { $0 + 1 + $1.merged }
        // Where there were too many, so many were counted.
        if entry.count != count, !entry.isAtLeast {
            return "an outcome stands for \(entry.count) occurrences from \(entry.occurrence) to "
                + "\(entry.through), which are \(count)"
        }
        for due in instants {
            let instant = WallTime(second: due.second)
            if let isEnded = written[key(due)] {
                // Where there were too many to be counted, nobody looks what lies between.
                if entry.isAtLeast { continue }
                return isEnded
                    ? "\(instant) has its outcome already" : "\(instant) is being executed"
            }
            written[key(due)] = true
            if due.merged > 0, !mergedWritten.insert(due.second).inserted {
                return "what the clock skipped at \(instant) has its outcome already"
            }
        }
        settleOwed(entry)
        return nil
    }

    /// The outcome of those that come merged into this one is written next.
    private mutating func expectMerged(_ instant: WallTime) {
        guard let truth, !isUncertain(instant) else { return }
        let due = truth.instants(after: instant + .nanoseconds(-1), through: instant).first
        guard let due, due.merged > 0, !mergedWritten.contains(due.second) else { return }
        mergedDue = due.second
    }

    /// After a turn: what the clock skipped and was not accounted for with the one that stands for it.
    func mergedOwed() -> String? {
        mergedDue.map { "what the clock skipped at \(WallTime(second: $0)) has no outcome" }
    }

    private mutating func settleOwed(_ entry: LedgerEntry) {
        owed.removeAll { due in
            let instant = WallTime(second: due.second)
            return entry.occurrence <= instant && instant <= entry.through
        }
    }

    /// Those that the clock skipped: their keys are the nanoseconds after the instant that stands for them.
    private mutating func writeOffMerged(
        _ entry: LedgerEntry, _ truth: TimetableTruth
    ) -> String? {
        let second = entry.occurrence.nanoseconds / 1_000_000_000
        let instant = WallTime(second: second)
        let due = truth.instants(after: instant + .nanoseconds(-1), through: instant).first
        guard let due, due.merged == entry.count, due.merged > 0 else {
            return "an outcome is about \(entry.occurrence) to \(entry.through), and nothing is due"
        }
        guard mergedWritten.insert(second).inserted else {
            return "what the clock skipped at \(instant) has its outcome already"
        }
        if mergedDue == second { mergedDue = nil }
        return nil
    }

    /// Of `run-now`, of starts and boots: each is executed once and has one outcome.
    mutating func writeOther(_ entry: LedgerEntry, hasEnded: Bool) -> String? {
        let key = "\(entry.trigger) \(entry.occurrence.nanoseconds)"
        if otherKeys[key] == true { return "\(entry.occurrence) has its outcome already" }
        if otherKeys[key] == false, !hasEnded { return "\(entry.occurrence) is executed twice" }
        otherKeys[key] = hasEnded
        return nil
    }
}

extension LedgerEntry {
    /// It stands for more than were counted.
    var isAtLeast: Bool {
        guard case .ended(_, let reason, _) = event else { return false }
        return count >= 1_000 || reason.hasSuffix("at least so many")
    }
}
