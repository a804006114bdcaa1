// SPDX-License-Identifier: Apache-2.0
//
// Health checks: when they are asked for, how answers add up, and what a failed one leads to.

import Testing

@testable import ReeveCore

@Suite struct HealthCheckTests {
    private static let target = ProbeTarget(host: "localhost", port: 80)

    private func checked(
        _ text: String = "web",
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> SchedulerSpecification {
        daemon(text) {
            $0.readiness.rule = .spawn
            $0.healthCheck = HealthCheckSettings(.tcp(Self.target))
            $0.healthCheckInterval = .seconds(10)
            change(&$0)
        }
    }

    /// Lets time pass to the next probe and answers it.
    @discardableResult
    private func probe(_ world: inout World, _ isPassed: Bool) -> [Effect] {
        var effects: [Effect] = []
        for _ in 0..<100 where world.probes.isEmpty { effects += world.advance() }
        guard let id = world.probes.first?.id else { return effects }
        return effects
            + world.answer(id, isPassed ? .passed(words: "ok") : .failed(words: "refused"))
    }

    private func state(_ world: World) -> CheckState? { world.status("web").checks?.state }

    @Test func `what cannot be asked for want of something tells nothing of who was to be asked`() {
        var world = World.booted([checked()])
        probe(&world, true)
        func ask(_ outcome: ProbeOutcome) {
            for _ in 0..<100 where world.probes.isEmpty { world.advance() }
            if let id = world.probes.first?.id { world.answer(id, outcome) }
        }
        for _ in 0..<20 { ask(.unasked(words: "too many open files (EMFILE)")) }
        #expect(state(world) == .passed && world.health("web") == .healthy)
        #expect(
            world.status("web").checks?.results.last?.outcome.words
                == "could not be asked: too many open files (EMFILE)")
        // Nor does it end a series.
        ask(.failed(words: "refused"))
        ask(.failed(words: "refused"))
        ask(.unasked(words: "too many open files (EMFILE)"))
        #expect(state(world) == .passed)
        ask(.failed(words: "refused"))
        #expect(state(world) == .failed)
        let shortage = SpawnFailure(errno: 11, words: "no more processes may be made (EAGAIN)")
        #expect(
            CommandOutcome(shortage).checkOutcome(within: .seconds(3))
                == .unasked(words: shortage.words))
        let missing = CommandOutcome(SpawnFailure(errno: 2, words: "/x: no such file (ENOENT)"))
        guard case .failed = missing.checkOutcome(within: .seconds(3)) else {
            Issue.record("a command that is not there has failed")
            return
        }
    }

    @Test func `a recovery that was put off does not come because nobody can ask`() {
        var world = World.booted([checked { $0.restart.cooldown = .seconds(600) }])
        func ask(_ outcome: ProbeOutcome) -> [Effect] {
            for _ in 0..<100 where world.probes.isEmpty { world.advance() }
            return world.probes.first.map { world.answer($0.id, outcome) } ?? []
        }
        world.isObedient = true
        for _ in 0..<3 { _ = ask(.failed(words: "refused")) }
        #expect(world.history.spawned.count == 2)
        for _ in 0..<3 { _ = ask(.failed(words: "refused")) }
        #expect(world.history.spawned.count == 2)
        // The cooldown is over meanwhile.
        for _ in 0..<80 { _ = ask(.unasked(words: "too many open files (EMFILE)")) }
        #expect(world.history.spawned.count == 2)
        // What it has failed for is what was seen last.
        #expect(world.status("web").reason.hasSuffix("refused"), "\(world.status("web").reason)")
        _ = ask(.failed(words: "refused"))
        #expect(world.history.spawned.count == 3)
    }

    @Test func `a recovery that was put off stays so while passes are too few to count`() {
        func failedTwice() -> World {
            var world = World.booted([
                checked {
                    $0.restart.cooldown = .seconds(600)
                    $0.healthCheck?.successes = 2
                    $0.healthCheck?.failures = 2
                }
            ])
            world.isObedient = true
            for _ in 0..<4 { probe(&world, false) }
            #expect(state(world) == .failed && world.history.spawned.count == 2)
            world.pass(.minutes(1))
            world.jump(to: world.now.monotonic + .minutes(11))
            return world
        }
        // Nothing comes by what passes; with the next failure it comes, since the failing still holds.
        var world = failedTwice()
        probe(&world, true)
        #expect(state(world) == .failed && world.history.spawned.count == 2)
        probe(&world, false)
        #expect(world.history.spawned.count == 3)
        // Once passes count, it is dropped, and a failure is one of two again.
        world = failedTwice()
        for isPassed in [true, true, false] { probe(&world, isPassed) }
        #expect(state(world) == .passed && world.history.spawned.count == 2)
        probe(&world, false)
        #expect(world.history.spawned.count == 3)
    }

    @Test func `a recovery that waits for a dependency is dropped when the check passes again`() {
        var world = World.booted([
            daemon("db") { $0.readiness.rule = .uptime(.seconds(15)) },
            checked {
                $0.healthCheck?.successes = 2
                $0.healthCheck?.failures = 1
                $0.healthCheckInterval = .seconds(2)
                $0.needs("db", .ready, onFailure: .restart)
            },
        ])
        world.pass(.seconds(15))
        while world.lifecycle("web") != .running { world.advance() }
        probe(&world, true)
        world.exit("db", code: 1)
        probe(&world, false)
        #expect(world.status("web").recovery?.words == "waits for db")
        probe(&world, true)
        #expect(world.status("web").recovery?.words == "waits for db")
        let passed = probe(&world, true)
        #expect(passed.recordNames(of: "web").prefix(2) == ["check-passed", "recovering"])
        #expect(world.status("web").recovery == nil)
        #expect(world.status("web").lastRecovery?.words == "recovered")
        for _ in 0..<15 { probe(&world, true) }
        #expect(world.lifecycle("db") == .running)
        #expect(world.lifecycle("web") == .running)
        #expect(world.status("web").restartCount == 0)
    }

    @Test func `the first check comes within an interval, on the scheduler's own second`() {
        var world = World.booted((0..<10).map { checked("d\($0)") })
        var dueAt: [String: Int64] = [:]
        for _ in 0..<10 {
            world.advance()
            for (id, probe) in world.probes {
                let name = world.supervisor.schedulers[probe.scheduler.index].specification.name
                dueAt[name.text] = world.now.monotonic.nanoseconds / 1_000_000_000
                world.answer(id, .passed(words: "ok"))
            }
        }
        for index in 0..<10 {
            let second = dueAt["d\(index)"] ?? -1
            #expect(second % 10 == Int64(index), "d\(index) at \(second)")
            #expect((1_001...1_010).contains(second))
        }
    }

    @Test func `without a check nothing ever wakes for one`() {
        let world = World.booted([daemon("web") { $0.readiness.rule = .spawn }])
        #expect(world.untilDeadline == nil && world.status("web").checks == nil)
    }

    @Test func `while a check is on its way no other is asked for`() {
        var world = World.booted([checked()])
        world.pass(.seconds(60))
        #expect(world.probes.count == 1 && world.untilDeadline == nil)
        world.answer(world.probes[0].id, .passed(words: "ok"))
        #expect(world.untilDeadline == .seconds(10))
        world.pass(.seconds(10))
        #expect(world.probes.count == 1)
    }

    @Test func `failures in a row turn it, and successes turn it back`() {
        var world = World.booted([
            checked {
                $0.healthCheck?.successes = 2
                $0.kind = .task
            }
        ])
        for passed in [false, false, true, false, false] { probe(&world, passed) }
        #expect(state(world) == .unknown && world.health("web") == .healthy)
        let turned = probe(&world, false)
        #expect(
            turned.facts.contains(
                .checkFailed(words: "refused", failures: 3, action: "it is marked, and goes on")))
        #expect(state(world) == .failed && world.health("web") == .unhealthy)
        #expect(world.status("web").consecutiveFailures == 1)
        #expect(
            world.status("web").reason == "its health check failed 3 times in a row: refused")
        // It counts once, however long it lasts.
        probe(&world, false)
        #expect(world.status("web").consecutiveFailures == 1)
        probe(&world, true)
        #expect(state(world) == .failed)
        let back = probe(&world, true)
        #expect(back.facts.contains(.checkPassed(words: "ok")) && state(world) == .passed)
    }

    @Test func `a daemon whose check failed is restarted, with the next after the cooldown`() {
        var world = World.booted([checked { $0.healthCheck?.failures = 1 }])
        world.isObedient = true
        let first = world.run(of: "web")
        var effects = probe(&world, false)
        #expect(
            effects.facts.contains(
                .checkFailed(words: "refused", failures: 1, action: "it is recovered")))
        effects += world.pass(.milliseconds(200))
        #expect(world.run(of: "web") != first && world.lifecycle("web") == .running)
        #expect(world.status("web").restartCount == 1)
        #expect(world.status("web").lastExecution?.succeeded == false)
        // Its bundle has what the check saw.
        let reports = effects.compactMap { effect -> FailureReport? in
            if case .keepFailure(let report) = effect { report } else { nil }
        }
        #expect(reports.map(\.run) == [first])
        #expect(reports.first?.checks.map(\.outcome) == [.failed(words: "refused")])
        // A failure again: the cooldown of 30 s stands against it.
        let second = world.run(of: "web")
        effects = probe(&world, false)
        #expect(world.health("web") == .unhealthy && world.run(of: "web") == second)
        for _ in 0..<3 { probe(&world, false) }
        world.pass(.milliseconds(200))
        #expect(world.run(of: "web") != second)
    }

    @Test func `with auto-recovery off, or a dependency lost, it says what stands against it`() {
        var world = World.booted([checked { $0.healthCheck?.failures = 1 }]) {
            $0.autoRecovery = false
        }
        let effects = probe(&world, false)
        #expect(
            effects.facts.contains(
                .checkFailed(
                    words: "refused", failures: 1,
                    action: "it would be restarted, but auto-recovery is off")))
        #expect(world.lifecycle("web") == .running && world.health("web") == .unhealthy)
    }

    @Test func `a failed check of an execution marks it and lets it run`() {
        var world = World.booted([
            scheduled("web", .interval(.seconds(5))) {
                $0.runOnStart = true
            } _: {
                $0.healthCheck = HealthCheckSettings(.tcp(Self.target))
                $0.healthCheck?.failures = 1
                $0.healthCheckInterval = .seconds(1)
            }
        ])
        let run = world.run(of: "web")
        probe(&world, false)
        #expect(world.health("web") == .unhealthy && world.run(of: "web") == run)
        #expect(world.status("web").consecutiveFailures == 0)
        world.exit("web", code: 0)
        #expect(world.lifecycle("web") == .idle && world.health("web") == .healthy)
    }

    @Test func `in the start period failures do not count until one has passed`() {
        var world = World.booted([
            checked {
                $0.healthCheck?.failures = 1
                $0.healthCheck?.startPeriod = .seconds(35)
                $0.kind = .task
            }
        ])
        probe(&world, false)
        probe(&world, false)
        #expect(state(world) == .unknown)
        probe(&world, true)
        #expect(state(world) == .passed)
        probe(&world, false)
        #expect(state(world) == .failed)
    }

    @Test func `an exec check passes by its exit code, and is ended with its run`() {
        var world = World.booted([
            checked { $0.healthCheck = HealthCheckSettings(.exec(["/bin/check"])) }
        ])
        world.pass(.seconds(10))
        #expect(world.commands.map(\.command.arguments) == [["/bin/check"]])
        #expect(world.commands.first?.command.run == world.run(of: "web"))
        let id = world.commands[0].id
        world.end(id, .ended(.exited(code: 1), output: "first\nno answer"))
        #expect(
            world.status("web").checks?.results.last?.outcome
                == .failed(words: "exit code 1: no answer"))
        world.pass(.seconds(10))
        let effects = world.exit("web", code: 1)
        #expect(effects.contains { if case .endCommand = $0 { true } else { false } })
        #expect(world.commands.isEmpty && state(world) == .unknown)
    }

    @Test func `good time counts only while the last check has passed`() {
        var world = World.booted([
            checked {
                $0.restart.resetAfter = .seconds(25)
                $0.healthCheckInterval = .seconds(1)
            }
        ])
        world.exit("web", code: 1)
        world.pass(.seconds(2))
        #expect(world.lifecycle("web") == .running)
        for _ in 0..<20 { probe(&world, true) }
        probe(&world, false)
        for _ in 0..<20 { probe(&world, true) }
        #expect(world.status("web").consecutiveFailures == 1)
        for _ in 0..<8 { probe(&world, true) }
        #expect(world.status("web").consecutiveFailures == 0)
    }

    @Test func `the last few answers are kept, with when they were asked and how long they took`() {
        var world = World.booted([checked()])
        for _ in 0..<Limits.checkResultsMax + 2 { probe(&world, true) }
        world.pass(.seconds(10))
        world.pass(.milliseconds(250))
        let asked = world.now.wall + .milliseconds(-250)
        world.answer(world.probes[0].id, .failed(words: "no response"))
        let results = world.status("web").checks?.results ?? []
        #expect(results.count == Limits.checkResultsMax)
        #expect(
            results.last
                == CheckResult(
                    at: asked, duration: .milliseconds(250),
                    outcome: .failed(words: "no response")))
    }

    @Test func `another check is in force at once, and an old answer counts no more`() {
        var world = World.booted([checked { $0.healthCheck?.failures = 1 }])
        world.pass(.seconds(10))
        let old = world.probes[0].id
        let new = checked {
            $0.healthCheck = HealthCheckSettings(.exec(["/bin/check"]))
            $0.healthCheck?.failures = 1
        }
        let run = world.run(of: "web")
        world.send(.reloadRequested(reason: "SIGHUP"))
        world.send(.configurationLoaded(Specification(schedulers: [new])))
        #expect(world.run(of: "web") == run && world.lifecycle("web") == .running)
        world.answer(old, .failed(words: "refused"))
        #expect(world.health("web") == .healthy && world.commands.isEmpty)
        world.pass(.seconds(10))
        #expect(world.commands.count == 1)
    }

    @Test func `a shutdown waits for a check that it has ended`() {
        var world = World.booted([
            checked { $0.healthCheck = HealthCheckSettings(.exec(["/bin/check"])) }
        ])
        world.isObedient = true
        world.pass(.seconds(10))
        #expect(world.commands.count == 1)
        let effects = world.terminate()
        #expect(world.commands.isEmpty && effects.exitCodes == [0])
    }
}

