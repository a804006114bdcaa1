// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// What a reload and `reeve plan` say of two configurations.
@Suite struct DifferenceTests {
    private func name(_ text: String) throws -> SchedulerName {
        try #require(SchedulerName(text))
    }

    private func plain() throws -> SchedulerSpecification {
        SchedulerSpecification(
            name: try name("job"), schedule: ScheduleSettings(.cron("@start")),
            program: Program(arguments: ["/bin/true"]))
    }

    /// Every stored value is another.
    private func other() throws -> SchedulerSpecification {
        var job = try plain()
        job.kind = .daemon
        job.enabled = false
        job.description = "another"
        job.program = Program(arguments: ["/bin/other"])
        job.program.workingDirectory = "/"
        job.program.environment = [EnvironmentVariable(name: "A", value: "1")]
        job.program.clearEnvironment = true
        job.program.launch.user = UserAccount(name: "web", number: 33, group: 33)
        job.program.launch.group = GroupAccount(name: nil, number: 7)
        job.program.launch.umask = 0o27
        job.program.launch.limits = [
            ResourceLimit(.nofile, soft: 1_024, hard: 1_024),
            ResourceLimit(.core, soft: nil, hard: nil), ResourceLimit(.cpu, soft: 5, hard: nil),
        ]
        job.program.launch.nice = 5
        job.program.launch.oomScoreAdjustment = 7
        job.program.launch.environmentFiles = [
            EnvironmentFile(path: "/etc/a"), EnvironmentFile(path: "b", mayBeMissing: true),
        ]
        job.program.launch.secrets = [Secret(name: "TOKEN", path: "/run/token")]
        job.program.launch.isForced = true
        job.program.launch.slowPlace = "its program lies on /srv (nfs4)"
        job.restart = RestartPolicy(mode: .always)
        job.restart.delay = .seconds(2)
        job.restart.factor = 3
        job.restart.delayMax = .seconds(90)
        job.restart.jitter = 0
        job.restart.resetAfter = .seconds(5)
        job.restart.maxRestarts = nil
        job.restart.window = .seconds(5)
        job.restart.cooldown = .seconds(5)
        job.restart.whenExhausted = .fail
        job.order.priority = 3
        job.order.dependencies = [Dependency(name: try name("db"))]
        job.order.dependencyTimeout = .seconds(5)
        job.readiness.rule = .notify
        job.readiness.startTimeout = .seconds(5)
        job.healthCheck = HealthCheckSettings(.exec(["/bin/check"]))
        job.notify.socket = .abstract
        job.notify.watchdog = .seconds(5)
        job.healthCheckInterval = .seconds(5)
        job.errorThreshold = 2
        job.memory.threshold = Bytes(1_000_000)
        job.memory.samples = 1
        job.memory.hardLimit = Bytes(2_000_000)
        job.memory.action = .alert
        job.memory.measure = .pss
        job.recovery.cleanup = .signal(.user1)
        job.recovery.onStart = ["/bin/before"]
        job.recovery.onStop = ["/bin/after"]
        job.recovery.hookTimeout = .seconds(5)
        job.stop.signal = .interrupt
        job.stop.timeout = .seconds(5)
        job.stop.scope = .group
        job.stop.command = ["/bin/stop"]
        job.stop.leftovers = .keep
        job.log.destination = .none
        job.log.file = "/var/log/job.log"
        job.log.maxSize = nil
        job.log.maxFiles = 3
        job.log.timestamps = true
        job.log.prefix = .run
        job.log.tail = .zero
        job.schedule = otherSchedule()
        job.timeout = .seconds(5)
        job.successExitCodes = [0, 3]
        return job
    }

    private func otherSchedule() -> ScheduleSettings {
        var schedule = ScheduleSettings(.interval(.seconds(60)))
        schedule.intervalFrom = .end
        schedule.zone = "Europe/Berlin"
        schedule.hash = 1
        schedule.jitter = .seconds(1)
        schedule.spread = .seconds(1)
        schedule.overlap = .allow
        schedule.maxParallel = 2
        schedule.misfire = .skip
        schedule.misfireDeadline = .seconds(5)
        schedule.runOnStart = true
        schedule.startsAt = WallTime(nanoseconds: 1_000_000_000)
        schedule.expiresAt = WallTime(nanoseconds: 2_000_000_000)
        schedule.maxRetries = 2
        schedule.retryDelay = .seconds(5)
        schedule.retryFactor = 3
        schedule.retryDelayMax = .seconds(5)
        schedule.noRetryExitCodes = [2]
        schedule.drainTimeout = .seconds(5)
        return schedule
    }

