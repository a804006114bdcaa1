// SPDX-License-Identifier: Apache-2.0
//
// Children of reeve that belong to no run, as far as can be proved: what left its run without a trace
// before reeve looked, and what a forgotten run left. They are left alone until reeve ends, and shown.

internal import ReeveCore
internal import ReeveLinux

extension Processes {
    /// At most this many orphans are named in a status.
    static let orphansNamedMax = 64
    /// At most this many strangers wait to be told of; the status counts the others.
    private static let strangersMax = 1_024

    /// Keeps a child without evidence until it is told of.
    func noteStranger(_ process: ProcessStat) {
        guard strangers.count < Processes.strangersMax else { return }
        strangers += describe([process], of: nil)
    }

    /// Who has come to reeve without evidence since the last call.
    func takeStrangers() -> [ProcessDescription] {
        defer { strangers = [] }
        return strangers.sorted { $0.identity < $1.identity }
    }

    /// The children of reeve that belong to no run, as of a look that may be a moment old.
    func orphans() -> Orphans {
        adoptStrangers(.unlessJustLooked)
        let pids = table.orphans
        let named = pids.prefix(Processes.orphansNamedMax).compactMap { pid in
            sight(pid).flatMap { $0.hasEnded ? nil : $0 }
        }
        return Orphans(named: describe(named, of: nil), count: pids.count)
    }
}
