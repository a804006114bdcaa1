// SPDX-License-Identifier: Apache-2.0
//
// What each condition says of one scheduler at the moment. Between the line at which an alert begins and
// the one at which it ends lies a band in which nothing changes, so that an alert does not flap.

extension Scheduler {
    /// Whether any condition is one to alert of.
    func raisesAlarm(at now: Instant) -> Bool {
        Alert.Kind.allCases.contains { alarmCondition($0, at: now) == .raised }
    }

    /// What a condition says now. Others may wait for one that is stopped, or gone.
    func alarmCondition(_ kind: Alert.Kind, at now: Instant) -> AlarmCondition {
        if kind == .dependencyFailure { return sufferers.isEmpty ? .gone : .raised }
        if restWords != nil { return .gone }
        switch kind {
        case .errorRate: return errorRateCondition(at: now)
        case .memoryLeak: return leakCondition
        case .frequentRestarts: return restartCondition(at: now)
        case .timeouts: return timeoutCondition
        case .dependencyFailure: return .between
        }
    }

    /// Why a condition is as it is, without a full stop.
    func alarmWords(
        _ kind: Alert.Kind, _ condition: AlarmCondition, at now: Instant
    ) -> String {
        if let restWords { return restWords }
        let isRaised = condition == .raised
        switch kind {
        case .errorRate: return errorRateWords(isRaised: isRaised, at: now)
        case .memoryLeak: return leakWords
        case .frequentRestarts: return restartWords(isRaised: isRaised, at: now)
        case .timeouts: return timeoutWords(isRaised: isRaised)
        // Who suffers from it is the supervisor's to name.
        case .dependencyFailure: return ""
        }
    }

    /// Why nothing is to be alerted of; nil where it is up or should be.
    private var restWords: String? {
        if isRemoved { return "it is no longer configured" }
        if lifecycle == .completed { return "it completed" }
        return desired == .up ? nil : "it is stopped"
    }

    // MARK: Error rate

    /// Begins above the rate with at least five executions; ends at three quarters of it, or when no failure
    /// is left in the window. Worked: with 0.2, 2 of 9 (22 %) begin it, 2 of 14 (14 %) end it.
    private func errorRateCondition(at now: Instant) -> AlarmCondition {
        let counts = metrics.window.counts(at: now)
        let all = counts.succeeded + counts.failed
        guard counts.failed > 0 else { return .gone }
        let limit = alertSettings.errorRate
        let rate = Double(counts.failed) / Double(all)
        if rate > limit, all >= AlertSettings.executionsMin { return .raised }
        return rate <= limit * 0.75 ? .gone : .between
    }

    private func errorRateWords(isRaised: Bool, at now: Instant) -> String {
        let counts = metrics.window.counts(at: now)
        let window = alertSettings.errorRateWindow
        guard counts.failed > 0 else { return "no failure within \(window)" }
        let all = counted(counts.succeeded + counts.failed, "execution")
        let words = "\(counts.failed) of \(all) failed within \(window)"
        return isRaised ? "\(words), above \(percent(alertSettings.errorRate))" : words
    }

    // MARK: Restarts

    /// Begins above the limit; ends when half of it, or fewer, are left in the window.
    private func restartCondition(at now: Instant) -> AlarmCondition {
        let count = metrics.restartCount(within: alertSettings.restartAlertWindow, at: now)
        let limit = alertSettings.frequentRestarts
        if count > limit { return .raised }
        return count <= limit / 2 ? .gone : .between
    }

    private func restartWords(isRaised: Bool, at now: Instant) -> String {
        let window = alertSettings.restartAlertWindow
        guard isRaised else {
            let count = metrics.restartCount(within: window, at: now)
            return "\(counted(count, "restart")) within \(window)"
        }
        let last = lastMeaning.map { "; the last time it \($0)" } ?? ""
        return "restarted more than \(alertSettings.frequentRestarts) times within \(window)\(last)"
    }

    // MARK: Timeouts

    private var timeoutCondition: AlarmCondition {
        guard specification.timeout != nil else { return .gone }
        if metrics.timeoutsInRow >= alertSettings.timeouts { return .raised }
        return metrics.timeoutsInRow == 0 ? .gone : .between
    }

    private func timeoutWords(isRaised: Bool) -> String {
        guard let timeout = specification.timeout else { return "it has no timeout any more" }
        return isRaised
            ? "ran into its timeout of \(timeout) \(metrics.timeoutsInRow) times in a row"
            : "an execution ended within its timeout"
    }

    // MARK: Leaks

    /// The window in which memory is watched; nil: it is not.
    private var watchedLeakWindow: Duration? { isSampled ? alertSettings.leakWindow : nil }

    /// What is found in one run lasts until another was seen for a whole window without growth.
    private var leakCondition: AlarmCondition {
        guard watchedLeakWindow != nil else { return .gone }
        switch metrics.leak?.finding {
        case .leak?: return .raised
        case .steady?: return .gone
        case .unknown?, nil: return .between
        }
    }

    private var leakWords: String {
        guard let window = watchedLeakWindow else {
            return "its memory is no longer watched for leaks"
        }
        guard case .leak(let trend)? = metrics.leak?.finding else {
            return "memory has not grown for \(window)"
        }
        let forecast =
            trend.forecast(to: specification.memory.threshold).map {
                $0 > .zero ? "; at this rate it reaches its threshold in \($0.rounded)" : ""
            } ?? ""
        return "memory grows by \(trend.perMinute) a minute, for \(window) without a pause, and is "
            + "at least \(trend.level) now\(forecast)"
    }

    // MARK: Time

    /// When a condition may change although nothing happens; later than `now`.
    func alarmChange(_ kind: Alert.Kind, after now: Instant) -> Instant? {
        switch kind {
        case .errorRate: return metrics.window.nextChange(after: now)
        case .frequentRestarts:
            let window = alertSettings.restartAlertWindow
            return metrics.restarts.first { now - $0 < window }.map { $0 + window }
        case .memoryLeak, .dependencyFailure, .timeouts: return nil
        }
    }

    func alarm(_ kind: Alert.Kind) -> Alarm? { alarms.first { $0.kind == kind } }

    /// Its memory is sampled without being asked.
    var isSampled: Bool {
        specification.memory.isWatched
            || (alertSettings.watchesAllMemory && alertSettings.leakWindow != nil)
    }

    /// Others that it cannot be without, or has waited for in vain, and that are not down because somebody
    /// stopped them; worked out by the supervisor.
    var isConcernedByDependencies: Bool {
        guard desired == .up, !isRemoved else { return false }
        switch lifecycle {
        case .starting, .running, .backingOff, .waitingForDependencies: return true
        case .stopped, .waitingForPhase, .idle, .stopping, .exhausted, .completed: return false
        }
    }
}

extension Duration {
    /// To the minute above an hour, else to the second: a forecast is no measurement.
    fileprivate var rounded: Duration {
        let unit: Int64 = seconds >= 3_600 ? 60 : 1
        return .seconds(seconds / unit * unit)
    }
}

/// "20 %", "12.5 %".
private func percent(_ share: Double) -> String {
    // A share is 0 to 1, and adding a half before cutting rounds.
    let tenths = Int64(max(0, min(share, 1)) * 1_000 + 0.5)
    return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
}
