// SPDX-License-Identifier: Apache-2.0
//
// The stop sequence. It belongs to the run, not to its leader: the leader is asked; when it is gone, or
// after a second, the rest is; at the stop timeout everything that is left gets SIGKILL; and it is over
// when nothing of the run is alive. What cannot die ends it all the same, by name.

extension Stop {
    /// When the sequence has something to do; never nil.
    var nextDeadline: Instant {
        switch step {
        // The answer to the spawn is on its way.
        case .awaitingSpawn: .distantFuture
        case .leaderAsked(let othersAt): min(othersAt ?? killAt, killAt)
        case .allAsked(let nextSurvey): min(nextSurvey, killAt)
        case .killed(let nextSurvey): min(nextSurvey, endAt)
        // A command that was ended is answered.
        case .onStop(_, let isEnded): isEnded ? .distantFuture : killAt
        }
    }

    var isLeaderGone: Bool { leaderStatus != nil }

    var isForMemory: Bool { cause == .recovery(.memory) || cause == .memoryHardLimit }

    /// What makes the end a failure that counts with it; nil for every other cause.
    var failure: (occasion: String, words: String)? {
        switch cause {
        case .timeout: ("after its timeout", "ran longer than its timeout")
        case .notReady(let why): ("when it was not ready in time", "was not ready in time: \(why)")
        case .watchdog(let why):
            ("when it gave no sign of life", "gave no sign of life: \(why)")
        case .byOperator, .shutdown, .replaced, .reconfigured, .dependencyLost, .dependencyBack,
            .recovery, .memoryHardLimit, .leftovers:
            nil
        }
    }

    var isKilled: Bool {
        if case .killed = step { return true }
        return false
    }
}

extension Scheduler {
    /// Begins to end the current run; `killAt` only ever shortens what the specification grants.
    mutating func beginStop(
        _ cause: Stop.Cause, reason: String, killAt limit: Instant? = nil, _ turn: inout Turn
    ) {
        guard let run = lifecycle.run, !isStopping else { return }
        endChecks(&turn)
        let now = turn.now.monotonic
        let isKill = cause == .memoryHardLimit
        let timeout = isKill ? .zero : specification.stop.timeout
        let killLimit = limit ?? .distantFuture
        let killAt = min(now + timeout, killLimit)
        var stop = Stop(
            run: run, cause: cause, began: now, step: .awaitingSpawn, killAt: killAt,
            killLimit: killLimit, endAt: killAt + forceTimeout)
        let how = isKill ? "SIGKILL at once" : stopWords
        record(.stopping(reason: reason, how: how, timeout: killAt - now), run: run.id, in: &turn)
        if let onStart = run.onStart { turn.end(onStart) }
        guard run.leader != nil else {
            if run.isSpawnAsked { turn.effects.append(.abandonSpawn(run.id)) }
            return enter(.stopping(stop))
        }
        if isKill {
            kill(&stop, &turn)
        } else {
            ask(&stop, &turn)
        }
        enter(.stopping(stop))
    }

    var isStopping: Bool {
        if case .stopping = lifecycle { return true }
        return false
    }

    private var stopWords: String {
        if specification.stop.command != nil { return "running its stop command" }
        switch specification.stop.scope {
        case .leaderThenGroup, .leader: return "\(specification.stop.signal) to its leader"
        case .group: return "\(specification.stop.signal) to its group"
        }
    }

    /// The first step. With a stop command the rest is asked only once the leader is gone: the command
    /// may take its time to end the leader in order, and a signal would cut that short.
    private func ask(_ stop: inout Stop, _ turn: inout Turn) {
        let run = stop.run.id
        if specification.stop.command != nil {
            turn.effects.append(.runStopCommand(run))
            stop.step = .leaderAsked(othersAt: nil)
        } else {
            askBySignal(&stop, &turn)
        }
    }

