// SPDX-License-Identifier: Apache-2.0

/// When a scheduled one is due, and what becomes of its occurrences.
package struct ScheduleSettings: Equatable, Sendable {
    package enum Rule: Equatable, Sendable {
        /// A cron expression, as it is written.
        case cron(String)
        /// Elapsed time between two executions.
        case interval(Duration)
    }
    /// What an interval counts from: the start of the execution before, or its end.
    package enum IntervalOrigin: String, Equatable, Sendable, CaseIterable { case start, end }
    /// What becomes of an occurrence that is due while an execution runs, or waits for its retry.
    package enum Overlap: String, Equatable, Sendable, CaseIterable {
        case skip, queue, replace, allow
    }
    /// What becomes of occurrences that passed while nothing could run.
    package enum Misfire: String, Equatable, Sendable, CaseIterable {
        case runOnce = "run-once"
        case skip
        case runAll = "run-all"
    }

    /// When it is due.
    package var rule: Rule
    package var intervalFrom = IntervalOrigin.start
    /// A name among `Specification.zones`, or "UTC".
    package var zone = ZoneFile.utc.name
    /// Stands for host and scheduler: what `H` and `spread` come from.
    package var hash: UInt64 = 0
    /// A delay drawn anew for each occurrence, below this.
    package var jitter = Duration.zero
    /// A fixed delay below this, by `hash`.
    package var spread = Duration.zero
    package var overlap = Overlap.skip
    /// With `overlap = "allow"`: executions at a time, at least 1.
    package var maxParallel = ScheduleSettings.maxParallelDefault
    package var misfire = Misfire.runOnce
    /// How late a missed occurrence may still be made up for; nil is without limit.
    package var misfireDeadline: Duration?
    /// Runs once whenever it is started, besides its schedule.
    package var runOnStart = false
    /// No occurrence before the first, none from the second on.
    package var startsAt: WallTime?
    package var expiresAt: WallTime?
    /// Further attempts after one that failed.
    package var maxRetries = 0
    package var retryDelay = Duration.seconds(1)
    /// Growth of the delay per attempt; at least 1.
    package var retryFactor = 2.0
    package var retryDelayMax = Duration.seconds(60)
    /// Exit codes after which no attempt follows.
    package var noRetryExitCodes: [Int32] = []
    /// How long a shutdown leaves a running execution alone.
    package var drainTimeout = Duration.seconds(10)

    /// Executions at a time, where nothing is configured.
    package static let maxParallelDefault = 10

    package init(_ rule: Rule) {
        self.rule = rule
    }

    /// The fixed delay: in [0, spread).
    package var spreadDelay: Duration {
        guard spread > .zero else { return .zero }
        var mixer = SplitMix64(seed: hash)
        return spread.scaled(by: mixer.nextUnit(), atMost: spread)
    }

    /// The delay before attempt `attempt` (from 2): min(cap, base × factor^(attempt−2)).
    func retryDelay(before attempt: Int) -> Duration {
        var policy = RestartPolicy(mode: .onFailure)
        policy.delay = retryDelay
        policy.factor = retryFactor
        policy.delayMax = retryDelayMax
        return policy.plainDelay(attempt - 1)
    }
}
