// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl
internal import ReeveCore

/// Who answers on a socket.
public struct SupervisorIdentity: Hashable, Sendable {
    /// In its own pid namespace.
    public let pid: Int32
    /// "0.1.0".
    public let version: String
    /// Names this instance: another after each start, the same over an upgrade in place.
    public let instance: String

    init(_ greeting: Greeting) {
        pid = greeting.pid.number
        version = greeting.version
        instance = greeting.epoch
    }
}

/// How an action went for one scheduler.
public struct ActionOutcome: Hashable, Sendable {
    /// How it went. More may come.
    public struct Result: RawRepresentable, Hashable, Sendable {
        /// The word.
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// As asked, now.
        public static let done = Result(rawValue: "done")
        /// It was so before.
        public static let unchanged = Result(rawValue: "unchanged")
        /// It will be so later; the message says what is waited for.
        public static let pending = Result(rawValue: "pending")
        /// It is not so.
        public static let failed = Result(rawValue: "failed")
    }

    /// Whom it is about.
    public let scheduler: String
    public let result: Result
    /// A sentence without a full stop.
    public let message: String
    /// What a recovery did, in its order; empty for every other action.
    public let recoveryActions: [RecoveryStep]

    init(_ report: OutcomeReport) {
        scheduler = report.name
        result = Result(rawValue: report.result.rawValue)
        message = report.message
        recoveryActions = report.actions.map { RecoveryStep($0) }
    }
}

/// What a registration came to.
public struct RegistrationResult: Hashable, Sendable {
    /// What it changed. More may come.
    public struct Change: RawRepresentable, Hashable, Sendable {
        /// The word.
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// There was none of this name.
        public static let added = Change(rawValue: "added")
        /// It was registered with other settings.
        public static let changed = Change(rawValue: "changed")
        /// It was registered with the same settings.
        public static let unchanged = Change(rawValue: "unchanged")
        /// It is gone.
        public static let removed = Change(rawValue: "removed")
    }

    /// What it changed.
    public let change: Change
    /// How it went for the scheduler; failed where it is registered and does not start.
    public let outcomes: [ActionOutcome]
}

/// One action of a recovery.
public struct RecoveryStep: Hashable, Sendable {
    /// "memory-cleanup", "error-reset", "dependency-check" or "restart".
    public let action: String
    /// What was measured before and after: "80MB", "5 failures"; nil where nothing is.
    public let before, after: String?
    /// "helped", "done", "skipped", "failed" or "refused".
    public let result: String
    /// Why it went so: a sentence without a full stop.
    public let reason: String

    init(_ action: RecoveryAction) {
        self.action = action.kind.rawValue
        before = action.before
        after = action.after
        result = action.result.rawValue
        reason = action.reason
    }
}

/// An entry of the ledger: an execution that was started, or what became of an occurrence.
public struct LedgerRecord: Hashable, Sendable {
    public let scheduler: String
    /// What made it due: "schedule", "manual", "start" or "boot".
    public let trigger: String
    /// When it was due.
    public let occurrence: Timestamp
    /// When it was decided.
    public let at: Timestamp
    /// How many occurrences the entry stands for, at least 1.
    public let count: Int
    /// "succeeded", "failed", "timed-out", "skipped-overlap" and so on; nil of one that was started.
    public let outcome: String?
    /// Why that outcome.
    public let reason: String?
    /// The run, of several attempts the last; nil where none was made.
    public let runID: String?
    /// Of one that was started: from 1.
    public let attempt: Int?

    init(_ report: LedgerReport) {
        scheduler = report.scheduler
        trigger = report.trigger
        occurrence = Timestamp(report.occurrence)
        at = Timestamp(report.at)
        count = Int(report.count)
        outcome = report.outcome
        reason = report.reason
        runID = report.run
        attempt = report.attempt.map { Int($0) }
    }
}

/// The coming occurrences of a scheduler.
public struct UpcomingOccurrences: Hashable, Sendable {
    /// One of them.
    public struct Occurrence: Hashable, Sendable {
        /// When it is due.
        public let due: Timestamp
        /// The same in the scheduler's zone, RFC 3339 with its offset.
        public let local: String
        /// The zone's name at that instant: "CEST".
        public let zone: String
        /// What a change of the clock does to it; nil for nothing.
        public let mark: String?
    }

    /// Whose they are, the soonest first.
    public let scheduler: String
    public let occurrences: [Occurrence]
    /// Why none of them is executed as things are: it is paused, or stopped. nil where they are.
    public let obstacle: String?

    init(_ report: ComingReport) {
        scheduler = report.scheduler
        occurrences = report.occurrences.map {
            Occurrence(due: Timestamp($0.due), local: $0.at, zone: $0.zone, mark: $0.mark)
        }
        obstacle = report.obstacle
    }
}

/// Something is missing in a stream, because it was read too late or the supervisor is another.
public struct StreamGap: Hashable, Sendable {
    /// How many; nil where nobody knows.
    public let missed: UInt64?
    /// A sentence without a full stop.
    public let reason: String

    init(_ report: GapReport) {
        missed = report.missed
        reason = report.reason
    }
}

/// Something that happened.
public struct SupervisorEvent: Hashable, Sendable {
    /// A place in the stream of events, to go on from. As text it can be kept in a file.
    public struct Position: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// "EPOCH-SEQ".
        public let rawValue: String

        /// nil for what is no position.
        public init?(rawValue: String) {
            guard EventPosition(rawValue) != nil else { return nil }
            self.rawValue = rawValue
        }

        init(_ position: EventPosition) {
            rawValue = position.description
        }

        public var description: String { rawValue }
    }

    /// Where it stands.
    public let position: Position
    /// Cut to milliseconds.
    public let at: Timestamp
    /// "error", "warning", "info" or "debug".
    public let level: String
    /// Its stable name: "exited".
    public let name: String
    /// Whom it is about; nil where it is about the whole.
    public let scheduler: String?
    public let runID: String?
    /// A sentence without a full stop, without the scheduler's name.
    public let message: String
    /// What is missing between the event before and this one.
    public let gapBefore: StreamGap?

    init(_ report: EventReport, after gap: StreamGap?) {
        position = Position(report.position)
        at = Timestamp(report.at)
        level = report.level.rawValue
        name = report.name
        scheduler = report.scheduler
        runID = report.run
        message = report.message
        gapBefore = gap
    }
}

/// A line of a scheduler's output.
public struct LogLine: Hashable, Sendable {
    /// What is no UTF-8 has become U+FFFD.
    public let text: String
    /// When it was read; nil where that is not known.
    public let at: Timestamp?
    /// "stdout" or "stderr"; nil where that is not known.
    public let stream: String?
    /// The next one is its continuation.
    public let continues: Bool
    /// What is missing between the line before and this one.
    public let gapBefore: StreamGap?

    init(_ report: OutputReport, after gap: StreamGap?) {
        text = report.text
        at = report.at.map { Timestamp($0) }
        stream = report.stream?.rawValue
        continues = report.continues
        gapBefore = gap
    }
}
