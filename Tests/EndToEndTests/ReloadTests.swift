// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

@Suite struct ReloadTests {
    private static func configuration(_ place: Place, _ changing: String) -> String {
        """
        [defaults]
        ready = "spawn"
        [schedulers.same]
        command = \(place.child("forever"))
        [schedulers.changes]
        command = \(place.child("forever"))
        environment = { VALUE = "\(changing)" }

        """
    }

    /// Rewrites the configuration of a running reeve.
    private static func write(_ text: String, for reeve: Reeve) throws {
        let file = reeve.directory + "/reeve.toml"
        let old = try String(contentsOfFile: file, encoding: .utf8)
        let settings = old.components(separatedBy: "[defaults]")[0]
        try (settings + text).write(toFile: file, atomically: true, encoding: .utf8)
    }

    @Test func `a reload changes what changed and nothing else`() async throws {
        try await Reeve.supervising({ place in
            Self.configuration(place, "one")
                + "[schedulers.gone]\ncommand = \(place.child("forever"))"
        }) { reeve in
            let place = Place(at: reeve.directory)
            let before = try await reeve.status().schedulers
            try Self.write(
                Self.configuration(place, "two")
                    + "[schedulers.new]\ncommand = \(place.child("forever"))", for: reeve)
            let outcome = try await reeve.command("reload")
            #expect(outcome.code == 0, "\(outcome)")
            #expect(
                outcome.output.hasPrefix(
                    "reloaded: added: new; changed: changes (environment); removed: gone; 1 unchanged\n"
                ), "\(outcome)")
            let after = try await reeve.status().schedulers
            #expect(after.map(\.name) == ["same", "changes", "new"])
            #expect(after[0].pid == before[0].pid)
            #expect(after[1].pid != nil && after[1].pid != before[1].pid)
            #expect(after[1].restartCount == 0)
            let variables = try Data(
                contentsOf: URL(fileURLWithPath: "/proc/\(after[1].pid ?? 0)/environ"))
            #expect(String(decoding: variables, as: UTF8.self).contains("VALUE=two\0"))
            let gone = try await reeve.command("status", "gone")
            #expect(gone.code == 1)
        }
    }

    @Test
    func `of those that a reload adds each starts in its own time, whatever stands before it`()
        async throws
    {
        try await Reeve.supervising({ Self.configuration($0, "one") }) { reeve in
            let place = Place(at: reeve.directory)
            try Self.write(
                Self.configuration(place, "one")
                    + """
                    [schedulers.yearly]
                    cron = "0 0 1 1 *"
                    command = \(place.child("forever"))
                    [schedulers.web]
                    command = ["/bin/sh", "-c", "echo here; exec sleep 1000"]

                    """, for: reeve)
            let outcome = try await reeve.command("reload")
            #expect(
                outcome.output.hasPrefix("reloaded: added: yearly, web; 2 unchanged\n"),
                "\(outcome)")
            try await eventually("it runs and is heard") {
                reeve.process.output.contains("web | here")
            }
            #expect(try await reeve.status().schedulers.last?.pid != nil)
        }
    }

    @Test func `a bad file changes nothing and says where, by command and by SIGHUP`() async throws
    {
        try await Reeve.supervising({ Self.configuration($0, "one") }) { reeve in
            let place = Place(at: reeve.directory)
            let before = try await reeve.status().schedulers.map(\.pid)
            try Self.write(Self.configuration(place, "two") + "comand = 1\n", for: reeve)
            let outcome = try await reeve.command("reload")
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("has no key `comand`"), "\(outcome)")
            #expect(outcome.errors.contains("reeve.toml:"), "\(outcome)")
            Processes.signal(reeve.pid, SIGHUP)
            try await eventually("the log tells of both") {
                reeve.log.components(separatedBy: "nothing has changed: ").count == 3
            }
            #expect(try await reeve.status().schedulers.map(\.pid) == before)
            try Self.write(Self.configuration(place, "three"), for: reeve)
            Processes.signal(reeve.pid, SIGHUP)
            try await eventually("the file is in force") {
                let after = try await reeve.status().schedulers
                return after[0].pid == before[0] && after[1].pid != nil && after[1].pid != before[1]
            }
        }
    }

    @Test func `log settings change with a reload`() async throws {
        try await Reeve.supervising({ Self.configuration($0, "one") }) { reeve in
            let file = reeve.directory + "/reeve.toml"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            let other = text.replacingOccurrences(
                of: "[reeve]\n", with: "[reeve]\nlog-format = \"json\"\n")
            try other.write(toFile: file, atomically: true, encoding: .utf8)
            let outcome = try await reeve.command("reload")
            #expect(
                outcome.output == "reloaded: of [reeve]: log-format; 2 unchanged\n", "\(outcome)")
            #expect(try await reeve.command("restart", "same").code == 0)
            try await eventually("a line of JSON") { reeve.log.contains("\n{\"") }
        }
    }
}
