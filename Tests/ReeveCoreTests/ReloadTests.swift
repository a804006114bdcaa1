// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

extension World {
    /// SIGHUP, and the file says this.
    @discardableResult
    mutating func reload(
        _ schedulers: [SchedulerSpecification],
        settings change: (inout SupervisorSettings) -> Void = { _ in }
    ) -> [Effect] {
        var settings = SupervisorSettings()
        change(&settings)
        let asked = send(.reloadRequested(reason: "SIGHUP"))
        return asked
            + send(
                .configurationLoaded(
                    Specification(supervisor: settings, schedulers: schedulers)))
    }
}

private func other(_ name: String) -> SchedulerSpecification {
    daemon(name) { $0.program.arguments = ["/bin/other"] }
}

@Suite struct ReloadTests {
    @Test func `a reload tells the manager, asks for the file, and is over when that is known`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        let asked = world.send(.reloadRequested(reason: "SIGHUP"))
        #expect(
            asked == [
                world.record(.reloadBegan(reason: "SIGHUP")), .tellManager(.reloading),
                .loadConfiguration(nil),
            ])
        let specification = Specification(schedulers: [daemon("web")])
        let loaded = world.send(.configurationLoaded(specification))
        let none = SpecificationChanges(from: specification, to: specification)
        #expect(none.isEmpty && none.unchanged == 1)
        #expect(loaded == [world.record(.reloaded(none)), .tellManager(.ready)])
        #expect(world.supervisor.reload == nil)
    }

    @Test func `before start-up is over a reload does not concern the manager`() {
        var world = World.booted([daemon("web")])
        let effects = world.reload([daemon("web")])
        #expect(!effects.contains(.tellManager(.reloading)))
        #expect(!effects.contains(.tellManager(.ready)))
        #expect(world.pass(.seconds(2)).contains(.tellManager(.ready)))
    }

    @Test func `what did not change is not touched`() {
        var world = World.booted([daemon("web"), daemon("db")])
        world.pass(.seconds(2))
        let before = (world.status("web").run, world.status("db").run)
        let effects = world.reload([daemon("db"), daemon("web")])
        #expect(effects.actions == [.loadConfiguration(nil)])
        #expect(world.status("web").run == before.0 && world.status("db").run == before.1)
    }

    @Test func `a changed program is stopped under its old settings and started with the new`() {
        let old = daemon("web") { $0.stop.signal = .interrupt }
        var world = World.booted([old, daemon("db")])
        world.pass(.seconds(2))
        let run = world.run(of: "web")
        let effects = world.reload([other("web"), daemon("db")])
        #expect(
            effects.actions == [.loadConfiguration(nil), .signal(run, .interrupt, to: .leader)])
        #expect(
            effects.facts(of: "web").contains(
                .configurationChanged(keys: ["command", "stop-signal"], restarts: true)))
        #expect(world.supervisor.specification(of: world.id("web")) == old)
        let ended = world.exit("web", .killed(.interrupt))
        #expect(ended.spawned == [world.id("web")])
        #expect(world.supervisor.specification(of: world.id("web")) == other("web"))
        world.pass(.seconds(2))
        #expect(world.health("web") == .healthy)
        #expect(world.status("web").restartCount == 0)
    }

    @Test func `a completed task takes other settings with its next start, and does not run again`()
    {
        var world = World.booted([
            task("migrate"), daemon("web") { $0.needs("migrate", .completed) },
        ])
        world.exit("migrate", code: 0)
        world.pass(.seconds(2))
        #expect(world.lifecycle("migrate") == .completed)
        var changed = task("migrate")
        changed.program.arguments = ["/bin/other"]
        let effects = world.reload([changed, daemon("web") { $0.needs("migrate", .completed) }])
        #expect(effects.actions == [.loadConfiguration(nil)])
        #expect(
            effects.facts(of: "migrate")
                == [.configurationChanged(keys: ["command"], restarts: true)])
        #expect(world.lifecycle("migrate") == .completed)
        #expect(world.supervisor.specification(of: world.id("migrate")) == changed)
        let started = world.request(9, .start(world.id("migrate"), force: false))
        #expect(started.spawned == [world.id("migrate")])
        world.exit("migrate", code: 0)
        world.pass(.seconds(2))
        // As a daemon it is another thing, and wanted up.
        let asDaemon = world.reload([daemon("migrate"), daemon("web")])
        #expect(asDaemon.spawned == [world.id("migrate")])
    }

    @Test func `settings that are looked at afresh change under the running program`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        let run = world.status("web").run
        let new = daemon("web") {
            $0.description = "the web"
            $0.stop.timeout = .seconds(3)
            $0.restart.delayMax = .seconds(5)
            $0.memory.threshold = Bytes(1_000_000)
            $0.order.priority = 7
        }
        let effects = world.reload([new])
        #expect(effects.actions == [.loadConfiguration(nil)])
        let keys = [
            "description", "restart-delay-max", "priority", "memory-threshold", "stop-timeout",
        ]
        #expect(
            effects.facts(of: "web") == [.configurationChanged(keys: keys, restarts: false)])
        #expect(world.status("web").run == run)
        #expect(world.status("web").phase == 2)
        #expect(world.pass(.seconds(60)).contains(.sample(world.run(of: "web"))))
    }

    @Test func `what is gone is stopped, dropped, and counted no more`() {
        var world = World.booted([daemon("web"), daemon("old")])
        world.pass(.seconds(2))
        let old = world.id("old")
        world.reload([daemon("web")])
        #expect(world.supervisor.scheduler(named: "old") == old)
        #expect(world.supervisor.status(of: old, at: world.now)?.health == .stopping)
        let run = world.supervisor.schedulers[old.index].lifecycle.run?.id ?? world.run(of: "web")
        let effects = world.send(.exited(run, .killed(.terminate), leftovers: []))
        #expect(
            effects.recordNames(of: "old") == ["exited", "stopped", "health-changed", "removed"])
        #expect(world.supervisor.scheduler(named: "old") == nil)
        #expect(world.supervisor.status(of: old, at: world.now) == nil)
        let late = world.request(9, .start(old, force: true))
        #expect(late.spawned.isEmpty && late.replies(to: 9).first?.refusal == .unknownScheduler)
        #expect(world.overall.total == 1)
        #expect(world.supervisor.statusLine == "1 of 1 scheduler healthy")
        #expect(world.supervisor.schedulerCount == 2)
    }

    @Test func `a dependent that is gone too stops before what it depends on`() {
        let web = daemon("web") { $0.needs("db") }
        var world = World.booted([daemon("db"), web])
        world.pass(.seconds(5))
        let run = world.run(of: "web")
        let effects = world.reload([])
        #expect(
            effects.actions == [
                .loadConfiguration(nil), .signal(run, .terminate, to: .leader),
            ])
    }

    @Test func `a new one starts with its phase and has an id of its own`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        let late = daemon("late") { $0.needs("new") }
        let effects = world.reload([late, daemon("web"), daemon("new")])
        #expect(effects.spawned == [SchedulerID(2)])
        #expect(world.lifecycle("late") == .waitingForDependencies)
        #expect(world.pass(.seconds(2)).spawned == [world.id("late")])
        #expect(world.overall.total == 3)
    }

    @Test func `what starts looks at what its dependencies have become by the same file`() {
        let migrate = task("migrate") { $0.restart.mode = .never }
        var world = World.booted([migrate])
        world.exit("migrate", code: 1)
        world.pass(.seconds(2))
        var changed = migrate
        changed.program.arguments = ["/bin/other"]
        let web = daemon("web") { $0.needs("migrate", .completed) }
        world.answersSpawns = false
        #expect(world.reload([changed, web]).spawned == [world.id("migrate")])
        #expect(world.lifecycle("web") == .waitingForDependencies)
    }

    @Test func `a name that comes back takes its place again, with a clean slate`() {
        var world = World.booted([daemon("web"), daemon("old")])
        world.isObedient = true
        world.pass(.seconds(2))
        let id = world.id("old")
        world.reload([daemon("web")])
        #expect(world.overall.total == 1)
        world.pass(.seconds(2))
        #expect(world.reload([daemon("web"), other("old")]).spawned == [id])
        #expect(world.overall.total == 2)
        #expect(world.status("old").lastExit == nil)
    }

    @Test func `one that comes back while it is being stopped is started when that is over`() {
        var world = World.booted([daemon("old")])
        world.pass(.seconds(2))
        let id = world.id("old")
        world.reload([])
        world.reload([other("old")])
        #expect(world.lifecycle("old") == .stopping)
        #expect(world.exit("old", .killed(.terminate)).spawned == [id])
        #expect(world.supervisor.specification(of: id) == other("old"))
    }

    @Test func `enabled is brought about, and what an operator stopped stays stopped`() {
        let off = daemon("off") { $0.enabled = false }
        var world = World.booted([daemon("web"), off, daemon("db")])
        world.isObedient = true
        world.pass(.seconds(2))
        world.request(1, .stop(world.id("db")))
        let webOff = daemon("web") { $0.enabled = false }
        #expect(
            world.reload([webOff, daemon("off"), other("db")]).spawned == [world.id("off")])
        #expect(world.lifecycle("web") == .stopped)
        #expect(world.status("web").reason == "enabled = false")
        #expect(world.lifecycle("db") == .stopped)
        let started = world.request(2, .start(world.id("db"), force: false))
        #expect(started.spawned == [world.id("db")])
        #expect(world.supervisor.specification(of: world.id("db")) == other("db"))
    }

    @Test func `one that had failed for good gets a new chance when it changed`() {
        let failing = daemon("web") {
            $0.restart.maxRestarts = 0
            $0.restart.whenExhausted = .fail
        }
        var world = World.booted([failing])
        world.exit("web", code: 1)
        #expect(world.lifecycle("web") == .exhausted)
        var fixed = failing
        fixed.program.arguments = ["/bin/other"]
        world.pass(.seconds(2))
        #expect(world.reload([fixed]).spawned == [world.id("web")])
        #expect(world.status("web").consecutiveFailures == 0)
    }

    @Test func `a file that cannot be used changes nothing and is answered with its words`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        #expect(world.request(7, .reload).actions == [.loadConfiguration(nil)])
        let effects = world.send(.configurationRejected(words: "reeve.toml:3:1: no such key"))
        #expect(
            effects == [
                world.record(.reloadFailed("reeve.toml:3:1: no such key")),
                .reply(
                    RequestID(7),
                    Reply(
                        refusal: .configuration, outcomes: [],
                        words: "reeve.toml:3:1: no such key")),
                .tellManager(.ready),
            ])
        #expect(world.health("web") == .healthy)
    }

    @Test func `a request is answered when everything that changed has come about`() {
        var world = World.booted([daemon("web"), daemon("old")])
        world.pass(.seconds(2))
        let (old, run) = (world.id("old"), world.run(of: "old"))
        world.request(7, .reload)
        let loaded = world.send(
            .configurationLoaded(Specification(schedulers: [daemon("web"), daemon("new")])))
        #expect(loaded.replies().isEmpty)
        #expect(world.pass(.seconds(2)).replies().isEmpty)
        let ended = world.send(.exited(run, .killed(.terminate), leftovers: []))
        let reply = ended.replies(to: 7).first
        #expect(reply?.words == "reloaded: added: new; removed: old; 1 unchanged")
        #expect(reply?.outcomes.map(\.scheduler) == [old, world.id("new")])
        #expect(reply?.succeeded == true)
    }

    @Test func `what is asked for while a file is being read is read once more`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        world.request(1, .reload)
        #expect(world.request(2, .reload) == [])
        #expect(world.request(3, .reload) == [])
        let first = world.send(.configurationLoaded(Specification(schedulers: [daemon("web")])))
        #expect(first.replies(to: 1).count == 1)
        #expect(first.actions.last == .loadConfiguration(nil))
        world.send(.requestWithdrawn(RequestID(3)))
        let second = world.send(.configurationLoaded(Specification(schedulers: [daemon("web")])))
        #expect(second.replies().count == 1 && second.replies(to: 2).count == 1)
    }

    @Test func `a shutdown answers whoever waits, and what was read no longer matters`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        world.request(1, .reload)
        let effects = world.terminate()
        #expect(effects.replies(to: 1) == [Reply(refusal: .shuttingDown, outcomes: [])])
        let late = world.send(.configurationLoaded(Specification(schedulers: [other("web")])))
        #expect(late == [])
        #expect(world.send(.reloadRequested(reason: "SIGHUP")) == [])
    }

    @Test func `what was settled at the start is named and stays`() {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        let effects = world.reload([daemon("web")]) {
            $0.runtimeDirectory = "/elsewhere"
            $0.gracefulTimeout = .seconds(5)
            $0.profileReason = "another"
        }
        guard case .reloaded(let changes)? = effects.facts.dropFirst().first else {
            Issue.record("no reload in \(effects.facts)")
            return
        }
        #expect(changes.settings == ["graceful-timeout"])
        #expect(changes.fixedSettings == ["runtime-directory"])
        #expect(world.supervisor.supervisorSettings.runtimeDirectory == nil)
        #expect(world.supervisor.supervisorSettings.gracefulTimeout == .seconds(5))
        #expect(
            changes.words == "of [reeve]: graceful-timeout; 1 unchanged; "
                + "runtime-directory cannot change while reeve runs, and did not")
    }

    @Test func `another log file is written from the reload on, without a restart`() {
        var world = World.booted([daemon("web") { $0.log.destination = .file }])
        world.pass(.seconds(2))
        let run = world.run(of: "web")
        let other = daemon("web") {
            $0.log.destination = .file
            $0.log.file = "/srv/web.log"
            $0.log.maxSize = nil
            $0.log.maxFiles = 3
            $0.log.timestamps = true
        }
        let effects = world.reload([other])
        #expect(effects.contains(.adoptLog(world.id("web"))))
        #expect(effects.filter(\.isSignal).isEmpty && world.run(of: "web") == run)
        guard case .reloaded(let changes)? = effects.facts.dropFirst().first else {
            Issue.record("no reload in \(effects.facts)")
            return
        }
        #expect(
            changes.words == "changed: web (log-file, log-max-size, log-max-files, "
                + "log-timestamps); 0 unchanged")
        // Where the output goes is settled when a run begins.
        let prefixed = world.reload([daemon("web")])
        #expect(!prefixed.contains(.adoptLog(world.id("web"))))
        #expect(!prefixed.filter(\.isSignal).isEmpty)
    }

    @Test func `another measure of memory needs no restart`() {
        var world = World.booted([daemon("web")])
        let effects = world.reload([daemon("web") { $0.memory.measure = .pss }])
        #expect(effects.filter(\.isSignal).isEmpty)
        guard case .reloaded(let changes)? = effects.facts.dropFirst().first else {
            Issue.record("no reload in \(effects.facts)")
            return
        }
        #expect(changes.words == "changed: web (memory-measure); 0 unchanged")
        #expect(world.supervisor.specification(of: world.id("web"))?.memory.measure == .pss)
    }

    @Test func `a log file of what does not run is no effect`() {
        var world = World.booted([daemon("web") { $0.enabled = false }])
        let effects = world.reload([
            daemon("web") {
                $0.enabled = false
                $0.log.destination = .file
            }
        ])
        #expect(!effects.contains(.adoptLog(world.id("web"))))
    }

    @Test func `keys are named as a file has them`() {
        let all = daemon("web") {
            $0.program.workingDirectory = "/"
            $0.program.environment = [EnvironmentVariable(name: "A", value: "1")]
            $0.restart.mode = .never
            $0.restart.maxRestarts = nil
            $0.restart.whenExhausted = .exit
            $0.order.dependencyTimeout = .seconds(1)
            $0.readiness.rule = .spawn
            $0.memory.action = .alert
            $0.stop.leftovers = .keep
            $0.log.destination = .none
            $0.log.tail = .zero
            $0.timeout = .seconds(1)
            $0.successExitCodes = [1]
        }
        let changes = SpecificationChanges(
            from: Specification(schedulers: [daemon("web")]),
            to: Specification(schedulers: [all]))
        let expected = [
            "working-directory", "environment", "restart", "max-restarts", "when-exhausted",
            "dependency-timeout", "ready", "memory-action", "leftovers", "log", "log-tail",
            "timeout", "success-exit-codes",
        ]
        #expect(changes.changed.first?.keys == expected)
    }
}

extension Effect {
    fileprivate var isSignal: Bool {
        if case .signal = self { true } else { false }
    }
}
