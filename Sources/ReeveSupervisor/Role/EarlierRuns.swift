// SPDX-License-Identifier: Apache-2.0
//
// What a supervisor that was killed left behind. A reeve that ends by SIGKILL takes nobody along: its
// schedulers run on, and a new one that knew nothing of them would start each a second time. The evidence
// is in their environment: a run id whose second half is the id of this very state directory, which nobody
// else may use while its lock is held. They are ended before anything starts.

internal import ReeveCore
internal import ReeveLinux

/// The processes of earlier runs of this state directory.
struct EarlierRuns {
    /// From SIGTERM to SIGKILL, and from there until they are given up.
    private static let gracefulTime = Duration.seconds(10)
    private static let forceTime = Duration.seconds(5)
    private static let lookInterval = Duration.milliseconds(20)

    private let origin: UInt64
    private let proc: ProcFS
    /// Waits, and nothing else: the loop's own has sources already.
    private let clock: Epoll

    init(origin: UInt64, proc: ProcFS) throws(Errno) {
        self.origin = origin
        self.proc = proc
        clock = try Epoll()
    }

    /// Ends whatever is there; `say` is told what was found and what became of it.
    func end(_ say: (SupervisorSettings.LogLevel, String) -> Void) {
        let found = alive(after: [])
        guard !found.isEmpty else { return }
        say(
            .warning,
            "an earlier reeve with this state directory was killed and left \(named(found)): they are "
                + "ended before anything starts, so that nothing runs twice")
        let begin = Clock.now().monotonic
        var rest = wait(for: found, .terminate, until: begin + EarlierRuns.gracefulTime)
        if !rest.isEmpty {
            say(.warning, "SIGKILL to \(named(rest)), left by an earlier reeve")
            let end = Clock.now().monotonic + EarlierRuns.forceTime
            rest = wait(for: rest, .kill, until: end)
        }
        if rest.isEmpty {
            say(.info, "nothing of the earlier reeve is left")
        } else {
            say(
                .error,
                "\(named(rest)) of an earlier reeve cannot be ended; what they are may run twice now"
            )
        }
    }

    /// Signals all, and looks until nobody is left. Whoever appears meanwhile is signalled, too.
    private func wait(
        for found: [ProcessStat], _ signal: Signal, until deadline: Instant
    ) -> [ProcessStat] {
        var (known, current) = (Set<ProcessIdentity>(), found)
        while !current.isEmpty {
            for process in current where known.insert(process.identity).inserted || signal == .kill
            {
                self.signal(process, signal)
            }
            let now = Clock.now().monotonic
            guard now < deadline else { return current }
            // A failed wait is a shorter one: the deadline above ends this either way.
            _ = try? clock.wait(until: now + EarlierRuns.lookInterval) { _, _ in }
            current = alive(after: current)
        }
        return current
    }

    private func signal(_ process: ProcessStat, _ signal: Signal) {
        // ESRCH: it has gone. EPERM: it belongs to another user, and is named when time is over.
        guard let handle = try? ProcessHandle.open(process.identity, processes: proc) else {
            return
        }
        _ = try? handle.send(signal)
        _ = try? handle.send(.continue)
    }

    /// Who carries a run id of this directory, whoever descends from those or shares a session with them,
    /// and who was known and is alive; without reeve itself and its own ancestors, which may carry one when
    /// a scheduler started this reeve.
    private func alive(after known: [ProcessStat]) -> [ProcessStat] {
        var all: [ProcessStat] = []
        // Without /proc nothing can be found, and `Machine.checkProcesses` has said so.
        try? proc.everyProcess { if $0.isAlive { all.append($0) } }
        let spared = ancestry(among: all)
        var members = Set(known.map(\.identity))
        for process in all where !spared.contains(process.pid) {
            // Gone, or not ours to read: no evidence.
            let ids = (try? proc.runIDs(of: process.pid)) ?? []
            if ids.contains(where: { $0.origin == origin }) { members.insert(process.identity) }
        }
        while true {
            let pids = Set(all.filter { members.contains($0.identity) }.map(\.pid))
            let more = all.filter {
                !spared.contains($0.pid) && !members.contains($0.identity)
                    && (isMember($0.parent, pids) || isMember($0.session, pids))
            }
            guard !more.isEmpty else { break }
            members.formUnion(more.map(\.identity))
        }
        return all.filter { members.contains($0.identity) && !spared.contains($0.pid) }
    }

    private func isMember(_ pid: PID?, _ members: Set<PID>) -> Bool {
        pid.map { members.contains($0) } ?? false
    }

    private func ancestry(among all: [ProcessStat]) -> Set<PID> {
        var parents: [PID: PID] = [:]
        for process in all { parents[process.pid] = process.parent }
        var line: Set<PID> = []
        var current: PID? = Host.pid
        while let pid = current, line.insert(pid).inserted { current = parents[pid] }
        return line
    }

    private func named(_ processes: [ProcessStat]) -> String {
        let names = processes.prefix(Limits.processesNamedMax).map { "\($0.name) (pid \($0.pid))" }
        let rest = processes.count - names.count
        return names.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
