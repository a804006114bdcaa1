// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

/// Schedules under everything that can happen to them, watched by a checker that shares nothing with
/// them: a job due each full minute, so that the instants are the multiples of sixty seconds.
@Suite struct ScheduleCampaignTests {
    @Test func `each occurrence has one outcome, and never do two runs live at once`() {
        for seed in 0..<400 as Range<UInt64> {
            var campaign = Campaign(seed: seed)
            campaign.run()
            #expect(campaign.findings == [], "seed \(seed)")
            if !campaign.findings.isEmpty { return }
        }
    }
}

private struct Campaign {
    var world: World
    var random: SplitMix64
    var findings: [String] = []
    var live: RunID?
    /// Restarts of the supervisor, or a clock that goes back: the ledger does not tell how far back
    /// what it has of an earlier supervisor reaches, so that both at once have no exact answer.
    private let hasRestarts: Bool
    /// Wall minutes that were passed while a supervisor was there or had been: lowest and highest.
    private var reach: ClosedRange<Int64>

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        hasRestarts = seed % 2 == 1
        let overlaps = ScheduleSettings.Overlap.allCases
        let misfires = ScheduleSettings.Misfire.allCases
        let overlap = overlaps[Int(random.next() % 3)]
        let misfire = misfires[Int(random.next() % 3)]
        let retries = Int(random.next() % 3)
        let deadline: Duration? = random.next() % 2 == 0 ? .seconds(90) : nil
        world = World([
            scheduled("job", .cron("* * * * *")) {
                $0.overlap = overlap
                $0.misfire = misfire
                $0.misfireDeadline = deadline
                $0.maxRetries = retries
            }
        ])
        reach = World.start.wall.second...World.start.wall.second
        world.boot()
        // An anchor: the first minute is always seen by a supervisor.
        note(world.history)
    }

    mutating func run() {
        for _ in 0..<60 { step() }
        end()
        check()
    }

    private mutating func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }

    private mutating func step() {
        let span = Duration.seconds(Int64(random.next() % 150))
        switch random.next() % 12 {
        case 0...5: note(world.pass(span))
        case 6: note(world.setWall(forward: span * 3))
        case 7 where !hasRestarts:
            world.setWall(back: span)
            note(world.send(.timePassed))
        case 8:
            note(world.request(1, chance(50) ? .pause(world.id("job")) : .resume(world.id("job"))))
        case 9: note(world.request(2, .runNow(world.id("job"), force: chance(50))))
        case 10:
            note(
                world.request(
                    3, chance(50) ? .stop(world.id("job")) : .start(world.id("job"), force: false)))
        default:
            // The supervisor dies with its run, and another takes over.
            // A ledger without an entry tells nothing of the time before, and what only waits for its turn
            // is not in it: both are documented.
            let hasQueue = world.supervisor.schedulers[0].schedule?.queue.isEmpty == false
            if hasRestarts, chance(30), !hasQueue,
                world.ledger.contains(where: { $0.trigger == .schedule })
            {
                live = nil
                let before = world.history.count
                world.replaceSupervisor(after: span)
                note(Array(world.history[before...]))
            }
        }
        if let run = live, chance(70) {
            live = nil
            let code: Int32 = chance(60) ? 0 : 1
            note(world.send(.exited(run, .exited(code: code), leftovers: [])))
        }
        reach =
            min(
                reach.lowerBound, world.now.wall.second)...max(
                reach.upperBound, world.now.wall.second)
    }

    private mutating func end() {
        note(world.terminate())
        for _ in 0..<20 {
            if let run = live {
                live = nil
                note(world.send(.exited(run, .exited(code: 0), leftovers: [])))
            }
            note(world.pass(.seconds(1)))
        }
    }

    private mutating func note(_ effects: [Effect]) {
        for effect in effects {
            switch effect {
            case .spawn(let run, _):
                if let live { findings.append("\(run) was spawned while \(live) lives") }
                live = run
            case .signal(let run, _, to: _), .kill(let run):
                // It obeys at once.
                if live == run {
                    live = nil
                    note(world.send(.exited(run, .killed(.terminate), leftovers: [])))
                }
            default: break
            }
        }
    }

    private mutating func check() {
        var outcomes: [Int64: Int] = [:]
        var started: [WallTime: Int] = [:]
        for entry in world.ledger where entry.trigger == .schedule {
            switch entry.event {
            case .started: started[entry.occurrence, default: 0] += 1
            case .ended:
                let first = (entry.occurrence.second + 59) / 60
                let last = entry.through.second / 60
                guard first <= last else {
                    findings.append("an outcome for no minute at \(entry.occurrence)")
                    continue
                }
                if entry.count != Int(last - first + 1) {
                    findings.append("\(entry.occurrence): \(entry.count) of \(last - first + 1)")
                }
                for minute in first...last { outcomes[minute, default: 0] += 1 }
            }
        }
        for minute
            in (reach.lowerBound / 60 + 1)...max(
                reach.lowerBound / 60 + 1, reach.upperBound / 60)
        where outcomes[minute, default: 0] != 1 {
            let time = WallTime(second: minute * 60)
            findings.append("\(time) has \(outcomes[minute, default: 0]) outcomes")
        }
        for (at, _) in started where outcomes[at.second / 60] == nil {
            findings.append("\(at) was started and has no outcome")
        }
    }
}
