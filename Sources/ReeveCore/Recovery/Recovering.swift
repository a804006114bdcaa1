// SPDX-License-Identifier: Apache-2.0
//
// The steps of a recovery that need to see more than one scheduler, and the request for one.

extension Supervisor {
    /// Goes on with a recovery, in the place of the execution that it is about.
    mutating func advanceRecovery(_ id: SchedulerID, _ turn: inout Turn) {
        guard let recovery = schedulers[id.index].recovery else { return }
        let lane = schedulers[id.index].lanes.firstIndex { lane in
            recovery.run != nil && lane.lifecycle.run?.id == recovery.run
        }
        guard let lane else { return takeActions(id, &turn) }
        let pending = schedulers[id.index].pendingStop
        schedulers[id.index].exchangeLane(lane)
        takeActions(id, &turn)
        schedulers[id.index].exchangeLane(lane)
        schedulers[id.index].pendingStop = pending
        schedulers[id.index].arrangeLanes()
    }

    /// Takes one action after another until one has to be waited for.
    private mutating func takeActions(_ id: SchedulerID, _ turn: inout Turn) {
        dropOvertakenRecovery(id, &turn)
        if schedulers[id.index].recovery?.trigger == .errors, !settings.autoRecovery {
            schedulers[id.index].endRecovery(.notNeeded, &turn)
        }
        while let recovery = schedulers[id.index].recovery {
            switch recovery.step {
            case .due(.memoryCleanup): schedulers[id.index].takeMemoryCleanup(&turn)
            case .due(.errorReset): schedulers[id.index].takeErrorReset(&turn)
            case .due(.dependencyCheck): checkDependencies(id, recovery, &turn)
            case .due(.restart): restartToRecover(id, recovery, &turn)
            case .waiting:
                let unmet = lostDependencies(of: id)
                guard unmet.isEmpty else { return }
                schedulers[id.index].noteRecovery(
                    .dependencyCheck, .done,
                    "they are met again after \(turn.now.monotonic - recovery.began)", &turn)
                schedulers[id.index].recovery?.step = .due(.restart)
            case .cleaning, .settling, .measuring, .restarting:
                return
            }
        }
    }

    /// A recovery is about one run. What else ends that run, or brings another, ends the recovery.
    private mutating func dropOvertakenRecovery(_ id: SchedulerID, _ turn: inout Turn) {
        let scheduler = schedulers[id.index]
        // After errors it is about no run, and nothing in it waits for one.
        guard let recovery = scheduler.recovery, recovery.trigger != .errors else { return }
        let isSameRun = scheduler.lifecycle.run?.id == recovery.run
        switch recovery.step {
        case .restarting: endIfRestarted(id, recovery, &turn)
        case .waiting where recovery.run == nil && scheduler.lifecycle.run != nil:
            // What was waited for has come, and its start with it.
            schedulers[id.index].noteRecovery(.dependencyCheck, .helped, "they are met", &turn)
            schedulers[id.index].endRecovery(.helped, &turn)
        case .due, .cleaning, .settling, .measuring, .waiting:
            guard scheduler.isStopping || !isSameRun else { return }
            schedulers[id.index].endRecovery(.failed("its run ended meanwhile"), &turn)
        }
    }

    private mutating func endIfRestarted(
        _ id: SchedulerID, _ recovery: Recovery, _ turn: inout Turn
    ) {
        let scheduler = schedulers[id.index]
        let reason = scheduler.health.reason
        switch scheduler.lifecycle {
        case .running(let run):
            if run.id != recovery.run { schedulers[id.index].endRecovery(.helped, &turn) }
        case .completed, .idle: schedulers[id.index].endRecovery(.helped, &turn)
        case .stopped, .exhausted, .waitingForPhase, .waitingForDependencies:
            schedulers[id.index].endRecovery(.failed(reason), &turn)
        case .backingOff(let backOff) where !backOff.isSpacing:
            schedulers[id.index].endRecovery(.failed(reason), &turn)
        case .stopping, .starting, .backingOff: break
        }
    }

    /// Dependencies that are lost or not met, those with `on-failure = "ignore"` left out.
    private func lostDependencies(of id: SchedulerID) -> [SchedulerName] {
        plan.dependencies[id.index].filter { edge in
            guard edge.onFailure != .ignore else { return false }
            guard let target = edge.target else { return true }
            return views[target.index].isLost || !views[target.index].meets(edge.condition)
        }.map(\.name)
    }

    private mutating func checkDependencies(
        _ id: SchedulerID, _ recovery: Recovery, _ turn: inout Turn
    ) {
        schedulers[id.index].recovery?.step = .due(.restart)
        // Nobody else frees its memory.
        guard recovery.trigger != .memory else { return }
        let edges = plan.dependencies[id.index]
        guard !edges.isEmpty else {
            return schedulers[id.index].noteRecovery(
                .dependencyCheck, .skipped, "it has no dependencies", &turn)
        }
        let unmet = lostDependencies(of: id)
        guard !unmet.isEmpty else {
            return schedulers[id.index].noteRecovery(
                .dependencyCheck, .done, "met: \(listed(edges.map(\.name)))", &turn)
        }
        let reasons = unmet.map { name in
            let reason = configuredScheduler(named: name.text).map { views[$0.index].reason }
            return "\(name) (\(reason ?? "not configured"))"
        }
        // Back-off restarts it anyway: nothing waits for this.
        guard recovery.trigger != .errors else {
            schedulers[id.index].noteRecovery(
                .dependencyCheck, .failed, "not met: \(listed(reasons))", &turn)
            return
        }
        let timeout = schedulers[id.index].specification.order.dependencyTimeout
        schedulers[id.index].recovery?.step = .waiting(
            for: unmet, until: turn.now.monotonic + timeout)
        schedulers[id.index].noteRecovery(
            .dependencyCheck, .done, "waits for \(listed(reasons)), at most \(timeout)", &turn)
    }

