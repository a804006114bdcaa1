// SPDX-License-Identifier: Apache-2.0
//
// Wall-clock times on the time line. Between two changes of the clock local time runs evenly, so each such
// stretch is searched by itself. At a change, what an expression means decides (the rule of Debian's cron):
// a time of day (`isFixedTime`) that falls into the gap comes right after it, once for all that fell in, and
// in the repeated hour it comes at the first pass only; a rhythm ("every ten minutes") follows the clock on
// the wall, so it skips the gap and runs in both passes.

/// One instant at which a schedule is due.
package struct Occurrence: Equatable, Sendable {
    /// What a change of the clock did to it.
    package enum Mark: Equatable, Sendable {
        case ordinary
        /// Its wall-clock time does not exist; it comes right after the gap, with `others` merged into it.
        case afterGap(missed: CivilTime, others: Int)
        /// Its wall-clock time comes twice; this is the first, or the second pass.
        case firstPass
        case secondPass
    }

    /// Seconds since 1970 in UTC.
    package let second: Int64
    /// Seconds east of Greenwich.
    package let offset: Int64
    package let mark: Mark

    package init(second: Int64, offset: Int64, mark: Mark) {
        self.second = second
        self.offset = offset
        self.mark = mark
    }
}

extension CronExpression {
    /// The first occurrence after an instant (seconds since 1970 in UTC), in a zone; nil if none follows.
    package func occurrence(after second: Int64, in zone: Zone) -> Occurrence? {
        // No clock shows such years; arithmetic below stays far from the ends of 64 bits.
        guard abs(second.clamped(to: -(1 << 40)...(1 << 40))) < 1 << 40 else { return nil }
        var start = second + 1
        // The last search: from when on, and the first match. While local time only grows, a match that
        // lies ahead stays the first one.
        var searchedFrom = CivilTime(second: .max)
        var match = searchedFrom
        while true {
            let period = zone.period(at: start)
            let end = zone.transition(after: start)?.at
            if isFixedTime, let gap = gapOccurrence(at: start, period, in: zone) { return gap }
            var from = CivilTime(second: start + period.offset)
            if isFixedTime, let repeated = repeatedUntil(start, in: zone) {
                from = max(from, repeated)
            }
            if from < searchedFrom || match < from {
                guard let found = next(from: from) else { return nil }
                match = found
            }
            searchedFrom = from
            let at = match.second - period.offset
            if let end, at >= end {
                start = end
                continue
            }
            return Occurrence(
                second: at, offset: period.offset, mark: mark(match, at, period, end, in: zone))
        }
    }

    /// What fell into the gap that ended at `start`; it runs at `start`.
    private func gapOccurrence(
        at start: Int64, _ period: Zone.Period, in zone: Zone
    ) -> Occurrence? {
        let previous = zone.period(at: start - 1)
        guard previous.offset < period.offset else { return nil }
        let end = CivilTime(second: start + period.offset)
        guard let missed = firstMatch(from: CivilTime(second: start + previous.offset), before: end)
        else { return nil }
        var others = next(from: end) == end ? 1 : 0
        var time = missed
        while others < 1_000,
            let another = firstMatch(from: CivilTime(second: time.second + 1), before: end)
        {
            others += 1
            time = another
        }
        return Occurrence(
            second: start, offset: period.offset, mark: .afterGap(missed: missed, others: others))
    }

    /// The end, in local time, of what the clock shows for the second time at `start`.
    private func repeatedUntil(_ start: Int64, in zone: Zone) -> CivilTime? {
        // Changes back are by an hour or two, and where the date line was moved by a day.
        var search = start - 180_000
        var until: CivilTime?
        while let transition = zone.transition(after: search), transition.at <= start {
            let before = zone.period(at: transition.at - 1)
            if before.offset > transition.period.offset {
                until = CivilTime(second: transition.at + before.offset)
            }
            search = transition.at
        }
        return until
    }

    private func mark(
        _ match: CivilTime, _ second: Int64, _ period: Zone.Period, _ end: Int64?, in zone: Zone
    ) -> Occurrence.Mark {
        if let end {
            let after = zone.period(at: end)
            if after.offset < period.offset, match.second >= end + after.offset {
                return .firstPass
            }
        }
        if let until = repeatedUntil(second, in: zone), match < until { return .secondPass }
        return .ordinary
    }
}

extension Comparable {
    /// The nearest value within the bounds.
    func clamped(to bounds: ClosedRange<Self>) -> Self {
        min(max(self, bounds.lowerBound), bounds.upperBound)
    }
}

extension Occurrence.Mark {
    /// What the operator reads; nil for the ordinary.
    package var words: String? {
        switch self {
        case .ordinary: nil
        case .afterGap(let missed, let others):
            "the clock skips \(missed): it comes right after"
                + (others > 0 ? ", and \(counted(others, "other")) with it" : "")
        case .firstPass: "the clock shows this time twice: the first pass"
        case .secondPass: "the clock shows this time twice: the second pass"
        }
    }
}
