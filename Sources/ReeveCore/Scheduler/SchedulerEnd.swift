// SPDX-License-Identifier: Apache-2.0
//
// The end of a run: what it meant, and what follows.

extension Scheduler {
    /// A spawn that failed: a failure like an exit, with the errno's words.
    mutating func spawnFailed(_ failure: SpawnFailure, _ turn: inout Turn) -> RestartOutcome {
        guard let run = lifecycle.run else { return .settled }
        record(.spawnFailed(failure), run: run.id, in: &turn)
        let verdict = specification.verdict(
            on: .spawnFailed(failure), wasReady: false, operatorSignal: nil)
        note(verdict, of: run, status: nil, &turn)
        // ENOENT is what a shell reports as 127, every other reason as 126.
        lastCode = failure.errno == 2 ? 127 : 126
        if case .stopping(let stop) = lifecycle { return finished(stop, &turn) }
        return runEnded(run, verdict, nil, &turn)
    }

    /// The program never began, because it was to be stopped before: the stop is over, and nothing failed.
    mutating func spawnAbandoned(_ turn: inout Turn) -> RestartOutcome {
        guard case .stopping(let stop) = lifecycle, stop.step == .awaitingSpawn else {
            let words = "its start was given up, which nobody asked for"
            return spawnFailed(SpawnFailure(errno: 0, words: words), &turn)
        }
        lastEnd = turn.now.monotonic
        return finished(stop, &turn)
    }

    /// With what it said of itself before.
    private func adding(_ failure: String?, to verdict: Verdict) -> Verdict {
        guard let failure, verdict.isFailure else { return verdict }
        return Verdict(kind: .failure, meaning: "\(verdict.meaning) (it said: \(failure))")
    }

    /// The leader was reaped.
    mutating func exited(
        _ status: ExitStatus, leftovers: [ProcessDescription], _ turn: inout Turn
    ) -> RestartOutcome {
        if case .stopping(let stop) = lifecycle {
            return exitedWhileStopping(stop, status, leftovers, &turn)
        }
        if case .stopped(.survivors(var stop, let nextSurvey)) = lifecycle {
            guard stop.leaderStatus == nil else { return .settled }
            stop.leaderStatus = status
            noteStopped(stop, status, &turn)
            enter(.stopped(.survivors(stop, nextSurvey: nextSurvey)))
            return surveyed(leftovers, reached: nil, &turn)
        }
        // The exit comes before the passage of time of the same turn, in which it may have become ready.
        if case .starting(let run) = lifecycle, isDue(run, at: turn.now.monotonic) {
            becomeReady(&turn)
        }
        guard let run = lifecycle.run else { return .settled }
        endChecks(&turn)
        let ran = turn.now.monotonic - run.startedAt.monotonic
        let hadGoodTime = goodTimeBegan(run).map {
            turn.now.monotonic - $0 >= specification.restart.resetAfter
        }
        if hadGoodTime == true && schedule == nil {
            resetFailures(reason: "\(specification.restart.resetAfter) of good time", &turn)
        }
        var verdict = adding(
            signs.failure,
            to: specification.verdict(
                on: .exited(status), wasReady: run.readyAt != nil,
                operatorSignal: run.operatorSignal))
        if run.isCleanupTried, let signal = specification.recovery.cleanupSignal,
            status.isDeath(by: signal), verdict.isFailure
        {
            verdict = .killedByCleanup(signal)
        }
        note(verdict, of: run, status: status, &turn)
        record(
            .exited(status, ran: ran, isFailure: verdict.isFailure, meaning: verdict.meaning),
            run: run.id, in: &turn)
        if leftovers.isEmpty {
            return runEnded(run, verdict, status, &turn)
        }
        let keep = specification.stop.leftovers == .keep
        record(.leftBehind(leftovers, kept: keep), run: run.id, in: &turn)
        if keep {
            return runEnded(run, verdict, status, &turn)
        }
        beginStopOfLeftovers(run, verdict, status, leftovers, &turn)
        return .settled
    }

    /// Counts a failure or forgets them after a task's success, and keeps what `status` shows.
    mutating func note(_ verdict: Verdict, of run: Run, status: ExitStatus?, _ turn: inout Turn) {
        lastMeaning = verdict.meaning
        lastEnd = turn.now.monotonic
        let ran = turn.now.monotonic - run.startedAt.monotonic
        lastExecution = SchedulerStatus.Execution(
            startedAt: run.startedAt.wall, duration: ran, succeeded: verdict.kind == .success)
        if let status {
            lastCode = status.shellCode
            lastExit = SchedulerStatus.LastExit(
                status: status, meaning: verdict.meaning, at: turn.now.wall)
        }
        metrics.ended(
            PastRun(
                startedAt: run.startedAt.wall, duration: ran, end: EndKind(status),
                outcome: verdict.outcome))
        if verdict.kind != .ended { metrics.took(ran) }
        defer {
            if verdict.isFailure {
                reportFailure(of: run, status, meaning: verdict.meaning, &turn)
            }
        }
        // An execution counts once, after its last attempt.
        guard schedule == nil else { return }
        if verdict.kind != .ended {
            metrics.executed(
                succeeded: !verdict.isFailure, timedOut: false, at: turn.now.monotonic)
            if !verdict.isFailure { metrics.succeeded(at: turn.now.wall, expectedBy: nil) }
        }
        if verdict.isFailure {
            countFailure(&turn)
        } else if specification.kind == .task && verdict.kind == .success {
            resetFailures(reason: "it succeeded", &turn)
        }
    }

