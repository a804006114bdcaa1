// SPDX-License-Identifier: Apache-2.0
//
// Start-up by phases.

import Testing

@testable import ReeveCore

@Suite struct PhaseTests {
    private func unit(
        _ text: String, _ priority: Int,
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> SchedulerSpecification {
        daemon(text) {
            $0.order.priority = priority
            change(&$0)
        }
    }

    private func phases(_ effects: [Effect]) -> [String] {
        effects.facts.compactMap { fact in
            switch fact {
            case .phaseBegan(let phase, let members): return "\(phase) begins (\(members))"
            case .phaseEnded(let phase, let timedOut, _):
                return "\(phase) " + (timedOut ? "timed out" : "ended")
            case .startupEnded: return "over"
            default: return nil
            }
        }
    }

    @Test func `phases begin one after another, the highest priority first`() {
        var world = World.booted([
            unit("late", 0), unit("mid", 5), unit("first", 10), unit("third", 1), unit("also", 12),
        ])
        #expect(world.history.spawned.map(\.index) == [4, 2])
        #expect(world.lifecycle("mid") == .waitingForPhase && world.health("mid") == .starting)
        #expect(world.status("mid").reason == "waits for its phase")
        #expect(world.overall.phase == 1)
        #expect(world.pass(.seconds(1)).spawned.map(\.index) == [1])
        #expect(world.overall.phase == 2)
        #expect(world.pass(.seconds(1)).spawned.map(\.index) == [3])
        #expect(world.pass(.seconds(1)).spawned.map(\.index) == [0])
        #expect(!world.history.contains(.tellManager(.ready)))
        let last = world.pass(.seconds(1))
        #expect(last.contains(.tellManager(.ready)))
        #expect(last.facts.contains(.startupEnded(after: .seconds(4))))
        #expect(world.overall.phase == nil)
        #expect(
            phases(world.history) == [
                "1 begins (2)", "1 ended", "2 begins (1)", "2 ended", "3 begins (1)", "3 ended",
                "4 begins (1)", "4 ended", "over",
            ])
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `an empty phase is passed over`() {
        let world = World.booted([unit("a", 10) { $0.readiness.rule = .spawn }, unit("b", 0)])
        #expect(phases(world.history) == ["1 begins (1)", "1 ended", "4 begins (1)"])
    }

    @Test func `without staggering all start at once and no phase is named`() {
        var world = World.booted([unit("late", 0), unit("first", 10)]) {
            $0.staggeredStartup = false
        }
        #expect(world.history.spawned.map(\.index) == [1, 0])
        world.pass(.seconds(1))
        #expect(phases(world.history) == ["over"])
        #expect(world.history.contains(.tellManager(.ready)))
    }

    @Test func `without staggering dependencies are still kept`() {
        var world = World.booted([daemon("web") { $0.needs("db") }, daemon("db")]) {
            $0.staggeredStartup = false
        }
        #expect(world.history.spawned.map(\.index) == [1])
        #expect(world.pass(.seconds(1)).spawned.map(\.index) == [0])
    }

    @Test func `a phase that does not settle is left behind at its timeout, by name`() {
        var world = World.booted([
            unit("slow", 10) { $0.readiness.rule = .uptime(.minutes(5)) }, unit("quick", 10),
            unit("late", 0),
        ])
        #expect(world.pass(.milliseconds(59_999)).spawned == [])
        let effects = world.advance()
        #expect(
            effects.facts.first
                == .phaseEnded(1, timedOut: true, waitingFor: [name("slow")]))
        #expect(
            effects.records.first?.message
                == "phase 1 did not settle in time, the next one starts; still waiting for slow")
        #expect(effects.spawned.map(\.index) == [2])
        world.pass(.seconds(1))
        #expect(world.history.contains(.tellManager(.ready)))
        world.pass(.minutes(10))
        #expect(world.history.filter { $0 == .tellManager(.ready) }.count == 1)
    }

    @Test func `without staggering the timeout names what is late, and no next phase`() {
        var world = World.booted([
            unit("slow", 10) { $0.readiness.rule = .uptime(.minutes(5)) }, unit("quick", 0),
        ]) { $0.staggeredStartup = false }
        let effects = world.pass(.seconds(60))
        #expect(phases(effects) == ["over"])
        #expect(effects.contains(.tellManager(.ready)))
        let said = effects.records.first { $0.level == .warning }?.message ?? ""
        #expect(said.contains("slow") && !said.contains("next"))
    }

    @Test func `a first attempt that failed has settled`() {
        var world = World.booted([unit("bad", 10), unit("late", 0)])
        world.answersSpawns = false
        #expect(world.exit("bad", code: 1).spawned == [world.id("late")])
    }

    @Test func `a spawn that failed has settled`() {
        var world = World([unit("bad", 10), unit("late", 0)])
        world.answersSpawns = false
        world.boot()
        let failure = SpawnFailure(errno: 2, words: "no such file (ENOENT)")
        #expect(
            world.send(.spawnFailed(world.run(of: "bad"), failure)).spawned == [world.id("late")])
    }

    @Test func `a task settles when it runs, a completed one too`() {
        var world = World.booted([
            task("job") {
                $0.order.priority = 10
                $0.readiness.rule = .uptime(.minutes(1))
            }, unit("late", 0),
        ])
        #expect(world.history.spawned.map(\.index) == [0])
        #expect(world.exit("job", code: 0).spawned == [world.id("late")])
    }

    @Test func `a disabled one holds nothing up, and one that an operator stops settles`() {
        var world = World.booted([
            unit("off", 10) { $0.enabled = false },
            unit("slow", 10) { $0.readiness.rule = .uptime(.minutes(5)) }, unit("late", 0),
        ])
        #expect(world.history.spawned.map(\.index) == [1])
        world.isObedient = true
        let effects = world.request(1, .stop(world.id("slow")))
        #expect(effects.spawned.map(\.index) == [2])
    }

    @Test func `one that waits in vain for a dependency settles at its timeout`() {
        var world = World.booted([
            unit("web", 10) {
                $0.needs("ghost")
                $0.order.dependencyTimeout = .seconds(5)
            }, unit("late", 0),
        ])
        #expect(world.pass(.milliseconds(4_999)).spawned == [])
        #expect(world.advance().spawned.map(\.index) == [1])
    }

    @Test func `a dependency in a later phase moves its dependent there`() {
        var world = World.booted([
            unit("web", 10) { $0.needs("db") }, unit("db", 0), unit("other", 10),
        ])
        #expect(world.history.spawned.map(\.index) == [2])
        #expect(world.status("web").phase == 4 && world.status("web").priority == 10)
        #expect(world.pass(.seconds(1)).spawned.map(\.index) == [1])
        #expect(world.pass(.seconds(1)).spawned.map(\.index) == [0])
    }

    @Test func `nothing to supervise is ready at once`() {
        let world = World.booted([])
        #expect(
            world.history == [
                world.record(
                    .supervisorStarted(schedulers: 0, profile: .production, reason: "the default")),
                world.record(.startupEnded(after: .zero)), .tellManager(.ready),
            ])
        #expect(world.overall.health == .stopped && world.supervisor.nextDeadline == nil)
    }

    @Test func `start-all goes through the phases again, and READY is not said again`() {
        var world = World.booted([unit("late", 0), unit("first", 10)])
        world.pass(.seconds(3))
        world.isObedient = true
        world.request(1, .stopAll)
        #expect(world.overall.stopped == 2)
        world.isObedient = false
        let before = world.history.count
        #expect(world.request(2, .startAll).spawned.map(\.index) == [1])
        #expect(world.lifecycle("late") == .waitingForPhase)
        #expect(world.pass(.seconds(1)).spawned.map(\.index) == [0])
        let reply = world.pass(.seconds(1)).replies(to: 2).first
        #expect(reply?.outcomes.map(\.result) == [.done, .done])
        let later = Array(world.history.dropFirst(before))
        #expect(!later.contains(.tellManager(.ready)))
        #expect(
            phases(later) == ["1 begins (1)", "1 ended", "4 begins (1)", "4 ended"])
    }

    @Test func `start-all calls off the stops that waited for others, and nobody is lost by it`() {
        // Dependents stand before what they need.
        var world = World.booted([
            daemon("front") { $0.needs("web") }, daemon("web") { $0.needs("db") },
            daemon("db") { $0.needs("disk", onFailure: .restart) }, daemon("disk"),
        ])
        world.pass(.seconds(20))
        world.request(1, .stopAll)
        #expect(world.lifecycle("web") == .running && world.health("web") == .stopping)
        let effects = world.request(2, .startAll)
        for name in ["web", "db", "disk"] {
            #expect(effects.recordNames(of: name) == ["health-changed"], "\(name)")
            #expect(world.health(name) == .healthy)
        }
        world.exit("front", .killed(.terminate))
        world.pass(.seconds(20))
        #expect(world.history.spawned.count == 5)
        #expect(world.overall.alertCount == 0)
    }

    @Test func `start-all in the middle of start-up skips no phase`() {
        var world = World.booted([unit("late", 0), unit("first", 10)])
        #expect(world.request(1, .startAll).spawned == [])
        #expect(world.lifecycle("late") == .waitingForPhase)
        world.pass(.seconds(1))
        #expect(world.pass(.seconds(1)).replies(to: 1).count == 1)
        #expect(world.status("first").restartCount == 0)
    }

    @Test func `start-all without staggering starts at once what is down`() {
        var world = World.booted([
            unit("slow", 0) { $0.readiness.rule = .uptime(.minutes(5)) },
            unit("off", 0) { $0.stop.timeout = .seconds(1) },
        ]) { $0.staggeredStartup = false }
        world.isObedient = true
        world.request(1, .stop(world.id("off")))
        world.isObedient = false
        world.pass(.seconds(2))
        #expect(world.request(2, .startAll).spawned == [world.id("off")])
    }

    @Test func `a start of one that waits for its phase is the operator's to decide`() {
        var world = World.booted([unit("late", 0), unit("first", 10)])
        #expect(
            world.request(1, .start(world.id("late"), force: false)).spawned.map(\.index) == [0])
        world.pass(.seconds(1))
        #expect(world.history.replies(to: 1).map(\.succeeded) == [true])
        #expect(world.history.contains(.tellManager(.ready)))
    }

    @Test func `a thousand schedulers are spawned in the turn that begins their phase`() {
        var world = World((0..<1_000).map { daemon("d\($0)") { $0.readiness.rule = .spawn } })
        world.answersSpawns = false
        #expect(world.boot().spawned.count == 1_000)
    }
}
