// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

/// Schedules that count elapsed time.
@Suite struct IntervalTests {
    private func every(
        _ seconds: Int64, _ change: (inout ScheduleSettings) -> Void = { _ in }
    ) -> SchedulerSpecification {
        scheduled("job", .interval(.seconds(seconds)), change)
    }

    private func fromEnd(
        _ change: (inout ScheduleSettings) -> Void = { _ in }
    ) -> SchedulerSpecification {
        every(60) {
            $0.intervalFrom = .end
            change(&$0)
        }
    }

    private func outcomes(_ world: World) -> [String] {
        world.ledger.compactMap { entry in
            guard case .ended(let outcome, _, _) = entry.event else { return nil }
            return outcome.rawValue + (entry.count > 1 ? " x\(entry.count)" : "")
        }
    }

    private func setClock(of world: inout World, by seconds: Int64) {
        if seconds < 0 { world.setWall(back: .seconds(-seconds)) }
        world.setWall(forward: .seconds(max(0, seconds)))
    }

    // MARK: From the end

    @Test func `an occurrence without an execution begins the interval anew`() throws {
        var skipped = World.booted([
            daemon("base"),
            scheduled("job", .interval(.seconds(60)), { $0.intervalFrom = .end }) {
                $0.needs("base", .completed)
            },
        ])
        skipped.pass(.seconds(60))
        #expect(outcomes(skipped) == ["skipped-dependency"])
        #expect(skipped.status("job").nextRun == skipped.now.wall + .seconds(60))

        var late = World.booted([fromEnd { $0.misfire = .skip }])
        // Nobody had a turn for ten minutes.
        late.jump(to: late.now.monotonic + .seconds(600))
        late.send(.timePassed)
        #expect(outcomes(late) == ["missed"])
        #expect(late.untilDeadline == .seconds(60))
    }

    @Test func `while anything is executed none is due`() {
        var world = World.booted([fromEnd { $0.runOnStart = true }])
        #expect(world.lifecycle("job") == .running)
        #expect(world.status("job").nextRun == nil)
        // Neither by itself nor after a pause.
        world.request(1, .pause(world.id("job")))
        world.request(2, .resume(world.id("job")))
        #expect(world.status("job").nextRun == nil)
        world.exit("job", code: 0)
        #expect(world.untilDeadline == .seconds(60))
        world.pass(.seconds(30))
        world.request(3, .runNow(world.id("job"), force: false))
        #expect(world.lifecycle("job") == .running)
        #expect(world.status("job").nextRun == nil)
        world.pass(.seconds(50))
        world.exit("job", code: 0)
        #expect(world.untilDeadline == .seconds(60))
        #expect(outcomes(world) == ["succeeded", "succeeded"])
    }

    // MARK: The grid

    @Test func `after a stop the grid begins with the start`() {
        var world = World.booted([every(10)])
        world.request(1, .stop(world.id("job")))
        world.pass(.seconds(19))
        world.request(2, .start(world.id("job"), force: false))
        #expect(outcomes(world) == ["paused"])
        #expect(world.untilDeadline == .seconds(10))
        // Nothing was due before the tenth second.
        world.pass(.seconds(9))
        world.request(3, .pause(world.id("job")))
        world.request(4, .resume(world.id("job")))
        #expect(outcomes(world) == ["paused"])
        #expect(world.untilDeadline == .seconds(1))
    }

    @Test(arguments: [[-60], [-60, -60], [3_600, -3_760]])
    func `a clock that goes back by a multiple of it makes no occurrence another's`(
        steps: [Int64]
    ) {
        var world = World.booted([every(10)])
        for step in [0] + steps {
            setClock(of: &world, by: step)
            for _ in 0..<8 {
                world.pass(.seconds(10))
                world.exit("job", code: 0)
            }
        }
        let keys = world.ledger.filter { $0.outcome == .succeeded }.map(\.occurrence)
        #expect(keys.count == 8 * (1 + steps.count))
        #expect(Set(keys.map(\.nanoseconds)).count == keys.count)
        // By less than anybody sees.
        #expect(keys.allSatisfy { $0.nanoseconds % 1_000_000_000 < 10 })
    }

    @Test(arguments: [Int64(86_400), -86_400, -15, 15])
    func `a clock that is set makes nothing due`(seconds: Int64) {
        var world = World.booted([every(10)])
        world.pass(.seconds(5))
        setClock(of: &world, by: seconds)
        world.request(1, .pause(world.id("job")))
        world.pass(.seconds(6))
        world.request(2, .resume(world.id("job")))
        #expect(outcomes(world) == ["paused"])
        #expect(world.untilDeadline == .seconds(9))
        world.request(3, .pause(world.id("job")))
        world.pass(.seconds(19))
        setClock(of: &world, by: seconds)
        world.request(4, .resume(world.id("job")))
        #expect(outcomes(world) == ["paused", "paused x2"])
        #expect(world.untilDeadline == .seconds(10))
    }
}
