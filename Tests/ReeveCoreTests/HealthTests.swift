// SPDX-License-Identifier: Apache-2.0
//
// Health: each state, each finding, which of two wins, and the whole.

import Testing

@testable import ReeveCore

@Suite struct HealthTests {
    private static let run = Run(
        id: RunID(order: 1, origin: 1), askedAt: World.start, reason: "start-up")
    private static let now = World.start.monotonic
    private static var survived: Stop {
        var stop = Stop(
            run: run, cause: .byOperator, began: now, step: .killed(nextSurvey: now), killAt: now,
            killLimit: now, endAt: now)
        stop.alive = [process(7)]
        return stop
    }

    private func scheduler(
        _ lifecycle: Lifecycle, _ change: (inout Scheduler) -> Void = { _ in }
    ) -> Scheduler {
        let specification = daemon("web") {
            $0.errorThreshold = 3
            $0.memory.threshold = Bytes(100)
        }
        var scheduler = Scheduler(
            id: SchedulerID(0), specification, seed: 1, forceTimeout: .seconds(5))
        scheduler.desired = .up
        scheduler.enter(lifecycle)
        change(&scheduler)
        return scheduler
    }

    private static func backingOff(isSpacing: Bool = false) -> Lifecycle {
        .backingOff(
            .init(until: now + .seconds(1), reason: "failed with exit code 1", isSpacing: isSpacing)
        )
    }

    @Test func `of two findings the worse one wins`() {
        let found = scheduler(.running(Self.run)) {
            $0.consecutiveFailures = 1
            $0.lostDependencies = [name("db")]
        }.health
        #expect(found.health == .unhealthy && found.reason == "its dependency db is lost")
    }

    @Test(
        arguments: [
            (.stopped(.notStarted), .stopped, "not started yet"),
            (.stopped(.disabled), .stopped, "enabled = false"),
            (.stopped(.byOperator), .stopped, "stopped by the operator"),
            (.stopped(.shutdown), .stopped, "reeve shuts down"),
            (.stopped(.unstartable("a cycle")), .unhealthy, "a cycle"),
            (
                .stopped(.survivors(survived, nextSurvey: now)), .unhealthy,
                "could not be ended: worker (pid 7)"
            ),
            (.waitingForPhase, .starting, "waits for its phase"),
            (.waitingForDependencies(.init(until: now)), .starting, "waits for its dependencies"),
            (
                .waitingForDependencies(.init(until: nil, timedOut: true)), .unhealthy,
                "its dependencies were not met in time"
            ),
            (
                .waitingForDependencies(.init(until: now, lost: name("db"))), .unhealthy,
                "its dependency db is lost"
            ),
            (.starting(run), .starting, "not ready yet"),
            (.running(run), .healthy, "started: start-up"),
            (backingOff(), .degraded, "failed with exit code 1"),
            (backingOff(isSpacing: true), .starting, "failed with exit code 1"),
            (.exhausted(reason: "it failed"), .unhealthy, "given up: it failed"),
            (.completed, .healthy, "completed"),
        ] as [(Lifecycle, Health, String)])
    func `each state without findings`(lifecycle: Lifecycle, health: Health, reason: String) {
        let found = scheduler(lifecycle).health
        #expect(found.health == health && found.reason == reason)
    }

    @Test(
        arguments: [
            (.starting(run), 1, .degraded), (.running(run), 1, .degraded),
            (.running(run), 2, .degraded),
            (.running(run), 3, .unhealthy), (.running(run), 99, .unhealthy),
            (.starting(run), 3, .unhealthy), (backingOff(), 2, .degraded),
            (backingOff(), 3, .unhealthy),
            (backingOff(isSpacing: true), 1, .degraded),
            (.waitingForDependencies(.init()), 1, .degraded),
            (.waitingForDependencies(.init()), 3, .unhealthy), (.stopped(.byOperator), 3, .stopped),
            (.completed, 3, .healthy),
        ] as [(Lifecycle, Int, Health)])
    func `failures in a row degrade, and from the threshold on are unhealthy`(
        lifecycle: Lifecycle, failures: Int, health: Health
    ) {
        #expect(scheduler(lifecycle) { $0.consecutiveFailures = failures }.health.health == health)
    }

