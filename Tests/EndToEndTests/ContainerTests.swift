// SPDX-License-Identifier: Apache-2.0
//
// reeve as PID 1 of real containers: an image that holds nothing but three static programs, a read-only root,
// Docker's default capabilities.

import Foundation
import Glibc
import ReeveTestSupport
import Testing

/// Lines for a scheduler of the test child.
private func child(_ name: String, _ steps: String..., more: String = "") -> String {
    let words = (["/child"] + steps).map { "\"\($0)\"" }.joined(separator: ", ")
    return "[schedulers.\(name)]\ncommand = [\(words)]\n\(more)\n"
}

@Suite(
    .needs("root, runc, busybox-static and the static build", if: StaticBuild.isPossible))
struct ContainerInitTests {
    @Test(
        arguments: [
            (["/bin/busybox", "sh", "-c", "exit 7"], 7),
            (["/bin/busybox", "sh", "-c", "kill -HUP $$"], 129),
            (["nowhere"], 127), (["/etc"], 126),
            (["/bin/busybox", "true"], 0),
        ] as [([String], Int32)])
    func `the exit code of the command is the container's`(
        _ command: [String], _ code: Int32
    ) async throws {
        try await Container.running {
            $0.command = ["/reeve", "init", "--"] + command
        } _: { container in
            let ending = try await container.ended()
            #expect(ending == code)
        }
    }

    @Test func `a command that ends at SIGTERM ends its container with 143 at once`() async throws {
        try await Container.running {
            $0.command = ["/reeve", "--", "/child", "say", "up", "forever"]
        } _: { container in
            try await container.says("up")
            let pid = try await container.pid()
            // What only the start needed is given back; 4 kB each.
            try await eventually("less than 4 MB resident") {
                Processes.stat(pid).map { $0.residentPages < 1_000 } ?? false
            }
            let begin = ContinuousClock.now
            try await container.signal(SIGTERM)
            let ending = try await container.ended()
            #expect(ending == 143)
            #expect(ContinuousClock.now - begin < .seconds(3))
        }
    }

    @Test(arguments: ["exec /reeve init -P", "ln -s /reeve /tmp/catatonit; exec /tmp/catatonit -P"])
    func `without a command it reaps, and ends when asked to`(_ script: String) async throws {
        try await Container.running {
            $0.command = ["/bin/busybox", "sh", "-c", script]
        } _: { container in
            let pid = try await container.pid()
            try await eventually("the pause") {
                ["reeve", "catatonit"].contains(Processes.stat(pid)?.name)
            }
            let orphan = "(/bin/busybox sleep 0.2 &) ; (/bin/busybox sleep 0.3 &)"
            _ = try await container.execute("/bin/busybox", "sh", "-c", orphan)
            try await eventually("that nothing is left") {
                Processes.children(of: pid).isEmpty
            }
            try await container.signal(SIGHUP)
            #expect(container.ending == nil)
            try await container.signal(SIGTERM)
            let ending = try await container.ended()
            #expect(ending == 0)
        }
    }

    @Test func `what the command leaves is asked and killed within the engine's grace`()
        async throws
    {
        try await Container.running {
            $0.user = 1000
            $0.command = [
                "/reeve", "init", "--grace", "1", "--", "/child", "escape", "ignore", "15", "stamp",
                "/tmp/deaf", "up", "forever", "end", "await", "/tmp/deaf", "catch", "15", "9",
                "say",
                "up", "forever",
            ]
        } _: { container in
            try await container.says("up")
            let begin = ContinuousClock.now
            try await container.signal(SIGTERM)
            let ending = try await container.ended()
            #expect(ending == 9)
            #expect(ContinuousClock.now - begin < .seconds(8))
            #expect(container.errors.contains("killed"))
        }
    }
}

@Suite(
    .needs("root, runc, busybox-static and the static build", if: StaticBuild.isPossible))
struct ContainerRunTests {
    @Test func `a stop ends within its budget though a child ignores it, with exit code 0`()
        async throws
    {
        try await Container.running {
            $0.command = ["/reeve", "run", "/etc/reeve.toml"]
            $0.files["/etc/reeve.toml"] =
                "[reeve]\ngraceful-timeout = \"2s\"\nforce-timeout = \"1s\"\n"
                + child("deaf", "ignore", "15", "say", "deaf-is-up", "forever")
                + child(
                    "polite", "escape", "forever", "end", "catch", "15", "0", "say", "polite-is-up",
                    "forever")
        } _: { container in
            try await container.says("deaf-is-up")
            try await container.says("polite-is-up")
            let begin = ContinuousClock.now
            try await container.signal(SIGTERM)
            let ending = try await container.ended()
            #expect(ending == 0)
            #expect(ContinuousClock.now - begin < .seconds(9))
        }
    }

