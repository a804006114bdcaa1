// SPDX-License-Identifier: Apache-2.0
//
// The end of reeve. Levels stop one after another, each with at most what is left of the graceful budget
// less an equal share for each later level; at the end of the budget everything gets SIGKILL; after the
// force timeout reeve leaves, and names what it could not end. So a shutdown always ends.

/// How far a shutdown has come.
struct Shutdown: Sendable {
    enum Stage: Equatable, Sendable {
        /// Executions of scheduled ones may end by themselves, each until its drain timeout.
        case finishing
        /// A level is being stopped; `levelEnd` is when the next begins in any case.
        case level(levelEnd: Instant)
        /// Every level had its turn; what is left is waited for.
        case draining
        /// Processes that belong to no run any more are ended. `killAt`: SIGKILL from then on.
        case sweeping(killAt: Instant, nextSweep: Instant?)
    }

    let cause: ShutdownCause
    let began: Instant
    /// The graceful budget's end.
    var gracefulEnd: Instant
    /// The force timeout's end.
    var end: Instant
    /// What has not been asked yet, the next one last.
    var levels: [[SchedulerID]] = []
    /// Members of the present level that have not ended; looked up, not iterated.
    fileprivate(set) var pending: Set<SchedulerID> = []
    /// One equal share of the graceful budget.
    var share = Duration.zero
    var stage = Stage.draining
    var isForced = false
    /// TERM was sent to what belongs to no run.
    var hasAskedStrays = false
    /// What belonged to no run and was alive at the last look.
    var strays: [ProcessDescription] = []
    /// How often SIGKILL was sent to what belongs to no run.
    var strayKills = 0
    var nextReport: Instant
    /// The first signal of an operator; a later one forces.
    var firstSignal: Instant?
    /// While finishing: who may end by itself, and until when.
    var drains: [Drain] = []

    struct Drain: Equatable, Sendable {
        let id: SchedulerID
        let until: Instant
    }

    init(cause: ShutdownCause, at now: Instant, _ settings: SupervisorSettings) {
        self.cause = cause
        began = now
        gracefulEnd = now + settings.gracefulTimeout
        end = gracefulEnd + settings.forceTimeout
        nextReport = now + Limits.shutdownReportInterval
    }

    /// SIGKILL to what belongs to no run, named the first time.
    mutating func killStrays(_ turn: inout Turn) {
        strayKills += 1
        if strayKills == 1 {
            let words = "SIGKILL to what belongs to no run: \(listed(strays))"
            turn.record(.notice(.warning, words))
        }
        turn.effects.append(.sweep(.kill))
    }

    mutating func beginLevel(_ members: [SchedulerID], end: Instant) {
        pending = Set(members)
        stage = .level(levelEnd: end)
    }

    mutating func hasEnded(_ id: SchedulerID) {
        pending.remove(id)
    }

    var isLevelDown: Bool { pending.isEmpty }

    var nextDeadline: Instant {
        switch stage {
        case .finishing: min(drains.map(\.until).min() ?? gracefulEnd, nextReport)
        case .level(let levelEnd): min(levelEnd, nextReport)
        case .draining: isForced ? nextReport : min(gracefulEnd, nextReport)
        // While an answer is awaited nothing but the end is due.
        case .sweeping(_, let nextSweep): nextSweep ?? .distantFuture
        }
    }
}

extension Supervisor {
    mutating func requestShutdown(_ cause: ShutdownCause, _ turn: inout Turn) {
        guard let current = shutdown else { return beginShutdown(cause, &turn) }
        guard case .signal = cause, !current.isForced else { return }
        guard let firstSignal = current.firstSignal else {
            shutdown?.firstSignal = turn.now.monotonic
            let words = "\(cause.words): reeve is shutting down already; another one forces"
            return turn.record(.notice(.info, words))
        }
        guard turn.now.monotonic - firstSignal >= Limits.duplicateSignalWindow else { return }
        force(reason: "\(cause.words) came again", &turn)
    }

