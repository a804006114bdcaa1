// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

/// Scheduled ones. The world begins at 17:38:34 UTC.
@Suite struct ScheduledTests {
    private typealias Outcome = LedgerEntry.Outcome

    /// "17:40:00 succeeded", with the count where it is more than one.
    private func outcomes(_ world: World) -> [String] {
        world.ledger.compactMap { entry in
            guard case .ended(let outcome, _, _) = entry.event else { return nil }
            let time = entry.occurrence.description.dropFirst(11).prefix(8)
            return "\(time) \(outcome.rawValue)" + (entry.count > 1 ? " x\(entry.count)" : "")
        }
    }

    private let minutely = ScheduleSettings.Rule.cron("* * * * *")

    @Test func `an occurrence is written down, run, and has its outcome`() throws {
        var world = World.booted([scheduled("job", .cron("40 17 * * *"))])
        #expect(world.lifecycle("job") == .idle)
        #expect(world.health("job") == .healthy)
        #expect(world.status("job").nextRun?.description == "2026-11-25T17:40:00Z")
        let effects = world.pass(.seconds(86))
        let run = world.run(of: "job")
        let due = try #require(WallTime(instant: "2026-11-25T17:40:00Z"))
        let start = LedgerEntry(
            scheduler: name("job"), trigger: .schedule, occurrence: due, at: due,
            event: .started(run, attempt: 1))
        #expect(effects.actions == [.ledger(start), .spawn(run, world.id("job"))])
        #expect(world.supervisor.execution(of: run) == .init(scheduledAt: due, attempt: 1))
        #expect(world.lifecycle("job") == .running)
        let end = world.exit("job", code: 0)
        #expect(end.actions.contains(.forget(run)))
        #expect(outcomes(world) == ["17:40:00 succeeded"])
        #expect(world.lifecycle("job") == .idle)
        #expect(world.status("job").nextRun?.description == "2026-11-26T17:40:00Z")
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `an occurrence during a run is skipped, queued, or replaces it`() {
        var skip = World.booted([scheduled("job", minutely)])
        skip.pass(.seconds(86))
        skip.exit("job", code: 0)
        #expect(outcomes(skip) == ["17:40:00 skipped-overlap", "17:39:00 succeeded"])

        var queue = World.booted([scheduled("job", minutely) { $0.overlap = .queue }])
        queue.pass(.seconds(86 + 60))
        #expect(outcomes(queue) == ["17:41:00 skipped-overlap"])
        queue.exit("job", code: 0)
        #expect(queue.lifecycle("job") == .running)
        queue.exit("job", code: 1)
        #expect(
            outcomes(queue) == [
                "17:41:00 skipped-overlap", "17:39:00 succeeded", "17:40:00 failed",
            ])

        var replace = World.booted([scheduled("job", minutely) { $0.overlap = .replace }])
        replace.isObedient = true
        replace.pass(.seconds(26))
        let first = replace.run(of: "job")
        replace.pass(.seconds(60))
        #expect(replace.run(of: "job") != first)
        #expect(outcomes(replace) == ["17:39:00 cancelled"])
    }

    @Test func `a failed attempt is repeated with growing delays, and counts once`() {
        var world = World.booted([
            scheduled("job", .cron("39 17 * * *")) {
                $0.maxRetries = 2
                $0.noRetryExitCodes = [7]
            }
        ])
        world.pass(.seconds(26))
        world.exit("job", code: 1)
        #expect(world.lifecycle("job") == .backingOff)
        #expect(world.untilDeadline == .seconds(1))
        #expect(world.status("job").consecutiveFailures == 0)
        world.advance()
        world.exit("job", code: 2)
        #expect(world.untilDeadline == .seconds(2))
        world.advance()
        #expect(world.supervisor.execution(of: world.run(of: "job"))?.attempt == 3)
        world.exit("job", code: 3)
        #expect(outcomes(world) == ["17:39:00 failed"])
        #expect(world.status("job").consecutiveFailures == 1)
        #expect(world.health("job") == .degraded)
        world.pass(.seconds(86_400))
        world.exit("job", code: 7)
        #expect(outcomes(world) == ["17:39:00 failed", "17:39:00 failed"])
        #expect(world.status("job").consecutiveFailures == 2)
    }

    @Test func `an execution that runs too long is ended as timed out`() {
        var world = World.booted([
            scheduled("job", .cron("39 17 * * *"), { _ in }) { $0.timeout = .seconds(5) }
        ])
        world.isObedient = true
        world.pass(.seconds(40))
        #expect(outcomes(world) == ["17:39:00 timed-out"])
        #expect(world.lifecycle("job") == .idle)
        #expect(world.status("job").consecutiveFailures == 1)
    }

