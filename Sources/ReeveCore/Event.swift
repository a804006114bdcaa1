// SPDX-License-Identifier: Apache-2.0
//
// What the world tells the core. Names are in the past tense: an event has happened.

/// One input of `Supervisor.handle(_:at:)`.
package enum Event: Equatable, Sendable {
    /// The event loop runs. Always the first event, and only once.
    case began
    /// A spawn succeeded: the leader of this run.
    case spawned(RunID, ProcessIdentity)
    case spawnFailed(RunID, SpawnFailure)
    /// The answer to a spawn that was abandoned in time: its program never began, and nothing of it is
    /// left.
    case spawnAbandoned(RunID)
    /// The leader was reaped. `leftovers` are the run's members that were alive right after it.
    /// `used`: processor time of the leader, and of members that reeve reaped before it.
    case exited(
        RunID, ExitStatus, leftovers: [ProcessDescription], used: Duration = .zero)
    /// Which members of a run are alive: the answer to `signal(to: others or everyone)`, `kill` and `survey`;
    /// also sent unasked when a member of a run without a leader was reaped. A leader that has not been
    /// reaped is a member.
    /// `reached`: the processes that the signal of the answered effect was sent to, each by its name as
    /// it was before; nil for a mere look.
    case surveyed(RunID, alive: [ProcessDescription], reached: Reached?)
    /// A signal to the leader could not be sent, with the errno's words (EPERM).
    case signalFailed(RunID, Signal, words: String)
    /// The stop command could not be started or ended without success.
    case stopCommandFailed(RunID, words: String)
    case sampled(RunID, MemoryReading)
    /// The answer to `probe`, exactly once.
    case probed(CommandID, ProbeOutcome)
    /// A message came through the run's notify socket, from somebody who may send one.
    case notified(RunID, [Notification])
    /// The answer to `runCommand`: it is over, and nothing of it is left but what cannot die.
    case commandEnded(CommandID, CommandOutcome)
    case requested(RequestID, Request)
    /// Whoever asked has gone; no reply is wanted any more.
    case requestWithdrawn(RequestID)
    /// SIGHUP to reeve itself: the configuration is to be read again.
    case reloadRequested(reason: String)
    /// The answer to `loadConfiguration`: what the file says now.
    indirect case configurationLoaded(Specification)
    /// The answer to `loadConfiguration`: the file cannot be used, or the change not be made, and why.
    case configurationRejected(words: String, as: Reply.Refusal = .configuration)
    /// SIGTERM or SIGINT to reeve itself, or its terminal went away.
    case shutdownRequested(ShutdownCause)
    /// The answer to `sweep`: what of reeve's descendants is still alive.
    case swept(alive: [ProcessDescription])
    /// `nextDeadline` has come.
    case timePassed

    /// The order inside a turn; smaller is first. Readiness and spawn outcomes before exits, so that
    /// "started, then died" is not read as "never started"; exits before requests, so that nothing is
    /// sent to a process that is known dead, and no command's outcome counts for it; time after both, so
    /// that no deadline falls on a run whose sign of life is in the same batch; samples last, since they act on what is left.
    package var priority: Int {
        switch self {
        case .began: 0
        case .spawned, .spawnFailed, .spawnAbandoned, .notified: 1
        case .exited, .surveyed, .signalFailed, .stopCommandFailed, .swept: 2
        case .shutdownRequested, .requested, .requestWithdrawn, .reloadRequested,
            .configurationLoaded, .configurationRejected, .commandEnded, .probed:
            3
        case .timePassed: 4
        case .sampled: 5
        }
    }
}

/// What a signal was sent to.
package struct Reached: Equatable, Sendable {
    package let signal: Signal
    package let processes: [ProcessDescription]

    package init(signal: Signal, processes: [ProcessDescription]) {
        self.signal = signal
        self.processes = processes
    }
}

