// SPDX-License-Identifier: Apache-2.0
//
// One simulation: a core, a virtual kernel and a shell between them, driven from one seed until the
// core leaves. Virtual time jumps to whatever comes next. Each event and each effect passes the
// checkers, and the first sentence of any of them ends the simulation.

package import ReeveCore

/// What a checker found wrong.
package struct Violation: Equatable, Sendable {
    /// The name of the checker.
    package var checker: String
    /// What is wrong, as a sentence.
    package var sentence: String
    package var at: Instant
}

/// How a simulation went.
package struct Outcome {
    package let seed: UInt64
    package let violation: Violation?
    package let timeline: Timeline
    /// nil where the core never left.
    package let exitCode: Int32?

    /// What a failing seed prints: the seed, the sentence, the last lines, and how to see all.
    package func report(lastLines count: Int = 60) -> String {
        let verdict =
            violation.map {
                "seed \(seed): \($0.checker): \($0.sentence) "
                    + "(at \(($0.at - Scenario.start)) of virtual time)"
            } ?? "seed \(seed): nothing found"
        let hash = String(timeline.hash, radix: 16)
        let replay = "timeline \(hash), replay with ./Tests/run --seed \(seed)"
        return ([verdict] + timeline.lines(last: count) + [replay]).joined(separator: "\n")
    }
}

