// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// What is registered is read with the file, which goes before.
@Suite struct RegisteredTests {
    private static let file = "[schedulers.db]\ncommand = [\"/bin/true\"]\n"
    private static let root = Machine(
        user: 0, passwd: "root:x:0:0::/root:/bin/sh\njobs:x:1001:1002::/srv:/bin/sh", group: "",
        mountinfo: "")
    private static let user = Machine(
        user: 1_000, passwd: "jobs:x:1001:1002::/srv:/bin/sh", group: "", mountinfo: "")

    private func text(_ name: String, _ lines: String = "") -> RegisteredText {
        RegisteredText(
            name: name, file: "\(name).toml",
            bytes: Array("[schedulers.\(name)]\ncommand = [\"/bin/true\"]\n\(lines)".utf8))
    }

    private func raw(_ name: String, _ text: String) -> RegisteredText {
        RegisteredText(name: name, file: "\(name).toml", bytes: Array(text.utf8))
    }

    private func load(
        of file: String = RegisteredTests.file, _ registered: [RegisteredText],
        _ change: RegisteredChange? = nil, machine: Machine = RegisteredTests.user
    ) -> LoadOutcome {
        ConfigurationLoader.load(
            bytes: Array(file.utf8), path: "reeve.toml", registered: registered, change: change,
            environment: [:], machine: machine)
    }

    private func names(_ outcome: LoadOutcome) -> [String]? {
        outcome.specification?.schedulers.map(\.name.text)
    }

    // MARK: What is there

    @Test func `they stand after those of the file, with its defaults and their origin`() {
        let outcome = load(
            of: "[defaults]\nstop-timeout = \"3s\"\n" + Self.file,
            [text("job"), text("web", "dependencies = [\"db\", \"job\"]\n")])
        #expect(outcome.diagnostics == [])
        #expect(names(outcome) == ["db", "job", "web"])
        let found = outcome.specification?.schedulers ?? []
        #expect(found.map(\.origin) == [.file, .registered, .registered])
        #expect(found.map(\.stop.timeout) == Array(repeating: .seconds(3), count: 3))
    }

    @Test func `a line that cannot be read is one mistake, and no key that is missing`() {
        let errors = load(
            [],
            .register(
                raw("web", "[schedulers.web]\ncommand = [\"/bin/true\"\nnice = 1\n"), keys: nil)
        ).errors
        #expect(!errors.contains { $0.message.contains("has no `command`") }, "\(errors)")
        #expect(!errors.isEmpty)
    }

