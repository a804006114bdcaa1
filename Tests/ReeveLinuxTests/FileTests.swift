// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveTestSupport
import Testing

@testable import ReeveLinux

@Suite struct `Sealed memory` {
    @Test func `what was handed over can be read and not changed`() throws {
        let contents = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        let memory = try Memfd.sealed(name: "specification", contents: contents.span)
        #expect(Memfd.isSealed(memory) == true)
        for _ in 1...2 { #expect(try Memfd.readAll(memory, max: 100_000) == contents) }
        #expect(throws: Errno.fileTooLarge) { try Memfd.readAll(memory, max: 99_999) }
        #expect(throws: Errno.notPermitted) { try memory.writeAll([1].span, at: 0) }
        #expect(throws: Errno.notPermitted) { try memory.setSize(5) }
        let nothing: [UInt8] = []
        let empty = try Memfd.sealed(name: "", contents: nothing.span)
        #expect(try Memfd.readAll(empty, max: 0) == [])
        let file = try FileDescriptor.openForReading("/dev/null")
        #expect(Memfd.isSealed(file) == false)
    }

    @Test func `an exec of ourselves that cannot be is an error`() throws {
        let huge = try CStringArray(["x", String(repeating: "x", count: 3_000_000)])
        #expect(
            SelfExecution.replace(arguments: huge, environment: .standard) == .argumentListTooLong)
        #expect(SelfExecution.arguments()[0] == CommandLine.arguments.first)
        #expect(SelfExecution.arguments().count == CommandLine.arguments.count)
    }

    @Test func `a process can have a name`() async {
        await #expect(processExitsWith: .success) {
            // The name belongs to the thread; /proc/PID shows that of the main one.
            SelfExecution.setName("a rather long name")
            var buffer = [UInt8](repeating: 0, count: 32)
            let count = try FileDescriptor.openForReading("/proc/thread-self/comm").read(
                into: &buffer)
            #expect(
                String(decoding: buffer.prefix(count ?? 0), as: UTF8.self) == "a rather long n\n")
        }
    }
}

@Suite struct `Locks and directories` {
    @Test func `a lock is taken once, and ends with its holder`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("lock")
        do {
            let first = try FileLock.take(path)
            #expect(describe(first) == "taken")
            #expect(describe(try FileLock.take(path)) == "held by \(Host.pid)")
        }
        #expect(describe(try FileLock.take(path)) == "taken")
    }

    private func describe(_ outcome: borrowing LockOutcome) -> String {
        switch outcome {
        case .taken: "taken"
        case .held(let pid): "held by \(pid.map { "\($0)" } ?? "someone")"
        }
    }

    @Test func `a lock file that is none is refused`() throws {
        let directory = try TemporaryDirectory()
        let target = try directory.write("target", "")
        let link = directory.file("link")
        #expect(unsafe symlink(target, link) == 0)
        #expect(
            words(of: SystemFailure.self) { _ = try FileLock.take(link) }
                == "lock file \(link): a symbolic link, which is not followed")
        let fifo = directory.file("fifo")
        #expect(unsafe mkfifo(fifo, 0o600) == 0)
        #expect(
            words(of: SystemFailure.self) { _ = try FileLock.take(fifo) }
                == "lock file \(fifo): there is another kind of file at this path")
        let missing = directory.file("no/lock")
        #expect(
            words(of: SystemFailure.self) { _ = try FileLock.take(missing) }
                == "lock file \(missing): cannot be locked: no such file or directory (ENOENT)")
    }

    @Test func `a private directory is made, or brought to its mode`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("run")
        for _ in 1...2 {
            try PrivateDirectory.ensure(path)
            #expect(FileFacts(path)?.mode == 0o700)
        }
        let open = directory.makeDirectory("open", mode: 0o755)
        try PrivateDirectory.ensure(open)
        #expect(FileFacts(open)?.mode == 0o700)
        try PrivateDirectory.ensure(open, searchableBy: Host.group)
        #expect(FileFacts(open)?.mode == 0o710)
        let deep = directory.file("a/b/c")
        #expect(throws: SystemFailure.self) { try PrivateDirectory.ensure(deep) }
        try PrivateDirectory.ensure(deep, makingParents: true)
        #expect(FileFacts(deep)?.mode == 0o700)
        try PrivateDirectory.ensure(deep + "/", makingParents: true)
    }

    @Test func `a directory that is not ours alone is refused`() throws {
        let directory = try TemporaryDirectory()
        let shared = directory.makeDirectory("shared", mode: 0o777)
        #expect(
            words(of: SystemFailure.self) { try PrivateDirectory.ensure(shared) }
                == "directory \(shared): others may write to it; give it the mode 0700 after a look "
                + "at what is in it")
        let link = directory.file("link")
        let target = directory.makeDirectory("target", mode: 0o700)
        #expect(unsafe symlink(target, link) == 0)
        #expect(
            words(of: SystemFailure.self) { try PrivateDirectory.ensure(link) }
                == "directory \(link): a symbolic link, which is not followed")
        let file = try directory.write("file", "")
        #expect(
            words(of: SystemFailure.self) { try PrivateDirectory.ensure(file) }
                == "directory \(file): cannot be used: not a directory (ENOTDIR)")
    }

    @Test(.needsRoot) func `a directory of another user is refused`() throws {
        let directory = try TemporaryDirectory()
        let foreign = directory.makeDirectory("foreign", mode: 0o700)
        #expect(unsafe chown(foreign, 54_321, 0) == 0)
        #expect(
            words(of: SystemFailure.self) { try PrivateDirectory.ensure(foreign) }
                == "directory \(foreign): belongs to user 54321, not to user 0")
    }
}

