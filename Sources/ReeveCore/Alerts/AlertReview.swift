// SPDX-License-Identifier: Apache-2.0
//
// Where alerts begin and end. A scheduler that was touched is looked at; its alerts live with it, and what
// is to be said of them is a record and, with `exec`, a place in the next delivery.

extension Supervisor {
    /// Begins, repeats and ends the alerts of one scheduler.
    mutating func reviewAlarms(_ id: SchedulerID, _ turn: inout Turn) {
        noteDependencies(of: id, &turn)
        let now = turn.now.monotonic
        if schedulers[id.index].alarms.isEmpty, !schedulers[id.index].raisesAlarm(at: now) {
            schedulers[id.index].alarmDeadline = nil
            return
        }
        for kind in Alert.Kind.allCases {
            review(id, kind, schedulers[id.index].alarmCondition(kind, at: now), &turn)
        }
        var due: Instant?
        for alarm in schedulers[id.index].alarms {
            let change = schedulers[id.index].alarmChange(alarm.kind, after: now)
            due = [due, alarm.repeatAt, alarm.endsAt, change].compactMap { $0 }.min()
        }
        schedulers[id.index].alarmDeadline = due
    }

    private mutating func review(
        _ id: SchedulerID, _ kind: Alert.Kind, _ condition: AlarmCondition, _ turn: inout Turn
    ) {
        let now = turn.now.monotonic
        guard let index = schedulers[id.index].alarms.firstIndex(where: { $0.kind == kind }) else {
            if condition == .raised { begin(id, kind, words(id, kind, condition, now), &turn) }
            return
        }
        var alarm = schedulers[id.index].alarms[index]
        switch condition {
        case .raised:
            alarm.words = words(id, kind, condition, now)
            alarm.endsAt = nil
        case .between:
            alarm.endsAt = nil
        case .gone:
            let endsAt = alarm.endsAt ?? now + calm(kind)
            alarm.endsAt = endsAt
            if endsAt <= now {
                schedulers[id.index].alarms.remove(at: index)
                alertCount -= 1
                return tell(alarm, id, .ended, words(id, kind, condition, now), &turn)
            }
        }
        if let again = alarm.repeatAt, again <= now {
            alarm.repeatAt = settings.alerts.repeatAfter.map { now + $0 }
            tell(alarm, id, .continues, alarm.words, &turn)
        }
        schedulers[id.index].alarms[index] = alarm
    }

    private func words(
        _ id: SchedulerID, _ kind: Alert.Kind, _ condition: AlarmCondition, _ now: Instant
    ) -> String {
        kind == .dependencyFailure
            ? dependencyWords(id) : schedulers[id.index].alarmWords(kind, condition, at: now)
    }

    /// How long a condition has to be gone. The other conditions have a band of their own.
    private func calm(_ kind: Alert.Kind) -> Duration {
        switch kind {
        case .dependencyFailure: Limits.alertCalm
        case .errorRate, .memoryLeak, .frequentRestarts, .timeouts: .zero
        }
    }

    private mutating func begin(
        _ id: SchedulerID, _ kind: Alert.Kind, _ words: String, _ turn: inout Turn
    ) {
        alertNumber &+= 1
        alertCount += 1
        let alarm = Alarm(
            number: alertNumber, kind: kind, since: turn.now, words: words,
            repeatAt: settings.alerts.repeatAfter.map { turn.now.monotonic + $0 })
        schedulers[id.index].alarms.append(alarm)
        tell(alarm, id, .began, words, &turn)
    }

    private mutating func tell(
        _ alarm: Alarm, _ id: SchedulerID, _ phase: Alert.Phase, _ words: String,
        _ turn: inout Turn
    ) {
        let alert = alert(alarm, id, phase, words, at: turn.now.wall)
        schedulers[id.index].record(
            .alert(alert), run: schedulers[id.index].lifecycle.run?.id, in: &turn)
        queue(alert, &turn)
    }

