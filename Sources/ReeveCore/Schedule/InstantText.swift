// SPDX-License-Identifier: Apache-2.0
//
// Instants as people write them in a configuration or on a command line, and occurrences as they are
// shown: RFC 3339 with an offset.

extension WallTime {
    /// Reads RFC 3339 with `Z` or an offset: "2026-11-25T17:38:34Z", "2026-11-25T17:38:34.5+01:00";
    /// years 1678 to 2261. Nil for anything else.
    package init?(instant text: String) {
        var rest = Array(text.utf8)[...]
        guard rest.count <= 40, let year = rest.digits(4), rest.take("-"),
            let month = rest.digits(2), rest.take("-"), let day = rest.digits(2),
            rest.take("T") || rest.take("t") || rest.take(" "), let hour = rest.digits(2),
            rest.take(":"), let minute = rest.digits(2), rest.take(":"), let second = rest.digits(2)
        else { return nil }
        var nanoseconds: Int64 = 0
        if rest.take(".") {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
            guard (1...9).contains(digits), let fraction = rest.digits(digits) else { return nil }
            nanoseconds = (digits..<9).reduce(Int64(fraction)) { value, _ in value * 10 }
        }
        guard let offset = rest.takeOffset(), rest.isEmpty, (1678...2261).contains(year),
            (1...12).contains(month),
            (1...CivilDate.daysIn(month: month, of: Int64(year))).contains(day), hour < 24,
            minute < 60, second < 60
        else { return nil }
        let date = CivilDate(year: Int64(year), month: month, dayOfMonth: day)
        let local = CivilTime(date, hour: hour, minute: minute, second: second)
        self.init(nanoseconds: (local.second - Int64(offset)) * 1_000_000_000 + nanoseconds)
    }

    /// Whole seconds since 1970 in UTC, rounded down.
    package var second: Int64 {
        let quotient = nanoseconds / 1_000_000_000
        return nanoseconds % 1_000_000_000 < 0 ? quotient - 1 : quotient
    }

    /// The instant of a second since 1970 in UTC; saturates.
    package init(second: Int64) {
        let (product, overflow) = second.multipliedReportingOverflow(by: 1_000_000_000)
        self.init(nanoseconds: overflow ? (second < 0 ? .min : .max) : product)
    }
}

extension Occurrence {
    /// RFC 3339 with the zone's offset: "2026-11-25T17:38:34+01:00". Where the offset has seconds, which
    /// RFC 3339 cannot say, the same instant in UTC.
    package var rfc3339: String {
        guard offset % 60 == 0, abs(offset) < 86_400 else {
            return "\(CivilTime(second: second))+00:00"
        }
        let minutes = abs(offset) / 60
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(CivilTime(second: second + offset))\(offset < 0 ? "-" : "+")"
            + "\(two(minutes / 60)):\(two(minutes % 60))"
    }
}

extension ArraySlice<UInt8> {
    /// Takes exactly so many digits off the front; at most nine.
    fileprivate mutating func digits(_ count: Int) -> Int? {
        guard self.count >= count else { return nil }
        var value = 0
        for byte in prefix(count) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        self = dropFirst(count)
        return value
    }

    fileprivate mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard first == UInt8(ascii: character) else { return false }
        self = dropFirst()
        return true
    }

    /// Seconds east of Greenwich, from `Z`, `+hh:mm` or `-hh:mm`.
    fileprivate mutating func takeOffset() -> Int? {
        if take("Z") || take("z") { return 0 }
        let isWest = take("-")
        guard isWest || take("+"), let hours = digits(2), take(":"), let minutes = digits(2),
            hours < 24, minutes < 60
        else { return nil }
        let offset = hours * 3_600 + minutes * 60
        return isWest ? -offset : offset
    }
}
