// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Health is asked for as often as promised and never twice at once; it turns by the thresholds alone, and
/// what is shown never contradicts the answers. Who has to give a sign, of readiness or of life, and gives
/// none in time is ended, and nobody else is.
struct HealthChecker: Checker {
    let name = "health checks"
    private let scenario: Scenario
    private var isShuttingDown = false
    /// Shown as stopping after the last turn: it waits for its dependents to go first.
    private var isStopping: [SchedulerID: Bool] = [:]
    /// When each run's checks were told to begin anew by a reload.
    private var reloadedAt = Instant.zero

    init(scenario: Scenario) {
        self.scenario = scenario
    }

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        if case .shutdownRequested = event { isShuttingDown = true }
        if case .configurationLoaded = event { reloadedAt = kernel.now }
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        switch effect {
        case .runCommand(_, let command) where command.purpose == .healthCheck:
            return ask(command.scheduler, kernel)
        case .probe(_, let probe): return ask(probe.scheduler, kernel)
        case .record(let record):
            if case .shutdownBegan = record.fact { isShuttingDown = true }
            return check(record, kernel)
        default: return nil
        }
    }

    private func ask(_ scheduler: SchedulerID?, _ kernel: Kernel) -> String? {
        guard let scheduler, let run = kernel.lastRun(of: scheduler), run.isUp,
            run.stopBeganAt == nil
        else { return "a health is asked for of what does not run" }
        if !kernel.pendingChecks(of: scheduler).isEmpty {
            return "\(kernel.name(scheduler)) is asked for its health twice at once"
        }
        let specification = kernel.specification(of: run)
        guard run.checks.readyAt != nil || specification.readiness.rule == .probe else {
            return "\(kernel.name(scheduler)) is asked for its health before it is ready"
        }
        return nil
    }

    private func check(_ record: Record, _ kernel: Kernel) -> String? {
        guard let id = record.run, let run = kernel.run(id) else { return nil }
        let specification = kernel.specification(of: run)
        let label = kernel.label(id)
        switch record.fact {
        case .becameReady:
            let rule = specification.readiness.rule
            if rule == .notify || rule == .probe, kernel.readyAt(run) == nil {
                return "\(label) became ready without a sign"
            }
        case .checkFailed:
            if !run.checks.isFailed {
                return "\(label) is said to fail its checks, and \(run.checks.failuresInRow) "
                    + "failures came in a row"
            }
        case .watchdogMissed:
            guard !run.script.health.isTriggered(at: kernel.now - run.askedAt) else { return nil }
            guard let period = specification.notify.watchdog else {
                return "\(label) has no watchdog and missed it"
            }
            let last = max(run.checks.lastSign ?? .zero, run.checks.readyAt ?? .zero)
            if kernel.now - last < period {
                return "\(label) gave a sign of life \(kernel.now - last) ago and missed it"
            }
        case .startTimedOut:
            guard let told = run.toldAt else { return nil }
            if kernel.now - told < specification.readiness.startTimeout {
                return "\(label) had \(kernel.now - told) to become ready"
            }
        default: break
        }
        return nil
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        for status in view.schedulers { isStopping[status.id] = status.health == .stopping }
        for index in kernel.openCommands {
            let command = kernel.commands[index]
            guard command.isHealthCheck, command.endAskedAt == nil,
                let run = command.run.flatMap({ kernel.run($0) })
            else { continue }
            if run.reapedAt != nil || run.stopBeganAt != nil {
                return "\(kernel.label(run.id)) is asked for its health, and does not run any more"
            }
        }
        guard !isShuttingDown else { return nil }
        for status in view.schedulers {
            guard let run = kernel.lastRun(of: status.id), run.isUp, run.stopBeganAt == nil,
                !run.wasStopped, isStopping[status.id] != true
            else { continue }
            if let sentence = judge(status, run, kernel) { return sentence }
        }
        return nil
    }

    private func judge(
        _ status: SchedulerStatus, _ run: RunTruth, _ kernel: Kernel
    ) -> String? {
        let specification = kernel.specification(of: run)
        let label = kernel.label(run.id)
        if specification.healthCheck != nil, let checks = status.checks,
            status.lifecycle == .running
        {
            if (checks.state == .failed) != run.checks.isFailed {
                return "\(label) is shown as \(checks.state.rawValue), after "
                    + "\(run.checks.failuresInRow) failures in a row"
            }
            if checks.state == .failed, status.health != .unhealthy {
                return "\(label) fails its checks and is \(status.health.rawValue)"
            }
            if let sentence = overdue(run, specification, kernel) { return sentence }
        }
        return lateSign(run, specification, kernel)
    }

    /// A check that is asked for too late. One that is on its way is waited for.
    private func overdue(
        _ run: RunTruth, _ specification: SchedulerSpecification, _ kernel: Kernel
    ) -> String? {
        guard kernel.pendingChecks(of: run.scheduler).isEmpty, let ready = run.checks.readyAt else {
            return nil
        }
        let last = max(ready, run.checks.answeredAt ?? .zero, reloadedAt)
        let longest =
            specification.healthCheckInterval + .seconds(1) + scenario.delivery.slack
        return kernel.now - last > longest
            ? "\(kernel.label(run.id)) was not asked for its health for \(kernel.now - last)" : nil
    }

    private func lateSign(
        _ run: RunTruth, _ specification: SchedulerSpecification, _ kernel: Kernel
    ) -> String? {
        let label = kernel.label(run.id)
        guard let told = run.toldAt else { return nil }
        let slack = scenario.delivery.slack
        let rule = specification.readiness.rule
        if rule == .notify || rule == .probe, run.checks.readyAt == nil {
            let limit = specification.readiness.startTimeout + (run.script.health.extends ?? .zero)
            let waited = kernel.now - max(told, run.checks.judgedSince ?? told)
            if waited > limit + slack {
                return "\(label) is not ready after \(waited) and goes on"
            }
        }
        guard let period = specification.notify.watchdog, let ready = run.checks.readyAt else {
            return nil
        }
        let last = max(run.checks.lastSign ?? .zero, ready)
        return kernel.now - last > period + slack
            ? "\(label) gave no sign of life for \(kernel.now - last) and goes on" : nil
    }
}

