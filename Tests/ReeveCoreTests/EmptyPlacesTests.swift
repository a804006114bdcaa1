// SPDX-License-Identifier: Apache-2.0
//
// A table that programs come to and leave, under names that are never the same.

import Testing

@testable import ReeveCore

extension World {
    /// Only the first stays; `name` comes and goes.
    fileprivate mutating func passThrough(_ name: String) -> [Effect] {
        let came = reload([daemon("web"), daemon(name)])
        return came + pass(.seconds(2)) + reload([daemon("web")]) + pass(.seconds(2))
    }

    fileprivate var forgotten: [SchedulerName] {
        history.compactMap { effect in
            if case .forgetScheduler(_, let name) = effect { name } else { nil }
        }
    }
}

@Suite struct EmptyPlacesTests {
    private func name(_ text: String) throws -> SchedulerName {
        try #require(SchedulerName(text))
    }

    /// As many have come and gone as are remembered, and one more.
    private func visited() -> World {
        var world = World.booted([daemon("web")])
        world.isObedient = true
        world.pass(.seconds(2))
        for number in 0...Limits.emptyPlacesMax { _ = world.passThrough("job-\(number)") }
        return world
    }

    @Test func `beyond some the place that was left first is the newcomer's`() throws {
        var world = visited()
        let count = world.supervisor.schedulerCount
        #expect(count == Limits.emptyPlacesMax + 2 && world.forgotten == [])
        world.pass(Limits.emptyPlaceRest)
        let effects = world.reload([daemon("web"), daemon("late")])
        #expect(effects.contains(.forgetScheduler(SchedulerID(1), try name("job-0"))))
        #expect(world.id("late") == SchedulerID(1))
        #expect(world.supervisor.schedulerCount == count)
        #expect(world.supervisor.scheduler(named: "job-0") == nil)
        world.pass(.seconds(2))
        #expect(world.status("late").lifecycle == .running)
        let overview = world.supervisor.status(at: world.now)
        #expect(overview.total == 2 && overview.healthy == 2)
        // It goes as any other, and its place is empty once more.
        #expect(
            world.reload([daemon("web")]).contains { effect in
                if case .signal(_, _, to: .leader) = effect { true } else { false }
            })
        #expect(world.supervisor.scheduler(named: "late") == nil)
        #expect(world.supervisor.status(at: world.now).total == 1)
    }

    @Test func `a table that many pass through does not grow`() {
        var world = visited()
        world.pass(Limits.emptyPlaceRest)
        let count = world.supervisor.schedulerCount
        for number in 0..<300 {
            _ = world.passThrough("late-\(number)")
            world.pass(Limits.emptyPlaceRest)
        }
        #expect(world.supervisor.schedulerCount <= count + 1)
        #expect(world.supervisor.idsByName.count <= count + 1)
        #expect(world.supervisor.defects == 0)
        #expect(world.forgotten.count >= 299)
    }

    @Test func `who comes back soon has the old place, with what is remembered`() throws {
        var world = visited()
        world.pass(Limits.emptyPlaceRest)
        world.reload([daemon("web"), daemon("job-0")])
        #expect(world.id("job-0") == SchedulerID(1) && world.forgotten == [])
        // It is no empty place any more: the next newcomer has one of its own, since no more are left than are kept.
        let count = world.supervisor.schedulerCount
        world.reload([daemon("web"), daemon("job-0"), daemon("late")])
        #expect(world.id("late") == SchedulerID(count) && world.forgotten == [])
    }

    @Test func `a place that was just left is nobody else's`() {
        var world = visited()
        let count = world.supervisor.schedulerCount
        world.reload([daemon("web"), daemon("late")])
        // The first was left longer ago than a minute, the last was not.
        #expect(world.forgotten.count == 1)
        world.pass(.seconds(2))
        world.reload([daemon("web")])
        var quick = World.booted([daemon("web")])
        quick.isObedient = true
        for number in 0...Limits.emptyPlacesMax {
            quick.reload([daemon("web"), daemon("job-\(number)")])
            quick.reload([daemon("web")])
        }
        quick.reload([daemon("web"), daemon("late")])
        #expect(quick.forgotten == [] && quick.supervisor.schedulerCount == count + 1)
    }

    @Test func `what of a scheduler is still under way keeps its place`() {
        var world = visited()
        world.pass(Limits.emptyPlaceRest)
        // job-0 comes back and goes, and its hook takes its time: it is the last of the empty ones then, and the
        // newcomers have the places of those before it.
        world.reload([daemon("web"), daemon("job-0") { $0.recovery.onStop = ["/bin/slow"] }])
        world.pass(.seconds(2))
        world.reload([daemon("web")])
        #expect(world.commands.count == 1)
        var names: [SchedulerSpecification] = [daemon("web")]
        for number in 0..<3 {
            names.append(daemon("late-\(number)"))
            world.reload(names)
        }
        #expect(!world.forgotten.contains { $0.text == "job-0" })
        #expect(world.supervisor.defects == 0)
    }

    @Test func `what was wanted of one that is gone for good is forgotten, too`() throws {
        var world = World([daemon("web")], wishes: [(try name("job-0"), .stopped)])
        world.isObedient = true
        world.boot()
        world.pass(.seconds(2))
        world.reload([daemon("web"), daemon("job-0")])
        world.pass(.seconds(2))
        world.reload([daemon("web")])
        for number in 1...Limits.emptyPlacesMax { _ = world.passThrough("job-\(number)") }
        world.pass(Limits.emptyPlaceRest)
        world.reload([daemon("web"), daemon("late")])
        #expect(world.forgotten == [try name("job-0")])
        world.pass(.seconds(2))
        #expect(world.supervisor.otherWishes["job-0"] == nil)
    }
}
