// SPDX-License-Identifier: Apache-2.0
//
// From a document to a specification. Everything is looked at even after an error, so that one
// reading tells all; what an error elsewhere may have caused is not reported again.

internal import ReeveCore

/// One pass over one document.
struct Loader {
    private(set) var findings: Findings
    private let environment: [String: String]
    private let machine: Machine
    /// Keys could not be read: what seems to be missing may be there.
    private var areKeysMissing = false
    /// Whole tables could not be read: a name that seems to be wrong may be right.
    private var areTablesMissing = false
    private var reeve = TableSettings()
    private var alerts = TableSettings()
    /// nil: there is no such table.
    private var gateway: TableSettings?
    private var defaults = TableSettings()
    /// Those of the file, then those that are registered.
    private var schedulers: [DeclaredScheduler] = []
    private let registered: [RegisteredText]
    /// Tables that were probably meant to be schedulers.
    private var isSchedulersMeant = false

    /// `bytes` are UTF-8; `registered` may be anything, and the file is read as if they were not there.
    init(
        name: String, bytes: [UInt8], registered: [RegisteredText] = [],
        environment: [String: String], machine: Machine
    ) {
        self.machine = machine
        self.registered = registered
        findings = Findings(source: SourceText(name: name, bytes: bytes))
        self.environment = environment
    }

    mutating func load() -> LoadOutcome {
        let document = readToml(findings.source, into: &findings)
        areKeysMissing = document.areKeysMissing
        areTablesMissing = document.areTablesMissing
        guard let entries = document.entries else {
            return LoadOutcome(
                specification: nil, diagnostics: findings.sorted, explanation: Explanation())
        }
        var tables: [String: [TomlEntry]] = [:]
        for entry in entries { sort(entry, into: &tables) }
        if let own = tables["reeve"] {
            reeve = TableSettings(own, of: .reeve, label: "[reeve]", into: &findings)
            reeve.reportLater(to: &findings)
        }
        if let own = tables["alerts"] {
            alerts = TableSettings(own, of: .alerts, label: "[alerts]", into: &findings)
        }
        if let own = tables["gateway"] {
            let table = TableSettings(own, of: .gateway, label: "[gateway]", into: &findings)
            table.reportLater(to: &findings)
            gateway = table
        }
        if let own = tables["defaults"] {
            defaults = TableSettings(own, of: .schedulers, label: "[defaults]", into: &findings)
            defaults.reportLater(to: &findings)
        }
        let profile = chooseProfile()
        readSchedulers(tables["schedulers"] ?? [], profile: profile.profile)
        let names = schedulers.map(\.name)
        readRegistered(profile: profile.profile)
        return assemble(profile, namesOfFile: names)
    }

    private mutating func assemble(
        _ profile: ChosenProfile, namesOfFile names: [String]
    ) -> LoadOutcome {
        var graph = Graph(schedulers, areTablesMissing: areTablesMissing)
        var supervisor = SupervisorReader(
            own: reeve, profile: profile, environment: environment, mounts: machine.mounts,
            source: findings.source.name ?? "")
        var settings = supervisor.read(
            names: names, areTablesMissing: areTablesMissing, into: &findings)
        let alerts = AlertsReader(own: alerts, profile: profile.profile)
        settings.alerts = alerts.read()
        graph.check(staggered: settings.staggeredStartup, into: &findings)
        warn(about: settings)
        let reader = supervisor
        var tables =
            [{ @Sendable in reader.explanation }] + schedulers.map(\.explanation)
            + [{ @Sendable in alerts.explanation }]
        var component: SchedulerSpecification?
        var registerUser: String?
        if let own = gateway {
            let reader = GatewayReader(own: own, profile: profile.profile, machine: machine)
            component = reader.specification(names: names, into: &findings)
            settings.gatewayRegisters = reader.allowsRegistration
            registerUser = reader.registerUser
            tables.append { @Sendable in reader.explanation }
        }
        LogReader.checkFiles(of: schedulers, &findings)
        var (specifications, zones) = withZones(schedulers)
        let isWhole = !findings.hasErrors && specifications.count == schedulers.count
        if let component { specifications.append(component) }
        var outcome = LoadOutcome(
            specification: isWhole
                ? Specification(supervisor: settings, schedulers: specifications, zones: zones)
                : nil,
            diagnostics: findings.sorted, explanation: Explanation(tables: tables))
        outcome.registerUser = registerUser
        outcome.failures = failures
        return outcome
    }

