// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

extension RecoverySettings {
    /// `"cleanup":{"signal":10}`, `{"command":[…]}`, or null.
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("recovery")
        switch cleanup {
        case .signal(let signal):
            buffer.beginObject("cleanup")
            buffer.field("signal", Int64(signal.number))
            buffer.endObject()
        case .command(let arguments):
            buffer.beginObject("cleanup")
            buffer.field("command", list: arguments)
            buffer.endObject()
        case nil:
            buffer.nullField("cleanup")
        }
        buffer.field("onStart", optional: onStart)
        buffer.field("onStop", optional: onStop)
        buffer.field("hookTimeout", hookTimeout)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        cleanup = try value.optional("cleanup", Cleanup.init(reading:))
        onStart = try value.member("onStart").isNull ? nil : try value.texts("onStart")
        onStop = try value.member("onStop").isNull ? nil : try value.texts("onStop")
        hookTimeout = try value.duration("hookTimeout")
    }
}

extension RecoverySettings.Cleanup {
    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        if value["command"] != nil {
            self = .command(try value.texts("command"))
            return
        }
        let number = try value.wholeNumber("signal", as: Int32.self)
        guard let signal = Signal(number: number) else {
            throw JSONFault(kind: .invalid, words: "\"signal\" is no signal: \(number)")
        }
        self = .signal(signal)
    }
}

extension [UInt8] {
    fileprivate mutating func field(_ key: StaticString, optional list: [String]?) {
        if let list {
            field(key, list: list)
        } else {
            nullField(key)
        }
    }
}
