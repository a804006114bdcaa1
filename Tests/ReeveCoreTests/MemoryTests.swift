// SPDX-License-Identifier: Apache-2.0
//
// The memory rule alone, when samples are taken, and what they lead to.

import Testing

@testable import ReeveCore

@Suite struct MemoryGuardTests {
    private static func settings(
        threshold: Int64? = 100, hard: Int64? = nil, samples: Int = 3
    ) -> MemorySettings {
        var settings = MemorySettings()
        settings.threshold = threshold.map { Bytes($0) }
        settings.hardLimit = hard.map { Bytes($0) }
        settings.samples = samples
        return settings
    }

    private func verdicts(_ counts: [Int64], _ settings: MemorySettings) -> [MemoryGuard.Verdict] {
        var memory = MemoryGuard()
        return counts.map { memory.sampled(.resident(Bytes($0)), settings) }
    }

    private func exceeded(_ count: Int64, samples: Int) -> MemoryGuard.Verdict {
        .exceeded(Bytes(count), limit: Bytes(100), samples: samples)
    }

    @Test func `the threshold has to be exceeded by several samples in a row`() {
        #expect(
            verdicts([101, 102, 103, 104], Self.settings())
                == [.above, .above, exceeded(103, samples: 3), exceeded(104, samples: 4)])
        #expect(
            verdicts([101, 102, 100, 103, 104, 105], Self.settings())
                == [.above, .above, .below, .above, .above, exceeded(105, samples: 3)])
    }

    @Test func `a value at the threshold is not above it`() {
        #expect(verdicts([100, 100, 100], Self.settings()) == [.below, .below, .below])
    }

    @Test func `one sample is enough where one is configured`() {
        #expect(verdicts([101], Self.settings(samples: 1)) == [exceeded(101, samples: 1)])
    }

    @Test func `the hard limit acts on one sample, threshold or not`() {
        let limit = MemoryGuard.Verdict.hardLimit(Bytes(201), limit: Bytes(200))
        #expect(verdicts([201], Self.settings(hard: 200)) == [limit])
        #expect(verdicts([200, 201], Self.settings(threshold: nil, hard: 200)) == [.below, limit])
    }

    @Test func `without threshold and limit nothing is above`() {
        #expect(verdicts([1 << 50], Self.settings(threshold: nil)) == [.below])
    }

    @Test func `recovery is told once, and only after the threshold was exceeded`() {
        #expect(
            verdicts([101, 102, 103, 99, 98], Self.settings()).suffix(2)
                == [.recovered(Bytes(99), limit: Bytes(100)), .below])
        #expect(verdicts([101, 102, 99], Self.settings()) == [.above, .above, .below])
    }

    @Test func `an unreadable value is told once in a row and is no zero`() {
        var memory = MemoryGuard()
        let settings = Self.settings()
        _ = memory.sampled(.resident(Bytes(50)), settings)
        #expect(memory.last == Bytes(50))
        #expect(memory.sampled(.unreadable("EACCES"), settings) == .unreadable("EACCES"))
        #expect(memory.last == nil)
        #expect(memory.sampled(.unreadable("EACCES"), settings) == .below)
        #expect(memory.sampled(.resident(Bytes(40)), settings) == .below)
        #expect(memory.sampled(.unreadable("again"), settings) == .unreadable("again"))
        #expect(memory.peak == Bytes(50))
    }

    @Test func `it presses above the threshold, or above 80 percent of it for several samples`() {
        let settings = Self.settings()
        var memory = MemoryGuard()
        for (count, expected) in [
            (81, false), (82, false), (83, true), (80, false), (81, false), (101, true),
            (79, false),
        ] {
            _ = memory.sampled(.resident(Bytes(Int64(count))), settings)
            #expect(memory.isPressing(settings) == expected, "\(count)")
        }
    }

    @Test func `sampling is quick above 80 percent and with a hard limit`() {
        let ordinary = Duration.seconds(30)
        var memory = MemoryGuard()
        #expect(memory.interval(Self.settings(), ordinary: ordinary) == ordinary)
        _ = memory.sampled(.resident(Bytes(80)), Self.settings())
        #expect(memory.interval(Self.settings(), ordinary: ordinary) == ordinary)
        _ = memory.sampled(.resident(Bytes(81)), Self.settings())
        #expect(memory.interval(Self.settings(), ordinary: ordinary) == .seconds(1))
        #expect(
            memory.interval(Self.settings(), ordinary: .milliseconds(200)) == .milliseconds(200))
        let hard = Self.settings(threshold: nil, hard: 1_000)
        #expect(MemoryGuard().interval(hard, ordinary: ordinary) == .seconds(1))
    }
}