    @Test func `the exit code is that of the scheduler that ends the container`() async throws {
        try await Container.running {
            $0.command = ["/reeve", "run", "/etc/reeve.toml"]
            $0.files["/etc/reeve.toml"] =
                "[reeve]\nexit-with = \"main\"\n"
                + child("main", "exit", "23", more: "kind = \"task\"\nrestart = \"never\"")
                + child("other", "forever")
        } _: { container in
            let ending = try await container.ended()
            #expect(ending == 23)
        }
    }

    @Test func `any user, read-only, nothing writable but what every container has`() async throws {
        try await Container.running {
            $0.user = 4711
            $0.writable = []
            $0.command = ["/reeve", "run", "/etc/reeve.toml"]
            $0.files["/etc/reeve.toml"] = child("web", "say", "web-is-up", "forever")
        } _: { container in
            try await container.says("web-is-up")
            try await container.says("runtime directory /dev/shm/reeve-4711")
            try await container.says("no state directory, going on without")
            let status = try await container.execute("/reeve", "status")
            #expect(status.code == 0, "\(status)")
            let health = try await container.execute("/reeve", "healthcheck")
            #expect(health.code == 0, "\(health)")
            let check = try await container.execute("/reeve", "check", "/etc/reeve.toml")
            #expect(check.code == 0)
            #expect(check.errors.contains("a stop may take 35s"), "\(check)")
            try await container.signal(SIGTERM)
            let ending = try await container.ended()
            #expect(ending == 0)
        }
    }

    @Test func `schedulers have users of their own in an image without accounts`() async throws {
        try await Container.running {
            $0.command = ["/reeve", "run", "/etc/reeve.toml"]
            $0.files["/etc/token"] = "hush\n"
            $0.files["/etc/named.toml"] = child("web", "forever", more: "user = \"web\"")
            $0.files["/etc/reeve.toml"] =
                """
                [schedulers.web]
                command = ["/bin/busybox", "sh", "-c", "echo $(id -u):$(id -g) $HOME $TOKEN; sleep 1000"]
                user = 4711
                group = 4712
                secrets = { TOKEN = "/etc/token" }
                oom-score-adj = -900
                """
        } _: { container in
            try await container.says("4711:4712 / hush")
            // Docker's default capabilities do not have the right.
            try await container.says("oom-score-adj = -900 was refused")
            let stop = try await container.execute("/reeve", "stop", "web")
            #expect(stop.code == 0, "\(stop)")
            let check = try await container.execute("/reeve", "check", "/etc/named.toml")
            #expect(check.code == 78)
            #expect(check.errors.contains("there is no user \"web\" in /etc/passwd"), "\(check)")
            try await container.signal(SIGTERM)
            let ending = try await container.ended()
            #expect(ending == 0)
        }
    }

    @Test(arguments: [
        "exec /reeve run /etc/reeve.toml >&- 2>&-", "exec /reeve run /etc/reeve.toml 2>&1",
    ])
    func `with closed and with full standard streams`(_ script: String) async throws {
        try await Container.running {
            $0.command = ["/bin/busybox", "sh", "-c", script]
            $0.output = "/dev/full"
            $0.files["/etc/reeve.toml"] =
                child("loud", "flood", "100000", "stamp", "/tmp/up", "up", "forever")
        } _: { container in
            try await eventually("the child") {
                try await container.execute("/bin/busybox", "test", "-s", "/tmp/up").code == 0
            }
            #expect(try await container.execute("/reeve", "status").code == 0)
            try await container.signal(SIGTERM)
            let ending = try await container.ended()
            #expect(ending == 0)
        }
    }

    @Test
    func `under a memory limit it knows the limit, and outlives a child that is killed for it`()
        async throws
    {
        try await Container.running {
            $0.memory = 64 << 20
            $0.command = ["/reeve", "run", "/etc/reeve.toml"]
            $0.files["/etc/reeve.toml"] =
                child("small", "forever", more: "memory-threshold = \"30MB\"")
                + child(
                    "greedy", "sleep", "300", "grow", "200", "forever",
                    more: "memory-threshold = \"40MB\"\nrestart = \"never\"")
        } _: { container in
            try await container.says("memory limit of this container 67.1MB")
            try await container.says("greedy: was killed by SIGKILL")
            #expect(container.ending == nil)
            #expect(container.errors.contains("thresholds add up to 70MB"))
            #expect(try await container.execute("/reeve", "status").code == 0)
            try await container.signal(SIGTERM)
            let ending = try await container.ended()
            #expect(ending == 0)
        }
    }

