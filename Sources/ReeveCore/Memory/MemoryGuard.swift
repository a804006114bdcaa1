// SPDX-License-Identifier: Apache-2.0
//
// The memory rule. Like a smoke detector with two heads: the threshold must be exceeded by several
// samples in a row, because a peak is no leak; the hard limit acts on one, because past it the machine
// is at stake. Sampling is slow far from the limits and quick near them.

/// What the samples of one run add up to.
struct MemoryGuard: Equatable, Sendable {
    /// What a sample leads to.
    enum Verdict: Equatable, Sendable {
        case below
        /// Above the threshold, but not often enough in a row.
        case above
        /// Above the threshold in as many samples as configured, or more.
        case exceeded(Bytes, limit: Bytes, samples: Int)
        case hardLimit(Bytes, limit: Bytes)
        /// The first sample below the threshold after `exceeded`.
        case recovered(Bytes, limit: Bytes)
        /// The first reading in a row that failed; and why.
        case unreadable(String)
    }

    /// The last reading that succeeded.
    private(set) var last: Bytes?
    private(set) var peak = Bytes.zero
    private var samplesAbove = 0
    private var samplesNear = 0
    private var isUnreadable = false

    /// Above the threshold, or above 80 % of it in as many samples in a row as the rule wants.
    func isPressing(_ settings: MemorySettings) -> Bool {
        samplesAbove > 0 || samplesNear >= settings.samples
    }

    mutating func sampled(_ reading: MemoryReading, _ settings: MemorySettings) -> Verdict {
        switch reading {
        case .unreadable(let why):
            last = nil
            defer { isUnreadable = true }
            return isUnreadable ? .below : .unreadable(why)
        case .resident(let bytes):
            isUnreadable = false
            last = bytes
            peak = max(peak, bytes)
            if let limit = settings.hardLimit, bytes > limit {
                return .hardLimit(bytes, limit: limit)
            }
            guard let limit = settings.threshold else { return .below }
            samplesNear = bytes > limit.percent(80) ? samplesNear + 1 : 0
            guard bytes > limit else {
                defer { samplesAbove = 0 }
                return samplesAbove >= settings.samples ? .recovered(bytes, limit: limit) : .below
            }
            samplesAbove += 1
            return samplesAbove >= settings.samples
                ? .exceeded(bytes, limit: limit, samples: samplesAbove) : .above
        }
    }

    /// The span to the next sample: a second near a limit or with a hard limit, else the interval.
    func interval(_ settings: MemorySettings, ordinary: Duration) -> Duration {
        let isNear = settings.threshold.map { (last ?? .zero) > $0.percent(80) } ?? false
        return isNear || settings.hardLimit != nil ? min(ordinary, .seconds(1)) : ordinary
    }
}
