// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// A scheduler of the file, understood as far as it could be.
struct DeclaredScheduler: Sendable {
    /// As the file has it; it may break the rule for names.
    let name: String
    let nameSpan: SourceSpan
    /// One kind; all where the file's is wrong.
    let kinds: KnownKey.Kinds
    let effective: EffectiveSettings
    /// Without those of `[defaults]` that name itself.
    let dependencies: [DependencySetting]
    /// nil where something of it is wrong. Its dependencies are not checked yet.
    let specification: SchedulerSpecification?
    let explanation: @Sendable () -> [Explanation.Entry]

    /// It is none of the file.
    var isRegistered: Bool { nameSpan.source != 0 }
}

/// From one `[schedulers.NAME]` table to a scheduler.
struct SchedulerReader: Sendable {
    let name: String
    let nameSpan: SourceSpan
    let defaults: TableSettings
    let preset: TableSettings
    let profile: Profile
    let machine: Machine
    /// reeve's own PATH.
    let path: String?

    private var label: String { "[schedulers.\(printable(tomlKey(name)))]" }

    init(
        name: String, nameSpan: SourceSpan, defaults: TableSettings, preset: TableSettings,
        profile: Profile, machine: Machine, path: String?
    ) {
        self.machine = machine
        self.path = path
        self.name = name
        self.nameSpan = nameSpan
        self.defaults = defaults
        self.preset = preset
        self.profile = profile
    }

    func read(
        _ entries: [TomlEntry], areKeysMissing: Bool, into findings: inout Findings
    ) -> DeclaredScheduler {
        let own = TableSettings(
            entries, of: .schedulers, label: label, scheduler: name, into: &findings)
        let kinds = kinds(own, entries, &findings)
        let effective = EffectiveSettings(
            table: .schedulers, own: own, defaults: defaults, preset: preset, profile: profile,
            kinds: kinds)
        own.reportLater(kinds, to: &findings)
        reportMisfits(entries, kinds, &findings)
        reportMemoryAction(own, kinds, &findings)
        warnOfRepetition(own, &findings)
        let dependencies = dependencies(effective)
        let specification = specification(effective, kinds, areKeysMissing, &findings)
        if let specification { warn(about: specification, effective, &findings) }
        return DeclaredScheduler(
            name: name, nameSpan: nameSpan, kinds: kinds, effective: effective,
            dependencies: dependencies, specification: specification,
            explanation: { [self] in explanation(effective) })
    }

    // MARK: - Kind

    /// A schedule makes it scheduled, else it is what `kind` says, else a daemon.
    private func kinds(
        _ own: TableSettings, _ entries: [TomlEntry], _ findings: inout Findings
    ) -> KnownKey.Kinds {
        let hasSchedule = own.present.contains("cron") || own.present.contains("interval")
        if hasSchedule {
            if let setting = own["kind"], case .text(let word) = setting.value,
                word != "scheduled"
            {
                findings.error(
                    "kind says \"\(word)\", but a schedule makes it a scheduled one",
                    at: setting.span, help: "leave out `kind`, or the `cron` or `interval`")
            }
            return .scheduled
        }
        if let entry = entries.first(where: { $0.key == "kind" }), own["kind"] == nil {
            if case .string("scheduled") = entry.node.value { return .scheduled }
            return .all
        }
        guard case .text(let word)? = (own["kind"] ?? defaults["kind"])?.value else {
            return defaults.present.contains("kind") ? .all : .daemon
        }
        switch word {
        case "task": return .task
        case "scheduled": return .scheduled
        default: return .daemon
        }
    }

    private func reportMisfits(
        _ entries: [TomlEntry], _ kinds: KnownKey.Kinds, _ findings: inout Findings
    ) {
        for entry in entries {
            guard let key = KnownKeys.find(entry.key, in: .schedulers),
                key.kinds.isDisjoint(with: kinds)
            else { continue }
            findings.error(
                "\(code(key.name)) is for \(key.kinds.words), and \(quoted(name)) is a "
                    + kinds.singular,
                at: entry.keySpan, help: key.instead)
        }
    }

