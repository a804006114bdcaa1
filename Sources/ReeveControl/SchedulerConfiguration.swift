// SPDX-License-Identifier: Apache-2.0
//
// A scheduler as a program registers it: the members of the document reeve was made from, with its names
// and units (milliseconds, MB of 10^6 bytes), the command, and some further keys. What it comes to is a
// text in TOML, which takes the way of every registration; nothing is checked here that is checked there.
// The awkward case: that document asks for all of its members of every scheduler. Those of its own that
// have no meaning for a kind are passed over, every other one is an error there.

package import ReeveCore

/// One scheduler, to be registered. What is nil has the value of `[defaults]`, or reeve's own.
package struct SchedulerConfiguration: Equatable, Sendable {
    package enum Command: Equatable, Sendable {
        /// Program and arguments, executed as they are.
        case program([String])
        /// Text for /bin/sh.
        case shell(String)
    }

    /// Its name, and what is executed.
    package var name: SchedulerName
    package var command: Command
    /// Whether it is started.
    package var enabled: Bool?
    /// "daemon", "task" or "scheduled".
    package var kind: String?
    package var description: String?
    package var workingDirectory: String?
    /// In order.
    package var environment: [EnvironmentVariable] = []
    package var cronExpression: String?
    package var interval: Duration?
    package var timezone: String?
    package var jitter: Duration?
    package var overlap: String?
    package var misfire: String?
    package var runOnStart: Bool?
    package var maxRetries: Int64?
    package var retryDelay: Duration?
    package var retryFactor: Double?
    package var timeout: Duration?
    package var successExitCodes: [Int64]?
    package var restart: String?
    package var restartDelay: Duration?
    package var restartFactor: Double?
    package var maxRestarts: Int64?
    package var memoryThreshold: Bytes?
    package var errorThreshold: Int64?
    package var priority: Int64?
    package var dependencies: [String]?
    package var healthCheckInterval: Duration?
    package var stopSignal: String?
    package var stopTimeout: Duration?

    package init(name: SchedulerName, command: Command) {
        self.name = name
        self.command = command
    }

    /// It follows a schedule.
    fileprivate var isScheduled: Bool {
        cronExpression != nil || interval != nil || kind == "scheduled"
    }

    /// The same as a text to be registered: the table `[schedulers.NAME]` and its keys.
    package var toml: String {
        // A name may hold dots.
        var text = "[schedulers.\(tomlQuoted(name.text))]\n"
        for field in Field.all {
            guard field.isMeant(self), let value = field.toml(self) else { continue }
            text += "\(field.tomlKey) = \(value)\n"
        }
        return text
    }

    /// The keys that `toml` may have.
    package static let tomlKeys = Set(Field.all.map(\.tomlKey))

    /// The members that JSON may have, and their types as OpenAPI names them.
    package static var members: [(name: String, type: MemberType)] {
        [("name", .text)] + Field.all.map { ($0.json, $0.type) }
    }

    /// What a member holds.
    package enum MemberType: Equatable, Sendable {
        case text, truth, wholeNumber, number, texts, wholeNumbers
        /// An object of texts.
        case variables
        /// A text, or an array of them.
        case command
    }
}

// MARK: - JSON

extension SchedulerConfiguration {
    /// Reads one JSON object; a member that is null is not there. Throws a sentence that names the member,
    /// and for one that is unknown the nearest.
    package init(json bytes: some Collection<UInt8>) throws(ControlError) {
        do throws(JSONFault) {
            let root: JSONValue
            do {
                root = try JSONDocument(bytes).root
            } catch {
                throw JSONFault(kind: .malformed, words: "the body \(error.words)")
            }
            guard root.isObject else {
                throw JSONFault(
                    kind: .wrongType, words: "the body is one JSON object, this is \(root.typeName)"
                )
            }
            try self.init(reading: root)
        } catch {
            throw ControlError(
                error.kind == .malformed ? .malformed : .invalidValue, error.sentence)
        }
    }

    private init(reading root: JSONValue) throws(JSONFault) {
        let names = SchedulerConfiguration.members.map(\.name)
        if let key = root.firstKey(notAmong: names) {
            let nearest = nearestNames(to: key, among: names.map { $0 })
            let hint = nearest.first.map { "did you mean \"\($0)\"?" }
            throw JSONFault(
                kind: .unknownField,
                words: "there is no member \"\(key.shortened(toBytes: 80))\""
                    + (hint.map { "; \($0)" } ?? ""))
        }
        let text = try root.text("name")
        guard SchedulerName.objection(to: text) == nil, let name = SchedulerName(text) else {
            throw JSONFault(
                kind: .invalid,
                words: "\"name\": \(SchedulerName.objection(to: text) ?? "it is no name")")
        }
        guard let command = root["command"], !command.isNull else {
            throw JSONFault(
                kind: .missing,
                words: "\"command\" is missing: an array of the program and its arguments, or a "
                    + "text for /bin/sh")
        }
        self.init(name: name, command: .shell(""))
        for field in Field.all {
            guard let member = root.member(named: field.json), !member.isNull else { continue }
            do {
                try field.read(&self, member)
            } catch {
                let value = "the value "
                guard error.path.isEmpty, error.words.hasPrefix(value) else {
                    throw error.path.isEmpty ? error : error.within(field.json)
                }
                throw JSONFault(
                    kind: error.kind,
                    words: "\"\(field.json)\" " + error.words.dropFirst(value.count))
            }
        }
    }
}

