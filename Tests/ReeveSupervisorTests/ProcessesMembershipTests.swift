// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

@Suite struct ProcessesMembershipTests {
    @Test func `a leader that ends alone leaves nobody behind`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn("exit 3")
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            #expect(nursery.exit(of: run)?.status == .exited(code: 3))
            #expect(nursery.exit(of: run)?.leftovers == [])
            nursery.end()
        }
    }

    @Test func `whom a signal names is reaped before the others, and they soon after`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let runs = try (0..<3).map { _ in try nursery.spawn("exit 3") }
            func hasEnded(_ run: Run) throws -> Bool { try Reaper.peek(run.leader.pid) != nil }
            let deadline = Clock.now().monotonic + .seconds(10)
            while try !runs.allSatisfy(hasEnded), Clock.now().monotonic < deadline {
                usleep(1_000)
            }
            func ended(_ reaping: Processes.Reaping) -> Set<RunID> {
                Set(
                    reaping.events.compactMap { event in
                        if case .exited(let run, _, leftovers: [], used: _) = event {
                            run
                        } else {
                            nil
                        }
                    })
            }
            let first = nursery.processes.reap(named: runs[1].leader.pid, at: Clock.now())
            #expect(ended(first) == [runs[1].id])
            #expect(first.isBounded)
            // One that was reaped already is no reason to leave the others.
            let later = Moment(
                monotonic: Clock.now().monotonic + .seconds(1), wall: Clock.now().wall)
            let second = nursery.processes.reap(named: runs[1].leader.pid, at: later)
            #expect(ended(second) == [runs[0].id, runs[2].id])
            #expect(!second.isBounded)
            nursery.end()
        }
    }

    @Test func `what a leader leaves behind in its session is named at its end`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn("sleep 100 & exit 0")
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            #expect(nursery.exit(of: run)?.leftovers.count == 1)
            nursery.end()
        }
    }

    @Test func `a double-forked daemon in a session of its own is found by its environment`() async
    {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn("(setsid sleep 100 &) ; sleep 100")
            nursery.wait("the daemon is adopted") {
                nursery.processes.tree.ownChildren().count == 2
            }
            nursery.waitForMembers(2, named: "sleep", of: run)
            let delivery = nursery.processes.kill(run)
            #expect(delivery.reached.count == 3)
            nursery.wait("nobody is alive") { nursery.processes.survey(run).isEmpty }
            nursery.end()
        }
    }

    @Test func `an escapee without a trace is found where a scan saw it before`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            // It waits in its own session, with an empty environment and no descriptor of the run,
            // until its parent has gone.
            let run = try nursery.spawn(
                "setsid env -i /bin/sleep 100 </dev/null >/dev/null 2>&1 & sleep 100")
            nursery.waitForMembers(2, named: "sleep", of: run)
            #expect(nursery.processes.signalLeader(of: run, .kill) == nil)
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            #expect(nursery.exit(of: run)?.leftovers.map(\.name) == ["sleep", "sleep"])
            let delivery = nursery.processes.signal(run, .terminate, sparingLeader: true)
            #expect(delivery.reached.count == 2)
            nursery.wait("nobody is alive") { nursery.processes.survey(run).isEmpty }
            nursery.end()
        }
    }

    @Test func `an escapee without a trace is found also where hundreds are stopped at once`() async
    {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn(
                "setsid env -i /bin/sleep 100 </dev/null >/dev/null 2>&1 & sleep 100")
            let others = try (0..<400).map { _ in
                try nursery.spawn(arguments: ["/bin/sleep", "100"])
            }
            nursery.wait("the escapee runs") {
                nursery.processes.tree.children(of: run.leader.pid).count { pid in
                    nursery.processes.tree.look(at: pid)?.name == "sleep"
                } == 2
            }
            // By the time of the last one a single pass answers for all.
            for other in others { #expect(nursery.processes.signalLeader(of: other, .kill) == nil) }
            #expect(nursery.processes.signalLeader(of: run, .kill) == nil)
            nursery.wait("the leaders end") {
                nursery.exit(of: run) != nil && others.allSatisfy { nursery.exit(of: $0) != nil }
            }
            #expect(nursery.exit(of: run)?.leftovers.map(\.name) == ["sleep", "sleep"])
            nursery.end()
        }
    }

    @Test func `where others are hidden a storm of stops still asks each for its children`() throws
    {
        // Process 7 has a child that is not shown: as with hidepid=2, and a program that changes its user.
        let directory = "/tmp/rv-hidden-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        func make(_ path: String) {
            #expect(unsafe mkdir(directory + path, 0o700) == 0)
        }
        for path in ["", "/thread-self", "/7", "/7/task", "/7/task/7"] { make(path) }
        defer {
            for path in ["/7/task/7", "/7/task", "/7", "/thread-self", ""] {
                unsafe unlink(directory + path + "/children")
                unsafe rmdir(directory + path)
            }
        }
        for (path, text) in [("/thread-self/children", ""), ("/7/task/7/children", "8 ")] {
            let file = try StateFile.open(directory + path)
            try file.writeAll(Array(text.utf8).span)
        }
        let tree = ProcessTree(proc: ProcFS(root: directory), own: PID(5))
        // Longer than one answer may take before a pass is made.
        let end = Clock.now().monotonic + .milliseconds(50)
        while Clock.now().monotonic < end {
            guard tree.hasChildren(PID(7), isOwn: { $0 == PID(7) }) else {
                Issue.record("its child was not seen")
                return
            }
        }
    }

    @Test func `an escapee without a trace that nobody saw is a stranger and not touched`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn(
                "(setsid env -i /bin/sleep 100 </dev/null >/dev/null 2>&1 &) ; exec sleep 50")
            nursery.wait("the escapee is adopted") {
                nursery.processes.tree.ownChildren().contains { pid in
                    pid != run.leader.pid && nursery.processes.tree.look(at: pid)?.name == "sleep"
                }
            }
            let delivery = nursery.processes.kill(run)
            #expect(delivery.reached.map(\.identity) == [run.leader])
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            #expect(nursery.exit(of: run)?.leftovers == [])
            #expect(nursery.processes.sweep(nil).alive.map(\.name) == ["sleep"])
            nursery.end()
        }
    }

    @Test func `a member that ignores TERM outlives its leader until it is killed`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn(
                "sh -c 'trap \"\" TERM; while :; do sleep 1; done' & exec sleep 100")
            nursery.wait("the member runs") {
                nursery.processes.survey(run).count == 3
            }
            let member = nursery.processes.survey(run).first {
                $0.name == "sh" && $0.identity != run.leader
            }
            #expect(nursery.processes.signalLeader(of: run, .terminate) == nil)
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            #expect(nursery.exit(of: run)?.status == .signalled(.terminate, coreDumped: false))
            _ = nursery.processes.signal(run, .terminate, sparingLeader: true)
            nursery.wait("the others have ended") {
                let alive = nursery.processes.survey(run)
                return alive.contains { $0.identity == member?.identity }
            }
            _ = nursery.processes.kill(run)
            nursery.wait("nobody is alive") { nursery.processes.survey(run).isEmpty }
            nursery.wait("its end is told") {
                nursery.events.contains { $0.isSurvey(of: run, alive: 0) }
            }
            nursery.end()
        }
    }

    @Test func `a stopped process takes the signal`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn("exec sleep 100")
            #expect(nursery.processes.passSignal(to: run, .stop) == nil)
            nursery.wait("it is stopped") {
                nursery.processes.tree.look(at: run.leader.pid)?.state == .stopped
            }
            #expect(nursery.processes.signalLeader(of: run, .terminate) == nil)
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            nursery.end()
        }
    }

    @Test func `a forgotten run's processes are orphans and are reaped as such`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn("sleep 100 & exit 0")
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            nursery.processes.table.forget(run.id)
            #expect(nursery.processes.table.run(of: SchedulerID(0)) == nil)
            let other = try nursery.spawn("exit 0")
            nursery.wait("the other ends") { nursery.exit(of: other) != nil }
            #expect(nursery.exit(of: other)?.leftovers == [])
            nursery.end()
            #expect(nursery.processes.table.orphansReaped == 1)
            #expect(!nursery.events.contains { $0.isSurvey(of: run, alive: 0) })
        }
    }

    @Test func `two hundred children that end at once leave no zombie and no descriptor`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let before = descriptorCount()
            var runs: [Run] = []
            for index in 0..<200 {
                runs.append(try nursery.spawn(arguments: ["/bin/sleep", "100"], scheduler: index))
            }
            for run in runs {
                // Told without a look at /proc, where the clock allows.
                #expect(try ProcFS().stat(run.leader.pid).identity == run.leader)
                #expect(nursery.processes.passSignal(to: run, .kill) == nil)
            }
            nursery.wait("all have ended") { nursery.events.count == 200 }
            for run in runs {
                #expect(nursery.exit(of: run)?.status == .signalled(.kill, coreDumped: false))
                nursery.processes.table.forget(run.id)
            }
            #expect(!Reaper.hasChildren())
            runs = []
            let after = descriptorCount()
            // The testing library may open one of its own meanwhile; 200 of ours would show.
            #expect(after < before + 10, "\(after) descriptors, \(before) before")
            #expect(nursery.processes.table.children.isEmpty)
            nursery.end()
        }
    }

    @Test func `memory is that of the whole tree`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn("sleep 100 & sleep 100 & wait")
            nursery.waitForMembers(2, named: "sleep", of: run)
            guard case .resident(let whole)? = nursery.processes.sample(run) else {
                Issue.record("the memory cannot be read")
                return
            }
            let leader = try ProcFS().resident(run.leader.pid)
            #expect(leader > .zero && whole > leader)
            // Two programs that are one share nearly all they have.
            guard case .resident(let shared)? = nursery.processes.sample(run, by: .pss) else {
                Issue.record("the proportional memory cannot be read")
                return
            }
            #expect(shared > .zero && shared < whole)
            _ = nursery.processes.kill(run)
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            nursery.wait("nobody is alive") { nursery.processes.survey(run).isEmpty }
            #expect(nursery.processes.sample(run) == nil)
            nursery.end()
        }
    }

    @Test func `processor time never goes back, whoever of the tree has ended`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let burn = "i=0; while [ $i -lt 2000000 ]; do i=$((i+1)); done"
            // It has no parent that would wait for it.
            let run = try nursery.spawn("(sh -c '\(burn)' &); sleep 100")
            var told = Duration.zero
            func look() -> Duration {
                // What came to reeve is the run's as soon as somebody looks for it.
                _ = nursery.processes.survey(run)
                let now = nursery.processes.processorTime(of: run)
                #expect(now >= told)
                told = now
                return now
            }
            nursery.wait("it is seen to work") { look() >= .milliseconds(50) }
            nursery.wait("it has ended and was reaped") {
                _ = look()
                return run.usedByMembers > .zero
            }
            #expect(look() >= run.usedByMembers)
            _ = nursery.processes.kill(run)
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            let used = nursery.events.compactMap { event -> Duration? in
                if case .exited(run.id, _, leftovers: _, let used) = event { used } else { nil }
            }
            #expect(used.count == 1 && used[0] >= told)
            #expect(nursery.processes.processorTime(of: run) == .zero)
            nursery.end()
        }
    }

    @Test func `a stop command belongs to the run and tells its failure`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn("exec sleep 100")
            let specification = try nursery.specification(["unused"])
            let command = ["/bin/sh", "-c", "kill -TERM $MAINPID; sleep 0.05; exit 4"]
            try nursery.processes.spawnStopCommand(
                command, for: run, specification,
                streams: ChildStreams(stdout: .null, stderr: .null))
            nursery.wait("the command has failed") {
                nursery.events.contains {
                    $0 == .stopCommandFailed(run.id, words: "it ended with exit code 4")
                }
            }
            #expect(nursery.exit(of: run)?.status == .signalled(.terminate, coreDumped: false))
            // With that of the leader, where both were reaped at once.
            nursery.wait("its end is told") {
                nursery.exit(of: run)?.leftovers == []
                    || nursery.events.contains { $0.isSurvey(of: run, alive: 0) }
            }
            nursery.end()
        }
    }

    @Test func `a fork bomb ends at the kill`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let run = try nursery.spawn(
                "n=0; while [ $n -lt 200 ]; do setsid sleep 100 & n=$((n+1)); done; wait")
            nursery.wait("it forks") { nursery.processes.survey(run).count > 20 }
            nursery.wait("nobody is alive") {
                _ = nursery.processes.kill(run)
                return nursery.processes.survey(run).isEmpty
            }
            nursery.end()
        }
    }
}

extension Event {
    fileprivate func isSurvey(of run: Run, alive count: Int) -> Bool {
        guard case .surveyed(run.id, let alive, reached: nil) = self else { return false }
        return alive.count == count
    }
}

/// How many descriptors this process has open.
private func descriptorCount() -> Int {
    (0..<4_096).reduce(0) { $0 + (fcntl(Int32($1), F_GETFD) >= 0 ? 1 : 0) }
}
