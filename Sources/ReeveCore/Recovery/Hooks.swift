// SPDX-License-Identifier: Apache-2.0
//
// Commands around a run: `on-start` before its program is started, `on-stop` when nothing of it is alive any
// more, however it ended. Both are bounded by `hook-timeout`; a failed `on-start` is a failed start, a failed
// `on-stop` is said and changes nothing.

extension Scheduler {
    // MARK: on-start

    /// Asks for the program, or for what has to be done before it.
    mutating func beginRun(_ run: Run, _ turn: inout Turn) {
        var run = run
        guard let arguments = specification.recovery.onStart else {
            run.isSpawnAsked = true
            enter(.starting(run))
            turn.effects.append(.spawn(run.id, id))
            return
        }
        run.onStart = turn.run(hook(.onStart, arguments, about: nil))
        enter(.starting(run))
    }

    private mutating func onStartEnded(
        _ id: CommandID, _ outcome: CommandOutcome, _ turn: inout Turn
    ) -> RestartOutcome {
        guard let run = lifecycle.run, run.onStart == id else { return .settled }
        updateRun { $0.onStart = nil }
        if case .stopping(let stop) = lifecycle { return finished(stop, &turn) }
        guard case .starting = lifecycle else { return .settled }
        if let cause = pendingStop {
            // It need not come up to go down; who depends on it finds it gone.
            beginStop(cause, reason: cause.words, &turn)
            guard case .stopping(let stop) = lifecycle else { return .settled }
            return finished(stop, &turn)
        }
        guard let failure = outcome.failure else {
            updateRun { $0.isSpawnAsked = true }
            turn.effects.append(.spawn(run.id, self.id))
            return .settled
        }
        record(.hookFailed(.onStart, words: failure), run: run.id, in: &turn)
        let meaning = "could not be started: its on-start command \(failure)"
        let verdict = Verdict(kind: .failure, meaning: meaning)
        note(verdict, of: run, status: nil, &turn)
        lastCode = outcome.shellCode
        return runEnded(run, verdict, nil, &turn)
    }

    // MARK: on-stop

    /// Nothing of a run that ended by itself is alive: what is to be done after it, and then what follows.
    /// `status` is nil where no leader was reaped.
    mutating func runEnded(
        _ run: Run, _ verdict: Verdict, _ status: ExitStatus?, _ turn: inout Turn
    ) -> RestartOutcome {
        let now = turn.now.monotonic
        var stop = Stop(
            run: run, cause: .leftovers(verdict), began: now, step: .awaitingSpawn,
            killAt: .distantFuture, killLimit: .distantFuture, endAt: .distantFuture)
        stop.leaderStatus = status
        let goesOn = beginOnStop(&stop, &turn)
        turn.end(run)
        guard goesOn else { return follow(verdict, &turn) }
        enter(.stopping(stop))
        return .settled
    }

    /// Whether a stop goes on with the `on-stop` command.
    mutating func beginOnStop(_ stop: inout Stop, _ turn: inout Turn) -> Bool {
        guard let arguments = specification.recovery.onStop else { return false }
        // reeve is leaving, and what outlived its stop has just gone after all.
        if desired == .downForShutdown, case .stopped = lifecycle { return false }
        let about = stop.run.isSpawnAsked ? stop.run.id : nil
        let command = turn.run(hook(.onStop, arguments, about: about))
        stop.step = .onStop(command, isEnded: false)
        // The command has a time of its own; only the end of reeve cuts it short.
        stop.killAt = stop.killLimit
        stop.alive = []
        return true
    }

    private mutating func onStopEnded(
        _ id: CommandID, _ outcome: CommandOutcome, _ turn: inout Turn
    ) -> RestartOutcome {
        guard case .stopping(let stop) = lifecycle, case .onStop(id, let isEnded) = stop.step else {
            return .settled
        }
        if let failure = outcome.failure {
            let words = isEnded ? "was ended because reeve shuts down" : failure
            record(.hookFailed(.onStop, words: words), run: stop.run.id, in: &turn)
        }
        return concluded(stop, &turn)
    }

    // MARK: Both

    private func hook(
        _ purpose: AuxiliaryCommand.Purpose, _ arguments: [String], about run: RunID?
    ) -> AuxiliaryCommand {
        AuxiliaryCommand(
            purpose, for: id, about: run, arguments: arguments,
            timeout: specification.recovery.hookTimeout, output: .logged)
    }

    /// The outcome of a command that was run for this scheduler.
    mutating func commandEnded(
        _ id: CommandID, _ purpose: AuxiliaryCommand.Purpose, _ outcome: CommandOutcome,
        _ turn: inout Turn
    ) -> RestartOutcome {
        switch purpose {
        case .onStart: return onStartEnded(id, outcome, &turn)
        case .onStop: return onStopEnded(id, outcome, &turn)
        case .cleanup:
            cleanupCommandEnded(id, outcome, &turn)
            return .settled
        case .healthCheck, .alert: return .settled
        }
    }
}

extension CommandOutcome {
    /// What is said after the command, without a full stop; nil where it succeeded.
    var failure: String? {
        switch self {
        case .ended(.exited(code: 0), output: _): nil
        case .ended(let status, let output):
            "ended with \(status)" + (output.isEmpty ? "" : ": \(output)")
        case .timedOut(let output):
            "took too long and was killed" + (output.isEmpty ? "" : ": \(output)")
        case .notStarted(let words, isShortage: _): "could not be started: \(words)"
        }
    }

    /// As a shell would report it; 124 for a timeout, as timeout(1) does.
    var shellCode: Int32 {
        switch self {
        case .ended(let status, output: _): status.shellCode
        case .timedOut: 124
        case .notStarted: 126
        }
    }
}
