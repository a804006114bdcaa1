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
    private let kernel: Kernel
    private let shell: Shell
    private var core: Core
    private var checkers: [any Checker]
    private var timeline: Timeline
    private var random: Randomness
    private var operationsLeft: ArraySlice<Scenario.Timed>
    private var wallOffset = Scenario.wallAtStart
    private var violation: Violation?

    /// `makeCore` gets the specification, the origin of run ids, the seed and the first moment.
    package init(
        _ scenario: Scenario, makeCore: (Specification, UInt64, UInt64, Moment) -> Core
    ) {
        self.scenario = scenario
        kernel = Kernel(specification: scenario.specification, now: Scenario.start)
        shell = Shell(kernel: kernel, scenario: scenario)
        timeline = Timeline(specification: scenario.specification)
        random = Randomness(seed: scenario.seed, stream: 5)
        operationsLeft = scenario.operations[...]
        checkers = allCheckers(for: scenario)
        core = makeCore(
            scenario.specification, 0x5EED, scenario.seed,
            Moment(monotonic: Scenario.start, wall: Scenario.wallAtStart))
    }

    private var moment: Moment {
        Moment(
            monotonic: kernel.now, wall: wallOffset + (kernel.now - Scenario.start))
    }

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
        let candidates = [
            kernel.nextHappening, shell.nextReady, operationsLeft.first?.at, core.nextDeadline,
        ]
        return candidates.compactMap(\.self).min().map { max($0, kernel.now) }
    }

    private mutating func turn(at instant: Instant) {
        let late =
            random.chance(70) ? Duration.zero : random.span(.zero, scenario.delivery.turnDelayMax)
        kernel.advance(to: instant + late)
        settleKernel()
        var others: [Event] = []
        while let next = operationsLeft.first, next.at <= kernel.now {
            operationsLeft.removeFirst()
            switch next.operation {
            case .request(let id, let request): others.append(.requested(id, request))
            case .withdraw(let id): others.append(.requestWithdrawn(id))
            case .shutdown(let cause): others.append(.shutdownRequested(cause))
            case .reload(let specification):
                shell.configuration = specification
                others.append(.reloadRequested(reason: "SIGHUP"))
            case .wallStep(let step):
                wallOffset = wallOffset + step
                timeline.append(.wallStep(step), at: kernel.now)
            }
        }
        if let deadline = core.nextDeadline, deadline <= kernel.now { others.append(.timePassed) }
        let batch = shell.collect(with: others)
        for event in batch where violation == nil && shell.exitCode == nil {
            if !shell.isStale(event) { deliver(event) }
        }
        if !batch.isEmpty { turnEnded() }
    }

    private mutating func deliver(_ event: Event) {
        timeline.append(.event(event), at: kernel.now)
        inspect { [kernel] in $0.willTell(event, in: kernel) }
        shell.note(event)
        inspect { [kernel] in $0.told(event, in: kernel) }
        let effects = core.handle(event, at: moment)
        for effect in effects {
            timeline.append(.effect(effect), at: kernel.now)
            inspect { [kernel] in $0.asked(effect, because: event, in: kernel) }
            shell.execute(effect)
            settleKernel()
        }
        inspect { [kernel] in $0.answered(event, with: effects, in: kernel) }
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

extension Simulation where Core == Supervisor {
    /// The core as it is shipped, in the scenario of this seed.
    package init(seed: UInt64) {
        self.init(Scenario(seed: seed)) { specification, origin, seed, now in
            Supervisor(specification, origin: origin, seed: seed, at: now)
        }
    }
}
