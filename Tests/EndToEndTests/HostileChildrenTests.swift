// SPDX-License-Identifier: Apache-2.0
//
// Programs that do to their supervisor what they can, all at once: each is stopped, and nothing of it is left.

import Foundation
import ReeveTestSupport
import Testing

@Suite struct HostileChildrenTests {
    /// Lines of Python, by the scheduler's name.
    private static let programs = [
        (
            "closes",
            """
            for number in range(3): os.close(number)
            time.sleep(1000)
            """
        ),
        (
            // A name that looks like fields of /proc/PID/stat, and colours the terminal of whoever prints it.
            "renamed",
            """
            ctypes.CDLL(None).prctl(15, b'x\\x1b[31m\\n) R 1', 0, 0, 0)
            os.fork()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(1000)
            """
        ),
        (
            "signals",
            """
            while True:
                for number in [signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE]:
                    os.kill(os.getppid(), number)
                time.sleep(0.001)
            """
        ),
        (
            "zombies",
            """
            for number in range(500):
                if os.fork() == 0: os._exit(0)
            time.sleep(1000)
            """
        ),
        (
            "threads",
            """
            for number in range(300):
                threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
            time.sleep(1000)
            """
        ),
        (
            // Never the same process for long, and each in a session of its own.
            "runs-away",
            """
            while True:
                if os.fork() != 0: os._exit(0)
                os.setsid()
                time.sleep(0.001)
            """
        ),
        (
            "traced",
            """
            ctypes.CDLL(None).ptrace(0, 0, 0, 0)
            time.sleep(1000)
            """
        ),
        (
            "kills",
            """
            time.sleep(0.2)
            os.killpg(0, signal.SIGKILL)
            """
        ),
    ]

    @Test(.needs("python3", if: Machine.has("python3")))
    func `whatever they do, each is stopped and nothing of it is left`() async throws {
        try await Reeve.supervising({ place in
            var text = "[defaults]\nready = \"spawn\"\nstop-timeout = \"1s\"\n"
            for (name, program) in Self.programs {
                let lines = "import ctypes, os, signal, threading, time\n" + program
                try? place.write(name + ".py", lines)
                text += "[schedulers.\(name)]\ncommand = [\"python3\", \"\(name).py\"]\n"
            }
            return text
        }) { reeve in
            try await reeve.log(says: "kills: was killed by SIGKILL, not sent by reeve")
            try await reeve.log(says: "runs-away: ended with exit code 0")
            // Each is at what it does: threads and zombies are there, and reeve answers.
            try await eventually("they are there") {
                let pid = try await reeve.scheduler("zombies").pid
                return Processes.all().filter { $0.parent == pid }.count == 500
            }
            let before = try await reeve.scheduler("closes")
            #expect((before.memoryBytes ?? 0) > 1_000_000)
            for (name, _) in Self.programs {
                let stop = try await reeve.command("stop", name)
                #expect(stop.code == 0, "\(stop.output)\(stop.errors)")
                #expect(!stop.output.contains("could not be ended"), "\(stop.output)")
                #expect(!stop.output.contains("\u{1B}"), "\(stop.output)")
            }
            #expect(try await reeve.status().summary.stoppedSchedulers == Self.programs.count)
            #expect(!reeve.log.contains("\u{1B}"))
            #expect(reeve.log.contains("SIGKILL to x?[31m?) R 1"))
        }
    }

    @Test(.needs("root, unshare and /dev/fuse", if: Machine.mayMountDeaf))
    func `what no signal ends is named, and reeve goes on`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [defaults]
                ready = "spawn"
                stop-timeout = "300ms"
                [schedulers.stuck]
                command = "cat \(place.file("away/file")) & wait"
                [schedulers.near]
                command = ["sleep", "1000"]
                """
            },
            setup: {
                $0.settings = "force-timeout = \"500ms\""
                $0.prefix = Machine.withDeafMount(isStuck: true)
            }
        ) { reeve in
            // It has asked by the time it is in state D, or is about to.
            let cat = try await eventually("its cat") {
                Processes.children(of: reeve.pid).flatMap { Processes.children(of: $0.pid) }
                    .first { $0.name == "cat" }?.pid
            }
            let stop = try await reeve.command("stop", "stuck")
            #expect(stop.code == 1)
            #expect(
                stop.errors.contains(
                    "could not be ended: cat (pid \(cat), waits for a device (state D))"),
                "\(stop.output)\(stop.errors)")
            let one = try await reeve.scheduler("stuck")
            #expect(one.status == "unhealthy" && one.lifecycle == "stopped")
            let start = try await reeve.command("start", "stuck")
            #expect(start.code == 1 && (start.output + start.errors).contains("--force"))
            #expect(try await reeve.command("restart", "near").code == 0)
            // Its disk answers again, and the signal that it was sent ends it.
            try Place.touch(reeve.directory + "/back")
            try await reeve.log(says: "stuck: stopped after")
            #expect(!Processes.isAlive(cat))
            #expect(try await reeve.command("start", "stuck").code == 0)
        }
    }
}
