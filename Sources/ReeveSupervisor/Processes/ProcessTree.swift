// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// Parentage, as /proc tells it: by the lists of children that the kernel keeps, or where it keeps
/// none by a pass over all processes. Whatever cannot be read counts as not there.
final class ProcessTree {
    private let proc: ProcFS
    private let own: PID
    private let listsChildren: Bool
    /// A pass over all processes shows all; not with `hidepid`, where only the lists name them.
    private let showsOthers: Bool
    /// Where the kernel keeps no lists: who is whose child, as of the last `refresh`.
    private var snapshot: [PID: [PID]] = [:]
    /// Kept for its storage.
    private var buffer: [PID] = []
    private var storm = Storm()
    /// A descriptor that is given up for the next one to be opened.
    private var reserve: Reserve?

    /// The question who has children, asked for one process after the other.
    private struct Storm {
        /// Who had any at the last pass over all processes but reeve's own children.
        var parents: Set<PID> = []
        /// Until when that pass answers.
        var passHolds = Instant.zero
        /// What the last pass took; before there was one, what it takes with some hundred processes.
        var passCost = Duration.milliseconds(2)
        /// What answers took since the storm began.
        var spent = Duration.zero
        /// When it is over, if nothing is asked until then.
        var end = Instant.zero
    }

    private final class Reserve {
        private let descriptor: FileDescriptor

        init?() {
            // Without it a full table is felt one descriptor earlier.
            guard let descriptor = try? FileDescriptor.openForReading("/dev/null") else {
                return nil
            }
            self.descriptor = descriptor
        }
    }

    init(proc: ProcFS, own: PID) {
        self.proc = proc
        self.own = own
        listsChildren = proc.listsChildren
        showsOthers = !proc.hidesOthers
        reserve = Reserve()
    }

    /// A process, or nil where it is gone or hidden: without a look there is no evidence and no
    /// signal.
    func look(at pid: PID) -> ProcessStat? {
        reading { () throws(Errno) in try proc.stat(pid) }
    }

    /// Reads /proc; nil where it is gone, hidden or cannot be read.
    private func reading<Result>(_ body: () throws(Errno) -> Result) -> Result? {
        // What cannot be read gives no evidence, whatever the reason.
        try? withReserve(body)
    }

    /// Does what needs a descriptor, at the price of the reserve where reeve has none left: a table
    /// that is full must not look like a process that is gone.
    func withReserve<Result>(_ body: () throws(Errno) -> Result) throws(Errno) -> Result {
        do {
            return try body()
        } catch {
            guard error == .tooManyOpenFiles || error == .fileTableOverflow else { throw error }
        }
        reserve = nil
        defer { reserve = Reserve() }
        return try body()
    }

    /// Takes a new picture where parentage is read from one; costs nothing elsewhere.
    func refresh() {
        guard !listsChildren else { return }
        let taken: Void? = reading { () throws(Errno) in
            snapshot.removeAll(keepingCapacity: true)
            try proc.everyProcess { process in
                if let parent = process.parent { snapshot[parent, default: []].append(process.pid) }
            }
        }
        // Without /proc nobody is seen; that is said at start.
        if taken == nil { snapshot = [:] }
    }

    /// The children of a process, with those that ended and were not reaped. `threads`: how many it has,
    /// where that was just read.
    func children(of pid: PID, threads: Int? = nil) -> [PID] {
        guard listsChildren else { return snapshot[pid] ?? [] }
        // Where it has gone, its children have become someone else's: reeve's, as a rule.
        let found: [PID]? = reading { () throws(Errno) in
            buffer.removeAll(keepingCapacity: true)
            try proc.children(of: pid, threads: threads, into: &buffer)
            return buffer
        }
        return found ?? []
    }

    /// How long a pass over all processes answers for.
    private static let passLife = Duration.milliseconds(30)

    /// Whether one of reeve's own children has children. `isOwn` tells those apart.
    ///
    /// Each look costs the kernel four entries in its cache of names, twice: to make them, and to drop them
    /// when the process is reaped. Where that is asked for many at once, as when all are stopped, one pass
    /// over the others, who may be their children, is less, and what it saw counts for `passLife`. It is made
    /// as soon as looks took as long as it would have.
    func hasChildren(_ pid: PID, isOwn: (PID) -> Bool) -> Bool {
        let now = Clock.now().monotonic
        if now < storm.passHolds { return storm.parents.contains(pid) }
        if now >= storm.end {
            storm.spent = .zero
            storm.end = now + ProcessTree.passLife
        }
        if listsChildren, !showsOthers || storm.spent < storm.passCost {
            let found = !children(of: pid).isEmpty
            storm.spent = storm.spent + (Clock.now().monotonic - now)
            return found
        }
        guard passOver(since: now, isOwn) else { return !children(of: pid).isEmpty }
        return storm.parents.contains(pid)
    }

    /// What a look costs, with what it leaves for the kernel to drop.
    private static let lookCost = Duration.microseconds(40)

    /// So many will be asked for: where a pass takes less than as many looks, it is made at once.
    func expectQuestions(_ count: Int, isOwn: (PID) -> Bool) {
        guard ProcessTree.lookCost * Int64(count) > storm.passCost, listsChildren, showsOthers
        else { return }
        let now = Clock.now().monotonic
        guard now >= storm.passHolds else { return }
        _ = passOver(since: now, isOwn)
    }

    private func passOver(since start: Instant, _ isOwn: (PID) -> Bool) -> Bool {
        storm.parents.removeAll(keepingCapacity: true)
        let pids: [PID]? = reading { () throws(Errno) in
            try proc.processes(besides: { $0 == own || isOwn($0) })
        }
        guard let pids else { return false }
        for pid in pids {
            if let parent = look(at: pid)?.parent { storm.parents.insert(parent) }
        }
        let end = Clock.now().monotonic
        storm.passCost = end - start
        storm.passHolds = end + ProcessTree.passLife
        storm.end = storm.passHolds + ProcessTree.passLife
        return true
    }

    /// Those of reeve's own children that it took over; and where the supervisor has no thread of its own
    /// (`ChildrenApart`) also those that it started. Exact: only reeve reaps them, so none leaves while the
    /// list is read.
    func inheritedChildren() -> [PID] {
        refresh()
        guard listsChildren else { return children(of: own) }
        let found: [PID]? = reading { () throws(Errno) in
            buffer.removeAll(keepingCapacity: true)
            try proc.inheritedChildren(of: own, into: &buffer)
            return buffer
        }
        return found ?? []
    }

    /// All of reeve's own children.
    func ownChildren() -> [PID] {
        refresh()
        return children(of: own)
    }

    /// The run ids that a process was started with. What cannot be read is no evidence.
    func runIDs(of pid: PID) -> [RunID] {
        reading { () throws(Errno) in try proc.runIDs(of: pid) } ?? []
    }

    /// The memory of a process. Throws where it cannot be read; zero where it is gone.
    func memory(
        of pid: PID, by measure: MemorySettings.Measure
    ) throws(Errno) -> Bytes {
        do throws(Errno) {
            switch measure {
            case .rss: return try proc.resident(pid)
            case .pss: return try proc.proportional(pid)
            }
        } catch {
            if error.isGone { return .zero }
            throw error
        }
    }
}

extension ProcessStat {
    /// Ended and not yet reaped. A process whose first thread alone has ended looks like a zombie
    /// too, and is none.
    var hasEnded: Bool { !isAlive && threads <= 1 }
}
