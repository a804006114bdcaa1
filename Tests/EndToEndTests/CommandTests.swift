// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

@Suite struct CommandTests {
    @Test func `verbs do what they say, and saying it twice is no error`() async throws {
        try await Reeve.supervising({ place in
            """
            [defaults]
            ready = "spawn"
            [schedulers.web]
            command = \(place.child("stamp", "@up", "up", "forever"))
            [schedulers.worker]
            command = \(place.child("forever"))
            [schedulers.off]
            command = \(place.child("forever"))
            enabled = false
            """
        }) { reeve in
            let first = try await reeve.scheduler("web", becomes: "healthy") {
                $0.status == "healthy"
            }
            #expect(try await reeve.command("start", "web").code == 0)
            #expect(try await reeve.scheduler("web").pid == first.pid)
            #expect(try await reeve.command("restart", "web").code == 0)
            let second = try await reeve.scheduler("web", becomes: "restarted") {
                $0.pid != nil && $0.pid != first.pid
            }
            #expect(second.restartCount == 0)
            #expect(try await reeve.command("stop", "web", "worker").code == 0)
            #expect(try await reeve.command("stop", "web").code == 0)
            let stopped = try await reeve.status()
            #expect(stopped.summary.stoppedSchedulers == 3)
            #expect(stopped.status == "stopped")
            #expect(try await reeve.command("start-all").code == 0)
            let all = try await reeve.status()
            #expect(all.schedulers.first { $0.name == "off" }?.status == "stopped")
            let pid = try await reeve.scheduler("web", becomes: "up") { $0.pid != nil }.pid ?? 0
            #expect(try await reeve.command("signal", "web", "USR1").code == 0)
            let killed = try await reeve.scheduler("web", becomes: "killed") {
                $0.lastExit?.signal == "SIGUSR1"
            }
            #expect(killed.pid != pid)
            #expect(try await reeve.command("stop-all").code == 0)
            #expect(try await reeve.status().schedulers.allSatisfy { $0.pid == nil })
            let unknown = try await reeve.command("restart", "wep")
            #expect(unknown.code == 1)
            #expect((unknown.output + unknown.errors).contains("web"), "\(unknown)")
        }
    }

