// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

extension KnownKeys {
    private static let runningKinds: KnownKey.Kinds = [.daemon, .task]

    static let restart: [KnownKey] = [
        key(
            "restart", .restart, .choice(["always", "on-failure", "never"]),
            "\"always\" for daemons, \"on-failure\" for tasks", "After which ends it starts again",
            kinds: runningKinds, instead: "`max-retries` does that for a scheduled one"),
        key(
            "restart-delay", .restart, .duration(Span.any), "\"1s\"",
            "Time before the first restart; never less than 100 ms between two starts",
            kinds: runningKinds, instead: "`retry-delay` does that for a scheduled one"),
        key(
            "restart-factor", .restart, .number(1...1_000), "2.0",
            "Growth of the delay with each failure in a row; 1.0 keeps it constant",
            kinds: runningKinds, instead: "`retry-factor` does that for a scheduled one"),
        key(
            "restart-delay-max", .restart, .duration(Span.any), "\"60s\"",
            "The delay grows no further than this", kinds: runningKinds,
            instead: "`retry-delay-max` does that for a scheduled one"),
        key(
            "restart-jitter", .restart, .number(0...1), "0.25",
            "Share of the delay by which it is drawn shorter or longer, 0 to 1",
            kinds: runningKinds, instead: "`jitter` delays a scheduled one"),
        key(
            "restart-reset-after", .restart, .duration(Span.any), "\"60s\"",
            "Good time after which earlier failures are forgotten", kinds: runningKinds,
            instead: "a success does that for a scheduled one"),
        key(
            "max-restarts", .restart, .integer(1...1_000, word: "unlimited"), "10",
            "Automatic restarts within restart-window before when-exhausted applies"),
        key(
            "restart-window", .restart, .duration(Span.positive), "\"10m\"",
            "The time that max-restarts looks back"),
        key(
            "restart-cooldown", .restart, .duration(Span.any), "\"30s\"",
            "Least time between two restarts for recovery"),
        key(
            "when-exhausted", .restart, .choice(["retry", "fail", "exit"]), "\"retry\"",
            "At the limit: go on at the longest delay, give up, or end reeve with its exit code",
            kinds: runningKinds, instead: "the schedule of a scheduled one goes on in any case"),
    ]

    static let order: [KnownKey] = [
        key(
            "priority", .order, .integer(-1_000_000...1_000_000), "0",
            "Phase of the start: 1 from 10 on, 2 from 5, 3 from 1, 4 for the rest"),
        key(
            "dependencies", .order, .dependencies, "[]",
            "Schedulers it waits for: names, or tables of name, condition and on-failure"),
        key(
            "dependency-timeout", .order, .duration(Span.positive), "\"60s\"",
            "After waiting this long for its dependencies it is unhealthy; it still starts "
                + "when they are there"
        ),
    ]

    static let ready: [KnownKey] = [
        key(
            "ready", .ready, .readiness, "\"1s\" for daemons, \"spawn\" for tasks",
            "When it counts as ready: as soon as it runs, when it says so, when its health check has "
                + "passed, or after this time up",
            kinds: runningKinds,
            instead: "a scheduled one is ready by having a next occurrence"),
        key(
            "start-timeout", .ready, .duration(Span.positive), "\"60s\"",
            "Longest wait for \"notify\" or \"probe\", and for its program to begin where a launcher "
                + "stands before it; what is not ready by then has failed"),
        key(
            "watchdog", .ready, .duration(watchdogRange), "none",
            "How often it must send WATCHDOG=1; where that is missed it is stopped, and has failed",
            kinds: runningKinds, instead: "`timeout` limits a run of a scheduled one"),
        key(
            "notify", .ready, .either(.boolean, .choice(["path", "abstract"])), "false",
            "Give it a notify socket although neither ready nor watchdog needs one; "
                + "\"abstract\": one without a file"),
    ]

    static let health: [KnownKey] = [
        key(
            "health-check", .health, .healthCheck, "none",
            "How its health is asked for while it runs: a command, a port or a page"),
        key(
            "health-check-interval", .health, .duration(Span.interval), "\"30s\"",
            "How often its memory is measured, and its health asked for"),
        key(
            "error-threshold", .health, .integer(1...1_000_000), "5",
            "Failures in a row from which on it is unhealthy"),
    ]

    /// More often than that nobody can tell being late from being stuck.
    private static let watchdogRange = Duration.milliseconds(100)...Span.longest

    /// Below this a threshold would be above every process there is.
    private static let memoryRange = Bytes(64_000)...Bytes(1_000_000_000_000_000)

    static let memory: [KnownKey] = [
        key(
            "memory-threshold", .memory,
            .size(memoryRange, none: true, bareIsMegabytes: true), "none",
            "Resident memory of its whole process tree above which memory-action is taken"),
        key(
            "memory-samples", .memory, .integer(1...1_000), "3",
            "Measurements in a row above the threshold before it is"),
        key(
            "memory-hard-limit", .memory,
            .size(memoryRange, none: true, bareIsMegabytes: true), "none",
            "Killed at one measurement above this"),
        key(
            "memory-action", .memory,
            .choice(["recover", "restart", "restart-when-idle", "alert"]), "\"recover\"",
            "What happens above the threshold"),
        key(
            "memory-measure", .memory, .choice(["rss", "pss"]), "\"rss\"",
            "How memory is measured: resident, with shared pages counted for each process, or divided "
                + "among those that share them"),
    ]