// MARK: - The members

/// One member: its names, and how it is read and written.
private struct Field: Sendable {
    typealias Configuration = SchedulerConfiguration

    let json: String
    let tomlKey: String
    let type: Configuration.MemberType
    /// Whether it has a meaning for this one.
    var isMeant: @Sendable (Configuration) -> Bool = { _ in true }
    let read: @Sendable (inout Configuration, JSONValue) throws(JSONFault) -> Void
    let toml: @Sendable (Configuration) -> String?

    static let all: [Field] = what + when + outcome + order

    private static let what: [Field] = [
        Field(
            json: "command", tomlKey: "command", type: .command,
            read: { one, value throws(JSONFault) in one.command = try command(value) },
            toml: { one in
                switch one.command {
                case .program(let words): array(words)
                case .shell(let text): tomlQuoted(text)
                }
            }),
        .truth("enabled", "enabled", { $0.enabled }, { $0.enabled = $1 }),
        .text("kind", "kind", { $0.kind }, { $0.kind = $1 }),
        .text("description", "description", { $0.description }, { $0.description = $1 }),
        .text(
            "workingDirectory", "working-directory", { $0.workingDirectory },
            { $0.workingDirectory = $1 }),
        Field(
            json: "environment", tomlKey: "environment", type: .variables,
            read: { one, value throws(JSONFault) in one.environment = try variables(value) },
            toml: { one in
                guard !one.environment.isEmpty else { return nil }
                let pairs = one.environment.map {
                    "\(tomlQuoted($0.name)) = \(tomlQuoted($0.value))"
                }
                return "{ \(pairs.joined(separator: ", ")) }"
            }),
    ]

    private static let when: [Field] = [
        .text("cronExpression", "cron", { $0.cronExpression }, { $0.cronExpression = $1 }),
        .span("interval", "interval", { $0.interval }, { $0.interval = $1 }),
        .text("timezone", "timezone", { $0.timezone }, { $0.timezone = $1 }),
        .span("jitter", "jitter", { $0.jitter }, { $0.jitter = $1 }),
        .text("overlap", "overlap", { $0.overlap }, { $0.overlap = $1 }),
        .text("misfire", "misfire", { $0.misfire }, { $0.misfire = $1 }),
        .truth("runOnStart", "run-on-start", { $0.runOnStart }, { $0.runOnStart = $1 }),
    ]

    private static let outcome: [Field] = [
        .count("maxRetries", "max-retries", { $0.maxRetries }, { $0.maxRetries = $1 })
            .meant { $0.isScheduled },
        .span("retryDelay", "retry-delay", { $0.retryDelay }, { $0.retryDelay = $1 })
            .meant { $0.isScheduled },
        .factor("retryFactor", "retry-factor", { $0.retryFactor }, { $0.retryFactor = $1 }),
        .span("timeout", "timeout", { $0.timeout }, { $0.timeout = $1 })
            .meant { $0.isScheduled || $0.kind == "task" },
        Field(
            json: "successExitCodes", tomlKey: "success-exit-codes", type: .wholeNumbers,
            read: { one, value throws(JSONFault) in
                one.successExitCodes = try value.elements { (code) throws(JSONFault) in
                    try code.requireWholeNumber()
                }
            },
            toml: { one in
                one.successExitCodes.map { codes in
                    "[" + codes.map { "\($0)" }.joined(separator: ", ") + "]"
                }
            }),
        .text("restart", "restart", { $0.restart }, { $0.restart = $1 }),
        .span("restartDelay", "restart-delay", { $0.restartDelay }, { $0.restartDelay = $1 })
            .meant { !$0.isScheduled },
        .factor("restartFactor", "restart-factor", { $0.restartFactor }, { $0.restartFactor = $1 }),
        .count("maxRestarts", "max-restarts", { $0.maxRestarts }, { $0.maxRestarts = $1 }),
    ]

    private static let order: [Field] = [
        Field(
            json: "memoryThreshold", tomlKey: "memory-threshold", type: .number,
            read: { one, value throws(JSONFault) in one.memoryThreshold = try megabytes(value) },
            toml: { one in one.memoryThreshold.map { "\"\($0.count / 1_000)kB\"" } }),
        .count(
            "errorThreshold", "error-threshold", { $0.errorThreshold }, { $0.errorThreshold = $1 }),
        .count("priority", "priority", { $0.priority }, { $0.priority = $1 }),
        Field(
            json: "dependencies", tomlKey: "dependencies", type: .texts,
            read: { one, value throws(JSONFault) in
                one.dependencies = try value.elements { (name) throws(JSONFault) in
                    try name.requireText()
                }
            },
            toml: { $0.dependencies.map(array) }),
        .span(
            "healthCheckInterval", "health-check-interval", { $0.healthCheckInterval },
            { $0.healthCheckInterval = $1 }),
        .text("stopSignal", "stop-signal", { $0.stopSignal }, { $0.stopSignal = $1 }),
        .span("stopTimeout", "stop-timeout", { $0.stopTimeout }, { $0.stopTimeout = $1 }),
    ]
}

