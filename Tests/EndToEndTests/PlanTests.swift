// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite struct PlanTests {
    private struct Plan: Decodable {
        struct Difference: Decodable {
            let key, old, new: String
        }
        struct Entry: Decodable {
            let name, action, message: String
            let differences: [Difference]
        }
        let changes: Bool
        let unchanged: Int
        let schedulers: [Entry]
        let settings: [Difference]
        let fixedSettings: [Difference]
    }

    private static func schedulers(_ place: Place) -> String {
        """
        [defaults]
        ready = "spawn"
        [schedulers.same]
        command = \(place.child("forever"))
        [schedulers.changes]
        command = \(place.child("forever"))
        environment = { TOKEN = "one" }
        [schedulers.job]
        cron = "0 0 1 1 *"
        command = \(place.child("forever"))

        """
    }

    @Test func `a plan tells what a reload then does, value by value`() async throws {
        try await Reeve.supervising({ place in
            Self.schedulers(place) + "[schedulers.gone]\ncommand = \(place.child("forever"))\n"
        }) { reeve in
            let place = Place(at: reeve.directory)
            let file = place.file("reeve.toml")
            let none = try await reeve.command("plan", file)
            #expect(none.code == 0)
            #expect(
                none.output
                    == "\(file): a reload would change nothing; 4 schedulers would stay as they are\n"
            )
            let before = try await reeve.status().schedulers
            let old = try String(contentsOfFile: file, encoding: .utf8)
            let changed =
                old.replacingOccurrences(of: "\"one\"", with: "\"two\"")
                .replacingOccurrences(of: "0 0 1 1 *", with: "0 0 2 1 *")
                .replacingOccurrences(of: "schedulers.gone", with: "schedulers.new")
                .replacingOccurrences(of: "[reeve]\n", with: "[reeve]\nlog-level = \"debug\"\n")
            try place.write("reeve.toml", changed)
            let outcome = try await reeve.command("plan", "--json", file)
            #expect(outcome.code == 0, "\(outcome)")
            let plan = try JSONDecoder().decode(Plan.self, from: Data(outcome.output.utf8))
            #expect(plan.changes && plan.unchanged == 1)
            #expect(
                plan.schedulers.map { "\($0.name) \($0.action)" } == [
                    "gone stop", "changes restart", "job adopt", "new start",
                ])
            #expect(plan.schedulers[2].differences.map(\.key) == ["cron"])
            #expect(plan.schedulers[2].differences.first?.new == "\"0 0 2 1 *\"")
            #expect(plan.settings.map(\.key) == ["log-level"] && plan.fixedSettings.isEmpty)
            #expect(!outcome.output.contains("two"))
            let text = try await reeve.command("plan", file)
            #expect(text.output.contains("\n    environment: TOKEN -> TOKEN with another value\n"))
            // Nothing has been done.
            #expect(try await reeve.status().schedulers.map(\.pid) == before.map(\.pid))
            let reload = try await reeve.command("reload")
            #expect(
                reload.output.hasPrefix(
                    "reloaded: added: new; changed: changes (environment), job (cron); removed: gone; "
                        + "of [reeve]: log-level; 1 unchanged\n"), "\(reload)")
            let after = try await reeve.status().schedulers
            #expect(after.map(\.name) == ["same", "changes", "job", "new"])
            #expect(after[0].pid == before[0].pid && after[1].pid != before[1].pid)
        }
    }

    @Test func `without a file the one is read that the running reeve reads`() async throws {
        let job = "[schedulers.a]\ncommand = \"sleep 1000\"\n"
        try await Reeve.supervising({ _ in job }) { reeve in
            let plan = try await reeve.command("plan")
            let file = Place(at: reeve.directory).file("reeve.toml")
            #expect(plan.output.hasPrefix("\(file): a reload would change nothing; "), "\(plan)")
            #expect(plan.errors == "")
        }
        try await Reeve.supervising(
            { _ in job }, setup: { $0.prefix = ["sh", "-c", "exec \"$0\" run reeve.toml"] }
        ) { reeve in
            let plan = try await reeve.command("plan")
            #expect(
                plan.output.hasPrefix("./reeve.toml: a reload would change nothing; "), "\(plan)")
            #expect(
                plan.errors == """
                    reeve: the running reeve reads reeve.toml, from the directory that it was started \
                    in; compared with ./reeve.toml from here, which may be another: name the file to \
                    be sure

                    """)
        }
    }

    @Test func `a unit names the file by the way that leads there`() async throws {
        let place = try Place()
        defer { place.remove() }
        try FileManager.default.createDirectory(
            atPath: place.file("release-1"), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(
            atPath: place.file("current"), withDestinationPath: "release-1")
        try place.write("release-1/web.toml", "[schedulers.a]\ncommand = \"true\"\n")
        let root = URL(fileURLWithPath: place.directory).resolvingSymlinksInPath().path
        for named in ["current/web.toml", "./current/web.toml", root + "/current/web.toml"] {
            let unit = try await reeve("unit", named, in: place)
            #expect(unit.output.contains(" run \(root)/current/web.toml\n"), "\(named): \(unit)")
        }
    }

    @Test func `a plan of thousands of settings comes in many pieces`() async throws {
        // Quotation marks, a backslash, a character of two bytes and a control character each.
        let unit = "\\\"\\\\ä\\u0001"
        let value = String(repeating: unit, count: 4_000)
        let short = String(repeating: unit, count: 100)
        try await Reeve.supervising({ place in
            (0..<150).map {
                "[schedulers.s\($0)]\nenabled = false\ncommand = [\"true\", \"\(short)\"]\n"
            }.joined() + "[schedulers.long]\nenabled = false\ncommand = [\"true\", \"\(value)\"]\n"
        }) { reeve in
            let outcome = try await reeve.command("plan", reeve.directory + "/reeve.toml")
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("change nothing; 151 schedulers"), "\(outcome.output)")
        }
    }

    @Test func `a plan without a supervisor and one of a bad file have their exit codes`()
        async throws
    {
        let place = try Place()
        defer { place.remove() }
        try place.write("reeve.toml", "[schedulers.a]\ncommand = \"true\"\n")
        let socket = ["REEVE_SOCKET": place.file("control.sock")]
        let alone = try await reeve(
            "plan", place.file("reeve.toml"), environment: socket, in: place)
        #expect(alone.code == 69)
        #expect(alone.errors.contains("no supervisor answers at"))
        try place.write("reeve.toml", "[schedulers.a]\ncomand = \"true\"\n")
        let bad = try await reeve("plan", place.file("reeve.toml"), environment: socket, in: place)
        #expect(bad.code == 78)
        #expect(bad.errors.contains("reeve.toml:2:1: error: "), "\(bad)")
    }
}
