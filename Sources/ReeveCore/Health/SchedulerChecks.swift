// SPDX-License-Identifier: Apache-2.0
//
// When a scheduler's health is asked for, and what the answers lead to. Checks go on while a run is up and
// ready; with `ready = "probe"` they are what it becomes ready by.

extension Scheduler {
    // MARK: When

    /// Checks lie on whole seconds, so that many schedulers cost one wake-up, and each scheduler has its own
    /// second of the interval, so that they do not all fall on the same one: with an interval of 30 s and
    /// ids 0, 1, 2 at 0:00, 0:01, 0:02, 0:30, 0:31, …, whenever they were started.
    func nextCheck(after now: Instant) -> Instant {
        let interval = specification.healthCheckInterval
        let grid = Limits.sampleGrid.nanoseconds
        guard interval >= Limits.sampleGrid else { return now + interval }
        let slots = interval.nanoseconds / grid
        let second = now.nanoseconds / grid + 1
        let wait = (Int64(id.index) % slots - second % slots + slots) % slots
        return Instant(nanoseconds: (second + wait) * grid)
    }

    /// Whether the run waits for a check to pass before it counts as ready.
    private var isProbedForReadiness: Bool {
        if case .starting = lifecycle { specification.readiness.rule == .probe } else { false }
    }

    /// Whether checks go on: the run is up and ready, or becomes so by them.
    private var isChecked: Bool {
        guard specification.healthCheck != nil, lifecycle.run?.leader != nil else { return false }
        if case .running = lifecycle { return true }
        return isProbedForReadiness
    }

    /// The run is up, or has become ready, or the settings are others: checks begin.
    mutating func beginChecks(at now: Instant) {
        guard specification.healthCheck != nil else { return check.begin(due: nil) }
        // One check is about all executions of a scheduler.
        if hasRunBeside, check.due != nil || check.pending != nil { return }
        guard isChecked else { return check.begin(due: nil) }
        check.begin(
            due: isProbedForReadiness ? now + Limits.firstProbeDelay : nextCheck(after: now))
    }

    /// The run is up no longer: what is being asked is of no use any more.
    mutating func endChecks(_ turn: inout Turn) {
        guard !hasRunBeside else { return }
        endProbe(&turn)
        check.end()
    }

    /// What is being asked is of no use any more; that it ended is told all the same.
    func endProbe(_ turn: inout Turn) {
        if let pending = check.pending, !pending.isStale { turn.end(pending.id) }
    }

    /// Asks when it is time to, and nothing is being asked.
    mutating func checkIfDue(_ turn: inout Turn) {
        guard let due = check.due, due <= turn.now.monotonic else { return }
        check.due = nil
        guard let run = lifecycle.run, let settings = specification.healthCheck else { return }
        let id: CommandID
        switch settings.method {
        case .exec(let arguments):
            id = turn.run(
                AuxiliaryCommand(
                    .healthCheck, for: self.id, about: run.id, arguments: arguments,
                    timeout: settings.timeout))
        case .tcp(let target):
            id = turn.probe(
                Probe(for: self.id, target, .connects, timeout: settings.timeout))
        case .http(let target, let path, let status):
            id = turn.probe(
                Probe(
                    for: self.id, target, .responds(path: path, status: status),
                    timeout: settings.timeout))
        }
        check.pending = HealthCheck.Pending(id: id, began: turn.now)
    }

    // MARK: Answers

    /// The answer to a check. One that was overtaken by the end of its run, or by other settings, only makes
    /// room for the next.
    mutating func checked(
        _ id: CommandID, _ outcome: ProbeOutcome, autoRecovery: Bool, _ turn: inout Turn
    ) {
        guard let asked = check.pending, asked.id == id else { return }
        check.pending = nil
        guard isChecked, let settings = specification.healthCheck, let run = lifecycle.run else {
            // The check is about those beside it, too.
            if hasRunBeside && specification.healthCheck != nil {
                check.due = nextCheck(after: turn.now.monotonic)
            }
            return
        }
        let now = turn.now.monotonic
        let wait = isProbedForReadiness ? now + Limits.probeInterval : nextCheck(after: now)
        guard !asked.isStale else {
            check.due = wait
            return
        }
        let wasFailed = check.state == .failed
        let isInStartPeriod =
            check.state == .unknown && now - run.startedAt.monotonic < settings.startPeriod
        let change = check.take(
            outcome, asked, settings, isGrace: isProbedForReadiness || isInStartPeriod,
            at: turn.now)
        check.due = wait
        switch change {
        case .passed where isProbedForReadiness:
            becomeReady(&turn)
            check.due = nextCheck(after: now)
        case .passed where wasFailed: healthCheckTurnedPassed(outcome.words, &turn)
        case .failed:
            healthCheckTurnedFailed(outcome.words, autoRecovery: autoRecovery, &turn)
            if schedule == nil { countFailure(&turn) }
        case .passed, nil:
            // It fails on: a recovery that was put off may be due.
            if wasFailed, check.state == .failed, case .failed = outcome {
                healthCheckFailsOn(autoRecovery: autoRecovery, &turn)
            }
        }
    }
}

extension Turn {
    /// Asks for a probe. Its outcome comes in a later turn, in any case.
    mutating func probe(_ probe: Probe) -> CommandID {
        let id = CommandID(sequence.next(at: now.wall))
        effects.append(.probe(id, probe))
        newCommands.append((id, .probe(probe)))
        return id
    }
}
