// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

/// `watch = true`: what editors and deployments do to a file, done to a running reeve.
@Suite struct WatchTests {
    /// How often reeve has read its configuration again.
    private static func readings(_ log: String) -> Int {
        log.components(separatedBy: "reading the configuration again").count - 1
    }

    /// A reeve that watches `path`, below the directory of the test, where `prepare` has put the text.
    private static func watching(
        _ path: String, prepare: (Place, String) throws -> Void,
        _ body: (Place, Guarded, (String) -> String) async throws -> Void
    ) async throws {
        let place = try Place()
        defer { place.remove() }
        let settings = place.settings("watch = true")
        let text: (String) -> String = { name in
            settings + "[schedulers.\(name)]\nready = \"spawn\"\ncommand = "
                + place.child("forever") + "\n"
        }
        try prepare(place, text("one"))
        let process = try Guarded(
            [Tree.product("reeve"), "run", place.file(path)], environment: Guarded.environment,
            directory: place.directory, name: "reeve")
        let pid = try await process.pid()
        do {
            try await Self.runs("one", process)
            try await body(place, process, text)
        } catch {
            Processes.signal(pid, SIGKILL)
            _ = try? await process.leaks()
            throw HarnessFailure("\(error)\n\(process.errors)")
        }
        Processes.signal(pid, SIGTERM)
        #expect(try await process.ended() == .exit(0))
        let leaks = try await process.leaks()
        #expect(leaks.isEmpty)
    }

    private static func runs(_ name: String, _ process: Guarded) async throws {
        try await eventually("\(name) runs") { process.errors.contains("info  \(name): started") }
    }

    private static func plain(_ place: Place, _ text: String) throws {
        try place.write("reeve.toml", text)
    }

    @Test func `a file that is written in place, or replaced, is read again`() async throws {
        try await Self.watching("reeve.toml", prepare: Self.plain) { place, process, text in
            let file = place.file("reeve.toml")
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
            try handle.truncate(atOffset: 0)
            try handle.write(contentsOf: Data(text("two").utf8))
            try handle.close()
            try await Self.runs("two", process)
            try place.write("new.toml", text("three"))
            #expect(unsafe rename(place.file("new.toml"), file) == 0)
            try await Self.runs("three", process)
            // As vim does it: the old one is kept under another name, and the new one is written.
            #expect(unsafe rename(file, file + "~") == 0)
            try place.write("reeve.toml", text("four"))
            try await Self.runs("four", process)
            #expect(Self.readings(process.errors) == 3)
            #expect(process.errors.contains("one: no longer configured, and gone"))
        }
    }

    @Test func `what is written in steps is read once, when it is whole`() async throws {
        try await Self.watching("reeve.toml", prepare: Self.plain) { place, process, text in
            let file = place.file("reeve.toml")
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
            try handle.truncate(atOffset: 0)
            for byte in text("two").utf8 {
                try handle.write(contentsOf: Data([byte]))
                usleep(1_000)
            }
            try handle.close()
            try await Self.runs("two", process)
            #expect(Self.readings(process.errors) == 1, "\(process.errors)")
            #expect(!process.errors.contains("nothing has changed"))
        }
    }

    @Test func `a bad file keeps the old one, and files beside it do not matter`() async throws {
        try await Self.watching("reeve.toml", prepare: Self.plain) { place, process, text in
            try place.write("other.toml", text("other"))
            try place.write("reeve.toml", text("two") + "comand = 1\n")
            try await eventually("the mistake at its place") {
                process.errors.contains("nothing has changed: \(place.file("reeve.toml")):")
                    && process.errors.contains("has no key `comand`")
            }
            #expect(!process.errors.contains("one: no longer"))
            try place.write("reeve.toml", text("two"))
            try await Self.runs("two", process)
            #expect(Self.readings(process.errors) == 2)
        }
    }

