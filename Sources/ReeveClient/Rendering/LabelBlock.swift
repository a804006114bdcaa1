// SPDX-License-Identifier: Apache-2.0

/// Labels and values, the labels at the right of a fixed width: everything about one thing.
struct LabelBlock {
    let appearance: Appearance
    private(set) var text = ""

    init(_ appearance: Appearance) {
        self.appearance = appearance
    }

    /// A line; without a label it goes on with what the line before is about.
    mutating func add(_ label: String, _ value: String) {
        let padded = String(repeating: " ", count: max(0, 12 - label.count)) + label
        text += Tint.faint.paint(padded + (label.isEmpty ? " " : ":"), appearance)
        text += " \(value)\n"
    }

    /// What was left out of a list.
    mutating func addRest(_ count: Int) {
        if count > 0 { add("", "and \(count) more") }
    }
}