/// Why reeve itself ends.
package enum ShutdownCause: Equatable, Sendable {
    /// A signal to reeve. A second one, after a second or more, forces.
    case signal(Signal)
    /// SIGHUP from the kernel: the controlling terminal went away.
    case terminalClosed
    /// `exit-with`, or `when-exhausted = "exit"`: this scheduler ended for good.
    case schedulerEnded(SchedulerName, shellCode: Int32)
}

/// The number by which the shell finds the connection that waits for a reply.
package struct RequestID: Hashable, Sendable {
    package let number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }
}

/// What an operator asks for. Reading is not here: `Supervisor` has methods for it.
package enum Request: Equatable, Sendable {
    /// `force`: although survivors of an earlier stop are alive.
    case start(SchedulerID, force: Bool)
    case stop(SchedulerID)
    case restart(SchedulerID, force: Bool)
    /// Forgets failures, the restart window and the count of restarts; leaves `exhausted`.
    case reset(SchedulerID)
    /// Climb the ladder of recovery: free memory, forget failures, see to its dependencies, restart.
    case recover(SchedulerID)
    /// To the leader of the current run.
    case signal(SchedulerID, Signal)
    case startAll
    case stopAll
    /// Execute a scheduled one now, under the same rules as its occurrences; `force`: although it is
    /// paused, its dependencies are not met, or an execution runs (it then runs after that one).
    case runNow(SchedulerID, force: Bool)
    /// Give its occurrences the outcome `paused` until it is resumed.
    case pause(SchedulerID)
    case resume(SchedulerID)
    /// Read the configuration again and bring it about.
    case reload
    /// Register a scheduler, or take one away that was registered.
    indirect case change(RegistrationChange)
}

/// The answer to a request: how it went, for each scheduler that it touched.
package struct Reply: Equatable, Sendable {
    package struct Outcome: Equatable, Sendable {
        package enum Result: String, Equatable, Sendable {
            /// As asked, now.
            case done
            /// It was so before.
            case unchanged
            /// It will be so later; `words` say what is waited for.
            case pending
            case failed
        }
        /// Whom it is about.
        package var scheduler: SchedulerID
        /// How it went.
        package var result: Result
        /// A sentence for the operator: "web: started, pid 4711".
        package var words: String
        /// What a recovery did, in its order; empty for every other request.
        package var actions: [RecoveryAction]

        package init(
            scheduler: SchedulerID, result: Result, words: String, actions: [RecoveryAction] = []
        ) {
            self.scheduler = scheduler
            self.result = result
            self.words = words
            self.actions = actions
        }
    }

    /// Why a request was refused as a whole.
    package enum Refusal: String, Equatable, Sendable {
        case shuttingDown = "shutting-down"
        case survivors
        case notRunning = "not-running"
        /// It has no schedule.
        case notScheduled = "not-scheduled"
        case tooManyRequests = "too-many-requests"
        /// A reload found the configuration unusable; `words` say where. Nothing has changed.
        case configuration
        /// The name is the file's, or of a part of reeve.
        case conflict
        /// Nothing of this name is registered.
        case unknownScheduler = "unknown-scheduler"
        /// What is registered cannot be kept: there is no state directory, or it cannot be written to.
        case notKept = "not-kept"
    }

    /// What a registration came to.
    package enum Change: String, Equatable, Sendable {
        case added, changed, unchanged, removed
    }

    /// nil where the request was taken up.
    package var refusal: Refusal?
    /// By scheduler, ascending; empty where the request was refused before any was touched.
    package var outcomes: [Outcome]
    /// A sentence about the whole, where there is one to say.
    package var words: String?
    /// Only of a registration that was taken up.
    package var change: Change?

    package init(
        refusal: Refusal? = nil, outcomes: [Outcome], words: String? = nil, change: Change? = nil
    ) {
        self.refusal = refusal
        self.outcomes = outcomes
        self.words = words
        self.change = change
    }

    /// False where it was refused or any outcome failed.
    package var succeeded: Bool {
        refusal == nil && outcomes.allSatisfy { $0.result != .failed }
    }
}
