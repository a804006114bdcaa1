// SPDX-License-Identifier: Apache-2.0
//
// Does this program leak? Think of the tide line on a beach: waves run up and down all the time, but a sea
// that rises leaves even its lowest water higher each time. So the window is cut into fifteen slices, and
// of each only the least memory counts; what a garbage collector or a burst of work takes and gives back
// never shows in it. Fifteen low waters are then asked four questions, and only four yeses are a leak:
//
//   1. Do they rise, nearly all of them?       Kendall's tau of time and memory is at least 0.6.
//   2. Is it more than a ripple?               The rise over the window is at least 1 MB, 1 % of what is
//                                              used, and 2.5 times the scatter around the straight line.
//   3. Do they rise all the time?              From the first third of the window to the second, and from
//                                              the second to the third, the rise is at least 0.3 of a half
//                                              of the whole; that of the second is at least half of the
//                                              first's, or it is a warm-up that comes to its end; and no
//                                              single slice has more than 0.45 of it, or it is a step.
//   4. Is it higher than ever before?          Above every low water of this run before the window: a slow
//                                              tooth of a saw only climbs where it has been.
//
// The answer has to be the same for three slices in a row before it counts, and while that is being seen the
// memory is looked at five times a slice: a saw whose period is nearly that of the samples looks like a slow
// climb to whoever looks seldom. A run's first third of a window is
// passed over: programs fill their caches then. So a leak is reported after about a window and a half.
//
// The slope is that of Theil and Sen, the median of the slopes between all pairs of slices, which a few
// outliers do not move. Worked values, window 15 min: 100 MB and 2 MB more each minute gives tau 1, a slope
// of 2 MB/min, and with a threshold of 200 MB at 128 MB a forecast of 36 min. A saw that climbs
// from 100 to 180 MB within 40 s and falls back gives fifteen slices of about 100 MB: no rise. A step from
// 100 to 160 MB in the middle gives a tau of about 0.5: no.

/// What a leak looks like.
package struct LeakTrend: Equatable, Sendable {
    /// Growth of the low water, above zero, in bytes a minute.
    package var perMinute: Bytes
    /// The low water of the last slice.
    package var level: Bytes

    /// From now until the memory reaches `threshold` at this growth; zero where it is above already, nil
    /// without a threshold. Saturates.
    package func forecast(to threshold: Bytes?) -> Duration? {
        guard let threshold else { return nil }
        let left = threshold.count.subtractingReportingOverflow(level.count)
        guard !left.overflow, left.partialValue > 0, perMinute.count > 0 else { return .zero }
        let minutes = Double(left.partialValue) / Double(perMinute.count)
        return Duration.minutes(1).scaled(by: minutes, atMost: .seconds(10 * 365 * 86_400))
    }
}

/// The low waters of one run's memory, and what they say. 15 slices, some 200 bytes.
struct LeakDetector: Equatable, Sendable {
    /// What is known of the run.
    enum Finding: Equatable, Sendable {
        /// Too young, or not sampled often enough to be judged: at least ten of fifteen slices.
        case unknown
        case steady
        case leak(LeakTrend)
    }

    static let slices = 15
    private static let slicesKnownMin = 10
    private static let confirmations: UInt8 = 3

    /// A fifteenth of the window.
    private let width: Duration
    /// Low waters, oldest first; -1 where the slice has no sample. At most `slices`.
    private var low: [Int64] = []
    /// The slice that is being filled, counted from the first sample; and its low water.
    private var current: Int64 = 0
    private var currentLow: Int64 = -1
    private var began: Instant?
    /// The highest low water that has left the window.
    private var highest: Int64 = -1
    /// Judgements in a row that differ from `finding`.
    private var dissent: UInt8 = 0
    /// What counts: the last judgement that was given three times in a row.
    private(set) var finding = Finding.unknown

    /// `window`: at least a second.
    init(window: Duration) {
        width = max(.milliseconds(100), window / LeakDetector.slices)
    }

    /// How often it wants to be told, where a leak is suspected and not confirmed; nil: as usual.
    var closeInterval: Duration? {
        dissent > 0 && !isLeak ? width / 5 : nil
    }

    private var isLeak: Bool {
        if case .leak = finding { return true }
        return false
    }

