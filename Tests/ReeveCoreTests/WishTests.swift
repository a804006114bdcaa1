// SPDX-License-Identifier: Apache-2.0
//
// What an operator wants holds beyond the end of reeve: it is kept as it is asked for, and obeyed by the
// next supervisor.

import Testing

@testable import ReeveCore

@Suite struct WishTests {
    private func wishes(_ effects: [Effect]) -> [String] {
        effects.compactMap {
            guard case .keep(let id, let wish) = $0 else { return nil }
            return "\(id.index) \(wish?.rawValue ?? "nothing")"
        }
    }

    @Test func `a stop is kept before it is answered, a start takes it back, once each`() {
        var world = World.booted([daemon("web")])
        world.isObedient = true
        world.pass(.seconds(1))
        let web = world.id("web")
        let stop = world.request(1, .stop(web))
        #expect(wishes(stop) == ["0 stopped"])
        let kept = stop.firstIndex(of: .keep(web, .stopped))
        let answered = stop.firstIndex { if case .reply = $0 { true } else { false } }
        #expect((kept ?? .max) < (answered ?? .min))
        #expect(wishes(world.request(2, .stop(web))) == [])
        #expect(wishes(world.request(3, .start(web, force: false))) == ["0 nothing"])
        #expect(wishes(world.request(4, .start(web, force: false))) == [])
    }

    @Test func `stop-all and start-all keep what they do to each`() {
        var world = World.booted([daemon("a"), daemon("b") { $0.enabled = false }, daemon("c")])
        world.isObedient = true
        world.pass(.seconds(1))
        #expect(wishes(world.request(1, .stopAll)) == ["0 stopped", "2 stopped"])
        #expect(wishes(world.request(2, .startAll)) == ["0 nothing", "2 nothing"])
    }

    @Test func `start-all takes a stop back from what has completed, too`() {
        var world = World.booted([task("once")])
        world.isObedient = true
        world.exit("once", code: 0)
        #expect(wishes(world.request(1, .stopAll)) == ["0 stopped"])
        let effects = world.request(2, .startAll)
        #expect(wishes(effects) == ["0 nothing"])
        #expect(effects.spawned == [])
        // And it follows the schedule that it is given then.
        world.reload([scheduled("once", .interval(.seconds(10)))])
        world.pass(.seconds(10))
        #expect(world.lifecycle("once") == .running)
    }

