// SPDX-License-Identifier: Apache-2.0
//
// The words of every record, over one sample of each fact.

import Testing

@testable import ReeveCore

@Suite struct RecordTests {
    private static let stuck = ProcessDescription(
        identity: ProcessIdentity(pid: PID(9), startTime: 1), name: "nfs",
        obstacle: .uninterruptible)
    private static let foreign = ProcessDescription(
        identity: ProcessIdentity(pid: PID(8), startTime: 1), name: "root-thing",
        obstacle: .notPermitted)
    private static let missing = SpawnFailure(errno: 2, words: "/bin/x: no such file (ENOENT)")
    private static let db = name("db")

    /// One of each, with its name, level and sentence.
    static let samples: [(Fact, String, SupervisorSettings.LogLevel, String)] = [
        (
            .supervisorStarted(schedulers: 2, profile: .render, reason: "RENDER is set"),
            "supervisor-started", .info,
            "supervising 2 schedulers, profile render (RENDER is set)"
        ),
        (.phaseBegan(1, members: 1), "phase-began", .debug, "phase 1 begins with 1 scheduler"),
        (
            .phaseEnded(1, timedOut: false, waitingFor: []), "phase-ended", .debug,
            "phase 1 has settled"
        ),
        (
            .startupEnded(after: .milliseconds(1_250)), "startup-ended", .info,
            "start-up took 1.25s"
        ),
        (
            .shutdownBegan(.signal(.terminate), running: 3, gracefulTimeout: .seconds(30)),
            "shutdown-began", .info,
            "shutting down (SIGTERM): stopping 3 schedulers, at most 30s before SIGKILL"
        ),
        (
            .shutdownWaits(for: [db], left: .seconds(28)), "shutdown-waits", .info,
            "shutdown waits for db; SIGKILL in 28s"
        ),
        (
            .shutdownForced(reason: "SIGINT came again"), "shutdown-forced", .warning,
            "shutdown is forced (SIGINT came again): SIGKILL to everything that is left"
        ),
        (
            .shutdownEnded(after: .seconds(2), code: 3, alive: []), "shutdown-ended", .info,
            "shutdown took 2s, nothing is left; leaving with exit code 3"
        ),
        (.defect("x happened"), "defect", .error, "defect in reeve: x happened; please report it"),
        (.notice(.warning, "a sentence"), "notice", .warning, "a sentence"),
        (.started(PID(7), reason: "start-up"), "started", .info, "started, pid 7 (start-up)"),
        (.becameReady(after: .seconds(1)), "ready", .debug, "ready after 1s"),
        (
            .spawnFailed(missing), "spawn-failed", .warning,
            "could not be started: /bin/x: no such file (ENOENT)"
        ),
        (
            .exited(
                .exited(code: 3), ran: .seconds(90), isFailure: true,
                meaning: "failed with exit code 3"), "exited", .warning,
            "failed with exit code 3, having run 1m30s"
        ),
        (
            .restartScheduled(after: .seconds(4), reason: "3 failures in a row"),
            "restart-scheduled", .info, "next start in 4s (3 failures in a row)"
        ),
        (
            .failuresReset(reason: "1m of good time"), "failures-reset", .info,
            "failures are forgotten: 1m of good time"
        ),
        (
            .overRestartLimit(restarts: 10, window: .minutes(10), next: .seconds(60)),
            "over-restart-limit", .warning,
            "restarted 10 times within 10m, which is the limit; it is unhealthy and goes on at the "
                + "longest delay, next start in 1m"
        ),
        (
            .exhausted(reason: "failed with exit code 3", endsReeve: false), "exhausted", .error,
            "given up: failed with exit code 3; `reeve start` resumes it"
        ),
        (.completed(ran: .seconds(5)), "completed", .info, "completed after 5s"),
        (
            .timedOut(.seconds(5)), "timed-out", .info,
            "ran longer than its timeout of 5s and is stopped"
        ),
        (.waiting(for: [db, name("cache")]), "waiting", .info, "waits for db, cache"),
        (
            .dependencyTimedOut(waitingFor: [db], timeout: .seconds(60)), "dependency-timed-out",
            .warning, "still waits for db after 1m; it is unhealthy and starts when they are met"
        ),
        (
            .dependencyLost(db, action: .stop, reason: "given up"), "dependency-lost", .warning,
            "is stopped because its dependency db is lost (given up); it comes back with it"
        ),
        (.dependencyBack(db), "dependency-back", .info, "its dependency db is back"),
        (
            .stopping(
                reason: "asked by the operator", how: "SIGTERM to its leader", timeout: .seconds(10)
            ), "stopping", .info,
            "stopping (asked by the operator): SIGTERM to its leader, SIGKILL after 10s"
        ),
        (
            .leftBehind([process(5)], kept: false), "left-behind", .info,
            "its leader left worker (pid 5) behind, which is stopped before anything else"
        ),
        (
            .signalled(.terminate, [process(5), process(6)]), "signalled", .info,
            "SIGTERM to worker (pid 5), worker (pid 6)"
        ),
        (
            .killed([process(5)], after: .seconds(10)), "killed", .warning,
            "SIGKILL to worker (pid 5), 10s after the stop began"
        ),
        (
            .signalFailed(.terminate, words: "operation not permitted (EPERM)"), "signal-failed",
            .warning,
            "SIGTERM could not be sent to its leader: operation not permitted (EPERM)"
        ),
        (
            .stopCommandFailed(words: "exit code 1", signalFollows: true), "stop-command-failed",
            .warning, "its stop command failed: exit code 1; the stop signal is sent instead"
        ),
        (
            .stopped(after: .seconds(10), killed: 1), "stopped", .info,
            "stopped after 10s, nothing of it is left; SIGKILL was needed for 1 process"
        ),
        (
            .survived([stuck, foreign]), "survived", .error,
            "could not be ended: nfs (pid 9, waits for a device (state D)), "
                + "root-thing (pid 8, belongs to another user); it is not started again while they live"
        ),
        (
            .staysStopped, "stays-stopped", .info,
            "stays stopped, as an operator wanted before reeve was started; `reeve start` starts it"
        ),
        (
            .staysPaused, "stays-paused", .info,
            "stays paused, as an operator wanted before reeve was started; `reeve resume` resumes it"
        ),
        (
            .memoryAbove(
                Bytes(60_000_000), limit: Bytes(50_000_000), samples: 3, action: "it is restarted"),
            "memory-above", .warning,
            "uses 60MB, above 50MB in 3 samples in a row: it is restarted"
        ),
        (
            .memoryRecovered(Bytes(40_000_000), limit: Bytes(50_000_000)), "memory-recovered",
            .info, "uses 40MB again, below 50MB"
        ),
        (
            .memoryUnreadable("permission denied (EACCES)"), "memory-unreadable", .warning,
            "its memory cannot be read (permission denied (EACCES)): the memory rule is inactive "
                + "until it can"
        ),
        (
            .healthChanged(from: .healthy, to: .unhealthy, reason: "given up"), "health-changed",
            .warning, "healthy -> unhealthy: given up"
        ),
    ]