@Suite struct `Ring files` {
    private func text(_ ring: borrowing RingFile) throws -> String {
        String(decoding: try ring.read(), as: UTF8.self)
    }

    @Test func `the last bytes are kept, in order, also over a new start`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("ring")
        var expected: [UInt8] = []
        var random = SystemRandomNumberGenerator()
        for _ in 1...8 {
            var ring = try RingFile(path: path, capacity: 1_000)
            #expect(try ring.read() == expected.suffix(1_000))
            #expect(ring.written == UInt64(expected.count) as UInt64?)
            for _ in 1...25 {
                let count = Int.random(in: 0...700, using: &random)
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
                try ring.append(bytes.span)
                expected += bytes
                #expect(try ring.read() == expected.suffix(1_000))
                let place = Int.random(in: 0...(expected.count + 5), using: &random)
                let first = min(max(place, expected.count - 1_000), expected.count)
                let length = Int.random(in: -1...1_200, using: &random)
                #expect(
                    try ring.read(from: UInt64(place), atMost: length)
                        == Array(expected[first...].prefix(max(0, length))))
                #expect(ring.oldest == UInt64(max(0, expected.count - 1_000)))
            }
            // 1,000 kept, 512 surplus, 64 header.
            #expect(FileFacts(path)?.size == 1_576)
        }
    }

    @Test func `of more than the ring holds the end is kept`() throws {
        let directory = try TemporaryDirectory()
        var ring = try RingFile(path: directory.file("ring"), capacity: 512)
        let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0) }
        try ring.append([1, 2, 3].span)
        try ring.append(bytes.span)
        #expect(try ring.read() == bytes.suffix(512))
    }

    @Test func `a write that was cut short by our death shows nothing of itself`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("ring")
        var ring = try RingFile(path: path, capacity: 600)
        let bytes = (0..<5_001).map { UInt8(truncatingIfNeeded: $0 * 7) }
        try ring.append(bytes.span)
        let kept = try ring.read()
        // What the next append would write before its header: 512 bytes, over the oldest.
        let file = try FileDescriptor.open(path, flags: O_RDWR)
        let start = Int(ring.written % 1_112)
        for index in 0..<512 {
            try file.writeAll([0xEE].span, at: Int64(64 + (start + index) % 1_112))
        }
        #expect(try RingFile(path: path, capacity: 600).read() == kept)
    }

    @Test func `with another capacity the last that fits is carried over`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("ring")
        #expect(try RingFile.contents(of: path) == nil)
        let bytes = (0..<5_001).map { UInt8(truncatingIfNeeded: $0 * 7) }
        var first = try RingFile(path: path, capacity: 1_000)
        try first.append(bytes.span)
        for capacity in [2_000, 600, 512, 4_000] {
            let kept = try #require(try RingFile.contents(of: path))
            let ring = try RingFile(path: path, capacity: capacity)
            #expect(try ring.read() == kept.suffix(capacity))
            #expect(ring.written == first.written)
            #expect(ring.oldest == ring.written - UInt64(min(kept.count, capacity)))
        }
        #expect(try RingFile.contents(of: path) == bytes.suffix(512))
    }

    @Test func `what is no ring begins anew`() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("ring", String(repeating: "x", count: 1_576))
        var ring = try RingFile(path: path, capacity: 1_000)
        #expect(try ring.read() == [])
        try ring.append(Array("text".utf8).span)
        #expect(try RingFile(path: path, capacity: 1_000).read() == Array("text".utf8))
        let file = try FileDescriptor.open(path, flags: O_RDWR)
        try file.writeAll([9].span, at: 17)
        #expect(try RingFile.contents(of: path) == nil)
        #expect(try RingFile(path: path, capacity: 1_000).read() == [])
    }

    @Test func `sizes have bounds, and links are not followed`() throws {
        let directory = try TemporaryDirectory()
        #expect(try RingFile(path: directory.file("small"), capacity: -5).capacity == 512)
        #expect(try RingFile(path: directory.file("large"), capacity: .max).capacity == 67_108_864)
        #expect(unsafe symlink(directory.file("small"), directory.file("link")) == 0)
        #expect(throws: Errno.tooManyLinks) {
            _ = try RingFile(path: directory.file("link"), capacity: 512)
        }
        #expect(throws: Errno.self) { _ = try RingFile(path: directory.path, capacity: 512) }
    }
}

