// SPDX-License-Identifier: Apache-2.0

package import ReeveControl
package import ReeveCore

/// The lines of `reeve alerts`, and what `reeve status` says of alerts.
package enum AlertsText {
    /// A table, the oldest alert first; one line where there is none.
    package static func table(
        _ alerts: [AlertReport], at now: WallTime, _ appearance: Appearance
    ) -> String {
        guard !alerts.isEmpty else { return "no alert is on\n" }
        var table = TextTable(columns: [
            .init(title: "ALERT"), .init(title: "SCHEDULER"), .init(title: "SINCE"),
            .init(title: "CAUSE"),
        ])
        for alert in alerts {
            table.add([
                .init(text: alert.kind.printable, tint: .warning),
                .init(text: alert.scheduler.printable, tint: .strong),
                .init(text: StatusText.ago(alert.since, at: now)),
                .init(text: alert.message.printable),
            ])
        }
        return table.rendered(appearance)
    }

    /// Below the table of `reeve status`; empty where there is none.
    static func foot(_ overview: Overview, at now: WallTime, _ appearance: Appearance) -> String {
        guard overview.alertCount > 0 else { return "" }
        var text = "\n"
        for alert in overview.alerts {
            text += Tint.warning.paint("alert \(alert.kind.printable)", appearance)
            text += " of \(alert.scheduler.printable), since "
            text += "\(StatusText.ago(alert.since, at: now)): \(alert.message.printable)\n"
        }
        let rest = overview.alertCount - overview.alerts.count
        return rest > 0 ? text + "and \(rest) more alerts, see `reeve alerts`\n" : text
    }

    /// Eight heights: the memory of a run over its life, each point the highest of its stretch. With plain
    /// ASCII where symbols are not to be used. Empty where there are fewer than two points.
    static func sparkline(_ points: [MemoryPoint], _ appearance: Appearance) -> String {
        guard points.count > 1, let most = points.map(\.kilobytes).max(), most > 0 else {
            return ""
        }
        let steps = Array(appearance.hasSymbols ? "▁▂▃▄▅▆▇█" : "_.-:=+*#")
        return String(
            points.suffix(60).map { point in
                let height = Int(UInt64(point.kilobytes) * 7 / UInt64(most))
                return steps[min(7, height)]
            })
    }
}