    private func record(_ fact: Fact) -> Record { Record(at: World.start.wall, fact: fact) }

    @Test func `every fact has its name, its level and its sentence`() {
        for (fact, name, level, message) in Self.samples {
            #expect(record(fact).name == name)
            #expect(record(fact).level == level, "\(name)")
            #expect(record(fact).message == message)
        }
    }

    @Test func `an end at once says nothing of what comes later`() {
        let kill = Fact.stopping(
            reason: "it uses too much", how: "SIGKILL at once", timeout: .zero)
        #expect(
            record(kill).message == "stopping (it uses too much): SIGKILL at once")
        let last = Fact.exhausted(reason: "failed with exit code 3", endsReeve: true)
        #expect(
            record(last).message
                == "given up: failed with exit code 3; reeve ends with it (when-exhausted = \"exit\")"
        )
    }

    @Test func `names are unique, and made of lower case and hyphens`() {
        let names = Self.samples.map { record($0.0).name }
        #expect(Set(names).count == names.count)
        for name in names {
            #expect(name.utf8.allSatisfy { (97...122).contains($0) || $0 == 45 }, "\(name)")
        }
    }

    @Test func `every sentence is one line without double spaces or a full stop`() {
        let more: [Fact] = [
            .phaseEnded(2, timedOut: true, waitingFor: [Self.db]),
            .shutdownEnded(after: .zero, code: 0, alive: [Self.stuck]),
            .dependencyLost(Self.db, action: .restart, reason: "given up"),
            .dependencyLost(Self.db, action: .ignore, reason: "given up"),
            .leftBehind([process(5)], kept: true), .stopped(after: .zero, killed: 0),
            .stopped(after: .zero, killed: 2),
            .stopCommandFailed(words: "exit code 1", signalFollows: false),
            .shutdownBegan(.terminalClosed, running: 0, gracefulTimeout: .zero),
            .shutdownBegan(
                .schedulerEnded(Self.db, shellCode: 137), running: 1, gracefulTimeout: .seconds(1)),
            .memoryAbove(Bytes(1), limit: Bytes(0), samples: 1, action: "SIGKILL"),
        ]
        for fact in Self.samples.map(\.0) + more {
            let message = record(fact).message
            #expect(!message.isEmpty)
            #expect(!message.contains("  ") && !message.contains("\n"), "\(message)")
            #expect(!message.hasSuffix(".") && !message.hasSuffix(" "), "\(message)")
            #expect(!message.contains("Optional(") && !message.contains("nil"), "\(message)")
        }
    }

    @Test func `levels follow what happened`() {
        let expected: [(Fact, SupervisorSettings.LogLevel)] = [
            (.phaseEnded(2, timedOut: true, waitingFor: [Self.db]), .warning),
            (.shutdownEnded(after: .zero, code: 0, alive: [Self.stuck]), .error),
            (.exited(.exited(code: 0), ran: .zero, isFailure: false, meaning: "x"), .info),
            (.healthChanged(from: .unhealthy, to: .healthy, reason: "x"), .info),
            (.healthChanged(from: .starting, to: .healthy, reason: "x"), .debug),
            (.notice(.error, "x"), .error), (.notice(.debug, "x"), .debug),
        ]
        for (fact, level) in expected { #expect(record(fact).level == level) }
        #expect(SupervisorSettings.LogLevel.error < .warning)
        #expect(SupervisorSettings.LogLevel.info < .debug)
    }

    @Test func `long lists are cut, and the rest is counted`() {
        let many = (0..<100).map { process(Int32($0) + 1) }
        let message = record(.signalled(.terminate, many)).message
        #expect(message.hasSuffix("worker (pid 16) and 84 more"))
        let exact = record(.signalled(.terminate, Array(many.prefix(16)))).message
        #expect(exact.hasSuffix("worker (pid 16)"))
    }

    @Test func `every record of a busy life is a sentence`() {
        var world = World.booted([
            daemon("web") {
                $0.needs("db")
                $0.memory.threshold = Bytes(1_000_000)
            }, daemon("db") { $0.errorThreshold = 1 }, task("job") { $0.timeout = .seconds(3) },
        ])
        world.isObedient = true
        world.pass(.seconds(10))
        world.exit("db", code: 1)
        world.pass(.seconds(90))
        for _ in 0..<3 { world.sample("web", megabytes: 2) }
        world.pass(.seconds(5))
        world.request(1, .stopAll)
        world.terminate()
        for record in world.history.records {
            #expect(!record.message.isEmpty && !record.message.hasSuffix("."))
            #expect(!record.message.contains("  "), "\(record.message)")
        }
        for reply in world.history.replies() {
            #expect(reply.outcomes.allSatisfy { !$0.words.isEmpty && !$0.words.hasSuffix(".") })
        }
        #expect(world.history.exitCodes == [0])
    }
}
