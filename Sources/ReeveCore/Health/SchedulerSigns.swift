// SPDX-License-Identifier: Apache-2.0
//
// What a run says of itself, and what follows where it should have said something and did not.

extension Scheduler {
    /// Takes the assignments of one message, in their order.
    mutating func notified(_ notifications: [Notification], _ turn: inout Turn) {
        for notification in notifications {
            guard let run = lifecycle.run else { return }
            take(notification, of: run, &turn)
        }
    }

    private mutating func take(
        _ notification: Notification, of run: Run, _ turn: inout Turn
    ) {
        let now = turn.now.monotonic
        switch notification {
        case .ready:
            signs.isReady = true
            signs.lastSeen = now
            if specification.readiness.rule == .notify { becomeReady(&turn) }
        case .status(let text):
            signs.status = text.isEmpty ? nil : text
        case .watchdog:
            signs.lastSeen = now
        case .watchdogTriggered:
            guard case .running = lifecycle, desired != .downForShutdown else { return }
            missSign("it says itself that it is stuck (WATCHDOG=trigger)", &turn)
        case .watchdogPeriod(let period):
            guard specification.notify.watchdog != nil else { return }
            signs.watchdogPeriod = min(period, Limits.watchdogPeriodMax)
            signs.lastSeen = now
        case .stopping:
            guard !signs.isStopping else { return }
            signs.isStopping = true
            if !isStopping { record(.notified("it is stopping"), run: run.id, in: &turn) }
        case .reloading:
            // It stays ready, and its READY=1 after it changes nothing.
            break
        case .mainProcess(let process):
            signs.mainProcess = process
        case .extendTimeout(let span):
            extend(by: span, run, at: now)
        case .failure(let words):
            signs.failure = words
        }
    }

    // MARK: Start

    /// The end of patience with a start that has to give a sign; nil where none is waited for.
    func startDeadline(_ run: Run) -> Instant? {
        // A shutdown has an order of its own, and its turn will come.
        guard run.leader != nil, desired != .downForShutdown else { return nil }
        switch specification.readiness.rule {
        case .spawn, .uptime: return nil
        case .notify, .probe:
            let deadline = run.startedAt.monotonic + specification.readiness.startTimeout
            return max(deadline, signs.startDeadline ?? deadline)
        }
    }

    /// Another sign is waited for: patience with what is starting begins anew.
    mutating func grantStart(at now: Instant) {
        let until = now + specification.readiness.startTimeout
        forEachExecution { scheduler in
            guard case .starting = scheduler.lifecycle else { return }
            scheduler.signs.startDeadline = max(scheduler.signs.startDeadline ?? until, until)
        }
    }

    /// It was not ready in time.
    mutating func missStart(_ turn: inout Turn) {
        guard case .starting(let run) = lifecycle else { return }
        let waited = turn.now.monotonic - run.startedAt.monotonic
        let why =
            specification.readiness.rule == .notify
            ? "no READY=1 came" : check.lastWords ?? "no check came to an end"
        record(.startTimedOut(after: waited, words: why), run: run.id, in: &turn)
        beginStop(.notReady(why), reason: "it was not ready within \(waited)", &turn)
    }

    /// More time for a start or a stop that is going on; never less, and not without end.
    private mutating func extend(by span: Duration, _ run: Run, at now: Instant) {
        let until = now + min(span, Limits.timeoutExtensionMax)
        switch lifecycle {
        case .starting:
            let limit = run.startedAt.monotonic + Limits.timeoutExtensionMax
            signs.startDeadline = max(signs.startDeadline ?? until, min(until, limit))
        case .stopping(var stop):
            guard !stop.isKilled else { return }
            let limit = min(stop.began + Limits.timeoutExtensionMax, stop.killLimit)
            let killAt = max(stop.killAt, min(until, limit))
            stop.endAt = min(stop.endAt + (killAt - stop.killAt), stop.endLimit)
            stop.killAt = killAt
            enter(.stopping(stop))
        case .running, .stopped, .waitingForPhase, .waitingForDependencies, .idle, .backingOff,
            .exhausted, .completed:
            // Nothing is going on that has a timeout.
            break
        }
    }

    // MARK: Watchdog

    /// When the next sign of life is overdue; nil where none is waited for.
    func watchdogDeadline(_ run: Run) -> Instant? {
        guard let readyAt = run.readyAt, !signs.isStopping, desired != .downForShutdown,
            let period = signs.watchdogPeriod ?? specification.notify.watchdog, period > .zero
        else { return nil }
        return max(readyAt, signs.lastSeen ?? readyAt) + period
    }

    /// No sign of life came in time.
    mutating func missWatchdog(_ run: Run, _ turn: inout Turn) {
        let period = signs.watchdogPeriod ?? specification.notify.watchdog ?? .zero
        missSign("no WATCHDOG=1 within \(period)", &turn)
    }

    private mutating func missSign(_ words: String, _ turn: inout Turn) {
        guard let run = lifecycle.run, !isStopping else { return }
        record(.watchdogMissed(words: words), run: run.id, in: &turn)
        beginStop(.watchdog(words), reason: words, &turn)
    }
}
