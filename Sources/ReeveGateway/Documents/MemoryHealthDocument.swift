// SPDX-License-Identifier: Apache-2.0
//
// The body of `/api/memory/health`. Sizes are whole bytes, but those with the names of the document reeve was
// made from: whole MB (10^6).

internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The body of `/api/memory/health`.
struct MemoryHealthDocument: Codable, Equatable, Sendable {
    /// One scheduler.
    struct Scheduler: Codable, Equatable, Sendable {
        var name: String
        /// "unhealthy" above the threshold, "degraded" above 80 % of it or while memory grows and grows,
        /// "stopped" where nothing runs, else "healthy".
        var status: String
        /// MB.
        @Nullable package var memoryUsage: Int64?
        /// MB.
        @Nullable package var memoryThreshold: Int64?
        @Nullable package var memoryBytes: Int64?
        @Nullable package var memoryThresholdBytes: Int64?
        @Nullable package var memoryPeakBytes: Int64?
        /// "steady", "growing" or "unknown".
        var memoryUsageTrend: String
        /// Bytes a minute.
        @Nullable package var growthPerMinute: Int64?
        /// Whole seconds until the threshold is reached.
        @Nullable package var thresholdIn: Int64?
    }

    /// The worst of all schedulers.
    var status: String
    /// The sum of what is known of all schedulers.
    var totalMemoryBytes: Int64
    var schedulers: [Scheduler]
    var supervisor: UsageDocument
    var gateway: UsageDocument
    var timestamp: String

    init(
        _ answer: StatusAnswer, _ metrics: [MetricsReport], _ usage: UsageReport,
        _ figures: GatewayFigures
    ) {
        let byName = Dictionary(metrics.map { ($0.name, $0) }) { first, _ in first }
        schedulers = answer.schedulers.map { Scheduler($0, byName[$0.name]) }
        totalMemoryBytes = schedulers.reduce(0) { $0.saturatingAdd($1.memoryBytes ?? 0) }
        let seen = Set(schedulers.map(\.status))
        let worst = [Health.unhealthy, .degraded].first { seen.contains($0.rawValue) }
        status = (worst ?? .healthy).rawValue
        supervisor = UsageDocument(usage)
        gateway = UsageDocument(own: figures)
        timestamp = answer.overview.at.rfc3339(fractionDigits: 0)
    }
}

extension MemoryHealthDocument.Scheduler {
    init(_ report: SchedulerReport, _ metrics: MetricsReport?) {
        name = report.name
        memoryUsage = report.memoryUsage
        memoryBytes = report.memoryBytes
        memoryThresholdBytes = report.memoryThreshold
        memoryThreshold = report.memoryThreshold.map { $0 / 1_000_000 }
        memoryPeakBytes = metrics?.memoryPeak
        memoryUsageTrend = metrics?.trend ?? "unknown"
        growthPerMinute = metrics?.growthPerMinute
        thresholdIn = metrics?.thresholdIn
        status = Self.health(report, trend: memoryUsageTrend).rawValue
    }

    private static func health(_ report: SchedulerReport, trend: String) -> Health {
        guard let bytes = report.memoryBytes else { return report.pid == nil ? .stopped : .healthy }
        if let threshold = report.memoryThreshold, threshold > 0 {
            if bytes > threshold { return .unhealthy }
            if Double(bytes) > 0.8 * Double(threshold) { return .degraded }
        }
        return trend == "growing" ? .degraded : .healthy
    }
}
