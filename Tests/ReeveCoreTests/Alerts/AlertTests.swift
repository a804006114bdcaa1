// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

extension [Effect] {
    /// "began error-rate web", in order.
    fileprivate var alerts: [String] {
        facts.compactMap {
            guard case .alert(let alert) = $0 else { return nil }
            return "\(alert.phase.rawValue) \(alert.kind.rawValue) \(alert.scheduler)"
        }
    }

    fileprivate var alertWords: [String] {
        facts.compactMap { if case .alert(let alert) = $0 { alert.words } else { nil } }
    }

    fileprivate var deliveries: [[Alert]] {
        compactMap { if case .deliverAlerts(_, _, let alerts) = $0 { alerts } else { nil } }
    }
}

extension World {
    /// The alert command that runs comes to its end.
    @discardableResult
    fileprivate mutating func endDelivery(code: Int32) -> [Effect] {
        guard let id = commands.first(where: { $0.command.purpose == .alert })?.id else {
            return []
        }
        return end(id, .ended(.exited(code: code), output: ""))
    }
}

@Suite struct AlertTests {
    private func crashing(
        _ change: (inout AlertSettings) -> Void = { _ in }
    ) -> World {
        var world = World.booted(
            [
                daemon("web") {
                    $0.restart.maxRestarts = nil
                    $0.restart.factor = 1
                }
            ], settings: { change(&$0.alerts) })
        world.pass(.seconds(1))
        return world
    }

    private func crash(_ world: inout World, _ times: Int) -> [Effect] {
        var effects: [Effect] = []
        for _ in 0..<times {
            effects += world.exit("web", code: 1)
            effects += world.pass(.seconds(5))
        }
        return effects
    }

