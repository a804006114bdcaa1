// SPDX-License-Identifier: Apache-2.0
//
// Ending what programs send along with their messages. A descriptor that is closed for the last time may take as
// long as who made it likes (`Datagrams`), so that each such message, and each socket in which some are left, goes
// to a process of its own. One that does not come to an end is killed; one that not even that ends is left to its
// file system, and holds up nobody but its sender.

internal import DequeModule
internal import ReeveCore
internal import ReeveLinux

/// A descriptor that several may hold.
final class SharedDescriptor {
    let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) {
        self.descriptor = descriptor
    }
}

/// Descriptors that are closed elsewhere.
final class Discards {
    /// Processes that work at once.
    static let atOnceMax = 8
    /// Those of them that SIGKILL did not end: beyond that nothing is started until one does.
    static let stuckMax = 64
    /// How long one may take, and then to die.
    static let timeout = Duration.seconds(1)
    private static let killTimeout = Duration.seconds(1)
    /// From a process that could not be started to the next try.
    private static let retryInterval = Duration.milliseconds(500)
    /// What waits; beyond that a socket is closed here after all.
    private static let waitingMax = 1_024

    /// Starts a reader with this as its standard input.
    typealias Starter = (
        _ work: ReaderRole.Work, _ input: consuming FileDescriptor
    ) throws(SpawnFailure) -> ProcessIdentity

    private struct Item {
        let work: ReaderRole.Work
        let socket: SharedDescriptor
        /// Called when it is done.
        let then: ((_ isDone: Bool, Moment) -> Void)?
    }

    private struct Running {
        let pid: PID
        let then: ((_ isDone: Bool, Moment) -> Void)?
        var deadline: Instant?
        var isKilled = false
    }

    private let start: Starter
    private var waiting = Deque<Item>()
    /// Those without a deadline are stuck.
    private var running: [Running] = []
    private var retryAt: Instant?

    init(start: @escaping Starter) {
        self.start = start
    }

    /// Takes the next datagram of a socket. `then`, which comes in a later turn, is told whether it is gone; where not,
    /// it may be.
    func takeNext(
        of socket: SharedDescriptor, at now: Moment,
        then: @escaping (_ isDone: Bool, Moment) -> Void
    ) {
        add(Item(work: .discard, socket: socket, then: then), at: now)
    }

    /// Closes a socket that the caller lets go, with all that is in it.
    func close(_ socket: SharedDescriptor, at now: Moment) {
        guard waiting.count < Discards.waitingMax else { return }
        add(Item(work: .close, socket: socket, then: nil), at: now)
    }

    private func add(_ item: Item, at now: Moment) {
        waiting.append(item)
        if retryAt == nil { startWaiting(at: now.monotonic) }
    }

    private func startWaiting(at now: Instant) {
        while let item = waiting.first,
            running.count(where: { $0.deadline != nil }) < Discards.atOnceMax,
            running.count < Discards.stuckMax
        {
            do {
                let pid = try start(item.work, try item.socket.descriptor.duplicate()).pid
                running.append(
                    Running(pid: pid, then: item.then, deadline: now + Discards.timeout))
                waiting.removeFirst()
            } catch {
                // No descriptor, no process, no memory: what waits goes on waiting, for its sender.
                retryAt = now + Discards.retryInterval
                return
            }
        }
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? {
        (running.lazy.compactMap(\.deadline) + [retryAt].compactMap(\.self)).min()
    }

    /// Kills what takes too long.
    func timePassed(at now: Moment) {
        for index in running.indices {
            guard let deadline = running[index].deadline, deadline <= now.monotonic else {
                continue
            }
            guard !running[index].isKilled else {
                running[index].deadline = nil
                continue
            }
            running[index].isKilled = true
            running[index].deadline = now.monotonic + Discards.killTimeout
            // ESRCH cannot be: it has not been reaped.
            try? Signals.send(.kill, toUnreaped: running[index].pid)
        }
        if let due = retryAt, due <= now.monotonic { retryAt = nil }
        if retryAt == nil { startWaiting(at: now.monotonic) }
    }

    /// A helper process was reaped. Returns whether it was one of these.
    func ended(_ pid: PID, _ status: ExitStatus, at now: Moment) -> Bool {
        guard let index = running.firstIndex(where: { $0.pid == pid }) else { return false }
        running.remove(at: index).then?(status == .exited(code: 0), now)
        if retryAt == nil { startWaiting(at: now.monotonic) }
        return true
    }
}