extension Field {
    private func meant(_ isMeant: @escaping @Sendable (Configuration) -> Bool) -> Field {
        var field = self
        field.isMeant = isMeant
        return field
    }

    private static func text(
        _ json: String, _ toml: String, _ get: @escaping @Sendable (Configuration) -> String?,
        _ set: @escaping @Sendable (inout Configuration, String) -> Void
    ) -> Field {
        Field(
            json: json, tomlKey: toml, type: .text,
            read: { one, value throws(JSONFault) in set(&one, try value.requireText()) },
            toml: { get($0).map(tomlQuoted) })
    }

    private static func truth(
        _ json: String, _ toml: String, _ get: @escaping @Sendable (Configuration) -> Bool?,
        _ set: @escaping @Sendable (inout Configuration, Bool) -> Void
    ) -> Field {
        Field(
            json: json, tomlKey: toml, type: .truth,
            read: { one, value throws(JSONFault) in
                guard let truth = value.truth else {
                    throw value.fault(nil, expected: "true or false")
                }
                set(&one, truth)
            },
            toml: { get($0).map { $0 ? "true" : "false" } })
    }

    private static func count(
        _ json: String, _ toml: String, _ get: @escaping @Sendable (Configuration) -> Int64?,
        _ set: @escaping @Sendable (inout Configuration, Int64) -> Void
    ) -> Field {
        Field(
            json: json, tomlKey: toml, type: .wholeNumber,
            read: { one, value throws(JSONFault) in set(&one, try value.requireWholeNumber()) },
            toml: { get($0).map { "\($0)" } })
    }

    private static func factor(
        _ json: String, _ toml: String, _ get: @escaping @Sendable (Configuration) -> Double?,
        _ set: @escaping @Sendable (inout Configuration, Double) -> Void
    ) -> Field {
        Field(
            json: json, tomlKey: toml, type: .number,
            read: { one, value throws(JSONFault) in
                guard let number = value.number else {
                    throw value.fault(nil, expected: "a number")
                }
                set(&one, number)
            },
            toml: { get($0).map { "\($0)" } })
    }

    /// Whole milliseconds.
    private static func span(
        _ json: String, _ toml: String, _ get: @escaping @Sendable (Configuration) -> Duration?,
        _ set: @escaping @Sendable (inout Configuration, Duration) -> Void
    ) -> Field {
        Field(
            json: json, tomlKey: toml, type: .wholeNumber,
            read: { one, value throws(JSONFault) in
                let milliseconds = try value.requireWholeNumber()
                guard (0...Field.millisecondsMax).contains(milliseconds) else {
                    throw JSONFault(
                        kind: .invalid,
                        words:
                            "the value is 0 to \(Field.millisecondsMax) ms, it is \(milliseconds)")
                }
                set(&one, .milliseconds(milliseconds))
            },
            toml: { get($0).map { "\"\($0.milliseconds)ms\"" } })
    }

    /// A hundred years.
    private static let millisecondsMax: Int64 = 36_500 * 86_400_000
    /// As much memory as any machine has, in MB.
    private static let megabytesMax = 1e9

    private static func megabytes(_ value: JSONValue) throws(JSONFault) -> Bytes {
        guard let number = value.number else { throw value.fault(nil, expected: "a number") }
        guard number >= 0, number <= megabytesMax else {
            throw JSONFault(kind: .invalid, words: "the value is 0 to 1000000000 MB")
        }
        return Bytes(Int64((number * 1_000_000).rounded()))
    }

    private static func command(
        _ value: JSONValue
    ) throws(JSONFault) -> SchedulerConfiguration.Command {
        if let text = value.text { return .shell(text) }
        guard value.isArray else {
            throw value.fault(nil, expected: "an array of texts, or a text for /bin/sh")
        }
        return .program(
            try value.elements { (word) throws(JSONFault) in try word.requireText() })
    }

    private static func variables(_ value: JSONValue) throws(JSONFault) -> [EnvironmentVariable] {
        guard value.isObject else { throw value.fault(nil, expected: "an object of texts") }
        var found: [EnvironmentVariable] = []
        for (name, member) in value.members {
            guard let text = member.text else {
                throw JSONFault(
                    kind: .wrongType,
                    words: "\"environment\": \(name.shortened(toBytes: 80)) must be a text, it is "
                        + member.typeName)
            }
            found.append(EnvironmentVariable(name: name, value: text))
        }
        return found
    }
}

private func array(_ words: [String]) -> String {
    "[" + words.map(tomlQuoted).joined(separator: ", ") + "]"
}

/// A basic string of TOML.
private func tomlQuoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case _ where scalar.value < 0x20 || scalar.value == 0x7F:
            let digits = String(scalar.value, radix: 16, uppercase: true)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
