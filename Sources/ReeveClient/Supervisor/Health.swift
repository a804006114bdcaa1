// SPDX-License-Identifier: Apache-2.0
//
// How schedulers are, for whoever imports this module. The names and units are the founding document's, as in
// `GET /api/scheduler/health`; the values are made here from what the control socket says, so that its own
// types can change.

internal import ReeveControl
internal import ReeveCore

/// How a scheduler is, or all of them. More may come.
public struct HealthStatus: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The word.
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// It works within all thresholds.
    public static let healthy = HealthStatus(rawValue: "healthy")
    /// It works, with failures or much memory.
    public static let degraded = HealthStatus(rawValue: "degraded")
    /// It fails consistently, or its health check does.
    public static let unhealthy = HealthStatus(rawValue: "unhealthy")
    /// Nothing of it runs, as somebody wanted.
    public static let stopped = HealthStatus(rawValue: "stopped")
    /// On its way to be ready.
    public static let starting = HealthStatus(rawValue: "starting")
    /// On its way to be stopped.
    public static let stopping = HealthStatus(rawValue: "stopping")

    public var description: String { rawValue }
}

/// How everything is.
public struct SupervisorHealth: Hashable, Sendable {
    /// How many schedulers are how.
    public struct Summary: Hashable, Sendable {
        /// All that are configured.
        public let total: Int
        /// By their status; they add up to the total.
        public let healthy, degraded, unhealthy, stopped, starting, stopping: Int
    }

    /// The worst of all.
    public let status: HealthStatus
    public let summary: Summary
    /// In the order of the configuration.
    public let schedulers: [SchedulerHealth]
    /// When the supervisor said so.
    public let timestamp: Timestamp

    init(_ answer: StatusAnswer) {
        let overview = answer.overview
        status = HealthStatus(rawValue: overview.health.rawValue)
        summary = Summary(
            total: overview.total, healthy: overview.healthy, degraded: overview.degraded,
            unhealthy: overview.unhealthy, stopped: overview.stopped,
            starting: overview.starting, stopping: overview.stopping)
        schedulers = answer.schedulers.map { SchedulerHealth($0) }
        timestamp = Timestamp(overview.at)
    }
}

/// How one scheduler is.
public struct SchedulerHealth: Hashable, Sendable {
    /// An execution, or a run of a daemon, that is over.
    public struct Execution: Hashable, Sendable {
        /// Its start.
        public let timestamp: Timestamp
        /// Whole milliseconds.
        public let duration: Swift.Duration
        public let success: Bool
    }

    /// How a process ended.
    public struct Exit: Hashable, Sendable {
        /// The exit code; nil where a signal ended it.
        public let code: Int32?
        /// "SIGKILL"; nil where it exited.
        public let signal: String?
        /// In words.
        public let meaning: String
        public let at: Timestamp
    }

    /// Another scheduler that it depends on.
    public struct Dependency: Hashable, Sendable {
        public let name: String
        /// "healthy", "ready", "started" or "completed".
        public let condition: String
        /// Whether that is so.
        public let isMet: Bool
    }

    /// Its name, and how it is.
    public let name: String
    public let status: HealthStatus
    /// Whole MB (10^6 bytes) of its whole process tree; nil where nothing runs or nobody has looked.
    public let memoryUsage: Int?
    /// Of a daemon's current run; of a scheduled one since it was enabled. Whole seconds.
    public let uptime: Swift.Duration
    /// Failures since the last success.
    public let consecutiveFailures: Int
    /// Automatic restarts since the last reset.
    public let restartCount: Int
    /// The last one that is over; nil before any is.
    public let lastExecution: Execution?

    /// "daemon", "task" or "scheduled".
    public let kind: String
    /// Where it is in its life: "running", "idle", "backingOff" and so on.
    public let lifecycle: String
    /// Why that is so: a sentence without a full stop.
    public let reason: String
    /// As configured; higher starts earlier.
    public let priority: Int
    /// The start-up phase, 1 to 4.
    public let phase: Int
    /// The leading process of the current run.
    public let pid: Int32?
    /// The current run: the `REEVE_RUN_ID` of its processes.
    public let runID: String?
    /// `memoryUsage` in bytes.
    public let memoryBytes: Int64?
    /// What the current run says of itself (`STATUS=`).
    public let statusText: String?
    /// How its last process ended.
    public let lastExit: Exit?
    /// When a scheduled one is due next.
    public let nextRun: Timestamp?
    /// When one that waits after a failure is started again.
    public let nextRestart: Timestamp?
    /// Whether its schedule is paused.
    public let isPaused: Bool
    /// At most 128.
    public let dependencies: [Dependency]

    init(_ report: SchedulerReport) {
        name = report.name
        status = HealthStatus(rawValue: report.status.rawValue)
        memoryUsage = report.memoryUsage.map { Int($0) }
        uptime = .seconds(report.uptime)
        consecutiveFailures = report.consecutiveFailures
        restartCount = report.restartCount
        lastExecution = report.lastExecution.map {
            Execution(
                timestamp: Timestamp($0.timestamp), duration: .milliseconds($0.duration),
                success: $0.success)
        }
        kind = report.kind.rawValue
        lifecycle = report.lifecycle.rawValue
        reason = report.reason
        priority = report.priority
        phase = report.phase
        pid = report.pid
        runID = report.runID
        memoryBytes = report.memoryBytes
        statusText = report.statusText
        lastExit = report.lastExit.map {
            Exit(code: $0.code, signal: $0.signal, meaning: $0.meaning, at: Timestamp($0.at))
        }
        nextRun = report.nextRun.map { Timestamp($0) }
        nextRestart = report.nextRestart.map { Timestamp($0) }
        isPaused = report.paused
        dependencies = report.dependencies.map {
            Dependency(name: $0.name, condition: $0.condition.rawValue, isMet: $0.met)
        }
    }
}