@Suite struct ReadinessTests {
    private func probed(
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> SchedulerSpecification {
        daemon("web") {
            $0.readiness.rule = .probe
            $0.readiness.startTimeout = .seconds(5)
            $0.healthCheck = HealthCheckSettings(.tcp(ProbeTarget(host: "::1", port: 1)))
            change(&$0)
        }
    }

    private func notifying(
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> SchedulerSpecification {
        daemon("web") {
            $0.readiness.rule = .notify
            $0.readiness.startTimeout = .seconds(5)
            change(&$0)
        }
    }

    @Test func `a probe that passes makes it ready, and failures before it count nowhere`() {
        var world = World.booted([probed { $0.healthCheck?.failures = 1 }])
        #expect(world.health("web") == .starting && world.untilDeadline == .milliseconds(100))
        for _ in 0..<3 {
            world.advance()
            world.answer(world.probes[0].id, .failed(words: "refused"))
            #expect(world.status("web").reason == "not ready yet: refused")
            #expect(world.untilDeadline == .seconds(1))
        }
        world.advance()
        world.answer(world.probes[0].id, .passed(words: "ok"))
        #expect(world.lifecycle("web") == .running && world.health("web") == .healthy)
        #expect(world.status("web").consecutiveFailures == 0)
        #expect(world.status("web").checks?.state == .passed)
    }

    @Test func `a start that is not ready in time has failed and backs off`() {
        var world = World.booted([notifying()])
        world.isObedient = true
        let effects = world.pass(.seconds(5))
        #expect(
            effects.facts.contains(
                .startTimedOut(after: .seconds(5), words: "no READY=1 came")))
        #expect(world.lifecycle("web") == .backingOff)
        #expect(world.status("web").consecutiveFailures == 1)
        #expect(world.status("web").reason == "was not ready in time: no READY=1 came")
    }

    @Test func `READY=1 makes it ready, where that is waited for`() {
        var world = World.booted([notifying()])
        let effects = world.send(.notified(world.run(of: "web"), [.status("up"), .ready]))
        #expect(effects.facts.contains(.becameReady(after: .zero)))
        #expect(world.lifecycle("web") == .running && world.status("web").statusText == "up")
        #expect(world.untilDeadline == nil)
    }

    @Test func `READY=1 may come before the word that the program has begun`() {
        var world = World([notifying()])
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "web")
        world.send(.notified(run, [.ready]))
        #expect(world.lifecycle("web") == .starting)
        world.send(.spawned(run, ProcessIdentity(pid: PID(7), startTime: 1)))
        #expect(world.lifecycle("web") == .running)
    }

