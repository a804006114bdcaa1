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
        adopted.registeredDirectory = registeredDirectory
        return adopted
    }

    fileprivate func keys(differingFrom other: SupervisorSettings) -> [String] {
        differences(from: other).map(\.key)
    }

    /// In the order of the specification.
    func differences(from other: SupervisorSettings) -> [SettingDifference] {
        ReeveCore.differences(of: self, from: other).filter {
            !SupervisorSettings.circumstances.contains($0.key)
        }
    }

    /// Why a profile was chosen, and which file it was, is no setting.
    private static let circumstances: Set<String> = [
        "profile-reason", "source", "source-form", "source-stamp", "registered-directory",
    ]
}

extension SchedulerSpecification {
    /// Whether what runs was started under settings that are no longer so. What is named here is looked
    /// at afresh whenever it matters, so that the program may go on.
    func needsRestart(for new: SchedulerSpecification) -> Bool {
        var adjusted = self
        adjusted.origin = new.origin
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
        adjusted.log.adoptFile(of: new.log)
        adjusted.timeout = new.timeout
        if kind == new.kind { adjusted.schedule = new.schedule }
        adjusted.successExitCodes = new.successExitCodes
        // Whether it has a socket, and what it is told of the watchdog, is settled at its start.
        return adjusted != new || wantsNotifySocket != new.wantsNotifySocket
    }

    /// Whether the file that the output of what runs goes to is another, or kept in another way.
    func hasOtherFile(than other: SchedulerSpecification) -> Bool {
        log.destination == .file && log != other.log
    }

    fileprivate func keys(differingFrom other: SchedulerSpecification) -> [String] {
        differences(from: other).map(\.key)
    }

    /// In the order of the specification.
    func differences(from other: SchedulerSpecification) -> [SettingDifference] {
        let found = ReeveCore.differences(of: self, from: other)
        guard found.isEmpty, self != other else { return found }
        // No key is another, but what `spread` and `H` come to: they stand for the host's name, too.
        return [SettingDifference(key: "spread", old: "of this host", new: "of another host name")]
    }
}

extension LogSettings {
    /// What the scribe is told, and a program knows nothing of.
    fileprivate mutating func adoptFile(of other: LogSettings) {
        file = other.file
        maxSize = other.maxSize
        maxFiles = other.maxFiles
        timestamps = other.timestamps
    }
}
