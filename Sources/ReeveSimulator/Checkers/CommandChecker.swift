// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Commands have names of their own, are about runs that exist, and none is left behind.
struct CommandChecker: Checker {
    let name = "commands"
    private let slack: Duration
    /// When the supervisor has lost patience with everything.
    private var endOfPatience: Instant?

    init(scenario: Scenario) {
        slack = scenario.delivery.slack
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        switch effect {
        case .spawn(_, let scheduler): return spawn(scheduler, kernel)
        case .runCommand(let id, let command), .deliverAlerts(let id, let command, _):
            return run(id, command, kernel)
        case .endCommand(let id):
            guard let index = kernel.index(of: id) else {
                return "endCommand names a command that never was, \(id)"
            }
            return kernel.commands[index].answeredAt == nil
                ? nil : "endCommand names a command that is over"
        case .probe(let id, let probe):
            if kernel.index(of: id) != nil { return "two commands have one name, \(id)" }
            if endOfPatience != nil { return "a probe is made after the last scheduler's end" }
            return probe.timeout > .zero ? nil : "a probe has no time"
        case .sweep where endOfPatience == nil:
            endOfPatience = kernel.now + slack
            return nil
        default: return nil
        }
    }

    /// What has to be done before the program was done, for this very start.
    private func spawn(_ scheduler: SchedulerID, _ kernel: Kernel) -> String? {
        guard kernel.specification.schedulers.indices.contains(scheduler.index),
            kernel.specification(of: scheduler).recovery.onStart != nil
        else { return nil }
        let before = kernel.commands.last {
            $0.purpose == .onStart && $0.scheduler == scheduler
        }
        let last = kernel.lastRun(of: scheduler)?.askedAt
        guard let before, before.answeredAt != nil, before.hasPassed,
            last.map({ $0 <= before.askedAt }) ?? true
        else { return "\(kernel.name(scheduler)) is started, and its on-start has not succeeded" }
        return nil
    }

    private func run(_ id: CommandID, _ command: AuxiliaryCommand, _ kernel: Kernel) -> String? {
        if kernel.index(of: id) != nil { return "two commands have one name, \(id)" }
        if kernel.run(id.run) != nil { return "a command has the name of a run, \(id)" }
        if endOfPatience != nil { return "a command is started after the last scheduler's end" }
        if command.arguments.isEmpty { return "a command has no program" }
        if command.timeout <= .zero { return "a command has no time" }
        guard let about = command.run else { return nil }
        guard let truth = kernel.run(about), truth.forgottenAt == nil else {
            return "a command is about run \(about), which is over"
        }
        return truth.scheduler == command.scheduler
            ? nil : "a command is about a run of another scheduler"
    }

    mutating func ended(in kernel: Kernel) -> String? {
        let left = kernel.commands.filter { $0.answeredAt == nil && $0.endAskedAt == nil }
        return left.isEmpty ? nil : "reeve leaves \(left.count) commands behind"
    }
}
