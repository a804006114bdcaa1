// SPDX-License-Identifier: Apache-2.0
//
// A core with a fault: the right core behind a wrapper that mangles what goes in or what comes out, or
// the right core with a wrong configuration.
// It shows that the checkers can fail, and leaves no trace in the core.

import ReeveCore
import ReeveSimulator

/// What is wrong with a core.
enum Fault: String, CaseIterable, Sendable {
    case spawnsTwice, spawnsWhenShuttingDown, spawnsEverythingAtOnce, spawnsAgainAtOnce
    case spawnsWhatWasStopped, startsDisabled, announcesRestartsOnly
    case swallowsExits, swallowsWithdrawals, swallowsSamples, swallowsFirstShutdown
    case neverAbandons, neverKills, killsAtOnce, signalsTheDead, forgetsEarly, neverForgets,
        hidesSurvivors
    case answersTwice, answersNever, answersAtOnce
    case neverWakes, wakesLate, wakesWithoutEnd
    case leavesAtOnce, leavesNever, leavesWithAnotherCode, leavesAndGoesOn, stopsAllAtOnce
    case recordsDefect, countsWrong, hidesPid, readyTwice, saysNoEnds, showsOldUptime
    case showsRestartsThatWereNone
    // The core is given another configuration than the checkers.
    case ignoresDependencies, ignoresPhases, ignoresPhaseTimeout, ignoresRestartLimit
    case ignoresRestartMode, ignoresRestartDelay, ignoresDelayCap, ignoresStopTimeout
    case ignoresLeftovers, ignoresHardLimit, ignoresMemoryThreshold, ignoresTaskTimeout
    case ignoresGracefulTimeout, ignoresForceTimeout, givesUpAtOnce, ignoresExitWith,
        ignoresReadiness
    case ignoresDependents
    case alertsTwice, alertsNever, alertsWithoutEnd, deliversTwice, deliversNever, inventsLeaks
    case ignoresErrorRate, ignoresFrequentRestarts, ignoresTimeouts, repeatsTooOften
    case swallowsProbes, swallowsSigns, checksTwice, ignoresChecks, ignoresThreshold
    case ignoresWatchdog, ignoresStartTimeout, leavesCommands
    // Schedules.
    case executesTwice, writesTwice, writesNoOutcome, writesAfterTheSpawn, sleepsThrough
    case forgetsLedger, forgetsPauses, resumesForPause, ignoresOverlap, ignoresMaxParallel
    case ignoresRetryLimit, ignoresRetryDelay, ignoresExitCodes, ignoresZone, ignoresBounds
    case ignoresSpread, ignoresMisfire, givesUpRetries
    case cancelsEach, skipsForDependencies, skipsWhatQueues, runsPaused, mergesTwice, mergesNever
    // Recovery and commands.
    case cleansUpTwice, ignoresCooldown, recoversWithoutAutoRecovery, commandAboutOver,
        commandsTwice
    case ignoresErrorRateOfSchedules, alertsOfSchedulesEarly, blamesTheWell
    case startsDespiteOnStart

