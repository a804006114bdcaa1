// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// A recovery does nothing outside its limits: no cleanup without a cause or in the middle of a stop, no
/// restart within the cooldown or without auto-recovery; and it ends.
struct RecoveryChecker: Checker {
    let name = "recovery"
    private let scenario: Scenario
    private var cleanedLast: [RunID: Instant] = [:]
    private var restartedLast: [SchedulerID: Instant] = [:]
    /// By scheduler: when the recovery that is shown as under way was first seen.
    private var seenSince: [SchedulerID: (number: Int, at: Instant)] = [:]

    init(scenario: Scenario) {
        self.scenario = scenario
    }

    /// What was gone to its last process and is configured again is another, and has had no restart yet.
    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        for scheduler in kernel.comingBack(by: event)
        where !kernel.openRuns.contains(where: { $0.scheduler == scheduler }) {
            restartedLast[scheduler] = nil
        }
        // Under other settings what a recovery waits for may begin anew.
        if case .configurationLoaded = event { seenSince = [:] }
        // A cleanup command that failed is not waited for, and what has been below since may be cleaned up anew.
        if case .commandEnded(let id, let outcome) = event, let command = kernel.command(id),
            command.purpose == .cleanup, outcome != .ended(.exited(code: 0), output: ""),
            let run = command.run
        {
            cleanedLast[run] = nil
        }
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        switch effect {
        case .passSignal(let run, let signal):
            if case .requested(_, .signal) = cause { return nil }
            guard let truth = kernel.run(run),
                kernel.specification(of: truth.scheduler).recovery.cleanup == .signal(signal)
            else { return nil }
            return cleanup(truth, cause, kernel)
        case .runCommand(_, let command):
            guard command.purpose == .cleanup else { return nil }
            guard let truth = command.run.flatMap({ kernel.run($0) }) else {
                return mayBeAboutNone(command, kernel) ? nil : "a cleanup is about no run"
            }
            let configured = kernel.specification(of: truth.scheduler).recovery.cleanup
            if configured != .command(command.arguments) {
                return "\(kernel.label(truth.id)) is cleaned up by another command than its own"
            }
            return cleanup(truth, cause, kernel)
        case .record(let record):
            guard case .recovering(let action) = record.fact,
                let index = kernel.specification.schedulers.firstIndex(where: {
                    $0.name == record.scheduler
                })
            else { return nil }
            return judge(action, SchedulerID(index), kernel)
        case .ledger, .spawn, .abandonSpawn, .signal, .kill, .survey, .runStopCommand, .sample,
            .forget, .sweep,
            .reply, .keep, .loadConfiguration, .adoptSettings, .adoptLog, .forgetScheduler,
            .tellManager, .exit,
            .endCommand, .probe, .deliverAlerts, .keepFailure:
            return nil
        }
    }

    /// After errors of a scheduled one its command clears away what they left, and nothing of it runs.
    private func mayBeAboutNone(_ command: AuxiliaryCommand, _ kernel: Kernel) -> Bool {
        guard command.run == nil, let scheduler = command.scheduler else { return false }
        let specification = kernel.specification(of: scheduler)
        return specification.kind == .scheduled
            && specification.recovery.cleanup == .command(command.arguments)
            && !kernel.openRuns.contains { $0.scheduler == scheduler && $0.isUp }
    }

    private mutating func cleanup(
        _ truth: RunTruth, _ cause: Event, _ kernel: Kernel
    ) -> String? {
        let specification = kernel.specification(of: truth.scheduler)
        let label = kernel.label(truth.id)
        defer { cleanedLast[truth.id] = kernel.now }
        if !truth.isUp { return "\(label) is asked to clean up, and it is not up" }
        if truth.stopBeganAt != nil { return "\(label) is asked to clean up while it is stopped" }
        if let last = cleanedLast[truth.id], kernel.now - last < Limits.cleanupSettleTime {
            return "\(label) is asked to clean up \(kernel.now - last) after the last time"
        }
        if case .sampled = cause {
            if !scenario.specification.supervisor.autoRecovery {
                return "\(label) is asked to clean up without auto-recovery"
            }
            if specification.memory.action != .recover {
                return "\(label) is asked to clean up, and memory-action is not recover"
            }
        }
        return nil
    }

    private mutating func judge(
        _ action: RecoveryAction, _ scheduler: SchedulerID, _ kernel: Kernel
    ) -> String? {
        guard action.kind == .restart, action.result == .done else { return nil }
        defer { restartedLast[scheduler] = kernel.now }
        let name = kernel.name(scheduler)
        if action.trigger != .operator, !scenario.specification.supervisor.autoRecovery {
            return "\(name) is restarted by a recovery, and auto-recovery is off"
        }
        let cooldown = kernel.specification(of: scheduler).restart.cooldown
        if let last = restartedLast[scheduler], kernel.now - last < cooldown {
            return "\(name) is restarted by a recovery \(kernel.now - last) after the last one"
        }
        return nil
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        for status in view.schedulers {
            guard let number = status.recovery?.number else {
                seenSince[status.id] = nil
                continue
            }
            // Nobody hurries a launcher.
            let isLaunching = kernel.lastRun(of: status.id)?.isLaunching == true
            guard let seen = seenSince[status.id], seen.number == number, !isLaunching else {
                seenSince[status.id] = (number, kernel.now)
                continue
            }
            let specification = kernel.specification(of: status.id)
            // The cleanup and its measurement, the dependencies, then a stop and a start.
            let longest =
                Limits.cleanupSettleTime * 3 + specification.order.dependencyTimeout
                + specification.recovery.hookTimeout * 3 + specification.stop.timeout
                + scenario.specification.supervisor.forceTimeout
                + specification.readiness.longest + scenario.delivery.slack * 4
            if kernel.now - seen.at > longest {
                return "\(status.name) is being recovered for \(kernel.now - seen.at)"
            }
        }
        return nil
    }
}

extension Readiness {
    fileprivate var longest: Duration {
        switch rule {
        case .spawn: .zero
        case .uptime(let uptime): uptime
        case .notify, .probe: startTimeout + .seconds(30)
        }
    }
}
