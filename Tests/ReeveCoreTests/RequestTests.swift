// SPDX-License-Identifier: Apache-2.0
//
// What operators ask for: each request gets exactly one reply, and its words tell what happened.

import Testing

@testable import ReeveCore

@Suite struct RequestTests {
    private func up(
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> World {
        var world = World.booted([daemon("web", change)])
        world.pass(.seconds(1))
        return world
    }

    private func down(
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> World {
        var world = up(change)
        world.isObedient = true
        world.request(99, .stop(world.id("web")))
        world.isObedient = false
        world.pass(.seconds(1))
        return world
    }

    /// Its stop left a process that cannot die.
    private func withSurvivor() -> World {
        var world = up()
        world.request(98, .stop(world.id("web")))
        world.pass(.seconds(10))
        world.exit("web", .killed(.kill), leftovers: [process(71)])
        world.pass(.seconds(5))
        return world
    }

    private func only(_ effects: [Effect], _ number: UInt64 = 1) -> Reply.Outcome? {
        let replies = effects.replies(to: number)
        #expect(replies.count == 1)
        #expect(replies.first?.outcomes.count == 1)
        return replies.first?.outcomes.first
    }

    private func outcome(_ result: Reply.Outcome.Result, _ words: String) -> Reply.Outcome {
        Reply.Outcome(scheduler: SchedulerID(0), result: result, words: words)
    }

    // MARK: Start

    @Test func `start is answered when it is ready`() {
        var world = down()
        let asked = world.request(1, .start(world.id("web"), force: false))
        #expect(asked.spawned.count == 1 && asked.replies() == [])
        let ready = world.pass(.seconds(1))
        #expect(only(ready) == outcome(.done, "started, pid 1002"))
        #expect(
            asked.facts(of: "web").contains(
                .started(PID(1_002), reason: "asked by the operator")))
    }

    @Test func `start of what runs is unchanged`() {
        var world = up()
        world.pass(.seconds(1))
        let effects = world.request(1, .start(world.id("web"), force: false))
        #expect(only(effects) == outcome(.unchanged, "is running already, pid 1001"))
        #expect(effects.actions.count == 1)
    }

    @Test func `start of what fails is answered with the failure, once`() {
        var world = down()
        world.request(1, .start(world.id("web"), force: false))
        let effects = world.exit("web", code: 3)
        #expect(only(effects) == outcome(.failed, "failed with exit code 3; reeve tries again"))
        world.pass(.seconds(10))
        #expect(world.history.replies(to: 1).count == 1)
    }

    @Test func `start of a spawn that fails tells the errno`() {
        var world = down()
        world.answersSpawns = false
        world.request(1, .start(world.id("web"), force: false))
        let effects = world.send(
            .spawnFailed(world.run(of: "web"), SpawnFailure(errno: 2, words: "no file (ENOENT)")))
        #expect(
            only(effects)
                == outcome(.failed, "could not be started: no file (ENOENT); reeve tries again"))
    }

    @Test func `start cuts a back-off short`() {
        var world = up()
        world.pass(.seconds(2))
        world.exit("web", code: 1)
        let effects = world.request(1, .start(world.id("web"), force: false))
        #expect(effects.spawned.count == 1)
        #expect(only(world.pass(.seconds(1)))?.result == .done)
    }

    @Test func `start during a stop starts again after it`() {
        var world = up()
        world.request(1, .stop(world.id("web")))
        let asked = world.request(2, .start(world.id("web"), force: false))
        #expect(asked.spawned == [])
        #expect(only(world.history, 1)?.result == .failed)
        #expect(world.exit("web", .killed(.terminate)).spawned.count == 1)
        #expect(only(world.pass(.seconds(1)), 2)?.result == .done)
        #expect(world.status("web").restartCount == 0)
    }

    @Test func `start of a disabled scheduler starts it`() {
        var world = World.booted([daemon("web") { $0.enabled = false }])
        #expect(world.request(1, .start(world.id("web"), force: false)).spawned.count == 1)
    }

