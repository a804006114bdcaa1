// SPDX-License-Identifier: Apache-2.0
//
// Carries out what the core asks, one method per effect, in the order of the effects. What comes of
// one is kept as an event of the next turn. Nothing is decided here and nothing waits: what would
// take long in one go (a thousand spawns) is spread over turns, in its order.

internal import DequeModule
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// Carries out effects.
final class Executor {
    /// Programs started in one turn; the next turns start the rest, so that signals, exits and
    /// clients are looked at in between.
    static let spawnsPerTurnMax = 32

    private enum PendingSpawn {
        case run(RunID, SchedulerID)
        case command(CommandID, AuxiliaryCommand)
        /// By a child, since its host is a name.
        case probe(CommandID, Probe)
    }

    let processes: Processes
    let output: OutputHub
    let control: ControlServer
    private let manager: ManagerNotifier
    /// nil: nothing outlives this process.
    let ledger: Ledger?
    let failures: FailureStore
    let core: CoreCell
    private let view: CoreView
    private let reader = ConfigurationReader()
    let epoll: Epoll
    /// nil: nothing is to be watched, or it cannot be.
    var watch: ConfigurationWatch?
    /// nil: none is asked for, or it cannot be.
    var syslog: SyslogReader?
    let commands: Commands
    let prober: Prober
    let notify: NotifySockets
    let readers: Readers
    /// The timeouts of the probes that a child makes.
    private var probesByChild: [CommandID: Duration] = [:]
    private var outcomes: [Event] = []
    private var spawns = Deque<PendingSpawn>()
    private var spawnsLeft = Executor.spawnsPerTurnMax
    private var defects: Set<String> = []
    /// When strangers may be told of again: in a flood of them once a second.
    private var strangersDue = Instant.zero
    private static let strangersInterval = Duration.seconds(1)
    private(set) var now: Moment
    /// The code to leave with, once the core has asked for the end.
    private(set) var exitCode: Int32?

    init(
        processes: Processes, output: OutputHub, control: ControlServer, manager: ManagerNotifier,
        commands: Commands, prober: Prober, notify: NotifySockets, readers: Readers,
        ledger: Ledger?,
        failures: FailureStore, core: CoreCell, view: CoreView, epoll: Epoll,
        at now: Moment
    ) {
        self.epoll = epoll
        self.processes = processes
        self.output = output
        self.control = control
        self.manager = manager
        self.commands = commands
        self.prober = prober
        self.notify = notify
        self.readers = readers
        self.ledger = ledger
        self.failures = failures
        self.core = core
        self.view = view
        self.now = now
        watchConfiguration()
        openSyslog()
    }

    // MARK: The loop's side

    /// Whether the next turn must not wait.
    var hasWork: Bool { !outcomes.isEmpty || !spawns.isEmpty || ledger?.hasWork == true }

    /// When `timePassed` is due.
    var nextDeadline: Instant? {
        var due = output.nextDeadline
        due = earlier(due, control.nextDeadline)
        due = earlier(due, manager.nextDeadline)
        if !processes.strangers.isEmpty { due = earlier(due, strangersDue) }
        due = earlier(due, ledger?.nextDeadline)
        due = earlier(due, processes.launches.nextDeadline)
        due = earlier(due, reader.nextDeadline)
        due = earlier(due, failures.nextDeadline)
        due = earlier(due, watch?.nextDeadline)
        due = earlier(due, syslog?.nextDeadline)
        due = earlier(due, commands.nextDeadline)
        due = earlier(due, prober.nextDeadline)
        due = earlier(due, notify.nextDeadline)
        due = earlier(due, readers.nextDeadline)
        return earlier(due, processes.nextDeadline)
    }

    /// Starts a turn: spawns that waited for one come first.
    func beginTurn(at now: Moment) {
        self.now = now
        spawnsLeft = Executor.spawnsPerTurnMax
        while spawnsLeft > 0, let next = spawns.popFirst() { startNow(next) }
    }

    /// Ends a turn: what it had to say is written in one go, and the service manager told what is new.
    func endTurn(at now: Moment) {
        failures.noteEvidence(at: now)
        reportStrangers(at: now)
        notify.endTurn(at: now)
        output.flush(at: now)
        guard manager.isActive else { return }
        manager.turned(
            at: now, isInTransition: core.supervisor.isInTransition,
            status: { core.supervisor.statusLine })
    }

