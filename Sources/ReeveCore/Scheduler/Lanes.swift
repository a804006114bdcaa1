// SPDX-License-Identifier: Apache-2.0
//
// Several executions of one scheduler at a time (`overlap = "allow"`). One of them is the current one, and
// everything that is said of a scheduler's run is said of it: its lifecycle, its stop, its attempts. The
// others wait in lanes beside it. What happens to one of those is done to it in the place of the current
// one, and put back; so there is one way in which an execution lives and ends, and what it counts, it
// counts for its scheduler. When the current one is over, the oldest of the others takes its place: a
// scheduler with a live execution is never seen without one.

/// An execution beside the current one.
struct Lane: Equatable, Sendable {
    var lifecycle: Lifecycle
    var execution: Execution?
    /// Why its next run is started.
    var startReason: String
    /// What its run has said of itself.
    var signs = SignsOfLife()
}

extension Lifecycle {
    /// Which of several executions stands for the scheduler: the lowest; the highest stands for none.
    fileprivate var rank: Int {
        switch self {
        case .starting, .running: 0
        case .stopping: 1
        case .backingOff, .waitingForDependencies: 2
        case .stopped(.survivors): 3
        case .stopped, .waitingForPhase, .idle, .exhausted, .completed: Lifecycle.rankOfNone
        }
    }

    fileprivate static let rankOfNone = 4

    /// Whether an event of this run is for this state.
    func isConcerned(with run: RunID) -> Bool {
        if case .stopped(.survivors(let stop, nextSurvey: _)) = self { return stop.run.id == run }
        return self.run?.id == run
    }
}

extension Lifecycle {
    /// Whether the command is one around its run.
    fileprivate func waits(for command: CommandID) -> Bool {
        if case .stopping(let stop) = self, case .onStop(command, isEnded: _) = stop.step {
            return true
        }
        return run?.onStart == command
    }
}

extension Scheduler {
    /// Whether an event of this run is for one of its executions.
    func isConcerned(with run: RunID) -> Bool {
        lifecycle.isConcerned(with: run)
            || lanes.contains { $0.lifecycle.isConcerned(with: run) }
    }

    /// The states of all its executions, the current one first.
    var lifecycles: [Lifecycle] { [lifecycle] + lanes.map(\.lifecycle) }

    /// Its runs that are not over, the current one first.
    var runs: [Run] { lifecycles.compactMap(\.run) }

    /// What it executes, with the state of each.
    var executing: [(execution: Execution, lifecycle: Lifecycle)] {
        let current = schedule?.current.map { ($0, lifecycle) }
        return [current].compactMap(\.self)
            + lanes.compactMap { lane in lane.execution.map { ($0, lane.lifecycle) } }
    }

    /// Stops that ended although something is alive.
    var survived: [Stop] {
        lifecycles.compactMap {
            if case .stopped(.survivors(let stop, nextSurvey: _)) = $0 { stop } else { nil }
        }
    }

    /// Whether one more execution may begin now.
    var hasRoom: Bool {
        switch lifecycle {
        case .idle: return true
        case .starting, .running, .stopping, .backingOff:
            guard let settings = schedule?.settings, settings.overlap == .allow else {
                return false
            }
            return lanes.count + 1 < settings.maxParallel && replacement == nil
                && desired == .up && survived.isEmpty
        case .stopped, .waitingForPhase, .waitingForDependencies, .exhausted, .completed:
            return false
        }
    }

    /// Why no further one may begin beside those that run; nil where only the current one matters.
    var fullWords: String? {
        guard let settings = schedule?.settings, settings.overlap == .allow else { return nil }
        let count = executing.count
        if count >= settings.maxParallel {
            return "\(counted(count, "execution")) at a time, the most that max-parallel allows"
        }
        return replacement != nil ? "those before are ended, since the configuration changed" : nil
    }

    /// Whether a run goes on beside the current one: the health check is then about both.
    var hasRunBeside: Bool { lanes.contains { $0.lifecycle.run != nil } }

    // MARK: One of several

    /// Does something to one execution, in the place of the current one. What the scheduler waits to be
    /// stopped for is not forgotten because one of them has ended.
    mutating func inLane<Result>(
        _ index: Int, _ body: (inout Scheduler) -> Result
    ) -> Result {
        let pending = pendingStop
        exchangeLane(index)
        let result = body(&self)
        exchangeLane(index)
        pendingStop = pending
        return result
    }

