// SPDX-License-Identifier: Apache-2.0
//
// What stands between the core and the kernel: it carries out effects and brings what comes of them
// back as events of a later turn. Answers come late, and those of different runs in any order; what
// is seen of one run comes in the order in which it was seen.

internal import ReeveCore

/// How late and how disordered the world answers; drawn once for each simulation.
package struct Delivery: Equatable, Sendable {
    /// Answers, exits included, wait at most this long.
    var answerDelayMax = Duration.zero
    /// A turn begins at most this long after it could.
    var turnDelayMax = Duration.zero

    /// The supervisor may not run for this long.
    var suspension = Duration.zero

    /// By how much anything may be later than it would be in a perfect world.
    var slack: Duration {
        answerDelayMax * 4 + turnDelayMax * 4 + .milliseconds(50) + suspension
    }
}

/// The executor and the inbox of a simulation.
final class Shell {
    enum Content {
        case event(Event, run: RunID?)
        /// A process whose end is seen when the turn comes, not before.
        case ended(process: Int)
        /// By its index in the kernel.
        case command(Int)
    }
    private struct Entry {
        let ready: Instant
        let sequence: Int
        let content: Content
    }

    let kernel: Kernel
    let scenario: Scenario
    private let incarnation: Int
    private var random: Randomness
    private var entries: [Entry] = []
    private var sequence = 0
    /// When the last answer about a run is ready: none may overtake it. By index of run.
    private var readyLast: [Instant] = []
    private(set) var exitCode: Int32?
    /// What the configuration file says; nil: nothing that can be used.
    var configuration: Specification?

    /// `incarnation` counts the supervisors of a simulation, from 0.
    init(kernel: Kernel, scenario: Scenario, incarnation: Int = 0) {
        self.kernel = kernel
        self.scenario = scenario
        self.incarnation = incarnation
        random = Randomness(seed: scenario.seed, stream: 3, part: UInt64(incarnation))
        configuration = kernel.specification
    }

    var nextReady: Instant? { entries.map(\.ready).min() }

    // MARK: Effects

    func execute(_ effect: Effect) {
        switch effect {
        case .spawn(let run, let scheduler): spawn(run, scheduler)
        case .abandonSpawn(let run): abandonSpawn(run)
        case .signal(let run, let signal, to: let target):
            noteStop(run)
            send(signal, to: run, target)
        case .passSignal(let run, let signal):
            pass(signal, to: run)
        case .kill(let run):
            noteStop(run)
            kill(run)
        case .survey(let run): answer(run, after: nil)
        case .runStopCommand(let run):
            noteStop(run)
            runStopCommand(run)
        case .sample(let run): sample(run)
        case .forget(let run): kernel.forget(run)
        case .sweep(let signal): sweep(signal)
        case .exit(let code): exitCode = exitCode ?? code
        case .record(let record):
            guard let index = record.run.flatMap({ kernel.index(of: $0) }) else { return }
            if case .becameReady = record.fact { kernel.runs[index].checks.readyAt = kernel.now }
            if case .survived(let processes) = record.fact {
                kernel.runs[index].survivedAt = kernel.now
                kernel.runs[index].survivors = processes
            }
            if case .stopping = record.fact, kernel.runs[index].reapedAt == nil {
                kernel.runs[index].wasStopped = true
            }
        case .loadConfiguration(let change):
            let found = change.map { kernel.inForce(with: $0) } ?? configuration
            let event =
                found.map { Event.configurationLoaded($0) }
                ?? .configurationRejected(words: "it has errors")
            post(.event(event, run: nil), ready: kernel.now + delay())
        case .tellManager(.stopping): kernel.isEnding = true
        case .deliverAlerts(let id, let command, _): run(id, command)
        case .runCommand(let id, let command): run(id, command)
        case .probe(let id, let probe): self.probe(id, probe)
        case .endCommand(let id): end(id)
        case .ledger(let entry): kernel.disk.ledger.append(entry)
        case .keep(let scheduler, let wish): kernel.disk.keep(wish, of: kernel.name(scheduler))
        case .reply, .keepFailure, .tellManager, .adoptSettings, .adoptLog, .forgetScheduler: return
        }
    }

