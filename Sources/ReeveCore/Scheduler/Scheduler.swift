// SPDX-License-Identifier: Apache-2.0
//
// One supervised scheduler: its state, and what each event does to it alone. What depends on others
// (dependencies, phases, requests, shutdown) is `Supervisor`'s; it calls in here and looks at the
// outcome afterwards.

struct Scheduler: Sendable {
    let id: SchedulerID
    @Boxed var specification: SchedulerSpecification
    /// What takes its place when the run that is being ended under it is over.
    @Rare var replacement: SchedulerSpecification?
    /// It is no longer configured; nothing but the end of its run happens any more.
    var isRemoved = false
    private(set) var lifecycle: Lifecycle
    var desired = Desired.down
    /// Where its schedule stands; exactly where its kind is `scheduled`.
    @Rare var schedule: ScheduleState?
    /// Where it stood before its kind was another: what was dealt with is not repeated.
    @Rare var formerSchedule: ScheduleState?
    /// Executions beside the current one (`overlap = "allow"`); none while nothing is current.
    var lanes: [Lane] = []
    /// The zones of the configuration in force.
    var zones: [ZoneFile]
    /// What is kept in the state directory for it.
    var wish: Wish?
    /// A stop that waits for dependents to be stopped first.
    var pendingStop: Stop.Cause?
    /// Dependencies that are lost now, worked out by the supervisor; `ignored` ones only degrade.
    var lostDependencies: [SchedulerName] = []
    var ignoredLosses: [SchedulerName] = []
    /// A `restart` edge whose dependency was lost and is not yet back.
    var owesRestart: SchedulerName?

    /// Failures without a success or good time in between.
    var consecutiveFailures = 0
    /// Automatic restarts without good time in between: the n of the delay.
    var restartsWithoutGoodTime = 0
    var isOverLimit = false
    var restartWindow = RestartWindow()
    var restartCount = 0
    /// The next start is an automatic restart, which counts when it happens.
    var isRestartScheduled = false
    var lastRecoveryRestart: Instant?
    /// A recovery that is under way, the report of the last one, and how many there were.
    @Rare var recovery: Recovery?
    @Rare var lastRecovery: RecoveryReport?
    var recoveries = 0
    /// Why a recovery restart could not be done, as it was said; said again when it is for another reason.
    var recoveryRefusal: String?
    /// Its health check.
    var check = HealthCheck()
    /// What the current run has said of itself.
    var signs = SignsOfLife()
    var lastSpawn: Instant?
    var lastExit: SchedulerStatus.LastExit?
    var lastExecution: SchedulerStatus.Execution?
    /// When the last stop was over, and how it went; the answer to a stop.
    var lastStop: (at: Instant, words: String)?
    /// Dependents that an operator's stop had to stop first.
    var stoppedFirst: [SchedulerName] = []
    /// What SIGKILL was needed for in stops of other executions, while the last of them is waited for.
    var killedBeside: [ProcessDescription] = []
    /// When the last run ended.
    var lastEnd: Instant?
    /// The last end as a shell would report it: an exit code, 128 and the signal, 126 or 127 for a
    /// program that could not be started.
    var lastCode: Int32 = 0
    /// What the last run's end meant; shown while it backs off.
    var lastMeaning: String?
    /// Why it is started next. Another reason than that of a scheduled restart overrules the restart.
    var startReason = "start-up" {
        didSet { isRestartScheduled = false }
    }
    /// What is counted of it, and what alerts are judged by.
    var metrics: Metrics
    var alertSettings: AlertSettings
    /// Its alerts that are on; at most one of each kind.
    var alarms: [Alarm] = []
    /// When an alert of it may change without an event.
    var alarmDeadline: Instant?
    /// Dependencies that it suffers from, worked out by the supervisor.
    var failedDependencies: [SchedulerID] = []
    /// Those who have it among their `failedDependencies`, ascending.
    var sufferers: [SchedulerID] = []
    var random: SplitMix64
    /// The kill escalates at most this long after the stop began; the supervisor's force-timeout.
    var forceTimeout: Duration

    init(
        id: SchedulerID, _ specification: SchedulerSpecification, zones: [ZoneFile] = [],
        seed: UInt64, alerts: AlertSettings = AlertSettings(),
        forceTimeout: Duration
    ) {
        alertSettings = alerts
        metrics = Metrics(errorWindow: alerts.errorRateWindow)
        self.id = id
        self.zones = zones
        self.specification = specification
        self.forceTimeout = forceTimeout
        lifecycle = .stopped(specification.enabled ? .notStarted : .disabled)
        var mixer = SplitMix64(seed: seed ^ UInt64(bitPattern: Int64(id.index)))
        random = SplitMix64(seed: mixer.next())
        if specification.kind == .scheduled {
            // Without a schedule there is nothing to follow: it is never due.
            schedule = ScheduleState(
                specification.schedule ?? ScheduleSettings(.cron("@start")), zones: zones,
                seed: mixer.next())
        }
    }