    /// Takes a sample of the run. Returns whether a slice was completed, and `finding` may be another.
    mutating func sampled(_ bytes: Bytes, at now: Instant) -> Bool {
        // The first third of a window is warm-up.
        let start = began ?? now + width * 5
        began = start
        guard now >= start else { return false }
        let slice = (now - start).nanoseconds / width.nanoseconds
        guard slice != current else {
            currentLow = currentLow < 0 ? bytes.count : min(currentLow, bytes.count)
            return false
        }
        close(until: slice)
        current = slice
        currentLow = bytes.count
        judge()
        return true
    }

    /// Puts the slice that is over, and those in which nothing was sampled, into the window.
    private mutating func close(until slice: Int64) {
        push(currentLow)
        let missed = min(slice - current - 1, Int64(LeakDetector.slices))
        for _ in 0..<max(0, missed) { push(-1) }
    }

    private mutating func push(_ value: Int64) {
        if low.count >= LeakDetector.slices { highest = max(highest, low.removeFirst()) }
        low.append(value)
    }

    private mutating func judge() {
        let judgement = LeakDetector.judge(low, width: width, highest: highest)
        let isSame =
            switch (judgement, finding) {
            case (.unknown, .unknown), (.steady, .steady), (.leak, .leak): true
            case (.unknown, _), (.steady, _), (.leak, _): false
            }
        dissent = isSame ? 0 : dissent + 1
        guard isSame || dissent >= LeakDetector.confirmations || finding == .unknown else { return }
        // From not knowing nothing but a leak needs to be confirmed.
        if finding == .unknown, case .leak = judgement, dissent < LeakDetector.confirmations {
            return
        }
        dissent = 0
        finding = judgement
    }
}

// MARK: - The judgement

extension LeakDetector {
    /// Judges the low waters of a full window.
    static func judge(_ low: [Int64], width: Duration, highest: Int64) -> Finding {
        guard low.count == slices else { return .unknown }
        let points = low.enumerated().filter { $0.element >= 0 }.map {
            (at: Double($0.offset), bytes: Double($0.element))
        }
        guard points.count >= slicesKnownMin else { return .unknown }
        let (slope, tau) = theilSen(points)
        let rise = slope * Double(slices - 1)
        let level = median(points.map(\.bytes))
        guard tau >= 0.6, rise >= 1_000_000, rise >= 0.01 * level,
            rise >= 2.5 * scatter(points, slope), isSteady(points, rise),
            isNew(points, highest)
        else { return .steady }
        let perMinute = slope * 60e9 / Double(width.nanoseconds)
        return .leak(
            LeakTrend(
                perMinute: Bytes(Int64(max(1, min(perMinute, 1e18)))),
                level: Bytes(Int64(points[points.count - 1].bytes))))
    }

    /// The median slope between all pairs, and Kendall's tau: rising pairs less falling ones, of all.
    private static func theilSen(
        _ points: [(at: Double, bytes: Double)]
    ) -> (slope: Double, tau: Double) {
        var slopes: [Double] = []
        var balance = 0
        for (index, first) in points.enumerated() {
            for second in points[(index + 1)...] {
                slopes.append((second.bytes - first.bytes) / (second.at - first.at))
                balance += second.bytes > first.bytes ? 1 : second.bytes < first.bytes ? -1 : 0
            }
        }
        return (median(slopes), Double(balance) / Double(max(1, slopes.count)))
    }

    /// The median distance from the line, as a standard deviation of noise of the normal kind.
    private static func scatter(
        _ points: [(at: Double, bytes: Double)], _ slope: Double
    ) -> Double {
        let rest = points.map { $0.bytes - slope * $0.at }
        let middle = median(rest)
        return 1.4826 * median(rest.map { abs($0 - middle) })
    }

    /// Neither a warm-up that comes to its end nor a few steps.
    private static func isSteady(
        _ points: [(at: Double, bytes: Double)], _ rise: Double
    ) -> Bool {
        let third = points.count / 3
        let first = median(points[..<third].map(\.bytes))
        let second = median(points[third..<(points.count - third)].map(\.bytes))
        let last = median(points[(points.count - third)...].map(\.bytes))
        let early = second - first
        let late = last - second
        guard early > 0, late > 0, late >= 0.5 * early, early >= 0.3 * (last - first) / 2,
            late >= 0.3 * (last - first) / 2
        else { return false }
        var longest = 0.0
        for (before, after) in zip(points, points.dropFirst()) {
            longest = max(longest, after.bytes - before.bytes)
        }
        return longest <= 0.45 * rise
    }

    private static func isNew(
        _ points: [(at: Double, bytes: Double)], _ highest: Int64
    ) -> Bool {
        highest < 0 || points[points.count - 1].bytes > Double(highest)
    }

    private static func median(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