    @Test func `five failures within the window are an alert, once, and degrade it`() {
        var world = crashing { $0.frequentRestarts = 100 }
        #expect(crash(&world, 4).alerts == [])
        let effects = crash(&world, 3)
        #expect(effects.alerts == ["began error-rate web"])
        #expect(effects.alertWords == ["5 of 5 executions failed within 5m, above 20 %"])
        world.pass(.seconds(70))
        #expect(world.status("web").consecutiveFailures == 0)
        #expect(world.health("web") == .degraded)
        #expect(world.status("web").reason.contains("fails often"))
        #expect(world.overall.alertCount == 1)
        let end = world.pass(.minutes(5))
        #expect(end.alerts == ["ended error-rate web"])
        #expect(end.alertWords == ["no failure within 5m"])
        #expect(world.health("web") == .healthy && world.overall.alertCount == 0)
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `more than three restarts are an alert, which ends when half of them are left`() {
        var world = crashing { $0.errorRate = 1 }
        #expect(crash(&world, 3).alerts == [])
        let effects = crash(&world, 1)
        #expect(effects.alerts == ["began frequent-restarts web"])
        #expect(effects.alertWords[0].hasPrefix("restarted more than 3 times within 10m"))
        world.pass(.minutes(9))
        #expect(world.overall.alertCount == 1)
        #expect(world.pass(.minutes(1)).alerts == ["ended frequent-restarts web"])
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `three timeouts in a row are an alert until one ends in time`() {
        var world = World.booted([
            scheduled("job", .interval(.minutes(10)), { _ in }) { $0.timeout = .seconds(5) }
        ])
        world.isObedient = true
        var effects: [Effect] = []
        for _ in 0..<4 { effects += world.pass(.minutes(10)) }
        #expect(effects.alerts == ["began timeouts job"])
        #expect(effects.alertWords == ["ran into its timeout of 5s 3 times in a row"])
        world.pass(.minutes(9))
        world.pass(.seconds(55))
        var end: [Effect] = []
        while world.lifecycle("job") != .starting && world.lifecycle("job") != .running {
            end += world.pass(.seconds(1))
        }
        end += world.exit("job", code: 0)
        #expect(end.alerts == ["ended timeouts job"])
    }

    @Test func `one that has no timeout any more has no alert of it`() {
        let job = scheduled("job", .interval(.minutes(10)), { _ in }) { $0.timeout = .seconds(5) }
        var world = World.booted([job])
        world.isObedient = true
        for _ in 0..<4 { world.pass(.minutes(10)) }
        #expect(world.overall.alertCount == 1)
        var endless = job
        endless.timeout = nil
        let effects = world.reload([endless])
        #expect(effects.alerts == ["ended timeouts job"])
        #expect(effects.alertWords == ["it has no timeout any more"])
    }

    @Test func `one that is stopped has no alert any more`() {
        var world = crashing()
        #expect(Set(crash(&world, 6).alerts).count == 2)
        world.isObedient = true
        let effects = world.request(1, .stop(world.id("web")))
        #expect(effects.alerts == ["ended error-rate web", "ended frequent-restarts web"])
        #expect(effects.alertWords == ["it is stopped", "it is stopped"])
        #expect(world.overall.alertCount == 0 && world.supervisor.nextDeadline == nil)
    }

    @Test func `a reset forgets what alerts are judged by`() {
        var world = crashing()
        _ = crash(&world, 6)
        let effects = world.request(1, .reset(world.id("web")))
        #expect(effects.alerts == ["ended error-rate web", "ended frequent-restarts web"])
    }

    @Test func `an alert that lasts is told again, by default each hour`() {
        var world = crashing {
            $0.errorRate = 1
            $0.repeatAfter = .minutes(4)
        }
        _ = crash(&world, 4)
        #expect(
            world.pass(.minutes(9)).alerts == [
                "continues frequent-restarts web", "continues frequent-restarts web",
            ])
        var quiet = crashing {
            $0.errorRate = 1
            $0.repeatAfter = nil
        }
        _ = crash(&quiet, 4)
        #expect(quiet.pass(.minutes(9)).alerts == [])
    }

    // MARK: Leaks

    private func leaking(_ change: (inout AlertSettings) -> Void = { _ in }) -> World {
        World.booted(
            [
                daemon("web") {
                    $0.memory.threshold = Bytes(200_000_000)
                    $0.restart.maxRestarts = nil
                }
            ], settings: { change(&$0.alerts) })
    }

    private func sampleMinutes(
        _ world: inout World, _ minutes: Int, _ megabytes: (Int) -> Int64
    ) -> [Effect] {
        var effects: [Effect] = []
        for second in 0..<(minutes * 6) {
            effects += world.pass(.seconds(10))
            effects += world.sample("web", megabytes: megabytes(second * 10))
        }
        return effects
    }

    @Test func `a leak is an alert with its growth and the time to the threshold`() {
        var world = leaking()
        let effects = sampleMinutes(&world, 25) { 60 + Int64($0 / 30) }
        #expect(effects.alerts == ["began memory-leak web"])
        #expect(effects.alertWords[0].hasPrefix("memory grows by 2MB a minute, for 15m without"))
        #expect(effects.alertWords[0].contains("it reaches its threshold in "))
        let metrics = world.supervisor.metrics(of: world.id("web"), at: world.now)
        #expect(metrics?.growth != nil && metrics?.forecast != nil)
    }

    @Test func `a leak lasts over a restart, and ends when a run has not grown for a window`() {
        var world = leaking()
        _ = sampleMinutes(&world, 25) { 60 + Int64($0 / 30) }
        world.exit("web", code: 1)
        world.pass(.seconds(5))
        #expect(world.overall.alertCount == 1)
        #expect(sampleMinutes(&world, 19) { _ in 60 }.alerts == [])
        #expect(sampleMinutes(&world, 4) { _ in 60 }.alerts == ["ended memory-leak web"])
    }

    @Test func `without a limit memory is sampled only where leak-window is set`() {
        var plain = World.booted([daemon("web")])
        let none = plain.pass(.minutes(3))
        #expect(!none.contains { if case .sample = $0 { true } else { false } })
        var world = World.booted([daemon("web")], settings: { $0.alerts.watchesAllMemory = true })
        let some = world.pass(.minutes(3))
        #expect(some.count { if case .sample = $0 { true } else { false } } >= 5)
    }

    // MARK: Dependencies

    private func family(_ count: Int) -> World {
        var world = World.booted(
            [daemon("db") { $0.errorThreshold = 1 }]
                + (0..<count).map { index in
                    daemon("app-\(index)") { $0.needs("db", onFailure: .ignore) }
                })
        world.pass(.seconds(3))
        return world
    }

    @Test func `a dependency that waits with its own stop is missed by who is started after that`()
    {
        var world = World.booted([
            daemon("db"), daemon("slow") { $0.needs("db") },
            daemon("web") {
                $0.needs("db")
                $0.order.dependencyTimeout = .seconds(2)
            },
        ])
        world.pass(.seconds(5))
        world.exit("web", code: 1)
        // Until `slow` has gone, `db` runs.
        world.request(1, .stop(world.id("db")))
        #expect(world.lifecycle("db") == .running)
        world.pass(.seconds(1))
        #expect(world.lifecycle("web") == .waitingForDependencies)
        #expect(world.pass(.seconds(2)).alerts == ["began dependency-failure db"])
    }

    @Test func `many that lose the same dependency are one alert that names them`() {
        var world = family(3)
        let effects = world.exit("db", code: 1)
        #expect(effects.alerts == ["began dependency-failure db"])
        #expect(
            effects.alertWords == ["app-0, app-1, app-2 need it, and it is unhealthy"])
        guard
            case .alert(let alert)? = effects.facts.first(where: {
                if case .alert = $0 { true } else { false }
            })
        else {
            Issue.record("no alert among \(effects.facts)")
            return
        }
        #expect(alert.affected.map(\.text) == ["app-0", "app-1", "app-2"])
        #expect(alert.affectedCount == 3)
        // It has to be well for a while.
        world.pass(.seconds(62))
        let alerts = world.supervisor.alerts(at: world.now).map(\.scheduler.text)
        #expect(alerts == ["db"])
        #expect(world.pass(.seconds(32)).alerts == ["ended dependency-failure db"])
    }