@Suite struct `The host` {
    @Test func `facts of the process and its machine`() throws {
        #expect(Host.pid.number == getpid())
        #expect(Host.parent?.number == getppid())
        #expect(Host.user == geteuid())
        #expect(Host.group == getegid())
        #expect(Host.ticksPerSecond > 0)
        #expect(Host.pageSize >= 4_096)
        #expect(!Host.name.isEmpty)
        #expect(try Host.random() != Host.random())
        // Our own start lies between the boot and now.
        let ticks = try ProcFS().stat(Host.pid).startTime
        #expect(Int64(ticks) / Host.ticksPerSecond <= Clock.sinceBoot().seconds)
    }

    @Test func `a group is found by name or number`() throws {
        #expect(try Host.group(named: "root") == 0)
        #expect(try Host.group(named: "54321") == 54_321)
        #expect(
            words(of: SystemFailure.self) { _ = try Host.group(named: "no-such-group") }
                == "group no-such-group: there is no such group")
    }

    @Test func `a limit is raised to the hard one and never lowered`() async {
        await #expect(processExitsWith: .success) {
            let before = try OpenFilesLimit.raise(atMost: 1)
            #expect(try OpenFilesLimit.current() == before)
            _ = try OpenFilesLimit.raise()
            #expect(
                try OpenFilesLimit.current().soft == max(before.soft, min(before.hard, 1_048_576)))
            #expect(try OpenFilesLimit.current().hard == before.hard)
        }
    }
}

@Suite struct `Kept files` {
    @Test func `each is written as a whole, read, listed and removed`() throws {
        let scratch = try TemporaryDirectory()
        let files = KeptFiles(directory: scratch.file("kept"))
        #expect(try files.names(max: 9) == [])
        #expect(try files.read("b.toml", bytesMax: 9) == nil)
        #expect(try files.remove("b.toml") == false)
        for (name, contents) in [("b.toml", [1, 2]), ("a.toml", []), ("b.toml", [3])]
            as [(String, [UInt8])]
        {
            try files.write(name, contents)
            #expect(try files.read(name, bytesMax: 2) == contents)
        }
        #expect(try files.names(max: 2) == ["a.toml", "b.toml"])
        #expect(throws: SystemFailure.self) { try files.names(max: 1) }
        #expect(throws: SystemFailure.self) { try files.read("b.toml", bytesMax: 0) }
        #expect(try files.remove("b.toml") == true)
        #expect(try files.names(max: 2) == ["a.toml"])
    }

    @Test func `more than one look at the directory finds all`() throws {
        let scratch = try TemporaryDirectory()
        let files = KeptFiles(directory: scratch.file("kept"))
        let names = (0..<1_200).map { "a-rather-long-name-of-a-file-\(1_000 + $0).toml" }
        try files.write(names[0], [])
        for name in names { _ = try StateFile.open(files.path(of: name)) }
        #expect(try files.names(max: 2_000) == names)
    }

    @Test func `of files that nobody asks for the last few stay`() throws {
        let scratch = try TemporaryDirectory()
        let files = KeptFiles(directory: scratch.file("kept"))
        #expect(files.removeOthers(than: ["web"], keeping: 2) == [])
        for name in ["web", "d", "c", "b", "a"] { try files.write(name, [1]) }
        // One more second each, whatever the file system's clock says.
        for (second, name) in ["web", "d", "c", "b", "a"].enumerated() {
            var times = [
                timespec(tv_sec: second, tv_nsec: 0), timespec(tv_sec: second, tv_nsec: 0),
            ]
            #expect(unsafe utimensat(AT_FDCWD, files.path(of: name), &times, 0) == 0)
        }
        #expect(files.removeOthers(than: ["web"], keeping: 2) == ["a", "b", "web"])
        #expect(try files.names(max: 9) == ["a", "b", "web"])
        #expect(files.removeOthers(than: ["web"], keeping: 2) == ["a", "b", "web"])
    }

    @Test func `a link is not followed, and nothing is made behind one`() throws {
        let scratch = try TemporaryDirectory()
        let files = KeptFiles(directory: scratch.file("kept"))
        try files.write("a", [1])
        #expect(unsafe symlink("a", files.path(of: "link")) == 0)
        #expect(throws: SystemFailure.self) { try files.read("link", bytesMax: 9) }
        #expect(unsafe symlink("kept", scratch.file("other")) == 0)
        let other = KeptFiles(directory: scratch.file("other"))
        #expect(throws: SystemFailure.self) { try other.write("b", []) }
        #expect(try files.names(max: 9) == ["a", "link"])
    }
}