    @Test func `a sweep of the namespace ends what belongs to nobody`() async throws {
        try await Container.running {
            $0.command = ["/reeve", "run", "/etc/reeve.toml"]
            $0.files["/etc/reeve.toml"] =
                "[reeve]\ngraceful-timeout = \"3s\"\nforce-timeout = \"1s\"\n"
                + child("web", "say", "web-is-up", "forever")
        } _: { container in
            try await container.says("web-is-up")
            let stray = "/child ignore 15 stamp /tmp/stray up forever >/dev/null 2>&1 &"
            _ = try await container.execute("/bin/busybox", "sh", "-c", stray)
            try await eventually("the stray") {
                try await container.execute("/bin/busybox", "test", "-s", "/tmp/stray").code == 0
            }
            try await container.signal(SIGTERM)
            let ending = try await container.ended()
            #expect(ending == 0)
        }
    }
}

@Suite(
    .needs("root, runc, busybox-static and the static build", if: StaticBuild.isPossible))
struct OrphanTests {
    /// The most children that PID 1 had at once, and what is left when the storm is over.
    private func storm(_ command: [String], _ files: [String: String] = [:]) async throws {
        try await Container.running {
            $0.command = command
            $0.files = files
        } _: { container in
            let pid = try await container.pid()
            var most = 0
            try await eventually("the end of the storm", within: 90) {
                let path = "/proc/\(pid)/task/\(pid)/children"
                let children = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                most = max(most, children.split(separator: " ").count)
                return container.output.contains("storm-is-over")
            }
            try await eventually("the last orphan") {
                Processes.children(of: pid).allSatisfy { $0.state != "Z" }
            }
            // A turn reaps 1,024; as many may come up while it does.
            #expect(most < 2_048, "\(most) at once")
            try await container.signal(SIGTERM)
            _ = try await container.ended()
        }
    }

    @Test func `twenty thousand orphans are reaped by reeve init`() async throws {
        try await storm([
            "/reeve", "init", "--", "/child", "orphans", "20000", "say", "storm-is-over", "forever",
        ])
    }

    @Test func `twenty thousand orphans are reaped by reeve run`() async throws {
        let configuration = child("storm", "orphans", "20000", "say", "storm-is-over", "forever")
        try await storm(
            ["/reeve", "run", "/etc/reeve.toml"], ["/etc/reeve.toml": configuration])
    }
}

@Suite(
    .needs(
        "root, runc, busybox-static, Debian's cron and the static build",
        if: StaticBuild.isPossible && Machine.has("cron")))
struct ContainerCronTests {
    /// Runs Debian's cron, with one job that starts with it, and stops the container as soon as the job runs.
    /// Returns how the job ended, by its own stamps, and reeve's log.
    private func stop(
        job: String, _ settings: String
    ) async throws -> (words: [String], log: String) {
        try await stop {
            $0.writable = ["/tmp", "/run", "/var/spool/cron/crontabs", "/etc/cron.d"]
            // Its own crontabs have to be root's, with the right mode, before it starts.
            $0.command = [
                "/bin/sh", "-c",
                """
                cp /crontab /var/spool/cron/crontabs/root
                chmod 600 /var/spool/cron/crontabs/root
                exec /reeve run /reeve.toml
                """,
            ]
            $0.files = [
                "/crontab": "@reboot /child \(job)\n", "/etc/crontab": "",
                "/reeve.toml": """
                [reeve]
                graceful-timeout = "8s"
                force-timeout = "1s"
                syslog = "/dev/log"
                [schedulers.cron]
                command = ["/usr/sbin/cron", "-f"]
                \(settings)
                """,
            ]
        }
    }

    /// The same for any scheduler whose job stamps "began".
    private func stop(
        _ change: @Sendable (inout Container.Setup) -> Void
    ) async throws -> (words: [String], log: String) {
        let result = Mutable<(words: [String], log: String)>(([], ""))
        try await Container.running {
            $0.hasHostPrograms = true
            change(&$0)
        } _: { container in
            let look = ["/bin/cat", "/tmp/stamps"]
            try await eventually("the job", within: 75) {
                try await container.execute(look[0], look[1]).output.contains("began")
            }
            let pid = try await container.pid()
            // Directly: the engine's own command may take longer than the rest.
            Processes.signal(pid, SIGTERM)
            // The container's own files go with it, so the stamps are read through its PID 1 until then.
            var said = ""
            while container.ending == nil {
                said =
                    (try? String(contentsOfFile: "/proc/\(pid)/root/tmp/stamps", encoding: .utf8))
                    ?? said
                try await Task.sleep(for: .milliseconds(5))
            }
            let ending = try await container.ended()
            #expect(ending == 0)
            let words = said.split(separator: "\n").compactMap {
                $0.split(separator: " ").first.map(String.init)
            }
            result.value = (words, container.output + container.errors)
        }
        return result.value
    }