extension HealthScript {
    func isTriggered(at age: Duration) -> Bool { triggersAfter.map { $0 <= age } ?? false }
}

/// What the answers to a run's checks, and its own words, add up to: the rule's words once more.
struct CheckTruth {
    var failuresInRow = 0
    var successesInRow = 0
    var hasPassed = false
    var isFailed = false
    /// When the last answer that counts was told.
    var answeredAt: Instant?
    /// When the core said that it is ready.
    var readyAt: Instant?
    /// When the core was told what makes it ready.
    var signOfReadiness: Instant?
    var lastSign: Instant?
    /// When it said so first, awaited or not.
    private var saidReadyAt: Instant?
    /// It has been ready by another rule since then.
    private(set) var wasReadyAt: Instant?
    /// When another rule began to hold; it became ready no earlier by that.
    private(set) var judgedSince: Instant?
    /// It was over under that rule, and no later one concerns it.
    private(set) var isSettled = false

    /// Another check is made from now on.
    mutating func forget() {
        (failuresInRow, successesInRow) = (0, 0)
        (hasPassed, isFailed) = (false, false)
    }

    /// Another sign of readiness is waited for from now on. What is ready stays so.
    mutating func judge(by rule: Readiness.Rule, at now: Instant) {
        judgedSince = now
        wasReadyAt = readyAt
        signOfReadiness = rule == .notify && saidReadyAt != nil ? now : nil
    }

    /// It is over, and was ready by the rule of its time, or was not.
    mutating func settle(readyAt: Instant?) {
        guard !isSettled else { return }
        isSettled = true
        wasReadyAt = readyAt
    }

    mutating func answered(
        _ passed: Bool, _ settings: HealthCheckSettings, age: Duration, isProbed: Bool,
        at now: Instant
    ) {
        answeredAt = now
        if passed {
            failuresInRow = 0
            successesInRow += 1
            guard successesInRow >= settings.successes else { return }
            hasPassed = true
            isFailed = false
            if isProbed, signOfReadiness == nil { signOfReadiness = now }
        } else {
            successesInRow = 0
            // What was ready by another rule before is past its start.
            if isProbed && signOfReadiness == nil && wasReadyAt == nil { return }
            if !hasPassed && !isFailed && age < settings.startPeriod { return }
            failuresInRow += 1
            if failuresInRow >= settings.failures { (isFailed, hasPassed) = (true, false) }
        }
    }

    mutating func told(_ notification: Notification, isAwaited: Bool, at now: Instant) {
        switch notification {
        case .ready:
            saidReadyAt = saidReadyAt ?? now
            if isAwaited, signOfReadiness == nil { signOfReadiness = now }
            lastSign = now
        case .watchdog: lastSign = now
        case .status, .watchdogTriggered, .watchdogPeriod, .stopping, .reloading, .mainProcess,
            .extendTimeout, .failure:
            break
        }
    }
}
