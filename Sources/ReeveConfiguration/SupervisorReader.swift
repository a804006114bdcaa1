// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// From `[reeve]` to the supervisor's settings.
struct SupervisorReader: Sendable {
    private let effective: EffectiveSettings
    private let profile: ChosenProfile
    private let environment: [String: String]
    private let mounts: Mounts
    private let source: String
    /// What was taken from REEVE_STOP_BUDGET, as explanations show it.
    private var budgeted: [String: String] = [:]

    init(
        own: TableSettings, profile: ChosenProfile, environment: [String: String],
        mounts: Mounts, source: String
    ) {
        effective = EffectiveSettings(
            table: .reeve, own: own, defaults: TableSettings(),
            preset: TableSettings(preset: profile.profile, table: .reeve),
            profile: profile.profile, kinds: .all)
        self.profile = profile
        self.environment = environment
        self.mounts = mounts
        self.source = source
    }

    /// `names` are those of all schedulers.
    mutating func read(
        names: [String], areTablesMissing: Bool, into findings: inout Findings
    ) -> SupervisorSettings {
        var settings = SupervisorSettings()
        settings.profile = profile.profile
        settings.profileReason = profile.reason
        settings.source = source
        effective.assign("runtime-directory", to: &settings.runtimeDirectory)
        effective.assign("state-directory", to: &settings.stateDirectory)
        warn(aboutPlaceOf: "runtime-directory", settings.runtimeDirectory, into: &findings)
        warn(aboutPlaceOf: "state-directory", settings.stateDirectory, into: &findings)
        if case .mode(let mode)? = effective.value("control-mode") {
            settings.controlMode = mode
            warn(aboutMode: mode, into: &findings)
        }
        effective.assign("control-group", to: &settings.controlGroup)
        effective.assign("graceful-timeout", to: &settings.gracefulTimeout)
        effective.assign("force-timeout", to: &settings.forceTimeout)
        effective.assign("staggered-startup", to: &settings.staggeredStartup)
        effective.assign("phase-timeout", to: &settings.phaseTimeout)
        effective.assign("auto-recovery", to: &settings.autoRecovery)
        effective.assign("watch", to: &settings.watch)
        effective.assign("syslog", to: &settings.syslog)
        effective.assign("log-format", to: &settings.logFormat)
        effective.assign("log-level", to: &settings.logLevel)
        applyStopBudget(to: &settings, into: &findings)
        settings.exitWith = exitWith(names, areTablesMissing, &findings)
        return settings
    }

    /// What is written there is written before something begins, by the supervisor itself.
    private func warn(
        aboutPlaceOf key: String, _ path: String?, into findings: inout Findings
    ) {
        guard let path, let place = mounts.slowPlace(of: path) else { return }
        findings.warning(
            "\(key) lies on \(place): while its server does not answer, reeve waits with it",
            at: effective.span(key), help: "use a directory of this machine")
    }

    private func warn(aboutMode mode: UInt32, into findings: inout Findings) {
        if mode & 0o002 != 0 {
            findings.warning(
                "control-mode lets every user of this machine control reeve",
                at: effective.span("control-mode"),
                help: "use \"0660\" with a control-group")
        }
        if mode & 0o600 != 0o600 {
            findings.warning(
                "control-mode keeps reeve's own user from its socket",
                at: effective.span("control-mode"), help: "use \"0600\"")
        }
    }

    private func exitWith(
        _ names: [String], _ areTablesMissing: Bool, _ findings: inout Findings
    ) -> SchedulerName? {
        guard let setting = effective.own["exit-with"], case .text(let text) = setting.value else {
            return nil
        }
        if names.contains(text) { return SchedulerName(text) }
        if areTablesMissing { return nil }
        findings.error(
            "exit-with names \(quoted(text)), and there is no such scheduler", at: setting.span,
            help: Suggestion.nearest(to: text, in: names).map { "did you mean \"\($0)\"?" })
        return nil
    }

    // MARK: - The platform's budget

    /// REEVE_STOP_BUDGET is what the platform grants from its first signal to its own SIGKILL. It
    /// counts where graceful-timeout is not in the file, and holds both timeouts: of 30 s, 5 s are
    /// for force and 25 s graceful. Where force-timeout is not in the file it is at most a
    /// quarter: of 8 s, 2 and 6.
    private mutating func applyStopBudget(
        to settings: inout SupervisorSettings, into findings: inout Findings
    ) {
        let variable = "REEVE_STOP_BUDGET"
        guard let text = environment[variable], !text.isEmpty,
            effective.own["graceful-timeout"] == nil
        else { return }
        guard let budget = Amounts.duration(text) else {
            findings.error(
                variable: variable, "it is a duration, and \(quoted(text)) is not one",
                help: durationHelp(text))
            return
        }
        guard Span.positive.contains(budget) else {
            findings.error(
                variable: variable,
                "it is from \(Span.positive.lowerBound) to \(Span.longest), "
                    + "and \(quoted(text)) is not",
                help: "set it to what the platform grants from its first signal to SIGKILL")
            return
        }
        if effective.own["force-timeout"] == nil {
            let force = min(settings.forceTimeout, budget / 4)
            if force < settings.forceTimeout { budgeted["force-timeout"] = "\"\(force)\"" }
            settings.forceTimeout = force
        }
        let graceful = budget - settings.forceTimeout
        guard graceful > .zero else {
            findings.error(
                variable: variable,
                "\(quoted(text)) leaves nothing beside force-timeout, which is "
                    + "\(settings.forceTimeout)",
                help: "make it longer, or force-timeout in [reeve] shorter")
            return
        }
        settings.gracefulTimeout = graceful
        budgeted["graceful-timeout"] = "\"\(graceful)\""
    }

    private func durationHelp(_ text: String) -> String {
        if let number = Int64(text) { return "write \(number)s for seconds" }
        return Amounts.durationMeant(by: text).map { "write \($0)" }
            ?? "units are d, h, m, s and ms: 30s, 1m30s"
    }

    // MARK: - Explanation

    /// After `read`.
    var explanation: [Explanation.Entry] {
        KnownKeys.of(.reeve).filter { $0.status == .now }.map { key in
            if key.name == "profile" {
                return Explanation.Entry(
                    table: "reeve", key: key.name, value: "\"\(profile.profile.rawValue)\"",
                    origin: profile.origin)
            }
            if let value = budgeted[key.name] {
                return Explanation.Entry(
                    table: "reeve", key: key.name, value: value,
                    origin: .environment("REEVE_STOP_BUDGET"))
            }
            guard let (setting, origin) = effective.setting(key.name) else {
                return Explanation.Entry(
                    table: "reeve", key: key.name, value: key.defaultText, origin: .builtIn)
            }
            return Explanation.Entry(
                table: "reeve", key: key.name, value: setting.node.toml, origin: origin)
        }
    }
}
