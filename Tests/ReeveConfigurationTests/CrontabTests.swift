// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveConfiguration

@Suite struct CrontabTests {
    private func read(
        _ text: String, form: Crontab.Form = .user, user: String? = "root"
    ) -> CrontabOutcome {
        Crontab.read(Array(text.utf8), path: "crontab", form: form, user: user)
    }

    private func jobs(_ text: String, form: Crontab.Form = .user) throws -> [Crontab.Job] {
        try #require(read(text, form: form).crontab).jobs
    }

    /// "LINE:COLUMN SEVERITY" of each.
    private func places(_ outcome: CrontabOutcome) -> [String] {
        outcome.diagnostics.map {
            "\($0.location?.line ?? 0):\($0.location?.column ?? 0) \($0.severity.rawValue)"
        }
    }

    // MARK: Jobs

    @Test func `a job is five fields and the rest of the line`() throws {
        let found = try jobs(
            "\n# comment\n \t*/5\t0-3  1,2 * mon   /srv/a.sh  -x  \"y  z\"  # no comment\n")
        #expect(found.count == 1)
        #expect(found[0].schedule == "*/5 0-3 1,2 * mon")
        #expect(found[0].command == "/srv/a.sh  -x  \"y  z\"  # no comment")
        #expect(found[0].line == 3)
        #expect(found[0].input == nil && found[0].user == nil)
        #expect(found[0].name == "a.sh")
    }

    @Test func `nicknames stand for the five fields`() throws {
        let found = try jobs("@daily a\n@reboot b c\n@every 90s d e\n")
        #expect(found.map(\.schedule) == ["@daily", "@reboot", "@every 90s"])
        #expect(found.map(\.command) == ["a", "b c", "d e"])
    }

    @Test func `in the system's form a user comes before the command`() throws {
        let found = try jobs("17 * * * * root cd / && run-parts /etc/cron.hourly\n", form: .system)
        #expect(found[0].command == "cd / && run-parts /etc/cron.hourly")
        #expect(found[0].user == nil)
        #expect(found[0].name == "cron.hourly")
        #expect(Crontab.Form(path: "/etc/crontab") == .system)
        #expect(Crontab.Form(path: "/etc/cron.d/php") == .system)
        #expect(Crontab.Form(path: "/var/spool/cron/crontabs/www") == .user)
    }

