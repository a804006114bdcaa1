// SPDX-License-Identifier: Apache-2.0
//
// Every key there is, in the order in which documentation and explanations list them. The loader
// knows no key but from here.

internal import ReeveCore

/// The keys of the configuration.
package enum KnownKeys {
    /// All keys of all tables; a name is unique within its table.
    package static let all: [KnownKey] =
        reeve + what + when + run + restart + order + ready + health + memory + recovery + stop
        + log
        + alerts + gateway

    /// The keys of one table, in order.
    package static func of(_ table: KnownKey.Table) -> [KnownKey] {
        switch table {
        case .reeve: reeve
        case .schedulers: schedulers
        case .alerts: alerts
        case .gateway: gateway
        }
    }

    /// Finds a key by its exact name.
    package static func find(_ name: String, in table: KnownKey.Table) -> KnownKey? {
        byName[table]?[name]
    }

    private static let schedulers = all.filter { $0.table == .schedulers }

    private static let byName: [KnownKey.Table: [String: KnownKey]] = {
        var index: [KnownKey.Table: [String: KnownKey]] = [:]
        for key in all { index[key.table, default: [:]][key.name] = key }
        return index
    }()
}

/// Bounds that several keys share.
enum Span {
    /// The longest span that is taken: a year.
    static let longest = Duration.seconds(365 * 86_400)
    /// Anything, zero included.
    static let any = Duration.zero...longest
    /// Anything a deadline can be: zero would never give a process its turn.
    static let positive = Duration.milliseconds(1)...longest
    /// What is done on the grid of whole seconds.
    static let interval = Duration.seconds(1)...longest
}

/// A row of the tables below.
func key(
    _ name: String, _ group: KnownKey.Group, _ shape: ValueShape, _ defaultText: String,
    _ summary: String, example: String? = nil, kinds: KnownKey.Kinds = .all,
    status: KnownKey.Status = .now, instead: String? = nil
) -> KnownKey {
    KnownKey(
        name: name, group: group, kinds: kinds, status: status, defaultText: defaultText,
        summary: summary, shape: shape, ownExample: example, instead: instead)
}

/// A row for what this version does not do.
func later(
    _ name: String, _ group: KnownKey.Group, _ shape: ValueShape, _ defaultText: String,
    _ summary: String, kinds: KnownKey.Kinds = .all, instead: String? = nil
) -> KnownKey {
    key(
        name, group, shape, defaultText, summary, kinds: kinds, status: .later, instead: instead)
}

extension KnownKeys {
    static let reeve: [KnownKey] = [
        key(
            "profile", .reeve, .choice(["auto", "production", "render", "local"]), "\"auto\"",
            "Preset of defaults; auto is REEVE_PROFILE, else render where RENDER is set, "
                + "else production"
        ),
        key(
            "runtime-directory", .reeve, .path(.runtimeDirectory),
            "/run/reeve, else $XDG_RUNTIME_DIR/reeve, else /tmp/reeve-UID, else /dev/shm/reeve-UID",
            "Where the control socket, the lock and the tails of logs are"),
        key(
            "state-directory", .reeve, .path(.absolute),
            "/var/lib/reeve as root, else $XDG_STATE_HOME/reeve",
            "Where state that outlives a restart is; where none is writable reeve goes on without"),
        key(
            "control-mode", .reeve, .mode(max: 0o777), "\"0600\"",
            "Permission bits of the control socket"),
        key(
            "control-group", .reeve, .account, "none",
            "Group of the control socket, by name or number"),
        key(
            "graceful-timeout", .reeve, .duration(Span.positive), "\"30s\"",
            "Whole budget of a shutdown before SIGKILL; REEVE_STOP_BUDGET less "
                + "force-timeout, if set"
        ),
        key(
            "force-timeout", .reeve, .duration(Span.positive), "\"5s\"",
            "After SIGKILL, the longest wait for processes to be gone"),
        key(
            "staggered-startup", .reeve, .boolean, "true",
            "Start in phases by priority; dependencies are kept either way"),
        key(
            "phase-timeout", .reeve, .duration(Span.positive), "\"60s\"",
            "Longest wait for a phase of the start"),
        key(
            "auto-recovery", .reeve, .boolean, "true",
            "Act on memory thresholds and failed health checks; restarts after an exit go on either way"
        ),
        later(
            "orphans", .reeve, .choice(["adopt", "stop"]), "\"adopt\"",
            "What happens to processes that outlived a killed supervisor"),
        key("watch", .reeve, .boolean, "false", "Reload when the file changes"),
        later(
            "include", .reeve, .list(of: .path(.any)), "[]", "Further files to read, with wildcards"
        ),
        key(
            "log-format", .reeve, .choice(["text", "json", "journal"]), "\"text\"",
            "How reeve writes its own log"),
        key(
            "log-level", .reeve, .choice(["info", "error", "warning", "debug"]), "\"info\"",
            "The least severe lines that reeve writes to its own log"),
        key(
            "syslog", .reeve, .path(.absolute), "none",
            "Where a socket for the log of programs that use syslog is opened: \"/dev/log\"",
            example: "\"/dev/log\""),
        key(
            "exit-with", .reeve, .scheduler, "none",
            "The scheduler whose final end ends reeve, with its exit code"),
    ]

