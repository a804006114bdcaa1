// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

extension AlertSettings {
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("alerts")
        buffer.field("errorRate", errorRate)
        buffer.field("errorRateWindow", errorRateWindow)
        buffer.field("leakWindow", optional: leakWindow)
        buffer.field("watchesAllMemory", watchesAllMemory)
        buffer.field("frequentRestarts", frequentRestarts)
        buffer.field("restartAlertWindow", restartAlertWindow)
        buffer.field("timeouts", timeouts)
        if let exec {
            buffer.field("exec", list: exec)
        } else {
            buffer.nullField("exec")
        }
        buffer.field("repeatAfter", optional: repeatAfter)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        errorRate = try value.number("errorRate")
        errorRateWindow = try value.duration("errorRateWindow")
        leakWindow = try value.optionalDuration("leakWindow")
        watchesAllMemory = try value.truth("watchesAllMemory")
        frequentRestarts = try value.wholeNumber("frequentRestarts", as: Int.self)
        restartAlertWindow = try value.duration("restartAlertWindow")
        timeouts = try value.wholeNumber("timeouts", as: Int.self)
        exec = try value.member("exec").isNull ? nil : try value.texts("exec")
        repeatAfter = try value.optionalDuration("repeatAfter")
    }
}
