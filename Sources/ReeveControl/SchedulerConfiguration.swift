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
        .truth("enabled", "enabled", \.enabled),
        .text("kind", "kind", \.kind),
        .text("description", "description", \.description),
        .text("workingDirectory", "working-directory", \.workingDirectory),
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
        .text("cronExpression", "cron", \.cronExpression),
        .span("interval", "interval", \.interval),
        .text("timezone", "timezone", \.timezone),
        .span("jitter", "jitter", \.jitter),
        .text("overlap", "overlap", \.overlap),
        .text("misfire", "misfire", \.misfire),
        .truth("runOnStart", "run-on-start", \.runOnStart),
    ]

    private static let outcome: [Field] = [
        .count("maxRetries", "max-retries", \.maxRetries).meant { $0.isScheduled },
        .span("retryDelay", "retry-delay", \.retryDelay).meant { $0.isScheduled },
        .factor("retryFactor", "retry-factor", \.retryFactor),
        .span("timeout", "timeout", \.timeout)
            .meant { $0.isScheduled || $0.kind == "task" },
        .member(
            "successExitCodes", "success-exit-codes", .wholeNumbers, \.successExitCodes,
            read: { value throws(JSONFault) in
                try value.elements { (code) throws(JSONFault) in try code.requireWholeNumber() }
            }, write: { codes in "[" + codes.map { "\($0)" }.joined(separator: ", ") + "]" }),
        .text("restart", "restart", \.restart),
        .span("restartDelay", "restart-delay", \.restartDelay).meant { !$0.isScheduled },
        .factor("restartFactor", "restart-factor", \.restartFactor),
        .count("maxRestarts", "max-restarts", \.maxRestarts),
    ]

    private static let order: [Field] = [
        .member(
            "memoryThreshold", "memory-threshold", .number, \.memoryThreshold,
            read: { value throws(JSONFault) in try megabytes(value) },
            write: { "\"\($0.count / 1_000)kB\"" }),
        .count(
            "errorThreshold", "error-threshold", \.errorThreshold),
        .count("priority", "priority", \.priority),
        .member(
            "dependencies", "dependencies", .texts, \.dependencies,
            read: { value throws(JSONFault) in
                try value.elements { (name) throws(JSONFault) in try name.requireText() }
            }, write: array),
        .span(
            "healthCheckInterval", "health-check-interval", \.healthCheckInterval),
        .text("stopSignal", "stop-signal", \.stopSignal),
        .span("stopTimeout", "stop-timeout", \.stopTimeout),
    ]
}

extension Field {
    private func meant(_ isMeant: @escaping @Sendable (Configuration) -> Bool) -> Field {
        var field = self
        field.isMeant = isMeant
        return field
    }

    /// A member of one property.
    private static func member<Value>(
        _ json: String, _ toml: String, _ type: Configuration.MemberType,
        _ property: any WritableKeyPath<Configuration, Value?> & Sendable,
        read: @escaping @Sendable (JSONValue) throws(JSONFault) -> Value,
        write: @escaping @Sendable (Value) -> String
    ) -> Field {
        Field(
            json: json, tomlKey: toml, type: type,
            read: { one, value throws(JSONFault) in one[keyPath: property] = try read(value) },
            toml: { $0[keyPath: property].map(write) })
    }

    private static func text(
        _ json: String, _ toml: String,
        _ property: any WritableKeyPath<Configuration, String?> & Sendable
    ) -> Field {
        member(
            json, toml, .text, property,
            read: { value throws(JSONFault) in try value.requireText() }, write: tomlQuoted)
    }

    private static func truth(
        _ json: String, _ toml: String,
        _ property: any WritableKeyPath<Configuration, Bool?> & Sendable
    ) -> Field {
        member(
            json, toml, .truth, property,
            read: { value throws(JSONFault) in
                guard let truth = value.truth else {
                    throw value.fault(nil, expected: "true or false")
                }
                return truth
            }, write: { $0 ? "true" : "false" })
    }

    private static func count(
        _ json: String, _ toml: String,
        _ property: any WritableKeyPath<Configuration, Int64?> & Sendable
    ) -> Field {
        member(
            json, toml, .wholeNumber, property,
            read: { value throws(JSONFault) in try value.requireWholeNumber() },
            write: { "\($0)" })
    }

    private static func factor(
        _ json: String, _ toml: String,
        _ property: any WritableKeyPath<Configuration, Double?> & Sendable
    ) -> Field {
        member(
            json, toml, .number, property,
            read: { value throws(JSONFault) in
                guard let number = value.number else {
                    throw value.fault(nil, expected: "a number")
                }
                return number
            }, write: { "\($0)" })
    }

    /// Whole milliseconds.
    private static func span(
        _ json: String, _ toml: String,
        _ property: any WritableKeyPath<Configuration, Duration?> & Sendable
    ) -> Field {
        member(
            json, toml, .wholeNumber, property,
            read: { value throws(JSONFault) in
                let milliseconds = try value.requireWholeNumber()
                guard (0...Field.millisecondsMax).contains(milliseconds) else {
                    throw JSONFault(
                        kind: .invalid,
                        words:
                            "the value is 0 to \(Field.millisecondsMax) ms, it is \(milliseconds)")
                }
                return .milliseconds(milliseconds)
            }, write: { "\"\($0.milliseconds)ms\"" })
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
