// SPDX-License-Identifier: Apache-2.0
//
// A machine that has no more of something: what runs goes on, what cannot be done is a sentence, and it is done
// when there is room again.

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite struct StarvationTests {
    /// Daemons s1 to sN that do nothing, and try again soon where they could not start.
    private static func sleepers(_ count: Int) -> String {
        let defaults = """
            [defaults]
            ready = "spawn"
            restart-delay = "100ms"
            restart-delay-max = "1s"

            """
        return (1...count).reduce(into: defaults) { text, number in
            text += "[schedulers.s\(number)]\ncommand = [\"sleep\", \"1000\"]\n"
        }
    }

    /// Stops those that had room, and waits until those that had none run in their place.
    private static func makeRoom(
        _ reeve: Reeve, stopping stopped: Int, of running: Int, in count: Int
    ) async throws {
        let before = try await reeve.status().schedulers
        for number in 1...stopped {
            #expect(try await reeve.command("stop", "s\(number)").code == 0)
        }
        try await eventually("those without room run", within: 30) {
            try await reeve.status().schedulers.filter { $0.pid != nil }.count == count - stopped
        }
        for number in stopped..<running {
            #expect(try await reeve.scheduler("s\(number + 1)").pid == before[number].pid)
        }
    }

    @Test(.needs("prlimit", if: Machine.has("prlimit")))
    func `without descriptors what runs goes on, and the others start when some are free`()
        async throws
    {
        try await Reeve.supervising({ _ in Self.sleepers(40) }) {
            $0.prefix = ["prlimit", "--nofile=64:64"]
        } _: { reeve in
            try await reeve.log(says: "too many open files (EMFILE)")
            var running = 0
            try await eventually("as many run as there is room for") {
                let now = try await reeve.status().schedulers.filter { $0.pid != nil }.count
                defer { running = now }
                return now > 10 && now == running
            }
            #expect(running < 40)
            let starving = try await reeve.scheduler("s40")
            #expect(starving.reason.contains("no pipe for its output could be made"))
            // Reading the file anew needs descriptors, too.
            let reload = try await reeve.command("reload")
            #expect(reload.code == 0 || reload.errors.contains("EMFILE"), "\(reload.errors)")
            // The scribe, which is to keep what failed, needs some, too.
            try await Self.makeRoom(reeve, stopping: 20, of: running, in: 40)
        }
    }

    @Test(
        .needs("root, prlimit and setpriv", if: Machine.isRoot && Machine.has("prlimit", "setpriv"))
    )
    func `at the limit of processes what runs goes on, and the others start when there is room`()
        async throws
    {
        // The limit counts all threads of a user's processes: this one has no others, and reeve has two. When there is
        // room the scribe takes one, to keep what failed.
        let user = "\(61_000 + getpid() % 4_000)"
        try await Reeve.supervising({ place in
            _ = unsafe chmod(place.directory, 0o777)
            return Self.sleepers(8)
        }) {
            $0.prefix = [
                "prlimit", "--nproc=8:8", "setpriv", "--reuid", user, "--regid", user,
                "--clear-groups",
            ]
        } _: { reeve in
            try await reeve.log(says: "no more processes may be made")
            try await eventually("six run beside reeve") {
                try await reeve.status().schedulers.filter { $0.pid != nil }.count == 6
            }
            let reload = try await reeve.command("reload")
            #expect(reload.code == 1)
            #expect(reload.errors.contains("no more processes may be made"), "\(reload.errors)")
            try await Self.makeRoom(reeve, stopping: 3, of: 6, in: 8)
            try await eventually("the scribe has the last place") {
                try await reeve.command("reload").code == 1
            }
            #expect(try await reeve.command("stop", "s8").code == 0)
            #expect(try await reeve.command("reload").code == 0)
        }
    }

    @Test func `where no process can be made what runs goes on, and the others start when one can`()
        async throws
    {
        try await Reeve.supervising({ _ in
            Self.sleepers(3) + """
                [schedulers.asked]
                command = ["sleep", "1000"]
                health-check = { exec = ["true"], failures = 2 }
                health-check-interval = "1s"
                """
        }) {
            $0.prefix = [Tree.product("reeve-test-machine"), "full", "full"]
        } _: { reeve in
            let full = reeve.directory + "/full"
            try await reeve.scheduler("asked", becomes: "healthy") { $0.status == "healthy" }
            let first = try await reeve.scheduler("s1", becomes: "healthy") { $0.pid != nil }
            let second = try await reeve.scheduler("s2", becomes: "healthy") { $0.pid != nil }
            try Place.touch(full)
            Processes.signal(first.pid ?? 0, SIGKILL)
            try await reeve.log(says: "the system has no memory left to start it (ENOMEM)")
            let reload = try await reeve.command("reload")
            #expect(reload.code == 1)
            #expect(reload.errors.contains("ENOMEM"), "\(reload.errors)")
            try await reeve.scheduler("s1", becomes: "waiting") { $0.consecutiveFailures > 1 }
            // Its check cannot be asked, which tells nothing of the program.
            try await eventually("more checks than would be failures") {
                let text = try await reeve.command("status", "asked", "--json").output
                return text.matches(of: /could not be asked/).count > 3
            }
            let asked = try await reeve.scheduler("asked")
            #expect(asked.status == "healthy")
            let other = try await reeve.scheduler("s2")
            #expect(other.pid == second.pid)
            try FileManager.default.removeItem(atPath: full)
            try await reeve.scheduler("s1", becomes: "running") { $0.lifecycle == "running" }
            let again = try await reeve.command("reload")
            #expect(again.code == 0)
        }
    }

    @Test(.needs("root and unshare", if: Machine.mayMount && Machine.has("unshare")))
    func `with nothing but processes in /proc a stop leaves nothing, and memory is known`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.tree]
            command = "setsid sleep 1000 & sleep 1000; true"
            ready = "spawn"
            memory-threshold = "100MB"
            [schedulers.crashes]
            command = "setsid sleep 1000 & sleep 0.2; exit 1"
            ready = "spawn"
            """
        }) {
            $0.prefix = [
                "unshare", "--mount", "--propagation", "private", "sh", "-c",
                "mount -t proc -o subset=pid proc /proc && exec \"$@\"", "sh",
            ]
        } _: { reeve in
            try await reeve.log(says: "crashes: stopped after")
            #expect(reeve.log.contains("crashes: its leader left sleep"))
            let tree = try await reeve.scheduler("tree")
            #expect((tree.memoryBytes ?? 0) > 1_000_000)
            let stop = try await reeve.command("stop", "tree")
            #expect(stop.output.contains("nothing of it is left"), "\(stop.output)\(stop.errors)")
        }
    }
}