    @Test func `failures are named with the last of them`() {
        let found = scheduler(.running(Self.run)) {
            $0.consecutiveFailures = 2
            $0.lastMeaning = "was killed by SIGSEGV"
        }.health
        #expect(found.reason == "2 failures in a row, the last: was killed by SIGSEGV")
    }

    @Test func `over the restart limit is unhealthy, whatever it is doing`() {
        for lifecycle: Lifecycle in [.starting(Self.run), .running(Self.run), Self.backingOff()] {
            let found = scheduler(lifecycle) {
                $0.isOverLimit = true
                $0.lastMeaning = "failed with exit code 1"
            }.health
            #expect(found.health == .unhealthy)
            #expect(found.reason == "restarted too often: failed with exit code 1")
        }
    }

    @Test func `a lost dependency is unhealthy, an ignored loss degrades`() {
        let lost = scheduler(.running(Self.run)) { $0.lostDependencies = [name("db")] }.health
        #expect(lost.health == .unhealthy && lost.reason == "its dependency db is lost")
        let ignored = scheduler(.running(Self.run)) { $0.ignoredLosses = [name("db")] }.health
        #expect(ignored.health == .degraded && ignored.reason == "its dependency db is lost")
        let both = scheduler(.running(Self.run)) {
            $0.ignoredLosses = [name("cache")]
            $0.lostDependencies = [name("db")]
        }.health
        #expect(both.health == .unhealthy)
    }

    @Test func `memory above the threshold degrades, with both numbers`() {
        var run = Self.run
        _ = run.memory.sampled(.resident(Bytes(101)), scheduler(.completed).specification.memory)
        let found = scheduler(.running(run)).health
        #expect(found.health == .degraded && found.reason == "uses 101B of its threshold of 100B")
    }

    @Test func `a stop that waits for dependents is stopping already`() {
        for lifecycle in [Lifecycle.starting(Self.run), .running(Self.run)] {
            let found = scheduler(lifecycle) { $0.pendingStop = .byOperator }.health
            #expect(found.health == .stopping && found.reason == "waits for its dependents to stop")
        }
    }

    @Test func `a stop names its cause`() {
        let causes: [(Stop.Cause, String)] = [
            (.byOperator, "asked by the operator"), (.shutdown, "reeve shuts down"),
            (.dependencyLost(name("db")), "its dependency db is lost"),
            (.dependencyBack(name("db")), "its dependency db is back"),
            (.recovery(.memory), "its memory is above the threshold"),
            (.memoryHardLimit, "memory above the hard limit"),
            (.timeout, "ran longer than its timeout"),
            (
                .leftovers(Verdict(kind: .success, meaning: "x")),
                "its leader left processes behind"
            ),
        ]
        for (cause, reason) in causes {
            let stop = Stop(
                run: Self.run, cause: cause, began: Self.now, step: .awaitingSpawn,
                killAt: Self.now, killLimit: .distantFuture, endAt: Self.now)
            let found = scheduler(.stopping(stop)) { $0.consecutiveFailures = 9 }.health
            #expect(found.health == .stopping && found.reason == reason)
        }
    }

    // MARK: The whole

    @Test(
        arguments: [
            ([], .stopped), ([.stopped], .stopped), ([.healthy], .healthy),
            ([.healthy, .stopped], .healthy), ([.healthy, .starting], .starting),
            ([.healthy, .stopping], .stopping), ([.stopped, .stopping], .stopping),
            ([.starting, .degraded], .degraded), ([.stopping, .degraded, .healthy], .degraded),
            ([.degraded, .unhealthy], .unhealthy), ([.stopped, .unhealthy], .unhealthy),
            (Health.allCases, .unhealthy),
        ] as [([Health], Health)])
    func `the whole is as healthy as its worst`(members: [Health], overall: Health) {
        var counts = HealthCounts()
        for member in members { counts.add(member) }
        #expect(counts.overall == overall)
        for member in members { counts.remove(member) }
        #expect(counts == HealthCounts())
    }

