// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Alerts begin where there is reason to and not elsewhere, once per cause, and end; what is shown is what
/// was told; and health agrees with them.
struct AlertChecker: Checker {
    let name = "alerts"

    private struct Cause: Hashable {
        let kind: Alert.Kind
        let scheduler: String
    }
    private struct Told {
        let number: UInt64
        let since: WallTime
        var at: Instant
    }
    /// What was seen of one scheduler.
    private struct Trouble {
        var failures: [Instant] = []
        var successes: [Instant] = []
        var restarts: [Instant] = []
        var restartCount = 0
        var timeoutsInRow = 0
        /// Before this may count or not.
        var unsureUntil = Instant(nanoseconds: -1)
        /// The run that ran into its timeout.
        var timedOut: RunID?
    }

    private var on: [Cause: Told] = [:]
    private var lastNumber: UInt64 = 0
    private var troubles: [Trouble]
    /// Began in this turn for others that depend on it: whether there are such shows after it.
    private var blamed: [Int] = []
    /// Who was waited for after the last turn. Looked up, never iterated.
    private var waitedFor: Set<SchedulerName> = []
    /// Runs that the ledger has the start of. Looked up, never iterated.
    private var executions: Set<RunID> = []
    /// Not at its best after the last turn, or in this one.
    private var wasUnwell: [Bool]
    private var isShuttingDown = false

    private let settledBy: Instant?

    init(_ scenario: Scenario) {
        troubles = scenario.specification.schedulers.map { _ in Trouble() }
        wasUnwell = troubles.map { _ in true }
        settledBy = scenario.settledBy
    }

