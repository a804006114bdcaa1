// SPDX-License-Identifier: Apache-2.0
//
// Everything that a seed decides before the first event: the configuration, how each program behaves,
// what operators ask for and when, how reeve is ended, and how late the world answers.

package import ReeveCore

/// One simulation before it runs.
package struct Scenario: Sendable {
    /// Something that comes from outside at its time.
    package enum Operation: Equatable, Sendable {
        case request(RequestID, Request)
        case withdraw(RequestID)
        case shutdown(ShutdownCause)
        /// The file says this now, and SIGHUP comes; nil: it has errors.
        indirect case reload(Specification?)
        /// The wall clock is set by this much.
        case wallStep(Duration)
        /// The supervisor does not run for a while, and both clocks go on: a host that was suspended, as a
        /// container of it sees it, or a supervisor that was stopped.
        case suspend(Duration)
        /// The supervisor is killed after some more effects, and another takes over after a while.
        case kill(afterEffects: Int, downFor: Duration)
    }
    package struct Timed: Equatable, Sendable {
        var at: Instant
        var operation: Operation
    }

    /// What all of it was drawn from.
    package let seed: UInt64
    /// What the core is given.
    package var specification: Specification
    var temperaments: [Temperament]
    /// In order of time.
    package var operations: [Timed]
    var delivery: Delivery
    /// Runs that start from here on behave.
    package var faultsEnd: Instant
    /// When everything has to be up again; nil where reeve is ended before.
    package var settledBy: Instant?
    /// The wall clock at `start`.
    var wallAtStart: WallTime
    /// Some schedulers have a schedule.
    var hasSchedules: Bool {
        specification.schedulers.contains { $0.kind == .scheduled }
    }

    /// When virtual time begins.
    package static let start = Instant(nanoseconds: 1_000_000_000_000)
    /// The wall clock at `start`: 2026-11-25T00:00:00Z.
    private static let ordinaryDay = WallTime(nanoseconds: 1_795_564_800_000_000_000)
    /// 2026-03-29T00:55:00Z: five minutes later the clock of central Europe goes forward.
    private static let beforeSkippedHour = WallTime(second: 1_774_745_700)
    /// Names the boot of every simulation.
    static let boot = "boot"

    /// The scenario of this seed; always the same.
    package init(seed: UInt64) {
        self.seed = seed
        var random = Randomness(seed: seed, stream: 1)
        let calm = random.chance(10)
        // Before the clock of central Europe goes forward, before it goes back, or on another day.
        wallAtStart = random.pick(
            Scenario.ordinaryDay, Scenario.beforeSkippedHour, WallTime(second: 1_792_889_700),
            WallTime(second: 1_792_886_300))
        specification = SpecificationGenerator.specification(at: wallAtStart, &random)
        var trouble = Randomness(seed: seed, stream: 12)
        specification.supervisor.alerts = SpecificationGenerator.alerts(&trouble)
        temperaments = specification.schedulers.map {
            calm ? Temperament(calm: $0) : Temperament(of: $0, &random)
        }
        delivery = random.pick(
            Delivery(),
            Delivery(answerDelayMax: .milliseconds(2), turnDelayMax: .milliseconds(1)),
            Delivery(answerDelayMax: .milliseconds(20), turnDelayMax: .milliseconds(10)),
            Delivery(answerDelayMax: .milliseconds(150), turnDelayMax: .milliseconds(100)))
        if random.chance(5) {
            delivery = Delivery(answerDelayMax: .seconds(1), turnDelayMax: .seconds(3))
        }
        faultsEnd = Scenario.start + random.pick(.seconds(5), .seconds(40), .seconds(150))
        operations = []
        settledBy = nil
        addRarities()
        var requests = Randomness(seed: seed, stream: 2)
        addOperations(&requests)
    }

    /// What chance brings about too seldom: drawn apart, so that no other seed is another for it.
    private mutating func addRarities() {
        var random = Randomness(seed: seed, stream: 13)
        if random.chance(4) {
            // Several times of day fall into the hour that the clock skips in five minutes.
            wallAtStart = Scenario.beforeSkippedHour
            for index in specification.schedulers.indices {
                specification.schedulers[index].schedule?.zone = SimulatedZone.central.rawValue
                specification.schedulers[index].schedule?.rule = .cron("1,59 1,2,3 * * *")
                specification.schedulers[index].schedule?.startsAt = nil
                specification.schedulers[index].schedule?.expiresAt = nil
            }
        }
        guard random.chance(30) else { return }
        for index in temperaments.indices {
            temperaments[index].failsBefore = random.pick(0, 30, 100)
        }
    }

    /// What the scheduler's run of this number will do.
    /// `incarnation` counts the supervisors of a simulation.
    func script(
        of scheduler: SchedulerID, ordinal: Int, incarnation: Int, at now: Instant
    ) -> RunScript {
        let part = UInt64(incarnation) << 48 | UInt64(scheduler.index) << 32 | UInt64(ordinal)
        var random = Randomness(seed: seed, stream: 4, part: part)
        let specification = specification.schedulers[scheduler.index]
        if now >= faultsEnd { return Temperament(calm: specification).script(&random) }
        return temperaments[scheduler.index].script(&random)
    }
}
