// SPDX-License-Identifier: Apache-2.0
//
// A checker knows the configuration, sees every event and every effect, and compares them with what
// the kernel knows to be true. It shares no decision with the core: where a rule needs arithmetic, it
// is done again here, from the rule's words. Each method returns a sentence when a rule was broken.

internal import ReeveCore

/// What the core shows of itself after a turn.
struct View {
    let nextDeadline: Instant?
    let whole: SupervisorStatus
    let schedulers: [SchedulerStatus]
    /// Those that are on.
    let alerts: [Alert]
}

/// One rule, or a few that need the same memory.
protocol Checker {
    var name: String { get }
    /// Whether its rules go over the death of a supervisor; the others begin anew with the next.
    var outlivesSupervisor: Bool { get }
    /// A killed supervisor's successor is about to begin.
    mutating func beginsAgain(in kernel: Kernel) -> String?
    /// The core will be told this; the kernel's record does not have it yet.
    mutating func willTell(_ event: Event, in kernel: Kernel) -> String?
    /// The core is told this; the kernel's record has it.
    mutating func told(_ event: Event, in kernel: Kernel) -> String?
    /// The core asks for this; it was not carried out yet.
    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String?
    /// All effects of the event were carried out.
    mutating func answered(_ event: Event, with effects: [Effect], in kernel: Kernel) -> String?
    /// The turn is over.
    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String?
    /// The core has left.
    mutating func ended(in kernel: Kernel) -> String?
}

extension Checker {
    var outlivesSupervisor: Bool { false }
    mutating func beginsAgain(in kernel: Kernel) -> String? { nil }
    mutating func willTell(_ event: Event, in kernel: Kernel) -> String? { nil }
    mutating func told(_ event: Event, in kernel: Kernel) -> String? { nil }
    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        nil
    }
    mutating func answered(
        _ event: Event, with effects: [Effect], in kernel: Kernel
    ) -> String? { nil }
    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? { nil }
    mutating func ended(in kernel: Kernel) -> String? { nil }
}

/// Every checker of one supervisor's life, fresh. What operators stopped before is stopped.
func allCheckers(for scenario: Scenario, in kernel: Kernel) -> [any Checker] {
    let graph = Graph(scenario.specification)
    let stopped = scenario.specification.schedulers.map {
        kernel.disk.wish(of: $0.name)?.isStopped == true
    }
    return [
        RecordChecker(),
        ClockChecker(),
        RunChecker(),
        CommandChecker(scenario: scenario),
        DependencyChecker(graph: graph),
        PhaseChecker(graph: graph, slack: scenario.delivery.slack, stopped: stopped),
        RestartChecker(scenario: scenario),
        StopChecker(scenario: scenario, graph: graph, stopped: stopped, at: kernel.now),
        ShutdownChecker(scenario: scenario, graph: graph),
        RequestChecker(scenario: scenario, graph: graph),
        MemoryChecker(scenario: scenario),
        HealthChecker(scenario: scenario),
        RecoveryChecker(scenario: scenario),
        StatusChecker(),
        AlertChecker(scenario),
        DeliveryChecker(),
        WordChecker(slack: scenario.delivery.slack),
        LivenessChecker(scenario: scenario, graph: graph, stopped: stopped),
    ]
}

/// The dependencies of a configuration by index, worked out for checkers alone.
struct Graph {
    struct Edge {
        let target: SchedulerID
        let condition: Dependency.Condition
        let onFailure: Dependency.OnFailure
    }

    let edges: [[Edge]]
    /// Everything that depends on it, directly or not, in order.
    let dependents: [[SchedulerID]]
    /// 1 to 4, after dependencies moved it.
    let phases: [Int]

