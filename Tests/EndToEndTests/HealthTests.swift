// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

/// Whether programs of this name, or of these names, are there.
@Suite struct HealthTests {
    @Test func `a command that fails makes its daemon unhealthy, which is restarted and well`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = "touch \(place.file("well")); exec sleep 1000"
            ready = "probe"
            health-check = { exec = ["/bin/sh", "-c", "echo looked; test -e \(place.file("well"))"], failures = 2 }
            health-check-interval = "1s"
            restart-delay = "100ms"
            [schedulers.task]
            kind = "task"
            command = ["sleep", "1000"]
            health-check = { exec = ["false"], failures = 1 }
            health-check-interval = "1s"
            """
        }) { reeve in
            let first = try await reeve.scheduler("web", becomes: "healthy") {
                $0.status == "healthy"
            }
            try FileManager.default.removeItem(atPath: reeve.directory + "/well")
            let second = try await reeve.scheduler("web", becomes: "restarted") {
                $0.restartCount == 1 && $0.lifecycle == "running"
            }
            #expect(second.pid != first.pid)
            #expect(
                reeve.log.contains("its health check failed 2 times in a row (exit code 1: looked)")
            )
            #expect(second.lastExecution?.success == false)
            let task = try await reeve.scheduler("task", becomes: "unhealthy") {
                $0.status == "unhealthy"
            }
            #expect(task.lifecycle == "running" && task.restartCount == 0)
            let shown = try await reeve.command("status", "task")
            #expect(shown.output.contains("failed, "))
            #expect(shown.output.contains("exit code 1"))
            let json = try await reeve.command("status", "task", "--json")
            #expect(json.output.contains(#""healthChecks":{"state":"failed""#))
        }
    }

    @Test(.needs("Python", if: Machine.has("python3")))
    func `a page and a port are asked by address and by name`() async throws {
        try await Reeve.supervising({ place in
            """
            [defaults]
            health-check-interval = "1s"
            [schedulers.server]
            command = ["python3", "-c", "import http.server as h; s = h.ThreadingHTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler); open('\(place.file("port"))', 'w').write(str(s.server_port)); s.serve_forever()"]
            [schedulers.unknown]
            command = ["sleep", "1000"]
            kind = "task"
            health-check = { tcp = "no-such-host.invalid:1", failures = 1 }
            [schedulers.refused]
            command = ["sleep", "1000"]
            kind = "task"
            health-check = { http = "http://localhost:1/", failures = 1 }
            """
        }) { reeve in
            try await eventually("the server's port") {
                FileManager.default.fileExists(atPath: reeve.directory + "/port")
            }
            let port = try await eventuallyText(reeve.directory + "/port")
            // The server is known now: its checks come with a reload.
            let file = reeve.directory + "/reeve.toml"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            let checks = """

                [schedulers.page]
                command = ["sleep", "1000"]
                kind = "task"
                health-check = { http = "http://localhost:\(port)/", status = 200 }
                [schedulers.port]
                command = ["sleep", "1000"]
                kind = "task"
                health-check = { tcp = "127.0.0.1:\(port)" }
                """
            try (text + checks).write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await reeve.command("reload").code == 0)
            for (name, words) in [("page", "status 200"), ("port", "took the connection")] {
                try await eventually("the check of \(name)") {
                    let shown = try? await reeve.command("status", name)
                    return shown?.output.contains(words) == true
                }
            }
            _ = try await reeve.scheduler("refused", becomes: "unhealthy") {
                $0.reason.contains("connection refused (ECONNREFUSED)")
            }
            // By a child, which a name service may keep waiting for longer than the check does.
            _ = try await reeve.scheduler("unknown", becomes: "unhealthy") {
                $0.reason.contains("no-such-host.invalid cannot be resolved")
                    || $0.reason.contains("no answer within 3s")
            }
            #expect(!reeve.log.contains("came to reeve and cannot be proved"))
        }
    }

    /// With one port to choose from, the kernel gives a connection the one that it goes to.
    @Test(.needs("root, unshare and ip", if: Machine.isRoot && Machine.has("unshare", "ip")))
    func `a connection that meets itself is none`() async throws {
        let alone = """
            ip link set lo up && echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range \
            && exec "$0" "$@"
            """
        try await Reeve.supervising(
            { _ in
                """
                [schedulers.web]
                command = ["sleep", "1000"]
                kind = "task"
                health-check = { tcp = "127.0.0.1:40000", failures = 1 }
                health-check-interval = "1s"
                """
            }, setup: { $0.prefix = ["unshare", "--net", "sh", "-c", alone] }
        ) { reeve in
            _ = try await reeve.scheduler("web", becomes: "unhealthy") {
                $0.reason.contains("connection refused (ECONNREFUSED)")
            }
        }
    }

    @Test func `a check that hangs is killed with all of its processes`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = ["sleep", "1000"]
            kind = "task"
            health-check = { exec = "setsid sleep 4711 & echo $$ > \(place.file("checked")); sleep 4712", timeout = "500ms", failures = 1 }
            health-check-interval = "1s"
            """
        }) { reeve in
            _ = try await reeve.scheduler("web", becomes: "unhealthy") {
                $0.reason.contains("no end within 500ms")
            }
            let checker = try await eventuallyText(reeve.directory + "/checked")
            let pid = try #require(Int32(checker.trimmingCharacters(in: .whitespacesAndNewlines)))
            try await eventually("the end of a check") { !Processes.isAlive(pid) }
            #expect(!reeve.log.contains("came to reeve and cannot be proved"))
        }
    }
}

