// SPDX-License-Identifier: Apache-2.0
//
// Time, as the core knows it. The core never reads a clock: each event arrives with a `Moment`, which
// carries both clocks, and nothing else can tell the time. Arithmetic saturates instead of trapping,
// because spans come from configuration files and instants from kernels.

/// A span of time in whole nanoseconds; at most some 292 years either way, where it saturates.
///
/// It shadows the standard library's type of the same name: that one counts attoseconds in 128 bits,
/// which the kernel's interfaces have no use for.
package struct Duration: Comparable, Hashable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// No time at all.
    package static let zero = Duration(nanoseconds: 0)
    /// The longest span; used where "without limit" has to be a number.
    package static let max = Duration(nanoseconds: .max)

    /// Spans by unit; saturating.
    package static func nanoseconds(_ count: Int64) -> Duration { Duration(nanoseconds: count) }
    package static func microseconds(_ count: Int64) -> Duration { count.spans(of: 1_000) }
    package static func milliseconds(_ count: Int64) -> Duration { count.spans(of: 1_000_000) }
    package static func seconds(_ count: Int64) -> Duration { count.spans(of: 1_000_000_000) }
    package static func minutes(_ count: Int64) -> Duration { count.spans(of: 60_000_000_000) }

    /// Whole milliseconds, rounded towards zero.
    package var milliseconds: Int64 { nanoseconds / 1_000_000 }
    /// Whole seconds, rounded towards zero.
    package var seconds: Int64 { nanoseconds / 1_000_000_000 }

    package static func < (left: Duration, right: Duration) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    package static func + (left: Duration, right: Duration) -> Duration {
        Duration(nanoseconds: left.nanoseconds.saturatingAdd(right.nanoseconds))
    }

    package static func - (left: Duration, right: Duration) -> Duration {
        Duration(nanoseconds: left.nanoseconds.saturatingSubtract(right.nanoseconds))
    }

    /// Saturates; for counts and factors that come from outside.
    package static func * (left: Duration, right: Int64) -> Duration {
        left.nanoseconds.spans(of: right)
    }

    /// Divides into equal shares, rounded towards zero. A divisor below one counts as one.
    package static func / (left: Duration, right: Int) -> Duration {
        Duration(nanoseconds: left.nanoseconds / Int64(Swift.max(1, right)))
    }

    /// The span times a factor, rounded towards zero and capped *before* the conversion, so that no
    /// factor can trap: `scaled(by: 1e300, atMost: .seconds(60))` is 60 s. A factor that is not a
    /// number, or is below zero, gives zero.
    package func scaled(by factor: Double, atMost cap: Duration) -> Duration {
        let product = Double(nanoseconds) * factor
        guard product > 0 else { return .zero }
        guard product < Double(cap.nanoseconds) else { return cap }
        return Duration(nanoseconds: Int64(product))
    }
}

/// An instant of the monotonic clock (CLOCK_MONOTONIC), in nanoseconds since an unnamed origin.
///
/// Deadlines are instants: they neither jump when the wall clock is set nor fall due during a suspend.
package struct Instant: Comparable, Hashable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The clock's origin.
    package static let zero = Instant(nanoseconds: 0)
    /// The end of time; a deadline there never falls due.
    package static let distantFuture = Instant(nanoseconds: .max)

    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    package static func + (left: Instant, right: Duration) -> Instant {
        Instant(nanoseconds: left.nanoseconds.saturatingAdd(right.nanoseconds))
    }

    package static func - (left: Instant, right: Instant) -> Duration {
        Duration(nanoseconds: left.nanoseconds.saturatingSubtract(right.nanoseconds))
    }
}

/// An instant of the wall clock (CLOCK_REALTIME), in nanoseconds since 1970-01-01T00:00:00Z.
package struct WallTime: Comparable, Hashable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static func < (left: WallTime, right: WallTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    package static func + (left: WallTime, right: Duration) -> WallTime {
        WallTime(nanoseconds: left.nanoseconds.saturatingAdd(right.nanoseconds))
    }

    package static func - (left: WallTime, right: WallTime) -> Duration {
        Duration(nanoseconds: left.nanoseconds.saturatingSubtract(right.nanoseconds))
    }
}

/// Both clocks, read together: what an event carries.
package struct Moment: Hashable, Sendable {
    package let monotonic: Instant
    package let wall: WallTime

    package init(monotonic: Instant, wall: WallTime) {
        self.monotonic = monotonic
        self.wall = wall
    }

    /// The wall time that belongs to another monotonic instant, if neither clock is set in between.
    package func wall(at instant: Instant) -> WallTime {
        wall + (instant - monotonic)
    }
}

extension Int64 {
    /// The sum, or the end of the range where it lies beyond.
    package func saturatingAdd(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    fileprivate func saturatingSubtract(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    fileprivate func spans(of unit: Int64) -> Duration {
        let (product, overflow) = multipliedReportingOverflow(by: unit)
        if overflow { return Duration(nanoseconds: (self < 0) == (unit < 0) ? .max : .min) }
        return Duration(nanoseconds: product)
    }
}
