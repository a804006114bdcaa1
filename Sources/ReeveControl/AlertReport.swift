// SPDX-License-Identifier: Apache-2.0
//
// An alert as JSON shows it: on the control socket, in `reeve alerts --json`, and in what the command of
// `[alerts] exec` reads from its stdin.

package import ReeveCore

/// What is told of one alert. Words of a newer supervisor stay as they are.
package struct AlertReport: Equatable, Sendable {
    /// The same in all that is told of one alert by one supervisor.
    package var number: Int64
    /// "error-rate", "memory-leak", "frequent-restarts", "dependency-failure", "timeouts".
    package var kind: String
    /// "began", "continues" or "ended".
    package var phase: String
    /// Whom it is about; of "dependency-failure" the dependency.
    package var scheduler: String
    /// Who suffers from a dependency's failure: the first 16.
    package var affected: [String]
    package var affectedCount: Int64
    package var since: WallTime
    package var at: WallTime
    /// The cause, or why it is over; a sentence without a full stop.
    package var message: String

    /// From the core's copy.
    package init(_ alert: Alert) {
        number = Int64(clamping: alert.number)
        kind = alert.kind.rawValue
        phase = alert.phase.rawValue
        scheduler = alert.scheduler.text
        affected = alert.affected.map(\.text)
        affectedCount = Int64(alert.affectedCount)
        since = alert.since
        at = alert.at
        message = alert.words
    }

    /// As the value of `key`, or as an element.
    package func write(_ key: StaticString? = nil, to buffer: inout [UInt8]) {
        buffer.beginObject(key)
        buffer.field("number", number)
        buffer.field("kind", kind)
        buffer.field("phase", phase)
        buffer.field("scheduler", scheduler)
        buffer.beginArray("affected")
        for name in affected { buffer.element(name) }
        buffer.endArray()
        buffer.field("affectedCount", affectedCount)
        buffer.field("since", since, fractionDigits: 3)
        buffer.field("at", at, fractionDigits: 3)
        buffer.field("message", message.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        number = try value.wholeNumber("number")
        kind = try value.text("kind")
        phase = try value.text("phase")
        scheduler = try value.text("scheduler")
        affected = try value.list("affected") { (name) throws(JSONFault) in try name.requireText() }
        affectedCount = try value.wholeNumber("affectedCount")
        since = try value.time("since")
        at = try value.time("at")
        message = try value.text("message")
    }
}

/// What the command of `[alerts] exec` reads from its stdin: one object and a newline.
package enum AlertDocument {
    /// `{"version":1,"host":"…","alerts":[…]}`; at most 64 alerts.
    package static func write(_ alerts: [Alert], host: String, to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("version", 1)
        buffer.field("host", host)
        buffer.beginArray("alerts")
        for alert in alerts { AlertReport(alert).write(to: &buffer) }
        buffer.endArray()
        buffer.endObject()
        buffer.endLine()
    }
}