    private func askBySignal(_ stop: inout Stop, _ turn: inout Turn) {
        let now = turn.now.monotonic
        let run = stop.run.id
        switch specification.stop.scope {
        case .leaderThenGroup:
            turn.effects.append(.signal(run, specification.stop.signal, to: .leader))
            stop.step = .leaderAsked(othersAt: now + Limits.groupSignalDelay)
        case .leader:
            turn.effects.append(.signal(run, specification.stop.signal, to: .leader))
            stop.step = .leaderAsked(othersAt: nil)
        case .group:
            turn.effects.append(.signal(run, specification.stop.signal, to: .everyone))
            stop.step = .allAsked(nextSurvey: now + Limits.surveyInterval)
        }
    }

    private func askOthers(_ stop: inout Stop, _ turn: inout Turn) {
        turn.effects.append(.signal(stop.run.id, specification.stop.signal, to: .others))
        stop.step = .allAsked(nextSurvey: turn.now.monotonic + Limits.surveyInterval)
    }

    private func kill(_ stop: inout Stop, _ turn: inout Turn) {
        let now = turn.now.monotonic
        turn.effects.append(.kill(stop.run.id))
        if !stop.isKilled {
            // A loop that came late still waits the force timeout; and whatever was configured, the answer
            // is waited for before anyone is called a survivor.
            let granted = max(stop.endAt, now + forceTimeout)
            stop.endAt = max(min(granted, stop.endLimit), now + Limits.killGrace)
        }
        stop.step = .killed(nextSurvey: now + Limits.surveyInterval)
    }

    /// What a leader that ended by itself left behind is asked at once; then it is a stop like any other.
    mutating func beginStopOfLeftovers(
        _ run: Run, _ verdict: Verdict, _ status: ExitStatus, _ leftovers: [ProcessDescription],
        _ turn: inout Turn
    ) {
        let now = turn.now.monotonic
        let killAt = now + specification.stop.timeout
        var stop = Stop(
            run: run, cause: .leftovers(verdict), began: now, step: .awaitingSpawn, killAt: killAt,
            killLimit: .distantFuture, endAt: killAt + forceTimeout)
        stop.leaderStatus = status
        stop.alive = leftovers
        askOthers(&stop, &turn)
        enter(.stopping(stop))
    }

    /// The spawn that a stop waited for has come.
    mutating func signalAfterSpawn(_ turn: inout Turn) {
        guard case .stopping(var stop) = lifecycle, stop.step == .awaitingSpawn else { return }
        // The timeout counts from the first signal, which could not be sent before.
        let endAt = stop.endAt
        stop.killAt = min(turn.now.monotonic + specification.stop.timeout, stop.killLimit)
        stop.endAt = stop.killLimit == .distantFuture ? stop.killAt + forceTimeout : endAt
        ask(&stop, &turn)
        if stop.killAt <= turn.now.monotonic { kill(&stop, &turn) }
        enter(.stopping(stop))
    }

    /// The leader ended during the stop.
    mutating func exitedWhileStopping(
        _ stop: Stop, _ status: ExitStatus, _ leftovers: [ProcessDescription], _ turn: inout Turn
    ) -> RestartOutcome {
        var stop = stop
        guard stop.leaderStatus == nil else { return .settled }
        stop.leaderStatus = status
        stop.alive = leftovers
        noteStopped(stop, status, &turn)
        if leftovers.isEmpty { return finished(stop, &turn) }
        if case .leaderAsked = stop.step, specification.stop.scope != .leader {
            askOthers(&stop, &turn)
        } else if case .leaderAsked = stop.step {
            // Only the leader is asked; the others have until the stop timeout to end by themselves.
            stop.step = .allAsked(nextSurvey: turn.now.monotonic + Limits.surveyInterval)
        }
        enter(.stopping(stop))
        return .settled
    }