    private func reportStrangers(at now: Moment) {
        guard !processes.strangers.isEmpty, strangersDue <= now.monotonic else { return }
        strangersDue = now.monotonic + Executor.strangersInterval
        record(Record(at: now.wall, fact: .orphansAdopted(processes.takeStrangers())))
    }

    /// What came of the effects since the last call.
    func takeOutcomes() -> [Event] {
        defer { outcomes.removeAll(keepingCapacity: true) }
        return outcomes
    }

    /// Whether children that were reaped wait to be told of.
    func isReapingDue(at now: Moment) -> Bool { isDue(processes.nextDeadline, at: now) }

    /// Reaps, at first whom a SIGCHLD named. Returns what that gave, and whether there may be more.
    func reap(named: PID?, at now: Moment) -> (events: [Event], isBounded: Bool) {
        let reaping = processes.reap(named: named, at: now)
        sayWhatWasRefused()
        var said: [Event] = []
        for run in reaping.ended {
            output.drain(run, at: now)
            said += notify.drain(run, at: now)
        }
        if let failure = reaping.failure { reportDefect("reaping failed: \(failure)", at: now) }
        let read = reaping.helpers.compactMap { pid, status in
            output.helperEnded(pid, status, at: now) || readers.ended(pid, status, at: now)
                ? nil : reader.ended(pid, status) { notice(.warning, $0, at: now) }
        }
        let ended = reaping.commands.compactMap { id, status in
            status.map { commands.ended(id, $0, at: now) } ?? commands.diminished(id, at: now)
        }
        return (said + reaping.events + read + ended.map(asProbe), reaping.isBounded)
    }

    /// Does what is due in the components that wait for time.
    func timePassed(at now: Moment) -> [Event] {
        if isDue(output.nextDeadline, at: now) { output.timePassed(at: now) }
        if isDue(manager.nextDeadline, at: now) { manager.timePassed(at: now) }
        if let ledger {
            ledger.work(at: now)
            if isDue(ledger.nextDeadline, at: now) { ledger.timePassed(at: now) }
        }
        if isDue(failures.nextDeadline, at: now) { failures.timePassed(at: now) }
        if let syslog, isDue(syslog.nextDeadline, at: now) { syslog.timePassed(at: now) }
        var events: [Event] = []
        if isDue(reader.nextDeadline, at: now), let event = reader.timePassed(at: now.monotonic) {
            events.append(event)
        }
        if let watch, isDue(watch.nextDeadline, at: now), let reason = watch.timePassed() {
            events.append(.reloadRequested(reason: reason))
        }
        if isDue(processes.launches.nextDeadline, at: now) {
            events += processes.launches.timePassed(at: now.monotonic)
        }
        if isDue(commands.nextDeadline, at: now) {
            events += commands.timePassed(at: now).map(asProbe)
        }
        if isDue(notify.nextDeadline, at: now) { notify.timePassed(at: now) }
        if isDue(readers.nextDeadline, at: now) { readers.timePassed(at: now) }
        if isDue(prober.nextDeadline, at: now) { events += prober.timePassed(at: now) }
        if isDue(control.nextDeadline, at: now) { events += control.timePassed(at: now) }
        return events
    }

    /// A launcher told something.
    func launchReady(_ token: Token) -> [Event] {
        defer { sayWhatWasRefused() }
        return processes.launches.ready(token)
    }

    private func sayWhatWasRefused() {
        for (run, words) in processes.launches.takeNotes() {
            var name: SchedulerName?
            if case .program(let scheduler) = run.kind {
                name = core.supervisor.specification(of: scheduler)?.name
            }
            record(
                Record(
                    at: now.wall, scheduler: name, run: run.id, fact: .notice(.warning, words)))
        }
    }

    /// The end: what is still to be said is said, of lost output to those who follow the events too,
    /// and the socket closed.
    func finish(until deadline: Instant) {
        if let syslog {
            // The last words of what has just ended.
            syslog.ready(at: Clock.now())
            syslog.close(at: Clock.now())
        }
        failures.hurry(at: Clock.now())
        ledger?.finish(until: deadline, at: Clock.now())
        output.finish(until: deadline)
        control.close(at: Clock.now(), view: view)
    }

