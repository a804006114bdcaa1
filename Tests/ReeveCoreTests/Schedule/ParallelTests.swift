// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

/// `overlap = "allow"`. The world begins at 17:38:34 UTC.
@Suite struct ParallelTests {
    private func outcomes(_ world: World) -> [String] {
        world.ledger.compactMap { entry in
            guard case .ended(let outcome, let reason, _) = entry.event else { return nil }
            let time = entry.occurrence.description.dropFirst(11).prefix(8)
            return "\(time) \(outcome.rawValue)"
                + (outcome == .skippedOverlap ? " (\(reason))" : "")
        }
    }

    private func parallel(
        _ most: Int, _ change: (inout ScheduleSettings) -> Void = { _ in },
        _ further: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> SchedulerSpecification {
        scheduled(
            "job", .cron("* * * * *"),
            {
                $0.overlap = .allow
                $0.maxParallel = most
                change(&$0)
            }, further)
    }

    private func runs(_ world: World) -> [RunID] { world.status("job").runs.map(\.id) }

    @Test func `occurrences are executed beside each other, up to max-parallel`() {
        var world = World.booted([parallel(3)])
        world.pass(.seconds(26 + 180))
        #expect(runs(world).count == 3)
        #expect(
            outcomes(world) == [
                "17:42:00 skipped-overlap (3 executions at a time, the most that max-parallel allows)"
            ])
        let status = world.status("job")
        #expect(status.lifecycle == .running && status.health == .healthy)
        #expect(status.run == status.runs[0].id && status.pid == status.runs[0].pid)
        #expect(world.overall.total == 1)
        let occurrences = status.runs.map { $0.scheduledAt?.description.dropFirst(11).prefix(5) }
        #expect(occurrences == ["17:39", "17:40", "17:41"])
        // Each ends by itself, in any order, and the oldest of the rest is the current one.
        world.send(.exited(status.runs[1].id, .exited(code: 0), leftovers: []))
        world.send(.exited(status.runs[0].id, .exited(code: 1), leftovers: []))
        #expect(world.status("job").run == status.runs[2].id)
        #expect(outcomes(world).dropFirst() == ["17:40:00 succeeded", "17:39:00 failed"])
        world.pass(.seconds(60))
        #expect(runs(world).count == 2)
        for run in runs(world) { world.send(.exited(run, .exited(code: 0), leftovers: [])) }
        #expect(world.lifecycle("job") == .idle)
        #expect(world.status("job").runs == [])
        #expect(world.supervisor.nextDeadline == nil)
    }

    @Test func `each has its own attempts and its own timeout`() {
        var world = World.booted([parallel(5, { $0.maxRetries = 1 }) { $0.timeout = .seconds(90) }])
        world.isObedient = true
        world.pass(.seconds(26 + 60))
        let first = runs(world)[0]
        let second = runs(world)[1]
        world.send(.exited(second, .exited(code: 1), leftovers: []))
        #expect(world.untilDeadline == .seconds(1))
        #expect(runs(world) == [first])
        world.advance()
        #expect(world.supervisor.execution(of: runs(world)[1])?.attempt == 2)
        #expect(world.supervisor.execution(of: first)?.attempt == 1)
        // 17:40:30: the first runs too long, and is tried again.
        world.pass(.milliseconds(29_500))
        #expect(runs(world).count == 1)
        world.pass(.seconds(1))
        #expect(world.supervisor.execution(of: runs(world)[1])?.attempt == 2)
        world.pass(.seconds(28))
        #expect(outcomes(world) == [])
    }

    @Test func `while one attempt waits the others stand for the scheduler`() {
        var world = World.booted([
            parallel(2) {
                $0.maxRetries = 1
                $0.retryDelay = .seconds(600)
                $0.retryDelayMax = .seconds(600)
            }
        ])
        world.pass(.seconds(26 + 60))
        let all = runs(world)
        world.send(.exited(all[0], .exited(code: 1), leftovers: []))
        #expect(world.lifecycle("job") == .running && world.status("job").run == all[1])
        // What waits for its attempt keeps its place.
        world.pass(.seconds(60))
        #expect(outcomes(world).first?.hasPrefix("17:41:00 skipped-overlap") == true)
        world.send(.exited(all[1], .exited(code: 0), leftovers: []))
        #expect(world.lifecycle("job") == .backingOff)
        world.request(1, .stop(world.id("job")))
        #expect(outcomes(world).dropFirst() == ["17:40:00 succeeded", "17:39:00 failed"])
        #expect(world.lifecycle("job") == .stopped)
    }

