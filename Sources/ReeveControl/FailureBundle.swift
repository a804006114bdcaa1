// SPDX-License-Identifier: Apache-2.0
//
// What is kept of a failed run, as JSON: on the control socket, in the state directory and from `reeve why
// --json`. The lines of the run's log stand beside it, one by one, since all of them do not fit one line
// of the protocol.

package import ReeveCore

/// One failed run, without its log.
package struct FailureBundle: Equatable, Sendable {
    package typealias Limit = FailureReport.Limit

    /// Whose run, and which.
    package var scheduler: String
    package var runID: String
    /// From 1.
    package var attempt: Int64
    /// The nominal instant of a scheduled one.
    package var occurrence: WallTime?
    /// Why the run was started.
    package var reason: String
    package var startedAt: WallTime
    package var endedAt: WallTime
    /// Whole milliseconds.
    package var duration: Int64
    package var code: Int32?
    package var signal: String?
    package var coreDumped: Bool
    /// After "it": "failed with exit code 3".
    package var meaning: String
    /// What that says, in plain words; a sentence without a full stop.
    package var reading: String
    /// Why reeve ended it; nil where it did not.
    package var stop: String?
    package var consecutiveFailures: Int64
    /// Bytes.
    package var memoryPeak: Int64
    package var curve: [MemoryPoint]
    /// The last answers of its health check, oldest first.
    package var checks: [ChecksReport.Result]
    package var limits: [Limit]
    /// Lines of the log that are kept, and why there are none or some are missing; nil where all are there.
    package var logLines: Int64
    package var logNote: String?

    /// From what the core told, and what the shell knows besides.
    package init(_ report: FailureReport, reading: String, logLines: Int, logNote: String?) {
        scheduler = report.scheduler.text
        runID = report.run.description
        attempt = Int64(report.attempt)
        occurrence = report.occurrence
        reason = report.reason
        startedAt = report.startedAt
        endedAt = report.endedAt
        duration = report.ran.milliseconds
        coreDumped = false
        switch report.status {
        case .exited(let code)?: self.code = code
        case .signalled(let signal, let coreDumped)?:
            self.signal = signal.description
            self.coreDumped = coreDumped
        case nil: break
        }
        meaning = report.meaning
        self.reading = reading
        stop = report.stop
        consecutiveFailures = Int64(report.consecutiveFailures)
        memoryPeak = report.memoryPeak.count
        curve = report.memoryCurve
        checks = report.checks.map(ChecksReport.Result.init)
        limits = report.limits
        self.logLines = Int64(logLines)
        self.logNote = logNote
    }

    /// As the value of `key`, or as an element, with its log where one is given. Without it at most some
    /// 12 kB.
    package func write(
        _ key: StaticString? = nil, log: [OutputReport]? = nil, to buffer: inout [UInt8]
    ) {
        buffer.beginObject(key)
        buffer.field("scheduler", scheduler)
        buffer.field("runId", runID)
        buffer.field("attempt", attempt)
        buffer.field("occurrence", occurrence, fractionDigits: 3)
        buffer.field("startReason", reason.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.field("startedAt", startedAt, fractionDigits: 3)
        buffer.field("endedAt", endedAt, fractionDigits: 3)
        buffer.field("duration", duration)
        buffer.field("code", code.map(Int64.init))
        buffer.field("signal", signal)
        buffer.field("coreDumped", coreDumped)
        buffer.field("meaning", meaning.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.field("reading", reading.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.field("stopReason", stop?.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.field("consecutiveFailures", consecutiveFailures)
        buffer.field("memoryPeak", memoryPeak)
        buffer.curve("memoryCurve", curve)
        buffer.beginArray("healthChecks")
        for check in checks { check.write(to: &buffer) }
        buffer.endArray()
        buffer.beginArray("limits")
        for limit in limits {
            buffer.beginObject()
            buffer.field("key", limit.key)
            buffer.field("value", limit.value)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("logLines", logLines)
        buffer.field("logNote", logNote)
        if let log {
            buffer.beginArray("log")
            for line in log { line.write(to: &buffer) }
            buffer.endArray()
        }
        buffer.endObject()
    }

    /// Reads what `write` wrote, as it is kept in a file; nil for anything else.
    package init?(json bytes: some Collection<UInt8>) {
        // What cannot be read was cut, or is of another version: it is passed over.
        guard let document = try? JSONDocument(bytes, allowsNUL: true),
            let bundle = try? FailureBundle(reading: document.root)
        else { return nil }
        self = bundle
    }

    init(reading value: JSONValue) throws(JSONFault) {
        scheduler = try value.text("scheduler")
        runID = try value.text("runId")
        attempt = try value.wholeNumber("attempt")
        occurrence = try value.optionalTime("occurrence")
        reason = try value.text("startReason")
        startedAt = try value.time("startedAt")
        endedAt = try value.time("endedAt")
        duration = try value.wholeNumber("duration")
        code = try value.optionalWhole("code").flatMap { Int32(exactly: $0) }
        signal = try value.optionalText("signal")
        coreDumped = try value.truth("coreDumped")
        meaning = try value.text("meaning")
        self.reading = try value.text("reading")
        stop = try value.optionalText("stopReason")
        consecutiveFailures = try value.wholeNumber("consecutiveFailures")
        memoryPeak = try value.wholeNumber("memoryPeak")
        curve = try value.curve("memoryCurve")
        // An older reeve kept none.
        checks =
            value["healthChecks"] == nil
            ? [] : try value.list("healthChecks", ChecksReport.Result.init(reading:))
        limits = try value.list("limits") { (limit) throws(JSONFault) in
            Limit(key: try limit.text("key"), value: try limit.text("value"))
        }
        logLines = try value.wholeNumber("logLines")
        logNote = try value.optionalText("logNote")
    }
}
