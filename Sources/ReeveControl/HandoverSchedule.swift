// SPDX-License-Identifier: Apache-2.0
//
// Schedules and time zones in the hand-over. Instants are whole nanoseconds since 1970; the bytes of a zone
// file are hexadecimal digits, because JSON carries text only.

internal import ReeveCore

extension ScheduleSettings {
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("schedule")
        switch rule {
        case .cron(let text):
            buffer.field("due", "cron")
            buffer.field("cron", text)
        case .interval(let span):
            buffer.field("due", "interval")
            buffer.field("interval", span)
        }
        buffer.field("intervalFrom", intervalFrom.rawValue)
        buffer.field("zone", zone)
        buffer.field("hash", Int64(bitPattern: hash))
        buffer.field("jitter", jitter)
        buffer.field("spread", spread)
        buffer.field("overlap", overlap.rawValue)
        buffer.field("maxParallel", maxParallel)
        buffer.field("misfire", misfire.rawValue)
        buffer.field("misfireDeadline", optional: misfireDeadline)
        buffer.field("runOnStart", runOnStart)
        buffer.field("startsAt", startsAt?.nanoseconds)
        buffer.field("expiresAt", expiresAt?.nanoseconds)
        buffer.field("maxRetries", maxRetries)
        buffer.field("retryDelay", retryDelay)
        buffer.field("retryFactor", retryFactor)
        buffer.field("retryDelayMax", retryDelayMax)
        buffer.beginArray("noRetryExitCodes")
        for code in noRetryExitCodes { buffer.element(Int64(code)) }
        buffer.endArray()
        buffer.field("drainTimeout", drainTimeout)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        switch try value.text("due") {
        case "cron": self.init(.cron(try value.text("cron")))
        case "interval": self.init(.interval(try value.duration("interval")))
        case let word:
            throw JSONFault(
                kind: .invalid, words: "\"due\" cannot be \"\(word.shortened(toBytes: 80))\"")
        }
        intervalFrom = try value.word("intervalFrom", as: IntervalOrigin.self)
        zone = try value.text("zone")
        hash = UInt64(bitPattern: try value.wholeNumber("hash"))
        jitter = try value.duration("jitter")
        spread = try value.duration("spread")
        overlap = try value.word("overlap", as: Overlap.self)
        maxParallel = try value.wholeNumber("maxParallel", as: Int.self)
        misfire = try value.word("misfire", as: Misfire.self)
        misfireDeadline = try value.optionalDuration("misfireDeadline")
        runOnStart = try value.truth("runOnStart")
        startsAt = try value.optionalDuration("startsAt").map {
            WallTime(nanoseconds: $0.nanoseconds)
        }
        expiresAt = try value.optionalDuration("expiresAt").map {
            WallTime(nanoseconds: $0.nanoseconds)
        }
        maxRetries = try value.wholeNumber("maxRetries", as: Int.self)
        retryDelay = try value.duration("retryDelay")
        retryFactor = try value.number("retryFactor")
        retryDelayMax = try value.duration("retryDelayMax")
        noRetryExitCodes = try value.exitCodes("noRetryExitCodes")
        drainTimeout = try value.duration("drainTimeout")
    }
}

extension ZoneFile {
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("name", name)
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        buffer.field("bytes", String(decoding: text, as: UTF8.self))
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        let digits = Array(try value.text("bytes").utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count - digits.count % 2, by: 2) {
            guard let high = digits[index].hexadecimalDigit,
                let low = digits[index + 1].hexadecimalDigit
            else {
                throw JSONFault(kind: .invalid, words: "the bytes of a time zone are no digits")
            }
            bytes.append(high << 4 | low)
        }
        self.init(name: try value.text("name"), bytes: bytes)
    }
}

extension UInt8 {
    fileprivate var hexadecimalDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