    @Test func `a failure that comes back within half a minute is the same alert`() {
        var world = World.booted([
            daemon("db") {
                $0.errorThreshold = 1
                $0.restart.resetAfter = .seconds(2)
            },
            daemon("app") { $0.needs("db", onFailure: .ignore) },
        ])
        world.pass(.seconds(3))
        var effects: [Effect] = []
        for _ in 0..<3 {
            effects += world.exit("db", code: 1)
            effects += world.pass(.seconds(15))
        }
        #expect(effects.alerts.filter { $0.hasSuffix("db") } == ["began dependency-failure db"])
        #expect(world.pass(.seconds(31)).alerts.contains("ended dependency-failure db"))
    }

    @Test func `an operator's stop is no failure, until dependents have waited in vain`() {
        var world = World.booted([
            daemon("db"), daemon("app") { $0.needs("db", onFailure: .ignore) },
            daemon("late") {
                $0.needs("db")
                $0.enabled = false
            },
        ])
        world.pass(.seconds(3))
        world.isObedient = true
        #expect(world.request(1, .stop(world.id("db"))).alerts == [])
        #expect(world.pass(.seconds(30)).alerts == [])
        world.request(2, .start(world.id("late"), force: false))
        let effects = world.pass(.seconds(61))
        #expect(effects.alerts == ["began dependency-failure db"])
        #expect(effects.alertWords == ["late needs it, and it is stopped"])
    }