    private func otherSettings() throws -> SupervisorSettings {
        var settings = SupervisorSettings()
        settings.profile = .local
        settings.profileReason = "another"
        settings.runtimeDirectory = "/run/other"
        settings.stateDirectory = "/var/other"
        settings.controlMode = 0o660
        settings.controlGroup = "wheel"
        settings.gracefulTimeout = .seconds(7)
        settings.forceTimeout = .seconds(7)
        settings.staggeredStartup = false
        settings.phaseTimeout = .seconds(7)
        settings.autoRecovery = false
        settings.logFormat = .json
        settings.logLevel = .debug
        settings.exitWith = try name("job")
        settings.alerts.errorRate = 0.5
        settings.alerts.errorRateWindow = .seconds(70)
        settings.alerts.leakWindow = nil
        settings.alerts.watchesAllMemory = true
        settings.alerts.frequentRestarts = 9
        settings.alerts.restartAlertWindow = .seconds(70)
        settings.alerts.timeouts = 9
        settings.alerts.exec = ["/bin/alert"]
        settings.alerts.repeatAfter = nil
        settings.syslog = "/dev/log"
        settings.watch = true
        settings.source = "/etc/reeve.toml"
        settings.sourceForm = .crontab
        settings.sourceStamp = "1"
        settings.registeredDirectory = "/var/registered"
        settings.gatewayRegisters = true
        return settings
    }

    /// The stored values of two that are the same, whatever they are grouped into.
    private func sameValues(_ left: Any, _ right: Any) -> [String] {
        let (before, after) = (Mirror(reflecting: left), Mirror(reflecting: right))
        return zip(before.children, after.children).flatMap { old, new -> [String] in
            guard String(reflecting: old.value) != String(reflecting: new.value) else {
                return [old.label ?? ""]
            }
            let isGroup = Mirror(reflecting: old.value).displayStyle == .struct
            return isGroup ? sameValues(old.value, new.value) : []
        }
    }

    private func differences(
        _ settings: SupervisorSettings, _ old: SchedulerSpecification,
        _ new: SchedulerSpecification
    ) -> ReloadPlan {
        ReloadPlan(
            from: SupervisorSettings(), [SchedulerStanding(specification: old)],
            to: Specification(supervisor: settings, schedulers: [new]))
    }

    @Test func `whatever differs is named by a key and shown as a file has it`() throws {
        let (old, new, settings) = (try plain(), try other(), try otherSettings())
        // A value that is new in the specification belongs into the functions above.
        // A part of reeve itself is none by a key of its table.
        #expect(sameValues(old, new) == ["name", "isComponent", "origin"])
        #expect(sameValues(SupervisorSettings(), settings) == [])
        let plan = differences(settings, old, new)
        let found = try #require(plan.entries.first?.differences)
        for difference in found {
            #expect(KnownKeys.find(difference.key, in: .schedulers) != nil, "\(difference)")
        }
        for difference in plan.settings + plan.fixedSettings {
            let parts = difference.key.split(separator: ".", maxSplits: 1).map(String.init)
            let known =
                switch parts.first {
                case "alerts": KnownKeys.find(parts.last ?? "", in: .alerts)
                case "gateway": KnownKeys.find(parts.last ?? "", in: .gateway)
                default: KnownKeys.find(difference.key, in: .reeve)
                }
            #expect(known != nil, "\(difference)")
        }
        let all = found + plan.settings + plan.fixedSettings
        #expect(Set(all.map(\.key)).count == all.count)
        for difference in all {
            let text = difference.old + difference.new
            #expect(!text.contains("ReeveCore") && !text.contains("Optional"), "\(difference)")
            #expect(!text.contains("(") || difference.key == "launcher", "\(difference)")
        }
        // What the present file may say, too.
        let keys = KnownKeys.of(.schedulers).filter { $0.status == .now }.map(\.name)
        let unnamed = Set(keys).subtracting(found.map(\.key))
        #expect(unnamed == ["cron"])
    }

    @Test func `tables and lists read as a file has them`() throws {
        let plan = differences(SupervisorSettings(), try plain(), try other())
        let texts = (plan.entries.first?.differences ?? []).map {
            "\($0.key): \($0.old) -> \($0.new)"
        }
        for text in [
            #"user: none -> "web""#, "group: none -> 7", #"umask: none -> "027""#,
            #"limits: {} -> { nofile = 1024, core = "unlimited", cpu = "5:unlimited" }"#,
            #"env-file: [] -> ["/etc/a", "-b"]"#, #"secrets: {} -> { TOKEN = "/run/token" }"#,
            "launcher: false -> true", #"cleanup: none -> { signal = "SIGUSR1" }"#,
            #"on-start: none -> ["/bin/before"]"#, #"hook-timeout: "10s" -> "5s""#,
            #"interval: "@start" -> "1m""#,
        ] {
            #expect(texts.contains(text), "\(text)")
        }
    }

    @Test func `an account of the same name, and another host name, are told`() throws {
        var old = try plain()
        old.program.launch.user = UserAccount(name: "web", number: 33, group: 33)
        var new = old
        new.program.launch.user?.number = 34
        var plan = differences(SupervisorSettings(), old, new)
        #expect(
            plan.entries.first?.differences == [
                SettingDifference(key: "user", old: #""web""#, new: #""web" with another entry"#)
            ])
        new = old
        new.schedule?.hash = 5
        plan = differences(SupervisorSettings(), old, new)
        #expect(plan.entries.first?.differences.map(\.key) == ["spread"])
    }
}
