// SPDX-License-Identifier: Apache-2.0
//
// What the shell knows of processes. Two kinds of pid live here and must not be confused. A child
// of reeve that has not been reaped keeps its pid whatever happens, so the pid alone names it
// (`children`), and it is signalled by it: a pidfd for each would only make every spawn dearer,
// which copies them all. Any other process may end at any moment and its pid may be given away, so
// it is known by pid and start time (`known`).

internal import ReeveCore
internal import ReeveLinux

/// One run, from its spawn until the core forgets it; or a command that is none, until it is answered.
/// Both are a tree of processes with an id of its own, and evidence is the same for both.
final class Run {
    enum Kind {
        case program(SchedulerID)
        case command(CommandID)
    }

    let id: RunID
    let kind: Kind
    /// The process that was spawned; its pid is also the run's session and process group.
    let leader: ProcessIdentity
    /// Whether the leader has not been reaped; until then its pid is its own.
    var hasLeader = true
    /// The stop command's process while it has not been reaped; its pid is another session of the
    /// run.
    var stopCommand: ProcessIdentity?
    /// Whether reeve itself signalled the stop command, so that its death is no failure of its own.
    var stopCommandIsSignalled = false
    /// The sessions that are the run's: the leader's, and those of its stop commands.
    var sessions: [PID]
    /// Members other than the two above, as the last scan saw them: pid and start time.
    var members: [PID: UInt64] = [:]
    /// Processor time of members that were reaped before the leader.
    var usedByMembers = Duration.zero
    /// The most processor time that was told of it: what is told next is no less. Zero again when its exit
    /// has been told, and the time with it.
    var usedAsTold = Duration.zero
    /// Why its launcher did not become the command that it was to be.
    var launchFailure: SpawnFailure?
    /// Members that refused a signal with EPERM.
    var notPermitted: Set<ProcessIdentity> = []

    init(id: RunID, _ kind: Kind, leader: ProcessIdentity) {
        self.id = id
        self.kind = kind
        self.leader = leader
        sessions = [leader.pid]
    }
}

/// Every run, and every child of reeve, by the numbers by which they are found.
struct ChildTable {
    /// What a child of reeve is.
    enum Role {
        case leader(Run)
        case stopCommand(Run)
        /// A process that came to reeve when its parent died, with evidence for a run.
        case member(Run)
        /// A process of reeve's own, which belongs to no run. `isSpared`: no sweep is for it.
        case helper(isSpared: Bool)
        /// A process that came to reeve without evidence, or whose run has been forgotten.
        case orphan
    }

    /// Evidence that outlives whatever a process does later: it was seen as a descendant of a run.
    struct Membership {
        let startTime: UInt64
        let run: Run
    }

    private(set) var runs: [RunID: Run] = [:]
    /// Children of reeve that have not been reaped, by pid.
    private(set) var children: [PID: Role] = [:]
    /// Members that were seen in a scan, by pid; the start time tells whether it still is that
    /// process.
    private(set) var known: [PID: Membership] = [:]
    /// Sessions that belong to a run, by the pid of their leader.
    private var sessions: [PID: Run] = [:]
    private var latest: [SchedulerID: Run] = [:]
    /// Children that were reaped without belonging to a run; for the status and for tests.
    private(set) var orphansReaped = 0

    subscript(run: RunID) -> Run? { runs[run] }

    /// The run of a scheduler that was spawned last and is not forgotten.
    func run(of scheduler: SchedulerID) -> Run? { latest[scheduler] }

    // MARK: Runs

    mutating func add(_ run: Run) {
        runs[run.id] = run
        if case .program(let scheduler) = run.kind { latest[scheduler] = run }
        children[run.leader.pid] = .leader(run)
        sessions[run.leader.pid] = run
        known[run.leader.pid] = nil
    }

    mutating func addStopCommand(_ process: ProcessIdentity, to run: Run) {
        run.stopCommand = process
        run.stopCommandIsSignalled = false
        run.sessions.append(process.pid)
        children[process.pid] = .stopCommand(run)
        sessions[process.pid] = run
        known[process.pid] = nil
    }

    mutating func addHelper(_ process: ProcessIdentity, isSpared: Bool) {
        children[process.pid] = .helper(isSpared: isSpared)
        known[process.pid] = nil
    }

    /// Drops a run. Children of reeve that belonged to it become orphans.
    mutating func forget(_ id: RunID) {
        guard let run = runs.removeValue(forKey: id) else { return }
        if case .program(let scheduler) = run.kind, latest[scheduler] === run {
            latest[scheduler] = nil
        }
        for session in run.sessions where sessions[session] === run { sessions[session] = nil }
        if run.hasLeader { children[run.leader.pid] = .orphan }
        if let command = run.stopCommand { children[command.pid] = .orphan }
        for pid in run.members.keys { release(pid, of: run) }
        run.members = [:]
    }

    // MARK: Members

    /// Notes that a process was seen as a member of a run. Once a member, always a member.
    mutating func note(_ identity: ProcessIdentity, memberOf run: Run) {
        run.members[identity.pid] = identity.startTime
        known[identity.pid] = Membership(startTime: identity.startTime, run: run)
    }

    /// Drops a member that is gone.
    mutating func drop(_ pid: PID, of run: Run) {
        run.members[pid] = nil
        if known[pid]?.run === run { known[pid] = nil }
    }

    private mutating func release(_ pid: PID, of run: Run) {
        if known[pid]?.run === run { known[pid] = nil }
        if case .member(let owner)? = children[pid], owner === run { children[pid] = .orphan }
    }

    /// Takes in a process that became reeve's child; nil for a run is an orphan.
    mutating func adopt(_ identity: ProcessIdentity, into run: Run?) {
        guard let run else {
            children[identity.pid] = .orphan
            return
        }
        children[identity.pid] = .member(run)
        note(identity, memberOf: run)
    }

    /// When a process started, as far as that is known: zero where /proc never told.
    func startTime(of pid: PID) -> UInt64 {
        switch children[pid] {
        case .leader(let run): run.leader.startTime
        case .stopCommand(let run): run.stopCommand?.startTime ?? 0
        case .member, .helper, .orphan, nil: known[pid]?.startTime ?? 0
        }
    }

    /// Whether it is a child of reeve that has not been reaped and belongs to this run.
    func isChild(_ pid: PID, memberOf run: Run) -> Bool {
        if case .member(let owner)? = children[pid] { owner === run } else { false }
    }

    /// The children that belong to no run, by rising pid.
    var orphans: [PID] {
        var found: [PID] = []
        for (pid, role) in children {
            if case .orphan = role { found.append(pid) }
        }
        return found.sorted()
    }

    /// Whether it is a process of reeve's own that is ended in another way than all others.
    func isSpared(_ pid: PID) -> Bool {
        if case .helper(isSpared: true)? = children[pid] { true } else { false }
    }

    /// The run whose session or process group has this number, if any.
    func run(ofSession number: PID) -> Run? { sessions[number] }

    // MARK: Reaping

    /// Takes a reaped child out. nil: it was never seen, so it came to reeve and ended in one go.
    mutating func reaped(_ pid: PID) -> Role? {
        guard let role = children.removeValue(forKey: pid) else {
            orphansReaped &+= 1
            return nil
        }
        switch role {
        case .leader(let run):
            run.hasLeader = false
        case .stopCommand(let run):
            run.stopCommand = nil
        case .member(let run):
            drop(pid, of: run)
        case .helper:
            break
        case .orphan:
            orphansReaped &+= 1
        }
        return role
    }
}