    /// The one place where the state changes. Drops what the new state may not hold.
    mutating func enter(_ state: Lifecycle) {
        lifecycle = state
        switch state {
        case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .backingOff, .exhausted,
            .completed:
            pendingStop = nil
            owesRestart = nil
            if state.isAtRest { isRestartScheduled = false }
            adoptReplacement()
        case .stopping:
            pendingStop = nil
        case .starting, .running:
            break
        }
    }

    /// Puts what a lane holds into the place of the current execution, and that into the lane.
    mutating func exchange(_ lane: inout Lane) {
        swap(&lifecycle, &lane.lifecycle)
        swap(&startReason, &lane.startReason)
        swap(&signs, &lane.signs)
        schedule?.exchangeCurrent(&lane)
    }

    /// Changes the run in place, in whichever state holds it.
    mutating func updateRun(_ change: (inout Run) -> Void) {
        switch lifecycle {
        case .starting(var run):
            change(&run)
            lifecycle = .starting(run)
        case .running(var run):
            change(&run)
            lifecycle = .running(run)
        case .stopping(var stop):
            change(&stop.run)
            lifecycle = .stopping(stop)
        case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .backingOff, .exhausted,
            .completed:
            break
        }
    }

    /// Why it is stopped, when it is wanted down.
    var downReason: Lifecycle.StoppedReason {
        if desired == .downForShutdown { return .shutdown }
        if isRemoved { return .removed }
        // An operator's stop is kept as a wish; without one it was the configuration.
        return configured.enabled || wish != nil ? .byOperator : .disabled
    }

    func record(_ fact: Fact, run: RunID? = nil, in turn: inout Turn) {
        turn.effects.append(
            .record(Record(at: turn.now.wall, scheduler: specification.name, run: run, fact: fact)))
    }

    /// When `timePassed` is due for this scheduler; nil while nothing of it waits for time.
    var nextDeadline: Instant? {
        let own = earliest(
            deadline(of: lifecycle), schedule?.next?.deadline, recovery?.deadline, alarmDeadline)
        return lanes.isEmpty ? own : earliest(own, lanes.compactMap(deadline(of:)).min())
    }

    private func deadline(of lane: Lane) -> Instant? { deadline(of: lane.lifecycle) }

    /// When `timePassed` is due by the wall clock.
    var nextWallDeadline: WallTime? { schedule?.next?.due }

    private func deadline(of lifecycle: Lifecycle) -> Instant? {
        switch lifecycle {
        case .waitingForDependencies(let wait): wait.until
        case .starting(let run):
            earliest(
                readyDeadline(run), startDeadline(run), runDeadline(run), run.nextSample, check.due)
        case .running(let run):
            earliest(
                goodTimeDeadline(run), watchdogDeadline(run), runDeadline(run), run.nextSample,
                check.due)
        case .stopping(let stop): stop.nextDeadline
        case .backingOff(let backOff): backOff.until
        case .stopped(.survivors(_, let nextSurvey)): nextSurvey
        case .stopped, .waitingForPhase, .idle, .exhausted, .completed: nil
        }
    }

    /// Does what is due at `turn.now`.
    mutating func timePassed(_ turn: inout Turn) {
        let now = turn.now.monotonic
        recoveryTimePassed(&turn)
        switch lifecycle {
        case .waitingForDependencies(var wait):
            guard let until = wait.until, until <= now else { return }
            wait.until = nil
            wait.timedOut = true
            lifecycle = .waitingForDependencies(wait)
        case .starting(let run):
            if let limit = runDeadline(run), limit <= now { return timeOut(&turn) }
            if isDue(run, at: now) {
                becomeReady(&turn)
            } else if let limit = startDeadline(run), limit <= now {
                return missStart(&turn)
            }
            sampleIfDue(&turn)
            checkIfDue(&turn)
        case .running(let run):
            if let limit = runDeadline(run), limit <= now { return timeOut(&turn) }
            if let limit = watchdogDeadline(run), limit <= now { return missWatchdog(run, &turn) }
            if let good = goodTimeDeadline(run), good <= now {
                resetFailures(reason: "\(specification.restart.resetAfter) of good time", &turn)
            }
            sampleIfDue(&turn)
            checkIfDue(&turn)
        case .stopping:
            continueStop(&turn)
        case .stopped(.survivors(let stop, let nextSurvey)):
            guard nextSurvey <= now else { return }
            turn.effects.append(.survey(stop.run.id))
            let later = now + Limits.survivorSurveyInterval
            lifecycle = .stopped(.survivors(stop, nextSurvey: later))
        case .backingOff, .stopped, .waitingForPhase, .idle, .exhausted, .completed:
            // A back-off that has ended is taken up by the supervisor, which knows the dependencies.
            break
        }
    }

    // MARK: Start

