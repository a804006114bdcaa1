// SPDX-License-Identifier: Apache-2.0
//
// The hand-over: a whole specification as one JSON object, which `reeve run` seals in a memfd and the
// supervisor role reads. Both are the same program, so nothing is optional and nothing is passed over;
// the version is there for an upgrade in place, where the reader is newer than the writer. Spans are
// whole nanoseconds, sizes whole bytes; the words are those of the configuration.

package import ReeveCore

/// Carries a whole specification from `reeve run` to the supervisor role.
package enum Handover {
    /// Goes up with every change of what is written.
    package static let version = 5

    /// The specification as JSON.
    package static func encode(_ specification: Specification) -> [UInt8] {
        var buffer: [UInt8] = []
        buffer.reserveCapacity(1_024 + 1_536 * specification.schedulers.count)
        buffer.beginObject()
        buffer.field("handover", version)
        specification.supervisor.write(to: &buffer)
        buffer.beginArray("schedulers")
        for scheduler in specification.schedulers {
            scheduler.write(to: &buffer)
        }
        buffer.endArray()
        buffer.beginArray("zones")
        for zone in specification.zones { zone.write(to: &buffer) }
        buffer.endArray()
        buffer.endObject()
        buffer.endLine()
        return buffer
    }

    /// Reads what `encode` wrote. Throws where it is of another version, or anything is missing or wrong.
    package static func decode(
        _ bytes: some Collection<UInt8>
    ) throws(HandoverError) -> Specification {
        do throws(JSONFault) {
            let root = try JSONDocument(bytes).root
            let version = try root.wholeNumber("handover")
            guard version == Self.version else {
                throw JSONFault(
                    kind: .invalid,
                    words: "it is of version \(version), this reeve reads version \(Self.version)")
            }
            return Specification(
                supervisor: try root.object("supervisor", SupervisorSettings.init(reading:)),
                schedulers: try root.list("schedulers", SchedulerSpecification.init(reading:)),
                zones: try root.list("zones", ZoneFile.init(reading:)))
        } catch {
            throw HandoverError("the hand-over cannot be read: \(error.sentence)")
        }
    }
}

/// Why a hand-over could not be read; a sentence without a full stop.
package struct HandoverError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

// MARK: - Vocabulary

extension [UInt8] {
    mutating func field(_ key: StaticString, _ span: Duration) {
        field(key, span.nanoseconds)
    }

    mutating func field(_ key: StaticString, optional span: Duration?) {
        field(key, span?.nanoseconds)
    }

    mutating func field(_ key: StaticString, list: [String]) {
        beginArray(key)
        for text in list { element(text) }
        endArray()
    }
}

extension JSONValue {
    func duration(_ key: StaticString) throws(JSONFault) -> Duration {
        Duration(nanoseconds: try wholeNumber(key))
    }

    func optionalDuration(_ key: StaticString) throws(JSONFault) -> Duration? {
        try optional(key) { (span) throws(JSONFault) in
            Duration(nanoseconds: try span.requireWholeNumber())
        }
    }

    fileprivate func optionalBytes(_ key: StaticString) throws(JSONFault) -> Bytes? {
        try optional(key) { (size) throws(JSONFault) in Bytes(try size.requireWholeNumber()) }
    }

    func texts(_ key: StaticString) throws(JSONFault) -> [String] {
        try list(key) { (text) throws(JSONFault) in try text.requireText() }
    }

    func exitCodes(_ key: StaticString) throws(JSONFault) -> [Int32] {
        try list(key) { (code) throws(JSONFault) in
            let number = try code.requireWholeNumber()
            guard let code = Int32(exactly: number) else {
                throw JSONFault(kind: .invalid, words: "\(number) is no exit code")
            }
            return code
        }
    }

    fileprivate func schedulerName() throws(JSONFault) -> SchedulerName {
        let text = try requireText()
        guard let name = SchedulerName(text) else {
            throw JSONFault(
                kind: .invalid, words: "\"\(text.shortened(toBytes: 80))\" is no scheduler's name")
        }
        return name
    }
}

// MARK: - The supervisor's settings