    @Test func `the counts always add up to what each scheduler shows`() {
        var random = SplitMix64(seed: 21)
        var world = World.booted([
            daemon("a"), daemon("b") { $0.needs("a") }, task("c"),
            daemon("d") { $0.restart.mode = .never }, daemon("e") { $0.enabled = false },
        ])
        let names = ["a", "b", "c", "d", "e"]
        for _ in 0..<400 {
            let text = names[Int(random.next() % 5)]
            switch random.next() % 5 {
            case 0 where world.status(text).pid != nil:
                world.exit(text, .exited(code: Int32(random.next() % 2)))
            case 1: world.request(random.next(), .start(world.id(text), force: true))
            case 2: world.request(random.next(), .stop(world.id(text)))
            default: world.pass(.milliseconds(Int64(random.next() % 2_000)))
            }
            var counts = HealthCounts()
            for text in names { counts.add(world.health(text)) }
            let overall = world.overall
            #expect(overall.total == 5 && overall.health == counts.overall)
            #expect(overall.healthy == counts.healthy && overall.degraded == counts.degraded)
            #expect(overall.unhealthy == counts.unhealthy && overall.stopped == counts.stopped)
            #expect(overall.starting == counts.starting && overall.stopping == counts.stopping)
        }
        #expect(world.overall.defects == 0)
    }

    @Test func `each change of health is recorded once, from what it was`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(1))
        world.exit("web", code: 1)
        world.pass(.seconds(70))
        world.isObedient = true
        world.request(1, .stop(world.id("web")))
        var current = Health.stopped
        var seen: [Health] = []
        for fact in world.history.facts {
            guard case .healthChanged(let old, let new, _) = fact else { continue }
            #expect(old == current && new != old)
            current = new
            seen.append(new)
        }
        #expect(seen == [.starting, .healthy, .degraded, .healthy, .stopping, .stopped])
    }
}

