// SPDX-License-Identifier: Apache-2.0
//
// Everything that reeve says: decisions with their reasons. One record is one line of the log and one
// event of the stream; the words are made here so that both, and the tests, read the same.

/// One thing that happened or was decided.
package struct Record: Equatable, Sendable {
    package var at: WallTime
    package var scheduler: SchedulerName?
    package var run: RunID?
    package var fact: Fact

    package init(at: WallTime, scheduler: SchedulerName? = nil, run: RunID? = nil, fact: Fact) {
        self.at = at
        self.scheduler = scheduler
        self.run = run
        self.fact = fact
    }
}

/// What a record says.
package enum Fact: Equatable, Sendable {
    // The supervisor
    case supervisorStarted(schedulers: Int, profile: Profile, reason: String)
    case phaseBegan(Int, members: Int)
    case phaseEnded(Int, timedOut: Bool, waitingFor: [SchedulerName])
    case startupEnded(after: Duration)
    case shutdownBegan(ShutdownCause, running: Int, gracefulTimeout: Duration)
    case shutdownWaits(for: [SchedulerName], left: Duration)
    case shutdownForced(reason: String)
    case shutdownEnded(after: Duration, code: Int32, alive: [ProcessDescription])
    case reloadBegan(reason: String)
    indirect case reloaded(SpecificationChanges)
    /// The configuration cannot be used; nothing has changed.
    case reloadFailed(String)
    /// What is registered cannot be changed like this; nothing has changed.
    case registrationFailed(SchedulerName, isRemoval: Bool, words: String)
    case defect(String)
    /// Children that came to reeve without evidence for a run, told by the shell.
    case orphansAdopted([ProcessDescription])
    /// A shell's sentence about itself: lost output, a dropped reader, something it goes without.
    case notice(SupervisorSettings.LogLevel, String)

    // Alerts
    indirect case alert(Alert)
    /// The command of `exec` failed; `next`: until it is tried again, nil: never.
    case alertDeliveryFailed(words: String, alerts: Int, attempt: Int, next: Duration?)
    /// Too many wait for delivery; the oldest are dropped from here on.
    case alertsDropped(limit: Int)

    // A reload, for one scheduler
    case configurationChanged(keys: [String], restarts: Bool)
    case removed

    // A run's life
    case started(PID, reason: String)
    case becameReady(after: Duration)
    case spawnFailed(SpawnFailure)
    case exited(ExitStatus, ran: Duration, isFailure: Bool, meaning: String)
    case restartScheduled(after: Duration, reason: String)
    case failuresReset(reason: String)
    case overRestartLimit(restarts: Int, window: Duration, next: Duration)
    /// `endsReeve`: when-exhausted = "exit".
    case exhausted(reason: String, endsReeve: Bool)
    case completed(ran: Duration)
    case timedOut(Duration)

    // Schedules
    case occurrenceEnded(
        LedgerEntry.Outcome, occurrence: WallTime, count: Int, reason: String)
    case retryScheduled(attempt: Int, of: Int, after: Duration, reason: String)
    case paused
    case resumed
    case clockStepped(by: Duration)

    // Order
    case waiting(for: [SchedulerName])
    case dependencyTimedOut(waitingFor: [SchedulerName], timeout: Duration)
    case dependencyLost(SchedulerName, action: Dependency.OnFailure, reason: String)
    case dependencyBack(SchedulerName)

    // Stop
    case stopping(reason: String, how: String, timeout: Duration)
    case leftBehind([ProcessDescription], kept: Bool)
    case signalled(Signal, [ProcessDescription])
    case killed([ProcessDescription], after: Duration)
    case signalFailed(Signal, words: String)
    case stopCommandFailed(words: String, signalFollows: Bool)
    case stopped(after: Duration, killed: Int)
    case survived([ProcessDescription])
    case staysStopped
    case staysPaused

    // Memory and health
    /// `failures` in a row; `action`: what follows, and if nothing, why.
    case checkFailed(words: String, failures: Int, action: String)
    case checkPassed(words: String)
    case startTimedOut(after: Duration, words: String)
    case watchdogMissed(words: String)
    /// What a run said of itself.
    case notified(String)
    case memoryAbove(Bytes, limit: Bytes, samples: Int, action: String)
    case memoryRecovered(Bytes, limit: Bytes)
    case memoryUnreadable(String)
    case cleanupBegan(String)
    /// A command around a run did not succeed.
    case hookFailed(AuxiliaryCommand.Purpose, words: String)
    /// An action of a recovery, done.
    indirect case recovering(RecoveryAction)
    case recoveryFailed(RecoveryTrigger, reason: String)
    case healthChanged(from: Health, to: Health, reason: String)
}
