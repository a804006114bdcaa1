// SPDX-License-Identifier: Apache-2.0
//
// What waits for whom, what follows a loss, and how it comes back.

import Testing

@testable import ReeveCore

@Suite struct DependencyStartTests {
    /// `web` needs `db`, which is ready after 1 s.
    private func pair(
        _ condition: Dependency.Condition, db: SchedulerSpecification = daemon("db"),
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> World {
        World.booted([
            daemon("web") {
                $0.needs("db", condition)
                change(&$0)
            }, db,
        ])
    }

    @Test func `a dependency is started first and waited for`() {
        var world = pair(.healthy)
        #expect(world.history.spawned == [world.id("db")])
        #expect(world.lifecycle("web") == .waitingForDependencies)
        #expect(world.health("web") == .starting)
        #expect(world.status("web").reason == "waits for its dependencies: db (starting)")
        #expect(world.history.facts(of: "web").first == .waiting(for: [name("db")]))
        #expect(world.pass(.milliseconds(999)).spawned == [])
        #expect(world.advance().spawned == [world.id("web")])
        #expect(world.status("web").dependencies.map(\.isMet) == [true])
    }

    @Test func `started is met as soon as the program runs`() {
        var world = World([daemon("web") { $0.needs("db", .started) }, daemon("db")])
        world.answersSpawns = false
        world.boot()
        #expect(world.history.spawned == [world.id("db")])
        let effects = world.send(
            .spawned(world.run(of: "db"), ProcessIdentity(pid: PID(1), startTime: 1)))
        #expect(effects.spawned == [world.id("web")])
    }

    @Test func `ready is met when it is ready, though it had failed before`() {
        var world = pair(.ready)
        world.exit("db", code: 1)
        world.pass(.seconds(1))
        #expect(world.lifecycle("web") == .waitingForDependencies)
        #expect(world.pass(.seconds(1)).spawned == [world.id("web")])
        #expect(world.health("db") == .degraded)
    }

    @Test func `healthy is met by degraded`() {
        var world = pair(.healthy)
        world.exit("db", code: 1)
        world.pass(.seconds(2))
        #expect(world.health("db") == .degraded && world.lifecycle("web") == .starting)
    }

    @Test func `completed is met by a task's success alone`() {
        var world = pair(.completed, db: task("db"))
        world.pass(.seconds(5))
        #expect(world.lifecycle("web") == .waitingForDependencies)
        world.exit("db", code: 1)
        #expect(world.lifecycle("web") == .waitingForDependencies)
        world.pass(.seconds(1))
        #expect(world.exit("db", code: 0).spawned == [world.id("web")])
    }

    @Test func `a completed task meets every condition`() {
        for condition in Dependency.Condition.allCases {
            var world = pair(condition, db: task("db") { $0.readiness.rule = .uptime(.minutes(1)) })
            world.exit("db", code: 0)
            #expect(world.lifecycle("web") == .starting, "\(condition)")
        }
    }

    @Test func `a chain starts one after another, and equals by priority`() {
        var world = World([
            daemon("c") {
                $0.needs("b", .started)
                $0.order.priority = -1
            },
            daemon("b") {
                $0.needs("a", .started)
                $0.order.priority = -1
            },
            daemon("a") { $0.order.priority = -1 }, daemon("x") { $0.order.priority = -3 },
            daemon("y"),
        ])
        world.boot()
        #expect(
            world.history.spawned.map(\.index).prefix(3) == [4, 2, 3],
            "roots by priority, then by their place in the file")
        #expect(world.history.spawned.map(\.index).suffix(2) == [1, 0])
    }

