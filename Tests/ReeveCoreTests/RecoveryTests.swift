// SPDX-License-Identifier: Apache-2.0
//
// The ladder of recovery: which action comes when, what ends it, and what bounds it.

import Testing

@testable import ReeveCore

@Suite struct MemoryCleanupTests {
    private func cleaned(
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> SchedulerSpecification {
        daemon("web") {
            $0.memory.threshold = Bytes(50_000_000)
            $0.recovery.cleanup = .signal(.user1)
            change(&$0)
        }
    }

    /// Ready, and above the threshold in as many samples as the rule wants.
    private func pressed(
        _ specification: SchedulerSpecification,
        settings: (inout SupervisorSettings) -> Void = { _ in }
    ) -> (world: World, last: [Effect]) {
        var world = World.booted([specification], settings: settings)
        world.pass(.seconds(1))
        for megabytes: Int64 in [60, 61] { world.sample("web", megabytes: megabytes) }
        let last = world.sample("web", megabytes: 62)
        return (world, last)
    }

    /// Ten seconds later a sample is asked for; this is what it says.
    private func measure(_ world: inout World, megabytes: Int64) -> [Effect] {
        let effects = world.pass(.seconds(10))
        #expect(effects.actions.contains(.sample(world.run(of: "web"))))
        return world.sample("web", megabytes: megabytes)
    }

    @Test func `memory above the threshold is cleaned up first, and that is enough`() {
        var (world, last) = pressed(cleaned())
        #expect(last.actions == [.passSignal(world.run(of: "web"), .user1)])
        #expect(last.recordNames() == ["memory-above", "cleanup-began"])
        // Samples that come meanwhile decide nothing.
        #expect(world.sample("web", megabytes: 63).actions == [])
        let after = measure(&world, megabytes: 40)
        #expect(after.actions == [])
        #expect(
            after.facts.contains(
                .recovering(
                    RecoveryAction(
                        .memoryCleanup, because: .memory, before: "62MB", after: "40MB", .helped,
                        "below the threshold of 50MB"))))
        #expect(world.status("web").restartCount == 0)
        #expect(world.health("web") == .healthy)
    }

    @Test func `what does not react to its cleanup is restarted`() {
        var (world, _) = pressed(cleaned())
        let run = world.run(of: "web")
        let after = measure(&world, megabytes: 70)
        #expect(after.actions == [.signal(run, .terminate, to: .leader)])
        #expect(
            after.facts.contains(
                .recovering(
                    RecoveryAction(
                        .memoryCleanup, because: .memory, before: "62MB", after: "70MB", .failed,
                        "above the threshold of 50MB"))))
        #expect(world.exit("web", .killed(.terminate)).spawned == [world.id("web")])
        #expect(world.status("web").restartCount == 1)
    }

    @Test func `each time it grows again it is cleaned up again, after having been below`() {
        var (world, _) = pressed(cleaned())
        _ = measure(&world, megabytes: 40)
        for megabytes: Int64 in [60, 61] { world.sample("web", megabytes: megabytes) }
        let again = world.sample("web", megabytes: 62)
        #expect(again.actions == [.passSignal(world.run(of: "web"), .user1)])
    }

    @Test func `one that an operator asked for near the threshold is not the last`() {
        var world = World.booted([cleaned { $0.memory.samples = 1 }])
        world.pass(.seconds(1))
        world.sample("web", megabytes: 45)
        let asked = world.request(1, .recover(world.id("web")))
        #expect(asked.actions == [.passSignal(world.run(of: "web"), .user1)])
        _ = measure(&world, megabytes: 20)
        let above = world.sample("web", megabytes: 60)
        #expect(above.actions == [.passSignal(world.run(of: "web"), .user1)])
    }

    @Test func `a cleanup that did not help is not tried again while the restart is refused`() {
        var (world, _) = pressed(cleaned { $0.restart.maxRestarts = 0 })
        let refused = measure(&world, megabytes: 70)
        #expect(refused.actions == [])
        #expect(refused.recordNames().filter { $0 == "recovering" }.count == 2)
        #expect(!refused.recordNames().contains("recovery-failed"))
        let later = world.pass(.minutes(5)) + world.sample("web", megabytes: 71)
        #expect(later.actions.allSatisfy { $0 == .sample(world.run(of: "web")) })
        #expect(!later.recordNames().contains("recovering"))
    }

    @Test func `memory-action restart leaves the cleanup out`() {
        let (world, last) = pressed(cleaned { $0.memory.action = .restart })
        #expect(last.actions == [.signal(world.run(of: "web"), .terminate, to: .leader)])
    }

    @Test func `without auto-recovery it says what it would do`() {
        let (_, last) = pressed(cleaned()) { $0.autoRecovery = false }
        #expect(last.actions == [])
        #expect(last.records.first?.message.contains("would be cleaned up") == true)
    }

    @Test func `a measurement that never comes does not keep the recovery open`() {
        var (world, _) = pressed(cleaned { $0.healthCheckInterval = .minutes(60) })
        let run = world.run(of: "web")
        let effects = world.pass(.seconds(21))
        #expect(effects.actions.contains(.signal(run, .terminate, to: .leader)))
    }

    @Test func `a run that ends meanwhile ends the recovery`() {
        var (world, _) = pressed(cleaned())
        let effects = world.exit("web", code: 1)
        #expect(effects.recordNames().contains("recovery-failed"))
        world.pass(.seconds(30))
        #expect(world.supervisor.schedulers[0].recovery == nil)
        #expect(world.overall.defects == 0)
    }

    @Test func `an unreadable measurement is no help`() {
        var (world, _) = pressed(cleaned())
        let run = world.run(of: "web")
        world.pass(.seconds(10))
        let effects = world.send(.sampled(run, .unreadable("EACCES")))
        #expect(effects.actions == [.signal(run, .terminate, to: .leader)])
    }

    @Test func `restart-when-idle leaves an execution to its end`() {
        var specification = scheduled("job", .interval(.seconds(60)))
        specification.memory.threshold = Bytes(50_000_000)
        specification.memory.samples = 1
        specification.memory.action = .restartWhenIdle
        var world = World.booted([specification])
        world.pass(.seconds(60))
        let effects = world.sample("job", megabytes: 70)
        #expect(effects.actions == [])
        #expect(world.sample("job", megabytes: 71).records.isEmpty)
        #expect(world.health("job") == .degraded)
        world.exit("job", code: 0)
        #expect(world.health("job") == .healthy)
    }
}