    /// What is wrong with the file, and with each of those that are registered.
    private var failures: LoadOutcome.Failures {
        LoadOutcome.Failures(
            isOfFile: findings.failedSources.contains(0),
            registered: registered.indices.filter { findings.failedSources.contains($0 + 1) },
            errors: findings.sources.map { source in
                findings.sorted(of: source.index).filter { $0.severity == .error }
            })
    }

    // MARK: - Zones

    /// The schedulers with the names of their zones, and the zones, each read once.
    private mutating func withZones(
        _ declared: [DeclaredScheduler]
    ) -> ([SchedulerSpecification], [ZoneFile]) {
        var zones: [ZoneFile] = []
        var refused: [String: ZoneLookupError] = [:]
        var host: ZoneFile?
        var result: [SchedulerSpecification] = []
        for scheduler in declared {
            var zone: ZoneFile?
            if scheduler.kinds == .scheduled,
                case .text(let name)? = scheduler.effective.value("timezone")
            {
                do throws(ZoneLookupError) {
                    if let error = refused[name] { throw error }
                    zone = zones.first { $0.name == name }
                    if zone == nil { zone = try ZoneDatabase.zone(named: name) }
                } catch {
                    refused[name] = error
                    findings.error(
                        error.message, at: scheduler.effective.span("timezone"), help: error.help)
                }
            }
            guard var specification = scheduler.specification else { continue }
            if scheduler.isRegistered { specification.origin = .registered }
            if case .cron? = specification.schedule?.rule {
                let known = zone ?? host ?? hostZone()
                if zone == nil { host = known }
                if !zones.contains(where: { $0.name == known.name }) { zones.append(known) }
                specification.schedule?.zone = known.name
            }
            result.append(specification)
        }
        return (result, zones.filter { $0 != .utc })
    }

    /// For those that have a cron expression and name no zone.
    private mutating func hostZone() -> ZoneFile {
        let (zone, objection) = ZoneDatabase.host(environment["TZ"])
        if let objection {
            findings.warning(
                variable: "TZ", objection.message + "; cron without `timezone` counts in UTC",
                help: objection.help)
        }
        return zone
    }

    // MARK: - Tables

    private static let tableNames = ["reeve", "defaults", "schedulers", "alerts", "gateway"]

    private mutating func sort(_ entry: TomlEntry, into tables: inout [String: [TomlEntry]]) {
        guard Loader.tableNames.contains(entry.key) else {
            reportUnknownTable(entry)
            return
        }
        guard case .table(let entries) = entry.node.value else {
            isSchedulersMeant = isSchedulersMeant || entry.key == "schedulers"
            findings.error(
                "`\(entry.key)` is a table, but this is \(entry.node.found)", at: entry.keySpan,
                help: entry.key == "schedulers"
                    ? "write a header with a name for each: [schedulers.web]"
                    : "write it as a header: [\(entry.key)]")
            return
        }
        tables[entry.key] = entries
    }

    private mutating func reportUnknownTable(_ entry: TomlEntry) {
        guard case .table(let inner) = entry.node.value else {
            let message = "\(code(entry.key)) is not in any table"
            let names = KnownKeys.of(.schedulers).map(\.name)
            if let nearest = Suggestion.nearest(to: entry.key, in: KnownKeys.of(.reeve).map(\.name))
            {
                findings.error(
                    message, at: entry.keySpan, help: "write `\(nearest)` below the header [reeve]")
            } else if let nearest = Suggestion.nearest(to: entry.key, in: names) {
                findings.error(
                    message, at: entry.keySpan,
                    help: "write `\(nearest)` below a header [schedulers.NAME] or [defaults]")
            } else {
                findings.error(message, at: entry.keySpan, help: "every key belongs below a header")
            }
            return
        }
        let message = "there is no table [\(printable(tomlKey(entry.key)))]"
        if let nearest = Suggestion.nearest(to: entry.key, in: Loader.tableNames) {
            isSchedulersMeant = isSchedulersMeant || nearest == "schedulers"
            findings.error(message, at: entry.keySpan, help: "did you mean [\(nearest)]?")
        } else if inner.contains(where: { $0.key == "command" }) {
            isSchedulersMeant = true
            findings.error(
                message, at: entry.keySpan,
                help: "a scheduler's header is [schedulers.\(printable(tomlKey(entry.key)))]")
        } else {
            findings.error(
                message, at: entry.keySpan,
                help: "there are [reeve], [defaults], [schedulers.NAME], [alerts] and [gateway]")
        }
    }