    /// A program that has a cleanup signal handles it, whoever sends it.
    private func pass(_ signal: Signal, to run: RunID) {
        guard let index = kernel.index(of: run) else { return }
        let scheduler = kernel.runs[index].scheduler
        let isCleanup = kernel.specification(of: scheduler).recovery.cleanup == .signal(signal)
        if isCleanup { kernel.runs[index].cleanupAskedAt = kernel.now }
        guard isCleanup, !kernel.runs[index].script.isForeign else {
            kernel.runs[index].passedSignal = signal
            return send(signal, to: run, .leader)
        }
        if kernel.runs[index].script.reactsToCleanup { kernel.runs[index].cleanedAt = kernel.now }
    }

    private func noteStop(_ run: RunID) {
        guard let index = kernel.index(of: run) else { return }
        guard kernel.runs[index].stopBeganAt == nil else { return }
        kernel.runs[index].stopBeganAt = kernel.now
        if kernel.runs[index].reapedAt == nil { kernel.runs[index].wasStopped = true }
    }

    private func spawn(_ run: RunID, _ scheduler: SchedulerID) {
        guard kernel.index(of: run) == nil else { return }
        let ordinal = kernel.runCount(of: scheduler)
        let script = scenario.script(
            of: scheduler, ordinal: ordinal, incarnation: incarnation, at: kernel.now)
        let identity = kernel.spawn(run, of: scheduler, script: script)
        readyLast.append(kernel.now)
        if let identity {
            answer(.spawned(run, identity), about: run)
        } else if let failure = script.failure {
            answer(.spawnFailed(run, failure), about: run)
        }
    }

    private func abandonSpawn(_ run: RunID) {
        guard let index = kernel.index(of: run), kernel.runs[index].isLaunching else { return }
        kernel.runs[index].abandonedAt = kernel.now
        answer(.spawnAbandoned(run), about: run)
    }

    /// Takes note of launchers that have become their programs; to be called after the kernel moved.
    private func noticeLaunches() {
        for index in kernel.launched {
            let run = kernel.runs[index]
            guard let leader = run.leader else { continue }
            answer(.spawned(run.id, kernel.processes[leader].identity), about: run.id)
        }
        kernel.launched.removeAll(keepingCapacity: true)
    }

    private func send(_ signal: Signal, to run: RunID, _ target: SignalTarget) {
        guard let index = kernel.index(of: run) else { return }
        switch target {
        case .leader:
            guard let leader = kernel.runs[index].leader else { return }
            if kernel.signal(leader, signal) == .notPermitted {
                answer(
                    .signalFailed(run, signal, words: "operation not permitted (EPERM)"), about: run
                )
            }
        case .others, .everyone:
            let leader = target == .others ? kernel.runs[index].leader : nil
            let members = kernel.runs[index].members.filter { $0 != leader }
            answer(run, after: reach(members, signal))
        }
    }

    /// Sends the signal to each; what it was sent to, by name.
    private func reach(_ processes: [Int], _ signal: Signal) -> Reached {
        var reached: [ProcessDescription] = []
        for process in processes {
            let description = kernel.describe(kernel.processes[process])
            if kernel.signal(process, signal) == .sent { reached.append(description) }
        }
        return Reached(signal: signal, processes: reached)
    }

    private func kill(_ run: RunID) {
        guard let index = kernel.index(of: run) else { return }
        kernel.runs[index].killedAt = kernel.runs[index].killedAt ?? kernel.now
        answer(run, after: reach(kernel.runs[index].members, .kill))
    }

    private func answer(_ run: RunID, after reached: Reached?) {
        answer(.surveyed(run, alive: kernel.living(of: run), reached: reached), about: run)
    }

