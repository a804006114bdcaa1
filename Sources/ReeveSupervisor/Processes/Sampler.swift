// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

extension Processes {
    /// Reads the memory of a run's whole tree: three readings of /proc for each process.
    /// What was seen is a member from now on. nil when nothing of the run is alive.
    func sample(_ run: Run, by measure: MemorySettings.Measure = .rss) -> MemoryReading? {
        if !run.hasLeader { adoptStrangers(.unlessJustLooked) }
        let members = scan(run).filter { !$0.hasEnded }
        if members.isEmpty { return nil }
        var sum = Bytes.zero
        for process in members {
            // A sum without it would be less than the tree holds.
            guard process.isSeen else {
                return .unreadable("/proc does not show its process with pid \(process.pid)")
            }
            do {
                sum = sum + (try tree.memory(of: process.pid, by: measure))
            } catch {
                return .unreadable(
                    "the memory of \(process.name) (pid \(process.pid)) cannot be read: \(error)")
            }
        }
        return .resident(sum)
    }

    /// The processor time that a run has used so far: that of its live tree, with the children that its
    /// processes have waited for, and of members that reeve has reaped. Never less than what was told
    /// before, so that a counter can be made of it. Zero once its exit was told, and the time with it.
    func processorTime(of run: Run) -> Duration {
        guard run.hasLeader else { return run.usedAsTold }
        let tick = Duration(nanoseconds: 1_000_000_000 / Host.ticksPerSecond)
        let ticks = scan(run).reduce(UInt64(0)) { $0 &+ $1.processorTicks }
        run.usedAsTold = max(run.usedAsTold, tick * Int64(clamping: ticks) + run.usedByMembers)
        return run.usedAsTold
    }
}

extension Supervisor {
    /// How the memory of a run is measured.
    func measure(of run: Run) -> MemorySettings.Measure {
        guard case .program(let scheduler) = run.kind else { return .rss }
        return specification(of: scheduler)?.memory.measure ?? .rss
    }
}
