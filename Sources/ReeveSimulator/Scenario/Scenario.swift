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

    /// When virtual time begins.
    package static let start = Instant(nanoseconds: 1_000_000_000_000)
    /// The wall clock at `start`: 2026-11-25T00:00:00Z.
    static let wallAtStart = WallTime(nanoseconds: 1_795_564_800_000_000_000)

    /// The scenario of this seed; always the same.
    package init(seed: UInt64) {
        self.seed = seed
        var random = Randomness(seed: seed, stream: 1)
        let calm = random.chance(10)
        specification = SpecificationGenerator.specification(&random)
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
        var requests = Randomness(seed: seed, stream: 2)
        addOperations(&requests)
    }

    /// What the scheduler's run of this number will do.
    func script(of scheduler: SchedulerID, ordinal: Int, at now: Instant) -> RunScript {
        var random = Randomness(
            seed: seed, stream: 4, part: UInt64(scheduler.index) << 32 | UInt64(ordinal))
        let specification = specification.schedulers[scheduler.index]
        if now >= faultsEnd { return Temperament(calm: specification).script(&random) }
        return temperaments[scheduler.index].script(&random)
    }
}
