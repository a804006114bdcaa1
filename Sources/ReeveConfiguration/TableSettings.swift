// SPDX-License-Identifier: Apache-2.0
//
// One table of the file against the known keys: what was understood, and what was at least meant.

internal import ReeveCore

/// The keys of one table.
struct TableSettings: Sendable {
    /// In the order of the file.
    private(set) var settings: [Setting] = []
    /// Known keys that are there, understood or not.
    private(set) var present: Set<String> = []
    /// Known keys that a misspelled one was probably meant to be.
    private(set) var meant: Set<String> = []
    /// Keys of a later version, still to be reported.
    private(set) var later: [(key: KnownKey, span: SourceSpan)] = []
    private var indices: [String: Int] = [:]

    /// Nothing.
    init() {}

    /// Reads a table; `label` is how messages name it, `scheduler` the name of the one it is of.
    init(
        _ entries: [TomlEntry], of table: KnownKey.Table, label: String, scheduler: String? = nil,
        into findings: inout Findings
    ) {
        for entry in entries {
            guard let known = KnownKeys.find(entry.key, in: table) else {
                reportUnknown(
                    entry, in: table, label: label, scheduler: scheduler, into: &findings)
                continue
            }
            present.insert(known.name)
            let reader = ValueReader(key: known.name, example: known.ownExample)
            let value = reader.read(entry.node, as: known.shape, into: &findings)
            if known.status == .later {
                later.append((known, entry.keySpan))
                continue
            }
            if let value {
                add(Setting(key: known, value: value, node: entry.node, keySpan: entry.keySpan))
            }
        }
    }

    /// The preset of a profile, for one table.
    init(preset: Profile, table: KnownKey.Table) {
        var nothing = Findings(source: SourceText(name: "", bytes: []))
        for (name, value) in preset.defaults {
            guard let known = KnownKeys.find(name, in: table) else { continue }
            let node = TomlNode(value: value, span: nil)
            let reader = ValueReader(key: name)
            if let value = reader.read(node, as: known.shape, into: &nothing) {
                add(Setting(key: known, value: value, node: node, keySpan: nil))
            }
        }
    }

    subscript(name: String) -> Setting? {
        indices[name].map { settings[$0] }
    }

    /// The value only, if the key is for one of these kinds; the setting is not copied.
    func value(_ name: String, for kinds: KnownKey.Kinds) -> SettingValue? {
        guard !indices.isEmpty, let index = indices[name],
            !settings[index].key.kinds.isDisjoint(with: kinds)
        else { return nil }
        return settings[index].value
    }

    /// Reports the keys of a later version that are for one of these kinds.
    func reportLater(_ kinds: KnownKey.Kinds = .all, to findings: inout Findings) {
        for (key, span) in later where !key.kinds.isDisjoint(with: kinds) {
            findings.error(
                "\(code(key.name)) is not in this version of reeve yet", at: span,
                help: "leave it out")
        }
    }

    private mutating func add(_ setting: Setting) {
        indices[setting.key.name] = settings.count
        settings.append(setting)
    }

    private mutating func reportUnknown(
        _ entry: TomlEntry, in table: KnownKey.Table, label: String, scheduler: String?,
        into findings: inout Findings
    ) {
        let names = KnownKeys.of(table).map(\.name)
        let help: String?
        if let nearest = Suggestion.nearest(to: entry.key, in: names) {
            meant.insert(nearest)
            help = "did you mean `\(nearest)`?"
        } else if let scheduler, case .table = entry.node.value {
            // Then the command is most likely in there.
            meant.insert("command")
            let name = printable(tomlString("\(scheduler).\(entry.key)"))
            help = "a name with a dot in it is written in quotes: [schedulers.\(name)]"
        } else if scheduler != nil, entry.key == "name" {
            help = "the name is in the header: [schedulers.NAME]"
        } else {
            help = elsewhere(entry.key, except: table)
        }
        findings.error("\(label) has no key \(code(entry.key))", at: entry.keySpan, help: help)
    }

    private func elsewhere(_ name: String, except table: KnownKey.Table) -> String? {
        for other in KnownKey.Table.allCases where other != table {
            guard let nearest = Suggestion.nearest(to: name, in: KnownKeys.of(other).map(\.name))
            else { continue }
            return "`\(nearest)` is a key of \(other.placeText)"
        }
        return nil
    }
}

extension KnownKey.Table {
    /// Where a key of this table is written.
    var placeText: String {
        switch self {
        case .reeve: "[reeve]"
        case .schedulers: "[schedulers.NAME] and of [defaults]"
        case .alerts: "[alerts]"
        case .gateway: "[gateway]"
        }
    }
}

extension Profile {
    /// What a preset says, for `[reeve]` and for schedulers; each key is of one of the two only.
    fileprivate var defaults: [(key: String, value: TomlValue)] {
        switch self {
        case .production:
            [("health-check-interval", .string("30s"))]
        case .render:
            [
                ("health-check-interval", .string("15s")), ("memory-threshold", .string("50MB")),
                ("max-restarts", .integer(2)), ("restart-cooldown", .string("30s")),
            ]
        case .local:
            [
                ("health-check-interval", .string("60s")), ("auto-recovery", .boolean(false)),
                ("staggered-startup", .boolean(false)),
            ]
        }
    }
}
