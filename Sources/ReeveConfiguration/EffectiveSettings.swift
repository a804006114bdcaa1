// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// What holds for one table: its own keys, else `[defaults]`, else the preset. What none of them
/// says is left as the specification has it.
struct EffectiveSettings: Sendable {
    let table: KnownKey.Table
    let own: TableSettings
    /// Empty for `[reeve]`.
    let defaults: TableSettings
    let preset: TableSettings
    let profile: Profile
    /// The scheduler's kind; all for `[reeve]`.
    let kinds: KnownKey.Kinds

    /// The setting that holds, and where it came from; nil for reeve's own default.
    func setting(_ name: String) -> (Setting, Explanation.Origin)? {
        if let setting = own[name], fits(setting) { return (setting, .file(line: setting.line)) }
        if let setting = defaults[name], fits(setting) {
            return (setting, .defaults(line: setting.line))
        }
        if let setting = preset[name], fits(setting) { return (setting, .preset(profile)) }
        return nil
    }

    /// The value that holds; nil for reeve's own default.
    func value(_ name: String) -> SettingValue? {
        own.value(name, for: kinds) ?? defaults.value(name, for: kinds)
            ?? preset.value(name, for: kinds)
    }

    private func fits(_ setting: Setting) -> Bool {
        !setting.key.kinds.isDisjoint(with: kinds)
    }

    /// Where the file says it; nil where it does not.
    func span(_ name: String) -> SourceSpan? { setting(name)?.0.span }

    // MARK: Assignment: leaves the target alone where nothing is said

    func assign(_ name: String, to target: inout WallTime?) {
        if case .instant(let value)? = value(name) { target = value }
    }

    func assign(_ name: String, to target: inout Bool) {
        if case .boolean(let value)? = value(name) { target = value }
    }

    func assign(_ name: String, to target: inout Duration) {
        if case .duration(let value)? = value(name) { target = value }
    }

    func assign(_ name: String, to target: inout Duration?) {
        switch value(name) {
        case .duration(let value)?: target = value
        case .absent?: target = nil
        default: break
        }
    }

    func assign(_ name: String, to target: inout Bytes?) {
        switch value(name) {
        case .bytes(let value)?: target = value
        case .absent?: target = nil
        default: break
        }
    }

    func assign(_ name: String, to target: inout Int) {
        if case .integer(let value)? = value(name) { target = Int(clamping: value) }
    }

    func assign(_ name: String, to target: inout Int?) {
        switch value(name) {
        case .integer(let value)?: target = Int(clamping: value)
        case .absent?: target = nil
        default: break
        }
    }

    func assign(_ name: String, to target: inout Double) {
        if case .number(let value)? = value(name) { target = value }
    }

    func assign(_ name: String, to target: inout String) {
        if case .text(let value)? = value(name) { target = value }
    }

    func assign(_ name: String, to target: inout String?) {
        if case .text(let value)? = value(name) { target = value }
    }

    /// For choices; every word of the key is a case.
    func assign<Choice: RawRepresentable>(
        _ name: String, to target: inout Choice
    ) where Choice.RawValue == String {
        if case .text(let word)? = value(name), let value = Choice(rawValue: word) {
            target = value
        }
    }
}
