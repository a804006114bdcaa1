// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// The table of keys.
@Suite struct KnownKeysTests {
    /// Section 3 of the design, group by group, and what has been added since: syslog, log-prefix,
    /// log-timestamps.
    private static let design: [(KnownKey.Table, String)] = [
        (
            .reeve,
            """
            profile runtime-directory state-directory control-mode control-group graceful-timeout
            force-timeout staggered-startup phase-timeout auto-recovery orphans watch include
            log-format log-level syslog exit-with
            """
        ),
        (
            .schedulers,
            """
            command kind enabled description working-directory environment env-file secrets
            clear-environment user group umask limits nice oom-score-adj launcher
            cron interval interval-from timezone jitter spread overlap max-parallel misfire
            misfire-deadline run-on-start starts-at expires-at
            timeout success-exit-codes max-retries retry-delay retry-factor retry-delay-max
            no-retry-exit-codes drain-timeout
            restart restart-delay restart-factor restart-delay-max restart-jitter
            restart-reset-after max-restarts restart-window restart-cooldown when-exhausted
            priority dependencies dependency-timeout
            ready start-timeout watchdog notify
            health-check health-check-interval error-threshold
            memory-threshold memory-samples memory-hard-limit memory-action memory-measure
            cleanup on-start on-stop hook-timeout
            stop-signal stop-timeout stop-scope stop-command leftovers
            log log-file log-max-size log-max-files log-timestamps log-prefix log-tail
            """
        ),
        (
            .alerts,
            """
            error-rate error-rate-window leak-window frequent-restarts restart-alert-window
            timeouts exec repeat-after
            """
        ),
        (
            .gateway,
            """
            listen command hosts user managed token-file read-token-file
            allow-unauthenticated-network allow-register register-user history-retention webhooks
            tls-certificate tls-key
            """
        ),
    ]

    @Test func `every key of the design is known, and no other`() {
        for (table, text) in KnownKeysTests.design {
            let names = text.split { $0 == " " || $0 == "\n" }.map(String.init)
            #expect(KnownKeys.of(table).map(\.name) == names)
        }
        let count = KnownKey.Table.allCases.map { KnownKeys.of($0).count }.reduce(0, +)
        #expect(KnownKeys.all.count == count)
    }

    @Test func `every key is documented and findable`() {
        for key in KnownKeys.all {
            #expect(KnownKeys.find(key.name, in: key.table)?.summary == key.summary)
            #expect(!key.summary.isEmpty && !key.summary.hasSuffix("."), "\(key.name)")
            #expect(!key.defaultText.isEmpty, "\(key.name)")
            #expect(!key.kinds.isEmpty, "\(key.name)")
            #expect(!key.valueText.isEmpty, "\(key.name)")
        }
        #expect(KnownKeys.find("comand", in: .schedulers) == nil)
    }

    @Test func `a key of a later version is an error at its place`() {
        let kinds: [(KnownKey.Kinds, String)] = [
            (.daemon, "kind = \"daemon\"\n"), (.scheduled, "kind = \"scheduled\"\n"),
        ]
        for key in KnownKeys.of(.schedulers) where key.status == .later {
            let kind = kinds.first { !key.kinds.isDisjoint(with: $0.0) }?.1 ?? ""
            let text = "[schedulers.a]\ncommand = [\"a\"]\n" + kind + "\(key.name) = \(key.example)"
            let found = ConfigurationLoader.load(text: text).diagnostics.map(Found.init)
            let expected = Found(
                "4:1+\(key.name.utf8.count) error",
                "`\(key.name)` is not in this version of reeve yet", help: "leave it out")
            #expect(found.contains(expected), "\(key.name): \(found)")
            #expect(found.filter { $0.place.hasPrefix("4:") }.count == 1, "\(key.name): \(found)")
        }
    }

    @Test func `the example of a key is valid`() {
        for key in KnownKeys.of(.schedulers) where key.status == .now && key.name != "command" {
            let kind =
                key.kinds.contains(.daemon)
                ? "daemon" : key.kinds.contains(.task) ? "task" : "scheduled"
            var text = "[schedulers.a]\ncommand = [\"a\"]\n"
            let isSchedule = key.name == "cron" || key.name == "interval"
            if key.name != "kind" && !isSchedule { text += "kind = \"\(kind)\"\n" }
            if kind == "scheduled" { text += "cron = \"@daily\"\n" }
            text += "\(key.name) = \(key.example)\n"
            text += "[schedulers.database]\ncommand = [\"a\"]\n"
            let found = ConfigurationLoader.load(text: text).errors.map(Found.init)
            #expect(found == [], "\(key.name)")
        }
    }

    /// Gone is not only the mistake, but also what it would have led to.
    @Test func `every misspelled key is traced to the right one`() throws {
        for key in KnownKeys.of(.schedulers) where key.name.utf8.count >= 6 {
            var letters = Array(key.name)
            letters.swapAt(2, 3)
            let swapped = String(letters)
            for wrong in [key.name + "s", swapped, key.name.replacing("-", with: "_")]
            where KnownKeys.find(wrong, in: .schedulers) == nil {
                let text = "[schedulers.a]\ncommand = \"x\"\n\(wrong) = 1"
                let found = ConfigurationLoader.load(text: text).diagnostics
                #expect(found.map(\.help) == ["did you mean `\(key.name)`?"], "\(wrong)")
            }
        }
    }

    // MARK: Documentation

    /// The row of a key in the reference's tables.
    static func row(_ key: KnownKey) -> String {
        var kinds = ""
        if key.kinds == [.daemon, .task] { kinds = " *Daemons and tasks.*" }
        if key.kinds == [.task, .scheduled] { kinds = " *Tasks and scheduled ones.*" }
        if key.kinds == .scheduled { kinds = " *Scheduled ones.*" }
        let value = key.valueText.replacing("|", with: "\\|")
        let isCode = key.isDefaultValue
        let initial = isCode ? "`\(key.defaultText)`" : key.defaultText
        return "| `\(key.name)` | \(value) | \(initial) | \(key.summary).\(kinds) |"
    }

    @Test func `the reference has the row of every key`() throws {
        let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(tests)/Sources/ReeveConfiguration/Documentation.docc/Configuration.md"
        let text = try readText(path)
        for key in KnownKeys.all {
            #expect(text.contains(KnownKeysTests.row(key)), "\(key.name)")
        }
        // Rows of four cells are keys.
        let rows = Set(KnownKeys.all.map(KnownKeysTests.row))
        for line in text.split(separator: "\n") where line.hasPrefix("| `") {
            guard line.count(where: { $0 == "|" }) == 5 else { continue }
            #expect(rows.contains(String(line)), "\(line)")
        }
    }

    /// The reference shows files; they have to be what reeve reads.
    @Test func `every file in the reference is valid`() throws {
        let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(tests)/Sources/ReeveConfiguration/Documentation.docc/Configuration.md"
        let pieces = try readText(path).split(separator: "```")
        let examples = pieces.filter { $0.hasPrefix("toml\n") }
        #expect(examples.count >= 2)
        for example in examples {
            let outcome = ConfigurationLoader.load(text: String(example.dropFirst(5)))
            #expect(outcome.diagnostics.map(Found.init) == [], "\(example)")
        }
    }
}
