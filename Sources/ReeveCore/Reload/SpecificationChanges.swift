// SPDX-License-Identifier: Apache-2.0
//
// What is different between two configurations, and what that means for what runs. Fields are found by
// reflection, so that a field that is new in the specification is compared, and named, without being
// listed here; what may change under a running program is listed, and everything else restarts it.

/// The difference between the configuration in force and another.
package struct SpecificationChanges: Equatable, Sendable {
    /// A scheduler that both have, with different settings.
    package struct Change: Equatable, Sendable {
        package var name: SchedulerName
        /// The keys that differ, in the order of the specification.
        package var keys: [String]
        /// What runs cannot go on under the new settings.
        package var needsRestart: Bool
    }

    /// In the order of the new file.
    package var added: [SchedulerName] = []
    package var changed: [Change] = []
    /// In the order of the old one.
    package var removed: [SchedulerName] = []
    package var unchanged = 0
    /// Keys of `[reeve]` that take effect at once.
    package var settings: [String] = []
    /// Keys of `[reeve]` that stay as they are until reeve itself is started anew.
    package var fixedSettings: [String] = []

    /// Compares by name; the order of the schedulers is no difference.
    package init(from old: Specification, to new: Specification) {
        var before: [String: SchedulerSpecification] = [:]
        for scheduler in old.schedulers { before[scheduler.name.text] = scheduler }
        var names: Set<String> = []
        for scheduler in new.schedulers {
            names.insert(scheduler.name.text)
            guard let known = before[scheduler.name.text] else {
                added.append(scheduler.name)
                continue
            }
            if known == scheduler {
                unchanged += 1
            } else {
                changed.append(
                    Change(
                        name: scheduler.name, keys: known.keys(differingFrom: scheduler),
                        needsRestart: known.needsRestart(for: scheduler)))
            }
        }
        removed = old.schedulers.map(\.name).filter { !names.contains($0.text) }
        let keys = old.supervisor.keys(differingFrom: new.supervisor)
        settings = keys.filter { !SupervisorSettings.fixedKeys.contains($0) }
        fixedSettings = keys.filter { SupervisorSettings.fixedKeys.contains($0) }
    }

    /// Nothing differs.
    package var isEmpty: Bool {
        added.isEmpty && changed.isEmpty && removed.isEmpty && settings.isEmpty
            && fixedSettings.isEmpty
    }

    /// One sentence: "added: a; changed: web (command); removed: b; 3 unchanged".
    package var words: String {
        if isEmpty { return "nothing is different" }
        let changes = changed.map { "\($0.name) (\(listed($0.keys)))" }
        let parts = [
            ("added", added.map(\.text)), ("changed", changes), ("removed", removed.map(\.text)),
            ("of [reeve]", settings),
        ].filter { !$0.1.isEmpty }.map { "\($0.0): \(listed($0.1))" }
        let fixed =
            fixedSettings.isEmpty
            ? []
            : ["\(listed(fixedSettings)) cannot change while reeve runs, and did not"]
        return (parts + ["\(unchanged) unchanged"] + fixed).joined(separator: "; ")
    }
}

extension SupervisorSettings {
    /// What was settled when reeve started: where its files are, and the socket that is open.
    static let fixedKeys: Set<String> = [
        "runtime-directory", "state-directory", "control-mode", "control-group",
    ]

    /// The new settings, with what cannot change kept.
    func adopting(_ new: SupervisorSettings) -> SupervisorSettings {
        var adopted = new
        adopted.runtimeDirectory = runtimeDirectory
        adopted.stateDirectory = stateDirectory
        adopted.controlMode = controlMode
        adopted.controlGroup = controlGroup
        return adopted
    }

    fileprivate func keys(differingFrom other: SupervisorSettings) -> [String] {
        // Why a profile was chosen, and by which path the file was found, is no setting.
        var keys = ReeveCore.keys(of: self, differingFrom: other).filter {
            $0 != "profile-reason" && $0 != "source"
        }
        // That `leak-window` is in the file, and what it says, are two values of one key.
        let leakWindow = "alerts.leak-window"
        if keys.contains(leakWindow) { keys.removeAll { $0 == "alerts.watches-all-memory" } }
        return keys.map { $0 == "alerts.watches-all-memory" ? leakWindow : $0 }
    }
}

extension SchedulerSpecification {
    /// Whether what runs was started under settings that are no longer so. What is named here is looked
    /// at afresh whenever it matters, so that the program may go on.
    func needsRestart(for new: SchedulerSpecification) -> Bool {
        var adjusted = self
        adjusted.description = new.description
        adjusted.enabled = new.enabled
        adjusted.restart = new.restart
        adjusted.order = new.order
        adjusted.readiness = new.readiness
        adjusted.healthCheck = new.healthCheck
        adjusted.healthCheckInterval = new.healthCheckInterval
        adjusted.errorThreshold = new.errorThreshold
        adjusted.memory = new.memory
        adjusted.stop = new.stop
        adjusted.timeout = new.timeout
        if kind == new.kind { adjusted.schedule = new.schedule }
        adjusted.successExitCodes = new.successExitCodes
        // Whether it has a socket, and what it is told of the watchdog, is settled at its start.
        return adjusted != new || wantsNotifySocket != new.wantsNotifySocket
    }

    fileprivate func keys(differingFrom other: SchedulerSpecification) -> [String] {
        ReeveCore.keys(of: self, differingFrom: other)
    }
}

/// The keys, as a file has them, of the stored values in which two of one type differ.
private func keys(of old: Any, differingFrom new: Any, in group: String = "") -> [String] {
    var found: [String] = []
    for (before, after) in zip(Mirror(reflecting: old).children, Mirror(reflecting: new).children) {
        guard let label = before.label, !isSame(before.value, after.value) else { continue }
        let mirror = Mirror(reflecting: before.value)
        if mirror.displayStyle == .struct, !(before.value is any CustomStringConvertible) {
            found += keys(of: before.value, differingFrom: after.value, in: label)
        } else {
            found.append(key(label, in: group))
        }
    }
    return found
}

private func isSame(_ old: Any, _ new: Any) -> Bool {
    func isEqual<Value: Equatable>(_ old: Value) -> Bool { (new as? Value) == old }
    guard let old = old as? any Equatable else { return false }
    return isEqual(old)
}

/// "delayMax" in "restart" is "restart-delay-max".
private func key(_ label: String, in group: String) -> String {
    switch (group, label) {
    case ("program", "arguments"): return "command"
    case ("restart", "mode"): return "restart"
    case ("restart", "maxRestarts"), ("restart", "whenExhausted"), ("stop", "leftovers"):
        return kebab(label)
    case ("readiness", "rule"): return "ready"
    case ("readiness", _): return kebab(label)
    case ("notify", "socket"): return "notify"
    case ("notify", _): return kebab(label)
    case ("log", "destination"): return "log"
    case ("alerts", _): return "alerts.\(kebab(label))"
    case ("launch", "environmentFiles"): return "env-file"
    case ("launch", "oomScoreAdjustment"): return "oom-score-adj"
    case ("launch", "isForced"), ("launch", "slowPlace"): return "launcher"
    case ("launch", _), ("readiness", "startTimeout"): return kebab(label)
    case ("", _), ("program", _), ("order", _): return kebab(label)
    default: return "\(kebab(group))-\(kebab(label))"
    }
}

private func kebab(_ label: String) -> String {
    label.reduce(into: "") { text, character in
        if character.isUppercase { text += "-" }
        text += character.lowercased()
    }
}
