// SPDX-License-Identifier: Apache-2.0
//
// Schedulers that are added while reeve runs, and what becomes of them when it is started again.

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite struct RegisterTests {
    private static let file: @Sendable (Place) -> String = { place in
        """
        [defaults]
        ready = "spawn"
        [schedulers.db]
        command = \(place.child("forever"))

        """
    }

    /// Executions leave nothing behind when reeve is killed.
    private static let quiet = """
        [schedulers.job]
        command = ["true"]
        interval = "1h"

        """

    private static func register(
        _ text: String, as name: String, with reeve: Reeve
    ) async throws -> Outcome {
        try Place(at: reeve.directory).write(name, text)
        return try await reeve.command("register", name)
    }

    private static func web(_ place: Place, _ further: String = "") -> String {
        "[schedulers.web]\ncommand = \(place.child("forever"))\n" + further
    }

    @Test func `what is registered is there at once, shown apart, and not twice`() async throws {
        try await Reeve.supervising(Self.file) { reeve in
            let place = Place(at: reeve.directory)
            let db = try await reeve.scheduler("db").pid
            let first = try await Self.register(
                Self.web(place, "dependencies = [\"db\"]\n"), as: "web.toml", with: reeve)
            #expect(first.code == 0, "\(first)")
            let web = try await reeve.scheduler("web")
            let pid = try #require(web.pid)
            #expect(first.output == "web is registered\nweb: started, pid \(pid)\n")
            #expect(web.origin == "registered")
            #expect(try await reeve.scheduler("db").origin == "file")
            #expect(try await reeve.scheduler("db").pid == db)
            let table = try await reeve.command("status")
            #expect(table.output.contains("\nregistered, beside the file: web\n"), "\(table)")
            let block = try await reeve.command("status", "web")
            #expect(block.output.contains("registered while reeve ran"), "\(block)")
            let again = try await reeve.command("register", "web.toml")
            #expect(
                again.output
                    == "web was registered like this before\nweb: is running already, pid \(pid)\n")
            let other = try await Self.register(
                Self.web(place, "environment = { A = \"1\" }\n"), as: "web.toml", with: reeve)
            #expect(
                other.output.hasPrefix("web is registered anew: environment, dependencies\n"),
                "\(other)")
            #expect(try await reeve.scheduler("web").pid != pid)
            #expect(try Place.mode(place.file("state/registered/web.toml")) == 0o600)
            #expect(try Place.mode(place.file("state/registered")) == 0o700)
        }
    }

    @Test
    func `registered ones are there after kill -9, and gone for good when they are taken away`()
        async throws
    {
        let kept = try Place()
        defer { kept.remove() }
        let setup: @Sendable (inout Reeve.Setup) -> Void = {
            $0.settings = "state-directory = \"\(kept.file("state"))\""
        }
        try await Reeve.supervising({ _ in Self.quiet }, setup: setup) { reeve in
            let tick = "[schedulers.tick]\ncommand = [\"true\"]\ninterval = \"1h\"\n"
            #expect(try await Self.register(tick, as: "tick.toml", with: reeve).code == 0)
            Processes.signal(reeve.pid, SIGKILL)
            _ = try await reeve.process.ended()
        }
        try await Reeve.supervising({ _ in Self.quiet }, setup: setup) { reeve in
            try await reeve.log(says: "registered, beside those of the file: tick")
            try await reeve.scheduler("tick", becomes: "idle") { $0.lifecycle == "idle" }
            #expect(try await reeve.scheduler("tick").origin == "registered")
            #expect(try await reeve.command("run-now", "tick").code == 0)
            try await reeve.scheduler("tick", becomes: "executed") { $0.lastExit?.code == 0 }
            let gone = try await reeve.command("unregister", "tick")
            #expect(gone.code == 0 && gone.output.hasPrefix("tick is unregistered\n"), "\(gone)")
            #expect(try await reeve.status().schedulers.map(\.name) == ["job"])
        }
        try await Reeve.supervising({ _ in Self.quiet }, setup: setup) { reeve in
            #expect(try await reeve.status().schedulers.map(\.name) == ["job"])
            let unknown = try await reeve.command("unregister", "tick")
            #expect(unknown.code == 1)
            #expect(
                unknown.errors == "reeve: nothing is registered under the name \"tick\"\n",
                "\(unknown)")
        }
    }

    @Test func `what is wrong is refused with its place, and nothing has changed`() async throws {
        try await Reeve.supervising(Self.file) { reeve in
            let place = Place(at: reeve.directory)
            func refused(_ text: String, _ words: String, code: Int32 = 78) async throws {
                let outcome = try await Self.register(text, as: "bad.toml", with: reeve)
                #expect(outcome.code == code, "\(text): \(outcome)")
                #expect(outcome.errors.contains(words), "\(text): \(outcome)")
            }
            try await refused(
                Self.web(place, "comand = 1\n"),
                "bad.toml:3:1: [schedulers.web] has no key `comand` (did you mean `command`?)")
            try await refused(
                Self.web(place, "dependencies = [\"cache\"]\n"),
                "\"web\" depends on \"cache\", and there is no such scheduler")
            try await refused("[schedulers.web\n", "bad.toml:1:16")
            try await refused("", "there is no scheduler in it")
            try await refused(Self.web(place) + "[reeve]\n", "`reeve` is no part of what is")
            try await refused(
                Self.web(place) + "[schedulers.b]\ncommand = \"x\"\n",
                "they are registered one by one")
            try await refused("[schedulers.health]\ncommand = \"x\"\n", "is reserved")
            try await refused("[schedulers.gateway]\ncommand = \"x\"\n", "reeve's own gateway")
            try await refused(
                "[schedulers.db]\ncommand = \"x\"\n", "db is in ", code: 1)
            let long = "# " + String(repeating: "x", count: 66_000)
            try await refused(Self.web(place) + long, "is longer than 65536 bytes")
            let quoted = "# " + String(repeating: "\\", count: 60_000)
            try await refused(Self.web(place) + quoted, "a request has at most 65536")
            #expect(try await reeve.status().schedulers.map(\.name) == ["db"])
            #expect(!FileManager.default.fileExists(atPath: place.file("state/registered")))
            let own = try await reeve.command("unregister", "db")
            #expect(own.code == 1)
            #expect(own.errors.contains("db was not registered, it is in "), "\(own)")
        }
    }

    @Test func `what others depend on stays registered`() async throws {
        try await Reeve.supervising(Self.file) { reeve in
            let place = Place(at: reeve.directory)
            #expect(try await Self.register(Self.web(place), as: "a", with: reeve).code == 0)
            let needs = """
                [schedulers.needs]
                command = \(place.child("forever"))
                dependencies = ["web"]
                """
            #expect(try await Self.register(needs, as: "b", with: reeve).code == 0)
            let refused = try await reeve.command("unregister", "web")
            #expect(refused.code == 1)
            #expect(
                refused.errors.contains("\"web\" is depended on by needs, which would have to be"),
                "\(refused)")
            #expect(try await reeve.scheduler("web").lifecycle == "running")
            let both = try await reeve.command("unregister", "needs", "web")
            #expect(both.code == 0, "\(both)")
            #expect(try await reeve.status().schedulers.map(\.name) == ["db"])
        }
    }

    @Test func `two at the same time are both there`() async throws {
        try await Reeve.supervising(Self.file) { reeve in
            let place = Place(at: reeve.directory)
            let started = try (0..<6).map { number in
                try place.write(
                    "\(number).toml",
                    "[schedulers.job-\(number)]\ncommand = \(place.child("forever"))\n")
                return try reeve.start(["register", "\(number).toml"])
            }
            for process in started { #expect(try await process.ended() == .exit(0)) }
            let names = Set(try await reeve.status().schedulers.map(\.name))
            #expect(names == Set(["db"] + (0..<6).map { "job-\($0)" }))
        }
    }

    @Test func `the file goes before, and what does not fit it is left out with a warning`()
        async throws
    {
        try await Reeve.supervising(Self.file) { reeve in
            let place = Place(at: reeve.directory)
            for (name, further) in [("web", ""), ("needs", "dependencies = [\"db\"]\n")] {
                let text = "[schedulers.\(name)]\ncommand = \(place.child("forever"))\n" + further
                #expect(try await Self.register(text, as: name, with: reeve).code == 0)
            }
            try place.write("state/registered/broken.toml", "[schedulers.broken\n")
            // A file that is changed meanwhile is not brought about with what is registered.
            let web = try await reeve.scheduler("web").pid
            try place.write(
                "reeve.toml",
                place.settings("") + "[schedulers.web]\ncommand = \(place.child("forever"))\n"
                    + "ready = \"spawn\"\n")
            let late = "[schedulers.late]\ncommand = [\"true\"]\ninterval = \"1h\"\n"
            #expect(try await Self.register(late, as: "late", with: reeve).code == 0)
            #expect(
                try await reeve.status().schedulers.map(\.name) == ["db", "web", "needs", "late"])
            let plan = try await reeve.command("plan", "reeve.toml")
            #expect(plan.errors.contains("\"needs\" was registered and is left out"), "\(plan)")
            let reload = try await reeve.command("reload")
            #expect(reload.code == 0, "\(reload)")
            #expect(
                try await reeve.status().schedulers.map(\.name).sorted() == ["late", "web"])
            #expect(try await reeve.scheduler("web").origin == "file")
            #expect(try await reeve.scheduler("web").pid == web)
            for words in [
                "\"web\" was registered and is left out: \"web\" is in reeve.toml, which goes before",
                "\"needs\" was registered and is left out: \"needs\" depends on \"db\"",
                "\"broken\" was registered and is left out",
            ] {
                let all = reeve.log.replacing(place.directory + "/", with: "")
                #expect(all.contains(words), "\(words)\n\(reeve.log)")
            }
            // One that is left out can be taken away.
            let gone = try await reeve.command("unregister", "needs")
            #expect(
                gone.output == "needs is unregistered; it was not in force\n", "\(gone)")
        }
    }

    @Test func `without a state directory nothing is registered`() async throws {
        try await Reeve.supervising(
            Self.file, setup: { $0.settings = "state-directory = \"/dev/null/state\"" }
        ) { reeve in
            let place = Place(at: reeve.directory)
            let refused = try await Self.register(Self.web(place), as: "web", with: reeve)
            #expect(refused.code == 1)
            #expect(refused.errors.contains("reeve has no state directory"), "\(refused)")
            #expect(try await reeve.status().schedulers.map(\.name) == ["db"])
        }
    }

    @Test func `what cannot be kept is not registered, and nothing that runs is disturbed`()
        async throws
    {
        try await Reeve.supervising(Self.file) { reeve in
            let place = Place(at: reeve.directory)
            try place.write("state/registered", "in the way")
            let db = try await reeve.scheduler("db").pid
            let refused = try await Self.register(Self.web(place), as: "web", with: reeve)
            #expect(refused.code == 1)
            #expect(refused.errors.contains("; nothing is registered"), "\(refused)")
            #expect(try await reeve.status().schedulers.map(\.pid) == [db])
            try await reeve.log(says: "web is not registered, nothing has changed")
        }
    }

    @Test func `what is registered and cannot be read is not taken for gone`() async throws {
        try await Reeve.supervising(Self.file) { reeve in
            let place = Place(at: reeve.directory)
            #expect(try await Self.register(Self.web(place), as: "web", with: reeve).code == 0)
            let pid = try await reeve.scheduler("web").pid
            let (file, aside) = (place.file("state/registered/web.toml"), place.file("aside"))
            for (path, name) in [
                (file, "web.toml"), (place.file("state/registered"), "registered"),
            ] {
                #expect(unsafe rename(path, aside) == 0)
                // A link is not followed, and no directory.
                #expect(unsafe symlink("/dev/null", path) == 0)
                let reload = try await reeve.command("reload")
                #expect(reload.code == 1, "\(reload)")
                #expect(
                    reload.errors.contains("what is registered there goes on as it is"), "\(reload)"
                )
                #expect(reload.errors.contains(name), "\(reload)")
                let plan = try await reeve.command("plan")
                #expect(plan.code != 0 && plan.errors.contains("cannot be read"), "\(plan)")
                let late = "[schedulers.late]\ncommand = [\"true\"]\ninterval = \"1h\"\n"
                let refused = try await Self.register(late, as: "late", with: reeve)
                #expect(refused.code == 1)
                #expect(refused.errors.contains("; nothing is registered"), "\(refused)")
                #expect(try await reeve.scheduler("web").pid == pid)
                #expect(unsafe unlink(path) == 0 && rename(aside, path) == 0)
            }
            #expect(try await reeve.command("reload").code == 0)
            #expect(try await reeve.scheduler("web").pid == pid)
        }
    }

    @Test(.needs("root and unshare", if: Machine.isRoot && Machine.has("unshare")))
    func `on a full disk what was registered stays as it was`() async throws {
        let mount = """
            mkdir state && mount -t tmpfs -o size=256k,mode=700 none state || exit 5
            exec "$@"
            """
        try await Reeve.supervising(
            Self.file,
            setup: {
                $0.prefix = [
                    "unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh",
                ]
            }
        ) { reeve in
            let place = Place(at: reeve.directory)
            #expect(try await Self.register(Self.web(place), as: "web", with: reeve).code == 0)
            let pid = try await reeve.scheduler("web").pid
            let state = "/proc/\(reeve.pid)/root" + place.file("state")
            let fill = try Guarded(
                ["dd", "if=/dev/zero", "of=\(state)/fill"], directory: place.directory,
                name: "fill")
            _ = try await fill.ended()
            #expect(fill.errors.contains("No space left"))
            let long = "environment = { A = \"\(String(repeating: "x", count: 6_000))\" }\n"
            let refused = try await Self.register(Self.web(place, long), as: "web", with: reeve)
            #expect(refused.code == 1)
            #expect(refused.errors.contains("(ENOSPC); nothing is registered"), "\(refused)")
            #expect(try await reeve.scheduler("web").pid == pid)
            let text = try String(
                contentsOfFile: state + "/registered/web.toml", encoding: .utf8)
            #expect(text == Self.web(place))
            // Taking away needs no room.
            let gone = try await reeve.command("unregister", "web")
            #expect(gone.code == 0, "\(gone)")
        }
    }

    @Test func `while reeve ends nothing is registered`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.slow]
            command = \(place.child("ignore", "15", "forever"))
            ready = "spawn"
            stop-timeout = "2s"
            """
        }) { reeve in
            let place = Place(at: reeve.directory)
            try await reeve.scheduler("slow", becomes: "up") { $0.lifecycle == "running" }
            Processes.signal(reeve.pid, SIGTERM)
            try await reeve.log(says: "shutting down")
            let refused = try await Self.register(Self.web(place), as: "web", with: reeve)
            #expect(refused.code == 1)
            #expect(refused.errors.contains("shutting down"), "\(refused)")
        }
    }

    @Test func `from standard input, and beside a crontab`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write("crontab", "0 3 * * * true\n")
        let arguments = [
            "crontab", "--runtime-directory", place.file("run"), "--state-directory",
            place.file("state"), place.file("crontab"),
        ]
        let process = try Guarded(
            [Tree.product("reeve")] + arguments, directory: place.directory, name: "crontab")
        let environment = ["REEVE_SOCKET": place.file("run/control.sock")]
        func names() async throws -> [String] {
            let status = try await reeve("status", environment: environment, in: place)
            return status.output.split(separator: "\n").dropFirst(1).compactMap {
                $0.split(separator: " ").first.map(String.init)
            }
        }
        try await eventually("it answers") {
            try await reeve("status", environment: environment, in: place).code == 0
        }
        let registering = try Guarded(
            [
                "sh", "-c", "printf '%s' \"$1\" | \"$2\" register -", "sh",
                "[schedulers.tick]\ninterval = \"1h\"\ncommand = \"date\"\n",
                Tree.product("reeve"),
            ], environment: Guarded.environment.merging(environment) { $1 },
            directory: place.directory, name: "registering")
        #expect(try await registering.ended() == .exit(0), "\(registering.errors)")
        #expect(try await names().contains("tick"))
        let reload = try await reeve("reload", environment: environment, in: place)
        #expect(reload.output == "reloaded: nothing is different\n", "\(reload)")
        #expect(try await names().contains("tick"))
        #expect(
            try await reeve("unregister", "tick", environment: environment, in: place).code == 0)
        #expect(try await !names().contains("tick"))
        Processes.signal(try await process.pid(), SIGTERM)
        _ = try await process.ended()
        #expect(try await process.leaks().isEmpty)
    }
}
