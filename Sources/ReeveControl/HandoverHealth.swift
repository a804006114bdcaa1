// SPDX-License-Identifier: Apache-2.0
//
// The hand-over's part about health checks, readiness and notify sockets.

internal import ReeveCore

extension HealthCheckSettings {
    /// `{"method":"exec","arguments":[…],…}`, or "tcp" or "http" with "host", "port" and so on.
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("healthCheck")
        switch method {
        case .exec(let arguments):
            buffer.field("method", "exec")
            buffer.field("arguments", list: arguments)
        case .tcp(let target):
            buffer.field("method", "tcp")
            target.write(to: &buffer)
        case .http(let target, let path, let status):
            buffer.field("method", "http")
            target.write(to: &buffer)
            buffer.field("path", path)
            buffer.field("statusFirst", status.lowerBound)
            buffer.field("statusLast", status.upperBound)
        }
        buffer.field("timeout", timeout)
        buffer.field("failures", failures)
        buffer.field("successes", successes)
        buffer.field("startPeriod", startPeriod)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        switch try value.text("method") {
        case "exec": self.init(.exec(try value.texts("arguments")))
        case "tcp": self.init(.tcp(try ProbeTarget(reading: value)))
        case "http":
            let first = try value.wholeNumber("statusFirst", as: Int.self)
            let last = try value.wholeNumber("statusLast", as: Int.self)
            guard first <= last else {
                throw JSONFault(kind: .invalid, words: "\"statusLast\" is below \"statusFirst\"")
            }
            self.init(
                .http(
                    try ProbeTarget(reading: value), path: try value.text("path"),
                    status: first...last))
        case let word:
            throw JSONFault(
                kind: .invalid, words: "\"method\" cannot be \"\(word.shortened(toBytes: 80))\"")
        }
        timeout = try value.duration("timeout")
        failures = try value.wholeNumber("failures", as: Int.self)
        successes = try value.wholeNumber("successes", as: Int.self)
        startPeriod = try value.duration("startPeriod")
    }
}

extension ProbeTarget {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.field("host", host)
        buffer.field("port", Int64(port))
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        self.init(
            host: try value.text("host"), port: try value.wholeNumber("port", as: UInt16.self))
    }
}

extension Readiness {
    /// `{"rule":"spawn",…}` or `{"rule":"uptime","uptime":1000000000,…}`.
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("readiness")
        switch rule {
        case .spawn:
            buffer.field("rule", "spawn")
        case .uptime(let span):
            buffer.field("rule", "uptime")
            buffer.field("uptime", span)
        case .notify:
            buffer.field("rule", "notify")
        case .probe:
            buffer.field("rule", "probe")
        }
        buffer.field("startTimeout", startTimeout)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        switch try value.text("rule") {
        case "spawn": rule = .spawn
        case "uptime": rule = .uptime(try value.duration("uptime"))
        case "notify": rule = .notify
        case "probe": rule = .probe
        case let word:
            throw JSONFault(
                kind: .invalid, words: "\"rule\" cannot be \"\(word.shortened(toBytes: 80))\"")
        }
        startTimeout = try value.duration("startTimeout")
    }
}

extension NotifySettings {
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("notify")
        buffer.field("socket", socket.rawValue)
        buffer.field("watchdog", optional: watchdog)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        socket = try value.word("socket", as: Socket.self)
        watchdog = try value.optionalDuration("watchdog")
    }
}
