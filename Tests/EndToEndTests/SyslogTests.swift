// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

/// `syslog`: a socket for programs that know no other place for their log.
@Suite(.needs("logger", if: Machine.has("logger")))
struct SyslogTests {
    private static func logger(_ place: Place, _ words: String) -> String {
        "/usr/bin/logger -d -u \(place.file("log")) \(words)"
    }

    @Test func `what a scheduler's process logs is output of that scheduler`() async throws {
        try await Reeve.supervising({ place in
            """
            syslog = "\(place.file("log"))"
            [schedulers.cron]
            command = "while :; do \(Self.logger(place, "-t CRON -p cron.warning from a child")); sleep 0.1; done"
            [schedulers.json]
            command = "sleep 100"
            """
        }) { reeve in
            let place = Place(at: reeve.directory)
            // A sender that has ended before it is looked at is nobody's: some of many are seen in time.
            try await eventually("the line") {
                reeve.log.contains("\ncron | cron.warning CRON: from a child\n")
            }
            #expect(try Place.mode(place.file("log")) == 0o666)
            let logs = try await reeve.command("logs", "cron")
            #expect(logs.output.contains("cron.warning CRON: from a child"), "\(logs)")
            // A process of no run.
            let own = try Guarded(
                ["/bin/sh", "-c", Self.logger(place, "-t other -p daemon.err of no run")],
                environment: Guarded.environment, directory: place.directory, name: "logger")
            _ = try await own.ended()
            try await reeve.log(says: "error reeve: syslog daemon.err other: of no run")
            // Another place, then none.
            let file = place.file("reeve.toml")
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try text.replacingOccurrences(of: "syslog = ", with: "# ")
                .write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await reeve.command("reload").output.contains("of [reeve]: syslog"))
            #expect(unsafe access(place.file("log"), F_OK) != 0)
        }
    }

    @Test func `a flood is counted, and costs nobody anything else`() async throws {
        try await Reeve.supervising({ place in
            """
            syslog = "\(place.file("log"))"
            [schedulers.flood]
            command = "yes flood | head -n 20000 | \(Self.logger(place, "-t many")); exec sleep 100"
            """
        }) { reeve in
            try await eventually("the count of what was dropped") {
                reeve.log.contains(" messages were dropped, more than 1000 in a second")
            }
            #expect(reeve.log.contains("flood | user.notice many: flood\n"))
            #expect(try await reeve.command("status").code == 0)
        }
    }

    @Test func `where there can be no socket, or another reads it, that is said`() async throws {
        let other = try Place()
        defer { other.remove() }
        try await Reeve.supervising({ _ in
            "syslog = \"\(other.file("log"))\"\n[schedulers.a]\ncommand = \"sleep 100\"\n"
        }) { reeve in
            try await Reeve.supervising({ _ in
                "syslog = \"\(other.file("log"))\"\n[schedulers.a]\ncommand = \"sleep 100\"\n"
            }) { second in
                try await second.log(
                    says: "syslog socket \(other.file("log")): another program reads it already; "
                        + "what programs log there does not reach reeve")
            }
            // The second one has left the first one's alone.
            #expect(unsafe access(other.file("log"), F_OK) == 0)
        }
        #expect(unsafe access(other.file("log"), F_OK) != 0)
        try await Reeve.supervising({ _ in
            "syslog = \"/proc/log\"\n[schedulers.a]\ncommand = \"sleep 100\"\n"
        }) { reeve in
            try await reeve.log(says: "syslog socket /proc/log: cannot be made: ")
        }
    }
}
