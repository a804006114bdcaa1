// SPDX-License-Identifier: Apache-2.0
//
// The life of one daemon: up, ready, down and up again.

import Testing

@testable import ReeveCore

@Suite struct DaemonTests {
    private func ready(
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> World {
        var world = World.booted([daemon("web", change)])
        world.pass(.seconds(1))
        return world
    }

    @Test func `start-up is one list of effects`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        let effects = world.boot()
        let run = world.run(of: "web")
        #expect(
            effects == [
                world.record(
                    .supervisorStarted(schedulers: 1, profile: .production, reason: "the default")),
                world.record(.phaseBegan(4, members: 1)),
                .spawn(run, world.id("web")),
                world.record(
                    "web", run: run,
                    .healthChanged(from: .stopped, to: .starting, reason: "not ready yet")),
            ])
        #expect(world.lifecycle("web") == .starting)
        #expect(world.supervisor.scheduler(of: run) == world.id("web"))
    }

    @Test func `it is ready after its uptime, and then nothing waits for time`() {
        var world = World.booted([daemon("web")])
        let run = world.run(of: "web")
        #expect(world.health("web") == .starting)
        #expect(world.untilDeadline == .seconds(1))
        world.pass(.milliseconds(999))
        #expect(world.lifecycle("web") == .starting)
        let effects = world.advance()
        #expect(
            effects == [
                world.record("web", run: run, .becameReady(after: .seconds(1))),
                world.record(
                    "web", run: run,
                    .healthChanged(from: .starting, to: .healthy, reason: "started: start-up")),
                world.record(.phaseEnded(4, timedOut: false, waitingFor: [])),
                world.record(.startupEnded(after: .seconds(1))),
                .tellManager(.ready),
            ])
        #expect(world.health("web") == .healthy && world.overall.health == .healthy)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `with ready = spawn it is ready at once`() {
        var world = World([daemon("web") { $0.readiness.rule = .spawn }])
        let effects = world.boot()
        #expect(
            effects.recordNames(of: "web")
                == ["health-changed", "started", "ready", "health-changed"])
        #expect(world.lifecycle("web") == .running)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `a crash is a failure and is followed by a start after the delay`() {
        var world = ready()
        let run = world.run(of: "web")
        world.pass(.seconds(9))
        let effects = world.exit("web", code: 3)
        #expect(
            effects.withoutBundles == [
                world.record(
                    "web", run: run,
                    .exited(
                        .exited(code: 3), ran: .seconds(10), isFailure: true,
                        meaning: "failed with exit code 3")),
                .forget(run),
                world.record(
                    "web", .restartScheduled(after: .seconds(1), reason: "1 failure in a row")),
                world.record(
                    "web",
                    .healthChanged(
                        from: .healthy, to: .degraded, reason: "failed with exit code 3")),
            ])
        #expect(world.lifecycle("web") == .backingOff)
        #expect(world.status("web").nextRestart == world.now.wall + .seconds(1))
        #expect(world.supervisor.scheduler(of: run) == nil)
        #expect(world.untilDeadline == .seconds(1))
        let again = world.advance()
        #expect(again.spawned == [world.id("web")])
        #expect(world.run(of: "web") > run)
        #expect(
            again.facts(of: "web").contains(
                .started(PID(1_002), reason: "restart: it failed with exit code 3")))
    }

    @Test func `a start after a failure shows degraded, not starting`() {
        var world = ready()
        world.exit("web", code: 3)
        world.pass(.seconds(1))
        #expect(world.lifecycle("web") == .starting)
        #expect(world.health("web") == .degraded)
        #expect(
            world.status("web").reason == "1 failure in a row, the last: failed with exit code 3")
    }

    @Test func `success before it was ready is a failure`() {
        var world = World.booted([daemon("web")])
        world.pass(.milliseconds(500))
        let effects = world.exit("web", code: 0)
        #expect(
            effects.facts(of: "web").first
                == .exited(
                    .exited(code: 0), ran: .milliseconds(500), isFailure: true,
                    meaning: "ended with exit code 0 before it was ready"))
        #expect(world.status("web").consecutiveFailures == 1)
    }

    @Test func `success after it was ready is no failure, but its delay grows and it counts`() {
        var world = ready { $0.restart.maxRestarts = 3 }
        var delays: [Duration] = []
        for _ in 0..<3 {
            world.exit("web", code: 0)
            #expect(world.status("web").consecutiveFailures == 0)
            delays.append(world.untilDeadline ?? .zero)
            world.pass(.seconds(20))
        }
        #expect(delays == [.seconds(1), .seconds(2), .seconds(4)])
        #expect(world.status("web").restartsInWindow == 3)
        #expect(world.exit("web", code: 0).recordNames().contains("over-restart-limit"))
    }

    @Test func `delays grow up to the cap`() {
        var world = World.booted([daemon("web") { $0.restart.maxRestarts = nil }]) {
            $0.alerts.errorRate = 1
            $0.alerts.frequentRestarts = 100
        }
        world.pass(.seconds(1))
        var delays: [Int64] = []
        for _ in 0..<9 {
            world.exit("web", code: 1)
            delays.append(world.untilDeadline?.seconds ?? -1)
            world.pass(.seconds(60))
        }
        #expect(delays == [1, 2, 4, 8, 16, 32, 60, 60, 60])
    }

    @Test func `good time forgets failures, and says so`() {
        var world = ready()
        for _ in 0..<3 {
            world.exit("web", code: 1)
            world.pass(.seconds(8))
        }
        #expect(world.status("web").consecutiveFailures == 3)
        // Ready 3 s after the last exit's delay of 4 s: good time began 3 s ago.
        world.pass(.seconds(56))
        #expect(world.status("web").consecutiveFailures == 3)
        let effects = world.pass(.seconds(1))
        #expect(
            effects.facts(of: "web").first == .failuresReset(reason: "1m of good time"))
        #expect(world.status("web").consecutiveFailures == 0)
        #expect(world.health("web") == .healthy)
        #expect(world.status("web").restartCount == 3)
        #expect(world.supervisor.nextDeadline == nil)
        world.exit("web", code: 1)
        #expect(world.untilDeadline == .seconds(1))
    }

    @Test func `an exit right at the end of good time counts as the first`() {
        var world = ready()
        world.exit("web", code: 1)
        world.pass(.seconds(2))
        // Both are due in one turn; the exit comes first.
        world.jump(to: world.now.monotonic + .seconds(60))
        let effects = world.exit("web", code: 1)
        #expect(effects.recordNames(of: "web").prefix(2) == ["failures-reset", "exited"])
        #expect(world.status("web").consecutiveFailures == 1)
        #expect(world.untilDeadline == .seconds(1))
    }

    @Test func `good time does not begin before it is ready`() {
        var world = ready {
            $0.readiness.rule = .uptime(.seconds(100))
            $0.restart.resetAfter = .seconds(10)
        }
        world.exit("web", code: 1)
        world.pass(.seconds(51))
        world.exit("web", code: 1)
        #expect(world.status("web").consecutiveFailures == 2)
    }

    @Test func `two spawns of one scheduler are at least 100 ms apart`() {
        var world = World.booted([
            daemon("web") {
                $0.restart.delay = .zero
                $0.restart.maxRestarts = nil
            }
        ])
        var last = world.now.monotonic
        for step in 0..<20 {
            world.pass(.milliseconds(Int64(step % 4) * 60))
            world.exit("web", code: 1)
            if world.lifecycle("web") == .backingOff { world.advance() }
            #expect(world.lifecycle("web") == .starting)
            #expect(world.now.monotonic - last >= .milliseconds(100))
            last = world.now.monotonic
        }
    }

    @Test func `a run that was up long enough comes back at once where there is no delay`() {
        var world = ready { $0.restart.delay = .zero }
        #expect(world.exit("web", code: 1).spawned == [world.id("web")])
    }

    @Test func `a spawn that fails is a failure with its words, and no loop`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "web")
        let failure = SpawnFailure(errno: 2, words: "/bin/x: no such file (ENOENT)")
        let effects = world.send(.spawnFailed(run, failure))
        #expect(
            effects.facts(of: "web").prefix(2) == [
                .spawnFailed(failure),
                .restartScheduled(after: .seconds(1), reason: "1 failure in a row"),
            ])
        #expect(effects.actions == [.forget(run)])
        #expect(world.status("web").consecutiveFailures == 1)
        #expect(world.health("web") == .degraded)
        #expect(
            world.status("web").reason
                == "could not be started: /bin/x: no such file (ENOENT)")
        #expect(world.untilDeadline == .seconds(1))
    }

    @Test func `jitter spreads the delays of equal schedulers`() {
        var world = World(
            (0..<50).map { index in daemon("d\(index)") { $0.restart.jitter = 0.25 } })
        world.boot()
        world.pass(.seconds(1))
        for index in 0..<50 { world.exit("d\(index)", code: 1) }
        let delays = (0..<50).map { index in
            world.status("d\(index)").nextRestart.map { $0 - world.now.wall } ?? .zero
        }
        #expect(delays.allSatisfy { $0 >= .milliseconds(750) && $0 <= .milliseconds(1_250) })
        #expect(Set(delays).count > 45)
    }

    @Test func `over the limit it goes on at the cap, unhealthy, with one alert`() {
        var world = ready { $0.restart.maxRestarts = 2 }
        for _ in 0..<2 {
            world.exit("web", code: 1)
            world.pass(.seconds(5))
        }
        #expect(world.health("web") == .degraded)
        let third = world.exit("web", code: 1)
        #expect(
            third.facts(of: "web").contains(
                .overRestartLimit(restarts: 2, window: .minutes(10), next: .seconds(60))))
        #expect(!third.recordNames().contains("restart-scheduled"))
        #expect(world.health("web") == .unhealthy)
        #expect(world.untilDeadline == .seconds(60))
        world.pass(.seconds(60))
        #expect(world.lifecycle("web") == .starting && world.health("web") == .unhealthy)
        let fourth = world.exit("web", code: 1)
        #expect(!fourth.recordNames().contains("over-restart-limit"))
        #expect(world.untilDeadline == .seconds(60))
        world.pass(.seconds(60 + 61))
        #expect(world.health("web") == .healthy)
    }

    @Test func `restarts that left the window no longer count towards the limit`() {
        var world = ready {
            $0.restart.maxRestarts = 2
            $0.restart.window = .seconds(100)
        }
        for _ in 0..<10 {
            world.exit("web", code: 1)
            world.pass(.seconds(70))
        }
        #expect(!world.history.recordNames().contains("over-restart-limit"))
    }

    @Test func `with when-exhausted = fail it gives up until it is asked for`() {
        var world = ready {
            $0.restart.maxRestarts = 1
            $0.restart.whenExhausted = .fail
        }
        world.exit("web", code: 1)
        world.pass(.seconds(2))
        let reason = "failed with exit code 1, after 1 restart within 10m"
        let effects = world.exit("web", code: 1)
        #expect(effects.facts(of: "web").contains(.exhausted(reason: reason, endsReeve: false)))
        #expect(world.lifecycle("web") == .exhausted && world.health("web") == .unhealthy)
        #expect(world.status("web").reason == "given up: \(reason)")
        #expect(world.supervisor.nextDeadline == nil)
        #expect(
            world.request(1, .start(world.id("web"), force: false)).spawned == [world.id("web")])
        world.pass(.seconds(1))
        #expect(world.lifecycle("web") == .running)
        // The window began anew: one restart is granted again.
        world.exit("web", code: 1)
        #expect(world.lifecycle("web") == .backingOff)
    }

    @Test func `restart = never leaves it down, completed or given up`() {
        var world = ready { $0.restart.mode = .never }
        world.exit("web", code: 0)
        #expect(world.lifecycle("web") == .completed && world.health("web") == .healthy)
        var other = ready { $0.restart.mode = .never }
        other.exit("web", code: 1)
        #expect(other.lifecycle("web") == .exhausted && other.health("web") == .unhealthy)
        #expect(other.supervisor.nextDeadline == nil)
    }

    @Test func `from the error threshold on it is unhealthy`() {
        var world = ready { $0.errorThreshold = 3 }
        for expected in [Health.degraded, .degraded, .unhealthy] {
            world.exit("web", code: 1)
            #expect(world.health("web") == expected)
            world.pass(.seconds(5))
            #expect(world.health("web") == expected)
        }
    }

    @Test func `what a leader leaves behind is stopped before the next start`() {
        var world = ready()
        let run = world.run(of: "web")
        let left = [process(71), process(72, "helper")]
        let effects = world.exit("web", .exited(code: 1), leftovers: left)
        #expect(effects.actions == [.signal(run, .terminate, to: .others)])
        #expect(effects.facts(of: "web").contains(.leftBehind(left, kept: false)))
        #expect(world.lifecycle("web") == .stopping)
        #expect(world.status("web").consecutiveFailures == 1)
        world.send(
            .surveyed(run, alive: left, reached: Reached(signal: .terminate, processes: left)))
        let gone = world.send(.surveyed(run, alive: [], reached: nil))
        #expect(gone.actions == [.forget(run)])
        #expect(gone.recordNames(of: "web").prefix(2) == ["stopped", "restart-scheduled"])
        #expect(world.lifecycle("web") == .backingOff)
    }

    @Test func `with leftovers = keep they stay and are named`() {
        var world = ready { $0.stop.leftovers = .keep }
        let run = world.run(of: "web")
        let effects = world.exit("web", .exited(code: 1), leftovers: [process(71)])
        #expect(effects.actions == [.forget(run)])
        #expect(effects.facts(of: "web").contains(.leftBehind([process(71)], kept: true)))
        #expect(world.lifecycle("web") == .backingOff)
    }

    @Test func `a disabled scheduler is left alone`() {
        var world = World.booted([daemon("web") { $0.enabled = false }])
        #expect(world.lifecycle("web") == .stopped && world.health("web") == .stopped)
        #expect(world.status("web").reason == "enabled = false")
        #expect(world.overall.health == .stopped)
        #expect(world.history.contains(.tellManager(.ready)))
        world.pass(.seconds(100))
        #expect(world.history.spawned == [])
    }

    @Test func `events of unknown runs are defects and change nothing`() {
        var world = ready()
        let stranger = RunID(order: 1, origin: 9)
        for event: Event in [
            .spawned(stranger, ProcessIdentity(pid: PID(5), startTime: 1)),
            .spawnFailed(stranger, SpawnFailure(errno: 2, words: "x")),
            .exited(stranger, .exited(code: 0), leftovers: []),
        ] {
            #expect(world.send(event).recordNames() == ["defect"])
        }
        for event: Event in [
            .surveyed(stranger, alive: [], reached: nil), .stopCommandFailed(stranger, words: "x"),
            .signalFailed(stranger, .terminate, words: "x"),
            .sampled(stranger, .resident(Bytes(1))), .requestWithdrawn(RequestID(9)),
        ] {
            #expect(world.send(event) == [])
        }
        #expect(world.send(.began).recordNames() == ["defect"])
        #expect(world.overall.defects == 4)
        #expect(world.lifecycle("web") == .running)
    }

    @Test func `time that passes early changes nothing`() {
        var world = World.booted([daemon("web")])
        #expect(world.send(.timePassed) == [])
        world.jump(to: world.now.monotonic + .milliseconds(500))
        #expect(world.send(.timePassed) == [])
        #expect(world.untilDeadline == .milliseconds(500))
    }
}

