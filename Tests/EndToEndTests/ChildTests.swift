// SPDX-License-Identifier: Apache-2.0
//
// What a child is given, and what becomes of its output.

import Foundation
import ReeveTestSupport
import Testing

@Suite struct ChildTests {
    /// The lines that the test child wrote about itself.
    private func facts(_ reeve: Reeve, _ file: String = "facts") async throws -> [String] {
        try await eventually("the facts") {
            let text =
                (try? String(contentsOfFile: "\(reeve.directory)/\(file)", encoding: .utf8)) ?? ""
            return text.hasSuffix("end\n") ? text.split(separator: "\n").map(String.init) : nil
        }
    }

    @Test func `a child gets its environment and nothing of reeve's own`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [schedulers.curious]
                command = \(place.child("facts", "@facts", "forever"))
                working-directory = "/usr"
                environment = { GREETING = "hello world", EMPTY = "" }
                """
            },
            setup: {
                $0.environment = [
                    "HANDED_ON": "yes", "NOTIFY_SOCKET": "/nonexistent/notify",
                    "WATCHDOG_USEC": "1000000",
                    "LISTEN_FDS": "1", "LISTEN_PID": "1", "SWIFT_BACKTRACE": "enable=no",
                    "CREDENTIALS_DIRECTORY": "/nonexistent", "JOURNAL_STREAM": "8:1",
                ]
            }
        ) { reeve in
            let facts = try await facts(reeve)
            func has(_ line: String) -> Bool { facts.contains(line) }
            #expect(has("env GREETING=hello world"))
            #expect(has("env EMPTY="))
            #expect(has("env HANDED_ON=yes"))
            #expect(has("env REEVE_SCHEDULER=curious"))
            #expect(has("cwd /usr"))
            for name in [
                "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", "SWIFT_BACKTRACE", "CREDENTIALS_DIRECTORY",
                "JOURNAL_STREAM", "REEVE_ROLE",
            ] {
                #expect(!facts.contains { $0.hasPrefix("env \(name)") }, "\(name) was handed on")
            }
            let one = try await reeve.scheduler("curious")
            #expect(has("env REEVE_RUN_ID=\(one.runId ?? "?")"))
            #expect(one.runId?.count == 26)
            // Its own session and group, all signals at their defaults, three descriptors.
            let pid = one.pid ?? 0
            #expect(has("pid \(pid)") && has("sid \(pid)") && has("pgid \(pid)"))
            #expect(has("ppid \(reeve.pid)"))
            #expect(has("SigBlk 0000000000000000"))
            // 32 and 33 are the C library's own; its posix_spawn always leaves them ignored.
            #expect(has("SigIgn 0000000180000000") || has("SigIgn 0000000000000000"))
            let descriptors = facts.filter { $0.hasPrefix("fd ") }
            #expect(descriptors.count == 3, "\(descriptors)")
            #expect(has("fd 0 /dev/null"))
            #expect(descriptors.dropFirst().allSatisfy { $0.contains("pipe:") })
        }
    }

    @Test func `clear-environment leaves what was configured`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [schedulers.bare]
                command = \(place.child("facts", "@facts", "forever"))
                clear-environment = true
                environment = { ONLY = "this" }
                """
            }, setup: { $0.environment = ["HANDED_ON": "yes"] }
        ) { reeve in
            let names = try await facts(reeve).filter { $0.hasPrefix("env ") }
                .map { $0.dropFirst(4).prefix { $0 != "=" } }
            #expect(names.contains("ONLY"))
            #expect(names.allSatisfy { $0 == "ONLY" || $0.hasPrefix("REEVE_") }, "\(names)")
        }
    }

    @Test func `output is prefixed line by line, kept for logs, and followed`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.talks]
            command = \(place.child(
                "say", "first", "complain", "second", "say", "third", "await", "@go", "say", "fourth",
                "forever"))
            """
        }) { reeve in
            try await eventually("the lines") {
                let both = reeve.process.output + reeve.log
                return both.contains("third") && both.contains("second")
            }
            let line = reeve.process.output.split(separator: "\n").first { $0.contains("first") }
            #expect(line?.contains("talks") == true, "\(String(describing: line))")
            try await eventually("the log command") {
                let all = try await reeve.command("logs", "talks")
                return all.code == 0 && all.output.contains("first")
                    && all.output.contains("second")
                    && all.output.contains("third")
            }
            let last = try await reeve.command("logs", "-n", "1", "talks")
            #expect(last.code == 0)
            #expect(last.output.split(separator: "\n").count == 1)
            let follower = try reeve.start(["logs", "-f", "talks"])
            let pid = try await follower.pid()
            try await eventually("what was there before") { follower.output.contains("third") }
            #expect(!follower.output.contains("fourth"))
            try Place.touch(reeve.directory + "/go")
            try await eventually("what came later") { follower.output.contains("fourth") }
            Processes.signal(pid, 2)
            _ = try await follower.ended()
            try await eventually("the descriptor of the follower to go") {
                try await reeve.command("status").code == 0
            }
        }
    }

    @Test func `nobody reads standard output, and everything else goes on`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [schedulers.floods]
                command = \(place.child("flood", "3000000", "stamp", "@done", "done", "forever"))
                [schedulers.quiet]
                command = \(place.child("farewell", "15", "@bye", "bye", "stamp", "@up", "up", "forever"))
                """
            }, setup: { $0.output = "deaf" }
        ) { reeve in
            // The child is never held up by a reader that it does not know.
            _ = try await reeve.stamps("done", reach: 1, within: 20)
            let one = try await reeve.scheduler("quiet", becomes: "healthy") {
                $0.status == "healthy"
            }
            #expect(one.restartCount == 0)
            let restart = try await reeve.command("restart", "quiet")
            #expect(restart.code == 0)
            _ = try await reeve.stamps("up", reach: 2)
            Processes.signal(reeve.pid, 15)
            let ending = try await reeve.process.ended(within: 12)
            #expect(ending == .exit(0))
        }
    }

    @Test func `output that is handed on is the child's alone`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.direct]
            command = \(place.child("say", "unchanged", "facts", "@facts", "forever"))
            log = "inherit"
            [schedulers.silent]
            command = \(place.child("say", "never seen", "facts", "@silent", "forever"))
            log = "none"
            """
        }) { reeve in
            let facts = try await facts(reeve)
            #expect(facts.contains("fd 1 \(reeve.process.outputFile)"))
            let lines = reeve.process.output.split(separator: "\n")
            #expect(lines.contains("unchanged"))
            let silent = try await self.facts(reeve, "silent")
            #expect(silent.contains("fd 1 /dev/null"))
            #expect(!reeve.process.output.contains("never seen"))
        }
    }
}
