// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// The keys of log files.
@Suite struct LogTests {
    private func load(_ lines: String) -> LoadOutcome {
        ConfigurationLoader.load(text: "[schedulers.web]\ncommand = [\"/bin/true\"]\n" + lines)
    }

    @Test func `a log file is read with all that belongs to it`() throws {
        let outcome = load(
            """
            log = "file"
            log-file = "/var/log/web.log"
            log-max-size = "none"
            log-max-files = 1
            log-timestamps = true
            """)
        #expect(outcome.diagnostics.map(Found.init) == [])
        var log = LogSettings()
        log.destination = .file
        log.file = "/var/log/web.log"
        log.maxSize = nil
        log.maxFiles = 1
        log.timestamps = true
        #expect(outcome.specification?.schedulers.first?.log == log)
        let plain = try #require(load("log = \"file\"").specification?.schedulers.first?.log)
        #expect(plain.file == nil && plain.maxSize == Bytes(10_000_000) && plain.maxFiles == 10)
    }

    @Test(arguments: [
        (
            "/dev/stdout", "is no file that can be rotated",
            "log = \"prefixed\" or \"inherit\" goes to "
                + "reeve's own output, log = \"none\" nowhere"
        ),
        (
            "/proc/self/fd/1", "is no file that can be rotated",
            "log = \"prefixed\" or \"inherit\" goes to "
                + "reeve's own output, log = \"none\" nowhere"
        ),
        ("/var/log/", "is a directory's name", "add the name of a file"),
    ])
    func `what is no file is an error at its place`(_ file: String, _ words: String, _ help: String)
    {
        let found = load("log = \"file\"\nlog-file = \"\(file)\"").diagnostics.map(Found.init)
        let place = "4:12+\(file.utf8.count + 2) error"
        #expect(found == [Found(place, "log-file \"\(file)\" \(words)", help: help)])
    }

    @Test func `a file without effect is a warning`() {
        #expect(
            load("log-file = \"/a\"").diagnostics.map(Found.init) == [
                Found(
                    "3:1+8 warning",
                    "`log-file` has no effect, since log = \"prefixed\" writes no file",
                    help: "add log = \"file\"")
            ])
    }

    @Test func `two that write one file are an error`() {
        let outcome = ConfigurationLoader.load(
            text: """
                [defaults]
                log = "file"
                [schedulers.a]
                command = ["/bin/true"]
                log-file = "/var/log/all.log"
                [schedulers.b]
                command = ["/bin/true"]
                log-file = "/var/log/all.log"
                [schedulers.c]
                command = ["/bin/true"]
                """)
        #expect(
            outcome.diagnostics.map(Found.init) == [
                Found(
                    "8:12+18 error", "log-file \"/var/log/all.log\" is that of \"a\", too",
                    help: "give each a file of its own, or leave out `log-file`: then each has one")
            ])
    }
}