    @Test func `a stop ends all of them and is answered when the last has ended`() {
        var world = World.booted([parallel(3)])
        world.pass(.seconds(26 + 120))
        let all = runs(world)
        let stop = world.request(1, .stop(world.id("job")))
        #expect(
            stop.actions.filter { if case .signal = $0 { true } else { false } }
                == all.map { .signal($0, .terminate, to: .leader) })
        world.send(.exited(all[0], .killed(.terminate), leftovers: []))
        world.send(.exited(all[2], .killed(.terminate), leftovers: []))
        #expect(world.lifecycle("job") == .stopping)
        #expect(world.history.replies(to: 1).isEmpty)
        world.send(.exited(all[1], .killed(.terminate), leftovers: []))
        #expect(world.history.replies(to: 1).first?.outcomes.first?.result == .done)
        #expect(world.lifecycle("job") == .stopped)
        #expect(
            outcomes(world) == [
                "17:39:00 cancelled", "17:41:00 cancelled", "17:40:00 cancelled",
            ])
    }

    @Test func `one that ends by itself does not call a stop off that waits for dependents`() {
        var world = World.booted([
            parallel(2), daemon("web") { $0.needs("job", .started) },
        ])
        world.pass(.seconds(26 + 60))
        let all = runs(world)
        world.request(1, .stop(world.id("job")))
        #expect(world.lifecycle("web") == .stopping && world.lifecycle("job") == .running)
        world.send(.exited(all[0], .exited(code: 0), leftovers: []))
        #expect(world.health("job") == .stopping)
        world.exit("web", .killed(.terminate))
        #expect(world.lifecycle("job") == .stopping)
        world.send(.exited(all[1], .killed(.terminate), leftovers: []))
        #expect(world.lifecycle("job") == .stopped)
    }

    @Test func `survivors of one are named, and nothing starts while they live`() {
        var world = World.booted([parallel(3)])
        world.pass(.seconds(26 + 60))
        let all = runs(world)
        let stuck = process(4_711, "stuck")
        world.request(1, .stop(world.id("job")))
        world.send(.exited(all[0], .killed(.terminate), leftovers: [stuck]))
        world.send(.exited(all[1], .killed(.terminate), leftovers: []))
        world.pass(.seconds(20))
        #expect(world.status("job").survivors == [stuck])
        #expect(world.health("job") == .unhealthy)
        let start = world.request(2, .start(world.id("job"), force: false)).replies(to: 2)
        #expect(start.first?.refusal == .survivors)
        let forced = world.request(3, .start(world.id("job"), force: true))
        #expect(forced.actions.contains(.forget(all[0])))
        #expect(world.lifecycle("job") == .idle)
    }

    @Test func `a signal goes to each, and the answer names them`() {
        var world = World.booted([parallel(3)])
        world.pass(.seconds(26 + 60))
        let all = runs(world)
        let effects = world.request(1, .signal(world.id("job"), .user1))
        #expect(
            effects.actions.prefix(2) == [.passSignal(all[0], .user1), .passSignal(all[1], .user1)])
        #expect(
            effects.replies(to: 1).first?.outcomes.first?.words
                == "SIGUSR1 sent to pids 1001, 1002")
    }

    @Test func `memory is the sum, and known when each is`() {
        var world = World.booted([
            parallel(3, { _ in }) { $0.memory.threshold = Bytes(100_000_000) }
        ])
        world.isObedient = true
        world.pass(.seconds(26 + 60))
        let all = runs(world)
        world.send(.sampled(all[0], .resident(Bytes(60_000_000))))
        #expect(world.status("job").memory == nil)
        for _ in 0..<2 { world.send(.sampled(all[1], .resident(Bytes(110_000_000)))) }
        #expect(world.status("job").memory == Bytes(170_000_000))
        #expect(world.health("job") == .degraded)
        // The rule is each execution's own.
        world.send(.sampled(all[1], .resident(Bytes(110_000_000))))
        #expect(runs(world) == [all[0]])
        #expect(outcomes(world) == ["17:40:00 failed"])
    }

    @Test func `a shutdown lets all of them end for their drain timeout, then ends them`() {
        var world = World.booted([parallel(3)])
        world.isObedient = true
        world.pass(.seconds(26 + 60))
        let all = runs(world)
        world.terminate()
        world.pass(.seconds(2))
        world.send(.exited(all[0], .exited(code: 0), leftovers: []))
        #expect(world.history.exitCodes == [])
        world.pass(.seconds(9))
        #expect(outcomes(world) == ["17:39:00 succeeded", "17:40:00 cancelled"])
        #expect(world.history.exitCodes == [0])
    }

    @Test func `each is judged by its own exit code, though another ended meanwhile`() {
        var world = World.booted([
            parallel(3) {
                $0.maxRetries = 2
                $0.noRetryExitCodes = [127]
            }
        ])
        world.pass(.seconds(26 + 60))
        let all = runs(world)
        let child = ProcessDescription(
            identity: ProcessIdentity(pid: PID(4_711), startTime: 7), name: "child")
        world.send(.exited(all[0], .exited(code: 127), leftovers: [child]))
        world.send(.exited(all[1], .exited(code: 1), leftovers: []))
        world.send(.surveyed(all[0], alive: [], reached: nil))
        #expect(outcomes(world) == ["17:39:00 failed"])
    }

    @Test func `what is queued takes the next place that is free`() {
        var world = World.booted([parallel(2)])
        let id = world.id("job")
        for number in 1...3 as ClosedRange<UInt64> {
            world.request(number, .runNow(id, force: true))
            world.pass(.milliseconds(200))
        }
        #expect(runs(world).count == 2)
        #expect(world.history.replies(to: 3).first?.outcomes.first?.result == .pending)
        world.send(.exited(runs(world)[0], .exited(code: 0), leftovers: []))
        world.pass(.milliseconds(200))
        #expect(runs(world).count == 2)
    }

    @Test func `two that are due at once keep the least distance between two starts`() {
        var world = World.booted([parallel(5)])
        let id = world.id("job")
        world.request(1, .runNow(id, force: false))
        world.request(2, .runNow(id, force: false))
        #expect(world.history.spawned.count == 1)
        #expect(world.history.replies(to: 2).isEmpty)
        world.pass(.milliseconds(100))
        #expect(world.history.spawned.count == 2)
        let words = world.history.replies(to: 2).first?.outcomes.first?.words
        #expect(words == "started, pid 1002")
    }

    /// The occurrences whose attempts begin, in their order; each attempt fails at once.
    private func failing(_ world: inout World, turns: Int) -> [WallTime] {
        var begun: [WallTime] = []
        for _ in 0..<turns {
            for case .spawn(let run, _) in world.advance() {
                if let execution = world.supervisor.execution(of: run) {
                    begun.append(execution.scheduledAt)
                }
                world.send(.exited(run, .exited(code: 1), leftovers: []))
            }
        }
        return begun
    }

    @Test func `starts come in the order in which they became due, and nobody waits for ever`() {
        var world = World.booted([
            parallel(3) {
                $0.maxRetries = 4
                $0.retryDelay = .zero
            }
        ])
        let id = world.id("job")
        for number in 1...3 as ClosedRange<UInt64> {
            world.request(number, .runNow(id, force: false))
            world.pass(.milliseconds(100))
        }
        let occurrences = world.status("job").runs.compactMap(\.scheduledAt)
        #expect(occurrences.count == 3)
        for run in runs(world) { world.send(.exited(run, .exited(code: 1), leftovers: [])) }
        let began = world.now.monotonic
        let begun = failing(&world, turns: 12)
        #expect(begun == [occurrences, occurrences, occurrences, occurrences].flatMap(\.self))
        // One after the other, as close as may be.
        #expect(world.now.monotonic - began == .milliseconds(1_200))
        #expect(world.ledger.compactMap(\.outcome) == [.failed, .failed, .failed])
        #expect(world.lifecycle("job") == .idle)
    }

    @Test func `an execution that is asked for waits for attempts that were due before it`() {
        var world = World.booted([parallel(3) { $0.maxRetries = 1 }])
        let id = world.id("job")
        for number in 1...2 as ClosedRange<UInt64> {
            world.request(number, .runNow(id, force: false))
            world.pass(.milliseconds(100))
        }
        // Due in a second, and looked at too late. The first of them is the current one no more.
        let occurrence = world.status("job").runs.first?.scheduledAt
        world.send(.exited(runs(world)[0], .exited(code: 1), leftovers: []))
        world.jump(to: world.now.monotonic + .milliseconds(1_050))
        #expect(world.request(3, .runNow(id, force: false)).spawned == [])
        #expect(failing(&world, turns: 1) == [occurrence])
        #expect(world.untilDeadline == .milliseconds(100))
        #expect(failing(&world, turns: 1).count == 1)
        #expect(world.history.replies(to: 3).first?.outcomes.first?.result == .done)
    }

    @Test func `other settings are in force when the last run under the old ones has ended`() {
        let before = parallel(3)
        var world = World.booted([before])
        world.pass(.seconds(26 + 60))
        let all = runs(world)
        var after = before
        after.program.environment = [EnvironmentVariable(name: "A", value: "1")]
        world.send(.reloadRequested(reason: "test"))
        world.send(.configurationLoaded(Specification(schedulers: [after])))
        #expect(world.lifecycle("job") == .running)
        world.send(.exited(all[1], .exited(code: 0), leftovers: []))
        world.pass(.seconds(4))
        #expect(world.supervisor.specification(of: world.id("job")) == before)
        world.send(.exited(all[0], .exited(code: 0), leftovers: []))
        #expect(world.supervisor.specification(of: world.id("job")) == after)
        #expect(world.lifecycle("job") == .idle)
    }

    @Test func `a replacement replaces all that an earlier configuration allowed`() {
        let before = parallel(3)
        var world = World.booted([before])
        world.isObedient = true
        world.pass(.seconds(26 + 60))
        var after = before
        after.schedule?.overlap = .replace
        world.send(.reloadRequested(reason: "test"))
        world.send(.configurationLoaded(Specification(schedulers: [after])))
        #expect(runs(world).count == 2)
        world.pass(.seconds(60))
        #expect(runs(world).count == 1)
        #expect(outcomes(world) == ["17:39:00 cancelled", "17:40:00 cancelled"])
    }

    @Test func `what waits begins as soon as a reload makes room`() {
        var world = World.booted([parallel(1)])
        world.pass(.seconds(26))
        world.request(1, .runNow(world.id("job"), force: true))
        #expect(runs(world).count == 1)
        world.pass(.seconds(1))
        world.reload([parallel(2)])
        #expect(runs(world).count == 2)
    }

    @Test func `a shutdown waits for no on-start command, and drains all that run`() throws {
        var world = World.booted([parallel(3, { _ in }) { $0.recovery.onStart = ["/bin/prepare"] }])
        world.pass(.seconds(26))
        let first = try #require(world.commands.first).id
        world.end(first, .ended(.exited(code: 0), output: ""))
        world.pass(.seconds(60))
        // The first runs, the second waits for its command.
        let running = world.status("job").runs.map(\.id)
        #expect(running.count == 2)
        let second = try #require(world.commands.last).id
        let begun = world.terminate()
        #expect(begun.contains { if case .endCommand(second) = $0 { true } else { false } })
        #expect(!begun.contains { if case .signal = $0 { true } else { false } })
        let end = world.send(.exited(running[0], .exited(code: 0), leftovers: []))
        #expect(outcomes(world) == ["17:40:00 cancelled", "17:39:00 succeeded"])
        #expect(end.exitCodes == [0])
    }
}
