// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// With `staggered-startup` a first start waits until all earlier phases have settled, or had
/// `phase-timeout`; phases come in order and none lasts longer.
struct PhaseChecker: Checker {
    let name = "phases"
    let graph: Graph
    let slack: Duration
    private var beganAt = Instant.zero
    private var phase: (number: Int, since: Instant)?
    /// Phases that ended by their timeout.
    private var gaveUp: [Int] = []
    private var isOver = false
    /// An operator wanted it: its start and its settling are none of the phases' business.
    private var touched: [Bool]

    init(graph: Graph, slack: Duration, stopped: [Bool]) {
        self.graph = graph
        self.slack = slack
        touched = stopped
    }

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        if event == .began { beganAt = kernel.now }
        for scheduler in event.touched(of: kernel.count) ?? [] { touched[scheduler.index] = true }
        if case .shutdownRequested = event { isOver = true }
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        if let scheduler = effect.starts(in: kernel) {
            return isOver || !kernel.specification.supervisor.staggeredStartup
                ? nil : check(scheduler, in: kernel)
        }
        switch effect {
        case .record(let record): return check(record.fact, in: kernel)
        case .spawn, .abandonSpawn, .signal, .passSignal, .kill, .survey, .runStopCommand, .sample,
            .forget,
            .sweep,
            .reply, .keep, .ledger, .tellManager, .exit, .loadConfiguration,
            .adoptSettings, .adoptLog, .forgetScheduler, .runCommand, .endCommand,
            .probe, .deliverAlerts, .keepFailure:
            return nil
        }
    }

    private mutating func check(_ fact: Fact, in kernel: Kernel) -> String? {
        switch fact {
        case .phaseBegan(let number, members: _):
            if let phase { return "phase \(number) begins within phase \(phase.number)" }
            phase = (number, kernel.now)
            return nil
        case .phaseEnded(let number, let timedOut, waitingFor: _):
            guard let current = phase, current.number == number else {
                return "phase \(number) ends and never began"
            }
            phase = nil
            let lasted = kernel.now - current.since
            let timeout = kernel.specification.supervisor.phaseTimeout
            if timedOut {
                gaveUp.append(number)
                if lasted < timeout { return "phase \(number) timed out after \(lasted)" }
            }
            return lasted > timeout + slack ? "phase \(number) lasted \(lasted)" : nil
        case .startupEnded, .shutdownBegan:
            isOver = true
            return nil
        default: return nil
        }
    }

    private func check(_ scheduler: SchedulerID, in kernel: Kernel) -> String? {
        let own = graph.phases[scheduler.index]
        guard !touched[scheduler.index], !kernel.hasBegun(scheduler) else { return nil }
        for other in graph.phases.indices where graph.phases[other] < own {
            if gaveUp.contains(graph.phases[other]) || touched[other] { continue }
            if settled(SchedulerID(other), in: kernel) { continue }
            return "\(kernel.name(scheduler)) of phase \(own) is started before "
                + "\(kernel.name(SchedulerID(other))) of phase \(graph.phases[other]) has settled"
        }
        return nil
    }

    /// Ready, completed, failed once, disabled, or blocked past `dependency-timeout`.
    private func settled(_ scheduler: SchedulerID, in kernel: Kernel) -> Bool {
        let specification = kernel.specification(of: scheduler)
        // A scheduled one has settled once it follows its schedule.
        if !specification.enabled || specification.kind == .scheduled { return true }
        if kernel.failedBefore[scheduler] != nil { return true }
        guard let first = kernel.firstRun(of: scheduler) else {
            return kernel.now - beganAt >= specification.order.dependencyTimeout
        }
        // It was blocked past its patience, and then it was not.
        if first.askedAt - beganAt >= specification.order.dependencyTimeout { return true }
        // Stopped for a reason of its own is an attempt that ended; for a dependency it is none.
        if let ready = kernel.readyAt(first), ready <= first.stopBeganAt ?? kernel.now {
            return true
        }
        if first.failedToSpawn, first.toldAt != nil { return true }
        if first.reapedAt != nil, !first.wasStopped { return true }
        if first.wasStopped {
            let checker = DependencyChecker(graph: graph)
            // What ignores a loss is not stopped for it: it was stopped for a reason of its own.
            let isFree = graph.edges[scheduler.index].allSatisfy {
                $0.onFailure == .ignore || checker.holds($0, in: kernel)
            }
            if isFree { return true }
            guard let over = first.forgottenAt else { return false }
            return kernel.now - over >= specification.order.dependencyTimeout
        }
        return false
    }
}
