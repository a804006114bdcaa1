// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// A stop that has begun comes to its end in bounded time, with SIGKILL neither early nor missing;
/// what an operator stopped stays down until somebody asks for it.
struct StopChecker: Checker {
    let name = "stops"
    private let scenario: Scenario
    private let graph: Graph
    /// When the operator stopped it; nil while it may run.
    private var stoppedAt: [Instant?]
    private var isShuttingDown = false
    private var signalFailed: [RunID: Bool] = [:]
    /// The longest that all stops, one after the other, may take.
    private let allStops: Duration

    init(scenario: Scenario, graph: Graph, stopped: [Bool], at now: Instant) {
        self.scenario = scenario
        self.graph = graph
        stoppedAt = stopped.map { $0 ? now : nil }
        let force = scenario.specification.supervisor.forceTimeout
        allStops = scenario.specification.schedulers.reduce(Duration.zero) {
            $0 + $1.stop.timeout + force + .seconds(2) + scenario.delivery.slack
        }
    }

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        if case .shutdownRequested = event { isShuttingDown = true }
        if case .signalFailed(let run, _, words: _) = event { signalFailed[run] = true }
        guard !isShuttingDown else { return nil }
        for scheduler in kernel.comingBack(by: event) { stoppedAt[scheduler.index] = nil }
        for scheduler in event.wantedDown(of: kernel.count) {
            stoppedAt[scheduler.index] = stoppedAt[scheduler.index] ?? kernel.now
        }
        for scheduler in event.wantedUp(of: kernel.count) {
            stoppedAt[scheduler.index] = nil
        }
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        if let scheduler = effect.starts(in: kernel), stoppedAt.indices.contains(scheduler.index),
            stoppedAt[scheduler.index] != nil
        {
            return "\(kernel.name(scheduler)) was stopped by the operator and is started unasked"
        }
        switch effect {
        case .kill(let run):
            return dependents(of: run, in: kernel) ?? kill(run, because: cause, in: kernel)
        case .signal(let run, _, to: _), .runStopCommand(let run):
            return dependents(of: run, in: kernel)
        case .record(let record):
            if case .shutdownBegan = record.fact { isShuttingDown = true }
            // A stop counts from its announcement, be there anything to signal yet or not.
            if case .stopping = record.fact, let run = record.run {
                return dependents(of: run, in: kernel)
            }
            if case .survived = record.fact, let run = record.run {
                return survive(run, in: kernel)
            }
            return nil
        case .spawn, .abandonSpawn, .passSignal, .survey, .sample, .forget, .sweep, .reply, .keep,
            .ledger, .tellManager,
            .exit, .loadConfiguration,
            .adoptSettings, .adoptLog, .forgetScheduler, .runCommand, .endCommand,
            .probe, .deliverAlerts, .keepFailure:
            return nil
        }
    }

    /// Before what an operator stops go those who cannot be without it.
    private func dependents(of run: RunID, in kernel: Kernel) -> String? {
        guard !isShuttingDown, let truth = kernel.run(run), !truth.wasStopped, truth.isUp,
            stoppedAt[truth.scheduler.index] != nil, !hasOtherReason(truth, in: kernel)
        else { return nil }
        for dependent in graph.dependents[truth.scheduler.index] {
            let edges = graph.edges[dependent.index]
            guard edges.contains(where: { $0.target == truth.scheduler && $0.onFailure == .stop }),
                let other = kernel.upRuns(of: dependent).first, !kernel.isScheduled(dependent),
                // What runs as an execution of before needs nobody.
                kernel.kindChangedAt[dependent].map({ other.askedAt >= $0 }) ?? true
            else { continue }
            return "\(kernel.label(run)) is stopped before \(kernel.label(other.id)), "
                + "which cannot be without it"
        }
        return nil
    }

    /// Whether it is ended for its memory or its time, whatever the operator wants.
    private func hasOtherReason(_ run: RunTruth, in kernel: Kernel) -> Bool {
        let specification = kernel.specification(of: run.scheduler)
        let isLate = specification.timeout.map { kernel.now - (run.toldAt ?? .zero) >= $0 } ?? false
        return isLate || specification.memory.isWatched || specification.healthCheck != nil
            || specification.wantsNotifySocket
    }

    /// SIGKILL is given the whole force-timeout before a stop is given up.
    private func survive(_ run: RunID, in kernel: Kernel) -> String? {
        guard !isShuttingDown, let truth = kernel.run(run) else { return nil }
        guard let killed = truth.killedAt else {
            return "\(kernel.label(run)) is given up and never got SIGKILL"
        }
        let force = scenario.specification.supervisor.forceTimeout
        return kernel.now - killed < force
            ? "\(kernel.label(run)) is given up \(kernel.now - killed) after SIGKILL, "
                + "before the force-timeout of \(force)" : nil
    }

    private func kill(_ run: RunID, because cause: Event, in kernel: Kernel) -> String? {
        guard !isShuttingDown, let truth = kernel.run(run), truth.killedAt == nil,
            signalFailed[run] == nil
        else { return nil }
        if case .sampled = cause { return nil }
        let timeout = kernel.specification(of: truth.scheduler).stop.timeout
        guard let began = truth.stopBeganAt else {
            return timeout == .zero ? nil : "\(kernel.label(run)) gets SIGKILL before any signal"
        }
        let waited = kernel.now - began
        return waited < timeout
            ? "\(kernel.label(run)) gets SIGKILL \(waited) after the stop began, before its "
                + "stop-timeout of \(timeout)" : nil
    }

    /// The dependency that an operator has stopped long ago and that this one had to go down with.
    private func lost(by scheduler: SchedulerID, in kernel: Kernel) -> SchedulerID? {
        // A scheduled one looks at its dependencies when it is due.
        if kernel.isScheduled(scheduler) { return nil }
        return graph.edges[scheduler.index].first { edge in
            guard edge.onFailure == .stop, let stopped = stoppedAt[edge.target.index],
                kernel.now - stopped > allStops
            else { return false }
            return !DependencyChecker(graph: graph).holds(edge, in: kernel)
        }?.target
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        let force = scenario.specification.supervisor.forceTimeout
        let slack = scenario.delivery.slack
        for run in kernel.openRuns where run.survivedAt == nil {
            if let began = run.stopBeganAt {
                let configured = kernel.specification(of: run.scheduler).stop.timeout
                let timeout = max(configured, run.stopExtension)
                let waited = kernel.now - began
                if waited > timeout + slack, run.killedAt == nil,
                    let process = kernel.breathing(of: run).first, process.obstacle == nil
                {
                    return "\(kernel.label(run.id)) is \(waited) past the begin of its stop, "
                        + "\(process) is alive and no SIGKILL was sent"
                }
                if waited > timeout + force + slack + .seconds(1) {
                    return "the stop of \(kernel.label(run.id)) takes \(waited)"
                }
            } else if !isShuttingDown, run.isUp, let lost = lost(by: run.scheduler, in: kernel) {
                return "\(kernel.label(run.id)) goes on although the operator stopped "
                    + "\(kernel.name(lost)), without which it cannot be"
            } else if !isShuttingDown, let stopped = stoppedAt[run.scheduler.index],
                kernel.now - stopped > allStops
            {
                return "\(kernel.label(run.id)) runs, though the operator stopped it "
                    + "\(kernel.now - stopped) ago"
            }
        }
        return nil
    }
}