    @Test func `a job of cron is not cut before its drain time`() async throws {
        let outcome = try await stop(
            job: "stamp /tmp/stamps began sleep 2500 stamp /tmp/stamps finished sleep 2000",
            "stop-scope = \"leader\"\nstop-timeout = \"7s\"")
        #expect(outcome.words == ["began", "finished"], "\(outcome.log)")
        #expect(outcome.log.contains("nothing of it is left"), "\(outcome.log)")
        // What cron says of it reaches reeve.
        #expect(outcome.log.contains("cron | cron.info CRON["), "\(outcome.log)")
        #expect(outcome.log.contains("(root) CMD (/child stamp"), "\(outcome.log)")
    }

    /// Up to a minute: busybox's crond has nothing shorter.
    @Test func `a job of busybox's crond is not cut before its drain time`() async throws {
        let outcome = try await stop {
            // It changes to the home of the user, or to its own spool.
            $0.writable = ["/tmp", "/run", "/root"]
            $0.files = [
                "/root-jobs":
                    "* * * * * /child stamp /tmp/stamps began sleep 2000 stamp /tmp/stamps finished sleep 2000\n",
                "/reeve.toml": """
                [reeve]
                graceful-timeout = "8s"
                force-timeout = "1s"
                [schedulers.crond]
                command = ["/bin/busybox", "crond", "-f", "-l", "8", "-L", "/dev/stderr", "-c", "/tmp/tabs"]
                stop-scope = "leader"
                stop-timeout = "7s"
                """,
            ]
            $0.command = [
                "/bin/sh", "-c",
                "mkdir /tmp/tabs; cp /root-jobs /tmp/tabs/root; exec /reeve run /reeve.toml",
            ]
        }
        #expect(outcome.words == ["began", "finished"], "\(outcome.log)")
        #expect(outcome.log.contains("nothing of it is left"), "\(outcome.log)")
    }

    @Test(.needs("Python", if: Machine.has("python3")))
    func `a job of a scheduler in Python is not cut, and none begins any more`() async throws {
        let program = try #require(Tree.text("examples/wrap-cron/scheduler.py"))
        let example = try #require(Tree.text("examples/wrap-cron/python.toml"))
        let settings = example.components(separatedBy: "\n").filter {
            $0.hasPrefix("stop-") || $0.hasPrefix("leftovers") || $0.hasPrefix("environment")
        }.joined(separator: "\n")
        #expect(settings.contains("stop-scope = \"leader\""))
        let outcome = try await stop {
            $0.writable = ["/tmp", "/run"]
            $0.files = [
                "/scheduler.py": program,
                "/reeve.toml": """
                [reeve]
                graceful-timeout = "8s"
                force-timeout = "1s"
                [schedulers.jobs]
                command = ["/usr/bin/python3", "/scheduler.py", "0.8", "/child", "stamp", "/tmp/stamps", \
                "began", "sleep", "2500", "stamp", "/tmp/stamps", "finished", "sleep", "2000"]
                \(settings)
                """,
            ]
            $0.command = ["/reeve", "run", "/reeve.toml"]
        }
        let began = outcome.words.count { $0 == "began" }
        #expect(began >= 1 && began <= 4, "\(outcome.words)")
        #expect(outcome.words.count { $0 == "finished" } == began, "\(outcome.words)")
        #expect(outcome.log.contains("jobs | all jobs have ended"), "\(outcome.log)")
    }

    @Test func `a job of cron that does not end in time is killed, and named`() async throws {
        let outcome = try await stop(
            job: "name cron-deaf ignore 15 stamp /tmp/stamps began forever",
            "stop-scope = \"leader\"\nstop-timeout = \"1500ms\"")
        #expect(outcome.words == ["began"])
        #expect(outcome.log.contains("cron-deaf"), "\(outcome.log)")
    }
}

/// A value that a test's closure leaves behind.
private final class Mutable<Value>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) {
        self.value = value
    }
}