    /// From `[defaults]` it is for those that it fits.
    private func reportMemoryAction(
        _ own: TableSettings, _ kinds: KnownKey.Kinds, _ findings: inout Findings
    ) {
        guard kinds != .scheduled, let setting = own["memory-action"],
            setting.value == .text(MemorySettings.Action.restartWhenIdle.rawValue)
        else { return }
        findings.error(
            "`memory-action = \"restart-when-idle\"` waits for the end of an execution, and "
                + "\(quoted(name)) is a \(kinds.singular), which has none",
            at: setting.span, help: "use \"recover\", \"restart\" or \"alert\"")
    }

    private func warnOfRepetition(_ own: TableSettings, _ findings: inout Findings) {
        for setting in own.settings {
            guard let inherited = defaults[setting.key.name], inherited.value == setting.value
            else { continue }
            findings.warning(
                "\(code(setting.key.name)) has this value from [defaults] already "
                    + "(line \(inherited.line))",
                at: setting.keySpan, help: "one of the two lines is enough")
        }
    }

    // MARK: - Specification

    private func specification(
        _ effective: EffectiveSettings, _ kinds: KnownKey.Kinds, _ areKeysMissing: Bool,
        _ findings: inout Findings
    ) -> SchedulerSpecification? {
        guard case .command(let arguments)? = effective.value("command") else {
            let isThere =
                effective.own.present.contains("command") || effective.own.meant.contains("command")
                || defaults.present.contains("command") || defaults.meant.contains("command")
            if !isThere, !areKeysMissing {
                findings.error(
                    "\(label) has no `command`, so there is nothing to execute", at: nameSpan,
                    help: "add command = [\"/usr/bin/app\", \"--flag\"]")
            }
            return nil
        }
        guard let name = SchedulerName(name),
            var result = empty(name, Program(arguments: arguments), effective, kinds, &findings)
        else { return nil }
        effective.assign("enabled", to: &result.enabled)
        effective.assign("description", to: &result.description)
        effective.assign("working-directory", to: &result.program.workingDirectory)
        effective.assign("clear-environment", to: &result.program.clearEnvironment)
        let launch = LaunchReader(effective: effective, machine: machine, path: path)
        result.program.environment = launch.variables("environment")
        result.program.launch = launch.read(result.program, &findings)
        effective.assign("timeout", to: &result.timeout)
        if case .exitCodes(let codes)? = effective.value("success-exit-codes") {
            result.successExitCodes = codes
        }
        effective.assign("health-check-interval", to: &result.healthCheckInterval)
        effective.assign("error-threshold", to: &result.errorThreshold)
        assignHealth(effective, to: &result, &findings)
        assignRestart(effective, to: &result.restart)
        assignOrder(effective, to: &result.order)
        assignMemory(effective, to: &result.memory)
        // From [defaults], where it is for the scheduled ones.
        if result.kind != .scheduled, result.memory.action == .restartWhenIdle {
            result.memory.action = .recover
        }
        assignRecovery(effective, to: &result.recovery)
        assignStop(effective, to: &result.stop)
        result.log = LogReader(effective: effective, name: self.name).read(&findings)
        return result
    }

    private func empty(
        _ name: SchedulerName, _ program: Program, _ effective: EffectiveSettings,
        _ kinds: KnownKey.Kinds, _ findings: inout Findings
    ) -> SchedulerSpecification? {
        switch kinds {
        case .daemon: return SchedulerSpecification(name: name, kind: .daemon, program: program)
        case .task: return SchedulerSpecification(name: name, kind: .task, program: program)
        case .scheduled:
            let reader = ScheduleReader(
                name: name, label: label, nameSpan: nameSpan, effective: effective)
            guard let schedule = reader.read(&findings) else { return nil }
            return SchedulerSpecification(name: name, schedule: schedule, program: program)
        default: return nil
        }
    }

