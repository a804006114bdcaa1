// SPDX-License-Identifier: Apache-2.0
//
// Health is derived from the rest of the state, never stored as a truth of its own. The table goes from
// the lifecycle to the findings, the worst first; each finding has its reason.

extension Scheduler {
    /// The public state and why.
    var health: (health: Health, reason: String) {
        if !lanes.isEmpty, let stop = survived.first {
            return (.unhealthy, "could not be ended: \(listed(stop.alive))")
        }
        return switch lifecycle {
        case .stopped(let reason): stoppedHealth(reason)
        case .waitingForPhase: failing ?? (.starting, "waits for its phase")
        case .waitingForDependencies(let wait): waitingHealth(wait)
        case .starting where pendingStop != nil, .running where pendingStop != nil:
            (.stopping, "waits for its dependents to stop")
        case .starting(let run):
            upHealth(
                run, otherwise: .starting,
                run.onStart == nil ? startingReason : "its on-start command runs")
        case .running(let run): upHealth(run, otherwise: .healthy, runningReason)
        case .stopping(let stop): (.stopping, stop.reason)
        case .backingOff(let backOff): backOffHealth(backOff)
        case .exhausted(let reason): (.unhealthy, "given up: \(reason)")
        case .completed: (.healthy, lastMeaning ?? "completed")
        case .idle: failing ?? failingOften ?? (.healthy, idleReason)
        }
    }

    private var startingReason: String {
        switch specification.readiness.rule {
        case .spawn, .uptime: "not ready yet"
        case .notify: "not ready yet: waits for READY=1"
        case .probe: "not ready yet: " + (check.lastWords ?? "waits for its health check")
        }
    }

    private var runningReason: String {
        lifecycle.run.map { "started: \($0.reason)" } ?? "running"
    }

    private var idleReason: String {
        guard let schedule else { return "nothing is due" }
        if schedule.isPaused { return "paused by the operator" }
        if case .interval? = Optional(schedule.timetable), schedule.next != nil {
            return "waits for its interval"
        }
        return schedule.next?.due.map { "next run at \($0)" } ?? "no further run is due"
    }

    private func stoppedHealth(_ reason: Lifecycle.StoppedReason) -> (Health, String) {
        switch reason {
        case .notStarted: (.stopped, "not started yet")
        case .disabled: (.stopped, "enabled = false")
        case .removed: (.stopped, "no longer configured")
        case .byOperator: (.stopped, "stopped by the operator")
        case .heldDown:
            (.stopped, "stopped by the operator before reeve was started, and stays so")
        case .shutdown: (.stopped, "reeve shuts down")
        case .survivors(let stop, nextSurvey: _):
            (.unhealthy, "could not be ended: \(listed(stop.alive))")
        case .unstartable(let why): (.unhealthy, why)
        }
    }

    private func waitingHealth(_ wait: Lifecycle.DependencyWait) -> (health: Health, reason: String)
    {
        if let lost = wait.lost { return (.unhealthy, "its dependency \(lost) is lost") }
        if wait.timedOut { return (.unhealthy, "its dependencies were not met in time") }
        return failing ?? (.starting, "waits for its dependencies")
    }

    private func backOffHealth(
        _ backOff: Lifecycle.BackOff
    ) -> (health: Health, reason: String) {
        if let failing, failing.health == .unhealthy { return failing }
        if backOff.isSpacing && consecutiveFailures == 0 { return (.starting, backOff.reason) }
        return (.degraded, backOff.reason)
    }

    /// What failures alone say; nil where there are none.
    private var failing: (health: Health, reason: String)? {
        if isOverLimit { return (.unhealthy, "restarted too often: \(lastMeaning ?? "it failed")") }
        guard consecutiveFailures > 0 else { return nil }
        let words =
            "\(counted(consecutiveFailures, "failure")) in a row, the last: \(lastMeaning ?? "failed")"
        return (consecutiveFailures >= specification.errorThreshold ? .unhealthy : .degraded, words)
    }

