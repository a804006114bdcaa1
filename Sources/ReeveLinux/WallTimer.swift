// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux
package import ReeveCore

/// A timer of the wall clock that also goes off when that clock is set (timerfd_create(2),
/// CLOCK_REALTIME, TFD_TIMER_CANCEL_ON_SET).
package struct WallTimer: ~Copyable {
    /// For a caller who only wants to know that the clock was set: the year 2200.
    package static let farAhead = WallTime(nanoseconds: 7_258_118_400_000_000_000)

    /// For `Epoll.add`: readable when the timer has gone off, or the clock was set.
    package let descriptor: FileDescriptor

    /// Throws EMFILE, ENFILE or ENOMEM.
    package init() throws(Errno) {
        descriptor = FileDescriptor(owning: try Errno.check(reeve_wall_timer_create()))
    }

    /// Goes off once at this instant, at once where it has passed. What was armed before no longer counts.
    package func arm(at instant: WallTime) throws(Errno) {
        // Zero would disarm it, and so would a negative number fail.
        let result = reeve_wall_timer_arm(descriptor.number, max(1, instant.nanoseconds))
        // ECANCELED: the clock was set since the timer was last armed. It is armed all the same.
        if result == -WallTimer.canceled { return }
        try Errno.check(result)
    }

    /// Takes note that it went off, so that the descriptor is no longer readable.
    package func acknowledge() {
        var count: UInt64 = 0
        // EAGAIN: it was armed anew. ECANCELED: the clock was set, which the caller sees himself.
        _ = unsafe reeve_read(descriptor.number, &count, MemoryLayout<UInt64>.size)
    }

    private static let canceled: Int32 = 125
}
