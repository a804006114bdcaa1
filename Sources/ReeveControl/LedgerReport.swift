// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// One entry of the ledger, as a client sees it. Words of a newer supervisor stay as they are.
package struct LedgerReport: Equatable, Sendable {
    /// "started" or "ended".
    package var kind: String
    /// Whose occurrence.
    package var scheduler: String
    /// What made it due: "schedule", "manual", "start", "boot".
    package var trigger: String
    /// The nominal instant.
    package var occurrence: WallTime
    /// The last of several that share an outcome; else equal to `occurrence`.
    package var through: WallTime
    /// How many occurrences it stands for; at least 1.
    package var count: Int64
    /// When it was decided.
    package var at: WallTime
    /// Only of what ended.
    package var outcome: String?
    /// Only of what ended; a sentence without a full stop.
    package var reason: String?
    /// The run, or the last of several attempts; nil where none was made.
    package var run: String?
    /// Only of what started: from 1.
    package var attempt: Int64?

    /// An entry of this version.
    package init(_ entry: LedgerEntry) {
        scheduler = entry.scheduler.text
        switch entry.trigger {
        case .schedule: trigger = "schedule"
        case .manual: trigger = "manual"
        case .start: trigger = "start"
        case .boot: trigger = "boot"
        }
        occurrence = entry.occurrence
        through = entry.through
        count = Int64(entry.count)
        at = entry.at
        switch entry.event {
        case .started(let run, let attempt):
            kind = "started"
            self.run = run.description
            self.attempt = Int64(attempt)
        case .ended(let outcome, let reason, let run):
            kind = "ended"
            self.outcome = outcome.rawValue
            self.reason = reason
            self.run = run?.description
        }
    }

    /// As the value of `key`, or as an element.
    package func write(_ key: StaticString? = nil, to buffer: inout [UInt8]) {
        buffer.beginObject(key)
        buffer.field("kind", kind)
        buffer.field("scheduler", scheduler)
        buffer.field("trigger", trigger)
        buffer.field("occurrence", occurrence, fractionDigits: 9)
        buffer.field("through", through, fractionDigits: 9)
        buffer.field("count", count)
        buffer.field("at", at, fractionDigits: 9)
        buffer.field("outcome", outcome)
        buffer.field("reason", reason?.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.field("runId", run)
        buffer.field("attempt", attempt)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        kind = try value.text("kind")
        scheduler = try value.text("scheduler")
        trigger = try value.text("trigger")
        occurrence = try value.time("occurrence")
        through = try value.time("through")
        count = try value.wholeNumber("count")
        at = try value.time("at")
        outcome = try value.optionalText("outcome")
        reason = try value.optionalText("reason")
        run = try value.optionalText("runId")
        attempt = try value.optional("attempt") { (value) throws(JSONFault) in
            try value.requireWholeNumber()
        }
    }
}
