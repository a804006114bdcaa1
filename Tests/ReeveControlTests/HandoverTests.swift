// SPDX-License-Identifier: Apache-2.0

import ReeveControl
import ReeveCore
import Testing

@Suite struct HandoverTests {
    @Test func `every field of a specification survives the hand-over`() throws {
        let specification = try everyFieldChanged()
        #expect(try Handover.decode(Handover.encode(specification)) == specification)
    }

    /// Guards the test above: a field that somebody adds has its default in the sample, and is found
    /// here before it can be forgotten in the hand-over.
    @Test func `the sample differs from the defaults in every field`() throws {
        let sample = leaves(of: try everyFieldChanged())
        var plain = Specification()
        plain.schedulers = [
            SchedulerSpecification(name: try name("plain"), program: Program(arguments: ["plain"]))
        ]
        plain.schedulers[0].order.dependencies = [Dependency(name: try name("other"))]
        plain.schedulers[0].program.environment = [EnvironmentVariable(name: "", value: "")]
        let same = leaves(of: plain).filter { sample[$0.key] == $0.value }.keys.sorted()
        #expect(same == [])
        #expect(sample.count > 50)
    }

    @Test func `the defaults of both kinds survive the hand-over`() throws {
        var specification = Specification()
        specification.schedulers = [
            SchedulerSpecification(name: try name("a"), program: Program(arguments: ["true"])),
            SchedulerSpecification(
                name: try name("b"), kind: .task, program: Program(arguments: ["true", ""])),
        ]
        specification.schedulers.append(
            SchedulerSpecification(
                name: try name("c"), schedule: ScheduleSettings(.interval(.seconds(5))),
                program: Program(arguments: ["true"])))
        #expect(try Handover.decode(Handover.encode(specification)) == specification)
    }

    @Test func `every word of every choice survives the hand-over`() throws {
        for word in RestartPolicy.Mode.allCases { try survives { $0.restart.mode = word } }
        for word in RestartPolicy.WhenExhausted.allCases {
            try survives { $0.restart.whenExhausted = word }
        }
        for word in MemorySettings.Action.allCases { try survives { $0.memory.action = word } }
        for word in MemorySettings.Measure.allCases { try survives { $0.memory.measure = word } }
        try survives { $0.recovery.cleanup = .command(["/bin/free", "-a"]) }
        for word in StopSettings.Scope.allCases { try survives { $0.stop.scope = word } }
        for word in StopSettings.Leftovers.allCases { try survives { $0.stop.leftovers = word } }
        for word in LogSettings.Destination.allCases { try survives { $0.log.destination = word } }
        for condition in Dependency.Condition.allCases {
            for action in Dependency.OnFailure.allCases {
                var edge = Dependency(name: try name("db"))
                edge.condition = condition
                edge.onFailure = action
                try survives { $0.order.dependencies = [edge, edge] }
            }
        }
        for number in Int32(1)...64 {
            let signal = try #require(Signal(number: number))
            try survives { $0.stop.signal = signal }
        }
        for rule in [Readiness.Rule.spawn, .notify, .probe] {
            try survives { $0.readiness.rule = rule }
        }
        for socket in NotifySettings.Socket.allCases { try survives { $0.notify.socket = socket } }
        try survives { $0.healthCheck = nil }
        try survives { $0.healthCheck?.method = .exec(["check", ""]) }
        try survives { $0.healthCheck?.method = .tcp(ProbeTarget(host: "db", port: 1)) }
    }

    @Test func `extreme numbers and strange texts survive the hand-over`() throws {
        for span in [Duration.zero, .max, Duration(nanoseconds: .min), .nanoseconds(1)] {
            try survives { $0.stop.timeout = span }
        }
        for factor in [
            1.0, 1.1, 0.1 + 0.2, 1e300, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
        ] {
            try survives { $0.restart.factor = factor }
        }
        try survives { $0.restart.maxRestarts = nil }
        try survives { $0.restart.maxRestarts = .max }
        try survives { $0.order.priority = .min }
        try survives { $0.memory.threshold = Bytes(.max) }
        try survives { $0.stop.command = [] }
        for text in ["", "\"\\/\n\r\t\u{1}\u{1F}\u{7F}", "ä€😀\u{2028}\u{FFFF}", " {}[],:"] {
            try survives { $0.description = text }
            try survives { $0.program.arguments = [text] }
            try survives {
                $0.program.environment = [EnvironmentVariable(name: "A", value: text)]
            }
        }
    }

    @Test func `thousands of schedulers survive the hand-over`() throws {
        var specification = Specification()
        for index in 0..<3_000 {
            specification.schedulers.append(
                SchedulerSpecification(
                    name: try name("s\(index)"), program: Program(arguments: ["sleep", "1"])))
        }
        #expect(try Handover.decode(Handover.encode(specification)) == specification)
    }

