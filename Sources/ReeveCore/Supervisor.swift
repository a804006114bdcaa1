// SPDX-License-Identifier: Apache-2.0

/// The whole of reeve's decisions.
///
/// A. `handle(_:at:)` takes one event and returns what is to be done, in order. B. `nextDeadline` says when
/// `.timePassed` is due; ask after each turn. C. The reading methods copy what they show and change nothing.
/// D. Time must not run backwards between two calls: `Moment.monotonic` never falls.
///
/// An event changes one scheduler first. Whatever changed is *touched*, and one loop (`settle`) works
/// through the touched ones: dependents react, requests are answered, phases and the shutdown go on. There
/// is no recursion through dependencies, and nothing is looked at that was not touched.
package struct Supervisor: Sendable {
    var settings: SupervisorSettings
    var plan: StartPlan
    var schedulers: [Scheduler]
    /// When a schedule is due by the wall clock; the instants in it are wall time.
    var wallDeadlines: DeadlineQueue
    /// The zones of the configuration in force.
    var zones: [ZoneFile]
    /// Wall clock less monotonic clock, at the last turn.
    var clockOffset: Int64?
    /// What the ledger names this boot, and who has had its `@reboot`.
    var boot = ""
    var bootsSeen: Set<SchedulerID> = []
    /// Executions of earlier supervisors that have no end.
    var open: [(key: OpenEntry, run: RunID)] = []
    /// What each scheduler showed when it was last settled.
    var views: [SchedulerView]
    var counts = HealthCounts()
    var deadlines: DeadlineQueue
    var touched = TouchedQueue()
    var startup = Startup()
    var requests = RequestTable()
    var commands = CommandTable()
    var shutdown: Shutdown?
    /// A new configuration is being read.
    var reload: Reload?
    /// Changes of what is registered that are made one after the other, after that.
    var waitingChanges: [WaitingChange] = []
    /// Alerts that are on, and how many there ever were.
    var alertCount = 0
    var alertNumber: UInt64 = 0
    var delivery = AlertDelivery()
    /// How many schedulers have processes that reeve answers for.
    var liveCount = 0
    /// What is kept for schedulers that were not configured at the start. Looked up, never iterated.
    var otherWishes: [String: Wish] = [:]
    let startedAt: Moment
    var defects = 0

    /// Removed ones, too: their place is taken again by a scheduler of the same name, as long as no other has it.
    var idsByName: [String: SchedulerID]
    var emptyPlaces = EmptyPlaces()
    let seed: UInt64
    private var idsByRun: [RunID: SchedulerID] = [:]
    private var sequence: RunSequence

    /// `origin` is the state directory's random id, `seed` the only source of jitter. `wishes` are what
    /// earlier supervisors kept; one for a scheduler that is not in the specification has no effect.
    /// `history` is what the ledger tells of occurrences.
    package init(
        _ specification: Specification, wishes: [(name: SchedulerName, wish: Wish)] = [],
        history: LedgerHistory = LedgerHistory(), origin: UInt64, seed: UInt64, at now: Moment
    ) {
        self.seed = seed
        zones = specification.zones
        settings = specification.supervisor
        plan = StartPlan(specification.schedulers)
        hasSchedules = specification.schedulers.contains { $0.kind == .scheduled }
        schedulers = specification.schedulers.enumerated().map { index, scheduler in
            Scheduler(
                id: SchedulerID(index), scheduler, zones: specification.zones, seed: seed,
                alerts: specification.supervisor.alerts,
                forceTimeout: specification.supervisor.forceTimeout)
        }
        var idsByName: [String: SchedulerID] = [:]
        for scheduler in schedulers { idsByName[scheduler.specification.name.text] = scheduler.id }
        self.idsByName = idsByName
        for (name, wish) in wishes {
            guard let id = idsByName[name.text] else {
                otherWishes[name.text] = wish
                continue
            }
            schedulers[id.index].wish = wish
            if wish.isPaused { schedulers[id.index].schedule?.pause() }
        }
        views = schedulers.map(\.view)
        deadlines = DeadlineQueue(count: schedulers.count)
        wallDeadlines = DeadlineQueue(count: schedulers.count)
        sequence = RunSequence(origin: origin)
        startedAt = now
        for view in views where view.isCounted { counts.add(view.health) }
        restore(history)
    }

    /// Takes one event and returns what is to be done, in order.
    package mutating func handle(_ event: Event, at now: Moment) -> [Effect] {
        var turn = Turn(now: now, sequence: sequence)
        watchClock(&turn)
        switch event {
        case .began: began(&turn)
        case .spawned(let run, let leader):
            withScheduler(of: run, "spawned", &turn) { scheduler, turn in
                scheduler.spawned(leader, &turn)
                return .settled
            }
        case .spawnFailed(let run, let failure):
            withScheduler(of: run, "spawnFailed", &turn) { $0.spawnFailed(failure, &$1) }
        case .spawnAbandoned(let run):
            withScheduler(of: run, "spawnAbandoned", &turn) { $0.spawnAbandoned(&$1) }
        case .exited(let run, let status, let leftovers, let used):
            withScheduler(of: run, "exited", &turn) {
                $0.metrics.used(used)
                return $0.exited(status, leftovers: leftovers, &$1)
            }
        case .surveyed, .signalFailed, .stopCommandFailed, .sampled, .notified:
            answered(event, &turn)
        case .commandEnded(let id, let outcome): commandEnded(id, outcome, &turn)
        case .probed(let id, let outcome): probed(id, outcome, &turn)
        case .requested(let id, let request): requested(id, request, &turn)
        case .requestWithdrawn(let id): withdraw(id)
        case .reloadRequested(let reason): requestReload(nil, because: reason, &turn)
        case .configurationLoaded(let new): configurationLoaded(new, &turn)
        case .configurationRejected(let words, let refusal):
            configurationRejected(words, refusal, &turn)
        case .shutdownRequested(let cause): requestShutdown(cause, &turn)
        case .swept(let alive): swept(alive, &turn)
        case .timePassed: timePassed(&turn)
        }
        settle(&turn)
        commands.add(from: &turn)
        sequence = turn.sequence
        for case .forget(let run) in turn.effects { idsByRun[run] = nil }
        for run in turn.dropped { idsByRun[run] = nil }
        return turn.effects
    }

    /// Whether any scheduler follows a schedule, or would.
    package private(set) var hasSchedules: Bool

    mutating func noteSchedules(_ specification: Specification) {
        hasSchedules = hasSchedules || specification.schedulers.contains { $0.kind == .scheduled }
    }

    /// When `.timePassed` is due by the wall clock, which may be set: a schedule's next occurrence.
    package var nextWallDeadline: WallTime? {
        guard shutdown == nil else { return nil }
        return wallDeadlines.earliest.map { WallTime(nanoseconds: $0.nanoseconds) }
    }

    /// When `.timePassed` is due; nil while nothing waits for time.
    package var nextDeadline: Instant? {
        [deadlines.earliest, startup.deadline, shutdown?.nextDeadline, delivery.dueAt]
            .compactMap { $0 }.min()
    }

    // MARK: Finding

    /// `[reeve]` as it is in force.
    package var supervisorSettings: SupervisorSettings { settings }

    /// Finds a scheduler by name; one that is no longer configured as long as something of it is left.
    package func scheduler(named name: String) -> SchedulerID? {
        guard let id = idsByName[name], !schedulers[id.index].isDropped else { return nil }
        return id
    }

    /// The same, but only one that is configured.
    func configuredScheduler(named name: String) -> SchedulerID? {
        guard let id = idsByName[name], !schedulers[id.index].isRemoved else { return nil }
        return id
    }

    /// The scheduler of a run that is not forgotten.
    package func scheduler(of run: RunID) -> SchedulerID? { idsByRun[run] }

    /// How long the table of schedulers is: ids are 0 to this, exclusive. Some places may be empty, after
    /// a reload; `status(of:at:)` is nil for those.
    package var schedulerCount: Int { schedulers.count }

    /// What is in force; nil for an id out of range. A place that is empty has what was there last.
    package func specification(of scheduler: SchedulerID) -> SchedulerSpecification? {
        schedulers.indices.contains(scheduler.index)
            ? schedulers[scheduler.index].specification : nil
    }

    // MARK: Details

    /// Hands an event of a run to its scheduler, and sees to what follows. `event` names those that
    /// cannot come for a run that is over.
    private mutating func withScheduler(
        of run: RunID, _ event: String?, _ turn: inout Turn,
        _ body: (inout Scheduler, inout Turn) -> RestartOutcome
    ) {
        guard let id = idsByRun[run], schedulers[id.index].isConcerned(with: run) else {
            if let event { defect("\(event) for run \(run), which is over", &turn) }
            return
        }
        let outcome = schedulers[id.index].handle(run) { body(&$0, &turn) }
        touch(id)
        carryOut(outcome, id, &turn)
    }

    /// An answer to an effect. The run may have ended since it was asked, which is no defect.
    private mutating func answered(_ event: Event, _ turn: inout Turn) {
        switch event {
        case .surveyed(let run, let alive, let reached):
            withScheduler(of: run, nil, &turn) { $0.surveyed(alive, reached: reached, &$1) }
        case .signalFailed(let run, let signal, let words):
            withScheduler(of: run, nil, &turn) { scheduler, turn in
                scheduler.record(.signalFailed(signal, words: words), run: run, in: &turn)
                return .settled
            }
        case .stopCommandFailed(let run, let words):
            withScheduler(of: run, nil, &turn) { scheduler, turn in
                scheduler.stopCommandFailed(words, &turn)
                return .settled
            }
        case .sampled(let run, let reading):
            let autoRecovery = settings.autoRecovery
            withScheduler(of: run, nil, &turn) { scheduler, turn in
                scheduler.sampled(reading, autoRecovery: autoRecovery, &turn)
                return .settled
            }
        case .notified(let run, let notifications):
            withScheduler(of: run, nil, &turn) { scheduler, turn in
                scheduler.notified(notifications, &turn)
                return .settled
            }
        case .began, .spawned, .spawnFailed, .spawnAbandoned, .exited, .commandEnded, .probed,
            .requested,
            .requestWithdrawn, .reloadRequested, .configurationLoaded, .configurationRejected,
            .shutdownRequested, .swept, .timePassed:
            break
        }
    }

    mutating func carryOut(_ outcome: RestartOutcome, _ id: SchedulerID, _ turn: inout Turn) {
        let scheduler = schedulers[id.index]
        switch outcome {
        case .settled:
            return
        case .startNow:
            wantStart(id, &turn)
        case .endedForGood(let endsReeve):
            guard endsReeve || settings.exitWith == scheduler.specification.name else { return }
            let cause = ShutdownCause.schedulerEnded(
                scheduler.specification.name, shellCode: scheduler.lastCode)
            requestShutdown(cause, &turn)
        }
    }

    /// Starts the program now: its dependencies are met.
    mutating func spawn(_ id: SchedulerID, _ turn: inout Turn) {
        schedulers[id.index].spawn(&turn)
        if case .starting(let run) = schedulers[id.index].lifecycle { idsByRun[run.id] = id }
        touch(id)
    }

    mutating func touch(_ id: SchedulerID) {
        touched.add(id)
    }

    /// An impossible state: counted and said; the caller leaves everything as it is.
    mutating func defect(_ words: String, _ turn: inout Turn) {
        defects += 1
        turn.record(.defect(words))
    }

    private mutating func timePassed(_ turn: inout Turn) {
        let wall = Instant(nanoseconds: turn.now.wall.nanoseconds)
        while let id = wallDeadlines.popDue(at: wall) { occurrencesDue(id, &turn) }
        while let id = deadlines.popDue(at: turn.now.monotonic) {
            let wasWaiting = schedulers[id.index].isWaitingInTime
            schedulers[id.index].timePassed(&turn)
            if wasWaiting && !schedulers[id.index].isWaitingInTime {
                let timeout = schedulers[id.index].specification.order.dependencyTimeout
                let unmet = unmetDependencies(of: id)
                schedulers[id.index].record(
                    .dependencyTimedOut(waitingFor: unmet, timeout: timeout), in: &turn)
                if schedulers[id.index].schedule != nil { dependenciesTimedOut(id, &turn) }
            }
            timePassedInLanes(id, &turn)
            startDue(id, &turn)
            if schedulers[id.index].schedule != nil { occurrencesDue(id, &turn) }
            touch(id)
        }
        deliveryTimePassed(&turn)
        startupTimePassed(&turn)
        shutdownTimePassed(&turn)
    }
}

extension Scheduler {
    /// Waits for dependencies, and patience has not run out.
    var isWaitingInTime: Bool {
        if case .waitingForDependencies(let wait) = lifecycle { return wait.until != nil }
        return false
    }
}

/// The schedulers whose state has changed and has not been looked at, first in, first out, each once.
struct TouchedQueue: Sendable {
    private var queue: [SchedulerID] = []
    private var next = 0
    private var isQueued: [Bool] = []

    mutating func add(_ id: SchedulerID) {
        while isQueued.count <= id.index { isQueued.append(false) }
        guard !isQueued[id.index] else { return }
        isQueued[id.index] = true
        queue.append(id)
    }

    var hasNext: Bool { next < queue.count }

    mutating func takeNext() -> SchedulerID? {
        guard next < queue.count else {
            queue.removeAll(keepingCapacity: true)
            next = 0
            return nil
        }
        let id = queue[next]
        next += 1
        isQueued[id.index] = false
        return id
    }
}