    /// The checkers of which one has to notice.
    var caughtBy: [String] {
        switch self {
        case .neverAbandons, .spawnsTwice, .forgetsEarly, .neverForgets, .signalsTheDead,
            .startsDisabled:
            ["runs"]
        case .hidesSurvivors: ["runs", "shutdown"]
        case .spawnsWhenShuttingDown, .leavesAtOnce, .leavesWithAnotherCode, .leavesAndGoesOn,
            .stopsAllAtOnce, .leavesNever:
            ["shutdown"]
        case .swallowsFirstShutdown: ["shutdown", "requests", "simulation"]
        case .spawnsEverythingAtOnce: ["dependencies", "phases"]
        case .spawnsAgainAtOnce, .announcesRestartsOnly: ["restarts"]
        case .spawnsWhatWasStopped, .neverKills, .killsAtOnce: ["stops"]
        case .countsWrong, .hidesPid, .showsRestartsThatWereNone: ["status"]
        case .swallowsExits: ["status", "words"]
        case .swallowsSamples: ["memory and time limits", "words"]
        case .swallowsWithdrawals, .answersTwice, .answersNever, .answersAtOnce: ["requests"]
        case .neverWakes: ["liveness", "simulation", "memory and time limits", "stops"]
        case .wakesLate: ["stops", "restarts", "phases", "memory and time limits", "shutdown"]
        case .wakesWithoutEnd: ["clock"]
        case .recordsDefect, .readyTwice: ["records"]
        case .saysNoEnds, .showsOldUptime: ["words"]
        case .ignoresDependencies, .ignoresReadiness: ["dependencies"]
        case .ignoresPhases, .ignoresPhaseTimeout: ["phases"]
        case .ignoresRestartLimit, .ignoresRestartMode, .ignoresRestartDelay, .ignoresDelayCap:
            ["restarts"]
        case .ignoresStopTimeout, .givesUpAtOnce: ["stops"]
        case .alertsTwice, .alertsNever, .alertsWithoutEnd, .inventsLeaks, .ignoresErrorRate,
            .ignoresFrequentRestarts, .ignoresTimeouts, .repeatsTooOften:
            ["alerts"]
        case .deliversTwice: ["deliveries", "commands"]
        case .deliversNever: ["deliveries"]
        case .ignoresDependents: ["stops", "dependencies"]
        case .ignoresLeftovers: ["runs"]
        case .swallowsProbes, .swallowsSigns, .checksTwice, .ignoresChecks, .ignoresThreshold,
            .ignoresWatchdog, .ignoresStartTimeout, .leavesCommands:
            ["health checks"]
        case .ignoresHardLimit, .ignoresMemoryThreshold, .ignoresTaskTimeout:
            ["memory and time limits"]
        case .ignoresGracefulTimeout, .ignoresExitWith: ["shutdown"]
        case .ignoresForceTimeout: ["stops", "shutdown"]
        case .ignoresOverlap, .ignoresMaxParallel: ["schedules", "runs"]
        case .executesTwice: ["schedules", "runs"]
        case .writesTwice, .writesNoOutcome, .writesAfterTheSpawn, .sleepsThrough, .forgetsLedger,
            .forgetsPauses, .resumesForPause, .ignoresRetryLimit, .ignoresRetryDelay,
            .ignoresExitCodes, .ignoresZone, .ignoresBounds, .ignoresSpread, .ignoresMisfire,
            .givesUpRetries, .cancelsEach, .skipsForDependencies, .skipsWhatQueues, .runsPaused,
            .mergesTwice, .mergesNever:
            ["schedules"]
        case .cleansUpTwice: ["recovery", "commands"]
        case .ignoresCooldown, .recoversWithoutAutoRecovery: ["recovery"]
        case .commandAboutOver, .commandsTwice, .startsDespiteOnStart: ["commands"]
        case .ignoresErrorRateOfSchedules, .alertsOfSchedulesEarly, .blamesTheWell: ["alerts"]
        }
    }
}

/// The core, and one fault.
struct FaultyCore: SimulatedCore {
    let fault: Fault
    private let specification: Specification
    private var core: Supervisor
    private var now: Moment
    private var invented: UInt64 = 0
    private var lastSpawn: RunID?
    private var runs: [(run: RunID, scheduler: SchedulerID)] = []
    private var hasSwallowed = false
    private var postponed: Effect?
    private var forgotten: RunID?
    private var paused: Set<SchedulerID> = []

    init(_ fault: Fault, _ beginning: Beginning) {
        self.fault = fault
        specification = beginning.specification
        now = beginning.now
        core = Supervisor(
            fault.mangled(specification), wishes: fault == .forgetsPauses ? [] : beginning.wishes,
            history: fault == .forgetsLedger
                ? LedgerHistory(boot: beginning.history.boot) : beginning.history,
            origin: beginning.origin, seed: beginning.seed, at: now)
    }

