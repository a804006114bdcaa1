// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite struct CrontabTests {
    private static let crontab = """
        GREETING = "hello  there"
        MAILTO=ops@example.org
        @start   echo "$GREETING" to $MAILTO
        @start   cat%one \\% two%three
        SHELL=/bin/bash
        @every 1s  echo $((1+1)) ${BASH:+bash}; exit 3
        0 22-2 * * *  never

        """

    @Test func `a crontab is run as it is`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write("crontab", Self.crontab)
        let process = try Guarded(
            [
                Tree.product("reeve"), "crontab", place.file("crontab"), "--runtime-directory",
                place.file("run"), "--state-directory", place.file("state"),
            ], environment: Guarded.environment, directory: place.directory, name: "crontab")
        let pid = try await process.pid()
        do {
            for text in ["hello  there to ops@example.org", "one % two", "three", "2 bash"] {
                try await eventually("\"\(text)\" in the output") { process.output.contains(text) }
            }
            try await eventually("the failure in the log") {
                process.errors.contains("failed with exit code 3")
            }
        } catch {
            Processes.signal(pid, SIGKILL)
            throw HarnessFailure("\(error)\n\(process.output)\n\(process.errors)")
        }
        #expect(process.errors.contains("MAILTO: nothing is mailed to ops@example.org"))
        let prefix = try #require(
            process.output.split(separator: "\n").first { $0.hasSuffix("| three") })
        let run = try #require(prefix.split(separator: " ").dropFirst().first)
        #expect(run.count == 26 && prefix.hasPrefix("cat "), "\(prefix)")
        #expect(process.errors.contains("warning: in the hour field the range 22-2 runs backwards"))
        Processes.signal(pid, SIGTERM)
        #expect(try await process.ended() == .exit(0))
        let leaks = try await process.leaks()
        #expect(leaks.isEmpty)
    }

    @Test(.needs("root, and a user nobody", if: unsafe Machine.isRoot && getpwnam("nobody") != nil))
    func `a job of the system's crontab runs as its user`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write(
            "crontab",
            """
            LC_ALL=C
            @start nobody echo "other $(id -u):$(id -G) $HOME $LOGNAME $SHELL $PWD"
            @start root   echo "own $(id -u) $PWD"

            """)
        let words = [
            "crontab", place.file("crontab"), "--system", "--runtime-directory", place.file("run"),
            "--state-directory", place.file("state"),
        ]
        let process = try Guarded(
            [Tree.product("reeve")] + words,
            environment: Guarded.environment.merging(["HOME": "/usr"]) { $1 },
            directory: place.directory, name: "crontab")
        let pid = try await process.pid()
        do {
            for text in ["other 65534:65534 /nonexistent nobody /bin/sh /", "own 0 /usr"] {
                try await eventually("\"\(text)\" in the output") { process.output.contains(text) }
            }
        } catch {
            Processes.signal(pid, SIGKILL)
            throw HarnessFailure("\(error)\n\(process.output)\n\(process.errors)")
        }
        Processes.signal(pid, SIGTERM)
        #expect(try await process.ended() == .exit(0))
        let leaks = try await process.leaks()
        #expect(leaks.isEmpty)
        let converted = try await reeve(
            "crontab", place.file("crontab"), "--system", "--convert", in: place)
        #expect(converted.code == 0 && converted.output.contains("user = \"nobody\""))
    }

    @Test func `a crontab is converted to a configuration that check takes`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write("crontab", Self.crontab)
        let converted = try await reeve("crontab", place.file("crontab"), "--convert", in: place)
        #expect(converted.code == 0)
        #expect(converted.errors.contains("nothing is mailed to ops@example.org"))
        try place.write("reeve.toml", converted.output)
        let check = try await reeve("check", place.file("reeve.toml"), in: place)
        #expect(check.code == 0 && check.errors == "")
    }

    @Test func `a crontab with mistakes starts nothing and names each`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write("crontab", "60 * * * * a\n* * * * * b\n@nightly c\n")
        let outcome = try await reeve("crontab", place.file("crontab"), in: place)
        #expect(outcome.code == 78)
        #expect(outcome.errors.contains("crontab:1:1: error: in the minute field 60"))
        #expect(outcome.errors.contains("crontab:3:1: error: @nightly is not known"))
        #expect(outcome.errors.hasSuffix("2 errors\n"))
    }
}