    @Test(.needs("bash", if: Machine.has("bash")))
    func `a shell completes commands, and the names that the supervisor knows`() async throws {
        try await Reeve.supervising({ place in
            "[schedulers.web-one]\ncommand = \(place.child("forever"))\n"
                + "[schedulers.web-two]\ncommand = \(place.child("forever"))\n"
        }) { reeve in
            let place = Place(at: reeve.directory)
            try place.write(
                "completes",
                """
                eval "$("$1" --generate-completion-script bash)"
                reeve() { "$program" "$@"; }
                program=$1
                completed() {
                    COMP_LINE=$1 COMP_POINT=${#1}
                    read -ra COMP_WORDS <<<"$1"
                    case $1 in *' ') COMP_WORDS+=('') ;; esac
                    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
                    _reeve reeve "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
                    echo "$1:" "${COMPREPLY[@]}"
                }
                completed "reeve re"
                completed "reeve restart web"
                completed "reeve logs web-t"

                """)
            let shell = try Guarded(
                ["bash", place.file("completes"), Tree.product("reeve")],
                environment: Guarded.environment.merging(["REEVE_SOCKET": reeve.socket]) { $1 },
                directory: reeve.directory, name: "completes")
            #expect(try await shell.ended() == .exit(0), "\(shell.errors)")
            let lines = shell.output.split(separator: "\n").map {
                $0.split(separator: " ").map(String.init)
            }
            #expect(
                lines.first.map { Set($0).isSuperset(of: ["restart", "reload", "reset"]) } == true)
            #expect(
                lines.dropFirst().first?.suffix(2) == ["web-one", "web-two"], "\(shell.output)")
            #expect(lines.last?.last == "web-two", "\(shell.output)\(shell.errors)")
        }
    }

    @Test func `status tells a person and a program the same`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("forever"))
            ready = "spawn"
            [schedulers.fails]
            command = \(place.child("exit", "3"))
            restart-delay = "30s"
            """
        }) { reeve in
            try await reeve.scheduler("fails", becomes: "backing off") {
                $0.lifecycle == "backing-off"
            }
            let report = try await reeve.status()
            #expect(report.schedulers.map(\.name).sorted() == ["fails", "web"])
            let summary = report.summary
            #expect(summary.totalSchedulers == 2)
            #expect(summary.healthySchedulers == 1 && summary.degradedSchedulers == 1)
            #expect(report.status == "degraded")
            #expect(report.timestamp.hasSuffix("Z"))
            let human = try await reeve.command("status")
            #expect(human.code == 0)
            for word in ["web", "fails", "healthy", "degraded"] {
                #expect(human.output.contains(word), "\(human.output)")
            }
            let one = try await reeve.command("status", "fails")
            #expect(one.code == 0)
            #expect(one.output.contains("exit code 3"), "\(one.output)")
            #expect(!one.output.contains("web"))
            for words in ["command: ", "directory: ", "depends on: nothing"] {
                #expect(one.output.contains(words), "\(one.output)")
            }
            let document = try await reeve.command("status", "fails", "--json")
            #expect(document.output.contains(#""workingDirectory":"#))
            let both = try await reeve.command("status", "web", "nobody", "fails", "web")
            #expect(both.code == 1 && both.errors.contains("nobody"))
            #expect(both.output.hasPrefix("web: ") && both.output.contains("\n\nfails: "))
            let list = try await reeve.command("status", "--json", "web", "fails")
            #expect(list.output.hasPrefix(#"[{"name":"web","#), "\(list.output)")
            let none = try await reeve.command("status", "nobody")
            #expect(none.code == 1)
        }
    }

    @Test func `events are told once, in order, and followed`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("forever"))
            ready = "spawn"
            """
        }) { reeve in
            try await reeve.scheduler("web", becomes: "healthy") { $0.status == "healthy" }
            let past = try await reeve.command("events")
            #expect(past.code == 0)
            #expect(past.output.contains("web"))
            #expect(past.output.contains("started"))
            let follower = try reeve.start(["events", "-f", "--json"])
            let pid = try await follower.pid()
            try await eventually("the past") { follower.output.contains("started") }
            let restart = try await reeve.command("restart", "web")
            #expect(restart.code == 0)
            try await eventually("the restart in the events") {
                follower.output.components(separatedBy: "\"started\"").count > 2
            }
            for line in follower.output.split(separator: "\n") {
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
                #expect(object is [String: Any])
            }
            Processes.signal(pid, 15)
            _ = try await follower.ended()
        }
    }

    @Test func `healthcheck answers with its exit code`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.good]
            command = \(place.child("forever"))
            ready = "spawn"
            [schedulers.shaky]
            command = \(place.child("exit", "1"))
            restart-delay = "30s"
            [schedulers.bad]
            command = \(place.child("exit", "1"))
            restart-delay = "30s"
            error-threshold = 1
            """
        }) { reeve in
            try await reeve.scheduler("good", becomes: "healthy") { $0.status == "healthy" }
            try await reeve.scheduler("shaky", becomes: "degraded") { $0.status == "degraded" }
            try await reeve.scheduler("bad", becomes: "unhealthy") { $0.status == "unhealthy" }
            for (words, code) in [
                (["good"], 0), (["--strict", "good"], 0), (["shaky"], 0),
                (["--strict", "shaky"], 1),
                (["bad"], 1), ([], 1), (["nobody"], 1),
            ] as [([String], Int32)] {
                let ending = try await reeve.start(["healthcheck"] + words).ended()
                #expect(ending == .exit(code), "healthcheck \(words)")
            }
        }
    }

    @Test func `exit-with hands on the code of the scheduler that matters`() async throws {
        for (steps, code) in [(["exit", "3"], 3), (["crash", "9"], 137), (["exit", "0"], 0)] {
            try await Reeve.supervising(
                { place in
                    """
                    [schedulers.job]
                    kind = "task"
                    restart = "never"
                    command = \(place.child("await", "@go", steps[0], steps[1]))
                    [schedulers.helper]
                    command = \(place.child("farewell", "15", "@bye", "bye", "stamp", "@up", "up", "forever"))
                    """
                }, setup: { $0.settings = "exit-with = \"job\"" }
            ) { reeve in
                _ = try await reeve.stamps("up", reach: 1)
                try Place.touch(reeve.directory + "/go")
                let ending = try await reeve.process.ended()
                #expect(ending == .exit(Int32(code)))
                #expect(reeve.stamps("bye").count == 1)
            }
        }
    }

    @Test func `a wait is bounded by --timeout and the work goes on`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.slow]
            command = \(place.child("ignore", "15", "stamp", "@up", "up", "forever"))
            stop-timeout = "1500ms"
            """
        }) { reeve in
            _ = try await reeve.stamps("up", reach: 1)
            let stop = try await reeve.command("stop", "--timeout", "200ms", "slow")
            #expect(stop.code == 75, "\(stop)")
            try await reeve.scheduler("slow", becomes: "stopped all the same") {
                $0.lifecycle == "stopped"
            }
        }
    }

    @Test func `a second supervisor on the same directory is refused`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("stamp", "@up", "up", "forever"))
            ready = "spawn"
            """
        }) { reeve in
            let first = try await reeve.stamps("up", reach: 1)[0].pid
            let second = try await reeve.command("run", reeve.directory + "/reeve.toml")
            #expect(second.code != 0)
            #expect(second.errors.contains("\(reeve.pid)"), "\(second)")
            #expect(reeve.stamps("up").count == 1)
            let web = try await reeve.scheduler("web")
            #expect(web.pid == first)
        }
    }

    @Test func `each kind of failure has its exit code and a sentence`() async throws {
        let place = try Place()
        defer { place.remove() }
        let nowhere = place.file("nowhere.sock")
        let bad = place.file("bad.toml")
        try place.write(
            "bad.toml",
            """
            [schedulers.web]
            comand = ["true"]
            restart = "sometimes"
            [schedulers.Web]
            command = []
            """)
        func expect(_ code: Int32, _ words: String..., says: [String]) async throws {
            let process = try Guarded(
                [Tree.product("reeve")] + words, directory: place.directory,
                name: "r\(UInt32.random(in: 0 ... .max))")
            let ending = try await process.ended()
            #expect(ending == .exit(code), "\(words)")
            for word in says {
                #expect(
                    (process.output + process.errors).contains(word), "\(words): \(process.errors)")
            }
        }
        try await expect(64, "frobnicate", says: ["frobnicate"])
        try await expect(64, "status", "--bogus", says: ["--bogus"])
        try await expect(64, "run", "a.toml", "b.toml", says: ["b.toml"])
        // A value that will not do is told why.
        try await expect(64, "status", "--timeout", "0s", says: ["'0s'", "the least is 1ms"])
        try await expect(64, "status", "--timeout", "abc", says: ["'abc'", "no duration"])
        try await expect(64, "stop", "web", "--timeout", "-5s", says: ["'-5s'", "no duration"])
        try await expect(64, "logs", "-n", "-5", "web", says: ["'-5'", "from 0 to 100000"])
        try await expect(64, "logs", "-n", "few", "web", says: ["'few'", "from 0 to 100000"])
        let named = [
            ["stop"], ["status"], ["logs"], ["healthcheck"], ["restart", "web"], ["runs"], ["why"],
            ["next"],
        ]
        for words in named {
            let process = try Guarded(
                [Tree.product("reeve")] + words + [""], directory: place.directory,
                name: "r\(UInt32.random(in: 0 ... .max))")
            let ending = try await process.ended()
            #expect(ending == .exit(64) && process.errors.contains("name is not empty"))
        }
        try await expect(0, "signal", "--help", says: ["has not failed"])
        try await expect(69, "status", "--socket", nowhere, says: [nowhere])
        try await expect(69, "stop", "web", "--socket", nowhere, says: [nowhere])
        try await expect(1, "healthcheck", "--socket", nowhere, says: [])
        // Every mistake of the file is named, with its place, and the right key.
        let mistakes = ["bad.toml:2:", "`command`", "bad.toml:3:", "bad.toml:4:"]
        try await expect(78, "check", bad, says: mistakes)
        try await expect(78, "run", bad, says: mistakes)
        try await expect(78, "run", place.file("missing.toml"), says: ["missing.toml"])
        try await expect(0, "--version", says: [])
        try await expect(0, "--help", says: ["run", "status", "logs"])
    }

    @Test(.needsRoot)
    func `whoever may not use the socket is told so`() async throws {
        try await Reeve.supervising({ place in
            try? FileManager.default.copyItem(
                atPath: Tree.product("reeve"), toPath: place.file("reeve"))
            return """
                [schedulers.web]
                command = \(place.child("forever"))
                """
        }) { reeve in
            let stranger = try Guarded(
                [
                    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                    reeve.directory + "/reeve", "status", "--socket", reeve.socket,
                ], directory: reeve.directory, name: "stranger")
            let ending = try await stranger.ended()
            #expect(ending == .exit(77), "\(stranger.errors)")
            #expect(stranger.errors.contains(reeve.socket))
        }
    }
}
