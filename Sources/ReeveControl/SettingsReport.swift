// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// What was configured for one scheduler, as `reeve status NAME` shows it; never its environment, which
/// may hold secrets.
package struct SettingsReport: Equatable, Sendable {
    /// nil where none was given.
    package var description: String?
    /// Program and arguments, cut after `commandBytesMax` in all, with "…" in place of the rest.
    package var command: [String]
    /// nil: reeve's own.
    package var workingDirectory: String?

    /// Longest description, in bytes of UTF-8; escaped, all three together fit half a line, so that a
    /// client has room for them and the scheduler at once.
    package static let descriptionBytesMax = 512
    /// Longest command.
    package static let commandBytesMax = 2_048
    /// Longest working directory.
    package static let pathBytesMax = 2_048

    /// From the specification.
    package init(_ specification: SchedulerSpecification) {
        let words = specification.description
        description =
            words.isEmpty ? nil : words.shortened(toBytes: SettingsReport.descriptionBytesMax)
        command = []
        workingDirectory = specification.program.workingDirectory?
            .shortened(toBytes: SettingsReport.pathBytesMax)
        var left = SettingsReport.commandBytesMax
        for argument in specification.program.arguments {
            // Each costs its quotes and a comma, too, so that their number is bounded as well.
            guard left > 8 else {
                command.append("…")
                break
            }
            let text = argument.shortened(toBytes: left)
            command.append(text)
            left -= text.utf8.count + 3
        }
    }

    /// Appends the members `description`, `command` and `workingDirectory`.
    func writeMembers(to buffer: inout [UInt8]) {
        buffer.field("description", description)
        buffer.beginArray("command")
        for argument in command { buffer.element(argument) }
        buffer.endArray()
        buffer.field("workingDirectory", workingDirectory)
    }

    init(reading value: JSONValue) throws(JSONFault) {
        description = try value.optionalText("description")
        command = try value.list("command") { (argument) throws(JSONFault) in
            try argument.requireText()
        }
        workingDirectory = try value.optionalText("workingDirectory")
    }
}
