// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

extension Scenario {
    /// Time from the end of faults until all must be up: restart delays, stops and waits that were
    /// still going on, added up for the worst of configurations.
    private static let settling = Duration.minutes(15)

    /// Fills in what comes from outside, in order of time.
    mutating func addOperations(_ random: inout Randomness) {
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
        let end: Instant
        if random.chance(35) {
            end = Scenario.start + random.span(.zero, faultsEnd - Scenario.start)
        } else {
            let settled = faultsEnd + Scenario.settling
            settledBy = settled
            end = settled + .seconds(1)
        }
        addShutdown(at: end, number: &number, &random)
        operations.sort { $0.at < $1.at }
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
            if random.chance(20) { variant.schedulers[index].description = "variant \(number)" }
        }
        // One that nobody needs may be gone; it comes back with a later file, or never.
        let needed = Set(variant.schedulers.flatMap { $0.order.dependencies.map(\.name.text) })
        let exitWith = variant.supervisor.exitWith?.text
        variant.schedulers.removeAll {
            !needed.contains($0.name.text) && $0.name.text != exitWith && random.chance(15)
        }
        return variant
    }

    private func request(_ random: inout Randomness) -> Request {
        let scheduler = SchedulerID(random.below(specification.schedulers.count))
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