    static let recovery: [KnownKey] = [
        key(
            "cleanup", .recovery,
            .table(
                [.init("signal", .signal, example: "\"USR1\""), .init("exec", .command)],
                oneOf: ["signal", "exec"]),
            "none", "What frees memory without a restart: a signal or a command"),
        key(
            "on-start", .recovery, .command, "none",
            "Run before each start of its program; where it fails, the start has failed"),
        key(
            "on-stop", .recovery, .command, "none",
            "Run after each run, when its last process is gone"),
        key(
            "hook-timeout", .recovery, .duration(Span.positive), "\"10s\"",
            "Longest run of cleanup, on-start and on-stop"),
    ]

    static let stop: [KnownKey] = [
        key("stop-signal", .stop, .signal, "\"TERM\"", "The signal that asks it to end"),
        key(
            "stop-timeout", .stop, .duration(Span.positive), "\"10s\"",
            "From that signal to SIGKILL for everything that is left of it"),
        key(
            "stop-scope", .stop, .choice(["leader-then-group", "group", "leader"]),
            "\"leader-then-group\"", "Which of its processes get the signal"),
        key("stop-command", .stop, .command, "none", "Run in place of the signal"),
        key(
            "leftovers", .stop, .choice(["stop", "keep"]), "\"stop\"",
            "What becomes of processes that a leader which ended by itself left behind"),
    ]

    static let log: [KnownKey] = [
        key(
            "log", .log, .choice(["prefixed", "inherit", "file", "journal", "none"]),
            "\"prefixed\"",
            "Its output: lines with its name on reeve's, reeve's own stdout and stderr, a file, "
                + "the journal, or nowhere"),
        key(
            "log-file", .log, .path(.absolute),
            "NAME.log below /var/log/reeve or the state directory",
            "The file of log = \"file\"", example: "\"/var/log/web.log\""),
        key(
            "log-max-size", .log,
            .size(Bytes(1_000)...Bytes(1_000_000_000_000_000), none: true), "\"10MB\"",
            "Size at which its log file is rotated; \"none\": another program does that"),
        key(
            "log-max-files", .log, .integer(1...1_000), "10",
            "Log files that are kept, the one that is written included"),
        key(
            "log-timestamps", .log, .boolean, "false",
            "Put the time in front of each line of its log file"),
        key(
            "log-prefix", .log, .choice(["name", "run"]), "\"name\"",
            "What stands in front of its lines: its name, or its name and the id of the run"),
        key(
            "log-tail", .log, .size(Bytes(1_000)...Bytes(16_000_000), none: true), "\"16kB\"",
            "How much of its output is kept for the logs command; \"none\" keeps nothing",
            example: "\"64kB\""),
    ]

    static let alerts: [KnownKey] = [
        key(
            "error-rate", .alerts, .number(0...1), "0.20",
            "Share of failed executions above which there is an alert, from 5 ended ones on"),
        key(
            "error-rate-window", .alerts, .duration(Span.interval), "\"5m\"",
            "The time that error-rate looks back"),
        key(
            "leak-window", .alerts, .duration(Span.interval, none: true),
            "\"15m\" for those with a memory limit, else none",
            "Growth of memory over this long is an alert; set here, all are sampled for it"),
        key(
            "frequent-restarts", .alerts, .integer(1...100), "3",
            "More automatic restarts than this within restart-alert-window are an alert"),
        key(
            "restart-alert-window", .alerts, .duration(Span.positive), "\"10m\"",
            "The time that frequent-restarts looks back"),
        key(
            "timeouts", .alerts, .integer(1...1_000), "3",
            "Timeouts in a row that are an alert"),
        key(
            "exec", .alerts, .command, "none",
            "A command that gets what begins, lasts and ends as JSON on its stdin"),
        key(
            "repeat-after", .alerts, .duration(Span.interval, none: true), "\"1h\"",
            "An alert that lasts is told again after this"),
    ]

    static let gateway: [KnownKey] = [
        key(
            "listen", .gateway, .text, "\"127.0.0.1:5000\"",
            "Address and port of the HTTP interface"),
        key(
            "command", .gateway, .command, "beside reeve, then PATH", "The gateway's program"),
        key(
            "hosts", .gateway, .list(of: .text), "[]",
            "Names by which clients call the gateway, where it has no token",
            example: "[\"reeve.example.org\"]"),
        key(
            "user", .gateway, .account, "65534 where reeve is root", "The user it runs as"),
        key(
            "managed", .gateway, .choice(["child", "external"]), "\"child\"",
            "Whether reeve runs the gateway or something else does"),
        key(
            "token-file", .gateway, .path(.any), "none",
            "File with the token that may change things"),
        key(
            "read-token-file", .gateway, .path(.any), "none", "File with the token that may read"),
        key(
            "allow-unauthenticated-network", .gateway, .boolean, "false",
            "Listen beyond this machine without a token"),
        key(
            "allow-register", .gateway, .boolean, "false",
            "Let whoever has the control token register schedulers, which is to execute programs"),
        key(
            "register-user", .gateway, .account, "reeve's own, which must not be root",
            "The user that those run as which are registered over HTTP", example: "\"jobs\""),
        later(
            "history-retention", .gateway, .duration(Span.positive), "\"30d\"",
            "How long history is kept"),
        later(
            "webhooks", .gateway,
            .list(
                of: .table(
                    [
                        .init("url", .text), .init("secret-file", .path(.any)),
                        .init("format", .choice(["json", "slack", "alertmanager"])),
                        .init("allow-private", .boolean),
                    ], oneOf: ["url"])),
            "[]", "Where alerts are sent"),
        key(
            "tls-certificate", .gateway, .path(.any), "none", "Certificate of the HTTP interface"),
        key(
            "tls-key", .gateway, .path(.any), "none", "Key of that certificate"),
    ]
}
