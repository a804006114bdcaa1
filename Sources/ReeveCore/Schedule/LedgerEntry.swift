// SPDX-License-Identifier: Apache-2.0
//
// What is written down about occurrences. An occurrence is an instant at which a scheduler was due (or
// was asked to run); it ends with exactly one outcome. What ran is written twice: that it starts,
// before the spawn, and how it ended. A start without an end is what a crash leaves, and becomes `lost`.

/// One line of the ledger. Entries of one scheduler are written in the order of `at`.
package struct LedgerEntry: Hashable, Sendable {
    /// What made an execution due.
    package enum Trigger: Hashable, Sendable {
        /// Its `cron` or `interval`.
        case schedule
        /// `reeve run-now`, or `reeve start` of something that has no schedule to wait for.
        case manual
        /// `run-on-start`, or `@start`: once per start of reeve.
        case start
        /// `@reboot`: once per boot, which this names (boot id and start time of PID 1).
        case boot(String)
    }

    /// How an occurrence ended.
    package enum Outcome: String, Hashable, Sendable, CaseIterable {
        /// It ran, the last attempt with a success code.
        case succeeded
        /// It ran, or could not be started, and its last attempt failed.
        case failed
        /// Its last attempt ran longer than `timeout`.
        case timedOut = "timed-out"
        /// The one before was still running (`overlap`).
        case skippedOverlap = "skipped-overlap"
        /// A dependency was not as it has to be.
        case skippedDependency = "skipped-dependency"
        /// Its instant passed while reeve could not run it, and `misfire` does not make up for it.
        case missed
        /// Another execution, which the reason names, stands for it.
        case coalesced
        /// Ended by an operator, a replacement or the shutdown; or withdrawn before it began.
        case cancelled
        /// The scheduler was paused.
        case paused
        /// It had started, and its end could not be seen.
        case lost
    }

    /// What happened.
    package enum Event: Hashable, Sendable {
        /// Attempt number `attempt` (from 1) is about to be spawned as this run. No outcome yet.
        case started(RunID, attempt: Int)
        /// The outcome, and why, in a sentence without a full stop. `run` is the last attempt, if any.
        case ended(Outcome, reason: String, run: RunID?)
    }

    /// Whose occurrence.
    package let scheduler: SchedulerName
    /// What made it due.
    package let trigger: Trigger
    /// The nominal instant (before spread and jitter), which with scheduler and trigger is the key.
    package let occurrence: WallTime
    /// Only in an `ended` of occurrences that never ran: the last of several that share this outcome;
    /// elsewhere equal to `occurrence`.
    package let through: WallTime
    /// How many occurrences lie from `occurrence` to `through`, both included; at least 1. Where there
    /// were too many to be counted, as many as were counted.
    package let count: Int
    /// When it was decided.
    package let at: WallTime
    /// What happened.
    package let event: Event

    /// `through` defaults to `occurrence`.
    package init(
        scheduler: SchedulerName, trigger: Trigger, occurrence: WallTime, through: WallTime? = nil,
        count: Int = 1, at: WallTime, event: Event
    ) {
        self.scheduler = scheduler
        self.trigger = trigger
        self.occurrence = occurrence
        self.through = through ?? occurrence
        self.count = count
        self.at = at
        self.event = event
    }
}

/// What the ledger of earlier supervisors tells, given to the core with the specification.
///
/// A compaction may drop old entries, but has to keep for each scheduler: the entry with the latest
/// `through` whose trigger is `schedule`, each `started` without an `ended` of the same key, the
/// latest entry of a `boot`, and the latest that succeeded.
package struct LedgerHistory: Equatable, Sendable {
    /// In the order of writing.
    package var entries: [LedgerEntry] = []
    /// Names this boot and this container: boot id and start time of PID 1. Empty where unknown; then
    /// each start of reeve counts as a boot.
    package var boot = ""

    package init(entries: [LedgerEntry] = [], boot: String = "") {
        self.entries = entries
        self.boot = boot
    }
}
