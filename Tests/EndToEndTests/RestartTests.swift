// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

@Suite struct RestartTests {
    @Test func `a crash loop is slowed down more and more and is shown`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.loop]
            command = \(place.child("stamp", "@up", "up", "exit", "1"))
            restart-delay = "200ms"
            restart-jitter = 0.0
            """
        }) { reeve in
            let stamps = try await reeve.stamps("up", reach: 5)
            let gaps = zip(stamps.dropFirst(), stamps).map { $0.nanoseconds - $1.nanoseconds }
            for (gap, delay) in zip(gaps, [200, 400, 800, 1_600]) {
                let milliseconds = gap / 1_000_000
                #expect((delay - 20...delay + 600).contains(Int(milliseconds)), "gaps: \(gaps)")
            }
            let loop = try await reeve.scheduler("loop", becomes: "backing off") {
                $0.lifecycle == "backing-off" && $0.nextRestart != nil
            }
            #expect(loop.consecutiveFailures >= 5)
            #expect(loop.restartCount >= 4)
            #expect(loop.status == "unhealthy")
            #expect(loop.pid == nil)
            #expect(reeve.log.contains("next start in"))
        }
    }

    @Test func `good time makes the delay short again`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.recovers]
            command = \(place.child(
                "stamp", "@up", "up", "first", "3", "@crashes", "exit", "1", "end", "await", "@go",
                "stamp", "@down", "down", "exit", "1"))
            ready = "spawn"
            restart-delay = "150ms"
            restart-jitter = 0.0
            restart-reset-after = "1s"
            """
        }) { reeve in
            _ = try await reeve.stamps("up", reach: 4)
            let steady = try await reeve.scheduler("recovers", becomes: "forgiven") {
                $0.consecutiveFailures == 0 && $0.lifecycle == "running"
            }
            #expect(steady.status == "healthy")
            #expect(steady.restartCount == 3)
            try Place.touch(reeve.directory + "/go")
            let up = try await reeve.stamps("up", reach: 5)
            let down = try await reeve.stamps("down", reach: 1)
            let gap = (up[4].nanoseconds - down[0].nanoseconds) / 1_000_000
            #expect((130...700).contains(gap), "the delay after good time was \(gap) ms")
        }
    }

    @Test func `every way to end is told as it was`() async throws {
        try await Reeve.supervising({ place in
            """
            [defaults]
            restart = "never"
            ready = "spawn"
            [schedulers.fine]
            command = \(place.child("sleep", "200", "exit", "0"))
            [schedulers.seven]
            command = \(place.child("exit", "7"))
            [schedulers.highest]
            command = \(place.child("exit", "255"))
            [schedulers.segmentation]
            command = \(place.child("crash", "11"))
            [schedulers.killed]
            command = \(place.child("crash", "9"))
            [schedulers.realtime]
            command = \(place.child("crash", "37"))
            """
        }) { reeve in
            for (name, code) in [("fine", 0), ("seven", 7), ("highest", 255)] as [(String, Int32)] {
                let one = try await reeve.scheduler(name, becomes: "ended") { $0.lastExit != nil }
                #expect(one.lastExit?.code == code)
                #expect(one.lastExit?.signal == nil)
                #expect(one.lastExecution?.success == (code == 0))
                #expect(one.pid == nil)
            }
            for (name, signal) in [
                ("segmentation", "SIGSEGV"), ("killed", "SIGKILL"), ("realtime", "SIGRTMIN+3"),
            ] {
                let one = try await reeve.scheduler(name, becomes: "ended") { $0.lastExit != nil }
                #expect(one.lastExit?.code == nil)
                #expect(one.lastExit?.signal == signal)
                #expect(one.lastExit?.meaning.contains(signal) == true)
            }
            // None of them came back.
            #expect(try await reeve.status().schedulers.allSatisfy { $0.restartCount == 0 })
        }
    }

    @Test func `a program that cannot be started is named with the reason and is no busy loop`()
        async throws
    {
        try await Reeve.supervising({ place in
            try? place.write("plain.txt", "not a program\n")
            try? place.write("orphan.sh", "#!/nonexistent/interpreter\n", mode: 0o755)
            return """
                [defaults]
                restart-delay = "300ms"
                [schedulers.missing]
                command = ["/nonexistent/program"]
                [schedulers.nowhere]
                command = ["no-such-program-in-the-path"]
                [schedulers.plain]
                command = ["\(place.file("plain.txt"))"]
                [schedulers.interpreter]
                command = ["\(place.file("orphan.sh"))"]
                [schedulers.directory]
                command = \(place.child("forever"))
                working-directory = "/nonexistent/directory"
                [schedulers.good]
                command = \(place.child("forever"))
                """
        }) { reeve in
            for (name, word) in [
                ("missing", "/nonexistent/program"), ("nowhere", "no-such-program-in-the-path"),
                ("plain", "plain.txt"), ("interpreter", "orphan.sh"),
                ("directory", "/nonexistent/directory"),
            ] {
                let one = try await reeve.scheduler(name, becomes: "failed twice") {
                    $0.consecutiveFailures >= 2 && $0.lifecycle == "backing-off"
                }
                #expect(one.status == "degraded" || one.status == "unhealthy")
                #expect(one.reason.contains(word), "\(name): \(one.reason)")
                #expect(one.pid == nil)
            }
            for word in ["(ENOENT)", "(EACCES)"] { #expect(reeve.log.contains(word)) }
            // 300 ms, doubled each time: two minutes have room for nine.
            let attempts = reeve.log.components(separatedBy: " missing: could not be started")
            #expect(attempts.count - 1 < 10)
            let good = try await reeve.scheduler("good", becomes: "healthy") {
                $0.status == "healthy"
            }
            #expect(good.restartCount == 0)
        }
    }

    @Test func `a task runs once, or again until it succeeds`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.once]
            kind = "task"
            command = \(place.child("stamp", "@once", "ran"))
            [schedulers.stubborn]
            kind = "task"
            command = \(place.child(
                "stamp", "@stubborn", "ran", "first", "2", "@count", "exit", "5", "end"))
            restart-delay = "100ms"
            [schedulers.slow]
            kind = "task"
            command = \(place.child("stamp", "@slow", "ran", "forever"))
            timeout = "400ms"
            restart = "never"
            """
        }) { reeve in
            for name in ["once", "stubborn"] {
                let one = try await reeve.scheduler(name, becomes: "completed") {
                    $0.lifecycle == "completed"
                }
                #expect(one.status == "healthy")
                #expect(one.kind == "task")
                #expect(one.consecutiveFailures == 0)
            }
            #expect(reeve.stamps("once").count == 1)
            #expect(reeve.stamps("stubborn").count == 3)
            let slow = try await reeve.scheduler("slow", becomes: "timed out") {
                $0.lastExit != nil
            }
            #expect(slow.lastExecution?.success == false)
            #expect(slow.lastExit?.meaning.contains("timeout") == true)
        }
    }

    @Test
    func `past the limit it goes on at the longest delay, fails, or ends reeve, as it was told`()
        async throws
    {
        let crashes = { @Sendable (place: Place, rule: String) in
            """
            [schedulers.crashes]
            command = \(place.child("stamp", "@up", "up", "exit", "9"))
            restart-delay = "100ms"
            restart-factor = 1.0
            restart-jitter = 0.0
            max-restarts = 2
            when-exhausted = "\(rule)"
            """
        }
        try await Reeve.supervising({ crashes($0, "retry") }) { reeve in
            try await reeve.log(says: "which is the limit")
            let one = try await reeve.scheduler("crashes", becomes: "over the limit") {
                $0.restartsInWindow >= 2 && $0.lifecycle == "backing-off"
            }
            #expect(one.status == "unhealthy")
            #expect(reeve.stamps("up").count == 3)
        }
        try await Reeve.supervising({ crashes($0, "fail") }) { reeve in
            try await reeve.scheduler("crashes", becomes: "exhausted") {
                $0.lifecycle == "exhausted" && $0.status == "unhealthy"
            }
            #expect(reeve.stamps("up").count == 3)
            let reset = try await reeve.command("reset", "crashes")
            #expect(reset.code == 0)
            try await reeve.scheduler("crashes", becomes: "stopped") { $0.lifecycle == "stopped" }
            _ = try await reeve.command("start", "crashes")
            _ = try await reeve.stamps("up", reach: 4)
        }
        try await Reeve.supervising({ crashes($0, "exit") }, setup: { $0.waitsForSocket = false }) {
            let ending = try await $0.process.ended()
            #expect(ending == .exit(9))
        }
    }
}
