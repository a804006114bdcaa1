// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveCore
internal import ReeveLinux

/// `reeve check`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say everything that is wrong with a configuration, or what it comes to.",
        discussion: """
            Needs no supervisor and starts nothing. Errors and warnings go to standard error, each with \
            file, line, column and what to write instead; with errors the exit code is 78. Otherwise \
            the phases in which the schedulers start are shown, and how long a shutdown may take.

              $ reeve check reeve.toml
              $ reeve check reeve.toml --explain

            --explain prints every value that is in effect and where it came from. Without a file the \
            same is taken as by `reeve run`.
            """)

    @Argument(help: ArgumentHelp("The configuration.", valueName: "config"), completion: .file())
    var config: String?

    @Flag(help: "Print every value that is in effect and where it came from.")
    var explain = false

    mutating func run() throws {
        let file = try ConfigurationFile.find(config)
        var outcome = file.outcome()
        if CheckCommand.isContainer { outcome.warnOfStopBudget(file: file.path) }
        StandardError.write(outcome.diagnostics.rendered)
        let output = Output()
        if explain { try output.write(outcome.explanation.rendered) }
        if let specification = outcome.specification, !explain {
            let path = file.path.printable
            try output.write(CheckText.summary(of: specification, path: path, output.appearance))
        }
        try output.flush()
        if outcome.specification == nil { throw Exit.configuration(nil) }
    }

    /// PID 1 of this namespace is a reeve: this one, or the one that would be stopped.
    private static var isContainer: Bool {
        // Where /proc is hidden it cannot be told, and is not.
        Host.pid.number == 1 || (try? ProcFS().stat(PID(1)))?.name == "reeve"
    }
}
