// SPDX-License-Identifier: Apache-2.0

import ReeveControl
import ReeveCore
import Testing

@Suite struct SchedulerConfigurationTests {
    private func toml(_ json: String) throws -> String {
        try SchedulerConfiguration(json: Array(json.utf8)).toml
    }

    private func refusal(_ json: String) -> String? {
        do throws(ControlError) {
            _ = try SchedulerConfiguration(json: Array(json.utf8))
            return nil
        } catch {
            return error.message
        }
    }

    /// All members of the document that reeve was made from.
    private static let whole = """
        "name": "my-scheduler", "enabled": true, "maxRetries": 3, "retryDelay": 1000,
        "timeout": 10000, "memoryThreshold": 100, "errorThreshold": 5, "restartDelay": 2000,
        "priority": 1, "dependencies": [], "healthCheckInterval": 30000
        """

    @Test func `what every scheduler of the document has comes to what its kind has`() throws {
        #expect(
            try toml(#"{\#(Self.whole), "interval": 30000, "command": ["/bin/job", "-a \"b\""]}"#)
                == """
                [schedulers."my-scheduler"]
                command = ["/bin/job", "-a \\"b\\""]
                enabled = true
                interval = "30000ms"
                max-retries = 3
                retry-delay = "1000ms"
                timeout = "10000ms"
                memory-threshold = "100000kB"
                error-threshold = 5
                priority = 1
                dependencies = []
                health-check-interval = "30000ms"

                """)
        let daemon = try toml(#"{\#(Self.whole), "command": "exec web"}"#)
        #expect(daemon.contains("command = \"exec web\"\n"))
        #expect(daemon.contains("restart-delay = \"2000ms\"\n"))
        for key in ["max-retries", "retry-delay", "\ntimeout"] {
            #expect(!daemon.contains(key), "\(key)")
        }
        let task = try toml(#"{\#(Self.whole), "command": "x", "kind": "task"}"#)
        #expect(task.contains("\ntimeout = \"10000ms\"\n") && !task.contains("max-retries"))
    }

    @Test func `further members, nulls and characters of every kind`() throws {
        #expect(
            try toml(
                #"""
                {"name": "a.b", "command": ["x"], "cronExpression": "0 3 * * *", "interval": null,
                 "environment": {"A": "1\n\u007f", "B C": "ä"}, "workingDirectory": "/srv",
                 "memoryThreshold": 0.5, "successExitCodes": [0, 3], "retryFactor": 1.5,
                 "stopSignal": "INT", "runOnStart": false}
                """#)
                    == #"""
                    [schedulers."a.b"]
                    command = ["x"]
                    working-directory = "/srv"
                    environment = { "A" = "1\u000A\u007F", "B C" = "ä" }
                    cron = "0 3 * * *"
                    run-on-start = false
                    retry-factor = 1.5
                    success-exit-codes = [0, 3]
                    memory-threshold = "500kB"
                    stop-signal = "INT"

                    """#)
    }

    @Test func `what is wrong is named, an unknown member with the nearest`() {
        let cases = [
            ("[]", "the body is one JSON object, this is an array"),
            ("{", "the body ends in the middle of a value"),
            (
                #"{"name": "a", "comand": "x"}"#,
                #"there is no member "comand"; did you mean "command"?"#
            ),
            (#"{"name": "a", "user": "root"}"#, #"there is no member "user""#),
            (#"{"command": "x"}"#, #""name" is missing"#),
            (
                #"{"name": "health", "command": "x"}"#,
                #""name": "health" is reserved: the HTTP interface needs it for itself"#
            ),
            (
                #"{"name": "gateway", "command": "x"}"#,
                #""name": "gateway" is the name of reeve's own gateway"#
            ),
            (
                #"{"name": "a"}"#,
                #""command" is missing: an array of the program and its arguments, or a text for "#
                    + "/bin/sh"
            ),
            (
                #"{"name": "a", "command": 1}"#,
                #""command" must be an array of texts, or a text for /bin/sh, it is a whole number"#
            ),
            (
                #"{"name": "a", "command": ["x", 1]}"#,
                #"in command[1]: the value must be a text, it is a whole number"#
            ),
            (
                #"{"name": "a", "command": "x", "interval": "30s"}"#,
                #""interval" must be a whole number, it is a text"#
            ),
            (
                #"{"name": "a", "command": "x", "interval": -1}"#,
                #""interval" is 0 to 3153600000000 ms, it is -1"#
            ),
            (
                #"{"name": "a", "command": "x", "environment": {"A": 1}}"#,
                #""environment": A must be a text, it is a whole number"#
            ),
            (
                #"{"name": "a", "command": "x", "enabled": 1}"#,
                #""enabled" must be true or false, it is a whole number"#
            ),
        ]
        for (json, words) in cases { #expect(refusal(json) == words, "\(json)") }
    }

    @Test func `a program says the same in Swift`() throws {
        var configuration = SchedulerConfiguration(
            name: try #require(SchedulerName("web")), command: .program(["/bin/web"]))
        configuration.priority = 5
        configuration.restartDelay = .seconds(2)
        #expect(
            configuration.toml == """
                [schedulers."web"]
                command = ["/bin/web"]
                restart-delay = "2000ms"
                priority = 5

                """)
        #expect(SchedulerConfiguration.tomlKeys.isDisjoint(with: ["user", "secrets", "env-file"]))
    }
}