    @Test func `what passed while the clock was set forward goes by misfire`() {
        let table: [(ScheduleSettings.Misfire, Duration?, [String])] = [
            (.runOnce, nil, ["17:39:00 coalesced x9"]), (.skip, nil, ["17:39:00 missed x10"]),
            (.runOnce, .seconds(10), ["17:39:00 missed x10"]), (.runAll, nil, []),
            (.runAll, .seconds(120), ["17:39:00 missed x8"]),
        ]
        for (misfire, deadline, expected) in table {
            var world = World.booted([
                scheduled("job", minutely) {
                    $0.misfire = misfire
                    $0.misfireDeadline = deadline
                }
            ])
            let effects = world.setWall(forward: .seconds(60 * 10 + 20 - 34 + 20))
            #expect(outcomes(world) == expected, "\(misfire)")
            #expect(effects.recordNames().contains("clock-stepped"))
            let runs: Int
            switch misfire {
            case .runOnce: runs = deadline == nil ? 1 : 0
            case .skip: runs = 0
            case .runAll: runs = deadline == nil ? 10 : 2
            }
            for _ in 0..<runs {
                #expect(world.lifecycle("job") == .running, "\(misfire)")
                world.exit("job", code: 0)
                world.pass(.milliseconds(200))
            }
            #expect(world.lifecycle("job") == .idle, "\(misfire)")
            #expect(outcomes(world).filter { $0.hasSuffix("succeeded") }.count == runs)
        }
    }

    @Test func `a clock that goes back repeats nothing`() {
        var world = World.booted([scheduled("job", minutely)])
        world.pass(.seconds(26))
        world.exit("job", code: 0)
        world.pass(.seconds(10))
        world.setWall(back: .seconds(30))
        let effects = world.send(.timePassed)
        #expect(effects.recordNames() == ["clock-stepped"])
        // The next one is 17:40, by the clock as it now is.
        #expect(world.status("job").nextRun?.description == "2026-11-25T17:40:00Z")
        world.pass(.seconds(90))
        #expect(outcomes(world) == ["17:39:00 succeeded"])
        #expect(world.lifecycle("job") == .running)
        // Before everything that was seen: new instants.
        world.exit("job", code: 0)
        world.setWall(back: .seconds(7_200))
        world.send(.timePassed)
        #expect(world.status("job").nextRun?.description == "2026-11-25T15:41:00Z")
    }

    @Test func `a paused one does not run, and each occurrence is accounted for`() {
        var world = World.booted([scheduled("job", minutely)])
        world.request(1, .pause(world.id("job")))
        #expect(world.supervisor.nextWallDeadline == nil)
        #expect(world.health("job") == .healthy)
        world.pass(.seconds(200))
        let replies = world.request(2, .resume(world.id("job"))).replies(to: 2)
        #expect(replies.first?.outcomes.first?.words == "resumed, next run at 2026-11-25T17:42:00Z")
        #expect(outcomes(world) == ["17:39:00 paused x3"])
        world.pass(.seconds(10))
        #expect(world.lifecycle("job") == .running)
    }