    @Test func `a NUL in a text is refused and not cut`() throws {
        var specification = try everyFieldChanged()
        specification.schedulers[0].program.arguments = ["a\0b"]
        let bytes = Handover.encode(specification)
        #expect(throws: HandoverError.self) { try Handover.decode(bytes) }
    }

    @Test func `a hand-over of another version is refused`() {
        let error = #expect(throws: HandoverError.self) {
            try Handover.decode(Array(#"{"handover":9,"supervisor":{},"schedulers":[]}"#.utf8))
        }
        #expect(
            error?.description
                == "the hand-over cannot be read: it is of version 9, this reeve reads version 5")
    }

    /// Takes the members of an encoded hand-over away, one after the other: none may be optional.
    @Test func `a hand-over with any member missing is refused by name`() throws {
        let text = String(decoding: Handover.encode(try everyFieldChanged()), as: UTF8.self)
        let keys = Set(text.matches(of: /"(\w+)":/).map { String($0.output.1) }).sorted()
        #expect(keys.count > 50)
        for key in keys {
            let broken = text.replacingFirst("\"\(key)\":", with: "\"x-\(key)\":")
            let error = #expect(throws: HandoverError.self, "\(key)") {
                try Handover.decode(Array(broken.utf8))
            }
            #expect(error?.description.contains("\"\(key)\" is missing") == true, "\(key)")
        }
    }

    @Test func `a fault names its place`() throws {
        let text = String(decoding: Handover.encode(try everyFieldChanged()), as: UTF8.self)
        let broken = text.replacingFirst("\"scope\":\"leader\"", with: "\"scope\":\"loader\"")
        let error = #expect(throws: HandoverError.self) {
            try Handover.decode(Array(broken.utf8))
        }
        #expect(
            error?.description == "the hand-over cannot be read: "
                + "in schedulers[0].stop: \"scope\" cannot be \"loader\"")
    }

    // MARK: Details

    private func survives(_ change: (inout SchedulerSpecification) -> Void) throws {
        var specification = try everyFieldChanged()
        change(&specification.schedulers[0])
        #expect(try Handover.decode(Handover.encode(specification)) == specification)
    }

    /// Every stored leaf, by its path. Elements of lists are numbered.
    private func leaves(of value: Any, path: String = "") -> [String: String] {
        let mirror = Mirror(reflecting: value)
        if mirror.children.isEmpty || mirror.displayStyle == .enum {
            return [path: "\(value)"]
        }
        var found: [String: String] = [:]
        for (index, child) in mirror.children.enumerated() {
            let label = child.label ?? "\(index)"
            found.merge(leaves(of: child.value, path: "\(path).\(label)")) { first, _ in first }
        }
        return found
    }
}

