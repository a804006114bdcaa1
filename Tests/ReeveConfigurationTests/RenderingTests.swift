// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// What an operator sees of diagnostics and of an explanation.
@Suite struct RenderingTests {
    private func rendered(_ lines: String) -> String {
        ConfigurationLoader.load(
            text: "[schedulers.web]\ncommand = [\"web\"]\n" + lines
        ).diagnostics.rendered
    }

    @Test func `a diagnostic shows the line and marks the place`() {
        #expect(
            rendered("stop-timeout = 30 # seconds\nrestart-delay = \"50ms\"") == """
                reeve.toml:3:16: error: `stop-timeout` is a duration, but this is the number 30 \
                without a unit
                  3 | stop-timeout = 30 # seconds
                    |                ^^
                help: write "30ms" for milliseconds or "30s" for seconds
                reeve.toml:4:17: warning: restart-delay is 50ms, but two starts of one scheduler \
                are always at least 100ms apart
                  4 | restart-delay = "50ms"
                    |                 ^^^^^^
                help: write "100ms" or more
                1 error, 1 warning

                """)
    }

    @Test func `nothing found is nothing shown`() {
        #expect(rendered("stop-timeout = \"30s\"") == "")
    }

    @Test func `the mark is below the place also behind tabs and wide characters`() {
        #expect(
            rendered("\tdescription = \"ä→\"; x").contains(
                """
                  3 |     description = "ä→"; x
                    |                       ^
                """))
    }

    @Test func `a value over several lines is marked on its first`() {
        #expect(
            rendered("enabled = [\n  true,\n]").contains(
                """
                  3 | enabled = [
                    |           ^
                """))
    }

    /// A file may be from somebody else; a terminal obeys what it is shown.
    @Test func `control characters of the file never reach the terminal`() {
        let hostile = "\u{1B}[2J\u{7}\u{8}\u{9B}31m\u{202E}\u{200B}\u{2028}"
        let texts = [
            "oops = 1 # \(hostile)",
            "\"\(hostile)\" = 1",
            "\"\\u001b[2J\" = 1",
            "restart = \"\\u001b]0;x\\u0007\\u202e\"",
            "dependencies = [\"\\u001b[2J\"]",
            "environment = { \"\\u001b=\" = \"x\" }",
            "stop-signal = \"\\u001b\"",
            "[schedulers.\"\\u001b[1m\"]\ncommand = \"x\"",
            "[\"\\u001b[1m\"]\ncommand = \"x\"",
            "\"\\u001b\" \(hostile)",
            "control-mode = \u{1B}",
        ]
        for text in texts {
            let shown = rendered(text)
            #expect(!shown.isEmpty)
            for scalar in shown.unicodeScalars where scalar != "\n" {
                let category = scalar.properties.generalCategory
                #expect(category != .control && category != .format, "\(text)")
                #expect(category != .lineSeparator, "\(text)")
            }
        }
        let named = ConfigurationLoader.load(text: "", path: "a\u{1B}[2J\nb.toml")
        #expect(named.diagnostics.first?.rendered.hasPrefix("a\\u{1B}[2J\\u{A}b.toml: ") == true)
    }

    /// What stands where a path belongs may be the secret itself.
    @Test func `a secret that is no file is not repeated, nor are its neighbours`() {
        let table = [
            ("secrets = { A = \"hunter2\", PIN = 4711 }", "3:28"),
            ("secrets = { A = \"hunter2\" }", "3:1"), ("secrets = \"hunter2\"", "3:1"),
            ("[schedulers.web.secrets]\nPIN = 4711", "4:1"), ("secrets = { A = [4711] }", "3:13"),
        ]
        for (lines, place) in table {
            let text = rendered(lines)
            #expect(text.hasPrefix("reeve.toml:\(place): error: "), "\(text)")
            #expect(!text.contains("hunter2") && !text.contains("4711"), "\(text)")
        }
        #expect(
            rendered("secrets = { A = \"hunter2\", PIN = 4711 }") == """
                reeve.toml:3:28: error: the secret `PIN` names a file, and this is no path
                  3 | …PIN…
                    |  ^^^
                help: secrets are read from files, their values do not belong here: `PIN = \
                "/run/secrets/NAME"`
                1 error

                """)
    }

    @Test func `a bell in a comment is shown as an escape, and the mark moves with it`() {
        let found = ConfigurationLoader.load(
            text: "[schedulers.web]\ncommand = \"a\u{200B}b\" oops")
        #expect(
            found.diagnostics.first?.rendered.contains(
                """
                  2 | command = "a\\u{200B}b" oops
                    |                        ^
                """) == true)
    }

    @Test func `a long line is cut around the place`() throws {
        let long = String(repeating: "x", count: 5_000)
        let end = ConfigurationLoader.load(
            text: "[schedulers.web]\ncommand = [\"\(long)\", 3, \"\(long)\"]")
        let location = try #require(end.diagnostics.first?.location)
        #expect(location.line == 2 && location.column == 5_016 && location.length == 1)
        let excerpt = location.excerpt
        #expect(excerpt.text.hasPrefix("…xxx") && excerpt.text.hasSuffix("xxx…"))
        #expect(excerpt.text.unicodeScalars.count <= 101)
        let scalars = Array(excerpt.text.unicodeScalars)
        #expect(scalars[excerpt.markStart] == "3" && excerpt.markLength == 1)

        let wide = ConfigurationLoader.load(text: "[schedulers.web]\ncommand = \"\(long)\\u0000\"")
        let mark = try #require(wide.diagnostics.first?.location?.excerpt)
        #expect(mark.markStart == 10)
        #expect(mark.markStart + mark.markLength <= mark.text.unicodeScalars.count)
    }

    @Test func `a long name is cut in the sentence`() throws {
        let long = String(repeating: "n", count: 5_000)
        let found = ConfigurationLoader.load(text: "[schedulers.web]\n\(long) = 1\ncommand = \"x\"")
        let message = try #require(found.diagnostics.first?.message)
        #expect(message.utf8.count < 120)
    }

    // MARK: Explanation

    @Test func `an explanation says each value and where it came from`() {
        let outcome = ConfigurationLoader.load(
            text: """
                [reeve]
                force-timeout = "3s"
                [defaults]
                environment = { A = "1" }
                stop-timeout = "5s"
                [schedulers."web.api"]
                command = ["web", "a\\tb"]
                environment = { B = "2" }
                """,
            environment: ["RENDER": "1", "REEVE_STOP_BUDGET": "20s"])
        var found: [String: String] = [:]
        for entry in outcome.explanation.entries {
            found["\(entry.table) \(entry.key)"] = "\(entry.value) <- \(entry.origin)"
        }
        let table = [
            ("reeve profile", "\"render\" <- RENDER"),
            ("reeve force-timeout", "\"3s\" <- line 2"),
            ("reeve graceful-timeout", "\"17s\" <- REEVE_STOP_BUDGET"),
            ("reeve log-level", "\"info\" <- default"),
            ("reeve exit-with", "none <- default"),
            ("schedulers.\"web.api\" command", "[\"web\", \"a\\tb\"] <- line 7"),
            (
                "schedulers.\"web.api\" environment",
                "{ A = \"1\", B = \"2\" } <- line 8, and [defaults], line 4"
            ),
            ("schedulers.\"web.api\" stop-timeout", "\"5s\" <- [defaults], line 5"),
            ("schedulers.\"web.api\" memory-threshold", "\"50MB\" <- preset render"),
            ("schedulers.\"web.api\" max-restarts", "2 <- preset render"),
            ("schedulers.\"web.api\" restart", "\"always\" <- default"),
            ("schedulers.\"web.api\" ready", "\"1s\" <- default"),
        ]
        for (key, expected) in table { #expect(found[key] == expected) }
        #expect(found["schedulers.\"web.api\" timeout"] == nil)
        #expect(found["schedulers.\"web.api\" cron"] == nil)
    }

    /// What is explained is complete: it can replace the file.
    @Test func `a rendered explanation is a file that means the same`() throws {
        let text = """
            [defaults]
            restart-delay = "250ms"
            environment = { A = "\\u0001\\"", "b c" = "ü" }
            [schedulers.web]
            command = "echo '$A'"
            dependencies = [{ name = "init", condition = "completed" }]
            memory-threshold = 50
            [schedulers.init]
            kind = "task"
            command = ["init", "\\\\x"]
            timeout = "1.5s"
            environment = { D = "" }
            """
        let first = ConfigurationLoader.load(text: text)
        let shown = first.explanation.rendered
        let second = ConfigurationLoader.load(text: shown)
        #expect(second.diagnostics.map(Found.init) == [])
        var expected = try #require(first.specification)
        expected.supervisor.profileReason = "set in the file"
        #expect(second.specification == expected)
        #expect(
            shown.contains("restart-delay = \"250ms\"                     # [defaults], line 2\n"))
        #expect(shown.contains("# memory-hard-limit: none"))
    }

    @Test func `an explanation is there also when there are errors`() {
        let outcome = ConfigurationLoader.load(
            text: "[schedulers.web]\ncommand = [\"x\"]\nstop-timeout = 3")
        #expect(outcome.specification == nil)
        #expect(outcome.explanation.rendered.contains("[schedulers.web]\ncommand = [\"x\"]"))
    }
}
