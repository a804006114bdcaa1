// SPDX-License-Identifier: Apache-2.0
//
// How spans and instants are written. Spans read as an operator would write them in the
// configuration ("1m30s", "250ms"); instants are RFC 3339 in UTC.

extension Duration: CustomStringConvertible {
    /// At most two neighbouring units: "2d3h", "1m30s", "1.25s", "250ms", "0s".
    package var description: String {
        if nanoseconds < 0 {
            return "-"
                + Duration(nanoseconds: nanoseconds == .min ? .max : -nanoseconds).description
        }
        if nanoseconds == .max { return "unlimited" }
        let units: [(name: String, length: Int64)] = [
            ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000),
        ]
        for (index, unit) in units.enumerated() where nanoseconds >= unit.length {
            let smaller =
                index + 1 < units.count ? units[index + 1] : (name: "s", length: 1_000_000_000)
            let rest = nanoseconds % unit.length / smaller.length
            return "\(nanoseconds / unit.length)\(unit.name)"
                + (rest > 0 ? "\(rest)\(smaller.name)" : "")
        }
        if nanoseconds >= 1_000_000_000 {
            return Duration.decimal(hundredths: nanoseconds / 10_000_000) + "s"
        }
        if nanoseconds == 0 { return "0s" }
        if nanoseconds < 1_000 { return "\(nanoseconds)ns" }
        if nanoseconds < 1_000_000 { return "\(nanoseconds / 1_000)us" }
        return "\(milliseconds)ms"
    }

    private static func decimal(hundredths: Int64) -> String {
        let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
        if rest == 0 { return "\(whole)" }
        if rest % 10 == 0 { return "\(whole).\(rest / 10)" }
        return "\(whole)." + (rest < 10 ? "0\(rest)" : "\(rest)")
    }
}

extension WallTime: CustomStringConvertible {
    /// RFC 3339 in UTC with whole seconds: "2026-11-25T17:38:34Z".
    package var description: String { rfc3339(fractionDigits: 0) }

    /// RFC 3339 in UTC, the second's fraction cut to `fractionDigits` (0 to 9) digits.
    ///
    /// The civil date comes from the day count by the usual shift of the year to March, so that the
    /// leap day is the last of its year; years are those of the proleptic Gregorian calendar.
    package func rfc3339(fractionDigits: Int) -> String {
        let billion: Int64 = 1_000_000_000
        let second = floorDivide(nanoseconds, by: billion)
        let day = floorDivide(second, by: 86_400)
        let (year, month, dayOfMonth) = civilDate(daysSinceEpoch: day)
        let secondOfDay = second - day * 86_400
        var text = "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))"
        text += "T\(padded(secondOfDay / 3_600, 2)):\(padded(secondOfDay / 60 % 60, 2))"
        text += ":\(padded(secondOfDay % 60, 2))"
        if fractionDigits > 0 {
            let fraction = padded((nanoseconds % billion + billion) % billion, 9)
            text += ".\(fraction.prefix(min(9, fractionDigits)))"
        }
        return text + "Z"
    }
}

private func floorDivide(_ dividend: Int64, by divisor: Int64) -> Int64 {
    let quotient = dividend / divisor
    return dividend % divisor < 0 ? quotient - 1 : quotient
}

private func civilDate(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = daysSinceEpoch + 719_468
    let era = floorDivide(shifted, by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
}

private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
