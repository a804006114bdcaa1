// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

private func registered(
    _ text: String, _ change: (inout SchedulerSpecification) -> Void = { _ in }
) -> SchedulerSpecification {
    daemon(text) {
        $0.origin = .registered
        change(&$0)
    }
}

private func register(_ text: String) -> RegistrationChange {
    .register(Registration(name: name(text), text: "[schedulers.\(text)]", file: "a.toml"))
}

private func unregister(_ text: String) -> RegistrationChange { .unregister(name(text)) }

extension World {
    /// What the process that reads configurations found, of everything together.
    @discardableResult
    fileprivate mutating func found(_ schedulers: [SchedulerSpecification]) -> [Effect] {
        send(.configurationLoaded(Specification(schedulers: schedulers)))
    }

    /// Up for two seconds, from `/etc/reeve.toml`.
    fileprivate static func up(_ schedulers: [SchedulerSpecification]) -> World {
        var world = World.booted(schedulers) { $0.source = "/etc/reeve.toml" }
        world.pass(.seconds(2))
        return world
    }
}

@Suite struct RegistrationTests {
    @Test func `what is registered is read, started and answered`() {
        var world = World.up([daemon("db")])
        let asked = world.request(1, .change(register("web")))
        #expect(
            asked == [
                world.record(.reloadBegan(reason: "web is to be registered")),
                .tellManager(.reloading), .loadConfiguration(register("web")),
            ])
        let loaded = world.found([daemon("db"), registered("web")])
        #expect(loaded.spawned == [world.id("web")])
        #expect(loaded.contains(.tellManager(.ready)))
        #expect(loaded.replies().isEmpty)
        let reply = world.pass(.seconds(2)).replies(to: 1).first
        #expect(reply?.words == "web is registered")
        #expect(reply?.change == .added)
        #expect(reply?.outcomes.map(\.result) == [.done])
        #expect(world.status("web").origin == .registered)
        #expect(world.status("db").origin == .file)
    }

    @Test func `nothing else that the file says by now is brought about with it`() {
        var world = World.up([daemon("db"), daemon("gone")])
        let before = world.run(of: "db")
        world.request(1, .change(register("web")))
        let other = daemon("db") { $0.program.arguments = ["/bin/other"] }
        let loaded = world.found([other, daemon("new"), registered("web")])
        #expect(loaded.spawned == [world.id("web")])
        #expect(world.run(of: "db") == before && world.lifecycle("db") == .running)
        #expect(world.lifecycle("gone") == .running)
        #expect(world.supervisor.scheduler(named: "new") == nil)
        world.send(.reloadRequested(reason: "SIGHUP"))
        world.found([other, daemon("new"), registered("web")])
        #expect(world.supervisor.scheduler(named: "new") != nil)
    }

    @Test func `of what it depends on, what is not in force yet is waited for`() {
        var world = World.up([daemon("db")])
        world.request(1, .change(register("web")))
        let web = registered("web") { $0.needs("cache") }
        let reply = world.found([daemon("db"), daemon("cache"), web]).replies(to: 1).first
        #expect(reply?.outcomes.map(\.result) == [.pending])
        #expect(
            reply?.outcomes.first?.words == "starts when its dependencies are met: cache")
    }

    @Test func `registered again like before nothing happens, and otherwise it has other settings`()
    {
        var world = World.up([daemon("db"), registered("web")])
        let run = world.run(of: "web")
        world.request(1, .change(register("web")))
        let same = world.found([daemon("db"), registered("web")]).replies(to: 1).first
        #expect(same?.change == .unchanged)
        #expect(same?.words == "web was registered like this before")
        #expect(same?.outcomes.map(\.result) == [.unchanged])
        world.request(2, .change(register("web")))
        let other = registered("web") { $0.program.arguments = ["/bin/other"] }
        let effects = world.found([daemon("db"), other])
        #expect(effects.actions.contains(.signal(run, .terminate, to: .leader)))
        world.exit("web", .killed(.terminate))
        world.pass(.seconds(2))
        let changed = world.history.replies(to: 2).first
        #expect(changed?.change == .changed)
        #expect(changed?.words == "web is registered anew: command")
    }

    @Test func `unregistered it is stopped, answered when it is, and gone`() {
        var world = World.up([daemon("db"), registered("web")])
        let run = world.run(of: "web")
        let asked = world.request(1, .change(unregister("web")))
        #expect(asked.contains(.loadConfiguration(unregister("web"))))
        let effects = world.found([daemon("db")])
        #expect(effects.actions.contains(.signal(run, .terminate, to: .leader)))
        #expect(effects.replies().isEmpty)
        let ended = world.send(.exited(run, .killed(.terminate), leftovers: []))
        let reply = ended.replies(to: 1).first
        #expect(reply?.words == "web is unregistered")
        #expect(reply?.change == .removed)
        #expect(world.supervisor.scheduler(named: "web") == nil)
    }

    @Test func `what is being executed goes on to its end, and is not waited for`() {
        var job = scheduled("job", .interval(.seconds(10)))
        job.origin = .registered
        var world = World.up([daemon("db"), job])
        world.pass(.seconds(10))
        #expect(world.lifecycle("job") == .running)
        world.request(1, .change(unregister("job")))
        let reply = world.found([daemon("db")]).replies(to: 1).first
        #expect(
            reply?.words
                == "job is unregistered; what of it is being executed goes on to its end")
    }

    @Test func `one that is disabled while it is executed is answered, and goes on to its end`() {
        var job = scheduled("job", .interval(.seconds(10)))
        job.origin = .registered
        var world = World.up([daemon("db"), job])
        world.pass(.seconds(10))
        #expect(world.lifecycle("job") == .running)
        world.request(1, .change(register("job")))
        job.enabled = false
        let reply = world.found([daemon("db"), job]).replies(to: 1).first
        #expect(
            reply?.words
                == "job is registered anew: enabled; what of it is being executed goes on to its end"
        )
        #expect(world.lifecycle("job") == .running)
    }

    @Test func `what others in force depend on stays, also where the file has no room for those`() {
        var world = World.up([
            daemon("db"), registered("web"), registered("needs") { $0.needs("web") },
        ])
        let refused = world.request(1, .change(unregister("web"))).replies(to: 1).first
        #expect(refused?.refusal == .conflict)
        #expect(
            refused?.words
                == "\"web\" is depended on by needs, which would have to be unregistered or changed first"
        )
        #expect(world.supervisor.reload == nil)
    }

    @Test func `a name of the file is neither registered nor unregistered`() {
        var world = World.up([daemon("db")])
        let words = "db is in /etc/reeve.toml already: change it there, and reload"
        #expect(
            world.request(1, .change(register("db")))
                == [
                    .reply(
                        RequestID(1), Reply(refusal: .conflict, outcomes: [], words: words))
                ])
        let refused = world.request(2, .change(unregister("db"))).replies(to: 2).first
        #expect(refused?.refusal == .conflict)
        #expect(
            refused?.words
                == "db was not registered, it is in /etc/reeve.toml: remove it there, and reload")
        #expect(world.supervisor.reload == nil)
    }

    @Test func `a part of reeve itself is not registered`() {
        var world = World.up([daemon("db"), daemon("gateway") { $0.isComponent = true }])
        let refused = world.request(1, .change(unregister("gateway"))).replies(to: 1).first
        #expect(
            refused?.words
                == "gateway is a part of reeve itself, which [gateway] in /etc/reeve.toml is about")
    }

    @Test func `one that is refused is answered with the reason, and the next has its turn`() {
        var world = World.up([daemon("db")])
        world.request(1, .change(register("web")))
        #expect(world.request(2, .change(register("job"))) == [])
        #expect(world.request(3, .reload) == [])
        let refused = world.send(
            .configurationRejected(words: "no room on the disk", as: .notKept))
        #expect(
            refused.first
                == world.record(
                    .registrationFailed(
                        name("web"), isRemoval: false, words: "no room on the disk")))
        #expect(
            refused.replies(to: 1)
                == [Reply(refusal: .notKept, outcomes: [], words: "no room on the disk")])
        // The file was asked for as a whole, too.
        #expect(refused.contains(.loadConfiguration(nil)))
        let reloaded = world.found([daemon("db")])
        #expect(reloaded.replies(to: 3).count == 1)
        #expect(reloaded.contains(.loadConfiguration(register("job"))))
        world.found([daemon("db"), registered("job")])
        #expect(world.pass(.seconds(2)).replies(to: 2).first?.change == .added)
    }

    @Test func `no more wait than the limit, and one whose client has gone is done all the same`() {
        var world = World.up([daemon("db")])
        world.request(1, .change(register("web")))
        for number in 2..<UInt64(2 + Limits.waitingChangesMax) {
            #expect(world.request(number, .change(register("job-\(number)"))) == [])
        }
        let refused = world.request(99, .change(register("late"))).replies(to: 99).first
        #expect(refused?.refusal == .tooManyRequests)
        world.send(.requestWithdrawn(RequestID(2)))
        let next = world.found([daemon("db"), registered("web")])
        #expect(next.contains(.loadConfiguration(register("job-2"))))
        #expect(world.found([daemon("db"), registered("job-2")]).replies(to: 2).isEmpty)
        #expect(world.supervisor.scheduler(named: "job-2") != nil)
        #expect(world.supervisor.scheduler(named: "web") != nil)
    }

    @Test func `a name that has come into the file while it waited is refused in its turn`() {
        var world = World.up([daemon("db")])
        world.send(.reloadRequested(reason: "SIGHUP"))
        world.request(1, .change(register("web")))
        let effects = world.found([daemon("db"), daemon("web")])
        #expect(effects.replies(to: 1).first?.refusal == .conflict)
        #expect(world.supervisor.reload == nil)
    }

    @Test func `a shutdown answers all that wait, and takes up none`() {
        var world = World.up([daemon("db")])
        world.request(1, .change(register("web")))
        world.request(2, .change(register("job")))
        let effects = world.terminate()
        let refusal = Reply(refusal: .shuttingDown, outcomes: [])
        #expect(effects.replies(to: 1) == [refusal] && effects.replies(to: 2) == [refusal])
        #expect(world.found([daemon("db"), registered("web")]) == [])
        #expect(world.request(3, .change(register("late"))).replies(to: 3) == [refusal])
        #expect(world.supervisor.waitingChanges.isEmpty)
    }

    @Test func `one that goes from what is registered into the file keeps running`() {
        var world = World.up([daemon("db"), registered("web")])
        let run = world.run(of: "web")
        world.send(.reloadRequested(reason: "SIGHUP"))
        world.found([daemon("db"), daemon("web")])
        #expect(world.run(of: "web") == run && world.lifecycle("web") == .running)
        #expect(world.status("web").origin == .file)
    }
}
