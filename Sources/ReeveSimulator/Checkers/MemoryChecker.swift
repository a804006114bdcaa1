// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Memory is looked at as often as promised, and acted upon; a task that overruns its timeout ends.
struct MemoryChecker: Checker {
    let name = "memory and time limits"
    private let scenario: Scenario
    private var isShuttingDown = false
    /// Samples in a row above the threshold, by run.
    private var above: [RunID: Int] = [:]
    /// Shown as stopping after the last turn: it waits for its dependents to go first.
    private var isStopping: [SchedulerID: Bool] = [:]
    /// The timeout in force, and since when: a reload may give a run one that is over already.
    private var timeouts: [SchedulerID: (timeout: Duration?, since: Instant)] = [:]

    init(scenario: Scenario) {
        self.scenario = scenario
    }

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        if case .shutdownRequested = event { isShuttingDown = true }
        guard case .sampled(let run, let reading) = event, let truth = kernel.run(run),
            case .resident(let bytes) = reading,
            let threshold = kernel.specification(of: truth).memory.threshold
        else { return nil }
        above[run] = bytes > threshold ? (above[run] ?? 0) + 1 : 0
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        if case .record(let record) = effect, case .shutdownBegan = record.fact {
            isShuttingDown = true
        }
        return nil
    }

    mutating func answered(
        _ event: Event, with effects: [Effect], in kernel: Kernel
    ) -> String? {
        guard case .sampled(let run, let reading) = event, case .resident(let bytes) = reading,
            let truth = kernel.run(run), truth.isUp, !isShuttingDown
        else { return nil }
        let memory = kernel.specification(of: truth).memory
        let label = kernel.label(run)
        if let limit = memory.hardLimit, bytes > limit, truth.stopBeganAt == nil {
            return "\(label) has \(bytes), above its hard limit, and is not killed"
        }
        // A cleanup comes first, and has its time.
        if let asked = truth.cleanupAskedAt,
            kernel.now - asked < Limits.cleanupSettleTime * 2
                + kernel.specification(of: truth).recovery.hookTimeout
                + scenario.delivery.slack
        {
            return nil
        }
        if memory.action == .recover || memory.action == .restart, let threshold = memory.threshold,
            (above[run] ?? 0) >= memory.samples, truth.stopBeganAt == nil,
            mayRecover(truth, kernel),
            isStopping[truth.scheduler] != true
        {
            return "\(label) was above its threshold of \(threshold) for \(memory.samples) samples "
                + "and is not restarted"
        }
        return nil
    }

    /// Whether neither the cooldown nor the restart limit can stand against a recovery restart: not
    /// for a first run, and not where nothing ended lately.
    private func mayRecover(_ run: RunTruth, _ kernel: Kernel) -> Bool {
        let restart = kernel.specification(of: run).restart
        guard scenario.specification.supervisor.autoRecovery, restart.maxRestarts != 0 else {
            return false
        }
        return run.ordinal == 0 || kernel.now - run.askedAt > max(restart.cooldown, restart.window)
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        for status in view.schedulers { isStopping[status.id] = status.health == .stopping }
        guard !isShuttingDown else { return nil }
        for run in kernel.openRuns where run.isUp && run.stopBeganAt == nil {
            let specification = kernel.specification(of: run)
            guard let told = run.toldAt else { continue }
            let slack = scenario.delivery.slack
            if specification.memory.isWatched {
                let last = run.lastSampledAt ?? told
                let longest = specification.healthCheckInterval + .seconds(2) + slack
                if kernel.now - last > longest {
                    return "\(kernel.label(run.id)) was not sampled for \(kernel.now - last)"
                }
            }
            if timeouts[run.scheduler]?.timeout != specification.timeout {
                timeouts[run.scheduler] = (specification.timeout, kernel.now)
            }
            let since = timeouts[run.scheduler]?.since ?? told
            if let timeout = specification.timeout,
                kernel.now - max(told + timeout, since) > slack
            {
                return "\(kernel.label(run.id)) runs for \(kernel.now - told), past its timeout"
            }
        }
        return nil
    }
}