@Suite struct StatusTests {
    @Test func `a run that is up shows its numbers`() {
        var world = World.booted([
            daemon("web") {
                $0.needs("db", .started)
                $0.order.priority = 7
                $0.memory.threshold = Bytes(50_000_000)
            }, daemon("db"),
        ])
        world.pass(.seconds(5))
        world.sample("web", megabytes: 45)
        let status = world.status("web")
        #expect(status.name.text == "web" && status.kind == .daemon)
        #expect(status.priority == 7 && status.phase == 4)
        #expect(status.health == .healthy && status.lifecycle == .running)
        #expect(status.run == world.run(of: "web") && status.pid == PID(1_002))
        #expect(status.memory == Bytes(45_000_000))
        #expect(status.memoryThreshold == Bytes(50_000_000))
        #expect(status.uptime == .seconds(5))
        #expect(status.lastExit == nil && status.lastExecution == nil)
        #expect(status.nextRestart == nil && status.survivors == [])
        #expect(
            status.dependencies
                == [.init(name: name("db"), condition: .started, isMet: true)])
    }

    @Test func `what ended shows how, when and how long`() {
        var world = World.booted([daemon("web")])
        let started = world.now.wall
        world.pass(.seconds(10))
        world.exit("web", .killed(.kill))
        let status = world.status("web")
        #expect(status.run == nil && status.pid == nil && status.uptime == nil)
        #expect(
            status.lastExit
                == .init(
                    status: .killed(.kill), meaning: "was killed by SIGKILL, not sent by reeve",
                    at: started + .seconds(10)))
        #expect(
            status.lastExecution
                == .init(startedAt: started, duration: .seconds(10), succeeded: false))
        #expect(
            world.supervisor.metrics(of: world.id("web"), at: world.now)?.lastRuns
                == [
                    PastRun(
                        startedAt: started, duration: .seconds(10), end: .signal(9),
                        outcome: .failed)
                ])
        #expect(status.nextRestart == started + .seconds(11))
        #expect(status.consecutiveFailures == 1)
        // Scheduled is not done.
        #expect(status.restartCount == 0 && status.restartsInWindow == 0)
        world.pass(.seconds(1))
        #expect(world.status("web").restartCount == 1)
        #expect(world.status("web").restartsInWindow == 1)
        world.pass(.minutes(11))
        #expect(world.status("web").restartsInWindow == 0)
        #expect(world.status("web").restartCount == 1)
    }

    @Test func `a wall clock that is set moves no deadline and no uptime`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(10))
        world.setWall(back: .minutes(60))
        world.exit("web", code: 1)
        #expect(world.untilDeadline == .seconds(1))
        #expect(world.status("web").nextRestart == world.now.wall + .seconds(1))
        #expect(world.status("web").lastExecution?.duration == .seconds(10))
        let old = world.run(of: "web")
        world.pass(.seconds(1))
        #expect(world.run(of: "web") > old)
    }

    @Test func `the pid of a leader that was reaped is not shown`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(1))
        world.exit("web", .exited(code: 1), leftovers: [process(71)])
        let status = world.status("web")
        #expect(status.lifecycle == .stopping && status.pid == nil)
    }

    @Test func `nothing is shown of nobody`() {
        let world = World.booted([daemon("web")])
        #expect(world.supervisor.status(of: SchedulerID(1), at: world.now) == nil)
        #expect(world.supervisor.status(of: SchedulerID(-1), at: world.now) == nil)
        #expect(world.supervisor.specification(of: SchedulerID(1)) == nil)
        #expect(world.supervisor.scheduler(named: "ghost") == nil)
        #expect(world.supervisor.specification(of: world.id("web"))?.name.text == "web")
        #expect(world.supervisor.schedulerCount == 1)
    }

    @Test func `reading changes nothing`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(1))
        world.exit("web", code: 1)
        let deadline = world.supervisor.nextDeadline
        world.jump(to: world.now.monotonic + .minutes(20))
        _ = world.status("web")
        _ = world.overall
        _ = world.supervisor.statusLine
        #expect(world.supervisor.nextDeadline == deadline)
    }

    @Test func `one line tells a service manager how things stand`() {
        var world = World.booted([
            daemon("a"), daemon("b"), daemon("c") { $0.enabled = false },
        ])
        #expect(
            world.supervisor.statusLine
                == "phase 4: 0 of 3 schedulers healthy, 2 starting, 1 stopped")
        world.pass(.seconds(1))
        #expect(world.supervisor.statusLine == "2 of 3 schedulers healthy, 1 stopped")
        world.exit("a", code: 1)
        #expect(
            world.supervisor.statusLine == "1 of 3 schedulers healthy, 1 degraded, 1 stopped")
        world.terminate()
        #expect(
            world.supervisor.statusLine == "shutting down (SIGTERM), 1 scheduler still up")
    }

    @Test func `the whole tells its age`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(42))
        let overall = world.overall
        #expect(overall.startedAt == World.start.wall && overall.uptime == .seconds(42))
        #expect(overall.phase == nil && !overall.isShuttingDown && overall.defects == 0)
    }

    @Test func `equal seeds and equal events give equal effects`() {
        func history(seed: UInt64) -> [Effect] {
            var world = World(
                (0..<5).map { daemon("d\($0)") { $0.restart.jitter = 0.25 } }, seed: seed)
            world.boot()
            for round in 0..<20 {
                world.pass(.seconds(30))
                let text = "d\(round % 5)"
                if world.status(text).pid != nil { world.exit(text, code: 1) }
            }
            return world.history
        }
        #expect(history(seed: 3) == history(seed: 3))
        #expect(history(seed: 3) != history(seed: 4))
    }
}
