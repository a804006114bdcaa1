// SPDX-License-Identifier: Apache-2.0

import Testing

/// Keys that are not there, not here or not yet.
@Suite struct KeyTests {
    private static let unknown: [Case] = [
        Case(
            #"stop-timeot = "3s""#,
            [
                Found(
                    "3:1+11 error",
                    "[schedulers.web] has no key `stop-timeot`",
                    help: "did you mean `stop-timeout`?")
            ]),
        Case(
            "memoryThreshold = 50",
            [
                Found(
                    "3:1+15 error",
                    "[schedulers.web] has no key `memoryThreshold`",
                    help: "did you mean `memory-threshold`?")
            ]),
        Case(
            "error_threshold = 5",
            [
                Found(
                    "3:1+15 error",
                    "[schedulers.web] has no key `error_threshold`",
                    help: "did you mean `error-threshold`?")
            ]),
        Case(
            "maxRetries = 3",
            [
                Found(
                    "3:1+10 error",
                    "[schedulers.web] has no key `maxRetries`",
                    help: "did you mean `max-retries`?")
            ]),
        Case(
            #"cronExpression = "* * * * *""#,
            [
                Found(
                    "3:1+14 error",
                    "[schedulers.web] has no key `cronExpression`",
                    help: "did you mean `cron`?")
            ]),
        Case(
            #"env = { A = "1" }"#,
            [
                Found(
                    "3:1+3 error",
                    "[schedulers.web] has no key `env`",
                    help: "did you mean `environment`?")
            ]),
        Case(
            #"depends_on = ["a"]"#,
            [
                Found(
                    "3:1+10 error",
                    "[schedulers.web] has no key `depends_on`",
                    help: "did you mean `dependencies`?")
            ]),
        Case(
            #"name = "web""#,
            [
                Found(
                    "3:1+4 error",
                    "[schedulers.web] has no key `name`",
                    help: "the name is in the header: [schedulers.NAME]")
            ]),
        Case(
            "flux-capacitor = 1",
            [
                Found(
                    "3:1+14 error",
                    "[schedulers.web] has no key `flux-capacitor`")
            ]),
        Case(
            "a-key-that-is-much-longer-than-any-that-there-is-and-then-some-more-of-it-to-be-sure "
                + "= 1",
            [
                Found(
                    "3:1+84 error",
                    "[schedulers.web] has no key "
                        + "`a-key-that-is-much-longer-than-any-that-there-is-and-then…`")
            ]),
    ]

    @Test(arguments: unknown)
    func `an unknown key is refused, with the nearest that there is`(_ example: Case) {
        example.check()
    }

