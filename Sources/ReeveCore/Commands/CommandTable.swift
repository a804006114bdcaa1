// SPDX-License-Identifier: Apache-2.0
//
// Commands that were asked for and are not answered. Whoever asks keeps the id that `Turn.run` returns and
// gets the outcome by its purpose; a command that is not wanted any more is ended, and answered all the same.

/// The commands that run, in the order of their ids, which is that of their start.
struct CommandTable: Sendable {
    private struct Entry: Sendable {
        let id: CommandID
        let command: AuxiliaryCommand
        var isEnded = false
    }

    private var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }

    /// Takes over what a turn has asked for.
    mutating func add(from turn: inout Turn) {
        for (id, command) in turn.newCommands { entries.append(Entry(id: id, command: command)) }
        turn.newCommands = []
    }

    /// Takes out what has been answered; nil where it was not asked for.
    mutating func remove(_ id: CommandID) -> AuxiliaryCommand? {
        entries.firstIndex { $0.id == id }.map { entries.remove(at: $0).command }
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
        newCommands.append((id, command))
        return id
    }

    /// Kills what is left of a command; its outcome still comes.
    mutating func end(_ command: CommandID) {
        effects.append(.endCommand(command))
    }
}

extension Supervisor {
    mutating func commandEnded(_ id: CommandID, _ outcome: CommandOutcome, _ turn: inout Turn) {
        guard let command = commands.remove(id) else {
            return defect("the outcome of command \(id), which nobody waits for", &turn)
        }
        if command.purpose == .alert { alertsDelivered(id, outcome, &turn) }
        guard let scheduler = command.scheduler else { return }
        let next = schedulers[scheduler.index].handle(command: id) {
            $0.commandEnded(id, command.purpose, outcome, &turn)
        }
        touch(scheduler)
        carryOut(next, scheduler, &turn)
    }
}
