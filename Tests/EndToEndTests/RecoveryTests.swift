// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

@Suite struct RecoveryTests {
    @Test func `a child that frees its memory on its cleanup signal is not restarted`() async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.hungry]
            command = \(place.child("free", "10", "grow", "80", "forever"))
            ready = "spawn"
            health-check-interval = "1s"
            memory-threshold = "40MB"
            memory-samples = 1
            cleanup = { signal = "USR1" }
            """
        }) { reeve in
            try await reeve.log(says: "memory cleanup: SIGUSR1 to pid")
            let one = try await reeve.scheduler("hungry", becomes: "recovered", within: 20) {
                $0.lastRecovery?.endedAt != nil
            }
            let action = try #require(one.lastRecovery?.actions.first)
            #expect(one.lastRecovery?.trigger == "memory")
            #expect(action.action == "memory-cleanup" && action.result == "helped")
            #expect(action.before?.hasPrefix("8") == true && action.after != nil)
            #expect(one.restartCount == 0)
            #expect((one.memoryBytes ?? .max) < 40_000_000)
        }
    }

    @Test func `one that does not react to its cleanup command is restarted`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.hungry]
            command = \(place.child("first", "1", "@once", "grow", "80", "end", "forever"))
            ready = "spawn"
            health-check-interval = "1s"
            memory-threshold = "40MB"
            memory-samples = 1
            cleanup = { exec = \(place.child("facts", "@facts")) }
            """
        }) { reeve in
            let one = try await reeve.scheduler("hungry", becomes: "restarted", within: 20) {
                $0.restartCount == 1 && $0.recovery == nil
            }
            let actions = one.lastRecovery?.actions ?? []
            #expect(actions.map(\.action) == ["memory-cleanup", "restart"])
            #expect(actions.map(\.result) == ["failed", "done"])
            let facts = try await eventually("the facts") {
                try? String(contentsOfFile: reeve.directory + "/facts", encoding: .utf8)
            }
            #expect(facts.contains("env REEVE_COMMAND=cleanup"))
            #expect(facts.contains("env REEVE_ABOUT_RUN="))
        }
    }

    @Test func `recover forgets failures and tells each action`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("first", "1", "@once", "exit", "3", "end", "forever"))
            ready = "100ms"
            restart-delay = "100ms"
            """
        }) { reeve in
            _ = try await reeve.scheduler("web", becomes: "back") {
                $0.restartCount == 1 && $0.lifecycle == "running"
            }
            let answer = try await reeve.command("recover", "web")
            #expect(answer.code == 0)
            #expect(answer.output.hasPrefix("web: recovered\n"))
            #expect(answer.output.contains("error reset done (1 failure -> 0 failures)"))
            let again = try await reeve.command("recover", "web")
            #expect(again.output.contains("there was nothing to recover from"))
            let one = try await reeve.scheduler("web")
            #expect(one.status == "healthy" && one.restartCount == 1)
        }
    }

    @Test func `on-start comes before the program and on-stop after its last process`() async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("stamp", "@order", "program", "fork", "forever", "end", "forever"))
            ready = "spawn"
            on-start = \(place.child("sleep", "200", "stamp", "@order", "before"))
            on-stop = \(place.child("stamp", "@order", "after"))
            """
        }) { reeve in
            _ = try await reeve.stamps("order", reach: 2)
            let answer = try await reeve.command("restart", "web")
            #expect(answer.code == 0)
            let words = try await reeve.stamps("order", reach: 5).map(\.word)
            #expect(words == ["before", "program", "after", "before", "program"])
            _ = try await reeve.command("stop", "web")
            #expect(reeve.stamps("order").map(\.word).last == "after")
            #expect(reeve.stamps("order").count == 6)
        }
    }

    @Test func `a failed on-start is a failed start with its words`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("forever"))
            on-start = \(place.child("complain", "no database", "exit", "4"))
            restart-delay = "60s"
            """
        }) { reeve in
            let one = try await reeve.scheduler("web", becomes: "backing off") {
                $0.lifecycle == "backing-off"
            }
            #expect(one.consecutiveFailures == 1)
            #expect(one.reason.contains("its on-start command ended with exit code 4"))
            try await reeve.log(says: "no database")
        }
    }
}
