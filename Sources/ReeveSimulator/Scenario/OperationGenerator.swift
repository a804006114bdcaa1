// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

extension Scenario {
    /// Time from the end of faults until all must be up: restart delays, stops and waits that were
    /// still going on, added up for the worst of configurations.
    private static let settling = Duration.minutes(15)

    /// Fills in what comes from outside, in order of time.
    mutating func addOperations(_ random: inout Randomness) {
        addRegistrations()
        var number: UInt64 = 0
        let busy = random.pick(0, 3, 12, 40)
        for _ in 0..<busy {
            let at = Scenario.start + random.span(.zero, faultsEnd - Scenario.start)
            let repeats = random.chance(15) ? 2 : 1
            let request = self.request(&random)
            for _ in 0..<repeats { add(request, at: at, number: &number, &random) }
        }
        if random.chance(1) {
            // More than may wait for a reply.
            let at = Scenario.start + random.span(.zero, faultsEnd - Scenario.start)
            for _ in 0..<1_200 { add(self.request(&random), at: at, number: &number, &random) }
        }
        for _ in 0..<random.pick(0, 0, 1, 3) {
            let step = random.pick(
                Duration.seconds(3_600), .seconds(-3_600), .milliseconds(-300), .seconds(86_400))
            let at = Scenario.start + random.span(.zero, faultsEnd - Scenario.start)
            operations.append(Timed(at: at, operation: .wallStep(step)))
        }
        for number in 0..<random.pick(0, 0, 1, 4) {
            let at = Scenario.start + random.span(.zero, faultsEnd - Scenario.start)
            let file = random.chance(20) ? nil : variant(number, &random)
            operations.append(Timed(at: at, operation: .reload(file)))
        }
        let extra = addDisturbances(&random)
        let end: Instant
        if random.chance(35) {
            end = Scenario.start + random.span(.zero, faultsEnd - Scenario.start)
        } else {
            let settled = faultsEnd + extra + Scenario.settling
            settledBy = settled
            end = settled + .seconds(1)
        }
        addShutdown(at: end, number: &number, &random)
        operations.sort { $0.at < $1.at }
    }

    /// Some were registered, and are taken away, come back and are changed by request. Of a stream of its own,
    /// so that a seed's other operations do not depend on it.
    private mutating func addRegistrations() {
        var random = Randomness(seed: seed, stream: 14, part: 0)
        guard random.chance(30) else { return }
        let needed = Set(specification.schedulers.flatMap { $0.order.dependencies.map(\.name) })
        let exitWith = specification.supervisor.exitWith
        for index in specification.schedulers.indices {
            let name = specification.schedulers[index].name
            guard !needed.contains(name), name != exitWith, random.chance(50) else { continue }
            specification.schedulers[index].origin = .registered
            for part in 0..<random.below(5) {
                let at = Scenario.start + random.span(.zero, faultsEnd - Scenario.start)
                let change: RegistrationChange =
                    random.chance(40)
                    ? .unregister(name)
                    : .register(Registration(name: name, text: "\(random.below(2))"))
                let id = RequestID(Scenario.firstRegistration + UInt64(8 * index + part))
                operations.append(Timed(at: at, operation: .request(id, .change(change))))
            }
        }
    }

    /// Ids of requests that change what is registered; all others are smaller.
    private static let firstRegistration: UInt64 = 1_000_000

    /// What only matters where time does: suspended hosts, and supervisors that are killed. Returns by how
    /// much they put everything off.
    private mutating func addDisturbances(_ random: inout Randomness) -> Duration {
        guard hasSchedules else { return .zero }
        var extra = Duration.zero
        if random.chance(20) {
            let span = random.pick(Duration.seconds(8), .seconds(15), .seconds(100), .minutes(20))
            let at = Scenario.start + random.span(.zero, faultsEnd - Scenario.start)
            operations.append(Timed(at: at, operation: .suspend(span)))
            delivery.suspension = span
            extra = extra + span
        }
        guard random.chance(40) else { return extra }
        for _ in 0..<random.pick(1, 1, 2, 4) {
            let down = random.pick(
                Duration.milliseconds(5), .milliseconds(700), .seconds(20), .seconds(90),
                .minutes(7))
            let at = Scenario.start + random.span(.zero, faultsEnd - Scenario.start)
            operations.append(
                Timed(
                    at: at, operation: .kill(afterEffects: random.below(30), downFor: down)))
            extra = extra + down
        }
        return extra
    }

    private mutating func add(
        _ request: Request, at: Instant, number: inout UInt64, _ random: inout Randomness
    ) {
        number += 1
        operations.append(Timed(at: at, operation: .request(RequestID(number), request)))
        if random.chance(15) {
            let later = at + random.span(.zero, random.pick(.milliseconds(1), .seconds(10)))
            operations.append(Timed(at: later, operation: .withdraw(RequestID(number))))
        }
    }

