// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// The health check of one scheduler, as JSON shows it.
package struct ChecksReport: Equatable, Sendable {
    /// One answer.
    package struct Result: Equatable, Sendable {
        /// When it was asked.
        package var at: WallTime
        /// Whole milliseconds, rounded towards zero.
        package var duration: Int64
        /// nil where it could not be asked.
        package var passed: Bool?
        /// What was seen.
        package var words: String
    }

    /// What the checks of the current run add up to; of the last one, where none is up.
    package var state: CheckState
    package var failuresInRow: Int
    /// When the next one is due; null while one is on its way, or nothing is checked.
    package var next: WallTime?
    /// The last few, oldest first.
    package var results: [Result]

    init(_ status: SchedulerStatus.CheckStatus) {
        state = status.state
        failuresInRow = status.failuresInRow
        next = status.next
        results = status.results.map(Result.init)
    }

    /// Appends the member `healthChecks`.
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("healthChecks")
        buffer.field("state", state.rawValue)
        buffer.field("failuresInRow", failuresInRow)
        buffer.field("next", next, fractionDigits: 3)
        buffer.beginArray("results")
        for result in results { result.write(to: &buffer) }
        buffer.endArray()
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        state = try value.word("state", as: CheckState.self)
        failuresInRow = try value.wholeNumber("failuresInRow", as: Int.self)
        next = try value.optionalTime("next")
        results = try value.list("results", Result.init(reading:))
    }
}

extension ChecksReport.Result {
    init(_ result: CheckResult) {
        at = result.at
        duration = result.duration.milliseconds
        if case .unasked = result.outcome {
            passed = nil
        } else {
            passed = result.outcome.isPassed
        }
        words = result.outcome.words
    }

    func write(to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("at", at, fractionDigits: 3)
        buffer.field("duration", duration)
        buffer.field("passed", passed)
        buffer.field("words", words.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        at = try value.time("at")
        duration = try value.wholeNumber("duration")
        passed = try value.optionalTruth("passed")
        words = try value.text("words")
    }
}
