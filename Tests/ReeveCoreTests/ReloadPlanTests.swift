// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

/// What a reload does with executions, and what is told of a reload beforehand.
@Suite struct ReloadPlanTests {
    private func changed(_ old: SchedulerSpecification, _ argument: String)
        -> SchedulerSpecification
    {
        var new = old
        new.program.arguments = ["/bin/sh", "-c", argument]
        return new
    }

    /// 17:39:00, with the job of each minute running.
    private func running(_ job: SchedulerSpecification) -> World {
        var world = World.booted([job])
        world.pass(.seconds(26))
        return world
    }

    private func reload(_ world: inout World, _ schedulers: [SchedulerSpecification]) -> [Effect] {
        world.send(.reloadRequested(reason: "SIGHUP"))
        return world.send(.configurationLoaded(Specification(schedulers: schedulers)))
    }

    @Test func `an execution goes on under other settings, and the next one has them`() {
        let job = scheduled("job", .cron("* * * * *"))
        var world = running(job)
        let run = world.run(of: "job")
        let new = changed(job, "other")
        #expect(reload(&world, [new]).actions == [])
        #expect(world.lifecycle("job") == .running)
        #expect(world.supervisor.specification(of: world.id("job")) == job)
        world.exit("job", code: 0)
        #expect(world.supervisor.specification(of: world.id("job")) == new)
        world.pass(.seconds(60))
        #expect(world.run(of: "job") != run)
    }

    @Test func `another schedule holds at once, beside an execution too`() {
        let job = scheduled("job", .cron("* * * * *")) { $0.overlap = .queue }
        var world = running(job)
        var new = changed(job, "other")
        new.schedule = ScheduleSettings(.cron("0 18 * * *"))
        _ = reload(&world, [new])
        #expect(world.status("job").nextRun?.description == "2026-11-25T18:00:00Z")
        world.exit("job", code: 0)
        #expect(world.status("job").nextRun?.description == "2026-11-25T18:00:00Z")
        #expect(world.pass(.seconds(600)).spawned.isEmpty)
    }

    @Test func `the execution of one that is gone, or disabled, ends by itself and is the last`() {
        let job = scheduled("job", .cron("* * * * *"))
        let disabled = scheduled("job", .cron("* * * * *"), { _ in }, { $0.enabled = false })
        for rest in [[], [disabled]] as [[SchedulerSpecification]] {
            var world = running(job)
            let (id, run) = (world.id("job"), world.run(of: "job"))
            #expect(reload(&world, rest).actions == [])
            #expect(world.pass(.seconds(130)).spawned.isEmpty)
            world.send(.exited(run, .exited(code: 0), leftovers: []))
            #expect(world.ledger.last?.outcome == .succeeded)
            #expect(world.supervisor.schedulers[id.index].lifecycle.isLive == false)
            if rest.isEmpty {
                #expect(world.supervisor.status(of: id, at: world.now) == nil)
            } else {
                #expect(world.status("job").reason == "enabled = false")
            }
        }
    }

    @Test func `what waits is withdrawn with the reason that there is`() {
        let job = scheduled("job", .cron("* * * * *")) { $0.overlap = .queue }
        let disabled = scheduled("job", .cron("* * * * *"), { _ in }, { $0.enabled = false })
        for (rest, words) in [([], "no longer configured"), ([disabled], "enabled = false")]
            as [([SchedulerSpecification], String)]
        {
            var world = running(job)
            world.pass(.seconds(60))
            _ = reload(&world, rest)
            guard case .ended(.cancelled, let reason, _)? = world.ledger.last?.event else {
                Issue.record("nothing was withdrawn")
                continue
            }
            #expect(reason == words)
        }
    }

    @Test func `one that comes back while its execution runs is followed again at once`() {
        let job = scheduled("job", .cron("* * * * *")) { $0.overlap = .skip }
        var world = running(job)
        _ = reload(&world, [])
        world.pass(.seconds(10))
        _ = reload(&world, [job])
        #expect(world.lifecycle("job") == .running)
        world.pass(.seconds(60))
        #expect(world.ledger.last?.outcome == .skippedOverlap)
        world.exit("job", code: 0)
        #expect(world.lifecycle("job") == .idle)
        #expect(world.pass(.seconds(60)).spawned == [world.id("job")])
    }

