// SPDX-License-Identifier: Apache-2.0
//
// What operators ask for. A request changes what is desired and lets the ordinary rules do the rest; its
// answer comes when what was asked for has happened, or cannot.

extension Supervisor {
    mutating func requested(_ id: RequestID, _ request: Request, _ turn: inout Turn) {
        if shutdown != nil {
            turn.effects.append(.reply(id, Reply(refusal: .shuttingDown, outcomes: [])))
            return
        }
        if requests.count >= Limits.waitingRequestsMax {
            turn.effects.append(.reply(id, Reply(refusal: .tooManyRequests, outcomes: [])))
            return
        }
        switch request {
        case .start(let scheduler, let force):
            guard isKnown(scheduler, id, &turn), isFree(scheduler, id, force: force, &turn) else {
                return
            }
            start(scheduler, &turn)
            wait(id, .up, [scheduler], &turn)
        case .stop(let scheduler):
            guard isKnown(scheduler, orLeft: true, id, &turn) else { return }
            schedulers[scheduler.index].stoppedFirst = takenDown(with: scheduler)
            stop(scheduler, &turn)
            wait(id, .down, [scheduler], &turn)
        case .restart(let scheduler, let force):
            guard isKnown(scheduler, id, &turn), isFree(scheduler, id, force: force, &turn) else {
                return
            }
            let run = schedulers[scheduler.index].lifecycle.run?.id
            restart(scheduler, &turn)
            wait(id, .restarted(from: run), [scheduler], &turn)
        case .reset(let scheduler):
            guard isKnown(scheduler, id, &turn) else { return }
            reset(scheduler, id, &turn)
        case .recover(let scheduler):
            guard isKnown(scheduler, id, &turn) else { return }
            recover(scheduler, id, &turn)
        case .signal(let scheduler, let signal):
            guard isKnown(scheduler, orLeft: true, id, &turn) else { return }
            pass(signal, to: scheduler, id, &turn)
        case .runNow(let scheduler, let force):
            guard isKnown(scheduler, id, &turn) else { return }
            runNow(scheduler, id, force: force, &turn)
        case .pause(let scheduler):
            guard isKnown(scheduler, id, &turn) else { return }
            setPaused(true, scheduler, id, &turn)
        case .resume(let scheduler):
            guard isKnown(scheduler, id, &turn) else { return }
            setPaused(false, scheduler, id, &turn)
        case .startAll: startAll(id, &turn)
        case .stopAll: stopAll(id, &turn)
        case .reload: requestReload(id, because: "asked by the operator", &turn)
        case .change(let change): requestChange(id, change, &turn)
        }
    }

    mutating func withdraw(_ id: RequestID) {
        requests.remove(id)
        withdrawReload(id)
    }

    /// A shutdown answers everyone who waits.
    mutating func refuseWaiting(_ turn: inout Turn) {
        refuseReload(&turn)
        for id in requests.order {
            let outcomes = requests[id]?.outcomes ?? []
            turn.effects.append(.reply(id, Reply(refusal: .shuttingDown, outcomes: outcomes)))
            requests.remove(id)
        }
    }

    // MARK: Single requests

    /// Whether it is configured; `orLeft`: or something of it is left. Answers where it is not.
    private mutating func isKnown(
        _ scheduler: SchedulerID, orLeft: Bool = false, _ id: RequestID, _ turn: inout Turn
    ) -> Bool {
        guard schedulers.indices.contains(scheduler.index) else {
            defect("a request for scheduler number \(scheduler.index)", &turn)
            turn.effects.append(.reply(id, Reply(refusal: .notRunning, outcomes: [])))
            return false
        }
        let (isRemoved, isLeft) = (
            schedulers[scheduler.index].isRemoved, !schedulers[scheduler.index].isDropped
        )
        guard isRemoved, !(orLeft && isLeft) else { return true }
        // It was asked for by name, and a reload came first.
        let rest = isLeft ? ", and what runs of it comes to its end" : ""
        let outcome = Reply.Outcome(
            scheduler: scheduler, result: .failed, words: "is no longer configured\(rest)")
        turn.effects.append(.reply(id, Reply(refusal: .unknownScheduler, outcomes: [outcome])))
        return false
    }

