// SPDX-License-Identifier: Apache-2.0
//
// The world around a supervisor, as small as can be: a clock that only moves when told, and answers to
// what the supervisor asks. Two switches choose who answers: `answersSpawns` (on) gives every spawn a
// leader in the next turn, `isObedient` (off) makes every process end at its first signal.

@testable import ReeveCore

/// A supervisor, its clock, and the outcome of its effects.
struct World {
    private(set) var supervisor: Supervisor
    private(set) var now = World.start
    /// Whether a spawn is followed by a `spawned` turn.
    var answersSpawns = true
    /// Whether every signal ends the process that it is for.
    var isObedient = false
    /// What a sweep finds; nil leaves it unanswered.
    var strays: [ProcessDescription]? = []
    /// Every effect since the start.
    private(set) var history: [Effect] = []
    /// Everything written down, by this supervisor and those before it.
    private(set) var ledger: [LedgerEntry] = []
    /// Commands that are not answered; `end` answers one, and an `endCommand` does.
    private(set) var commands: [(id: CommandID, command: AuxiliaryCommand)] = []
    /// Probes that are not answered; `answer` answers one, and an `endCommand` does.
    private(set) var probes: [(id: CommandID, probe: Probe)] = []
    private var lastPID: Int32 = 1_000
    /// By scheduler: the run that was asked for last.
    private var lastRuns: [RunID?]
    /// Runs whose leader has been reaped.
    private var reaped: Set<RunID> = []

    /// 2026-11-25T17:38:34Z, 1,000 s after the boot.
    static let start = Moment(
        monotonic: Instant(nanoseconds: 1_000_000_000_000),
        wall: WallTime(nanoseconds: 1_795_628_314_000_000_000))
    static let origin: UInt64 = 0x1234_5678_9ABC_DEF0

    init(
        _ schedulers: [SchedulerSpecification], seed: UInt64 = 1,
        wishes: [(name: SchedulerName, wish: Wish)] = [],
        settings change: (inout SupervisorSettings) -> Void = { _ in }
    ) {
        var settings = SupervisorSettings()
        change(&settings)
        supervisor = Supervisor(
            Specification(supervisor: settings, schedulers: schedulers), wishes: wishes,
            origin: World.origin, seed: seed, at: World.start)
        lastRuns = Array(repeating: nil, count: schedulers.count)
    }

    /// A world in which the supervisor has begun.
    static func booted(
        _ schedulers: [SchedulerSpecification],
        settings change: (inout SupervisorSettings) -> Void = { _ in }
    ) -> World {
        var world = World(schedulers, settings: change)
        world.boot()
        return world
    }

    // MARK: Turns

    /// One turn and, where the switches say so, the turns that answer it.
    @discardableResult
    mutating func send(_ event: Event) -> [Effect] {
        let effects = supervisor.handle(event, at: now)
        history += effects
        return effects + answers(to: effects)
    }

    private mutating func answers(to effects: [Effect]) -> [Effect] {
        var following: [Effect] = []
        for effect in effects {
            switch effect {
            case .spawn(let run, let scheduler):
                while lastRuns.count <= scheduler.index { lastRuns.append(nil) }
                lastRuns[scheduler.index] = run
                if answersSpawns { following += send(.spawned(run, newLeader())) }
            case .signal(let run, let signal, to: .leader) where isObedient,
                .signal(let run, let signal, to: .everyone) where isObedient:
                following += obey(run, signal)
            case .kill(let run) where isObedient: following += obey(run, .kill)
            case .sweep:
                if let strays { following += send(.swept(alive: strays)) }
            case .ledger(let entry): ledger.append(entry)
            case .runCommand(let id, let command), .deliverAlerts(let id, let command, _):
                commands.append((id, command))
            case .endCommand(let id):
                following += end(id, .ended(.killed(.kill), output: ""))
                following += answer(id, .failed(words: "it is not wanted any more"))
            case .probe(let id, let probe): probes.append((id, probe))
            case .abandonSpawn, .signal, .passSignal, .kill, .survey, .runStopCommand, .sample,
                .forget, .reply,
                .keep, .loadConfiguration, .adoptSettings, .adoptLog, .forgetScheduler, .record,
                .tellManager, .exit,
                .keepFailure:
                break
            }
        }
        return following
    }

    /// Of a turn that signals and then kills only the first one counts.
    private mutating func obey(_ run: RunID, _ signal: Signal) -> [Effect] {
        guard reaped.insert(run).inserted else { return [] }
        return send(.exited(run, .killed(signal), leftovers: []))
    }

    private mutating func newLeader() -> ProcessIdentity {
        lastPID += 1
        return ProcessIdentity(pid: PID(lastPID), startTime: 1)
    }

    @discardableResult
    mutating func boot() -> [Effect] { send(.began) }

