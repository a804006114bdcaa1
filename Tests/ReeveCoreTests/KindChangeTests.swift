// SPDX-License-Identifier: Apache-2.0
//
// A scheduler that follows a schedule after a reload, and did not before, or the other way round.

import Testing

@testable import ReeveCore

/// The world begins at 17:38:34 UTC.
@Suite struct KindChangeTests {
    private let minutely = ScheduleSettings.Rule.cron("* * * * *")

    private func outcomes(_ world: World) -> [String] {
        world.ledger.compactMap { entry in
            guard case .ended(let outcome, _, _) = entry.event else { return nil }
            let time = entry.occurrence.description.dropFirst(11).prefix(8)
            return "\(time) \(outcome.rawValue)" + (entry.count > 1 ? " x\(entry.count)" : "")
        }
    }

    // MARK: To a daemon

    @Test func `an idle one starts when it is scheduled no longer`() {
        var world = World.booted([scheduled("job", minutely)])
        world.pass(.seconds(2))
        #expect(world.lifecycle("job") == .idle)
        #expect(world.reload([daemon("job")]).spawned == [world.id("job")])
        world.pass(.seconds(90))
        #expect(world.lifecycle("job") == .running)
        #expect(world.status("job").reason == "started: its configuration changed")
        #expect(outcomes(world) == [])
    }

    @Test func `an execution is ended, what waits is withdrawn, and the daemon starts`() {
        var world = World.booted([scheduled("job", minutely) { $0.overlap = .queue }])
        world.isObedient = true
        world.pass(.seconds(90))
        #expect(world.status("job").run == world.run(of: "job"))
        let effects = world.reload([daemon("job")])
        #expect(outcomes(world) == ["17:40:00 cancelled", "17:39:00 cancelled"])
        #expect(effects.spawned == [world.id("job")])
        world.pass(.seconds(2))
        #expect(world.lifecycle("job") == .running)
    }