    static let what: [KnownKey] = [
        key(
            "command", .what, .command, "none",
            "What is executed: an array without a shell, a string by /bin/sh -c; required"),
        key(
            "kind", .what, .choice(["daemon", "task", "scheduled"]), "\"daemon\"",
            "Kept running (daemon), run once to its end at the start (task), or when due (scheduled)"
        ),
        key(
            "enabled", .what, .boolean, "true",
            "Start it with reeve; otherwise it waits for the start command"),
        key("description", .what, .text, "none", "What it is, for people"),
        key(
            "working-directory", .what, .path(.any), "none",
            "Where it runs; reeve's own working directory without it"),
        key(
            "environment", .what, .variables, "{}",
            "Variables it gets besides those of reeve; added to those of [defaults]"),
        key(
            "env-file", .what, .either(.path(.any), .list(of: .path(.any))), "none",
            "Files with further variables, read at each start; `-` before a path: it may be missing",
            example: "\"/etc/default/app\""),
        key(
            "secrets", .what, .secrets, "{}",
            "Variables whose values are read from files at each start: their names and paths"),
        key(
            "clear-environment", .what, .boolean, "false",
            "Start it without what reeve inherited: it gets environment, and what reeve sets itself"
        ),
        key("user", .what, .account, "none", "The user it runs as, of /etc/passwd"),
        key("group", .what, .account, "none", "The group it runs as, of /etc/group"),
        key(
            "umask", .what, .mode(max: 0o777), "none", "Permission bits its new files do not get",
            example: "\"0027\""),
        key(
            "limits", .what, .table(resourceLimits), "{}",
            "Resource limits (setrlimit): a number, \"unlimited\", or \"SOFT:HARD\"",
            example: "{ nofile = \"1024:4096\" }"),
        key("nice", .what, .integer(-20...19), "none", "Scheduling priority of its processes"),
        key(
            "oom-score-adj", .what, .integer(-1_000...1_000), "none",
            "How readily the kernel kills it when memory runs out"),
        key(
            "launcher", .what, .boolean, "false",
            "Start it through a helper process also where no other key needs one"),
    ]

    private static let resourceLimits = ResourceLimit.Resource.allCases.map {
        ValueShape.Field($0.rawValue, .limit, example: $0.example)
    }

    private static let withSchedule = "a schedule is what it belongs to: `cron` or `interval`"

    static let when: [KnownKey] = [
        key("cron", .when, .cron, "none", "When it runs, in cron's five or six fields"),
        key("interval", .when, .duration(Span.interval), "none", "How often it runs"),
        key(
            "interval-from", .when, .choice(["start", "end"]), "\"start\"",
            "What the interval counts from: the start or the end of the run before",
            kinds: .scheduled, instead: withSchedule),
        key(
            "timezone", .when, .zone, "the host's", "The zone that cron's fields are in",
            kinds: .scheduled, instead: withSchedule),
        key(
            "jitter", .when, .duration(Span.any), "\"0s\"",
            "Random delay of each occurrence, at most",
            kinds: .scheduled, instead: withSchedule),
        key(
            "spread", .when, .duration(Span.any), "\"0s\"",
            "Fixed delay by host and name, less than this", kinds: .scheduled,
            instead: withSchedule),
        key(
            "overlap", .when, .choice(["skip", "queue", "replace", "allow"]), "\"skip\"",
            "What happens to an occurrence while the run before goes on", kinds: .scheduled,
            instead: withSchedule),
        key(
            "max-parallel", .when, .integer(1...1_000), "10",
            "The most runs at a time with overlap = \"allow\"", kinds: .scheduled,
            instead: withSchedule),
        key(
            "misfire", .when, .choice(["run-once", "skip", "run-all"]), "\"run-once\"",
            "What happens to occurrences that were missed", kinds: .scheduled,
            instead: withSchedule),
        key(
            "misfire-deadline", .when, .duration(Span.positive), "none",
            "How late a missed occurrence may still run", kinds: .scheduled, instead: withSchedule),
        key(
            "run-on-start", .when, .boolean, "false", "Run also when reeve starts",
            kinds: .scheduled, instead: "a daemon or a task runs when reeve starts"),
        key(
            "starts-at", .when, .timestamp, "none", "No occurrence is before this",
            kinds: .scheduled, instead: withSchedule),
        key(
            "expires-at", .when, .timestamp, "none", "No occurrence is after this",
            kinds: .scheduled, instead: withSchedule),
    ]

    static let run: [KnownKey] = [
        key(
            "timeout", .run, .duration(Span.positive, none: true), "none",
            "Longest run; what takes longer is stopped and has failed", kinds: [.task, .scheduled],
            instead: "a daemon runs until it is stopped; what ends by itself is kind = \"task\""),
        key(
            "success-exit-codes", .run, .exitCodes, "[0]",
            "Exit codes that are no failure, 0 to 255"),
        key(
            "max-retries", .run, .integer(0...1_000), "0", "Attempts after the first that failed",
            kinds: .scheduled, instead: "`restart` and `max-restarts` do that here"),
        key(
            "retry-delay", .run, .duration(Span.any), "\"1s\"", "Time before the first retry",
            kinds: .scheduled, instead: "`restart-delay` does that here"),
        key(
            "retry-factor", .run, .number(1...1_000), "2.0", "Growth of the delay with each retry",
            kinds: .scheduled, instead: "`restart-factor` does that here"),
        key(
            "retry-delay-max", .run, .duration(Span.any), "\"60s\"", "Longest time before a retry",
            kinds: .scheduled, instead: "`restart-delay-max` does that here"),
        key(
            "no-retry-exit-codes", .run, .exitCodes, "[]",
            "Exit codes after which a retry is in vain",
            kinds: .scheduled, instead: "`success-exit-codes` and `restart` decide that here"),
        key(
            "drain-timeout", .run, .duration(Span.any), "\"10s\"",
            "How long a shutdown leaves a run alone", kinds: .scheduled,
            instead: "`stop-timeout` is how long its end may take"),
    ]
}
