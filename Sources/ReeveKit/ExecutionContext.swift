// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// What a scheduler knows of its execution, and what it may say of itself.
///
/// All of it works without a supervisor too: then nobody listens, and the execution has an id of its own.
public struct ExecutionContext: Sendable {
    /// When an execution was due.
    public struct ScheduledTime: Sendable, Hashable, CustomStringConvertible {
        /// RFC 3339 in UTC: "2026-11-25T02:30:00Z".
        public let text: String
        /// Since 1970-01-01T00:00:00Z, as Unix counts.
        public let sinceEpoch: Swift.Duration

        public var description: String { text }

        init?(_ text: String) {
            guard let time = WallTime(rfc3339: text) else { return nil }
            self.text = text
            sinceEpoch = .nanoseconds(time.nanoseconds)
        }
    }

    /// The name in reeve's configuration; the program's own without a supervisor.
    public let schedulerName: String
    /// The run's id in reeve's ledger and log (`REEVE_RUN_ID`). Another each time, and sortable by start. Without
    /// reeve, an id of the same kind.
    public let executionID: String
    /// 1 for the first attempt of an execution, and one more for each that follows a failure.
    public let attempt: Int
    /// The instant at which the execution of a scheduled one was due, which may be a while ago; nil for
    /// daemons, tasks, and where nobody said.
    public let scheduledAt: ScheduledTime?
    /// Whether reeve runs this.
    public let isSupervised: Bool

    private let stopping: StopRequest
    private let standing: Standing

    /// Whether the scheduler was asked to end. True in every task, also in those that are not cancelled with
    /// the one of `execute(_:)`.
    public var isCancelled: Bool { stopping.isRequested }

    /// Throws `CancellationError` where ``isCancelled``.
    public func checkCancellation() throws {
        if isCancelled { throw CancellationError() }
    }

    /// Says that the scheduler is ready, which reeve waits for with `ready = "notify"`: for a type whose
    /// ``Scheduler/readiness`` is ``Readiness/whenCalled``. Again has no effect.
    public func ready() {
        standing.becomeReady()
    }

    /// Says what it does at the moment, as `reeve status` shows it. One line, of which 256 bytes are kept. Costs
    /// little: of many in a row the last arrives.
    public func report(status text: String) {
        standing.notifier.send(status: text)
    }

    /// Says that a start or a stop that is going on takes longer: its limit is then `duration` from now
    /// (`EXTEND_TIMEOUT_USEC`). reeve grants at most half an hour in all, and a shutdown of everything
    /// keeps its own limit.
    public func extendTimeout(by duration: Swift.Duration) {
        // More than a year is no answer to anything, and fits.
        let bounded = min(max(duration, .zero), .seconds(366 * 86_400)).components
        let microseconds = bounded.seconds * 1_000_000 + bounded.attoseconds / 1_000_000_000_000
        standing.notifier.send("EXTEND_TIMEOUT_USEC=\(microseconds)")
    }

    init(_ surroundings: Surroundings, stopping: StopRequest, standing: Standing) {
        schedulerName = surroundings.schedulerName
        executionID = surroundings.executionID
        attempt = surroundings.attempt
        scheduledAt = surroundings.scheduledAt
        isSupervised = surroundings.isSupervised
        self.stopping = stopping
        self.standing = standing
    }
}
