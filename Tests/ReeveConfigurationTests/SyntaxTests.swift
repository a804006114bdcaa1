// SPDX-License-Identifier: Apache-2.0

import Testing

/// What is no TOML, in words of a configuration; the rest of the file is read all the same.
@Suite struct SyntaxTests {
    private static let values: [Case] = [
        Case(
            "restart = never",
            [
                Found(
                    "3:11+5 error",
                    "this is not TOML: `never` is no value",
                    help: #"text, durations, sizes and modes are written in quotes: "never""#)
            ]),
        Case(
            "stop-timeout = 30s # x",
            [
                Found(
                    "3:16+3 error",
                    "this is not TOML: `30s` is no value",
                    help: #"text, durations, sizes and modes are written in quotes: "30s""#)
            ]),
        Case(
            "enabled = yes",
            [
                Found(
                    "3:11+3 error",
                    "this is not TOML: `yes` is no value",
                    help: "write true, without quotes and in small letters")
            ]),
        Case(
            "enabled = False",
            [
                Found(
                    "3:11+5 error",
                    "this is not TOML: `False` is no value",
                    help: "write false, without quotes and in small letters")
            ]),
        Case(
            "control-mode = 0600",
            [
                Found(
                    "3:16+4 error",
                    "this is not TOML: `0600` is no value",
                    help: #"text, durations, sizes and modes are written in quotes: "0600""#)
            ]),
        Case(
            #"stop-command = ["a", b]"#,
            [
                Found(
                    "3:22+1 error",
                    "this is not TOML: `b` is no value",
                    help: #"text, durations, sizes and modes are written in quotes: "b""#)
            ]),
        Case(
            "error-threshold = 99999999999999999999999",
            [
                Found(
                    "3:19+23 error",
                    "this is not TOML: `99999999999999999999999` is no value",
                    help: "it has too many digits")
            ]),
    ]

    @Test(arguments: values)
    func `a value without quotes is named, with quotes`(_ example: Case) {
        example.check()
    }

    private static let strings: [Case] = [
        Case(
            #"""
            description = "abc
            stop-timeout = 3
            """#,
            [
                Found(
                    "3:19+1 error",
                    "this is not TOML: a text is not closed",
                    help: "end it with the quote it began with"),
                Found(
                    "4:16+1 error",
                    "`stop-timeout` is a duration, but this is the number 3 without a unit",
                    help: #"write "3ms" for milliseconds or "3s" for seconds"#),
            ]),
        Case(
            "description = 'abc",
            [
                Found(
                    "3:19+1 error",
                    "this is not TOML: a text is not closed",
                    help: "end it with the quote it began with")
            ]),
        Case(
            #"""
            description = """abc
            stop-timeout = 3
            """#,
            [
                Found(
                    "4:17+1 error",
                    "this is not TOML: a text is not closed",
                    help: "end it with the quote it began with")
            ]),
        Case(
            #"description = "a\qb""#,
            [
                Found(
                    "3:18+1 error",
                    #"this is not TOML: in the string, unknown escape sequence '\q'"#,
                    help: #"in double quotes a backslash is written \\; single "#
                        + #"quotes take text as it is"#)
            ]),
    ]

    @Test(arguments: strings)
    func `a text that is not closed, or holds what it may not, is told`(_ example: Case) {
        example.check()
    }

    private static let structure: [Case] = [
        Case(
            "just text",
            [
                Found(
                    "3:6+1 error",
                    "this is not TOML: in the key-value pair, expected '=', saw 't'",
                    help: "a line is KEY = VALUE, a header [TABLE] or # a comment")
            ]),
        Case(
            "= 3",
            [
                Found(
                    "3:1+1 error",
                    "this is not TOML: in the root table, expected keys, tables, "
                        + "whitespace or comments, saw '='",
                    help: "a line is KEY = VALUE, a header [TABLE] or # a comment")
            ]),
        Case(
            "x = 1 y = 2",
            [
                Found(
                    "3:7+1 error",
                    "this is not TOML: in the key-value pair, expected a comment "
                        + "or whitespace, saw 'y'",
                    help: "a line is KEY = VALUE, a header [TABLE] or # a comment")
            ]),
        Case(
            "stop-timeout =",
            [
                Found(
                    "3:15+1 error",
                    "this is not TOML: in the key-value pair, encountered end-of-file",
                    help: "the file ends too early: look for a quote or a bracket "
                        + "that is not closed")
            ]),
        Case(
            #"""
            [schedulers
            oops = 1
            """#,
            [
                Found(
                    "3:12+1 error",
                    #"this is not TOML: in the table header, expected ']', saw '\n'"#,
                    help: "a header is a line such as [schedulers.web]")
            ]),
        Case(
            #"stop-command = ["a" "b"]"#,
            [
                Found(
                    "3:21+1 error",
                    #"this is not TOML: in the array, expected comma or closing ']', saw '"'"#,
                    help: #"elements are separated by commas, and a bracket ends "#
                        + #"the array: ["a", "b"]"#)
            ]),
        Case(
            #"""
            environment = { A = "1",
            B = "2" }
            """#,
            [
                Found(
                    "3:25+1 error",
                    #"this is not TOML: in the inline table, expected key or "#
                        + #"closing '}', saw '\n'"#,
                    help: "a table in braces is written on one line")
            ]),
    ]

    @Test(arguments: structure)
    func `what is missing in a line or a header is told`(_ example: Case) {
        example.check()
    }

    private static let repetition: [Case] = [
        Case(
            #"""
            description = "x"
            description = "y"
            """#,
            [
                Found(
                    "4:1+11 error",
                    "the key `description` is in this table already",
                    help: "keep one of the two lines")
            ]),
        Case(
            #"""
            [schedulers.web]
            description = "y"
            """#,
            [
                Found(
                    "3:1+16 error",
                    "the table `[schedulers.web]` is in the file already",
                    help: "write all keys of a table below one header")
            ]),
        Case(
            #"""
            environment.A = "1"
            environment = {}
            """#,
            [
                Found(
                    "4:1+11 error",
                    "the key `environment` is in this table already",
                    help: "keep one of the two lines")
            ]),
    ]

    @Test(arguments: repetition)
    func `what is there twice is told`(_ example: Case) {
        example.check()
    }

    private static let others: [Case] = [
        Case(
            #"""
            description = "abc
            stop-timeot = "3s"
            [schedulers.b]
            command = "x"
            dependencies = ["nobody"]
            """#,
            [
                Found(
                    "3:19+1 error",
                    "this is not TOML: a text is not closed",
                    help: "end it with the quote it began with"),
                Found(
                    "4:1+11 error",
                    "[schedulers.web] has no key `stop-timeot`",
                    help: "did you mean `stop-timeout`?"),
                Found(
                    "7:17+8 error",
                    #""b" depends on "nobody", and there is no such scheduler"#),
            ]),
        Case(
            whole: #"""
                [schedulers.a
                command = "x"
                [schedulers.b]
                command = "x"
                dependencies = ["a"]
                stop-timeot = "3s"
                """#,
            [
                Found(
                    "1:14+1 error",
                    #"this is not TOML: in the table header, expected ']', saw '\n'"#,
                    help: "a header is a line such as [schedulers.web]"),
                Found(
                    "6:1+11 error",
                    "[schedulers.b] has no key `stop-timeot`",
                    help: "did you mean `stop-timeout`?"),
            ]),
        Case(
            whole: #"""
                [schedulers.b]
                command = x
                """#,
            [
                Found(
                    "2:11+1 error",
                    "this is not TOML: `x` is no value",
                    help: #"text, durations, sizes and modes are written in quotes: "x""#)
            ]),
        Case(
            #"""
            stop-command = ["a",
              b,
              "c"]
            oops = 1
            """#,
            [
                Found(
                    "4:3+1 error",
                    "this is not TOML: `b` is no value",
                    help: #"text, durations, sizes and modes are written in quotes: "b""#),
                Found(
                    "6:1+4 error",
                    "[schedulers.web] has no key `oops`"),
            ]),
        Case(
            #"""
            stop-command = ["a",
            description = "b"
            oops = 1
            """#,
            [
                Found(
                    "4:1+1 error",
                    "this is not TOML: a bracket that was opened above is not "
                        + "closed before this",
                    help: "look for a missing comma, ] or }")
            ]),
        Case(
            #"""
            enabled = yes
            stop-timeout = 30s
            restart = never
            """#,
            [
                Found(
                    "3:11+3 error",
                    "this is not TOML: `yes` is no value",
                    help: "write true, without quotes and in small letters"),
                Found(
                    "4:16+3 error",
                    "this is not TOML: `30s` is no value",
                    help: #"text, durations, sizes and modes are written in quotes: "30s""#),
                Found(
                    "5:11+5 error",
                    "this is not TOML: `never` is no value",
                    help: #"text, durations, sizes and modes are written in quotes: "never""#),
            ]),
    ]

    @Test(arguments: others)
    func `errors after an error of syntax are found, and those it causes are not reported`(
        _ example: Case
    ) {
        example.check()
    }

    private static let depth: [Case] = [
        Case(
            "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r = 1",
            [
                Found(
                    "3:1+1 error",
                    "this line has more than 16 dots outside of quotes; no key of "
                        + "reeve is that deep",
                    help: "put a name that holds dots in quotes")
            ]),
        Case(
            #"description = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t" # "#
                + #"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s"#,
            []),
    ]

    @Test(arguments: depth)
    func `a line with more dots than any key has is not given to the parser`(_ example: Case) {
        example.check()
    }
}
