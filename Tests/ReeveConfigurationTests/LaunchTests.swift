// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// The keys that need a launcher.
@Suite struct LaunchTests {
    private static let machine = Machine(
        user: 0,
        passwd: """
            root:x:0:0:root:/root:/bin/bash
            # a comment
            +nis
            web:x:1001:1002:Web,,,:/srv/web:/bin/zsh
            bare:x:1003:1003:::
            """,
        group: """
            root:x:0:
            web:x:1002:
            tape:x:26:web,other
            video:x:44:web
            more:x:1002:web
            """,
        mountinfo: """
            22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
            30 22 0:25 / /srv/net rw,relatime - nfs4 server:/export rw
            31 30 8:2 / /srv/net/local rw - xfs /dev/sdb rw
            32 22 0:26 / /srv/with\\040blank rw shared:3 master:1 - fuse.sshfs host: rw
            33 22 0:27 / /net rw - autofs auto rw
            """)

    private func load(_ lines: String, as user: UInt32 = 0) -> LoadOutcome {
        var machine = Self.machine
        if user != 0 {
            machine = Machine(
                user: user, passwd: "web:x:1001:1002::/srv/web:/bin/zsh", group: "", mountinfo: "")
        }
        return ConfigurationLoader.load(
            text: "[schedulers.web]\ncommand = [\"/bin/true\"]\n" + lines, machine: machine)
    }

    private func launch(_ lines: String) throws -> LaunchSettings {
        let outcome = load(lines)
        #expect(outcome.diagnostics.map(Found.init) == [])
        return try #require(outcome.specification?.schedulers.first?.program.launch)
    }

    private func found(_ lines: String, as user: UInt32 = 0) -> [Found] {
        load(lines, as: user).diagnostics.map(Found.init)
    }

    @Test func `without such a key there is no launcher`() throws {
        #expect(try launch("").isNeeded == false)
        #expect(try launch("launcher = false").isNeeded == false)
        #expect(try launch("launcher = true").isNeeded)
        #expect(try launch("nice = 0").isNeeded)
    }

    @Test func `a user is looked up by name and by number, with its groups`() throws {
        let web = UserAccount(
            name: "web", number: 1_001, group: 1_002, groups: [1_002, 26, 44], home: "/srv/web",
            shell: "/bin/zsh")
        #expect(try launch("user = \"web\"").user == web)
        #expect(try launch("user = 1001").user == web)
        #expect(try launch("user = \"1001\"").user == web)
        let bare = UserAccount(name: "bare", number: 1_003, group: 1_003, groups: [1_003])
        #expect(try launch("user = \"bare\"").user == bare)
    }

    @Test func `a group takes the place of the user's own`() throws {
        let both = try launch("user = \"web\"\ngroup = \"tape\"")
        #expect(both.group == GroupAccount(name: "tape", number: 26))
        #expect(both.user?.group == 26 && both.user?.groups == [26, 44, 1_002])
        let unknown = try launch("user = 4711\ngroup = 4712")
        #expect(unknown.user == UserAccount(name: nil, number: 4_711, group: 4_712))
        #expect(unknown.group == GroupAccount(name: nil, number: 4_712))
        #expect(try launch("group = 44").group == GroupAccount(name: "video", number: 44))
    }

