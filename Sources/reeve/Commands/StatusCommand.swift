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
        abstract: "Show how all schedulers are, or everything about some.",
        discussion: """
            The first line tells how the whole is: unhealthy if any scheduler is, else degraded, \
            starting or stopping, else healthy. Every scheduler shows why it is in its state.

              $ reeve status
              $ reeve status web
              $ reeve status --json | jq '.schedulers[] | select(.status != "healthy")'

            With --json and without a name this is the body of GET /api/scheduler/health; with one \
            name it is that scheduler, with several a list. \
            MEMORY is the resident memory of the whole process tree. A state other than healthy \
            does not change the exit code: use `reeve healthcheck` for that.
            """)

    @Argument(
        help: ArgumentHelp("The schedulers; without one, all.", valueName: "name"),
        completion: NameText.completion, transform: NameText.read)
    var names: [String] = []

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let output = Output()
        if !names.isEmpty { return try show(names.distinct, client, output) }
        let answer = try client.status()
        if json {
            var bytes: [UInt8] = []
            StatusDocument.write(answer.overview, schedulers: answer.schedulers, to: &bytes)
            try output.write(bytes)
        } else {
            let now = Clock.now().wall
            try output.write(StatusText.table(answer, at: now, output.appearance))
        }
        try output.flush()
    }

    /// Everything about some. One that is not there does not hide the others.
    private func show(_ names: [String], _ client: ControlClient, _ output: Output) throws {
        var found: [SchedulerReport] = []
        var hasFailed = false
        for name in names {
            do throws(ClientError) {
                found.append(try client.status(of: name))
            } catch {
                guard error.kind == .failed else { throw error }
                StandardError.say(error.message)
                hasFailed = true
            }
        }
        if json {
            try output.write(document(of: found, isList: names.count > 1))
        } else {
            let now = Clock.now().wall
            let blocks = found.map { StatusText.details(of: $0, at: now, output.appearance) }
            try output.write(blocks.joined(separator: "\n"))
        }
        try output.flush()
        if hasFailed { throw Exit.failed }
    }

    /// One object a line, in a list where several were asked for.
    private func document(of schedulers: [SchedulerReport], isList: Bool) -> [UInt8] {
        var bytes: [UInt8] = isList ? Array("[".utf8) : []
        for (index, scheduler) in schedulers.enumerated() {
            if index > 0 { bytes += Array(",\n".utf8) }
            var element: [UInt8] = []
            scheduler.write(to: &element)
            bytes += element
        }
        if isList { bytes += Array("]".utf8) }
        return bytes.isEmpty ? [] : bytes + [UInt8(ascii: "\n")]
    }
}
