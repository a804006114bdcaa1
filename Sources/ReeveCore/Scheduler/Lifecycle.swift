// SPDX-License-Identifier: Apache-2.0
//
// Where a scheduler is in its life. Two things are kept apart: what is wanted (`Desired`) and what is
// (`Lifecycle`). The data of a state lives in its case, so that leaving the state drops it.
//
//     desired \ is   stopped   waiting…     starting/running   stopping        backingOff   exhausted
//     up             (start)   start later  as it should be    start again     start later  as it should be
//     down           ✓         → stopped    → stopping         → stopped       → stopped    → stopped

/// What the operator, or the configuration, wants of a scheduler.
enum Desired: Equatable, Sendable {
    case up
    case down
    /// As `down`, because reeve itself ends.
    case downForShutdown
}

/// What a scheduler is doing.
enum Lifecycle: Equatable, Sendable {
    /// Nothing of it runs, and nothing will without being asked. Next: `waitingForPhase`, `waitingForDependencies`.
    case stopped(StoppedReason)
    /// Start-up has not come to its phase. Next: `waitingForDependencies`, `stopped`.
    case waitingForPhase
    /// It starts as soon as its dependencies are met. Next: `starting`, `stopped`.
    case waitingForDependencies(DependencyWait)
    /// It follows its schedule, and nothing is due. Next: `starting`, `waitingForDependencies`, `stopped`.
    case idle
    /// A spawn was asked for, or the program runs and is not ready. Next: `running`, `stopping`, `backingOff`,
    /// `completed`, `exhausted`.
    case starting(Run)
    /// The program runs and is ready. Next: `stopping`, `backingOff`, `completed`, `exhausted`.
    case running(Run)
    /// The run is being ended; nothing else of this scheduler happens before it is. Next: any but `running`.
    indirect case stopping(Stop)
    /// The next start has an instant. Next: `waitingForDependencies`, `stopped`.
    case backingOff(BackOff)
    /// No start follows: it failed, and its restart policy says that this is the end. Next: `waitingForDependencies`, `stopped`.
    case exhausted(reason: String)
    /// It ran to its end with success, and its restart policy says that this is the end. Next: `waitingForDependencies`.
    case completed

    /// Why a scheduler is stopped.
    enum StoppedReason: Equatable, Sendable {
        case notStarted
        case disabled
        /// It is no longer configured.
        case removed
        case byOperator
        /// An operator stopped it before reeve was started, and it stays so.
        case heldDown
        case shutdown
        /// A stop that ended although something of its run is alive (`Stop.alive`). It is looked at again
        /// at `nextSurvey`; when nothing is left, what the stop was for goes on.
        indirect case survivors(Stop, nextSurvey: Instant)
        /// Its dependencies form a cycle, or one does not exist.
        case unstartable(String)
    }

    /// Waiting for dependencies.
    struct DependencyWait: Equatable, Sendable {
        /// The end of patience; nil once it has passed, or is not counted.
        var until: Instant?
        var timedOut = false
        /// It was running and lost a dependency, rather than starting up.
        var lost: SchedulerName?
        /// The back-off that the loss came into; it is not cut short.
        var backOff: BackOff?
    }

    /// Waiting for an instant.
    struct BackOff: Equatable, Sendable {
        let until: Instant
        /// Why it does not run now.
        let reason: String
        /// Only the least distance between two spawns is waited for; nothing has failed.
        var isSpacing = false
        /// When it became due, where it had to wait for others since; nil: it does so at `until`.
        var wasDueAt: Instant?

        /// Who became due first starts first.
        var dueAt: Instant { wasDueAt ?? until }
    }

    /// The run of this state, where it has one.
    var run: Run? {
        switch self {
        case .starting(let run), .running(let run): run
        case .stopping(let stop): stop.run
        case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .backingOff, .exhausted,
            .completed:
            nil
        }
    }

    /// Whether it is started, and nobody ends it.
    var isUp: Bool {
        switch self {
        case .starting, .running: true
        case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .stopping, .backingOff,
            .exhausted, .completed:
            false
        }
    }