    @Test func `a file or a directory that vanishes changes nothing, and is read when it is back`()
        async throws
    {
        let inDirectory: (Place, String) throws -> Void = { place, text in
            try FileManager.default.createDirectory(
                atPath: place.file("etc/app"), withIntermediateDirectories: true)
            try place.write("etc/app/reeve.toml", text)
        }
        try await Self.watching("etc/app/reeve.toml", prepare: inDirectory) {
            place, process, text in
            try FileManager.default.removeItem(atPath: place.file("etc/app/reeve.toml"))
            try await eventually("that it is gone") {
                process.errors.contains("reeve.toml is no longer there: what runs goes on")
            }
            try place.write("etc/app/reeve.toml", text("two"))
            try await Self.runs("two", process)
            try FileManager.default.removeItem(atPath: place.file("etc"))
            try await eventually("that it is gone again") {
                process.errors.components(separatedBy: "is no longer there").count == 3
            }
            try inDirectory(place, text("three"))
            try await Self.runs("three", process)
            // A directory far above is renamed away, and another takes its place.
            try FileManager.default.moveItem(
                atPath: place.file("etc"), toPath: place.file("etc.old"))
            try inDirectory(place, text("four"))
            try await Self.runs("four", process)
            #expect(process.errors.contains("is back)"))
        }
    }

    @Test func `a link that is pointed elsewhere is followed`() async throws {
        // As Kubernetes mounts a ConfigMap: reeve.toml -> ..data/reeve.toml, ..data -> ..1.
        let mount: (Place, String) throws -> Void = { place, text in
            let manager = FileManager.default
            try manager.createDirectory(
                atPath: place.file("config/..1"), withIntermediateDirectories: true)
            try place.write("config/..1/reeve.toml", text)
            try manager.createSymbolicLink(
                atPath: place.file("config/..data"), withDestinationPath: "..1")
            try manager.createSymbolicLink(
                atPath: place.file("config/reeve.toml"), withDestinationPath: "..data/reeve.toml")
        }
        try await Self.watching("config/reeve.toml", prepare: mount) { place, process, text in
            for (number, name) in [(2, "two"), (3, "three")] {
                let manager = FileManager.default
                try manager.createDirectory(
                    atPath: place.file("config/..\(number)"), withIntermediateDirectories: true)
                try place.write("config/..\(number)/reeve.toml", text(name))
                try manager.createSymbolicLink(
                    atPath: place.file("config/..data_tmp"), withDestinationPath: "..\(number)")
                #expect(
                    unsafe rename(place.file("config/..data_tmp"), place.file("config/..data"))
                        == 0)
                try manager.removeItem(atPath: place.file("config/..\(number - 1)"))
                try await Self.runs(name, process)
            }
            #expect(Self.readings(process.errors) == 2)
            #expect(!process.errors.contains("no longer there"))
        }
    }

    @Test(
        .enabled(
            if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare"),
            "needs root and unshare"),
        arguments: ["instances", "watches"])
    func `what cannot be watched is said, and reloads by request`(_ limit: String) async throws {
        try await Reeve.supervising(
            { "[schedulers.one]\ncommand = \($0.child("forever"))\n" },
            setup: {
                $0.settings = "watch = true"
                $0.prefix = [
                    "unshare", "--user", "--map-root-user", "sh", "-c",
                    "echo 0 >/proc/sys/user/max_inotify_\(limit); exec \"$@\"", "sh",
                ]
            }
        ) { reeve in
            try await reeve.log(
                says: "cannot be watched: the limit of")
            try await reeve.log(says: "fs.inotify.max_user_\(limit)")
            try await reeve.log(says: "after a change of it send SIGHUP or use `reeve reload`")
            let file = reeve.directory + "/reeve.toml"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try text.replacingOccurrences(of: "schedulers.one", with: "schedulers.two")
                .write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await reeve.command("reload").output.contains("added: two; removed: one"))
        }
    }

    @Test func `a change between the reading and the watching is not lost`() async throws {
        try await Self.watching("reeve.toml", prepare: Self.plain) { place, process, text in
            // Switched off and on again, with a change between: the same gap, wide open.
            try place.write(
                "reeve.toml", text("two").replacingOccurrences(of: "watch = true", with: ""))
            try await Self.runs("two", process)
            let before = Self.readings(process.errors)
            try place.write("reeve.toml", text("three"))
            usleep(600_000)
            #expect(Self.readings(process.errors) == before)
            Processes.signal(try await process.pid(), SIGHUP)
            try await Self.runs("three", process)
            try place.write("reeve.toml", text("four"))
            try await Self.runs("four", process)
        }
    }
}