    // MARK: What happens

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        switch event {
        case .exited(let run, let status, leftovers: _, used: _): ended(run, status, in: kernel)
        case .shutdownRequested: isShuttingDown = true
        case .requested(_, .reset(let scheduler)) where troubles.indices.contains(scheduler.index):
            let timedOut = troubles[scheduler.index].timedOut
            troubles[scheduler.index] = Trouble()
            troubles[scheduler.index].timedOut = timedOut
        case .configurationLoaded:
            // One that is gone and comes again is another, or the same where it was not yet gone; attempts of
            // what is scheduled were taken for executions.
            for index in troubles.indices
            where kernel.isRemoved[index]
                || kernel.comingBack(by: event).contains(SchedulerID(index))
                || kernel.kindChangedAt[SchedulerID(index)] == kernel.now
            {
                troubles[index].unsureUntil = kernel.now
            }
        default: break
        }
        return nil
    }

    private mutating func ended(_ run: RunID, _ status: ExitStatus, in kernel: Kernel) {
        // An execution of a scheduled one counts once, with its outcome in the ledger.
        guard let truth = kernel.run(run), !isExecution(run, of: truth.scheduler, kernel) else {
            return
        }
        let index = truth.scheduler.index
        if troubles[index].timedOut == run {
            troubles[index].timeoutsInRow += 1
            troubles[index].failures.append(kernel.now)
        } else if !truth.wasStopped,
            kernel.isSuccess(status, of: truth.scheduler), isReady(truth, kernel)
        {
            troubles[index].successes.append(kernel.now)
            troubles[index].timeoutsInRow = 0
        }
    }

    /// Whether it is told of by the ledger: what began as a task or a daemon is not, and what began as an
    /// execution is, whatever it is by now.
    private func isExecution(
        _ run: RunID?, of scheduler: SchedulerID, _ kernel: Kernel
    ) -> Bool {
        run.map { executions.contains($0) } ?? kernel.isScheduled(scheduler)
    }

    private func isReady(_ run: RunTruth, _ kernel: Kernel) -> Bool {
        guard kernel.specification(of: run.scheduler).kind == .daemon else { return true }
        return kernel.readyAt(run).map { $0 <= kernel.now } ?? false
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        if case .ledger(let entry) = effect { count(entry, in: kernel) }
        guard case .record(let record) = effect else { return nil }
        let index = record.scheduler.flatMap { name in
            kernel.specification.schedulers.firstIndex { $0.name == name }
        }
        let isExecution =
            index.map { self.isExecution(record.run, of: SchedulerID($0), kernel) } ?? false
        switch record.fact {
        case .shutdownBegan: isShuttingDown = true
        case .healthChanged(from: let before, to: let after, reason: _):
            // Within a turn of many events it may be unwell, and stopped before the turn is over.
            if let index, isUnwell(before) || isUnwell(after) { wasUnwell[index] = true }
        case .alert(let alert): return check(alert, index, in: kernel)
        case _ where isExecution: break
        case .timedOut:
            if let index { troubles[index].timedOut = record.run }
        case .spawnFailed, .hookFailed(.onStart, words: _):
            if let index { fail(index, at: kernel.now) }
        case .exited(_, ran: _, isFailure: true, meaning: _):
            if let index, troubles[index].timedOut != record.run { fail(index, at: kernel.now) }
        case .exhausted(let reason, endsReeve: _):
            // Stopped for its memory, and never started again: the one failure without a line of its own. Where
            // only its limit stands against the restart, nothing has failed.
            if let index, reason.hasPrefix("was stopped for its memory"),
                kernel.specification(of: SchedulerID(index)).restart.mode == .never
            {
                fail(index, at: kernel.now)
            }
        default: break
        }
        return nil
    }

    /// An execution of a scheduled one that was executed.
    private mutating func count(_ entry: LedgerEntry, in kernel: Kernel) {
        if case .started(let run, attempt: _) = entry.event { executions.insert(run) }
        guard case .ended(let outcome, _, _) = entry.event,
            let index = kernel.specification.schedulers.firstIndex(where: {
                $0.name == entry.scheduler
            })
        else { return }
        switch outcome {
        case .succeeded:
            troubles[index].successes.append(kernel.now)
            troubles[index].timeoutsInRow = 0
        case .failed: fail(index, at: kernel.now)
        case .timedOut:
            troubles[index].failures.append(kernel.now)
            troubles[index].timeoutsInRow += 1
        case .skippedOverlap, .skippedDependency, .missed, .coalesced, .cancelled, .paused, .lost:
            break
        }
    }

    private mutating func fail(_ index: Int, at now: Instant) {
        troubles[index].failures.append(now)
        troubles[index].timeoutsInRow = 0
    }

    // MARK: What is told

    private mutating func check(_ alert: Alert, _ index: Int?, in kernel: Kernel) -> String? {
        if isShuttingDown { return "an alert in a shutdown: \(alert.sentence)" }
        let cause = Cause(kind: alert.kind, scheduler: alert.scheduler.text)
        let settings = kernel.specification.supervisor.alerts
        let label = "\(alert.kind.rawValue) of \(alert.scheduler)"
        switch alert.phase {
        case .began:
            if on[cause] != nil { return "\(label) began twice" }
            if alert.number <= lastNumber { return "\(label) has the number of an earlier alert" }
            lastNumber = alert.number
            on[cause] = Told(number: alert.number, since: alert.since, at: kernel.now)
            guard let index else { return "\(label) is about nobody" }
            return reasonMissing(alert.kind, index, settings, in: kernel).map { "\(label): \($0)" }
        case .continues:
            guard let told = on[cause], told.number == alert.number, told.since == alert.since
            else { return "\(label) continues and never began" }
            guard let span = settings.repeatAfter else { return "\(label) is told again" }
            on[cause]?.at = kernel.now
            return kernel.now - told.at < span
                ? "\(label) is told again after \(kernel.now - told.at)" : nil
        case .ended:
            guard let told = on.removeValue(forKey: cause), told.number == alert.number else {
                return "\(label) ended and was not on"
            }
            return nil
        }
    }

    /// Why an alert should not have begun; nil where it should.
    private mutating func reasonMissing(
        _ kind: Alert.Kind, _ index: Int, _ settings: AlertSettings, in kernel: Kernel
    ) -> String? {
        let trouble = troubles[index]
        switch kind {
        case .errorRate:
            let most = rate(trouble, settings, at: kernel.now, isMost: true)
            guard most.count >= 5, most.rate > settings.errorRate else {
                return "\(most.count) executions at most, at most \(most.rate) of them failed"
            }
        case .frequentRestarts:
            // The restart of this turn is not yet shown.
            let seen = within(trouble.restarts, settings.restartAlertWindow, at: kernel.now) + 1
            guard seen > settings.frequentRestarts else { return "\(seen) restarts" }
        case .timeouts:
            guard trouble.timeoutsInRow >= settings.timeouts else {
                return "\(trouble.timeoutsInRow) timeouts in a row"
            }
        case .memoryLeak:
            let grows = kernel.runs.contains { run in
                guard run.scheduler.index == index, case .grows = run.script.memory else {
                    return false
                }
                return true
            }
            guard grows else { return "no run of it ever grew" }
        case .dependencyFailure: blamed.append(index)
        }
        return nil
    }

    /// Who is blamed is not well, or others have waited for it in vain.
    private mutating func checkBlame(_ view: View) -> String? {
        defer {
            blamed = []
            waitedFor = Set(
                view.schedulers.filter { $0.lifecycle == .waitingForDependencies }
                    .flatMap { $0.dependencies.map(\.name) })
        }
        // Who suffered is no longer shown to, once reeve shuts down.
        for index in blamed where !isShuttingDown && !wasUnwell[index] {
            guard let status = view.schedulers.first(where: { $0.id.index == index }) else {
                continue
            }
            let isWaitedFor = view.schedulers.contains { other in
                other.lifecycle == .waitingForDependencies
                    && other.dependencies.contains { $0.name == status.name && !$0.isMet }
            }
            // Who waited may have been stopped in the same turn.
            if !isUnwell(status.health), !isWaitedFor, !waitedFor.contains(status.name) {
                return "others suffer from \(status.name), which is \(status.health.rawValue)"
            }
        }
        return nil
    }

    private func isUnwell(_ health: Health) -> Bool {
        switch health {
        case .unhealthy, .stopped: true
        case .healthy, .degraded, .starting, .stopping: false
        }
    }

    private func within(_ instants: [Instant], _ window: Duration, at now: Instant) -> Int {
        instants.count { now - $0 < window }
    }

    /// How many executions there were and the share that failed, each as high or as low as the width of a
    /// slot allows: a success raises the one and lowers the other.
    private func rate(
        _ trouble: Trouble, _ settings: AlertSettings, at now: Instant, isMost: Bool
    ) -> (count: Int, rate: Double) {
        let slot = settings.errorRateWindow / 30
        let long = settings.errorRateWindow + slot
        let short = settings.errorRateWindow - slot * 2
        let isSure = { (instant: Instant) in instant > trouble.unsureUntil }
        let sureFailures = within(trouble.failures.filter(isSure), short, at: now)
        let sureSuccesses = within(trouble.successes.filter(isSure), short, at: now)
        let possibleFailures = within(trouble.failures, long, at: now)
        let possibleSuccesses = within(trouble.successes, long, at: now)
        let failed = isMost ? possibleFailures : sureFailures
        let all = failed + (isMost ? sureSuccesses : possibleSuccesses)
        let count = isMost ? failed + possibleSuccesses : failed + sureSuccesses
        return (count, all == 0 ? 0 : Double(failed) / Double(all))
    }

    // MARK: What is shown

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        if let sentence = checkBlame(view) { return sentence }
        for status in view.schedulers where wasUnwell.indices.contains(status.id.index) {
            wasUnwell[status.id.index] = isUnwell(status.health)
        }
        let shown = view.alerts.map(\.number)
        let expected = on.values.map(\.number).sorted()
        if shown != expected { return "\(shown) are shown to be on, and \(expected) were told" }
        if view.whole.alertCount != shown.count {
            return "\(view.whole.alertCount) alerts are counted, and \(shown.count) shown"
        }
        guard !isShuttingDown else { return nil }
        if let sentence = forgotten(view, in: kernel) { return sentence }
        for status in view.schedulers {
            let index = status.id.index
            guard troubles.indices.contains(index) else { continue }
            note(status, index, kernel)
            if let sentence = check(status, in: kernel) { return "\(status.name) \(sentence)" }
        }
        return sufferers(view)
    }

    private mutating func note(_ status: SchedulerStatus, _ index: Int, _ kernel: Kernel) {
        if status.restartCount > troubles[index].restartCount, !kernel.isRemoved[index] {
            troubles[index].restarts.append(kernel.now)
        }
        troubles[index].restartCount = status.restartCount
    }

    /// Whether an alert is missing, or health does not know of it.
    private func check(_ status: SchedulerStatus, in kernel: Kernel) -> String? {
        let settings = kernel.specification.supervisor.alerts
        let trouble = troubles[status.id.index]
        let isOn = { (kind: Alert.Kind) in
            on[Cause(kind: kind, scheduler: status.name.text)] != nil
        }
        switch status.health {
        case .healthy where status.lifecycle != .completed, .starting where status.run != nil:
            if isOn(.errorRate) { return "is \(status.health.rawValue) and fails often" }
        case .healthy, .degraded, .unhealthy, .stopped, .starting, .stopping: break
        }
        // At rest, or about to be, nobody is alerted.
        switch status.lifecycle {
        // One with a schedule rests between its executions, and is up.
        case .running, .backingOff, .idle: break
        case .stopped, .waitingForPhase, .waitingForDependencies, .starting, .stopping, .exhausted,
            .completed:
            return nil
        }
        if status.health == .stopping || kernel.isRemoved[status.id.index] { return nil }
        let least = rate(trouble, settings, at: kernel.now, isMost: false)
        // Nobody wakes because a success has left the window: what counts is the window at the last end, too.
        let lastEnd = max(trouble.failures.last ?? .zero, trouble.successes.last ?? .zero)
        let before = rate(trouble, settings, at: lastEnd, isMost: false)
        if min(least.count, before.count) >= 5, min(least.rate, before.rate) > settings.errorRate,
            !isOn(.errorRate)
        {
            return "fails often (\(least.rate) of \(least.count)), and nobody is told"
        }
        let certain = trouble.restarts.filter { $0 > trouble.unsureUntil }
        let restarts = within(certain, settings.restartAlertWindow, at: kernel.now)
        if restarts > settings.frequentRestarts, !isOn(.frequentRestarts) {
            return "restarted \(restarts) times, and nobody is told"
        }
        // Whether a series goes over a removal cannot be told.
        let isSure = trouble.unsureUntil.nanoseconds < 0
        if isSure, trouble.timeoutsInRow >= settings.timeouts, !isOn(.timeouts) {
            return "ran into its timeout \(trouble.timeoutsInRow) times, and nobody is told"
        }
        return nil
    }

    /// Long after the last fault nothing is wrong any more, and so no alert is on but for a leak, which lasts
    /// until a run was seen for a whole window.
    private func forgotten(_ view: View, in kernel: Kernel) -> String? {
        guard let settledBy, kernel.now >= settledBy else { return nil }
        for alert in view.alerts where alert.kind != .memoryLeak && alert.affectedCount == 0 {
            guard
                let status = view.schedulers.first(where: { $0.name == alert.scheduler }),
                status.consecutiveFailures == 0, status.restartsInWindow == 0,
                troubles.indices.contains(status.id.index),
                // Who cannot be ended is needed by others now and then.
                alert.kind != .dependencyFailure || !isUnwell(status.health),
                // One that cannot be started again has ended none in time since.
                alert.kind != .timeouts || troubles[status.id.index].timeoutsInRow == 0,
                // A recovery restarts without a failure.
                !(troubles[status.id.index].failures + troubles[status.id.index].restarts)
                    .contains(where: { kernel.now - $0 < .minutes(11) })
            else { continue }
            return "\(alert.kind.rawValue) of \(alert.scheduler) never ends"
        }
        return nil
    }

    private func sufferers(_ view: View) -> String? {
        // Who cannot start because another has given up has to be named.
        let named = Set(
            view.alerts.filter { $0.kind == .dependencyFailure }.flatMap { $0.affected.map(\.text) }
        )
        for status in view.schedulers where status.lifecycle == .waitingForDependencies {
            guard status.health == .unhealthy, !status.dependencies.allSatisfy(\.isMet),
                status.reason.hasPrefix("its dependencies were not met in time")
            else { continue }
            if !named.contains(status.name.text) {
                return "\(status.name) waits in vain, and nobody is told"
            }
        }
        return nil
    }
}

