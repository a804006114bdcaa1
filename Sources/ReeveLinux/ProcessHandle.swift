// SPDX-License-Identifier: Apache-2.0
//
// Signalling without hitting a stranger. A pid is free for reuse as soon as its process was reaped,
// so everything but an own child that we have not reaped is signalled through a pidfd whose start
// time was compared after opening: the pidfd stays with the process it was opened for.

internal import CReeveLinux
package import ReeveCore

/// One process, to be signalled; never another one that got the same pid.
///
/// Where the kernel has no pidfd (before 5.3: ENOSYS, or a container's filter: EPERM) or there are
/// no more descriptors, the start time is compared right before kill(2) instead. A process that
/// ends and whose pid is given out anew between these two calls would be hit; the kernel hands pids
/// out in rising order, so that takes a whole round of them.
package struct ProcessHandle: ~Copyable, Sendable {
    package let identity: ProcessIdentity
    /// -1 where there is none.
    let pidfd: Int32

    deinit {
        if pidfd >= 0 { _ = reeve_close(pidfd) }
    }

    /// Finds a process. Throws ESRCH where it is gone, also when its pid has a new owner; EACCES or
    /// EPERM where /proc does not let us compare.
    package static func open(
        _ identity: ProcessIdentity, processes: ProcFS = ProcFS()
    ) throws(Errno) -> ProcessHandle {
        let handle = ProcessHandle(unchecked: identity)
        try handle.compare(processes)
        return handle
    }

    /// For a child that was just spawned and cannot have been reaped: no comparison needed.
    init(unchecked identity: ProcessIdentity, withPidfd: Bool = true) {
        self.identity = identity
        pidfd = withPidfd ? max(-1, reeve_pidfd_open(identity.pid.number)) : -1
    }

    /// Whether it has a pidfd.
    package var isExact: Bool { pidfd >= 0 }

    /// Sends a signal. Throws ESRCH where the process is gone and reaped, EPERM where it belongs to
    /// another user. A zombie takes every signal and does nothing.
    package func send(_ signal: Signal) throws(Errno) {
        if pidfd >= 0 {
            try Errno.check(reeve_pidfd_send(pidfd, signal.number))
            return
        }
        try compare(ProcFS())
        try Errno.check(reeve_kill(identity.pid.number, signal.number))
    }

    private func compare(_ processes: ProcFS) throws(Errno) {
        let found: ProcessStat
        do {
            found = try processes.stat(identity.pid)
        } catch {
            throw error.isGone ? .noProcess : error
        }
        guard found.identity == identity else { throw .noProcess }
    }
}

extension Signals {
    /// Sends to an own child that has not been reaped, whose pid therefore is its own. Throws
    /// ESRCH, EPERM.
    package static func send(_ signal: Signal, toUnreaped child: PID) throws(Errno) {
        // 0 and below are groups for kill(2), -1 is everyone.
        guard child.number > 1 else { throw .invalid }
        try Errno.check(reeve_kill(child.number, signal.number))
    }

    /// Sends to the process group of an own child that has not been reaped and leads it. Throws
    /// ESRCH where nobody is in it, EPERM where nobody in it may be signalled.
    package static func send(_ signal: Signal, toGroupOf child: PID) throws(Errno) {
        guard child.number > 1 else { throw .invalid }
        try Errno.check(reeve_killpg(child.number, signal.number))
    }
}