/// A crontab that changes while its jobs run.
@Suite struct CrontabReloadTests {
    private static func running(
        _ crontab: String, _ arguments: [String] = [],
        _ body: (Place, Guarded, Int32) async throws -> Void
    ) async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write(
            "crontab", crontab.replacingOccurrences(of: "@DIRECTORY", with: place.directory))
        let process = try Guarded(
            [
                Tree.product("reeve"), "crontab", place.file("crontab"), "--runtime-directory",
                place.file("run"), "--state-directory", place.file("state"),
            ] + arguments, environment: Guarded.environment, directory: place.directory,
            name: "crontab")
        let pid = try await process.pid()
        do {
            try await body(place, process, pid)
        } catch {
            Processes.signal(pid, SIGKILL)
            _ = try? await process.leaks()
            throw HarnessFailure("\(error)\n\(process.output)\n\(process.errors)")
        }
        Processes.signal(pid, SIGTERM)
        #expect(try await process.ended() == .exit(0))
        let leaks = try await process.leaks()
        #expect(leaks.isEmpty)
    }

    @Test func `jobs that run go on while the crontab changes, and keep their names`()
        async throws
    {
        // Each runs once at start and ends when its file is there.
        let wait = "while [ ! -e @DIRECTORY/NAME ]; do sleep 0.05; done; echo ended NAME"
        func line(_ schedule: String, _ name: String) -> String {
            "\(schedule) \(wait.replacingOccurrences(of: "NAME", with: name))\n"
        }
        let before = line("@start", "a") + line("@start", "b") + line("@start", "c")
        try await Self.running(before) { place, process, pid in
            try await eventually("all three run") {
                ["while", "while-2", "while-3"].allSatisfy {
                    process.errors.contains("info  \($0): started")
                }
            }
            // The first is gone, the second has another schedule, and a new one is before both.
            let after =
                "0 0 1 1 * echo new\n" + line("0 0 1 1 *", "b") + line("@start", "c")
            try place.write(
                "crontab", after.replacingOccurrences(of: "@DIRECTORY", with: place.directory))
            try await eventually("the new crontab is in force") {
                process.errors.contains("removed: while")
            }
            #expect(
                process.errors.contains(
                    "added: new; changed: while-2 (cron); removed: while; 1 unchanged"),
                "\(process.errors)")
            for name in ["a", "b", "c"] { try Place.touch(place.file(name)) }
            for name in ["a", "b", "c"] {
                try await eventually("\(name) came to its end") {
                    process.output.contains("ended \(name)")
                }
            }
            try await eventually("the removed one is gone after its end") {
                process.errors.contains("while: no longer configured, and gone")
            }
            #expect(process.errors.components(separatedBy: ": started, pid").count == 4)
            #expect(!process.errors.contains("SIGTERM to"))
        }
    }

    @Test func `a crontab with a mistake keeps the old one, and says line and column`()
        async throws
    {
        try await Self.running("@every 1s echo tick\n") { place, process, pid in
            try await eventually("a tick") { process.output.contains("tick") }
            try place.write("crontab", "@every 1s echo tick\n\n0 24 * * * late\n")
            try await eventually("the mistake") {
                process.errors.contains(
                    "nothing has changed: \(place.file("crontab")):3:3: in the hour field 24")
            }
            try place.write("crontab", "")
            try await eventually("that an empty one is refused") {
                process.errors.contains("there is no job to run")
            }
            let socket = ["REEVE_SOCKET": place.file("run/control.sock")]
            let reload = try await reeve("reload", environment: socket, in: place)
            #expect(reload.code == 1 && reload.errors.contains("there is no job to run"))
            let count = process.output.components(separatedBy: "tick").count
            try await eventually("that the old one goes on") {
                process.output.components(separatedBy: "tick").count > count
            }
            try place.write("crontab", "@every 1s echo tock\n")
            let plan = try await reeve(
                "plan", place.file("crontab"), environment: socket, in: place)
            #expect(plan.code == 0, "\(plan)")
            try await eventually("the mended one") { process.output.contains("tock") }
        }
    }

    @Test func `without watching a crontab is read again by request only`() async throws {
        try await Self.running("0 0 1 1 * echo one\n", ["--no-watch"]) { place, process, pid in
            try await eventually("the start") { process.errors.contains("start-up took") }
            try place.write("crontab", "0 0 1 1 * echo one\n0 0 1 1 * echo two\n")
            usleep(800_000)
            #expect(!process.errors.contains("reading the configuration again"))
            Processes.signal(pid, SIGHUP)
            try await eventually("the new job") { process.errors.contains("added: two") }
            try place.write("crontab", "0 0 1 1 * echo two\n")
            let reload = try await reeve(
                "reload", environment: ["REEVE_SOCKET": place.file("run/control.sock")], in: place)
            #expect(reload.output.hasPrefix("reloaded: removed: one; 1 unchanged"), "\(reload)")
        }
    }
}
