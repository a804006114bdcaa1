// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore

/// `reeve plan`.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what a reload of a configuration would do, and do nothing.",
        discussion: """
            Compares the file with what the running reeve has in force. Each scheduler that a reload \
            would start, restart, stop or give other settings is listed, with the old and the new value \
            of every key that differs; values of environments are not shown. The exit code is 0 whether \
            or not there are changes, 78 for a file with errors, 69 where no reeve runs.

              $ reeve plan reeve.toml && reeve reload
              $ reeve plan --json reeve.toml | jq '.schedulers[] | select(.action == "restart")'

            Without a file the same is taken as by `reeve run`. It is read here, with the variables of \
            this command (REEVE_PROFILE, RENDER, REEVE_STOP_BUDGET); a reload reads with those of the \
            running reeve.
            """)

    @Argument(help: ArgumentHelp("The configuration.", valueName: "config"))
    var config: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let (specification, path) = try ConfigurationFile.find(config).load()
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let inForce = try client.configuration()
        var new = specification
        new.schedulers = new.schedulers.map(\.withoutSecrets)
        let plan = ReloadPlan(from: inForce.settings, inForce.standings, to: new)
        let output = Output()
        if json {
            var bytes: [UInt8] = []
            PlanDocument.write(plan, words: PlanText.words, to: &bytes)
            try output.write(bytes)
        } else {
            try output.write(
                PlanText.rendered(plan, path: path.printable, output.appearance))
        }
        try output.flush()
    }
}