    private func assignHealth(
        _ effective: EffectiveSettings, to result: inout SchedulerSpecification,
        _ findings: inout Findings
    ) {
        if case .readiness(let rule)? = effective.value("ready") {
            result.readiness.rule = rule
        }
        effective.assign("start-timeout", to: &result.readiness.startTimeout)
        if case .healthCheck(let settings)? = effective.value("health-check") {
            result.healthCheck = settings
        }
        effective.assign("watchdog", to: &result.notify.watchdog)
        switch effective.value("notify") {
        case .boolean(let isWanted)?: result.notify.socket = isWanted ? .path : .none
        case .text("abstract")?: result.notify.socket = .abstract
        case .text?: result.notify.socket = .path
        default: break
        }
        if result.readiness.rule == .probe, result.healthCheck == nil {
            findings.error(
                "ready = \"probe\" waits for a health check, and \(quoted(name)) has none",
                at: effective.span("ready"),
                help: "add health-check = { tcp = \"localhost:8080\" }")
        }
    }

    /// Of a scheduled one these are the three keys that bound what recovery ends.
    private func assignRestart(_ effective: EffectiveSettings, to restart: inout RestartPolicy) {
        effective.assign("restart", to: &restart.mode)
        effective.assign("restart-delay", to: &restart.delay)
        effective.assign("restart-factor", to: &restart.factor)
        effective.assign("restart-delay-max", to: &restart.delayMax)
        effective.assign("restart-jitter", to: &restart.jitter)
        effective.assign("restart-reset-after", to: &restart.resetAfter)
        effective.assign("max-restarts", to: &restart.maxRestarts)
        effective.assign("restart-window", to: &restart.window)
        effective.assign("restart-cooldown", to: &restart.cooldown)
        effective.assign("when-exhausted", to: &restart.whenExhausted)
    }

    private func assignOrder(_ effective: EffectiveSettings, to order: inout OrderSettings) {
        effective.assign("priority", to: &order.priority)
        effective.assign("dependency-timeout", to: &order.dependencyTimeout)
        for dependency in dependencies(effective) {
            guard let name = SchedulerName(dependency.name) else { continue }
            var edge = Dependency(name: name)
            edge.condition = dependency.condition
            edge.onFailure = dependency.onFailure
            order.dependencies.append(edge)
        }
    }

    private func assignMemory(_ effective: EffectiveSettings, to memory: inout MemorySettings) {
        effective.assign("memory-threshold", to: &memory.threshold)
        effective.assign("memory-samples", to: &memory.samples)
        effective.assign("memory-hard-limit", to: &memory.hardLimit)
        effective.assign("memory-action", to: &memory.action)
        effective.assign("memory-measure", to: &memory.measure)
    }

    private func assignRecovery(
        _ effective: EffectiveSettings, to recovery: inout RecoverySettings
    ) {
        if case .command(let arguments)? = effective.value("on-start") {
            recovery.onStart = arguments
        }
        if case .command(let arguments)? = effective.value("on-stop") {
            recovery.onStop = arguments
        }
        effective.assign("hook-timeout", to: &recovery.hookTimeout)
        guard case .table(let fields)? = effective.value("cleanup") else { return }
        if case .signal(let signal)? = fields["signal"] { recovery.cleanup = .signal(signal) }
        if case .command(let arguments)? = fields["exec"] { recovery.cleanup = .command(arguments) }
    }

    private func assignStop(_ effective: EffectiveSettings, to stop: inout StopSettings) {
        if case .signal(let signal)? = effective.value("stop-signal") {
            stop.signal = signal
        }
        effective.assign("stop-timeout", to: &stop.timeout)
        effective.assign("stop-scope", to: &stop.scope)
        effective.assign("leftovers", to: &stop.leftovers)
        if case .command(let arguments)? = effective.value("stop-command") {
            stop.command = arguments
        }
    }

    private func dependencies(_ effective: EffectiveSettings) -> [DependencySetting] {
        guard case (let setting, let origin)? = effective.setting("dependencies"),
            case .dependencies(let dependencies) = setting.value
        else { return [] }
        if case .defaults = origin { return dependencies.filter { $0.name != name } }
        return dependencies
    }

    // MARK: - Warnings

