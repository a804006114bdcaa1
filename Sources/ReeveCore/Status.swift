// SPDX-License-Identifier: Apache-2.0
//
// What the core shows of itself. These are copies, made when asked; nothing in them is live.

/// The public state of a scheduler, and of the whole.
package enum Health: String, Equatable, Sendable, CaseIterable {
    case healthy, degraded, unhealthy, stopped, starting, stopping
}

/// The public name of a lifecycle state.
package enum LifecycleName: String, Equatable, Sendable, CaseIterable {
    case stopped
    case waitingForPhase = "waiting-for-phase"
    case waitingForDependencies = "waiting-for-dependencies"
    case idle
    case starting
    case running
    case stopping
    case backingOff = "backing-off"
    case exhausted
    case completed
}

/// One scheduler, as `reeve status` shows it.
package struct SchedulerStatus: Equatable, Sendable {
    package struct Execution: Equatable, Sendable {
        package var startedAt: WallTime
        package var duration: Duration
        package var succeeded: Bool
    }
    /// The end of the last run whose leader was reaped.
    package struct LastExit: Equatable, Sendable {
        /// Exit code or signal.
        package var status: ExitStatus
        /// What that means, in words: "failed with exit code 3", "was killed by SIGSEGV".
        package var meaning: String
        package var at: WallTime
    }
    /// Where its health check stands.
    package struct CheckStatus: Equatable, Sendable {
        /// What the checks of the current run add up to; of the last one, where none is up.
        package var state: CheckState
        package var failuresInRow: Int
        /// When the next one is due; nil while one is on its way, or nothing is checked.
        package var next: WallTime?
        /// The last few, oldest first.
        package var results: [CheckResult]
    }
    /// A run that is not over.
    package struct CurrentRun: Equatable, Sendable {
        package var id: RunID
        /// Its leader; nil while its spawn is not answered, and once the leader was reaped.
        package var pid: PID?
        /// When it was started.
        package var startedAt: WallTime
        /// As `SchedulerStatus.memory`, of this run alone.
        package var memory: Bytes?
        /// The nominal instant of its execution; nil for daemons and tasks.
        package var scheduledAt: WallTime?
    }
    /// One edge, as it stands.
    package struct DependencyStatus: Equatable, Sendable {
        /// Whom it depends on.
        package var name: SchedulerName
        /// What has to hold.
        package var condition: Dependency.Condition
        /// Whether it holds.
        package var isMet: Bool
    }

    /// Its place in the table.
    package var id: SchedulerID
    /// Its name.
    package var name: SchedulerName
    /// Daemon or task.
    package var kind: SchedulerSpecification.Kind
    /// Whether it is in the file, or was registered.
    package var origin = SchedulerSpecification.Origin.file
    /// The public state.
    package var health: Health
    /// The state behind it.
    package var lifecycle: LifecycleName
    /// Why it is in this state, as a sentence without a full stop.
    package var reason: String
    package var priority: Int
    /// The effective phase, 1 to 4.
    package var phase: Int
    package var run: RunID?
    /// The leader of the current run.
    package var pid: PID?
    /// Every run that is not over, the current one first; more than one with `overlap = "allow"` only.
    package var runs: [CurrentRun] = []
    /// The last sample of the current run, of several their sum; nil where one was not taken, or /proc
    /// did not tell.
    package var memory: Bytes?
    package var memoryThreshold: Bytes?
    /// How long the current run has been up; nil when down.
    package var uptime: Duration?
    package var consecutiveFailures: Int
    /// Automatic restarts that have happened since the start or the last `reset`; one that is scheduled
    /// counts when it happens.
    package var restartCount: Int
    package var restartsInWindow: Int
    package var lastExit: LastExit?
    package var lastExecution: Execution?
    package var nextRestart: WallTime?
    /// Scheduled ones: when the next occurrence is due, delays included; nil where none follows.
    package var nextRun: WallTime?
    package var isPaused = false
    /// Scheduled ones: how the last execution ended.
    package var lastOutcome: LedgerEntry.Outcome?
    /// Its health check; nil where there is none.
    package var checks: CheckStatus?
    /// What the current run says of itself (STATUS=), one line.
    package var statusText: String?
    /// The process that the current run calls its main one (MAINPID=).
    package var mainPID: PID?
    package var dependencies: [DependencyStatus]
    /// What a stop could not end.
    package var survivors: [ProcessDescription]
    /// A recovery that is under way.
    package var recovery: RecoveryStatus?
    /// The last one that is over.
    package var lastRecovery: RecoveryStatus?
}

/// A recovery, as far as it has come.
package struct RecoveryStatus: Equatable, Sendable {
    /// Counts the recoveries of one scheduler, from 1.
    package var number: Int
    package var trigger: RecoveryTrigger
    /// What is waited for, or how it ended; a sentence without a full stop.
    package var words: String
    /// In the order in which they were taken.
    package var actions: [RecoveryAction]
    /// When it was over; nil while it is under way.
    package var endedAt: WallTime?

    package init(
        number: Int, trigger: RecoveryTrigger, words: String, actions: [RecoveryAction],
        endedAt: WallTime? = nil
    ) {
        self.number = number
        self.trigger = trigger
        self.words = words
        self.actions = actions
        self.endedAt = endedAt
    }
}

/// What a run of a scheduled one is told in its environment.
package struct ExecutionContext: Equatable, Sendable {
    /// The nominal instant.
    package let scheduledAt: WallTime
    /// From 1.
    package let attempt: Int
}

/// The whole, as `reeve status` heads it.
package struct SupervisorStatus: Equatable, Sendable {
    package var health: Health
    /// Schedulers by health.
    package var healthy = 0
    package var degraded = 0
    package var unhealthy = 0
    package var stopped = 0
    package var starting = 0
    package var stopping = 0
    package var total: Int { healthy + degraded + unhealthy + stopped + starting + stopping }
    /// The start-up phase that is going on, 1 to 4; nil when start-up is over.
    package var phase: Int?
    package var isShuttingDown = false
    package var startedAt: WallTime
    package var uptime: Duration
    /// Alerts that are on.
    package var alertCount = 0
    /// Impossible states that were seen; zero unless reeve has a defect.
    package var defects = 0
}