    /// Says that something happened which cannot; each sentence once.
    func reportDefect(_ sentence: String, at now: Moment) {
        guard defects.count < 64, defects.insert(sentence).inserted else { return }
        record(Record(at: now.wall, fact: .defect(sentence)))
    }

    /// Says one sentence about reeve itself.
    func notice(_ level: SupervisorSettings.LogLevel, _ sentence: String, at now: Moment) {
        record(Record(at: now.wall, fact: .notice(level, sentence)))
    }

    // MARK: Effects

    /// Carries out effects in their order.
    func perform(_ effects: [Effect], at now: Moment) {
        self.now = now
        processes.expectStops(
            effects.count { if case .signal(_, _, to: .leader) = $0 { true } else { false } })
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: Effect) {
        switch effect {
        case .spawn(let run, let scheduler): start(.run(run, scheduler))
        case .abandonSpawn(let run): abandonSpawn(run)
        case .signal(let run, let signal, to: .leader): signalLeader(run, signal)
        case .signal(let run, let signal, to: .others):
            signalMembers(run, signal, sparingLeader: true)
        case .signal(let run, let signal, to: .everyone):
            signalMembers(run, signal, sparingLeader: false)
        case .passSignal(let run, let signal): passSignal(run, signal)
        case .kill(let run): kill(run)
        case .survey(let run): survey(run)
        case .runStopCommand(let run): runStopCommand(run)
        case .sample(let run): sample(run)
        case .runCommand(let id, let command): start(.command(id, command))
        case .probe(let id, let probe): self.probe(id, probe)
        case .endCommand(let id): endCommand(id)
        case .forget(let run): forget(run)
        case .sweep(let signal): outcomes.append(.swept(alive: processes.sweep(signal).alive))
        case .ledger(let entry): ledger?.append(.entry(entry), at: now)
        case .reply(let id, let reply): control.reply(id, reply, at: now, view: view)
        case .keep(let scheduler, let wish): keep(wish, of: scheduler)
        case .loadConfiguration(let change): loadConfiguration(change)
        case .adoptSettings(let settings):
            output.adopt(settings)
            watchConfiguration()
            openSyslog()
        case .adoptLog(let scheduler): adoptLog(of: scheduler)
        case .forgetScheduler(let scheduler, let name): forget(scheduler, name)
        case .record(let record): self.record(record)
        case .keepFailure(let report): keepFailure(report)
        case .deliverAlerts(let id, let command, let alerts): deliver(id, command, alerts)
        case .tellManager(let message): manager.tell(message, at: now)
        case .exit(let code): exitCode = code
        }
    }

    private func start(_ pending: PendingSpawn) {
        guard spawnsLeft > 0, spawns.isEmpty else {
            spawns.append(pending)
            return
        }
        startNow(pending)
    }

    private func startNow(_ pending: PendingSpawn) {
        spawnsLeft -= 1
        failures.runBegins(at: now)
        switch pending {
        case .run(let run, let scheduler): spawn(run, scheduler)
        case .command(let id, let command): runCommand(id, command)
        case .probe(let id, let probe): probeByChild(id, probe)
        }
    }

    private func spawn(_ run: RunID, _ scheduler: SchedulerID) {
        guard let specification = core.supervisor.specification(of: scheduler) else {
            reportDefect("the core asked for a scheduler that it does not have", at: now)
            let failure = SpawnFailure(errno: 0, words: "there is no such scheduler")
            return outcomes.append(.spawnFailed(run, failure))
        }
        output.adopt(specification, of: scheduler)
        do throws(SpawnFailure) {
            var streams = try openStreams(run, scheduler)
            if specification.isComponent { streams.stdin = try openConnection() }
            let socket = try openNotify(run, specification)
            let identity = try processes.spawn(
                run, of: scheduler, specification,
                execution: core.supervisor.execution(of: run), notify: socket, streams: streams)
            // A launcher answers for itself.
            if let identity { outcomes.append(.spawned(run, identity)) }
        } catch {
            // The core forgets the run in answer to this, which closes its streams.
            outcomes.append(.spawnFailed(run, error))
        }
    }

