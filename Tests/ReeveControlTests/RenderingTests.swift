// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveClient
import ReeveControl
import ReeveCore
import Testing

@Suite struct RenderingTests {
    private let now = sampleTime + .seconds(301)

    private func answer() throws -> StatusAnswer {
        var running = try emptyStatus("db")
        running.kind = .daemon
        running.health = .healthy
        running.lifecycle = .running
        running.reason = "up"
        running.pid = PID(12)
        running.uptime = .seconds(95)
        running.memory = Bytes(1_300_000_000)
        var killed = try fullStatus()
        killed.lastExit?.status = .signalled(.kill, coreDumped: false)
        return StatusAnswer(
            overview: sampleOverview(),
            schedulers: try [running, killed, emptyStatus()].map(SchedulerReport.init))
    }

    @Test func `the table is aligned and says why`() throws {
        let rows = [
            "degraded: 6 schedulers, 3 healthy, 1 degraded, 2 stopped; start-up phase 2 of 4 "
                + "(reeve 0.1.0, pid 1, up 3h12m)",
            "",
            "NAME            STATE                   PID  UPTIME  MEMORY  RESTARTS  "
                + "LAST EXIT           REASON",
            "db              healthy                  12   1m35s   1.3GB         0  "
                + "-                   up",
            "post-scheduler  degraded, backing off  4711      1h  45.9MB         2  "
                + "SIGKILL, 4m59s ago  failed with exit code 3, next start in 4s",
            "worker          stopped                   -       -       -         0  "
                + "-                   not started yet",
            "",
        ]
        let shown = StatusText.table(try answer(), at: now, .plain)
        #expect(shown.components(separatedBy: "\n") == rows)
    }

    @Test func `on a terminal lines fit its width, whatever that is`() throws {
        for width in [20, 60, 80, 100, 132, 200] {
            let shown = StatusText.table(
                try answer(), at: now, Appearance(hasSymbols: true, width: width))
            let rows = shown.split(separator: "\n").dropFirst()
            // The other columns need 94; reasons keep at least eight.
            #expect(rows.allSatisfy { $0.count <= max(width, 102) }, "\(shown)")
            #expect(rows.contains { $0.hasSuffix("…") } == (width < 140))
        }
    }

    @Test func `colours are put around the words and change nothing else`() throws {
        let coloured = StatusText.table(
            try answer(), at: now, Appearance(hasColour: true, hasSymbols: true))
        let plain = StatusText.table(try answer(), at: now, Appearance(hasSymbols: true))
        #expect(coloured.contains("\u{1B}[32m● healthy\u{1B}[0m"))
        #expect(coloured.contains("\u{1B}[33m◐ degraded, backing off\u{1B}[0m"))
        #expect(coloured.replacing(/\x1B\[[0-9]*m/, with: "") == plain)
        #expect(!plain.contains("\u{1B}"))
    }

