// SPDX-License-Identifier: Apache-2.0

package import ReeveControl
internal import ReeveCore

/// The lines of `reeve next`.
package enum ComingText {
    /// "2026-03-29T03:00:00+02:00  CEST  the clock skips …"; ends with a line break.
    package static func line(at instant: String, zone: String, mark: String?) -> String {
        "\(instant)  \(zone.printable)\(mark.map { "  \($0)" } ?? "")\n"
    }

    /// A block for each scheduler: its name, what delays it or keeps it from being executed, and its
    /// occurrences.
    package static func blocks(_ reports: [ComingReport], _ appearance: Appearance) -> String {
        reports.map { block($0, appearance) }.joined(separator: "\n")
    }

    private static func block(_ report: ComingReport, _ appearance: Appearance) -> String {
        var text = Tint.strong.paint(report.scheduler.printable, appearance) + "\n"
        if let obstacle = report.obstacle {
            text += "  " + Tint.warning.paint(obstacle.printable, appearance) + "\n"
        }
        var delays: [String] = []
        if report.spread > 0 {
            delays.append("each \(Duration.milliseconds(report.spread)) later (spread)")
        }
        if report.jitter > 0 {
            delays.append("each up to \(Duration.milliseconds(report.jitter)) later (jitter)")
        }
        if !delays.isEmpty {
            text += "  " + Tint.faint.paint(delays.joined(separator: ", "), appearance) + "\n"
        }
        for one in report.occurrences {
            text += "  " + line(at: one.at.printable, zone: one.zone, mark: one.mark)
        }
        return text
    }
}
