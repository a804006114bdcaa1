// SPDX-License-Identifier: Apache-2.0
//
// A kernel without a machine: processes that start, fork, grow, hang and end by their scripts, in
// virtual time. It is also the truth that checkers compare the core's doings with.

package import ReeveCore

/// The virtual kernel and the record of what happened in it.
package final class Kernel {
    enum Happening {
        case death(Int)
        case fork(run: Int, Fork)
        case told(Int)
        case says(run: Int, [Notification])
        /// The launcher of a run executes the program.
        case launched(run: Int)
    }
    private struct Due {
        let at: Instant
        let sequence: Int
        let happening: Happening
    }

    /// As the core was told last.
    package internal(set) var specification: Specification
    /// By scheduler: the core was told last that it is not configured.
    private(set) var isRemoved: [Bool] = []
    private var cameBack: [SchedulerID] = []
    /// By scheduler: when it began or ceased to be scheduled, where it did.
    private(set) var kindChangedAt: [SchedulerID: Instant] = [:]
    /// The supervisor has said that it is stopping.
    var isEnding = false
    /// The present.
    package private(set) var now: Instant
    /// From the monotonic to the wall clock.
    var wallOffset: Duration
    /// The wall clock.
    var wall: WallTime { WallTime(nanoseconds: now.nanoseconds) + wallOffset }
    /// What outlives a supervisor.
    let disk: Disk
    private(set) var processes: [VirtualProcess] = []
    package internal(set) var runs: [RunTruth] = []
    /// Runs that were not forgotten, in the order of their spawn.
    private(set) var open: [Int] = []
    private var indices: [RunID: Int] = [:]
    private var runsByScheduler: [[Int]]
    /// Processes alive, in the order of their start.
    private(set) var alive: [Int] = []
    /// In falling order of time, so that the next is the last.
    private var due: [Due] = []
    private var sequence = 0
    private var lastPID: Int32 = 100
    /// Deaths that reeve can see and has not: leaders, and reeve's other children.
    var unreaped: [Int] = []
    /// Commands that are no runs, in the order of their start.
    var commands: [CommandTruth] = []
    var commandIndices: [CommandID: Int] = [:]
    /// Those that were not answered.
    var openCommands: [Int] = []
    /// Schedulers of which a start began with the command before it.
    var begun: Set<SchedulerID> = []
    /// The last starts that have failed at the command before them.
    var failedBefore: [SchedulerID: CommandTruth] = [:]
    /// What runs said and the shell has not taken.
    var said: [(run: Int, notifications: [Notification])] = []
    /// Everything that happened in the kernel, for the timeline; emptied by whoever reads it.
    var happened: [KernelFact] = []
    /// Runs whose program was executed by a launcher, for the shell.
    var launched: [Int] = []

    init(specification: Specification, now: Instant, wallOffset: Duration, disk: Disk) {
        self.specification = specification
        self.wallOffset = wallOffset
        self.disk = disk
        isRemoved = specification.schedulers.map { _ in false }
        self.now = now
        runsByScheduler = Array(repeating: [], count: specification.schedulers.count)
    }

    // MARK: Reading

    func index(of run: RunID) -> Int? { indices[run] }

    /// The run of this name, nil where none was ever asked for.
    package func run(_ id: RunID) -> RunTruth? { indices[id].map { runs[$0] } }

    /// How often the scheduler was started.
    package func runCount(of scheduler: SchedulerID) -> Int {
        runsByScheduler[scheduler.index].count
    }

    /// Its runs that the core must take for running, oldest first.
    func upRuns(of scheduler: SchedulerID) -> [RunTruth] {
        openRuns.filter { $0.scheduler == scheduler && $0.isUp }
    }

    func isScheduled(_ scheduler: SchedulerID) -> Bool {
        specification(of: scheduler).kind == .scheduled
    }

    func firstRun(of scheduler: SchedulerID) -> RunTruth? {
        runsByScheduler[scheduler.index].first.map { runs[$0] }
    }

    func lastRun(of scheduler: SchedulerID) -> RunTruth? {
        runsByScheduler[scheduler.index].last.map { runs[$0] }
    }

    /// Takes another configuration. What is not in it keeps its place in the table. A supervisor that is
    /// ending takes none any more.
    func configure(_ new: Specification) {
        cameBack = []
        guard !isEnding else { return }
        for (index, known) in specification.schedulers.enumerated() {
            let found = new.schedulers.first { $0.name == known.name }
            if isRemoved[index], found != nil { cameBack.append(SchedulerID(index)) }
            isRemoved[index] = found == nil
            guard let found else { continue }
            noteChange(of: SchedulerID(index), from: known, to: found)
            specification.schedulers[index] = found
            if (known.kind == .scheduled) != (found.kind == .scheduled) {
                kindChangedAt[SchedulerID(index)] = now
            }
        }
    }

    /// What is in force with one change, as the process that reads configurations finds it. The text of a
    /// registration is the value of its program's only variable.
    func inForce(with change: RegistrationChange) -> Specification {
        var new = specification
        new.schedulers = zip(specification.schedulers, isRemoved).compactMap { known, isRemoved in
            guard case .register(let registration) = change, registration.name == known.name else {
                return isRemoved || known.name == change.name ? nil : known
            }
            var registered = known
            registered.program.environment = [
                EnvironmentVariable(name: "VARIANT", value: registration.text)
            ]
            return registered
        }
        return new
    }

    /// The schedulers that are configured again by this, after they were not.
    func comingBack(by event: Event) -> [SchedulerID] {
        if case .configurationLoaded = event { cameBack } else { [] }
    }

    func specification(of scheduler: SchedulerID) -> SchedulerSpecification {
        specification.schedulers[scheduler.index]
    }

    /// The run's living processes. A leader that was not reaped counts, as it does for the shell.
    package func living(of run: RunID) -> [ProcessDescription] {
        guard let index = indices[run] else { return [] }
        return runs[index].members.filter { counts(processes[$0], of: runs[index]) }
            .map { describe(processes[$0]) }
    }

    /// Processes of the run that truly live, zombies not counted.
    func breathing(of run: RunTruth) -> [ProcessDescription] {
        run.members.filter { processes[$0].isAlive }.map { describe(processes[$0]) }
    }

    /// The runs that were not forgotten.
    var openRuns: [RunTruth] { open.map { runs[$0] } }

    func forget(_ id: RunID) {
        guard let index = indices[id], runs[index].forgottenAt == nil else { return }
        runs[index].forgottenAt = now
        open.removeAll { $0 == index }
    }

    private func counts(_ process: VirtualProcess, of run: RunTruth) -> Bool {
        process.isAlive || (process.isLeader && run.reapedAt == nil)
    }

    func describe(_ process: VirtualProcess) -> ProcessDescription {
        let obstacle: ProcessDescription.Obstacle? =
            !process.isAlive
            ? nil
            : process.isForeign
                ? .notPermitted : (process.isBlocked(at: now) ? .uninterruptible : nil)
        return ProcessDescription(
            identity: process.identity, name: process.name, obstacle: obstacle)
    }

    var nextHappening: Instant? { due.last?.at }

    // MARK: Time

    /// Lets everything happen that is due until then.
    func advance(to instant: Instant) {
        while let next = due.last, next.at <= instant {
            due.removeLast()
            now = max(now, next.at)
            happen(next.happening)
        }
        now = max(now, instant)
    }

    private func happen(_ happening: Happening) {
        switch happening {
        case .death(let index):
            guard processes[index].isAlive, let at = processes[index].endsAt, at <= now else {
                return
            }
            end(index)
        case .fork(let run, let fork):
            guard let leader = runs[run].leader, processes[leader].isAlive else { return }
            start(fork, in: run, by: leader)
        case .told(let index):
            tell(index)
        case .says(let run, let notifications):
            guard let leader = runs[run].leader, processes[leader].isAlive else { return }
            said.append((run, notifications))
            if notifications == [.watchdog] { scheduleSign(ofRun: run) }
        case .launched(let run):
            guard runs[run].isLaunching else { return }
            begin(run)
            launched.append(run)
        }
    }

    func schedule(_ happening: Happening, at instant: Instant) {
        sequence += 1
        let entry = Due(at: instant, sequence: sequence, happening: happening)
        // The list is short; what falls due at one instant keeps the order of asking.
        var position = due.count
        while position > 0, due[position - 1].at <= instant { position -= 1 }
        due.insert(entry, at: position)
    }

    // MARK: Processes

    /// Makes the run known; its leader starts at once unless the script lets the spawn fail.
    func spawn(_ id: RunID, of scheduler: SchedulerID, script: RunScript) -> ProcessIdentity? {
        let index = runs.count
        runs.append(
            RunTruth(
                id: id, scheduler: scheduler, ordinal: runCount(of: scheduler), askedAt: now,
                script: script))
        indices[id] = index
        open.append(index)
        runsByScheduler[scheduler.index].append(index)
        guard script.failure == nil else { return nil }
        if let launching = script.launching {
            schedule(.launched(run: index), at: now + launching)
            return nil
        }
        return begin(index)
    }

    /// The program of a run begins.
    @discardableResult
    private func begin(_ index: Int) -> ProcessIdentity? {
        let script = runs[index].script
        let leader = start(
            in: index, isLeader: true, parent: nil, reaction: script.reaction,
            isForeign: script.isForeign, blocked: script.blocked)
        runs[index].leader = leader
        if let lifetime = script.lifetime { end(leader, at: now + lifetime, with: script.status) }
        for fork in script.forks { schedule(.fork(run: index, fork), at: now + fork.after) }
        scheduleSigns(ofRun: index)
        return processes[leader].identity
    }

    private func start(_ fork: Fork, in run: Int, by leader: Int) {
        let index = start(
            in: run, isLeader: false, parent: fork.kind == .daemonized ? nil : leader,
            reaction: fork.reaction, isForeign: false, blocked: fork.blocked)
        if let lifetime = fork.lifetime { end(index, at: now + lifetime, with: .exited(code: 0)) }
    }

    private func start(
        in run: Int, isLeader: Bool, parent: Int?, reaction: Reaction, isForeign: Bool,
        blocked: Blocking?
    ) -> Int {
        let from = blocked.map { now + $0.after }
        let until = from.flatMap { from in blocked?.lasts.map { from + $0 } }
        let index = processes.count
        let identity = ProcessIdentity(
            pid: nextPID(), startTime: UInt64(max(0, now.nanoseconds / 10_000_000)))
        processes.append(
            VirtualProcess(
                identity: identity, run: run, name: isLeader ? "leader" : "child",
                isLeader: isLeader, parent: parent, startedAt: now, reaction: reaction,
                isForeign: isForeign, blockedFrom: from, blockedUntil: until))
        runs[run].members.append(index)
        alive.append(index)
        happened.append(.started(identity, runs[run].id, isLeader: isLeader))
        return index
    }

    /// Pids are few, so that they come again, with another start time.
    private func nextPID() -> PID {
        repeat {
            lastPID = lastPID >= 600 ? 101 : lastPID + 1
        } while alive.contains { processes[$0].identity.pid.number == lastPID }
            || unreaped.contains { processes[$0].identity.pid.number == lastPID }
        return PID(lastPID)
    }

    /// Fixes when a process ends, unless it ends before; state D puts it off.
    func end(_ index: Int, at instant: Instant, with status: ExitStatus) {
        var instant = instant
        if processes[index].isBlocked(at: instant) {
            guard let until = processes[index].blockedUntil else { return }
            instant = until
        }
        if let earlier = processes[index].endsAt, earlier <= instant { return }
        processes[index].endsAt = instant
        processes[index].endsWith = status
        if instant <= now { end(index) } else { schedule(.death(index), at: instant) }
    }

    private func end(_ index: Int) {
        processes[index].endedAt = now
        alive.removeAll { $0 == index }
        happened.append(.ended(processes[index].identity, processes[index].endsWith))
        let parentLives = processes[index].parent.map { processes[$0].isAlive } ?? false
        // With its parent alive it is the parent that reaps it, and reeve never hears of it.
        if !parentLives { unreaped.append(index) }
    }

    // MARK: Signals

    /// What came of a signal to one process.
    enum Delivery { case sent, gone, notPermitted }

    func signal(_ index: Int, _ signal: Signal) -> Delivery {
        let process = processes[index]
        guard process.isAlive else { return .gone }
        if process.isForeign { return .notPermitted }
        if signal == .kill {
            end(index, at: now, with: .signalled(.kill, coreDumped: false))
            return .sent
        }
        guard Kernel.ends(signal) else { return .sent }
        switch process.reaction {
        case .ignores: return .sent
        case .ends(let after, let status):
            end(index, at: now + after, with: Kernel.status(status, by: signal))
            return .sent
        }
    }

    /// What the leader is told by a stop command that works.
    private func tell(_ index: Int) {
        _ = signal(index, .terminate)
    }

    private static func ends(_ signal: Signal) -> Bool {
        signal == .terminate || signal == .interrupt || signal == .quit || signal == .hangup
    }

    private static func status(_ status: ExitStatus, by signal: Signal) -> ExitStatus {
        switch status {
        case .exited: status
        case .signalled: .signalled(signal, coreDumped: false)
        }
    }
}

/// What is kept in the state directory.
final class Disk {
    var ledger: [LedgerEntry] = []
    private(set) var wishes: [(name: SchedulerName, wish: Wish)] = []

    func keep(_ wish: Wish?, of name: String) {
        wishes.removeAll { $0.name.text == name }
        guard let wish, let name = SchedulerName(name) else { return }
        wishes.append((name, wish))
    }

    func wish(of name: SchedulerName) -> Wish? { wishes.first { $0.name == name }?.wish }
}

/// A line of the kernel's own in the timeline.
enum KernelFact: Equatable, Sendable {
    case started(ProcessIdentity, RunID, isLeader: Bool)
    case ended(ProcessIdentity, ExitStatus)
}
