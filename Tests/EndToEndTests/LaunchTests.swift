// SPDX-License-Identifier: Apache-2.0
//
// What a launcher does before a program, with real users, files and limits.

import Foundation
import Glibc
import ReeveTestSupport
import Testing

/// Whether another user can be had: root runs the tests, and the account is there.
private let canChangeUser = unsafe Machine.isRoot && getpwnam("nobody") != nil

@Suite struct LaunchTests {
    @Test(.needs("root, and a user nobody", if: canChangeUser))
    func `a program runs as its user, with its mask, limits, priority and files`() async throws {
        try await Reeve.supervising({ place in
            try? place.write("first.env", "# one\nA=1\nB='two words'\n", mode: 0o600)
            try? place.write("second.env", "B=2\nREEVE_SCHEDULER=other\n", mode: 0o600)
            try? place.write("token", "hush hush\n", mode: 0o600)
            return """
                [schedulers.who]
                command = \"\"\"
                    echo id $(id -u):$(id -g):$(id -G) umask $(umask) files $(ulimit -Sn):$(ulimit -Hn)
                    echo nice $(nice) oom $(cat /proc/self/oom_score_adj) in $PWD home $HOME $USER
                    echo A=$A B=$B C=$C token=$TOKEN is $REEVE_SCHEDULER; echo end; exec sleep 1000\"\"\"
                user = "nobody"
                umask = "0027"
                limits = { nofile = "100:200" }
                nice = 7
                oom-score-adj = 300
                environment = { A = "0", B = "0", C = "3" }
                env-file = ["\(place.file("first.env"))", "\(place.file("second.env"))", "-/nonexistent"]
                secrets = { TOKEN = "\(place.file("token"))" }
                working-directory = "/usr"
                """
        }) { reeve in
            try await eventually("its words") { reeve.process.output.contains("| end") }
            let said = reeve.process.output
            #expect(said.contains("id 65534:65534:65534 umask 0027 files 100:200"), "\(said)")
            #expect(said.contains("nice 7 oom 300 in /usr home /nonexistent nobody"), "\(said)")
            #expect(said.contains("A=1 B=2 C=3 token=hush hush is who"), "\(said)")
            let one = try await reeve.scheduler("who", becomes: "healthy") {
                $0.status == "healthy"
            }
            // The launcher and the program are one process.
            #expect(reeve.log.contains("who: started, pid \(one.pid ?? 0)"))
            #expect(
                reeve.log.contains("second.env, line 2: REEVE_SCHEDULER is set by reeve itself"))
            // Root's reeve ends what runs as somebody else.
            let stop = try await reeve.command("stop", "who")
            #expect(stop.code == 0 && kill(one.pid ?? 0, 0) != 0)
        }
    }

    @Test func `what a secret holds is nowhere but in the program`() async throws {
        let value = "s3cr3t-" + String(UInt64.random(in: 0 ... .max), radix: 36)
        try await Reeve.supervising({ place in
            try? place.write("token", value + "\n", mode: 0o600)
            return """
                [schedulers.keeper]
                command = "[ -n \\"$TOKEN\\" ] && touch got; exec sleep 1000"
                working-directory = "\(place.directory)"
                secrets = { TOKEN = "\(place.file("token"))" }
                [schedulers.lost]
                command = "sleep 1000"
                secrets = { TOKEN = "/nonexistent/token" }
                """
        }) { reeve in
            try await eventually("the program to have it") {
                FileManager.default.fileExists(atPath: reeve.directory + "/got")
            }
            try await reeve.log(
                says: "lost: could not be started: secret TOKEN: /nonexistent/token: no such file")
            let one = try await reeve.scheduler("keeper")
            let variables = try Data(
                contentsOf: URL(fileURLWithPath: "/proc/\(one.pid ?? 0)/environ"))
            #expect(String(decoding: variables, as: UTF8.self).contains("TOKEN=" + value))
            var shown = reeve.log + reeve.process.output
            for words in [
                ["status", "--json"], ["status", "keeper", "--json"], ["events"],
                ["logs", "keeper"],
                ["check", reeve.directory + "/reeve.toml", "--explain"],
            ] {
                let ending = try reeve.start(words)
                _ = try await ending.ended(within: 20)
                shown += ending.output + ending.errors
            }
            #expect(shown.contains("secrets = { TOKEN ="))
            #expect(!shown.contains(value))
            for folder in ["run", "state"] {
                let files = FileManager.default.enumerator(atPath: reeve.directory + "/" + folder)
                while let file = files?.nextObject() as? String {
                    let path = "\(reeve.directory)/\(folder)/\(file)"
                    guard let data = FileManager.default.contents(atPath: path) else { continue }
                    #expect(!String(decoding: data, as: UTF8.self).contains(value), "\(path)")
                }
            }
            // The supervisor itself never had it.
            let memory = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(reeve.pid)/environ"))
            #expect(!String(decoding: memory, as: UTF8.self).contains(value))
        }
    }

    @Test func `what may not be had is a sentence, and the program runs`() async throws {
        try await Reeve.supervising({ _ in
            """
            [schedulers.greedy]
            command = "echo files $(ulimit -Hn); exec sleep 1000"
            limits = { nofile = 4000000000 }
            ready = "spawn"
            """
        }) { reeve in
            try await reeve.log(says: "greedy: limits: nofile is ")
            #expect(reeve.log.contains("instead of 4000000000:4000000000, which was refused"))
            try await reeve.scheduler("greedy", becomes: "healthy") { $0.status == "healthy" }
            try await eventually("its words") { reeve.process.output.contains("files ") }
        }
    }

    @Test func `a launcher that fails says at which step, on what, and why`() async throws {
        try await Reeve.supervising({ place in
            try? place.write("bad.env", "A=1\nnothing of this\n")
            try? place.write("script", "#!/nonexistent/interpreter\n", mode: 0o755)
            return """
                [defaults]
                launcher = true
                kind = "task"
                restart = "never"
                [schedulers.program]
                command = ["/nonexistent/program"]
                [schedulers.path]
                command = ["no-such-program-anywhere"]
                [schedulers.script]
                command = ["\(place.file("script"))"]
                [schedulers.directory]
                command = ["/bin/true"]
                working-directory = "/nonexistent"
                [schedulers.file]
                command = ["/bin/true"]
                env-file = "\(place.file("bad.env"))"
                [schedulers.missing]
                command = ["/bin/true"]
                env-file = "/nonexistent/env"
                """
        }) { reeve in
            let place = reeve.directory
            for words in [
                "program: could not be started: /nonexistent/program: no such file (ENOENT)",
                "path: could not be started: no-such-program-anywhere: no such program in PATH",
                "script: could not be started: \(place)/script: its interpreter "
                    + "/nonexistent/interpreter does not exist (ENOENT)",
                "directory: could not be started: working directory /nonexistent: no such directory",
                "file: could not be started: env-file \(place)/bad.env, line 2: this is neither",
                "missing: could not be started: env-file /nonexistent/env: no such file or directory",
            ] {
                try await reeve.log(says: words)
            }
            #expect(!reeve.log.contains("nothing of this"))
        }
    }

    @Test func `a launcher that hangs is ended by a stop, and nothing has failed`() async throws {
        try await Reeve.supervising({ place in
            unsafe mkfifo(place.file("fifo"), 0o600)
            return """
                [schedulers.hangs]
                command = \(place.child("stamp", "@ran", "ran", "forever"))
                env-file = "\(place.file("fifo"))"
                [schedulers.other]
                command = ["sleep", "1000"]
                ready = "spawn"
                """
        }) { reeve in
            // A file that never comes holds up nobody else.
            try await reeve.scheduler("other", becomes: "healthy") { $0.status == "healthy" }
            let one = try await reeve.scheduler("hangs")
            #expect(one.lifecycle == "starting" && one.pid == nil)
            let begin = ContinuousClock.now
            let stop = try await reeve.command("stop", "hangs")
            #expect(stop.code == 0 && ContinuousClock.now - begin < .seconds(20))
            let stopped = try await reeve.scheduler("hangs")
            #expect(stopped.lifecycle == "stopped" && stopped.consecutiveFailures == 0)
            // With a writer it goes on; the pid is the launcher's.
            let start = try reeve.start(["start", "hangs"])
            try await eventually("the launcher to wait") {
                try await reeve.scheduler("hangs").lifecycle == "starting"
            }
            let writer = try #require(FileHandle(forWritingAtPath: reeve.directory + "/fifo"))
            try writer.write(contentsOf: Data("A=1\n".utf8))
            try writer.close()
            #expect(try await start.ended(within: 20) == .exit(0))
            let stamp = try await reeve.stamps("ran", reach: 1)
            let up = try await reeve.scheduler("hangs", becomes: "up") { $0.pid != nil }
            #expect(stamp.map(\.pid) == [up.pid ?? 0])
        }
    }

    @Test func `a launcher that takes too long is killed, and that is a failure`() async throws {
        try await Reeve.supervising({ place in
            unsafe mkfifo(place.file("fifo"), 0o600)
            return """
                [schedulers.hangs]
                command = ["sleep", "1000"]
                env-file = "\(place.file("fifo"))"
                start-timeout = "300ms"
                """
        }) { reeve in
            try await reeve.log(
                says: "hangs: could not be started: its program had not begun after the "
                    + "start-timeout of 300ms")
            try await reeve.scheduler("hangs", becomes: "failed") { $0.consecutiveFailures > 0 }
        }
    }

    @Test(.needs("root, unshare and /dev/fuse", if: Machine.mayMountDeaf))
    func `a file system whose server is away holds up who needs it, and nobody else`() async throws
    {
        try await Reeve.supervising({ place in
            """
            [defaults]
            ready = "spawn"
            restart-delay = "100ms"
            restart-factor = 1.0
            [schedulers.program]
            command = ["\(place.file("away/bin/server"))"]
            start-timeout = "500ms"
            [schedulers.directory]
            command = ["sleep", "1000"]
            working-directory = "\(place.file("away/data"))"
            start-timeout = "10m"
            [schedulers.near]
            command = ["sleep", "1000"]
            """
        }) {
            $0.prefix = Machine.withDeafMount(isStuck: false)
        } _: { reeve in
            try await reeve.scheduler("near", becomes: "healthy") { $0.status == "healthy" }
            try await reeve.log(
                says: "program: could not be started: its program had not begun after the "
                    + "start-timeout of 500ms")
            try await reeve.scheduler("program", becomes: "tried again") {
                $0.consecutiveFailures > 1
            }
            #expect(try await reeve.scheduler("directory").lifecycle == "starting")
            let begin = ContinuousClock.now
            #expect(try await reeve.command("restart", "near").code == 0)
            let stop = try await reeve.command("stop", "directory")
            #expect(stop.code == 0 && ContinuousClock.now - begin < .seconds(5), "\(stop.errors)")
            #expect(try await reeve.scheduler("directory").consecutiveFailures == 0)
            // What waits is told by the kernel when the server is given up.
            let start = try reeve.start(["start", "directory"])
            try await eventually("the launcher to wait") {
                try await reeve.scheduler("directory").lifecycle == "starting"
            }
            try Place.touch(reeve.directory + "/back")
            #expect(try await start.ended(within: 20) == .exit(1))
            try await reeve.log(says: "directory: could not be started: working directory")
        }
    }

    @Test func `a shutdown does not wait for a program that has not begun`() async throws {
        try await Reeve.supervising({ place in
            unsafe mkfifo(place.file("fifo"), 0o600)
            return """
                [schedulers.hangs]
                command = ["sleep", "1000"]
                env-file = "\(place.file("fifo"))"
                """
        }) { reeve in
            try await reeve.scheduler("hangs", becomes: "starting") { $0.lifecycle == "starting" }
            Processes.signal(reeve.pid, SIGTERM)
            #expect(try await reeve.process.ended(within: 12) == .exit(0))
        }
    }

    @Test(.needs("root, and a user nobody", if: canChangeUser))
    func `stop commands and hooks run as the same user`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.polite]
            command = ["sleep", "1000"]
            user = "nobody"
            ready = "spawn"
            stop-command = "echo stopped by $(id -un) of $MAINPID; kill $MAINPID"
            on-start = "echo begun by $(id -un)"
            on-stop = "echo ended by $(id -un)"
            [schedulers.hookless]
            command = ["sleep", "1000"]
            user = "nobody"
            on-start = ["/nonexistent/hook"]
            restart = "never"
            [schedulers.wrong]
            command = ["sleep", "1000"]
            launcher = true
            ready = "spawn"
            stop-command = ["/nonexistent/stop"]
            """
        }) { reeve in
            let one = try await reeve.scheduler("polite", becomes: "up") { $0.pid != nil }
            let stop = try await reeve.command("stop", "polite")
            #expect(stop.code == 0)
            try await eventually("its words") {
                reeve.process.output.contains("stopped by nobody of \(one.pid ?? 0)")
            }
            try await eventually("the words of its hooks") {
                reeve.process.output.contains("begun by nobody")
                    && reeve.process.output.contains("ended by nobody")
            }
            try await reeve.log(
                says: "its on-start command could not be started: /nonexistent/hook: no such file")
            let other = try await reeve.command("stop", "wrong")
            #expect(other.code == 0)
            #expect(reeve.log.contains("/nonexistent/stop: no such file (ENOENT)"))
        }
    }

    @Test(.needs("root, and a user nobody", if: canChangeUser))
    func `reeve as another user cannot become a third, and says so`() async throws {
        try await Reeve.supervising(
            { place in
                unsafe chmod(place.directory, 0o777)
                return """
                    [schedulers.third]
                    command = ["sleep", "1000"]
                    user = "daemon"
                    [schedulers.own]
                    command = "echo id $(id -u); exec sleep 1000"
                    user = "nobody"
                    ready = "spawn"
                    """
            },
            setup: {
                $0.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            }
        ) { reeve in
            try await reeve.log(says: "only root can start a program as \"daemon\"")
            try await reeve.log(says: "third: could not be started: ")
            #expect(reeve.log.contains("reeve runs as user 65534, and only root may (EPERM)"))
            try await reeve.scheduler("own", becomes: "healthy") { $0.status == "healthy" }
            #expect(reeve.process.output.contains("id 65534"))
        }
    }

    @Test func `a launcher that a killed reeve left is known by its run, and ended`() async throws {
        try await Reeve.supervising(
            { place in
                unsafe mkfifo(place.file("fifo"), 0o600)
                return """
                    [schedulers.hangs]
                    command = \(place.child("stamp", "@ran", "ran", "forever"))
                    env-file = "\(place.file("fifo"))"
                    """
            },
            setup: { $0.prefix = ["/bin/sh", "-c", "\"$@\"; exec \"$@\"", "sh"] }
        ) { reeve in
            let killed = try #require(Processes.children(of: reeve.pid).first?.pid)
            let launcher = try await eventually("the launcher") {
                Processes.children(of: killed).first?.pid
            }
            Processes.signal(killed, 9)
            try await reeve.log(says: "was killed and left reeve-launcher (pid \(launcher))")
            try await reeve.log(says: "nothing of the earlier reeve is left")
            #expect(!Processes.isAlive(launcher))
            #expect(reeve.stamps("ran").isEmpty)
        }
    }

    @Test func `programs that end at once are told apart from launchers that fail`() async throws {
        try await Reeve.supervising({ _ in
            var text = "[defaults]\nlauncher = true\nkind = \"task\"\nrestart = \"never\"\n"
            for index in 0..<40 {
                text += "[schedulers.ok\(index)]\ncommand = [\"/bin/true\"]\n"
                text += "[schedulers.bad\(index)]\ncommand = [\"/bin/false\"]\n"
            }
            return text
        }) { reeve in
            try await eventually("all to be over", within: 30) {
                let all = try await reeve.status().schedulers
                return all.allSatisfy { $0.lifecycle == "completed" || $0.lifecycle == "exhausted" }
            }
            for one in try await reeve.status().schedulers {
                let isGood = one.name.hasPrefix("ok")
                #expect(one.lifecycle == (isGood ? "completed" : "exhausted"), "\(one.name)")
                #expect(one.lastExit?.code == (isGood ? 0 : 1), "\(one.name)")
            }
            #expect(!reeve.log.contains("could not be started"))
        }
    }

    @Test(.needs("root, and a user nobody", if: canChangeUser))
    func `a reload with another user starts anew, one with another value in a file does not`()
        async throws
    {
        try await Reeve.supervising({ place in
            try? place.write("one.env", "A=1\n")
            return """
                [schedulers.web]
                command = \(place.child("stamp", "@pids", "up", "forever"))
                env-file = "\(place.file("one.env"))"
                [schedulers.other]
                command = ["sleep", "1000"]
                """
        }) { reeve in
            let first = try await reeve.stamps("pids", reach: 1)[0].pid
            let place = Place(at: reeve.directory)
            try place.write("one.env", "A=2\n")
            let same = try await reeve.command("reload")
            #expect(same.code == 0 && Processes.isAlive(first), "\(same.output)\(same.errors)")
            var text = try String(contentsOfFile: place.file("reeve.toml"), encoding: .utf8)
            text = text.replacing("env-file =", with: "nice = 3\nenv-file =")
            try place.write("reeve.toml", text)
            let changed = try await reeve.command("reload")
            #expect(changed.output.contains("web (nice)"), "\(changed.output)\(changed.errors)")
            let second = try await reeve.stamps("pids", reach: 2)[1].pid
            #expect(second != first && !Processes.isAlive(first))
            try place.write("reeve.toml", text.replacing("nice = 3", with: "user = \"noboby\""))
            let wrong = try await reeve.command("reload")
            #expect(wrong.code != 0 && wrong.errors.contains("there is no user \"noboby\""))
            #expect(Processes.isAlive(second))
        }
    }
}
