// SPDX-License-Identifier: Apache-2.0
//
// A day of crashes in the core alone: ten programs that each end with exit code 1 a second after their start
// and are started again at once. Prints how many events the core takes in a second, and the most memory that
// was resident until the end of each quarter of the day: it may not grow. Built and run by day.py.

internal import Glibc
internal import ReeveCore

@main struct Day {
    private static let schedulers = 10
    private static let day = Duration.minutes(24 * 60)

    static func main() {
        var specification = Specification()
        for index in 0..<schedulers {
            guard let name = SchedulerName("s\(index)") else { return }
            var scheduler = SchedulerSpecification(
                name: name, program: Program(arguments: ["/bin/false"]))
            scheduler.readiness.rule = .spawn
            scheduler.restart.delay = .zero
            scheduler.restart.factor = 1
            scheduler.restart.maxRestarts = nil
            specification.schedulers.append(scheduler)
        }
        let start = Moment(
            monotonic: Instant(nanoseconds: 1_000_000_000),
            wall: WallTime(nanoseconds: 1_795_628_314_000_000_000))
        var world = World(Supervisor(specification, origin: 1, seed: 1, at: start), at: start)
        let began = seconds()
        print("quarter peak_kB starts")
        world.handle(.began)
        for quarter in 1...4 {
            world.advance(until: start.monotonic + day / 4 * Int64(quarter))
            print(quarter, peak(), world.starts)
        }
        let rate = Double(world.events) / (seconds() - began)
        print("events \(world.events), \(Int(rate)) a second")
    }

    /// In kB.
    private static func peak() -> Int {
        var usage = rusage()
        _ = unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
        return usage.ru_maxrss
    }

    private static func seconds() -> Double {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// A kernel in which every program runs for a second.
private struct World {
    private var supervisor: Supervisor
    private var now: Moment
    /// Rising, since all run equally long.
    private var ends: [(at: Instant, run: RunID)] = []
    private var next = 0
    private(set) var starts = 0
    private(set) var events = 0

    init(_ supervisor: Supervisor, at now: Moment) {
        self.supervisor = supervisor
        self.now = now
    }

    mutating func handle(_ event: Event) {
        var pending = [event]
        while let event = pending.popLast() {
            events += 1
            for case .spawn(let run, _) in supervisor.handle(event, at: now) {
                starts += 1
                let leader = ProcessIdentity(
                    pid: PID(Int32(2 + starts % 30_000)), startTime: UInt64(starts))
                pending.append(.spawned(run, leader))
                ends.append((now.monotonic + .seconds(1), run))
            }
        }
    }

    mutating func advance(until end: Instant) {
        while true {
            let ending = next < ends.count ? ends[next].at : .distantFuture
            let due = supervisor.nextDeadline ?? .distantFuture
            let at = max(now.monotonic, min(ending, due))
            guard at < end else { return }
            let passed = at - now.monotonic
            now = Moment(monotonic: at, wall: now.wall + passed)
            guard ending <= due else {
                handle(.timePassed)
                continue
            }
            let run = ends[next].run
            next += 1
            if next == 1_000 {
                ends.removeFirst(next)
                next = 0
            }
            handle(.exited(run, .exited(code: 1), leftovers: [], used: .milliseconds(1)))
        }
    }
}
