// SPDX-License-Identifier: Apache-2.0
//
// The only place that calls waitid(2). Children of every kind are waited for (__WALL): an adopted
// orphan may have been made by clone(2) with another exit signal than SIGCHLD.

internal import CReeveLinux
package import ReeveCore

/// A child that ended.
package struct Reaped: Hashable, Sendable {
    package let pid: PID
    package let status: ExitStatus
    /// Time on the processor in user mode, with that of the children it had waited for.
    package let userTime: Duration
    /// The same in the kernel.
    package let systemTime: Duration

    package init(pid: PID, status: ExitStatus, userTime: Duration, systemTime: Duration) {
        self.pid = pid
        self.status = status
        self.userTime = userTime
        self.systemTime = systemTime
    }
}

/// Collects children that ended, whoever they are.
package enum Reaper {
    /// Reaps one child that has ended; nil while there is none. Never waits.
    package static func next() throws(Errno) -> Reaped? {
        try wait(for: 0, keep: false)
    }

    /// Looks at one child that has ended and leaves it a zombie; the same comes again until it is
    /// reaped. Its pid, and the process group of that number, cannot be reused meanwhile.
    package static func peek() throws(Errno) -> Reaped? {
        try wait(for: 0, keep: true)
    }

    /// Looks at this child and leaves it a zombie; nil while it has not ended. Throws ECHILD where it
    /// is no child of ours.
    package static func peek(_ pid: PID) throws(Errno) -> Reaped? {
        try wait(for: pid.number, keep: true)
    }

    /// Reaps this child; nil while it has not ended. Throws ECHILD where it is no child of ours.
    package static func reap(_ pid: PID) throws(Errno) -> Reaped? {
        try wait(for: pid.number, keep: false)
    }

    /// Whether this process has any child, running or ended.
    package static func hasChildren() -> Bool {
        var ended = reeve_exit()
        return unsafe reeve_wait(0, 1, &ended) != -Errno.noChild.code
    }

    private static func wait(for pid: Int32, keep: Bool) throws(Errno) -> Reaped? {
        var ended = reeve_exit()
        let result = unsafe reeve_wait(pid, keep ? 1 : 0, &ended)
        // No children at all is no news when any was asked for.
        if pid == 0, result == -Errno.noChild.code { return nil }
        guard try Errno.check(result) > 0 else { return nil }
        return Reaped(
            pid: PID(ended.pid), status: status(of: ended),
            userTime: Duration(nanoseconds: ended.user_nanoseconds),
            systemTime: Duration(nanoseconds: ended.system_nanoseconds))
    }

    private static func status(of ended: reeve_exit) -> ExitStatus {
        guard ended.how != 0, let signal = Signal(number: ended.status) else {
            return .exited(code: ended.status)
        }
        return .signalled(signal, coreDumped: ended.how == 2)
    }
}

/// Who gets the children of processes that end.
package enum Subreaper {
    /// Orphans among our descendants become our children instead of PID 1's
    /// (PR_SET_CHILD_SUBREAPER). Needs no privilege; not passed on to children.
    package static func enable() throws(Errno) {
        try Errno.check(reeve_set_subreaper())
    }
}
