// SPDX-License-Identifier: Apache-2.0
//
// Behaviour that was once wrong, each in the smallest scene that shows it.

import Testing

@testable import ReeveCore

@Suite struct RegressionTests {
    // MARK: Text

    @Test func `negative and tiny spans read as what they are`() {
        #expect(Duration.seconds(-1).description == "-1s")
        #expect(Duration.milliseconds(-250).description == "-250ms")
        #expect(Duration(nanoseconds: -1).description == "-1ns")
        #expect(Duration(nanoseconds: 999).description == "999ns")
        #expect(Duration(nanoseconds: .min).description == "-unlimited")
    }

    @Test func `the ends of time can be written`() {
        #expect(
            WallTime(nanoseconds: .min).rfc3339(fractionDigits: 9)
                == "1677-09-21T00:12:43.145224192Z")
        #expect(
            WallTime(nanoseconds: .max).rfc3339(fractionDigits: 9)
                == "2262-04-11T23:47:16.854775807Z")
    }

    @Test func `signs and look-alikes make no signal, and every number reads back`() {
        for text in ["+15", "RTMIN++3", "RTMAX--2", "ſigterm", "sıgterm", "١٥"] {
            #expect(Signal(text) == nil, "\(text)")
        }
        for number in Int32(1)...64 {
            let signal = Signal(number: number)
            #expect(signal.flatMap { Signal($0.description) } == signal)
        }
    }

    // MARK: Ends

    @Test func `an end in the turn in which it became ready comes after that`() {
        var world = World.booted([daemon("web")])
        world.jump(to: world.now.monotonic + .seconds(1))
        let effects = world.exit("web", code: 0)
        #expect(effects.recordNames(of: "web").prefix(2) == ["ready", "exited"])
        #expect(world.status("web").consecutiveFailures == 0)
    }

    @Test func `a task that an operator's signal ended has not completed`() {
        var world = World.booted([
            task("job"), daemon("web") { $0.needs("job", .completed) },
        ])
        world.request(1, .signal(world.id("job"), .hangup))
        world.exit("job", .killed(.hangup))
        #expect(world.lifecycle("job") == .stopped)
        #expect(world.status("job").consecutiveFailures == 0)
        world.pass(.seconds(30))
        #expect(world.history.spawned == [world.id("job")])
    }

    @Test func `exit-with that an operator's signal ended ends reeve with that signal's code`() {
        var world = World.booted([task("job")]) { $0.exitWith = name("job") }
        world.request(1, .signal(world.id("job"), .terminate))
        #expect(world.exit("job", .killed(.terminate)).exitCodes == [143])
    }

    // MARK: Stops

    @Test func `the stop timeout counts from the first signal, not from the wish`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "web")
        world.request(1, .stop(world.id("web")))
        world.pass(.seconds(9))
        world.send(.spawned(run, ProcessIdentity(pid: PID(5), startTime: 1)))
        let start = world.now.monotonic
        while !world.history.contains(.kill(run)) { world.advance() }
        #expect(world.now.monotonic - start == .seconds(10))
    }

    @Test func `the stop timeout of a late spawn still ends with the shutdown's level`() {
        var world = World([daemon("web")]) { $0.gracefulTimeout = .seconds(10) }
        world.answersSpawns = false
        world.boot()
        let run = world.run(of: "web")
        world.terminate()
        world.jump(to: world.now.monotonic + .seconds(9))
        world.send(.spawned(run, ProcessIdentity(pid: PID(5), startTime: 1)))
        let start = world.now.monotonic
        while !world.history.contains(.kill(run)) { world.advance() }
        #expect(world.now.monotonic - start == .seconds(1))
    }

    @Test func `a run whose memory answer was refused is judged anew after a restart`() {
        var world = World.booted([
            daemon("web") {
                $0.memory.threshold = Bytes(50_000_000)
                $0.memory.samples = 1
                $0.memory.action = .alert
            }
        ])
        world.pass(.seconds(2))
        #expect(world.sample("web", megabytes: 60).recordNames().contains("memory-above"))
        world.exit("web", code: 1)
        world.pass(.seconds(3))
        #expect(world.sample("web", megabytes: 60).recordNames().contains("memory-above"))
    }

    // MARK: Order

    @Test func `a phase does not settle while a member is stopped for a lost dependency`() {
        var world = World.booted([
            daemon("web") {
                $0.needs("db", .started)
                $0.readiness.rule = .uptime(.seconds(20))
                $0.order.priority = 10
            },
            daemon("db") {
                $0.order.priority = 10
                $0.restart.mode = .never
            }, daemon("late"),
        ])
        let effects = world.exit("db", code: 1)
        #expect(effects.actions.contains(.signal(world.run(of: "web"), .terminate, to: .leader)))
        #expect(effects.spawned == [])
        #expect(world.exit("web", .killed(.terminate)).spawned == [])
        #expect(world.lifecycle("web") == .waitingForDependencies)
        #expect(world.pass(.seconds(60)).spawned == [world.id("late")])
    }

    @Test func `an ignore edge whose condition is met starts although the dependency is unwell`() {
        var world = World.booted([
            daemon("web") {
                $0.needs("db", .started, onFailure: .ignore)
                $0.enabled = false
            }, daemon("db") { $0.errorThreshold = 1 },
        ])
        world.exit("db", code: 1)
        world.pass(.seconds(1))
        #expect(world.health("db") == .unhealthy)
        let effects = world.request(1, .start(world.id("web"), force: false))
        #expect(effects.spawned == [world.id("web")])
    }

    @Test func `survivors that go leave what their run's end decided`() {
        for (kind, code, expected) in [
            (SchedulerSpecification.Kind.task, 0, LifecycleName.completed),
            (.task, 1, .exhausted), (.daemon, 1, .exhausted),
        ] as [(SchedulerSpecification.Kind, Int32, LifecycleName)] {
            let change: (inout SchedulerSpecification) -> Void = {
                $0.restart.mode = kind == .task && code == 0 ? .onFailure : .never
            }
            var world = World.booted([
                kind == .task ? task("web", change) : daemon("web", change)
            ])
            world.pass(.seconds(2))
            let run = world.run(of: "web")
            world.exit("web", .exited(code: code), leftovers: [process(71)])
            world.pass(.seconds(15))
            #expect(world.status("web").survivors == [process(71)])
            let effects = world.send(.surveyed(run, alive: [], reached: nil))
            #expect(effects.spawned == [])
            #expect(world.lifecycle("web") == expected)
        }
    }

    @Test func `survivors that go end reeve where their run's end was its final one`() {
        var world = World.booted([task("web")]) { $0.exitWith = name("web") }
        let run = world.run(of: "web")
        world.exit("web", .exited(code: 0), leftovers: [process(71)])
        world.pass(.seconds(15))
        #expect(world.send(.surveyed(run, alive: [], reached: nil)).exitCodes == [0])
    }

    @Test func `waiting for a phase after failures does not read as starting`() {
        var world = World.booted([
            daemon("first") { $0.order.priority = 10 },
            daemon("web") { $0.restart.mode = .never },
        ])
        world.pass(.seconds(3))
        world.exit("web", code: 1)
        world.isObedient = true
        world.request(1, .stop(world.id("first")))
        world.isObedient = false
        world.request(2, .startAll)
        #expect(world.lifecycle("web") == .waitingForPhase)
        #expect(world.health("web") == .degraded)
    }

    @Test func `an operator's start drops the back-off that a loss interrupted`() {
        var world = World.booted([daemon("web") { $0.needs("db") }, daemon("db")])
        world.pass(.seconds(3))
        for _ in 0..<4 {
            world.exit("web", code: 1)
            world.pass(.seconds(10))
        }
        world.exit("web", code: 1)
        world.isObedient = true
        world.request(1, .stop(world.id("db")))
        world.isObedient = false
        world.request(2, .start(world.id("db"), force: false))
        world.request(3, .start(world.id("web"), force: false))
        #expect(world.pass(.seconds(1)).spawned == [world.id("web")])
    }

    @Test func `a restart by the operator does not settle a phase`() {
        var world = World.booted([daemon("web") { $0.order.priority = 10 }, daemon("late")])
        world.isObedient = true
        let effects = world.request(1, .restart(world.id("web"), force: false))
        #expect(world.lifecycle("web") == .backingOff)
        #expect(effects.spawned == [])
        world.isObedient = false
        #expect(world.pass(.milliseconds(100)).spawned == [world.id("web")])
        #expect(world.pass(.seconds(1)).spawned == [world.id("late")])
    }

    @Test func `start-all starts at once what the phase that is going on waits for`() {
        var world = World.booted([
            daemon("a"), daemon("b") { $0.needs("a") },
            daemon("slow") {
                $0.needs("b")
                $0.readiness.rule = .uptime(.seconds(6))
            },
        ])
        world.pass(.seconds(3))
        world.isObedient = true
        world.request(1, .stop(world.id("a")))
        world.isObedient = false
        #expect(world.lifecycle("slow") == .waitingForDependencies)
        #expect(world.request(2, .startAll).spawned == [world.id("a")])
        world.pass(.seconds(10))
        #expect(world.history.replies(to: 2).count == 1)
    }
}