    @Test func `several executions are ended before the daemon starts`() {
        var world = World.booted([
            scheduled("job", minutely) {
                $0.overlap = .allow
                $0.maxParallel = 3
            }
        ])
        world.pass(.seconds(90))
        let runs = world.status("job").runs.map(\.id)
        #expect(runs.count == 2)
        #expect(world.reload([daemon("job")]).spawned == [])
        #expect(
            world.send(.exited(runs[0], .killed(.terminate), leftovers: [])).spawned == [])
        #expect(
            world.send(.exited(runs[1], .killed(.terminate), leftovers: [])).spawned
                == [world.id("job")])
        #expect(outcomes(world) == ["17:39:00 cancelled", "17:40:00 cancelled"])
    }

    @Test func `an attempt that waits for its delay has its outcome, and the daemon starts`() {
        var world = World.booted([
            scheduled("job", minutely) {
                $0.maxRetries = 3
                $0.retryDelay = .seconds(20)
            }
        ])
        world.pass(.seconds(30))
        world.exit("job", code: 1)
        #expect(world.lifecycle("job") == .backingOff)
        #expect(world.reload([daemon("job")]).spawned == [world.id("job")])
        #expect(outcomes(world) == ["17:39:00 failed"])
        #expect(world.status("job").consecutiveFailures == 0)
    }

    @Test func `no attempt follows an execution that was being ended for its timeout`() {
        var world = World.booted([
            scheduled("job", minutely, { $0.maxRetries = 3 }) { $0.timeout = .seconds(5) }
        ])
        world.pass(.seconds(31))
        #expect(world.lifecycle("job") == .stopping)
        world.reload([daemon("job")])
        let effects = world.exit("job", .killed(.terminate))
        #expect(outcomes(world) == ["17:39:00 timed-out"])
        #expect(effects.spawned == [world.id("job")])
    }

    @Test func `what waited for its dependencies at start waits on as a daemon`() {
        let off = daemon("db") { $0.enabled = false }
        var world = World.booted([
            off, scheduled("job", minutely, { $0.runOnStart = true }) { $0.needs("db") },
        ])
        #expect(world.lifecycle("job") == .waitingForDependencies)
        #expect(world.reload([off, daemon("job") { $0.needs("db") }]).spawned == [])
        #expect(outcomes(world) == ["17:38:34 cancelled"])
        world.request(1, .start(world.id("db"), force: false))
        #expect(world.pass(.seconds(2)).spawned == [world.id("job")])
    }

    @Test func `what was due, or passed in a pause, has its outcome first`() {
        var due = World.booted([scheduled("job", minutely)])
        due.jump(to: due.now.monotonic + .seconds(90))
        due.reload([daemon("job")])
        #expect(outcomes(due) == ["17:39:00 cancelled x2"])
        var paused = World.booted([scheduled("job", minutely)])
        paused.request(1, .pause(paused.id("job")))
        paused.pass(.seconds(90))
        paused.reload([daemon("job")])
        #expect(outcomes(paused) == ["17:39:00 paused x2"])
    }

    @Test func `whoever waits for an execution is answered`() {
        var world = World.booted([scheduled("job", minutely)])
        world.request(1, .runNow(world.id("job"), force: false))
        world.exit("job", code: 0)
        // The least distance between two starts is waited for.
        #expect(world.request(2, .runNow(world.id("job"), force: false)).replies().isEmpty)
        let effects = world.reload([daemon("job")])
        #expect(effects.replies(to: 2).map { $0.outcomes.map(\.result) } == [[.failed]])
    }

    @Test func `what an earlier reeve began is lost, though it is scheduled no longer`() {
        var world = World.booted([scheduled("job", minutely)])
        world.pass(.seconds(30))
        world.answersSpawns = false
        world.reload([daemon("job")])
        world.replaceSupervisor(after: .seconds(5))
        #expect(outcomes(world) == ["17:39:00 lost"])
    }

    @Test func `the last execution of one that comes back as a daemon is the last`() {
        var world = World.booted([scheduled("job", minutely)])
        world.pass(.seconds(26))
        world.reload([daemon("job") { $0.enabled = false }])
        world.reload([daemon("job")])
        #expect(world.lifecycle("job") == .running)
        world.pass(.seconds(130))
        #expect(world.exit("job", code: 0).spawned == [world.id("job")])
        #expect(outcomes(world) == ["17:39:00 succeeded"])
    }

    // MARK: To a schedule

    @Test func `a daemon that waits for dependencies waits for its time as a scheduled one`() {
        let off = daemon("db") { $0.enabled = false }
        var world = World.booted([off, daemon("job") { $0.needs("db") }])
        #expect(world.lifecycle("job") == .waitingForDependencies)
        world.reload([off, scheduled("job", minutely, { _ in }) { $0.needs("db") }])
        #expect(world.lifecycle("job") == .idle)
        world.request(1, .start(world.id("db"), force: false))
        #expect(world.pass(.seconds(2)).spawned == [])
        #expect(world.pass(.seconds(30)).spawned == [world.id("job")])
    }

    @Test func `a daemon is ended, and its schedule is followed`() {
        var world = World.booted([daemon("job")])
        world.isObedient = true
        world.pass(.seconds(2))
        world.reload([scheduled("job", minutely)])
        #expect(world.lifecycle("job") == .idle)
        #expect(world.pass(.seconds(30)).spawned == [world.id("job")])
    }

    @Test func `a task whose end was not over follows its schedule after it`() {
        var world = World.booted([task("job")])
        let run = world.run(of: "job")
        world.exit("job", .exited(code: 0), leftovers: [process(5)])
        #expect(world.lifecycle("job") == .stopping)
        world.reload([scheduled("job", minutely)])
        world.send(.surveyed(run, alive: [], reached: nil))
        #expect(world.lifecycle("job") == .idle)
        #expect(world.pass(.seconds(30)).spawned == [world.id("job")])
    }

    @Test func `settings that waited for the end of a failed run are tried after it`() {
        for kind in [SchedulerSpecification.Kind.daemon, .task] {
            var world = World.booted([daemon("job") { $0.restart.mode = .never }])
            world.pass(.seconds(2))
            let run = world.run(of: "job")
            world.exit("job", .exited(code: 1), leftovers: [process(5)])
            #expect(world.lifecycle("job") == .stopping)
            let other = task("job") {
                $0.kind = kind
                $0.restart.mode = .never
                $0.program.arguments = ["/bin/other"]
            }
            #expect(world.reload([other]).spawned == [])
            let effects = world.send(.surveyed(run, alive: [], reached: nil))
            #expect(effects.spawned == [world.id("job")])
            #expect(!effects.recordNames().contains("exhausted"))
            #expect(world.status("job").reason.hasSuffix("its configuration changed"))
            #expect(world.status("job").consecutiveFailures == 0)
        }
    }

    @Test func `settings that came while a run could not be ended are tried when it is gone`() {
        let short = { (specification: inout SchedulerSpecification) in
            specification.timeout = .seconds(2)
            specification.stop.timeout = .seconds(1)
            specification.restart.mode = .never
        }
        for old in [scheduled("job", .interval(.seconds(60)), { _ in }, short), task("job", short)]
        {
            for isEarlier in [false, true] {
                var world = World.booted([old])
                if old.kind == .scheduled { world.pass(.seconds(60)) }
                let (run, leader) = (world.run(of: "job"), world.leader(of: "job"))
                let new = daemon("job") {
                    $0.restart.mode = .never
                    $0.program.arguments = ["/bin/other"]
                }
                world.pass(.seconds(3))
                if isEarlier { world.reload([new]) }
                world.pass(.seconds(6))
                world.send(.surveyed(run, alive: [leader], reached: nil))
                world.pass(.seconds(10))
                #expect(world.health("job") == .unhealthy)
                if !isEarlier { world.reload([new]) }
                let effects = world.send(.exited(run, .killed(.kill), leftovers: []))
                #expect(effects.spawned == [world.id("job")])
                world.pass(.seconds(1))
                #expect(world.lifecycle("job") == .running && world.health("job") == .healthy)
            }
        }
    }

    @Test func `a task that has done its work is not tried again, unless it is another kind`() {
        for (kind, count) in [(SchedulerSpecification.Kind.daemon, 1), (.task, 0)] {
            var world = World.booted([task("job")])
            world.pass(.seconds(2))
            let run = world.run(of: "job")
            world.exit("job", .exited(code: 0), leftovers: [process(5)])
            let other = task("job") {
                $0.kind = kind
                $0.program.arguments = ["/bin/other"]
            }
            #expect(world.reload([other]).spawned == [])
            let effects = world.send(.surveyed(run, alive: [], reached: nil))
            #expect(effects.spawned.count == count)
            #expect(world.lifecycle("job") == (count == 0 ? .completed : .running))
        }
    }

    @Test func `what could not be ended and has its outcome is not counted again as a task`() {
        let job = scheduled("job", .interval(.seconds(60)), { _ in }) {
            $0.timeout = .seconds(2)
            $0.stop.timeout = .seconds(1)
        }
        var world = World.booted([job])
        world.pass(.seconds(60))
        let run = world.run(of: "job")
        let leader = world.leader(of: "job")
        world.pass(.seconds(3))
        world.pass(.seconds(6))
        world.send(.surveyed(run, alive: [leader], reached: nil))
        world.pass(.seconds(10))
        #expect(world.ledger.compactMap(\.outcome) == [.timedOut])
        var new = task("job")
        new.timeout = .seconds(2)
        world.reload([new])
        #expect(world.status("job").consecutiveFailures == 1)
        world.send(.exited(run, .killed(.kill), leftovers: []))
        #expect(world.status("job").consecutiveFailures <= 1)
        #expect(world.supervisor.schedulers[0].metrics.timeoutsInRow == 1)
    }

    @Test func `a task that completed and was stopped is stopped as another kind`() {
        for other in [scheduled("job", .interval(.seconds(10))), daemon("job")] {
            var world = World.booted([task("job")])
            world.exit("job", code: 0)
            world.request(1, .stop(world.id("job")))
            world.reload([other])
            #expect(world.lifecycle("job") == .stopped)
            world.request(2, .startAll)
            world.pass(.seconds(11))
            #expect(world.lifecycle("job") == .running)
        }
    }

    @Test func `a clock that goes back repeats nothing of an earlier schedule`() {
        let job = scheduled("job", minutely)
        var world = World.booted([job])
        world.isObedient = true
        world.pass(.seconds(26))
        world.exit("job", code: 0)
        world.reload([daemon("job")])
        world.pass(.seconds(2))
        world.reload([job])
        world.setWall(back: .seconds(10))
        world.pass(.seconds(20))
        #expect(outcomes(world) == ["17:39:00 succeeded"])
        #expect(world.lifecycle("job") == .idle)
    }

    @Test func `a clock that goes back repeats nothing after an interval in between`() {
        // Back before the interval, or while it holds.
        for isLater in [false, true] {
            var world = World.booted([scheduled("job", minutely)])
            for _ in 0..<3 {
                world.pass(.seconds(60))
                world.exit("job", code: 0)
            }
            let expected = ["17:39:00 succeeded", "17:40:00 succeeded", "17:41:00 succeeded"]
            #expect(outcomes(world) == expected)
            if !isLater { world.setWall(back: .seconds(150)) }
            world.reload([scheduled("job", .interval(.minutes(60)))])
            if isLater { world.setWall(back: .seconds(150)) }
            world.pass(.seconds(1))
            world.reload([scheduled("job", minutely)])
            #expect(world.pass(.seconds(145)).spawned == [])
            #expect(outcomes(world) == expected)
            #expect(world.pass(.seconds(60)).spawned == [world.id("job")])
        }
    }

    @Test func `what an earlier reeve executed is not repeated, though it was a task meanwhile`() {
        var world = World.booted([scheduled("job", minutely)])
        for _ in 0..<3 {
            world.pass(.seconds(60))
            world.exit("job", code: 0)
        }
        world.reload([task("job")])
        world.exit("job", code: 0)
        world.setWall(back: .seconds(150))
        world.replaceSupervisor(after: .seconds(1))
        world.exit("job", code: 0)
        world.reload([scheduled("job", minutely)])
        #expect(world.lifecycle("job") == .idle)
        #expect(world.pass(.seconds(145)).spawned == [])
        #expect(world.pass(.seconds(60)).spawned == [world.id("job")])
        #expect(outcomes(world).count == 3)
    }

    @Test func `a kept pause holds again when it is scheduled again`() {
        let job = scheduled("job", minutely)
        var world = World.booted([job])
        world.isObedient = true
        world.request(1, .pause(world.id("job")))
        world.reload([daemon("job")])
        world.pass(.seconds(2))
        world.reload([job])
        #expect(world.lifecycle("job") == .idle)
        #expect(world.pass(.seconds(90)).spawned == [])
        #expect(world.status("job").reason == "paused by the operator")
    }
}