    // MARK: - Profile

    /// The table's word, else REEVE_PROFILE, else what RENDER says.
    private mutating func chooseProfile() -> ChosenProfile {
        if let setting = reeve["profile"], case .text(let word) = setting.value,
            let profile = Profile(rawValue: word)
        {
            return ChosenProfile(
                profile: profile, reason: "set in the file", origin: .file(line: setting.line))
        }
        let variable = environment["REEVE_PROFILE"] ?? ""
        if let profile = Profile(rawValue: variable) {
            return ChosenProfile(
                profile: profile, reason: "REEVE_PROFILE", origin: .environment("REEVE_PROFILE"))
        }
        if !variable.isEmpty, variable != "auto" {
            let words = ["auto"] + Profile.allCases.map(\.rawValue)
            let nearest = Suggestion.nearest(to: variable, in: words)
            findings.error(
                variable: "REEVE_PROFILE", "\(quoted(variable)) is no profile",
                help: nearest.map { "did you mean \"\($0)\"?" }
                    ?? "profiles are " + words.joined(separator: ", "))
        }
        if !(environment["RENDER"] ?? "").isEmpty {
            return ChosenProfile(
                profile: .render, reason: "RENDER is set", origin: .environment("RENDER"))
        }
        return ChosenProfile(profile: .production, reason: "the default", origin: .builtIn)
    }

    // MARK: - Schedulers

    /// The most that one supervisor takes.
    private static let schedulersMax = 10_000

    private mutating func readSchedulers(_ entries: [TomlEntry], profile: Profile) {
        if entries.isEmpty {
            if areTablesMissing || isSchedulersMeant { return }
            findings.error(
                "there is no scheduler in this file, so there is nothing to run", at: nil,
                help: "write a header [schedulers.NAME], and below it command = [\"PROGRAM\"]")
            return
        }
        if entries.count > Loader.schedulersMax {
            findings.error(
                "there are \(entries.count) schedulers; reeve takes \(Loader.schedulersMax)",
                at: entries[Loader.schedulersMax].keySpan)
            return
        }
        let preset = TableSettings(preset: profile, table: .schedulers)
        for entry in entries {
            guard let name = schedulerName(entry), case .table(let inner) = entry.node.value else {
                continue
            }
            let reader = SchedulerReader(
                name: name, nameSpan: entry.keySpan, defaults: defaults, preset: preset,
                profile: profile, machine: machine, path: environment["PATH"])
            schedulers.append(reader.read(inner, areKeysMissing: areKeysMissing, into: &findings))
        }
        warnOfUnusedDefaults()
    }

    /// Each after the others, with the defaults of the file.
    private mutating func readRegistered(profile: Profile) {
        let preset = TableSettings(preset: profile, table: .schedulers)
        var names: Set<String> = []
        for scheduler in schedulers { names.insert(scheduler.name) }
        for text in registered {
            let source = findings.add(name: text.file, bytes: text.bytes)
            var table = RegisteredTable(name: text.name, source: source)
            guard let entry = table.read(into: &findings),
                case .table(let inner) = entry.node.value
            else { continue }
            if !names.insert(text.name).inserted {
                findings.error(
                    "\(quoted(text.name)) is in \(findings.source.name ?? "the file"), which goes before",
                    at: entry.keySpan)
            }
            if schedulers.count >= Loader.schedulersMax {
                findings.error(
                    "reeve takes \(Loader.schedulersMax) schedulers, and there are as many already",
                    at: entry.keySpan)
                continue
            }
            let reader = SchedulerReader(
                name: text.name, nameSpan: entry.keySpan, defaults: defaults, preset: preset,
                profile: profile, machine: machine, path: environment["PATH"])
            schedulers.append(
                reader.read(inner, areKeysMissing: table.areKeysMissing, into: &findings))
        }
    }

