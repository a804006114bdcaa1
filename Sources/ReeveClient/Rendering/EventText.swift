// SPDX-License-Identifier: Apache-2.0

package import ReeveControl
internal import ReeveCore

/// The lines of `reeve events`, and what is said where something is missing.
package enum EventText {
    /// `2026-11-25T17:38:34.123Z warning web: failed with exit code 3 after 2s`, with a newline.
    package static func line(_ event: EventReport, _ appearance: Appearance) -> String {
        let time = Tint.faint.paint(event.at.rfc3339(fractionDigits: 3), appearance)
        let tint: Tint =
            switch event.level {
            case .error: .bad
            case .warning: .warning
            case .info: .plain
            case .debug: .faint
            }
        let level = event.level.rawValue
        let padded = level + String(repeating: " ", count: max(0, 7 - level.count))
        let scheduler = event.scheduler.map {
            Tint.strong.paint($0.printable, appearance) + ": "
        }
        return "\(time) \(tint.paint(padded, appearance)) \(scheduler ?? "")"
            + event.message.printable + "\n"
    }

    /// `12 events are missing here: REASON`, without a newline.
    package static func gap(_ gap: GapReport, of noun: String) -> String {
        let count = gap.missed.map { "\($0) \(noun)\($0 == 1 ? " is" : "s are")" }
        return "\(count ?? "\(noun)s are") missing here: \(gap.reason.printable)"
    }
}
