// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// A shutdown ends within its budget, starts nothing, stops dependents before what they depend on,
/// leaves nothing alive unnamed, and says the right code once, as its last word.
struct ShutdownChecker: Checker {
    let name = "shutdown"
    private let scenario: Scenario
    private let graph: Graph
    private var beganAt: Instant?
    private var firstSignalAt: Instant?
    private var deadline: Instant?
    private var isForced = false
    private var byOperator = false
    private var schedulerCode: Int32?
    private var sweptSince = false
    /// When the last sweep was asked for, one at a time; and when the last that was answered.
    private var sweepAskedAt = Instant.zero
    private var sweptAt = Instant.zero
    private var namedAtEnd: [ProcessDescription] = []
    private var exitCode: Int32?

    init(scenario: Scenario, graph: Graph) {
        self.scenario = scenario
        self.graph = graph
    }

    private var settings: SupervisorSettings { scenario.specification.supervisor }
    /// For the sweep and for the looks at what is left.
    private var slack: Duration { scenario.delivery.slack + .seconds(1) }

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        if exitCode != nil { return "reeve is told something after it left" }
        if case .swept = event {
            sweptSince = true
            sweptAt = sweepAskedAt
        }
        guard case .shutdownRequested(let cause) = event else { return nil }
        byOperator = true
        begin(in: kernel)
        guard case .signal = cause else { return nil }
        guard let first = firstSignalAt else {
            firstSignalAt = kernel.now
            return nil
        }
        if kernel.now - first >= .seconds(1) {
            isForced = true
            let forced = kernel.now + settings.forceTimeout + slack
            deadline = deadline.map { min($0, forced) } ?? forced
        }
        return nil
    }

    private mutating func begin(in kernel: Kernel) {
        guard beganAt == nil else { return }
        beganAt = kernel.now
        deadline = kernel.now + settings.gracefulTimeout + settings.forceTimeout + slack
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        if exitCode != nil { return "an effect follows exit" }
        switch effect {
        case .spawn(_, let scheduler):
            return beganAt == nil ? nil : "\(kernel.name(scheduler)) is started in a shutdown"
        case .record(let record):
            if case .stopping = record.fact, let run = record.run {
                return isKill(cause, of: run, in: kernel) ? nil : order(run, in: kernel)
            }
            return check(record.fact, in: kernel)
        case .signal(let run, _, to: _):
            return order(run, in: kernel)
        case .runStopCommand(let run), .kill(let run): return order(run, in: kernel)
        case .exit(let code): return leave(code, in: kernel)
        case .sweep:
            sweepAskedAt = kernel.now
            return nil
        case .abandonSpawn, .passSignal, .survey, .sample, .forget, .reply, .keep, .ledger,
            .tellManager, .loadConfiguration, .adoptSettings, .adoptLog, .forgetScheduler,
            .runCommand, .endCommand,
            .probe,
            .deliverAlerts, .keepFailure:
            return nil
        }
    }

    private mutating func check(_ fact: Fact, in kernel: Kernel) -> String? {
        switch fact {
        case .shutdownBegan(let cause, running: _, gracefulTimeout: _):
            guard case .schedulerEnded(let name, let code) = cause else {
                return byOperator ? nil : "a shutdown begins that nobody asked for"
            }
            begin(in: kernel)
            schedulerCode = code
            return ended(name, code, in: kernel)
        case .shutdownEnded(after: _, code: _, let alive):
            namedAtEnd = alive
            return nil
        default: return nil
        }
    }

    /// Whether the scheduler whose end ends reeve has ended so, and is one of those that may.
    private func ended(_ name: SchedulerName, _ code: Int32, in kernel: Kernel) -> String? {
        guard let index = kernel.specification.schedulers.firstIndex(where: { $0.name == name })
        else { return "a scheduler ends reeve that does not exist" }
        let specification = kernel.specification.schedulers[index]
        guard settings.exitWith == name || specification.restart.whenExhausted == .exit else {
            return "\(name) ends reeve and has neither exit-with nor when-exhausted = exit"
        }
        let last = kernel.lastRun(of: SchedulerID(index))
        if let before = kernel.failedBefore[SchedulerID(index)],
            last.map({ $0.askedAt < before.askedAt }) ?? true
        {
            return before.shellCode == code
                ? nil : "the command before \(name) failed and reeve makes it \(code)"
        }
        guard let last else {
            return "\(name) ends reeve and never ran"
        }
        if let status = last.status, !last.failedToSpawn, status.shellCode != code {
            return "\(name) ended with \(status) and reeve makes it \(code)"
        }
        return last.isUp ? "\(name) ends reeve and still runs" : nil
    }

    /// Whether it is ended for a hard limit, which waits for nobody.
    private func isKill(_ cause: Event, of run: RunID, in kernel: Kernel) -> Bool {
        guard case .sampled(run, .resident(let bytes)) = cause, let truth = kernel.run(run),
            let limit = kernel.specification(of: truth.scheduler).memory.hardLimit
        else { return false }
        return bytes > limit
    }

    /// The dependents of a run that is being stopped have gone, or had a share of the time.
    private func order(_ run: RunID, in kernel: Kernel) -> String? {
        guard let began = beganAt, !isForced, let truth = kernel.run(run), !truth.wasStopped,
            truth.reapedAt == nil
        else { return nil }
        // A task that has overrun its time is ended for that.
        if let timeout = kernel.specification(of: truth.scheduler).timeout, let told = truth.toldAt,
            kernel.now - told >= timeout
        {
            return nil
        }
        let share = settings.gracefulTimeout / max(1, scenario.specification.schedulers.count)
        let waited = kernel.now - began
        guard waited < share, waited < settings.gracefulTimeout else { return nil }
        for dependent in graph.dependents[truth.scheduler.index] {
            guard let other = kernel.upRuns(of: dependent).first else { continue }
            return "\(kernel.name(truth.scheduler)) is stopped while its dependent "
                + "\(kernel.label(other.id)) is up"
        }
        return nil
    }

    private mutating func leave(_ code: Int32, in kernel: Kernel) -> String? {
        exitCode = code
        guard beganAt != nil else { return "reeve leaves without a shutdown" }
        let right: [Int32] =
            switch (byOperator, schedulerCode) {
            case (true, nil): [0]
            case (true, let code?): [0, code]
            case (false, let code?): [code]
            case (false, nil): []
            }
        if !right.contains(code) { return "reeve leaves with \(code), and \(right) would be right" }
        if !sweptSince { return "reeve leaves without an answered sweep" }
        let named = namedAtEnd.map(\.identity)
        for index in kernel.alive where !named.contains(kernel.processes[index].identity) {
            // What cannot be ended may start others, after the last look.
            if kernel.processes[index].startedAt > sweptAt { continue }
            return "reeve leaves and does not name "
                + "\(kernel.describe(kernel.processes[index])), which is alive"
        }
        return nil
    }

    mutating func answered(
        _ event: Event, with effects: [Effect], in kernel: Kernel
    ) -> String? {
        guard isForced, case .shutdownRequested = event else { return nil }
        for run in kernel.openRuns where run.isUp && run.killedAt == nil {
            return "the shutdown is forced and \(kernel.label(run.id)) gets no SIGKILL"
        }
        return nil
    }

    /// Who should have ended reeve, and has not.
    private func overdue(_ view: View, in kernel: Kernel) -> String? {
        guard exitCode == nil else { return nil }
        for status in view.schedulers {
            let restart = kernel.specification(of: status.id).restart
            let isOver = status.lifecycle == .completed || status.lifecycle == .exhausted
            if isOver, settings.exitWith == status.name {
                return "\(status.name) has ended for good, exit-with names it, and reeve goes on"
            }
            if status.lifecycle == .exhausted, restart.whenExhausted == .exit,
                restart.mode != .never
            {
                return "\(status.name) is exhausted, which ends reeve, and reeve goes on"
            }
        }
        return nil
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        guard exitCode == nil, let began = beganAt else { return overdue(view, in: kernel) }
        if !view.whole.isShuttingDown { return "the status does not show the shutdown" }
        guard let deadline, kernel.now > deadline else { return nil }
        return
            "the shutdown takes \(kernel.now - began), and \(isForced ? "was forced" : "goes on")"
    }
}