    @Test func `after the dependency timeout it is unhealthy and still starts when it is met`() {
        var world = pair(
            .ready, db: daemon("db") { $0.readiness.rule = .uptime(.seconds(90)) })
        #expect(world.pass(.milliseconds(59_999)).facts(of: "web") == [])
        let effects = world.advance()
        #expect(
            effects.facts(of: "web")
                == [
                    .dependencyTimedOut(waitingFor: [name("db")], timeout: .seconds(60)),
                    .healthChanged(
                        from: .starting, to: .unhealthy,
                        reason: "its dependencies were not met in time"),
                ])
        #expect(world.health("web") == .unhealthy)
        #expect(world.lifecycle("web") == .waitingForDependencies)
        #expect(world.pass(.seconds(30)).spawned == [world.id("web")])
        #expect(world.health("web") == .starting)
    }

    @Test func `a disabled dependency is waited for, and named`() {
        var world = pair(.healthy, db: daemon("db") { $0.enabled = false })
        world.pass(.seconds(61))
        #expect(world.health("web") == .unhealthy)
        #expect(
            world.status("web").reason
                == "its dependencies were not met in time: db (stopped)")
        world.request(1, .start(world.id("db"), force: false))
        #expect(world.pass(.seconds(1)).spawned == [world.id("web")])
    }

    @Test func `an unknown dependency is never met`() {
        var world = World.booted([daemon("web") { $0.needs("ghost") }])
        #expect(world.lifecycle("web") == .waitingForDependencies)
        #expect(world.status("web").reason == "waits for its dependencies: ghost (unknown)")
        world.pass(.seconds(100))
        #expect(world.history.spawned == [] && world.health("web") == .unhealthy)
    }

    @Test func `members of a cycle never start, and say which it is`() {
        var world = World.booted([
            daemon("a") { $0.needs("b") }, daemon("b") { $0.needs("a") },
            daemon("c") { $0.needs("a") }, daemon("d"),
        ])
        world.pass(.seconds(200))
        #expect(world.history.spawned == [world.id("d")])
        for text in ["a", "b", "c"] {
            #expect(world.lifecycle(text) == .stopped && world.health(text) == .unhealthy)
            #expect(world.status(text).reason == "its dependencies form a cycle: a -> b -> a")
        }
        let effects = world.request(1, .start(world.id("a"), force: false))
        #expect(effects.replies(to: 1).map(\.succeeded) == [false])
        #expect(effects.spawned == [])
    }

    @Test func `a restart waits for its dependencies too`() {
        var world = pair(.ready)
        world.pass(.seconds(3))
        #expect(world.lifecycle("web") == .running)
        world.exit("web", code: 1)
        world.exit("db", code: 1)
        // Both are due at one instant; db is not ready yet.
        world.pass(.seconds(1))
        #expect(world.lifecycle("db") == .starting)
        #expect(world.lifecycle("web") == .waitingForDependencies)
        #expect(world.pass(.seconds(1)).spawned == [world.id("web")])
    }
}