    private func alert(
        _ alarm: Alarm, _ id: SchedulerID, _ phase: Alert.Phase, _ words: String, at wall: WallTime
    ) -> Alert {
        let affected = alarm.kind == .dependencyFailure ? sufferers(from: id) : []
        return Alert(
            number: alarm.number, kind: alarm.kind, phase: phase,
            scheduler: schedulers[id.index].specification.name,
            affected: Array(affected.prefix(Alert.affectedMax)), affectedCount: affected.count,
            since: alarm.since.wall, at: wall, words: words)
    }

    // MARK: Dependencies

    /// Works out which dependencies this one suffers from, and has those looked at where that changed. One
    /// that itself only suffers from others is not to blame: they are.
    private mutating func noteDependencies(of id: SchedulerID, _ turn: inout Turn) {
        let before = schedulers[id.index].failedDependencies
        guard !plan.dependencies[id.index].isEmpty || !before.isEmpty else { return }
        let failed = failedDependencies(of: id)
        guard failed != before else { return }
        schedulers[id.index].failedDependencies = failed
        for target in before where !failed.contains(target) {
            schedulers[target.index].sufferers.removeAll { $0 == id }
            touch(target)
        }
        for target in failed where !before.contains(target) {
            let sufferers = schedulers[target.index].sufferers
            let place = sufferers.firstIndex { $0 > id } ?? sufferers.endIndex
            schedulers[target.index].sufferers.insert(id, at: place)
            touch(target)
        }
        for dependent in plan.dependents[id.index] { touch(dependent) }
    }

    private func failedDependencies(of id: SchedulerID) -> [SchedulerID] {
        guard schedulers[id.index].isConcernedByDependencies else { return [] }
        var hasTimedOut = false
        if case .waitingForDependencies(let wait) = schedulers[id.index].lifecycle {
            hasTimedOut = wait.timedOut
        }
        var failed: [SchedulerID] = []
        for edge in plan.dependencies[id.index] {
            guard let target = edge.target, !schedulers[target.index].isDropped else { continue }
            // As it is now: the view that dependents are told of may be older within this turn.
            let dependency = schedulers[target.index]
            let health = dependency.health.health
            // What an operator stopped is no failure, until patience is over.
            let isLost = health == .unhealthy && dependency.desired == .up
            let isMissing = hasTimedOut && !dependency.view.holds(edge)
            guard isLost || isMissing else { continue }
            let blamed = dependency.failedDependencies.filter { $0 != id }
            failed += (blamed.isEmpty ? [target] : blamed).filter { !failed.contains($0) }
        }
        return failed.sorted()
    }

    private func sufferers(from id: SchedulerID) -> [SchedulerName] {
        schedulers[id.index].sufferers.map { schedulers[$0.index].specification.name }
    }

    private func dependencyWords(_ id: SchedulerID) -> String {
        let names = sufferers(from: id)
        guard !names.isEmpty else { return "nobody waits for it or suffers from it any more" }
        let verb = names.count == 1 ? "needs" : "need"
        return "\(listed(names)) \(verb) it, and it is \(views[id.index].health.rawValue)"
    }

    // MARK: Reading

    /// The alerts that are on: of one scheduler, or of all; in the order in which they began.
    package func alerts(of id: SchedulerID? = nil, at now: Moment) -> [Alert] {
        guard alertCount > 0 else { return [] }
        let ids = id.map { [$0] } ?? schedulers.indices.map { SchedulerID($0) }
        return ids.filter { schedulers.indices.contains($0.index) }.flatMap { id in
            schedulers[id.index].alarms.map { alert($0, id, .continues, $0.words, at: now.wall) }
        }.sorted { $0.number < $1.number }
    }

    /// Other settings: the windows of all follow, and who is sampled.
    mutating func adoptAlertSettings(at now: Moment) {
        for index in schedulers.indices { schedulers[index].adopt(settings.alerts, at: now) }
        if settings.alerts.exec == nil { delivery.close() }
    }
}

extension Scheduler {
    mutating func adopt(_ new: AlertSettings, at now: Moment) {
        guard new != alertSettings else { return }
        metrics.adopt(new, insteadOf: alertSettings)
        alertSettings = new
        for index in alarms.indices {
            alarms[index].repeatAt = new.repeatAfter.map { now.monotonic + $0 }
        }
        adoptSampling(at: now.monotonic)
    }
}
