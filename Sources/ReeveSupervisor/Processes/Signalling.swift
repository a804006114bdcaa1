// SPDX-License-Identifier: Apache-2.0
//
// Sending signals, and nothing to a process without evidence. A process group is signalled as one
// only while its leader has not been reaped, for until then nobody else can get its number. A child
// of reeve keeps its pid until reeve reaps it; any other member is opened first and its start time
// compared after that.

internal import ReeveCore
internal import ReeveLinux

extension Processes {
    /// Rounds of a kill: each that finds a new process is followed by another. What forks faster
    /// than that is met again at the next survey.
    static let killRoundsMax = 16

    // MARK: One run

    /// Sends a signal to the leader, after a look at who descends from it. Returns why it could not
    /// be sent; a leader that is gone needs none.
    func signalLeader(of run: Run, _ signal: Signal) -> Errno? {
        noteDescendants(of: run)
        guard run.hasLeader else { return nil }
        let failure = send(signal, toLeaderOf: run)
        if failure == nil, signal.wantsContinuation { _ = send(.continue, toLeaderOf: run) }
        return failure
    }

    /// Sends an operator's signal to the leader, as it is. Returns why it could not be sent.
    func passSignal(to run: Run, _ signal: Signal) -> Errno? {
        run.hasLeader ? send(signal, toLeaderOf: run) : .noProcess
    }

    /// Who was there and who is left, after a signal to more than the leader.
    struct Delivery {
        /// Alive after it; most often everyone, since dying takes its time.
        var alive: [ProcessDescription]
        /// Whom it was sent to, as they were before.
        var reached: [ProcessDescription]
    }

    /// Sends a signal to the members, with the leader or without.
    ///
    /// The stop command is spared, with the processes of its session: it is at work on what the
    /// signal asks for, and ends by itself or with the rest at SIGKILL.
    func signal(_ run: Run, _ signal: Signal, sparingLeader: Bool) -> Delivery {
        let targets = members(of: run).filter { process in
            if process.hasEnded { return false }
            if sparingLeader, run.hasLeader, process.pid == run.leader.pid { return false }
            guard let command = run.stopCommand else { return true }
            return process.session != command.pid
        }
        let reached = describe(targets, of: run)
        deliver(signal, to: targets, of: run, asGroup: !sparingLeader)
        if signal.wantsContinuation {
            deliver(.continue, to: targets, of: run, asGroup: !sparingLeader)
        }
        return Delivery(alive: survey(run), reached: reached)
    }

    /// SIGKILL to every member, until a scan finds nobody who has not got it.
    func kill(_ run: Run) -> Delivery {
        if run.stopCommand != nil { run.stopCommandIsSignalled = true }
        var seen: Set<ProcessIdentity> = []
        var reached: [ProcessStat] = []
        for round in 0..<Processes.killRoundsMax {
            let members = members(of: run)
            let new = members.filter { seen.insert($0.identity).inserted }
            // The leader's group gets it whatever the scan found: not everybody can be seen.
            if new.isEmpty, round > 0 || !run.hasLeader {
                return Delivery(
                    alive: describe(members, of: run), reached: describe(reached, of: run))
            }
            reached += new.filter { !$0.hasEnded }
            deliver(.kill, to: new, of: run, asGroup: true)
        }
        return Delivery(alive: describe(scan(run), of: run), reached: describe(reached, of: run))
    }

    /// Looks who is alive.
    func survey(_ run: Run) -> [ProcessDescription] {
        describe(members(of: run), of: run)
    }

    /// The members of a run, strangers with evidence for it included.
    ///
    /// In a storm of stops one look at reeve's own children serves many runs, but never to say that
    /// nobody is left.
    private func members(of run: Run) -> [ProcessStat] {
        let hasLooked = adoptStrangers(.unlessJustLooked)
        let found = scan(run)
        guard found.isEmpty, !hasLooked else { return found }
        adoptStrangers(.always)
        return scan(run)
    }

    /// Sends to the leader's process group at once, where that is allowed, and to each of the
    /// others.
    private func deliver(
        _ signal: Signal, to targets: [ProcessStat], of run: Run, asGroup: Bool
    ) {
        var group: PID?
        if asGroup, run.hasLeader {
            group = run.leader.pid
            sendToGroup(signal, of: run.leader.pid)
        }
        for process in targets where group == nil || process.group != group {
            send(signal, to: process, of: run)
        }
    }

    // MARK: Single processes