/// What is told is delivered, in order, once, one delivery at a time.
struct DeliveryChecker: Checker {
    let name = "deliveries"
    private var waiting: [(alert: Alert, since: Instant)] = []
    private var current: [Alert] = []
    private var running: CommandID?
    private var failures = 0
    private var lastEnd: Instant?
    private var lastTurn = Instant.zero
    private var isShuttingDown = false

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        switch event {
        case .shutdownRequested: isShuttingDown = true
        case .commandEnded(running, let outcome):
            running = nil
            lastEnd = kernel.now
            let hasFailed: Bool
            if case .ended(.exited(code: 0), output: _) = outcome {
                hasFailed = false
            } else {
                hasFailed = true
            }
            failures = hasFailed ? failures + 1 : 0
            if !hasFailed || failures >= 3 {
                current = []
                failures = 0
            }
        default: break
        }
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        switch effect {
        case .record(let record):
            if case .shutdownBegan = record.fact { isShuttingDown = true }
            guard case .alert(let alert) = record.fact,
                kernel.specification.supervisor.alerts.exec != nil
            else { return nil }
            waiting.append((alert, kernel.now))
        case .deliverAlerts(let id, _, let alerts): return deliver(id, alerts, in: kernel)
        default: break
        }
        return nil
    }

    private mutating func deliver(
        _ id: CommandID, _ alerts: [Alert], in kernel: Kernel
    ) -> String? {
        if kernel.specification.supervisor.alerts.exec == nil { return "there is no command" }
        if isShuttingDown { return "alerts are delivered in a shutdown" }
        if running != nil { return "a delivery begins while another runs" }
        if let lastEnd, kernel.now - lastEnd < .seconds(5) {
            return "a delivery begins \(kernel.now - lastEnd) after the last"
        }
        running = id
        if !current.isEmpty {
            return alerts == current ? nil : "another attempt delivers something else"
        }
        if alerts.isEmpty || alerts.count > 64 { return "\(alerts.count) alerts are delivered" }
        guard waiting.prefix(alerts.count).map(\.alert) == alerts else {
            return "alerts are delivered that were not told, or not in order"
        }
        waiting.removeFirst(alerts.count)
        current = alerts
        return nil
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        // A host that slept has delivered nothing meanwhile.
        if kernel.now - lastTurn > .seconds(30) {
            for index in waiting.indices { waiting[index].since = kernel.now }
        }
        lastTurn = kernel.now
        guard !isShuttingDown, let first = waiting.first else { return nil }
        // At worst three attempts of half a minute each, with their pauses, are before it.
        return kernel.now - first.since > .seconds(180)
            ? "alert \(first.alert.number) is not delivered after \(kernel.now - first.since)" : nil
    }
}