    private mutating func beginShutdown(_ cause: ShutdownCause, _ turn: inout Turn) {
        let now = turn.now.monotonic
        var shutdown = Shutdown(cause: cause, at: now, settings)
        if case .signal = cause { shutdown.firstSignal = now }
        let live = schedulers.indices.filter { schedulers[$0].lifecycle.isLive }
        self.shutdown = shutdown
        startup.phase = nil
        startup.deadline = nil
        turn.effects.append(.tellManager(.stopping))
        turn.record(
            .shutdownBegan(cause, running: live.count, gracefulTimeout: settings.gracefulTimeout))
        refuseWaiting(&turn)
        for index in schedulers.indices {
            schedulers[index].desired = .downForShutdown
            schedulers[index].recovery = nil
            schedulers[index].closeSchedule(reason: "reeve shuts down", &turn)
            if mayBeParked(schedulers[index].lifecycle) {
                schedulers[index].enter(.stopped(.shutdown))
            }
            // What is to come before its program need not be waited for.
            schedulers[index].forEachExecution { scheduler in
                guard scheduler.lifecycle.run?.onStart != nil else { return }
                scheduler.beginStop(.shutdown, reason: "reeve shuts down", &turn)
            }
            schedulers[index].arrangeLanes()
            touch(SchedulerID(index))
        }
        drain(&turn)
    }

    /// Executions that run are left alone for their drain timeout, and at most for half of the budget.
    private mutating func drain(_ turn: inout Turn) {
        guard var shutdown else { return }
        let now = turn.now.monotonic
        let half = now + settings.gracefulTimeout / 2
        shutdown.drains = schedulers.compactMap { scheduler in
            guard let schedule = scheduler.schedule, schedule.settings.drainTimeout > .zero else {
                return nil
            }
            guard scheduler.lifecycles.contains(where: \.isUp) else { return nil }
            return .init(id: scheduler.id, until: min(now + schedule.settings.drainTimeout, half))
        }
        guard !shutdown.drains.isEmpty else { return beginLevels(&turn) }
        shutdown.pending = Set(shutdown.drains.map(\.id))
        shutdown.stage = .finishing
        self.shutdown = shutdown
        let names = shutdown.drains.map { schedulers[$0.id.index].specification.name }
        turn.record(.notice(.info, "executions that may end by themselves: \(listed(names))"))
    }

    /// Ends the executions whose drain timeout is over.
    private mutating func endDrains(_ turn: inout Turn) {
        guard let drains = shutdown?.drains, let end = shutdown?.end,
            let gracefulEnd = shutdown?.gracefulEnd
        else { return }
        let now = turn.now.monotonic
        for drain in drains where drain.until <= now {
            schedulers[drain.id.index].beginStops(
                .shutdown, reason: "reeve shuts down, and its drain-timeout is over",
                killAt: gracefulEnd, &turn)
            schedulers[drain.id.index].hastenAll(killAt: gracefulEnd, endAt: end, &turn)
            touch(drain.id)
        }
        shutdown?.drains.removeAll { $0.until <= now }
    }

    private mutating func beginLevels(_ turn: inout Turn) {
        guard var shutdown else { return }
        shutdown.levels = plan.stopLevels(staggered: settings.staggeredStartup)
            .map { $0.filter { schedulers[$0.index].lifecycle.isLive } }
            .filter { !$0.isEmpty }.reversed()
        let left = shutdown.gracefulEnd - turn.now.monotonic
        shutdown.share = left / max(1, shutdown.levels.count)
        self.shutdown = shutdown
        beginNextLevel(&turn)
    }

    private func mayBeParked(_ lifecycle: Lifecycle) -> Bool {
        switch lifecycle {
        case .waitingForPhase, .idle, .waitingForDependencies, .backingOff: true
        case .stopped, .starting, .running, .stopping, .exhausted, .completed: false
        }
    }

    private mutating func beginNextLevel(_ turn: inout Turn) {
        guard var shutdown else { return }
        guard let level = shutdown.levels.popLast() else {
            shutdown.stage = .draining
            self.shutdown = shutdown
            return
        }
        let laterShares = shutdown.share * Int64(shutdown.levels.count)
        let levelEnd = shutdown.gracefulEnd + (.zero - laterShares)
        shutdown.beginLevel(level, end: levelEnd)
        self.shutdown = shutdown
        for id in level {
            schedulers[id.index].beginStops(
                .shutdown, reason: "reeve shuts down", killAt: levelEnd, &turn)
            schedulers[id.index].hastenAll(killAt: levelEnd, endAt: shutdown.end, &turn)
            touch(id)
        }
    }

    /// Goes on as far as it can: the next level, then the strays, then out.
    mutating func advanceShutdown(_ turn: inout Turn) {
        guard let shutdown, !touched.hasNext else { return }
        switch shutdown.stage {
        case .finishing:
            guard shutdown.isLevelDown else { return }
            beginLevels(&turn)
            advanceShutdown(&turn)
        case .level:
            guard shutdown.isLevelDown else { return }
            beginNextLevel(&turn)
            advanceShutdown(&turn)
        case .draining:
            guard liveCount == 0, endCommands(shutdown, &turn) else { return }
            beginSweep(&turn)
        case .sweeping:
            return
        }
    }

