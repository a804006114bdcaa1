// SPDX-License-Identifier: Apache-2.0

import Testing

/// What is executed and how it is ended, and the paths and modes of files.
@Suite struct ProgramTests {
    private static let signals: [Case] = [
        Case(
            #"stop-signal = "TREM""#,
            [
                Found(
                    "3:15+6 error",
                    #"`stop-signal` is the name of a signal, and "TREM" is not"#,
                    help: #"did you mean "TERM"?"#)
            ]),
        Case(
            #"stop-signal = "SIGFOO""#,
            [
                Found(
                    "3:15+8 error",
                    #"`stop-signal` is the name of a signal, and "SIGFOO" is not"#,
                    help: #"write it as `stop-signal = "TERM"`"#)
            ]),
        Case(
            "stop-signal = 0",
            [
                Found(
                    "3:15+1 error",
                    #"`stop-signal` is the name of a signal, and "0" is not"#,
                    help: #"write it as `stop-signal = "TERM"`"#)
            ]),
        Case(
            "stop-signal = 15",
            []),
        Case(
            "stop-signal = true",
            [
                Found(
                    "3:15+4 error",
                    "`stop-signal` is the name of a signal, but this is the boolean true",
                    help: #"write it as `stop-signal = "TERM"`"#)
            ]),
        Case(
            #"stop-signal = "STOP""#,
            [
                Found(
                    "3:15+6 warning",
                    "SIGSTOP ends no process, so each stop takes the whole stop-timeout, 10s",
                    help: #"use "TERM", "INT" or "QUIT""#)
            ]),
    ]

    @Test(arguments: signals)
    func `a signal has a name that there is`(_ example: Case) {
        example.check()
    }

    private static let exitCodes: [Case] = [
        Case(
            "success-exit-codes = 3",
            [
                Found(
                    "3:22+1 error",
                    "`success-exit-codes` is an array of exit codes, but this is "
                        + "the whole number 3",
                    help: "write it as `success-exit-codes = [3]`")
            ]),
        Case(
            "success-exit-codes = [256, -1]",
            [
                Found(
                    "3:23+3 error",
                    "an exit code is from 0 to 255, and 256 is not"),
                Found(
                    "3:28+2 error",
                    "an exit code is from 0 to 255, and -1 is not"),
            ]),
        Case(
            #"success-exit-codes = ["0", 1.0]"#,
            [
                Found(
                    "3:23+3 error",
                    #"an exit code is a whole number, but this is the text "0""#,
                    help: "write it as `success-exit-codes = [0, 143]`"),
                Found(
                    "3:28+3 error",
                    "an exit code is a whole number, but this is the number 1.0",
                    help: "write it as `success-exit-codes = [0, 143]`"),
            ]),
    ]

    @Test(arguments: exitCodes)
    func `exit codes are whole numbers from 0 to 255 in an array`(_ example: Case) {
        example.check()
    }

    private static let commands: [Case] = [
        Case(
            whole: #"""
                [schedulers.web]
                command = []
                """#,
            [
                Found(
                    "2:11+2 error",
                    "`command` is empty: there is nothing to execute",
                    help: #"write it as `command = ["/usr/bin/app", "--flag"]`"#)
            ]),
        Case(
            whole: #"""
                [schedulers.web]
                command = ""
                """#,
            [
                Found(
                    "2:11+2 error",
                    "`command` is empty: there is nothing to execute",
                    help: #"write it as `command = ["/usr/bin/app", "--flag"]`"#)
            ]),
        Case(
            whole: #"""
                [schedulers.web]
                command = " \t\n "
                """#,
            [
                Found(
                    "2:11+8 error",
                    "`command` is empty: there is nothing to execute",
                    help: #"write it as `command = ["/usr/bin/app", "--flag"]`"#)
            ]),
        Case(
            whole: #"""
                [schedulers.web]
                command = ["", "x"]
                """#,
            [
                Found(
                    "2:12+2 error",
                    "the first word of `command` is the program, and this is empty",
                    help: #"write it as `command = ["/usr/bin/app", "--flag"]`"#)
            ]),
        Case(
            whole: #"""
                [schedulers.web]
                command = ["x", 1, ["y"]]
                """#,
            [
                Found(
                    "2:17+1 error",
                    "each word of `command` is text, but this is the whole number 1",
                    help: #"put it in quotes: "1""#),
                Found(
                    "2:20+5 error",
                    "each word of `command` is text, but this is an array",
                    help: #"put it in quotes: "word""#),
            ]),
        Case(
            whole: #"""
                [schedulers.web]
                command = ["a\u0000b"]
                """#,
            [
                Found(
                    "2:12+10 error",
                    "`command` holds a NUL character, which no program can be given",
                    help: #"leave out the \u0000"#)
            ]),
        Case(
            whole: #"""
                [schedulers.web]
                command = "echo \u0000"
                """#,
            [
                Found(
                    "2:11+13 error",
                    "`command` holds a NUL character, which no program can be given",
                    help: #"leave out the \u0000"#)
            ]),
        Case(
            whole: #"""
                [schedulers.web]
                command = 3
                """#,
            [
                Found(
                    "2:11+1 error",
                    "`command` is an array of words, or text for /bin/sh, but this "
                        + "is the whole number 3",
                    help: #"write it as `command = ["/usr/bin/app", "--flag"]`"#)
            ]),
        Case(
            whole: #"""
                [schedulers.web]
                command = ["sleep 5"]
                """#,
            [
                Found(
                    "2:12+9 warning",
                    #"`command` has one word, so the program's name has blanks in "#
                        + #"it: "sleep 5""#,
                    help: "put each word in quotes of its own, or leave out the "
                        + "brackets for a shell")
            ]),
        Case(
            "stop-command = []",
            [
                Found(
                    "3:16+2 error",
                    "`stop-command` is empty: there is nothing to execute",
                    help: #"write it as `stop-command = ["/usr/bin/app", "--flag"]`"#)
            ]),
        Case(
            #"stop-command = { exec = "x" }"#,
            [
                Found(
                    "3:16+14 error",
                    "`stop-command` is an array of words, or text for /bin/sh, but "
                        + "this is a table",
                    help: #"write it as `stop-command = ["/usr/bin/app", "--flag"]`"#)
            ]),
    ]

    @Test(arguments: commands)
    func `a command has something to execute`(_ example: Case) {
        example.check()
    }

    private static let variables: [Case] = [
        Case(
            #"environment = ["A=1"]"#,
            [
                Found(
                    "3:15+7 error",
                    "`environment` is a table of text, but this is an array",
                    help: #"write it as `environment = { PORT = "8080" }`"#)
            ]),
        Case(
            #"environment = { "" = "x", "A=B" = "y", "C\u0000" = "z" }"#,
            [
                Found(
                    "3:17+2 error",
                    #""" is no name of a variable: it is empty, or holds = or NUL"#),
                Found(
                    "3:27+5 error",
                    #""A=B" is no name of a variable: it is empty, or holds = or NUL"#),
                Found(
                    "3:40+9 error",
                    #""C\u{0}" is no name of a variable: it is empty, or holds = or NUL"#),
            ]),
        Case(
            #"environment = { A = "x\u0000" }"#,
            [
                Found(
                    "3:21+9 error",
                    "`A` holds a NUL character, which no program can be given",
                    help: #"leave out the \u0000"#)
            ]),
        Case(
            "environment = { A = true, B = 8080, C = [1] }",
            [
                Found(
                    "3:21+4 error",
                    "a variable is text, but this is the boolean true",
                    help: #"put it in quotes: `A = "true"`"#),
                Found(
                    "3:31+4 error",
                    "a variable is text, but this is the whole number 8080",
                    help: #"put it in quotes: `B = "8080"`"#),
                Found(
                    "3:41+3 error",
                    "a variable is text, but this is an array",
                    help: #"put it in quotes: `C = "word"`"#),
            ]),
        Case(
            #"environment = { REEVE_RUN_ID = "x", REEVE_SCHEDULER = "y" }"#,
            [
                Found(
                    "3:17+12 error",
                    "`REEVE_RUN_ID` is set by reeve itself, for each run",
                    help: "leave it out"),
                Found(
                    "3:37+15 error",
                    "`REEVE_SCHEDULER` is set by reeve itself, for each run",
                    help: "leave it out"),
            ]),
    ]

    @Test(arguments: variables)
    func `variables have names, and values that are text`(_ example: Case) {
        example.check()
    }

    private static let paths: [Case] = [
        Case(
            #"working-directory = """#,
            [
                Found(
                    "3:21+2 error",
                    "`working-directory` is empty",
                    help: "leave the key out where it has no value")
            ]),
        Case(
            #"working-directory = "a\u0000b""#,
            [
                Found(
                    "3:21+10 error",
                    "`working-directory` holds a NUL character, which no program can be given",
                    help: #"leave out the \u0000"#)
            ]),
        Case(
            "working-directory = 3",
            [
                Found(
                    "3:21+1 error",
                    "`working-directory` is a path, but this is the whole number 3",
                    help: #"write it as `working-directory = "/srv/app"`"#)
            ]),
        Case(
            whole: #"""
                [reeve]
                runtime-directory = "run"
                state-directory = "~/state"
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:21+5 error",
                    #"`runtime-directory` is an absolute path, and "run" does not "#
                        + #"begin with a slash"#),
                Found(
                    "3:19+9 error",
                    #"`state-directory` is an absolute path, and "~/state" does not "#
                        + #"begin with a slash"#,
                    help: "there is no shell to replace ~ or $NAME"),
            ]),
    ]

    @Test(arguments: paths)
    func `a path is a text without NUL, absolute where the command line has to find it too`(
        _ example: Case
    ) {
        example.check()
    }

    private static let control: [Case] = [
        Case(
            whole: #"""
                [reeve]
                control-mode = 384
                control-group = -1
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:16+3 error",
                    "`control-mode` is an octal mode in quotes, but this is the "
                        + "whole number 384",
                    help: #"write it as `control-mode = "0660"`"#),
                Found(
                    "3:17+2 error",
                    "`control-group` is from 0 to 4294967294, and -1 is not"),
            ]),
        Case(
            whole: #"""
                [reeve]
                control-mode = "0999"
                control-group = ""
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:16+6 error",
                    #"`control-mode` is an octal mode up to "0777", and "0999" is not"#,
                    help: #"write it as `control-mode = "0660"`"#),
                Found(
                    "3:17+2 error",
                    "`control-group` is empty",
                    help: "leave the key out where it has no value"),
            ]),
        Case(
            whole: #"""
                [reeve]
                control-mode = "1777"
                control-group = 4294967295
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:16+6 error",
                    #"`control-mode` is an octal mode up to "0777", and "1777" is not"#,
                    help: #"write it as `control-mode = "0660"`"#),
                Found(
                    "3:17+10 error",
                    "`control-group` is from 0 to 4294967294, and 4294967295 is not"),
            ]),
        Case(
            whole: #"""
                [reeve]
                control-mode = "0666"
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:16+6 warning",
                    "control-mode lets every user of this machine control reeve",
                    help: #"use "0660" with a control-group"#)
            ]),
        Case(
            whole: #"""
                [reeve]
                control-mode = "0060"
                [schedulers.a]
                command = "x"
                """#,
            [
                Found(
                    "2:16+6 warning",
                    "control-mode keeps reeve's own user from its socket",
                    help: #"use "0600""#)
            ]),
    ]

    @Test(arguments: control)
    func `the control socket's mode and group are what chmod and chown take`(_ example: Case) {
        example.check()
    }
}