    @Test func `an empty configuration has a head line and no table`() {
        var overview = sampleOverview()
        overview.health = .stopped
        overview.healthy = 0
        overview.degraded = 0
        overview.stopped = 0
        overview.phase = nil
        overview.isShuttingDown = true
        overview.defects = 1
        let shown = StatusText.table(
            StatusAnswer(overview: overview, schedulers: []), at: now, .plain)
        #expect(
            shown == "stopped: 0 schedulers; shutting down; 1 defect of reeve itself, see its log "
                + "(reeve 0.1.0, pid 1, up 3h12m)\n")
    }

    @Test func `what reeve itself runs is told below the table`() throws {
        var overview = sampleOverview()
        overview.components = [
            ComponentReport(
                name: "gateway", status: .healthy, reason: "started", pid: 4711, uptime: 90,
                restartCount: 0, memoryBytes: 35_100_000),
            ComponentReport(
                name: "scribe", status: .unhealthy, reason: "killed by SIGKILL", pid: nil,
                uptime: 0,
                restartCount: 2, memoryBytes: nil),
        ]
        let shown = StatusText.table(
            StatusAnswer(overview: overview, schedulers: []), at: now, .plain)
        #expect(
            shown.hasSuffix(
                "\nparts of reeve itself: gateway healthy (pid 4711, up 1m30s, 35.1MB), "
                    + "scribe unhealthy (2 restarts, killed by SIGKILL)\n"), "\(shown)")
    }

    @Test func `orphans are named at the foot, and counted where there are more`() throws {
        var overview = sampleOverview()
        overview.orphans = [.init(pid: 99, name: "sleep")]
        overview.orphanCount = 3
        overview.at = sampleTime
        let answer = StatusAnswer(overview: overview, schedulers: [])
        let shown = StatusText.table(answer, at: now, .plain)
        #expect(
            shown.hasSuffix("\norphans, which belong to no run: sleep (pid 99) and 2 more\n"))
        let json = text { StatusDocument.write(overview, schedulers: [], to: &$0) }
        #expect(json.contains(#""orphans":[{"pid":99,"name":"sleep"}],"orphanCount":3}"#))
        let line = text { ControlEncoder.statusHeader(overview, id: RequestID(1), to: &$0) }
        #expect(try ControlDecoder.message(line.utf8.dropLast()).body == .overview(overview))
    }

    @Test func `one scheduler is shown with everything`() throws {
        let shown = StatusText.details(
            of: SchedulerReport(try fullStatus()), at: sampleTime + .seconds(2), .plain)
        #expect(
            shown == """
                post-scheduler: degraded, backing off
                      reason: failed with exit code 3, next start in 4s
                        kind: daemon, priority 10, start-up phase 2, its own is 1
                     process: pid 4711, main process 4712, up 1h, run 01J9ZK00000000000000000000
                        says: serving 3 clients
                      memory: 45.9MB, threshold 50MB
                      checks: failed, 3 failures in a row, next in 5s
                              failed 1s ago, took 3s: no response within 3s
                              passed 2s ago, took 2ms: status 200
                    restarts: 2 automatic, 1 in the window, 1 failure in a row
                  next start: in 3.25s (2024-01-15T10:30:05Z)
                   last exit: failed with exit code 3, now (2024-01-15T10:30:01Z)
                  depends on: db (healthy): met
                              cache (ready): not met
                   survivors: dd (pid 99, waits for a device (state D))
                              cp (pid 98)

                """)
    }

    @Test func `of one that never ran only what there is is shown`() throws {
        let shown = StatusText.details(
            of: SchedulerReport(try emptyStatus()), at: now, .plain)
        #expect(
            shown == """
                worker: stopped
                      reason: not started yet
                        kind: task, priority 0, start-up phase 4
                     process: none
                      memory: none, no threshold
                    restarts: 0 automatic, 0 in the window, no failure in a row
                  depends on: nothing

                """)
    }

    @Test func `what was configured is shown as one would type it`() throws {
        var specification = SchedulerSpecification(
            name: try name("worker"),
            program: Program(arguments: ["/bin/sh", "-c", "echo 'a' $B", "", "-x=1"]))
        var report = SchedulerReport(try emptyStatus())
        report.settings = SettingsReport(specification)
        let plain = StatusText.details(of: report, at: now, .plain)
        #expect(plain.contains(#"     command: /bin/sh -c 'echo '\''a'\'' $B' '' -x=1"# + "\n"))
        #expect(plain.contains("   directory: reeve's own\n"))
        #expect(!plain.contains("description") && !plain.contains("user:"))
        specification.description = "does \u{1B}[2J work"
        specification.program.workingDirectory = "/srv/work"
        specification.program.launch.user = UserAccount(name: "web", number: 7, group: 8)
        specification.program.launch.group = GroupAccount(name: nil, number: 9)
        report.settings = SettingsReport(specification)
        let full = StatusText.details(of: report, at: now, .plain)
        #expect(full.contains(" description: does ?[2J work\n"))
        #expect(full.contains("   directory: /srv/work\n"))
        var json: [UInt8] = []
        report.write(to: &json)
        #expect(
            String(decoding: json, as: UTF8.self).hasSuffix(
                #""workingDirectory":"/srv/work","user":"web","group":"9"}"#))
        #expect(full.contains("        user: web\n       group: 9\n"))
    }

    @Test func `nothing from outside can steer the terminal`() throws {
        var status = try fullStatus()
        status.reason = "a\u{1B}[2Jb\u{9B}1mc\nd\u{202E}e\u{7F}"
        status.lastExit?.meaning = "\u{1B}]0;title\u{7}"
        let report = SchedulerReport(status)
        let table = StatusText.table(
            StatusAnswer(overview: sampleOverview(), schedulers: [report]), at: now, .plain)
        #expect(table.contains("a?[2Jb?1mc?d?e?"))
        let details = StatusText.details(of: report, at: now, .plain)
        for shown in [table, details] {
            #expect(!shown.contains("\u{1B}") && !shown.contains("\u{9B}"))
        }
    }

    @Test func `an event is one line`() throws {
        var event = EventReport(
            Record(at: sampleTime, scheduler: try name("web"), fact: .completed(ran: .seconds(2))),
            position: EventPosition(epoch: "A", sequence: 1))
        #expect(
            EventText.line(event, .plain)
                == "2024-01-15T10:30:00.000Z info    web: completed after 2s\n")
        event.scheduler = nil
        event.level = .warning
        event.message = "two\nlines"
        #expect(
            EventText.line(event, .plain) == "2024-01-15T10:30:00.000Z warning two?lines\n")
        #expect(
            EventText.gap(GapReport(missed: 1, reason: "slow"), of: "event")
                == "1 event is missing here: slow")
        #expect(
            EventText.gap(GapReport(missed: nil, reason: "reeve was restarted"), of: "event")
                == "events are missing here: reeve was restarted")
    }

    @Test func `colours, symbols and width depend on the terminal and on what the user wants`() {
        func appearance(_ isTerminal: Bool, _ variables: [String: String]) -> Appearance {
            Appearance(isTerminal: isTerminal, columns: 80) { variables[$0] }
        }
        let utf8 = ["LANG": "de_DE.UTF-8", "TERM": "xterm"]
        #expect(
            appearance(true, utf8) == Appearance(hasColour: true, hasSymbols: true, width: 80))
        #expect(appearance(false, utf8) == .plain)
        #expect(appearance(true, utf8.merging(["NO_COLOR": "1"]) { $1 }).hasColour == false)
        #expect(appearance(true, utf8.merging(["NO_COLOR": ""]) { $1 }).hasColour == true)
        #expect(appearance(true, utf8.merging(["TERM": "dumb"]) { $1 }).hasColour == false)
        #expect(appearance(true, utf8.merging(["LC_ALL": "C"]) { $1 }).hasSymbols == false)
        #expect(appearance(true, [:]).hasSymbols == false)
    }

    @Test func `a check names the phases, the order and the budget`() throws {
        func scheduler(
            _ text: String, priority: Int, after: [String] = []
        ) throws -> SchedulerSpecification {
            var scheduler = SchedulerSpecification(
                name: try name(text), program: Program(arguments: ["true"]))
            scheduler.order.priority = priority
            scheduler.order.dependencies = try after.map { Dependency(name: try name($0)) }
            return scheduler
        }
        var specification = Specification()
        specification.schedulers = [
            try scheduler("web", priority: 10, after: ["db"]), try scheduler("db", priority: 5),
            try scheduler("cache", priority: 5), try scheduler("late", priority: 0),
        ]
        specification.schedulers[3].enabled = false
        let shown = CheckText.summary(of: specification, path: "reeve.toml", .plain)
        #expect(
            shown == """
                reeve.toml: ok, 4 schedulers
                  phase 2: db, cache, then web (by its priority in phase 1)
                  phase 4: late (disabled)
                  shutdown: at most 30s until SIGKILL, then 5s; late, then web, then db, cache

                """)
        specification.supervisor.staggeredStartup = false
        specification.schedulers.removeFirst()
        #expect(
            CheckText.summary(of: specification, path: "x", .plain) == """
                x: ok, 3 schedulers
                  start: db, cache, late (disabled)
                  shutdown: at most 30s until SIGKILL, then 5s

                """)
    }
}

