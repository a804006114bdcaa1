// SPDX-License-Identifier: Apache-2.0
//
// The loop that works through what an event touched. It ends because each pass either changes a state
// towards what is wanted or changes nothing, and the dependency graph has no cycles among those that
// can start.

/// What a scheduler shows to the others: its dependents look at this, and only a change of it concerns them.
struct SchedulerView: Equatable, Sendable {
    var health: Health
    var reason: String
    var isLive: Bool
    var isLost: Bool
    var meetsStarted: Bool
    var meetsReady: Bool
    var meetsHealthy: Bool
    var meetsCompleted: Bool
    /// It is no longer configured, and gone: nobody counts it.
    var isDropped: Bool
    /// It is one of those that the totals are about.
    var isCounted: Bool

    func meets(_ condition: Dependency.Condition) -> Bool {
        switch condition {
        case .started: meetsStarted
        case .ready: meetsReady
        case .healthy: meetsHealthy
        case .completed: meetsCompleted
        }
    }
}

extension Scheduler {
    /// As it shows itself. A property, since to hand a scheduler to a function would copy it whole.
    var view: SchedulerView {
        let (health, reason) = health
        return SchedulerView(
            health: health, reason: reason, isLive: lifecycle.isLive,
            isLost: isLost(health: health), meetsStarted: meets(.started, health: health),
            meetsReady: meets(.ready, health: health),
            meetsHealthy: meets(.healthy, health: health),
            meetsCompleted: meets(.completed, health: health), isDropped: isDropped,
            isCounted: !isDropped && !specification.isComponent)
    }
}

extension SchedulerView {
    /// Whether an edge that leads here lets its dependent start.
    func holds(_ edge: StartPlan.Edge) -> Bool {
        meets(edge.condition) && (!isLost || edge.onFailure == .ignore)
    }
}

/// How many schedulers there are of each health.
struct HealthCounts: Equatable, Sendable {
    private(set) var healthy = 0
    private(set) var degraded = 0
    private(set) var unhealthy = 0
    private(set) var stopped = 0
    private(set) var starting = 0
    private(set) var stopping = 0

    mutating func add(_ health: Health) { change(health, by: 1) }
    mutating func remove(_ health: Health) { change(health, by: -1) }

    private mutating func change(_ health: Health, by difference: Int) {
        switch health {
        case .healthy: healthy += difference
        case .degraded: degraded += difference
        case .unhealthy: unhealthy += difference
        case .stopped: stopped += difference
        case .starting: starting += difference
        case .stopping: stopping += difference
        }
    }

    /// All of them.
    var total: Int { healthy + degraded + unhealthy + stopped + starting + stopping }

    /// The worst of unhealthy, degraded, starting and stopping, healthy; all stopped, or none, is stopped.
    var overall: Health {
        if unhealthy > 0 { return .unhealthy }
        if degraded > 0 { return .degraded }
        if starting > 0 { return .starting }
        if stopping > 0 { return .stopping }
        return healthy > 0 ? .healthy : .stopped
    }
}

extension Supervisor {
    /// Works until nothing is touched and neither start-up nor shutdown can go on.
    mutating func settle(_ turn: inout Turn) {
        repeat {
            while let id = touched.takeNext() { review(id, &turn) }
            advanceStartup(&turn)
            advanceShutdown(&turn)
        } while touched.hasNext
    }

    private mutating func review(_ id: SchedulerID, _ turn: inout Turn) {
        schedulers[id.index].arrangeLanes()
        if shutdown == nil {
            reactToDependencies(id, &turn)
            beginPendingStop(id, &turn)
            startIfMet(id, &turn)
            reviewSchedule(id, &turn)
            advanceRecovery(id, &turn)
            reviewAlarms(id, &turn)
        } else {
            schedulers[id.index].alarmDeadline = nil
        }
        show(id, &turn)
        wakePendingStops(of: id)
        deadlines.set(schedulers[id.index].nextDeadline, for: id)
        let wall = schedulers[id.index].nextWallDeadline
        wallDeadlines.set(wall.map { Instant(nanoseconds: $0.nanoseconds) }, for: id)
        answerWaiting(id, &turn)
    }

