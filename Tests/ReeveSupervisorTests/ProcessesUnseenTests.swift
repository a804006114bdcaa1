// SPDX-License-Identifier: Apache-2.0
//
// Processes that /proc does not show. A /proc that is an empty directory hides everybody, which needs
// no privilege; `hidepid` itself is tried end to end.

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

@Suite struct ProcessesUnseenTests {
    @Test func `a leader that cannot be looked at is alive until it is reaped`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery(proc: ProcFS(root: "/nonexistent/proc"))
            let run = try nursery.spawn("trap '' TERM; while :; do sleep 1; done")
            #expect(nursery.processes.survey(run).map(\.identity.pid) == [run.leader.pid])
            #expect(nursery.processes.survey(run).map(\.name) == [ProcessStat.unseenName])
            let delivery = nursery.processes.kill(run)
            #expect(delivery.reached.map(\.identity.pid) == [run.leader.pid])
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            #expect(nursery.exit(of: run)?.status == .signalled(.kill, coreDumped: false))
            #expect(nursery.processes.survey(run).isEmpty)
        }
    }

    @Test func `SIGKILL goes to the leader's group although nobody in it can be seen`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery(proc: ProcFS(root: "/nonexistent/proc"))
            let run = try nursery.spawn("sleep 100 & sleep 100 & wait")
            // Found by a /proc of the test's own.
            let tree = ProcessTree(proc: ProcFS(), own: Host.pid)
            nursery.wait("it has children") { tree.children(of: run.leader.pid).count == 2 }
            _ = nursery.processes.kill(run)
            nursery.wait("everybody has ended") {
                nursery.exit(of: run) != nil && !Reaper.hasChildren()
            }
        }
    }

    @Test func `the memory of a run is unknown where one of it cannot be seen`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery(proc: ProcFS(root: "/nonexistent/proc"))
            let run = try nursery.spawn("exec sleep 100")
            guard case .unreadable? = nursery.processes.sample(run) else {
                Issue.record("a number was told")
                return
            }
            #expect(nursery.processes.sweep(.kill).reached.count == 1)
            nursery.wait("it ends") { !Reaper.hasChildren() }
        }
    }

    @Test func `an ended child that cannot be looked at is no survivor`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery(proc: ProcFS(root: "/nonexistent/proc"))
            let run = try nursery.spawn("exit 0")
            while try Reaper.peek(run.leader.pid) == nil { usleep(1_000) }
            #expect(nursery.processes.sample(run) == nil)
            #expect(nursery.processes.sweep(nil).alive.isEmpty)
            nursery.wait("the leader ends") { nursery.exit(of: run) != nil }
            #expect(nursery.exit(of: run)?.leftovers == [])
        }
    }
}