    @Test func `one that suffers itself is not to blame for those behind it`() {
        var world = World.booted([
            daemon("db") { $0.errorThreshold = 1 },
            daemon("api") { $0.needs("db", onFailure: .stop) },
            daemon("web") { $0.needs("api", onFailure: .stop) },
        ])
        world.pass(.seconds(5))
        world.isObedient = true
        var effects = world.exit("db", code: 1)
        effects += world.pass(.seconds(10))
        #expect(effects.alerts == ["began dependency-failure db"])
        #expect(
            world.supervisor.alerts(at: world.now).map { $0.affected.map(\.text) }
                == [["api", "web"]])
    }

    // MARK: Delivery

    private func delivering(_ count: Int) -> World {
        var world = World.booted(
            (0..<count).map { index in
                daemon("app-\(index)") {
                    $0.restart.maxRestarts = nil
                    $0.restart.factor = 1
                }
            }, settings: { $0.alerts.exec = ["/bin/alert"] })
        world.pass(.seconds(1))
        return world
    }

    private func crashAll(_ world: inout World, _ count: Int) -> [Effect] {
        var effects: [Effect] = []
        for _ in 0..<5 {
            for index in 0..<count { effects += world.exit("app-\(index)", code: 1) }
            effects += world.pass(.seconds(2))
        }
        return effects
    }

    @Test func `a burst is one delivery, and the next begins five seconds after its end`() {
        var world = delivering(10)
        var effects = crashAll(&world, 10)
        #expect(effects.alerts.count == 20)
        effects += world.pass(.seconds(60))
        #expect(effects.deliveries.map(\.count) == [10])
        #expect(world.endDelivery(code: 0).deliveries == [])
        #expect(world.pass(.seconds(4)).deliveries == [])
        #expect(world.pass(.seconds(2)).deliveries.map(\.count) == [10])
        world.endDelivery(code: 0)
        #expect(world.pass(.seconds(60)).deliveries == [])
    }

    @Test func `a delivery that fails is said, tried twice again, and given up`() {
        var world = delivering(1)
        var effects = crashAll(&world, 1)
        effects += world.pass(.seconds(5))
        #expect(effects.deliveries.count == 1)
        let first = effects.deliveries[0]
        #expect(
            world.endDelivery(code: 1).facts.first
                == .alertDeliveryFailed(
                    words: "it ended with exit code 1", alerts: 1, attempt: 1, next: .seconds(10)))
        #expect(world.pass(.seconds(10)).deliveries == [first])
        #expect(world.endDelivery(code: 1).recordNames().count == 1)
        #expect(world.pass(.seconds(20)).deliveries == [first])
        #expect(
            world.endDelivery(code: 1).facts.first
                == .alertDeliveryFailed(
                    words: "it ended with exit code 1", alerts: 1, attempt: 3, next: nil))
        #expect(!world.pass(.seconds(60)).deliveries.contains(first))
    }

    @Test func `without exec a delivery that fails is said, and is the last`() {
        var world = delivering(1)
        let effects = crashAll(&world, 1) + world.pass(.seconds(5))
        #expect(effects.deliveries.count == 1)
        world.send(.reloadRequested(reason: "SIGHUP"))
        world.send(
            .configurationLoaded(
                Specification(schedulers: world.supervisor.specificationInForce.schedulers)))
        #expect(
            world.endDelivery(code: 1).facts.first
                == .alertDeliveryFailed(
                    words: "it ended with exit code 1", alerts: 1, attempt: 1, next: nil))
        #expect(world.pass(.minutes(5)).deliveries == [])
    }

    @Test func `what waits is bounded, and dropping is said once`() {
        var world = delivering(200)
        var effects = crashAll(&world, 200)
        effects += world.pass(.seconds(30))
        // Two alerts each; one delivery of 64 is with a command that does not end.
        #expect(effects.deliveries.map(\.count) == [64])
        #expect(world.supervisor.delivery.waiting.count == Limits.alertsWaitingMax)
        #expect(effects.recordNames().count { $0 == "alerts-dropped" } == 1)
    }

    @Test func `in a shutdown nothing is alerted or delivered any more`() {
        var world = delivering(2)
        _ = crashAll(&world, 2)
        world.isObedient = true
        let effects = world.terminate() + world.pass(.minutes(10))
        #expect(effects.alerts == [] && effects.deliveries == [])
        #expect(effects.exitCodes == [0])
    }
}
