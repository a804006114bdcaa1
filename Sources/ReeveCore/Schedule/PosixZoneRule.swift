// SPDX-License-Identifier: Apache-2.0
//
// The POSIX rule at the end of a TZif file ("CET-1CEST,M3.5.0,M10.5.0/3"; POSIX.1-2024, section 8.3, with
// RFC 9636's times of up to a week either way): what a zone does in all the years after its table.

/// A rule for every year.
package struct PosixZoneRule: Equatable, Sendable {
    /// A day of the year.
    enum Day: Equatable, Sendable {
        /// `Jn`: 1 to 365, 29 February is never counted.
        case julian(Int)
        /// `n`: 0 to 365, 29 February is counted.
        case zeroBased(Int)
        /// `Mm.w.d`: weekday `d` of week `w` of month `m`; week 5 is the last.
        case weekday(month: Int, week: Int, weekday: Int)
    }

    struct Change: Equatable, Sendable {
        let day: Day
        /// Seconds after midnight, local time before the change.
        let time: Int64
    }

    let standard: Zone.Period
    let daylight: Zone.Period?
    /// Into daylight saving time, and back; without meaning where there is none.
    let start: Change
    let end: Change

    /// Reads a rule; nil where it is not one.
    init?(_ text: String) {
        var scanner = Scanner(text: Array(text.utf8))
        guard let name = scanner.name(), let offset = scanner.time(hoursMax: 24) else { return nil }
        standard = Zone.Period(offset: -offset, isDaylightSaving: false, abbreviation: name)
        guard let daylightName = scanner.name() else {
            guard scanner.isAtEnd else { return nil }
            daylight = nil
            start = Change(day: .zeroBased(0), time: 0)
            end = start
            return
        }
        let daylightOffset = scanner.peek == UInt8(ascii: ",") ? nil : scanner.time(hoursMax: 24)
        daylight = Zone.Period(
            offset: daylightOffset.map { -$0 } ?? -offset + 3_600, isDaylightSaving: true,
            abbreviation: daylightName)
        guard scanner.skip(","), let first = scanner.change(), scanner.skip(","),
            let second = scanner.change(), scanner.isAtEnd
        else { return nil }
        start = first
        end = second
    }

    /// Some 35,000 years from 1970: no clock comes there, but a zone's file may name any second.
    private static let horizon: Int64 = 1 << 40

    /// What holds at an instant.
    func period(at second: Int64) -> Zone.Period {
        guard let daylight else { return standard }
        let second = max(-PosixZoneRule.horizon, min(PosixZoneRule.horizon, second))
        var current = standard
        let year = CivilTime(second: second + standard.offset).date.components.year
        for change in changes(in: year - 1...year + 1, daylight) {
            if change.at > second { break }
            current = change.period
        }
        return current
    }

    /// The first change after an instant.
    func transition(after second: Int64) -> (at: Int64, period: Zone.Period)? {
        guard let daylight, second < PosixZoneRule.horizon else { return nil }
        let second = max(-PosixZoneRule.horizon, second)
        let year = CivilTime(second: second + standard.offset).date.components.year
        return changes(in: year - 1...year + 1, daylight).first { $0.at > second }
    }

    private func changes(
        in years: ClosedRange<Int64>, _ daylight: Zone.Period
    ) -> [(at: Int64, period: Zone.Period)] {
        var changes: [(at: Int64, period: Zone.Period)] = []
        for year in years {
            changes.append((at(start, in: year) - standard.offset, daylight))
            changes.append((at(end, in: year) - daylight.offset, standard))
        }
        return changes.sorted { $0.at < $1.at }
    }

    /// Local seconds of a change.
    private func at(_ change: Change, in year: Int64) -> Int64 {
        let firstOfYear = CivilDate(year: year, month: 1, dayOfMonth: 1).day
        let day: Int64
        switch change.day {
        case .julian(let number):
            let isLeap = CivilDate.daysIn(month: 2, of: year) == 29
            day = firstOfYear + Int64(number) - 1 + (isLeap && number >= 60 ? 1 : 0)
        case .zeroBased(let number):
            day = firstOfYear + Int64(number)
        case .weekday(let month, let week, let weekday):
            let first = CivilDate(year: year, month: month, dayOfMonth: 1)
            var dayOfMonth = (weekday - first.dayOfWeek + 7) % 7 + 1 + (week - 1) * 7
            while dayOfMonth > CivilDate.daysIn(month: month, of: year) { dayOfMonth -= 7 }
            day = first.day + Int64(dayOfMonth) - 1
        }
        return day * 86_400 + change.time
    }

    private struct Scanner {
        let text: [UInt8]
        var position = 0

        init(text: [UInt8]) { self.text = text }

        var peek: UInt8? { position < text.count ? text[position] : nil }
        var isAtEnd: Bool { position == text.count }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard peek == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        /// At least three letters, or anything in angle brackets.
        mutating func name() -> String? {
            let start = position
            if skip("<") {
                while let byte = peek, byte != UInt8(ascii: ">") { position += 1 }
                guard skip(">") else { return nil }
                return String(decoding: text[start + 1..<position - 1], as: UTF8.self)
            }
            while let byte = peek, byte | 0x20 >= UInt8(ascii: "a"),
                byte | 0x20 <= UInt8(ascii: "z")
            {
                position += 1
            }
            guard position - start >= 3 else { return nil }
            return String(decoding: text[start..<position], as: UTF8.self)
        }

        mutating func number(max: Int64) -> Int64? {
            var value: Int64 = 0
            let start = position
            while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
                position += 1
                if value > max { return nil }
            }
            return position > start ? value : nil
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time(hoursMax: Int64) -> Int64? {
            let isNegative = skip("-")
            if !isNegative { _ = skip("+") }
            guard var seconds = number(max: hoursMax).map({ $0 * 3_600 }) else { return nil }
            if skip(":") {
                guard let minutes = number(max: 59) else { return nil }
                seconds += minutes * 60
                if skip(":") {
                    guard let rest = number(max: 59) else { return nil }
                    seconds += rest
                }
            }
            return isNegative ? -seconds : seconds
        }

        mutating func change() -> Change? {
            let day: Day
            if skip("M") {
                guard let month = number(max: 12), month >= 1, skip("."), let week = number(max: 5),
                    week >= 1, skip("."), let weekday = number(max: 6)
                else { return nil }
                day = .weekday(month: Int(month), week: Int(week), weekday: Int(weekday))
            } else if skip("J") {
                guard let number = number(max: 365), number >= 1 else { return nil }
                day = .julian(Int(number))
            } else {
                guard let number = number(max: 365) else { return nil }
                day = .zeroBased(Int(number))
            }
            guard skip("/") else { return Change(day: day, time: 7_200) }
            guard let time = time(hoursMax: 167) else { return nil }
            return Change(day: day, time: time)
        }
    }
}