    @Test func `start that has to wait for a dependency which is down says so at once`() {
        var world = World.booted([
            daemon("web") { $0.needs("db") }, daemon("db") { $0.enabled = false },
        ])
        let effects = world.request(1, .start(world.id("web"), force: false))
        #expect(
            only(effects) == outcome(.pending, "starts when its dependencies are met: db"))
    }

    @Test func `start that waits for a dependency on its way is answered when it is up`() {
        var world = World.booted([daemon("web") { $0.needs("db") }, daemon("db")])
        #expect(world.request(1, .start(world.id("web"), force: false)).replies() == [])
        world.pass(.seconds(1))
        #expect(only(world.pass(.seconds(1)))?.result == .done)
    }

    @Test func `start never waits longer than the dependency timeout`() {
        var world = World.booted([
            daemon("web") { $0.needs("db", .completed) }, daemon("db"),
        ])
        #expect(world.request(1, .start(world.id("web"), force: false)).replies() == [])
        #expect(only(world.pass(.seconds(60)))?.result == .pending)
    }

    @Test func `start of a dependent whose dependency was given up and reset says so at once`() {
        var world = World.booted([
            daemon("web") { $0.needs("db") }, daemon("db") { $0.restart.mode = .never },
        ])
        world.exit("db", code: 1)
        world.request(1, .reset(world.id("db")))
        let effects = world.request(2, .start(world.id("web"), force: false))
        #expect(only(effects, 2)?.result == .pending)
    }

    // MARK: Stop

    @Test func `stop is answered when nothing of it is left`() {
        var world = up()
        #expect(world.request(1, .stop(world.id("web"))).replies() == [])
        world.jump(to: world.now.monotonic + .milliseconds(500))
        let effects = world.exit("web", .killed(.terminate))
        #expect(only(effects) == outcome(.done, "stopped after 500ms, nothing of it is left"))
    }

    @Test func `stop that needed SIGKILL names what was killed`() {
        var world = up()
        let leader = world.leader(of: "web")
        let run = world.run(of: "web")
        world.request(1, .stop(world.id("web")))
        world.pass(.seconds(10))
        world.send(
            .surveyed(run, alive: [], reached: Reached(signal: .kill, processes: [leader])))
        let words = only(world.exit("web", .killed(.kill)))?.words ?? ""
        #expect(words.hasPrefix("stopped after 10s") && words.contains(leader.description))
    }

    @Test func `stop of what is down is unchanged`() {
        var world = down()
        let effects = world.request(1, .stop(world.id("web")))
        #expect(only(effects) == outcome(.unchanged, "is not running"))
        #expect(effects.actions.count == 1)
    }

    @Test func `stop of a completed task leaves it completed`() {
        var world = World.booted([task("web")])
        world.exit("web", code: 0)
        let effects = world.request(1, .stop(world.id("web")))
        #expect(only(effects)?.result == .unchanged)
        #expect(world.lifecycle("web") == .completed)
    }

    @Test func `stop ends a back-off, a wait and being given up`() {
        var backing = up()
        backing.exit("web", code: 1)
        #expect(
            only(backing.request(1, .stop(backing.id("web"))))
                == outcome(.done, "was not running; its next start is called off"))
        backing.pass(.seconds(1))
        #expect(
            only(backing.request(2, .stop(backing.id("web"))), 2)
                == outcome(.unchanged, "is not running"))
        #expect(backing.lifecycle("web") == .stopped && backing.supervisor.nextDeadline == nil)

        var waiting = World.booted([daemon("web") { $0.needs("ghost") }])
        #expect(
            only(waiting.request(1, .stop(waiting.id("web"))))
                == outcome(.done, "was not running; it waits for its start no longer"))
        #expect(waiting.lifecycle("web") == .stopped && waiting.supervisor.nextDeadline == nil)

        var given = up { $0.restart.mode = .never }
        let end = given.exit("web", code: 1)
        #expect(
            end.facts(of: "web").contains(
                .healthChanged(from: .healthy, to: .unhealthy, reason: "given up")))
        #expect(only(given.request(1, .stop(given.id("web")))) != nil)
        #expect(given.lifecycle("web") == .stopped && given.health("web") == .stopped)
    }

    @Test func `a stopped one stays stopped`() {
        var world = down()
        world.pass(.minutes(60))
        #expect(world.lifecycle("web") == .stopped)
        #expect(world.history.spawned.count == 1)
    }

    @Test func `stop that was overtaken by a start says so, whatever the start waits for`() {
        var world = World.booted([daemon("web") { $0.needs("db") }, daemon("db")])
        world.pass(.seconds(3))
        world.request(1, .stop(world.id("web")))
        world.request(2, .stop(world.id("db")))
        world.request(3, .start(world.id("web"), force: false))
        #expect(only(world.history, 1) == outcome(.failed, "was started meanwhile"))
        world.exit("web", .killed(.terminate))
        world.exit("db", .killed(.terminate))
        #expect(world.lifecycle("web") == .waitingForDependencies)
        #expect(only(world.history, 2)?.result == .done)
        #expect(only(world.history, 3)?.result == .pending)
    }

    // MARK: Restart

    @Test func `restart stops and starts, and counts no restart`() {
        var world = up()
        world.pass(.seconds(1))
        let old = world.run(of: "web")
        let asked = world.request(1, .restart(world.id("web"), force: false))
        #expect(asked.actions == [.signal(old, .terminate, to: .leader)])
        let between = world.exit("web", .killed(.terminate))
        #expect(between.spawned.count == 1 && between.replies() == [])
        #expect(
            between.facts(of: "web").contains(
                .started(PID(1_002), reason: "restart by the operator")))
        #expect(only(world.pass(.seconds(1))) == outcome(.done, "started, pid 1002"))
        let status = world.status("web")
        #expect(status.restartCount == 0 && status.restartsInWindow == 0)
        #expect(status.consecutiveFailures == 0)
    }

    @Test func `restart right after a start keeps the distance and is no failure`() {
        var world = World.booted([daemon("web")])
        world.isObedient = true
        world.request(1, .restart(world.id("web"), force: false))
        #expect(world.lifecycle("web") == .backingOff)
        #expect(world.health("web") == .starting)
        #expect(world.untilDeadline == .milliseconds(100))
        world.isObedient = false
        #expect(world.advance().spawned.count == 1)
        #expect(only(world.pass(.seconds(1)))?.result == .done)
        #expect(
            !world.history.facts(of: "web").contains { fact in
                if case .healthChanged(_, to: .degraded, _) = fact { return true }
                return false
            })
    }

    @Test func `restart of what is down starts it`() {
        var world = down()
        #expect(world.request(1, .restart(world.id("web"), force: false)).spawned.count == 1)
        #expect(only(world.pass(.seconds(1)))?.result == .done)
    }

    @Test func `two restarts at once are one restart and two replies`() {
        var world = up()
        world.request(1, .restart(world.id("web"), force: false))
        world.request(2, .restart(world.id("web"), force: false))
        world.exit("web", .killed(.terminate))
        let effects = world.pass(.seconds(1))
        #expect(only(effects, 1)?.result == .done && only(effects, 2)?.result == .done)
        #expect(world.history.spawned.count == 2)
    }

    @Test func `restart while it starts replaces the run`() {
        var world = World.booted([daemon("web")])
        world.jump(to: world.now.monotonic + .milliseconds(500))
        let old = world.run(of: "web")
        let asked = world.request(1, .restart(world.id("web"), force: false))
        #expect(asked.actions == [.signal(old, .terminate, to: .leader)])
        #expect(world.exit("web", .killed(.terminate)).spawned.count == 1)
        #expect(world.run(of: "web") != old)
    }

    @Test func `restart of one that was given up grants its restarts anew`() {
        var world = up {
            $0.restart.maxRestarts = 1
            $0.restart.whenExhausted = .fail
        }
        world.exit("web", code: 1)
        world.pass(.seconds(1))
        world.exit("web", code: 1)
        #expect(world.lifecycle("web") == .exhausted)
        world.pass(.seconds(1))
        world.request(1, .restart(world.id("web"), force: false))
        #expect(world.status("web").restartsInWindow == 0)
        #expect(only(world.pass(.seconds(1)))?.result == .done)
    }

    // MARK: Survivors

    @Test func `survivors forbid a start, by name`() {
        var world = withSurvivor()
        #expect(world.status("web").survivors == [process(71)])
        for (number, request) in [
            (1, Request.start(world.id("web"), force: false)),
            (2, .restart(world.id("web"), force: false)),
        ] as [(UInt64, Request)] {
            let effects = world.request(number, request)
            #expect(effects.spawned == [])
            #expect(effects.replies(to: number).map(\.refusal) == [.survivors])
            #expect(only(effects, number)?.words.contains("worker (pid 71)") == true)
        }
    }

    @Test func `force starts all the same and lets the survivors go`() {
        var world = withSurvivor()
        let old = world.run(of: "web")
        let effects = world.request(1, .start(world.id("web"), force: true))
        #expect(effects.actions.first == .forget(old))
        #expect(effects.spawned.count == 1)
        #expect(world.status("web").survivors == [])
        #expect(only(world.pass(.seconds(1)))?.result == .done)
        // What is still said of the old run concerns nobody.
        #expect(world.send(.surveyed(old, alive: [process(71)], reached: nil)) == [])
    }

    @Test func `stop of one with survivors fails by name`() {
        var world = withSurvivor()
        let effects = world.request(1, .stop(world.id("web")))
        #expect(only(effects) == outcome(.failed, "could not be ended: worker (pid 71)"))
    }

    @Test func `start-all leaves survivors alone and says so`() {
        var world = withSurvivor()
        let effects = world.request(1, .startAll)
        #expect(effects.spawned == [] && only(effects)?.result == .failed)
    }

    // MARK: Reset and signal

    @Test func `reset forgets failures, the window and the count`() {
        var world = up()
        for _ in 0..<3 {
            world.exit("web", code: 1)
            world.pass(.seconds(10))
        }
        let effects = world.request(1, .reset(world.id("web")))
        #expect(only(effects)?.result == .done)
        #expect(
            effects.facts(of: "web").first == .failuresReset(reason: "reset by the operator"))
        let status = world.status("web")
        #expect(status.consecutiveFailures == 0 && status.restartCount == 0)
        #expect(status.restartsInWindow == 0 && status.health == .healthy)
        world.exit("web", code: 1)
        #expect(world.untilDeadline == .seconds(1))
    }

    @Test func `reset of one that was given up leaves it stopped, and says how to go on`() {
        var world = up { $0.restart.mode = .never }
        world.exit("web", code: 1)
        let effects = world.request(1, .reset(world.id("web")))
        #expect(only(effects)?.words.contains("reeve start") == true)
        #expect(world.lifecycle("web") == .stopped && world.health("web") == .stopped)
    }

    @Test func `a signal goes to the leader as it is`() {
        var world = up()
        let run = world.run(of: "web")
        let effects = world.request(1, .signal(world.id("web"), .user1))
        #expect(effects.actions.first == .passSignal(run, .user1))
        #expect(only(effects) == outcome(.done, "SIGUSR1 sent to pid 1001"))
        #expect(world.lifecycle("web") == .running)
    }

    @Test func `dying of the operator's signal is no failure`() {
        var world = up()
        world.request(1, .signal(world.id("web"), .kill))
        world.exit("web", .killed(.kill))
        #expect(world.status("web").consecutiveFailures == 0)
        #expect(world.lifecycle("web") == .backingOff)
        #expect(
            world.pass(.seconds(3)).facts(of: "web").contains(
                .started(
                    PID(1_002), reason: "restart: it was ended by the operator's SIGKILL")))
    }

    @Test func `a run that a signal ended is shown as no success, unless it was a stop's`() {
        var signalled = up()
        signalled.request(1, .signal(signalled.id("web"), .kill))
        signalled.exit("web", .killed(.kill))
        #expect(signalled.status("web").lastExecution?.succeeded == false)
        #expect(
            signalled.status("web").lastExit?.meaning == "was ended by the operator's SIGKILL")
        for (end, isSuccess) in [(Signal.terminate, true), (.kill, false), (.abort, false)] {
            var stopped = up()
            stopped.request(1, .stop(stopped.id("web")))
            stopped.exit("web", .killed(end))
            #expect(stopped.status("web").lastExecution?.succeeded == isSuccess)
        }
    }

    @Test func `a restart that an operator overrules is not counted`() {
        var started = up()
        started.exit("web", code: 1)
        started.request(1, .start(started.id("web"), force: false))
        #expect(started.lifecycle("web") == .starting)
        var stopped = up()
        stopped.exit("web", code: 1)
        stopped.request(1, .stop(stopped.id("web")))
        stopped.pass(.seconds(2))
        stopped.request(2, .start(stopped.id("web"), force: false))
        for world in [started, stopped] {
            #expect(world.status("web").restartCount == 0)
            #expect(world.status("web").restartsInWindow == 0)
        }
    }

    @Test func `a signal to what is not running is refused`() {
        var world = down()
        let effects = world.request(1, .signal(world.id("web"), .hangup))
        #expect(effects.replies(to: 1).map(\.refusal) == [.notRunning])
        #expect(
            only(effects)?.words == "is not running, so SIGHUP went to nobody")
    }

    @Test func `a signal to a leader that is gone is refused although its leftovers live`() {
        var world = up()
        world.exit("web", .exited(code: 1), leftovers: [process(71)])
        let effects = world.request(1, .signal(world.id("web"), .hangup))
        #expect(effects.replies(to: 1).map(\.refusal) == [.notRunning])
        #expect(effects.actions.count == 1)
    }

    // MARK: All, and the table of requests

    @Test func `start-all answers for each enabled one, as it is`() {
        var world = World.booted([
            daemon("web"), task("job"), daemon("off") { $0.enabled = false },
            daemon("gone") { $0.restart.mode = .never },
        ])
        world.exit("job", code: 0)
        world.exit("gone", code: 1)
        world.pass(.seconds(1))
        let asked = world.request(1, .startAll)
        #expect(asked.spawned == [world.id("gone")])
        let reply = world.pass(.seconds(1)).replies(to: 1).first
        #expect(reply?.outcomes.map(\.scheduler.index) == [0, 1, 3])
        #expect(reply?.outcomes.map(\.result) == [.unchanged, .unchanged, .done])
    }

    @Test func `what is asked of all is not asked of a part of reeve, and no total counts it`() {
        var world = World.booted([daemon("web"), daemon("gateway") { $0.isComponent = true }])
        world.pass(.seconds(1))
        let before = world.supervisor.status(at: world.now)
        #expect(before.total == 1 && before.healthy == 1)
        #expect(world.supervisor.components == [world.id("gateway")])
        world.request(1, .stopAll)
        world.exit("web", .killed(.terminate))
        #expect(world.lifecycle("web") == .stopped && world.lifecycle("gateway") == .running)
        #expect(world.supervisor.status(at: world.now).health == .stopped)
        // By its name it is one like the others, and what becomes of it changes no total.
        world.exit("gateway", code: 1)
        #expect(world.health("gateway") == .degraded)
        #expect(world.supervisor.status(at: world.now).total == 1)
        #expect(world.supervisor.status(at: world.now).health == .stopped)
        world.request(2, .stop(world.id("gateway")))
        #expect(world.lifecycle("gateway") == .stopped)
        #expect(world.request(3, .startAll).spawned == [world.id("web")])
    }

    @Test func `with nothing to do all requests are answered at once`() {
        var world = World.booted([])
        #expect(world.request(1, .startAll).replies(to: 1) == [Reply(outcomes: [])])
        #expect(world.request(2, .stopAll).replies(to: 2) == [Reply(outcomes: [])])
    }

    @Test func `a request that was withdrawn gets no reply and is still carried out`() {
        var world = up()
        world.request(1, .stop(world.id("web")))
        #expect(world.send(.requestWithdrawn(RequestID(1))) == [])
        world.exit("web", .killed(.terminate))
        #expect(world.lifecycle("web") == .stopped)
        #expect(world.history.replies() == [])
    }

    @Test func `a request for nobody is refused and is a defect`() {
        var world = up()
        let effects = world.request(1, .stop(SchedulerID(7)))
        #expect(effects.replies(to: 1).count == 1)
        #expect(world.request(2, .stop(SchedulerID(-1))).replies(to: 2).count == 1)
        #expect(world.overall.defects == 2)
    }

    @Test func `more requests than can wait are refused`() {
        var world = down { $0.readiness.rule = .uptime(.minutes(5)) }
        for number in 0..<UInt64(Limits.waitingRequestsMax) {
            world.request(1_000 + number, .start(world.id("web"), force: false))
        }
        let effects = world.request(1, .start(world.id("web"), force: false))
        #expect(effects.replies(to: 1).map(\.refusal) == [.tooManyRequests])
        #expect(world.pass(.minutes(5)).replies().count == Limits.waitingRequestsMax)
    }

    @Test func `a shutdown refuses new requests and answers those that wait`() {
        var world = up()
        world.request(1, .stop(world.id("web")))
        let effects = world.terminate()
        #expect(effects.replies(to: 1).map(\.refusal) == [.shuttingDown])
        for request: Request in [
            .start(world.id("web"), force: true), .stop(world.id("web")), .startAll, .stopAll,
            .reset(world.id("web")), .signal(world.id("web"), .hangup),
        ] {
            let refused = world.request(2, request)
            #expect(refused == [.reply(RequestID(2), Reply(refusal: .shuttingDown, outcomes: []))])
        }
    }

    @Test func `whatever is asked in whatever state, there is exactly one reply`() {
        let requests: [(SchedulerID) -> Request] = [
            { .start($0, force: false) }, { .stop($0) }, { .restart($0, force: true) },
            { .reset($0) }, { .signal($0, .hangup) }, { _ in .startAll }, { _ in .stopAll },
        ]
        for seed in 0..<300 {
            var random = SplitMix64(seed: UInt64(seed))
            var world = World.booted([
                daemon("web") { $0.needs("db") }, daemon("db"), task("job") { $0.needs("web") },
            ])
            world.isObedient = random.next() % 2 == 0
            for number in 0..<12 {
                let id = SchedulerID(Int(random.next() % 3))
                world.request(UInt64(number), requests[Int(random.next() % 7)](id))
                let text = ["web", "db", "job"][Int(random.next() % 3)]
                if world.status(text).pid != nil, random.next() % 3 == 0 {
                    world.exit(text, .exited(code: Int32(random.next() % 2)))
                }
                world.pass(.milliseconds(Int64(random.next() % 1_500)))
            }
            world.isObedient = true
            world.pass(.minutes(5))
            for text in ["web", "db", "job"] where world.lifecycle(text) == .stopping {
                world.exit(text, .killed(.kill))
            }
            world.pass(.minutes(5))
            for number in 0..<UInt64(12) {
                #expect(world.history.replies(to: number).count == 1, "seed \(seed) \(number)")
            }
            #expect(world.overall.defects == 0, "seed \(seed)")
        }
    }
}
