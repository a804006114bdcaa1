// SPDX-License-Identifier: Apache-2.0
//
// What the core knows of a run that failed, for the failure bundle: the shell adds the run's last output and
// what the kernel tells about memory, and keeps it.

/// One failed run: an attempt of a scheduled one is a run, too.
package struct FailureReport: Equatable, Sendable {
    package var scheduler: SchedulerName
    package var run: RunID
    /// From 1.
    package var attempt: Int
    /// The nominal instant of a scheduled one.
    package var occurrence: WallTime?
    /// Why it was started.
    package var reason: String
    package var startedAt: WallTime
    package var endedAt: WallTime
    package var ran: Duration
    /// nil: it could not be started.
    package var status: ExitStatus?
    /// After "it": "failed with exit code 3".
    package var meaning: String
    /// Why reeve ended it; nil where it did not.
    package var stop: String?
    /// SIGKILL was needed, or was what reeve began with.
    package var wasKilledByReeve: Bool
    /// Failures in a row, this one included.
    package var consecutiveFailures: Int
    package var memoryCurve: [MemoryPoint]
    package var memoryPeak: Bytes
    /// The last answers of its health check, oldest first.
    package var checks: [CheckResult]
    /// The limits in force, by the names of their keys, as a configuration would have them.
    package var limits: [Limit]

    /// One limit in force.
    package struct Limit: Equatable, Sendable {
        package var key: String
        package var value: String

        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    package init(
        scheduler: SchedulerName, run: RunID, attempt: Int = 1, occurrence: WallTime? = nil,
        reason: String, startedAt: WallTime, endedAt: WallTime, ran: Duration,
        status: ExitStatus?, meaning: String, stop: String? = nil, wasKilledByReeve: Bool = false,
        consecutiveFailures: Int = 0, memoryCurve: [MemoryPoint] = [], memoryPeak: Bytes = .zero,
        checks: [CheckResult] = [], limits: [Limit] = []
    ) {
        self.scheduler = scheduler
        self.run = run
        self.attempt = attempt
        self.occurrence = occurrence
        self.reason = reason
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.ran = ran
        self.status = status
        self.meaning = meaning
        self.stop = stop
        self.wasKilledByReeve = wasKilledByReeve
        self.consecutiveFailures = consecutiveFailures
        self.memoryCurve = memoryCurve
        self.memoryPeak = memoryPeak
        self.checks = checks
        self.limits = limits
    }
}

extension Scheduler {
    /// Has the bundle of a failed run kept.
    func reportFailure(
        of run: Run, _ status: ExitStatus?, meaning: String, stop: Stop? = nil,
        _ turn: inout Turn
    ) {
        let execution = schedule?.current
        turn.effects.append(
            .keepFailure(
                FailureReport(
                    scheduler: specification.name, run: run.id, attempt: execution?.attempt ?? 1,
                    occurrence: execution?.occurrence, reason: run.reason,
                    startedAt: run.startedAt.wall, endedAt: turn.now.wall,
                    ran: turn.now.monotonic - run.startedAt.monotonic, status: status,
                    meaning: meaning, stop: stop?.reason, wasKilledByReeve: stop?.isKilled ?? false,
                    consecutiveFailures: consecutiveFailures + (willCount(stop) ? 1 : 0),
                    memoryCurve: lanes.isEmpty ? metrics.memory.points : [],
                    memoryPeak: run.memory.peak, checks: checks(of: run),
                    limits: limitsInForce)))
    }

    /// Those that were asked of it; beside others none is known to be about this run.
    private func checks(of run: Run) -> [CheckResult] {
        lanes.isEmpty ? check.results.filter { $0.at >= run.startedAt.wall } : []
    }

    /// An execution counts when it is concluded, which is after its last attempt's end.
    private func willCount(_ stop: Stop?) -> Bool {
        schedule != nil && retryRefusal(isTimeout: stop?.cause == .timeout) != nil
    }

    private var limitsInForce: [FailureReport.Limit] {
        func limit(_ key: String, _ value: (some CustomStringConvertible)?) -> FailureReport.Limit?
        {
            value.map { FailureReport.Limit(key: key, value: $0.description) }
        }
        let restart = schedule == nil ? specification.restart.maxRestarts : nil
        return [
            limit("memory-threshold", specification.memory.threshold),
            limit("memory-hard-limit", specification.memory.hardLimit),
            limit("timeout", specification.timeout),
            limit("stop-timeout", Optional(specification.stop.timeout)),
            limit("max-restarts", restart),
            limit("restart-window", restart == nil ? nil : specification.restart.window),
            limit("max-retries", schedule?.settings.maxRetries),
        ].compactMap { $0 }
    }
}
