// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite struct LedgerTests {
    private static func configuration(_ place: Place) -> String {
        """
        [schedulers.tick]
        interval = "1s"
        command = \(place.child("stamp", "@tick", "tick", "exit", "3"))
        [schedulers.long]
        interval = "1s"
        command = \(place.child("stamp", "@long", "long", "forever"))
        """
    }

    @Test func `what ran is known after reeve was killed, and nothing runs twice`() async throws {
        let kept = try Place()
        defer { kept.remove() }
        let setup: @Sendable (inout Reeve.Setup) -> Void = {
            $0.settings = "state-directory = \"\(kept.file("state"))\"\ngraceful-timeout = \"2s\""
        }
        try await Reeve.supervising(Self.configuration, setup: setup) { reeve in
            _ = try await reeve.stamps("tick", reach: 2)
            let long = try await reeve.stamps("long", reach: 1)
            try await eventually("two outcomes") {
                let runs = try await reeve.command("runs", "tick")
                return runs.code == 0 && runs.output.split(separator: "failed  ").count >= 3
            }
            let why = try await reeve.command("why", "tick")
            #expect(why.output.contains("as run "))
            let running = try await reeve.command("runs", "long")
            #expect(running.output.contains("running"))
            let unknown = try await reeve.command("runs", "nobody")
            #expect(unknown.code == 1)
            let early = try await reeve.command("why", "tick", "2001-01-01T00:00:00Z")
            #expect(early.code == 1 && early.errors.contains("the ledger knows it from"))
            // It loses its supervisor without a word; the child goes with the warden.
            Processes.signal(reeve.pid, SIGKILL)
            for stamp in long { Processes.signal(stamp.pid, SIGKILL) }
            _ = try await reeve.process.ended()
        }
        try await Reeve.supervising(Self.configuration, setup: setup) { reeve in
            let runs = try await reeve.command("runs", "--json", "long")
            #expect(runs.output.contains("\"outcome\":\"lost\""))
            try await reeve.log(says: "reeve ended while it ran")
            let tick = try await reeve.command("runs", "--json", "tick")
            let starts = tick.output.split(separator: "\n").filter { $0.contains("\"started\"") }
            let occurrences = starts.compactMap { line in
                line.range(of: "\"occurrence\":\"").map { line[$0.upperBound...].prefix(30) }
            }
            #expect(occurrences.count >= 2)
            #expect(Set(occurrences).count == occurrences.count, "\(occurrences)")
            // A number counts occurrences, whatever the form: each has several records.
            let two = try await reeve.command("runs", "--json", "-n", "2", "tick")
            let lines = two.output.split(separator: "\n")
            let named = lines.compactMap { line in
                line.range(of: "\"occurrence\":\"").map { line[$0.upperBound...].prefix(30) }
            }
            #expect(Set(named).count == 2, "\(two)")
            #expect(named.count == lines.count && lines.count > 2, "\(two)")
        }
    }
}
