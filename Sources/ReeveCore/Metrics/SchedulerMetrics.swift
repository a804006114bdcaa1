// SPDX-License-Identifier: Apache-2.0

/// The metrics of one scheduler, as they are shown: a copy, made when asked for.
package struct SchedulerMetrics: Equatable, Sendable {
    /// Executions and their outcome: within a window, or since the scheduler is configured.
    package struct Executions: Equatable, Sendable {
        package var succeeded: UInt64
        package var failed: UInt64

        package init(succeeded: UInt64, failed: UInt64) {
            self.succeeded = succeeded
            self.failed = failed
        }

        /// All that ended. Ends that somebody willed count nowhere.
        package var count: UInt64 { succeeded &+ failed }
        /// 0 to 1; nil where none ended.
        package var errorRate: Double? {
            count == 0 ? nil : Double(failed) / Double(count)
        }
    }

    /// How long runs took that succeeded or failed. Quantiles are within 3.2 %.
    package struct Durations: Equatable, Sendable {
        package var mean: Duration
        package var p50: Duration
        package var p95: Duration
        package var p99: Duration
    }

    /// Counts and their sum, which only grow.
    package struct DurationTotals: Equatable, Sendable {
        /// Of all spans.
        package var sum: Duration
        /// How many spans are at most so many milliseconds long, rising in both.
        package var cumulative: [(atMost: Int64, count: UInt64)]
        /// All spans.
        package var count: UInt64

        package static func == (left: DurationTotals, right: DurationTotals) -> Bool {
            left.sum == right.sum && left.count == right.count
                && left.cumulative.elementsEqual(right.cumulative, by: ==)
        }
    }

    /// How often runs ended so.
    package struct EndCount: Equatable, Sendable {
        package var kind: EndKind
        package var count: Int
    }

    /// How many occurrences had this outcome.
    package struct OutcomeCount: Equatable, Sendable {
        package var outcome: LedgerEntry.Outcome
        package var count: Int
    }

    /// How often an action of recovery had this result.
    package struct ActionCount: Equatable, Sendable {
        package var action: RecoveryAction.Kind
        package var result: RecoveryAction.Result
        package var count: Int
    }

    /// Whose they are.
    package var name: SchedulerName
    package var executions: Executions
    package var recent: Executions
    /// How far back `recent` looks.
    package var window: Duration
    /// nil until a run has succeeded or failed.
    package var durations: Durations?
    /// Runs that succeeded or failed, by how long they took: none is ever taken away.
    package var durationTotals: DurationTotals
    /// When an execution last succeeded, since reeve was started.
    package var lastSuccess: WallTime?
    /// A scheduled one: when the occurrence after that has to have succeeded, its `timeout` included.
    package var expectedBy: WallTime?
    /// The last sample of the current run; nil where there is none.
    package var memory: Bytes?
    /// Of the current or last run.
    package var memoryPeakOfRun: Bytes
    /// Of all runs.
    package var memoryPeak: Bytes
    /// nil: nothing is known yet; steady is a growth of zero.
    package var growth: LeakTrend?
    package var isSteady: Bool
    /// Until the threshold is reached, where memory grows and there is one.
    package var forecast: Duration?
    /// Of the current or last run, at most 60 points.
    package var memoryCurve: [MemoryPoint]
    package var restartCount: Int
    package var restartsInWindow: Int
    package var uptime: Duration?
    /// Of the trees of runs that ended; whoever shows it adds what runs.
    package var processorTime: Duration
    /// The last few runs, oldest first.
    package var lastRuns: [PastRun]
    /// In the order in which they were first seen.
    package var ends: [EndCount]
    /// Ends of kinds beyond the first sixteen.
    package var otherEnds: Int
    package var outcomes: [OutcomeCount]
    package var actions: [ActionCount]
}

extension Supervisor {
    /// The metrics of one scheduler; nil for an id out of range, and for an empty place of the table.
    package func metrics(of id: SchedulerID, at now: Moment) -> SchedulerMetrics? {
        guard let status = status(of: id, at: now) else { return nil }
        let scheduler = schedulers[id.index]
        let metrics = scheduler.metrics
        let recent = metrics.window.counts(at: now.monotonic)
        var trend: LeakTrend?
        if case .leak(let found)? = metrics.leak?.finding { trend = found }
        return SchedulerMetrics(
            name: status.name,
            executions: .init(succeeded: metrics.succeeded, failed: metrics.failed),
            recent: .init(
                succeeded: UInt64(clamping: recent.succeeded),
                failed: UInt64(clamping: recent.failed)),
            window: scheduler.alertSettings.errorRateWindow, durations: metrics.shownDurations,
            durationTotals: metrics.durationTotals, lastSuccess: metrics.lastSuccess,
            expectedBy: metrics.expectedBy,
            memory: status.memory,
            memoryPeakOfRun: Bytes(
                Int64(metrics.memory.points.map(\.kilobytes).max() ?? 0) * 1_000),
            memoryPeak: metrics.memoryPeak, growth: trend,
            isSteady: metrics.leak?.finding == .steady,
            forecast: trend?.forecast(to: status.memoryThreshold),
            memoryCurve: metrics.memory.points, restartCount: status.restartCount,
            restartsInWindow: status.restartsInWindow, uptime: status.uptime,
            processorTime: metrics.processorTime, lastRuns: metrics.lastRuns,
            ends: metrics.ends.map { .init(kind: $0.kind, count: Int($0.count)) },
            otherEnds: Int(metrics.otherEnds),
            outcomes: metrics.outcomeCounts.map { .init(outcome: $0.outcome, count: $0.count) },
            actions: metrics.actionCounts.map {
                .init(action: $0.action, result: $0.result, count: $0.count)
            })
    }
}

extension Metrics {
    var durationTotals: SchedulerMetrics.DurationTotals {
        var count: UInt64 = 0
        var cumulative: [(atMost: Int64, count: UInt64)] = []
        for (index, bound) in Metrics.durationBounds.enumerated() {
            if index < durationCounts.count { count &+= UInt64(durationCounts[index]) }
            cumulative.append((bound, count))
        }
        return .init(
            sum: durationSum, cumulative: cumulative,
            count: count &+ UInt64(durationCounts.last ?? 0))
    }

    fileprivate var shownDurations: SchedulerMetrics.Durations? {
        guard durationCount > 0, let p50 = durations.quantile(500),
            let p95 = durations.quantile(950), let p99 = durations.quantile(990)
        else { return nil }
        let mean = Duration(nanoseconds: durationSum.nanoseconds / Int64(clamping: durationCount))
        return .init(mean: mean, p50: p50, p95: p95, p99: p99)
    }
}
