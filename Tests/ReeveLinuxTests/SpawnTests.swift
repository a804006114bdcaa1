// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveTestSupport
import Testing

@testable import ReeveLinux

@Suite(.serialized) struct `Spawning` {
    @Test func `a program gets its arguments and exactly its environment`() throws {
        var environment = EnvironmentBlock()
        try environment.set("PATH", "/usr/bin:/bin")
        try environment.set("EMPTY", "")
        try environment.set("TEXT", "ä = \"b\"\n")
        #expect(
            try output(of: ["env", "-0"], environment: environment).split(separator: "\0").sorted()
                == ["EMPTY=", "PATH=/usr/bin:/bin", "TEXT=ä = \"b\"\n"])
        let script = "printf '%s|' \"$0\" \"$@\""
        #expect(
            try output(of: ["sh", "-c", script, "zero", "", "a b", "$HOME"]) == "zero||a b|$HOME|")
    }

    @Test func `a child leads a session of its own`() throws {
        let child = try Child(["sleep", "100"])
        let stat = try ProcFS().stat(child.pid)
        #expect(stat.session == child.pid)
        #expect(stat.group == child.pid)
        #expect(stat.parent == Host.pid)
        #expect(stat.identity == child.identity)
        #expect(try eventually { try ProcFS().stat(child.pid).name == "sleep" })
    }

    @Test func `a child has no signal blocked or ignored`() throws {
        var old = sigaction()
        var ignored = sigaction()
        unsafe ignored.__sigaction_handler.sa_handler = SIG_IGN
        // SIGWINCH means nothing to anyone here; the child must not inherit that it is ignored.
        #expect(unsafe sigaction(SIGWINCH, &ignored, &old) == 0)
        defer { unsafe sigaction(SIGWINCH, &old, nil) }
        let status = try output(of: ["cat", "/proc/self/status"])
        let lines = status.split(separator: "\n").filter {
            $0.hasPrefix("SigBlk") || $0.hasPrefix("SigIgn")
        }
        #expect(lines == ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"])
    }

    @Test func `a child has three descriptors, its input is empty, and others stay here`() throws {
        let kept = try FileDescriptor.openForReading("/dev/null")
        try kept.setKeptOnExec(true)
        // 3 is the directory that ls itself reads.
        #expect(try output(of: ["ls", "/proc/self/fd"]) == "0\n1\n2\n3\n")
        #expect(try output(of: ["readlink", "/proc/self/fd/0"]) == "/dev/null\n")
        #expect(try output(of: ["cat"]) == "")
    }

    @Test func `both streams go where they should`() throws {
        let request = try SpawnRequest(
            arguments: ["sh", "-c", "echo out; echo err >&2"], environment: .standard)
        let spawner = try ProcessSpawner()
        let error = try Pipe.make().text { writeEnd in
            let streams = ChildStreams(stdout: .null, stderr: .descriptor(writeEnd))
            return try spawner.spawn(request, streams: streams).identity.pid
        }
        _ = try reap(error.0)
        #expect(error.1 == "err\n")
        let both = try Pipe.make().text { writeEnd in
            let second = try writeEnd.duplicate()
            let streams = ChildStreams(stdout: .descriptor(writeEnd), stderr: .descriptor(second))
            return try spawner.spawn(request, streams: streams).identity.pid
        }
        _ = try reap(both.0)
        #expect(both.1 == "out\nerr\n")
    }

    @Test func `a program is looked up in the child's PATH, from the child's directory`() throws {
        let directory = try TemporaryDirectory()
        let first = directory.makeDirectory("first")
        let second = directory.makeDirectory("second")
        try directory.write("first/tool", "#!/bin/sh\necho first\n", mode: 0o644)
        try directory.write("second/tool", "#!/bin/sh\necho second\n", mode: 0o755)
        var environment = EnvironmentBlock()
        // What may not be executed does not end the search, nor does a directory of that name.
        _ = directory.makeDirectory("tool")
        try environment.set("PATH", "\(directory.path):/nonexistent:\(first):\(second)")
        #expect(try output(of: ["tool"], environment: environment) == "second\n")
        // Relative and empty elements begin at the working directory.
        try environment.set("PATH", "/nonexistent::nothing")
        #expect(try output(of: ["tool"], environment: environment, directory: second) == "second\n")
        try environment.set("PATH", "second")
        #expect(
            try output(of: ["tool"], environment: environment, directory: directory.path)
                == "second\n")
        #expect(
            try output(of: ["second/tool"], environment: environment, directory: directory.path)
                == "second\n")
        // No PATH at all: the usual directories.
        #expect(
            try output(of: ["pwd"], environment: EnvironmentBlock(), directory: first)
                == "\(first)\n")
    }

    @Test func `a spawn leaves no descriptor behind, whether it succeeds or not`() async {
        await #expect(processExitsWith: .success) {
            let spawner = try ProcessSpawner()
            let good = try SpawnRequest(arguments: ["true"], environment: .standard)
            let bad = try SpawnRequest(arguments: ["/nonexistent"], environment: .standard)
            func once() throws {
                let streams = ChildStreams(stdout: .null, stderr: .inherit)
                _ = try reap(try spawner.spawn(good, streams: streams).identity.pid)
                #expect(throws: SpawnFailure.self) { _ = try spawner.spawn(bad, streams: streams) }
            }
            try once()
            let before = try openDescriptors()
            for _ in 0..<20 { try once() }
            #expect(try openDescriptors() == before)
            #expect(!Reaper.hasChildren())
        }
    }

    @Test func `a child is known by its start time even when there are no more descriptors`() async
    {
        await #expect(processExitsWith: .success) {
            let spawner = try ProcessSpawner()
            var held: [Int32] = []
            var limit = rlimit(rlim_cur: 64, rlim_max: 64)
            #expect(unsafe setrlimit(__rlimit_resource_t(7), &limit) == 0)
            while let more = try? FileDescriptor.openForReading("/dev/null") {
                held.append(more.release())
            }
            let request = try SpawnRequest(arguments: ["/bin/true"], environment: .standard)
            for _ in 1...2 {
                let streams = ChildStreams(stdout: .null, stderr: .null)
                let child = try spawner.spawn(request, streams: streams)
                #expect(child.identity.startTime > 0)
                _ = try reap(child.identity.pid)
            }
            for number in held { close(number) }
        }
    }

    @Test func `children get the limit of open files that reeve itself was given`() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit()
            #expect(unsafe getrlimit(__rlimit_resource_t(7), &limit) == 0)
            limit.rlim_cur = 256
            #expect(unsafe setrlimit(__rlimit_resource_t(7), &limit) == 0)
            let before = try OpenFilesLimit.raise(atMost: 4_096)
            #expect(before.soft == 256)
            #expect(try OpenFilesLimit.current().soft == min(4_096, before.hard))
            // More are open than the child may have.
            var held: [Int32] = []
            for _ in 0..<400 {
                held.append(try FileDescriptor.openForReading("/dev/null").release())
            }
            let spawner = try ProcessSpawner(childOpenFiles: before.soft)
            let limits = try output(of: ["sh", "-c", "ulimit -Sn; ulimit -Hn"], spawner: spawner)
            #expect(limits == "256\n\(before.hard)\n")
            #expect(try OpenFilesLimit.current().soft == min(4_096, before.hard))
            for number in held { close(number) }
        }
    }
}