    private static let misplaced: [Case] = [
        Case(
            #"log-level = "debug""#,
            [
                Found(
                    "3:1+9 error",
                    "[schedulers.web] has no key `log-level`",
                    help: "`log-level` is a key of [reeve]")
            ]),
        Case(
            #"graceful-timeot = "3s""#,
            [
                Found(
                    "3:1+15 error",
                    "[schedulers.web] has no key `graceful-timeot`",
                    help: "`graceful-timeout` is a key of [reeve]")
            ]),
        Case(
            whole: #"""
                [reeve]
                memory-threshold = "1MB"
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:1+16 error",
                    "[reeve] has no key `memory-threshold`",
                    help: "`memory-threshold` is a key of [schedulers.NAME] and of [defaults]")
            ]),
        Case(
            whole: #"""
                [schedulers.a]
                command = "x"
                error-rate = 0.5
                tls-key = "x"
                """#,
            [
                Found(
                    "3:1+10 error",
                    "[schedulers.a] has no key `error-rate`",
                    help: "`error-rate` is a key of [alerts]"),
                Found(
                    "4:1+7 error",
                    "[schedulers.a] has no key `tls-key`",
                    help: "`tls-key` is a key of [gateway]"),
            ]),
        Case(
            whole: #"""
                graceful-timeout = "3s"
                command = "x"
                nonsense = 1
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "1:1+16 error",
                    "`graceful-timeout` is not in any table",
                    help: "write `graceful-timeout` below the header [reeve]"),
                Found(
                    "2:1+7 error",
                    "`command` is not in any table",
                    help: "write `command` below a header [schedulers.NAME] or [defaults]"),
                Found(
                    "3:1+8 error",
                    "`nonsense` is not in any table",
                    help: "every key belongs below a header"),
            ]),
    ]

    @Test(arguments: misplaced)
    func `a key of another table is refused, with the table`(_ example: Case) {
        example.check()
    }

    private static let misfits: [Case] = [
        Case(
            #"timeout = "1m""#,
            [
                Found(
                    "3:1+7 error",
                    #"`timeout` is for tasks and scheduled ones, and "web" is a daemon"#,
                    help: #"a daemon runs until it is stopped; what ends by itself "#
                        + #"is kind = "task""#)
            ]),
        Case(
            #"""
            max-retries = 3
            retry-delay = "1s"
            retry-factor = 1.5
            retry-delay-max = "1m"
            no-retry-exit-codes = [2]
            drain-timeout = "5s"
            """#,
            [
                Found(
                    "3:1+11 error",
                    #"`max-retries` is for scheduled ones, and "web" is a daemon"#,
                    help: "`restart` and `max-restarts` do that here"),
                Found(
                    "4:1+11 error",
                    #"`retry-delay` is for scheduled ones, and "web" is a daemon"#,
                    help: "`restart-delay` does that here"),
                Found(
                    "5:1+12 error",
                    #"`retry-factor` is for scheduled ones, and "web" is a daemon"#,
                    help: "`restart-factor` does that here"),
                Found(
                    "6:1+15 error",
                    #"`retry-delay-max` is for scheduled ones, and "web" is a daemon"#,
                    help: "`restart-delay-max` does that here"),
                Found(
                    "7:1+19 error",
                    #"`no-retry-exit-codes` is for scheduled ones, and "web" is a daemon"#,
                    help: "`success-exit-codes` and `restart` decide that here"),
                Found(
                    "8:1+13 error",
                    #"`drain-timeout` is for scheduled ones, and "web" is a daemon"#,
                    help: "`stop-timeout` is how long its end may take"),
            ]),
        Case(
            #"""
            overlap = "skip"
            run-on-start = true
            jitter = "1s"
            """#,
            [
                Found(
                    "3:1+7 error",
                    #"`overlap` is for scheduled ones, and "web" is a daemon"#,
                    help: "a schedule is what it belongs to: `cron` or `interval`"),
                Found(
                    "4:1+12 error",
                    #"`run-on-start` is for scheduled ones, and "web" is a daemon"#,
                    help: "a daemon or a task runs when reeve starts"),
                Found(
                    "5:1+6 error",
                    #"`jitter` is for scheduled ones, and "web" is a daemon"#,
                    help: "a schedule is what it belongs to: `cron` or `interval`"),
            ]),
        Case(
            #"""
            kind = "scheduled"
            restart = "never"
            restart-delay = "1s"
            ready = "spawn"
            when-exhausted = "fail"
            """#,
            [
                Found(
                    "1:13+3 error",
                    "[schedulers.web] is a scheduled one without a schedule",
                    help: #"add cron = "*/15 * * * *" or interval = "15m""#),
                Found(
                    "4:1+7 error",
                    #"`restart` is for daemons and tasks, and "web" is a scheduled one"#,
                    help: "`max-retries` does that for a scheduled one"),
                Found(
                    "5:1+13 error",
                    #"`restart-delay` is for daemons and tasks, and "web" is a scheduled one"#,
                    help: "`retry-delay` does that for a scheduled one"),
                Found(
                    "6:1+5 error",
                    #"`ready` is for daemons and tasks, and "web" is a scheduled one"#,
                    help: "a scheduled one is ready by having a next occurrence"),
                Found(
                    "7:1+14 error",
                    #"`when-exhausted` is for daemons and tasks, and "web" is a scheduled one"#,
                    help: "the schedule of a scheduled one goes on in any case"),
            ]),
        Case(
            #"""
            kind = "daemon"
            interval = "5m"
            """#,
            [
                Found(
                    "3:8+8 error",
                    #"kind says "daemon", but a schedule makes it a scheduled one"#,
                    help: "leave out `kind`, or the `cron` or `interval`")
            ]),
        Case(
            #"""
            kind = "task"
            max-retries = 1
            """#,
            [
                Found(
                    "4:1+11 error",
                    #"`max-retries` is for scheduled ones, and "web" is a task"#,
                    help: "`restart` and `max-restarts` do that here")
            ]),
    ]

    @Test(arguments: misfits)
    func `a key that does not fit the kind is refused, with the one that does`(_ example: Case) {
        example.check()
    }

    private static let later: [Case] = [
        Case(
            whole: #"""
                [reeve]
                include = "x.toml"
                orphans = "adpot"
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:1+7 error",
                    "`include` is not in this version of reeve yet",
                    help: "leave it out"),
                Found(
                    "2:11+8 error",
                    #"`include` is an array; each element is a path, but this is "#
                        + #"the text "x.toml""#,
                    help: #"write it as `include = ["x.toml"]`"#),
                Found(
                    "3:1+7 error",
                    "`orphans` is not in this version of reeve yet",
                    help: "leave it out"),
                Found(
                    "3:11+7 error",
                    #"`orphans` is one of "adopt", "stop", and "adpot" is not"#,
                    help: #"did you mean "adopt"?"#),
            ]),
        Case(
            "limits = { nofle = 3 }",
            [
                Found(
                    "3:12+5 error",
                    "`limits` has no field `nofle`",
                    help: "did you mean `nofile`?")
            ]),
        Case(
            #"limits = { nofile = 1024, core = "unlimited" }"#, []),
        Case(
            #"""
            limits = { nofile = true, cpu = -1 }
            log-tail = false
            """#,
            [
                Found(
                    "3:21+4 error",
                    #"`nofile` is a number, "unlimited", or "SOFT:HARD", but this is the boolean true"#,
                    help: #"write it as `nofile = "1024:4096"`"#),
                Found(
                    "3:33+2 error",
                    #"`cpu` is a number, "unlimited", or "SOFT:HARD", but this is the whole number -1"#,
                    help: #"write it as `cpu = "10m"`"#),
                Found(
                    "4:12+5 error",
                    #"`log-tail` is a size or "none", but this is the boolean false"#,
                    help: #"write it as `log-tail = "64kB"`"#),
            ]),
        Case(
            "limits = 1024",
            [
                Found(
                    "3:10+4 error",
                    "`limits` is a table, but this is the whole number 1024",
                    help: #"write it as `limits = { nofile = "1024:4096" }`"#)
            ]),
        Case(
            whole: #"""
                [reeve]
                syslog = true
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:10+4 error",
                    "`syslog` is an absolute path, but this is the boolean true",
                    help: #"write it as `syslog = "/dev/log"`"#)
            ]),
        Case(
            "cleanup = {}",
            [
                Found(
                    "3:11+2 error",
                    "`cleanup` needs exactly one of `signal`, `exec`",
                    help: #"write it as `cleanup = { signal = "USR1" }`"#)
            ]),
        Case(
            #"""
            nice = 40
            user = ""
            umask = "0888"
            """#,
            [
                Found(
                    "3:8+2 error",
                    "`nice` is from -20 to 19, and 40 is not"),
                Found(
                    "4:8+2 error",
                    "`user` is empty",
                    help: "leave the key out where it has no value"),
                Found(
                    "5:9+6 error",
                    #"`umask` is an octal mode up to "0777", and "0888" is not"#,
                    help: #"write it as `umask = "0027"`"#),
            ]),
        Case(
            #"""
            secrets = { A = 1 }
            env-file = 3
            """#,
            [
                Found(
                    "3:13+1 error",
                    "the secret `A` names a file, and this is no path",
                    help: "secrets are read from files, their values do not belong here: "
                        + #"`A = "/run/secrets/NAME"`"#),
                Found(
                    "4:12+1 error",
                    "`env-file` is a path or an array; each element is a path, but "
                        + "this is the whole number 3",
                    help: #"write it as `env-file = "/etc/default/app"`"#),
            ]),
        Case(
            #"""
            interval = 30000
            starts-at = true
            """#,
            [
                Found(
                    "3:12+5 error",
                    "`interval` is a duration, but this is the number 30000 without a unit",
                    help: #"write "30000ms" for milliseconds or "30000s" for seconds"#),
                Found(
                    "4:13+4 error",
                    "`starts-at` is a date and time, but this is the boolean true",
                    help: "write it as `starts-at = 2026-12-31T23:59:00Z`"),
            ]),
        Case(
            whole: #"""
                [alerts]
                error-rate = 2
                [gateway]
                lisen = "x"
                webhooks = [{ url = "https://example.org", format = "jsn" }, {}]
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:14+1 error",
                    "`error-rate` is from 0.0 to 1.0, and 2.0 is not"),
                Found(
                    "4:1+5 error",
                    "[gateway] has no key `lisen`",
                    help: "did you mean `listen`?"),
                Found(
                    "5:1+8 error", "`webhooks` is not in this version of reeve yet",
                    help: "leave it out"),
                Found(
                    "5:53+5 error",
                    #"`format` is one of "json", "slack", "alertmanager", and "jsn" is not"#,
                    help: #"did you mean "json"?"#),
                Found(
                    "5:62+2 error",
                    "`webhooks` needs `url`",
                    help: #"write it as `webhooks = { url = "some text" }`"#),
            ]),
    ]

    @Test(arguments: later)
    func `a key of a later version is refused, and validated all the same`(_ example: Case) {
        example.check()
    }
}