@Suite struct SamplingTests {
    /// The instants, in seconds after the start, at which a sample of anyone is asked for.
    private func sampleTimes(_ world: inout World, over span: Duration) -> [(Duration, Int)] {
        let end = world.now.monotonic + span
        var times: [(Duration, Int)] = []
        while let deadline = world.supervisor.nextDeadline, deadline <= end {
            let effects = world.advance()
            let samples = effects.filter {
                if case .sample = $0 { return true }
                return false
            }
            if !samples.isEmpty {
                times.append((world.now.monotonic - World.start.monotonic, samples.count))
            }
        }
        return times
    }

    @Test func `without a watch nothing is sampled and no deadline is left`() {
        var world = World.booted((0..<20).map { daemon("d\($0)") })
        world.pass(.seconds(5))
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `many schedulers cost at most one wake-up a second, and share the seconds`() {
        var world = World(
            (0..<200).map { index in
                daemon("d\(index)") {
                    $0.memory.threshold = Bytes(1_000_000)
                    $0.healthCheckInterval = .seconds(10)
                }
            })
        world.jump(to: world.now.monotonic + .milliseconds(317))
        world.boot()
        world.pass(.seconds(2))
        let times = sampleTimes(&world, over: .seconds(40))
        #expect(times.allSatisfy { $0.0.nanoseconds % 1_000_000_000 == 0 })
        #expect(Set(times.map(\.0)).count == times.count)
        #expect(times.allSatisfy { $0.1 == 20 })
        #expect(times.count == 40)
    }

    @Test func `each is sampled once an interval`() {
        var world = World.booted([
            daemon("web") {
                $0.memory.threshold = Bytes(100_000_000)
                $0.healthCheckInterval = .seconds(15)
            }
        ])
        world.pass(.seconds(1))
        let times = sampleTimes(&world, over: .seconds(60)).map(\.0.seconds)
        #expect(times.count == 4)
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 == 15 })
    }

    @Test func `near the threshold it is sampled every second until it is far again`() {
        var world = World.booted([daemon("web") { $0.memory.threshold = Bytes(100_000_000) }])
        world.pass(.seconds(1))
        world.sample("web", megabytes: 81)
        #expect(sampleTimes(&world, over: .seconds(5)).count == 5)
        world.sample("web", megabytes: 10)
        #expect(sampleTimes(&world, over: .seconds(29)).isEmpty)
    }

    @Test func `a hard limit is watched every second from the start`() {
        var world = World.booted([daemon("web") { $0.memory.hardLimit = Bytes(100_000_000) }])
        #expect(sampleTimes(&world, over: .seconds(10)).count == 10)
    }

    @Test func `an interval below a second is kept`() {
        var world = World.booted([
            daemon("web") {
                $0.memory.threshold = Bytes(100_000_000)
                $0.healthCheckInterval = .milliseconds(250)
            }
        ])
        #expect(sampleTimes(&world, over: .seconds(2)).count == 8)
    }

    @Test func `a lost answer does not end the sampling`() {
        var world = World.booted([
            daemon("web") {
                $0.memory.threshold = Bytes(100_000_000)
                $0.healthCheckInterval = .seconds(2)
            }
        ])
        #expect(sampleTimes(&world, over: .seconds(20)).count == 10)
    }

    @Test func `nothing is sampled while it is stopping or down`() {
        var world = World.booted([daemon("web") { $0.memory.hardLimit = Bytes(100_000_000) }])
        world.pass(.seconds(2))
        world.request(1, .stop(world.id("web")))
        #expect(sampleTimes(&world, over: .seconds(3)).isEmpty)
        world.exit("web", .killed(.terminate))
        #expect(sampleTimes(&world, over: .seconds(60)).isEmpty)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `a sample that was asked for by hand is shown and watched by no rule`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(1))
        #expect(world.sample("web", megabytes: 45) == [])
        #expect(world.status("web").memory == Bytes(45_000_000))
        #expect(world.supervisor.nextDeadline == nil)
    }
}

