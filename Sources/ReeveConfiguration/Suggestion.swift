// SPDX-License-Identifier: Apache-2.0
//
// The right word for a wrong one: another spelling of it, a word that other supervisors use for the
// same thing, or the nearest by edit distance.

enum Suggestion {
    /// Returns the candidate that was most likely meant; nil where none is near.
    static func nearest(to word: String, in candidates: [String]) -> String? {
        let spelled = kebab(word)
        if candidates.contains(spelled) { return spelled }
        if let known = elsewhere[spelled], candidates.contains(known) { return known }
        let letters = Array(spelled.utf8)
        // Nothing is near to what is longer than any word we know; this also bounds the work.
        guard (1...40).contains(letters.count) else { return nil }
        let reach = letters.count == 1 ? 0 : max(1, min(3, letters.count / 3))
        var best: (word: String, distance: Int)?
        for candidate in candidates {
            let other = Array(candidate.utf8)
            guard abs(other.count - letters.count) <= reach else { continue }
            let distance = distance(letters, other)
            if distance <= reach, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.word
    }

    /// "memoryThreshold", "memory_threshold" and "MEMORY THRESHOLD" are "memory-threshold".
    static func kebab(_ word: String) -> String {
        var result = ""
        var wasSmall = false
        for scalar in word.unicodeScalars {
            let isCapital = ("A"..."Z").contains(scalar)
            if isCapital && wasSmall { result += "-" }
            wasSmall = ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
            if scalar == "_" || scalar == " " {
                result += "-"
            } else {
                result += isCapital ? String(scalar).lowercased() : String(scalar)
            }
        }
        return result
    }

    /// Edits, and swaps of neighbours, from one to the other.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let isSame = left[row] == right[column]
                var cost = min(
                    last[column] + (isSame ? 0 : 1), last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1],
                    left[row - 1] == right[column]
                {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }

    /// Words of the document reeve was made from and of other supervisors.
    private static let elsewhere = [
        "cron-expression": "cron", "schedule": "cron", "on-calendar": "cron", "every": "interval",
        "recovery-cooldown": "restart-cooldown", "max-restart-attempts": "max-restarts",
        "on-success": "on-stop", "exec": "command", "exec-start": "command", "cmd": "command",
        "program": "command", "args": "command", "run": "command", "exec-stop": "stop-command",
        "cwd": "working-directory", "dir": "working-directory", "directory": "working-directory",
        "workdir": "working-directory", "chdir": "working-directory", "env": "environment",
        "environment-file": "env-file", "type": "kind", "autostart": "enabled",
        "autorestart": "restart", "restart-policy": "restart", "restart-sec": "restart-delay",
        "startsecs": "ready", "start-secs": "ready", "startretries": "max-restarts",
        "start-limit-burst": "max-restarts", "start-limit-interval": "restart-window",
        "stopsignal": "stop-signal", "kill-signal": "stop-signal",
        "stopwaitsecs": "stop-timeout", "kill-timeout": "stop-timeout",
        "timeout-stop-sec": "stop-timeout", "timeout-start-sec": "start-timeout",
        "watchdog-sec": "watchdog", "exitcodes": "success-exit-codes",
        "success-exit-status": "success-exit-codes", "depends-on": "dependencies",
        "depends": "dependencies", "requires": "dependencies", "after": "dependencies",
        "wants": "dependencies", "needs": "dependencies", "memory-max": "memory-hard-limit",
        "memory-limit": "memory-threshold", "max-memory": "memory-threshold",
        "stdout-logfile": "log-file", "logfile": "log-file", "healthcheck": "health-check",
        "loglevel": "log-level", "logformat": "log-format", "shutdown-timeout": "graceful-timeout",
        "pre-start": "on-start", "post-stop": "on-stop", "tz": "timezone",
        "kill-mode": "stop-scope", "socket-mode": "control-mode",
        "warn": "warning", "err": "error", "trace": "debug", "verbose": "debug",
        "oneshot": "task", "once": "task", "job": "task", "service": "daemon", "simple": "daemon",
        "on-fail": "on-failure", "no": "never", "yes": "always", "unless-stopped": "always",
        "true": "always", "false": "never", "prod": "production", "dev": "local",
        "development": "local", "process": "leader", "mixed": "leader-then-group",
        "control-group-kill": "group", "null": "none", "off": "none", "stdout": "inherit",
        "kill": "stop", "programs": "schedulers", "services": "schedulers", "jobs": "schedulers",
        "default": "defaults", "global": "reeve", "supervisor": "reeve", "alert": "alerts",
    ]
}
