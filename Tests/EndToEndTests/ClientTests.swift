// SPDX-License-Identifier: Apache-2.0

import ReeveClient
import ReeveTestSupport
import Testing

/// The module `ReeveClient`, and the example that uses it, against a supervisor.
@Suite struct ClientTests {
    @Test func `everything of the founding document can be called`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("forever"))
            ready = "spawn"
            [schedulers.nightly]
            command = \(place.child("say", "counted", "exit", "3"))
            interval = "1h"
            """
        }) { reeve in
            let supervisor = try await SupervisorClient.connect(socket: reeve.socket)
            #expect(try await supervisor.ping().pid == reeve.pid)
            let first = try await supervisor.health()
            #expect(first.status == .healthy && first.summary.total == 2)
            let before = try #require(first.schedulers.first { $0.name == "web" })
            #expect(before.kind == "daemon" && before.lifecycle == "running")

            let restarted = try await supervisor.restart("web")
            #expect(restarted.map(\.scheduler) == ["web"] && restarted[0].result == .done)
            let after = try await supervisor.health(of: "web")
            #expect(after.runID != before.runID && after.restartCount == 0)
            let steps = try await supervisor.performRecovery("web")
            #expect(steps.first?.action == "memory-cleanup")

            try await supervisor.runNow("nightly")
            try await eventually("the outcome") {
                try await supervisor.runs(of: "nightly").last?.outcome == "failed"
            }
            let lines = try await supervisor.logs(of: "nightly")
            #expect(lines.map(\.text).contains("counted"))
            #expect(
                try await supervisor.next(of: "nightly", count: 2).first?.occurrences.count == 2)
            #expect(try await supervisor.health(of: "nightly").consecutiveFailures == 1)
            try await supervisor.reset("nightly")
            #expect(try await supervisor.health(of: "nightly").consecutiveFailures == 0)
            try await supervisor.pause("nightly")
            #expect(try await supervisor.health(of: "nightly").isPaused)
            try await supervisor.resume("nightly")

            try await supervisor.stopAll()
            #expect(try await supervisor.health().status == .stopped)
            try await supervisor.startAll()
            try await supervisor.signal("web", "KILL")
            try await reeve.scheduler("web", becomes: "restarted") { $0.restartCount == 1 }
            let unknown = await #expect(throws: SupervisorError.self) {
                try await supervisor.start("wbe")
            }
            #expect(unknown?.reason == .unknownScheduler)
            #expect(unknown?.message.contains("did you mean \"web\"?") == true)
        }
    }

    @Test func `a scheduler is registered, changed and taken away`() async throws {
        try await Reeve.supervising({ place in
            "[schedulers.web]\ncommand = \(place.child("forever"))\nready = \"spawn\""
        }) { reeve in
            let supervisor = SupervisorClient(socket: reeve.socket)
            let place = Place(at: reeve.directory)
            func table(_ name: String, _ more: String = "") -> String {
                "[schedulers.\(name)]\ncommand = \(place.child("forever"))\nready = \"spawn\"\n\(more)"
            }
            let added = try await supervisor.register("worker", toml: table("worker"))
            #expect(added.change == .added)
            #expect(added.outcomes.map(\.scheduler) == ["worker"])
            #expect(try await supervisor.health(of: "worker").lifecycle == "running")
            let again = try await supervisor.register("worker", toml: table("worker"))
            #expect(again.change == .unchanged)
            let other = try await supervisor.register(
                "worker", toml: table("worker", "priority = 3"))
            #expect(other.change == .changed)
            #expect(try await supervisor.health(of: "worker").priority == 3)
            let wrong = await #expect(throws: SupervisorError.self) {
                try await supervisor.register("worker", toml: table("worker", "pirority = 3"))
            }
            #expect(wrong?.reason == .configuration)
            let taken = await #expect(throws: SupervisorError.self) {
                try await supervisor.register("web", toml: table("web"))
            }
            #expect(taken?.reason == .conflict)
            let nameless = await #expect(throws: SupervisorError.self) {
                try await supervisor.register("no name", toml: "")
            }
            #expect(nameless?.reason == .usage)
            #expect(try await supervisor.unregister("worker").change == .removed)
            #expect(try await supervisor.health().schedulers.map(\.name) == ["web"])
        }
    }

    @Test func `events go on from where they were, output as it comes`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("say", "hello", "forever"))
            ready = "spawn"
            """
        }) { reeve in
            let supervisor = SupervisorClient(socket: reeve.socket)
            var last: SupervisorEvent.Position?
            for try await event in supervisor.events() where event.name == "startup-ended" {
                last = event.position
                break
            }
            try await supervisor.stop("web")
            var names: [String] = []
            for try await event in supervisor.events(after: last) {
                names.append(event.name)
                #expect(event.gapBefore == nil)
                if event.name == "stopped" { break }
            }
            #expect(names.contains("stopping") && !names.contains("startup-ended"))
            let reader = Task { () -> Int in
                var count = 0
                for try await line in supervisor.followLogs(of: "web") where line.text == "hello" {
                    count += 1
                    if count == 2 { break }
                }
                return count
            }
            try await supervisor.start("web")
            #expect(try await reader.value == 2)
        }
    }

    @Test func `more calls than are made at once all get their answer`() async throws {
        try await Reeve.supervising({ place in
            "[schedulers.web]\ncommand = \(place.child("forever"))"
        }) { reeve in
            let supervisor = SupervisorClient(socket: reeve.socket)
            let pids = try await withThrowingTaskGroup(of: Int32.self) { group in
                for _ in 0..<200 { group.addTask { try await supervisor.ping().pid } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(pids == Array(repeating: reeve.pid, count: 200))
        }
    }

    @Test func `the example shows health, restarts, and watches until it is ready`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("forever"))
            ready = "200ms"
            [schedulers.broken]
            command = \(place.child("exit", "3"))
            restart = "never"
            enabled = false
            """
        }) { reeve in
            try await reeve.scheduler("web", becomes: "ready") { $0.lifecycle == "running" }
            func run(_ name: String, _ words: String...) async throws -> Outcome {
                let environment = Guarded.environment.merging(["REEVE_SOCKET": reeve.socket]) { $1 }
                let example = try Guarded(
                    [Tree.product("restart-and-watch")] + words, environment: environment,
                    directory: reeve.directory, name: name)
                guard case .exit(let code) = try await example.ended() else {
                    throw HarnessFailure("the example died")
                }
                return Outcome(code: code, output: example.output, errors: example.errors)
            }
            let run1 = try await run("example", "web")
            #expect(run1.code == 0, "\(run1)")
            #expect(run1.output.contains("1 of 2 are healthy"), "\(run1)")
            #expect(run1.output.contains(" ready: ready after"), "\(run1)")
            #expect(run1.output.contains("web: done, "), "\(run1)")
            let run2 = try await run("example-2", "wbe")
            #expect(run2.output.contains("unknown-scheduler: no scheduler is named"), "\(run2)")
            #expect(run2.code == 1)
            let run3 = try await run("example-3", "broken")
            #expect(run3.code == 1, "\(run3)")
            #expect(run3.output.contains("failed: given up: failed with exit code 3"), "\(run3)")
        }
    }
}
