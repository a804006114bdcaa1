// SPDX-License-Identifier: Apache-2.0
//
// Processes that /proc does not show. With the mount option `hidepid=2` a program that changes its user
// (sudo, su, ping) vanishes from an unprivileged supervisor's /proc, and yet it lives, it can be waited
// for, and as long as its real user is ours it can be signalled. Where there is no /proc at all that
// holds of everybody. What the kernel tells by system calls is enough to keep hold of them.

internal import CReeveLinux
internal import Glibc
package import ReeveCore

extension ProcessStat {
    /// How a process is named that /proc does not show; as long as the longest name that it tells.
    package static let unseenName = "unknown process"

    /// An own child that has not been reaped, without a look at /proc: its end by waitid(2), session
    /// and group by getsid(2) and getpgid(2). nil where it is no child of ours.
    ///
    /// `startTime`: as far as it is known, else zero. A child keeps its pid until it is reaped.
    package static func unseenChild(_ pid: PID, of own: PID, startTime: UInt64) -> ProcessStat? {
        let hasEnded: Bool
        do {
            hasEnded = try Reaper.peek(pid) != nil
        } catch {
            // ECHILD, or no waitid at all: nobody to hold on to.
            return nil
        }
        return unseen(pid, parent: own, startTime: startTime, hasEnded: hasEnded)
    }

    /// A process that is no child of ours, without a look at /proc. nil where it has ended, or where
    /// the kernel has no pidfd to tell that by.
    package static func unseenStranger(
        _ pid: PID, parent: PID?, startTime: UInt64
    ) -> ProcessStat? {
        let handle = ProcessHandle(unchecked: ProcessIdentity(pid: pid, startTime: startTime))
        guard handle.isExact, !handle.hasEnded else { return nil }
        return unseen(pid, parent: parent, startTime: startTime, hasEnded: false)
    }

    private static func unseen(
        _ pid: PID, parent: PID?, startTime: UInt64, hasEnded: Bool
    ) -> ProcessStat {
        ProcessStat(
            pid: pid, name: unseenName, state: hasEnded ? .zombie : .other, parent: parent,
            group: number(reeve_group(pid.number)), session: number(reeve_session(pid.number)),
            threads: 1, startTime: startTime, resident: .zero, isSeen: false)
    }

    /// Below zero is an errno, zero a group or session of another namespace.
    private static func number(_ result: Int32) -> PID? { result > 0 ? PID(result) : nil }
}

extension ProcessHandle {
    /// Finds a process that /proc does not show, so that its start time cannot be compared. `isStillIt`
    /// is asked after the process was opened, whether its pid is still that of the one that is meant.
    /// Throws ESRCH where it is gone or is not, ENOSYS where the kernel has no pidfd.
    package static func open(
        unseen identity: ProcessIdentity, isStillIt: () -> Bool
    ) throws(Errno) -> ProcessHandle {
        let handle = ProcessHandle(unchecked: identity)
        guard handle.isExact else { throw .notImplemented }
        guard isStillIt() else { throw .noProcess }
        return handle
    }

    /// Whether it has ended, reaped or not; needs a pidfd, which becomes readable at the end.
    var hasEnded: Bool {
        pidfd >= 0 && reeve_poll(pidfd, Int32(POLLIN), 0) != 0
    }
}