    var nextWallDeadline: WallTime? { fault == .sleepsThrough ? nil : core.nextWallDeadline }

    var nextDeadline: Instant? {
        switch fault {
        case .neverWakes: nil
        case .wakesLate: core.nextDeadline.map { $0 + .seconds(20) }
        case .wakesWithoutEnd: now.monotonic
        default: core.nextDeadline
        }
    }

    func status(of scheduler: SchedulerID, at now: Moment) -> SchedulerStatus? {
        var status = core.status(of: scheduler, at: now)
        if fault == .hidesPid { status?.pid = nil }
        if fault == .showsRestartsThatWereNone { status?.restartsInWindow += 1 }
        if paused.contains(scheduler) { status?.isPaused = true }
        if fault == .showsOldUptime, let uptime = status?.uptime {
            status?.uptime = uptime + .seconds(1)
        }
        return status
    }

    func status(at now: Moment) -> SupervisorStatus {
        var status = core.status(at: now)
        if fault == .countsWrong { status.healthy += 1 }
        return status
    }

    func alerts(at now: Moment) -> [Alert] { core.alerts(at: now) }

    mutating func handle(_ event: Event, at now: Moment) -> [Effect] {
        self.now = now
        guard let event = mangled(event) else { return [] }
        var effects: [Effect] = []
        for effect in core.handle(event, at: now) {
            if case .spawn(let run, let scheduler) = effect {
                lastSpawn = run
                runs.append((run, scheduler))
            }
            if case .forget(let run) = effect { forgotten = run }
            effects.append(contentsOf: mangled(effect))
        }
        return effects + added(after: event, effects)
    }

    // MARK: The faults

    /// What the core hears of it; nil for nothing.
    private mutating func mangled(_ event: Event) -> Event? {
        switch (fault, event) {
        case (.swallowsExits, .exited), (.swallowsWithdrawals, .requestWithdrawn),
            (.swallowsSigns, .notified):
            return nil
        case (.swallowsProbes, .probed(let id, _)): return .probed(id, .passed(words: "x"))
        case (.swallowsSamples, .sampled(let run, _)): return .sampled(run, .resident(.zero))
        case (.swallowsFirstShutdown, .shutdownRequested):
            defer { hasSwallowed = true }
            return hasSwallowed ? event : nil
        case (.startsDespiteOnStart, .commandEnded(let id, _)):
            return .commandEnded(id, .ended(.exited(code: 0), output: ""))
        case (.resumesForPause, .requested(let id, .pause(let scheduler))):
            return .requested(id, .resume(scheduler))
        case (.runsPaused, .requested(_, .resume(let scheduler))):
            paused.remove(scheduler)
            return event
        case (.runsPaused, .requested(let id, .pause(let scheduler)))
        where core.status(of: scheduler, at: now)?.kind == .scheduled:
            // Answered as if it were, and forgotten.
            paused.insert(scheduler)
            return .requested(id, .resume(scheduler))
        case (_, .configurationLoaded(let new)): return .configurationLoaded(fault.mangled(new))
        default: return event
        }
    }

