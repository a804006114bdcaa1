// SPDX-License-Identifier: Apache-2.0
//
// The metrics of one scheduler, as JSON shows them: the `metrics` object of `reeve status NAME --json`, and an
// element of the answer to the operation `metrics`. Spans are whole milliseconds, sizes whole bytes, rates 0 to
// 1. What is not known is null.

package import ReeveCore

/// The metrics of one scheduler.
package struct MetricsReport: Equatable, Sendable {
    /// Executions that ended. Null rates where none did.
    package struct Executions: Equatable, Sendable {
        package var count: Int64
        package var failed: Int64
        package var successRate: Double?
        package var errorRate: Double?
    }

    /// Whole milliseconds.
    package struct Durations: Equatable, Sendable {
        package var mean: Int64
        package var p50: Int64
        package var p95: Int64
        package var p99: Int64
    }

    /// One count of several: of an exit code, a signal, an outcome, an action.
    package struct Count: Equatable, Sendable {
        /// "code 3", "SIGKILL", "not-started", "other"; an outcome's or an action's word.
        package var what: String
        /// Only of actions: what came of it.
        package var result: String?
        package var count: Int64
    }

    /// A run that is over.
    package struct Run: Equatable, Sendable {
        package var startedAt: WallTime
        /// Whole milliseconds.
        package var duration: Int64
        /// "succeeded", "failed", or "ended" where somebody willed it.
        package var outcome: String
        /// "code 3", "SIGKILL", "not-started".
        package var end: String
    }

    /// One point of the memory curve: whole seconds since the start of the run, and kB.
    package typealias Point = MemoryPoint

    /// How many runs took at most so many milliseconds.
    package struct Bucket: Equatable, Sendable {
        package var atMost: Int64
        package var count: Int64
    }

    /// Whose they are.
    package var name: String
    package var total: Executions
    package var recent: Executions
    /// Whole seconds that `recent` looks back.
    package var window: Int64
    package var durations: Durations?
    /// Whole milliseconds of all runs that succeeded or failed, how many they are, and by how long they
    /// took, each bucket with those before it. They only grow.
    package var durationSum: Int64
    package var durationCount: Int64
    package var durationBuckets: [Bucket]
    /// Since reeve was started.
    package var lastSuccess: WallTime?
    /// When the occurrence after that has to have succeeded.
    package var expectedBy: WallTime?
    package var memoryNow: Int64?
    /// nil where nothing was sampled.
    package var memoryPeakOfRun: Int64?
    package var memoryPeak: Int64?
    /// "unknown", "steady" or "growing".
    package var trend: String
    /// Bytes a minute; nil unless it grows.
    package var growthPerMinute: Int64?
    /// Whole seconds until the threshold is reached; nil where that cannot be told.
    package var thresholdIn: Int64?
    package var curve: [Point]
    package var restartCount: Int64
    package var restartsInWindow: Int64
    /// Whole seconds, 0 when down.
    package var uptime: Int64
    /// Whole milliseconds of the trees of all runs, those that are up included.
    package var processorTime: Int64
    /// The last few runs, oldest first.
    package var lastRuns: [Run]
    package var ends: [Count]
    package var outcomes: [Count]
    package var actions: [Count]

    /// Nothing has no memory: zero is what was never sampled.
    private static func seen(_ bytes: Bytes) -> Int64? { bytes > .zero ? bytes.count : nil }

    /// From the core's copy.
    package init(_ metrics: SchedulerMetrics) {
        name = metrics.name.text
        total = Executions(metrics.executions)
        recent = Executions(metrics.recent)
        window = metrics.window.seconds
        durations = metrics.durations.map {
            Durations(
                mean: $0.mean.milliseconds, p50: $0.p50.milliseconds, p95: $0.p95.milliseconds,
                p99: $0.p99.milliseconds)
        }
        durationSum = metrics.durationTotals.sum.milliseconds
        durationCount = Int64(clamping: metrics.durationTotals.count)
        durationBuckets = metrics.durationTotals.cumulative.map {
            Bucket(atMost: $0.atMost, count: Int64(clamping: $0.count))
        }
        lastSuccess = metrics.lastSuccess
        expectedBy = metrics.expectedBy
        memoryNow = metrics.memory?.count
        memoryPeakOfRun = MetricsReport.seen(metrics.memoryPeakOfRun)
        memoryPeak = MetricsReport.seen(metrics.memoryPeak)
        trend = metrics.growth != nil ? "growing" : metrics.isSteady ? "steady" : "unknown"
        growthPerMinute = metrics.growth?.perMinute.count
        thresholdIn = metrics.forecast?.seconds
        curve = metrics.memoryCurve
        restartCount = Int64(metrics.restartCount)
        restartsInWindow = Int64(metrics.restartsInWindow)
        uptime = metrics.uptime?.seconds ?? 0
        processorTime = metrics.processorTime.milliseconds
        lastRuns = metrics.lastRuns.map { run in
            Run(
                startedAt: run.startedAt, duration: run.duration.milliseconds,
                outcome: run.outcome.rawValue, end: run.end.words)
        }
        ends = metrics.ends.map { Count(what: $0.kind.words, count: Int64($0.count)) }
        if metrics.otherEnds > 0 {
            ends.append(Count(what: "other", count: Int64(metrics.otherEnds)))
        }
        outcomes = metrics.outcomes.map {
            Count(what: $0.outcome.rawValue, count: Int64($0.count))
        }
        actions = metrics.actions.map {
            Count(what: $0.action.rawValue, result: $0.result.rawValue, count: Int64($0.count))
        }
    }
}