extension SupervisorSettings {
    func write(to buffer: inout [UInt8]) {
        buffer.beginObject("supervisor")
        buffer.field("profile", profile.rawValue)
        buffer.field("profileReason", profileReason)
        buffer.field("runtimeDirectory", runtimeDirectory)
        buffer.field("stateDirectory", stateDirectory)
        buffer.field("controlMode", Int64(controlMode))
        buffer.field("controlGroup", controlGroup)
        buffer.field("gracefulTimeout", gracefulTimeout)
        buffer.field("forceTimeout", forceTimeout)
        buffer.field("staggeredStartup", staggeredStartup)
        buffer.field("phaseTimeout", phaseTimeout)
        buffer.field("autoRecovery", autoRecovery)
        buffer.field("logFormat", logFormat.rawValue)
        buffer.field("logLevel", logLevel.rawValue)
        buffer.field("exitWith", exitWith?.text)
        buffer.field("syslog", syslog)
        buffer.field("watch", watch)
        buffer.field("source", source)
        alerts.write(to: &buffer)
        buffer.field("sourceForm", sourceForm.rawValue)
        buffer.field("sourceStamp", sourceStamp)
        buffer.field("registeredDirectory", registeredDirectory)
        buffer.field("gatewayRegisters", gatewayRegisters)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        profile = try value.word("profile", as: Profile.self)
        profileReason = try value.text("profileReason")
        runtimeDirectory = try value.optionalText("runtimeDirectory")
        stateDirectory = try value.optionalText("stateDirectory")
        controlMode = try value.wholeNumber("controlMode", as: UInt32.self)
        controlGroup = try value.optionalText("controlGroup")
        gracefulTimeout = try value.duration("gracefulTimeout")
        forceTimeout = try value.duration("forceTimeout")
        staggeredStartup = try value.truth("staggeredStartup")
        phaseTimeout = try value.duration("phaseTimeout")
        autoRecovery = try value.truth("autoRecovery")
        logFormat = try value.word("logFormat", as: LogFormat.self)
        logLevel = try value.word("logLevel", as: LogLevel.self)
        exitWith = try value.optional("exitWith") { (name) throws(JSONFault) in
            try name.schedulerName()
        }
        syslog = try value.optionalText("syslog")
        watch = try value.truth("watch")
        source = try value.optionalText("source")
        alerts = try value.object("alerts", AlertSettings.init(reading:))
        sourceForm = try value.word("sourceForm", as: SourceForm.self)
        sourceStamp = try value.optionalText("sourceStamp")
        registeredDirectory = try value.optionalText("registeredDirectory")
        gatewayRegisters = try value.truth("gatewayRegisters")
    }
}

// MARK: - A scheduler

extension SchedulerSpecification {
    func write(_ key: StaticString? = nil, to buffer: inout [UInt8]) {
        buffer.beginObject(key)
        buffer.field("name", name.text)
        buffer.field("kind", kind.rawValue)
        buffer.field("enabled", enabled)
        buffer.field("component", isComponent)
        buffer.field("origin", origin.rawValue)
        buffer.field("description", description)
        program.write(to: &buffer)
        restart.write(to: &buffer)
        order.write(to: &buffer)
        readiness.write(to: &buffer)
        if let healthCheck {
            healthCheck.write(to: &buffer)
        } else {
            buffer.nullField("healthCheck")
        }
        notify.write(to: &buffer)
        buffer.field("healthCheckInterval", healthCheckInterval)
        buffer.field("errorThreshold", errorThreshold)
        memory.write(to: &buffer)
        recovery.write(to: &buffer)
        stop.write(to: &buffer)
        log.write(to: &buffer)
        buffer.field("timeout", optional: timeout)
        buffer.beginArray("successExitCodes")
        for code in successExitCodes { buffer.element(Int64(code)) }
        buffer.endArray()
        if let schedule {
            schedule.write(to: &buffer)
        } else {
            buffer.nullField("schedule")
        }
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        let name = try value.member("name").schedulerName()
        self.init(
            name: name, kind: try value.word("kind", as: Kind.self),
            program: try value.object("program", Program.init(reading:)))
        enabled = try value.truth("enabled")
        isComponent = try value.truth("component")
        origin = try value.word("origin", as: Origin.self)
        description = try value.text("description")
        restart = try value.object("restart", RestartPolicy.init(reading:))
        order = try value.object("order", OrderSettings.init(reading:))
        readiness = try value.object("readiness", Readiness.init(reading:))
        healthCheck = try value.optional("healthCheck", HealthCheckSettings.init(reading:))
        notify = try value.object("notify", NotifySettings.init(reading:))
        healthCheckInterval = try value.duration("healthCheckInterval")
        errorThreshold = try value.wholeNumber("errorThreshold", as: Int.self)
        memory = try value.object("memory", MemorySettings.init(reading:))
        recovery = try value.object("recovery", RecoverySettings.init(reading:))
        stop = try value.object("stop", StopSettings.init(reading:))
        log = try value.object("log", LogSettings.init(reading:))
        timeout = try value.optionalDuration("timeout")
        successExitCodes = try value.exitCodes("successExitCodes")
        schedule = try value.optional("schedule", ScheduleSettings.init(reading:))
    }
}

