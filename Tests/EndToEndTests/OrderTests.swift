// SPDX-License-Identifier: Apache-2.0

import ReeveTestSupport
import Testing

@Suite struct OrderTests {
    @Test func `phases and dependencies order the start, and the stop runs backwards`() async throws
    {
        try await Reeve.supervising({ place in
            func one(_ name: String, _ further: String, linger: String = "0") -> String {
                let command = place.child(
                    "linger", linger, "farewell", "15", "@bye", name, "stamp", "@up", name,
                    "forever")
                return "[schedulers.\(name)]\ncommand = \(command)\nready = \"300ms\"\n\(further)\n"
            }
            // Written down in the wrong order on purpose.
            return one("last", "priority = 0")
                + one("leaf", "priority = 1\ndependencies = [\"middle\"]", linger: "400")
                + one("middle", "priority = 5\ndependencies = [\"base\"]", linger: "400")
                + one("base", "priority = 10")
        }) { reeve in
            let up = try await reeve.stamps("up", reach: 4)
            #expect(up.map(\.word) == ["base", "middle", "leaf", "last"])
            try await reeve.log(says: "last: started, pid")
            let starts = ["base", "middle", "leaf", "last"].map { started($0, reeve.log) }
            for (later, earlier) in zip(starts.dropFirst(), starts) {
                #expect(later - earlier >= 299, "\(starts)")
            }
            for (name, phase) in [("base", 1), ("middle", 2), ("leaf", 3), ("last", 4)] {
                #expect(try await reeve.scheduler(name).phase == phase)
            }
            Processes.signal(reeve.pid, 15)
            #expect(try await reeve.process.ended() == .exit(0))
            let bye = reeve.stamps("bye")
            #expect(bye.count == 4)
            func left(_ name: String) -> Int64 {
                bye.first { $0.word == name }?.nanoseconds ?? 0
            }
            // Each is asked only when everything that needs it has gone.
            #expect(left("middle") - left("leaf") >= 390_000_000)
            #expect(left("base") - left("middle") >= 390_000_000)
        }
    }

    /// When reeve says that it started a scheduler, in milliseconds of the day; 0 where it does not.
    private func started(_ name: String, _ log: String) -> Int {
        let line = /T(\d+):(\d+):(\d+)\.(\d+)Z \S+ +(\S+): started, pid/
        for match in log.matches(of: line) where match.output.5 == name {
            let (_, hours, minutes, seconds, milliseconds, _) = match.output
            let whole = [hours, minutes, seconds].reduce(0) { $0 * 60 + (Int($1) ?? 0) }
            return whole * 1_000 + (Int(milliseconds) ?? 0)
        }
        return 0
    }

    @Test func `a dependency that never comes keeps its dependent down, and says so`() async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.broken]
            command = \(place.child("exit", "1"))
            restart-delay = "20s"
            [schedulers.needs]
            command = \(place.child("stamp", "@needs", "up", "forever"))
            dependencies = ["broken"]
            dependency-timeout = "700ms"
            [schedulers.free]
            command = \(place.child("forever"))
            ready = "spawn"
            """
        }) { reeve in
            let waiting = try await reeve.scheduler("needs", becomes: "waiting") {
                $0.lifecycle == "waiting-for-dependencies"
            }
            #expect(waiting.reason.contains("broken"))
            try await reeve.scheduler("needs", becomes: "unhealthy after the timeout") {
                $0.lifecycle == "waiting-for-dependencies" && $0.status == "unhealthy"
            }
            #expect(reeve.stamps("needs").isEmpty)
            try await reeve.scheduler("free", becomes: "healthy") { $0.status == "healthy" }
        }
    }

    @Test func `conditions are kept: completed waits for the task's success`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.migrate]
            kind = "task"
            command = \(place.child("await", "@go", "stamp", "@order", "migrated"))
            [schedulers.serve]
            command = \(place.child("stamp", "@order", "serving", "forever"))
            dependencies = [{ name = "migrate", condition = "completed" }]
            """
        }) { reeve in
            try await reeve.scheduler("serve", becomes: "waiting") {
                $0.lifecycle == "waiting-for-dependencies"
            }
            #expect(reeve.stamps("order").isEmpty)
            try Place.touch(reeve.directory + "/go")
            let order = try await reeve.stamps("order", reach: 2)
            #expect(order.map(\.word) == ["migrated", "serving"])
        }
    }

    @Test
    func
        `an operator's stop of a dependency takes its dependents along, and start brings them back`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [defaults]
            ready = "spawn"
            [schedulers.database]
            command = \(place.child("farewell", "15", "@bye", "database", "forever"))
            [schedulers.web]
            command = \(place.child("farewell", "15", "@bye", "web", "forever"))
            dependencies = ["database"]
            """
        }) { reeve in
            try await reeve.scheduler("web", becomes: "healthy") { $0.status == "healthy" }
            let stop = try await reeve.command("stop", "database")
            #expect(stop.code == 0)
            #expect((stop.output + stop.errors).contains("web"))
            #expect(reeve.stamps("bye").map(\.word) == ["web", "database"])
            let web = try await reeve.scheduler("web")
            #expect(web.lifecycle == "waiting-for-dependencies")
            #expect(try await reeve.command("start", "database").code == 0)
            let back = try await reeve.scheduler("web", becomes: "back") { $0.status == "healthy" }
            #expect(back.restartCount == 0)
        }
    }
}