    private func runStopCommand(_ run: RunID) {
        guard let index = kernel.index(of: run) else { return }
        switch kernel.runs[index].script.stopCommand {
        case .works(let after):
            guard let leader = kernel.runs[index].leader else { return }
            kernel.schedule(.told(leader), at: kernel.now + after)
        case .fails(let after):
            answer(
                .stopCommandFailed(run, words: "stop-command: exit code 1"), about: run,
                noEarlierThan: kernel.now + after)
        case .hangs: return
        }
    }

    private func sample(_ run: RunID) {
        guard let index = kernel.index(of: run) else { return }
        kernel.runs[index].lastSampledAt = kernel.now
        let truth = kernel.runs[index]
        switch truth.script.memory {
        case .unreadable:
            answer(.sampled(run, .unreadable("/proc: permission denied (EACCES)")), about: run)
        case .grows(let from, let perSecond):
            let since = truth.cleanedAt ?? truth.askedAt
            let age = max(0, (kernel.now - since).nanoseconds / 1_000_000)
            let total = Bytes(from.count + perSecond.count / 1_000 * age)
            answer(.sampled(run, .resident(total)), about: run)
        }
    }

    private func sweep(_ signal: Signal?) {
        if let signal {
            for index in kernel.alive { _ = kernel.signal(index, signal) }
        }
        let left = kernel.alive.map { kernel.describe(kernel.processes[$0]) }
        post(.event(.swept(alive: left), run: nil), ready: kernel.now + delay())
    }

    // MARK: Inbox

    func delay() -> Duration {
        random.chance(60) ? .zero : random.span(.zero, scenario.delivery.answerDelayMax)
    }

    private func answer(_ event: Event, about run: RunID, noEarlierThan: Instant = .zero) {
        guard let index = kernel.index(of: run) else { return }
        let ready = max(max(kernel.now, noEarlierThan) + delay(), readyLast[index])
        // A stop command runs beside: its late failure holds nothing else up.
        if noEarlierThan <= kernel.now { readyLast[index] = ready }
        post(.event(event, run: run), ready: ready)
    }

    func post(_ content: Content, ready: Instant) {
        sequence += 1
        entries.append(Entry(ready: ready, sequence: sequence, content: content))
    }

    /// Takes note of deaths that reeve can see; to be called after the kernel moved.
    func noticeDeaths() {
        for (index, notifications) in kernel.said {
            let run = kernel.runs[index].id
            answer(.notified(run, notifications), about: run)
        }
        kernel.said.removeAll(keepingCapacity: true)
        noticeLaunches()
        for process in kernel.unreaped {
            let index = kernel.processes[process].run
            let died = kernel.processes[process].endedAt ?? kernel.now
            let ready = max(died + delay(), readyLast[index])
            readyLast[index] = ready
            post(.ended(process: process), ready: ready)
        }
        kernel.unreaped.removeAll(keepingCapacity: true)
    }

    /// What the turn at this instant brings, together with `others` (requests, the passage of time),
    /// in the order of `Event.priority`; runs among themselves in an order of chance.
    func collect(with others: [Event]) -> [Event] {
        let ready = entries.filter { $0.ready <= kernel.now }
        entries.removeAll { $0.ready <= kernel.now }
        var batch: [(event: Event, key: UInt64, sequence: Int)] = []
        let turn = random.next()
        func key(_ number: UInt64) -> UInt64 { (turn ^ number) &* 0x9E37_79B9_7F4A_7C15 }
        for entry in ready.sorted(by: { $0.sequence < $1.sequence }) {
            switch entry.content {
            case .event(let event, let run):
                batch.append((event, key(run?.order ?? 0), entry.sequence))
            case .command(let index):
                guard let event = outcome(ofCommand: index) else { continue }
                batch.append((event, key(UInt64(index)), entry.sequence))
            case .ended(let process):
                guard let event = reap(process) else { continue }
                let run = kernel.runs[kernel.processes[process].run]
                batch.append((event, key(run.id.order), entry.sequence))
            }
        }
        for (position, event) in others.enumerated() {
            let client: UInt64 =
                switch event {
                case .requested(let id, _), .requestWithdrawn(let id): id.number
                default: 0
                }
            batch.append((event, key(client), sequence + 1 + position))
        }
        batch.sort {
            ($0.event.priority, $0.key, $0.sequence) < ($1.event.priority, $1.key, $1.sequence)
        }
        return batch.map(\.event)
    }