    @Test func `run-now obeys the same rules, unless it is forced`() {
        var world = World.booted([scheduled("job", .cron("0 0 1 1 *"))])
        let id = world.id("job")
        let first = world.request(1, .runNow(id, force: false)).replies(to: 1)
        #expect(first.first?.outcomes.first?.result == .done)
        #expect(world.lifecycle("job") == .running)
        let second = world.request(2, .runNow(id, force: false)).replies(to: 2)
        #expect(second.first?.outcomes.first?.words == "skipped: the one before still runs")
        let third = world.request(3, .runNow(id, force: true)).replies(to: 3)
        #expect(third.first?.outcomes.first?.result == .pending)
        world.pass(.seconds(1))
        world.exit("job", code: 0)
        #expect(world.lifecycle("job") == .running)
        world.exit("job", code: 0)
        #expect(
            outcomes(world) == [
                "17:38:34 skipped-overlap", "17:38:34 succeeded", "17:38:34 succeeded",
            ])
        let daemons = World.booted([daemon("web")])
        var other = daemons
        let refused = other.request(1, .runNow(other.id("web"), force: false)).replies(to: 1)
        #expect(refused.first?.refusal == .notScheduled)
    }

    @Test func `dependencies are looked at for each occurrence`() {
        var world = World.booted([
            task("base") { $0.restart.mode = .never },
            scheduled("job", minutely, { _ in }) { $0.needs("base", .completed) },
        ])
        world.pass(.seconds(26))
        #expect(outcomes(world) == ["17:39:00 skipped-dependency"])
        world.exit("base", code: 0)
        world.pass(.seconds(60))
        #expect(world.lifecycle("job") == .running)
    }

    @Test func `intervals count from start or from end`() {
        var start = World.booted([scheduled("job", .interval(.seconds(60)))])
        #expect(start.untilDeadline == .seconds(60))
        start.pass(.seconds(60))
        start.pass(.seconds(20))
        start.exit("job", code: 0)
        #expect(start.untilDeadline == .seconds(40))

        var end = World.booted([
            scheduled("job", .interval(.seconds(60))) { $0.intervalFrom = .end }
        ])
        end.pass(.seconds(80))
        end.exit("job", code: 0)
        #expect(end.untilDeadline == .seconds(60))
    }

    @Test func `the start runs what is to run at start, once`() {
        var world = World.booted([
            scheduled("start", .cron("@start")), scheduled("boot", .cron("@reboot")),
            scheduled("both", .interval(.seconds(60))) { $0.runOnStart = true },
        ])
        for name in ["start", "boot", "both"] {
            #expect(world.lifecycle(name) == .running, "\(name)")
            world.exit(name, code: 0)
        }
        #expect(world.lifecycle("start") == .idle)
        #expect(world.untilDeadline == .seconds(60))
    }

    @Test func `the reboot's run comes once per boot`() {
        var world = World([scheduled("job", .cron("@reboot"))])
        world.replaceSupervisor(after: .seconds(1), boot: "A")
        #expect(world.lifecycle("job") == .running)
        world.exit("job", code: 0)
        world.replaceSupervisor(after: .seconds(1), boot: "A")
        #expect(world.lifecycle("job") == .idle)
        world.replaceSupervisor(after: .seconds(1), boot: "B")
        #expect(world.lifecycle("job") == .running)
        world.exit("job", code: 0)
        // Whoever is taken out of the configuration and put back has had it, too.
        world.reload([])
        world.reload([scheduled("job", .cron("@reboot"))])
        #expect(world.lifecycle("job") == .idle)
    }

    @Test func `bounds, spread and jitter only delay or end a schedule`() throws {
        let start = try #require(WallTime(instant: "2026-11-25T18:00:00Z"))
        let end = try #require(WallTime(instant: "2026-11-25T18:01:00Z"))
        var world = World.booted([
            scheduled("job", minutely) {
                $0.startsAt = start
                $0.expiresAt = end
            }
        ])
        #expect(world.status("job").nextRun == start)
        world.pass(.seconds(3_600))
        world.exit("job", code: 0)
        #expect(outcomes(world) == ["18:00:00 succeeded"])
        #expect(world.status("job").nextRun == nil)

        for seed in 0..<50 as Range<UInt64> {
            var late = World.booted([
                scheduled("job", .cron("0 18 * * *")) {
                    $0.hash = seed
                    $0.spread = .seconds(100)
                    $0.jitter = .seconds(100)
                }
            ])
            let due = try #require(late.status("job").nextRun)
            #expect(due >= start && due < start + .seconds(200))
            late.pass(.seconds(3_600))
            #expect(late.supervisor.execution(of: late.run(of: "job"))?.scheduledAt == start)
        }
    }

    @Test func `a shutdown starts nothing, and lets what runs end for a while`() {
        var world = World.booted([
            daemon("web"), scheduled("job", minutely) { $0.overlap = .queue },
        ])
        world.isObedient = true
        world.pass(.seconds(90))
        let begun = world.terminate()
        #expect(outcomes(world) == ["17:40:00 cancelled"])
        #expect(!begun.actions.contains { if case .signal = $0 { true } else { false } })
        #expect(world.supervisor.nextWallDeadline == nil)
        world.pass(.seconds(3))
        let end = world.exit("job", code: 0)
        #expect(outcomes(world) == ["17:40:00 cancelled", "17:39:00 succeeded"])
        #expect(end.exitCodes == [0])

        var late = World.booted([scheduled("job", minutely)])
        late.isObedient = true
        late.pass(.seconds(30))
        late.terminate()
        let effects = late.pass(.seconds(10))
        #expect(outcomes(late) == ["17:39:00 cancelled"])
        #expect(effects.exitCodes == [0])
    }

    @Test func `an operator's stop ends the schedule, and a start takes it up`() {
        var world = World.booted([scheduled("job", minutely)])
        world.isObedient = true
        world.pass(.seconds(30))
        world.request(1, .stop(world.id("job")))
        #expect(outcomes(world) == ["17:39:00 cancelled"])
        #expect(world.lifecycle("job") == .stopped)
        #expect(world.supervisor.nextWallDeadline == nil)
        world.pass(.seconds(120))
        let replies = world.request(2, .start(world.id("job"), force: false)).replies(to: 2)
        #expect(replies.first?.outcomes.first?.result == .done)
        #expect(outcomes(world) == ["17:39:00 cancelled", "17:40:00 paused x2"])
        #expect(world.status("job").nextRun?.description == "2026-11-25T17:42:00Z")
    }

    @Test func `after a crash nothing is run twice, and what was missed is made up for`() {
        var world = World.booted([scheduled("job", minutely)])
        world.pass(.seconds(30))
        #expect(world.lifecycle("job") == .running)
        world.replaceSupervisor(after: .seconds(10))
        #expect(outcomes(world) == ["17:39:00 lost"])
        #expect(world.lifecycle("job") == .idle)
        world.replaceSupervisor(after: .seconds(200))
        #expect(outcomes(world) == ["17:39:00 lost", "17:40:00 coalesced x2"])
        #expect(world.lifecycle("job") == .running)
        world.exit("job", code: 0)
        #expect(outcomes(world).last == "17:42:00 succeeded")
    }

    @Test func `with jitter the one before may be made up for and the next not, each counted once`()
    {
        // The last of them may be too late where one before is not.
        var (wereParted, wereLastTooLate) = (0, 0)
        for seed: UInt64 in 1...40 {
            var world = World.booted([
                scheduled("job", minutely) {
                    $0.misfire = .runAll
                    $0.misfireDeadline = .seconds(120)
                    $0.jitter = .seconds(170)
                    $0.overlap = .queue
                }
            ])
            world.pass(.seconds(230))
            world.exit("job", code: 0)
            let before = world.ledger.count
            world.replaceSupervisor(after: .seconds(600), seed: seed)
            let entries = world.ledger.dropFirst(before).filter { $0.trigger == .schedule }
            let isLastMissed = entries.map(\.through).max().map { last in
                entries.contains { $0.outcome == .missed && $0.through == last }
            }
            if isLastMissed == true, entries.contains(where: { $0.outcome != .missed }) {
                wereLastTooLate += 1
            }
            for entry in entries where entry.outcome == .missed {
                let minutes =
                    entry.through.second / 60 - (entry.occurrence.second + 59) / 60 + 1
                #expect(Int64(entry.count) == minutes, "seed \(seed)")
                if entries.contains(where: { $0.occurrence < entry.occurrence }) { wereParted += 1 }
            }
        }
        #expect(wereParted > 0 && wereLastTooLate > 0)
    }

    @Test func `what comes is told with its delays, and why nothing does`() throws {
        var world = World.booted([
            scheduled("job", .cron("0 18 * * *")) {
                $0.spread = .seconds(100)
                $0.hash = 7
                $0.jitter = .seconds(5)
            },
            scheduled("often", .interval(.seconds(90))), scheduled("once", .cron("@start")),
            daemon("web"),
        ])
        func coming(_ name: String, _ count: Int = 2) -> ComingOccurrences? {
            world.supervisor.coming(count, of: world.id(name), at: world.now)
        }
        let job = try #require(coming("job", 200))
        #expect(job.occurrences.count == ComingOccurrences.countMax)
        #expect(job.occurrences[0].occurrence.rfc3339 == "2026-11-25T18:00:00+00:00")
        #expect(job.occurrences[0].due == world.status("job").nextRun)
        #expect(
            job.occurrences[1].due - WallTime(second: job.occurrences[1].occurrence.second)
                == job.spread)
        #expect(job.obstacle == nil && job.jitter == .seconds(5))
        let often = try #require(coming("often"))
        #expect(
            often.occurrences.map(\.due.description) == [
                "2026-11-25T17:40:04Z", "2026-11-25T17:41:34Z",
            ])
        #expect(coming("once")?.obstacle == "it is executed once at each start of reeve")
        #expect(coming("web") == nil)
        world.request(1, .pause(world.id("job")))
        #expect(coming("job")?.occurrences.count == 2)
        #expect(coming("job")?.obstacle?.hasPrefix("paused by the operator") == true)
        world.request(2, .stop(world.id("often")))
        #expect(
            coming("often")?.obstacle
                == "it is stopped by the operator: none is executed until it is started")
    }

    @Test func `two that nobody's timetable wants differ, though asked for at one instant`() {
        var world = World.booted([scheduled("job", .cron("0 0 1 1 *"))])
        world.request(1, .runNow(world.id("job"), force: false))
        world.request(2, .runNow(world.id("job"), force: false))
        let keys = world.ledger.map(\.occurrence.nanoseconds)
        #expect(keys.count == 2 && keys[1] == keys[0] + 1)
    }

    @Test func `what the clock passed before parts what is missed later`() {
        var world = World.booted([scheduled("job", minutely) { $0.misfire = .skip }])
        world.pass(.seconds(30))
        world.exit("job", code: 0)
        world.setWall(back: .seconds(600))
        world.send(.timePassed)
        world.setWall(forward: .seconds(900))
        // 17:29 to 17:38, not 17:39, which had its outcome, and 17:40 to 17:43.
        #expect(
            outcomes(world) == [
                "17:39:00 succeeded", "17:30:00 missed x9", "17:40:00 missed x4",
            ])
    }

    @Test func `of very many missed ones the last are made up for`() {
        var world = World.booted([scheduled("job", .cron("* * * * * *")) { $0.misfire = .runAll }])
        world.setWall(forward: .seconds(7_200))
        let last = world.supervisor.schedulers[0].schedule?.queue.last?.occurrence
        #expect(last.map { world.now.wall - $0 < .seconds(20) } == true)
        #expect(world.ledger.first?.count ?? 0 >= 1_000)
    }

    @Test func `what a schedule made due before it changed has its outcome`() {
        let before = scheduled("job", minutely) { $0.jitter = .seconds(59) }
        var world = World.booted([before])
        world.request(1, .pause(world.id("job")))
        world.pass(.seconds(150))
        var after = before
        after.schedule?.rule = .cron("0 0 * * *")
        world.send(.reloadRequested(reason: "test"))
        world.send(.configurationLoaded(Specification(schedulers: [after])))
        #expect(outcomes(world) == ["17:39:00 paused x3"])
        world.request(2, .resume(world.id("job")))
        #expect(outcomes(world) == ["17:39:00 paused x3"])
    }

    @Test func `a clock set far ahead ends in bounded work`() {
        var world = World.booted([scheduled("job", .cron("* * * * * *"))])
        world.setWall(forward: .seconds(86_400 * 3_650))
        #expect(world.ledger.count < 10)
        world.exit("job", code: 0)
        #expect(world.lifecycle("job") == .idle)
    }

    @Test func `what cannot be obeyed is said, and nothing else suffers`() {
        let world = World.booted([
            scheduled("job", .cron("bad")), scheduled("zone", minutely) { $0.zone = "Nowhere" },
            daemon("web"),
        ])
        #expect(world.health("job") == .unhealthy)
        #expect(world.status("zone").reason == "its time zone Nowhere is not there")
        #expect(world.lifecycle("web") == .starting)
    }
}

