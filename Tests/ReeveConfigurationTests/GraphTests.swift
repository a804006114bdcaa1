// SPDX-License-Identifier: Apache-2.0

import Testing

/// Who waits for whom, and the settings that have to agree.
@Suite struct GraphTests {
    private static let dependencies: [Case] = [
        Case(
            #"dependencies = "db""#,
            [
                Found(
                    "3:16+4 error",
                    #"`dependencies` is an array of schedulers, but this is the text "db""#,
                    help: #"write it as `dependencies = ["db"]`"#)
            ]),
        Case(
            #"dependencies = ["web"]"#,
            [
                Found(
                    "3:17+5 error",
                    #""web" depends on itself, so it could never start"#,
                    help: "leave it out")
            ]),
        Case(
            #"dependencies = ["wbe"]"#,
            [
                Found(
                    "3:17+5 error",
                    #""web" depends on "wbe", and there is no such scheduler"#,
                    help: #"did you mean "web"?"#)
            ]),
        Case(
            #"dependencies = ["something-else"]"#,
            [
                Found(
                    "3:17+16 error",
                    #""web" depends on "something-else", and there is no such scheduler"#)
            ]),
        Case(
            #"dependencies = [3, ["a"]]"#,
            [
                Found(
                    "3:17+1 error",
                    "a dependency is the name of a scheduler or a table, but this "
                        + "is the whole number 3",
                    help: #"write "database" or { name = "database" }"#),
                Found(
                    "3:20+5 error",
                    "a dependency is the name of a scheduler or a table, but this is an array",
                    help: #"write "database" or { name = "database" }"#),
            ]),
        Case(
            #"dependencies = [{ condition = "ready" }]"#,
            [
                Found(
                    "3:17+23 error",
                    "a dependency needs the `name` of a scheduler",
                    help: #"write { name = "database", condition = "healthy" }"#)
            ]),
        Case(
            #"dependencies = [{ name = "x", condition = "helthy", on-failure = 3, "#
                + #"on-fail = "stop" }]"#,
            [
                Found(
                    "3:43+8 error",
                    #"`condition` is one of "healthy", "ready", "started", "#
                        + #""completed", and "helthy" is not"#,
                    help: #"did you mean "healthy"?"#),
                Found(
                    "3:66+1 error",
                    #"`on-failure` is one of "stop", "restart", "ignore", but this "#
                        + #"is the whole number 3"#,
                    help: #"write it as `on-failure = "stop"`"#),
                Found(
                    "3:69+7 error",
                    "`dependencies` has no field `on-fail`",
                    help: "did you mean `on-failure`?"),
            ]),
        Case(
            #"dependencies = ["a", { name = "a" }]"#,
            [
                Found(
                    "3:31+3 error",
                    #""a" is a dependency twice"#,
                    help: "keep one of the two")
            ]),
        Case(
            whole: #"""
                [schedulers.a]
                command = "x"
                [schedulers.b]
                command = "x"
                dependencies = ["c", { name = "b" }, { name = "aa" }]
                """#,
            [
                Found(
                    "5:17+3 error",
                    #""b" depends on "c", and there is no such scheduler"#),
                Found(
                    "5:31+3 error",
                    #""b" depends on itself, so it could never start"#,
                    help: "leave it out"),
                Found(
                    "5:47+4 error",
                    #""b" depends on "aa", and there is no such scheduler"#,
                    help: #"did you mean "a"?"#),
            ]),
    ]

    @Test(arguments: dependencies)
    func `a dependency is the name of another scheduler`(_ example: Case) {
        example.check()
    }

    private static let circles: [Case] = [
        Case(
            whole: #"""
                [schedulers.a]
                command = "x"
                dependencies = ["b"]
                [schedulers.b]
                command = "x"
                dependencies = ["a"]
                """#,
            [
                Found(
                    "6:17+3 error",
                    "these wait for each other, so none could start: a -> b -> a",
                    help: "take one of these dependencies out")
            ]),
        Case(
            whole: #"""
                [schedulers.a]
                command = "x"
                dependencies = ["b"]
                [schedulers.b]
                command = "x"
                dependencies = [{ name = "c" }]
                [schedulers.c]
                command = "x"
                dependencies = ["d", "a"]
                [schedulers.d]
                command = "x"
                dependencies = ["c"]
                """#,
            [
                Found(
                    "9:22+3 error",
                    "these wait for each other, so none could start: a -> b -> c -> a",
                    help: "take one of these dependencies out"),
                Found(
                    "12:17+3 error",
                    "these wait for each other, so none could start: c -> d -> c",
                    help: "take one of these dependencies out"),
            ]),
        Case(
            whole: #"""
                [schedulers.a]
                command = "x"
                dependencies = ["b", "c"]
                [schedulers.b]
                command = "x"
                dependencies = ["d"]
                [schedulers.c]
                command = "x"
                dependencies = ["d"]
                [schedulers.d]
                command = "x"
                """#,
            []),
        Case(
            whole: #"""
                [defaults]
                dependencies = ["a"]
                [schedulers.a]
                command = "x"
                [schedulers.b]
                command = "x"
                """#,
            []),
    ]

    @Test(arguments: circles)
    func `a circle of dependencies is named in full`(_ example: Case) {
        example.check()
    }

    private static let phases: [Case] = [
        Case(
            whole: #"""
                [schedulers.a]
                command = "x"
                priority = 10
                dependencies = ["b"]
                [schedulers.b]
                command = "x"
                priority = 5
                dependencies = ["c"]
                [schedulers.c]
                command = "x"
                """#,
            [
                Found(
                    "3:12+2 warning",
                    #""a" has priority 10, which is phase 1, but starts in phase 4, "#
                        + #"because it depends on "b""#,
                    help: #"give "b" a priority of at least 10"#),
                Found(
                    "7:12+1 warning",
                    #""b" has priority 5, which is phase 2, but starts in phase 4, "#
                        + #"because it depends on "c""#,
                    help: #"give "c" a priority of at least 5"#),
            ]),
        Case(
            whole: #"""
                [defaults]
                priority = 10
                [schedulers.a]
                command = "x"
                dependencies = ["b"]
                [schedulers.b]
                command = "x"
                priority = 4
                """#,
            [
                Found(
                    "2:12+2 warning",
                    #""a" has priority 10, which is phase 1, but starts in phase 3, "#
                        + #"because it depends on "b""#,
                    help: #"give "b" a priority of at least 10"#)
            ]),
        Case(
            whole: #"""
                [reeve]
                staggered-startup = false
                [schedulers.a]
                command = "x"
                priority = 10
                dependencies = ["b"]
                [schedulers.b]
                command = "x"
                """#,
            []),
    ]

    @Test(arguments: phases)
    func `a dependency that moves a scheduler to a later phase is a warning`(_ example: Case) {
        example.check()
    }

    private static let vain: [Case] = [
        Case(
            whole: #"""
                [schedulers.a]
                command = "x"
                dependencies = ["b", { name = "c", condition = "completed" }]
                [schedulers.b]
                command = "x"
                enabled = false
                [schedulers.c]
                command = "x"
                """#,
            [
                Found(
                    "3:17+3 warning",
                    #""a" depends on "b", which is disabled; it waits until "#
                        + #"somebody starts that"#,
                    help: "leave the dependency out, or enabled = false there"),
                Found(
                    "3:48+11 warning",
                    #""c" is a daemon that always restarts, so it never completes"#,
                    help: #"use condition = "healthy", or kind = "task" there"#),
            ])
    ]

    @Test(arguments: vain)
    func `a dependency that is hardly ever met is a warning`(_ example: Case) {
        example.check()
    }

    private static let exitWith: [Case] = [
        Case(
            whole: #"""
                [reeve]
                exit-with = "wbe"
                [schedulers.web]
                command = "x"
                restart = "never"
                """#,
            [
                Found(
                    "2:13+5 error",
                    #"exit-with names "wbe", and there is no such scheduler"#,
                    help: #"did you mean "web"?"#)
            ]),
        Case(
            whole: #"""
                [reeve]
                exit-with = "web"
                [schedulers.web]
                command = "x"
                """#,
            [
                Found(
                    "2:13+5 warning",
                    #"exit-with names "web", which always restarts, so its end is never final"#,
                    help: #"give it restart = "on-failure" or "never""#)
            ]),
        Case(
            whole: #"""
                [reeve]
                exit-with = "web"
                [schedulers.web]
                command = "x"
                restart = "on-failure"
                """#,
            []),
        Case(
            whole: #"""
                [reeve]
                exit-with = "web"
                [schedulers.web]
                command = "x"
                when-exhausted = "exit"
                """#,
            []),
        Case(
            whole: #"""
                [reeve]
                exit-with = "web"
                [schedulers.web]
                command = "x"
                interval = "1h"
                """#,
            [
                Found(
                    "2:13+5 warning",
                    #"exit-with names "web", which has a schedule, so its end is never final"#,
                    help: "name a daemon or a task, or leave exit-with out")
            ]),
    ]

    @Test(arguments: exitWith)
    func `exit-with names a scheduler that can end`(_ example: Case) {
        example.check()
    }

    private static let disagreements: [Case] = [
        Case(
            #"restart-delay = "50ms""#,
            [
                Found(
                    "3:17+6 warning",
                    "restart-delay is 50ms, but two starts of one scheduler are "
                        + "always at least 100ms apart",
                    help: #"write "100ms" or more"#)
            ]),
        Case(
            #"""
            restart-delay = "50ms"
            restart = "never"
            """#,
            []),
        Case(
            #"restart-delay = "2m""#,
            [
                Found(
                    "3:17+4 warning",
                    "restart-delay-max is 1m, shorter than restart-delay, 2m; "
                        + "every delay is 1m",
                    help: "make restart-delay-max longer or restart-delay shorter")
            ]),
        Case(
            #"restart-delay-max = "500ms""#,
            [
                Found(
                    "3:21+7 warning",
                    "restart-delay-max is 500ms, shorter than restart-delay, 1s; "
                        + "every delay is 500ms",
                    help: "make restart-delay-max longer or restart-delay shorter")
            ]),
        Case(
            #"""
            memory-threshold = "100MB"
            memory-hard-limit = "50MB"
            """#,
            [
                Found(
                    "4:21+6 warning",
                    "memory-hard-limit is 50MB, not above memory-threshold, 100MB; "
                        + "it is killed before the threshold has any effect",
                    help: "make memory-hard-limit larger, or leave out memory-threshold")
            ]),
        Case(
            #"stop-timeout = "40s""#,
            [
                Found(
                    "3:16+5 warning",
                    "stop-timeout is 40s, but a shutdown ends after graceful-timeout, 30s",
                    help: "make graceful-timeout in [reeve] longer")
            ]),
    ]

    @Test(arguments: disagreements)
    func `settings that contradict each other are warnings`(_ example: Case) {
        example.check()
    }
}