/// Runs one scenario.
package struct Simulation<Core: SimulatedCore> {
    /// More turns than this are an endless loop.
    private static var turnsMax: Int { 200_000 }

    private let scenario: Scenario
    private let makeCore: (Beginning) -> Core
    private var kernel: Kernel
    private var shell: Shell
    private var core: Core
    private var checkers: [any Checker]
    private var timeline: Timeline
    private var random: Randomness
    private var operationsLeft: ArraySlice<Scenario.Timed>
    private var violation: Violation?
    /// Supervisors that were killed.
    private var killed = 0
    /// The supervisor is killed after so many more effects.
    private var killing: (effectsLeft: Int, downFor: Duration)?

    /// `makeCore` is called for the first supervisor, and for each that takes over from a killed one.
    package init(_ scenario: Scenario, makeCore: @escaping (Beginning) -> Core) {
        self.scenario = scenario
        self.makeCore = makeCore
        let start = WallTime(nanoseconds: Scenario.start.nanoseconds)
        kernel = Kernel(
            specification: scenario.specification, now: Scenario.start,
            wallOffset: scenario.wallAtStart - start, disk: Disk())
        shell = Shell(kernel: kernel, scenario: scenario)
        timeline = Timeline(specification: scenario.specification)
        random = Randomness(seed: scenario.seed, stream: 5)
        operationsLeft = scenario.operations[...]
        checkers =
            allCheckers(for: scenario, in: kernel) + [ScheduleChecker(scenario: scenario)]
        core = makeCore(
            Beginning(
                specification: scenario.specification, wishes: [],
                history: LedgerHistory(boot: Scenario.boot), origin: 0x5EED, seed: scenario.seed,
                now: Moment(monotonic: kernel.now, wall: kernel.wall)))
    }

    private var moment: Moment { Moment(monotonic: kernel.now, wall: kernel.wall) }

    /// Runs to the end, or to the first violation.
    package mutating func run() -> Outcome {
        deliver(.began)
        turnEnded()
        var turns = 0
        while violation == nil, shell.exitCode == nil {
            turns += 1
            guard turns < Self.turnsMax else {
                fail("simulation", "still going on after \(turns) turns")
                break
            }
            guard let next = nextInstant() else {
                fail("simulation", "nothing is due any more and reeve has not left")
                break
            }
            turn(at: next)
        }
        if violation == nil { inspect { [kernel] in $0.ended(in: kernel) } }
        return Outcome(
            seed: scenario.seed, violation: violation, timeline: timeline,
            exitCode: shell.exitCode)
    }

    private func nextInstant() -> Instant? {
        let wall = core.nextWallDeadline.map { kernel.now + ($0 - kernel.wall) }
        let candidates = [
            kernel.nextHappening, shell.nextReady, operationsLeft.first?.at, core.nextDeadline,
            wall,
        ]
        return candidates.compactMap(\.self).min().map { max($0, kernel.now) }
    }

    private var isTimeDue: Bool {
        core.nextDeadline.map { $0 <= kernel.now } == true
            || core.nextWallDeadline.map { $0 <= kernel.wall } == true
    }

    private mutating func turn(at instant: Instant) {
        let late =
            random.chance(70) ? Duration.zero : random.span(.zero, scenario.delivery.turnDelayMax)
        kernel.advance(to: instant + late)
        settleKernel()
        var others = operationsDue()
        if isTimeDue, !others.contains(.timePassed) { others.append(.timePassed) }
        let batch = shell.collect(with: others)
        let supervisors = killed
        for event in batch where violation == nil && shell.exitCode == nil {
            // What a killed one had not got to is gone, but for who wants reeve's end: he asks again.
            if killed != supervisors, !event.isShutdown { continue }
            if !shell.isStale(event) { deliver(event) }
        }
        if !batch.isEmpty { turnEnded() }
    }

    /// What comes from outside by now, as events.
    private mutating func operationsDue() -> [Event] {
        var events: [Event] = []
        while let next = operationsLeft.first, next.at <= kernel.now {
            operationsLeft.removeFirst()
            switch next.operation {
            case .request(let id, let request): events.append(.requested(id, request))
            case .withdraw(let id): events.append(.requestWithdrawn(id))
            case .shutdown(let cause): events.append(.shutdownRequested(cause))
            case .reload(let specification):
                shell.configuration = specification
                events.append(.reloadRequested(reason: "SIGHUP"))
            case .wallStep(let step):
                kernel.wallOffset = kernel.wallOffset + step
                timeline.append(.wallStep(step), at: kernel.now)
                // The timer of the wall clock goes off when it is set.
                if scenario.hasSchedules, !events.contains(.timePassed) {
                    events.append(.timePassed)
                }
            case .suspend(let span):
                timeline.append(.suspended(span), at: kernel.now)
                kernel.advance(to: kernel.now + span)
                settleKernel()
            case .kill(let effects, let down):
                if !kernel.isEnding { killing = (effects, down) }
            }
        }
        return events
    }

    private mutating func deliver(_ event: Event) {
        timeline.append(.event(event), at: kernel.now)
        inspect { [kernel] in $0.willTell(event, in: kernel) }
        shell.note(event)
        inspect { [kernel] in $0.told(event, in: kernel) }
        let effects = core.handle(event, at: moment)
        for effect in effects {
            if let killing, !kernel.isEnding, !event.isShutdown, violation == nil {
                if killing.effectsLeft <= 0 { return kill(downFor: killing.downFor) }
                self.killing?.effectsLeft -= 1
            }
            timeline.append(.effect(effect), at: kernel.now)
            inspect { [kernel] in $0.asked(effect, because: event, in: kernel) }
            shell.execute(effect)
            settleKernel()
        }
        inspect { [kernel] in $0.answered(event, with: effects, in: kernel) }
    }

    /// The supervisor is gone, with what it had not yet done. The next ends what it left, before anything.
    private mutating func kill(downFor span: Duration) {
        killing = nil
        killed += 1
        timeline.append(.killed(downFor: span), at: kernel.now)
        // A configuration that lacks some is not what this is about: they keep their places.
        kernel = Kernel(
            specification: kernel.specification, now: kernel.now + span,
            wallOffset: kernel.wallOffset, disk: kernel.disk)
        shell = Shell(kernel: kernel, scenario: scenario, incarnation: killed)
        // Who asked a supervisor that is not there has gone.
        while let next = operationsLeft.first, next.at <= kernel.now {
            switch next.operation {
            case .request, .withdraw, .reload, .suspend, .kill: break
            case .wallStep(let step):
                kernel.wallOffset = kernel.wallOffset + step
                timeline.append(.wallStep(step), at: kernel.now)
            case .shutdown: return takeOver()
            }
            operationsLeft.removeFirst()
        }
        takeOver()
    }

    private mutating func takeOver() {
        checkers = allCheckers(for: scenario, in: kernel) + checkers.filter(\.outlivesSupervisor)
        inspect { [kernel] in $0.beginsAgain(in: kernel) }
        core = makeCore(
            Beginning(
                specification: kernel.specification, wishes: kernel.disk.wishes,
                history: LedgerHistory(entries: kernel.disk.ledger, boot: Scenario.boot),
                origin: 0x5EED, seed: scenario.seed &+ UInt64(killed), now: moment))
        deliver(.began)
        turnEnded()
    }

    /// Deaths and starts that have just come about become lines, and work for the reaper.
    private mutating func settleKernel() {
        for fact in kernel.happened { timeline.append(.kernel(fact), at: kernel.now) }
        kernel.happened.removeAll(keepingCapacity: true)
        shell.noticeDeaths()
    }

    private mutating func turnEnded() {
        guard violation == nil else { return }
        let now = moment
        let view = View(
            nextDeadline: core.nextDeadline, whole: core.status(at: now),
            schedulers: scenario.specification.schedulers.indices.compactMap {
                core.status(of: SchedulerID($0), at: now)
            }, alerts: core.alerts(at: now))
        inspect { [kernel] in $0.turnEnded(view, in: kernel) }
    }

    private mutating func inspect(_ check: (inout any Checker) -> String?) {
        guard violation == nil else { return }
        for index in checkers.indices {
            if let sentence = check(&checkers[index]) {
                fail(checkers[index].name, sentence)
                return
            }
        }
    }

    private mutating func fail(_ checker: String, _ sentence: String) {
        violation = Violation(checker: checker, sentence: sentence, at: kernel.now)
    }
}

extension Event {
    fileprivate var isShutdown: Bool {
        if case .shutdownRequested = self { true } else { false }
    }
}

extension Simulation where Core == Supervisor {
    /// The core as it is shipped, in the scenario of this seed.
    package init(seed: UInt64) {
        self.init(Scenario(seed: seed)) { beginning in
            Supervisor(
                beginning.specification, wishes: beginning.wishes, history: beginning.history,
                origin: beginning.origin, seed: beginning.seed, at: beginning.now)
        }
    }
}
