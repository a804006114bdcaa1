// SPDX-License-Identifier: Apache-2.0
//
// What the lines of the socket say, as values: made by the supervisor from the core's copies, read by
// clients, written again by `reeve status --json`. Each is written and read in one file, so that the
// two cannot drift apart: schedulers in `SchedulerReport`, the head in `Overview`, the rest in
// `ControlEncoder` and `ServerMessage`.

package import ReeveCore

/// Who answers on a socket.
package struct Greeting: Hashable, Sendable {
    /// The supervisor's pid in its own namespace.
    package var pid: PID
    package var version: String
    /// Names the supervisor instance, as in `EventPosition`.
    package var epoch: String

    package init(pid: PID, version: String, epoch: String) {
        self.pid = pid
        self.version = version
        self.epoch = epoch
    }

    func write(to buffer: inout [UInt8]) {
        buffer.field("pid", Int64(pid.number))
        buffer.field("version", version)
        buffer.field("epoch", epoch)
    }

    init(reading value: JSONValue) throws(JSONFault) {
        pid = PID(try value.wholeNumber("pid", as: Int32.self))
        version = try value.text("version")
        epoch = try value.text("epoch")
    }
}

/// How an action went for one scheduler, with the name that the client knows it by.
package struct OutcomeReport: Equatable, Sendable {
    package var name: String
    package var result: Reply.Outcome.Result
    /// A sentence for the operator, without a full stop.
    package var message: String
    /// What a recovery did, in its order; empty for every other request.
    package var actions: [RecoveryAction]

    package init(
        name: String, result: Reply.Outcome.Result, message: String,
        actions: [RecoveryAction] = []
    ) {
        self.name = name
        self.result = result
        self.message = message
        self.actions = actions
    }

    func write(to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("name", name)
        buffer.field("result", result.rawValue)
        buffer.field("message", message.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.beginArray("actions")
        for action in actions { action.write(to: &buffer) }
        buffer.endArray()
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        name = try value.text("name")
        result = try value.word("result", as: Reply.Outcome.Result.self)
        message = try value.text("message")
        actions = try value.list("actions", RecoveryAction.init(reading:))
    }
}

/// One event of the stream, as a client sees it.
package struct EventReport: Equatable, Sendable {
    package var position: EventPosition
    /// Cut to milliseconds.
    package var at: WallTime
    package var level: SupervisorSettings.LogLevel
    /// The event's stable name: "exited".
    package var name: String
    package var scheduler: String?
    package var run: String?
    /// A sentence without a full stop, without the scheduler's name.
    package var message: String

    /// From the core's record, at its place in the stream.
    package init(_ record: Record, position: EventPosition) {
        self.position = position
        at = record.at
        level = record.level
        name = record.name
        scheduler = record.scheduler?.text
        run = record.run?.description
        message = record.message
    }

    /// `{"position":"EPOCH-SEQ","at":"…","level":"info","event":"exited","scheduler":…,"runId":…,
    /// "message":"…"}`, as an element or as the value of `key`.
    package func write(to buffer: inout [UInt8]) {
        write(nil, to: &buffer)
    }

    func write(_ key: StaticString?, to buffer: inout [UInt8]) {
        buffer.beginObject(key)
        buffer.field("position", position.description)
        buffer.field("at", at, fractionDigits: 3)
        buffer.field("level", level.rawValue)
        buffer.field("event", name)
        buffer.field("scheduler", scheduler)
        buffer.field("runId", run)
        buffer.field("message", message.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        let text = try value.text("position")
        guard let position = EventPosition(text) else {
            throw JSONFault(kind: .invalid, words: "\"position\" is no position")
        }
        self.position = position
        at = try value.time("at")
        level = try value.word("level", as: SupervisorSettings.LogLevel.self)
        name = try value.text("event")
        scheduler = try value.optionalText("scheduler")
        run = try value.optionalText("runId")
        message = try value.text("message")
    }
}

/// Something is missing in a stream.
package struct GapReport: Equatable, Sendable {
    /// How many lines or events; nil where nobody knows.
    package var missed: UInt64?
    /// A sentence without a full stop.
    package var reason: String

    package init(missed: UInt64?, reason: String) {
        self.missed = missed
        self.reason = reason
    }

    /// `{"missed":3,"reason":"…"}`, as the value of `key`, or as an element.
    package func write(_ key: StaticString? = nil, to buffer: inout [UInt8]) {
        buffer.beginObject(key)
        buffer.field("missed", missed.map { Int64(clamping: $0) })
        buffer.field("reason", reason.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        missed = try value.optional("missed") { (number) throws(JSONFault) in
            UInt64(clamping: try number.requireWholeNumber())
        }
        reason = try value.text("reason")
    }
}

extension JSONValue {
    /// A text or null.
    func optionalText(_ key: StaticString) throws(JSONFault) -> String? {
        try optional(key) { (text) throws(JSONFault) in try text.requireText() }
    }

    /// An instant as reeve writes it.
    func time(_ key: StaticString) throws(JSONFault) -> WallTime {
        let text = try text(key)
        guard let time = WallTime(rfc3339: text) else {
            throw JSONFault(
                kind: .invalid,
                words: "\"\(key)\" is no RFC 3339 time in UTC: \"\(text.shortened(toBytes: 80))\"")
        }
        return time
    }

    /// An instant as reeve writes it, or null.
    func optionalTime(_ key: StaticString) throws(JSONFault) -> WallTime? {
        try member(key).isNull ? nil : try time(key)
    }
}
