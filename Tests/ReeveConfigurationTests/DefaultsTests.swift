// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// What holds where a scheduler says nothing: `[defaults]`, presets, reeve's own defaults.
@Suite struct DefaultsTests {
    private let web = "[schedulers.web]\ncommand = [\"web\"]\n"

    private func load(
        _ text: String, _ environment: [String: String] = [:]
    ) throws -> (settings: SupervisorSettings, web: SchedulerSpecification) {
        let outcome = ConfigurationLoader.load(text: text, environment: environment)
        #expect(outcome.errors.map(Found.init) == [])
        let found = try #require(outcome.specification)
        return (found.supervisor, try #require(found.schedulers.first { $0.name.text == "web" }))
    }

    // MARK: [defaults]

    @Test func `a scheduler's own key wins over [defaults]`() throws {
        let (_, found) = try load(
            """
            [defaults]
            stop-timeout = "3s"
            restart-delay = "5s"
            memory-threshold = "1GB"
            [schedulers.web]
            command = ["web"]
            stop-timeout = "4s"
            memory-threshold = "none"
            """)
        #expect(found.stop.timeout == .seconds(4))
        #expect(found.restart.delay == .seconds(5))
        #expect(found.memory.threshold == nil)
    }

    @Test func `keys of [defaults] go to the kinds they are for`() throws {
        let outcome = ConfigurationLoader.load(
            text: """
                [defaults]
                timeout = "3s"
                kind = "task"
                [schedulers.a]
                command = ["a"]
                [schedulers.b]
                kind = "daemon"
                command = ["b"]
                """)
        #expect(outcome.diagnostics.map(Found.init) == [])
        let found = try #require(outcome.specification).schedulers
        #expect(found.map(\.kind) == [.task, .daemon])
        #expect(found.map(\.timeout) == [.seconds(3), nil])
        #expect(found.map(\.restart.mode) == [.onFailure, .always])
    }

    @Test func `environments are merged, other lists are replaced`() throws {
        let (_, found) = try load(
            """
            [defaults]
            environment = { A = "1", B = "2" }
            success-exit-codes = [0, 1]
            command = ["x"]
            [schedulers.web]
            command = ["web"]
            environment = { B = "3", C = "4" }
            success-exit-codes = [2]
            """)
        let variables = found.program.environment.map { "\($0.name)=\($0.value)" }
        #expect(variables == ["A=1", "B=3", "C=4"])
        #expect(found.successExitCodes == [2])
        #expect(found.program.arguments == ["web"])
    }

    @Test func `a dependency from [defaults] is not one on itself`() throws {
        let outcome = ConfigurationLoader.load(
            text: """
                [defaults]
                command = ["x"]
                dependencies = ["db"]
                [schedulers.db]
                [schedulers.web]
                """)
        #expect(outcome.diagnostics.map(Found.init) == [])
        let found = try #require(outcome.specification).schedulers
        #expect(found.map { $0.order.dependencies.map(\.name.text) } == [[], ["db"]])
    }

    // MARK: Presets

    @Test func `the profile is the file's, else the environment's, else production`() throws {
        let named = "[reeve]\nprofile = \"local\"\n" + web
        let auto = "[reeve]\nprofile = \"auto\"\n" + web
        let table: [(String, [String: String], Profile, String)] = [
            (web, [:], .production, "the default"),
            (auto, [:], .production, "the default"),
            (web, ["RENDER": "true"], .render, "RENDER is set"),
            (web, ["RENDER": ""], .production, "the default"),
            (web, ["RENDER": "true", "REEVE_PROFILE": "local"], .local, "REEVE_PROFILE"),
            (auto, ["REEVE_PROFILE": "production"], .production, "REEVE_PROFILE"),
            (auto, ["REEVE_PROFILE": "auto", "RENDER": "1"], .render, "RENDER is set"),
            (auto, ["REEVE_PROFILE": ""], .production, "the default"),
            (named, ["RENDER": "true", "REEVE_PROFILE": "render"], .local, "set in the file"),
        ]
        for (text, environment, profile, reason) in table {
            let (settings, _) = try load(text, environment)
            #expect(settings.profile == profile)
            #expect(settings.profileReason == reason)
        }
    }

    @Test func `a profile that there is not is an error of the environment`() {
        let outcome = ConfigurationLoader.load(text: web, environment: ["REEVE_PROFILE": "prod"])
        #expect(
            outcome.diagnostics.rendered == """
                environment variable REEVE_PROFILE: error: "prod" is no profile
                help: did you mean "production"?
                1 error

                """)
        #expect(outcome.specification == nil)
    }