    private func adoptLog(of scheduler: SchedulerID) {
        guard let specification = core.supervisor.specification(of: scheduler) else { return }
        output.adopt(specification, of: scheduler)
    }

    private func keepFailure(_ report: FailureReport) {
        guard let scheduler = core.supervisor.scheduler(named: report.scheduler.text) else {
            return
        }
        failures.keep(report, of: scheduler, among: core.supervisor.schedulerCount, at: now)
    }

    private func abandonSpawn(_ run: RunID) {
        let waiting = spawns.firstIndex { pending in
            if case .run(run, _) = pending { true } else { false }
        }
        guard let waiting else { return outcomes += processes.launches.abandon(run) }
        spawns.remove(at: waiting)
        outcomes.append(.spawnAbandoned(run))
    }

    private func deliver(_ id: CommandID, _ command: AuxiliaryCommand, _ alerts: [Alert]) {
        var input: [UInt8] = []
        AlertDocument.write(alerts, host: Host.name, to: &input)
        do throws(SpawnFailure) {
            try commands.start(id, command, nil, input: input, at: now)
        } catch {
            outcomes.append(.commandEnded(id, CommandOutcome(error)))
        }
    }

    private func runCommand(_ id: CommandID, _ command: AuxiliaryCommand) {
        let specification = command.scheduler.flatMap { core.supervisor.specification(of: $0) }
        do throws(SpawnFailure) {
            try commands.start(id, command, specification, at: now)
        } catch {
            outcomes.append(.commandEnded(id, CommandOutcome(error)))
        }
    }

    private func probe(_ id: CommandID, _ probe: Probe) {
        guard let addresses = Prober.addresses(of: probe.target.host) else {
            return start(.probe(id, probe))
        }
        if let event = prober.start(id, probe, addresses: addresses, at: now) {
            outcomes.append(event)
        }
    }

    /// Name services may block, so that this binary asks them in another process.
    private func probeByChild(_ id: CommandID, _ probe: Probe) {
        let command = AuxiliaryCommand(
            .healthCheck, for: probe.scheduler,
            arguments: ["/proc/self/exe"] + ProbeRole.arguments(of: probe), timeout: probe.timeout)
        do throws(SpawnFailure) {
            try commands.start(id, command, nil, role: ProbeRole.name, at: now)
            probesByChild[id] = probe.timeout
        } catch {
            let outcome = CommandOutcome(error)
            outcomes.append(.probed(id, outcome.probeOutcome(within: probe.timeout)))
        }
    }

    /// The end of a child that made a probe is the probe's.
    private func asProbe(_ event: Event) -> Event {
        guard case .commandEnded(let id, let outcome) = event,
            let timeout = probesByChild.removeValue(forKey: id)
        else { return event }
        return .probed(id, outcome.probeOutcome(within: timeout))
    }

    /// One that waits for its turn to be started is over at once.
    private func endCommand(_ id: CommandID) {
        if let event = prober.end(id) { return outcomes.append(event) }
        let words = "it is not wanted any more"
        for (index, pending) in spawns.enumerated() {
            switch pending {
            case .command(id, _): outcomes.append(.commandEnded(id, .notStarted(words: words)))
            case .probe(id, _): outcomes.append(.probed(id, .failed(words: words)))
            case .run, .command, .probe: continue
            }
            spawns.remove(at: index)
            return
        }
        commands.end(id, at: now)
    }

    /// The run's notify socket, where it is to have one.
    private func openNotify(
        _ run: RunID, _ specification: SchedulerSpecification
    ) throws(SpawnFailure) -> ChildEnvironment.Notify? {
        guard specification.wantsNotifySocket else { return nil }
        do {
            let socket = try notify.open(run, specification)
            return ChildEnvironment.Notify(
                socket: socket, watchdog: specification.notify.watchdog)
        } catch {
            throw SpawnFailure(
                errno: error.code, words: "no notify socket for it could be made: \(error)")
        }
    }

    /// A connection to the control socket for a part of reeve itself, which need not be permitted to make one.
    private func openConnection() throws(SpawnFailure) -> StreamEnd {
        do {
            return try UnixSocket.pair().split { (own, child) throws(Errno) in
                try own.setNonblocking()
                try control.adopt(own, at: now)
                return .descriptor(child)
            }
        } catch {
            throw SpawnFailure(
                errno: error.code, words: "no connection for it could be made: \(error)")
        }
    }