@Suite(.serialized) struct `Spawn failures` {
    private func failure(_ arguments: [String], directory: String? = nil, path: String? = nil)
        -> String
    {
        words(of: SpawnFailure.self) {
            var environment = EnvironmentBlock.standard
            if let path { try environment.set("PATH", path) }
            let child = try Child(arguments, environment: environment, directory: directory)
            _ = try child.end()
        }
    }

    @Test func `what is missing is named`() throws {
        let directory = try TemporaryDirectory()
        let none = directory.file("none")
        #expect(failure([none]) == "\(none): no such file (ENOENT)")
        #expect(
            failure(["no-such-tool"])
                == "no-such-tool: no such program in PATH (/usr/bin:/bin) (ENOENT)")
        #expect(
            failure(["sh"], path: "") == "sh: no such program in PATH (which is empty) (ENOENT)")
        #expect(
            failure(["true"], directory: none)
                == "working directory \(none): no such directory (ENOENT)")
        #expect(
            failure(["/bin/true"], directory: none)
                == "working directory \(none): no such directory (ENOENT)")
        let file = try directory.write("file", "")
        #expect(
            failure(["/bin/true"], directory: file)
                == "working directory \(file): not a directory (ENOTDIR)")
        #expect(
            failure(["\(file)/tool"])
                == "\(file)/tool: a part of the path is not a directory (ENOTDIR)")
        let link = directory.file("link")
        #expect(unsafe symlink(none, link) == 0)
        #expect(failure([link]) == "\(link): a symbolic link to nothing (ENOENT)")
        #expect(failure(["./tool"], directory: directory.path) == "./tool: no such file (ENOENT)")
    }

    @Test func `the interpreter of a script is named when it is what is missing`() throws {
        let directory = try TemporaryDirectory()
        let script = try directory.write("script", "#! /no/such/python3 -u\n", mode: 0o755)
        #expect(
            failure([script])
                == "\(script): its interpreter /no/such/python3 does not exist (ENOENT)")
        let dos = try directory.write("dos", "#!/bin/sh\r\necho\r\n", mode: 0o755)
        #expect(
            failure([dos])
                == "\(dos): its first line ends in a carriage return, so that its interpreter is "
                + "sought as \"/bin/sh\\r\" (ENOENT)")
        let text = try directory.write("text", "not a program", mode: 0o644)
        let refused = try directory.write("refused", "#!\(text)\n", mode: 0o755)
        #expect(
            failure([refused]) == "\(refused): its interpreter \(text) may not be executed (EACCES)"
        )
    }

    @Test func `a loader that is missing is named`() throws {
        let directory = try TemporaryDirectory()
        // The least ELF file with an interpreter: a header, and one program header of type 3.
        var bytes = [UInt8](repeating: 0, count: 64 + 56)
        func put(_ value: UInt64, at offset: Int, bytes count: Int) {
            for index in 0..<count {
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
            }
        }
        let own = ProgramHead("/proc/self/exe")
        try #require(own.isELF)
        // Kind, machine and versions as in our own program.
        for index in 0..<24 { bytes[index] = own.bytes[index] }
        put(64, at: 32, bytes: 8)
        put(64, at: 52, bytes: 2)
        put(56, at: 54, bytes: 2)
        put(1, at: 56, bytes: 2)
        put(3, at: 64, bytes: 4)
        put(120, at: 72, bytes: 8)
        let loader = Array("/no/such/ld.so\0".utf8)
        put(UInt64(loader.count), at: 96, bytes: 8)
        put(UInt64(loader.count), at: 104, bytes: 8)
        bytes += loader
        let program = directory.file("program")
        try FileDescriptor.open(program, flags: O_WRONLY | O_CREAT, mode: 0o755).writeAll(
            bytes.span)
        #expect(
            failure([program])
                == "\(program): its dynamic loader /no/such/ld.so does not exist (ENOENT)")
        #expect(ProgramHead("/bin/sh").interpreter != .unknown)
    }

    @Test func `what may not be executed is named`() throws {
        let directory = try TemporaryDirectory()
        let plain = try directory.write("plain", "#!/bin/sh\n", mode: 0o644)
        #expect(failure([plain]) == "\(plain): not executable (chmod +x is missing) (EACCES)")
        #expect(
            failure(["plain"], path: directory.path)
                == "plain: found as \(plain), which may not be executed (EACCES)")
        let folder = directory.makeDirectory("folder")
        #expect(failure([folder]) == "\(folder): a directory, not a program (EACCES)")
        #expect(failure(["/dev/null"]) == "/dev/null: not a regular file (EACCES)")
    }

    @Test func `what is no program is named`() throws {
        let directory = try TemporaryDirectory()
        let empty = try directory.write("empty", "", mode: 0o755)
        #expect(failure([empty]) == "\(empty): the file is empty (ENOEXEC)")
        let text = try directory.write("text", "echo hello\n", mode: 0o755)
        #expect(
            failure([text])
                == "\(text): neither a program nor a script that begins with #! (ENOEXEC)")
    }

    @Test func `a request that cannot be passed on is refused`() throws {
        #expect(failure([]) == "the command names no program (EINVAL)")
        #expect(failure([""]) == "the command names no program (EINVAL)")
        #expect(
            failure(["true", "a\0b"])
                == "argument a?b: contains a NUL character, which no program can be given (EINVAL)"
        )
        #expect(
            failure(["true"], directory: "/\0")
                == "the working directory contains a NUL character (EINVAL)")
        #expect(
            failure(["true", String(repeating: "x", count: 3_000_000)])
                == "/usr/bin/true: arguments and environment are too long for the kernel (E2BIG)")
    }

    @Test(.needsRoot) func `a limit of processes is named`() async {
        await #expect(processExitsWith: .success) {
            // Root has no such limit.
            var limit = rlimit(rlim_cur: 1, rlim_max: 1)
            #expect(unsafe setrlimit(__rlimit_resource_t(6), &limit) == 0)
            #expect(setgid(54_321) == 0)
            #expect(setuid(54_321) == 0)
            let message = words(of: SpawnFailure.self) { _ = try Child(["true"]).end() }
            #expect(
                message
                    == "/usr/bin/true: no more processes may be made: a limit (RLIMIT_NPROC, "
                    + "pids.max of the cgroup, kernel.pid_max) is reached (EAGAIN)")
            let outside = words(of: SpawnFailure.self) {
                _ = try Child(["/bin/true"], directory: "/root").end()
            }
            #expect(outside == "working directory /root: may not be entered (EACCES)")
        }
    }
}

