// SPDX-License-Identifier: Apache-2.0
//
// "1h30m" and "100MiB": the one place where spans and sizes are read from text.

/// Reads spans and sizes. Exact: no floating point; what does not fit in 64 bits is no amount.
package enum Amounts {
    /// Reads "250ms", "30s", "1.5h", "1h30m", "2d": numbers with the units d, h, m, s and ms,
    /// larger units first and each at most once, nothing between them. A fraction beyond
    /// nanoseconds is cut. Returns nil for anything else.
    package static func duration(_ text: String) -> Duration? {
        let units: [(name: String, nanoseconds: Int64)] = [
            ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000),
            ("s", 1_000_000_000), ("ms", 1_000_000),
        ]
        var rest = Substring(text)
        var total: Int64 = 0
        var next = 0
        repeat {
            guard let number = takeNumber(from: &rest) else { return nil }
            let name = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
            guard let index = units.indices.first(where: { units[$0].name == name }), index >= next,
                let span = number.times(units[index].nanoseconds)
            else { return nil }
            next = index + 1
            rest = rest.dropFirst(name.count)
            let (sum, overflow) = total.addingReportingOverflow(span)
            if overflow { return nil }
            total = sum
        } while !rest.isEmpty
        return Duration(nanoseconds: total)
    }

    /// Reads "512B", "64kB", "1.5GB" (powers of 1000) and "100MiB" (powers of 1024); "KB" is "kB".
    /// A fraction of a byte is cut. Returns nil for anything else.
    package static func bytes(_ text: String) -> Bytes? {
        var rest = Substring(text)
        guard let number = takeNumber(from: &rest),
            let unit = sizeUnits.first(where: { $0.name == rest }),
            let count = number.times(unit.bytes)
        else { return nil }
        return Bytes(count)
    }

    private static let sizeUnits: [(name: String, bytes: Int64)] = [
        ("B", 1), ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ]

    /// What a text that is no duration was probably meant to be, so that `duration` reads it.
    package static func durationMeant(by text: String) -> String? {
        let words = [
            ("milliseconds", "ms"), ("millisecond", "ms"), ("msec", "ms"), ("seconds", "s"),
            ("second", "s"), ("secs", "s"), ("sec", "s"), ("minutes", "m"), ("minute", "m"),
            ("mins", "m"), ("min", "m"), ("hours", "h"), ("hour", "h"), ("hrs", "h"), ("hr", "h"),
            ("days", "d"), ("day", "d"),
        ]
        guard text.utf8.count <= 40 else { return nil }
        var rest = Substring(text.lowercased().filter { $0 != " " && $0 != "," })
        var result = ""
        while let first = rest.first {
            if let word = words.first(where: { rest.hasPrefix($0.0) }) {
                result += word.1
                rest = rest.dropFirst(word.0.count)
            } else {
                result.append(first)
                rest = rest.dropFirst()
            }
        }
        return duration(result) == nil ? nil : result
    }

    /// What a text that is no size was probably meant to be, so that `bytes` reads it.
    package static func sizeMeant(by text: String) -> String? {
        guard text.utf8.count <= 40 else { return nil }
        let plain = text.filter { $0 != " " && $0 != "," }
        let number = plain.prefix { ("0"..."9").contains($0) || $0 == "." }
        let unit = plain.dropFirst(number.count).lowercased()
        guard !number.isEmpty, !unit.isEmpty else { return nil }
        for known in sizeUnits {
            let name = known.name.lowercased()
            if unit == name || (unit + "b") == name || (unit + "ib") == name.lowercased() {
                let meant = number + known.name
                return bytes(String(meant)) == nil ? nil : String(meant)
            }
        }
        return nil
    }

    /// A decimal number: digits before the point, and those behind it.
    private struct Decimal {
        var whole: Int64
        /// Numerator over a power of ten, below one.
        var fraction: Int64
        var scale: Int64

        /// The product, rounded towards zero; nil where it does not fit.
        func times(_ unit: Int64) -> Int64? {
            let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
            if overflow { return nil }
            let part = scale.dividingFullWidth(fraction.multipliedFullWidth(by: unit)).quotient
            let (sum, tooLarge) = product.addingReportingOverflow(part)
            return tooLarge ? nil : sum
        }
    }

    /// At most 18 digits either side of the point; at least one before it, and behind it if it is
    /// there.
    private static func takeNumber(from text: inout Substring) -> Decimal? {
        func digits() -> Substring {
            let run = text.prefix { ("0"..."9").contains($0) }
            text = text.dropFirst(run.count)
            return run
        }
        let whole = digits()
        guard whole.utf8.count <= 18, let number = Int64(whole) else { return nil }
        guard text.first == "." else { return Decimal(whole: number, fraction: 0, scale: 1) }
        text = text.dropFirst()
        let fraction = digits()
        guard fraction.utf8.count <= 18, let part = Int64(fraction) else { return nil }
        var scale: Int64 = 1
        for _ in 0..<fraction.utf8.count { scale *= 10 }
        return Decimal(whole: number, fraction: part, scale: scale)
    }
}
