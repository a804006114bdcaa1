// SPDX-License-Identifier: Apache-2.0
//
// Who is there. /proc tells most of it, and where it does not (`hidepid=2` and a program that changes
// its user, no descriptor left, no /proc at all) the kernel's own calls do: a child of reeve that has
// not been reaped is alive until waitid says otherwise, whatever /proc shows.

internal import ReeveCore
internal import ReeveLinux

extension Processes {
    /// A process, or nil where it is gone. `parent`: in whose list of children it was found.
    func sight(_ pid: PID, parent: PID? = nil) -> ProcessStat? {
        if let process = tree.look(at: pid) { return process }
        if parent == own || table.children[pid] != nil {
            return .unseenChild(pid, of: own, startTime: table.startTime(of: pid))
        }
        return .unseenStranger(pid, parent: parent, startTime: table.startTime(of: pid))
    }

    /// Whether a process that /proc does not show, and that is no child of reeve, is the one that was
    /// meant: it is where it was found, or in a session or group of the run.
    func isStill(_ process: ProcessStat, of run: Run?) -> Bool {
        if let parent = process.parent, tree.children(of: parent).contains(process.pid) {
            return true
        }
        guard let run, let now = sight(process.pid) else { return false }
        return isIn(run, now)
    }

    /// Whether its session or its process group is the run's.
    func isIn(_ run: Run, _ process: ProcessStat) -> Bool {
        for case let number? in [process.session, process.group]
        where table.run(ofSession: number) === run {
            return true
        }
        return false
    }
}
