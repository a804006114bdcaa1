// SPDX-License-Identifier: Apache-2.0
//
// The promise that a stop makes: nothing of the run is left. The harness's warden checks it once more after
// every test of this target, with its own eyes.

import Glibc
import ReeveTestSupport
import Testing

@Suite struct StopTests {
    /// Stops "stubborn" and returns the words of the command, having looked that the process is gone.
    private func stopStubborn(_ reeve: Reeve, stamped: String) async throws -> String {
        let pids = try await reeve.stamps("pids", reach: 1)
        let leader = try await reeve.scheduler("stubborn", becomes: "up") { $0.pid != nil }
        let stop = try await reeve.command("stop", "stubborn")
        #expect(stop.code == 0, "\(stop.output)\(stop.errors)")
        for pid in pids.map(\.pid) + [leader.pid ?? 0] {
            #expect(!Processes.isAlive(pid), "\(pid) outlived the stop")
        }
        let one = try await reeve.scheduler("stubborn")
        #expect(one.lifecycle == "stopped")
        #expect(one.status == "stopped")
        return stop.output
    }

    @Test func `what left a run without a trace is named as an orphan, and when it is killed`()
        async throws
    {
        let escape =
            #"setsid env -i sh -c 'exec <&- >&- 2>&-; trap "" TERM; sleep 300 & wait'"#
        try await Reeve.supervising({ _ in
            """
            [schedulers.parent]
            command = '''(\(escape) &) ; exec sleep 300'''
            """
        }) { reeve in
            func escaped() -> Processes.Stat? {
                Processes.children(of: reeve.pid).first { $0.name == "sh" }
            }
            let shell = try await eventually("the shell is reeve's child") { escaped() }
            try await eventually("it has cleared its environment and runs") {
                Processes.all().contains { $0.parent == shell.pid && $0.name == "sleep" }
            }
            #expect(try await reeve.command("stop", "parent").code == 0)
            try await reeve.log(says: "sh (pid \(shell.pid)) came to reeve and cannot be proved")
            let table = try await reeve.command("status").output
            #expect(table.contains("orphans, which belong to no run: sh (pid \(shell.pid))"))
            let json = try await reeve.command("status", "--json").output
            #expect(json.contains(#""orphans":[{"pid":\#(shell.pid),"name":"sh"}]"#))
            #expect(try await reeve.command("events").output.contains("came to reeve"))
            // Both ignore the sweep's SIGTERM.
            Processes.signal(reeve.pid, SIGTERM)
            #expect(try await reeve.process.ended() == .exit(0))
            #expect(reeve.log.contains("SIGKILL to what belongs to no run: "))
        }
    }

