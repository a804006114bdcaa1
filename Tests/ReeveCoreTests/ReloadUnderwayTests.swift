// SPDX-License-Identifier: Apache-2.0
//
// A reload that comes while something is going on: a start, a check, an execution, an alert.

import Testing

@testable import ReeveCore

/// The world begins at 17:38:34 UTC.
@Suite struct ReloadUnderwayTests {
    private let minutely = ScheduleSettings.Rule.cron("* * * * *")

    private func slow(_ change: (inout SchedulerSpecification) -> Void = { _ in })
        -> SchedulerSpecification
    {
        daemon("web") {
            $0.readiness.rule = .uptime(.minutes(10))
            $0.notify.socket = .path
            change(&$0)
        }
    }

    // MARK: Readiness

    @Test func `what need not be waited for any more is ready at once`() {
        var world = World.booted([slow()])
        world.pass(.seconds(5))
        #expect(world.lifecycle("web") == .starting)
        world.reload([slow { $0.readiness.rule = .spawn }])
        world.pass(.zero)
        #expect(world.lifecycle("web") == .running)
    }

    @Test func `a READY=1 that came before it was asked for counts, however late that is`() {
        var world = World.booted([slow()])
        world.send(.notified(world.run(of: "web"), [.ready]))
        world.pass(.seconds(90))
        #expect(world.lifecycle("web") == .starting)
        world.reload([slow { $0.readiness.rule = .notify }])
        world.pass(.zero)
        #expect(world.lifecycle("web") == .running)
    }

    @Test func `patience with a start begins anew where another sign is waited for`() {
        var world = World.booted([slow()])
        world.pass(.seconds(90))
        world.reload([slow { $0.readiness.rule = .notify }])
        world.pass(.seconds(59))
        #expect(world.lifecycle("web") == .starting)
        world.pass(.seconds(1))
        #expect(world.lifecycle("web") == .stopping)
    }
}
