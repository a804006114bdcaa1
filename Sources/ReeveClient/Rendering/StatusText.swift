// SPDX-License-Identifier: Apache-2.0
//
// `reeve status`, made to be read: one line for the whole, one for each scheduler. Pure functions of
// what the supervisor answered, the time, and what the terminal can show.

package import ReeveControl
package import ReeveCore

/// The texts of `reeve status`.
package enum StatusText {
    /// The head line and the table.
    package static func table(
        _ answer: StatusAnswer, at now: WallTime, _ appearance: Appearance
    ) -> String {
        var text = head(answer.overview, appearance)
        let alerts = AlertsText.foot(answer.overview, at: now, appearance)
        let own = components(answer.overview, appearance)
        guard !answer.schedulers.isEmpty else {
            return text + own + alerts + foot(answer.overview)
        }
        var table = TextTable(columns: [
            .init(title: "NAME"), .init(title: "STATE"), .init(title: "PID", isRight: true),
            .init(title: "UPTIME", isRight: true), .init(title: "MEMORY", isRight: true),
            .init(title: "RESTARTS", isRight: true), .init(title: "LAST EXIT"),
            .init(title: "REASON"),
        ])
        for scheduler in answer.schedulers {
            table.add([
                .init(text: scheduler.name.printable, tint: .strong),
                .init(text: state(scheduler, appearance), tint: scheduler.status.tint),
                .init(text: processes(scheduler)),
                .init(text: uptime(scheduler)),
                .init(text: scheduler.memoryBytes.map { Bytes($0).description } ?? "-"),
                .init(
                    text: "\(scheduler.restartCount)",
                    tint: scheduler.restartsInWindow > 0 ? .warning : .plain),
                .init(text: lastExit(scheduler, at: now)),
                .init(text: scheduler.reason.printable),
            ])
        }
        text += "\n" + table.rendered(appearance) + registered(answer.schedulers)
        return text + own + alerts + foot(answer.overview)
    }

    /// `parts of reeve itself: gateway healthy (pid 4711, up 3h12m, 35.1MB), scribe degraded (…)`; empty where
    /// there is none.
    private static func components(_ overview: Overview, _ appearance: Appearance) -> String {
        guard !overview.components.isEmpty else { return "" }
        let parts = overview.components.map { component in
            let health = component.status.tint.paint(component.status.rawValue, appearance)
            var facts =
                component.pid.map {
                    ["pid \($0)", "up \(Duration.seconds(component.uptime))"]
                } ?? []
            if let bytes = component.memoryBytes { facts.append("\(Bytes(bytes))") }
            if component.restartCount > 0 {
                facts.append(counted(component.restartCount, "restart"))
            }
            if component.status != .healthy { facts.append(component.reason.printable) }
            return "\(component.name.printable) \(health) (\(facts.joined(separator: ", ")))"
        }
        return "\nparts of reeve itself: \(parts.joined(separator: ", "))\n"
    }

    /// `registered, beside the file: web, tick and 3 more`; empty where there is none.
    private static func registered(_ schedulers: [SchedulerReport]) -> String {
        let names = schedulers.filter { $0.origin == .registered }.map(\.name.printable)
        guard !names.isEmpty else { return "" }
        let rest = names.count > 16 ? " and \(names.count - 16) more" : ""
        return "\nregistered, beside the file: \(names.prefix(16).joined(separator: ", "))\(rest)\n"
    }

    /// `orphans, which belong to no run: sleep (pid 4711), cat (pid 4712) and 3 more`; empty where
    /// there is none.
    static func foot(_ overview: Overview) -> String {
        guard overview.orphanCount > 0 else { return "" }
        let shown = overview.orphans.prefix(16)
        var text = "\norphans, which belong to no run: "
        text += shown.map { "\($0.name.printable) (pid \($0.pid))" }.joined(separator: ", ")
        let rest = overview.orphanCount - shown.count
        if rest > 0 { text += shown.isEmpty ? "\(rest)" : " and \(rest) more" }
        return text + "\n"
    }

    /// `degraded: 5 schedulers, 3 healthy, 1 degraded, 1 unhealthy (reeve 0.1.0, pid 1, up 3h12m)`.
    package static func head(_ overview: Overview, _ appearance: Appearance) -> String {
        var text = overview.health.tint.paint(
            symbol(overview.health, appearance) + overview.health.rawValue, appearance)
        text += ": " + counted(overview.total, "scheduler")
        let counts: [(Health, Int)] = [
            (.healthy, overview.healthy), (.degraded, overview.degraded),
            (.unhealthy, overview.unhealthy), (.starting, overview.starting),
            (.stopping, overview.stopping), (.stopped, overview.stopped),
        ]
        for (health, count) in counts where count > 0 {
            text += ", " + health.tint.paint("\(count) \(health.rawValue)", appearance)
        }
        if overview.isShuttingDown {
            text += "; " + Tint.warning.paint("shutting down", appearance)
        } else if let phase = overview.phase {
            text += "; start-up phase \(phase) of 4"
        }
        if overview.defects > 0 {
            let defects = counted(overview.defects, "defect")
            text += "; " + Tint.bad.paint("\(defects) of reeve itself, see its log", appearance)
        }
        let reeve = "reeve \(overview.greeting.version.printable), pid \(overview.greeting.pid)"
        let up = Duration.seconds(overview.uptime)
        return text + Tint.faint.paint(" (\(reeve), up \(up))", appearance) + "\n"
    }

    // MARK: Cells

    /// "4711"; "4711 +2" where two more run beside it.
    private static func processes(_ scheduler: SchedulerReport) -> String {
        guard let pid = scheduler.pid else { return "-" }
        return scheduler.runCount > 1 ? "\(pid) +\(scheduler.runCount - 1)" : "\(pid)"
    }

    /// The health, with the lifecycle where that says more.
    static func state(_ scheduler: SchedulerReport, _ appearance: Appearance) -> String {
        let health = symbol(scheduler.status, appearance) + scheduler.status.rawValue
        let isImplied =
            switch (scheduler.status, scheduler.lifecycle) {
            case (.healthy, .running), (.stopped, .stopped), (.starting, .starting),
                (.stopping, .stopping):
                true
            default: false
            }
        if isImplied { return health }
        return health + ", "
            + scheduler.lifecycle.rawValue.map { $0 == "-" ? " " : String($0) }.joined()
    }

    static func uptime(_ scheduler: SchedulerReport) -> String {
        scheduler.pid == nil ? "-" : Duration.seconds(scheduler.uptime).description
    }

    /// "code 3, 5m ago"; "-" where nothing has ended.
    private static func lastExit(_ scheduler: SchedulerReport, at now: WallTime) -> String {
        guard let exit = scheduler.lastExit else { return "-" }
        let how = exit.signal ?? exit.code.map { "code \($0)" } ?? "unknown"
        return "\(how.printable), \(ago(exit.at, at: now))"
    }

    static func symbol(_ health: Health, _ appearance: Appearance) -> String {
        appearance.hasSymbols ? health.symbol + " " : ""
    }

    /// "5m ago", in whole seconds; "now" below one, and where the clock was set back.
    static func ago(_ instant: WallTime, at now: WallTime) -> String {
        let span = now - instant
        return span < .seconds(1) ? "now" : "\(Duration.seconds(span.seconds)) ago"
    }
}

/// "1 scheduler", "3 schedulers".
func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)" + (count == 1 ? "" : "s")
}
