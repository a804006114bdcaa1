// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// The lines of `reeve plan`.
package enum PlanText {
    /// What would happen to each scheduler, and to which values.
    ///
    ///     reeve.toml: a reload would change 2 schedulers, 3 would stay as they are
    ///       web: is restarted
    ///         command: ["a"] -> ["b"]
    ///       old: is stopped, and then no longer there
    package static func rendered(
        _ plan: ReloadPlan, path: String, _ appearance: Appearance
    ) -> String {
        let rest = "\(counted(plan.unchanged, "scheduler")) would stay as "
        let left = rest + (plan.unchanged == 1 ? "it is" : "they are")
        guard !plan.isEmpty else { return "\(path): a reload would change nothing; \(left)\n" }
        var text = "\(path): a reload would change \(counted(plan.entries.count, "scheduler")); "
        text += left + "\n"
        for entry in plan.entries {
            let name = Tint.strong.paint(entry.name.text, appearance)
            text += "  \(name): \(tint(of: entry.step).paint(words(of: entry), appearance))\n"
            text += lines(entry.differences, indent: "    ")
        }
        if !plan.settings.isEmpty {
            text += "  [reeve]: in force at once\n" + lines(plan.settings, indent: "    ")
        }
        if !plan.fixedSettings.isEmpty {
            let words = Tint.warning.paint("cannot change while reeve runs", appearance)
            text += "  [reeve]: \(words)\n" + lines(plan.fixedSettings, indent: "    ")
        }
        return text
    }

    /// What becomes of a scheduler; after its name.
    package static func words(of entry: ReloadPlan.Entry) -> String {
        switch entry.step {
        case .add: "is new, and not started (enabled = false)"
        case .start: entry.differences.isEmpty ? "is new, and started" : "is started"
        case .restart: "is restarted"
        case .adopt: "takes the new settings, nothing is stopped for it"
        case .stop where entry.differences.isEmpty: "is stopped, and then no longer there"
        case .stop: "is stopped"
        case .finish where entry.differences.isEmpty:
            "its execution goes on to its end, then it is no longer there"
        case .finish: "its execution goes on to its end, and none follows"
        case .remove: "is no longer there; nothing of it runs"
        }
    }

    private static func tint(of step: ReloadStep) -> Tint {
        switch step {
        case .add, .adopt: .plain
        case .start: .good
        case .restart: .warning
        case .stop, .finish, .remove: .bad
        }
    }

    private static func lines(_ differences: [SettingDifference], indent: String) -> String {
        differences.map { "\(indent)\($0.key): \($0.old) -> \($0.new)".printable + "\n" }.joined()
    }
}