    /// Whether processes of it may be alive that reeve still answers for.
    var isLive: Bool {
        switch self {
        case .starting, .running, .stopping: true
        case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .backingOff, .exhausted,
            .completed:
            false
        }
    }

    /// Whether it stays as it is until an operator or the configuration wants something else.
    var isAtRest: Bool {
        switch self {
        case .stopped, .exhausted, .completed: true
        case .waitingForPhase, .waitingForDependencies, .idle, .starting, .running, .stopping,
            .backingOff:
            false
        }
    }

    /// The leader of the run that is being ended has been reaped.
    var isLeaderGone: Bool {
        if case .stopping(let stop) = self { return stop.isLeaderGone }
        return false
    }

    var name: LifecycleName {
        switch self {
        case .stopped: .stopped
        case .waitingForPhase: .waitingForPhase
        case .waitingForDependencies: .waitingForDependencies
        case .idle: .idle
        case .starting: .starting
        case .running: .running
        case .stopping: .stopping
        case .backingOff: .backingOff
        case .exhausted: .exhausted
        case .completed: .completed
        }
    }
}

/// One execution of a scheduler's program.
struct Run: Equatable, Sendable {
    let id: RunID
    /// When the spawn was asked for.
    let askedAt: Moment
    /// Why it was started, for the log.
    let reason: String
    /// Known once the spawn was answered.
    var leader: ProcessIdentity?
    var startedAt: Moment
    var readyAt: Instant?
    /// The last signal that an operator sent through reeve.
    var operatorSignal: Signal?
    var memory = MemoryGuard()
    /// The command that is run before it; nil where none is, or it is over.
    var onStart: CommandID?
    /// The shell has been asked for it, so that it knows it.
    var isSpawnAsked = false
    /// Since its memory was last below the threshold.
    var isCleanupTried = false
    /// nil where its memory is not watched.
    var nextSample: Instant?

    init(id: RunID, askedAt: Moment, reason: String) {
        self.id = id
        self.askedAt = askedAt
        self.reason = reason
        startedAt = askedAt
    }
}

/// A run that is being ended.
struct Stop: Equatable, Sendable {
    enum Cause: Equatable, Sendable {
        /// An operator's stop, or restart: what is desired tells which.
        case byOperator
        case shutdown
        /// A later occurrence takes its place (`overlap = "replace"`).
        case replaced
        /// The configuration is another: what is desired tells whether it starts again.
        case reconfigured
        case dependencyLost(SchedulerName)
        case dependencyBack(SchedulerName)
        /// A recovery restarts it.
        case recovery(RecoveryTrigger)
        case memoryHardLimit
        case timeout
        /// It was not ready in time; and what was missing.
        case notReady(String)
        /// It gave no sign of life; and which.
        case watchdog(String)
        /// The leader ended by itself and left members behind; what follows was decided by its end.
        case leftovers(Verdict)
    }

    enum Step: Equatable, Sendable {
        /// The spawn has not been answered yet.
        case awaitingSpawn
        /// The leader was asked. `othersAt`: when the rest is asked too; nil leaves it alone.
        case leaderAsked(othersAt: Instant?)
        case allAsked(nextSurvey: Instant)
        case killed(nextSurvey: Instant)
        /// Nothing of the run is alive, and the command after it runs. `isEnded`: it was cut short.
        case onStop(CommandID, isEnded: Bool)
    }

    var run: Run
    let cause: Cause
    let began: Instant
    var step: Step
    /// When SIGKILL is due, and at the latest, whatever is granted.
    var killAt: Instant
    var killLimit: Instant
    /// When waiting ends although something is alive, and at the latest.
    var endAt: Instant
    var endLimit = Instant.distantFuture
    /// The leader's end; nil while it has not been reaped.
    var leaderStatus: ExitStatus?
    /// What the last survey found, the leader included while it is unreaped.
    var alive: [ProcessDescription] = []
    /// Everything that SIGKILL was sent to.
    var killed: [ProcessDescription] = []
    /// What it executed has its outcome, although something of it is alive.
    var isConcluded = false
    /// What it could not be ended under is no longer configured.
    var isOutdated = false
}
