// SPDX-License-Identifier: Apache-2.0

/// One call of `Supervisor.handle`: its moment, and the effects so far.
struct Turn {
    let now: Moment
    /// Names runs and commands.
    var sequence: RunSequence
    var effects: [Effect] = []
    /// Runs that are over and were never asked of the shell.
    var dropped: [RunID] = []
    /// Asked for in this turn and not in the table of commands yet.
    var newCommands: [(id: CommandID, request: CommandRequest)] = []

    mutating func record(_ fact: Fact) {
        effects.append(.record(Record(at: now.wall, fact: fact)))
    }

    /// A run is over, and nothing of it is alive.
    mutating func end(_ run: Run) {
        if run.isSpawnAsked { effects.append(.forget(run.id)) } else { dropped.append(run.id) }
    }
}
