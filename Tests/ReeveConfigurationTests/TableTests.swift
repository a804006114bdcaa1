// SPDX-License-Identifier: Apache-2.0

import Testing

/// Headers, names and what a file has to have.
@Suite struct TableTests {
    private static let tables: [Case] = [
        Case(
            whole: #"""
                [scheduler.web]
                command = "x"
                """#,
            [
                Found(
                    "1:2+9 error",
                    "there is no table [scheduler]",
                    help: "did you mean [schedulers]?")
            ]),
        Case(
            whole: #"""
                [web]
                command = "x"
                """#,
            [
                Found(
                    "1:2+3 error",
                    "there is no table [web]",
                    help: "a scheduler's header is [schedulers.web]")
            ]),
        Case(
            whole: #"""
                [gatewai]
                x = 1
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "1:2+7 error",
                    "there is no table [gatewai]",
                    help: "did you mean [gateway]?")
            ]),
        Case(
            whole: #"""
                [nonsense]
                x = 1
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "1:2+8 error",
                    "there is no table [nonsense]",
                    help: "there are [reeve], [defaults], [schedulers.NAME], [alerts] and [gateway]"
                )
            ]),
        Case(
            whole: #"""
                reeve = 3
                schedulers = 4
                """#,
            [
                Found(
                    "1:1+5 error",
                    "`reeve` is a table, but this is the whole number 3",
                    help: "write it as a header: [reeve]"),
                Found(
                    "2:1+10 error",
                    "`schedulers` is a table, but this is the whole number 4",
                    help: "write a header with a name for each: [schedulers.web]"),
            ]),
        Case(
            whole: #"""
                [[schedulers]]
                command = "x"
                """#,
            [
                Found(
                    "1:3+10 error",
                    "`schedulers` is a table, but this is an array",
                    help: "write a header with a name for each: [schedulers.web]")
            ]),
        Case(
            whole: #"""
                [[schedulers.a]]
                command = "x"
                """#,
            [
                Found(
                    "1:14+1 error",
                    "[schedulers] holds tables only, but `a` is an array",
                    help: "write a header: [schedulers.a]")
            ]),
        Case(
            whole: #"""
                [schedulers]
                command = "x"
                a = "y"
                """#,
            [
                Found(
                    "2:1+7 error",
                    #"[schedulers] holds tables only, but `command` is the text "x""#,
                    help: "write it below the header of one scheduler, or below "
                        + "[defaults] for all"),
                Found(
                    "3:1+1 error",
                    #"[schedulers] holds tables only, but `a` is the text "y""#,
                    help: "write a header: [schedulers.a]"),
            ]),
        Case(
            whole: #"""
                [schedulers.web.api]
                command = "x"
                """#,
            [
                Found(
                    "1:17+3 error",
                    "[schedulers.web] has no key `api`",
                    help: #"a name with a dot in it is written in quotes: "#
                        + #"[schedulers."web.api"]"#)
            ]),
    ]

    @Test(arguments: tables)
    func `a table that there is not is refused, with the one that was meant`(_ example: Case) {
        example.check()
    }

    private static let names: [Case] = [
        Case(
            whole: #"""
                [schedulers."Web App"]
                command = "x"
                [schedulers."-"]
                command = "x"
                [schedulers.""]
                command = "x"
                [schedulers.Web]
                command = "x"
                """#,
            [
                Found(
                    "1:13+9 error",
                    #""Web App" is no name for a scheduler"#,
                    help: "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and "
                        + "begins with a letter or digit: web-app"),
                Found(
                    "3:13+3 error",
                    #""-" is no name for a scheduler"#,
                    help: "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and "
                        + "begins with a letter or digit"),
                Found(
                    "5:13+2 error",
                    #""" is no name for a scheduler"#,
                    help: "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and "
                        + "begins with a letter or digit"),
                Found(
                    "7:13+3 error",
                    #""Web" is no name for a scheduler"#,
                    help: "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and "
                        + "begins with a letter or digit: web"),
            ]),
        Case(
            whole: #"""
                [schedulers.aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg]
                command = "x"
                """#,
            [
                Found(
                    "1:13+64 error",
                    #""aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffff…" "#
                        + #"is no name for a scheduler"#,
                    help: "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and "
                        + "begins with a letter or digit: "
                        + "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg")
            ]),
        Case(
            whole: #"""
                [schedulers.health]
                command = "x"
                [schedulers.start-all]
                command = "x"
                [schedulers.stop-all]
                command = "x"
                """#,
            [
                Found(
                    "1:13+6 error",
                    #""health" is reserved: the HTTP interface needs it for itself"#,
                    help: #"choose another name, such as "my-health""#),
                Found(
                    "3:13+9 error",
                    #""start-all" is reserved: the HTTP interface needs it for itself"#,
                    help: #"choose another name, such as "my-start-all""#),
                Found(
                    "5:13+8 error",
                    #""stop-all" is reserved: the HTTP interface needs it for itself"#,
                    help: #"choose another name, such as "my-stop-all""#),
            ]),
    ]

    @Test(arguments: names)
    func `a name that breaks the rule or is reserved is refused`(_ example: Case) {
        example.check()
    }

    private static let empty: [Case] = [
        Case(
            whole: "",
            [
                Found(
                    "- error",
                    "there is no scheduler in this file, so there is nothing to run",
                    help: #"write a header [schedulers.NAME], and below it command "#
                        + #"= ["PROGRAM"]"#)
            ]),
        Case(
            whole: "# only a comment",
            [
                Found(
                    "- error",
                    "there is no scheduler in this file, so there is nothing to run",
                    help: #"write a header [schedulers.NAME], and below it command "#
                        + #"= ["PROGRAM"]"#)
            ]),
        Case(
            whole: #"""
                [reeve]
                log-level = "debug"
                """#,
            [
                Found(
                    "- error",
                    "there is no scheduler in this file, so there is nothing to run",
                    help: #"write a header [schedulers.NAME], and below it command "#
                        + #"= ["PROGRAM"]"#)
            ]),
        Case(
            whole: #"""
                [defaults]
                restart-delay = "1s"
                """#,
            [
                Found(
                    "- error",
                    "there is no scheduler in this file, so there is nothing to run",
                    help: #"write a header [schedulers.NAME], and below it command "#
                        + #"= ["PROGRAM"]"#)
            ]),
        Case(
            whole: #"""
                [schedulers.a]
                command = "x"
                enabled = false
                """#,
            [
                Found(
                    "- warning",
                    "every scheduler is disabled, so reeve starts none",
                    help: "remove enabled = false where it should run")
            ]),
        Case(
            whole: #"""
                [schedulers.a]
                description = "no command"
                """#,
            [
                Found(
                    "1:13+1 error",
                    "[schedulers.a] has no `command`, so there is nothing to execute",
                    help: #"add command = ["/usr/bin/app", "--flag"]"#)
            ]),
        Case(
            whole: #"""
                [schedulers.a]
                comand = "x"
                """#,
            [
                Found(
                    "2:1+6 error",
                    "[schedulers.a] has no key `comand`",
                    help: "did you mean `command`?")
            ]),
    ]

    @Test(arguments: empty)
    func `a file that starts nothing is refused, or warned of`(_ example: Case) {
        example.check()
    }

    private static let several: [Case] = [
        Case(
            whole: #"""
                [reeve]
                log-level = "loud"
                nonsense = 1
                [defaults]
                stop-timeout = 5
                [schedulers.a]
                command = "x"
                restart = "always!"
                dependencies = ["c"]
                [schedulers.b]
                command = []
                [schedulers.B]
                command = 1
                """#,
            [
                Found(
                    "2:13+6 error",
                    #"`log-level` is one of "info", "error", "warning", "debug", "#
                        + #"and "loud" is not"#),
                Found(
                    "3:1+8 error",
                    "[reeve] has no key `nonsense`"),
                Found(
                    "5:16+1 error",
                    "`stop-timeout` is a duration, but this is the number 5 without a unit",
                    help: #"write "5ms" for milliseconds or "5s" for seconds"#),
                Found(
                    "8:11+9 error",
                    #"`restart` is one of "always", "on-failure", "never", and "#
                        + #""always!" is not"#,
                    help: #"did you mean "always"?"#),
                Found(
                    "9:17+3 error",
                    #""a" depends on "c", and there is no such scheduler"#),
                Found(
                    "11:11+2 error",
                    "`command` is empty: there is nothing to execute",
                    help: #"write it as `command = ["/usr/bin/app", "--flag"]`"#),
                Found(
                    "12:13+1 error",
                    #""B" is no name for a scheduler"#,
                    help: "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and "
                        + "begins with a letter or digit: b"),
                Found(
                    "13:11+1 error",
                    "`command` is an array of words, or text for /bin/sh, but this "
                        + "is the whole number 1",
                    help: #"write it as `command = ["/usr/bin/app", "--flag"]`"#),
            ])
    ]

    @Test(arguments: several)
    func `all errors of a file are reported, in the order of the file`(_ example: Case) {
        example.check()
    }

    private static let repeated: [Case] = [
        Case(
            whole: #"""
                [defaults]
                restart-delay = 1
                [schedulers.a]
                command = "x"
                [schedulers.b]
                command = "x"
                """#,
            [
                Found(
                    "2:17+1 error",
                    "`restart-delay` is a duration, but this is the number 1 without a unit",
                    help: #"write "1ms" for milliseconds or "1s" for seconds"#)
            ]),
        Case(
            whole: #"""
                [defaults]
                restart-delay = "50ms"
                [schedulers.a]
                command = "x"
                [schedulers.b]
                command = "x"
                """#,
            [
                Found(
                    "2:17+6 warning",
                    "restart-delay is 50ms, but two starts of one scheduler are "
                        + "always at least 100ms apart",
                    help: #"write "100ms" or more"#)
            ]),
        Case(
            whole: #"""
                [defaults]
                restart-delay = "2s"
                timeout = "3s"
                [schedulers.a]
                command = "x"
                restart-delay = "2s"
                """#,
            [
                Found(
                    "3:1+7 warning",
                    "no scheduler of this file takes `timeout` from [defaults]",
                    help: "it is for tasks and scheduled ones"),
                Found(
                    "6:1+13 warning",
                    "`restart-delay` has this value from [defaults] already (line 2)",
                    help: "one of the two lines is enough"),
            ]),
        Case(
            whole: #"""
                [defaults]
                timeout = "3s"
                [schedulers.a]
                kind = "task"
                command = "x"
                """#,
            []),
    ]

    @Test(arguments: repeated)
    func `what [defaults] says is reported once, and what it says in vain is a warning`(
        _ example: Case
    ) {
        example.check()
    }
}
