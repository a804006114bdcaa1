// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

@Suite struct MassTests {
    private func many(_ count: Int, _ place: Place) -> String {
        let head = """
            [defaults]
            command = \(place.child("forever"))
            ready = "spawn"
            log = "none"

            """
        return head + (1...count).map { "[schedulers.s\($0)]\n" }.joined()
    }

    @Test func `a hundred idle schedulers cost no wake-ups and little memory`() async throws {
        try await Reeve.supervising({ many(100, $0) }) { reeve in
            try await reeve.log(says: "start-up took")
            let descriptors = Processes.descriptorCount(reeve.pid)
            try await eventually("all to be healthy") {
                try await reeve.status().summary.healthySchedulers == 100
            }
            // The status clients' own connections have to go first.
            try await eventually("their connections to be closed") {
                Processes.descriptorCount(reeve.pid) == descriptors
            }
            let before = try switches(reeve.pid)
            let ticks = Processes.stat(reeve.pid)?.ticks ?? 0
            try await Task.sleep(for: .seconds(2))
            #expect(try switches(reeve.pid) - before <= 1)
            #expect((Processes.stat(reeve.pid)?.ticks ?? 0) - ticks <= 1)
            let resident = (Processes.stat(reeve.pid)?.residentPages ?? .max) * 4_096
            // The figure for operators is the benchmark's, of a release build; this one is unoptimised.
            #expect(resident < 40_000_000, "\(resident) bytes")
        }
    }

    @Test func `a thousand start, answer and stop, and nothing of them is left`() async throws {
        try await Reeve.supervising(
            { many(1_000, $0) },
            setup: {
                $0.settings = "staggered-startup = false"
            }
        ) { reeve in
            try await eventually("all to be healthy", within: 60) {
                try await reeve.status().summary.healthySchedulers == 1_000
            }
            let report = try await reeve.status()
            #expect(report.schedulers.count == 1_000)
            #expect(Set(report.schedulers.compactMap(\.pid)).count == 1_000)
            let one = try await reeve.command("status", "s777", "--json")
            #expect(one.code == 0 && one.output.contains("\"s777\""))
            #expect(Processes.children(of: reeve.pid).count == 1_000)
            let descriptors = Processes.descriptorCount(reeve.pid)

            // All of them come back after all of them were killed, with as many descriptors as before.
            for pid in report.schedulers.compactMap(\.pid) { Processes.signal(pid, 9) }
            try await eventually("all to be back", within: 60) {
                let status = try await reeve.status()
                return status.schedulers.allSatisfy { $0.restartCount == 1 && $0.pid != nil }
            }
            #expect(Processes.children(of: reeve.pid).filter { $0.state == "Z" }.isEmpty)
            // But for two: the scribe keeps what they left.
            try await eventually("the descriptors to be as many as before") {
                Processes.descriptorCount(reeve.pid) <= descriptors + 2
            }

            Processes.signal(reeve.pid, 15)
            let ending = try await reeve.process.ended(within: 30)
            #expect(ending == .exit(0))
            let leaks = try await reeve.process.leaks()
            #expect(leaks == [])
            #expect(reeve.process.zombiesLeft == 0)
        }
    }

    /// How often the process has waited for something so far.
    private func switches(_ pid: Int32) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches") }
        return Int(line?.split(whereSeparator: \.isWhitespace).last ?? "") ?? 0
    }
}