    /// An end that reeve brought about is no failure, except for a timeout.
    mutating func noteStopped(_ stop: Stop, _ status: ExitStatus, _ turn: inout Turn) {
        let failure = stop.failure
        let isFailure = failure != nil
        let timeout = stop.cause == .timeout ? timeoutWords : ""
        let isForCheck = stop.cause == .recovery(.healthCheck)
        let otherwise = isForCheck ? "when its health check had failed" : "when it was stopped"
        let occasion = failure.map { $0.occasion + timeout } ?? otherwise
        let meaning: String
        switch status {
        case .exited(let code): meaning = "ended with exit code \(code) \(occasion)"
        case .signalled(let signal, coreDumped: _): meaning = "ended by \(signal) \(occasion)"
        }
        let verdict = Verdict(kind: isFailure ? .failure : .ended, meaning: meaning)
        let ran = turn.now.monotonic - stop.run.startedAt.monotonic
        lastMeaning = verdict.meaning
        lastEnd = turn.now.monotonic
        lastCode = status.shellCode
        lastExit = SchedulerStatus.LastExit(
            status: status, meaning: verdict.meaning, at: turn.now.wall)
        let isBad = isFailure || stop.isForMemory || isForCheck
        let isGood = !isBad && (isSuccess(status) || isOrderly(stop, status))
        lastExecution = SchedulerStatus.Execution(
            startedAt: stop.run.startedAt.wall, duration: ran, succeeded: isGood)
        metrics.ended(
            PastRun(
                startedAt: stop.run.startedAt.wall, duration: ran, end: EndKind(status),
                outcome: isBad ? .failed : isGood ? .succeeded : .ended))
        if isFailure { metrics.took(ran) }
        // One that was scheduled when it survived may be a task or a daemon by now.
        if isFailure && schedule == nil && !stop.isConcluded {
            countFailure(&turn)
            metrics.executed(
                succeeded: false, timedOut: stop.cause == .timeout, at: turn.now.monotonic)
        }
        if isBad {
            reportFailure(of: stop.run, status, meaning: verdict.meaning, stop: stop, &turn)
        }
        record(
            .exited(status, ran: ran, isFailure: isFailure, meaning: verdict.meaning),
            run: stop.run.id, in: &turn)
    }

    /// Whether a daemon ended as it was asked to: with whatever code, or by the stop signal itself. One that
    /// needed SIGKILL, crashed when it was asked, or was stopped for what it did, did not.
    private func isOrderly(_ stop: Stop, _ status: ExitStatus) -> Bool {
        guard specification.kind == .daemon else { return false }
        switch status {
        case .exited: return true
        case .signalled(let signal, coreDumped: _): return signal == specification.stop.signal
        }
    }

    private func isSuccess(_ status: ExitStatus) -> Bool {
        if case .exited(let code) = status { return specification.successExitCodes.contains(code) }
        return false
    }

    /// Which members are alive, and which got a signal just before.
    mutating func surveyed(
        _ alive: [ProcessDescription], reached: Reached?, _ turn: inout Turn
    ) -> RestartOutcome {
        switch lifecycle {
        case .stopping(var stop):
            stop.alive = alive
            if let reached { note(reached, &stop, &turn) }
            guard alive.isEmpty, stop.isLeaderGone else {
                enter(.stopping(stop))
                return .settled
            }
            return finished(stop, &turn)
        case .stopped(.survivors(var stop, let nextSurvey)):
            if alive.isEmpty && stop.isLeaderGone { return finished(stop, &turn) }
            stop.alive = alive
            enter(.stopped(.survivors(stop, nextSurvey: nextSurvey)))
            return .settled
        case .starting, .running, .waitingForPhase, .idle, .waitingForDependencies, .backingOff,
            .exhausted,
            .completed, .stopped:
            // An answer to a question that a change of state has overtaken.
            return .settled
        }
    }

    /// Names what was signalled besides the leader, and everything that SIGKILL was needed for, once.
    private func note(_ reached: Reached, _ stop: inout Stop, _ turn: inout Turn) {
        guard reached.signal == .kill else {
            let others = reached.processes.filter { $0.identity != stop.run.leader }
            guard !others.isEmpty else { return }
            return record(.signalled(reached.signal, others), run: stop.run.id, in: &turn)
        }
        let known = stop.killed
        let new = reached.processes.filter { process in
            !known.contains { $0.identity == process.identity }
        }
        guard !new.isEmpty else { return }
        stop.killed.append(contentsOf: new.prefix(Limits.killedRememberedMax))
        record(.killed(new, after: turn.now.monotonic - stop.began), run: stop.run.id, in: &turn)
    }