extension MetricsReport {
    /// They are enough for a rate.
    package static func fourDecimals(_ rate: Double) -> Double {
        (rate * 10_000).rounded(.toNearestOrAwayFromZero) / 10_000
    }
}

extension MetricsReport.Executions {
    fileprivate init(_ executions: SchedulerMetrics.Executions) {
        count = Int64(clamping: executions.count)
        failed = Int64(clamping: executions.failed)
        errorRate = executions.errorRate.map(MetricsReport.fourDecimals)
        successRate = executions.errorRate.map { MetricsReport.fourDecimals(1 - $0) }
    }

    fileprivate func write(_ key: StaticString, to buffer: inout [UInt8]) {
        buffer.beginObject(key)
        buffer.field("count", count)
        buffer.field("failed", failed)
        buffer.rate("successRate", successRate)
        buffer.rate("errorRate", errorRate)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        count = try value.wholeNumber("count")
        failed = try value.wholeNumber("failed")
        successRate = try value.optionalNumber("successRate")
        errorRate = try value.optionalNumber("errorRate")
    }
}

extension EndKind {
    /// "code 3", "SIGKILL", "not-started".
    fileprivate var words: String {
        switch self {
        case .code(let code): "code \(code)"
        case .signal(let number):
            Signal(number: Int32(number)).map(\.description) ?? "signal \(number)"
        case .notStarted: "not-started"
        }
    }
}

// MARK: - JSON

extension [UInt8] {
    fileprivate mutating func rate(_ key: StaticString, _ rate: Double?) {
        guard let rate, rate.isFinite else { return nullField(key) }
        field(key, rate)
    }

    fileprivate mutating func counts(_ key: StaticString, _ counts: [MetricsReport.Count]) {
        beginArray(key)
        for count in counts { count.write(to: &self) }
        endArray()
    }
}

extension JSONValue {
    fileprivate func optionalNumber(_ key: StaticString) throws(JSONFault) -> Double? {
        try optional(key) { (value) throws(JSONFault) in
            guard let number = value.number else { throw value.fault(nil, expected: "a number") }
            return number
        }
    }

    func optionalWhole(_ key: StaticString) throws(JSONFault) -> Int64? {
        try optional(key) { (value) throws(JSONFault) in try value.requireWholeNumber() }
    }
}

extension MetricsReport.Count {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("what", what)
        if let result { buffer.field("result", result) }
        buffer.field("count", count)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        what = try value.text("what")
        result = value["result"] == nil ? nil : try value.optionalText("result")
        count = try value.wholeNumber("count")
    }
}

extension MetricsReport.Run {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("startedAt", startedAt, fractionDigits: 3)
        buffer.field("duration", duration)
        buffer.field("outcome", outcome)
        buffer.field("end", end)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        startedAt = try value.time("startedAt")
        duration = try value.wholeNumber("duration")
        outcome = try value.text("outcome")
        end = try value.text("end")
    }
}

extension [UInt8] {
    /// `[[0,1200],[30,1300]]`: seconds and kB.
    mutating func curve(_ key: StaticString, _ points: [MemoryPoint]) {
        beginArray(key)
        for point in points {
            beginArray()
            element(Int64(point.age))
            element(Int64(point.kilobytes))
            endArray()
        }
        endArray()
    }
}