    /// Puts a lane and the current execution into each other's place.
    mutating func exchangeLane(_ index: Int) {
        var lane = lanes[index]
        exchange(&lane)
        lanes[index] = lane
    }

    /// Hands what happened to a run to its execution. What follows for the schedule follows when none is
    /// left beside it.
    mutating func handle(
        _ run: RunID, _ body: (inout Scheduler) -> RestartOutcome
    ) -> RestartOutcome {
        guard !lanes.isEmpty else { return body(&self) }
        func end(_ scheduler: inout Scheduler) {
            if body(&scheduler) == .startNow, scheduler.schedule?.current == nil {
                scheduler.enter(.idle)
            }
        }
        if let index = lanes.firstIndex(where: { $0.lifecycle.isConcerned(with: run) }) {
            inLane(index, end)
            arrangeLanes()
        } else {
            let pending = pendingStop
            end(&self)
            arrangeLanes()
            if lifecycle.isLive { pendingStop = pending }
        }
        return lifecycle == .idle ? .startNow : .settled
    }

    /// Hands the outcome of a command around a run to its execution; that of any other to the scheduler.
    mutating func handle(
        command: CommandID, _ body: (inout Scheduler) -> RestartOutcome
    ) -> RestartOutcome {
        let run = lifecycles.first { $0.waits(for: command) }?.run?.id
        guard let run else { return body(&self) }
        return handle(run, body)
    }

    /// Does something to each execution.
    mutating func forEachExecution(_ body: (inout Scheduler) -> Void) {
        body(&self)
        for index in lanes.indices { inLane(index, body) }
    }

    /// Drops lanes that hold nothing any more, and sees to it that the current execution is the most
    /// alive, and of those the oldest.
    mutating func arrangeLanes() {
        guard !lanes.isEmpty else { return }
        lanes.removeAll { $0.lifecycle.rank == Lifecycle.rankOfNone }
        let ranks = lanes.map(\.lifecycle.rank)
        guard let best = ranks.min(), best < lifecycle.rank,
            let index = ranks.firstIndex(of: best)
        else { return }
        var lane = lanes.remove(at: index)
        exchange(&lane)
        if lane.lifecycle.rank < Lifecycle.rankOfNone { lanes.append(lane) }
    }

    // MARK: All of them

    /// Begins to end all runs.
    mutating func beginStops(
        _ cause: Stop.Cause, reason: String, killAt limit: Instant? = nil, _ turn: inout Turn
    ) {
        forEachExecution { $0.beginStop(cause, reason: reason, killAt: limit, &turn) }
        arrangeLanes()
    }

    /// Shortens all stops.
    mutating func hastenAll(killAt: Instant, endAt: Instant, _ turn: inout Turn) {
        forEachExecution { $0.hasten(killAt: killAt, endAt: endAt, &turn) }
    }

    /// Gives up the attempts that wait for their instant. The current one's state is the caller's.
    mutating func withdrawAttempts(reason: String, _ turn: inout Turn) {
        withdrawAttempt(reason: reason, &turn)
        for index in lanes.indices {
            inLane(index) { scheduler in
                if scheduler.withdrawAttempt(reason: reason, &turn) { scheduler.enter(.idle) }
            }
        }
        arrangeLanes()
    }

    /// Returns whether there was one.
    @discardableResult
    private mutating func withdrawAttempt(reason: String, _ turn: inout Turn) -> Bool {
        switch lifecycle {
        case .backingOff(let backOff) where !backOff.isSpacing:
            conclude(.failed, reason: "\(backOff.reason); no further attempt: \(reason)", &turn)
        case .backingOff, .waitingForDependencies: conclude(.cancelled, reason: reason, &turn)
        case .stopped, .waitingForPhase, .idle, .starting, .running, .stopping, .exhausted,
            .completed:
            return false
        }
        return true
    }
}

