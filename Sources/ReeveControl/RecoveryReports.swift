// SPDX-License-Identifier: Apache-2.0
//
// What a recovery did, on the wire: in the answer to `recover`, and in the status of a scheduler.

internal import ReeveCore

extension RecoveryAction {
    /// Appends `{"action":"restart","trigger":"memory","before":"62MB","after":null,"result":"done",
    /// "reason":"…"}`.
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("action", kind.rawValue)
        buffer.field("trigger", trigger.rawValue)
        buffer.field("before", before)
        buffer.field("after", after)
        buffer.field("result", result.rawValue)
        buffer.field("reason", reason.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        self.init(
            try value.word("action", as: Kind.self),
            because: try value.word("trigger", as: RecoveryTrigger.self),
            before: try value.optionalText("before"), after: try value.optionalText("after"),
            try value.word("result", as: Result.self), try value.text("reason"))
    }
}

extension RecoveryStatus {
    /// Appends the member: `{"trigger":"memory","message":"…","endedAt":null,"actions":[…]}`.
    func write(_ key: StaticString, to buffer: inout [UInt8]) {
        buffer.beginObject(key)
        buffer.field("number", number)
        buffer.field("trigger", trigger.rawValue)
        buffer.field("message", words.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.field("endedAt", endedAt, fractionDigits: 3)
        buffer.beginArray("actions")
        for action in actions { action.write(to: &buffer) }
        buffer.endArray()
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        self.init(
            number: try value.wholeNumber("number", as: Int.self),
            trigger: try value.word("trigger", as: RecoveryTrigger.self),
            words: try value.text("message"),
            actions: try value.list("actions", RecoveryAction.init(reading:)),
            endedAt: try value.optionalTime("endedAt"))
    }
}
