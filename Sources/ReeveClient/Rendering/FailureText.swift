// SPDX-License-Identifier: Apache-2.0

package import ReeveControl
internal import ReeveCore

/// What `reeve why` shows of a failed run.
package enum FailureText {
    /// A block of lines, then the log.
    package static func block(
        _ bundle: FailureBundle, log: [OutputReport], _ appearance: Appearance
    ) -> String {
        let name = Tint.strong.paint(bundle.scheduler.printable, appearance)
        let title = "\(name), failed run \(bundle.runID.printable)\n"
        var block = LabelBlock(appearance)
        block.add("what", Tint.bad.paint("it \(bundle.meaning.printable)", appearance))
        block.add("reading", bundle.reading.printable)
        let took = Duration.milliseconds(bundle.duration)
        block.add("ran", "\(bundle.startedAt.rfc3339(fractionDigits: 3)), for \(took)")
        let attempt = bundle.attempt > 1 ? ", attempt \(bundle.attempt)" : ""
        // The first attempt's reason has the instant already.
        let occurrence = bundle.reason.hasPrefix("due at") ? nil : bundle.occurrence
        let due = occurrence.map { ", due at \($0.rfc3339(fractionDigits: 0))" } ?? ""
        block.add("started for", bundle.reason.printable + attempt + due)
        if let stop = bundle.stop { block.add("ended for", stop.printable) }
        block.add("in a row", "\(bundle.consecutiveFailures)")
        block.add("limits", limits(bundle))
        if bundle.memoryPeak > 0 {
            let curve = AlertsText.sparkline(bundle.curve, appearance)
            block.add(
                "memory", "at most \(Bytes(bundle.memoryPeak))" + (curve.isEmpty ? "" : " \(curve)")
            )
        }
        for (index, check) in bundle.checks.reversed().enumerated() {
            let when = "at \(check.at.rfc3339(fractionDigits: 3))"
            block.add(index == 0 ? "checks" : "", StatusText.checkWords(check, when, appearance))
        }
        if let note = bundle.logNote { block.add("log", note.printable) }
        if log.isEmpty {
            if bundle.logNote == nil { block.add("log", "it wrote nothing") }
            return title + block.text
        }
        var text = title + block.text + "\n"
        var lines = OutputText(hasTimestamps: true)
        for line in log { text += lines.text(of: line) }
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    private static func limits(_ bundle: FailureBundle) -> String {
        bundle.limits.isEmpty
            ? "none"
            : bundle.limits.map { "\($0.key.printable) \($0.value.printable)" }
                .joined(separator: ", ")
    }
}
