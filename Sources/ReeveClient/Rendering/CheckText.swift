// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// What `reeve check` says of a configuration without errors.
package enum CheckText {
    /// `FILE: ok, 5 schedulers`, then the phases with their members in starting order, and the budget of
    /// a shutdown.
    ///
    ///     reeve.toml: ok, 3 schedulers
    ///       phase 1: db
    ///       phase 4: migrate (task), then web
    ///       shutdown: at most 30s until SIGKILL, then 5s; web, migrate, db
    package static func summary(
        of specification: Specification, path: String, _ appearance: Appearance
    ) -> String {
        let schedulers = specification.schedulers
        let ok = Tint.good.paint("ok", appearance)
        var text = "\(path): \(ok), \(counted(schedulers.count { !$0.isComponent }, "scheduler"))\n"
        let plan = StartPlan(schedulers)
        let settings = specification.supervisor
        if settings.staggeredStartup {
            for phase in 1...4 {
                let members = schedulers.indices.filter { plan.phases[$0] == phase }
                if members.isEmpty { continue }
                text += "  phase \(phase): \(order(of: members, schedulers, plan))\n"
            }
        } else if !schedulers.isEmpty {
            text += "  start: \(order(of: Array(schedulers.indices), schedulers, plan))\n"
        }
        text +=
            "  shutdown: at most \(settings.gracefulTimeout) until SIGKILL, "
            + "then \(settings.forceTimeout)"
        let levels = plan.stopLevels(staggered: settings.staggeredStartup)
        if levels.count > 1 {
            text +=
                "; "
                + listed(
                    levels.map { level in
                        level.map { schedulers[$0.index].name.text }
                    })
        }
        return text + "\n"
    }

    /// "a, b, then c": what starts at once, then what waits for it.
    private static func order(
        of members: [Int], _ schedulers: [SchedulerSpecification], _ plan: StartPlan
    ) -> String {
        var levels: [Int: [String]] = [:]
        for member in members {
            let scheduler = schedulers[member]
            var notes: [String] = []
            if scheduler.kind == .task { notes.append("task") }
            if !scheduler.enabled { notes.append("disabled") }
            if plan.phases[member] != plan.ownPhases[member] {
                notes.append("by its priority in phase \(plan.ownPhases[member])")
            }
            let suffix = notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))"
            levels[plan.depths[member], default: []].append(scheduler.name.text + suffix)
        }
        return listed(levels.keys.sorted().map { levels[$0] ?? [] })
    }

    /// At most sixteen names of a level, and the number of the rest.
    private static func listed(_ levels: [[String]]) -> String {
        levels.map { names in
            let shown = names.prefix(16).joined(separator: ", ")
            return names.count > 16 ? "\(shown) and \(names.count - 16) more" : shown
        }.joined(separator: ", then ")
    }
}