@Suite struct DependencyLossTests {
    /// Both up and ready; `db` is unhealthy from its second failure on.
    private func up(
        _ onFailure: Dependency.OnFailure, condition: Dependency.Condition = .healthy,
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> World {
        var world = World.booted([
            daemon("web") { $0.needs("db", condition, onFailure: onFailure) },
            daemon("db") {
                $0.errorThreshold = 2
                $0.restart.resetAfter = .seconds(10)
                change(&$0)
            },
        ])
        world.pass(.seconds(3))
        return world
    }

    /// Two exits, the second of which makes `db` unhealthy; returns its effects.
    private func lose(_ world: inout World) -> [Effect] {
        world.exit("db", code: 1)
        world.pass(.seconds(1))
        return world.exit("db", code: 1)
    }

    @Test func `an exit that it recovers from moves no dependent`() {
        for onFailure in Dependency.OnFailure.allCases {
            var world = up(onFailure)
            let effects = world.exit("db", code: 1)
            #expect(effects.facts(of: "web") == [])
            #expect(world.pass(.seconds(20)).facts(of: "web") == [])
            #expect(world.lifecycle("web") == .running && world.health("web") == .healthy)
        }
    }

    @Test func `one that is lost is shown as not met, though it runs`() {
        for (onFailure, isMet) in [(Dependency.OnFailure.stop, false), (.ignore, true)] {
            var world = up(onFailure, condition: .started)
            world.isObedient = true
            _ = lose(&world)
            world.pass(.seconds(3))
            #expect(world.lifecycle("db") == .running && world.health("db") == .unhealthy)
            #expect(world.status("web").dependencies.map(\.isMet) == [isMet], "\(onFailure)")
        }
    }

    @Test func `stop - the dependent is stopped, waits, and comes back without a restart counted`()
    {
        var world = up(.stop)
        let run = world.run(of: "web")
        let effects = lose(&world)
        #expect(
            effects.facts(of: "web").first
                == .dependencyLost(
                    name("db"), action: .stop,
                    reason: "2 failures in a row, the last: failed with exit code 1"))
        #expect(effects.actions.contains(.signal(run, .terminate, to: .leader)))
        world.exit("web", .killed(.terminate))
        #expect(world.lifecycle("web") == .waitingForDependencies)
        #expect(world.health("web") == .unhealthy)
        #expect(world.status("web").reason == "its dependency db is lost: db (unhealthy)")
        world.pass(.seconds(3))
        #expect(world.lifecycle("db") == .running && world.health("db") == .unhealthy)
        let back = world.pass(.seconds(10))
        #expect(back.spawned == [world.id("web")])
        #expect(back.facts(of: "web").contains(.dependencyBack(name("db"))))
        #expect(
            back.facts(of: "web").contains { fact in
                if case .started(_, reason: "db is back") = fact { return true }
                return false
            })
        let status = world.status("web")
        #expect(status.restartCount == 0 && status.restartsInWindow == 0)
        #expect(status.consecutiveFailures == 0)
        world.pass(.seconds(1))
        #expect(world.health("web") == .healthy && world.overall.health == .healthy)
    }

    @Test func `restart - it runs on unhealthy and is restarted once, when the dependency is back`()
    {
        var world = up(.restart)
        let run = world.run(of: "web")
        let effects = lose(&world)
        #expect(effects.recordNames(of: "web") == ["dependency-lost", "health-changed"])
        #expect(world.lifecycle("web") == .running && world.health("web") == .unhealthy)
        world.isObedient = true
        let back = world.pass(.seconds(20))
        #expect(back.actions.contains(.signal(run, .terminate, to: .leader)))
        #expect(back.spawned == [world.id("db"), world.id("web")])
        #expect(back.facts(of: "web").contains(.dependencyBack(name("db"))))
        #expect(world.status("web").restartCount == 0)
        #expect(world.pass(.seconds(100)).facts(of: "web") == [])
        #expect(world.health("web") == .healthy)
    }

    @Test func `ignore - it goes on, degraded, and says so once`() {
        var world = up(.ignore)
        let effects = lose(&world)
        #expect(effects.recordNames(of: "web") == ["dependency-lost", "health-changed"])
        #expect(world.lifecycle("web") == .running && world.health("web") == .degraded)
        #expect(world.status("web").reason == "its dependency db is lost")
        let back = world.pass(.seconds(20))
        #expect(back.recordNames(of: "web") == ["health-changed"])
        #expect(world.health("web") == .healthy)
    }

    @Test func `a dependency that gives up is lost`() {
        var world = up(.stop) {
            $0.restart.maxRestarts = 0
            $0.restart.whenExhausted = .fail
        }
        let run = world.run(of: "web")
        let effects = world.exit("db", code: 1)
        #expect(world.lifecycle("db") == .exhausted)
        #expect(effects.actions.contains(.signal(run, .terminate, to: .leader)))
        world.exit("web", .killed(.terminate))
        let later = world.pass(.seconds(60))
        #expect(later.recordNames(of: "web") == ["dependency-timed-out"])
        #expect(world.health("web") == .unhealthy)
        world.request(1, .start(world.id("db"), force: false))
        #expect(world.pass(.seconds(1)).spawned == [world.id("web")])
    }

    @Test func `a dependent that is backing off keeps its delay while the dependency flaps`() {
        var world = up(.stop)
        for _ in 0..<4 {
            world.exit("web", code: 1)
            world.pass(.seconds(10))
        }
        world.exit("web", code: 1)
        let due = world.now.monotonic + .seconds(16)
        world.request(1, .stop(world.id("db")))
        #expect(
            world.history.facts(of: "web").last { fact in
                if case .dependencyLost = fact { return true }
                return false
            } != nil)
        world.exit("db", .killed(.terminate))
        world.pass(.seconds(1))
        world.request(2, .start(world.id("db"), force: false))
        while world.lifecycle("web") != .starting, world.now.monotonic < due + .seconds(60) {
            world.advance()
        }
        #expect(world.now.monotonic >= due)
    }

    @Test func `the loss of a middle one runs up the chain and back down`() {
        var world = World.booted([
            daemon("top") { $0.needs("mid") }, daemon("mid") { $0.needs("low") },
            daemon("low") { $0.errorThreshold = 1 },
        ])
        world.pass(.seconds(3))
        #expect(world.overall.healthy == 3)
        let effects = world.exit("low", code: 1)
        // The topmost is signalled first; the others follow as it ends.
        #expect(
            effects.actions.filter { $0 != .forget(world.run(of: "low")) }
                == [.signal(world.run(of: "top"), .terminate, to: .leader)])
        let next = world.exit("top", .killed(.terminate))
        #expect(next.actions.contains(.signal(world.run(of: "mid"), .terminate, to: .leader)))
        world.exit("mid", .killed(.terminate))
        #expect(world.lifecycle("mid") == .waitingForDependencies)
        #expect(world.lifecycle("top") == .waitingForDependencies)
        world.pass(.seconds(1 + 61 + 2))
        #expect(world.overall.healthy == 3)
        #expect(["top", "mid"].allSatisfy { world.status($0).restartCount == 0 })
    }

    @Test func `two lost dependencies restart a dependent once`() {
        var world = World.booted([
            daemon("web") {
                $0.needs("a", onFailure: .restart)
                $0.needs("b", onFailure: .restart)
            }, daemon("a") { $0.errorThreshold = 1 }, daemon("b") { $0.errorThreshold = 1 },
        ])
        world.pass(.seconds(3))
        world.isObedient = true
        world.exit("a", code: 1)
        world.exit("b", code: 1)
        let effects = world.pass(.seconds(200))
        #expect(effects.spawned.filter { $0 == world.id("web") }.count == 1)
        #expect(world.overall.healthy == 3)
    }
}

