// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// The next occurrences of one scheduler, as a client sees them.
package struct ComingReport: Equatable, Sendable {
    package struct One: Equatable, Sendable {
        /// RFC 3339 with the zone's offset.
        package var at: String
        /// "CEST".
        package var zone: String
        /// When it is executed, delays that are known included.
        package var due: WallTime
        /// What a change of the clock does to it; nil for the ordinary.
        package var mark: String?
    }

    /// Whose they are.
    package var scheduler: String
    package var occurrences: [One]
    /// The fixed delay, which `due` includes; whole milliseconds.
    package var spread: Int64
    /// At most so much is added to each; whole milliseconds.
    package var jitter: Int64
    /// Why none of them is executed, or why there are none.
    package var obstacle: String?

    /// From the core's copy.
    package init(_ coming: ComingOccurrences) {
        scheduler = coming.scheduler.text
        occurrences = coming.occurrences.map {
            One(
                at: $0.occurrence.rfc3339, zone: $0.zone, due: $0.due,
                mark: $0.occurrence.mark.words)
        }
        spread = coming.spread.milliseconds
        jitter = coming.jitter.milliseconds
        obstacle = coming.obstacle
    }

    /// As the value of `key`, or as an element.
    package func write(_ key: StaticString? = nil, to buffer: inout [UInt8]) {
        buffer.beginObject(key)
        buffer.field("scheduler", scheduler)
        buffer.beginArray("occurrences")
        for one in occurrences {
            buffer.beginObject()
            buffer.field("at", one.at)
            buffer.field("zone", one.zone.shortened(toBytes: 80))
            buffer.field("due", one.due, fractionDigits: 3)
            buffer.field("mark", one.mark)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("spread", spread)
        buffer.field("jitter", jitter)
        buffer.field("obstacle", obstacle?.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        scheduler = try value.text("scheduler")
        occurrences = try value.list("occurrences") { (one) throws(JSONFault) in
            One(
                at: try one.text("at"), zone: try one.text("zone"), due: try one.time("due"),
                mark: try one.optionalText("mark"))
        }
        spread = try value.wholeNumber("spread")
        jitter = try value.wholeNumber("jitter")
        obstacle = try value.optionalText("obstacle")
    }
}
