// SPDX-License-Identifier: Apache-2.0
//
// A new configuration for a reeve that runs. The file is read elsewhere; here two specifications are
// compared and what differs is brought about by the ordinary rules: what is new starts with its phase,
// what changed is stopped and started, what is gone is stopped and dropped, the rest is not touched.
// A scheduler's id is its place in the table: one that is gone leaves its place empty, which a scheduler of
// the same name takes again, and another one only later (`EmptyPlaces`).

/// A configuration that is being read.
struct Reload: Equatable, Sendable {
    /// Who waits for it.
    var requests: [RequestID]
    /// The one thing that is brought about; nil: all that the file says.
    var change: RegistrationChange?
    /// Asked for again since the reading began; by whom. nil: it was not.
    var next: [RequestID]?
    /// The service manager was told, and waits for READY=1. Before start-up is over it waits for that, and
    /// a reload is not its business.
    let isTold: Bool
}

extension Supervisor {
    /// Asks for the configuration to be read. What was asked for while one is being read is done after it:
    /// the file may have changed since.
    mutating func requestReload(_ request: RequestID?, because reason: String, _ turn: inout Turn) {
        guard shutdown == nil else { return }
        let asking = request.map { [$0] } ?? []
        guard reload == nil else {
            let earlier = reload?.next ?? []
            reload?.next = earlier + asking
            return
        }
        let new = Reload(requests: asking, isTold: startup.hasAnnouncedReady)
        beginReload(new, because: reason, &turn)
    }

    mutating func beginReload(_ new: Reload, because reason: String, _ turn: inout Turn) {
        reload = new
        turn.record(.reloadBegan(reason: reason))
        if new.isTold { turn.effects.append(.tellManager(.reloading)) }
        turn.effects.append(.loadConfiguration(new.change))
    }

    mutating func withdrawReload(_ id: RequestID) {
        reload?.requests.removeAll { $0 == id }
        reload?.next?.removeAll { $0 == id }
        // It is done all the same, as everything that was asked for.
        for index in waitingChanges.indices where waitingChanges[index].request == id {
            waitingChanges[index].request = nil
        }
    }

    /// A shutdown answers everyone who waits for a reload, too.
    mutating func refuseReload(_ turn: inout Turn) {
        guard let reload else { return }
        let changes = waitingChanges.compactMap(\.request)
        for id in reload.requests + (reload.next ?? []) + changes {
            turn.effects.append(.reply(id, Reply(refusal: .shuttingDown, outcomes: [])))
        }
        self.reload?.requests = []
        self.reload?.next = nil
        waitingChanges = []
    }

    /// The file could not be used: nothing changes.
    mutating func configurationRejected(
        _ words: String, _ refusal: Reply.Refusal, _ turn: inout Turn
    ) {
        guard let current = reload else { return defect("a configuration nobody asked for", &turn) }
        turn.record(current.change.map { $0.failure(words) } ?? .reloadFailed(words))
        for id in current.requests {
            let reply = Reply(refusal: refusal, outcomes: [], words: words)
            turn.effects.append(.reply(id, reply))
        }
        endReload(current, &turn)
    }

    mutating func configurationLoaded(_ loaded: Specification, _ turn: inout Turn) {
        guard let current = reload else { return defect("a configuration nobody asked for", &turn) }
        guard shutdown == nil else {
            reload = nil
            return
        }
        let new = current.change.map { inForce(with: $0, from: loaded) } ?? loaded
        let changes = SpecificationChanges(from: specificationInForce, to: new)
        turn.record(.reloaded(changes))
        let concerned = adopt(new, changes, &turn)
        for id in current.requests {
            if let change = current.change {
                answer(id, change, changes, concerned, &turn)
            } else {
                wait(id, .reloaded, concerned, words: "reloaded: \(changes.words)", &turn)
            }
        }
        endReload(current, &turn)
    }

    private mutating func endReload(_ ended: Reload, _ turn: inout Turn) {
        reload = nil
        guard shutdown == nil else { return }
        if ended.isTold { turn.effects.append(.tellManager(.ready)) }
        guard let next = ended.next else { return beginNextChange(&turn) }
        requestReload(nil, because: "asked for again meanwhile", &turn)
        reload?.requests = next
    }

    /// What was configured last, the schedulers in the order of the table; without the zones.
    package var specificationInForce: Specification {
        Specification(
            supervisor: settings,
            schedulers: schedulers.filter { !$0.isRemoved }.map(\.configured))
    }

    // MARK: Bringing it about