extension Program {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.beginObject("program")
        buffer.field("arguments", list: arguments)
        buffer.field("workingDirectory", workingDirectory)
        buffer.beginArray("environment")
        for variable in environment {
            buffer.beginObject()
            buffer.field("name", variable.name)
            buffer.field("value", variable.value)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("clearEnvironment", clearEnvironment)
        launch.write(to: &buffer)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        let arguments = try value.texts("arguments")
        guard !arguments.isEmpty else {
            throw JSONFault(kind: .invalid, words: "\"arguments\" is empty")
        }
        self.init(arguments: arguments)
        workingDirectory = try value.optionalText("workingDirectory")
        environment = try value.list("environment") { (variable) throws(JSONFault) in
            EnvironmentVariable(name: try variable.text("name"), value: try variable.text("value"))
        }
        clearEnvironment = try value.truth("clearEnvironment")
        launch = try value.object("launch", LaunchSettings.init(reading:))
    }
}

extension RestartPolicy {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.beginObject("restart")
        buffer.field("mode", mode.rawValue)
        buffer.field("delay", delay)
        buffer.field("factor", factor)
        buffer.field("delayMax", delayMax)
        buffer.field("jitter", jitter)
        buffer.field("resetAfter", resetAfter)
        buffer.field("maxRestarts", maxRestarts.map(Int64.init))
        buffer.field("window", window)
        buffer.field("cooldown", cooldown)
        buffer.field("whenExhausted", whenExhausted.rawValue)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        self.init(mode: try value.word("mode", as: Mode.self))
        delay = try value.duration("delay")
        factor = try value.number("factor")
        delayMax = try value.duration("delayMax")
        jitter = try value.number("jitter")
        resetAfter = try value.duration("resetAfter")
        maxRestarts = try value.optional("maxRestarts") { (count) throws(JSONFault) in
            Int(clamping: try count.requireWholeNumber())
        }
        window = try value.duration("window")
        cooldown = try value.duration("cooldown")
        whenExhausted = try value.word("whenExhausted", as: WhenExhausted.self)
    }
}

extension OrderSettings {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.beginObject("order")
        buffer.field("priority", priority)
        buffer.beginArray("dependencies")
        for dependency in dependencies {
            buffer.beginObject()
            buffer.field("name", dependency.name.text)
            buffer.field("condition", dependency.condition.rawValue)
            buffer.field("onFailure", dependency.onFailure.rawValue)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("dependencyTimeout", dependencyTimeout)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        priority = try value.wholeNumber("priority", as: Int.self)
        dependencies = try value.list("dependencies") { (edge) throws(JSONFault) in
            var dependency = Dependency(name: try edge.member("name").schedulerName())
            dependency.condition = try edge.word("condition", as: Dependency.Condition.self)
            dependency.onFailure = try edge.word("onFailure", as: Dependency.OnFailure.self)
            return dependency
        }
        dependencyTimeout = try value.duration("dependencyTimeout")
    }
}

extension MemorySettings {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.beginObject("memory")
        buffer.field("threshold", threshold?.count)
        buffer.field("samples", samples)
        buffer.field("hardLimit", hardLimit?.count)
        buffer.field("action", action.rawValue)
        buffer.field("measure", measure.rawValue)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        threshold = try value.optionalBytes("threshold")
        samples = try value.wholeNumber("samples", as: Int.self)
        hardLimit = try value.optionalBytes("hardLimit")
        action = try value.word("action", as: Action.self)
        measure = try value.word("measure", as: Measure.self)
    }
}

extension StopSettings {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.beginObject("stop")
        buffer.field("signal", Int64(signal.number))
        buffer.field("timeout", timeout)
        buffer.field("scope", scope.rawValue)
        if let command {
            buffer.field("command", list: command)
        } else {
            buffer.nullField("command")
        }
        buffer.field("leftovers", leftovers.rawValue)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        let number = try value.wholeNumber("signal", as: Int32.self)
        guard let signal = Signal(number: number) else {
            throw JSONFault(kind: .invalid, words: "\"signal\" is no signal: \(number)")
        }
        self.signal = signal
        timeout = try value.duration("timeout")
        scope = try value.word("scope", as: Scope.self)
        command = try value.member("command").isNull ? nil : try value.texts("command")
        leftovers = try value.word("leftovers", as: Leftovers.self)
    }
}

extension LogSettings {
    fileprivate func write(to buffer: inout [UInt8]) {
        buffer.beginObject("log")
        buffer.field("destination", destination.rawValue)
        buffer.field("file", file)
        buffer.field("maxSize", maxSize?.count)
        buffer.field("maxFiles", maxFiles)
        buffer.field("timestamps", timestamps)
        buffer.field("prefix", prefix.rawValue)
        buffer.field("tail", tail.count)
        buffer.endObject()
    }

    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        self.init()
        destination = try value.word("destination", as: Destination.self)
        file = try value.optionalText("file")
        maxSize = try value.optional("maxSize", JSONValue.integer).map(Bytes.init)
        maxFiles = try value.wholeNumber("maxFiles", as: Int.self)
        timestamps = try value.truth("timestamps")
        prefix = try value.word("prefix", as: Prefix.self)
        tail = Bytes(try value.wholeNumber("tail"))
    }
}
