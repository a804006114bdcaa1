// SPDX-License-Identifier: Apache-2.0
//
// Commands that were asked for and are not answered. Whoever asks keeps the id that `Turn.run` returns and
// gets the outcome by its purpose; a command that is not wanted any more is ended, and answered all the same.

/// What was asked for.
enum CommandRequest: Equatable, Sendable {
    case command(AuxiliaryCommand)
    case probe(Probe)

    /// nil: it is about no scheduler.
    var scheduler: SchedulerID? {
        switch self {
        case .command(let command): command.scheduler
        case .probe(let probe): probe.scheduler
        }
    }
}

/// The commands and probes that run, in the order of their ids, which is that of their start.
struct CommandTable: Sendable {
    private struct Entry: Sendable {
        let id: CommandID
        let request: CommandRequest
        var isEnded = false
    }

    private var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }

    /// Whether one of them is about this scheduler.
    func concerns(_ scheduler: SchedulerID) -> Bool {
        entries.contains { $0.request.scheduler == scheduler }
    }

    /// Takes over what a turn has asked for.
    mutating func add(from turn: inout Turn) {
        for (id, request) in turn.newCommands { entries.append(Entry(id: id, request: request)) }
        turn.newCommands = []
    }

    /// Takes out what has been answered; nil where it was not asked for.
    mutating func remove(_ id: CommandID) -> CommandRequest? {
        entries.firstIndex { $0.id == id }.map { entries.remove(at: $0).request }
    }

    /// The commands that were not ended yet; they count as ended from here on.
    mutating func endAll() -> [CommandID] {
        var ids: [CommandID] = []
        for index in entries.indices where !entries[index].isEnded {
            entries[index].isEnded = true
            ids.append(entries[index].id)
        }
        return ids
    }
}

extension Turn {
    /// Asks for a command. Its outcome comes in a later turn, in any case.
    mutating func run(_ command: AuxiliaryCommand) -> CommandID {
        let id = CommandID(sequence.next(at: now.wall))
        effects.append(.runCommand(id, command))
        newCommands.append((id, .command(command)))
        return id
    }

    /// Kills what is left of a command; its outcome still comes.
    mutating func end(_ command: CommandID) {
        effects.append(.endCommand(command))
    }
}

extension Supervisor {
    mutating func commandEnded(_ id: CommandID, _ outcome: CommandOutcome, _ turn: inout Turn) {
        guard case .command(let command)? = commands.remove(id) else {
            return defect("the outcome of command \(id), which nobody waits for", &turn)
        }
        if command.purpose == .alert { alertsDelivered(id, outcome, &turn) }
        guard let scheduler = command.scheduler else { return }
        if command.purpose == .healthCheck {
            return checked(scheduler, id, outcome.checkOutcome(within: command.timeout), &turn)
        }
        let next = schedulers[scheduler.index].handle(command: id) {
            $0.commandEnded(id, command.purpose, outcome, &turn)
        }
        touch(scheduler)
        carryOut(next, scheduler, &turn)
    }

    mutating func probed(_ id: CommandID, _ outcome: ProbeOutcome, _ turn: inout Turn) {
        guard case .probe(let probe)? = commands.remove(id) else {
            return defect("the outcome of probe \(id), which nobody waits for", &turn)
        }
        checked(probe.scheduler, id, outcome, &turn)
    }

    private mutating func checked(
        _ scheduler: SchedulerID, _ id: CommandID, _ outcome: ProbeOutcome, _ turn: inout Turn
    ) {
        schedulers[scheduler.index].checked(
            id, outcome, autoRecovery: settings.autoRecovery, &turn)
        touch(scheduler)
    }
}