    @Test func `a percent sign ends the command and begins its input`() {
        let table: [(String, String, String?)] = [
            ("echo a", "echo a", nil), ("cat%", "cat", ""), ("cat%a", "cat", "a\n"),
            ("cat%a%b", "cat", "a\nb\n"), ("cat%a%", "cat", "a\n"),
            (#"date +\%H"#, "date +%H", nil),
            (#"cat%\%a%b\%"#, "cat", "%a\nb%\n"), (#"a\\b\n"#, #"a\\b\n"#, nil),
            (#"a\\%b"#, #"a\%b"#, nil),
        ]
        for (line, command, input) in table {
            let percent = CrontabPercent(Array(line.utf8))
            #expect(percent.command == command, "\(line)")
            #expect(percent.input == input, "\(line)")
        }
    }

    @Test func `a line with a carriage return is read without it, and that is said`() throws {
        let crontab = try #require(read("* * * * * a\r\nA=b\r\n0 0 * * * c\r\n").crontab)
        #expect(crontab.jobs.map(\.command) == ["a", "c"])
        #expect(crontab.jobs[1].setting("A") == "b")
        #expect(crontab.differences.contains { $0.contains("carriage returns") })
    }

    // MARK: Settings

    @Test func `settings hold for the jobs below them`() throws {
        let found = try jobs("* * * * * a\nX=1\nY = 2\n* * * * * b\nX='3 '\n* * * * * c\n")
        #expect(found[0].environment == [])
        #expect(found[1].environment.map { "\($0.name)=\($0.value)" } == ["X=1", "Y=2"])
        #expect(found[2].environment.map { "\($0.name)=\($0.value)" } == ["Y=2", "X=3 "])
    }

    @Test func `settings are read as Debian's cron reads them`() throws {
        let table: [(String, String)] = [
            ("A=b c  ", "b c"), ("A = \" b \"", " b "), ("A='\"'", "\""), ("A=", ""),
            ("A=\"\"", ""),
            ("\"A\" = b", "b"), ("  A=b=c", "b=c"), ("A=\"b\" c", "\"b\" c"), ("A=it's", "it's"),
            ("A=\"b", "\"b"),
        ]
        for (line, value) in table {
            let found = try jobs(line + "\n* * * * * x\n")
            #expect(found[0].setting("A") == value, "\(line)")
        }
    }

    @Test func `a job whose command sets a variable is no setting`() throws {
        let found = try jobs("* * * * * A=b c\n@daily X=1 y\n")
        #expect(found.map(\.command) == ["A=b c", "X=1 y"])
        #expect(found.map(\.name) == ["c", "y"])
    }

    @Test func `what is not expanded or is no comment is warned of`() {
        #expect(places(read("A=$HOME/bin\n")) == ["1:1 warning"])
        #expect(places(read("A=b # c\nB='x # y'\n")) == ["1:1 warning"])
    }

    // MARK: Mistakes

    @Test func `every mistake is found, with its place`() {
        let outcome = read(
            "60 * * * * a\n\n  * * * 13 * y\nz\n1A=2\n@DAILY q\n- 1 * * * * w\n5/15 * * * * x\nCRON_TZ=No/Where\n"
        )
        #expect(outcome.crontab == nil)
        #expect(
            places(outcome) == [
                "1:1 error", "3:9 error", "4:1 error", "5:1 error", "6:1 error", "7:1 error",
                "8:1 error", "9:1 error",
            ])
    }

    @Test func `what Debian's cron never runs is left out with a warning`() throws {
        let outcome = read("0 22-2 * * * a\n0 0 * * fri-mon b\n0 0 * * * \n* * * * * c\n")
        #expect(places(outcome) == ["1:3 warning", "2:9 warning", "3:1 warning"])
        #expect(outcome.crontab?.jobs.map(\.command) == ["c"])
    }

    @Test func `a file that does not end with a line break is read, with a warning`() {
        let outcome = read("* * * * * a")
        #expect(places(outcome) == ["1:12 warning"])
        #expect(outcome.crontab?.jobs.count == 1)
        #expect(places(read("")) == [] && read("").crontab?.jobs.isEmpty == true)
    }

    @Test func `jobs of other users become theirs, in their homes`() throws {
        let machine = Machine(
            user: 0,
            passwd: """
                root:x:0:0:root:/root:/bin/bash
                backup:x:34:34:backup:/usr:/usr/sbin/nologin
                nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
                """, group: "", mountinfo: "")
        let text = """
            * * * * * backup a
            * * * * * root b
            * * * * * nobody c
            SHELL=/bin/bash
            HOME=/srv
            * * * * * backup d

            """
        let outcome = Crontab.read(
            Array(text.utf8), path: "crontab", form: .system, user: "root", machine: machine)
        #expect(outcome.diagnostics.isEmpty)
        let crontab = try #require(outcome.crontab)
        #expect(crontab.jobs.map(\.user) == ["backup", nil, "nobody", "backup"])
        #expect(crontab.jobs.map(\.home) == ["/usr", nil, "/", "/usr"])
        let loaded = ConfigurationLoader.load(
            text: crontab.toml(source: "crontab", home: "/root"), machine: machine)
        #expect(loaded.diagnostics.map(Found.init) == [])
        let programs = loaded.specification?.schedulers.map(\.program) ?? []
        #expect(programs.map(\.launch.user?.number) == [34, nil, 65_534, 34])
        #expect(programs.map(\.workingDirectory) == ["/usr", "/root", "/", "/srv"])
        let shells = programs.map { $0.environment.first { $0.name == "SHELL" }?.value }
        #expect(shells == ["/bin/sh", nil, "/bin/sh", "/bin/bash"])
        #expect(crontab.differences.contains { $0.contains("runs in /") })
        let wrong = Crontab.read(
            Array("* * * * * backap e\n".utf8), path: "crontab", form: .system, user: "root",
            machine: machine)
        #expect(wrong.crontab == nil)
        #expect(
            wrong.diagnostics.map(Found.init) == [
                Found(
                    "1:11+6 error", "there is no user \"backap\" in /etc/passwd",
                    help: "did you mean \"backup\"?")
            ])
    }

    @Test func `no bytes make it trap`() {
        var state: UInt64 = 5
        func next(_ bound: UInt64) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % bound)
        }
        let pieces = [
            "* * * * * ", "@every ", "=", "\"", "'", "%", "\\", "\n", "\r\n", "A", "#", " ", "\t",
            "ü",
            "-", "1-2/3", "CRON_TZ=UTC", "H",
        ].map { Array($0.utf8) }
        for _ in 0..<3_000 {
            var bytes: [UInt8] = []
            for _ in 0..<next(12) {
                bytes += next(9) == 0 ? [UInt8(next(256))] : pieces[next(UInt64(pieces.count))]
            }
            for form in [Crontab.Form.user, .system] {
                let outcome = Crontab.read(bytes, path: "x", form: form, user: "root")
                _ = outcome.crontab?.toml(source: "x", home: "/")
                _ = outcome.diagnostics.rendered
            }
        }
    }

    // MARK: Conversion

    @Test func `names come from commands, are valid and each is used once`() throws {
        let commands = [
            "/usr/bin/php /srv/app/artisan schedule:run",
            "[ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean",
            "/srv/a.sh", "/srv/a.sh", "health", "echo", "%%", "\u{1F600}",
            "FOO=1 nice -n 5 /x/Backup_DB >/dev/null",
            String(repeating: "x", count: 200), "cd /srv && ./run me",
        ]
        let found = try jobs(commands.map { "* * * * * \($0)\n" }.joined())
        let names = found.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { SchedulerName($0) != nil })
        #expect(
            names.prefix(5) == ["artisan", "sessionclean", "a.sh", "a.sh-2", "health-2"])
        #expect(names[8] == "backup_db")
        #expect(names[10] == "srv")
    }

    @Test func `a job keeps its name for as long as it executes the same`() throws {
        let first = try jobs("* * * * * /x/a one\n* * * * * /x/a two\n* * * * * /x/a two\n")
        #expect(first.map(\.name) == ["a", "a-2", "a-3"])
        var known: [String: [String]] = [:]
        for job in first {
            known[Program(arguments: job.arguments).fingerprint, default: []].append(job.name)
        }
        func named(_ text: String) throws -> [String] {
            let outcome = Crontab.read(
                Array(text.utf8), path: "crontab", form: .user, user: nil, names: known)
            return try #require(outcome.crontab).jobs.map(\.name)
        }
        // Another place, another schedule, a new one before them.
        #expect(
            try named("0 0 * * * /x/a three\n@daily /x/a two\n\n* * * * * /x/a one\n") == [
                "a-3", "a-2", "a",
            ])
        // A command that changed gets what is left.
        #expect(try named("* * * * * /x/a ONE\n* * * * * /x/a two\n") == ["a", "a-2"])
        #expect(try named("SHELL=/bin/bash\n* * * * * /x/a one\n") == ["a"])
        // No name that is none is taken over.
        known = known.mapValues { _ in ["", "../x"] }
        #expect(try named("* * * * * /x/a one\n") == ["a"])
    }

    @Test func `the conversion loads without a word`() throws {
        let text = """
            SHELL=/bin/bash
            MAILTO=ops@example.org
            CRON_TZ=UTC
            */15 * * * * /srv/backup "a\\b"
            SHELL=/bin/sh
            30 4 * * * cat%one%two "\\%"
            @reboot echo 'up'

            """
        let crontab = try #require(read(text).crontab)
        let toml = crontab.toml(source: "a\u{1B}b", home: "/root")
        let outcome = ConfigurationLoader.load(text: toml)
        #expect(outcome.diagnostics.isEmpty, "\(outcome.diagnostics.map(\.rendered))")
        #expect(outcome.specification?.schedulers.count == 3)
        #expect(toml.contains("timezone = \"UTC\"\n"))
        #expect(toml.contains("command = [\"/bin/bash\", \"-c\", \"/srv/backup \\\"a\\\\b\\\"\"]"))
        #expect(toml.contains("\"cat\", \"one\\ntwo \\\"%\\\"\\n\"]"))
        #expect(toml.contains("command = \"echo 'up'\"\n"))
        #expect(crontab.differences.contains { $0.contains("ops@example.org") })
        #expect(crontab.differences.contains { $0.contains("CRON_TZ") })
        #expect(crontab.differences.contains { $0.contains("@reboot") })
    }
}