@Suite struct TaskTests {
    private func started(
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> World {
        World.booted([task("job", change)])
    }

    @Test func `a task that succeeds is completed and stays so`() {
        var world = started()
        let run = world.run(of: "job")
        #expect(world.lifecycle("job") == .running)
        world.pass(.seconds(7))
        let effects = world.exit("job", code: 0)
        #expect(effects.actions == [.forget(run)])
        #expect(
            effects.facts(of: "job").prefix(2) == [
                .exited(
                    .exited(code: 0), ran: .seconds(7), isFailure: false,
                    meaning: "ended with exit code 0"), .completed(ran: .seconds(7)),
            ])
        #expect(world.lifecycle("job") == .completed && world.health("job") == .healthy)
        #expect(world.status("job").uptime == nil && world.status("job").pid == nil)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `success at once is success`() {
        var world = World([task("job")])
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "job")
        world.send(.spawned(run, ProcessIdentity(pid: PID(9), startTime: 1)))
        world.exit("job", code: 0)
        #expect(world.lifecycle("job") == .completed)
    }

    @Test func `a task that fails is tried again until it succeeds`() {
        var world = started()
        world.exit("job", code: 2)
        #expect(world.lifecycle("job") == .backingOff && world.untilDeadline == .seconds(1))
        world.pass(.seconds(1))
        world.exit("job", .killed(.segmentationViolation))
        #expect(world.status("job").consecutiveFailures == 2)
        #expect(world.untilDeadline == .seconds(2))
        world.pass(.seconds(2))
        let effects = world.exit("job", code: 0)
        #expect(
            effects.recordNames(of: "job").prefix(3) == ["failures-reset", "exited", "completed"])
        #expect(world.lifecycle("job") == .completed)
        #expect(world.status("job").consecutiveFailures == 0)
    }

    @Test func `never leaves a failed task where it is`() {
        var world = started { $0.restart.mode = .never }
        world.exit("job", code: 2)
        #expect(world.lifecycle("job") == .exhausted && world.health("job") == .unhealthy)
        #expect(
            world.status("job").reason
                == "given up: failed with exit code 2, and restart is \"never\"")
    }

    @Test func `always runs a task again after success, at the first delay each time`() {
        var world = started {
            $0.restart.mode = .always
            $0.restart.maxRestarts = nil
        }
        for _ in 0..<5 {
            world.exit("job", code: 0)
            #expect(world.untilDeadline == .seconds(1))
            world.pass(.seconds(1))
        }
    }

    @Test func `other exit codes can be success`() {
        var world = started { $0.successExitCodes = [3] }
        world.exit("job", code: 3)
        #expect(world.lifecycle("job") == .completed)
    }

    @Test func `past its timeout it is stopped, which is a failure`() {
        var world = started { $0.timeout = .seconds(5) }
        let run = world.run(of: "job")
        world.pass(.milliseconds(4_999))
        #expect(world.lifecycle("job") == .running)
        let effects = world.advance()
        #expect(effects.actions == [.signal(run, .terminate, to: .leader)])
        #expect(effects.recordNames(of: "job").prefix(2) == ["timed-out", "stopping"])
        let after = world.exit("job", .killed(.terminate))
        #expect(
            after.facts(of: "job").prefix(3) == [
                .exited(
                    .killed(.terminate), ran: .seconds(5), isFailure: true,
                    meaning: "ended by SIGTERM after its timeout of 5s"),
                .stopped(after: .zero, killed: 0),
                .restartScheduled(after: .seconds(1), reason: "1 failure in a row"),
            ])
        let status = world.status("job")
        #expect(status.consecutiveFailures == 1 && status.health == .degraded)
        #expect(status.lastExecution?.succeeded == false)
        #expect(status.lastExit?.meaning == "ended by SIGTERM after its timeout of 5s")
        // Said once at warning.
        #expect(
            (effects + after).records.filter { $0.level <= .warning }.map(\.name) == ["exited"])
        #expect(
            world.pass(.seconds(1)).facts(of: "job").contains(
                .started(PID(1_002), reason: "restart: it ran longer than its timeout of 5s")))
    }

    @Test func `ending with success while it is stopped for its timeout is still a timeout`() {
        var world = started {
            $0.timeout = .seconds(5)
            $0.restart.mode = .never
        }
        world.pass(.seconds(5))
        world.exit("job", code: 0)
        #expect(world.status("job").consecutiveFailures == 1)
        #expect(world.lifecycle("job") == .exhausted)
    }

    @Test func `an end just before the timeout is none`() {
        var world = started { $0.timeout = .seconds(5) }
        world.jump(to: world.now.monotonic + .seconds(5))
        world.exit("job", code: 0)
        #expect(world.lifecycle("job") == .completed)
        #expect(world.send(.timePassed) == [])
    }

    @Test func `a completed task runs again when it is asked for`() {
        var world = started()
        world.exit("job", code: 0)
        world.pass(.seconds(5))
        let effects = world.request(1, .start(world.id("job"), force: false))
        #expect(effects.spawned == [world.id("job")])
    }
}