    mutating func shutdownTimePassed(_ turn: inout Turn) {
        guard var shutdown else { return }
        let now = turn.now.monotonic
        if case .sweeping(let killAt, let nextSweep?) = shutdown.stage {
            guard nextSweep <= now else { return }
            shutdown.stage = .sweeping(killAt: killAt, nextSweep: nil)
            if killAt <= now {
                shutdown.killStrays(&turn)
            } else {
                turn.effects.append(.sweep(nil))
            }
            self.shutdown = shutdown
            return
        }
        if shutdown.nextReport <= now {
            let names = schedulers.filter { $0.lifecycle.isLive }.map(\.specification.name)
            let left = max(.zero, shutdown.gracefulEnd - now)
            if !names.isEmpty { turn.record(.shutdownWaits(for: names, left: left)) }
            shutdown.nextReport = now + Limits.shutdownReportInterval
            self.shutdown = shutdown
        }
        if shutdown.gracefulEnd <= now && !shutdown.isForced {
            force(reason: "graceful-timeout of \(settings.gracefulTimeout) is over", &turn)
        } else if case .level(let levelEnd) = shutdown.stage, levelEnd <= now {
            beginNextLevel(&turn)
        } else if shutdown.stage == .finishing {
            endDrains(&turn)
        }
    }

    /// SIGKILL to everything, now.
    private mutating func force(reason: String, _ turn: inout Turn) {
        guard var shutdown else { return }
        let now = turn.now.monotonic
        shutdown.isForced = true
        shutdown.levels = []
        shutdown.gracefulEnd = min(shutdown.gracefulEnd, now)
        shutdown.end = min(shutdown.end, now + settings.forceTimeout)
        turn.record(.shutdownForced(reason: reason))
        if case .sweeping(_, let nextSweep) = shutdown.stage {
            shutdown.stage = .sweeping(killAt: now, nextSweep: nextSweep.map { _ in now })
            self.shutdown = shutdown
            return
        }
        shutdown.stage = .draining
        self.shutdown = shutdown
        for index in schedulers.indices where schedulers[index].lifecycle.isLive {
            schedulers[index].beginStops(.shutdown, reason: reason, killAt: now, &turn)
            schedulers[index].hastenAll(killAt: now, endAt: shutdown.end, &turn)
            touch(SchedulerID(index))
        }
    }

    /// Ends commands that outlive all schedulers. Returns whether they are over, or are waited for no longer.
    private mutating func endCommands(_ shutdown: Shutdown, _ turn: inout Turn) -> Bool {
        commands.add(from: &turn)
        for id in commands.endAll() { turn.end(id) }
        return commands.isEmpty || shutdown.end <= turn.now.monotonic
    }

    // MARK: Strays

    private mutating func beginSweep(_ turn: inout Turn) {
        guard var shutdown else { return }
        let killAt = shutdown.isForced ? turn.now.monotonic : shutdown.gracefulEnd
        shutdown.stage = .sweeping(killAt: killAt, nextSweep: nil)
        self.shutdown = shutdown
        turn.effects.append(.sweep(nil))
    }

    /// What of reeve's descendants is alive: they are asked once, then looked at, then killed.
    mutating func swept(_ alive: [ProcessDescription], _ turn: inout Turn) {
        guard var shutdown, case .sweeping(let killAt, nextSweep: nil) = shutdown.stage else {
            return defect("swept without a sweep", &turn)
        }
        let now = turn.now.monotonic
        // What was killed a moment ago may still be seen: it gets a few looks even past the end.
        let isOver = shutdown.end <= now && shutdown.strayKills >= Limits.strayKillsMin
        if alive.isEmpty || isOver {
            let code = shutdown.cause.exitCode
            turn.record(.shutdownEnded(after: now - shutdown.began, code: code, alive: alive))
            turn.effects.append(.exit(code: code))
            return
        }
        shutdown.strays = alive
        if !shutdown.hasAskedStrays && killAt > now {
            shutdown.hasAskedStrays = true
            let soon = min(killAt, now + Limits.strayGrace)
            shutdown.stage = .sweeping(killAt: soon, nextSweep: nil)
            turn.record(.notice(.info, "SIGTERM to what belongs to no run: \(listed(alive))"))
            turn.effects.append(.sweep(.terminate))
        } else if killAt <= now && shutdown.strayKills == 0 {
            shutdown.stage = .sweeping(killAt: killAt, nextSweep: nil)
            shutdown.killStrays(&turn)
        } else {
            let next = now + Limits.sweepInterval
            shutdown.stage = .sweeping(killAt: killAt, nextSweep: next)
        }
        self.shutdown = shutdown
    }
}