extension JSONValue {
    func curve(_ key: StaticString) throws(JSONFault) -> [MemoryPoint] {
        try list(key) { (point) throws(JSONFault) in
            guard let age = point.element(0)?.wholeNumber,
                let kilobytes = point.element(1)?.wholeNumber
            else { throw point.fault(nil, expected: "two whole numbers") }
            return MemoryPoint(age: UInt32(clamping: age), kilobytes: UInt32(clamping: kilobytes))
        }
    }
}

extension MetricsReport {
    /// As the value of `key`, or as an element.
    package func write(_ key: StaticString? = nil, to buffer: inout [UInt8]) {
        buffer.beginObject(key)
        buffer.field("name", name)
        total.write("total", to: &buffer)
        recent.write("recent", to: &buffer)
        buffer.field("recentWindow", window)
        if let durations {
            buffer.beginObject("duration")
            buffer.field("mean", durations.mean)
            buffer.field("p50", durations.p50)
            buffer.field("p95", durations.p95)
            buffer.field("p99", durations.p99)
            buffer.endObject()
        } else {
            buffer.nullField("duration")
        }
        buffer.beginObject("durationTotals")
        buffer.field("sum", durationSum)
        buffer.field("count", durationCount)
        buffer.beginArray("buckets")
        for bucket in durationBuckets {
            buffer.beginArray()
            buffer.element(bucket.atMost)
            buffer.element(bucket.count)
            buffer.endArray()
        }
        buffer.endArray()
        buffer.endObject()
        buffer.field("lastSuccess", lastSuccess, fractionDigits: 3)
        buffer.field("expectedBy", expectedBy, fractionDigits: 3)
        buffer.beginObject("memory")
        buffer.field("now", memoryNow)
        buffer.field("peakOfRun", memoryPeakOfRun)
        buffer.field("peak", memoryPeak)
        buffer.field("trend", trend)
        buffer.field("growthPerMinute", growthPerMinute)
        buffer.field("thresholdIn", thresholdIn)
        buffer.curve("curve", curve)
        buffer.endObject()
        buffer.field("restartCount", restartCount)
        buffer.field("restartsInWindow", restartsInWindow)
        buffer.field("uptime", uptime)
        buffer.field("processorTime", processorTime)
        buffer.beginArray("lastRuns")
        for run in lastRuns { run.write(to: &buffer) }
        buffer.endArray()
        buffer.counts("ends", ends)
        buffer.counts("outcomes", outcomes)
        buffer.counts("recoveryActions", actions)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        name = try value.text("name")
        total = try value.object("total", Executions.init(reading:))
        recent = try value.object("recent", Executions.init(reading:))
        window = try value.wholeNumber("recentWindow")
        durations = try value.optional("duration") { (value) throws(JSONFault) in
            Durations(
                mean: try value.wholeNumber("mean"), p50: try value.wholeNumber("p50"),
                p95: try value.wholeNumber("p95"), p99: try value.wholeNumber("p99"))
        }
        let totals = try value.member("durationTotals")
        durationSum = try totals.wholeNumber("sum")
        durationCount = try totals.wholeNumber("count")
        durationBuckets = try totals.list("buckets") { (bucket) throws(JSONFault) in
            guard let atMost = bucket.element(0)?.wholeNumber,
                let count = bucket.element(1)?.wholeNumber
            else { throw bucket.fault(nil, expected: "two whole numbers") }
            return Bucket(atMost: atMost, count: count)
        }
        lastSuccess = try value.optionalTime("lastSuccess")
        expectedBy = try value.optionalTime("expectedBy")
        let memory = try value.member("memory")
        memoryNow = try memory.optionalWhole("now")
        memoryPeakOfRun = try memory.optionalWhole("peakOfRun")
        memoryPeak = try memory.optionalWhole("peak")
        trend = try memory.text("trend")
        growthPerMinute = try memory.optionalWhole("growthPerMinute")
        thresholdIn = try memory.optionalWhole("thresholdIn")
        curve = try memory.curve("curve")
        restartCount = try value.wholeNumber("restartCount")
        restartsInWindow = try value.wholeNumber("restartsInWindow")
        uptime = try value.wholeNumber("uptime")
        processorTime = try value.wholeNumber("processorTime")
        // An older supervisor does not tell.
        lastRuns =
            value["lastRuns"] == nil ? [] : try value.list("lastRuns", Run.init(reading:))
        ends = try value.list("ends", Count.init(reading:))
        outcomes = try value.list("outcomes", Count.init(reading:))
        actions = try value.list("recoveryActions", Count.init(reading:))
    }
}