@Suite struct RecoverRequestTests {
    @Test func `what is healthy needs nothing`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        let reply = world.request(1, .recover(world.id("web"))).replies(to: 1).first
        #expect(reply?.outcomes.map(\.result) == [.unchanged])
        #expect(
            reply?.outcomes.first?.actions.map(\.kind)
                == [.memoryCleanup, .errorReset, .dependencyCheck, .restart])
        #expect(reply?.outcomes.first?.actions.allSatisfy { $0.result == .skipped } == true)
    }

    @Test func `forgetting failures is enough where it runs again`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        world.exit("web", code: 1)
        world.pass(.seconds(4))
        #expect(world.health("web") == .degraded)
        let reply = world.request(1, .recover(world.id("web"))).replies(to: 1).first
        #expect(reply?.outcomes.map(\.result) == [.done])
        #expect(
            reply?.outcomes.first?.actions.first { $0.kind == .errorReset }
                == RecoveryAction(
                    .errorReset, because: .operator, before: "1 failure", after: "0 failures",
                    .done, "failures are forgotten, its restarts still count"))
        #expect(world.health("web") == .healthy)
        #expect(world.status("web").restartCount == 1)
        #expect(world.status("web").restartsInWindow == 1)
    }

    @Test func `what backs off is started at once, and counted`() {
        var world = World.booted([daemon("web") { $0.restart.delay = .seconds(30) }])
        world.pass(.seconds(2))
        world.exit("web", code: 1)
        let effects = world.request(1, .recover(world.id("web")))
        #expect(effects.spawned == [world.id("web")])
        #expect(effects.replies(to: 1) == [])
        let reply = world.pass(.seconds(1)).replies(to: 1).first
        #expect(reply?.outcomes.map(\.result) == [.done])
        #expect(reply?.outcomes.first?.actions.last?.kind == .restart)
        #expect(world.status("web").restartCount == 1)
        #expect(world.health("web") == .healthy)
    }

    @Test func `what was given up is started, unless its limit forbids it`() {
        var world = World.booted([
            daemon("web") {
                $0.restart.maxRestarts = 1
                $0.restart.whenExhausted = .fail
            }
        ])
        world.exit("web", code: 1)
        world.pass(.seconds(2))
        world.exit("web", code: 1)
        #expect(world.lifecycle("web") == .exhausted)
        let refused = world.request(1, .recover(world.id("web"))).replies(to: 1).first
        #expect(refused?.outcomes.map(\.result) == [.failed])
        #expect(refused?.outcomes.first?.actions.last?.result == .refused)
        world.pass(.minutes(11))
        let effects = world.request(2, .recover(world.id("web")))
        #expect(effects.spawned == [world.id("web")])
    }

    @Test func `a second one within the cooldown is refused`() {
        var world = World.booted([daemon("web") { $0.restart.delay = .seconds(30) }])
        world.pass(.seconds(2))
        world.exit("web", code: 1)
        world.request(1, .recover(world.id("web")))
        world.exit("web", code: 1)
        let reply = world.request(2, .recover(world.id("web"))).replies(to: 2).first
        #expect(reply?.outcomes.map(\.result) == [.failed])
        #expect(reply?.outcomes.first?.words.contains("cooldown") == true)
    }

    @Test func `a dependency that is not met is waited for, and named`() {
        var world = World.booted([
            daemon("db") { $0.restart.mode = .never },
            daemon("web") { $0.needs("db", onFailure: .restart) },
        ])
        world.pass(.seconds(4))
        world.exit("db", code: 1)
        #expect(world.health("web") == .unhealthy)
        let asked = world.request(1, .recover(world.id("web")))
        #expect(asked.replies(to: 1) == [])
        let words = asked.records.map(\.message).joined()
        #expect(words.contains("waits for db (given up"))
        let late = world.pass(.seconds(60)).replies(to: 1).first
        #expect(late?.outcomes.map(\.result) == [.failed])
        #expect(late?.outcomes.first?.words.contains("db") == true)
        #expect(world.lifecycle("web") == .running)
    }

    @Test func `an execution of a scheduled one is ended by it, and its schedule goes on`() {
        var specification = scheduled("job", .interval(.seconds(60)))
        specification.memory.threshold = Bytes(50_000_000)
        specification.memory.samples = 2
        specification.memory.action = .alert
        var world = World.booted([specification])
        world.isObedient = true
        world.pass(.seconds(60))
        world.sample("job", megabytes: 70)
        #expect(world.health("job") == .degraded)
        let reply = world.request(1, .recover(world.id("job"))).replies(to: 1).first
        #expect(reply?.outcomes.map(\.result) == [.done])
        #expect(world.lifecycle("job") == .idle)
        #expect(world.pass(.seconds(60)).spawned == [world.id("job")])
    }

    @Test func `an attempt of a scheduled one keeps its delay`() {
        var world = World.booted([
            scheduled("job", .interval(.seconds(60))) {
                $0.maxRetries = 2
                $0.retryDelay = .seconds(10)
            }
        ])
        world.pass(.seconds(60))
        world.exit("job", code: 1)
        let asked = world.request(1, .recover(world.id("job")))
        #expect(asked.spawned == [])
        #expect(
            asked.replies(to: 1).first?.outcomes.map(\.words)
                == ["not recovered: its next attempt comes when its delay is over"])
        #expect(world.pass(.seconds(9)).spawned == [])
        #expect(world.pass(.seconds(1)).spawned == [world.id("job")])
    }

    @Test func `a restart that is refused for another reason than before is said again`() {
        var world = World.booted([
            daemon("web") {
                $0.memory.threshold = Bytes(50_000_000)
                $0.memory.samples = 1
                $0.restart.maxRestarts = 1
                $0.restart.cooldown = .seconds(5)
            }
        ])
        world.isObedient = true
        world.pass(.seconds(1))
        world.sample("web", megabytes: 60)
        world.pass(.seconds(1))
        #expect(world.status("web").restartCount == 1)
        let first = world.sample("web", megabytes: 60).records.map(\.message)
        #expect(first.contains { $0.contains("after the cooldown of 5s") })
        #expect(world.sample("web", megabytes: 61).records.isEmpty)
        world.pass(.seconds(6))
        let second = world.sample("web", megabytes: 62).records.map(\.message)
        #expect(second.contains { $0.contains("was 1 times within 10m") })
        #expect(world.sample("web", megabytes: 63).records.isEmpty)
    }

    @Test func `what waits for its phase is not said to be restarted`() {
        var world = World.booted([daemon("db") { $0.order.priority = 10 }, daemon("web")])
        #expect(world.lifecycle("web") == .waitingForPhase)
        let reply = world.request(1, .recover(world.id("web"))).replies(to: 1).first
        #expect(reply?.outcomes.map(\.result) == [.failed])
        #expect(reply?.outcomes.first?.actions.contains { $0.result == .done } == false)
        #expect(world.supervisor.schedulers[1].lastRecoveryRestart == nil)
    }

    @Test func `what is stopped is not started by it`() {
        var world = World.booted([daemon("web")])
        world.isObedient = true
        world.pass(.seconds(2))
        world.request(1, .stop(world.id("web")))
        let reply = world.request(2, .recover(world.id("web"))).replies(to: 2).first
        #expect(reply?.refusal == .notRunning)
        #expect(reply?.outcomes.first?.words.contains("reeve start") == true)
    }

    @Test func `a shutdown ends it and answers`() {
        var world = World.booted([
            daemon("db") { $0.restart.mode = .never },
            daemon("web") { $0.needs("db", onFailure: .restart) },
        ])
        world.pass(.seconds(4))
        world.exit("db", code: 1)
        world.request(1, .recover(world.id("web")))
        world.isObedient = true
        let effects = world.terminate()
        #expect(effects.replies(to: 1).map(\.refusal) == [.shuttingDown])
        #expect(effects.exitCodes == [0])
        #expect(world.supervisor.nextDeadline == nil || !world.history.exitCodes.isEmpty)
    }
}
