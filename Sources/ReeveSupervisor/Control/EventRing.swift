// SPDX-License-Identifier: Apache-2.0
//
// The newest records, numbered, for those who subscribe. Records are kept as values and written as
// JSON only when a subscriber reads them: most never are. Readers keep a number, not a place, so
// that one who falls behind finds out how many it has missed and nothing is kept for it.

internal import DequeModule
internal import ReeveCore

/// A bounded ring of records.
struct EventRing {
    /// Records kept at most.
    static let recordsMax = 4_096
    /// What they may weigh together, in bytes.
    static let bytesMax = 1_000_000

    private var records: Deque<Record> = []
    private var bytes = 0
    /// The number of the oldest record that is kept, or of the next one where none is. Counts from
    /// 1.
    private(set) var first: UInt64 = 1

    /// The number that the next record will get.
    var next: UInt64 { first + UInt64(records.count) }

    /// Adds a record and drops old ones until both bounds are kept.
    mutating func append(_ record: Record) {
        records.append(record)
        bytes += EventRing.weight(of: record)
        while records.count > EventRing.recordsMax
            || (bytes > EventRing.bytesMax && records.count > 1)
        {
            bytes -= EventRing.weight(of: records.removeFirst())
            first += 1
        }
    }

    /// The record of that number; nil where it is no longer, or not yet, kept.
    subscript(number: UInt64) -> Record? {
        guard number >= first, number < next else { return nil }
        return records[Int(number - first)]
    }

    /// What a record costs in memory, roughly and from above: its own size, its strings, and a flat
    /// sum for each process or name in it.
    static func weight(of record: Record) -> Int {
        MemoryLayout<Record>.stride + weight(of: record.fact)
    }

    private static func weight(of fact: Fact) -> Int {
        let item = 128
        switch fact {
        case .defect(let words), .memoryUnreadable(let words), .stopCommandFailed(let words, _),
            .notice(_, let words), .shutdownForced(let words), .failuresReset(let words),
            .exhausted(let words, _), .started(_, let words), .supervisorStarted(_, _, let words),
            .restartScheduled(_, let words), .dependencyLost(_, _, let words),
            .signalFailed(_, let words), .memoryAbove(_, _, _, let words),
            .occurrenceEnded(_, _, _, let words), .retryScheduled(_, _, _, let words),
            .healthChanged(_, _, let words), .exited(_, _, _, let words), .reloadBegan(let words),
            .reloadFailed(let words), .registrationFailed(_, _, let words),
            .cleanupBegan(let words), .recoveryFailed(_, let words),
            .hookFailed(_, let words), .checkPassed(let words), .startTimedOut(_, let words),
            .watchdogMissed(let words), .notified(let words):
            return words.utf8.count
        case .checkFailed(let words, _, let action):
            return words.utf8.count + action.utf8.count
        case .spawnFailed(let failure):
            return failure.words.utf8.count
        case .stopping(let reason, let how, _):
            return reason.utf8.count + how.utf8.count
        case .shutdownEnded(_, _, let processes), .leftBehind(let processes, _),
            .signalled(_, let processes), .killed(let processes, _), .survived(let processes),
            .orphansAdopted(let processes):
            return processes.count * item
        case .alert(let alert):
            return MemoryLayout<Alert>.size + alert.words.utf8.count + alert.affected.count * item
        case .alertDeliveryFailed(let words, _, _, _):
            return words.utf8.count
        case .phaseEnded(_, _, let names), .shutdownWaits(let names, _), .waiting(let names),
            .dependencyTimedOut(let names, _):
            return names.count * item
        case .reloaded(let changes):
            return changes.words.utf8.count
                + (changes.added.count + changes.changed.count + changes.removed.count) * item
        case .configurationChanged(let keys, _):
            return keys.count * item
        case .recovering(let action):
            return item + action.reason.utf8.count
        case .phaseBegan, .startupEnded, .shutdownBegan, .becameReady, .overRestartLimit,
            .completed, .timedOut, .dependencyBack, .paused, .resumed, .clockStepped, .stopped,
            .memoryRecovered, .staysStopped, .staysPaused, .removed, .alertsDropped:
            return 0
        }
    }
}