    /// Returns the schedulers that are started or stopped by it.
    private mutating func adopt(
        _ new: Specification, _ changes: SpecificationChanges, _ turn: inout Turn
    ) -> [SchedulerID] {
        if settings != settings.adopting(new.supervisor) {
            settings = settings.adopting(new.supervisor)
            adoptAlertSettings(at: turn.now)
            turn.effects.append(.adoptSettings(settings))
        }
        zones = new.zones
        noteSchedules(new)
        var concerned: [SchedulerID] = []
        for name in changes.removed {
            guard let id = idsByName[name.text] else { continue }
            let step = ReloadStep(from: schedulers[id.index].standing, to: nil)
            if step == .stop { concerned.append(id) }
            remove(id, step, &turn)
        }
        let changesByName = Dictionary(
            changes.changed.map { ($0.name.text, $0) }, uniquingKeysWith: { first, _ in first })
        for scheduler in new.schedulers {
            guard let id = idsByName[scheduler.name.text] else {
                let id = add(scheduler, &turn)
                if scheduler.enabled { concerned.append(id) }
                continue
            }
            if schedulers[id.index].isRemoved {
                revive(id, scheduler, &turn)
                if scheduler.enabled { concerned.append(id) }
            } else if let change = changesByName[scheduler.name.text] {
                if self.change(id, to: scheduler, change, &turn) { concerned.append(id) }
            }
        }
        rearrange(&turn)
        return concerned.sorted()
    }

    /// The graph is another: everyone looks at it anew, and what waits for a phase gets one.
    private mutating func rearrange(_ turn: inout Turn) {
        for index in schedulers.indices {
            schedulers[index].forceTimeout = settings.forceTimeout
            // What has gone for good orders nothing any more.
            if schedulers[index].isDropped {
                schedulers[index].specification.order.dependencies = []
            }
        }
        plan = StartPlan(schedulers.map(\.specification))
        for id in plan.unstartable where !schedulers[id.index].lifecycle.isLive {
            let names = plan.cycle.map(\.text).joined(separator: " -> ")
            schedulers[id.index].enter(
                .stopped(.unstartable("its dependencies form a cycle: \(names)")))
        }
        for index in schedulers.indices {
            if case .stopped(.unstartable) = schedulers[index].lifecycle,
                !plan.unstartable.contains(SchedulerID(index))
            {
                schedulers[index].enter(.stopped(.notStarted))
                if schedulers[index].specification.enabled { queueForPhase(SchedulerID(index)) }
            }
        }
        for id in plan.dependenciesFirst { touch(id) }
        // What starts looks at what the others are by now.
        settle(&turn)
        guard startup.phase != nil else { return beginNextPhase(&turn) }
        for index in schedulers.indices where schedulers[index].lifecycle == .waitingForPhase {
            joinPhase(SchedulerID(index), &turn)
        }
    }

    private mutating func add(
        _ specification: SchedulerSpecification, _ turn: inout Turn
    ) -> SchedulerID {
        let (zones, seed, settings) = (zones, seed, settings)
        let id = place(
            {
                Scheduler(
                    id: $0, specification, zones: zones, seed: seed, alerts: settings.alerts,
                    forceTimeout: settings.forceTimeout)
            }, &turn)
        idsByName[specification.name.text] = id
        let view = views[id.index]
        if view.isCounted { counts.add(view.health) }
        schedulers[id.index].wish = otherWishes[specification.name.text]
        begin(id, &turn)
        return id
    }

    /// It is wanted, whatever was before; a pause goes on.
    private mutating func begin(_ id: SchedulerID, _ turn: inout Turn) {
        if schedulers[id.index].wish?.isPaused == true { schedulers[id.index].schedule?.pause() }
        if schedulers[id.index].isKeptPaused {
            schedulers[id.index].record(.staysPaused, in: &turn)
        }
        if schedulers[id.index].configured.enabled { keep(stopped: false, of: id, &turn) }
        schedulers[id.index].startReason =
            schedulers[id.index].configured.origin == .registered
            ? "registered" : "added to the configuration"
        touch(id)
        if schedulers[id.index].configured.enabled { queueForPhase(id) }
    }

