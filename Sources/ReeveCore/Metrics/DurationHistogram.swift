// SPDX-License-Identifier: Apache-2.0
//
// How long things took, in 960 bytes. The buckets are those of a slide rule: sixteen of equal width to
// each doubling, so that a value is known to a thirty-second of itself, whether it is 5 ms or 5 days.

/// Counts of spans, for quantiles.
///
/// A span comes back as the middle of its bucket: wrong by at most 3.2 % of itself, or 0.07 ms where that
/// is more. Spans of 13 days and longer share the last bucket. When `countMax` spans have come in, all
/// counts are halved: older spans weigh less and less, and quantiles follow what is the case now.
struct DurationHistogram: Equatable, Sendable {
    /// Spans that count at most.
    static let countMax = 32_768
    static let buckets = 480
    /// Nanoseconds of the unit, 131 µs, as a power of two.
    private static let unitShift: Int64 = 17

    /// Empty until something comes in.
    private var counts: [UInt16] = []
    private(set) var count = 0

    mutating func add(_ span: Duration) {
        if counts.isEmpty {
            counts = Array(repeating: 0, count: DurationHistogram.buckets)
        }
        if count >= DurationHistogram.countMax { halve() }
        counts[DurationHistogram.bucket(of: span)] += 1
        count += 1
    }

    private mutating func halve() {
        count = 0
        for index in counts.indices {
            counts[index] /= 2
            count += Int(counts[index])
        }
    }

    /// The span below which `permille` of a thousand lie, by nearest rank; nil where there are none.
    func quantile(_ permille: Int) -> Duration? {
        guard count > 0 else { return nil }
        let rank = max(1, (count * permille + 999) / 1_000)
        var seen = 0
        for (index, number) in counts.enumerated() {
            seen += Int(number)
            if seen >= rank { return DurationHistogram.middle(of: index) }
        }
        return nil
    }

    /// Units below 16 have a bucket each; after that five significant bits choose.
    static func bucket(of span: Duration) -> Int {
        let units = min(max(0, span.nanoseconds) >> unitShift, (1 << 33) - 1)
        guard units >= 16 else { return Int(units) }
        let shift = 59 - units.leadingZeroBitCount
        return shift * 16 + Int(units >> Int64(shift))
    }

    static func middle(of bucket: Int) -> Duration {
        guard bucket >= 32 else {
            return Duration(nanoseconds: (Int64(bucket) << unitShift) + (1 << (unitShift - 1)))
        }
        let shift = Int64(bucket / 16 - 1)
        let low = Int64(bucket % 16 + 16) << shift
        return Duration(nanoseconds: (low << unitShift) + (1 << (shift + unitShift - 1)))
    }
}