    @Test func `an account that is not there is an error at its place`() {
        #expect(
            found("user = \"wed\"") == [
                Found(
                    "3:8+5 error", "there is no user \"wed\" in /etc/passwd",
                    help: "did you mean \"web\"?")
            ])
        #expect(
            found("user = 4711") == [
                Found(
                    "3:8+4 error",
                    "user 4711 is not in /etc/passwd, so its group is not known",
                    help: "add `group`")
            ])
        #expect(
            found("group = \"operators\"") == [
                Found(
                    "3:9+11 error", "there is no group \"operators\" in /etc/group",
                    help: "no other source of names is asked: write its number")
            ])
    }

    @Test func `whoever is not root is warned that it cannot be`() {
        #expect(
            found("user = \"web\"", as: 1_005) == [
                Found(
                    "3:8+5 warning",
                    "reeve runs as user 1005 here, and only root can start a program as \"web\"",
                    help: "run reeve as root, or leave the key out")
            ])
        #expect(found("user = \"web\"", as: 1_001) == [])
    }

    @Test func `limits are numbers, sizes, durations, or two of them`() throws {
        let limits = try launch(
            """
            limits = { nofile = 1024, core = "unlimited", as = "1GiB:2GiB", cpu = "1m", \
            rttime = "5ms", nproc = "100:unlimited", stack = "8MB" }
            """.replacing("\\\n", with: "")
        ).limits
        #expect(
            limits == [
                ResourceLimit(.addressSpace, soft: 1 << 30, hard: 2 << 30),
                ResourceLimit(.core, soft: nil, hard: nil),
                ResourceLimit(.cpu, soft: 60, hard: 60),
                ResourceLimit(.nofile, soft: 1_024, hard: 1_024),
                ResourceLimit(.nproc, soft: 100, hard: nil),
                ResourceLimit(.rttime, soft: 5_000, hard: 5_000),
                ResourceLimit(.stack, soft: 8_000_000, hard: 8_000_000),
            ])
        for wrong in ["many", "5:", ":5", "9:5", "1:2:3", "1MB", "-1"] {
            let found = found("limits = { nofile = \"\(wrong)\" }")
            #expect(found.count == 1, "\(wrong): \(found)")
            #expect(found.first?.help == "write `nofile = \"1024:4096\"`", "\(wrong)")
        }
    }

    @Test func `files with variables are one or a list, and may be optional`() throws {
        #expect(
            try launch("env-file = \"/etc/a\"").environmentFiles == [
                EnvironmentFile(path: "/etc/a")
            ])
        #expect(
            try launch("env-file = [\"-/etc/a\", \"b\"]").environmentFiles == [
                EnvironmentFile(path: "/etc/a", mayBeMissing: true), EnvironmentFile(path: "b"),
            ])
        #expect(found("env-file = \"-\"").map(\.message) == ["`env-file` names no file"])
    }

    @Test func `secrets are merged with those of defaults, and shown as paths`() throws {
        let outcome = ConfigurationLoader.load(
            text: """
                [defaults]
                secrets = { A = "/a", B = "/b" }
                [schedulers.web]
                command = ["x"]
                secrets = { B = "/other", C = "$CREDENTIALS_DIRECTORY/c" }
                environment = { C = "plain" }
                """, machine: Self.machine)
        #expect(
            outcome.specification?.schedulers.first?.program.launch.secrets == [
                Secret(name: "A", path: "/a"), Secret(name: "B", path: "/other"),
                Secret(name: "C", path: "$CREDENTIALS_DIRECTORY/c"),
            ])
        #expect(
            outcome.diagnostics.map(\.message) == [
                "`C` is in `environment` and in `secrets`, which wins"
            ])
        let shown = "secrets = { A = \"/a\", B = \"/other\", C = \"$CREDENTIALS_DIRECTORY/c\" }"
        #expect(outcome.explanation.rendered.contains(shown))
        #expect(found("secrets = { A = \"\" }").map(\.message) == ["the secret `A` has no file"])
        // What stands there may be the secret itself.
        let wrong = found("secrets = { A = \"hunter2\" }")
        #expect(wrong.map(\.message) == ["the secret `A` names no absolute path of a file"])
        #expect(!wrong.contains { ($0.help ?? "").contains("hunter2") })
    }

    @Test func `what lies on a mount over a network gets a launcher`() throws {
        let table: [(String, String?)] = [
            ("command = [\"/srv/net/app\"]", "its program may lie on /srv/net (nfs4)"),
            ("command = [\"/srv/network/app\"]", nil),
            ("command = [\"/srv/net/local/app\"]", nil),
            (
                "command = [\"./app\"]\nworking-directory = \"/srv/with blank/x\"",
                "its working directory lies on /srv/with blank (fuse.sshfs)"
            ),
            (
                "command = [\"app\"]\nenvironment = { PATH = \"/bin:/net/bin\" }",
                "its program may lie on /net (autofs)"
            ),
            ("command = [\"app\"]\nenvironment = { PATH = \"/bin\" }", nil),
        ]
        for (lines, place) in table {
            let outcome = ConfigurationLoader.load(
                text: "[schedulers.web]\n" + lines, machine: Self.machine)
            let launch = outcome.specification?.schedulers.first?.program.launch
            #expect(launch?.slowPlace == place, "\(lines)")
            #expect(launch?.isNeeded == (place != nil), "\(lines)")
        }
        let root = Machine(
            user: 0, passwd: "", group: "",
            mountinfo: "22 1 0:5 / / rw - 9p root rw\n23 22 0:6 / /srv rw - virtiofs s rw")
        let outcome = ConfigurationLoader.load(
            text: "[schedulers.a]\ncommand = [\"/bin/a\"]\n[schedulers.b]\ncommand = [\"/srv/b\"]",
            machine: root)
        let places = outcome.specification?.schedulers.map(\.program.launch.slowPlace)
        #expect(places == [nil, "its program may lie on /srv (virtiofs)"])
    }

    @Test func `directories of reeve's own that lie on a network are warned of`() {
        let table = [
            ("state-directory = \"/srv/net/reeve\"", "state-directory lies on /srv/net (nfs4)"),
            ("runtime-directory = \"/net/reeve\"", "runtime-directory lies on /net (autofs)"),
            ("state-directory = \"/srv/net/local/reeve\"", nil),
            ("state-directory = \"/var/lib/reeve\"", nil),
        ]
        for (line, words) in table {
            let outcome = ConfigurationLoader.load(
                text: "[reeve]\n\(line)\n[schedulers.web]\ncommand = [\"/bin/true\"]\n",
                machine: Self.machine)
            let found = outcome.diagnostics.map(Found.init)
            #expect(
                outcome.specification != nil && found.count == (words == nil ? 0 : 1), "\(line)")
            let message = outcome.diagnostics.first?.message ?? ""
            #expect(words.map { message.hasPrefix($0) } ?? true, "\(message)")
        }
    }

    @Test func `a change of any of them is named and restarts`() throws {
        var old = try #require(load("").specification)
        old.supervisor = SupervisorSettings()
        var new = old
        new.schedulers[0].program.launch = try launch(
            """
            user = "web"
            group = "tape"
            umask = "077"
            limits = { nofile = 5 }
            nice = 1
            oom-score-adj = 2
            env-file = "a"
            secrets = { A = "/a" }
            launcher = true
            """)
        new.schedulers[0].readiness.startTimeout = .seconds(5)
        let changes = SpecificationChanges(from: old, to: new)
        let keys = [
            "user", "group", "umask", "limits", "nice", "oom-score-adj", "env-file", "secrets",
            "launcher", "start-timeout",
        ]
        #expect(changes.changed.map(\.keys) == [keys])
        #expect(changes.changed.map(\.needsRestart) == [true])
        new.schedulers[0].program.launch = LaunchSettings()
        let timeout = SpecificationChanges(from: old, to: new)
        #expect(timeout.changed.map(\.needsRestart) == [false])
        #expect(timeout.changed.map(\.keys) == [["start-timeout"]])
    }
}
