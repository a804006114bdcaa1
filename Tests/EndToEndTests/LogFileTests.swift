// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

/// `log = "file"`: files that a process of reeve's own writes.
@Suite struct LogFileTests {
    private static func text(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }

    /// All lines of a log file and those before it, the oldest first.
    private static func lines(_ path: String) -> [Substring] {
        let older = (1...1_000).prefix { FileManager.default.fileExists(atPath: "\(path).\($0)") }
        let files = older.reversed().map { "\(path).\($0)" } + [path]
        return files.flatMap {
            text($0).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        }
    }

    /// nil: none runs.
    private static func scribe(of reeve: Reeve) -> Int32? {
        Processes.children(of: reeve.pid).first {
            Self.text("/proc/\($0.pid)/comm") == "reeve-scribe\n"
        }?
        .pid
    }

    /// Numbers of the lines that are missing or there twice.
    private static func faults(_ lines: [Substring], upTo count: Int) -> [String] {
        guard lines.count != count || lines.first != "1" || lines.last != "\(count)" else {
            return zip(lines, 1...count).filter { $0 != "\($1)" }.map { "\($0) for \($1)" }
        }
        return ["\(lines.count) lines from \(lines.first ?? "") to \(lines.last ?? "")"]
    }

    @Test func `lines go to a file of their own as they are, and to the tail`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = "printf 'one\\\\r\\\\n\\\\ntwo\\\\n'; printf 'err\\\\n' >&2; printf 'no break'; exec sleep 100"
            log = "file"
            [schedulers.timed]
            command = "echo three; exec sleep 100"
            log = "file"
            log-file = "\(place.file("timed"))"
            log-timestamps = true
            [schedulers.plain]
            command = "echo four; exec sleep 100"
            """
        }) { reeve in
            let place = Place(at: reeve.directory)
            let file = place.file("state/log/web.log")
            try await eventually("the lines") { Self.text(file).hasSuffix("no break") }
            let found = Self.text(file)
            #expect(found.contains("one\r\n\ntwo\n") && found.contains("err\n"), "\(found)")
            #expect(try Place.mode(file) == 0o640)
            #expect(try Place.mode(place.file("state/log")) == 0o750)
            let logs = try await reeve.command("logs", "web")
            #expect(logs.output.contains("two") && logs.output.contains("err"))
            try await eventually("the line") {
                Self.text(place.file("timed")).wholeMatch(of: /20\d\d-\S+Z three\n/) != nil
            }
            #expect(!reeve.log.contains("two") && !reeve.process.output.contains("web |"))
            let status = try await reeve.command("status", "--json").output
            #expect(status.contains(#""components":[{"name":"scribe","status":"healthy""#))
            #expect(try await reeve.status().summary.totalSchedulers == 3)
        }
    }

    @Test func `without a log file there is no such process`() async throws {
        try await Reeve.supervising({ place in
            "[schedulers.web]\ncommand = \(place.child("forever"))\nready = \"spawn\"\n"
        }) { reeve in
            try await reeve.scheduler("web", becomes: "healthy") { $0.status == "healthy" }
            #expect(Self.scribe(of: reeve) == nil)
            #expect(!(try await reeve.command("status", "--json").output.contains("scribe")))
        }
    }

    @Test func `a scribe that is killed again and again loses no line and writes none twice`()
        async throws
    {
        let count = 120_000
        try await Reeve.supervising({ place in
            ["flood", "other"].map { name in
                """
                [schedulers.\(name)]
                kind = "task"
                command = "seq 1 \(count)"
                log = "file"
                log-file = "\(place.file("\(name).log"))"
                log-max-size = "20kB"
                log-max-files = 1000

