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
    /// Name, or number, of the user it runs as; nil: reeve's own.
    package var user: String?
    /// The same of its group, where one is configured.
    package var group: String?

    /// Longest description, in bytes of UTF-8; escaped, all three together fit half a line, so that a
    /// client has room for them and the scheduler at once.
    package static let descriptionBytesMax = 512
    /// Longest command.
    package static let commandBytesMax = 2_048
    /// Longest name of a user or group; Linux has none of more than 32.
    private static let accountBytesMax = 64
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
        let launch = specification.program.launch
        user = launch.user.map { SettingsReport.word($0.name, $0.number) }
        group = launch.group.map { SettingsReport.word($0.name, $0.number) }
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

    private static func word(_ name: String?, _ number: UInt32) -> String {
        (name ?? "\(number)").shortened(toBytes: accountBytesMax)
    }

    /// Appends the members `description`, `command`, `workingDirectory`, `user` and `group`.
    func writeMembers(to buffer: inout [UInt8]) {
        buffer.field("description", description)
        buffer.beginArray("command")
        for argument in command { buffer.element(argument) }
        buffer.endArray()
        buffer.field("workingDirectory", workingDirectory)
        buffer.field("user", user)
        buffer.field("group", group)
    }

    init(reading value: JSONValue) throws(JSONFault) {
        description = try value.optionalText("description")
        command = try value.list("command") { (argument) throws(JSONFault) in
            try argument.requireText()
        }
        workingDirectory = try value.optionalText("workingDirectory")
        user = try value.optionalText("user")
        group = try value.optionalText("group")
    }
}