    /// The configuration with programs that have to be started anew, and words that need nothing.
    private func variant(_ number: Int, _ random: inout Randomness) -> Specification {
        var variant = specification
        for index in variant.schedulers.indices {
            if random.chance(30) {
                variant.schedulers[index].program.environment = [
                    EnvironmentVariable(name: "VARIANT", value: "\(number)")
                ]
            }
            if random.chance(25), variant.schedulers[index].kind == .scheduled {
                // A zone or a time of day that changed under what runs.
                variant.schedulers[index].program.environment = []
                variant.schedulers[index].schedule?.zone = SpecificationGenerator.zone(&random)
                if random.chance(40) {
                    variant.schedulers[index].schedule?.rule = SpecificationGenerator.rule(&random)
                }
            }
            if random.chance(20) { variant.schedulers[index].description = "variant \(number)" }
        }
        // A stream of its own, so that a seed's other operations do not depend on it.
        var further = Randomness(seed: seed, stream: 13, part: UInt64(number))
        for index in variant.schedulers.indices {
            Scenario.varyHealth(of: &variant.schedulers[index], &further)
        }
        let needed = Set(variant.schedulers.flatMap { $0.order.dependencies.map(\.name.text) })
        let exitWith = variant.supervisor.exitWith?.text
        for index in variant.schedulers.indices {
            let name = variant.schedulers[index].name.text
            guard !needed.contains(name), name != exitWith, further.chance(12) else { continue }
            Scenario.changeKind(of: &variant.schedulers[index], &further)
        }
        // One that nobody needs may be gone; it comes back with a later file, or never.
        variant.schedulers.removeAll {
            !needed.contains($0.name.text) && $0.name.text != exitWith && random.chance(15)
        }
        return variant
    }

    /// Another sign of readiness, or no health check any more, under what runs.
    private static func varyHealth(
        of scheduler: inout SchedulerSpecification, _ random: inout Randomness
    ) {
        guard scheduler.kind == .daemon else { return }
        if random.chance(15) { scheduler.healthCheck = nil }
        let isProbed = scheduler.readiness.rule == .probe
        guard random.chance(20) || (isProbed && scheduler.healthCheck == nil) else { return }
        scheduler.readiness.rule = random.pick(
            .spawn, .uptime(.milliseconds(50)), .uptime(.seconds(5)), .notify)
    }

    /// A schedule in place of a daemon or a task, or the other way round.
    private static func changeKind(
        of scheduler: inout SchedulerSpecification, _ random: inout Randomness
    ) {
        scheduler.readiness.rule = .spawn
        if scheduler.kind == .scheduled {
            // The program of a scheduled one ends by itself.
            scheduler.kind = random.pick(.task, .daemon)
            scheduler.schedule = nil
            scheduler.restart = RestartPolicy(
                mode: scheduler.kind == .task ? .onFailure : .never)
            if scheduler.kind == .daemon { scheduler.timeout = nil }
        } else {
            scheduler.kind = .scheduled
            scheduler.schedule = ScheduleSettings(SpecificationGenerator.rule(&random))
            scheduler.restart = RestartPolicy(mode: .never)
            scheduler.notify = NotifySettings()
            scheduler.healthCheck = nil
            scheduler.timeout = random.pick(.seconds(2), .seconds(20))
        }
    }

    private func request(_ random: inout Randomness) -> Request {
        let scheduler = SchedulerID(random.below(specification.schedulers.count))
        if specification.schedulers[scheduler.index].kind == .scheduled, random.chance(60) {
            switch random.below(10) {
            case 0..<5: return .runNow(scheduler, force: random.chance(30))
            case 5..<7: return .pause(scheduler)
            default: return .resume(scheduler)
            }
        }
        switch random.below(100) {
        case 0..<28: return .start(scheduler, force: random.chance(20))
        case 28..<52: return .stop(scheduler)
        case 52..<72: return .restart(scheduler, force: random.chance(20))
        case 72..<76: return .reset(scheduler)
        case 76..<80: return .recover(scheduler)
        case 80..<88:
            return .signal(scheduler, random.pick(.user1, .hangup, .terminate, .kill, .user2))
        case 88..<93: return .startAll
        case 93: return .reload
        case 94: return .pause(scheduler)
        case 95: return .runNow(scheduler, force: false)
        default: return .stopAll
        }
    }

    private mutating func addShutdown(
        at end: Instant, number: inout UInt64, _ random: inout Randomness
    ) {
        func cause(_ random: inout Randomness) -> ShutdownCause {
            random.pick(
                .signal(.terminate), .signal(.terminate), .signal(.interrupt), .terminalClosed)
        }
        operations.append(Timed(at: end, operation: .shutdown(cause(&random))))
        switch random.below(4) {
        case 0:
            let again = end + random.span(.zero, .milliseconds(700))
            operations.append(Timed(at: again, operation: .shutdown(cause(&random))))
        case 1:
            let again = end + random.span(.milliseconds(1_300), .seconds(8))
            operations.append(Timed(at: again, operation: .shutdown(cause(&random))))
        default: break
        }
        for _ in 0..<random.below(4) {
            let at = end + random.span(.zero, .seconds(2))
            add(request(&random), at: at, number: &number, &random)
        }
    }
}
