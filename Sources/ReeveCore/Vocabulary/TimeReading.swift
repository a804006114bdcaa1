// SPDX-License-Identifier: Apache-2.0
//
// Reading instants. `WallTime.rfc3339(fractionDigits:)` writes them.

extension WallTime {
    /// Reads "2026-11-25T17:38:34Z" with up to nine digits of a fraction: RFC 3339 in UTC, as reeve
    /// writes it, for the years 1678 to 2261. Nil for anything else, offsets included.
    package init?(rfc3339 text: String) {
        var rest = Array(text.utf8)[...]
        guard rest.count <= 30, let year = rest.number(digits: 4), rest.skip("-"),
            let month = rest.number(digits: 2), rest.skip("-"),
            let day = rest.number(digits: 2), rest.skip("T"),
            let hour = rest.number(digits: 2), rest.skip(":"),
            let minute = rest.number(digits: 2), rest.skip(":"),
            let second = rest.number(digits: 2)
        else { return nil }
        var nanoseconds: Int64 = 0
        if rest.skip(".") {
            let digits = rest.count - 1
            guard (1...9).contains(digits), let fraction = rest.number(digits: digits) else {
                return nil
            }
            nanoseconds = (digits..<9).reduce(fraction) { value, _ in value * 10 }
        }
        guard rest.skip("Z"), rest.isEmpty, (1678...2261).contains(year), (1...12).contains(month),
            (1...daysIn(month: month, year: year)).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        let days = daysSinceEpoch(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
        self.init(nanoseconds: seconds * 1_000_000_000 + nanoseconds)
    }
}

private func daysIn(month: Int64, year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}

/// The inverse of the core's day count: years begin in March, so that the leap day is the last.
/// `daysSinceEpoch(year: 1970, month: 1, day: 1)` is 0. The year is above zero.
private func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = shifted.quotientAndRemainder(dividingBy: 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
}

extension ArraySlice<UInt8> {
    /// Takes exactly so many digits off the front.
    fileprivate mutating func number(digits: Int) -> Int64? {
        guard count >= digits else { return nil }
        var value: Int64 = 0
        for byte in prefix(digits) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        removeFirst(digits)
        return value
    }

    /// Takes the character off the front, if it is there.
    fileprivate mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard first == UInt8(ascii: character) else { return false }
        removeFirst()
        return true
    }
}