    /// Survivors of an earlier stop forbid a start, unless the operator insists.
    private mutating func isFree(
        _ scheduler: SchedulerID, _ id: RequestID, force: Bool, _ turn: inout Turn
    ) -> Bool {
        guard case .stopped(.survivors) = schedulers[scheduler.index].lifecycle else { return true }
        let survived = schedulers[scheduler.index].survived
        if force {
            for stop in survived { turn.effects.append(.forget(stop.run.id)) }
            schedulers[scheduler.index].lanes = []
            schedulers[scheduler.index].enter(.stopped(.byOperator))
            return true
        }
        let words =
            "not started: \(listed(survived.flatMap(\.alive))) of its last run cannot be ended; "
            + "--force starts it all the same"
        let outcome = Reply.Outcome(scheduler: scheduler, result: .failed, words: words)
        turn.effects.append(.reply(id, Reply(refusal: .survivors, outcomes: [outcome])))
        return false
    }

    /// What an operator wants holds beyond the end of reeve.
    mutating func keep(
        stopped isStopped: Bool? = nil, paused isPaused: Bool? = nil, of id: SchedulerID,
        _ turn: inout Turn
    ) {
        guard !schedulers[id.index].isRemoved else { return }
        let before = schedulers[id.index].wish
        let wish = Wish(
            stopped: isStopped ?? before?.isStopped ?? false,
            paused: isPaused ?? before?.isPaused ?? false)
        guard schedulers[id.index].wish != wish else { return }
        schedulers[id.index].wish = wish
        turn.effects.append(.keep(id, wish))
    }

    private mutating func start(_ id: SchedulerID, _ turn: inout Turn) {
        keep(stopped: false, of: id, &turn)
        schedulers[id.index].desired = .up
        if schedulers[id.index].pendingStop == .byOperator {
            schedulers[id.index].pendingStop = nil
        }
        touch(id)
        switch schedulers[id.index].lifecycle {
        case .exhausted:
            // Its restarts are used up; the operator grants new ones.
            schedulers[id.index].restartWindow.clear()
            startByOperator(id, &turn)
        case .stopped(.unstartable):
            break
        case .backingOff where schedulers[id.index].schedule != nil:
            // Its attempt comes when its delay is over.
            break
        case .stopped, .waitingForPhase, .backingOff, .completed:
            startByOperator(id, &turn)
        case .waitingForDependencies(var wait):
            // The operator cuts a back-off short, here as everywhere.
            wait.backOff = nil
            schedulers[id.index].startReason = "asked by the operator"
            schedulers[id.index].enter(.waitingForDependencies(wait))
        case .starting, .running:
            // It is on its way. A schedule that a stop had put down goes on at once.
            guard schedulers[id.index].configured.kind.isScheduled else { return }
            schedulers[id.index].accountForPause(&turn)
            schedulers[id.index].schedule?.enable(at: turn.now)
        case .idle, .stopping:
            // It follows its schedule, or will when its stop is over.
            break
        }
    }

    private mutating func startByOperator(_ id: SchedulerID, _ turn: inout Turn) {
        schedulers[id.index].startReason = "asked by the operator"
        wantStart(id, &turn)
    }

    private mutating func stop(_ id: SchedulerID, _ turn: inout Turn) {
        touch(id)
        schedulers[id.index].closeSchedule(reason: "stopped by the operator", &turn)
        switch schedulers[id.index].lifecycle {
        case .completed:
            // There is nothing to stop, and that it completed stays true for its dependents; but a
            // changed configuration does not start it again.
            schedulers[id.index].desired = .down
        case .stopped(.unstartable), .stopped(.disabled):
            return
        case .stopped(.heldDown):
            return
        case .stopped(.survivors):
            schedulers[id.index].desired = .down
        case .backingOff:
            rest(id, "was not running; its next start is called off", &turn)
        case .waitingForPhase, .waitingForDependencies:
            rest(id, "was not running; it waits for its start no longer", &turn)
        case .idle:
            rest(id, "nothing of it ran; it follows its schedule no longer", &turn)
        case .stopped, .exhausted:
            schedulers[id.index].desired = .down
            schedulers[id.index].enter(.stopped(.byOperator))
        case .starting, .running:
            schedulers[id.index].desired = .down
            schedulers[id.index].pendingStop = .byOperator
            for dependent in plan.dependents[id.index] { touch(dependent) }
        case .stopping:
            schedulers[id.index].desired = .down
        }
        keep(stopped: true, of: id, &turn)
    }

    /// A stop of what has no process but was to get one.
    private mutating func rest(_ id: SchedulerID, _ words: String, _ turn: inout Turn) {
        schedulers[id.index].desired = .down
        schedulers[id.index].enter(.stopped(.byOperator))
        schedulers[id.index].lastStop = (turn.now.monotonic, words)
    }

    private mutating func restart(_ id: SchedulerID, _ turn: inout Turn) {
        switch schedulers[id.index].lifecycle {
        case .starting, .running:
            keep(stopped: false, of: id, &turn)
            schedulers[id.index].desired = .up
            schedulers[id.index].beginStops(.byOperator, reason: "restart by the operator", &turn)
            touch(id)
        case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .backingOff, .exhausted,
            .completed, .stopping:
            start(id, &turn)
        }
    }

