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

    /// Sends what takes a minute to close, along with a message: a connection with bytes that nobody reads and a linger
    /// time (socket(7)).
    private static let sender = """
        import os, socket, struct, sys, time
        def send(path, words, port):
            near = socket.create_connection(("127.0.0.1", port))
            near.setblocking(False)
            try:
                while True: near.send(b"x" * 65536)
            except BlockingIOError: pass
            near.setblocking(True)
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
            target = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            target.connect("\\0" + path[1:] if path[0] == "@" else path)
            try: socket.send_fds(target, [words], [near.fileno()])
            except PermissionError: pass
            return near
        listener = socket.create_server(("127.0.0.1", 0))
        kept = []
        for number in range(3):
            # A process that ends lingers for nothing: what is left of the connection is in the message.
            child = os.fork()
            if child == 0:
                near = send(sys.argv[1], sys.argv[2].encode(), listener.getsockname()[1])
                os._exit(0)
            kept.append(listener.accept())
            os.waitpid(child, 0)
        open("sent-" + sys.argv[3], "w").close()
        time.sleep(float(sys.argv[4]))
        """

    @Test(.needs("python3", if: Machine.has("python3")))
    func `descriptors that take a minute to close hold up nobody`() async throws {
        try await Reeve.supervising({ place in
            try? place.write("send.py", Self.sender)
            try? place.write(
                "ready.py",
                """
                import os, socket, time
                target = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                target.connect(os.environ["NOTIFY_SOCKET"])
                target.send(b"READY=1")
                time.sleep(1000)
                """)
            return """
                syslog = "\(place.file("log"))"
                [defaults]
                ready = "notify"
                stop-timeout = "1s"
                [schedulers.sends]
                command = "exec python3 send.py $NOTIFY_SOCKET 'READY=1' sends 1000"
                [schedulers.ends]
                command = "exec python3 send.py $NOTIFY_SOCKET 'READY=1' ends 0"
                restart-delay = "100ms"
                [schedulers.logs]
                ready = "spawn"
                command = ["python3", "send.py", "\(place.file("log"))", "<13>logs: heavy", "logs", "1000"]
                [schedulers.other]
                command = ["python3", "ready.py"]
                """
        }) { reeve in
            try await eventually("all is sent") {
                ["sends", "ends", "logs"].allSatisfy {
                    FileManager.default.fileExists(atPath: reeve.directory + "/sent-" + $0)
                }
            }
            try await reeve.log(says: "ends: ended with exit code 0")
            // Each has had its first message read.
            for name in ["sends", "other"] {
                try await eventually("\(name) is ready") {
                    try await reeve.scheduler(name).lifecycle == "running"
                }
            }
            let begin = ContinuousClock.now
            for name in ["sends", "ends", "logs", "other"] {
                let stop = try await reeve.command("stop", name)
                #expect(stop.code == 0, "\(stop.output)\(stop.errors)")
            }
            #expect(ContinuousClock.now - begin < .seconds(10))
            #expect(
                reeve.log.contains("sends") && reeve.log.contains("are closed"), "\(reeve.log)")
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
