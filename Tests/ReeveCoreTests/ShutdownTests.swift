// SPDX-License-Identifier: Apache-2.0
//
// The end of reeve: in order, in time, and with the right code.

import Testing

@testable import ReeveCore

@Suite struct ShutdownTests {
    /// `web` needs `api` needs `db`, all ready.
    private func stack(settings: (inout SupervisorSettings) -> Void = { _ in }) -> World {
        var world = World.booted(
            [daemon("web") { $0.needs("api") }, daemon("api") { $0.needs("db") }, daemon("db")],
            settings: settings)
        world.pass(.seconds(4))
        return world
    }

    private func single(
        settings: (inout SupervisorSettings) -> Void = { _ in },
        change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> World {
        var world = World.booted([daemon("web", change)], settings: settings)
        world.pass(.seconds(1))
        return world
    }

    private func signal(_ world: World, _ text: String) -> Effect {
        .signal(world.run(of: text), .terminate, to: .leader)
    }

    @Test func `levels stop in reverse order, each when the one before is gone`() {
        var world = stack()
        let began = world.terminate()
        #expect(began.first == .tellManager(.stopping))
        #expect(
            began.facts.first
                == .shutdownBegan(
                    .signal(.terminate), running: 3, gracefulTimeout: .seconds(30)))
        #expect(began.actions == [signal(world, "web")])
        #expect(world.overall.isShuttingDown)
        #expect(world.exit("web", .killed(.terminate)).actions.last == signal(world, "api"))
        #expect(world.exit("api", .killed(.terminate)).actions.last == signal(world, "db"))
        world.pass(.milliseconds(250))
        let last = world.exit("db", .killed(.terminate))
        #expect(last.actions.suffix(2) == [.sweep(nil), .exit(code: 0)])
        #expect(
            last.facts.last == .shutdownEnded(after: .milliseconds(250), code: 0, alive: []))
        #expect(last.last == .exit(code: 0))
        for text in ["web", "api", "db"] {
            #expect(world.status(text).reason == "reeve shuts down")
            #expect(world.health(text) == .stopped)
        }
    }

    @Test func `a level stops at once`() {
        var world = World.booted((0..<5).map { daemon("d\($0)") })
        world.pass(.seconds(1))
        #expect(world.terminate().actions == (0..<5).map { signal(world, "d\($0)") })
    }

    @Test func `later phases stop first`() {
        var world = World.booted([
            daemon("first") { $0.order.priority = 10 }, daemon("late"),
        ])
        world.pass(.seconds(2))
        #expect(world.terminate().actions == [signal(world, "late")])
        #expect(world.exit("late", .killed(.terminate)).actions.last == signal(world, "first"))
    }

    @Test func `without staggering only dependencies make levels`() {
        var world = World.booted([daemon("first") { $0.order.priority = 10 }, daemon("late")]) {
            $0.staggeredStartup = false
        }
        world.pass(.seconds(1))
        #expect(world.terminate().actions == [signal(world, "first"), signal(world, "late")])
    }

    @Test func `with nothing up it leaves at once`() {
        var world = World.booted([daemon("web") { $0.enabled = false }])
        #expect(world.terminate().actions == [.sweep(nil), .exit(code: 0)])
    }

    @Test func `it leaves before its first phase is through, too`() {
        var world = World.booted([
            daemon("first") { $0.order.priority = 10 }, daemon("late"),
            daemon("needy") { $0.needs("late") },
        ])
        #expect(world.terminate().actions == [signal(world, "first")])
        #expect(world.lifecycle("late") == .stopped && world.lifecycle("needy") == .stopped)
        #expect(world.exit("first", .killed(.terminate)).exitCodes == [0])
        #expect(!world.history.contains(.tellManager(.ready)))
    }

    @Test func `a spawn that is not answered yet is waited for and then stopped`() {
        var world = World([daemon("web")])
        world.answersSpawns = false
        world.boot()
        #expect(world.terminate().actions == [.abandonSpawn(world.run(of: "web"))])
        let effects = world.send(
            .spawned(world.run(of: "web"), ProcessIdentity(pid: PID(7), startTime: 1)))
        #expect(effects.actions == [signal(world, "web")])
        #expect(world.exit("web", .killed(.terminate)).exitCodes == [0])
    }

    @Test func `nothing is started any more`() {
        var world = World.booted([
            daemon("web"), daemon("down"), daemon("needy") { $0.needs("down") },
        ])
        world.pass(.seconds(2))
        world.exit("down", code: 1)
        world.terminate()
        world.exit("needy", code: 1)
        world.pass(.seconds(20))
        world.exit("web", code: 1)
        #expect(world.history.spawned.count == 3)
        #expect(world.history.exitCodes == [0])
    }

    @Test func `every level has its signal before SIGKILL, and its share of the time`() {
        var world = stack { $0.gracefulTimeout = .seconds(9) }
        world.terminate()
        let start = world.now.monotonic
        var signals: [(String, Duration)] = []
        var kills: [(String, Duration)] = []
        while let deadline = world.supervisor.nextDeadline,
            deadline < start + .seconds(9), signals.count + kills.count < 50
        {
            for effect in world.advance() {
                for text in ["web", "api", "db"] {
                    if effect == signal(world, text) {
                        signals.append((text, world.now.monotonic - start))
                    }
                    if effect == .kill(world.run(of: text)) {
                        kills.append((text, world.now.monotonic - start))
                    }
                }
            }
        }
        // Nobody ends: 9 s in three shares.
        #expect(signals.map(\.0) == ["api", "db"])
        #expect(signals.map(\.1) == [.seconds(3), .seconds(6)])
        #expect(kills.first?.0 == "web" && kills.first?.1 == .seconds(3))
        #expect(kills.first { $0.0 == "api" }?.1 == .seconds(6))
        #expect(!kills.contains { $0.0 == "db" })
        #expect(world.advance().actions.contains(.kill(world.run(of: "db"))))
        #expect(world.now.monotonic == start + .seconds(9))
    }

    @Test func `time that a level did not need is there for the next`() {
        var world = stack { $0.gracefulTimeout = .seconds(9) }
        world.terminate()
        world.pass(.seconds(1))
        world.exit("web", .killed(.terminate))
        let start = world.now.monotonic
        while !world.history.contains(.kill(world.run(of: "api"))) { world.advance() }
        #expect(world.now.monotonic - start == .seconds(5))
    }

    @Test func `a stop timeout shorter than the share is kept`() {
        var world = single(change: { $0.stop.timeout = .seconds(2) })
        world.terminate()
        let start = world.now.monotonic
        while !world.history.contains(.kill(world.run(of: "web"))) { world.advance() }
        #expect(world.now.monotonic - start == .seconds(2))
    }

    @Test func `with no time at all there is still a signal before SIGKILL`() {
        var world = stack { $0.gracefulTimeout = .zero }
        world.terminate()
        world.pass(.milliseconds(1))
        for text in ["web", "api", "db"] {
            let first = world.history.firstIndex(of: signal(world, text))
            let kill = world.history.firstIndex(of: .kill(world.run(of: text)))
            #expect(kill != nil)
            #expect((first ?? .max) < (kill ?? -1), "\(text)")
        }
    }

    @Test func `at the end of the budget everything is killed, and what is left is named`() {
        var world = single {
            $0.gracefulTimeout = .seconds(4)
            $0.forceTimeout = .seconds(2)
        } change: {
            $0.stop.timeout = .minutes(10)
        }
        let leader = world.leader(of: "web")
        world.strays = [leader]
        world.terminate()
        let forced = world.pass(.seconds(4))
        #expect(forced.actions.contains(.kill(world.run(of: "web"))))
        #expect(
            forced.facts.contains(.shutdownForced(reason: "graceful-timeout of 4s is over")))
        let ended = world.pass(.seconds(3))
        #expect(ended.facts.contains(.survived([leader])))
        #expect(ended.exitCodes == [0])
        #expect(
            ended.facts.contains { fact in
                if case .shutdownEnded(_, code: 0, alive: [leader]) = fact { return true }
                return false
            })
        #expect(ended.last == .exit(code: 0))
    }

    @Test func `every two seconds it says what it waits for`() {
        var world = single(change: { $0.stop.timeout = .seconds(7) })
        world.terminate()
        let said = world.pass(.milliseconds(6_500)).facts.filter { fact in
            if case .shutdownWaits = fact { return true }
            return false
        }
        #expect(
            said == [
                .shutdownWaits(for: [name("web")], left: .seconds(28)),
                .shutdownWaits(for: [name("web")], left: .seconds(26)),
                .shutdownWaits(for: [name("web")], left: .seconds(24)),
            ])
    }

    // MARK: Signals

    @Test func `a second signal within a second is the same one`() {
        var world = single()
        world.terminate()
        world.jump(to: world.now.monotonic + .milliseconds(999))
        #expect(world.terminate(.interrupt).actions == [])
        #expect(world.lifecycle("web") == .stopping)
    }

    @Test func `a second signal after a second forces`() {
        var world = stack()
        world.terminate()
        world.jump(to: world.now.monotonic + .seconds(1))
        let forced = world.terminate(.interrupt)
        #expect(
            forced.actions
                == [
                    .kill(world.run(of: "web")), signal(world, "api"),
                    .kill(world.run(of: "api")), signal(world, "db"), .kill(world.run(of: "db")),
                ])
        #expect(forced.facts.contains(.shutdownForced(reason: "SIGINT came again")))
        for text in ["db", "api", "web"] { world.exit(text, .killed(.kill)) }
        #expect(world.history.exitCodes == [0])
    }

    @Test func `a third signal changes nothing more`() {
        var world = single()
        world.terminate()
        world.pass(.seconds(2))
        world.terminate()
        #expect(world.terminate().actions == [])
        world.exit("web", .killed(.kill))
        #expect(world.history.exitCodes == [0])
    }

    @Test func `the terminal's end is a shutdown, and the first signal after it does not force`() {
        var world = single()
        let began = world.send(.shutdownRequested(.terminalClosed))
        #expect(began.actions == [signal(world, "web")])
        #expect(
            began.records.first?.message
                == "shutting down (the terminal went away): stopping 1 scheduler, at most 30s before SIGKILL"
        )
        world.pass(.milliseconds(1_500))
        #expect(!world.terminate().actions.contains(.kill(world.run(of: "web"))))
        world.pass(.milliseconds(1_500))
        #expect(world.terminate().actions.contains(.kill(world.run(of: "web"))))
        #expect(world.exit("web", .killed(.kill)).exitCodes == [0])
    }

    @Test func `the terminal's end said twice does not force`() {
        var world = single()
        world.send(.shutdownRequested(.terminalClosed))
        world.pass(.seconds(2))
        #expect(world.send(.shutdownRequested(.terminalClosed)).actions == [])
    }

    // MARK: Exit codes

    @Test(
        arguments: [
            (.exited(code: 3), 3), (.exited(code: 0), 0), (.killed(.kill), 137),
            (.killed(.segmentationViolation), 139),
        ] as [(ReeveCore.ExitStatus, Int32)])
    func `the final end of exit-with ends reeve with its code`(
        status: ReeveCore.ExitStatus, code: Int32
    ) {
        var world = World.booted([
            daemon("main") { $0.restart.mode = .never }, daemon("helper"),
        ]) { $0.exitWith = name("main") }
        world.pass(.seconds(1))
        let effects = world.exit("main", status)
        #expect(effects.actions.contains(signal(world, "helper")))
        #expect(
            effects.facts.contains(
                .shutdownBegan(
                    .schedulerEnded(name("main"), shellCode: code), running: 1,
                    gracefulTimeout: .seconds(30))))
        #expect(world.exit("helper", .killed(.terminate)).exitCodes == [code])
    }

    @Test func `an end of exit-with that is followed by a restart ends nothing`() {
        var world = World.booted([daemon("main")]) { $0.exitWith = name("main") }
        world.pass(.seconds(1))
        world.exit("main", code: 3)
        #expect(!world.overall.isShuttingDown)
    }

    @Test func `an operator's stop of exit-with ends nothing`() {
        var world = World.booted([task("main")]) { $0.exitWith = name("main") }
        world.isObedient = true
        world.request(1, .stop(world.id("main")))
        #expect(world.lifecycle("main") == .stopped && !world.overall.isShuttingDown)
    }

    @Test(arguments: [(2, 127), (13, 126), (11, 126)] as [(Int32, Int32)])
    func `exit-with that cannot be started gives what a shell would`(errno: Int32, code: Int32) {
        var world = World([task("main") { $0.restart.mode = .never }]) {
            $0.exitWith = name("main")
        }
        world.answersSpawns = false
        world.boot()
        let failure = SpawnFailure(errno: errno, words: "it failed")
        #expect(world.send(.spawnFailed(world.run(of: "main"), failure)).exitCodes == [code])
    }

    @Test func `exit-with waits for what its leader left behind`() {
        var world = World.booted([task("main")]) { $0.exitWith = name("main") }
        let run = world.run(of: "main")
        world.exit("main", .exited(code: 0), leftovers: [process(71)])
        #expect(!world.overall.isShuttingDown)
        #expect(world.send(.surveyed(run, alive: [], reached: nil)).exitCodes == [0])
    }

    @Test func `exit-with that timed out gives the code of its end`() {
        var world = World.booted([
            task("main") {
                $0.timeout = .seconds(2)
                $0.restart.mode = .never
            }
        ]) { $0.exitWith = name("main") }
        world.isObedient = true
        #expect(world.pass(.seconds(2)).exitCodes == [143])
    }

    @Test func `when-exhausted = exit ends reeve with that scheduler's code`() {
        var world = World.booted([
            daemon("web") {
                $0.restart.maxRestarts = 1
                $0.restart.whenExhausted = .exit
            }, daemon("other"),
        ])
        world.pass(.seconds(1))
        world.exit("web", code: 1)
        world.pass(.seconds(2))
        let effects = world.exit("web", code: 9)
        let end = effects.records.first { $0.name == "exhausted" }
        #expect(end?.message.hasSuffix("; reeve ends with it (when-exhausted = \"exit\")") == true)
        #expect(effects.actions.contains(signal(world, "other")))
        #expect(world.exit("other", .killed(.terminate)).exitCodes == [9])
    }

    @Test func `an operator's signal comes first, whoever ends during the shutdown`() {
        var world = World.booted([task("main"), daemon("web")]) { $0.exitWith = name("main") }
        world.pass(.seconds(1))
        world.terminate()
        world.exit("main", code: 7)
        #expect(world.exit("web", .killed(.terminate)).exitCodes == [0])
    }

    // MARK: Strays

    @Test func `strays get SIGTERM, then SIGKILL after two seconds, until they are gone`() {
        var world = single()
        world.strays = nil
        world.terminate()
        #expect(world.exit("web", .killed(.terminate)).actions.last == .sweep(nil))
        let stray = process(90, "daemonized")
        let asked = world.send(.swept(alive: [stray]))
        #expect(asked.actions == [.sweep(.terminate)])
        #expect(asked.records.first?.message.contains("daemonized (pid 90)") == true)
        let start = world.now.monotonic
        #expect(world.send(.swept(alive: [stray])).actions == [])
        var looks: [Effect] = []
        while world.now.monotonic < start + .seconds(2) {
            looks += world.advance().actions
            world.send(.swept(alive: [stray]))
        }
        #expect(looks.dropLast().allSatisfy { $0 == .sweep(nil) })
        #expect(looks.last == .sweep(.kill))
        #expect((30...42).contains(looks.count))
        let named = world.history.records.last?.message
        #expect(named == "SIGKILL to what belongs to no run: daemonized (pid 90)")
        #expect(world.advance() == [.sweep(.kill)])
        let ended = world.send(.swept(alive: []))
        #expect(ended.exitCodes == [0] && ended.last == .exit(code: 0))
    }

    @Test func `strays that end at SIGTERM end the shutdown soon`() {
        var world = single()
        world.strays = nil
        world.terminate()
        world.exit("web", .killed(.terminate))
        world.send(.swept(alive: [process(90)]))
        #expect(world.send(.swept(alive: [])).exitCodes == [0])
    }

    @Test func `strays that cannot die are named, and reeve leaves`() {
        var world = single {
            $0.gracefulTimeout = .seconds(4)
            $0.forceTimeout = .seconds(1)
        }
        let stray = process(90, "stuck")
        world.strays = [stray]
        world.terminate()
        world.exit("web", .killed(.terminate))
        let start = world.now.monotonic
        world.pass(.seconds(60))
        #expect(world.history.exitCodes == [0])
        guard case .record(let record)? = world.history.dropLast().last else {
            Issue.record("the last words are missing")
            return
        }
        #expect(record.name == "shutdown-ended" && record.level == .error)
        #expect(record.message.contains("still alive: stuck (pid 90)"))
        #expect(record.at - World.start.wall <= (start - World.start.monotonic) + .seconds(6))
    }

    @Test func `a second signal during the sweep kills the strays`() {
        var world = single()
        world.strays = nil
        world.terminate()
        world.pass(.seconds(2))
        world.exit("web", .killed(.terminate))
        world.send(.swept(alive: [process(90)]))
        world.send(.swept(alive: [process(90)]))
        world.terminate()
        #expect(world.advance().actions == [.sweep(.kill)])
    }

    @Test func `an answer to a sweep that nobody asked for is a defect`() {
        var world = single()
        #expect(world.send(.swept(alive: [])).recordNames() == ["defect"])
    }

    @Test func `what was stopping for another reason ends in the shutdown as well`() {
        var world = World.booted([
            daemon("mem") {
                $0.memory.threshold = Bytes(1)
                $0.memory.samples = 1
            }, task("late") { $0.timeout = .seconds(2) }, daemon("left"), daemon("again"),
        ])
        world.pass(.seconds(1))
        world.sample("mem", megabytes: 1)
        world.exit("left", .exited(code: 1), leftovers: [process(71)])
        world.pass(.seconds(1))
        world.request(1, .restart(world.id("again"), force: false))
        world.terminate()
        for text in ["mem", "late", "again"] { world.exit(text, .killed(.terminate)) }
        #expect(
            world.send(.surveyed(world.run(of: "left"), alive: [], reached: nil)).exitCodes == [0])
        for text in ["mem", "late", "left", "again"] {
            #expect(world.lifecycle(text) == .stopped)
            #expect(world.status(text).reason == "reeve shuts down", "\(text)")
        }
    }

    @Test func `survivors of an earlier stop do not hold it up`() {
        var world = single()
        world.request(1, .stop(world.id("web")))
        world.pass(.seconds(10))
        world.exit("web", .killed(.kill), leftovers: [process(71)])
        world.pass(.seconds(5))
        #expect(world.status("web").survivors == [process(71)])
        #expect(world.terminate().exitCodes == [0])
    }

    @Test func `whatever dies and whatever does not, it ends in time, and with exit last`() {
        for seed in 0..<300 {
            var random = SplitMix64(seed: UInt64(seed))
            let names = (0..<5).map { "d\($0)" }
            var world = World.booted(
                names.enumerated().map { index, text in
                    daemon(text) { specification in
                        specification.order.priority = Int(random.next() % 12)
                        specification.stop.timeout = .seconds(Int64(random.next() % 20))
                        if index > 0, random.next() % 2 == 0 {
                            specification.needs("d\(random.next() % UInt64(index))")
                        }
                    }
                }
            ) {
                $0.gracefulTimeout = .seconds(Int64(random.next() % 10))
                $0.forceTimeout = .seconds(Int64(random.next() % 4))
                $0.staggeredStartup = random.next() % 2 == 0
            }
            world.pass(.milliseconds(Int64(random.next() % 8_000)))
            world.isObedient = random.next() % 3 == 0
            if random.next() % 3 == 0 { world.strays = [process(90)] }
            world.terminate()
            let limit = world.now.monotonic + .seconds(9 + 3 + 2)
            while world.history.exitCodes.isEmpty, world.now.monotonic <= limit {
                let text = names[Int(random.next() % 5)]
                if random.next() % 4 == 0, world.status(text).pid != nil {
                    world.exit(text, .killed(.terminate))
                } else if world.supervisor.nextDeadline == nil {
                    break
                } else {
                    world.advance()
                }
            }
            #expect(world.history.exitCodes == [0], "seed \(seed)")
            #expect(world.history.last == .exit(code: 0), "seed \(seed)")
            #expect(world.now.monotonic <= limit, "seed \(seed)")
            #expect(world.overall.defects == 0, "seed \(seed)")
        }
    }
}