    private mutating func reset(_ id: SchedulerID, _ request: RequestID, _ turn: inout Turn) {
        let scheduler = id.index
        schedulers[scheduler].resetFailures(reason: "reset by the operator", &turn)
        schedulers[scheduler].restartWindow.clear()
        schedulers[scheduler].restartCount = 0
        schedulers[scheduler].metrics.forgetTroubles()
        schedulers[scheduler].recoveryRefusal = nil
        touch(id)
        var words = "failures, restarts and their limit are forgotten"
        if case .exhausted = schedulers[scheduler].lifecycle {
            schedulers[scheduler].desired = .down
            schedulers[scheduler].enter(.stopped(.byOperator))
            words += "; it is stopped, `reeve start` starts it"
        }
        let outcome = Reply.Outcome(scheduler: id, result: .done, words: words)
        turn.effects.append(.reply(request, Reply(outcomes: [outcome])))
    }

    private mutating func pass(
        _ signal: Signal, to id: SchedulerID, _ request: RequestID, _ turn: inout Turn
    ) {
        let leaders = schedulers[id.index].lifecycles.filter { !$0.isLeaderGone }
            .compactMap { $0.run?.leader }
        guard !leaders.isEmpty else {
            let words = "is not running, so \(signal) went to nobody"
            let outcome = Reply.Outcome(scheduler: id, result: .failed, words: words)
            turn.effects.append(.reply(request, Reply(refusal: .notRunning, outcomes: [outcome])))
            return
        }
        schedulers[id.index].forEachExecution { scheduler in
            guard let run = scheduler.lifecycle.run, run.leader != nil,
                !scheduler.lifecycle.isLeaderGone
            else { return }
            scheduler.updateRun { $0.operatorSignal = signal }
            turn.effects.append(.passSignal(run.id, signal))
        }
        let pids = "pid\(leaders.count > 1 ? "s" : "") \(listed(leaders.map(\.pid)))"
        let outcome = Reply.Outcome(
            scheduler: id, result: .done, words: "\(signal) sent to \(pids)")
        turn.effects.append(.reply(request, Reply(outcomes: [outcome])))
    }

    // MARK: All at once

    private mutating func startAll(_ request: RequestID, _ turn: inout Turn) {
        let targets = schedulers.filter {
            $0.configured.enabled && !$0.isRemoved && !$0.specification.isComponent
        }.map(\.id)
        // Dependencies first: one that is looked at before them would still take them for stopped.
        let isTarget = Set(targets)
        for id in plan.dependenciesFirst where isTarget.contains(id) {
            switch schedulers[id.index].lifecycle {
            case .stopped(.survivors), .stopped(.unstartable), .waitingForPhase: continue
            case .completed:
                // It is not done again; but a stop that it was told meanwhile does not hold any more.
                keep(stopped: false, of: id, &turn)
                schedulers[id.index].desired = .up
                touch(id)
            case .backingOff where schedulers[id.index].schedule != nil: continue
            case .stopped, .exhausted, .backingOff:
                keep(stopped: false, of: id, &turn)
                schedulers[id.index].restartWindow.clear()
                schedulers[id.index].startReason = "asked by the operator"
                queueForPhase(id)
                joinPhase(id, &turn)
            case .idle, .waitingForDependencies, .starting, .running, .stopping:
                start(id, &turn)
            }
        }
        if startup.phase == nil { beginNextPhase(&turn) }
        wait(request, .up, targets, &turn)
    }

    private mutating func stopAll(_ request: RequestID, _ turn: inout Turn) {
        let targets = schedulers.filter {
            !$0.isDropped && !$0.specification.isComponent
        }.map(\.id)
        for id in targets { stop(id, &turn) }
        wait(request, .down, targets, &turn)
    }

    // MARK: Answers

    /// Answers at once where nothing needs waiting for, else when it has happened.
    mutating func wait(
        _ request: RequestID, _ goal: RequestGoal, _ targets: [SchedulerID],
        words: String? = nil, change: Reply.Change? = nil, _ turn: inout Turn
    ) {
        guard !targets.isEmpty else {
            let reply = Reply(outcomes: [], words: words, change: change)
            turn.effects.append(.reply(request, reply))
            return
        }
        requests.add(
            request, goal, at: turn.now.monotonic, for: targets, words: words, change: change)
        for target in targets { touch(target) }
    }

