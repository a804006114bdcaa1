// SPDX-License-Identifier: Apache-2.0
//
// One scheduler, as JSON shows it: the first seven members are those of the document reeve was made
// from, with its names and units; what follows extends it. `memoryUsage` is in whole MB (10^6) of the
// tree, `uptime` in whole seconds, `duration` in whole milliseconds, each rounded towards zero. What is
// not known is null and never missing.

package import ReeveCore

/// One scheduler of a status answer.
package struct SchedulerReport: Equatable, Sendable {
    /// The last run that ended.
    package struct Execution: Equatable, Sendable {
        /// Its start; whole seconds.
        package var timestamp: WallTime
        /// Whole milliseconds.
        package var duration: Int64
        package var success: Bool
    }
    /// How the last run ended: `code` or `signal`.
    package struct LastExit: Equatable, Sendable {
        package var code: Int32?
        /// "SIGKILL".
        package var signal: String?
        package var meaning: String
        package var at: WallTime
    }
    /// A run that is not over.
    package struct RunReport: Equatable, Sendable {
        package var runID: String
        package var pid: Int32?
        package var since: WallTime
        package var memoryBytes: Int64?
        /// The nominal instant of its execution.
        package var scheduledAt: WallTime?
    }
    package struct DependencyReport: Equatable, Sendable {
        package var name: String
        package var condition: Dependency.Condition
        package var met: Bool
    }
    /// A process that a stop could not end.
    package struct Survivor: Equatable, Sendable {
        package var pid: Int32
        package var name: String
        /// Why it lives; nil where that is not known.
        package var why: String?
    }

    /// Its name and its health.
    package var name: String
    package var status: Health
    /// Whole MB (10^6) of the current run's tree.
    package var memoryUsage: Int64?
    /// Whole seconds of the current run, 0 when down.
    package var uptime: Int64
    package var consecutiveFailures: Int
    package var restartCount: Int
    package var lastExecution: Execution?

    /// As in the core's `SchedulerStatus`.
    package var kind: SchedulerSpecification.Kind
    package var origin: SchedulerSpecification.Origin
    package var lifecycle: LifecycleName
    package var reason: String
    package var priority: Int
    package var phase: Int
    package var pid: Int32?
    package var runID: String?
    /// Every run that is not over, the current one first: the first `listedMax`; `runCount` counts all.
    package var runs: [RunReport]
    package var runCount: Int
    /// Of the current run, of several their sum.
    package var memoryBytes: Int64?
    package var memoryThreshold: Int64?
    package var lastExit: LastExit?
    /// The next occurrence of a scheduled one.
    package var nextRun: WallTime?
    /// Whether an operator paused its schedule.
    package var paused: Bool
    /// How the last execution of a scheduled one ended.
    package var lastOutcome: LedgerEntry.Outcome?
    /// nil where its health is not asked for.
    package var healthChecks: ChecksReport?
    /// What the current run says of itself.
    package var statusText: String?
    /// The process that the current run calls its main one.
    package var mainPID: Int32?
    package var nextRestart: WallTime?
    package var restartsInWindow: Int
    /// The first `listedMax`; `dependencyCount` counts all.
    package var dependencies: [DependencyReport]
    package var dependencyCount: Int
    /// The first `listedMax`; `survivorCount` counts all.
    package var survivors: [Survivor]
    package var survivorCount: Int
    /// A recovery that is under way, and the last one that is over.
    package var recovery: RecoveryStatus?
    package var lastRecovery: RecoveryStatus?
    /// Only in the answer about one scheduler; there it has a line of its own.
    package var settings: SettingsReport?

    /// Only in the answer about one scheduler, in lines of their own.
    package var metrics: MetricsReport?
    package var alerts: [AlertReport]?

    /// Dependencies and survivors listed for one scheduler, so that it always fits a line.
    package static let listedMax = 128

    /// From the core's copy.
    package init(_ status: SchedulerStatus) {
        name = status.name.text
        self.status = status.health
        memoryUsage = status.memory.map { $0.count / 1_000_000 }
        uptime = status.uptime?.seconds ?? 0
        consecutiveFailures = status.consecutiveFailures
        restartCount = status.restartCount
        lastExecution = status.lastExecution.map {
            Execution(
                timestamp: $0.startedAt, duration: $0.duration.milliseconds, success: $0.succeeded)
        }
        kind = status.kind
        origin = status.origin
        lifecycle = status.lifecycle
        reason = status.reason
        priority = status.priority
        phase = status.phase
        pid = status.pid?.number
        runID = status.run?.description
        runs = status.runs.prefix(Self.listedMax).map {
            RunReport(
                runID: $0.id.description, pid: $0.pid?.number, since: $0.startedAt,
                memoryBytes: $0.memory?.count, scheduledAt: $0.scheduledAt)
        }
        runCount = status.runs.count
        memoryBytes = status.memory?.count
        memoryThreshold = status.memoryThreshold?.count
        lastExit = status.lastExit.map(LastExit.init)
        nextRun = status.nextRun
        paused = status.isPaused
        lastOutcome = status.lastOutcome
        healthChecks = status.checks.map(ChecksReport.init)
        statusText = status.statusText
        mainPID = status.mainPID?.number
        nextRestart = status.nextRestart
        restartsInWindow = status.restartsInWindow
        dependencies = status.dependencies.prefix(Self.listedMax).map {
            DependencyReport(name: $0.name.text, condition: $0.condition, met: $0.isMet)
        }
        dependencyCount = status.dependencies.count
        survivors = status.survivors.prefix(Self.listedMax).map {
            Survivor(pid: $0.identity.pid.number, name: $0.name, why: $0.obstacle?.words)
        }
        survivorCount = status.survivors.count
        recovery = status.recovery
        lastRecovery = status.lastRecovery
    }
}

