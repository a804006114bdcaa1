// SPDX-License-Identifier: Apache-2.0
//
// The commands around a run: before its program starts, and after its last process is gone.

import Testing

@testable import ReeveCore

@Suite struct HookTests {
    private func hooked(
        _ change: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> SchedulerSpecification {
        daemon("web") {
            $0.recovery.onStart = ["/bin/prepare"]
            $0.recovery.onStop = ["/bin/tidy"]
            change(&$0)
        }
    }

    private func end(
        _ world: inout World, _ purpose: AuxiliaryCommand.Purpose, code: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [Effect] {
        guard let command = world.commands.last(where: { $0.command.purpose == purpose }) else {
            Issue.record("no \(purpose.rawValue) runs", sourceLocation: sourceLocation)
            return []
        }
        return world.end(command.id, .ended(.exited(code: code), output: ""))
    }

    @Test func `the program is started when on-start has succeeded`() {
        var world = World([hooked()])
        let booted = world.boot()
        #expect(booted.spawned == [])
        #expect(world.commands.map(\.command.purpose) == [.onStart])
        #expect(world.commands.first?.command.timeout == .seconds(10))
        #expect(world.status("web").reason == "its on-start command runs")
        #expect(world.health("web") == .starting)
        #expect(end(&world, .onStart).spawned == [world.id("web")])
        world.pass(.seconds(1))
        #expect(world.health("web") == .healthy)
        #expect(world.commands.isEmpty)
    }

    @Test func `a failed on-start is a failed start`() {
        var world = World([hooked()])
        world.boot()
        let failed = end(&world, .onStart, code: 3)
        #expect(failed.spawned == [])
        #expect(
            failed.facts(of: "web").first
                == .hookFailed(.onStart, words: "ended with exit code 3"))
        #expect(world.status("web").consecutiveFailures == 1)
        // What it may have begun is tidied up before the next start.
        #expect(world.commands.map(\.command.purpose) == [.onStop])
        #expect(world.commands.first?.command.run == nil)
        _ = end(&world, .onStop)
        #expect(world.lifecycle("web") == .backingOff)
        world.pass(.seconds(2))
        #expect(world.commands.map(\.command.purpose) == [.onStart])
        #expect(world.overall.defects == 0)
    }

    @Test func `on-stop runs after a run that ended by itself, then the back-off begins`() {
        var world = World.booted([hooked { $0.recovery.onStart = nil }])
        world.pass(.seconds(2))
        let run = world.run(of: "web")
        let ended = world.exit("web", code: 1)
        #expect(ended.actions.contains(.forget(run)))
        #expect(world.commands.map(\.command.run) == [run])
        #expect(world.health("web") == .stopping)
        #expect(world.status("web").reason == "its on-stop command runs")
        world.pass(.seconds(5))
        _ = end(&world, .onStop)
        #expect(world.lifecycle("web") == .backingOff)
        #expect(world.pass(.seconds(1)).spawned == [world.id("web")])
    }

    @Test func `a stop is answered when on-stop is over, though it failed`() {
        var world = World.booted([hooked { $0.recovery.onStart = nil }])
        world.pass(.seconds(2))
        world.isObedient = true
        let asked = world.request(1, .stop(world.id("web")))
        #expect(asked.replies(to: 1) == [])
        let over = end(&world, .onStop, code: 7)
        #expect(over.recordNames().contains("hook-failed"))
        #expect(over.replies(to: 1).map(\.succeeded) == [true])
        #expect(world.lifecycle("web") == .stopped)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `a stop during on-start ends that command and starts nothing`() {
        var world = World([hooked { $0.recovery.onStop = nil }])
        world.boot()
        let command = world.commands.first?.id
        let asked = world.request(1, .stop(world.id("web")))
        #expect(asked.actions.contains { $0 == command.map { .endCommand($0) } })
        #expect(world.history.spawned == [])
        #expect(world.history.replies(to: 1).map(\.succeeded) == [true])
        #expect(world.lifecycle("web") == .stopped)
        #expect(world.overall.defects == 0)
    }

    @Test func `a stop that waits for dependents starts nothing when on-start is over`() {
        var world = World([
            hooked { $0.recovery.onStop = nil }, daemon("user") { $0.needs("web", .started) },
        ])
        world.boot()
        _ = end(&world, .onStart)
        world.pass(.seconds(2))
        world.request(1, .restart(world.id("web"), force: false))
        world.exit("web", .killed(.terminate))
        #expect(world.commands.map(\.command.purpose) == [.onStart])
        world.request(2, .stop(world.id("web")))
        let over = end(&world, .onStart)
        #expect(over.spawned == [])
        #expect(world.lifecycle("web") == .stopped)
        #expect(world.overall.defects == 0)
    }

    @Test func `a stop during the on-stop of a crash is no restart`() {
        var world = World.booted([hooked { $0.recovery.onStart = nil }])
        world.pass(.seconds(2))
        world.exit("web", code: 1)
        world.request(1, .stop(world.id("web")))
        let over = end(&world, .onStop)
        #expect(over.spawned == [] && over.replies(to: 1).count == 1)
        #expect(world.lifecycle("web") == .stopped)
    }

    @Test func `a shutdown waits for on-stop, and ends it at the end of its budget`() {
        var world = World.booted([hooked { $0.recovery.onStart = nil }]) {
            $0.gracefulTimeout = .seconds(4)
        }
        world.pass(.seconds(2))
        world.isObedient = true
        let begun = world.terminate()
        #expect(begun.exitCodes == [])
        let command = world.commands.first?.id
        let late = world.pass(.seconds(4))
        #expect(late.actions.contains { $0 == command.map { .endCommand($0) } })
        #expect(world.history.exitCodes == [0])
        #expect(world.overall.defects == 0)
    }

    @Test func `a shutdown during on-start starts nothing`() {
        var world = World([hooked { $0.recovery.onStop = nil }, daemon("other")])
        world.boot()
        world.terminate()
        #expect(world.history.spawned == [world.id("other")])
        world.exit("other", .killed(.terminate))
        #expect(world.history.exitCodes == [0])
        #expect(world.history.spawned == [world.id("other")])
    }

    @Test func `an execution has them too, each attempt of it`() {
        var specification = scheduled("job", .interval(.seconds(60)))
        specification.recovery.onStart = ["/bin/prepare"]
        specification.recovery.onStop = ["/bin/tidy"]
        var world = World.booted([specification])
        world.pass(.seconds(60))
        #expect(world.ledger.count == 1)
        #expect(end(&world, .onStart).spawned == [world.id("job")])
        world.exit("job", code: 0)
        #expect(world.ledger.count == 1)
        _ = end(&world, .onStop)
        #expect(world.ledger.count == 2)
        #expect(world.lifecycle("job") == .idle)
    }

    @Test func `a cleanup command is measured after it has ended`() {
        var world = World.booted([
            daemon("web") {
                $0.memory.threshold = Bytes(50_000_000)
                $0.memory.samples = 1
                $0.recovery.cleanup = .command(["/bin/free"])
            }
        ])
        world.pass(.seconds(1))
        let run = world.run(of: "web")
        world.sample("web", megabytes: 60)
        #expect(world.commands.map(\.command.purpose) == [.cleanup])
        #expect(world.commands.first?.command.run == run)
        world.pass(.seconds(4))
        _ = end(&world, .cleanup)
        let sampled = world.pass(.seconds(10))
        #expect(sampled.actions.contains(.sample(run)))
        #expect(world.sample("web", megabytes: 40).actions == [])
        #expect(world.status("web").lastRecovery?.words == "recovered")
        #expect(world.status("web").lastRecovery?.actions.first?.before == "60MB")
    }

    @Test func `a cleanup command that fails is followed by the restart`() {
        var world = World.booted([
            daemon("web") {
                $0.memory.threshold = Bytes(50_000_000)
                $0.memory.samples = 1
                $0.recovery.cleanup = .command(["/bin/free"])
            }
        ])
        world.pass(.seconds(1))
        world.sample("web", megabytes: 60)
        let run = world.run(of: "web")
        let failed = end(&world, .cleanup, code: 1)
        #expect(failed.actions == [.signal(run, .terminate, to: .leader)])
    }

    @Test func `a scheduled one that fails too often is cleaned up by its command`() {
        var specification = scheduled("job", .interval(.seconds(60)))
        specification.errorThreshold = 2
        specification.recovery.cleanup = .command(["/bin/free"])
        var world = World.booted([specification])
        for count in 1...2 {
            world.pass(.seconds(60))
            world.exit("job", code: 1)
            #expect(world.commands.count == count - 1)
        }
        #expect(world.commands.first?.command.run == nil)
        _ = end(&world, .cleanup)
        #expect(world.status("job").lastRecovery?.trigger == .errors)
        #expect(world.status("job").lastRecovery?.actions.first?.result == .done)
        #expect(world.health("job") == .unhealthy)
    }
}
