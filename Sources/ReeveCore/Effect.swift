// SPDX-License-Identifier: Apache-2.0
//
// What the core asks of the world. Effects are carried out in their order; what comes of them arrives
// as an event of a later turn.

/// One output of `Supervisor.handle(_:at:)`.
package enum Effect: Equatable, Sendable {
    /// Write this down before anything that follows: what a crash must not forget.
    case ledger(LedgerEntry)
    /// Start the scheduler's program as this run. Answered by `spawned` or `spawnFailed`.
    case spawn(RunID, SchedulerID)
    /// The run is to be ended and its spawn has not been answered: if its program has not begun, it must
    /// not. Answered by `spawnAbandoned`, unless `spawned` or `spawnFailed` is on its way.
    case abandonSpawn(RunID)
    /// Send a signal and then SIGCONT, so that a stopped process can take it. To `everyone` and to
    /// `others` it is answered by `surveyed`; a failure to signal the leader by `signalFailed`.
    case signal(RunID, Signal, to: SignalTarget)
    /// An operator's signal, as it is and to the leader alone. A failure is answered by `signalFailed`.
    case passSignal(RunID, Signal)
    /// SIGKILL to every member, scanning until two scans are equal. Answered by `surveyed`.
    case kill(RunID)
    /// Look who is alive. Answered by `surveyed`.
    case survey(RunID)
    /// Start the scheduler's stop command. Only its failure is answered: `stopCommandFailed`.
    case runStopCommand(RunID)
    /// Read the memory of this run's tree. Answered by `sampled`.
    case sample(RunID)
    /// Execute a command that is no run. Answered by `commandEnded`, exactly once: when it has ended, or
    /// could not be started, or was killed at its timeout.
    case runCommand(CommandID, AuxiliaryCommand)
    /// Connect, and see whether somebody answers. Answered by `probed`, exactly once, soon after its timeout
    /// at the latest.
    case probe(CommandID, Probe)
    /// SIGKILL to every process of a command that is not wanted any more, or the end of a probe.
    /// `commandEnded`, or `probed`, still comes.
    case endCommand(CommandID)
    /// The run is over: drop what is kept for it. Processes it left (`leftovers = "keep"`, survivors
    /// that the operator started over) become orphans. A run whose survivors are still watched is
    /// forgotten when the last of them is gone.
    case forget(RunID)
    /// A signal, and SIGCONT, to every process that descends from reeve (as PID 1: to every other process of
    /// the namespace); nil only looks. The end of a shutdown. Answered by `swept`.
    case sweep(Signal?)
    case reply(RequestID, Reply)
    /// Keep in the state directory what an operator wants of this scheduler; nil: nothing any more.
    case keep(SchedulerID, Wish?)
    /// Read the configuration file and what is registered, in another process, which makes the change, if
    /// there is one, and keeps it before it answers: with `configurationLoaded` or `configurationRejected`.
    indirect case loadConfiguration(RegistrationChange?)
    /// The shell's own settings (log format and level) are these from now on.
    indirect case adoptSettings(SupervisorSettings)
    /// The log file of this scheduler, or how it is kept, is another, for what runs already.
    case adoptLog(SchedulerID)
    /// Drop what is kept for the scheduler of this name, which is long gone: another one has its place from here on.
    case forgetScheduler(SchedulerID, SchedulerName)
    /// One line of the event stream, of reeve's own log, and of `reeve why`.
    case record(Record)
    /// As `runCommand`, with these alerts as JSON on its stdin.
    case deliverAlerts(CommandID, AuxiliaryCommand, [Alert])
    /// Keep what is known of a run that failed; before `forget`.
    indirect case keepFailure(FailureReport)
    /// To a service manager above.
    case tellManager(ManagerMessage)
    /// Everything has ended: leave with this exit code. Always the last effect.
    case exit(code: Int32)
}

/// Which processes of a run a signal is for.
package enum SignalTarget: Equatable, Sendable {
    /// The process that was spawned.
    case leader
    /// Every member but the leader: for a leader that has its signal already, or is gone.
    case others
    /// The leader's process group and every other member.
    case everyone
}

/// What sd_notify(3) carries.
package enum ManagerMessage: Equatable, Sendable {
    /// READY=1: the start-up phases are over, or a reload is.
    case ready
    /// RELOADING=1: the configuration is being read again; `ready` follows.
    case reloading
    /// STATUS=: one line. The core never sends it: the loop asks for `Supervisor.statusLine` and sends what is new.
    case status(String)
    /// STOPPING=1.
    case stopping
}
