// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore

/// `reeve healthcheck`.
struct HealthcheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Tell by the exit code whether all is well, for probes.",
        discussion: """
            Exits 0 when healthy, degraded or starting; 1 when unhealthy, stopped or stopping, when \
            no supervisor answers, or when there is no such scheduler.

              HEALTHCHECK --interval=15s CMD ["reeve", "healthcheck"]
              $ reeve healthcheck web --strict || page-someone
            """)

    @Argument(
        help: "The scheduler; without one, the whole.", completion: NameText.completion,
        transform: NameText.read)
    var name: String?

    @Flag(help: "Degraded is a failure, too.")
    var strict = false

    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let output = Output()
        let health: Health
        do throws(ClientError) {
            let client = try connection.connect(timeout: ConnectionOptions.reading)
            if let name {
                let scheduler = try client.status(of: name)
                health = scheduler.status
                try write(
                    "\(scheduler.name): \(health.rawValue), \(scheduler.reason)\n", to: output)
            } else {
                let overview = try client.overview()
                health = overview.health
                try write(StatusText.head(overview, output.appearance), to: output)
            }
        } catch {
            // A probe knows 0 and 1 only; a wrong call stays one.
            throw Exit(code: error.kind == .usage ? 64 : 1, message: error.message)
        }
        if !isWell(health) { throw Exit.failed }
    }

    private func write(_ text: String, to output: Output) throws(ClientError) {
        do {
            try output.write(text)
            try output.flush()
        } catch {
            throw ClientError(.failed, error.message ?? "standard output is closed")
        }
    }

    private func isWell(_ health: Health) -> Bool {
        switch health {
        case .healthy, .starting: true
        case .degraded: !strict
        case .unhealthy, .stopped, .stopping: false
        }
    }
}
