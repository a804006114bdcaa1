// SPDX-License-Identifier: Apache-2.0
//
// When a schedule is due, worked out second by second, save that an hour or a minute in which nothing can be due
// is passed over as one. It knows the few forms of expressions that simulations use (`*`, `*/5`, lists of
// numbers; days are always `*`), and shares nothing with the core's search along the time line.

internal import ReeveCore

/// The instants of a cron expression.
struct TimetableTruth {
    /// An instant, and how many that the clock skipped come with it.
    struct Due: Equatable {
        let second: Int64
        let merged: Int
    }

    private let seconds: [Bool]
    private let minutes: [Bool]
    private let hours: [Bool]
    /// Neither the minute nor the hour field begins with an asterisk: a time of day.
    private let isFixedTime: Bool
    private let zone: SimulatedZone
    private let startsAt: WallTime?
    private let expiresAt: WallTime?

    /// nil for what is no such expression: intervals, `@start`, `@reboot`.
    init?(_ settings: ScheduleSettings) {
        guard case .cron(let text) = settings.rule else { return nil }
        var fields = text.split(separator: " ").map(String.init)
        if fields.count == 5 { fields.insert("0", at: 0) }
        guard fields.count == 6, fields[3...].allSatisfy({ $0 == "*" }),
            let zone = SimulatedZone(rawValue: settings.zone)
        else { return nil }
        seconds = TimetableTruth.field(fields[0], 60)
        minutes = TimetableTruth.field(fields[1], 60)
        hours = TimetableTruth.field(fields[2], 24)
        isFixedTime = !fields[1].hasPrefix("*") && !fields[2].hasPrefix("*")
        self.zone = zone
        startsAt = settings.startsAt
        expiresAt = settings.expiresAt
    }

    private static func field(_ text: String, _ count: Int) -> [Bool] {
        (0..<count).map { value in
            text.split(separator: ",").contains { part in
                if part == "*" { return true }
                if part.hasPrefix("*/") { return value % (Int(part.dropFirst(2)) ?? 1) == 0 }
                return Int(part) == value
            }
        }
    }

    /// In order, later than `start` and not later than `end`; at most `most`.
    func instants(after start: WallTime, through end: WallTime, most: Int = 100_000) -> [Due] {
        var found: [Due] = []
        guard start < end else { return [] }
        var second = floor(start) + 1
        let last = floor(end)
        while second <= last, found.count < most {
            let barren = endOfBarrenStretch(from: second)
            if barren > second {
                second = barren
                continue
            }
            defer { second += 1 }
            guard let merged = due(at: second) else { continue }
            let wall = WallTime(second: second)
            if let startsAt, wall < startsAt { continue }
            if let expiresAt, wall >= expiresAt { continue }
            found.append(Due(second: second, merged: merged))
        }
        return found
    }

    /// The end of the hour or the minute in which this second is, where neither its number is wanted nor the
    /// clock changes in it; else the second itself.
    private func endOfBarrenStretch(from second: Int64) -> Int64 {
        let offset = zone.offset(at: second)
        guard zone.offset(at: second - 1) == offset else { return second }
        let time = Int(((second + offset) % 86_400 + 86_400) % 86_400)
        let length = !hours[time / 3_600] ? 3_600 : !minutes[time / 60 % 60] ? 60 : 1
        let end = second + Int64(length - time % length)
        return length > 1 && zone.offset(at: end - 1) == offset ? end : second
    }

    private func floor(_ wall: WallTime) -> Int64 {
        let whole = wall.nanoseconds / 1_000_000_000
        return wall.nanoseconds % 1_000_000_000 < 0 ? whole - 1 : whole
    }

    /// nil where nothing is due; else how many come merged into it.
    private func due(at second: Int64) -> Int? {
        let offset = zone.offset(at: second)
        guard isFixedTime else { return matches(second + offset) ? 0 : nil }
        let before = zone.offset(at: second - 1)
        if before < offset {
            // The clock has just skipped from here to there: what lies between comes now.
            let skipped = (second + before...second + offset).filter(matches).count
            let own = matches(second + offset)
            return skipped > (own ? 1 : 0) ? skipped - 1 : (own ? 0 : nil)
        }
        guard matches(second + offset) else { return nil }
        // The clock showed this an hour ago, too.
        return zone.offset(at: second - 3_600) == offset + 3_600 ? nil : 0
    }

    private func matches(_ local: Int64) -> Bool {
        let time = Int((local % 86_400 + 86_400) % 86_400)
        return seconds[time % 60] && minutes[time / 60 % 60] && hours[time / 3_600]
    }
}
