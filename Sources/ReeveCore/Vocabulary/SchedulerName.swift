// SPDX-License-Identifier: Apache-2.0

/// The name of a scheduler: `[a-z0-9][a-z0-9._-]{0,62}`.
package struct SchedulerName: Comparable, Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// The names that the HTTP interface's paths need for themselves.
    package static let reserved = ["health", "start-all", "stop-all"]

    /// The name by which reeve's gateway is supervised.
    package static let gateway = "gateway"

    /// Why what is registered cannot have this name, as a sentence; nil where it can.
    package static func objection(to text: String) -> String? {
        if text == gateway { return "\"gateway\" is the name of reeve's own gateway" }
        if reserved.contains(text) {
            return "\"\(text)\" is reserved: the HTTP interface needs it for itself"
        }
        guard SchedulerName(text) == nil else { return nil }
        return "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
    }

    /// Returns nil where the text breaks the rule above or is reserved.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard (1...63).contains(bytes.count), !SchedulerName.reserved.contains(text) else {
            return nil
        }
        for (position, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                continue
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                if position == 0 { return nil }
            default: return nil
            }
        }
        self.text = text
    }

    package static func < (left: SchedulerName, right: SchedulerName) -> Bool {
        left.text < right.text
    }

    package var description: String { text }
}
