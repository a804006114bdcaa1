// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// A part of reeve itself that is supervised, as the head of the status shows it.
package struct ComponentReport: Equatable, Sendable {
    /// "gateway", "scribe".
    package var name: String
    package var status: Health
    package var reason: String
    package var pid: Int32?
    /// Whole seconds of the current run, 0 when down.
    package var uptime: Int64
    package var restartCount: Int
    package var memoryBytes: Int64?

    package init(
        name: String, status: Health, reason: String, pid: Int32?, uptime: Int64, restartCount: Int,
        memoryBytes: Int64?
    ) {
        self.name = name
        self.status = status
        self.reason = reason
        self.pid = pid
        self.uptime = uptime
        self.restartCount = restartCount
        self.memoryBytes = memoryBytes
    }

    /// From the core's copy.
    package init(_ status: SchedulerStatus) {
        name = status.name.text
        self.status = status.health
        reason = status.reason
        pid = status.pid?.number
        uptime = status.uptime?.seconds ?? 0
        restartCount = status.restartCount
        memoryBytes = status.memory?.count
    }

    /// Appends the object, as an element.
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("name", name)
        buffer.field("status", status.rawValue)
        buffer.field("reason", reason.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.field("pid", pid.map(Int64.init))
        buffer.field("uptime", uptime)
        buffer.field("restartCount", restartCount)
        buffer.field("memoryBytes", memoryBytes)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        name = try value.text("name")
        status = try value.word("status", as: Health.self)
        reason = try value.text("reason")
        pid = try value.optional("pid", JSONValue.narrowInteger)
        uptime = try value.wholeNumber("uptime")
        restartCount = try value.wholeNumber("restartCount", as: Int.self)
        memoryBytes = try value.optional("memoryBytes", JSONValue.integer)
    }
}
