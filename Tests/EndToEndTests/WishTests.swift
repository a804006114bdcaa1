// SPDX-License-Identifier: Apache-2.0
//
// What an operator stopped stays stopped when reeve is started again.

import ReeveTestSupport
import Testing

@Suite struct WishTests {
    private static let configuration = """
        [schedulers.web]
        command = ["sleep", "1000"]
        [schedulers.other]
        command = ["sleep", "1000"]
        """

    @Test func `what was stopped stays stopped over restarts of reeve until it is started`()
        async throws
    {
        let kept = try Place()
        defer { kept.remove() }
        let setup: @Sendable (inout Reeve.Setup) -> Void = {
            $0.settings = "state-directory = \"\(kept.file("state"))\""
        }
        try await Reeve.supervising({ _ in Self.configuration }, setup: setup) { reeve in
            let stop = try await reeve.command("stop", "web")
            #expect(stop.code == 0)
        }
        try await Reeve.supervising({ _ in Self.configuration }, setup: setup) { reeve in
            let web = try await reeve.scheduler("web")
            #expect(web.lifecycle == "stopped")
            #expect(web.reason.hasPrefix("stopped by the operator before reeve was started"))
            try await reeve.scheduler("other", becomes: "up") { $0.lifecycle == "running" }
            try await reeve.log(says: "stays stopped, as an operator wanted")
            #expect(try await reeve.command("stop", "other").code == 0)
            #expect(try await reeve.command("start", "web").code == 0)
        }
        try await Reeve.supervising({ _ in Self.configuration }, setup: setup) { reeve in
            try await reeve.scheduler("web", becomes: "up") { $0.lifecycle == "running" }
            #expect(try await reeve.scheduler("other").lifecycle == "stopped")
            #expect(try await reeve.command("start-all").code == 0)
            try await reeve.scheduler("other", becomes: "up") { $0.lifecycle == "running" }
        }
    }

    @Test func `what was paused stays paused over a restart of reeve until it is resumed`()
        async throws
    {
        let kept = try Place()
        defer { kept.remove() }
        let setup: @Sendable (inout Reeve.Setup) -> Void = {
            $0.settings = "state-directory = \"\(kept.file("state"))\""
        }
        let configuration: @Sendable (Place) -> String = { place in
            """
            [schedulers.tick]
            command = \(place.child("stamp", "@ticks", "tick", "exit", "0"))
            cron = "* * * * * *"
            run-on-start = true
            """
        }
        try await Reeve.supervising(configuration, setup: setup) { reeve in
            _ = try await reeve.stamps("ticks", reach: 1)
            #expect(try await reeve.command("pause", "tick").code == 0)
            // Paused ones pass while it runs, too.
            try await reeve.scheduler("tick", becomes: "paused") { $0.nextRun == nil }
        }
        try await Reeve.supervising(configuration, setup: setup) { reeve in
            try await reeve.log(says: "stays paused, as an operator wanted")
            try await reeve.scheduler("tick", becomes: "idle") {
                $0.lifecycle == "idle" && $0.reason == "paused by the operator"
            }
            let runs = try await reeve.command("runs", "tick")
            #expect(!runs.output.contains("missed") && !runs.output.contains("coalesced"))
            #expect(reeve.stamps("ticks").isEmpty)
            #expect(try await reeve.command("resume", "tick").code == 0)
            _ = try await reeve.stamps("ticks", reach: 1)
        }
        try await Reeve.supervising(configuration, setup: setup) { reeve in
            _ = try await reeve.stamps("ticks", reach: 2)
        }
    }

    @Test func `without a usable state directory reeve goes on and says so`() async throws {
        try await Reeve.supervising(
            { _ in Self.configuration },
            setup: { $0.settings = "state-directory = \"/dev/null/state\"" }
        ) { reeve in
            try await reeve.scheduler("web", becomes: "up") { $0.lifecycle == "running" }
            #expect(try await reeve.command("stop", "web").code == 0)
            try await reeve.log(says: "no state directory, going on without")
        }
    }
}