extension String {
    func replacingFirst(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}

/// A specification in which no field has its default.
func everyFieldChanged() throws -> Specification {
    var settings = SupervisorSettings()
    settings.profile = .render
    settings.profileReason = "RENDER is set"
    settings.runtimeDirectory = "/srv/run"
    settings.stateDirectory = "/srv/state"
    settings.controlMode = 0o660
    settings.controlGroup = "operators"
    settings.gracefulTimeout = .seconds(31)
    settings.forceTimeout = .milliseconds(5_500)
    settings.staggeredStartup = false
    settings.phaseTimeout = .seconds(61)
    settings.autoRecovery = false
    settings.logFormat = .json
    settings.logLevel = .debug
    settings.exitWith = try name("web")
    settings.syslog = "/dev/log"
    settings.watch = true
    settings.source = "/etc/reeve/reeve.toml"
    settings.alerts.errorRate = 0.5
    settings.alerts.errorRateWindow = .seconds(62)
    settings.alerts.leakWindow = .seconds(63)
    settings.alerts.watchesAllMemory = true
    settings.alerts.frequentRestarts = 64
    settings.alerts.restartAlertWindow = .seconds(65)
    settings.alerts.timeouts = 66
    settings.alerts.exec = ["/usr/bin/alert", "--now"]
    settings.alerts.repeatAfter = .seconds(67)
    settings.sourceForm = .systemCrontab
    settings.sourceStamp = "1:2:3:4:5"
    settings.registeredDirectory = "/var/lib/reeve/registered"
    settings.gatewayRegisters = true
    return Specification(
        supervisor: settings, schedulers: [try changedScheduler()],
        zones: [ZoneFile(name: "Europe/Berlin", bytes: [0, 1, 0x7F, 0xFF])])
}

private func changedSchedule() -> ScheduleSettings {
    var schedule = ScheduleSettings(.cron("H 3 * * *"))
    schedule.intervalFrom = .end
    schedule.zone = "Europe/Berlin"
    schedule.hash = .max - 1
    schedule.jitter = .seconds(3)
    schedule.spread = .seconds(4)
    schedule.overlap = .allow
    schedule.maxParallel = 3
    schedule.misfire = .runAll
    schedule.misfireDeadline = .seconds(5)
    schedule.runOnStart = true
    schedule.startsAt = WallTime(nanoseconds: 6)
    schedule.expiresAt = WallTime(nanoseconds: 7)
    schedule.maxRetries = 8
    schedule.retryDelay = .seconds(9)
    schedule.retryFactor = 1.5
    schedule.retryDelayMax = .seconds(10)
    schedule.noRetryExitCodes = [11, 12]
    schedule.drainTimeout = .seconds(13)
    return schedule
}

private func changedLaunch() -> LaunchSettings {
    var launch = LaunchSettings()
    launch.user = UserAccount(
        name: "web", number: 1_001, group: 1_002, groups: [1_002, 4], home: "/srv/web",
        shell: "/bin/bash")
    launch.group = GroupAccount(name: "www", number: 33)
    launch.umask = 0o27
    launch.limits = [
        ResourceLimit(.nofile, soft: 1, hard: nil), ResourceLimit(.core, soft: 0, hard: .max - 1),
    ]
    launch.nice = -3
    launch.oomScoreAdjustment = 200
    launch.environmentFiles = [EnvironmentFile(path: "/etc/default/web", mayBeMissing: true)]
    launch.secrets = [Secret(name: "TOKEN", path: "$CREDENTIALS_DIRECTORY/token")]
    launch.isForced = true
    launch.slowPlace = "/srv (nfs4)"
    return launch
}

private func changedScheduler() throws -> SchedulerSpecification {
    var program = Program(arguments: ["/usr/bin/web", "--port", "80 80"])
    program.workingDirectory = "/srv"
    program.environment = [
        EnvironmentVariable(name: "B", value: "2"), EnvironmentVariable(name: "A", value: "1"),
    ]
    program.clearEnvironment = true
    program.launch = changedLaunch()
    var scheduler = SchedulerSpecification(name: try name("web"), kind: .task, program: program)
    scheduler.enabled = false
    scheduler.isComponent = true
    scheduler.origin = .registered
    scheduler.description = "the \"front\" end"
    scheduler.restart.mode = .never
    scheduler.restart.delay = .milliseconds(250)
    scheduler.restart.factor = 1.75
    scheduler.restart.delayMax = .seconds(90)
    scheduler.restart.jitter = 0.1
    scheduler.restart.resetAfter = .seconds(59)
    scheduler.restart.maxRestarts = 3
    scheduler.restart.window = .minutes(11)
    scheduler.restart.cooldown = .seconds(29)
    scheduler.restart.whenExhausted = .exit
    scheduler.order.priority = -7
    var edge = Dependency(name: try name("db"))
    edge.condition = .completed
    edge.onFailure = .restart
    scheduler.order.dependencies = [edge]
    scheduler.order.dependencyTimeout = .seconds(58)
    scheduler.readiness.rule = .uptime(.milliseconds(1_234))
    scheduler.readiness.startTimeout = .seconds(61)
    var check = HealthCheckSettings(
        .http(ProbeTarget(host: "::1", port: 8_080), path: "/health", status: 200...299))
    check.timeout = .seconds(2)
    check.failures = 4
    check.successes = 2
    check.startPeriod = .seconds(56)
    scheduler.healthCheck = check
    scheduler.notify.socket = .abstract
    scheduler.notify.watchdog = .seconds(55)
    scheduler.healthCheckInterval = .seconds(15)
    scheduler.errorThreshold = 6
    scheduler.memory.threshold = Bytes(50_000_000)
    scheduler.memory.samples = 4
    scheduler.memory.hardLimit = Bytes(60_000_000)
    scheduler.memory.measure = .pss
    scheduler.memory.action = .alert
    scheduler.recovery.cleanup = .signal(.user2)
    scheduler.recovery.onStart = ["/bin/prepare", "it"]
    scheduler.recovery.onStop = ["/bin/tidy"]
    scheduler.recovery.hookTimeout = .seconds(7)
    scheduler.stop.signal = .quit
    scheduler.stop.timeout = .seconds(12)
    scheduler.stop.scope = .leader
    scheduler.stop.command = ["/bin/kill", "it"]
    scheduler.stop.leftovers = .keep
    scheduler.log.destination = .file
    scheduler.log.file = "/var/log/web.log"
    scheduler.log.maxSize = nil
    scheduler.log.maxFiles = 3
    scheduler.log.timestamps = true
    scheduler.log.prefix = .run
    scheduler.log.tail = Bytes(32_000)
    scheduler.timeout = .seconds(99)
    scheduler.successExitCodes = [1, 255]
    scheduler.schedule = changedSchedule()
    return scheduler
}