    private func reap(_ process: Int) -> Event? {
        let index = kernel.processes[process].run
        let run = kernel.runs[index]
        if kernel.processes[process].isLeader {
            let left = run.members
                .filter { $0 != process && kernel.processes[$0].isAlive }
                .map { kernel.describe(kernel.processes[$0]) }
            return .exited(run.id, kernel.processes[process].endsWith, leftovers: left)
        }
        guard run.reapedAt != nil, run.forgottenAt == nil else { return nil }
        return .surveyed(run.id, alive: kernel.living(of: run.id), reached: nil)
    }

    /// Whether the event names a run that the core has let go: the shell then keeps it to itself.
    func isStale(_ event: Event) -> Bool {
        switch event {
        case .spawned(let run, _), .spawnFailed(let run, _), .spawnAbandoned(let run),
            .exited(let run, _, _, _), .notified(let run, _), .surveyed(let run, _, _),
            .signalFailed(let run, _, _), .stopCommandFailed(let run, _),
            .sampled(let run, _):
            kernel.run(run)?.forgottenAt != nil
        case .began, .requested, .requestWithdrawn, .reloadRequested, .configurationLoaded,
            .configurationRejected, .shutdownRequested, .swept, .timePassed, .commandEnded,
            .probed:
            false
        }
    }

    /// The answer to a health check of a run that is up.
    private func noteCheck(_ id: CommandID) {
        kernel.noteAnswer(to: id)
        guard let command = kernel.command(id), command.isHealthCheck, command.endAskedAt == nil,
            !command.isStale, let index = command.run.flatMap({ kernel.index(of: $0) }),
            kernel.runs[index].isUp, kernel.runs[index].stopBeganAt == nil
        else { return }
        let specification = kernel.specification(of: kernel.runs[index])
        guard let settings = specification.healthCheck, let told = kernel.runs[index].toldAt else {
            return
        }
        kernel.runs[index].checks.answered(
            command.hasPassed, settings, age: kernel.now - told,
            isProbed: specification.readiness.rule == .probe, at: kernel.now)
    }

    /// Takes down what the core is about to be told, as fact.
    func note(_ event: Event) {
        switch event {
        case .spawned(let run, _), .spawnFailed(let run, _), .spawnAbandoned(let run):
            guard let index = kernel.index(of: run) else { return }
            kernel.runs[index].toldAt = kernel.now
        case .exited(let run, let status, let leftovers, used: _):
            guard let index = kernel.index(of: run) else { return }
            kernel.runs[index].reapedAt = kernel.now
            kernel.runs[index].status = status
            kernel.runs[index].leftBehind = !leftovers.isEmpty
        case .configurationLoaded(let specification): kernel.configure(specification)
        case .notified(let run, let notifications):
            guard let index = kernel.index(of: run) else { return }
            let isAwaited = kernel.specification(of: kernel.runs[index]).readiness.rule == .notify
            for notification in notifications {
                if case .extendTimeout(let span) = notification,
                    let began = kernel.runs[index].stopBeganAt
                {
                    kernel.runs[index].stopExtension = kernel.now - began + span
                }
                kernel.runs[index].checks.told(
                    notification, isAwaited: isAwaited, at: kernel.now)
            }
        case .commandEnded(let id, _), .probed(let id, _): noteCheck(id)
        case .began, .surveyed, .signalFailed, .stopCommandFailed, .sampled, .requested,
            .requestWithdrawn, .reloadRequested, .configurationRejected, .shutdownRequested, .swept,
            .timePassed:
            return
        }
    }
}
