// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import Testing

@testable import ReeveLinux

@Suite(.serialized) struct `Reading proc` {
    private let processes = ProcFS()

    @Test func `a name with blanks, parentheses and line ends is read whole`() throws {
        let directory = try TemporaryDirectory()
        let program = directory.file("a) (b\nZ 1)")
        #expect(unsafe symlink("/bin/sleep", program) == 0)
        let child = try Child([program, "100"])
        #expect(try eventually { try processes.stat(child.pid).name == "a) (b?Z 1)" })
        let stat = try processes.stat(child.pid)
        #expect(stat.parent == Host.pid)
        #expect(stat.threads == 1)
        #expect(stat.startTime > 0)
        #expect(stat.isAlive)
    }

    @Test func `what the process itself takes grows with it`() throws {
        let before = ProcessUsage.own()
        let resident = try #require(before.resident)
        #expect(resident > Bytes(1_000_000))
        let count = try #require(before.descriptors)
        var held: [Int32] = []
        for _ in 0..<200 { held.append(unsafe open("/dev/null", O_RDONLY)) }
        defer { for descriptor in held { close(descriptor) } }
        let ballast = [UInt8](repeating: 1, count: 32 << 20)
        let after = ProcessUsage.own()
        // Other suites open and close descriptors meanwhile.
        #expect((count + 100...count + 300).contains(after.descriptors ?? 0))
        #expect((after.resident ?? .zero) > resident)
        #expect(after.processorTime > before.processorTime)
        #expect(ballast[ballast.count - 1] == 1)
    }

