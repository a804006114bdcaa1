// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// What a file without errors becomes.
@Suite struct SpecificationTests {
    private func specification(
        _ text: String, environment: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Specification {
        let outcome = ConfigurationLoader.load(text: text, environment: environment)
        #expect(outcome.diagnostics.map(Found.init) == [], sourceLocation: sourceLocation)
        return try #require(outcome.specification, sourceLocation: sourceLocation)
    }

    @Test func `the shortest file is a daemon with every default`() throws {
        let found = try specification(
            """
            [schedulers.web]
            command = ["nginx", "-g", "daemon off;"]
            """)
        let name = try #require(SchedulerName("web"))
        let program = Program(arguments: ["nginx", "-g", "daemon off;"])
        var settings = SupervisorSettings()
        settings.source = "reeve.toml"
        #expect(
            found
                == Specification(
                    supervisor: settings,
                    schedulers: [SchedulerSpecification(name: name, program: program)]))
    }

    @Test func `a task has the defaults of a task`() throws {
        let found = try specification(
            """
            [schedulers.migrate]
            kind = "task"
            command = "bin/migrate && bin/seed"
            """)
        let name = try #require(SchedulerName("migrate"))
        let program = Program(arguments: ["/bin/sh", "-c", "bin/migrate && bin/seed"])
        #expect(
            found.schedulers
                == [SchedulerSpecification(name: name, kind: .task, program: program)])
        #expect(found.schedulers.first?.restart.mode == .onFailure)
        #expect(found.schedulers.first?.readiness.rule == .spawn)
    }

    @Test func `every key of [reeve] arrives`() throws {
        let found = try specification(
            """
            [reeve]
            profile = "local"
            runtime-directory = "/run/app"
            state-directory = "/var/lib/app"
            control-mode = "0660"
            control-group = 1000
            graceful-timeout = "1m"
            force-timeout = "2s"
            staggered-startup = true
            phase-timeout = "2m"
            auto-recovery = true
            log-format = "json"
            log-level = "debug"
            exit-with = "a"
            [schedulers.a]
            command = ["a"]
            restart = "never"
            """)
        var expected = SupervisorSettings()
        expected.profile = .local
        expected.profileReason = "set in the file"
        expected.runtimeDirectory = "/run/app"
        expected.stateDirectory = "/var/lib/app"
        expected.controlMode = 0o660
        expected.controlGroup = "1000"
        expected.gracefulTimeout = .minutes(1)
        expected.forceTimeout = .seconds(2)
        expected.staggeredStartup = true
        expected.phaseTimeout = .minutes(2)
        expected.autoRecovery = true
        expected.logFormat = .json
        expected.logLevel = .debug
        expected.exitWith = SchedulerName("a")
        expected.source = "reeve.toml"
        #expect(found.supervisor == expected)
    }

    @Test func `every key of a scheduler arrives`() throws {
        let found = try specification(SpecificationTests.everyKey)
        let name = try #require(SchedulerName("web"))
        var web = SchedulerSpecification(
            name: name, kind: .task, program: Program(arguments: ["web", "", "ü"]))
        web.enabled = false
        web.description = "the \"web\""
        web.program.workingDirectory = "srv"
        web.program.environment = [
            EnvironmentVariable(name: "B", value: "2"), EnvironmentVariable(name: "A", value: ""),
        ]
        web.program.clearEnvironment = true
        web.timeout = .minutes(90)
        web.successExitCodes = [0, 3, 143]
        web.restart.mode = .always
        web.restart.delay = .milliseconds(250)
        web.restart.factor = 1
        web.restart.delayMax = .seconds(5)
        web.restart.jitter = 0
        web.restart.resetAfter = .zero
        web.restart.maxRestarts = nil
        web.restart.window = .seconds(86_400 * 2)
        web.restart.cooldown = .seconds(1)
        web.restart.whenExhausted = .exit
        web.order.priority = -5
        web.order.dependencyTimeout = .seconds(7)
        var cache = Dependency(name: try #require(SchedulerName("cache")))
        cache.condition = .started
        cache.onFailure = .ignore
        web.order.dependencies = [
            Dependency(name: try #require(SchedulerName("db.main"))), cache,
        ]
        web.readiness.rule = .uptime(.milliseconds(1_500))
        web.healthCheckInterval = .seconds(20)
        web.errorThreshold = 7
        web.memory.threshold = Bytes(50_000_000)
        web.memory.samples = 4
        web.memory.hardLimit = Bytes(100 << 20)
        web.memory.action = .alert
        web.stop.signal = try #require(Signal("QUIT"))
        web.stop.timeout = .seconds(3)
        web.stop.scope = .group
        web.stop.command = ["/bin/sh", "-c", "nginx -s quit"]
        web.stop.leftovers = .keep
        web.log.destination = .inherit
        web.log.tail = .zero
        #expect(found.schedulers.first == web)
        #expect(found.schedulers.map(\.name.text) == ["web", "db.main", "cache"])
    }

    private static let everyKey = #"""
        [schedulers.web]
        command = ["web", "", "ü"]
        kind = "task"
        enabled = false
        description = "the \"web\""
        working-directory = "srv"
        environment = { B = "2", A = "" }
        clear-environment = true
        timeout = "1h30m"
        success-exit-codes = [143, 0, 3, 3]
        restart = "always"
        restart-delay = "250ms"
        restart-factor = 1
        restart-delay-max = "5s"
        restart-jitter = 0
        restart-reset-after = "0s"
        max-restarts = "unlimited"
        restart-window = "2d"
        restart-cooldown = "1s"
        when-exhausted = "exit"
        priority = -5
        dependency-timeout = "7s"
        dependencies = [
            "db.main",
            { name = "cache", condition = "started", on-failure = "ignore" },
        ]
        ready = "1.5s"
        health-check-interval = "20s"
        error-threshold = 7
        memory-threshold = 50
        memory-samples = 4
        memory-hard-limit = "100MiB"
        memory-action = "alert"
        memory-measure = "rss"
        stop-signal = "SIGQUIT"
        stop-timeout = "3s"
        stop-scope = "group"
        stop-command = "nginx -s quit"
        leftovers = "keep"
        log = "inherit"
        log-tail = "none"

        [schedulers."db.main"]
        command = ["db"]

        [schedulers.cache]
        command = ["cache"]
        """#

    @Test func `restart-when-idle of the defaults is for those that it fits`() throws {
        let found = try specification(
            """
            [defaults]
            memory-action = "restart-when-idle"
            [schedulers.web]
            command = ["web"]
            [schedulers.job]
            command = ["job"]
            interval = "5m"
            """)
        #expect(found.schedulers.map(\.memory.action) == [.recover, .restartWhenIdle])
    }

    /// Otherwise a word could be valid and mean nothing.
    @Test func `every word of a choice is a case of what it becomes`() throws {
        let words: [(key: String, count: Int, read: (SchedulerSpecification) -> String)] = [
            ("restart", 3, { $0.restart.mode.rawValue }),
            ("when-exhausted", 3, { $0.restart.whenExhausted.rawValue }),
            ("memory-action", 4, { $0.memory.action.rawValue }),
            ("memory-measure", 2, { $0.memory.measure.rawValue }),
            ("stop-scope", 3, { $0.stop.scope.rawValue }),
            ("leftovers", 2, { $0.stop.leftovers.rawValue }),
            ("log", 5, { $0.log.destination.rawValue }),
            ("kind", 3, { $0.kind.rawValue }),
        ]
        let scheduled = ["scheduled", "restart-when-idle"]
        for (name, count, read) in words {
            let key = try #require(KnownKeys.find(name, in: .schedulers))
            #expect(key.choices.count == count)
            for word in key.choices {
                let found = try specification(
                    "[schedulers.a]\ncommand = [\"a\"]\n\(name) = \"\(word)\""
                        + (scheduled.contains(word) ? "\ncron = \"@daily\"" : ""))
                #expect(found.schedulers.map(read) == [word], "\(name)")
            }
        }
        let levels = try #require(KnownKeys.find("log-level", in: .reeve)).choices
        #expect(Set(levels) == Set(SupervisorSettings.LogLevel.allCases.map(\.rawValue)))
        let formats = try #require(KnownKeys.find("log-format", in: .reeve)).choices
        #expect(formats == SupervisorSettings.LogFormat.allCases.map(\.rawValue))
        let profiles = try #require(KnownKeys.find("profile", in: .reeve)).choices
        #expect(Set(profiles) == Set(["auto"] + Profile.allCases.map(\.rawValue)))
    }

    @Test func `dotted keys, sub-tables and inline tables say the same`() throws {
        let expected = try specification(
            """
            [schedulers.a]
            command = ["a"]
            environment = { A = "1", B = "2" }
            """)
        let dotted = try specification(
            """
            schedulers.a.command = ["a"]
            schedulers.a.environment.A = "1"
            schedulers.a.environment.B = "2"
            """)
        let nested = try specification(
            """
            [schedulers.a.environment]
            A = "1"
            B = "2"
            [schedulers.a]
            command = ["a"]
            """)
        #expect(dotted == expected)
        #expect(nested == expected)
    }

    @Test func `a runtime directory is as long as a socket's address allows`() throws {
        func file(_ length: Int) -> String {
            let directory = "/" + String(repeating: "a", count: length - 1)
            return "[reeve]\nruntime-directory = \"\(directory)\"\n[schedulers.a]\ncommand = \"a\""
        }
        // 94 and "/control.sock" are 107.
        #expect(try specification(file(94)).supervisor.runtimeDirectory?.utf8.count == 94)
        let outcome = ConfigurationLoader.load(text: file(95))
        #expect(
            outcome.diagnostics.map(Found.init) == [
                Found(
                    "2:21+97 error",
                    "`runtime-directory` is at most 94 bytes long, and this is 95; the control "
                        + "socket's path would not fit into a socket's address")
            ])
    }

    @Test func `a file with CRLF and a byte order mark reads the same`() throws {
        let plain = "[schedulers.a]\ncommand = [\"a\"]\nstop-timeout = \"3s\"\n"
        let expected = try specification(plain)
        let lines = plain.split(separator: "\n").joined(separator: "\r\n")
        #expect(try specification("\u{FEFF}" + lines) == expected)
        let wrong = ConfigurationLoader.load(text: "\u{FEFF}[schedulers.a]\r\ncomand = 3\r\n")
        #expect(wrong.diagnostics.map(Found.init).map(\.place) == ["2:1+6 error"])
        #expect(wrong.diagnostics.first?.location?.excerpt.text == "comand = 3")
    }

    @Test func `the file's name is kept for messages`() throws {
        let text = "[schedulers.a]\ncommand = \"a\"\noops = 1"
        let outcome = ConfigurationLoader.load(text: text, path: "/etc/reeve/web.toml")
        #expect(outcome.diagnostics.map(\.file) == ["/etc/reeve/web.toml"])
    }
}
