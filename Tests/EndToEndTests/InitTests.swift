// SPDX-License-Identifier: Apache-2.0
//
// `reeve init` with real programs, and what every signal does to reeve in each of its places: the table in the
// documentation is what is tested.

import Foundation
import Glibc
import ReeveTestSupport
import Testing

/// Starts a program for as long as the body takes.
private func running(
    _ words: [String], environment: [String: String] = [:], output: String? = nil, in place: Place,
    _ body: (Guarded) async throws -> Void
) async throws {
    let process = try Guarded(
        words, environment: Guarded.environment.merging(environment) { $1 },
        directory: place.directory,
        name: "init-" + String(UInt32.random(in: 0 ... .max), radix: 36),
        output: output)
    let pid = try await process.pid()
    do {
        try await body(process)
    } catch {
        Processes.signal(pid, SIGKILL)
        _ = try await process.leaks()
        throw HarnessFailure("\(error)\n\(process.errors)")
    }
    if process.ending == nil { Processes.signal(pid, SIGKILL) }
    _ = try await process.leaks()
}

@Suite struct InitTests {
    private let reeve = Tree.product("reeve")
    private let child = Tree.product("reeve-test-child")

    private func end(
        _ words: [String], environment: [String: String] = [:]
    ) async throws -> (ending: Ending, leaks: [Leak], output: String, errors: String) {
        try await Gate.supervisors.pass {
            let place = try Place()
            defer { place.remove() }
            let process = try Guarded(
                words, environment: Guarded.environment.merging(environment) { $1 },
                directory: place.directory, name: "init")
            let ending = try await process.ended()
            return (ending, try await process.leaks(), process.output, process.errors)
        }
    }

    @Test(
        arguments: [
            (["exit", "0"], 0), (["exit", "7"], 7), (["crash", "15"], 143), (["crash", "9"], 137),
            (["crash", "11"], 139),
        ] as [([String], Int32)])
    func `its exit code is the command's, or that of the signal`(
        _ steps: [String], _ code: Int32
    ) async throws {
        let one = try await end([reeve, "init", "--", child] + steps)
        #expect(one.ending == .exit(code))
        let other = try await end([reeve, "init", "-e", "\(code)", "--", child] + steps)
        #expect(other.ending == .exit(0))
    }

    @Test func `what cannot be executed is 127 or 126, with a sentence`() async throws {
        let missing = try await end([reeve, "--", "no-such-program"])
        #expect(missing.ending == .exit(127))
        #expect(missing.errors.contains("no-such-program: cannot be executed"))
        #expect(try await end([reeve, "init", "/etc/passwd"]).ending == .exit(126))
        #expect(try await end([reeve, "init"]).ending == .exit(64))
    }

    @Test func `arguments and environment arrive untouched`() async throws {
        let odd = ["a b", "", "--", "-g", "ümlaut", "\u{1}"]
        let words = ["/bin/sh", "-c", "for a; do printf '<%s>' \"$a\"; done; env", "sh"] + odd
        let one = try await end(
            [reeve, "init", "--"] + words,
            environment: ["REEVE_INIT_GRACE": "1", "TINI_VERBOSITY": "1"])
        #expect(one.output.hasPrefix(odd.map { "<\($0)>" }.joined()))
        #expect(one.output.contains("REEVE_INIT_GRACE=1\n"))
        #expect(one.output.contains("TINI_VERBOSITY=1\n"))
        #expect(!one.output.contains("REEVE_ROLE"))
    }

    @Test func `ignored signals stay ignored, blocked ones blocked, descriptors open`() async throws
    {
        let look = "grep -E 'SigBlk|SigIgn' /proc/self/status; ls /proc/self/fd; "
        let ignoring = "trap '' HUP CHLD USR1; exec 7</dev/null; "
        let without = try await end(["/bin/sh", "-c", ignoring + "exec sh -c \"\(look)\""])
        let with = try await end(
            ["/bin/sh", "-c", ignoring + "exec \(reeve) init -- sh -c \"\(look)\""])
        #expect(with.output == without.output)
        #expect(with.output.contains("7\n"))
    }