    private func openStreams(
        _ run: RunID, _ scheduler: SchedulerID
    ) throws(SpawnFailure) -> ChildStreams {
        do {
            return try output.open(run: run, of: scheduler)
        } catch {
            throw SpawnFailure(
                errno: error.code, words: "no pipe for its output could be made: \(error)")
        }
    }

    private func signalLeader(_ id: RunID, _ signal: Signal) {
        guard let run = processes.table[id] else { return }
        if let failure = processes.signalLeader(of: run, signal) {
            outcomes.append(.signalFailed(id, signal, words: failure.description))
        }
    }

    private func passSignal(_ id: RunID, _ signal: Signal) {
        guard let run = processes.table[id] else { return }
        if let failure = processes.passSignal(to: run, signal) {
            outcomes.append(.signalFailed(id, signal, words: failure.description))
        }
    }

    private func signalMembers(_ id: RunID, _ signal: Signal, sparingLeader: Bool) {
        answer(id, signal) { processes, run in
            processes.signal(run, signal, sparingLeader: sparingLeader)
        }
    }

    private func kill(_ id: RunID) {
        answer(id, .kill) { processes, run in processes.kill(run) }
    }

    private func survey(_ id: RunID) {
        guard let run = processes.table[id] else { return answerForUnknown(id) }
        outcomes.append(.surveyed(id, alive: processes.survey(run), reached: nil))
    }

    private func answer(
        _ id: RunID, _ signal: Signal, _ send: (Processes, Run) -> Processes.Delivery
    ) {
        guard let run = processes.table[id] else { return answerForUnknown(id) }
        let delivery = send(processes, run)
        let reached = Reached(signal: signal, processes: delivery.reached)
        outcomes.append(.surveyed(id, alive: delivery.alive, reached: reached))
    }

    /// The core never asks about a run that was not spawned or that it has forgotten. If it does,
    /// the answer that keeps it going is that nobody is alive.
    private func answerForUnknown(_ id: RunID) {
        reportDefect("the core asked about a run that the shell does not know", at: now)
        outcomes.append(.surveyed(id, alive: [], reached: nil))
    }

    private func runStopCommand(_ id: RunID) {
        guard let run = processes.table[id], run.stopCommand == nil,
            case .program(let scheduler) = run.kind
        else { return }
        guard let specification = core.supervisor.specification(of: scheduler),
            let command = specification.stop.command
        else { return }
        do throws(SpawnFailure) {
            let streams = try openStreams(id, scheduler)
            try processes.spawnStopCommand(
                command, for: run, specification, execution: core.supervisor.execution(of: id),
                streams: streams)
        } catch {
            outcomes.append(.stopCommandFailed(id, words: error.words))
        }
    }

    private func sample(_ id: RunID) {
        guard let run = processes.table[id] else { return }
        let reading =
            processes.sample(run, by: core.supervisor.measure(of: run))
            ?? .unreadable("no process of the run is alive")
        outcomes.append(.sampled(id, reading))
    }

    private func loadConfiguration(_ change: RegistrationChange?) {
        let specification = core.supervisor.specificationInForce
        if let words = reader.begin(specification, change, processes, at: now.monotonic) {
            outcomes.append(.configurationRejected(words: words))
        }
    }

    private func forget(_ id: RunID) {
        processes.table.forget(id)
        notify.close(id, at: now)
        output.runEnded(id, at: now)
    }

    private func keep(_ wish: Wish?, of id: SchedulerID) {
        guard let name = core.supervisor.specification(of: id)?.name else { return }
        ledger?.append(.wish(name, wish, at: now.wall), at: now)
    }

    private func record(_ record: Record) {
        output.queue(record, at: now)
        control.publish(record)
    }
}

private func earlier(_ left: Instant?, _ right: Instant?) -> Instant? {
    guard let left, let right else { return left ?? right }
    return min(left, right)
}

private func isDue(_ deadline: Instant?, at now: Moment) -> Bool {
    guard let deadline else { return false }
    return deadline <= now.monotonic
}