@Suite struct `Environments` {
    @Test func `a variable that is set again replaces the old one`() throws {
        var block = EnvironmentBlock()
        try block.set("A", "1")
        try block.set("AB", "2")
        try block.set([
            EnvironmentVariable(name: "A", value: "3"), EnvironmentVariable(name: "C", value: "="),
        ])
        #expect(block.count == 3)
        #expect(block.value(of: "A") == "3")
        #expect(block.value(of: "AB") == "2")
        #expect(block.value(of: "C") == "=")
        block.remove("A")
        block.remove("nothing")
        #expect(block.value(of: "A") == nil)
        #expect(block.count == 2)
    }

    @Test func `names and values that cannot be passed on are refused`() {
        var block = EnvironmentBlock()
        #expect(
            words(of: SystemFailure.self) { try block.set("", "x") }
                == "\"\" cannot be an environment variable's name")
        #expect(
            words(of: SystemFailure.self) { try block.set("A=B", "x") }
                == "\"A=B\" cannot be an environment variable's name")
        #expect(
            words(of: SystemFailure.self) { try block.set("A", "x\0y") }
                == "environment variable A: contains a NUL character")
        #expect(block == EnvironmentBlock())
    }

    @Test func `our own environment is read as it is`() throws {
        let block = EnvironmentBlock.current()
        for variable in Environment.current() {
            #expect(block.value(of: variable.name) != nil)
        }
        #expect(block.value(of: "PATH") == Environment.value(of: "PATH"))
        #expect(Environment.value(of: "REEVE_NO_SUCH_VARIABLE") == nil)
    }

    @Test func `strings are found by position`() throws {
        let strings = try CStringArray(["", "one", "two"])
        #expect(strings.count == 3)
        #expect(
            [strings[0], strings[1], strings[2], strings[3], strings[-1]] == [
                "", "one", "two", nil, nil,
            ])
    }
}