@Suite struct NotifyTests {
    /// A sender in Python's standard library alone, as many programs have their own.
    private static let python = """
        import os, socket, time
        address = os.environ['NOTIFY_SOCKET']
        if address[0] == '@': address = '\\0' + address[1:]
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.connect(address)
        sender.sendall(b'STATUS=by socket')
        sender.sendall(b'READY=1')
        time.sleep(1000)
        """
    /// libsystemd's own sd_notify, and its barrier.
    private static let library = """
        import ctypes, time
        lib = ctypes.CDLL('libsystemd.so.0')
        assert lib.sd_notify(0, b'STATUS=by library\\nREADY=1') > 0
        assert lib.sd_notify_barrier(0, ctypes.c_uint64(5000000)) > 0
        usec = ctypes.c_uint64(0)
        assert lib.sd_watchdog_enabled(0, ctypes.byref(usec)) > 0
        assert usec.value == 30000000
        lib.sd_notify(0, b'STATUS=past the barrier')
        time.sleep(1000)
        """

    /// The package `sdnotify`, which sends one line after the other and waits for nothing.
    private static let package = """
        import sdnotify, time
        notifier = sdnotify.SystemdNotifier(debug=True)
        notifier.notify('READY=1')
        notifier.notify('STATUS=by package')
        time.sleep(1000)
        """
    private static let hasPackage = FileManager.default.fileExists(
        atPath: "/usr/lib/python3/dist-packages/sdnotify/__init__.py")

    @Test(
        .needs(
            "systemd-notify, Python and its package sdnotify",
            if: Machine.has("systemd-notify", "python3") && hasPackage))
    func `every kind of client makes its scheduler ready and tells its status`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write("python.py", NotifyTests.python)
        try place.write("library.py", NotifyTests.library)
        try place.write("package.py", NotifyTests.package)
        let scripts = place.directory
        try await Reeve.supervising({ _ in
            """
            [defaults]
            ready = "notify"
            start-timeout = "20s"
            [schedulers.tool]
            command = "systemd-notify --ready --status='by tool' && systemd-notify --status='by tool, twice' && exec sleep 1000"
            [schedulers.python]
            command = ["python3", "\(scripts)/python.py"]
            notify = "abstract"
            [schedulers.package]
            command = ["/usr/bin/python3", "\(scripts)/package.py"]
            [schedulers.library]
            command = ["python3", "\(scripts)/library.py"]
            watchdog = "30s"
            """
        }) { reeve in
            for (name, words) in [
                ("tool", "by tool, twice"), ("python", "by socket"),
                ("package", "by package"), ("library", "past the barrier"),
            ] {
                try await eventually("\(name) says \(words)") {
                    let shown = try? await reeve.command("status", name)
                    return shown?.output.contains(words) == true
                }
                #expect(try await reeve.scheduler(name).lifecycle == "running")
            }
            // Each of the three with a path has one, and they go with their runs.
            let sockets = reeve.directory + "/run/notify"
            #expect(try FileManager.default.contentsOfDirectory(atPath: sockets).count == 3)
            #expect(try await reeve.command("stop", "tool", "library", "package").code == 0)
            #expect(try FileManager.default.contentsOfDirectory(atPath: sockets) == [])
        }
    }

    @Test(.needs("systemd-notify", if: Machine.has("systemd-notify")))
    func `a sign of life that is missed and a start without a sign are failures`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.dog]
            command = "systemd-notify --ready; for n in 1 2 3 4; do sleep 0.4; systemd-notify WATCHDOG=1; done; exec sleep 1000"
            ready = "notify"
            watchdog = "1s"
            restart-delay = "60s"
            [schedulers.mute]
            command = ["sleep", "1000"]
            ready = "notify"
            start-timeout = "1s"
            restart-delay = "60s"
            [schedulers.slow]
            command = "systemd-notify EXTEND_TIMEOUT_USEC=20000000; sleep 3; systemd-notify --ready; exec sleep 1000"
            ready = "notify"
            start-timeout = "2s"
            """
        }) { reeve in
            let mute = try await reeve.scheduler("mute", becomes: "given time") {
                $0.lifecycle == "backing-off"
            }
            #expect(mute.consecutiveFailures == 1)
            #expect(mute.reason == "was not ready in time: no READY=1 came")
            let dog = try await reeve.scheduler("dog", becomes: "stopped") {
                $0.lifecycle == "backing-off"
            }
            #expect(dog.reason == "gave no sign of life: no WATCHDOG=1 within 1s")
            #expect((dog.lastExecution?.duration ?? 0) >= 2_000)
            _ = try await reeve.scheduler("slow", becomes: "ready, with more time") {
                $0.lifecycle == "running"
            }
            #expect(!reeve.log.contains("slow: was not ready"))
        }
    }
}

/// The text of a file, once it has one.
private func eventuallyText(_ path: String) async throws -> String {
    try await eventually("a text in \(path)") {
        (try? String(contentsOfFile: path, encoding: .utf8))?.isEmpty == false
    }
    return try String(contentsOfFile: path, encoding: .utf8)
}