@Suite struct OutputTextTests {
    @Test func `output is shown line by line, with the time where asked`() {
        let line = OutputReport(text: "hello", at: sampleTime, stream: .stdout)
        var plain = OutputText(hasTimestamps: false)
        #expect(plain.text(of: line) == "hello\n")
        var timed = OutputText(hasTimestamps: true)
        #expect(timed.text(of: line) == "2024-01-15T10:30:00.000Z hello\n")
        #expect(timed.text(of: OutputReport(text: "x", isWhole: false)) == "- x [cut]\n")
    }

    @Test func `pieces of a long line are put together, and kept apart from the other stream`() {
        var writer = OutputText(hasTimestamps: true)
        let lines: [(String, OutputReport.Stream, Bool)] = [
            ("a", .stdout, true), ("b", .stdout, true), ("c", .stdout, false),
            ("d", .stdout, true), ("e", .stderr, false), ("f", .stdout, false),
        ]
        var shown = ""
        for (text, stream, continues) in lines {
            shown += writer.text(
                of: OutputReport(
                    text: text, at: sampleTime, stream: stream, continues: continues))
        }
        let time = "2024-01-15T10:30:00.000Z"
        #expect(shown == "\(time) abc\n\(time) d\n\(time) e\n\(time) f\n")
    }

    @Test func `a graph has an arrow for each dependency and a frame for each phase`() throws {
        var database = SchedulerSpecification(
            name: try name("db"), program: Program(arguments: ["x"]))
        database.order.priority = 10
        var migrate = SchedulerSpecification(
            name: try name("migrate"), kind: .task, program: Program(arguments: ["x"]))
        migrate.order.dependencies = [Dependency(name: try name("db"))]
        var web = SchedulerSpecification(name: try name("web"), program: Program(arguments: ["x"]))
        var completed = Dependency(name: try name("migrate"))
        completed.condition = .completed
        completed.onFailure = .ignore
        web.order.dependencies = [completed]
        web.enabled = false
        var specification = Specification(schedulers: [database, migrate, web])
        #expect(
            GraphText.graph(of: specification, as: .dot) == #"""
                digraph reeve {
                  node [shape=box];
                  subgraph cluster_1 {
                    label="phase 1";
                    n0 [label="db"];
                  }
                  subgraph cluster_4 {
                    label="phase 4";
                    n1 [label="migrate\n(task)"];
                    n2 [label="web\n(disabled)", style=dashed];
                  }
                  n1 -> n0 [label="healthy"];
                  n2 -> n1 [label="completed, ignore"];
                }

                """#)
        specification.supervisor.staggeredStartup = false
        #expect(
            GraphText.graph(of: specification, as: .mermaid) == #"""
                flowchart TD
                  n0["db"]
                  n1["migrate<br>(task)"]
                  n2["web<br>(disabled)"]
                  n1 -->|"healthy"| n0
                  n2 -->|"completed, ignore"| n1

                """#)
    }
}
