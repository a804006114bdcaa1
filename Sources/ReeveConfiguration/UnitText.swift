// SPDX-License-Identifier: Apache-2.0
//
// A systemd unit made for one configuration (systemd.service(5)). `units/reeve.service` is the same for the
// usual places.

package import ReeveCore

/// Writes units.
package enum UnitText {
    /// What systemd grants beyond the configuration's own time limits: the end of strays, and the exit.
    private static let room = Duration.seconds(10)

    /// A unit of `Type=notify`. `path` and `program` are absolute. `isUsers`: for a user's own manager.
    package static func unit(
        for specification: Specification, path: String, program: String, isUsers: Bool = false
    ) -> String {
        let settings = specification.supervisor
        let stop = settings.gracefulTimeout + settings.forceTimeout + room
        // A changed scheduler is stopped, then started.
        let reload = specification.schedulers.map(\.stop.timeout).max() ?? .zero
        let socket = settings.runtimeDirectory.map { " --socket \(word($0 + "/control.sock"))" }
        var lines = [
            "[Unit]",
            "Description=reeve with \(specifier(path))",
        ]
        // A user's manager has no such target.
        if !isUsers { lines.append("After=network.target") }
        lines += [
            "",
            "[Service]",
            "Type=notify",
            "NotifyAccess=main",
            "ExecStart=\(word(program)) run \(word(path))",
            "ExecReload=\(word(program)) reload\(socket ?? " --socket %t/reeve/control.sock")"
                + " --timeout \(wholeSeconds(reload + .seconds(60)))s",
            "Restart=on-failure",
            "RestartSec=1s",
            "RestartPreventExitStatus=64 78",
            "WatchdogSec=30s",
            "KillMode=mixed",
            "TimeoutStartSec=90s",
            "TimeoutStopSec=\(wholeSeconds(stop))s",
            "OOMPolicy=continue",
        ]
        if !isUsers { lines.append("TasksMax=infinity") }
        if settings.runtimeDirectory == nil {
            lines += ["RuntimeDirectory=reeve", "RuntimeDirectoryMode=0700"]
        }
        // For a user it would be in ~/.config before systemd 254; reeve has a better place by itself.
        if settings.stateDirectory == nil, !isUsers {
            lines += ["StateDirectory=reeve", "StateDirectoryMode=0700"]
        }
        lines += ["", "[Install]", "WantedBy=\(isUsers ? "default" : "multi-user").target"]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Rounded up: a limit must not come before what it is for.
    private static func wholeSeconds(_ duration: Duration) -> Int64 {
        duration.seconds + (duration > .seconds(duration.seconds) ? 1 : 0)
    }

    /// "%" begins a specifier.
    private static func specifier(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            result += character == "%" ? "%%" : String(character)
        }
    }

    /// One word of a command line: quoted, with what systemd would expand taken literally.
    private static func word(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7F && !"\"'\\$%;".utf8.contains(byte)
        }
        if plain { return text }
        let quoted = specifier(text).reduce(into: "") { result, character in
            switch character {
            case "\\", "\"": result += "\\" + String(character)
            case "$": result += "$$"
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
        return "\"\(quoted)\""
    }
}