@Suite struct MemoryRuleTests {
    private func watched(
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> SchedulerSpecification {
        daemon("web") {
            $0.memory.threshold = Bytes(50_000_000)
            change(&$0)
        }
    }

    /// Ready, and above the threshold in two samples.
    private func pressed(
        _ specification: SchedulerSpecification,
        settings: (inout SupervisorSettings) -> Void = { _ in }
    ) -> World {
        var world = World.booted([specification], settings: settings)
        world.pass(.seconds(1))
        world.sample("web", megabytes: 60)
        world.sample("web", megabytes: 61)
        return world
    }

    @Test func `above the threshold in three samples it is stopped and started at once`() {
        var world = pressed(watched())
        #expect(world.health("web") == .degraded)
        #expect(world.status("web").reason == "uses 61MB of its threshold of 50MB")
        let run = world.run(of: "web")
        let third = world.sample("web", megabytes: 62)
        #expect(third.actions == [.signal(run, .terminate, to: .leader)])
        #expect(
            third.facts(of: "web").first
                == .memoryAbove(
                    Bytes(62_000_000), limit: Bytes(50_000_000), samples: 3,
                    action: "it is restarted"))
        let after = world.exit("web", .killed(.terminate))
        #expect(
            after.actions == [.forget(run), .spawn(world.run(of: "web"), world.id("web"))])
        let status = world.status("web")
        #expect(status.consecutiveFailures == 0)
        #expect(status.restartCount == 1 && status.restartsInWindow == 1)
        #expect(status.lastExecution?.succeeded == false)
        #expect(status.memory == nil)
    }

    @Test func `a second recovery restart waits for the cooldown, said once`() {
        var world = pressed(watched())
        world.sample("web", megabytes: 62)
        world.exit("web", .killed(.terminate))
        world.pass(.seconds(5))
        for megabytes: Int64 in [60, 61] { world.sample("web", megabytes: megabytes) }
        let refused = world.sample("web", megabytes: 62)
        #expect(refused.actions == [])
        #expect(
            refused.facts(of: "web")
                == [
                    .memoryAbove(
                        Bytes(62_000_000), limit: Bytes(50_000_000), samples: 3,
                        action:
                            "it is restarted after the cooldown of 30s, if it still is wrong")
                ])
        #expect(world.sample("web", megabytes: 63) == [])
        world.pass(.seconds(25))
        let run = world.run(of: "web")
        #expect(
            world.sample("web", megabytes: 64).actions
                == [.signal(run, .terminate, to: .leader)])
    }

    @Test func `what a recovery brought is held to the threshold while it is not yet ready`() {
        var world = pressed(neverReady())
        world.sample("web", megabytes: 62)
        world.exit("web", .killed(.terminate))
        #expect(world.lifecycle("web") == .starting)
        world.pass(.seconds(40))
        let run = world.run(of: "web")
        for megabytes: Int64 in [60, 61] { world.sample("web", megabytes: megabytes) }
        let third = world.sample("web", megabytes: 62)
        #expect(third.actions == [.signal(run, .terminate, to: .leader)])
        #expect(third.recordNames().prefix(2) == ["recovery-failed", "memory-above"])
    }

    /// It is watched, and says nothing of itself for a long time.
    private func neverReady() -> SchedulerSpecification {
        watched {
            $0.readiness.rule = .notify
            $0.notify.socket = .path
            $0.readiness.startTimeout = .minutes(10)
        }
    }

    @Test func `what an operator's recovery brought is held to the threshold, too`() {
        var world = World.booted([neverReady()])
        world.pass(.seconds(1))
        world.sample("web", megabytes: 60)
        world.request(1, .recover(world.id("web")))
        world.exit("web", .killed(.terminate))
        #expect(world.lifecycle("web") == .starting)
        world.pass(.seconds(40))
        let run = world.run(of: "web")
        for megabytes: Int64 in [60, 61] { world.sample("web", megabytes: megabytes) }
        let third = world.sample("web", megabytes: 62)
        #expect(third.actions.contains(.signal(run, .terminate, to: .leader)))
        let words = "not recovered: the new run is above its threshold of memory"
        #expect(third.replies(to: 1).first?.outcomes.first?.words == words)
    }

    @Test func `action alert only says it, once, and says when it is over`() {
        var world = pressed(watched { $0.memory.action = .alert })
        let third = world.sample("web", megabytes: 62)
        #expect(third.actions == [])
        #expect(third.recordNames() == ["memory-above"])
        #expect(world.sample("web", megabytes: 70) == [])
        let below = world.sample("web", megabytes: 30)
        #expect(
            below.facts(of: "web").first
                == .memoryRecovered(Bytes(30_000_000), limit: Bytes(50_000_000)))
        #expect(world.health("web") == .healthy)
        for megabytes: Int64 in [60, 61] { world.sample("web", megabytes: megabytes) }
        #expect(world.sample("web", megabytes: 62).recordNames() == ["memory-above"])
    }

    @Test func `without auto-recovery it only says so`() {
        var world = pressed(watched()) { $0.autoRecovery = false }
        let third = world.sample("web", megabytes: 62)
        #expect(third.actions == [])
        #expect(third.recordNames() == ["memory-above"])
        #expect(third.records.first?.message.contains("auto-recovery is off") == true)
    }

    @Test func `the hard limit kills at one sample, even without auto-recovery`() {
        var world = World.booted([watched { $0.memory.hardLimit = Bytes(80_000_000) }]) {
            $0.autoRecovery = false
        }
        world.pass(.seconds(1))
        let run = world.run(of: "web")
        let leader = world.leader(of: "web")
        #expect(world.sample("web", megabytes: 81).actions == [.kill(run)])
        let killed = world.send(
            .surveyed(run, alive: [leader], reached: Reached(signal: .kill, processes: [leader])))
        #expect(killed.facts == [.killed([leader], after: .zero)])
        let after = world.exit("web", .killed(.kill))
        #expect(after.actions == [.forget(run)])
        #expect(world.status("web").consecutiveFailures == 0)
        #expect(world.lifecycle("web") == .backingOff)
        #expect(world.pass(.seconds(1)).spawned == [world.id("web")])
    }

    @Test func `a recovery restart counts towards the limit, and stops at it`() {
        var world = pressed(watched { $0.restart.maxRestarts = 1 })
        world.sample("web", megabytes: 62)
        world.exit("web", .killed(.terminate))
        world.pass(.seconds(60))
        for megabytes: Int64 in [60, 61] { world.sample("web", megabytes: megabytes) }
        let third = world.sample("web", megabytes: 62)
        #expect(third.actions == [])
        #expect(
            third.records.first?.message.contains("was 1 times within 10m") == true)
    }

    @Test func `a task that never restarts has failed when it is stopped for its memory`() {
        var world = World.booted([
            task("web") {
                $0.memory.threshold = Bytes(50_000_000)
                $0.memory.samples = 1
                $0.restart.mode = .never
            }
        ])
        world.pass(.seconds(1))
        world.sample("web", megabytes: 60)
        #expect(world.exit("web", .killed(.terminate)).spawned == [])
        #expect(world.lifecycle("web") == .exhausted)
        #expect(world.status("web").consecutiveFailures == 1)
    }

    @Test func `an unreadable value is said once and shown as none`() {
        var world = World.booted([watched()])
        world.pass(.seconds(1))
        let run = world.run(of: "web")
        let first = world.send(.sampled(run, .unreadable("permission denied (EACCES)")))
        #expect(first.facts == [.memoryUnreadable("permission denied (EACCES)")])
        #expect(world.send(.sampled(run, .unreadable("permission denied (EACCES)"))) == [])
        #expect(world.status("web").memory == nil)
        #expect(world.health("web") == .healthy)
    }

    @Test func `samples of a run that is being stopped lead to nothing`() {
        var world = pressed(watched { $0.memory.hardLimit = Bytes(80_000_000) })
        world.request(1, .stop(world.id("web")))
        #expect(world.sample("web", megabytes: 90) == [])
        #expect(world.overall.defects == 0)
    }

    @Test func `a sample for a run that is over is no defect`() {
        var world = pressed(watched())
        let old = world.run(of: "web")
        world.exit("web", code: 1)
        world.pass(.seconds(2))
        #expect(world.send(.sampled(old, .resident(Bytes(1)))) == [])
        #expect(world.overall.defects == 0)
    }
}
