// SPDX-License-Identifier: Apache-2.0
//
// Everything that reeve does with processes goes through here: it alone spawns, reaps, looks and
// signals. It decides nothing; what it sees it returns as events.

internal import ReeveCore
internal import ReeveLinux

/// Reeve's processes: the children it started, those it adopted, and all that descend from them.
final class Processes {
    /// Children reaped in one turn at most; the rest is reaped in the next.
    static let reapedPerTurnMax = 256

    /// The state directory's own id: only runs that carry it are ours.
    let origin: UInt64
    /// PID 1 of its namespace: there is no process that is not below it.
    let isInit: Bool
    /// How parentage is read here.
    let tree: ProcessTree
    var table = ChildTable()
    /// When reeve's own children may be read again without taking more than a quarter of the time.
    var mayLookAgainAt = Instant.zero
    private var held = Held()
    /// Children that came without evidence and were not told of yet.
    var strangers: [ProcessDescription] = []
    /// Reeve's own pid.
    let own: PID
    let spawner: ProcessSpawner
    let environment: ChildEnvironment
    /// Programs that have been spawned and have not begun.
    let launches: Launches
    /// For finding processes that are no children of reeve.
    let proc: ProcFS

    init(
        origin: UInt64, own: PID, proc: ProcFS, spawner: ProcessSpawner,
        environment: ChildEnvironment, launches: Launches
    ) {
        self.origin = origin
        self.own = own
        self.proc = proc
        self.spawner = spawner
        self.environment = environment
        self.launches = launches
        tree = ProcessTree(proc: proc, own: own)
        isInit = own.number == 1
    }

    // MARK: Reaping

    /// What a reaping found.
    struct Reaping {
        /// `exited`, `surveyed` and `stopCommandFailed`.
        var events: [Event] = []
        /// The runs whose leaders were reaped.
        var ended: [RunID] = []
        /// Commands whose first process was reaped, with its end, or another of their processes.
        var commands: [(id: CommandID, status: ExitStatus?)] = []
        /// Reeve's own processes that have ended.
        var helpers: [(pid: PID, status: ExitStatus)] = []
        /// There may be more; reap again in the next turn.
        var isBounded = false
        /// The kernel refused: a defect of reeve.
        var failure: Errno?
    }

    /// Reaps the children that have ended, a bounded number of them, and looks what they left
    /// behind.
    ///
    /// Costs one `waitid` a child and one more; where a leader ended, one read of reeve's own
    /// children; only where that names a stranger, a look at /proc. In a storm of exits that read,
    /// whose cost grows with the number of children, is held back for a moment, so that one serves
    /// many exits.
    ///
    /// `named`: a child whose end a SIGCHLD told of. Where it has ended it is the only one that is reaped, and
    /// the others are for the next turn: to find it the kernel need not go through all children, and its
    /// restart does not wait for that. The signal is no proof that there are no others, since only one at a
    /// time can be pending.
    func reap(named: PID? = nil, at now: Moment) -> Reaping {
        var reaping = Reaping()
        // ECHILD: it was reaped before its signal was read.
        if let named, let reaped = try? Reaper.reap(named) {
            take(reaped, &reaping)
            reaping.isBounded = true
        } else {
            reapAll(&reaping)
        }
        if !held.isEmpty, mayLookAgainAt <= now.monotonic { lookAfterHeld(&reaping) }
        return reaping
    }

    private func reapAll(_ reaping: inout Reaping) {
        var count = 0
        while count < Processes.reapedPerTurnMax {
            do {
                guard let reaped = try Reaper.next() else { break }
                take(reaped, &reaping)
            } catch {
                reaping.failure = error
                break
            }
            count += 1
        }
        reaping.isBounded = count == Processes.reapedPerTurnMax
    }

    /// When exits that are held back are due.
    var nextDeadline: Instant? { held.isEmpty ? nil : mayLookAgainAt }

    /// What was reaped and not told yet, since what it left behind was not looked at.
    private struct Held {
        var leaders: [(run: Run, status: ExitStatus, used: Duration)] = []
        /// Runs without a leader that lost a member.
        var diminished: [Run] = []

        var isEmpty: Bool { leaders.isEmpty && diminished.isEmpty }
    }

    private func take(_ reaped: Reaped, _ reaping: inout Reaping) {
        switch table.reaped(reaped.pid) {
        case .leader(let run):
            let used = max(
                reaped.userTime + reaped.systemTime + run.usedByMembers, run.usedAsTold)
            run.usedAsTold = used
            switch launches.ended(reaped.pid, reaped.status) {
            case .failed(let events): reaping.events += events
            case .program(let events):
                reaping.events += events
                held.leaders.append((run, reaped.status, used))
            case nil: held.leaders.append((run, reaped.status, used))
            }
        case .stopCommand(let run):
            if case .failed(let events) = launches.ended(reaped.pid, reaped.status) {
                if !run.stopCommandIsSignalled { reaping.events += events }
            } else if let event = stopCommandEnded(run, reaped.status) {
                reaping.events.append(event)
            }
            if !run.hasLeader { held.diminished.append(run) }
        case .member(let run):
            run.usedByMembers = run.usedByMembers + reaped.userTime + reaped.systemTime
            if !run.hasLeader { held.diminished.append(run) }
        case .helper:
            reaping.helpers.append((reaped.pid, reaped.status))
        case .orphan:
            // Its run was forgotten, which needs no answer; a launcher among them must not be
            // signalled by a pid that is free again.
            _ = launches.ended(reaped.pid, reaped.status)
        case nil:
            break
        }
    }

    private func lookAfterHeld(_ reaping: inout Reaping) {
        let held = held
        self.held = Held()
        adoptStrangers(.always)
        // A run that was forgotten in between is nobody's business any more.
        for (run, status, used) in held.leaders where table[run.id] === run {
            switch run.kind {
            case .program:
                reaping.ended.append(run.id)
                run.usedAsTold = .zero
                reaping.events.append(.exited(run.id, status, leftovers: alive(run), used: used))
            case .command(let id):
                reaping.commands.append((id, status))
            }
        }
        var seen: Set<RunID> = Set(held.leaders.map(\.run.id))
        for run in held.diminished where seen.insert(run.id).inserted && table[run.id] === run {
            switch run.kind {
            case .program:
                reaping.events.append(.surveyed(run.id, alive: alive(run), reached: nil))
            case .command(let id):
                reaping.commands.append((id, nil))
            }
        }
    }

    private func stopCommandEnded(_ run: Run, _ status: ExitStatus) -> Event? {
        guard status != .exited(code: 0), !run.stopCommandIsSignalled else { return nil }
        let how =
            switch status {
            case .exited(let code): "it ended with exit code \(code)"
            case .signalled(let signal, coreDumped: _): "it was killed by \(signal)"
            }
        return .stopCommandFailed(run.id, words: how)
    }
}
