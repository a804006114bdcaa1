// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl
internal import ReeveCore

/// An instant, as the wall clock of the supervisor's machine has it.
///
/// With Foundation: `Date(timeIntervalSince1970: timestamp.secondsSince1970)`.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let time: Int64

    init(_ time: WallTime) {
        self.time = time.nanoseconds
    }

    /// Since 1970-01-01T00:00:00Z, as Unix counts; below zero before.
    public var sinceEpoch: Swift.Duration { .nanoseconds(time) }

    /// The same in seconds, with the precision of a `Double`.
    public var secondsSince1970: Double { Double(time) / 1_000_000_000 }

    /// RFC 3339 in UTC, cut to milliseconds: "2026-11-25T17:38:34.120Z".
    public var description: String {
        WallTime(nanoseconds: time).rfc3339(fractionDigits: 3)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.time < right.time }
}