    @Test func `a restart takes a stop back`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(1))
        world.request(1, .stop(world.id("web")))
        #expect(wishes(world.request(2, .restart(world.id("web"), force: false))) == ["0 nothing"])
    }

    @Test func `neither a shutdown nor what a scheduler does by itself is kept`() {
        var world = World.booted([daemon("web"), task("once")])
        world.isObedient = true
        world.pass(.seconds(1))
        world.exit("once", code: 0)
        world.exit("web", code: 1)
        world.request(1, .reset(world.id("web")))
        world.terminate()
        world.pass(.seconds(60))
        #expect(wishes(world.history) == [])
    }

    @Test func `what was stopped stays stopped, is said, and holds up no phase`() throws {
        let name = try #require(SchedulerName("web"))
        let gone = try #require(SchedulerName("gone"))
        var world = World(
            [daemon("web") { $0.order.priority = 10 }, daemon("other")],
            wishes: [(gone, .stopped), (name, .stopped)])
        world.isObedient = true
        let boot = world.boot()
        #expect(boot.facts(of: "web").contains(.staysStopped))
        #expect(boot.spawned.count == 1)
        #expect(world.lifecycle("other") == .starting)
        world.pass(.seconds(1))
        #expect(world.health("web") == .stopped)
        #expect(
            world.status("web").reason
                == "stopped by the operator before reeve was started, and stays so")
        #expect(world.overall.phase == nil)
        // A stop of it changes nothing, a start takes it back and starts it.
        let stop = world.request(1, .stop(world.id("web")))
        #expect(
            wishes(stop) == [] && stop.replies(to: 1).first?.outcomes.first?.result == .unchanged)
        let start = world.request(2, .start(world.id("web"), force: false))
        #expect(wishes(start) == ["0 nothing"] && start.spawned.count == 1)
    }

    @Test func `start-all starts what stayed stopped`() throws {
        let name = try #require(SchedulerName("web"))
        var world = World([daemon("web")], wishes: [(name, .stopped)])
        world.boot()
        let effects = world.request(1, .startAll)
        #expect(wishes(effects) == ["0 nothing"] && effects.spawned.count == 1)
    }

    @Test func `a pause and a stop are kept beside each other`() {
        var world = World.booted([scheduled("job", .cron("* * * * *"))])
        let job = world.id("job")
        #expect(wishes(world.request(1, .pause(job))) == ["0 paused"])
        #expect(wishes(world.request(2, .pause(job))) == [])
        #expect(wishes(world.request(3, .stop(job))) == ["0 stopped-and-paused"])
        #expect(wishes(world.request(4, .start(job, force: false))) == ["0 paused"])
        #expect(wishes(world.request(5, .resume(job))) == ["0 nothing"])
    }

    @Test func `what was paused stays paused, and what passes meanwhile is paused, not missed`() {
        var world = World.booted([
            scheduled("job", .cron("* * * * *")) { $0.runOnStart = true },
            scheduled("boot", .cron("@reboot")),
        ])
        for name in ["job", "boot"] { world.exit(name, code: 0) }
        world.pass(.seconds(30))
        world.exit("job", code: 0)
        world.request(1, .pause(world.id("job")))
        world.request(2, .pause(world.id("boot")))
        world.pass(.seconds(60))
        world.replaceSupervisor(after: .seconds(240), boot: "B")
        #expect(world.history.facts(of: "job").contains(.staysPaused))
        #expect(world.lifecycle("job") == .idle && world.lifecycle("boot") == .idle)
        #expect(world.status("job").isPaused)
        #expect(world.supervisor.nextWallDeadline == nil)
        let outcomes = world.ledger.suffix(3).map { entry in
            "\(entry.scheduler) \(entry.count) \(entry.event)"
        }
        #expect(
            outcomes == [
                "job 5 ended(ReeveCore.LedgerEntry.Outcome.paused, "
                    + "reason: \"the scheduler was paused\", run: nil)",
                "job 1 ended(ReeveCore.LedgerEntry.Outcome.paused, "
                    + "reason: \"the scheduler is paused\", run: nil)",
                "boot 1 ended(ReeveCore.LedgerEntry.Outcome.paused, "
                    + "reason: \"the scheduler is paused\", run: nil)",
            ])
        world.request(3, .resume(world.id("job")))
        world.pass(.seconds(60))
        #expect(world.lifecycle("job") == .running)
        world.replaceSupervisor(after: .seconds(1), boot: "B")
        #expect(!world.status("job").isPaused && world.status("boot").isPaused)
    }

    @Test func `what comes back with a reload is started, and a pause of it goes on`() {
        let job = scheduled("job", .cron("* * * * *"))
        var world = World.booted([daemon("web"), job])
        world.isObedient = true
        world.request(1, .stop(world.id("web")))
        world.request(2, .pause(world.id("job")))
        for schedulers in [[], [daemon("web"), job]] {
            world.send(.reloadRequested(reason: "test"))
            world.send(.configurationLoaded(Specification(schedulers: schedulers)))
        }
        #expect(wishes(world.history) == ["0 stopped", "1 paused", "0 nothing"])
        world.pass(.milliseconds(100))
        #expect(world.lifecycle("web") == .starting)
        #expect(world.status("job").isPaused && world.supervisor.nextWallDeadline == nil)
    }

    @Test func `a dependent of what stayed stopped waits for it`() throws {
        let name = try #require(SchedulerName("base"))
        var world = World(
            [daemon("base"), daemon("top") { $0.order.dependencies = [Dependency(name: name)] }],
            wishes: [(name, .stopped)])
        world.boot()
        #expect(world.lifecycle("top") == .waitingForDependencies)
        world.request(1, .start(world.id("base"), force: false))
        world.pass(.seconds(2))
        #expect(world.lifecycle("top") == .running)
    }
}