    /// Asks for the program to be started, or backs off to keep the least distance between two spawns.
    mutating func spawn(_ turn: inout Turn) {
        let now = turn.now.monotonic
        if let until = spacing(at: now) {
            let reason = "at most one start in \(Limits.spawnSpacing)"
            enter(
                .backingOff(
                    .init(until: until, reason: reason, isSpacing: true, wasDueAt: dueAt(at: now))))
            return
        }
        let run = Run(
            id: turn.sequence.next(at: turn.now.wall), askedAt: turn.now, reason: startReason)
        lastSpawn = now
        if isRestartScheduled {
            isRestartScheduled = false
            restartCount += 1
            restartWindow.add(now)
            metrics.restarted(limit: alertSettings.frequentRestarts, at: now)
        }
        recoveryRefusal = nil
        metrics.runBegan(leakWindow: alertSettings.leakWindow)
        signs = SignsOfLife()
        if !hasRunBeside { check.begin(due: nil) }
        adoptReplacement()
        writeStart(of: run.id, &turn)
        beginRun(run, &turn)
    }

    mutating func spawned(_ leader: ProcessIdentity, _ turn: inout Turn) {
        let now = turn.now
        let sample = isSampled ? firstSample(after: now.monotonic) : nil
        updateRun {
            $0.leader = leader
            $0.startedAt = now
            $0.nextSample = sample
        }
        guard let run = lifecycle.run else { return }
        record(.started(leader.pid, reason: run.reason), run: run.id, in: &turn)
        switch lifecycle {
        case .starting:
            beginChecks(at: now.monotonic)
            let rule = specification.readiness.rule
            // Its READY=1 may overtake the launcher's word that it has begun.
            if rule == .spawn || (rule == .notify && signs.isReady) { becomeReady(&turn) }
        case .stopping:
            // It was to be stopped before it was there.
            signalAfterSpawn(&turn)
        case .running, .stopped, .waitingForPhase, .idle, .waitingForDependencies, .backingOff,
            .exhausted,
            .completed:
            break
        }
    }

    mutating func becomeReady(_ turn: inout Turn) {
        guard case .starting(var run) = lifecycle, run.leader != nil else { return }
        run.readyAt = turn.now.monotonic
        enter(.running(run))
        let after = turn.now.monotonic - run.startedAt.monotonic
        record(.becameReady(after: after), run: run.id, in: &turn)
        // By a check that has passed: then they go on.
        if specification.readiness.rule != .probe { beginChecks(at: turn.now.monotonic) }
    }

    /// Forgets failures after a success, good time, or an operator's `reset`.
    mutating func resetFailures(reason: String, _ turn: inout Turn) {
        guard consecutiveFailures > 0 || restartsWithoutGoodTime > 0 || isOverLimit else { return }
        consecutiveFailures = 0
        restartsWithoutGoodTime = 0
        isOverLimit = false
        record(.failuresReset(reason: reason), run: lifecycle.run?.id, in: &turn)
    }

    // MARK: Deadlines of a run

    /// Whether it is ready by now, and has only to be told so.
    func isDue(_ run: Run, at now: Instant) -> Bool {
        readyDeadline(run).map { $0 <= now } ?? false
    }

    private func readyDeadline(_ run: Run) -> Instant? {
        guard run.leader != nil else { return nil }
        switch specification.readiness.rule {
        case .uptime(let least): return run.startedAt.monotonic + least
        // It waited by another rule until the configuration changed.
        case .spawn: return run.startedAt.monotonic
        case .notify: return signs.isReady ? run.startedAt.monotonic : nil
        case .probe: return nil
        }
    }

    private func runDeadline(_ run: Run) -> Instant? {
        guard run.leader != nil, let timeout = specification.timeout else { return nil }
        return run.startedAt.monotonic + timeout
    }

    /// Nobody waits for good time where there is nothing to forget: an idle reeve never wakes.
    private func goodTimeDeadline(_ run: Run) -> Instant? {
        // Only an execution's success forgets the failures of a scheduled one.
        guard schedule == nil else { return nil }
        guard consecutiveFailures > 0 || restartsWithoutGoodTime > 0 || isOverLimit else {
            return nil
        }
        return goodTimeBegan(run).map { $0 + specification.restart.resetAfter }
    }

    /// Since when the run is ready and its last check, if any is made, has passed.
    func goodTimeBegan(_ run: Run) -> Instant? {
        guard let readyAt = run.readyAt, specification.healthCheck != nil else {
            return run.readyAt
        }
        return check.goodSince.map { max($0, readyAt) }
    }

    private mutating func timeOut(_ turn: inout Turn) {
        guard let timeout = specification.timeout, let run = lifecycle.run else { return }
        record(.timedOut(timeout), run: run.id, in: &turn)
        beginStop(.timeout, reason: "it ran longer than \(timeout)", &turn)
    }

    private func earliest(_ instants: Instant?...) -> Instant? {
        instants.compactMap { $0 }.min()
    }
}
