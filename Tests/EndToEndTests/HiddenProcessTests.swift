// SPDX-License-Identifier: Apache-2.0
//
// An unprivileged supervisor whose /proc is mounted with `hidepid=2`, as hardened hosts have it, and
// programs that change their user, as sudo, su and ping do: /proc does not show them. And a supervisor
// that finds no /proc at all.

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite(
    .needs(
        "root, unshare and setpriv", if: Machine.isRoot && Machine.has("unshare", "setpriv")))
struct HiddenProcessTests {
    private static let unshared = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]

    /// A copy of sleep that becomes another user's, in a directory that others may use.
    private static func makeProgram(in place: Place) -> String {
        let path = place.file("changed")
        do {
            try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: path)
            guard unsafe chown(path, 1, 1) == 0, unsafe chmod(path, 0o4755) == 0,
                unsafe chmod(place.directory, 0o777) == 0
            else { throw HarnessFailure("errno \(errno)") }
        } catch {
            Issue.record(error)
        }
        return path
    }

    @Test func `a program that /proc does not show is signalled, killed and counted all the same`()
        async throws
    {
        let mount = """
            mount -t proc -o hidepid=2 proc /proc || exit 5
            exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
            """
        try await Reeve.supervising(
            { place in
                let program = Self.makeProgram(in: place)
                return """
                    [schedulers.leader]
                    command = "trap '' TERM; exec \(program) 1000"
                    stop-timeout = "1s"
                    [schedulers.child]
                    command = "\(program) 1000; true"
                    [schedulers.escaped]
                    command = "setsid \(program) 1000; true"
                    [schedulers.left]
                    command = "\(program) 1000; true"
                    """
            },
            setup: { $0.prefix = Self.unshared + [mount, "sh"] }
        ) { reeve in
            func hidden() -> [Int32] {
                Processes.all().filter { $0.name == "changed" && $0.isBelow(reeve.pid) }.map(\.pid)
            }
            try await eventually("four of them run") { hidden().count == 4 }
            let memory = try await reeve.scheduler("child").memoryBytes
            #expect(memory == nil, "a part is not the whole")
            for name in ["leader", "child", "escaped"] {
                let outcome = try await reeve.command("stop", name)
                #expect(outcome.code == 0, "\(outcome.output) \(outcome.errors)")
            }
            #expect(hidden().count == 1, "what was stopped is gone")
            #expect(reeve.log.contains("leader: SIGKILL to unknown process"))
            Processes.signal(reeve.pid, SIGTERM)
            #expect(try await reeve.process.ended() == .exit(0))
        }
    }

    @Test(arguments: [
        (["run", "reeve.toml"], Int32(71), "needs /proc"),
        (["crontab", "crontab"], 71, "needs /proc"),
        (["stop", "web"], 69, "no supervisor"), (["check", "reeve.toml"], 0, ""),
        (["--version"], 0, ""), (["nonsense"], 64, "there is no command"),
    ])
    func `without /proc a command does what it can, and run says what is missing`(
        words: [String], code: Int32, says: String
    ) async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write(
            "reeve.toml", place.settings("") + "[schedulers.web]\ncommand = \"true\"\n")
        try place.write("crontab", "* * * * * true\n")
        let hide = "mount -t tmpfs none /proc && exec \"$@\""
        let process = try Guarded(
            Self.unshared + [hide, "sh", Tree.product("reeve")] + words,
            environment: Guarded.environment.merging(["REEVE_SOCKET": place.file("no.sock")]) {
                $1
            },
            directory: place.directory, name: "reeve")
        #expect(try await process.ended() == .exit(code))
        #expect(says.isEmpty || process.errors.contains(says), "\(process.errors)")
        if code != 0 { #expect(process.output == "") }
    }

    @Test func `with the /proc of another pid namespace run does not start`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write(
            "reeve.toml", place.settings("") + "[schedulers.web]\ncommand = \"true\"\n")
        let process = try Guarded(
            ["unshare", "--pid", "--fork", Tree.product("reeve"), "run", "reeve.toml"],
            directory: place.directory, name: "reeve")
        #expect(try await process.ended() == .exit(71))
        #expect(process.errors.contains("belongs to another pid namespace (pid 1 is "))
    }
}

extension Processes.Stat {
    /// Whether it descends from a process.
    fileprivate func isBelow(_ pid: Int32) -> Bool {
        var next = parent
        while next > 1 {
            if next == pid { return true }
            guard let stat = Processes.stat(next) else { return false }
            next = stat.parent
        }
        return false
    }
}