    @Test func `a preset is only defaults`() throws {
        let (settings, found) = try load(web, ["REEVE_PROFILE": "render"])
        #expect(found.healthCheckInterval == .seconds(15))
        #expect(found.memory.threshold == Bytes(50_000_000))
        #expect(found.restart.maxRestarts == 2)
        #expect(found.restart.cooldown == .seconds(30))
        #expect(settings.autoRecovery && settings.staggeredStartup)

        let explicit = """
            [defaults]
            max-restarts = 5
            [schedulers.web]
            command = ["web"]
            memory-threshold = "1GB"
            """
        let (_, own) = try load(explicit, ["REEVE_PROFILE": "render"])
        #expect(own.memory.threshold == Bytes(1_000_000_000))
        #expect(own.restart.maxRestarts == 5)
        #expect(own.healthCheckInterval == .seconds(15))

        let (local, slow) = try load(web, ["REEVE_PROFILE": "local"])
        #expect(!local.autoRecovery && !local.staggeredStartup)
        #expect(slow.healthCheckInterval == .seconds(60))

        let (mixed, _) = try load(
            "[reeve]\nprofile = \"local\"\nauto-recovery = true\n" + web)
        #expect(mixed.autoRecovery && !mixed.staggeredStartup)
    }

    @Test func `what bounds recovery holds for a scheduled one too, and no other key of restart`()
        throws
    {
        let text = """
            [defaults]
            restart = "always"
            restart-delay = "9s"
            restart-window = "3m"
            [schedulers.web]
            command = ["web"]
            interval = "1h"
            """
        let (_, preset) = try load(text, ["REEVE_PROFILE": "render"])
        var expected = RestartPolicy(mode: .never)
        expected.maxRestarts = 2
        expected.window = .minutes(3)
        expected.cooldown = .seconds(30)
        #expect(preset.restart == expected)
        let (_, own) = try load(
            text + "\nmax-restarts = 7\nrestart-window = \"5m\"\nrestart-cooldown = \"1s\"")
        expected.maxRestarts = 7
        expected.window = .minutes(5)
        expected.cooldown = .seconds(1)
        #expect(own.restart == expected)
    }

    // MARK: The platform's budget

    @Test func `the stop budget holds both timeouts`() throws {
        let plain = web
        let force = "[reeve]\nforce-timeout = \"2s\"\n" + web
        let graceful = "[reeve]\ngraceful-timeout = \"50s\"\n" + web
        let table: [(String, String, Duration, Duration)] = [
            (plain, "30s", .seconds(25), .seconds(5)),
            (plain, "1m", .seconds(55), .seconds(5)),
            (plain, "8s", .seconds(6), .seconds(2)),
            (plain, "", .seconds(30), .seconds(5)),
            (force, "30s", .seconds(28), .seconds(2)),
            (graceful, "30s", .seconds(50), .seconds(5)),
            (graceful, "nonsense", .seconds(50), .seconds(5)),
        ]
        for (text, budget, expected, expectedForce) in table {
            let (settings, _) = try load(text, ["REEVE_STOP_BUDGET": budget])
            #expect(settings.gracefulTimeout == expected, "\(budget)")
            #expect(settings.forceTimeout == expectedForce, "\(budget)")
        }
    }

    @Test func `a stop budget that is none is an error`() {
        let force = "[reeve]\nforce-timeout = \"20s\"\n" + web
        let table = [
            (web, "30", "it is a duration, and \"30\" is not one", "write 30s for seconds"),
            (web, "30 sec", "it is a duration, and \"30 sec\" is not one", "write 30s"),
            (
                web, "0s", "it is from 1ms to 365d, and \"0s\" is not",
                "set it to what the platform grants from its first signal to SIGKILL"
            ),
            (
                web, "soon", "it is a duration, and \"soon\" is not one",
                "units are d, h, m, s and ms: 30s, 1m30s"
            ),
            (
                force, "15s", "\"15s\" leaves nothing beside force-timeout, which is 20s",
                "make it longer, or force-timeout in [reeve] shorter"
            ),
        ]
        for (text, budget, message, help) in table {
            let outcome = ConfigurationLoader.load(
                text: text, environment: ["REEVE_STOP_BUDGET": budget])
            #expect(outcome.diagnostics.map(Found.init) == [Found("- error", message, help: help)])
            #expect(
                outcome.diagnostics.map(\.file) == ["environment variable REEVE_STOP_BUDGET"])
        }
    }

    // MARK: What the table of keys says

    /// The documentation lists these; they must be what happens.
    @Test func `writing every documented default changes nothing`() throws {
        func lines(_ table: KnownKey.Table, _ kinds: KnownKey.Kinds) -> String {
            KnownKeys.of(table).filter {
                $0.status == .now && !$0.kinds.isDisjoint(with: kinds) && $0.isDefaultValue
                    && $0.name != "kind"
            }.map { "\($0.name) = \($0.defaultText)\n" }.joined()
        }
        let text =
            "[reeve]\n" + lines(.reeve, .all) + web + lines(.schedulers, .daemon)
            + "[schedulers.task]\nkind = \"task\"\ncommand = [\"task\"]\n"
            + lines(.schedulers, .task)
        let short = web + "[schedulers.task]\nkind = \"task\"\ncommand = [\"task\"]\n"
        let explicit = ConfigurationLoader.load(text: text)
        #expect(explicit.diagnostics.map(Found.init) == [])
        #expect(explicit.specification == ConfigurationLoader.load(text: short).specification)
        #expect(text.contains("restart-jitter = 0.25\n"))
    }
}
