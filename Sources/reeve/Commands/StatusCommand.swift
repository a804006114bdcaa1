// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// `reeve status`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how all schedulers are, or everything about one.",
        discussion: """
            The first line tells how the whole is: unhealthy if any scheduler is, else degraded, \
            starting or stopping, else healthy. Every scheduler shows why it is in its state.

              $ reeve status
              $ reeve status web
              $ reeve status --json | jq '.schedulers[] | select(.status != "healthy")'

            With --json and without a name this is the body of GET /api/scheduler/health. \
            MEMORY is the resident memory of the whole process tree. A state other than healthy \
            does not change the exit code: use `reeve healthcheck` for that.
            """)

    @Argument(help: "The scheduler; without one, all.")
    var name: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let output = Output()
        if let name {
            let scheduler = try client.status(of: name)
            if json {
                var bytes: [UInt8] = []
                scheduler.write(to: &bytes)
                try output.write(bytes + [UInt8(ascii: "\n")])
            } else {
                let now = Clock.now().wall
                try output.write(StatusText.details(of: scheduler, at: now, output.appearance))
            }
        } else {
            let answer = try client.status()
            if json {
                var bytes: [UInt8] = []
                StatusDocument.write(answer.overview, schedulers: answer.schedulers, to: &bytes)
                try output.write(bytes)
            } else {
                let now = Clock.now().wall
                try output.write(StatusText.table(answer, at: now, output.appearance))
            }
        }
        try output.flush()
    }
}