    /// Moves the clock on, with a turn at each deadline on the way.
    @discardableResult
    mutating func pass(_ span: Duration) -> [Effect] {
        let end = now.monotonic + span
        var effects: [Effect] = []
        var turns = 0
        while let deadline = nextDue, deadline <= end, turns < 100_000 {
            jump(to: max(deadline, now.monotonic))
            effects += send(.timePassed)
            turns += 1
        }
        precondition(turns < 100_000, "the supervisor asks for the same instant again and again")
        jump(to: end)
        return effects
    }

    /// Moves the clock to the next deadline, whatever it is, and has one turn there.
    @discardableResult
    mutating func advance() -> [Effect] {
        guard let deadline = nextDue else { return [] }
        jump(to: max(deadline, now.monotonic))
        return send(.timePassed)
    }

    /// The earlier of the two deadlines, as an instant.
    private var nextDue: Instant? {
        let wall = supervisor.nextWallDeadline.map { now.monotonic + ($0 - now.wall) }
        return [supervisor.nextDeadline, wall].compactMap(\.self).min()
    }

    /// Sets the wall clock forward, and has a turn.
    @discardableResult
    mutating func setWall(forward span: Duration) -> [Effect] {
        now = Moment(monotonic: now.monotonic, wall: now.wall + span)
        return send(.timePassed)
    }

    /// Another supervisor takes over, with the ledger and the wishes of this one, after a while without
    /// any.
    mutating func replaceSupervisor(after span: Duration, seed: UInt64 = 2, boot: String = "") {
        let settings = supervisor.settings
        let schedulers = supervisor.schedulers.map(\.specification)
        let wishes = supervisor.schedulers.compactMap { scheduler in
            scheduler.wish.map { (name: scheduler.specification.name, wish: $0) }
        }
        jump(to: now.monotonic + span)
        supervisor = Supervisor(
            Specification(supervisor: settings, schedulers: schedulers), wishes: wishes,
            history: LedgerHistory(entries: ledger, boot: boot), origin: World.origin, seed: seed,
            at: now)
        send(.began)
    }

    /// Moves both clocks, without a turn.
    mutating func jump(to instant: Instant) {
        now = Moment(monotonic: instant, wall: now.wall + (instant - now.monotonic))
    }

    /// Sets the wall clock back, as an operator or a time server may.
    mutating func setWall(back span: Duration) {
        now = Moment(monotonic: now.monotonic, wall: now.wall + (.zero - span))
    }

    // MARK: Events by name

    @discardableResult
    mutating func exit(
        _ name: String, _ status: ExitStatus, leftovers: [ProcessDescription] = []
    ) -> [Effect] {
        reaped.insert(run(of: name))
        return send(.exited(run(of: name), status, leftovers: leftovers))
    }

    @discardableResult
    mutating func exit(_ name: String, code: Int32) -> [Effect] {
        exit(name, .exited(code: code))
    }

    /// A command that runs comes to its end; none where it is not running.
    @discardableResult
    mutating func end(_ id: CommandID, _ outcome: CommandOutcome) -> [Effect] {
        guard let index = commands.firstIndex(where: { $0.id == id }) else { return [] }
        commands.remove(at: index)
        return send(.commandEnded(id, outcome))
    }

    /// A probe gets its answer; none where it is not on its way.
    @discardableResult
    mutating func answer(_ id: CommandID, _ outcome: ProbeOutcome) -> [Effect] {
        guard let index = probes.firstIndex(where: { $0.id == id }) else { return [] }
        probes.remove(at: index)
        return send(.probed(id, outcome))
    }

    @discardableResult
    mutating func request(_ number: UInt64, _ request: Request) -> [Effect] {
        send(.requested(RequestID(number), request))
    }

    @discardableResult
    mutating func sample(_ name: String, megabytes: Int64) -> [Effect] {
        send(.sampled(run(of: name), .resident(Bytes(megabytes * 1_000_000))))
    }

    @discardableResult
    mutating func terminate(_ signal: Signal = .terminate) -> [Effect] {
        send(.shutdownRequested(.signal(signal)))
    }

    // MARK: Reading

    func id(_ name: String) -> SchedulerID {
        supervisor.scheduler(named: name) ?? SchedulerID(-1)
    }

    /// The run that was asked for last; a run that does not exist where there was none.
    func run(of name: String) -> RunID {
        let index = id(name).index
        guard lastRuns.indices.contains(index), let run = lastRuns[index] else {
            return RunID(order: 0, origin: 0)
        }
        return run
    }

    /// The leader of the current run, as a process; its name is the scheduler's.
    func leader(of name: String) -> ProcessDescription {
        let identity = supervisor.schedulers[id(name).index].lifecycle.run?.leader
        return ProcessDescription(
            identity: identity ?? ProcessIdentity(pid: PID(-1), startTime: 0), name: name)
    }

