// SPDX-License-Identifier: Apache-2.0

import Testing

/// What a key may hold, and what an operator reads who wrote something else.
@Suite struct ValueTests {
    private static let durations: [Case] = [
        Case(
            "stop-timeout = 10",
            [
                Found(
                    "3:16+2 error",
                    "`stop-timeout` is a duration, but this is the number 10 without a unit",
                    help: #"write "10ms" for milliseconds or "10s" for seconds"#)
            ]),
        Case(
            "stop-timeout = 1.5",
            [
                Found(
                    "3:16+3 error",
                    "`stop-timeout` is a duration, but this is the number 1.5 without a unit",
                    help: #"write it as `stop-timeout = "1.5s"`"#)
            ]),
        Case(
            #"stop-timeout = "10""#,
            [
                Found(
                    "3:16+4 error",
                    #"`stop-timeout` is a duration, and "10" is not one"#,
                    help: #"write "10ms" for milliseconds or "10s" for seconds"#)
            ]),
        Case(
            #"stop-timeout = "10 seconds""#,
            [
                Found(
                    "3:16+12 error",
                    #"`stop-timeout` is a duration, and "10 seconds" is not one"#,
                    help: #"write it as `stop-timeout = "10s"`"#)
            ]),
        Case(
            #"stop-timeout = "1m1h""#,
            [
                Found(
                    "3:16+6 error",
                    #"`stop-timeout` is a duration, and "1m1h" is not one"#,
                    help: #"units are d, h, m, s and ms, the larger first: "250ms", "#
                        + #""30s", "1h30m""#)
            ]),
        Case(
            #"stop-timeout = """#,
            [
                Found(
                    "3:16+2 error",
                    #"`stop-timeout` is a duration, and "" is not one"#,
                    help: #"units are d, h, m, s and ms, the larger first: "250ms", "#
                        + #""30s", "1h30m""#)
            ]),
        Case(
            "stop-timeout = true",
            [
                Found(
                    "3:16+4 error",
                    "`stop-timeout` is a duration, but this is the boolean true",
                    help: #"write it as `stop-timeout = "30s"`"#)
            ]),
        Case(
            #"stop-timeout = "99999999999999999999d""#,
            [
                Found(
                    "3:16+23 error",
                    #"`stop-timeout` is a duration, and "99999999999999999999d" is not one"#,
                    help: #"units are d, h, m, s and ms, the larger first: "250ms", "#
                        + #""30s", "1h30m""#)
            ]),
        Case(
            #"stop-timeout = "200000d""#,
            [
                Found(
                    "3:16+9 error",
                    #"`stop-timeout` is a duration, and "200000d" is not one"#,
                    help: #"units are d, h, m, s and ms, the larger first: "250ms", "#
                        + #""30s", "1h30m""#)
            ]),
        Case(
            #"stop-timeout = "0s""#,
            [
                Found(
                    "3:16+4 error",
                    #"`stop-timeout` is from 1ms to 365d, and "0s" is not"#)
            ]),
        Case(
            #"stop-timeout = "366d""#,
            [
                Found(
                    "3:16+6 error",
                    #"`stop-timeout` is from 1ms to 365d, and "366d" is not"#)
            ]),
        Case(
            #"health-check-interval = "500ms""#,
            [
                Found(
                    "3:25+7 error",
                    #"`health-check-interval` is from 1s to 365d, and "500ms" is not"#)
            ]),
    ]

    @Test(arguments: durations)
    func `a duration that is none is refused, with one that would do`(_ example: Case) {
        example.check()
    }

    private static let sizes: [Case] = [
        Case(
            #"memory-threshold = "100""#,
            [
                Found(
                    "3:20+5 error",
                    #"`memory-threshold` is a size or "none", and "100" is not one"#,
                    help: #"write "100B" for bytes or "100MB" for megabytes"#)
            ]),
        Case(
            "memory-threshold = 104857600",
            [
                Found(
                    "3:20+9 error",
                    "`memory-threshold` counts megabytes where it has no unit, and "
                        + "104857600 is not plausible",
                    help: #"write "104857600B" for bytes or "104857600MB" for megabytes"#)
            ]),
        Case(
            #"memory-threshold = "100M""#,
            [
                Found(
                    "3:20+6 error",
                    #"`memory-threshold` is a size or "none", and "100M" is not one"#,
                    help: #"write it as `memory-threshold = "100MB"`"#)
            ]),
        Case(
            #"memory-threshold = "100 mb""#,
            [
                Found(
                    "3:20+8 error",
                    #"`memory-threshold` is a size or "none", and "100 mb" is not one"#,
                    help: #"write it as `memory-threshold = "100MB"`"#)
            ]),
        Case(
            #"memory-threshold = "1kB""#,
            [
                Found(
                    "3:20+5 error",
                    "`memory-threshold` is from 64kB to 1000TB, and 1kB is not",
                    help: #""none" is for no such size"#)
            ]),
        Case(
            "memory-threshold = 0",
            [
                Found(
                    "3:20+1 error",
                    "`memory-threshold` is from 64kB to 1000TB, and 0B is not",
                    help: #""none" is for no such size"#)
            ]),
        Case(
            "memory-threshold = true",
            [
                Found(
                    "3:20+4 error",
                    #"`memory-threshold` is a size or "none", but this is the boolean true"#,
                    help: #"write it as `memory-threshold = "100MB"`"#)
            ]),
        Case(
            "log-tail = 16000",
            [
                Found(
                    "3:12+5 error",
                    #"`log-tail` is a size or "none", but this is the number 16000 "#
                        + #"without a unit"#,
                    help: #"write "16000B" for bytes or "16000MB" for megabytes"#)
            ]),
        Case(
            #"log-tail = "0B""#,
            [
                Found(
                    "3:12+4 error",
                    "`log-tail` is from 1kB to 16MB, and 0B is not",
                    help: #""none" is for no such size"#)
            ]),
        Case(
            #"log-tail = "17MB""#,
            [
                Found(
                    "3:12+6 error",
                    "`log-tail` is from 1kB to 16MB, and 17MB is not",
                    help: #""none" is for no such size"#)
            ]),
    ]

    @Test(arguments: sizes)
    func `a size that is none is refused, and a bare number where it has no meaning`(
        _ example: Case
    ) {
        example.check()
    }

    private static let booleans: [Case] = [
        Case(
            #"enabled = "yes""#,
            [
                Found(
                    "3:11+5 error",
                    #"`enabled` is true or false, but this is the text "yes""#,
                    help: "write it as `enabled = true`")
            ]),
        Case(
            #"enabled = "off""#,
            [
                Found(
                    "3:11+5 error",
                    #"`enabled` is true or false, but this is the text "off""#,
                    help: "write it as `enabled = false`")
            ]),
        Case(
            #"enabled = "perhaps""#,
            [
                Found(
                    "3:11+9 error",
                    #"`enabled` is true or false, but this is the text "perhaps""#,
                    help: "write it as `enabled = true`")
            ]),
        Case(
            "enabled = 1",
            [
                Found(
                    "3:11+1 error",
                    "`enabled` is true or false, but this is the whole number 1",
                    help: "write it as `enabled = true`")
            ]),
    ]

    @Test(arguments: booleans)
    func `a boolean in other words is refused, with the one that was meant`(_ example: Case) {
        example.check()
    }

    private static let numbers: [Case] = [
        Case(
            "max-restarts = 0",
            [
                Found(
                    "3:16+1 error",
                    "`max-restarts` is from 1 to 1000, and 0 is not",
                    help: #"restart = "never" is for no restart at all"#)
            ]),
        Case(
            "max-restarts = 1001",
            [
                Found(
                    "3:16+4 error",
                    "`max-restarts` is from 1 to 1000, and 1001 is not")
            ]),
        Case(
            #"max-restarts = "10""#,
            [
                Found(
                    "3:16+4 error",
                    #"`max-restarts` is a whole number or "unlimited", but this is "#
                        + #"the text "10""#,
                    help: "write it as `max-restarts = 10`")
            ]),
        Case(
            #"max-restarts = "infinite""#,
            [
                Found(
                    "3:16+10 error",
                    #"`max-restarts` is a whole number or "unlimited", but this is "#
                        + #"the text "infinite""#,
                    help: #"write it as `max-restarts = "unlimited"`"#)
            ]),
        Case(
            "max-restarts = 3.0",
            [
                Found(
                    "3:16+3 error",
                    #"`max-restarts` is a whole number or "unlimited", but this is "#
                        + #"the number 3.0"#,
                    help: "write it as `max-restarts = 3`")
            ]),
        Case(
            "max-restarts = 1e300",
            [
                Found(
                    "3:16+5 error",
                    #"`max-restarts` is a whole number or "unlimited", but this is "#
                        + #"the number 1e+300"#,
                    help: "write it as `max-restarts = 5`")
            ]),
        Case(
            "max-restarts = [3]",
            [
                Found(
                    "3:16+3 error",
                    #"`max-restarts` is a whole number or "unlimited", but this is an array"#,
                    help: "write it as `max-restarts = 5`")
            ]),
        Case(
            "error-threshold = -1",
            [
                Found(
                    "3:19+2 error",
                    "`error-threshold` is from 1 to 1000000, and -1 is not")
            ]),
        Case(
            #"restart-factor = "2""#,
            [
                Found(
                    "3:18+3 error",
                    #"`restart-factor` is a number, but this is the text "2""#,
                    help: "write it as `restart-factor = 2.0`")
            ]),
        Case(
            "restart-factor = 0.5",
            [
                Found(
                    "3:18+3 error",
                    "`restart-factor` is from 1.0 to 1000.0, and 0.5 is not")
            ]),
        Case(
            "restart-factor = inf",
            [
                Found(
                    "3:18+3 error",
                    "`restart-factor` is from 1.0 to 1000.0, and inf is not")
            ]),
        Case(
            "restart-jitter = 2",
            [
                Found(
                    "3:18+1 error",
                    "`restart-jitter` is from 0.0 to 1.0, and 2.0 is not")
            ]),
        Case(
            "restart-jitter = nan",
            [
                Found(
                    "3:18+3 error",
                    "`restart-jitter` is from 0.0 to 1.0, and nan is not")
            ]),
        Case(
            "restart-jitter = false",
            [
                Found(
                    "3:18+5 error",
                    "`restart-jitter` is a number, but this is the boolean false",
                    help: "write it as `restart-jitter = 0.25`")
            ]),
    ]

    @Test(arguments: numbers)
    func `a number of another type or beyond its bounds is refused`(_ example: Case) {
        example.check()
    }

    private static let choices: [Case] = [
        Case(
            #"restart = "on-fail""#,
            [
                Found(
                    "3:11+9 error",
                    #"`restart` is one of "always", "on-failure", "never", and "#
                        + #""on-fail" is not"#,
                    help: #"did you mean "on-failure"?"#)
            ]),
        Case(
            #"restart = "allways""#,
            [
                Found(
                    "3:11+9 error",
                    #"`restart` is one of "always", "on-failure", "never", and "#
                        + #""allways" is not"#,
                    help: #"did you mean "always"?"#)
            ]),
        Case(
            #"restart = "sometimes if it feels like it""#,
            [
                Found(
                    "3:11+31 error",
                    #"`restart` is one of "always", "on-failure", "never", and "#
                        + #""sometimes if it feels like it" is not"#)
            ]),
        Case(
            "restart = true",
            [
                Found(
                    "3:11+4 error",
                    #"`restart` is one of "always", "on-failure", "never", but this "#
                        + #"is the boolean true"#,
                    help: #"write it as `restart = "always"`"#)
            ]),
        Case(
            #"kind = "oneshot""#,
            [
                Found(
                    "3:8+9 error",
                    #"`kind` is one of "daemon", "task", "scheduled", and "oneshot" is not"#,
                    help: #"did you mean "task"?"#)
            ]),
        Case(
            #"stop-scope = "procesgroup""#,
            [
                Found(
                    "3:14+13 error",
                    #"`stop-scope` is one of "leader-then-group", "group", "#
                        + #""leader", and "procesgroup" is not"#)
            ]),
        Case(
            "log = 3",
            [
                Found(
                    "3:7+1 error",
                    #"`log` is one of "prefixed", "inherit", "file", "journal", "none", but this is "#
                        + #"the whole number 3"#,
                    help: #"write it as `log = "prefixed"`"#)
            ]),
    ]

    @Test(arguments: choices)
    func `a word that is no choice is refused, with the list and the nearest`(_ example: Case) {
        example.check()
    }

    private static let laterChoices: [Case] = [
        Case(
            #"""
            cron = "@daily"
            overlap = "queue"
            max-parallel = 3
            """#,
            [
                Found(
                    "5:16+1 warning",
                    #"max-parallel has no effect while overlap is "queue""#,
                    help: #"set overlap = "allow""#)
            ])
    ]

    @Test(arguments: laterChoices)
    func `a choice of a later version is refused, with those there are`(_ example: Case) {
        example.check()
    }

    @Test func `memory-action restart-when-idle is for what has executions`() {
        Case(
            #"memory-action = "restart-when-idle""#,
            [
                Found(
                    "3:17+19 error",
                    #"`memory-action = "restart-when-idle"` waits for the end of an execution, "#
                        + #"and "web" is a daemon, which has none"#,
                    help: #"use "recover", "restart" or "alert""#)
            ]
        ).check()
    }

    private static let readiness: [Case] = [
        Case(
            "ready = 5",
            [
                Found(
                    "3:9+1 error",
                    #"`ready` is "spawn", "notify", "probe" or a duration, but this is the number 5 "#
                        + #"without a unit"#,
                    help: #"write "5ms" for milliseconds or "5s" for seconds"#)
            ]),
        Case(
            #"ready = "spwan""#,
            [
                Found(
                    "3:9+7 error",
                    #"`ready` is "spawn", "notify", "probe" or a duration, and "spwan" is none "#
                        + #"of them"#,
                    help: #"did you mean "spawn"?"#)
            ]),
        Case(
            #"ready = "5 s""#,
            [
                Found(
                    "3:9+5 error",
                    #"`ready` is "spawn", "notify", "probe" or a duration, and "5 s" is not one"#,
                    help: #"write it as `ready = "5s"`"#)
            ]),
        Case(
            #"ready = ["spawn"]"#,
            [
                Found(
                    "3:9+9 error",
                    #"`ready` is "spawn", "notify", "probe" or a duration, but this is an array"#,
                    help: #"write it as `ready = "5s"`"#)
            ]),
    ]

    @Test(arguments: readiness)
    func `readiness is a word or a time`(_ example: Case) {
        example.check()
    }
}
