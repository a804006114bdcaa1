// SPDX-License-Identifier: Apache-2.0
//
// Whatever reaps any child, or changes the whole process, runs in a process of its own.

import Glibc
import ReeveCore
import ReeveTestSupport
import Testing

@testable import ReeveLinux

private func start(_ script: String) throws -> PID {
    let request = try SpawnRequest(arguments: ["sh", "-c", script], environment: .standard)
    let streams = ChildStreams(stdout: .null, stderr: .null)
    return try ProcessSpawner().spawn(request, streams: streams).identity.pid
}

/// Reaps the next child, whoever it is.
private func nextReaped() throws -> Reaped {
    var reaped: Reaped?
    #expect(
        try eventually {
            reaped = try Reaper.next()
            return reaped != nil
        })
    return try #require(reaped)
}

@Suite(.serialized) struct `Reaping` {
    @Test func `an end is told as exit code or signal`() async {
        await #expect(processExitsWith: .success) {
            #expect(try Reaper.next() == nil)
            #expect(!Reaper.hasChildren())
            for code: Int32 in [0, 1, 7, 255] {
                let pid = try start("exit \(code)")
                #expect(Reaper.hasChildren())
                let reaped = try nextReaped()
                #expect(reaped.pid == pid)
                #expect(reaped.status == .exited(code: code))
            }
            for signal in [Signal.kill, .terminate, .user1] {
                let pid = try start("kill -\(signal.number) $$; exit 9")
                let reaped = try nextReaped()
                #expect(reaped.pid == pid)
                #expect(reaped.status == .signalled(signal, coreDumped: false))
            }
            #expect(!Reaper.hasChildren())
        }
    }

    @Test func `a look leaves the zombie and its pid`() async {
        await #expect(processExitsWith: .success) {
            let pid = try start("exit 3")
            var seen: Reaped?
            #expect(
                try eventually {
                    seen = try Reaper.peek()
                    return seen != nil
                })
            #expect(seen?.status == .exited(code: 3))
            #expect(try Reaper.peek()?.pid == pid)
            let stat = try ProcFS().stat(pid)
            #expect(stat.state == .zombie)
            #expect(!stat.isAlive)
            #expect(try ProcFS().resident(pid) == .zero)
            // It takes signals and does nothing.
            try Signals.send(.terminate, toUnreaped: pid)
            #expect(try Reaper.reap(pid)?.status == .exited(code: 3))
            #expect(throws: Errno.noChild) { _ = try Reaper.reap(pid) }
            #expect(throws: Errno.self) { try ProcFS().stat(pid) }
        }
    }

    @Test func `the time that a child used is its own`() async {
        await #expect(processExitsWith: .success) {
            _ = try start("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done")
            let busy = try nextReaped()
            #expect(busy.userTime + busy.systemTime > .milliseconds(1))
            _ = try start("exit 0")
            let lazy = try nextReaped()
            #expect(lazy.userTime + lazy.systemTime < busy.userTime + busy.systemTime)
        }
    }

    @Test func `a subreaper reaps the orphans of its descendants`() async {
        await #expect(processExitsWith: .success) {
            try Subreaper.enable()
            let leader = try start("sleep 100 & exit 4")
            let reaped = try nextReaped()
            #expect(reaped.pid == leader)
            var children: [PID] = []
            #expect(
                try eventually {
                    children = []
                    try ProcFS().children(of: Host.pid, into: &children)
                    return children.count == 1
                })
            let orphan = try #require(children.first)
            let stat = try ProcFS().stat(orphan)
            #expect(stat.parent == Host.pid)
            #expect(stat.session == leader)
            let handle = try ProcessHandle.open(stat.identity)
            try handle.send(.kill)
            #expect(try nextReaped().pid == orphan)
            #expect(throws: Errno.noProcess) { try handle.send(.kill) }
        }
    }

    @Test func `what is taken over is listed apart from what was started`() async {
        await #expect(processExitsWith: .success) {
            try Subreaper.enable()
            let outcome = ChildrenApart.run {
                do {
                    try Reaping.takeOver()
                    return 7
                } catch {
                    Issue.record("\(error)")
                    return 1
                }
            }
            #expect(outcome == 7)
        }
    }

    /// Starts two, of which one leaves an orphan behind, and ends them all.
    private static func takeOver() throws {
        let leader = try start("sleep 100 & exit 4")
        let other = try start("exec sleep 100")
        #expect(try nextReaped().pid == leader)
        var inherited: [PID] = []
        try ProcFS().inheritedChildren(of: Host.pid, into: &inherited)
        #expect(inherited.count == 1)
        #expect(!inherited.contains(other))
        var all: [PID] = []
        try ProcFS().children(of: Host.pid, into: &all)
        #expect(Set(all) == Set(inherited + [other]))
        for pid in all { try Signals.send(.kill, toUnreaped: pid) }
        #expect(Set([try nextReaped().pid, try nextReaped().pid]) == Set(all))
    }
}