    /// Time has come for the stop's next step.
    mutating func continueStop(_ turn: inout Turn) {
        guard case .stopping(var stop) = lifecycle else { return }
        let now = turn.now.monotonic
        if case .onStop(let command, isEnded: false) = stop.step, stop.killAt <= now {
            turn.end(command)
            stop.step = .onStop(command, isEnded: true)
            return enter(.stopping(stop))
        }
        if stop.isKilled && stop.endAt <= now { return survive(stop, &turn) }
        switch stop.step {
        case .awaitingSpawn, .onStop:
            return
        case .leaderAsked, .allAsked:
            if stop.killAt <= now {
                kill(&stop, &turn)
            } else if case .leaderAsked(let othersAt?) = stop.step, othersAt <= now {
                askOthers(&stop, &turn)
            } else if case .allAsked(let nextSurvey) = stop.step, nextSurvey <= now {
                turn.effects.append(.survey(stop.run.id))
                stop.step = .allAsked(nextSurvey: now + Limits.surveyInterval)
            }
        case .killed(let nextSurvey):
            guard nextSurvey <= now else { return }
            kill(&stop, &turn)
        }
        enter(.stopping(stop))
    }

    /// Shortens a stop: a shutdown's level ends, or an operator forces.
    mutating func hasten(killAt: Instant, endAt: Instant, _ turn: inout Turn) {
        guard case .stopping(var stop) = lifecycle else { return }
        stop.killAt = min(stop.killAt, killAt)
        stop.killLimit = min(stop.killLimit, killAt)
        stop.endAt = min(stop.endAt, endAt)
        stop.endLimit = min(stop.endLimit, endAt)
        if stop.killAt <= turn.now.monotonic {
            switch stop.step {
            case .leaderAsked, .allAsked: kill(&stop, &turn)
            case .awaitingSpawn, .killed, .onStop: break
            }
        }
        enter(.stopping(stop))
        if case .onStop = stop.step { continueStop(&turn) }
    }

    /// The stop command failed: the signal instead, unless the sequence is past that.
    mutating func stopCommandFailed(_ words: String, _ turn: inout Turn) {
        guard case .stopping(var stop) = lifecycle else { return }
        var isInTime = false
        if case .leaderAsked = stop.step { isInTime = !stop.isLeaderGone }
        record(
            .stopCommandFailed(words: words, signalFollows: isInTime), run: stop.run.id, in: &turn)
        if isInTime { askBySignal(&stop, &turn) }
        enter(.stopping(stop))
    }

    /// Nothing of the run is alive.
    mutating func finished(_ stop: Stop, _ turn: inout Turn) -> RestartOutcome {
        let now = turn.now.monotonic
        let took = now - stop.began
        record(.stopped(after: took, killed: stop.killed.count), run: stop.run.id, in: &turn)
        lastStop = (now, stopAnswer(stop, took))
        killedBeside =
            lanes.contains(where: \.lifecycle.isLive)
            ? Array((killedBeside + stop.killed).prefix(Limits.killedRememberedMax)) : []
        stoppedFirst = []
        var stop = stop
        let goesOn = beginOnStop(&stop, &turn)
        turn.end(stop.run)
        guard goesOn else { return concluded(stop, &turn) }
        enter(.stopping(stop))
        return .settled
    }

