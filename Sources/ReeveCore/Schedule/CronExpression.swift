// SPDX-License-Identifier: Apache-2.0
//
// A cron expression as a set of wall-clock times. Each field is a bit mask; what a mask cannot say
// (the last day, the weekday nearest to the 15th, the second Friday) is a list beside it.
//
// The rule that surprises people is Debian's: where both day fields are restricted, a day matches if
// *either* does; but a field that begins with `*` (also `*/2`) is no restriction in that sense, and then
// *both* have to match.

/// The wall-clock times of a cron expression.
package struct CronExpression: Equatable, Sendable {
    /// Bits 0 to 59.
    var seconds: UInt64 = 1
    /// Bits 0 to 59.
    var minutes: UInt64 = 0
    /// Bits 0 to 23.
    var hours: UInt64 = 0
    var days = DaysOfMonth()
    /// Bits 1 to 12.
    var months: UInt64 = 0
    var weekdays = DaysOfWeek()
    /// Neither the minute nor the hour field begins with `*`: it means a time of day, not a rhythm, so
    /// that a change of the clock neither skips nor repeats it.
    package var isFixedTime = false

    /// The days of the month field.
    struct DaysOfMonth: Equatable, Sendable {
        /// Bits 1 to 31.
        var mask: UInt64 = 0
        /// `L` is 0, `L-2` is 2: days before the month's last.
        var beforeLast: [Int] = []
        /// `15W`: the weekday nearest to that day, in the same month.
        var nearestWeekday: [Int] = []
        /// `LW`: the last weekday.
        var lastWeekday = false
        /// The field begins with `*` or is `?`.
        var beginsWithStar = false
    }

    /// The days of the week field; 0 is Sunday.
    struct DaysOfWeek: Equatable, Sendable {
        /// Bits 0 to 6.
        var mask: UInt64 = 0
        /// `fri#2`: weekday and which of the month, 1 to 5.
        var nth: [(weekday: Int, which: Int)] = []
        /// `5L`: the last such weekday of the month.
        var last: [Int] = []
        /// The field begins with `*` or is `?`.
        var beginsWithStar = false

        static func == (left: DaysOfWeek, right: DaysOfWeek) -> Bool {
            left.mask == right.mask && left.last == right.last
                && left.beginsWithStar == right.beginsWithStar
                && left.nth.elementsEqual(right.nth, by: ==)
        }
    }

    /// How far ahead a match is looked for: the Gregorian calendar repeats after 400 years.
    static let searchYears: Int64 = 400

    /// The first matching time after the given one; nil if there is none, ever ("30 February").
    package func next(after time: CivilTime) -> CivilTime? {
        next(from: CivilTime(second: time.second + 1))
    }

    /// The first matching time that is the given one or later; nil if there is none, ever.
    package func next(from time: CivilTime) -> CivilTime? {
        var date = time.date
        if matches(date), let second = nextSecondOfDay(from: time.secondOfDay) {
            return CivilTime(second: date.day * 86_400 + Int64(second))
        }
        guard let first = nextSecondOfDay(from: 0) else { return nil }
        let lastYear = date.components.year + CronExpression.searchYears
        date = CivilDate(day: date.day + 1)
        while true {
            let (year, month, day) = date.components
            if year > lastYear { return nil }
            guard months.hasBit(month) else {
                date = CivilDate(
                    year: month == 12 ? year + 1 : year, month: month % 12 + 1, dayOfMonth: 1)
                continue
            }
            for candidate in day...CivilDate.daysIn(month: month, of: year) {
                let candidateDate = CivilDate(day: date.day + Int64(candidate - day))
                if matchesDay(candidateDate, year, month, candidate) {
                    return CivilTime(second: candidateDate.day * 86_400 + Int64(first))
                }
            }
            date = CivilDate(
                day: date.day + Int64(CivilDate.daysIn(month: month, of: year) - day + 1))
        }
    }

    /// Whether anything matches within a day of a time span; the span's end is exclusive.
    package func firstMatch(from start: CivilTime, before end: CivilTime) -> CivilTime? {
        guard let match = next(from: start), match < end else { return nil }
        return match
    }

    private func matches(_ date: CivilDate) -> Bool {
        let (year, month, day) = date.components
        return months.hasBit(month) && matchesDay(date, year, month, day)
    }

    private func matchesDay(_ date: CivilDate, _ year: Int64, _ month: Int, _ day: Int) -> Bool {
        let length = CivilDate.daysIn(month: month, of: year)
        let byMonth = days.contain(day, length: length, weekday: date.dayOfWeek)
        let byWeek = weekdays.contain(date.dayOfWeek, day: day, length: length)
        return days.beginsWithStar || weekdays.beginsWithStar
            ? byMonth && byWeek : byMonth || byWeek
    }

    private func nextSecondOfDay(from start: Int) -> Int? {
        var hour = start / 3_600
        var minute = start / 60 % 60
        var second = start % 60
        while hour < 24 {
            guard hours.hasBit(hour) else {
                (hour, minute, second) = (hour + 1, 0, 0)
                continue
            }
            while minute < 60 {
                if minutes.hasBit(minute), let match = seconds.firstBit(from: second), match < 60 {
                    return hour * 3_600 + minute * 60 + match
                }
                (minute, second) = (minute + 1, 0)
            }
            (hour, minute) = (hour + 1, 0)
        }
        return nil
    }
}

extension CronExpression.DaysOfMonth {
    func contain(_ day: Int, length: Int, weekday: Int) -> Bool {
        if mask.hasBit(day) { return true }
        if beforeLast.contains(length - day) { return true }
        if lastWeekday && day == nearest(to: length, length, weekday, day) { return true }
        return nearestWeekday.contains {
            $0 <= length && day == nearest(to: $0, length, weekday, day)
        }
    }

    /// The weekday nearest to `target`, never outside the month; `weekday` is the one of `day`.
    private func nearest(to target: Int, _ length: Int, _ weekday: Int, _ day: Int) -> Int {
        let targetWeekday = ((weekday + target - day) % 7 + 7) % 7
        switch targetWeekday {
        case 6: return target == 1 ? 3 : target - 1
        case 0: return target == length ? target - 2 : target + 1
        default: return target
        }
    }
}

extension CronExpression.DaysOfWeek {
    func contain(_ weekday: Int, day: Int, length: Int) -> Bool {
        if mask.hasBit(weekday) { return true }
        if last.contains(weekday) && day + 7 > length { return true }
        return nth.contains { $0.weekday == weekday && $0.which == (day - 1) / 7 + 1 }
    }
}

extension UInt64 {
    func hasBit(_ index: Int) -> Bool {
        (0..<64).contains(index) && self & (1 << UInt64(index)) != 0
    }

    mutating func setBit(_ index: Int) {
        if (0..<64).contains(index) { self |= 1 << UInt64(index) }
    }

    /// The lowest set bit at `index` or above.
    func firstBit(from index: Int) -> Int? {
        guard (0..<64).contains(index) else { return nil }
        let rest = self >> UInt64(index)
        return rest == 0 ? nil : index + rest.trailingZeroBitCount
    }
}