    @Test func `what a plan says is what the reload does`() {
        let job = scheduled("job", .cron("* * * * *"))
        let off = daemon("off") { $0.enabled = false }
        let once = task("once")
        var world = World.booted([
            job, daemon("web"), daemon("db"), off, once, daemon("gone"),
            scheduled("old", .cron("0 0 * * *")),
        ])
        world.isObedient = true
        world.exit("once", code: 0)
        world.pass(.seconds(26))
        world.request(1, .stop(world.id("db")))
        let new = [
            changed(job, "x"), changed(daemon("web"), "x"), changed(daemon("db"), "x"),
            daemon("off"), changed(once, "x"), daemon("new"), daemon("idle") { $0.enabled = false },
        ]
        let standings = (0..<world.supervisor.schedulerCount).compactMap {
            world.supervisor.standing(of: SchedulerID($0))
        }
        let plan = ReloadPlan(
            from: world.supervisor.supervisorSettings, standings,
            to: Specification(schedulers: new))
        let steps = plan.entries.map { "\($0.name) \($0.step.rawValue)" }
        #expect(
            steps == [
                "gone stop", "old remove", "job adopt", "web restart", "db adopt", "off start",
                "once adopt", "new start", "idle add",
            ])
        world.isObedient = false
        let before = world.run(of: "job")
        let effects = reload(&world, new)
        let signalled = effects.actions.compactMap { action -> RunID? in
            if case .signal(let run, _, to: .leader) = action { run } else { nil }
        }
        #expect(
            signalled.compactMap { world.supervisor.scheduler(of: $0) }.sorted()
                == [world.id("web"), SchedulerID(5)])
        #expect(effects.spawned.sorted() == [world.id("off"), world.id("new")])
        #expect(world.run(of: "job") == before && world.lifecycle("job") == .running)
    }

    @Test func `values are told as a file has them, those of environments are not`() {
        let old = daemon("web") {
            $0.program.environment = [
                EnvironmentVariable(name: "A", value: "secret"),
                EnvironmentVariable(name: "GONE", value: "secret"),
            ]
        }
        var new = old
        new.program.arguments = ["/bin/web", "a \"b\""]
        new.program.environment = [EnvironmentVariable(name: "A", value: "other")]
        new.restart.maxRestarts = nil
        new.readiness.rule = .spawn
        new.order.dependencies = [Dependency(name: name("db"))]
        new.memory.threshold = Bytes(50_000_000)
        new.stop.signal = .interrupt
        new.log.destination = .none
        new.successExitCodes = [0, 3]
        var settings = SupervisorSettings()
        settings.controlMode = 0o660
        let plan = ReloadPlan(
            from: SupervisorSettings(), [SchedulerStanding(specification: old)],
            to: Specification(supervisor: settings, schedulers: [new]))
        let texts = plan.entries.first?.differences.map { "\($0.key): \($0.old) -> \($0.new)" }
        #expect(
            texts == [
                #"command: ["/bin/true"] -> ["/bin/web", "a \"b\""]"#,
                "environment: A, GONE -> A with another value",
                #"max-restarts: 10 -> "unlimited""#, #"dependencies: [] -> ["db"]"#,
                #"ready: "1s" -> "spawn""#, #"memory-threshold: none -> "50MB""#,
                #"stop-signal: "SIGTERM" -> "SIGINT""#, #"log: "prefixed" -> "none""#,
                "success-exit-codes: [0] -> [0, 3]",
            ])
        #expect(
            plan.fixedSettings == [
                SettingDifference(key: "control-mode", old: #""0600""#, new: #""0660""#)
            ])
    }

    @Test func `of a schedule each key is named`() {
        let old = scheduled("job", .cron("* * * * *"))
        var new = old
        new.schedule = ScheduleSettings(.interval(.seconds(90)))
        new.schedule?.misfire = .skip
        new.schedule?.hash = 7
        let changes = SpecificationChanges(
            from: Specification(schedulers: [old]), to: Specification(schedulers: [new]))
        #expect(changes.changed.first?.keys == ["interval", "misfire"])
        let keys = SpecificationChanges(
            from: Specification(schedulers: [daemon("job")]), to: Specification(schedulers: [old])
        ).changed.first?.keys
        #expect(keys?.contains("cron") == true)
    }
}

extension LedgerEntry {
    var outcome: Outcome? {
        if case .ended(let outcome, _, _) = event { outcome } else { nil }
    }
}
