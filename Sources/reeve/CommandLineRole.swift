// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveControl
internal import ReeveLinux

/// What reeve is when an operator calls it.
enum CommandLineRole {
    /// Parses the arguments, runs the command, and returns the exit code. Help, version and wrong usage
    /// leave from inside.
    static func run() -> Int32 {
        // Without this a socket could become descriptor 1, and a table would be sent to the supervisor.
        if let errno = fillGaps() {
            return Exit.system("standard streams cannot be opened: \(errno)").report()
        }
        let given = ProcessArguments.texts()
        guard !given.isEmpty else {
            return Exit.usage.report("was started without arguments, not even its own name")
        }
        let arguments = Array(given.dropFirst())
        if let words = unknownCommand(arguments.first) {
            return Exit.usage.report(words)
        }
        do {
            var command = try ReeveCommand.parseAsRoot(arguments)
            try command.run()
            return 0
        } catch let exit as Exit {
            return exit.report()
        } catch let error as ClientError {
            return Exit(error).report()
        } catch {
            ReeveCommand.exit(withError: error)
        }
    }

    /// What is said of a first argument that is neither an option nor a command.
    private static func unknownCommand(_ argument: String?) -> String? {
        guard let argument, !argument.hasPrefix("-") else { return nil }
        let names = ReeveCommand.configuration.subcommands.compactMap {
            $0.configuration.commandName
        }
        guard argument != "help", !names.contains(argument) else { return nil }
        let nearest = nearestNames(to: argument, among: names + ["help"])
        let hint = nearest.isEmpty ? "" : "did you mean \(nearest.joined(separator: ", "))? "
        return "there is no command \"\(argument.shortened(toBytes: 80))\"; "
            + "\(hint)`reeve help` lists all"
    }

    private static func fillGaps() -> Errno? {
        do {
            try StandardStreams.fillGaps()
            return nil
        } catch {
            return error
        }
    }
}
