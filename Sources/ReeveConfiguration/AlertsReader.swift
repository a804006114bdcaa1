// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// From `[alerts]` to the settings of alerts.
struct AlertsReader: Sendable {
    private let effective: EffectiveSettings

    init(own: TableSettings, profile: Profile) {
        effective = EffectiveSettings(
            table: .alerts, own: own, defaults: TableSettings(), preset: TableSettings(),
            profile: profile, kinds: .all)
    }

    func read() -> AlertSettings {
        var settings = AlertSettings()
        effective.assign("error-rate", to: &settings.errorRate)
        effective.assign("error-rate-window", to: &settings.errorRateWindow)
        effective.assign("leak-window", to: &settings.leakWindow)
        // Whoever writes the key down wants leaks found wherever they are.
        settings.watchesAllMemory =
            effective.value("leak-window") != nil && settings.leakWindow != nil
        effective.assign("frequent-restarts", to: &settings.frequentRestarts)
        effective.assign("restart-alert-window", to: &settings.restartAlertWindow)
        effective.assign("timeouts", to: &settings.timeouts)
        if case .command(let arguments)? = effective.value("exec") { settings.exec = arguments }
        effective.assign("repeat-after", to: &settings.repeatAfter)
        return settings
    }

    /// Values in force, and where each came from.
    var explanation: [Explanation.Entry] {
        KnownKeys.of(.alerts).map { key in
            guard let (setting, origin) = effective.setting(key.name) else {
                return Explanation.Entry(
                    table: "alerts", key: key.name, value: key.defaultText, origin: .builtIn)
            }
            return Explanation.Entry(
                table: "alerts", key: key.name, value: setting.node.toml, origin: origin)
        }
    }
}