    /// The name of a table of schedulers; reports what is none. A wrong name still goes on, so
    /// that the table's own errors are found.
    private mutating func schedulerName(_ entry: TomlEntry) -> String? {
        guard case .table = entry.node.value else {
            areTablesMissing = true
            findings.error(
                "[schedulers] holds tables only, but \(code(entry.key)) is \(entry.node.found)",
                at: entry.keySpan,
                help: KnownKeys.find(entry.key, in: .schedulers) == nil
                    ? "write a header: [schedulers.\(printable(tomlKey(entry.key)))]"
                    : "write it below the header of one scheduler, or below [defaults] for all")
            return nil
        }
        if SchedulerName(entry.key) != nil { return entry.key }
        if SchedulerName.reserved.contains(entry.key) {
            findings.error(
                "\(quoted(entry.key)) is reserved: the HTTP interface needs it for itself",
                at: entry.keySpan, help: "choose another name, such as \"my-\(entry.key)\"")
            return entry.key
        }
        var rule =
            "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
        if let name = Loader.validName(like: entry.key) { rule += ": \(tomlKey(name))" }
        findings.error(
            "\(quoted(entry.key)) is no name for a scheduler", at: entry.keySpan, help: rule)
        return entry.key
    }

    private static func validName(like text: String) -> String? {
        var name = ""
        for scalar in text.lowercased().unicodeScalars.prefix(63) {
            let isAllowed =
                ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) || scalar == "."
                || scalar == "_" || scalar == "-"
            if isAllowed {
                name.unicodeScalars.append(scalar)
            } else if !name.hasSuffix("-") {
                name += "-"
            }
        }
        let begun = name.drop { $0 == "-" || $0 == "." || $0 == "_" }
        return SchedulerName(String(begun))?.text
    }

    private mutating func warnOfUnusedDefaults() {
        for setting in defaults.settings {
            let isUsed = schedulers.contains { !setting.key.kinds.isDisjoint(with: $0.kinds) }
            if isUsed { continue }
            findings.warning(
                "no scheduler of this file takes \(code(setting.key.name)) from [defaults]",
                at: setting.keySpan, help: "it is for \(setting.key.kinds.words)")
        }
    }

    private func specification(of name: SchedulerName) -> SchedulerSpecification? {
        schedulers.first { $0.name == name.text }?.specification
    }

    private mutating func warn(about settings: SupervisorSettings) {
        if !schedulers.isEmpty, schedulers.allSatisfy({ $0.specification?.enabled == false }) {
            findings.warning(
                "every scheduler is disabled, so reeve starts none", at: nil,
                help: "remove enabled = false where it should run")
        }
        if let name = settings.exitWith, let restart = specification(of: name)?.restart,
            restart.mode == .always, restart.whenExhausted == .retry
        {
            findings.warning(
                "exit-with names \(quoted(name.text)), which always restarts, so its end is "
                    + "never final",
                at: reeve["exit-with"]?.span,
                help: "give it restart = \"on-failure\" or \"never\"")
        }
        if let name = settings.exitWith, specification(of: name)?.kind == .scheduled {
            findings.warning(
                "exit-with names \(quoted(name.text)), which has a schedule, so its end is never "
                    + "final",
                at: reeve["exit-with"]?.span,
                help: "name a daemon or a task, or leave exit-with out")
        }
        for scheduler in schedulers {
            guard let stop = scheduler.specification?.stop,
                stop.timeout > settings.gracefulTimeout,
                let span = scheduler.effective.span("stop-timeout")
            else { continue }
            findings.warning(
                "stop-timeout is \(stop.timeout), but a shutdown ends after graceful-timeout, "
                    + "\(settings.gracefulTimeout)",
                at: span,
                help: "make graceful-timeout in [reeve] longer")
        }
    }
}

/// A preset, and why it was chosen.
struct ChosenProfile: Sendable {
    var profile: Profile
    var reason: String
    var origin: Explanation.Origin
}

extension KnownKey.Kinds {
    /// "tasks and scheduled ones".
    var words: String {
        var words: [String] = []
        if contains(.daemon) { words.append("daemons") }
        if contains(.task) { words.append("tasks") }
        if contains(.scheduled) { words.append("scheduled ones") }
        return words.joined(separator: " and ")
    }
}