    private func upHealth(
        _ run: Run, otherwise health: Health, _ reason: String
    ) -> (health: Health, reason: String) {
        // The worst finding wins: what makes unhealthy before what degrades.
        if let failing, failing.health == .unhealthy { return failing }
        if check.state == .failed {
            let times = counted(check.failuresInRow, "time")
            let words = check.lastWords ?? "no answer"
            return (.unhealthy, "its health check failed \(times) in a row: \(words)")
        }
        if let lost = lostDependencies.first {
            return (.unhealthy, "its dependency \(lost) is lost")
        }
        if let failing { return failing }
        if let lost = ignoredLosses.first { return (.degraded, "its dependency \(lost) is lost") }
        let pressing = runs.first { $0.memory.isPressing(specification.memory) }
        if let bytes = pressing?.memory.last,
            let limit = specification.memory.threshold
        {
            return (.degraded, "uses \(bytes) of its threshold of \(limit)")
        }
        return failingOften ?? (health, reason)
    }

    /// The error rate is above the alert's; the alert and this begin and end together.
    private var failingOften: (health: Health, reason: String)? {
        alarm(.errorRate).map { (.degraded, "fails often: \($0.words)") }
    }

    // MARK: What dependents see

    /// Whether a dependent with this condition may start.
    func meets(_ condition: Dependency.Condition, health: Health) -> Bool {
        switch condition {
        case .completed:
            return lifecycle == .completed || schedule?.lastOutcome == .succeeded
        case .started where schedule != nil, .ready where schedule != nil: return followsSchedule
        case .healthy where schedule != nil:
            return followsSchedule && (health == .healthy || health == .degraded)
        case .started:
            return lifecycle == .completed || (lifecycle.isUp && lifecycle.run?.leader != nil)
        case .ready: return lifecycle == .completed || isReady
        case .healthy:
            return (lifecycle == .completed || isReady)
                && (health == .healthy || health == .degraded)
        }
    }

    /// Whether dependents have to react. An exit from which it recovers is no loss.
    func isLost(health: Health) -> Bool {
        if lifecycle == .completed { return false }
        return health == .unhealthy || desired != .up || pendingStop != nil
    }

    /// Idle, or executing.
    private var followsSchedule: Bool {
        switch lifecycle {
        case .idle, .starting, .running, .backingOff: true
        case .stopped, .waitingForPhase, .waitingForDependencies, .stopping, .exhausted, .completed:
            false
        }
    }

    private var isReady: Bool {
        if case .running = lifecycle { return true }
        return false
    }

    /// Whether start-up need not wait for it any longer.
    var hasSettled: Bool {
        switch lifecycle {
        case .waitingForPhase: false
        case .waitingForDependencies(let wait): wait.timedOut || consecutiveFailures > 0
        case .starting: consecutiveFailures > 0
        case .backingOff(let backOff): !backOff.isSpacing || consecutiveFailures > 0
        case .stopping(let stop):
            if case .dependencyLost = stop.cause { false } else { desired != .up }
        case .stopped, .idle, .running, .exhausted, .completed: true
        }
    }
}

extension Stop {
    /// Why it is being stopped, for `status`.
    var reason: String {
        if case .onStop = step { return "its on-stop command runs" }
        return cause.words
    }
}

extension Stop.Cause {
    /// "its dependency db is lost".
    var words: String {
        switch self {
        case .byOperator: "asked by the operator"
        case .replaced: "the next occurrence takes its place"
        case .reconfigured: "the configuration changed"
        case .shutdown: "reeve shuts down"
        case .dependencyLost(let name): "its dependency \(name) is lost"
        case .dependencyBack(let name): "its dependency \(name) is back"
        case .recovery(let trigger): trigger.words
        case .memoryHardLimit: "memory above the hard limit"
        case .timeout: "ran longer than its timeout"
        case .notReady: "it was not ready in time"
        case .watchdog: "it gave no sign of life"
        case .leftovers: "its leader left processes behind"
        }
    }
}
