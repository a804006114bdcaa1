// SPDX-License-Identifier: Apache-2.0
//
// The stop sequence of one run, from the first signal to the last process.

import Testing

@testable import ReeveCore

@Suite struct StopTests {
    private func ready(
        forceTimeout: Duration = .seconds(5),
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> World {
        var world = World.booted([daemon("web", change)]) { $0.forceTimeout = forceTimeout }
        world.pass(.seconds(1))
        return world
    }

    private func stop(_ world: inout World) -> [Effect] {
        world.request(1, .stop(world.id("web")))
    }

    private func answer(
        _ world: inout World, alive: [ProcessDescription], signal: Signal? = nil,
        to processes: [ProcessDescription]? = nil
    ) -> [Effect] {
        world.send(
            .surveyed(
                world.run(of: "web"), alive: alive,
                reached: signal.map { Reached(signal: $0, processes: processes ?? alive) }))
    }

    @Test func `the leader is asked, ends, and nothing is left`() {
        var world = ready()
        let run = world.run(of: "web")
        let asked = stop(&world)
        #expect(
            asked == [
                .keep(world.id("web"), .stopped),
                world.record(
                    "web", run: run,
                    .stopping(
                        reason: "asked by the operator", how: "SIGTERM to its leader",
                        timeout: .seconds(10))),
                .signal(run, .terminate, to: .leader),
                world.record(
                    "web", run: run,
                    .healthChanged(
                        from: .healthy, to: .stopping, reason: "asked by the operator")),
            ])
        #expect(world.lifecycle("web") == .stopping && world.health("web") == .stopping)
        #expect(world.untilDeadline == .seconds(1))
        world.jump(to: world.now.monotonic + .milliseconds(300))
        let ended = world.exit("web", .killed(.terminate))
        #expect(
            ended.prefix(3) == [
                world.record(
                    "web", run: run,
                    .exited(
                        .killed(.terminate), ran: .milliseconds(1_300), isFailure: false,
                        meaning: "ended by SIGTERM when it was stopped")),
                world.record(
                    "web", run: run, .stopped(after: .milliseconds(300), killed: 0)),
                .forget(run),
            ])
        #expect(ended.replies(to: 1).map(\.succeeded) == [true])
        let status = world.status("web")
        #expect(status.lifecycle == .stopped && status.reason == "stopped by the operator")
        #expect(status.run == nil && status.pid == nil && status.uptime == nil)
        #expect(status.consecutiveFailures == 0 && status.restartCount == 0)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `when the leader is gone the rest is asked at once`() {
        var world = ready()
        let run = world.run(of: "web")
        _ = stop(&world)
        let left = [process(71), process(72)]
        let effects = world.exit("web", .exited(code: 0), leftovers: left)
        #expect(effects.actions == [.signal(run, .terminate, to: .others)])
        let signalled = answer(&world, alive: left, signal: .terminate)
        #expect(signalled.facts == [.signalled(.terminate, left)])
        #expect(answer(&world, alive: [process(72)]) == [])
        let done = answer(&world, alive: [])
        #expect(done.actions.first == .forget(run))
        #expect(world.lifecycle("web") == .stopped)
    }

    @Test func `after a second the others are asked although the leader lives`() {
        var world = ready()
        let run = world.run(of: "web")
        let leader = world.leader(of: "web")
        _ = stop(&world)
        #expect(world.advance() == [.signal(run, .terminate, to: .others)])
        #expect(world.now.monotonic - World.start.monotonic == .seconds(2))
        let signalled = answer(
            &world, alive: [leader, process(71)], signal: .terminate, to: [leader, process(71)])
        #expect(signalled.facts == [.signalled(.terminate, [process(71)])])
        let ended = world.exit("web", .killed(.terminate), leftovers: [process(71)])
        #expect(ended.actions == [])
        #expect(world.lifecycle("web") == .stopping)
    }

    @Test func `it is looked at every half second while members live`() {
        var world = ready()
        let run = world.run(of: "web")
        _ = stop(&world)
        world.exit("web", .exited(code: 0), leftovers: [process(71)])
        let effects = world.pass(.milliseconds(1_600))
        #expect(effects == [.survey(run), .survey(run), .survey(run)])
    }

    @Test func `at the stop timeout everything left is killed, and named with escapees`() {
        var world = ready()
        let run = world.run(of: "web")
        let leader = world.leader(of: "web")
        _ = stop(&world)
        let effects = world.pass(.milliseconds(9_999)).actions
        #expect(!effects.contains(.kill(run)))
        #expect(world.advance().actions == [.kill(run)])
        let all = [leader, process(71), process(72, "escapee")]
        let killed = answer(&world, alive: [], signal: .kill, to: all)
        #expect(killed == [world.record("web", run: run, .killed(all, after: .seconds(10)))])
        #expect(
            killed.records.first?.message
                == "SIGKILL to \(leader), worker (pid 71), escapee (pid 72), 10s after the stop began"
        )
        #expect(world.lifecycle("web") == .stopping)
        let done = world.exit("web", .killed(.kill))
        #expect(done.facts.contains(.stopped(after: .seconds(10), killed: 3)))
        #expect(world.lifecycle("web") == .stopped)
        #expect(world.status("web").consecutiveFailures == 0)
    }

    @Test func `each killed process is named once, also when it is killed again`() {
        var world = ready { $0.stop.timeout = .seconds(1) }
        _ = stop(&world)
        world.pass(.seconds(1))
        let leader = world.leader(of: "web")
        #expect(answer(&world, alive: [leader], signal: .kill).facts.count == 1)
        #expect(world.advance().actions == [.kill(world.run(of: "web"))])
        #expect(answer(&world, alive: [leader], signal: .kill) == [])
        let late = answer(&world, alive: [leader], signal: .kill, to: [leader, process(80)])
        #expect(late.facts == [.killed([process(80)], after: .milliseconds(1_500))])
    }

    @Test func `what cannot die ends the stop by name after the force timeout`() {
        var world = ready(forceTimeout: .seconds(3)) {
            $0.stop.timeout = .seconds(2)
        }
        let run = world.run(of: "web")
        _ = stop(&world)
        world.pass(.seconds(2))
        let stuck = ProcessDescription(
            identity: ProcessIdentity(pid: PID(71), startTime: 1), name: "nfs",
            obstacle: .uninterruptible)
        world.exit("web", .killed(.kill), leftovers: [stuck])
        _ = answer(&world, alive: [stuck], signal: .kill)
        #expect(world.pass(.milliseconds(2_999)).facts == [])
        let effects = world.advance()
        #expect(effects.facts(of: "web").first == .survived([stuck]))
        let status = world.status("web")
        #expect(status.lifecycle == .stopped && status.health == .unhealthy)
        #expect(status.survivors == [stuck])
        #expect(
            status.reason == "could not be ended: nfs (pid 71, waits for a device (state D))")
        #expect(effects.replies(to: 1).map(\.succeeded) == [false])
        #expect(!world.history.contains(.forget(run)))
        // It is looked at again, and let go when it is gone.
        #expect(world.pass(.seconds(5)).actions == [.survey(run)])
        let gone = answer(&world, alive: [])
        #expect(gone.actions == [.forget(run)])
        #expect(world.health("web") == .stopped)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `some of several survivors may go, and the rest is still named`() {
        var world = ready()
        _ = stop(&world)
        world.pass(.seconds(10))
        world.exit("web", .killed(.kill), leftovers: [process(71), process(72)])
        world.pass(.seconds(5))
        #expect(world.status("web").survivors == [process(71), process(72)])
        #expect(answer(&world, alive: [process(72)]).actions == [])
        #expect(world.status("web").survivors == [process(72)])
        #expect(world.health("web") == .unhealthy)
        #expect(answer(&world, alive: [process(72)]) == [])
        #expect(answer(&world, alive: []).actions == [.forget(world.run(of: "web"))])
    }

    @Test func `a survey of a run that nobody ends any more changes nothing`() {
        var world = ready()
        #expect(answer(&world, alive: [world.leader(of: "web")]) == [])
        #expect(answer(&world, alive: []) == [])
        #expect(world.lifecycle("web") == .running && world.overall.defects == 0)
    }

    @Test func `a leader that cannot die is a survivor, and its late end lets go`() {
        var world = ready(forceTimeout: .seconds(1)) {
            $0.stop.timeout = .seconds(1)
        }
        let run = world.run(of: "web")
        let leader = world.leader(of: "web")
        _ = stop(&world)
        world.pass(.seconds(2))
        #expect(world.status("web").survivors == [leader])
        let late = world.exit("web", .killed(.kill))
        #expect(late.actions == [.forget(run)])
        #expect(world.health("web") == .stopped)
        #expect(world.status("web").lastExit?.status == .killed(.kill))
    }

    @Test func `scope leader leaves the others alone until the timeout`() {
        var world = ready { $0.stop.scope = .leader }
        let run = world.run(of: "web")
        #expect(stop(&world).actions == [.signal(run, .terminate, to: .leader)])
        #expect(world.pass(.seconds(5)) == [])
        let effects = world.exit("web", .exited(code: 0), leftovers: [process(71)])
        #expect(effects.actions == [])
        let rest = world.pass(.seconds(5)).actions
        #expect(rest.last == .kill(run))
        #expect(rest.dropLast().allSatisfy { $0 == .survey(run) })
    }

    @Test func `scope group asks everyone at once, and once`() {
        var world = ready { $0.stop.scope = .group }
        let run = world.run(of: "web")
        let asked = stop(&world)
        #expect(asked.actions == [.signal(run, .terminate, to: .everyone)])
        #expect(
            asked.facts(of: "web").first
                == .stopping(
                    reason: "asked by the operator", how: "SIGTERM to its group",
                    timeout: .seconds(10)))
        let ended = world.exit("web", .killed(.terminate), leftovers: [process(71)])
        #expect(ended.actions == [])
        #expect(world.pass(.seconds(2)).actions.allSatisfy { $0 == .survey(run) })
    }

    @Test func `the configured signal is sent`() {
        var world = ready { $0.stop.signal = .quit }
        let run = world.run(of: "web")
        #expect(stop(&world).actions == [.signal(run, .quit, to: .leader)])
        #expect(world.advance().actions == [.signal(run, .quit, to: .others)])
    }

    @Test func `a stop command takes the place of the signal`() {
        var world = ready { $0.stop.command = ["/bin/stop-it"] }
        let run = world.run(of: "web")
        #expect(stop(&world).actions == [.runStopCommand(run)])
        #expect(world.pass(.milliseconds(9_999)) == [])
        #expect(world.advance().actions == [.kill(run)])
    }

    @Test func `after a stop command has ended the leader the rest is asked`() {
        var world = ready { $0.stop.command = ["/bin/stop-it"] }
        let run = world.run(of: "web")
        _ = stop(&world)
        let effects = world.exit("web", .exited(code: 0), leftovers: [process(71)])
        #expect(effects.actions == [.signal(run, .terminate, to: .others)])
    }

    @Test(
        arguments: [
            (.leaderThenGroup, .leader, true), (.group, .everyone, false),
            (.leader, .leader, false),
        ] as [(StopSettings.Scope, SignalTarget, Bool)])
    func `when the stop command fails the signal follows, by its scope`(
        scope: StopSettings.Scope, target: SignalTarget, othersFollow: Bool
    ) {
        var world = ready {
            $0.stop.command = ["/bin/stop-it"]
            $0.stop.scope = scope
        }
        let run = world.run(of: "web")
        _ = stop(&world)
        world.pass(.milliseconds(200))
        let effects = world.send(.stopCommandFailed(run, words: "exit code 1"))
        #expect(effects.actions == [.signal(run, .terminate, to: target)])
        #expect(effects.recordNames() == ["stop-command-failed"])
        #expect(
            effects.records.first?.message
                == "its stop command failed: exit code 1; the stop signal is sent instead")
        let later = world.pass(.seconds(2)).actions
        #expect(later.contains(.signal(run, .terminate, to: .others)) == othersFollow)
    }

    @Test func `a stop command that fails too late is said and changes nothing`() {
        var world = ready { $0.stop.command = ["/bin/stop-it"] }
        let run = world.run(of: "web")
        _ = stop(&world)
        world.exit("web", .exited(code: 0), leftovers: [process(71)])
        let effects = world.send(.stopCommandFailed(run, words: "exit code 1"))
        #expect(effects.actions == [] && effects.recordNames() == ["stop-command-failed"])
        #expect(effects.records.first?.message == "its stop command failed: exit code 1")
    }

    @Test func `a signal that could not be sent is said, and the sequence goes on`() {
        var world = ready()
        let run = world.run(of: "web")
        _ = stop(&world)
        let effects = world.send(
            .signalFailed(run, .terminate, words: "operation not permitted (EPERM)"))
        #expect(
            effects.facts == [
                .signalFailed(.terminate, words: "operation not permitted (EPERM)")
            ])
        #expect(world.advance().actions == [.signal(run, .terminate, to: .others)])
    }

    @Test func `a stop before the spawn is answered signals when it is`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "web")
        let asked = stop(&world)
        #expect(asked.actions == [.abandonSpawn(run)])
        #expect(world.lifecycle("web") == .stopping)
        let leader = ProcessIdentity(pid: PID(500), startTime: 3)
        let effects = world.send(.spawned(run, leader))
        #expect(effects.actions == [.signal(run, .terminate, to: .leader)])
        #expect(world.exit("web", .killed(.terminate)).actions.first == .forget(run))
        #expect(world.lifecycle("web") == .stopped)
    }

    @Test func `a stop before the spawn fails is over with it`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "web")
        _ = stop(&world)
        let effects = world.send(
            .spawnFailed(run, SpawnFailure(errno: 11, words: "no more processes (EAGAIN)")))
        #expect(effects.actions.filter { $0 == .forget(run) }.count == 1)
        #expect(effects.replies(to: 1).count == 1)
        #expect(world.lifecycle("web") == .stopped)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `a stop before the program has begun keeps it from beginning, and nothing failed`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "web")
        _ = stop(&world)
        let effects = world.send(.spawnAbandoned(run))
        #expect(effects.actions.filter { $0 == .forget(run) }.count == 1)
        #expect(effects.replies(to: 1).count == 1)
        #expect(world.lifecycle("web") == .stopped)
        #expect(world.status("web").consecutiveFailures == 0)
        #expect(world.supervisor.nextDeadline == nil)
        world.answersSpawns = true
        world.pass(.seconds(1))
        let again = world.request(2, .start(world.id("web"), force: false))
        #expect(again.spawned == [world.id("web")])
    }

    @Test func `a start that is given up unasked is a failure of it`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        world.boot()
        world.send(.spawnAbandoned(world.run(of: "web")))
        #expect(world.lifecycle("web") == .backingOff)
        #expect(world.status("web").consecutiveFailures == 1)
    }

    @Test func `a restart before the program has begun is a start anew`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "web")
        let asked = world.request(1, .restart(world.id("web"), force: false))
        #expect(asked.actions == [.abandonSpawn(run)])
        world.send(.spawnAbandoned(run))
        world.pass(.seconds(1))
        #expect(world.run(of: "web") != run)
        #expect(world.lifecycle("web") == .starting)
    }

    @Test func `a shutdown waits for no program that has not begun`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        world.boot()
        let asked = world.terminate()
        #expect(asked.actions == [.abandonSpawn(world.run(of: "web"))])
        let effects = world.send(.spawnAbandoned(world.run(of: "web")))
        #expect(effects.exitCodes == [0])
    }

    @Test func `however late the spawn is answered, its process is ended`() {
        var world = World([daemon("web") { $0.stop.timeout = .zero }]) { $0.forceTimeout = .zero }
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "web")
        _ = stop(&world)
        world.pass(.seconds(60))
        let effects = world.send(.spawned(run, ProcessIdentity(pid: PID(5), startTime: 1)))
        let isEnded =
            effects.actions.contains(.kill(run))
            || effects.actions.contains(.signal(run, .terminate, to: .leader))
        #expect(isEnded)
        #expect(world.status("web").survivors == [])
    }

    @Test func `an exit during the stop is no failure, whatever its code`() {
        for status: ReeveCore.ExitStatus in [.exited(code: 1), .killed(.segmentationViolation)] {
            var world = ready()
            _ = stop(&world)
            world.exit("web", status)
            #expect(world.status("web").consecutiveFailures == 0)
            #expect(world.lifecycle("web") == .stopped)
        }
    }

    @Test func `a second stop while it is stopping begins nothing new`() {
        var world = ready()
        _ = stop(&world)
        #expect(world.request(2, .stop(world.id("web"))).actions == [])
        let effects = world.exit("web", .killed(.terminate))
        #expect(effects.replies(to: 1).count == 1 && effects.replies(to: 2).count == 1)
    }

    @Test func `no stop timeout kills right after the signal`() {
        var world = ready { $0.stop.timeout = .zero }
        let run = world.run(of: "web")
        #expect(stop(&world).actions == [.signal(run, .terminate, to: .leader)])
        #expect(world.advance().actions == [.kill(run)])
        world.exit("web", .killed(.kill))
        #expect(world.lifecycle("web") == .stopped)
    }

    @Test func `a process that ends while it is surveyed leaves nothing waiting`() {
        var world = ready()
        let run = world.run(of: "web")
        _ = stop(&world)
        // Nobody is seen alive, but the leader has not been reaped: the stop is not over.
        #expect(answer(&world, alive: []) == [])
        #expect(world.lifecycle("web") == .stopping)
        #expect(world.exit("web", .killed(.terminate)).actions.first == .forget(run))
        // What comes late for a run that is over is no defect.
        #expect(answer(&world, alive: []) == [])
        #expect(world.overall.defects == 0)
    }

    @Test func `leftovers that do not end are killed at the stop timeout`() {
        var world = ready { $0.stop.timeout = .seconds(2) }
        let run = world.run(of: "web")
        world.exit("web", .exited(code: 1), leftovers: [process(71)])
        let effects = world.pass(.seconds(2)).actions
        #expect(effects.last == .kill(run))
        _ = answer(&world, alive: [], signal: .kill, to: [process(71)])
        #expect(world.lifecycle("web") == .backingOff)
        #expect(world.untilDeadline == .seconds(1))
    }

    @Test func `stopping it while its leftovers end leaves it stopped`() {
        var world = ready()
        world.exit("web", .exited(code: 1), leftovers: [process(71)])
        _ = stop(&world)
        let effects = answer(&world, alive: [])
        #expect(world.lifecycle("web") == .stopped)
        #expect(effects.replies(to: 1).count == 1)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `every way through the sequence ends, with every deadline kept`() {
        // All orders of three things that may happen, at any step of the sequence.
        for pattern in 0..<64 {
            var world = ready {
                $0.stop.timeout = .seconds(2)
                $0.stop.scope = [.leaderThenGroup, .group, .leader][pattern % 3]
            }
            _ = stop(&world)
            var isReaped = false
            for step in 0..<3 {
                switch (pattern >> (2 * step)) & 3 {
                case 0: world.advance()
                case 1 where !isReaped && world.lifecycle("web") == .stopping:
                    world.exit("web", .killed(.terminate), leftovers: [process(71)])
                    isReaped = true
                case 2: _ = answer(&world, alive: [process(71)], signal: .terminate)
                default: world.pass(.milliseconds(700))
                }
            }
            world.pass(.seconds(10))
            #expect(world.lifecycle("web") == .stopped, "pattern \(pattern)")
            #expect(world.history.replies(to: 1).count == 1, "pattern \(pattern)")
            #expect(world.overall.defects == 0)
        }
    }
}