    /// Decides what follows a run's end when it is wanted up, and enters that state.
    mutating func follow(
        _ verdict: Verdict, forced: Bool = false, immediately: Bool = false, _ turn: inout Turn
    ) -> RestartOutcome {
        if schedule != nil { return followExecution(verdict, &turn) }
        guard desired == .up else {
            if lastStop?.at != turn.now.monotonic {
                lastStop = (turn.now.monotonic, "it ended by itself: \(verdict.meaning)")
            }
            enter(.stopped(downReason))
            return .settled
        }
        if replacement?.kind.isScheduled == true {
            // What the end would lead to is no longer configured: its schedule is followed.
            enter(.stopped(downReason))
            return .startNow
        }
        let now = turn.now.monotonic
        let window = specification.restart.window
        let inWindow = restartWindow.count(within: window, at: now)
        let decision = specification.restart.decide(
            verdict, n: restartsWithoutGoodTime + 1, restartsInWindow: inWindow, forced: forced,
            random: &random)
        if isTriedAnew(after: decision) { return tryAnew(&turn) }
        switch decision {
        case .complete:
            enter(.completed)
            let ran = lastExecution?.duration ?? .zero
            record(.completed(ran: ran), in: &turn)
            return .endedForGood(endsReeve: false)
        case .rest:
            desired = .down
            enter(.stopped(.byOperator))
            return .endedForGood(endsReeve: false)
        case .giveUp(let reason):
            enter(.exhausted(reason: reason))
            record(.exhausted(reason: reason, endsReeve: false), in: &turn)
            return .endedForGood(endsReeve: false)
        case .giveUpAndExit(let reason):
            enter(.exhausted(reason: reason))
            record(.exhausted(reason: reason, endsReeve: true), in: &turn)
            return .endedForGood(endsReeve: true)
        case .restart(let drawn, let overLimit):
            return scheduleRestart(
                after: immediately ? .zero : drawn, overLimit: overLimit, inWindow, verdict, &turn)
        }
    }

    /// Whether the settings that waited for the end of the run are a reason to start where the end is none. A
    /// reload that comes right after it finds the same.
    private func isTriedAnew(after decision: RestartDecision) -> Bool {
        guard let replacement else { return false }
        return switch decision {
        case .restart, .rest: false
        case .giveUp, .giveUpAndExit: true
        case .complete: specification.kind != .task || replacement.kind != .task
        }
    }

    /// Other settings get another chance, whatever was before.
    mutating func tryAnew(_ turn: inout Turn) -> RestartOutcome {
        resetFailures(reason: "its configuration changed", &turn)
        restartWindow.clear()
        enter(.stopped(downReason))
        startReason = "its configuration changed"
        return .startNow
    }

    private mutating func scheduleRestart(
        after drawn: Duration, overLimit: Bool, _ inWindow: Int, _ verdict: Verdict,
        _ turn: inout Turn
    ) -> RestartOutcome {
        let now = turn.now.monotonic
        let spaced = (lastSpawn ?? now) + Limits.spawnSpacing
        let until = max(now + drawn, min(spaced, now + Limits.spawnSpacing))
        restartsWithoutGoodTime += 1
        startReason = "restart: it \(verdict.meaning)"
        isRestartScheduled = true
        if overLimit && !isOverLimit {
            isOverLimit = true
            let window = specification.restart.window
            record(
                .overRestartLimit(restarts: inWindow, window: window, next: until - now), in: &turn)
        } else {
            let failures =
                consecutiveFailures > 0
                ? "\(counted(consecutiveFailures, "failure")) in a row" : verdict.meaning
            record(.restartScheduled(after: until - now, reason: failures), in: &turn)
        }
        if until <= now { return .startNow }
        enter(.backingOff(.init(until: until, reason: verdict.meaning)))
        return .settled
    }
}

/// What the supervisor has to do after a run's end.
enum RestartOutcome: Equatable, Sendable {
    /// The scheduler is in its new state; nothing more.
    case settled
    /// It is to start at once, if its dependencies are met.
    case startNow
    /// No start follows. `endsReeve`: `when-exhausted = "exit"` asks for reeve's end too.
    case endedForGood(endsReeve: Bool)
}
