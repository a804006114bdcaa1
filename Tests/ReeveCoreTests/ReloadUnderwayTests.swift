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

    // MARK: Health checks

    private func checked(_ check: HealthCheckSettings?) -> SchedulerSpecification {
        scheduled(
            "job", minutely,
            {
                $0.overlap = .allow
                $0.maxParallel = 2
            }, { $0.healthCheck = check })
    }

    @Test func `several executions whose check is gone leave no deadline that never moves`() {
        let check = HealthCheckSettings(.tcp(ProbeTarget(host: "localhost", port: 80)))
        for isAsked in [false, true] {
            var world = World.booted([checked(check)])
            world.pass(.seconds(87))
            #expect(world.status("job").runs.count == 2)
            while isAsked, world.probes.isEmpty { world.advance() }
            while !isAsked, let probe = world.probes.first {
                world.answer(probe.id, .passed(words: "connected"))
            }
            world.reload([checked(nil)])
            if let probe = world.probes.first {
                world.answer(probe.id, .passed(words: "connected"))
            }
            let before = world.now.monotonic
            for _ in 0..<10 { world.advance() }
            #expect(world.now.monotonic - before > .minutes(8))
            #expect(world.probes.isEmpty)
        }
    }

    @Test func `what another check said of several executions does not count`() {
        var check = HealthCheckSettings(.tcp(ProbeTarget(host: "localhost", port: 80)))
        check.failures = 1
        var world = World.booted([checked(check)])
        world.pass(.seconds(87))
        while world.probes.isEmpty { world.advance() }
        world.answer(world.probes[0].id, .failed(words: "refused"))
        #expect(world.supervisor.schedulers[0].check.state == .failed)
        check.method = .tcp(ProbeTarget(host: "localhost", port: 81))
        world.reload([checked(check)])
        #expect(world.supervisor.schedulers[0].check.state == .unknown)
        world.pass(.seconds(40))
        #expect(world.probes.last?.probe.target.port == 81)
    }

    @Test func `what is being asked is called off with the check that asked it`() {
        let check = HealthCheckSettings(.tcp(ProbeTarget(host: "localhost", port: 80)))
        var world = World.booted([daemon("web") { $0.healthCheck = check }])
        while world.probes.isEmpty { world.advance() }
        let id = world.probes[0].id
        #expect(world.reload([daemon("web")]).contains(.endCommand(id)))
        #expect(world.answer(id, .failed(words: "refused")) == [])
        #expect(world.health("web") == .healthy)
    }

    // MARK: Schedules

    @Test func `what was due beside an execution has its outcome before the schedule changes`() {
        var world = World.booted([scheduled("job", minutely)])
        world.pass(.seconds(30))
        #expect(world.lifecycle("job") == .running)
        world.jump(to: world.now.monotonic + .seconds(60))
        let other = scheduled("job", .cron("0 0 * * *"), { _ in }) {
            $0.program.arguments = ["/bin/other"]
        }
        world.reload([other])
        let ended = world.ledger.compactMap { entry -> String? in
            entry.outcome.map { "\(entry.occurrence.description.dropFirst(11)) \($0.rawValue)" }
        }
        #expect(ended == ["17:40:00Z skipped-overlap"])
    }

    @Test func `an execution that is the last keeps its limit of memory`() {
        let hungry = scheduled("job", minutely, { _ in }) {
            $0.memory.threshold = Bytes(50_000_000)
            $0.memory.samples = 2
        }
        var off = hungry
        off.enabled = false
        for configured in [[], [off]] {
            var world = World.booted([hungry])
            world.pass(.seconds(30))
            let run = world.run(of: "job")
            world.reload(configured)
            world.send(.sampled(run, .resident(Bytes(60_000_000))))
            let effects = world.send(.sampled(run, .resident(Bytes(60_000_000))))
            #expect(effects.contains { if case .signal = $0 { true } else { false } })
            world.send(.exited(run, .killed(.terminate), leftovers: []))
            #expect(world.ledger.compactMap(\.outcome) == [.failed])
            world.pass(.minutes(5))
            #expect(world.history.spawned.count == 1)
        }
    }

    @Test func `the last execution of one that is gone is found, and can be stopped and signalled`()
    {
        var world = World.booted([scheduled("job", minutely)])
        world.pass(.seconds(30))
        let (job, run) = (world.id("job"), world.run(of: "job"))
        world.reload([])
        #expect(world.supervisor.scheduler(named: "job") == job)
        let start = world.request(1, .start(job, force: false)).replies(to: 1).first
        #expect(
            start?.outcomes.map(\.words) == [
                "is no longer configured, and what runs of it comes to its end"
            ])
        #expect(world.request(2, .signal(job, .hangup)).contains(.passSignal(run, .hangup)))
        let stop = world.request(3, .stop(job))
        #expect(stop.contains(.signal(run, .terminate, to: .leader)))
        #expect(!stop.contains { if case .keep = $0 { true } else { false } })
        let effects = world.send(.exited(run, .killed(.terminate), leftovers: []))
        #expect(effects.replies(to: 3).first?.outcomes.map(\.result) == [.done])
        #expect(world.supervisor.scheduler(named: "job") == nil)
        let again = world.request(4, .stop(job)).replies(to: 4).first
        #expect(again?.outcomes.map(\.words) == ["is no longer configured"])
    }

    @Test func `what another schedule would have made due while it was gone was never due`() {
        // Found by the simulator: 1,200 occurrences of an interval that nobody had asked for yet.
        let expiring = scheduled("job", minutely) {
            $0.expiresAt = WallTime(rfc3339: "2026-11-25T17:40:00Z")
        }
        var world = World.booted([expiring])
        world.pass(.seconds(30))
        #expect(world.lifecycle("job") == .running)
        world.pass(.minutes(20))
        world.reload([])
        world.pass(.minutes(1))
        world.reload([scheduled("job", .interval(.seconds(1)))])
        #expect(world.ledger.compactMap(\.outcome) == [])
        world.exit("job", code: 0)
        world.pass(.seconds(1))
        #expect(world.ledger.compactMap(\.outcome) == [.succeeded])
        #expect(world.lifecycle("job") == .running)
    }

    @Test func `what was due while it was gone has its outcome when another schedule follows`() {
        var world = World.booted([scheduled("job", minutely)])
        world.pass(.seconds(30))
        world.reload([])
        world.pass(.minutes(2))
        world.reload([scheduled("job", .cron("0 0 * * *"))])
        let ended = world.ledger.filter { $0.outcome != nil }
        #expect(ended.map(\.outcome) == [.paused])
        #expect(ended.map(\.count) == [2])
        #expect(ended.map(\.occurrence.description) == ["2026-11-25T17:40:00Z"])
    }

    @Test func `one that comes back while its execution ends has the zones of the new file`() {
        let bytes = ZoneFiles.bytes(of: "/usr/share/zoneinfo/Europe/Berlin")
        let there = scheduled("job", .cron("0 20 * * *")) { $0.zone = "Europe/Berlin" }
        var world = World.booted([scheduled("job", minutely)])
        world.pass(.seconds(30))
        world.reload([])
        world.send(.reloadRequested(reason: "SIGHUP"))
        world.send(
            .configurationLoaded(
                Specification(
                    schedulers: [there],
                    zones: [ZoneFile(name: "Europe/Berlin", bytes: bytes ?? [])])))
        world.exit("job", code: 0)
        #expect(world.status("job").nextRun?.description == "2026-11-25T19:00:00Z")
    }

    // MARK: Alerts

    @Test func `an alert of one that is gone and comes back ends all the same`() {
        let db = daemon("db") {
            $0.errorThreshold = 1
            $0.restart.delay = .minutes(5)
        }
        var world = World.booted([db, daemon("web") { $0.needs("db", onFailure: .restart) }])
        world.isObedient = true
        world.pass(.seconds(4))
        world.exit("db", code: 1)
        world.pass(.seconds(2))
        #expect(world.overall.alertCount == 1)
        world.reload([])
        #expect(world.overall.alertCount == 1)
        world.reload([db])
        let effects = world.pass(.seconds(40))
        #expect(
            effects.contains { effect in
                if case .record(let record) = effect, case .alert(let alert) = record.fact {
                    return alert.phase == .ended && alert.kind == .dependencyFailure
                }
                return false
            })
        #expect(world.overall.alertCount == 0)
        #expect(world.supervisor.alerts(at: world.now).isEmpty)
    }
}