    /// Its place is taken again. What of the old one is still being stopped is waited for.
    private mutating func revive(
        _ id: SchedulerID, _ specification: SchedulerSpecification, _ turn: inout Turn
    ) {
        guard schedulers[id.index].isDropped else {
            schedulers[id.index].isRemoved = false
            schedulers[id.index].zones = zones
            if let schedule = specification.schedule { settleBefore(schedule, id, &turn) }
            schedulers[id.index].replacement = specification
            schedulers[id.index].specification.order = specification.order
            schedulers[id.index].followSchedule(of: specification, zones: zones, at: turn.now)
            if specification.enabled {
                schedulers[id.index].desired = .up
                keep(stopped: false, of: id, &turn)
                followAgain(id, &turn)
            }
            return touch(id)
        }
        let (lastSpawn, wish) = (schedulers[id.index].lastSpawn, schedulers[id.index].wish)
        let schedule = schedulers[id.index].schedule ?? schedulers[id.index].formerSchedule
        let (sufferers, alarms) = (schedulers[id.index].sufferers, schedulers[id.index].alarms)
        schedulers[id.index] = Scheduler(
            id: id, specification, zones: zones, seed: seed, alerts: settings.alerts,
            forceTimeout: settings.forceTimeout)
        schedulers[id.index].lastSpawn = lastSpawn
        schedulers[id.index].sufferers = sufferers
        schedulers[id.index].alarms = alarms
        schedulers[id.index].wish = wish
        if let schedule { schedulers[id.index].schedule?.inherit(from: schedule) }
        begin(id, &turn)
    }

    private mutating func remove(_ id: SchedulerID, _ step: ReloadStep, _ turn: inout Turn) {
        schedulers[id.index].isRemoved = true
        takeDown(id, step, &turn)
    }

    /// Wanted down by the configuration: dependents that cannot be without it go first, as always, and an
    /// execution goes on to its end.
    private mutating func takeDown(_ id: SchedulerID, _ step: ReloadStep, _ turn: inout Turn) {
        touch(id)
        schedulers[id.index].desired = .down
        let reason = schedulers[id.index].isRemoved ? "no longer configured" : "enabled = false"
        schedulers[id.index].closeSchedule(reason: reason, &turn)
        switch schedulers[id.index].lifecycle {
        case .starting, .running:
            guard step != .finish else { return }
            schedulers[id.index].pendingStop = .reconfigured
            for dependent in plan.dependents[id.index] { touch(dependent) }
        case .stopping, .stopped(.survivors): break
        case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .backingOff, .exhausted,
            .completed:
            schedulers[id.index].enter(
                .stopped(schedulers[id.index].isRemoved ? .removed : .disabled))
        }
    }

    /// Returns whether anything is started or stopped by it.
    private mutating func change(
        _ id: SchedulerID, to new: SchedulerSpecification, _ change: SpecificationChanges.Change,
        _ turn: inout Turn
    ) -> Bool {
        let standing = schedulers[id.index].standing
        let step = ReloadStep(from: standing, to: new)
        let isLive = schedulers[id.index].lifecycle.isLive
        schedulers[id.index].record(
            .configurationChanged(keys: change.keys, restarts: change.needsRestart),
            run: schedulers[id.index].lifecycle.run?.id, in: &turn)
        touch(id)
        if !new.kind.isScheduled {
            leaveSchedule(id, &turn)
        } else if let schedule = new.schedule {
            settleBefore(schedule, id, &turn)
        }
        schedulers[id.index].adopt(new, zones: zones, needsRestart: change.needsRestart, &turn)
        if isLive, schedulers[id.index].specification.hasOtherFile(than: standing.specification) {
            turn.effects.append(.adoptLog(id))
        }
        if standing.specification.enabled && !new.enabled {
            takeDown(id, step, &turn)
            return isLive && step == .stop
        }
        if standing.presence == .completed, !standing.isWanted,
            new.kind != standing.specification.kind
        {
            // What it has done it has done as another kind; an operator wants it down, and says so.
            schedulers[id.index].enter(.stopped(.byOperator))
        }
        switch step {
        case .start where isLive:
            schedulers[id.index].desired = .up
            followAgain(id, &turn)
            return true
        case .start where !standing.isWanted:
            schedulers[id.index].startReason = "enabled in the configuration"
            queueForPhase(id)
            return true
        case .start:
            schedulers[id.index].resetFailures(reason: "its configuration changed", &turn)
            schedulers[id.index].restartWindow.clear()
            schedulers[id.index].startReason = "its configuration changed"
            queueForPhase(id)
            return true
        case .restart:
            let reason = "its configuration changed: \(listed(change.keys))"
            schedulers[id.index].beginStops(.reconfigured, reason: reason, &turn)
            return true
        case .adopt:
            // Whoever asked is told how what is waited for, or being ended, has come back.
            return change.needsRestart && standing.isWanted
                && standing.presence != .completed && schedulers[id.index].schedule == nil
        case .add, .stop, .finish, .remove: return false
        }
    }