    /// A stop is over, and what was to be done after the run is done: what it was for goes on.
    mutating func concluded(_ stop: Stop, _ turn: inout Turn) -> RestartOutcome {
        let now = turn.now.monotonic
        if schedule != nil { return finishedExecution(stop, &turn) }
        if isTriedAnew(after: stop) { return tryAnew(&turn) }
        switch stop.cause {
        case .shutdown:
            enter(.stopped(.shutdown))
            return .settled
        case .byOperator, .replaced, .dependencyBack:
            enter(.stopped(downReason))
            if desired == .up { startReason = "restart by the operator" }
            if case .dependencyBack(let name) = stop.cause { startReason = "\(name) is back" }
            return desired == .up ? .startNow : .settled
        case .reconfigured:
            let isDisabled = !configured.enabled && desired == .down
            enter(.stopped(isRemoved ? .removed : isDisabled ? .disabled : downReason))
            startReason = "its configuration changed"
            return desired == .up ? .startNow : .settled
        case .dependencyLost(let name):
            guard desired == .up else { return settleDown() }
            let until = now + specification.order.dependencyTimeout
            enter(.waitingForDependencies(.init(until: until, lost: name)))
            startReason = "\(name) is back"
            return .startNow
        case .recovery(let trigger):
            lastRecoveryRestart = now
            return stoppedToRecover(trigger, immediately: true, &turn)
        case .memoryHardLimit:
            return stoppedToRecover(.memory, immediately: false, &turn)
        case .timeout, .notReady, .watchdog:
            let timeout = stop.cause == .timeout ? timeoutWords : ""
            let meaning = (stop.failure?.words ?? "failed") + timeout
            return follow(Verdict(kind: .failure, meaning: meaning), &turn)
        case .leftovers(let verdict):
            return follow(verdict, &turn)
        }
    }

    /// Whether the run could not be ended until its settings were others, and none but its own end was to follow.
    private func isTriedAnew(after stop: Stop) -> Bool {
        guard stop.isOutdated, desired == .up else { return false }
        switch stop.cause {
        case .shutdown, .byOperator, .replaced, .reconfigured, .dependencyLost, .dependencyBack:
            return false
        case .recovery, .memoryHardLimit, .timeout, .notReady, .watchdog: return true
        case .leftovers(let verdict):
            // A task that is done has done what it was for.
            return verdict.kind != .success || specification.kind != .task || stop.isConcluded
        }
    }

    private func stopAnswer(_ stop: Stop, _ took: Duration) -> String {
        let all = killedBeside + stop.killed
        let killed = all.isEmpty ? "" : "; killed \(listed(all))"
        let first = stoppedFirst.isEmpty ? "" : "; stopped before it: \(listed(stoppedFirst))"
        return "stopped after \(took), nothing of it is left\(killed)\(first)"
    }

    /// " of 5s"; empty where there is none.
    private var timeoutWords: String { specification.timeout.map { " of \($0)" } ?? "" }

    /// A restart heals what leaks, unless the operator wants none: then the run has failed.
    private mutating func stoppedToRecover(
        _ trigger: RecoveryTrigger, immediately: Bool, _ turn: inout Turn
    ) -> RestartOutcome {
        let mayRestart = specification.restart.mode != .never
        let meaning =
            trigger == .memory
            ? "was stopped for its memory" : "was stopped to recover it (\(trigger.words))"
        let verdict = Verdict(kind: mayRestart ? .ended : .failure, meaning: meaning)
        if !mayRestart {
            countFailure(&turn)
            metrics.executed(succeeded: false, timedOut: false, at: turn.now.monotonic)
        }
        return follow(verdict, forced: mayRestart, immediately: immediately, &turn)
    }

    private mutating func settleDown() -> RestartOutcome {
        enter(.stopped(downReason))
        return .settled
    }

    /// The force timeout is over and something is alive: the stop ends, and names it.
    private mutating func survive(_ stop: Stop, _ turn: inout Turn) {
        var stop = stop
        if stop.alive.isEmpty, let leader = stop.run.leader, !stop.isLeaderGone {
            stop.alive = [ProcessDescription(identity: leader, name: specification.name.text)]
        }
        record(.survived(stop.alive), run: stop.run.id, in: &turn)
        if schedule?.current != nil {
            concludeSurvived(stop, &turn)
            stop.isConcluded = true
        }
        stop.isOutdated = replacement != nil
        let nextSurvey = turn.now.monotonic + Limits.survivorSurveyInterval
        enter(.stopped(.survivors(stop, nextSurvey: nextSurvey)))
    }
}
