// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// When the faults have ended and time has passed, everything that is wanted runs, or there is a
/// reason in the configuration or in the kernel why it cannot.
struct LivenessChecker: Checker {
    let name = "liveness"
    private let scenario: Scenario
    private let graph: Graph
    private var wanted: [Bool]
    private var view: View?
    private var isDone = false
    /// When an operator last stopped it while it was up.
    private var stoppedLast: [Instant?]
    /// The core has said so, and nothing was started since.
    private var isExhausted: [Bool]

    init(scenario: Scenario, graph: Graph, stopped: [Bool]) {
        self.scenario = scenario
        self.graph = graph
        wanted = zip(scenario.specification.schedulers, stopped).map { $0.enabled && !$1 }
        stoppedLast = wanted.map { _ in nil }
        isExhausted = wanted.map { _ in false }
    }

    mutating func willTell(_ event: Event, in kernel: Kernel) -> String? {
        guard let settledBy = scenario.settledBy, kernel.now >= settledBy, !isDone else {
            return nil
        }
        isDone = true
        return judge(in: kernel)
    }

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        for scheduler in kernel.comingBack(by: event) {
            wanted[scheduler.index] = kernel.specification(of: scheduler).enabled
        }
        for scheduler in event.wantedDown(of: kernel.count) {
            wanted[scheduler.index] = false
            if kernel.lastRun(of: scheduler)?.isUp == true {
                stoppedLast[scheduler.index] = kernel.now
            }
        }
        if case .requested(_, .reset(let scheduler)) = event,
            isExhausted[scheduler.index]
        {
            // What had been given up is stopped then, until somebody starts it.
            wanted[scheduler.index] = false
        }
        for scheduler in event.wantedUp(of: kernel.count) where !isRefused(event, scheduler, kernel)
        {
            wanted[scheduler.index] = scenario.specification.schedulers[scheduler.index].enabled
        }
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        if let scheduler = effect.starts(in: kernel) { isExhausted[scheduler.index] = false }
        guard case .record(let record) = effect else { return nil }
        if case .exhausted = record.fact,
            let index = scenario.specification.schedulers.firstIndex(where: {
                $0.name == record.scheduler
            })
        {
            isExhausted[index] = true
        }
        if case .shutdownBegan = record.fact { isDone = true }
        return nil
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        self.view = view
        return nil
    }

    /// A start over survivors needs force.
    private func isRefused(_ event: Event, _ scheduler: SchedulerID, _ kernel: Kernel) -> Bool {
        switch event {
        case .requested(_, .start(_, force: true)), .requested(_, .restart(_, force: true)): false
        default: kernel.openRuns.contains { $0.scheduler == scheduler && $0.survivedAt != nil }
        }
    }

    /// An end that the operator brought about is no failure.
    private func hasOperatorsEnd(_ run: RunTruth?) -> Bool {
        guard let signal = run?.passedSignal, case .signalled(let by, _)? = run?.status else {
            return false
        }
        return signal == by
    }

    private func judge(in kernel: Kernel) -> String? {
        guard let view else { return nil }
        for status in view.schedulers where wanted[status.id.index] {
            if isAccountedFor(status.id, in: kernel, view) { continue }
            return "\(status.name) is wanted and does not run: \(status.lifecycle.rawValue), "
                + "\(status.reason)"
        }
        for index in graph.edges.indices {
            if let sentence = owed(SchedulerID(index), in: kernel) { return sentence }
        }
        if view.whole.phase != nil { return "start-up is still in phase \(view.whole.phase ?? 0)" }
        return nil
    }

    /// A run that had to be replaced once its dependency was back.
    private func owed(_ scheduler: SchedulerID, in kernel: Kernel) -> String? {
        guard !kernel.isScheduled(scheduler), let run = kernel.lastRun(of: scheduler), run.isUp,
            run.stopBeganAt == nil
        else {
            return nil
        }
        for edge in graph.edges[scheduler.index] where edge.onFailure == .restart {
            guard let stopped = stoppedLast[edge.target.index], run.askedAt < stopped,
                let other = kernel.lastRun(of: edge.target), other.isUp, other.askedAt > stopped,
                !lacksDependency(scheduler, in: kernel)
            else { continue }
            return "\(kernel.label(run.id)) was not restarted, though its dependency "
                + "\(kernel.name(edge.target)) was stopped and is back"
        }
        return nil
    }

    /// Whether it runs, or has a right not to.
    private func isAccountedFor(
        _ scheduler: SchedulerID, in kernel: Kernel, _ view: View
    ) -> Bool {
        // What ran as another kind is no reason.
        let changedAt = kernel.kindChangedAt[scheduler] ?? .zero
        let last = kernel.lastRun(of: scheduler).flatMap { $0.askedAt >= changedAt ? $0 : nil }
        // What has been asked for and is not answered is on its way.
        if let last, last.isUp || (last.toldAt == nil && !last.failedToSpawn) { return true }
        if !kernel.upRuns(of: scheduler).isEmpty { return true }
        if kernel.isScheduled(scheduler),
            let status = view.schedulers.first(where: { $0.id == scheduler })
        {
            switch status.lifecycle {
            case .idle, .starting, .running, .stopping, .backingOff: return true
            case .stopped, .waitingForPhase, .waitingForDependencies, .exhausted, .completed: break
            }
        }
        let hasSurvivors = kernel.openRuns.contains {
            $0.scheduler == scheduler && $0.survivedAt != nil && !kernel.breathing(of: $0).isEmpty
        }
        if hasSurvivors { return true }
        let specification = kernel.specification(of: scheduler)
        // Where everything may be so late, one that behaves misses its watchdog now and then.
        if let watchdog = specification.notify.watchdog, watchdog < scenario.delivery.slack,
            view.schedulers.first(where: { $0.id == scheduler })?.lifecycle == .backingOff
        {
            return true
        }
        let isSuccess = last?.status.map { kernel.isSuccess($0, of: scheduler) } ?? false
        switch specification.restart.mode {
        case .never where last != nil || kernel.failedBefore[scheduler] != nil: return true
        case .onFailure where isSuccess || hasOperatorsEnd(last): return true
        case .always, .onFailure, .never: break
        }
        if specification.restart.whenExhausted == .fail,
            view.schedulers.first(where: { $0.id == scheduler })?.lifecycle == .exhausted
        {
            return true
        }
        return lacksDependency(scheduler, in: kernel)
    }

    /// Whether a dependency does not hold, or one of its own does not: then it is unhealthy for that.
    private func lacksDependency(_ scheduler: SchedulerID, in kernel: Kernel) -> Bool {
        let checker = DependencyChecker(graph: graph)
        return graph.edges[scheduler.index].contains { edge in
            let isLost =
                !checker.holds(edge, in: kernel) || !wanted[edge.target.index]
                || kernel.lastRun(of: edge.target)?.checks.isFailed == true
                || (edge.onFailure != .ignore || !kernel.hasBegun(scheduler))
                    && lacksDependency(edge.target, in: kernel)
            return isLost
        }
    }
}
