// SPDX-License-Identifier: Apache-2.0
//
// Tests with real children. Reaping takes whatever child has ended, so each of these tests runs in
// a process of its own (an exit test): it may reap everything, become a subreaper and count
// descriptors without meeting another test. What it leaves behind is killed before it ends.

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

/// Reeve's processes in a test process, without a core and a loop.
final class Nursery {
    static let origin: UInt64 = 0x5EED_5EED_5EED_5EED
    let processes: Processes
    let epoll: Epoll
    private(set) var events: [Event] = []
    /// Called after each reaping of `wait`.
    var onReaping: ((Processes.Reaping) -> Void)?
    private var runs: UInt64 = 0

    init(proc: ProcFS = ProcFS()) throws {
        try Subreaper.enable()
        epoll = try Epoll()
        let variables = Environment.current()
        processes = Processes(
            origin: Nursery.origin, own: Host.pid, proc: proc,
            spawner: try ProcessSpawner(processes: proc),
            environment: ChildEnvironment(own: .current(), names: variables.map(\.name)),
            launches: Launches(epoll: epoll))
    }

    /// Spawns `sh -c SCRIPT` as a new run of scheduler 0.
    func spawn(_ script: String, scheduler: Int = 0) throws -> Run {
        try spawn(arguments: ["/bin/sh", "-c", script], scheduler: scheduler)
    }

    func spawn(arguments: [String], scheduler: Int = 0) throws -> Run {
        runs += 1
        let id = RunID(order: runs, origin: Nursery.origin)
        let identity = try processes.spawn(
            id, of: SchedulerID(scheduler), try specification(arguments),
            streams: ChildStreams(stdout: .null, stderr: .null))
        let run = try #require(processes.table[id])
        #expect(run.leader == identity)
        return run
    }

    func specification(_ arguments: [String]) throws -> SchedulerSpecification {
        SchedulerSpecification(
            name: try #require(SchedulerName("test")), program: Program(arguments: arguments))
    }

    /// Reaps until the condition holds; fails after ten seconds.
    func wait(
        _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
        until condition: () -> Bool
    ) {
        let deadline = Clock.now().monotonic + .seconds(10)
        while true {
            let reaping = processes.reap(at: Clock.now())
            events += reaping.events
            onReaping?(reaping)
            if condition() { return }
            guard Clock.now().monotonic < deadline else {
                Issue.record(what, sourceLocation: sourceLocation)
                return
            }
            // A pause between two looks; what is waited for is the condition.
            usleep(2_000)
        }
    }

    /// The end of a run's leader, with what it left behind.
    func exit(of run: Run) -> (status: ReeveCore.ExitStatus, leftovers: [ProcessDescription])? {
        for case .exited(run.id, let status, let leftovers, used: _) in events {
            return (status, leftovers)
        }
        return nil
    }

    /// Waits until this many processes of a name are members of the run.
    func waitForMembers(_ count: Int, named name: String, of run: Run) {
        wait("\(count) members named \(name)") {
            processes.survey(run).filter { $0.name == name }.count == count
        }
    }

    /// Ends everything below this process and checks that nothing is left, zombies included.
    func end() {
        wait("everything ends at the sweep") {
            processes.sweep(.kill).alive.isEmpty && !Reaper.hasChildren()
        }
    }
}
