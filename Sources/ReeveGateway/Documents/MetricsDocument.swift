// SPDX-License-Identifier: Apache-2.0
//
// The body of `/api/metrics`. Rates are 0 to 1, spans whole milliseconds, sizes whole bytes.

internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The body of `/api/metrics`.
struct MetricsDocument: Codable, Equatable, Sendable {
    /// All schedulers together.
    struct Overall: Codable, Equatable, Sendable {
        var executions: Int64
        var failures: Int64
        @Nullable package var executionSuccessRate: Double?
        @Nullable package var errorRate: Double?
        var restartCount: Int64
        var restartFrequency: Int64
        /// The sum of what is known.
        var memoryBytes: Int64
        /// Whole milliseconds of the trees of all runs.
        var processorTime: Int64

        init(_ metrics: [MetricsReport]) {
            // The counts are those of one machine: their sums are far from the end of 64 bits.
            executions = metrics.reduce(0) { $0.saturatingAdd($1.total.count) }
            failures = metrics.reduce(0) { $0.saturatingAdd($1.total.failed) }
            let rate = executions > 0 ? Double(failures) / Double(executions) : nil
            errorRate = rate.map(MetricsReport.fourDecimals)
            executionSuccessRate = rate.map { MetricsReport.fourDecimals(1 - $0) }
            restartCount = metrics.reduce(0) { $0.saturatingAdd($1.restartCount) }
            restartFrequency = metrics.reduce(0) { $0.saturatingAdd($1.restartsInWindow) }
            memoryBytes = metrics.reduce(0) { $0.saturatingAdd($1.memoryNow ?? 0) }
            processorTime = metrics.reduce(0) { $0.saturatingAdd($1.processorTime) }
        }
    }

    /// One scheduler.
    struct Scheduler: Codable, Equatable, Sendable {
        struct Recent: Codable, Equatable, Sendable {
            /// Whole seconds that it looks back.
            var window: Int64
            var executions: Int64
            var failures: Int64
            @Nullable package var executionSuccessRate: Double?
            @Nullable package var errorRate: Double?
        }

        struct Durations: Codable, Equatable, Sendable {
            var mean: Int64
            var p50: Int64
            var p95: Int64
            var p99: Int64
        }

        struct Memory: Codable, Equatable, Sendable {
            @Nullable package var now: Int64?
            @Nullable package var peakOfRun: Int64?
            @Nullable package var peak: Int64?
            @Nullable package var growthPerMinute: Int64?
            @Nullable package var thresholdIn: Int64?
        }

        var name: String
        var executions: Int64
        var failures: Int64
        @Nullable package var executionSuccessRate: Double?
        @Nullable package var errorRate: Double?
        /// The mean of runs that succeeded or failed.
        @Nullable package var averageExecutionTime: Int64?
        @Nullable package var executionTime: Durations?
        /// Since reeve was started.
        @Nullable var lastSuccess: String?
        /// When the occurrence after that has to have succeeded.
        @Nullable var expectedBy: String?
        /// "steady", "growing" or "unknown".
        var memoryUsageTrend: String
        var memory: Memory
        var recent: Recent
        var restartCount: Int64
        /// Automatic restarts within `restart-window`.
        var restartFrequency: Int64
        var uptime: Int64
        var processorTime: Int64
        /// How often runs ended so: "code 0", "SIGKILL", "not-started", "other".
        var ends: [String: Int64]
        /// Occurrences of a scheduled one by their outcome.
        var outcomes: [String: Int64]
        /// Actions of recovery by what they were and what came of them: "restart done".
        var recoveryActions: [String: Int64]

        init(_ metrics: MetricsReport) {
            name = metrics.name
            executions = metrics.total.count
            failures = metrics.total.failed
            executionSuccessRate = metrics.total.successRate
            errorRate = metrics.total.errorRate
            averageExecutionTime = metrics.durations?.mean
            executionTime = metrics.durations.map {
                Durations(mean: $0.mean, p50: $0.p50, p95: $0.p95, p99: $0.p99)
            }
            lastSuccess = metrics.lastSuccess?.rfc3339(fractionDigits: 3)
            expectedBy = metrics.expectedBy?.rfc3339(fractionDigits: 3)
            memoryUsageTrend = metrics.trend
            memory = Memory(
                now: metrics.memoryNow, peakOfRun: metrics.memoryPeakOfRun,
                peak: metrics.memoryPeak, growthPerMinute: metrics.growthPerMinute,
                thresholdIn: metrics.thresholdIn)
            recent = Recent(
                window: metrics.window, executions: metrics.recent.count,
                failures: metrics.recent.failed,
                executionSuccessRate: metrics.recent.successRate,
                errorRate: metrics.recent.errorRate)
            restartCount = metrics.restartCount
            restartFrequency = metrics.restartsInWindow
            uptime = metrics.uptime
            processorTime = metrics.processorTime
            ends = Self.counts(metrics.ends)
            outcomes = Self.counts(metrics.outcomes)
            recoveryActions = Self.counts(metrics.actions)
        }

        private static func counts(_ counts: [MetricsReport.Count]) -> [String: Int64] {
            counts.reduce(into: [:]) { sums, one in
                let key = one.result.map { "\(one.what) \($0)" } ?? one.what
                sums[key, default: 0] = sums[key, default: 0].saturatingAdd(one.count)
            }
        }
    }

    var overall: Overall
    var schedulers: [Scheduler]
    var supervisor: UsageDocument
    var gateway: UsageDocument
    var timestamp: String

    init(
        _ answer: StatusAnswer, _ metrics: [MetricsReport], _ usage: UsageReport,
        _ figures: GatewayFigures
    ) {
        // Without a memory rule nothing is sampled; the status tells what was read for it.
        let memory = Dictionary(
            answer.schedulers.map { ($0.name, $0.memoryBytes) },
            uniquingKeysWith: { first, _ in first })
        let current = metrics.map { one in
            var one = one
            one.memoryNow = memory[one.name] ?? one.memoryNow
            return one
        }
        overall = Overall(current)
        schedulers = current.map(Scheduler.init)
        supervisor = UsageDocument(usage)
        gateway = UsageDocument(own: figures)
        timestamp = answer.overview.at.rfc3339(fractionDigits: 0)
    }
}

/// What one of reeve's own processes takes.
struct UsageDocument: Codable, Equatable, Sendable {
    @Nullable package var memoryBytes: Int64?
    /// Whole milliseconds.
    var processorTime: Int64
    @Nullable package var openDescriptors: Int64?
    /// Connections of clients.
    var clients: Int64

    init(_ usage: UsageReport) {
        memoryBytes = usage.memoryBytes
        processorTime = usage.processorTime
        openDescriptors = usage.descriptors
        clients = usage.clients
    }

    init(own figures: GatewayFigures) {
        let usage = ProcessUsage.own()
        self.init(
            UsageReport(
                memory: usage.resident, processorTime: usage.processorTime,
                descriptors: usage.descriptors, clients: figures.connections))
    }
}