extension SchedulerReport.LastExit {
    fileprivate init(_ exit: SchedulerStatus.LastExit) {
        switch exit.status {
        case .exited(let code):
            self.init(code: code, signal: nil, meaning: exit.meaning, at: exit.at)
        case .signalled(let signal, coreDumped: _):
            self.init(code: nil, signal: "\(signal)", meaning: exit.meaning, at: exit.at)
        }
    }
}

extension ProcessDescription.Obstacle {
    fileprivate var words: String {
        switch self {
        case .uninterruptible: "waits for a device (state D)"
        case .notPermitted: "belongs to another user"
        }
    }
}

// MARK: - JSON

extension SchedulerReport {
    /// Appends the object, as an element.
    package func write(to buffer: inout [UInt8]) {
        write(nil, to: &buffer)
    }

    /// The same with what a recovery did, as its member `actions`.
    package func write(recovered actions: [RecoveryAction], to buffer: inout [UInt8]) {
        write(nil, actions: actions, to: &buffer)
    }

    func write(
        _ key: StaticString?, actions: [RecoveryAction]? = nil, to buffer: inout [UInt8]
    ) {
        buffer.beginObject(key)
        writeSeedMembers(to: &buffer)
        buffer.field("kind", kind.rawValue)
        buffer.field("origin", origin.rawValue)
        buffer.field("lifecycle", lifecycle.rawValue)
        buffer.field("reason", reason.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.field("priority", priority)
        buffer.field("phase", phase)
        buffer.field("pid", pid.map(Int64.init))
        buffer.field("runId", runID)
        writeRuns(to: &buffer)
        buffer.field("memoryBytes", memoryBytes)
        buffer.field("memoryThreshold", memoryThreshold)
        writeLastExit(to: &buffer)
        buffer.field("nextRun", nextRun, fractionDigits: 3)
        buffer.field("paused", paused)
        buffer.field("lastOutcome", lastOutcome?.rawValue)
        if let healthChecks {
            healthChecks.write(to: &buffer)
        } else {
            buffer.nullField("healthChecks")
        }
        buffer.field("statusText", statusText)
        buffer.field("mainPid", mainPID.map(Int64.init))
        buffer.field("nextRestart", nextRestart, fractionDigits: 3)
        buffer.field("restartsInWindow", restartsInWindow)
        writeLists(to: &buffer)
        writeRecoveries(to: &buffer)
        settings?.writeMembers(to: &buffer)
        if let alerts {
            buffer.beginArray("alerts")
            for alert in alerts { alert.write(to: &buffer) }
            buffer.endArray()
        }
        metrics?.write("metrics", to: &buffer)
        if let actions {
            buffer.beginArray("actions")
            for action in actions { action.write(to: &buffer) }
            buffer.endArray()
        }
        buffer.endObject()
    }

    private func writeSeedMembers(to buffer: inout [UInt8]) {
        buffer.field("name", name)
        buffer.field("status", status.rawValue)
        buffer.field("memoryUsage", memoryUsage)
        buffer.field("uptime", uptime)
        buffer.field("consecutiveFailures", consecutiveFailures)
        buffer.field("restartCount", restartCount)
        guard let lastExecution else { return buffer.nullField("lastExecution") }
        buffer.beginObject("lastExecution")
        buffer.field("timestamp", lastExecution.timestamp, fractionDigits: 0)
        buffer.field("duration", lastExecution.duration)
        buffer.field("success", lastExecution.success)
        buffer.endObject()
    }

    private func writeLastExit(to buffer: inout [UInt8]) {
        guard let lastExit else { return buffer.nullField("lastExit") }
        buffer.beginObject("lastExit")
        buffer.field("code", lastExit.code.map(Int64.init))
        buffer.field("signal", lastExit.signal)
        buffer.field("meaning", lastExit.meaning.shortened(toBytes: ControlLimits.messageBytesMax))
        buffer.field("at", lastExit.at, fractionDigits: 3)
        buffer.endObject()
    }

    private func writeRecoveries(to buffer: inout [UInt8]) {
        if let recovery {
            recovery.write("recovery", to: &buffer)
        } else {
            buffer.nullField("recovery")
        }
        if let lastRecovery {
            lastRecovery.write("lastRecovery", to: &buffer)
        } else {
            buffer.nullField("lastRecovery")
        }
    }

    private func writeRuns(to buffer: inout [UInt8]) {
        buffer.beginArray("runs")
        for run in runs {
            buffer.beginObject()
            buffer.field("runId", run.runID)
            buffer.field("pid", run.pid.map(Int64.init))
            buffer.field("since", run.since, fractionDigits: 3)
            buffer.field("memoryBytes", run.memoryBytes)
            buffer.field("scheduledAt", run.scheduledAt, fractionDigits: 3)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("runCount", runCount)
    }

    private func writeLists(to buffer: inout [UInt8]) {
        buffer.beginArray("dependencies")
        for dependency in dependencies {
            buffer.beginObject()
            buffer.field("name", dependency.name)
            buffer.field("condition", dependency.condition.rawValue)
            buffer.field("met", dependency.met)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("dependencyCount", dependencyCount)
        buffer.beginArray("survivors")
        for survivor in survivors {
            buffer.beginObject()
            buffer.field("pid", Int64(survivor.pid))
            buffer.field("name", survivor.name)
            buffer.field("why", survivor.why)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("survivorCount", survivorCount)
    }

    /// Reads what `write` writes; further members of a newer supervisor are passed over.
    init(reading value: JSONValue) throws(JSONFault) {
        name = try value.text("name")
        status = try value.word("status", as: Health.self)
        memoryUsage = try value.optional("memoryUsage", JSONValue.integer)
        uptime = try value.wholeNumber("uptime")
        consecutiveFailures = try value.wholeNumber("consecutiveFailures", as: Int.self)
        restartCount = try value.wholeNumber("restartCount", as: Int.self)
        lastExecution = try value.optional("lastExecution", Execution.init(reading:))
        kind = try value.word("kind", as: SchedulerSpecification.Kind.self)
        // An older supervisor does not tell.
        origin =
            value["origin"] == nil
            ? .file : try value.word("origin", as: SchedulerSpecification.Origin.self)
        lifecycle = try value.word("lifecycle", as: LifecycleName.self)
        reason = try value.text("reason")
        priority = try value.wholeNumber("priority", as: Int.self)
        phase = try value.wholeNumber("phase", as: Int.self)
        pid = try value.optional("pid", JSONValue.narrowInteger)
        runID = try value.optionalText("runId")
        // An older supervisor does not tell.
        runs = value["runs"] == nil ? [] : try value.list("runs", RunReport.init(reading:))
        runCount = value["runCount"] == nil ? 0 : try value.wholeNumber("runCount", as: Int.self)
        memoryBytes = try value.optional("memoryBytes", JSONValue.integer)
        memoryThreshold = try value.optional("memoryThreshold", JSONValue.integer)
        lastExit = try value.optional("lastExit", LastExit.init(reading:))
        nextRun = try value.optionalTime("nextRun")
        paused = try value.truth("paused")
        lastOutcome = try value.optionalText("lastOutcome").flatMap {
            LedgerEntry.Outcome(rawValue: $0)
        }
        healthChecks = try value.optional("healthChecks", ChecksReport.init(reading:))
        statusText = try value.optionalText("statusText")
        mainPID = try value.optional("mainPid", JSONValue.narrowInteger)
        nextRestart = try value.optionalTime("nextRestart")
        restartsInWindow = try value.wholeNumber("restartsInWindow", as: Int.self)
        dependencies = try value.list("dependencies", DependencyReport.init(reading:))
        dependencyCount = try value.wholeNumber("dependencyCount", as: Int.self)
        survivors = try value.list("survivors", Survivor.init(reading:))
        survivorCount = try value.wholeNumber("survivorCount", as: Int.self)
        recovery = try value.optional("recovery", RecoveryStatus.init(reading:))
        lastRecovery = try value.optional("lastRecovery", RecoveryStatus.init(reading:))
    }
}

extension SchedulerReport.Execution {
    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        timestamp = try value.time("timestamp")
        duration = try value.wholeNumber("duration")
        success = try value.truth("success")
    }
}

extension SchedulerReport.LastExit {
    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        code = try value.optional("code", JSONValue.narrowInteger)
        signal = try value.optionalText("signal")
        meaning = try value.text("meaning")
        at = try value.time("at")
    }
}

extension SchedulerReport.RunReport {
    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        runID = try value.text("runId")
        pid = try value.optional("pid", JSONValue.narrowInteger)
        since = try value.time("since")
        memoryBytes = try value.optional("memoryBytes", JSONValue.integer)
        scheduledAt = try value.optionalTime("scheduledAt")
    }
}

extension SchedulerReport.DependencyReport {
    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        name = try value.text("name")
        condition = try value.word("condition", as: Dependency.Condition.self)
        met = try value.truth("met")
    }
}

extension SchedulerReport.Survivor {
    fileprivate init(reading value: JSONValue) throws(JSONFault) {
        pid = try value.wholeNumber("pid", as: Int32.self)
        name = try value.text("name")
        why = try value.optionalText("why")
    }
}

extension JSONValue {
    static func integer(_ value: JSONValue) throws(JSONFault) -> Int64 {
        try value.requireWholeNumber()
    }

    static func narrowInteger(_ value: JSONValue) throws(JSONFault) -> Int32 {
        let number = try value.requireWholeNumber()
        guard let narrow = Int32(exactly: number) else {
            throw JSONFault(kind: .invalid, words: "the value is out of range: \(number)")
        }
        return narrow
    }
}
