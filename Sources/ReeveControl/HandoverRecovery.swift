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
        case nil:
            buffer.nullField("cleanup")
        }
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        cleanup = try value.optional("cleanup", Cleanup.init(reading:))
    }
}

extension RecoverySettings.Cleanup {
    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        let number = try value.wholeNumber("signal", as: Int32.self)
        guard let signal = Signal(number: number) else {
            throw JSONFault(kind: .invalid, words: "\"signal\" is no signal: \(number)")
        }
        self = .signal(signal)
    }
}