    @Test func `a child that ignores SIGTERM is killed when its time is over, not before`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.stubborn]
            command = \(place.child("ignore", "15", "stamp", "@pids", "up", "forever"))
            stop-timeout = "700ms"
            """
        }) { reeve in
            let begin = ContinuousClock.now
            let words = try await stopStubborn(reeve, stamped: "up")
            let took = ContinuousClock.now - begin
            #expect(took > .milliseconds(650) && took < .seconds(5), "\(took)")
            #expect(words.contains("killed"), "\(words)")
            #expect(reeve.log.contains("SIGKILL to"))
            let one = try await reeve.scheduler("stubborn")
            #expect(one.lastExit?.signal == "SIGKILL")
            #expect(one.consecutiveFailures == 0)
        }
    }

    @Test func `a member that ignores SIGTERM does not outlive its leader's good manners`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.stubborn]
            command = \(place.child(
                "fork", "name", "stayer", "ignore", "15", "stamp", "@pids", "member", "forever", "end",
                "catch", "15", "0", "forever"))
            stop-timeout = "700ms"
            """
        }) { reeve in
            let words = try await stopStubborn(reeve, stamped: "member")
            #expect(words.contains("stayer"), "\(words)")
        }
    }

    @Test
    func `a double-forked process with its own session and no descriptors is found and named`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.stubborn]
            command = \(place.child(
                "escape", "name", "fugitive", "ignore", "15", "stamp", "@pids", "member", "forever",
                "end", "catch", "15", "0", "forever"))
            stop-timeout = "700ms"
            """
        }) { reeve in
            let words = try await stopStubborn(reeve, stamped: "member")
            #expect(words.contains("fugitive"), "\(words)")
        }
    }

    @Test func `a process that hides its origin ends with reeve at the latest`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.hider]
            command = \(place.child(
                "escape", "scrub", "name", "hidden", "ignore", "15", "stamp", "@pids", "member",
                "forever", "end", "await", "@pids", "exit", "0"))
            restart = "never"
            """
        }) { reeve in
            let hidden = try await reeve.stamps("pids", reach: 1)[0].pid
            #expect(Processes.environment(hidden).isEmpty)
            Processes.signal(reeve.pid, 15)
            let ending = try await reeve.process.ended()
            #expect(ending == .exit(0))
            #expect(!Processes.isAlive(hidden))
            #expect(try await reeve.process.leaks() == [])
        }
    }

    @Test func `a stopped process takes its signal`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.frozen]
            command = \(place.child("farewell", "15", "@bye", "bye", "stamp", "@up", "up", "freeze"))
            stop-timeout = "5s"
            """
        }) { reeve in
            let pid = try await reeve.stamps("up", reach: 1)[0].pid
            try await eventually("the freeze") { Processes.stat(pid)?.state == "T" }
            let stop = try await reeve.command("stop", "frozen", within: 4)
            #expect(stop.code == 0)
            #expect(reeve.stamps("bye").count == 1)
        }
    }

    @Test func `what a leader leaves behind is gone before the next run begins`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.forgetful]
            command = \(place.child(
                "escape", "name", "leftover", "farewell", "15", "@left", "bye", "linger", "300",
                "stamp", "@left", "here", "forever", "end",
                "stamp", "@up", "up", "first", "1", "@once", "await", "@left", "exit", "1", "end",
                "forever"))
            ready = "spawn"
            restart-delay = "100ms"
            """
        }) { reeve in
            let up = try await reeve.stamps("up", reach: 2)
            let left = try await reeve.stamps("left", reach: 2)
            #expect(left[1].word == "bye")
            #expect(up[1].nanoseconds - left[1].nanoseconds > 290_000_000)
            #expect(!Processes.isAlive(left[0].pid))
            #expect(reeve.log.contains("leftover"))
            let second = reeve.stamps("left").filter { $0.word == "here" }
            #expect(second.count <= 2)
        }
    }

    @Test func `SIGTERM and SIGINT both end it in order`() async throws {
        for signal: Int32 in [15, 2] {
            try await Reeve.supervising({ place in
                """
                [schedulers.polite]
                command = \(place.child("farewell", "15", "@bye", "bye", "stamp", "@up", "up", "forever"))
                """
            }) { reeve in
                _ = try await reeve.stamps("up", reach: 1)
                Processes.signal(reeve.pid, signal)
                let ending = try await reeve.process.ended()
                #expect(ending == .exit(0))
                #expect(reeve.stamps("bye").count == 1)
                #expect(reeve.log.contains("shutting down"))
            }
        }
    }

    @Test func `a second signal forces, unless it comes at once`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [schedulers.stubborn]
                command = \(place.child("ignore", "15", "stamp", "@up", "up", "forever"))
                stop-timeout = "30s"
                """
            }, setup: { $0.settings = "graceful-timeout = \"40s\"" }
        ) { reeve in
            let child = try await reeve.stamps("up", reach: 1)[0].pid
            Processes.signal(reeve.pid, 15)
            try await reeve.log(says: "shutting down")
            Processes.signal(reeve.pid, 15)
            // The duplicate changes nothing: past its window everything is as before.
            try await Task.sleep(for: .milliseconds(1_200))
            #expect(reeve.process.ending == nil)
            #expect(Processes.isAlive(child))
            Processes.signal(reeve.pid, 15)
            let ending = try await reeve.process.ended(within: 6)
            #expect(ending == .exit(0))
            #expect(!Processes.isAlive(child))
        }
    }

    @Test func `a shutdown keeps to its budget, whatever the children want`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [defaults]
                command = \(place.child("ignore", "15", "stamp", "@up", "up", "forever"))
                ready = "spawn"
                stop-timeout = "60s"
                [schedulers.one]
                [schedulers.two]
                dependencies = ["one"]
                [schedulers.three]
                dependencies = ["two"]
                """
            }, setup: { $0.settings = "graceful-timeout = \"2s\"\nforce-timeout = \"1s\"" }
        ) { reeve in
            _ = try await reeve.stamps("up", reach: 3)
            let begin = ContinuousClock.now
            Processes.signal(reeve.pid, 15)
            let ending = try await reeve.process.ended(within: 10)
            let took = ContinuousClock.now - begin
            #expect(ending == .exit(0))
            #expect(took > .milliseconds(1_500) && took < .milliseconds(4_000), "\(took)")
        }
    }

    @Test func `when its terminal goes away it ends in order`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [schedulers.polite]
                command = \(place.child("farewell", "15", "@bye", "bye", "stamp", "@up", "up", "forever"))
                log = "none"
                """
            }, setup: { $0.output = "terminal" }
        ) { reeve in
            _ = try await reeve.stamps("up", reach: 1)
            reeve.process.hangUp()
            let ending = try await reeve.process.ended()
            #expect(ending == .exit(0))
            #expect(reeve.stamps("bye").count == 1)
        }
    }

    @Test func `a stop command is used in place of the signal`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.asked]
            command = \(place.child("farewell", "15", "@bye", "bye", "stamp", "@up", "up", "await", "@end"))
            restart = "always"
            stop-command = ["touch", "\(place.file("end"))"]
            """
        }) { reeve in
            _ = try await reeve.stamps("up", reach: 1)
            let stop = try await reeve.command("stop", "asked")
            #expect(stop.code == 0)
            #expect(reeve.stamps("bye").isEmpty)
            let one = try await reeve.scheduler("asked")
            #expect(one.lifecycle == "stopped")
            #expect(one.lastExit?.code == 0)
        }
    }
}
