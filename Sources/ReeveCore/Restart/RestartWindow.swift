// SPDX-License-Identifier: Apache-2.0

internal import DequeModule

/// The automatic restarts within the last `window`, and whether one more is allowed.
///
/// Empty for a scheduler that never crashes, so that it costs nothing there. It remembers at most
/// `Limits.restartsRememberedMax` restarts; a higher limit cannot be reached and counts as none.
struct RestartWindow: Equatable, Sendable {
    private var restarts: Deque<Instant> = []

    /// How many restarts lie within `window` before `now`.
    mutating func count(within window: Duration, at now: Instant) -> Int {
        while let first = restarts.first, now - first >= window { restarts.removeFirst() }
        return restarts.count
    }

    /// As `count`, for readers: changes nothing.
    func counted(within window: Duration, at now: Instant) -> Int {
        restarts.count { now - $0 < window }
    }

    mutating func add(_ now: Instant) {
        if restarts.count >= Limits.restartsRememberedMax { restarts.removeFirst() }
        restarts.append(now)
    }

    mutating func clear() {
        restarts = []
    }
}