    // MARK: Restart

    private mutating func restartToRecover(
        _ id: SchedulerID, _ recovery: Recovery, _ turn: inout Turn
    ) {
        let scheduler = schedulers[id.index]
        switch recovery.trigger {
        case .errors:
            // The back-off restarts it; an action of its own would only come on top.
            return schedulers[id.index].endRecovery(.notNeeded, &turn)
        case .operator where scheduler.health.health == .healthy:
            schedulers[id.index].noteRecovery(.restart, .skipped, "it is healthy", &turn)
            let hasDone = recovery.actions.contains { $0.result != .skipped }
            return schedulers[id.index].endRecovery(hasDone ? .helped : .notNeeded, &turn)
        case .memory, .healthCheck, .operator: break
        }
        // Of a scheduled one only an execution can be ended; its attempts keep their delay.
        if scheduler.schedule != nil, !scheduler.lifecycle.isLive {
            schedulers[id.index].noteRecovery(
                .restart, .skipped, "what comes next of it comes by itself", &turn)
            if case .backingOff(let backOff) = scheduler.lifecycle, !backOff.isSpacing {
                let words = "its next attempt comes when its delay is over"
                return schedulers[id.index].endRecovery(.failed(words), &turn)
            }
            let hasDone = recovery.actions.contains { $0.result != .skipped }
            return schedulers[id.index].endRecovery(hasDone ? .helped : .notNeeded, &turn)
        }
        switch scheduler.lifecycle {
        case .starting, .running, .backingOff, .exhausted: break
        case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .stopping, .completed:
            let words = "nothing of it runs, and it starts by itself when it can"
            return schedulers[id.index].endRecovery(.failed(words), &turn)
        }
        // What an operator asks for, auto-recovery does not decide.
        let mayAct = settings.autoRecovery || recovery.trigger == .operator
        let refusal = schedulers[id.index].recoveryRestartRefusal(
            recovery.trigger, mayAct, at: turn.now.monotonic)
        if let refusal {
            schedulers[id.index].recoveryRefusal = refusal
            schedulers[id.index].noteRecovery(.restart, .refused, refusal, &turn)
            return schedulers[id.index].endRecovery(.failed(refusal), &turn)
        }
        schedulers[id.index].recovery?.step = .restarting
        schedulers[id.index].lastRecoveryRestart = turn.now.monotonic
        schedulers[id.index].noteRecovery(
            .restart, .done, schedulers[id.index].recoveryRestartWords, &turn)
        guard scheduler.lifecycle.run != nil else {
            schedulers[id.index].startReason = "recovered by the operator"
            schedulers[id.index].isRestartScheduled = true
            return wantStart(id, &turn)
        }
        schedulers[id.index].beginStop(
            .recovery(recovery.trigger), reason: recovery.trigger.words, &turn)
        touch(id)
    }

    // MARK: Requests

    /// `reeve recover`: from the top of the ladder. Answered when the recovery is over.
    mutating func recover(_ id: SchedulerID, _ request: RequestID, _ turn: inout Turn) {
        let scheduler = schedulers[id.index]
        if scheduler.recovery == nil {
            switch scheduler.lifecycle {
            case .stopped, .stopping:
                let words = "is not up: \(views[id.index].reason); `reeve start` starts it"
                let outcome = Reply.Outcome(scheduler: id, result: .failed, words: words)
                turn.effects.append(
                    .reply(request, Reply(refusal: .notRunning, outcomes: [outcome])))
                return
            case .waitingForPhase, .waitingForDependencies, .idle, .starting, .running, .backingOff,
                .exhausted, .completed:
                schedulers[id.index].beginRecovery(.operator, &turn)
            }
        }
        let number = schedulers[id.index].recoveries
        advanceRecovery(id, &turn)
        wait(request, .recovered(number), [id], &turn)
    }

    /// The report of a recovery that was asked for; nil while it is under way.
    func outcomeRecovered(_ number: Int, _ id: SchedulerID) -> Reply.Outcome? {
        let scheduler = schedulers[id.index]
        guard scheduler.recovery?.number != number else { return nil }
        guard let report = scheduler.lastRecovery, report.number >= number else {
            return Reply.Outcome(scheduler: id, result: .failed, words: "was given up")
        }
        let result: Reply.Outcome.Result
        let words: String
        switch report.end {
        case .helped: (result, words) = (.done, "recovered")
        case .notNeeded: (result, words) = (.unchanged, "there was nothing to recover from")
        case .failed(let why): (result, words) = (.failed, "not recovered: \(why)")
        }
        return Reply.Outcome(
            scheduler: id, result: result, words: words, actions: report.actions)
    }
}