    @Test func `every field is read, whatever comes`() {
        let line = "42 (a) R b)) S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 12345 6000 77 1844"
        let stat = ProcessStat(Array(line.utf8).span, pid: PID(42))
        #expect(
            stat
                == ProcessStat(
                    pid: PID(42), name: "a) R b)", state: .sleeping, parent: PID(1), group: PID(2),
                    session: PID(3), threads: 9, startTime: 12_345,
                    resident: Bytes(77 * Host.pageSize), processorTicks: 5 + 6 + 7 + 8))
        let kernel = "2 (kthreadd) Q 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0"
        let thread = ProcessStat(Array(kernel.utf8).span, pid: PID(2))
        #expect(thread?.parent == nil)
        #expect(thread?.group == nil)
        #expect(thread?.state == .other)
        for cut in 0..<kernel.utf8.count - 1 {
            let text = Array(kernel.utf8.prefix(cut))
            #expect(ProcessStat(text.span, pid: PID(2)) == nil)
        }
        for broken in [
            "", ")(", "1 (x) S x", "1 (x", "1 x) S 1", "1 (x) S 99999999999999999999 1 1",
        ] {
            #expect(ProcessStat(Array(broken.utf8).span, pid: PID(2)) == nil)
        }
    }

    @Test func `a process that has gone is told apart`() throws {
        let child = try Child(["true"])
        _ = try child.end()
        for reading in [
            { (_: PID) in _ = try processes.stat(child.pid) },
            { pid in _ = try processes.resident(pid) },
            { pid in
                var children: [PID] = []
                try processes.children(of: pid, into: &children)
            },
            { pid in _ = try processes.environmentValue("PATH", of: pid) },
            { pid in _ = try processes.runIDs(of: pid) },
        ] as [(PID) throws -> Void] {
            do {
                try reading(child.pid)
                Issue.record("no error")
            } catch let errno as Errno {
                #expect(errno.isGone)
            }
        }
    }

    @Test func `a process that dies while it is read never breaks the reading`() throws {
        for _ in 0..<40 {
            let child = try Child(["sh", "-c", "sleep 0.001 & exit 0"])
            var isReaped = false
            while !isReaped {
                var children: [PID] = []
                do throws(Errno) {
                    _ = try processes.stat(child.pid)
                    _ = try processes.resident(child.pid)
                    try processes.children(of: child.pid, into: &children)
                    _ = try processes.environmentValue("X", of: child.pid)
                } catch {
                    #expect(error.isGone)
                }
                isReaped = (try? processes.stat(child.pid))?.state == .zombie
            }
            _ = try child.end()
        }
    }

    @Test func `resident memory is read`() throws {
        let own = try processes.resident(Host.pid)
        #expect(own > Bytes(1_000_000))
        #expect(try processes.stat(Host.pid).resident > Bytes(1_000_000))
        let child = try Child(["sleep", "100"])
        #expect(eventually { (try? processes.resident(child.pid)) ?? .zero > .zero })
    }

    @Test func `proportional memory is read, and is no more than is resident`() throws {
        let own = try processes.proportional(Host.pid)
        #expect(
            try own > Bytes(1_000_000) && own <= processes.resident(Host.pid) + Bytes(1_000_000))
        let ended = try Child(["true"])
        let pid = ended.pid
        _ = try ended.end()
        #expect { try processes.proportional(pid) } throws: { ($0 as? Errno)?.isGone == true }
        func number(_ text: String) -> UInt64? { ProcFS.proportional(in: Array(text.utf8).span) }
        #expect(number("5-7 [rollup]\nRss:  1760 kB\nPss:   229 kB\nPss_Dirty: 1 kB\n") == 229)
        #expect(number("5-7 [rollup]\nPss_Dirty: 1 kB\n") == nil && number("") == nil)
        #expect(number("\nPss:") == nil)
    }

    @Test func `children of every thread are found`() throws {
        // Each thread of ours has its own list; a child belongs to the thread that spawned it.
        let before = try children(of: Host.pid)
        let spawned = SpawnedByThread()
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(spawned)
        let made = unsafe pthread_create(
            &thread, nil,
            { pointer in
                guard let pointer = unsafe pointer else { return nil }
                let spawned = unsafe Unmanaged<SpawnedByThread>.fromOpaque(pointer)
                    .takeRetainedValue()
                spawned.run()
                return nil
            }, unsafe argument.toOpaque())
        #expect(made == 0)
        #expect(eventually { spawned.child.number != 0 })
        let found = try children(of: Host.pid)
        #expect(found.contains(PID(spawned.child.number)))
        #expect(!before.contains(PID(spawned.child.number)))
        #expect(try processes.stat(Host.pid).threads > 1)
        spawned.end.number = 1
        pthread_join(thread, nil)
        _ = try reap(PID(spawned.child.number))
    }

    private func children(of pid: PID) throws -> [PID] {
        var children: [PID] = []
        try processes.children(of: pid, into: &children)
        return children
    }

    @Test func `all processes are listed, and their parents lead to each other`() throws {
        let child = try Child(["sleep", "100"])
        let listed = try processes.processes()
        #expect(listed.contains(child.pid))
        #expect(listed.contains(Host.pid))
        #expect(listed == listed.sorted())
        var ours: [PID] = []
        try processes.everyProcess { stat in
            if stat.parent == Host.pid { ours.append(stat.pid) }
        }
        #expect(ours.contains(child.pid))
    }

    @Test func `a variable of another process is found wherever it stands`() throws {
        var environment = EnvironmentBlock.standard
        let id = RunID(order: 77 << 16, origin: 0xDEAD_BEEF)
        try environment.set("XREEVE_RUN_ID", "wrong")
        for index in 0..<400 {
            try environment.set("FILL\(index)", String(repeating: "x", count: 97))
        }
        try environment.set("REEVE_RUN_ID", id.description)
        try environment.set("LONG", String(repeating: "y", count: 5_000))
        let child = try Child(["sleep", "100"], environment: environment)
        // posix_spawn comes back while the kernel is still about to set the new program up.
        #expect(try eventually { try processes.runIDs(of: child.pid) == [id] })
        #expect(try processes.environmentValue("PATH", of: child.pid) == .value("/usr/bin:/bin"))
        #expect(try processes.environmentValue("FILL", of: child.pid) == .missing)
        #expect(try processes.environmentValue("LONG", of: child.pid) == .missing)
        #expect(
            try processes.environmentValue("LONG", of: child.pid, longest: 5_000)
                == .value(String(repeating: "y", count: 5_000)))
        let other = try Child(["sleep", "100"])
        #expect(try processes.runIDs(of: other.pid) == [])
    }

    @Test func `a variable is found however the blocks are cut`() {
        let text = Array("A=1\0KEY\0XKEY=0\0KEY=value\0KEY=later\0".utf8)
        for size in 1...text.count {
            var search = EnvironmentSearch("KEY", longest: 5)
            var rest = text[...]
            while !rest.isEmpty {
                if search.feed(rest.prefix(size)) { break }
                rest = rest.dropFirst(size)
            }
            #expect(search.value == Array("value".utf8))
            var short = EnvironmentSearch("KEY", longest: 4)
            let isFound = short.feed(text[...])
            #expect(!isFound)
        }
        var unfinished = EnvironmentSearch("KEY", longest: 5)
        let isFound = unfinished.feed(Array("KEY=val".utf8)[...])
        #expect(!isFound)
        #expect(unfinished.value == nil)
    }

    @Test func `a listing passes over runs of processes that are known, and over nobody else`()
        throws
    {
        let children = try (0..<80).map { _ in try Child(["sleep", "100"]) }
        for every in [1, 2, 30] {
            // What the others list stays as it is for a moment, or is looked at again.
            let isSame = eventually {
                guard let before = try? processes.processes() else { return false }
                let known = Set(
                    children.map(\.pid).filter { Int($0.number) % every == 0 || every == 1 })
                guard let found = try? processes.processes(besides: known.contains),
                    let after = try? processes.processes(), before == after
                else { return false }
                #expect(found == before.filter { !known.contains($0) })
                return true
            }
            #expect(isSame)
        }
        withExtendedLifetime(children) {}
    }

    @Test func `nothing is passed over where places are no pids`() {
        /// Entries of a directory with these names and places.
        func entries(_ list: [(name: String, next: UInt64)]) -> [UInt8] {
            list.flatMap { entry in
                let name = Array(entry.name.utf8) + [0]
                let length = (19 + name.count + 7) / 8 * 8
                let place = (0..<8).map { UInt8(truncatingIfNeeded: entry.next >> (8 * $0)) }
                let head = [UInt8](repeating: 0, count: 8) + place + [UInt8(length), 0, 4]
                return head + name + [UInt8](repeating: 0, count: length - 19 - name.count)
            }
        }
        let isKnown = { (pid: PID) in pid.number >= 10 }
        let regular: [(String, UInt64)] = [
            ("self", 258), ("1", 260), ("2", 263), ("5", 268), ("10", 269), ("11", 270),
        ]
        var listing = ProcessListing()
        listing.take(entries(regular).span, { (10...99).contains($0.number) })
        #expect(listing.found.map(\.number) == [1, 2, 5])
        #expect(listing.placeToGoOn { (10...99).contains($0.number) } == 100 + 258)
        // A run that is short is read.
        #expect(listing.placeToGoOn { (10...12).contains($0.number) } == nil)
        var other = regular
        other[3].1 = 77
        listing = ProcessListing()
        listing.take(entries(other).span, isKnown)
        #expect(listing.found.map(\.number) == [1, 2, 5])
        #expect(listing.placeToGoOn(isKnown) == nil)
        // Nonsense is no reason to end.
        listing = ProcessListing()
        let wild = regular.map { ($0.0, $0.1 == 258 ? 1 << 63 : UInt64(Int64.max)) }
        listing.take(entries(wild).span, isKnown)
        #expect(listing.placeToGoOn(isKnown) == nil)
        // Too few to tell.
        listing = ProcessListing()
        listing.take(entries(Array(regular.suffix(2))).span, isKnown)
        #expect(listing.placeToGoOn { (10...99).contains($0.number) } == nil)
        listing.take([1, 2, 3].span, isKnown)
        #expect(listing.found == [])
    }

    @Test func `ten thousand children are read from any kernel's file`() throws {
        let directory = try TemporaryDirectory()
        let pids = (1...10_000).map { $0 * 409 }
        for name in ["7", "7/task", "7/task/7", "7/task/8", "thread-self"] {
            _ = directory.makeDirectory(name)
        }
        try directory.write("thread-self/children", "")
        try directory.write("7/task/7/children", pids.map { "\($0) " }.joined())
        try directory.write("7/task/8/children", "5 6")
        let processes = ProcFS(root: directory.path)
        var children: [PID] = []
        try processes.children(of: PID(7), into: &children)
        #expect(Set(children) == Set(pids.map { PID(Int32($0)) } + [PID(5), PID(6)]))
        #expect(children.count == 10_002)
    }

    @Test func `a kernel without lists of children says so`() throws {
        let directory = try TemporaryDirectory()
        for name in ["7", "7/task", "7/task/7"] { _ = directory.makeDirectory(name) }
        let processes = ProcFS(root: directory.path)
        #expect(!processes.listsChildren)
        var children: [PID] = []
        #expect(throws: Errno.notImplemented) {
            try processes.children(of: PID(7), into: &children)
        }
        #expect(throws: Errno.noEntry) { try processes.children(of: PID(8), into: &children) }
        #expect(ProcFS().listsChildren)
    }

    @Test func `hidden and unmounted processes are noticed`() throws {
        let directory = try TemporaryDirectory()
        #expect(ProcFS(root: directory.path).hidesOthers)
        #expect(try ProcFS(root: directory.path).processes() == [])
        #expect(throws: Errno.noEntry) { try ProcFS(root: directory.file("none")).processes() }
    }
}

/// A child that belongs to a thread of its own as long as `end` is zero.
private final class SpawnedByThread: Sendable {
    let child = Shared()
    let end = Shared()

    func run() {
        child.number = (try? spawn()) ?? -1
        while end.number == 0 { usleep(1_000) }
    }

    private func spawn() throws -> Int32 {
        let request = try SpawnRequest(arguments: ["sh", "-c", "exit 0"], environment: .standard)
        let streams = ChildStreams(stdout: .null, stderr: .null)
        return try ProcessSpawner().spawn(request, streams: streams).identity.pid.number
    }
}