    /// Works the view out anew, and touches whomever its change concerns.
    private mutating func show(_ id: SchedulerID, _ turn: inout Turn) {
        let old = views[id.index]
        let new = schedulers[id.index].view
        guard new != old else { return noteSettled(id) }
        views[id.index] = new
        if old.isCounted { counts.remove(old.health) }
        if new.isCounted { counts.add(new.health) }
        if old.health != new.health {
            // The line before it has the reason in full.
            let isGivenUp = schedulers[id.index].lifecycle.name == .exhausted
            schedulers[id.index].record(
                .healthChanged(
                    from: old.health, to: new.health, reason: isGivenUp ? "given up" : new.reason),
                run: schedulers[id.index].lifecycle.run?.id, in: &turn)
        }
        if new.isDropped != old.isDropped {
            emptyPlaces.remove(id)
            if new.isDropped {
                emptyPlaces.add(id, at: turn.now.monotonic)
                schedulers[id.index].record(.removed, in: &turn)
            }
        }
        noteSettled(id)
        if old.isLive != new.isLive {
            liveCount += new.isLive ? 1 : -1
            if !new.isLive { shutdown?.hasEnded(id) }
        }
        for dependent in plan.dependents[id.index] { touch(dependent) }
    }

    /// A dependency may wait with its own stop for this one: until it is gone, or until an operator wants
    /// it up again, which no view shows.
    private mutating func wakePendingStops(of id: SchedulerID) {
        for edge in plan.dependencies[id.index] {
            if let target = edge.target, schedulers[target.index].pendingStop != nil {
                touch(target)
            }
        }
    }

    // MARK: Dependencies

    /// What a start waits for. After the first start an `ignore` edge holds nothing up.
    func unmetDependencies(of id: SchedulerID) -> [SchedulerName] {
        let isFirst = schedulers[id.index].lastSpawn == nil
        return plan.dependencies[id.index].filter { edge in
            guard isFirst || edge.onFailure != .ignore else { return false }
            guard let target = edge.target else { return true }
            // As it is now: the view that dependents are told of may be older within this turn.
            return !schedulers[target.index].view.holds(edge)
        }.map(\.name)
    }

    /// A start is wanted: it begins, or waits for dependencies.
    mutating func wantStart(_ id: SchedulerID, _ turn: inout Turn) {
        if schedulers[id.index].schedule != nil { return wantExecution(id, &turn) }
        guard shutdown == nil else { return schedulers[id.index].enter(.stopped(.shutdown)) }
        let unmet = unmetDependencies(of: id)
        if unmet.isEmpty { return spawn(id, &turn) }
        touch(id)
        if case .waitingForDependencies = schedulers[id.index].lifecycle { return }
        let timeout = schedulers[id.index].specification.order.dependencyTimeout
        schedulers[id.index].enter(
            .waitingForDependencies(.init(until: turn.now.monotonic + timeout)))
        schedulers[id.index].record(.waiting(for: unmet), in: &turn)
    }

    private mutating func startIfMet(_ id: SchedulerID, _ turn: inout Turn) {
        guard case .waitingForDependencies(let wait) = schedulers[id.index].lifecycle,
            schedulers[id.index].desired == .up, unmetDependencies(of: id).isEmpty
        else { return }
        if let lost = wait.lost { schedulers[id.index].record(.dependencyBack(lost), in: &turn) }
        if let backOff = wait.backOff, backOff.until > turn.now.monotonic {
            return schedulers[id.index].enter(.backingOff(backOff))
        }
        wantStart(id, &turn)
    }

    /// Does what the edges say about dependencies that are lost, or back.
    private mutating func reactToDependencies(_ id: SchedulerID, _ turn: inout Turn) {
        let edges = plan.dependencies[id.index]
        guard !edges.isEmpty else { return }
        var lost: [SchedulerName] = []
        var ignored: [SchedulerName] = []
        for edge in edges {
            guard let target = edge.target, views[target.index].isLost else { continue }
            if edge.onFailure == .ignore {
                ignored.append(edge.name)
            } else {
                lost.append(edge.name)
            }
        }
        let before = schedulers[id.index]
        schedulers[id.index].lostDependencies = lost
        schedulers[id.index].ignoredLosses = ignored
        // A scheduled one looks at its dependencies when it is due.
        guard before.schedule == nil else { return }
        switch before.lifecycle {
        case .starting, .running:
            for edge in edges { react(id, to: edge, before, &turn) }
        case .backingOff(let backOff):
            let stops = edges.first { $0.onFailure == .stop && lost.contains($0.name) }
            guard let stops else { return }
            let until = turn.now.monotonic + before.specification.order.dependencyTimeout
            schedulers[id.index].enter(
                .waitingForDependencies(.init(until: until, lost: stops.name, backOff: backOff)))
            recordLoss(id, stops, &turn)
        case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .stopping, .exhausted,
            .completed:
            // Nothing of it runs, or it is being stopped: its next start looks at the dependencies.
            break
        }
    }