extension Supervisor {
    /// Begins an execution: as the current one, or beside it.
    mutating func begin(_ execution: Execution, _ id: SchedulerID, _ turn: inout Turn) {
        if schedulers[id.index].lifecycle == .idle {
            schedulers[id.index].schedule?.current = execution
            schedulers[id.index].startReason = execution.reason
            return spawn(id, &turn)
        }
        schedulers[id.index].lanes.append(
            Lane(lifecycle: .idle, execution: execution, startReason: execution.reason))
        spawn(id, lane: schedulers[id.index].lanes.count - 1, &turn)
    }

    private mutating func spawn(_ id: SchedulerID, lane index: Int, _ turn: inout Turn) {
        let pending = schedulers[id.index].pendingStop
        schedulers[id.index].exchangeLane(index)
        spawn(id, &turn)
        schedulers[id.index].exchangeLane(index)
        schedulers[id.index].pendingStop = pending
    }

    /// Does what is due for the executions beside the current one.
    mutating func timePassedInLanes(_ id: SchedulerID, _ turn: inout Turn) {
        for index in schedulers[id.index].lanes.indices {
            schedulers[id.index].inLane(index) { $0.timePassed(&turn) }
        }
    }

    /// Starts what has waited for its instant, in the order in which that came.
    mutating func startDue(_ id: SchedulerID, _ turn: inout Turn) {
        let now = turn.now.monotonic
        guard !schedulers[id.index].lanes.isEmpty else {
            guard case .backingOff(let backOff) = schedulers[id.index].lifecycle,
                backOff.until <= now
            else { return }
            return start(after: backOff, id, place: 0, &turn)
        }
        let scheduler = schedulers[id.index]
        let executions = [scheduler.schedule?.current] + scheduler.lanes.map(\.execution)
        var due: [(backOff: Lifecycle.BackOff, number: Int, place: Int)] = []
        for (place, lifecycle) in scheduler.lifecycles.enumerated() {
            guard case .backingOff(let backOff) = lifecycle, backOff.until <= now else { continue }
            due.append((backOff, executions[place]?.number ?? 0, place))
        }
        // Of those that became due together the oldest is the first.
        due.sort { ($0.backOff.dueAt, $0.number) < ($1.backOff.dueAt, $1.number) }
        for (backOff, _, place) in due { start(after: backOff, id, place: place, &turn) }
        schedulers[id.index].arrangeLanes()
    }

    /// `place` 0 is the current execution, 1 the first lane.
    private mutating func start(
        after backOff: Lifecycle.BackOff, _ id: SchedulerID, place: Int, _ turn: inout Turn
    ) {
        switch (place, schedulers[id.index].postponed(backOff, at: turn.now)) {
        case (0, nil): wantStart(id, &turn)
        case (0, let later?): schedulers[id.index].enter(.backingOff(later))
        case (_, nil): spawn(id, lane: place - 1, &turn)
        case (_, let later?):
            schedulers[id.index].lanes[place - 1].lifecycle = .backingOff(later)
        }
    }
}

extension Scheduler {
    /// An attempt that must wait for others of its scheduler, and until when it is looked at again: it has
    /// the new settings, which are in force when what runs has ended; nothing starts while survivors live.
    func postponed(_ backOff: Lifecycle.BackOff, at now: Moment) -> Lifecycle.BackOff? {
        let waitsForSettings = replacement != nil && lanes.contains(where: \.lifecycle.isLive)
        guard waitsForSettings || (lifecycle.isLive && replacement != nil) || !survived.isEmpty
        else { return nil }
        return .init(
            until: now.monotonic + Limits.surveyInterval, reason: backOff.reason,
            isSpacing: backOff.isSpacing, wasDueAt: backOff.dueAt)
    }

    /// Until when a start waits: for the least distance to the last one, and for others whose turn comes first.
    func spacing(at now: Instant) -> Instant? {
        if let lastSpawn, lastSpawn + Limits.spawnSpacing > now {
            return lastSpawn + Limits.spawnSpacing
        }
        let dueAt = dueAt(at: now)
        let isBehind = lanes.contains { lane in
            guard case .backingOff(let other) = lane.lifecycle else { return false }
            return other.until <= now && other.dueAt < dueAt
        }
        return isBehind ? now : nil
    }

    /// Since when the start that is wanted now has been due.
    func dueAt(at now: Instant) -> Instant {
        if case .backingOff(let backOff) = lifecycle { backOff.dueAt } else { now }
    }
}