    private func send(_ signal: Signal, toLeaderOf run: Run) -> Errno? {
        do {
            try Signals.send(signal, toUnreaped: run.leader.pid)
            return nil
        } catch {
            // ESRCH cannot be: it has not been reaped.
            return error == .noProcess ? nil : error
        }
    }

    private func sendToGroup(_ signal: Signal, of leader: PID) {
        do {
            try Signals.send(signal, toGroupOf: leader)
        } catch {
            // ESRCH: the group is empty but for a zombie. EPERM: nobody in it may be signalled,
            // which the next survey shows of each of them.
        }
    }

    private func send(_ signal: Signal, to process: ProcessStat, of run: Run?) {
        do throws(Errno) {
            if table.children[process.pid] != nil {
                try Signals.send(signal, toUnreaped: process.pid)
            } else {
                try tree.withReserve { () throws(Errno) in
                    try open(process, of: run).send(signal)
                }
            }
        } catch {
            // ESRCH: it has gone, which is what most signals are for. ENOSYS: neither /proc nor the
            // kernel tells who it is, so it is left to its group's signal.
            if error == .notPermitted || error == .accessDenied {
                run?.notPermitted.insert(process.identity)
            }
        }
    }

    private func open(_ process: ProcessStat, of run: Run?) throws(Errno) -> ProcessHandle {
        guard !process.isSeen else {
            return try ProcessHandle.open(process.identity, processes: proc)
        }
        return try ProcessHandle.open(unseen: process.identity) { isStill(process, of: run) }
    }

    // MARK: The sweep

    /// Sends a signal to everything below reeve, as PID 1 to everything in the namespace, and
    /// tells who was there and who is alive after it; without a signal it only looks.
    func sweep(_ signal: Signal?) -> Delivery {
        guard let signal else {
            return Delivery(alive: describe(everything(), of: nil), reached: [])
        }
        var seen: Set<ProcessIdentity> = []
        var reached: [ProcessStat] = []
        for _ in 0..<Processes.killRoundsMax {
            let found = everything()
            let new = found.filter { seen.insert($0.identity).inserted }
            if new.isEmpty {
                return Delivery(
                    alive: describe(found, of: nil), reached: describe(reached, of: nil))
            }
            reached += new
            for process in new {
                send(signal, to: process, of: nil)
                if signal.wantsContinuation { send(.continue, to: process, of: nil) }
            }
            // Whoever is merely asked may start helpers for its end; those are asked the next time.
            if signal != .kill { break }
        }
        return Delivery(
            alive: describe(everything(), of: nil), reached: describe(reached, of: nil))
    }

    /// Whom a sweep is for: every living process below reeve, as PID 1 every other one.
    private func everything() -> [ProcessStat] {
        below().filter { !table.isSpared($0.pid) }
    }

    private func below() -> [ProcessStat] {
        guard isInit else { return descendants() }
        var found: [ProcessStat] = []
        do {
            try proc.everyProcess { process in
                if process.pid != own, !process.hasEnded { found.append(process) }
            }
        } catch {
            // Without a pass over /proc those below reeve are what can be found.
            return descendants()
        }
        // Its own children are there even where /proc does not show them.
        let shown = Set(found.map(\.pid))
        found += descendants().filter { !shown.contains($0.pid) }
        // On a machine of its own, where reeve is the one init, the kernel's threads are nobody's
        // to end.
        guard found.contains(where: { $0.pid.number == 2 && $0.name == "kthreadd" }) else {
            return found
        }
        return found.filter { $0.pid.number != 2 && $0.parent?.number != 2 }
    }

    private func descendants() -> [ProcessStat] {
        var pending = tree.ownChildren().map { (pid: $0, parent: own) }
        for pid in table.children.keys { pending.append((pid, own)) }
        var visited: Set<PID> = []
        var found: [ProcessStat] = []
        while let next = pending.popLast() {
            guard visited.insert(next.pid).inserted,
                let process = sight(next.pid, parent: next.parent), !process.hasEnded
            else { continue }
            found.append(process)
            for child in tree.children(of: process.pid) { pending.append((child, process.pid)) }
        }
        return found
    }
}

extension Signal {
    /// Whether SIGCONT follows, so that a stopped process takes the signal now. Not where stopping,
    /// or going on, is what was asked for; SIGKILL needs no help.
    var wantsContinuation: Bool {
        switch number {
        case 9, 18, 19, 20, 21, 22: false
        default: true
        }
    }
}