    mutating func answerWaiting(_ id: SchedulerID, _ turn: inout Turn) {
        for request in requests.waiters(for: id) {
            guard let waiting = requests[request], let outcome = outcome(of: waiting, id) else {
                continue
            }
            if let answered = requests.reached(request, id, outcome) {
                let outcomes = answered.outcomes.sorted { $0.scheduler < $1.scheduler }
                let reply = Reply(
                    outcomes: outcomes, words: waiting.words, change: waiting.change)
                turn.effects.append(.reply(request, reply))
            }
        }
    }

    /// How a goal was reached, or why it will not be; nil while it may be.
    private func outcome(of request: WaitingRequest, _ id: SchedulerID) -> Reply.Outcome? {
        switch request.goal {
        case .up: outcomeUp(id, from: nil, since: request.askedAt)
        case .restarted(let run): outcomeUp(id, from: run, since: request.askedAt)
        case .down: outcomeDown(id, since: request.askedAt)
        case .executed(let number): outcomeExecuted(number, id)
        case .recovered(let number): outcomeRecovered(number, id)
        case .reloaded:
            schedulers[id.index].desired == .up
                ? outcomeUp(id, from: nil, since: request.askedAt)
                : outcomeDown(id, since: request.askedAt)
        }
    }

    private func outcomeUp(
        _ id: SchedulerID, from old: RunID?, since askedAt: Instant
    ) -> Reply.Outcome? {
        func ended(_ result: Reply.Outcome.Result, _ words: String) -> Reply.Outcome {
            Reply.Outcome(scheduler: id, result: result, words: words)
        }
        let scheduler = schedulers[id.index]
        switch scheduler.lifecycle {
        case .running(let run):
            guard run.id != old, scheduler.pendingStop == nil, let leader = run.leader else {
                return nil
            }
            return run.askedAt.monotonic >= askedAt
                ? ended(.done, "started, pid \(leader.pid)")
                : ended(.unchanged, "is running already, pid \(leader.pid)")
        case .completed:
            let isNew = scheduler.lastEnd.map { $0 >= askedAt } ?? false
            let words = scheduler.lastMeaning.map { "completed: it \($0)" } ?? "completed"
            return ended(isNew ? .done : .unchanged, words)
        case .backingOff(let backOff):
            return backOff.isSpacing ? nil : ended(.failed, "\(backOff.reason); reeve tries again")
        case .exhausted(let reason): return ended(.failed, "given up: \(reason)")
        case .idle:
            let isNew = scheduler.schedule?.enabledAt.map { $0.monotonic >= askedAt } ?? false
            let words =
                old == nil
                ? "follows its schedule" : "its execution was ended; it follows its schedule"
            return ended(isNew || old != nil ? .done : .unchanged, words)
        case .stopped(.unstartable(let why)): return ended(.failed, why)
        case .stopped(.survivors(let stop, nextSurvey: _)):
            return ended(.failed, "could not be ended: \(listed(stop.alive))")
        case .stopped: return ended(.failed, "was stopped meanwhile")
        case .waitingForDependencies(let wait):
            let unmet = unmetDependencies(of: id)
            guard wait.timedOut || unmet.contains(where: { !isOnItsWay($0) }) else { return nil }
            return ended(.pending, "starts when its dependencies are met: \(listed(unmet))")
        case .waitingForPhase, .starting, .stopping: return nil
        }
    }

    private func isOnItsWay(_ name: SchedulerName) -> Bool {
        guard let id = configuredScheduler(named: name.text) else { return false }
        let scheduler = schedulers[id.index]
        return scheduler.desired == .up && views[id.index].health != .unhealthy
    }

    private func outcomeDown(_ id: SchedulerID, since askedAt: Instant) -> Reply.Outcome? {
        func ended(_ result: Reply.Outcome.Result, _ words: String) -> Reply.Outcome {
            Reply.Outcome(scheduler: id, result: result, words: words)
        }
        let scheduler = schedulers[id.index]
        switch scheduler.lifecycle {
        case .stopped(.survivors):
            let alive = scheduler.survived.flatMap(\.alive)
            return ended(.failed, "could not be ended: \(listed(alive))")
        case .completed: return ended(.unchanged, "has completed, nothing of it runs")
        case .stopped:
            guard let stop = scheduler.lastStop, stop.at >= askedAt else {
                return ended(.unchanged, "is not running")
            }
            return ended(.done, stop.words)
        case .starting, .running, .stopping:
            return scheduler.desired == .up ? ended(.failed, "was started meanwhile") : nil
        case .waitingForPhase, .idle, .waitingForDependencies, .backingOff, .exhausted:
            return ended(.failed, "was started meanwhile")
        }
    }
}