    private func warn(
        about scheduler: SchedulerSpecification, _ effective: EffectiveSettings,
        _ findings: inout Findings
    ) {
        let restart = scheduler.restart
        if restart.delay < Limits.spawnSpacing, restart.mode != .never {
            findings.warning(
                "restart-delay is \(restart.delay), but two starts of one scheduler are always at "
                    + "least \(Limits.spawnSpacing) apart",
                at: effective.span("restart-delay"),
                help: "write \"\(Limits.spawnSpacing)\" or more")
        }
        if let signal = scheduler.recovery.cleanupSignal,
            ["KILL", "STOP"].contains(signal.shortName)
        {
            findings.error(
                "\(signal) cannot be handled by a program, so it frees no memory",
                at: effective.span("cleanup"),
                help: "use a signal that the program handles for this, such as \"USR1\"")
        }
        if restart.delayMax < restart.delay {
            findings.warning(
                "restart-delay-max is \(restart.delayMax), shorter than restart-delay, "
                    + "\(restart.delay); every delay is \(restart.delayMax)",
                at: effective.span("restart-delay-max") ?? effective.span("restart-delay"),
                help: "make restart-delay-max longer or restart-delay shorter")
        }
        if let limit = scheduler.memory.hardLimit, let threshold = scheduler.memory.threshold,
            limit <= threshold
        {
            findings.warning(
                "memory-hard-limit is \(limit), not above memory-threshold, \(threshold); "
                    + "it is killed before the threshold has any effect",
                at: effective.span("memory-hard-limit"),
                help: "make memory-hard-limit larger, or leave out memory-threshold")
        }
        if !SchedulerReader.canEnd(scheduler.stop.signal), scheduler.stop.command == nil {
            findings.warning(
                "\(scheduler.stop.signal) ends no process, so each stop takes the whole "
                    + "stop-timeout, \(scheduler.stop.timeout)",
                at: effective.span("stop-signal"), help: "use \"TERM\", \"INT\" or \"QUIT\"")
        }
    }

    /// Whether a signal can make a process end, by its default action or a handler (signal(7)).
    private static func canEnd(_ signal: Signal) -> Bool {
        !["STOP", "TSTP", "TTIN", "TTOU", "CONT"].contains(signal.shortName)
    }

    // MARK: - Explanation

    private func explanation(_ effective: EffectiveSettings) -> [Explanation.Entry] {
        let table = "schedulers." + tomlKey(name)
        return KnownKeys.of(.schedulers).compactMap { key in
            guard key.status == .now, !key.kinds.isDisjoint(with: effective.kinds) else {
                return nil
            }
            // They make the kind, so they are known for every one.
            if effective.kinds != .scheduled, key.name == "cron" || key.name == "interval" {
                return nil
            }
            guard case (let setting, let origin)? = effective.setting(key.name) else {
                return Explanation.Entry(
                    table: table, key: key.name, value: builtIn(key, effective.kinds),
                    origin: .builtIn)
            }
            var entry = Explanation.Entry(
                table: table, key: key.name, value: setting.node.toml, origin: origin)
            if key.name == "environment" || key.name == "secrets",
                let own = effective.own[key.name], let inherited = effective.defaults[key.name]
            {
                let all = LaunchReader(effective: effective, machine: machine, path: path)
                    .variables(key.name)
                    .map { "\(tomlKey($0.name)) = \(tomlString($0.value))" }
                entry.value = all.isEmpty ? "{}" : "{ " + all.joined(separator: ", ") + " }"
                entry.origin = .merged(line: own.line, defaultsLine: inherited.line)
            }
            return entry
        }
    }

    private func builtIn(_ key: KnownKey, _ kinds: KnownKey.Kinds) -> String {
        switch key.name {
        case "kind": kinds == .scheduled ? "\"scheduled\"" : key.defaultText
        case "restart": kinds == .task ? "\"on-failure\"" : "\"always\""
        case "ready": kinds == .task ? "\"spawn\"" : "\"1s\""
        default: key.defaultText
        }
    }
}

extension KnownKey.Kinds {
    /// "daemon", for one kind.
    var singular: String {
        switch self {
        case .daemon: "daemon"
        case .task: "task"
        default: "scheduled one"
        }
    }
}