@Suite struct OperatorStopOfDependencyTests {
    private func stack() -> World {
        var world = World.booted([
            daemon("top") { $0.needs("mid") }, daemon("mid") { $0.needs("low") }, daemon("low"),
            daemon("beside") { $0.needs("low", onFailure: .ignore) },
        ])
        world.pass(.seconds(4))
        return world
    }

    @Test func `its dependents are stopped first, topmost first, and named`() {
        var world = stack()
        let asked = world.request(1, .stop(world.id("low")))
        #expect(asked.actions == [.signal(world.run(of: "top"), .terminate, to: .leader)])
        #expect(world.health("low") == .stopping)
        #expect(
            asked.facts(of: "mid").first
                == .dependencyLost(name("low"), action: .stop, reason: "stopped by the operator"))
        let second = world.exit("top", .killed(.terminate))
        #expect(second.actions.last == .signal(world.run(of: "mid"), .terminate, to: .leader))
        let third = world.exit("mid", .killed(.terminate))
        #expect(third.actions.last == .signal(world.run(of: "low"), .terminate, to: .leader))
        #expect(third.replies() == [])
        let last = world.exit("low", .killed(.terminate))
        let reply = last.replies(to: 1).first
        #expect(reply?.outcomes.map(\.result) == [.done])
        #expect(reply?.outcomes.first?.words.contains("mid") == true)
        #expect(reply?.outcomes.first?.words.contains("top") == true)
        #expect(world.lifecycle("beside") == .running && world.health("beside") == .degraded)
        #expect(world.lifecycle("top") == .waitingForDependencies)
    }

    @Test func `they come back with it`() {
        var world = stack()
        world.isObedient = true
        world.request(1, .stop(world.id("low")))
        #expect(world.history.replies(to: 1).count == 1)
        world.isObedient = false
        let effects = world.request(2, .start(world.id("low"), force: false))
        #expect(effects.spawned == [world.id("low")])
        #expect(world.pass(.seconds(1)).spawned == [world.id("mid")])
        #expect(world.pass(.seconds(1)).spawned == [world.id("top")])
        world.pass(.seconds(1))
        #expect(world.overall.healthy == 4)
        #expect(["top", "mid", "low"].allSatisfy { world.status($0).restartCount == 0 })
    }

    @Test func `a start in the middle of it calls it off`() {
        var world = stack()
        let low = world.run(of: "low")
        world.request(1, .stop(world.id("low")))
        let effects = world.request(2, .start(world.id("low"), force: false))
        #expect(effects.replies(to: 2).map(\.succeeded) == [true])
        world.isObedient = true
        world.exit("top", .killed(.terminate))
        world.pass(.seconds(20))
        #expect(world.run(of: "low") == low)
        #expect(world.overall.healthy == 4)
        #expect(world.history.replies(to: 1).map(\.succeeded) == [false])
    }

    @Test func `a stop that waits for a dependent goes on when that one is wanted up again`() {
        var world = World.booted([
            daemon("web") { $0.needs("db", onFailure: .ignore) }, daemon("db"),
        ])
        world.pass(.seconds(4))
        world.request(1, .stopAll)
        #expect(world.lifecycle("web") == .stopping && world.lifecycle("db") == .running)
        let effects = world.request(2, .restart(world.id("web"), force: false))
        #expect(effects.actions.last == .signal(world.run(of: "db"), .terminate, to: .leader))
        #expect(world.lifecycle("db") == .stopping)
    }

    @Test func `a restart of a dependency leaves its dependents up`() {
        var world = stack()
        world.isObedient = true
        let effects = world.request(1, .restart(world.id("low"), force: false))
        #expect(effects.spawned == [world.id("low")])
        #expect(world.pass(.seconds(1)).replies(to: 1).map(\.succeeded) == [true])
        #expect(world.lifecycle("mid") == .running && world.lifecycle("top") == .running)
    }

    @Test func `stop-all goes from the top down, over ignore edges too`() {
        var world = stack()
        let asked = world.request(1, .stopAll)
        #expect(
            asked.actions == [
                .signal(world.run(of: "top"), .terminate, to: .leader),
                .signal(world.run(of: "beside"), .terminate, to: .leader),
            ])
        world.exit("top", .killed(.terminate))
        world.exit("mid", .killed(.terminate))
        #expect(world.lifecycle("low") == .running)
        let last = world.exit("beside", .killed(.terminate))
        #expect(last.actions.last == .signal(world.run(of: "low"), .terminate, to: .leader))
        let reply = world.exit("low", .killed(.terminate)).replies(to: 1).first
        #expect(reply?.outcomes.map(\.scheduler.index) == [0, 1, 2, 3])
        #expect(reply?.outcomes.allSatisfy { $0.result == .done } == true)
        #expect(world.overall.health == .stopped && world.supervisor.nextDeadline == nil)
    }
}
