// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import ReeveConfiguration

/// `reeve unit`.
struct UnitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unit",
        abstract: "Print a systemd unit that runs a configuration.",
        discussion: """
            The unit fits the configuration: its time limits are those of the file with some room, and \
            its directories are made by systemd where the file names none. It sets nothing that the \
            schedulers would inherit.

              $ reeve unit /etc/reeve/web.toml > /etc/systemd/system/web.service
              $ reeve unit --user ~/web.toml > ~/.config/systemd/user/web.service
            """)

    @Argument(help: ArgumentHelp("The configuration.", valueName: "config"), completion: .file())
    var config: String?

    @Flag(help: "For a user's own manager (systemctl --user).")
    var user = false

    mutating func run() throws {
        let (specification, source) = try ConfigurationFile.find(config).load()
        let path = try absolutePath(source)
        let program = try resolvedPath("/proc/self/exe")
        let output = Output()
        try output.write(
            UnitText.unit(
                for: specification, path: path, program: program, isUsers: user))
        try output.flush()
    }
}

/// The path from the root. Links on the way stay: a deployment points them elsewhere, and the unit has to
/// follow.
private func absolutePath(_ path: String) throws(Exit) -> String {
    if path.hasPrefix("/") { return path }
    guard let directory = unsafe getcwd(nil, 0) else {
        throw .system("the working directory has no path")
    }
    defer { unsafe free(directory) }
    let place = unsafe String(cString: directory)
    let rest = path.hasPrefix("./") ? path.dropFirst(2) : path[...]
    return place.hasSuffix("/") ? place + rest : "\(place)/\(rest)"
}

/// The file itself, whatever links lead to it.
private func resolvedPath(_ path: String) throws(Exit) -> String {
    guard let real = unsafe realpath(path, nil) else {
        throw .system("\(path): cannot be found")
    }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
}