    /// What comes out in place of it.
    private mutating func mangled(_ effect: Effect) -> [Effect] {
        switch (fault, effect) {
        case (.neverAbandons, .abandonSpawn), (.neverKills, .kill), (.neverForgets, .forget),
            (.answersNever, .reply),
            (.leavesNever, .exit):
            return []
        case (.spawnsTwice, .spawn(let run, let scheduler)):
            return [effect, .spawn(next(after: run), scheduler)]
        case (.killsAtOnce, .signal(let run, _, to: _)): return [.kill(run)]
        case (.answersTwice, .reply): return [effect, effect]
        case (.checksTwice, .probe(let id, let probe)):
            return [effect, .probe(CommandID(next(after: id.run)), probe)]
        case (.leavesCommands, .endCommand): return []
        case (.writesNoOutcome, .ledger(let entry)):
            if case .ended(.skippedOverlap, _, _) = entry.event { return [] }
            return [effect]
        case (.writesTwice, .ledger(let entry)):
            if case .ended = entry.event { return [effect, effect] }
            return [effect]
        case (.writesAfterTheSpawn, .ledger(let entry)):
            guard case .started = entry.event else { return [effect] }
            postponed = effect
            return []
        case (.writesAfterTheSpawn, .spawn):
            defer { postponed = nil }
            return [effect] + [postponed].compactMap(\.self)
        case (.executesTwice, .ledger(let entry)):
            guard case .ended(.succeeded, _, _) = entry.event,
                let last = runs.last(where: { name(of: $0.scheduler) == entry.scheduler })
            else { return [effect] }
            let run = next(after: lastSpawn ?? last.run)
            let again = LedgerEntry(
                scheduler: entry.scheduler, trigger: entry.trigger, occurrence: entry.occurrence,
                at: entry.at, event: .started(run, attempt: 1))
            return [effect, .ledger(again), .spawn(run, last.scheduler)]
        case (.cancelsEach, .ledger(let entry)):
            guard case .ended(.failed, _, _) = entry.event else { return [effect] }
            return [.ledger(entry.with(.cancelled))]
        case (.skipsForDependencies, .ledger(let entry)):
            guard case .ended(.skippedOverlap, _, _) = entry.event else { return [effect] }
            return [.ledger(entry.with(.skippedDependency))]
        case (.mergesTwice, .ledger(let entry)):
            return entry.isMerged ? [effect, effect] : [effect]
        case (.mergesNever, .ledger(let entry)): return entry.isMerged ? [] : [effect]
        case (.cleansUpTwice, .passSignal(_, .windowChange)): return [effect, effect]
        case (.cleansUpTwice, .runCommand(let id, let command)) where command.purpose == .cleanup:
            return [effect, .runCommand(CommandID(next(after: id.run)), command)]
        case (.commandAboutOver, .runCommand(let id, var command)):
            guard command.run != nil, let forgotten else { return [effect] }
            command.run = forgotten
            return [.runCommand(id, command)]
        case (.commandsTwice, .runCommand): return [effect, effect]
        case (.leavesWithAnotherCode, .exit(let code)): return [.exit(code: code + 1)]
        case (.leavesAndGoesOn, .exit): return [effect, .sweep(.kill)]
        case (.deliversTwice, .deliverAlerts): return [effect, effect]
        case (.deliversNever, .deliverAlerts): return []
        case (.alertsTwice, .record(let record)):
            if case .alert = record.fact { return [effect, effect] }
            return [effect]
        case (.alertsNever, .record(let record)):
            if case .alert = record.fact { return [] }
            return [effect]
        case (.alertsWithoutEnd, .record(let record)):
            if case .alert(let alert) = record.fact, alert.phase == .ended { return [] }
            return [effect]
        case (.saysNoEnds, .record(let record)):
            if case .exited = record.fact { return [] }
            return [effect]
        case (.readyTwice, .tellManager(.ready)): return [effect, effect]
        case (.hidesSurvivors, .record(var record)):
            if case .survived = record.fact { record.fact = .survived([]) }
            if case .shutdownEnded(let after, let code, alive: _) = record.fact {
                record.fact = .shutdownEnded(after: after, code: code, alive: [])
            }
            return [.record(record)]
        default: return [effect]
        }
    }