    private mutating func react(
        _ id: SchedulerID, to edge: StartPlan.Edge, _ before: Scheduler, _ turn: inout Turn
    ) {
        guard let target = edge.target, schedulers[id.index].pendingStop == nil else { return }
        let isLost = views[target.index].isLost
        switch edge.onFailure {
        case .stop:
            guard isLost else { return }
            recordLoss(id, edge, &turn)
            schedulers[id.index].pendingStop = .dependencyLost(edge.name)
        case .restart:
            if isLost && before.owesRestart == nil {
                recordLoss(id, edge, &turn)
                schedulers[id.index].owesRestart = edge.name
            } else if before.owesRestart == edge.name, !isLost,
                views[target.index].meets(edge.condition)
            {
                schedulers[id.index].record(.dependencyBack(edge.name), in: &turn)
                schedulers[id.index].owesRestart = nil
                schedulers[id.index].beginStop(
                    .dependencyBack(edge.name), reason: "\(edge.name) is back", &turn)
            }
        case .ignore:
            guard isLost, !before.ignoredLosses.contains(edge.name) else { return }
            recordLoss(id, edge, &turn)
        }
    }

    private func recordLoss(_ id: SchedulerID, _ edge: StartPlan.Edge, _ turn: inout Turn) {
        guard let target = edge.target else { return }
        let isWanted = schedulers[target.index].desired == .up
        let reason = isWanted ? views[target.index].reason : "stopped by the operator"
        schedulers[id.index].record(
            .dependencyLost(edge.name, action: edge.onFailure, reason: reason),
            run: schedulers[id.index].lifecycle.run?.id, in: &turn)
    }

    /// A stop begins once the dependents that have to be stopped first are.
    private mutating func beginPendingStop(_ id: SchedulerID, _ turn: inout Turn) {
        guard let cause = schedulers[id.index].pendingStop else { return }
        let mustWait = plan.dependents[id.index].contains { mustStop($0, before: id) }
        guard !mustWait else { return }
        let reason: String
        switch cause {
        case .dependencyLost(let name): reason = "its dependency \(name) is lost"
        case .reconfigured:
            reason =
                schedulers[id.index].isRemoved ? "it is no longer configured" : "enabled = false"
        case .byOperator, .shutdown, .replaced, .dependencyBack, .recovery, .memoryHardLimit,
            .timeout, .notReady, .watchdog, .leftovers:
            reason = "asked by the operator"
        }
        schedulers[id.index].beginStops(cause, reason: reason, &turn)
    }

    /// Everything that an operator's stop takes down with it, by `stop` edges, nearest first.
    func takenDown(with id: SchedulerID) -> [SchedulerName] {
        var isFound = Array(repeating: false, count: schedulers.count)
        var found = [id]
        var next = 0
        while next < found.count {
            let current = found[next]
            next += 1
            for dependent in plan.dependents[current.index]
            where !isFound[dependent.index] && mustStop(dependent, before: current) {
                isFound[dependent.index] = true
                found.append(dependent)
            }
        }
        return found.dropFirst().map { schedulers[$0.index].specification.name }
    }

    /// Whether a dependent is up and either cannot be without this one, or is to go down too.
    private func mustStop(_ dependent: SchedulerID, before id: SchedulerID) -> Bool {
        guard schedulers[dependent.index].lifecycle.isLive else { return false }
        // A scheduled one looks at its dependencies when it is due; what runs may end.
        if schedulers[dependent.index].schedule != nil && schedulers[dependent.index].desired == .up
        {
            return false
        }
        return schedulers[dependent.index].desired != .up
            || plan.dependencies[dependent.index].contains {
                $0.target == id && $0.onFailure == .stop
            }
    }
}