    init(_ specification: Specification) {
        let schedulers = specification.schedulers
        let edges = schedulers.map { scheduler in
            scheduler.order.dependencies.compactMap { dependency -> Edge? in
                guard let index = schedulers.firstIndex(where: { $0.name == dependency.name })
                else { return nil }
                return Edge(
                    target: SchedulerID(index), condition: dependency.condition,
                    onFailure: dependency.onFailure)
            }
        }
        // Both by iteration until nothing changes: slow, and hard to get wrong.
        var phases = schedulers.map { Graph.phase(ofPriority: $0.order.priority) }
        var reach = schedulers.map { _ in Array(repeating: false, count: schedulers.count) }
        var changed = true
        while changed {
            changed = false
            for index in schedulers.indices {
                for edge in edges[index] {
                    let target = edge.target.index
                    if phases[index] < phases[target] {
                        phases[index] = phases[target]
                        changed = true
                    }
                    for other in schedulers.indices where other == index || reach[index][other] {
                        if !reach[target][other] {
                            reach[target][other] = true
                            changed = true
                        }
                    }
                }
            }
        }
        self.edges = edges
        self.phases = phases
        dependents = reach.map { row in row.indices.filter { row[$0] }.map { SchedulerID($0) } }
    }

    private static func phase(ofPriority priority: Int) -> Int {
        priority >= 10 ? 1 : priority >= 5 ? 2 : priority >= 1 ? 3 : 4
    }
}

extension Event {
    /// The schedulers that an operator's request or a reload is about; nil for any other event.
    func touched(of count: Int) -> [SchedulerID]? {
        if case .configurationLoaded = self { return (0..<count).map { SchedulerID($0) } }
        guard case .requested(_, let request) = self else { return nil }
        switch request {
        case .start(let scheduler, force: _), .stop(let scheduler),
            .restart(let scheduler, force: _), .reset(let scheduler), .recover(let scheduler),
            .signal(let scheduler, _),
            .runNow(let scheduler, force: _), .pause(let scheduler), .resume(let scheduler):
            return [scheduler]
        case .startAll, .stopAll: return (0..<count).map { SchedulerID($0) }
        case .reload, .change: return []
        }
    }

    /// The schedulers that an operator wants up by this.
    func wantedUp(of count: Int) -> [SchedulerID] {
        guard case .requested(_, let request) = self else { return [] }
        switch request {
        case .start(let scheduler, force: _), .restart(let scheduler, force: _): return [scheduler]
        case .startAll: return (0..<count).map { SchedulerID($0) }
        case .stop, .reset, .recover, .signal, .stopAll, .runNow, .pause, .resume,
            .reload, .change:
            return []
        }
    }

    /// The schedulers that an operator wants down by this.
    func wantedDown(of count: Int) -> [SchedulerID] {
        guard case .requested(_, let request) = self else { return [] }
        switch request {
        case .stop(let scheduler): return [scheduler]
        case .stopAll: return (0..<count).map { SchedulerID($0) }
        case .start, .restart, .reset, .recover, .signal, .startAll, .runNow, .pause, .resume,
            .reload, .change:
            return []
        }
    }
}

extension SchedulerSpecification {
    /// Runs at a time.
    var parallelMax: Int {
        guard let schedule, schedule.overlap == .allow else { return 1 }
        return max(1, schedule.maxParallel)
    }
}

extension Kernel {
    var count: Int { specification.schedulers.count }

    func name(_ scheduler: SchedulerID) -> String {
        specification.schedulers[scheduler.index].name.text
    }

    /// "web/3": the third run of web.
    func label(_ run: RunID) -> String {
        guard let truth = self.run(run) else { return "run \(run)" }
        return "\(name(truth.scheduler))/\(truth.ordinal + 1)"
    }

    func isSuccess(_ status: ExitStatus, of scheduler: SchedulerID) -> Bool {
        guard case .exited(let code) = status else { return false }
        return specification(of: scheduler).successExitCodes.contains(code)
    }

    /// What the run goes on under.
    func specification(of run: RunTruth) -> SchedulerSpecification {
        run.kept ?? specification(of: run.scheduler)
    }

    /// From when on the run counts as ready, if it lives so long.
    func readyAt(_ run: RunTruth) -> Instant? {
        guard !run.failedToSpawn, let told = run.toldAt else { return nil }
        if run.checks.isSettled || run.checks.wasReadyAt != nil { return run.checks.wasReadyAt }
        let earliest = max(told, run.checks.judgedSince ?? told)
        switch specification(of: run).readiness.rule {
        case .spawn: return earliest
        case .uptime(let uptime): return max(earliest, told + uptime)
        case .notify, .probe: return run.checks.signOfReadiness
        }
    }
}
