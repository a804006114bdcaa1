// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveCore
import ReeveSimulator
import Testing

/// What the environment asks for: `Tests/run --seed N`, or fresh seeds for a while.
private enum Asked {
    private static func value(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name]
    }

    static var seed: UInt64? { value("REEVE_SIM_SEED").flatMap { UInt64($0) } }
    static var soakSeconds: Double? { value("REEVE_SIM_SOAK").flatMap { Double($0) } }
}

/// Runs seeds until `failuresMax` of them failed; each failure is an issue with its report.
private func simulate(_ seeds: some Sequence<UInt64>, failuresMax: Int = 3, until end: Date? = nil)
{
    var failures = 0
    for seed in seeds {
        if let end, Date() >= end { return }
        var simulation = Simulation(seed: seed)
        let outcome = simulation.run()
        guard outcome.violation != nil else { continue }
        Issue.record(Comment(rawValue: outcome.report()))
        failures += 1
        if failures >= failuresMax { return }
    }
}

@Suite struct SimulationTests {
    @Test(.enabled(if: Asked.seed == nil))
    func `the fixed seeds keep every rule`() {
        simulate(1...600)
    }

    @Test(.enabled(if: Asked.seed != nil))
    func `the seed that was asked for keeps every rule`() {
        var simulation = Simulation(seed: Asked.seed ?? 0)
        let outcome = simulation.run()
        print(outcome.report(lastLines: .max))
        #expect(outcome.violation == nil)
    }

    @Test(.enabled(if: Asked.soakSeconds != nil))
    func `fresh seeds keep every rule for as long as was asked`() {
        var system = SystemRandomNumberGenerator()
        let first = system.next() >> 8
        let end = Date().addingTimeInterval(Asked.soakSeconds ?? 0)
        simulate((0..<UInt64.max >> 9).lazy.map { first + $0 }, until: end)
    }

    @Test func `equal seeds give equal timelines and different seeds different ones`() {
        var hashes: [UInt64] = []
        for seed: UInt64 in 1...12 {
            var (first, second) = (Simulation(seed: seed), Simulation(seed: seed))
            let hash = first.run().timeline.hash
            #expect(hash == second.run().timeline.hash, "seed \(seed)")
            #expect(!hashes.contains(hash), "seed \(seed)")
            hashes.append(hash)
        }
    }

    @Test func `a failing seed tells its seed, the sentence, the last lines and how to replay it`()
    {
        var simulation = Simulation(Scenario(seed: 7)) {
            FaultyCore(.recordsDefect, $0)
        }
        let outcome = simulation.run()
        let report = outcome.report(lastLines: 5)
        #expect(report.contains("seed 7"))
        #expect(report.contains("a fault on purpose"))
        #expect(report.contains("./Tests/run --seed 7"))
        #expect(report.split(separator: "\n").count == 7)
    }
}

@Suite struct CheckerTests {
    @Test(arguments: Fault.allCases)
    func `a core with a fault is caught`(fault: Fault) {
        var others: [String] = []
        for seed: UInt64 in 1...400 {
            var simulation = Simulation(Scenario(seed: seed)) {
                FaultyCore(fault, $0)
            }
            guard let violation = simulation.run().violation else { continue }
            if fault.caughtBy.contains(violation.checker) { return }
            others.append("seed \(seed): \(violation.checker): \(violation.sentence)")
        }
        Issue.record("\(fault) was not caught; instead: \(others.prefix(5))")
    }
}

@Suite struct RandomnessTests {
    @Test func `the stream of a seed is the same everywhere`() {
        var random = Randomness(seed: 1)
        let first = (0..<3).map { _ in random.next() }
        let expected: [UInt64] = [
            12_966_619_160_104_079_557, 9_600_361_134_598_540_522, 10_590_380_919_521_690_900,
        ]
        #expect(first == expected)
    }

    @Test func `draws keep their bounds`() {
        var random = Randomness(seed: 2)
        for _ in 0..<1_000 {
            #expect((0..<7).contains(random.below(7)))
            let span = random.span(.milliseconds(3), .milliseconds(5))
            #expect(span >= .milliseconds(3) && span <= .milliseconds(5))
        }
        #expect(random.below(0) == 0)
        #expect(!random.chance(0) && random.chance(100))
    }
}
