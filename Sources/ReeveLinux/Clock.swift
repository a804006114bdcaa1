// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux
internal import Glibc
package import ReeveCore

/// The kernel's clocks.
package enum Clock {
    /// Both clocks, read one after the other: CLOCK_MONOTONIC, which stands still while the machine
    /// sleeps and is never set, and CLOCK_REALTIME.
    package static func now() -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: reeve_clock(CLOCK_MONOTONIC)),
            wall: WallTime(nanoseconds: reeve_clock(CLOCK_REALTIME)))
    }

    /// Time since the boot, sleep included (CLOCK_BOOTTIME); what wall time is compared with to see
    /// whether it was set, and what start times of processes are counted in.
    package static func sinceBoot() -> Duration {
        Duration(nanoseconds: reeve_clock(CLOCK_BOOTTIME))
    }
}
