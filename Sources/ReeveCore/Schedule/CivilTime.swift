// SPDX-License-Identifier: Apache-2.0
//
// Wall-clock time as a calendar shows it, without a zone. Days are counted, not stored as dates, so that
// adding and comparing is arithmetic; the proleptic Gregorian calendar throughout.

/// A date.
package struct CivilDate: Comparable, Hashable, Sendable {
    /// Days since 1970-01-01.
    package let day: Int64

    package init(day: Int64) {
        self.day = day
    }

    /// A month past December runs into the next year; a day past the month's end into the next month.
    package init(year: Int64, month: Int, dayOfMonth: Int) {
        let monthsSinceMarch = (Int64(month) + 9) % 12
        let shiftedYear = year - (month <= 2 ? 1 : 0)
        let era = shiftedYear >= 0 ? shiftedYear / 400 : (shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * monthsSinceMarch + 2) / 5 + Int64(dayOfMonth) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        day = era * 146_097 + dayOfEra - 719_468
    }

    /// Year, month (1 to 12) and day of the month (1 to 31).
    package var components: (year: Int64, month: Int, dayOfMonth: Int) {
        let shifted = day + 719_468
        let era = shifted >= 0 ? shifted / 146_097 : (shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1))
    }

    /// 0 is Sunday, 6 is Saturday. 1970-01-01 was a Thursday.
    package var dayOfWeek: Int {
        let remainder = Int((day + 4) % 7)
        return remainder < 0 ? remainder + 7 : remainder
    }

    /// 28 to 31.
    package static func daysIn(month: Int, of year: Int64) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        default: 31
        }
    }

    package static func < (left: CivilDate, right: CivilDate) -> Bool { left.day < right.day }
}

/// A date with a time of day, without a zone.
package struct CivilTime: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// Seconds since 1970-01-01T00:00:00 of the same clock.
    package let second: Int64

    package init(second: Int64) {
        self.second = second
    }

    /// A time of a day; the parts are not checked.
    package init(_ date: CivilDate, hour: Int, minute: Int, second: Int) {
        self.second = date.day * 86_400 + Int64(hour) * 3_600 + Int64(minute) * 60 + Int64(second)
    }

    /// The day it falls on.
    package var date: CivilDate {
        CivilDate(day: second >= 0 ? second / 86_400 : (second - 86_399) / 86_400)
    }

    /// 0 to 86,399.
    package var secondOfDay: Int { Int(second - date.day * 86_400) }
    /// 0 to 23.
    package var hour: Int { secondOfDay / 3_600 }
    /// 0 to 59.
    package var minute: Int { secondOfDay / 60 % 60 }

    package static func < (left: CivilTime, right: CivilTime) -> Bool { left.second < right.second }

    /// "2026-11-25T17:38:34", without a zone.
    package var description: String {
        let (year, month, day) = date.components
        let digits = [
            Int64(month), Int64(day), Int64(hour), Int64(minute), Int64(secondOfDay % 60),
        ]
        .map { $0 < 10 ? "0\($0)" : "\($0)" }
        let padding = String(repeating: "0", count: max(0, 4 - "\(year)".utf8.count))
        return "\(padding)\(year)-\(digits[0])-\(digits[1])T\(digits[2]):\(digits[3]):\(digits[4])"
    }
}
