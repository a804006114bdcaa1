// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

@Suite struct ScheduleTests {
    @Test func `what is due each second runs, is retried, paused, resumed and run by hand`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.tick]
            command = \(place.child("stamp", "@ticks", "tick", "exit", "0"))
            cron = "* * * * * *"
            timezone = "UTC"
            [schedulers.fails]
            command = 'test "$REEVE_ATTEMPT" = 2 && test -n "$REEVE_SCHEDULED_AT"'
            cron = "@start"
            max-retries = 1
            retry-delay = "100ms"
            [schedulers.web]
            command = ["sleep", "1000"]
            """
        }) { reeve in
            _ = try await reeve.stamps("ticks", reach: 2)
            let tick = try await reeve.scheduler("tick", becomes: "idle after a success") {
                $0.lastOutcome == "succeeded" && $0.lifecycle == "idle"
            }
            #expect(tick.kind == "scheduled")
            #expect(tick.status == "healthy")
            #expect(tick.nextRun != nil)
            let fails = try await reeve.scheduler("fails", becomes: "done") {
                $0.lastOutcome != nil
            }
            #expect(fails.lastOutcome == "succeeded")
            #expect(fails.consecutiveFailures == 0)
            #expect(reeve.log.contains("attempt 2 of 2"))

            #expect(try await reeve.command("pause", "tick").code == 0)
            let refused = try await reeve.command("run-now", "tick")
            #expect(refused.code == 1)
            #expect(refused.errors.contains("tick: paused"))
            let count = reeve.stamps("ticks").count
            let forced = try await reeve.command("run-now", "--force", "tick")
            #expect(forced.code == 0, "\(forced.errors)")
            _ = try await reeve.stamps("ticks", reach: count + 1)
            #expect(try await reeve.command("resume", "tick").code == 0)
            _ = try await reeve.stamps("ticks", reach: count + 2)
            let daemon = try await reeve.command("run-now", "web")
            #expect(daemon.code == 1)
            #expect(daemon.errors.contains("has no schedule"))
        }
    }

    @Test func `several run at a time where that is allowed, and a stop ends all of them`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.slow]
            command = \(place.child("stamp", "@slow", "up", "fork", "forever", "end", "await", "@go", "exit", "0"))
            cron = "* * * * * *"
            overlap = "allow"
            max-parallel = 3
            """
        }) { reeve in
            _ = try await reeve.stamps("slow", reach: 3)
            try await reeve.log(says: "3 executions at a time, the most that max-parallel allows")
            let slow = try await reeve.scheduler("slow", becomes: "three") { $0.runs.count == 3 }
            #expect(slow.lifecycle == "running" && slow.status == "healthy")
            #expect(slow.runId == slow.runs[0].runId && slow.pid == slow.runs[0].pid)
            #expect(Set(slow.runs.map(\.scheduledAt)).count == 3)
            #expect(Set(slow.runs.compactMap(\.pid)) == Set(reeve.stamps("slow").map(\.pid)))
            #expect((slow.memoryBytes ?? 0) > 0)
            let shown = try await reeve.command("status", "slow")
            #expect(shown.output.contains("processes: pid \(slow.runs[0].pid ?? 0), up"))
            let table = try await reeve.command("status")
            #expect(table.output.contains("\(slow.pid ?? 0) +2"))
            let signalled = try await reeve.command("signal", "slow", "CONT")
            #expect(signalled.output.contains("sent to pids"))
            let runs = try await reeve.command("runs", "slow")
            #expect(runs.output.contains("skipped-overlap"))
            let stop = try await reeve.command("stop", "slow")
            #expect(stop.code == 0, "\(stop.errors)")
            for run in slow.runs { #expect(run.pid.map { !Processes.isAlive($0) } == true) }
            let ended = try await reeve.command("runs", "slow")
            #expect(ended.output.components(separatedBy: "cancelled").count == 4)
        }
    }

    @Test func `an execution that reeve's death cut off is lost, and is not run again`()
        async throws
    {
        let kept = try Place()
        defer { kept.remove() }
        let setup: @Sendable (inout Reeve.Setup) -> Void = {
            $0.settings = "state-directory = \"\(kept.file("state"))\""
        }
        let configuration: @Sendable (Place) -> String = { place in
            """
            [schedulers.job]
            command = \(place.child("stamp", "@runs", "run", "forever"))
            cron = "@reboot"
            drain-timeout = "0s"
            """
        }
        try await Reeve.supervising(configuration, setup: setup) { reeve in
            _ = try await reeve.stamps("runs", reach: 1)
        }
        try await Reeve.supervising(configuration, setup: setup) { reeve in
            let job = try await reeve.scheduler("job", becomes: "idle") { $0.lifecycle == "idle" }
            #expect(job.nextRun == nil)
            #expect(reeve.stamps("runs").isEmpty)
        }
    }

    @Test func `a shutdown lets an execution end and starts none`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.slow]
            command = \(place.child("stamp", "@slow", "up", "await", "@go", "stamp", "@slow", "done", "exit", "0"))
            cron = "@start"
            """
        }) { reeve in
            _ = try await reeve.stamps("slow", reach: 1)
            Processes.signal(reeve.pid, 15)
            try await reeve.log(says: "executions that may end by themselves: slow")
            try Place.touch(reeve.directory + "/go")
            let stamps = try await reeve.stamps("slow", reach: 2)
            #expect(stamps.last?.word == "done")
            try await reeve.log(says: "succeeded")
        }
    }

    @Test func `a mistake in an expression is shown at its column`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write(
            "a.toml",
            """
            [schedulers.a]
            command = "true"
            cron = "0 22-2 * * *"
            [schedulers.b]
            command = "true"
            cron = "@daily"
            timezone = "Europe/Berlim"
            """)
        let outcome = try await reeve("check", place.file("a.toml"), in: place)
        #expect(outcome.code == 78)
        let all = outcome.output + outcome.errors
        #expect(all.contains("a.toml:3:11: error: `cron` is no schedule, in the hour field"))
        #expect(all.contains("write 22-23,0-2"))
        #expect(all.contains("a.toml:7:12: error: the time zone \"Europe/Berlim\" is unknown"))
    }

    @Test func `next needs no supervisor`() async throws {
        let place = try Place()
        defer { place.remove() }
        let outcome = try await reeve(
            "next", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--after",
            "2026-03-28T12:00:00Z", "-n", "2", "--json", in: place)
        #expect(outcome.code == 0)
        #expect(
            outcome.output
                == "{\"occurrences\": [\"2026-03-29T03:00:00+02:00\", \"2026-03-30T02:30:00+02:00\"]}\n"
        )
        let wrong = try await reeve("next", "--cron", "5-1 * * * *", in: place)
        #expect(wrong.code == 78)
        #expect(wrong.errors.contains("column 1 (minute)"))
    }
}