    @Test func `what the command leaves behind is asked to end, then killed`() async throws {
        try await Gate.supervisors.pass {
            let place = try Place()
            defer { place.remove() }
            let stamps = place.file("stamps")
            let begin = ContinuousClock.now
            let words = [
                reeve, "init", "--grace", "1", "--", child, "escape", "farewell", "15", stamps,
                "polite",
                "stamp", stamps, "up", "forever", "end", "escape", "ignore", "15", "stamp", stamps,
                "up",
                "forever", "end", "sleep", "400", "exit", "5",
            ]
            try await running(words, in: place) { process in
                let ending = try await process.ended()
                #expect(ending == .exit(5))
                let took = ContinuousClock.now - begin
                #expect(took > .milliseconds(1_000) && took < .seconds(6), "\(took)")
                #expect(process.errors.contains("killed"))
                let leaks = try await process.leaks()
                #expect(leaks.isEmpty)
                #expect(Place.stamps(stamps).contains { $0.word == "polite" })
            }
        }
    }

    @Test func `job control: a shell sees its job stop, and resumes it`() async throws {
        try await Gate.supervisors.pass {
            let place = try Place()
            defer { place.remove() }
            let file = place.file("said")
            let job = "kill -TSTP \\$\\$; echo on >>\(file); exit 3"
            for options in ["", "-g", "-c"] {
                try place.write(
                    "script",
                    """
                    exec <&1
                    set -m
                    \(reeve) init \(options) -- sh -c "\(job)"
                    echo stopped $? >>\(file)
                    fg
                    echo ended $? >>\(file)
                    """)
                try? FileManager.default.removeItem(atPath: file)
                try await running(
                    ["bash", place.file("script")], output: "terminal", in: place
                ) { process in
                    _ = try await process.ended()
                    let said = try String(contentsOfFile: file, encoding: .utf8)
                    let lines = said.split(separator: "\n").map(String.init)
                    // 128 and SIGSTOP: its own signals are blocked.
                    #expect(lines == ["stopped 147", "on", "ended 3"], "\(options): \(said)")
                }
            }
        }
    }

    @Test func `signals are rewritten and swallowed, and the group is told where asked`()
        async throws
    {
        try await Gate.supervisors.pass {
            let place = try Place()
            defer { place.remove() }
            let stamps = place.file("heard")
            let words = [
                reeve, "init", "-g", "-r", "15:10", "--rewrite", "HUP:0", "--", child, "fork",
                "listen",
                stamps, "stamp", stamps, "up", "forever", "end", "listen", stamps, "stamp", stamps,
                "up", "forever",
            ]
            try await running(words, in: place) { process in
                let pid = try await process.pid()
                try await eventually("both") { Place.stamps(stamps).count == 2 }
                Processes.signal(pid, SIGHUP)
                Processes.signal(pid, SIGTERM)
                try await eventually("both told") {
                    Place.stamps(stamps).filter { $0.word == "10" }.count == 2
                }
                #expect(Place.stamps(stamps).count == 4)
            }
        }
    }
}

// MARK: - The table

/// One row of the documentation's table.
private struct SignalRow {
    let numbers: [Int32]
    let first, elsewhere, inInit: String

    static func all() throws -> [SignalRow] {
        let named = [
            "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
            "USR2", "PIPE",
            "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU",
            "XFSZ",
            "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
        ]
        let file = "Sources/ReeveClient/Documentation.docc/Containers.md"
        return Tree.lines(file).compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 4, ["forwarded", "nothing"].contains(cells[3]) else { return nil }
            var numbers: [Int32] = []
            if let index = named.firstIndex(where: { "SIG" + $0 == cells[0] }) {
                numbers = [Int32(index) + 1]
            } else if cells[0] == "SIGRTMIN+3" {
                numbers = [37]
            } else if cells[0] == "other real-time signals" {
                numbers = [34, 36, 38, 50, 64]
            }
            return SignalRow(
                numbers: numbers, first: cells[1], elsewhere: cells[2], inInit: cells[3])
        }
    }
}

@Suite(.serialized) struct SignalTableTests {
    private let reeve = Tree.product("reeve")
    private let child = Tree.product("reeve-test-child")
    private let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    /// A shell with job control, without which the kernel suspends nobody.
    private let shell = ["bash", "-c", "set -m; \"$@\" & wait -f $!", "bash"]

    @Test func `the table names every signal that can be caught`() throws {
        let numbers = try SignalRow.all().flatMap(\.numbers)
        let all = (Int32(1)...31).filter { $0 != SIGKILL && $0 != SIGSTOP }
        #expect(numbers.filter { $0 < 32 } == all)
        #expect(numbers.contains(37) && numbers.contains(64))
    }

