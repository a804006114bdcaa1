// SPDX-License-Identifier: Apache-2.0
//
// What a reload would do, told before it is done: the same comparison and the same decision, and each
// value as it is and as it would be.

/// What taking up a new configuration comes to.
package struct ReloadPlan: Equatable, Sendable {
    /// What becomes of one scheduler, and why.
    package struct Entry: Equatable, Sendable {
        package var name: SchedulerName
        package var step: ReloadStep
        /// What is different; empty for one that is new or gone.
        package var differences: [SettingDifference]

        package init(name: SchedulerName, step: ReloadStep, differences: [SettingDifference]) {
            self.name = name
            self.step = step
            self.differences = differences
        }
    }

    /// Those that anything happens to: the removed in the order of the old file, then the others in that
    /// of the new.
    package var entries: [Entry] = []
    package var unchanged = 0
    /// Of `[reeve]`, what takes effect at once.
    package var settings: [SettingDifference] = []
    /// Of `[reeve]`, what stays as it is until reeve itself is started anew.
    package var fixedSettings: [SettingDifference] = []

    /// Nothing at all would happen.
    package var isEmpty: Bool { entries.isEmpty && settings.isEmpty && fixedSettings.isEmpty }

    /// `standings` are the schedulers that are configured, in the order of the table.
    package init(
        from settings: SupervisorSettings, _ standings: [SchedulerStanding],
        to new: Specification
    ) {
        let old = Specification(supervisor: settings, schedulers: standings.map(\.specification))
        let changes = SpecificationChanges(from: old, to: new)
        unchanged = changes.unchanged
        let differences = settings.differences(from: new.supervisor)
        self.settings = differences.filter { changes.settings.contains($0.key) }
        fixedSettings = differences.filter { changes.fixedSettings.contains($0.key) }
        var before: [String: SchedulerStanding] = [:]
        for standing in standings { before[standing.specification.name.text] = standing }
        for name in changes.removed {
            guard let standing = before[name.text] else { continue }
            entries.append(
                Entry(name: name, step: ReloadStep(from: standing, to: nil), differences: []))
        }
        for scheduler in new.schedulers {
            guard let standing = before[scheduler.name.text] else {
                entries.append(
                    Entry(
                        name: scheduler.name, step: ReloadStep(toNew: scheduler), differences: []))
                continue
            }
            guard standing.specification != scheduler else { continue }
            entries.append(
                Entry(
                    name: scheduler.name, step: ReloadStep(from: standing, to: scheduler),
                    differences: standing.specification.differences(from: scheduler)))
        }
    }
}

extension Supervisor {
    /// What a new configuration would meet; nil for one that is not configured, or out of range.
    package func standing(of id: SchedulerID) -> SchedulerStanding? {
        guard schedulers.indices.contains(id.index), !schedulers[id.index].isRemoved else {
            return nil
        }
        return schedulers[id.index].standing
    }
}