    /// What comes out besides.
    private mutating func added(after event: Event, _ effects: [Effect]) -> [Effect] {
        switch (fault, event) {
        case (.spawnsWhenShuttingDown, .shutdownRequested), (.startsDisabled, .began):
            let scheduler = specification.schedulers.firstIndex {
                fault == .spawnsWhenShuttingDown || !$0.enabled
            }
            return scheduler.map { [invent(SchedulerID($0))] } ?? []
        case (.spawnsEverythingAtOnce, .began):
            return specification.schedulers.indices.filter { index in
                specification.schedulers[index].enabled
                    && !runs.contains { $0.scheduler.index == index }
            }.map { invent(SchedulerID($0)) }
        case (.spawnsAgainAtOnce, .exited(let run, _, leftovers: _, used: _)):
            guard effects.contains(.forget(run)), let scheduler = scheduler(of: run),
                !effects.contains(where: { if case .spawn = $0 { true } else { false } })
            else { return [] }
            return [invent(scheduler)]
        case (.spawnsWhatWasStopped, .requested(_, .stop(let scheduler))):
            return core.status(of: scheduler, at: now)?.run == nil ? [invent(scheduler)] : []
        case (.signalsTheDead, .exited(let run, _, leftovers: _, used: _)):
            return effects.contains(.forget(run)) ? [] : [.signal(run, .terminate, to: .leader)]
        case (.forgetsEarly, .spawned(let run, _)): return [.forget(run)]
        case (.answersAtOnce, .requested(let id, .stop(let scheduler))):
            let outcome = Reply.Outcome(scheduler: scheduler, result: .done, words: "stopped")
            return [.reply(id, Reply(outcomes: [outcome]))]
        case (.leavesAtOnce, .shutdownRequested): return [.exit(code: 0)]
        case (.stopsAllAtOnce, .shutdownRequested):
            return runs.compactMap { run, scheduler in
                guard let status = core.status(of: scheduler, at: now), status.run == run,
                    status.pid != nil, status.lifecycle != .stopping
                else { return nil }
                return .signal(run, .terminate, to: .leader)
            }
        case (.inventsLeaks, .exited(let run, _, leftovers: _, used: _)),
            (.blamesTheWell, .exited(let run, _, leftovers: _, used: _)):
            guard let scheduler = scheduler(of: run) else { return [] }
            invented += 1
            let alert = Alert(
                number: 1_000 + invented,
                kind: fault == .inventsLeaks ? .memoryLeak : .dependencyFailure, phase: .began,
                scheduler: specification.schedulers[scheduler.index].name, since: now.wall,
                at: now.wall, words: "a fault")
            return [.record(Record(at: now.wall, scheduler: alert.scheduler, fact: .alert(alert)))]
        case (.recordsDefect, .exited):
            return [.record(Record(at: now.wall, fact: .defect("a fault on purpose")))]
        case (.announcesRestartsOnly, .exited(let run, _, leftovers: _, used: _)):
            guard let scheduler = scheduler(of: run) else { return [] }
            let name = specification.schedulers[scheduler.index].name
            let fact = Fact.restartScheduled(after: .milliseconds(200), reason: "a fault")
            return [.record(Record(at: now.wall, scheduler: name, run: run, fact: fact))]
        default: return []
        }
    }

    private func name(of scheduler: SchedulerID) -> SchedulerName {
        specification.schedulers[scheduler.index].name
    }

    private func scheduler(of run: RunID) -> SchedulerID? {
        runs.first { $0.run == run }?.scheduler
    }

    private mutating func invent(_ scheduler: SchedulerID) -> Effect {
        .spawn(next(after: lastSpawn ?? RunID(order: 0, origin: 0)), scheduler)
    }

    private mutating func next(after run: RunID) -> RunID {
        invented += 1
        return RunID(order: run.order &+ invented, origin: run.origin)
    }
}

extension Fault {
    /// What the core believes to be its configuration.
    fileprivate func mangled(_ specification: Specification) -> Specification {
        var result = specification
        let isAllScheduled = specification.schedulers.allSatisfy { $0.kind == .scheduled }
        switch self {
        case .ignoresPhases: result.supervisor.staggeredStartup = false
        case .ignoresPhaseTimeout: result.supervisor.phaseTimeout = .minutes(60)
        case .ignoresGracefulTimeout: result.supervisor.gracefulTimeout = .minutes(60)
        case .ignoresForceTimeout: result.supervisor.forceTimeout = .minutes(60)
        case .givesUpAtOnce: result.supervisor.forceTimeout = .milliseconds(1)
        case .ignoresExitWith: result.supervisor.exitWith = nil
        case .recoversWithoutAutoRecovery: result.supervisor.autoRecovery = true
        case .ignoresErrorRate: result.supervisor.alerts.errorRate = 1
        case .ignoresFrequentRestarts: result.supervisor.alerts.frequentRestarts = 100
        case .ignoresTimeouts: result.supervisor.alerts.timeouts = 1_000
        // Where all have a schedule: only executions tell.
        case .ignoresErrorRateOfSchedules where isAllScheduled:
            result.supervisor.alerts.errorRate = 1
        case .alertsOfSchedulesEarly where isAllScheduled: result.supervisor.alerts.errorRate = 0
        case .repeatsTooOften: result.supervisor.alerts.repeatAfter = .seconds(3)
        default: break
        }
        for index in result.schedulers.indices { mangle(&result.schedulers[index]) }
        return result
    }