    /// Runs `words`, behind `prefix`, and hands the pid of reeve to the body.
    private func start(
        _ words: [String], behind prefix: [String], in place: Place,
        _ body: (Guarded, Int32) async throws -> Void
    ) async throws {
        // Without the runtime's crash reporter, which takes seconds and is not in an installed reeve.
        let quiet = ["SWIFT_BACKTRACE": "enable=no"]
        try await running(prefix + words, environment: quiet, in: place) { process in
            let outer = try await process.pid()
            let pid = try await eventually("reeve") {
                Processes.children(of: outer).first { $0.name == "reeve" }?.pid
            }
            try await body(process, pid)
        }
    }

    private func supervise(
        behind prefix: [String], _ body: (Guarded, Int32, Place) async throws -> Void
    ) async throws {
        try await Gate.supervisors.pass {
            let place = try Place()
            defer { place.remove() }
            try place.write(
                "reeve.toml",
                place.settings("") + "[schedulers.web]\ncommand = \(place.child("forever"))\n")
            try await start([reeve, "run", place.file("reeve.toml")], behind: prefix, in: place) {
                process, pid in
                try await eventually("the start") { process.errors.contains("web: started") }
                try await body(process, pid, place)
            }
        }
    }

    private func check(_ word: (SignalRow) -> String, behind prefix: [String]) async throws {
        let rows = try SignalRow.all()
        let harmless = rows.filter { ["nothing", "suspends", "reloads"].contains(word($0)) }
        try await supervise(behind: prefix) { process, pid, place in
            for row in harmless {
                for number in row.numbers {
                    #expect(Processes.signal(pid, number))
                    if word(row) == "reloads" {
                        try await eventually("the file is read again") {
                            process.errors.contains("reading the configuration again (SIGHUP)")
                        }
                    }
                    guard word(row) == "suspends" else { continue }
                    try await eventually("suspended by \(number)") {
                        Processes.stat(pid)?.state == "T"
                    }
                    Processes.signal(pid, SIGCONT)
                }
            }
            let status = try await ReeveTestSupport.reeve(
                "status", "--socket", place.file("run/control.sock"), in: place)
            #expect(status.code == 0, "\(status)")
            #expect(process.ending == nil)
            #expect(Processes.stat(pid)?.state != "T")
        }
        for row in rows where !harmless.contains(where: { $0.numbers == row.numbers }) {
            for number in row.numbers {
                try await supervise(behind: prefix) { process, pid, _ in
                    Processes.signal(pid, number)
                    let ending = try await process.ended()
                    // As the shell has it, which stands before.
                    let expected = Ending.exit(word(row) == "stops" ? 0 : 128 + number)
                    #expect(ending == expected, "signal \(number): \(ending)")
                }
            }
        }
    }

    @Test(.needsRoot)
    func `reeve run as PID 1 does what the table says`() async throws {
        try await check(\.first, behind: namespace)
    }

    @Test func `reeve run as a subreaper does what the table says`() async throws {
        try await check(\.elsewhere, behind: shell)
    }

    private func checkInit(behind prefix: [String]) async throws {
        try await Gate.supervisors.pass {
            let place = try Place()
            defer { place.remove() }
            let stamps = place.file("heard")
            let words = [
                reeve, "init", "--", child, "listen", stamps, "stamp", stamps, "up", "forever",
            ]
            try await start(words, behind: prefix, in: place) { process, pid in
                try await eventually("the child") { Place.stamps(stamps).count == 1 }
                for row in try SignalRow.all() {
                    for number in row.numbers {
                        Processes.signal(pid, number)
                        guard row.inInit == "forwarded" else { continue }
                        try await eventually("\(number) forwarded") {
                            Place.stamps(stamps).contains { $0.word == "\(number)" }
                        }
                        guard [SIGTSTP, SIGTTIN, SIGTTOU].contains(number), prefix == shell else {
                            continue
                        }
                        try await eventually("suspended by \(number)") {
                            Processes.stat(pid)?.state == "T"
                        }
                        Processes.signal(pid, SIGCONT)
                        try await eventually("resumed") { Processes.stat(pid)?.state == "S" }
                    }
                }
                #expect(!Place.stamps(stamps).contains { $0.word == "\(SIGCHLD)" })
                #expect(process.ending == nil)
            }
        }
    }

    @Test(.needsRoot)
    func `reeve init as PID 1 does what the table says`() async throws {
        try await checkInit(behind: namespace)
    }

    @Test func `reeve init as a subreaper does what the table says`() async throws {
        try await checkInit(behind: shell)
    }
}