    func status(_ name: String) -> SchedulerStatus {
        guard let status = supervisor.status(of: id(name), at: now) else {
            preconditionFailure("no scheduler \(name)")
        }
        return status
    }

    func lifecycle(_ name: String) -> LifecycleName { status(name).lifecycle }
    func health(_ name: String) -> Health { status(name).health }
    var overall: SupervisorStatus { supervisor.status(at: now) }

    /// From now to the next deadline; nil where there is none.
    var untilDeadline: Duration? { supervisor.nextDeadline.map { $0 - now.monotonic } }

    /// A record of this instant, about the supervisor itself.
    func record(_ fact: Fact) -> Effect { .record(Record(at: now.wall, fact: fact)) }

    /// A record of this instant, about one scheduler.
    func record(_ name: String, run: RunID? = nil, _ fact: Fact) -> Effect {
        .record(
            Record(
                at: now.wall, scheduler: SchedulerName(name), run: run, fact: fact))
    }
}

// MARK: Effect lists

extension [Effect] {
    /// Everything but records and words to a service manager.
    var actions: [Effect] {
        filter {
            switch $0 {
            case .keep, .keepFailure, .record, .tellManager: false
            default: true
            }
        }
    }

    /// Everything but what is kept of failed runs.
    var withoutBundles: [Effect] {
        filter { if case .keepFailure = $0 { false } else { true } }
    }

    var records: [Record] {
        compactMap {
            if case .record(let record) = $0 { return record }
            return nil
        }
    }

    var facts: [Fact] { records.map(\.fact) }

    func facts(of scheduler: String) -> [Fact] {
        records.filter { $0.scheduler?.text == scheduler }.map(\.fact)
    }

    /// The names of the records, of one scheduler or of all.
    func recordNames(of scheduler: String? = nil) -> [String] {
        records.filter { scheduler == nil || $0.scheduler?.text == scheduler }.map(\.name)
    }

    /// The schedulers whose program is asked for, in order.
    var spawned: [SchedulerID] {
        compactMap {
            if case .spawn(_, let scheduler) = $0 { return scheduler }
            return nil
        }
    }

    /// The replies to one request, or to all.
    func replies(to number: UInt64? = nil) -> [Reply] {
        compactMap {
            guard case .reply(let id, let reply) = $0 else { return nil }
            return number == nil || id.number == number ? reply : nil
        }
    }

    var exitCodes: [Int32] {
        compactMap {
            if case .exit(let code) = $0 { return code }
            return nil
        }
    }
}

// MARK: Specifications

/// A name that is known to be good.
func name(_ text: String) -> SchedulerName {
    guard let name = SchedulerName(text) else { preconditionFailure("bad name \(text)") }
    return name
}

/// A daemon without jitter.
func daemon(
    _ text: String, _ change: (inout SchedulerSpecification) -> Void = { _ in }
) -> SchedulerSpecification {
    scheduler(text, .daemon, change)
}

/// A task without jitter.
func task(
    _ text: String, _ change: (inout SchedulerSpecification) -> Void = { _ in }
) -> SchedulerSpecification {
    scheduler(text, .task, change)
}

/// A scheduled one by a cron expression, or by an interval.
func scheduled(
    _ text: String, _ rule: ScheduleSettings.Rule,
    _ change: (inout ScheduleSettings) -> Void = { _ in },
    _ further: (inout SchedulerSpecification) -> Void = { _ in }
) -> SchedulerSpecification {
    var settings = ScheduleSettings(rule)
    change(&settings)
    var specification = SchedulerSpecification(
        name: name(text), schedule: settings, program: Program(arguments: ["/bin/true"]))
    further(&specification)
    return specification
}

private func scheduler(
    _ text: String, _ kind: SchedulerSpecification.Kind,
    _ change: (inout SchedulerSpecification) -> Void
) -> SchedulerSpecification {
    var specification = SchedulerSpecification(
        name: name(text), kind: kind, program: Program(arguments: ["/bin/true"]))
    specification.restart.jitter = 0
    change(&specification)
    return specification
}

extension SchedulerSpecification {
    /// Adds an edge.
    mutating func needs(
        _ text: String, _ condition: Dependency.Condition = .healthy,
        onFailure: Dependency.OnFailure = .stop
    ) {
        var dependency = Dependency(name: ReeveCoreTests.name(text))
        dependency.condition = condition
        dependency.onFailure = onFailure
        order.dependencies.append(dependency)
    }
}

/// A process that is no leader.
func process(_ pid: Int32, _ name: String = "worker") -> ProcessDescription {
    ProcessDescription(identity: ProcessIdentity(pid: PID(pid), startTime: 1), name: name)
}

extension ExitStatus {
    static func killed(_ signal: Signal) -> ExitStatus { .signalled(signal, coreDumped: false) }
}