    private func mangle(_ scheduler: inout SchedulerSpecification) {
        switch self {
        case .ignoresDependencies: scheduler.order.dependencies = []
        case .ignoresDependents:
            for index in scheduler.order.dependencies.indices {
                scheduler.order.dependencies[index].onFailure = .ignore
            }
        case .ignoresReadiness: scheduler.readiness.rule = .spawn
        case .ignoresRestartLimit: scheduler.restart.maxRestarts = nil
        case .ignoresRestartMode: scheduler.restart.mode = .always
        case .ignoresRestartDelay: scheduler.restart.delay = .zero
        case .ignoresDelayCap: scheduler.restart.delayMax = .minutes(60)
        case .ignoresStopTimeout: scheduler.stop.timeout = .minutes(60)
        case .ignoresLeftovers: scheduler.stop.leftovers = .keep
        case .ignoresHardLimit: scheduler.memory.hardLimit = .init(.max)
        case .ignoresMemoryThreshold: scheduler.memory.action = .alert
        case .ignoresTaskTimeout: scheduler.timeout = nil
        case .ignoresChecks: scheduler.healthCheck?.failures = 1_000
        case .ignoresThreshold: scheduler.healthCheck?.failures = 1
        case .ignoresWatchdog: scheduler.notify.watchdog = nil
        case .ignoresStartTimeout: scheduler.readiness.startTimeout = .minutes(60)
        case .ignoresOverlap:
            scheduler.schedule?.overlap = .allow
            scheduler.schedule?.maxParallel = 1_000
        case .ignoresMaxParallel: scheduler.schedule?.maxParallel = 1_000
        case .ignoresRetryLimit: scheduler.schedule?.maxRetries += 5
        case .ignoresRetryDelay: scheduler.schedule?.retryDelay = .zero
        case .givesUpRetries: scheduler.schedule?.maxRetries = 0
        case .ignoresExitCodes: scheduler.schedule?.noRetryExitCodes = []
        case .ignoresZone: scheduler.schedule?.zone = "UTC"
        case .ignoresBounds:
            scheduler.schedule?.startsAt = nil
            scheduler.schedule?.expiresAt = nil
        case .ignoresCooldown: scheduler.restart.cooldown = .zero
        case .skipsWhatQueues:
            if scheduler.schedule?.overlap == .queue { scheduler.schedule?.overlap = .skip }
        case .ignoresSpread: scheduler.schedule?.spread = .zero
        case .ignoresMisfire: scheduler.schedule?.misfire = .runAll
        default: break
        }
    }
}

extension LedgerEntry {
    /// The same with another outcome.
    fileprivate func with(_ outcome: Outcome) -> LedgerEntry {
        guard case .ended(_, let reason, let run) = event else { return self }
        return LedgerEntry(
            scheduler: scheduler, trigger: trigger, occurrence: occurrence, through: through,
            count: count, at: at, event: .ended(outcome, reason: reason, run: run))
    }

    /// What the clock skipped has its key in the nanoseconds after the instant that stands for it.
    fileprivate var isMerged: Bool {
        guard case .ended(.coalesced, _, _) = event else { return false }
        return trigger == .schedule && occurrence.nanoseconds % 1_000_000_000 == 1
    }
}
