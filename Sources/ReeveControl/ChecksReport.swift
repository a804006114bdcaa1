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
        package var passed: Bool
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
        results = status.results.map {
            Result(
                at: $0.at, duration: $0.duration.milliseconds, passed: $0.outcome.isPassed,
                words: $0.outcome.words)
        }
    }

    /// Appends the member `healthChecks`.
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("healthChecks")
        buffer.field("state", state.rawValue)
        buffer.field("failuresInRow", failuresInRow)
        buffer.field("next", next, fractionDigits: 3)
        buffer.beginArray("results")
        for result in results {
            buffer.beginObject()
            buffer.field("at", result.at, fractionDigits: 3)
            buffer.field("duration", result.duration)
            buffer.field("passed", result.passed)
            buffer.field("words", result.words.shortened(toBytes: ControlLimits.messageBytesMax))
            buffer.endObject()
        }
        buffer.endArray()
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        state = try value.word("state", as: CheckState.self)
        failuresInRow = try value.wholeNumber("failuresInRow", as: Int.self)
        next = try value.optionalTime("next")
        results = try value.list("results") { (result) throws(JSONFault) in
            Result(
                at: try result.time("at"), duration: try result.wholeNumber("duration"),
                passed: try result.truth("passed"), words: try result.text("words"))
        }
    }
}