    @Test func `a start and a stop get more time when they ask for it, with a limit`() {
        var world = World.booted([notifying { $0.stop.timeout = .seconds(10) }])
        let run = world.run(of: "web")
        world.pass(.seconds(4))
        world.send(.notified(run, [.extendTimeout(.seconds(8))]))
        #expect(world.untilDeadline == .seconds(8))
        // Less than there is already takes nothing away.
        world.send(.notified(run, [.extendTimeout(.seconds(1))]))
        #expect(world.untilDeadline == .seconds(8))
        world.send(.notified(run, [.extendTimeout(.max)]))
        #expect(
            world.supervisor.schedulers[0].nextDeadline.map { $0 - world.now.monotonic }
                == Limits.timeoutExtensionMax - .seconds(4))
        world.send(.notified(run, [.ready]))
        world.request(1, .stop(world.id("web")))
        world.pass(.seconds(9))
        world.send(.notified(run, [.extendTimeout(.seconds(20))]))
        #expect(!world.pass(.seconds(19)).contains(.kill(run)))
        #expect(world.pass(.seconds(1)).contains(.kill(run)))
    }

    @Test func `a sign of life that is missed is a failure`() {
        var world = World.booted([
            daemon("web") {
                $0.readiness.rule = .spawn
                $0.notify.watchdog = .seconds(10)
            }
        ])
        world.isObedient = true
        let run = world.run(of: "web")
        for _ in 0..<5 {
            world.pass(.seconds(9))
            world.send(.notified(run, [.watchdog]))
        }
        #expect(world.lifecycle("web") == .running)
        let effects = world.pass(.seconds(10))
        #expect(effects.facts.contains(.watchdogMissed(words: "no WATCHDOG=1 within 10s")))
        #expect(world.status("web").consecutiveFailures == 1)
        #expect(world.lifecycle("web") == .backingOff)
    }

    @Test func `a program can trigger its watchdog, change its period, and stop in peace`() {
        func booted() -> World {
            var world = World.booted([
                daemon("web") {
                    $0.readiness.rule = .spawn
                    $0.notify.watchdog = .seconds(10)
                }
            ])
            world.isObedient = true
            return world
        }
        var world = booted()
        world.send(.notified(world.run(of: "web"), [.watchdogTriggered]))
        #expect(world.lifecycle("web") == .backingOff)
        world = booted()
        world.send(.notified(world.run(of: "web"), [.watchdogPeriod(.seconds(3))]))
        #expect(world.untilDeadline == .seconds(3))
        world.send(.notified(world.run(of: "web"), [.watchdogPeriod(.zero)]))
        #expect(world.untilDeadline == nil)
        world = booted()
        let effects = world.send(.notified(world.run(of: "web"), [.stopping]))
        #expect(effects.facts == [.notified("it is stopping")] && world.untilDeadline == nil)
    }

    @Test func `what it said of a failure is part of its end`() {
        var world = World.booted([notifying()])
        let said = Notification.failure(words: "permission denied (EACCES)")
        world.send(.notified(world.run(of: "web"), [said]))
        world.exit("web", code: 1)
        #expect(
            world.status("web").lastExit?.meaning
                == "failed with exit code 1 (it said: permission denied (EACCES))")
        // The next run has said nothing yet.
        world.pass(.seconds(2))
        world.exit("web", code: 1)
        #expect(world.status("web").lastExit?.meaning == "failed with exit code 1")
    }

    @Test func `a change of the socket restarts, a change of the check does not`() {
        let plain = daemon("web")
        for (change, restarts) in [
            ({ $0.healthCheck = HealthCheckSettings(.exec(["x"])) }, false),
            ({ $0.readiness.startTimeout = .seconds(1) }, false),
            ({ $0.readiness.rule = .notify }, true), ({ $0.notify.watchdog = .seconds(1) }, true),
            ({ $0.notify.socket = .path }, true),
        ] as [((inout SchedulerSpecification) -> Void, Bool)] {
            var new = plain
            change(&new)
            #expect(plain.needsRestart(for: new) == restarts)
        }
        var new = plain
        new.notify.socket = .abstract
        new.readiness.startTimeout = .seconds(1)
        new.healthCheck = HealthCheckSettings(.exec(["x"]))
        let changes = SpecificationChanges(
            from: Specification(schedulers: [plain]), to: Specification(schedulers: [new]))
        #expect(changes.changed.first?.keys == ["start-timeout", "health-check", "notify"])
    }
}
