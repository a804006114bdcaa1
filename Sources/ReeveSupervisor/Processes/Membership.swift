// SPDX-License-Identifier: Apache-2.0
//
// Which processes belong to a run. Evidence, in this order: the process was seen as a descendant of
// the run in an earlier scan (once a member, always a member, whatever it does to its session, its
// environment or its parents); its session or process group is the run's; its environment names the
// run. Without evidence nothing is ever signalled.
//
// Reeve is a subreaper (or PID 1): whatever outlives its parent becomes reeve's child, unless a
// subreaper of the run itself stands between. So the members of a run are found by walking down
// from its leader, its stop command, the members seen before and those of reeve's own children that
// have evidence for it; there is no process of the run that such a walk misses and a walk over all
// of /proc would find.

internal import ReeveCore
internal import ReeveLinux

extension Processes {
    // MARK: Strangers

    /// Whether an earlier look will do.
    enum Freshness {
        /// Look now, whatever it costs.
        case always
        /// Not if the last look was a moment ago: one look serves many runs.
        case unlessJustLooked
    }

    /// The longest that looks are held back.
    private static let lookPauseMax = Duration.milliseconds(10)

    /// Takes in the children that reeve did not start: each is a member of the run it has evidence
    /// for, or an orphan. One read where there is no stranger. Returns whether it looked.
    @discardableResult
    func adoptStrangers(_ freshness: Freshness) -> Bool {
        let start = Clock.now().monotonic
        if freshness == .unlessJustLooked, start < mayLookAgainAt { return false }
        for pid in tree.inheritedChildren() where table.children[pid] == nil { adopt(pid) }
        let end = Clock.now().monotonic
        let spent = end - start
        mayLookAgainAt = end + min(spent * 3, Processes.lookPauseMax)
        return true
    }

    private func adopt(_ pid: PID) {
        // Gone means that it is no child; it would be a zombie. An ended one waits for the reaper.
        guard let process = sight(pid, parent: own), !process.hasEnded else { return }
        let run = run(with: process)
        table.adopt(process.identity, into: run)
        if run == nil { noteStranger(process) }
    }

    /// The run that a process belongs to, by evidence of its own or of a parent's; for saying so only.
    func run(of pid: PID) -> Run? {
        var pid = pid
        for _ in 0..<Processes.generationsMax {
            guard let process = tree.look(at: pid), pid != own else { return nil }
            if let run = run(with: process) { return run }
            guard let parent = process.parent else { return nil }
            pid = parent
        }
        return nil
    }

    /// How far up `run(of:)` looks.
    private static let generationsMax = 16

    /// The run that a process has evidence for.
    private func run(with process: ProcessStat) -> Run? {
        if let seen = table.known[process.pid], seen.startTime == process.startTime {
            return seen.run
        }
        for case let number? in [process.session, process.group] {
            // A number can be given away again when nobody uses it any more, but not to a process
            // that is older than the run.
            if let run = table.run(ofSession: number),
                run.leader.startTime <= process.startTime || !process.isSeen
            {
                return run
            }
        }
        return runNamed(byEnvironmentOf: process.pid)
    }

    /// The run named in a process's environment. A reeve that is itself a run of ours gives its
    /// children ids of its own, and ours in the path of ids.
    private func runNamed(byEnvironmentOf pid: PID) -> Run? {
        for id in tree.runIDs(of: pid) where id.origin == origin {
            if let run = table[id] { return run }
        }
        return nil
    }

    // MARK: Scans

    /// The members of a run that are alive, found by parentage from all roots that are known, and
    /// noted as members from now on. A leader that has not been reaped is one, even when it has
    /// ended, and whether /proc shows it or not.
    ///
    /// Does not look for strangers; `adoptStrangers` does.
    @discardableResult
    func scan(_ run: Run) -> [ProcessStat] {
        tree.refresh()
        var pending: [(pid: PID, startTime: UInt64?, parent: PID?)] = []
        if run.hasLeader { pending.append((run.leader.pid, nil, nil)) }
        if let command = run.stopCommand { pending.append((command.pid, nil, nil)) }
        for (pid, startTime) in run.members { pending.append((pid, startTime, nil)) }
        var visited: Set<PID> = []
        var found: [ProcessStat] = []
        while let next = pending.popLast() {
            // One that cannot be told to be the member that it was may still be found below its
            // parent.
            guard !visited.contains(next.pid),
                let process = sight(next.pid, parent: next.parent),
                belongs(process, to: run, startTime: next.startTime, parent: next.parent)
            else { continue }
            visited.insert(next.pid)
            if process.hasEnded {
                if run.hasLeader, run.leader.pid == process.pid { found.append(process) }
                continue
            }
            found.append(process)
            let threads = process.isSeen ? process.threads : nil
            for child in tree.children(of: process.pid, threads: threads) {
                pending.append((child, nil, process.pid))
            }
        }
        note(found, as: run)
        return found
    }

    /// Notes who descends from a run now. The cheap form of `scan` for the many runs that are one
    /// process.
    func noteDescendants(of run: Run) {
        guard run.hasLeader, run.stopCommand == nil, run.members.isEmpty else {
            scan(run)
            return
        }
        if tree.hasChildren(run.leader.pid, isOwn: { table.children[$0] != nil }) { scan(run) }
    }

    /// So many runs are about to be stopped, one after the other.
    func expectStops(_ count: Int) {
        tree.expectQuestions(count, isOwn: { table.children[$0] != nil })
    }

    /// Whether what now has this pid is the process that was meant: by its start time, or by its
    /// parent. A parent that ended in between has left it to reeve.
    private func belongs(
        _ process: ProcessStat, to run: Run, startTime: UInt64?, parent: PID?
    ) -> Bool {
        if let startTime {
            // A child of reeve keeps its pid; of another's only the start time tells, and where that
            // cannot be read, its session and group.
            if table.isChild(process.pid, memberOf: run) { return true }
            return process.isSeen ? process.startTime == startTime : isIn(run, process)
        }
        guard let parent else { return true }
        return process.parent == parent
            || (process.parent == own && table.children[process.pid] == nil)
    }

    /// Keeps the members that were found and drops those that are gone.
    private func note(_ found: [ProcessStat], as run: Run) {
        let alive = Set(found.map(\.pid))
        for pid in run.members.keys where !alive.contains(pid) { table.drop(pid, of: run) }
        for process in found {
            if run.hasLeader, process.pid == run.leader.pid { continue }
            if process.pid == run.stopCommand?.pid { continue }
            if process.parent == own, table.children[process.pid] == nil {
                table.adopt(process.identity, into: run)
            } else {
                table.note(process.identity, memberOf: run)
            }
        }
    }

    /// The members of a run that are alive, as the core wants them named. Costs nothing where the
    /// leader has been reaped and nobody else was ever seen.
    func alive(_ run: Run) -> [ProcessDescription] {
        if !run.hasLeader, run.stopCommand == nil, run.members.isEmpty { return [] }
        return describe(scan(run), of: run)
    }

    /// Names processes, in the order of their pids, with what keeps each from dying.
    func describe(_ processes: [ProcessStat], of run: Run?) -> [ProcessDescription] {
        processes.map { process in
            var obstacle: ProcessDescription.Obstacle?
            if process.state == .uninterruptible { obstacle = .uninterruptible }
            if let run, run.notPermitted.contains(process.identity) { obstacle = .notPermitted }
            return ProcessDescription(
                identity: process.identity, name: process.name, obstacle: obstacle)
        }
        .sorted { $0.identity < $1.identity }
    }
}