/// What passes while an operator wants nothing executed, for intervals as for cron.
@Suite struct HeldIntervalTests {
    private func outcomes(_ world: World) -> [String] {
        world.ledger.compactMap { entry in
            guard case .ended(let outcome, _, _) = entry.event else { return nil }
            return "\(outcome.rawValue) \(entry.count)"
        }
    }

    private func every(
        _ seconds: Int64, _ change: (inout ScheduleSettings) -> Void = { _ in }
    ) -> SchedulerSpecification {
        scheduled("job", .interval(.seconds(seconds)), change)
    }

    @Test func `the occurrences of a pause are accounted for, and the grid goes on`() {
        var world = World.booted([every(10)])
        world.request(1, .pause(world.id("job")))
        world.pass(.seconds(34))
        world.request(2, .resume(world.id("job")))
        #expect(outcomes(world) == ["paused 3"])
        #expect(world.untilDeadline == .seconds(6))
        #expect(world.pass(.seconds(6)).spawned == [world.id("job")])
    }

    @Test func `what was stopped before a restart of reeve is not made up for`() {
        for misfire in [ScheduleSettings.Misfire.runOnce, .runAll, .skip] {
            var world = World.booted([every(10) { $0.misfire = misfire }])
            world.pass(.seconds(10))
            world.exit("job", code: 0)
            world.request(1, .stop(world.id("job")))
            world.pass(.seconds(25))
            world.replaceSupervisor(after: .seconds(30))
            world.pass(.seconds(5))
            let effects = world.request(2, .start(world.id("job"), force: false))
            #expect(effects.spawned == [], "\(misfire)")
            #expect(!outcomes(world).contains { $0.hasPrefix("coalesced") }, "\(misfire)")
            #expect(outcomes(world).filter { $0.hasPrefix("paused") }.count >= 1)
            #expect(world.pass(.seconds(10)).spawned == [world.id("job")])
        }
    }
}