                """
            }.joined()
        }) { reeve in
            let place = Place(at: reeve.directory)
            var killed: Set<Int32> = []
            try await eventually("three scribes to kill") {
                if let scribe = Self.scribe(of: reeve), Processes.signal(scribe, SIGKILL) {
                    killed.insert(scribe)
                }
                return killed.count >= 3
            }
            try await eventually("the end of the flood", within: 60) {
                if let scribe = Self.scribe(of: reeve), killed.count < 12 {
                    if Processes.signal(scribe, SIGKILL) { killed.insert(scribe) }
                }
                return ["flood.log", "other.log"].allSatisfy {
                    Self.text(place.file($0)).hasSuffix("\(count)\n")
                }
            }
            for file in ["flood.log", "other.log"] {
                let lines = Self.lines(place.file(file))
                #expect(Self.faults(lines, upTo: count).prefix(3) == [], "\(file)")
            }
            #expect(reeve.log.contains("ended by SIGKILL; it is started again"))
            #expect(!reeve.log.contains("dropped since"))
            let sizes = try (1...9).map { number in
                try FileManager.default.attributesOfItem(
                    atPath: place.file("flood.log.\(number)"))[.size] as? Int ?? 0
            }
            #expect(sizes.allSatisfy { (19_990...20_000).contains($0) }, "\(sizes)")
        }
    }

    @Test func `a scribe that stands still holds up nobody`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.flood]
            kind = "task"
            command = "while [ ! -e go ]; do sleep 0.05; done; yes \(String(repeating: "x", count: 990)) | head -c 100000000; echo the end; : > done"
            working-directory = "\(place.directory)"
            log = "file"
            log-file = "\(place.file("flood.log"))"
            [schedulers.web]
            command = \(place.child("forever"))
            ready = "spawn"
            """
        }) { reeve in
            let place = Place(at: reeve.directory)
            let scribe = try await eventually("the scribe") { Self.scribe(of: reeve) }
            Processes.signal(scribe, SIGSTOP)
            try Place.touch(place.file("go"))
            try await reeve.log(
                says: "flood.log of flood is not written: the scribe does not come forward")
            #expect(try await reeve.command("restart", "web").code == 0)
            try await eventually("the end of the flood", within: 60) {
                FileManager.default.fileExists(atPath: place.file("done"))
            }
            let status = try await reeve.command("status", "--json").output
            #expect(status.contains(#""name":"scribe","status":"degraded","reason":"the log file"#))
            Processes.signal(scribe, SIGCONT)
            try await reeve.log(says: "flood.log of flood is written again; ")
            #expect(reeve.log.contains(/written again; \d{4,} lines were dropped since/))
            try await reeve.scheduler("flood", becomes: "completed") { $0.lifecycle == "completed" }
            let lines = Self.lines(place.file("flood.log"))
            #expect(
                lines.allSatisfy { $0.utf8.count == 990 || $0 == "the end" || $0.utf8.count < 990 })
            #expect(Set(lines.map(\.utf8.count)).count <= 3, "\(Set(lines.map(\.utf8.count)))")
            #expect(Self.scribe(of: reeve) == scribe)
        }
    }

    @Test func `what an outside rotation has moved is written no more, and anew`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = "while :; do echo tick; sleep 0.05; done"
            log = "file"
            log-file = "\(place.file("web.log"))"
            log-max-size = "none"
            """
        }) { reeve in
            let place = Place(at: reeve.directory)
            for round in 1...3 {
                try await eventually("lines") { Self.text(place.file("web.log")).count > 20 }
                #expect(unsafe rename(place.file("web.log"), place.file("moved.\(round)")) == 0)
            }
            try await eventually("lines") { Self.text(place.file("web.log")).count > 20 }
            let sum = (1...3).map { Self.text(place.file("moved.\($0)")) }.reduce("", +)
            #expect(sum.allSatisfy { "tick\n".contains($0) } && sum.hasSuffix("tick\n"))
            let scribe = try #require(Self.scribe(of: reeve))
            // Not held open either, so that its space comes back when it is removed.
            try await eventually("one open file") {
                let fds =
                    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(scribe)/fd"))
                    ?? []
                let files = fds.compactMap {
                    try? FileManager.default.destinationOfSymbolicLink(
                        atPath: "/proc/\(scribe)/fd/\($0)")
                }
                return !files.contains { $0.contains("moved") }
            }
        }
    }

    @Test func `what is no regular file is not written, and said`() async throws {
        try await Reeve.supervising(
            { place in
                let names = ["fifo", "directory", "link", "missing/file"]
                return names.enumerated().map { index, name in
                    """
                    [schedulers.s\(index)]
                    command = "while :; do echo tick; sleep 0.1; done"
                    log = "file"
                    log-file = "\(place.file(name))"

                    """
                }.joined()
            },
            setup: {
                $0.prefix = [
                    "/bin/sh", "-c",
                    #"mkfifo fifo; mkdir directory; ln -s target link; exec "$@""#, "sh",
                ]
            }
        ) { reeve in
            let place = Place(at: reeve.directory)
            try await reeve.log(says: "fifo of s0 cannot be written: it is no regular file")
            try await reeve.log(says: "directory of s1 cannot be written: it is no regular file")
            try await reeve.log(
                says: "link of s2 cannot be written: it is a symbolic link, which is not")
            try await reeve.log(
                says: "missing/file of s3 cannot be written: its directory does not")
            #expect(!FileManager.default.fileExists(atPath: place.file("target")))
            // When the cause has gone it is written, with what has waited.
            try FileManager.default.removeItem(atPath: place.file("link"))
            try await reeve.log(says: "link of s2 is written again; no line was dropped")
            #expect(Self.text(place.file("link")).hasPrefix("tick\n"))
        }
    }

    @Test func `at the end everything is written, however it ends`() async throws {
        let place = try Place()
        defer { place.remove() }
        try await Reeve.supervising({ _ in
            """
            [schedulers.web]
            command = "trap 'seq 1 5000; exit' TERM; echo ready; while :; do sleep 0.05; done"
            log = "file"
            log-file = "\(place.file("web.log"))"
            """
        }) { reeve in
            try await eventually("a line") { Self.text(place.file("web.log")) == "ready\n" }
            let scribe = try #require(Self.scribe(of: reeve))
            // What is meant for reeve does not end it.
            for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { Processes.signal(scribe, signal) }
            Processes.signal(reeve.pid, SIGTERM)
            _ = try await reeve.process.ended(within: 20)
            #expect(Self.text(place.file("web.log")).hasSuffix("\n4999\n5000\n"))
            #expect(!Processes.isAlive(scribe))
            #expect(!reeve.log.contains("scribe") && !reeve.log.contains("dropped"))
        }
    }

    @Test func `a scribe that stands still at the end is waited for no longer than force-timeout`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = "trap 'echo last; exit' TERM; echo ready; while :; do sleep 0.05; done"
            log = "file"
            log-file = "\(place.file("web.log"))"
            """
        }) { reeve in
            let place = Place(at: reeve.directory)
            try await eventually("a line") { Self.text(place.file("web.log")) == "ready\n" }
            let scribe = try #require(Self.scribe(of: reeve))
            Processes.signal(scribe, SIGSTOP)
            let begin = ContinuousClock.now
            Processes.signal(reeve.pid, SIGTERM)
            _ = try await reeve.process.ended(within: 20)
            #expect(ContinuousClock.now - begin >= .seconds(2))
            // It got SIGKILL; nobody is left to wait for its end.
            try await eventually("the end of the scribe") { !Processes.isAlive(scribe) }
            #expect(
                reeve.log.contains(
                    /web.log of web: 1 line was dropped since \S+: the scribe did not/),
                "\(reeve.log)")
        }
    }

    @Test func `a reload gives what runs another file`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = "while :; do echo tick; sleep 0.05; done"
            log = "file"
            log-file = "\(place.file("old.log"))"
            """
        }) { reeve in
            let place = Place(at: reeve.directory)
            try await eventually("lines") { Self.text(place.file("old.log")).count > 20 }
            let pid = try await reeve.scheduler("web").pid
            let file = place.file("reeve.toml")
            try Self.text(file).replacingOccurrences(
                of: "old.log\"", with: "new.log\"\nlog-max-size = \"1kB\""
            )
            .write(toFile: file, atomically: true, encoding: .utf8)
            let said = try await reeve.command("reload").output
            #expect(said.contains("changed: web (log-file, log-max-size)"), "\(said)")
            try await eventually("a rotation") { !Self.text(place.file("new.log.1")).isEmpty }
            #expect(Self.text(place.file("new.log.1")).count == 1_000)
            #expect(try await reeve.scheduler("web").pid == pid)
        }
    }
}

@Suite(
    .needs(
        "root, unshare and nsenter",
        if: Machine.isRoot && Machine.has("unshare") && Machine.has("nsenter")))
struct LogFileDiskTests {
    private static func inside(_ reeve: Reeve, _ command: String) async throws {
        let process = try Guarded(
            ["nsenter", "-t", "\(reeve.pid)", "-m", "/bin/sh", "-c", command],
            environment: Guarded.environment, directory: reeve.directory,
            name: "inside-" + String(UInt32.random(in: 0 ... .max)))
        let ending = try await process.ended()
        guard case .exit(0) = ending else {
            throw HarnessFailure("\(command): \(ending) \(process.errors)")
        }
    }

    @Test func `a disk that is full or read-only costs what does not fit, and nothing else`()
        async throws
    {
        let mount = """
            mkdir logs && mount -t tmpfs -o size=64k none logs || exit 5
            dd if=/dev/zero of=logs/fill bs=4k count=14 2>/dev/null
            exec "$@"
            """
        try await Reeve.supervising(
            { place in
                """
                [schedulers.flood]
                command = "i=0; while :; do i=$((i+1)); echo line $i; [ -e '\(place.file("slow"))' ] && sleep 0.05; while [ -e '\(place.file("hold"))' ]; do sleep 0.05; done; done"
                log = "file"
                log-file = "\(place.file("logs/flood.log"))"
                [schedulers.small]
                command = "while :; do echo tick; sleep 0.1; done"
                log = "file"
                log-file = "\(place.file("small.log"))"
                """
            },
            setup: {
                $0.prefix = [
                    "unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh",
                ]
            }
        ) { reeve in
            let place = Place(at: reeve.directory)
            try await reeve.log(
                says: "flood.log of flood cannot be written: no space left on device")
            func size() -> Int {
                (try? FileManager.default.attributesOfItem(atPath: place.file("small.log"))[.size]
                    as? Int)
                    ?? 0
            }
            let before = size()
            try await eventually("the other file grows") { size() > before + 20 }
            try Place.touch(place.file("slow"))
            try await Self.inside(reeve, "mount -o remount,size=10m \(place.file("logs"))")
            try await reeve.log(says: "flood.log of flood is written again; ", within: 20)
            #expect(reeve.log.contains(/written again; \d+ lines were dropped since/))
            // As long as the file is open for writing it cannot be made read-only.
            try Place.touch(place.file("hold"))
            try await Self.inside(
                reeve,
                "until mount -o remount,ro \(place.file("logs")) 2> /dev/null; do sleep 0.1; done; "
                    + "rm \(place.file("hold"))")
            try await reeve.log(says: "flood.log of flood cannot be opened: read-only file system")
            try await Self.inside(reeve, "mount -o remount,rw \(place.file("logs"))")
            try await reeve.log(says: "written again; no line was dropped", within: 20)
            // Whole lines, in their order, with a gap where lines were dropped.
            try await Self.inside(
                reeve, "cp \(place.file("logs/flood.log")) \(place.file("flood.copy"))")
            let text = try String(contentsOfFile: place.file("flood.copy"), encoding: .utf8)
            let lines = text.split(separator: "\n").dropLast()
            let numbers = lines.compactMap { line in
                line.hasPrefix("line ") ? Int(line.dropFirst(5)) : nil
            }
            #expect(numbers.count == lines.count)
            let steps = zip(numbers, numbers.dropFirst()).map { $1 - $0 }
            #expect(steps.allSatisfy { $0 > 0 } && steps.count { $0 > 1 } >= 1)
        }
    }
}