@Suite(.serialized) struct `Signalling` {
    @Test func `signals are read with their sender`() async {
        await #expect(processExitsWith: .success) {
            try Signals.prepare()
            let signals = try SignalDescriptor([.terminate, .user1, .hangup])
            #expect(try signals.read().isEmpty)
            let epoll = try Epoll()
            try epoll.add(signals.descriptor, token: Token(source: 1, slot: 0), interest: .readable)
            // To this very thread: the test runner has others, which do not block it.
            raise(SIGUSR1)
            #expect(try epoll.wait(until: Clock.now().monotonic + .seconds(10)) { _, _ in } == 1)
            let received = try signals.read()
            #expect(received.map(\.signal) == [.user1])
            #expect(received.first?.sender == Host.pid)
            #expect(received.first?.senderUser == getuid())
            #expect(received.first?.isFromKernel == false)
            raise(SIGTERM)
            raise(SIGHUP)
            #expect(Set(try signals.read().map(\.signal)) == [.terminate, .hangup])
            #expect(try signals.read().isEmpty)
        }
    }

    @Test func `an inherited "ignore" of SIGCHLD is undone, and a closed pipe is an error`() async {
        await #expect(processExitsWith: .success) {
            signal(SIGCHLD, SIG_IGN)
            try Signals.prepare()
            _ = try start("exit 5")
            #expect(try nextReaped().status == .exited(code: 5))
            let writing = try Pipe.make().split { _, writeEnd throws(Errno) in writeEnd }
            #expect(throws: Errno.brokenPipe) { _ = try writing.write([1].span) }
            // And the child gets its default back.
            let status = try output(of: ["cat", "/proc/self/status"])
            #expect(status.contains("SigIgn:\t0000000000000000"))
        }
    }

    @Test func `blocked signals can be unblocked again`() async {
        await #expect(processExitsWith: .signal(SIGUSR2)) {
            let signals = try SignalDescriptor([.user2])
            raise(SIGUSR2)
            #expect(signals.descriptor.number > 2)
            try Signals.unblockAll()
        }
    }

    @Test func `a process is signalled, its group too`() throws {
        let child = try Child(["sleep", "100"])
        let handle = try ProcessHandle.open(child.identity)
        #expect(handle.isExact == true)
        try handle.send(.terminate)
        #expect(try child.end().status == .signalled(.terminate, coreDumped: false))
        let group = try Child(["sh", "-c", "sleep 100 & sleep 100 & wait"])
        var members: [PID] = []
        #expect(
            try eventually {
                members = []
                try ProcFS().children(of: group.pid, into: &members)
                return members.count == 2
            })
        try Signals.send(.kill, toGroupOf: group.pid)
        #expect(try group.end().status == .signalled(.kill, coreDumped: false))
        // The others are someone else's children now: gone or zombies.
        for member in members {
            #expect(eventually { (try? ProcFS().stat(member).isAlive) != true })
        }
    }

    @Test func `another process with the same pid is not hit`() throws {
        let child = try Child(["sleep", "100"])
        let earlier = ProcessIdentity(pid: child.pid, startTime: child.identity.startTime &- 1)
        #expect(throws: Errno.noProcess) { _ = try ProcessHandle.open(earlier) }
        // The same for what has no pidfd.
        let handle = ProcessHandle(unchecked: earlier, withPidfd: false)
        #expect(handle.isExact == false)
        #expect(throws: Errno.noProcess) { try handle.send(.kill) }
        let exact = ProcessHandle(unchecked: child.identity, withPidfd: false)
        try exact.send(.terminate)
        #expect(try child.end().status == .signalled(.terminate, coreDumped: false))
        #expect(throws: Errno.noProcess) { try exact.send(.terminate) }
        #expect(throws: Errno.noProcess) { _ = try ProcessHandle.open(child.identity) }
    }

    @Test func `nobody is signalled by a number that stands for many`() {
        for number: Int32 in [-1, 0, 1] {
            #expect(throws: Errno.invalid) { try Signals.send(.continue, toUnreaped: PID(number)) }
            #expect(throws: Errno.invalid) { try Signals.send(.continue, toGroupOf: PID(number)) }
        }
    }

    @Test(.needsRoot) func `another user's process says so`() async {
        await #expect(processExitsWith: .success) {
            let parent = try #require(Host.parent)
            let handle = try ProcessHandle.open(try ProcFS().stat(parent).identity)
            #expect(setuid(54_321) == 0)
            // URG means nothing to whoever gets it all the same.
            let urgent = try #require(Signal("URG"))
            #expect(throws: Errno.notPermitted) { try handle.send(urgent) }
            #expect(try ProcFS().environmentValue("PATH", of: parent) == .unreadable(.accessDenied))
            #expect(try ProcFS().runIDs(of: parent) == [])
        }
    }
}