    @Test func `each that is wrong is left out, and with it what needs it`() {
        let outcome = load([
            raw("a", "[schedulers.a\n"), text("b", "dependencies = [\"a\"]\n"),
            text("c", "dependencies = [\"b\"]\n"), text("d"), text("db"),
            raw("e", "[schedulers.f]\ncommand = \"x\"\n"), raw("g", "\u{0}"),
            RegisteredText(name: "h", file: "h.toml", bytes: [0xFF, 0x0A]),
            raw("i", "[reeve]\nwatch = true\n"), text("j", "comand = 1\n"),
            text("k", "dependencies = [\"l\"]\n"), text("l", "dependencies = [\"k\"]\n"),
        ])
        #expect(names(outcome) == ["db", "d"])
        let warnings = outcome.warnings
        #expect(outcome.errors == [])
        #expect(warnings.count == 11)
        func reason(_ name: String) -> String? {
            warnings.first { $0.file == "\(name).toml" }?.message
        }
        #expect(
            reason("b")
                == "\"b\" was registered and is left out: \"b\" depends on \"a\", and there is no "
                + "such scheduler")
        #expect(
            reason("db")
                == "\"db\" was registered and is left out: \"db\" is in reeve.toml, which goes before"
        )
        #expect(
            reason("e")
                == "\"e\" was registered and is left out: this is about \"f\", and \"e\" is registered"
        )
        #expect(reason("h")?.contains("is not UTF-8") == true)
        let misspelled = warnings.first { $0.file == "j.toml" }
        #expect(misspelled?.location?.line == 3)
        #expect(misspelled?.help == "did you mean `command`?; mend this file, or remove it")
        #expect(warnings.allSatisfy { $0.help?.hasSuffix("mend this file, or remove it") == true })
    }

    @Test func `the file has to be right without them, and its errors are its own`() {
        let outcome = load(
            of: Self.file + "dependencies = [\"web\"]\n", [text("web"), raw("bad", "[")])
        #expect(outcome.specification == nil)
        #expect(
            outcome.diagnostics.map(\.message)
                == ["\"db\" depends on \"web\", and there is no such scheduler"])
        let exit = load(of: "[reeve]\nexit-with = \"web\"\n" + Self.file, [text("web")])
        #expect(exit.errors.map(\.file) == ["reeve.toml"])
    }

    @Test func `a default that is wrong for one of them only is its own affair`() {
        let outcome = load(
            of: "[defaults]\nuser = \"jobs\"\n[schedulers.db]\ncommand = [\"/bin/true\"]\n",
            [text("web")], machine: Self.root)
        #expect(names(outcome) == ["db", "web"])
    }

    // MARK: Changes

    @Test func `one is added, or stands in the place of the one of its name`() {
        let added = load([text("web")], .register(text("job"), keys: nil))
        #expect(names(added) == ["db", "job", "web"])
        #expect(added.registered == text("job").bytes)
        let changed = load(
            [text("job"), text("web")], .register(text("job", "priority = 5\n"), keys: nil))
        #expect(names(changed) == ["db", "job", "web"])
        #expect(changed.specification?.schedulers[1].order.priority == 5)
    }

    @Test func `one that is wrong, alone or with the others, is refused with its place`() {
        let wrong = load([], .register(text("job", "priority = \"x\"\n"), keys: nil))
        #expect(wrong.specification == nil && wrong.registered == nil && !wrong.isConflict)
        #expect(wrong.errors.first?.file == "job.toml")
        #expect(wrong.errors.first?.location?.line == 3)
        // The circle is closed in the other one.
        let circle = load(
            [text("a"), text("b", "dependencies = [\"a\"]\n")],
            .register(text("a", "dependencies = [\"b\"]\n"), keys: nil))
        #expect(circle.specification == nil)
        #expect(circle.errors.first?.message.hasPrefix("these wait for each other") == true)
        let taken = load([], .register(text("db"), keys: nil))
        #expect(taken.isConflict)
        #expect(taken.errors.map(\.message) == ["\"db\" is in this file already"])
        let broken = load(of: "[", [], .register(text("web"), keys: nil))
        #expect(broken.errors.first?.file == "reeve.toml")
    }

    @Test func `a text without a name of its own tells no place`() {
        let nameless = RegisteredText(
            name: "job", file: nil,
            bytes: Array("[schedulers.job]\ncommand = \"x\"\nfoo = 1\n".utf8))
        let found = load([], .register(nameless, keys: nil)).errors.first
        #expect(found?.location == nil && found?.file == "")
        #expect(found?.message == "[schedulers.job] has no key `foo`")
    }

    @Test func `one is taken away where nobody needs it`() {
        let registered = [text("a"), text("b", "dependencies = [\"a\"]\n")]
        #expect(names(load(registered, .unregister("b"))) == ["db", "a"])
        let refused = load(registered, .unregister("a"))
        #expect(refused.isConflict)
        #expect(
            refused.errors.map(\.message) == [
                "\"a\" is depended on by b, which would have to be unregistered or changed first"
            ])
        // One that is left out is taken away all the same.
        #expect(names(load([raw("x", "[")], .unregister("x"))) == ["db"])
    }

    // MARK: Through the gateway

    private static let gateway =
        file + "[gateway]\ntoken-file = \"/t\"\nallow-register = true\nregister-user = \"jobs\"\n"

    @Test func `only some keys may be in it, and it runs as the user for that`() throws {
        let keys: Set<String> = ["command", "environment", "interval"]
        let given = text("job", "interval = \"5s\"\n[schedulers.job.environment]\nA = \"x\\n\"\n")
        let outcome = load(of: Self.gateway, [], .register(given, keys: keys), machine: Self.root)
        #expect(outcome.errors == [])
        let kept = String(decoding: try #require(outcome.registered), as: UTF8.self)
        #expect(
            kept == """
                [schedulers.job]
                command = ["/bin/true"]
                interval = "5s"
                environment = { A = "x\\n" }
                user = "jobs"

                """)
        let job = outcome.specification?.schedulers.first { $0.name.text == "job" }
        #expect(job?.program.launch.user?.number == 1_001)
        for line in [
            "user = \"root\"\n", "secrets = { A = \"/etc/shadow\" }\n",
            "when-exhausted = \"exit\"\n",
        ] {
            let refused = load(
                of: Self.gateway, [], .register(text("job", line), keys: keys), machine: Self.root)
            #expect(
                refused.errors.first?.message.hasSuffix("cannot be registered through the gateway")
                    == true, "\(line)")
        }
    }

    @Test func `under root somebody has to be named`() {
        let outcome = load([], .register(text("job"), keys: ["command"]), machine: Self.root)
        #expect(
            outcome.errors.map(\.message) == [
                "reeve runs as root, and nothing says as whom it is to run"
            ])
        let plain = load([], .register(text("job"), keys: ["command"]))
        #expect(plain.errors == [])
    }

    @Test func `the table [gateway] says whether and as whom`() {
        let allowed = load(of: Self.gateway, [], machine: Self.root)
        #expect(allowed.errors == [])
        #expect(allowed.specification?.supervisor.gatewayRegisters == true)
        #expect(allowed.registerUser == "jobs")
        #expect(
            allowed.specification?.schedulers.last?.program.arguments.contains("--allow-register")
                == true)
        let open = load(of: Self.file + "[gateway]\nallow-register = true\n", [])
        #expect(
            open.errors.map(\.message) == [
                "`allow-register` lets whoever reaches the gateway execute programs, and there is no "
                    + "control token"
            ])
        let root = load(
            of: Self.file + "[gateway]\nallow-register = true\ntoken-file = \"/t\"\n", [],
            machine: Self.root)
        #expect(
            root.errors.map(\.help) == ["add `register-user`, the user that they are executed as"])
        let nobody = load(
            of: Self.file + "[gateway]\nregister-user = \"job\"\n", [], machine: Self.root)
        #expect(nobody.errors.map(\.help) == ["did you mean \"jobs\"?"])
    }

    // MARK: Names

    @Test func `the name is found without looking at the scheduler`() {
        func name(_ text: String) -> (String?, String?) {
            let (name, errors) = ConfigurationLoader.registeredName(
                in: Array(text.utf8), file: "x.toml")
            return (name, errors.first?.message)
        }
        #expect(name("[schedulers.web]\nfoo = 1\n") == ("web", nil))
        #expect(name("[schedulers.\"a.b\"]\n") == ("a.b", nil))
        #expect(name("").1 == "there is no scheduler in it")
        #expect(name("x").0 == nil)
        #expect(name("[schedulers.A]\n").1?.hasPrefix("\"A\": a name is") == true)
        #expect(name("[defaults]\n").1 == "`defaults` is no part of what is registered")
    }
}