    /// The schedule of an execution that was to be the last is followed once more.
    private mutating func followAgain(_ id: SchedulerID, _ turn: inout Turn) {
        guard schedulers[id.index].configured.kind.isScheduled,
            schedulers[id.index].schedule?.enabledAt == nil,
            case .running = schedulers[id.index].standing.presence
        else { return }
        schedulers[id.index].accountForPause(&turn)
        schedulers[id.index].schedule?.enable(at: turn.now)
    }
}

extension Supervisor {
    /// Its kind is another: what waits is withdrawn, and what was due by now has its outcome.
    private mutating func leaveSchedule(_ id: SchedulerID, _ turn: inout Turn) {
        let reason = "it is no longer scheduled"
        schedulers[id.index].closeSchedule(reason: reason, &turn)
        for span in schedulers[id.index].schedule?.account(through: turn.now.wall) ?? [] {
            schedulers[id.index].settle(
                .schedule, from: span.first, through: span.last, count: span.count, .cancelled,
                reason: reason, &turn)
        }
    }
}

extension Scheduler {
    /// What the file says, which is not yet in force while the last run under other settings is ended.
    var configured: SchedulerSpecification { replacement ?? specification }

    /// It is no longer configured and nothing of it is left: its place in the table is empty.
    var isDropped: Bool {
        guard isRemoved, !lifecycle.isLive else { return false }
        if case .stopped(.survivors) = lifecycle { return false }
        return true
    }

    /// Takes new settings: at once, or when what runs under the old ones is over. The order is everyone's
    /// business and changes for all at the same time.
    mutating func adopt(
        _ new: SchedulerSpecification, zones: [ZoneFile], needsRestart: Bool,
        _ turn: inout Turn
    ) {
        let now = turn.now
        self.zones = zones
        if let owed = owesRestart, !new.order.dependencies.contains(where: { $0.name == owed }) {
            owesRestart = nil
        }
        if lifecycle.isLive && (needsRestart || replacement != nil) {
            replacement = new
            specification.order = new.order
            followSchedule(of: new, zones: zones, at: now)
            return
        }
        let isOtherReadiness = new.readiness.rule != specification.readiness.rule
        let isOtherCheck =
            new.healthCheck != specification.healthCheck
            || new.healthCheckInterval != specification.healthCheckInterval || isOtherReadiness
        specification = new
        replacement = nil
        if needsRestart { outdateSurvivors() }
        adoptSchedule(at: now)
        if isOtherCheck {
            endProbe(&turn)
            check.begin(due: nil)
            beginChecks(at: now.monotonic)
        }
        if isOtherReadiness { grantStart(at: now.monotonic) }
        adoptSampling(at: now.monotonic)
    }

    /// What could not be ended has been so under other settings.
    private mutating func outdateSurvivors() {
        forEachExecution { scheduler in
            guard case .stopped(.survivors(var stop, let nextSurvey)) = scheduler.lifecycle else {
                return
            }
            stop.isOutdated = true
            scheduler.enter(.stopped(.survivors(stop, nextSurvey: nextSurvey)))
        }
    }

    /// Whether memory is sampled may be another.
    mutating func adoptSampling(at now: Instant) {
        let first = isSampled ? firstSample(after: now) : nil
        forEachExecution { scheduler in
            scheduler.updateRun {
                $0.nextSample = first == nil || $0.leader == nil ? nil : $0.nextSample ?? first
            }
        }
    }

    /// The schedule is another while an execution goes on under the settings that it began with.
    mutating func followSchedule(
        of new: SchedulerSpecification, zones: [ZoneFile], at now: Moment
    ) {
        guard schedule != nil, new.kind.isScheduled, let settings = new.schedule else { return }
        schedule?.adopt(settings, zones: zones, at: now)
    }

    /// Nothing runs under the old settings any more.
    mutating func adoptReplacement() {
        guard let replacement, !lanes.contains(where: \.lifecycle.isLive) else { return }
        specification = replacement
        self.replacement = nil
        adoptSchedule(at: nil)
    }

    /// The schedule follows the settings; what is being executed goes on.
    private mutating func adoptSchedule(at now: Moment?) {
        guard specification.kind.isScheduled else {
            formerSchedule = schedule ?? formerSchedule
            schedule = nil
            return
        }
        let settings = specification.schedule ?? ScheduleSettings(.cron("@start"))
        guard schedule != nil else {
            schedule = ScheduleState(settings, zones: zones, seed: random.next())
            if let formerSchedule { schedule?.inherit(from: formerSchedule) }
            if wish?.isPaused == true { schedule?.pause() }
            return
        }
        // Not of `self` while the schedule is being changed.
        let zones = zones
        if now == nil, schedule?.enabledAt != nil {
            schedule?.successor = (settings, zones)
        } else {
            schedule?.adopt(settings, zones: zones, at: now)
        }
    }
}
