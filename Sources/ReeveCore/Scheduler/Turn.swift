// SPDX-License-Identifier: Apache-2.0

/// One call of `Supervisor.handle`: its moment, and the effects so far.
struct Turn {
    let now: Moment
    var effects: [Effect] = []

    mutating func record(_ fact: Fact) {
        effects.append(.record(Record(at: now.wall, fact: fact)))
    }
}
