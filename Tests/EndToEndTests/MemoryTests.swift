// SPDX-License-Identifier: Apache-2.0

import ReeveTestSupport
import Testing

@Suite struct MemoryTests {
    @Test func `the memory of a grandchild counts, and past the threshold the tree is restarted`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.hungry]
            command = \(place.child(
                "stamp", "@leader", "up", "first", "1", "@once", "fork", "fork", "grow", "80",
                "stamp", "@grown", "up", "forever", "end", "forever", "end", "end", "forever"))
            ready = "spawn"
            health-check-interval = "1s"
            memory-threshold = "40MB"
            memory-samples = 2
            restart-delay = "100ms"
            """
        }) { reeve in
            let grandchild = try await reeve.stamps("grown", reach: 1)[0].pid
            // The leader alone is small: what is found is the tree.
            let leader = reeve.stamps("leader")[0].pid
            let own = Processes.stat(leader)?.residentPages ?? 0
            #expect(own * 4_096 < 20_000_000)
            try await reeve.log(says: "above 40MB in 2 samples")
            let found = reeve.log.firstMatch(of: /uses (\d+)\.?\d*MB, above/)?.output.1
            #expect(Int(found ?? "") ?? 0 >= 80, "\(reeve.log)")
            let second = try await reeve.scheduler("hungry", becomes: "small again") {
                $0.restartCount == 1 && ($0.memoryBytes ?? .max) < 40_000_000 && $0.pid != nil
            }
            #expect(second.memoryUsage == (second.memoryBytes ?? 0) / 1_000_000)
            #expect(second.pid != leader)
            #expect(second.consecutiveFailures == 0)
            #expect(!Processes.isAlive(grandchild))
        }
    }

    @Test func `past the hard limit one sample is enough`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.hungry]
            command = \(place.child(
                "ignore", "15", "first", "1", "@once", "stamp", "@grown", "up", "grow", "90", "end",
                "forever"))
            ready = "spawn"
            memory-hard-limit = "60MB"
            restart-delay = "100ms"
            stop-timeout = "30s"
            """
        }) { reeve in
            // It may be killed while it still grows.
            let large = try await reeve.stamps("grown", reach: 1)[0].pid
            try await eventually("the end of the large one", within: 8) {
                !Processes.isAlive(large)
            }
            let one = try await reeve.scheduler("hungry", becomes: "back") {
                $0.pid != nil && $0.pid != large
            }
            #expect(one.restartCount == 1)
            #expect(one.lastExit?.signal == "SIGKILL")
        }
    }

    @Test func `without auto-recovery it only says what it would do`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [schedulers.hungry]
                command = \(place.child("grow", "60", "forever"))
                ready = "spawn"
                health-check-interval = "1s"
                memory-threshold = "40MB"
                memory-samples = 1
                """
            }, setup: { $0.settings = "auto-recovery = false" }
        ) { reeve in
            try await reeve.log(says: "auto-recovery is off")
            let one = try await reeve.scheduler("hungry")
            #expect(one.status == "degraded")
            #expect(one.restartCount == 0)
        }
    }
}
