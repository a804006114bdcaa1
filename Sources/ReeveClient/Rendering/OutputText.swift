// SPDX-License-Identifier: Apache-2.0

package import ReeveControl
internal import ReeveCore

/// The lines of `reeve logs`: what the scheduler wrote, byte for byte where that is UTF-8. Pieces of a
/// long line are put together again, unless a line of the other stream came in between.
package struct OutputText {
    private let hasTimestamps: Bool
    /// The stream whose line has not ended yet.
    private var open: OutputReport.Stream?

    /// `hasTimestamps` puts the time in front of each line.
    package init(hasTimestamps: Bool) {
        self.hasTimestamps = hasTimestamps
    }

    /// What to print for the next line.
    package mutating func text(of line: OutputReport) -> String {
        var text = ""
        let isContinuation = open != nil && open == line.stream
        if open != nil, !isContinuation { text += "\n" }
        if hasTimestamps, !isContinuation {
            text += (line.at?.rfc3339(fractionDigits: 3) ?? "-") + " "
        }
        text += line.text
        if !line.isWhole { text += " [cut]" }
        open = line.continues ? line.stream : nil
        return open == nil ? text + "\n" : text
    }
}
