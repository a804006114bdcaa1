// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveCore

/// How a command reaches the supervisor.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The control socket; otherwise REEVE_SOCKET, or the first runtime directory with one.",
            valueName: "path"))
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "Wait at most this long for an answer, such as 5s or 1m30s.", valueName: "duration"))
    var timeout: Span?

    /// Connects.
    func connect(timeout otherwise: Duration) throws(ClientError) -> ControlClient {
        try ControlClient(
            to: SocketLocation.current(named: socket), timeout: timeout?.duration ?? otherwise)
    }

    /// How long reading commands wait.
    static let reading = Duration.seconds(5)
    /// How long acting commands wait: a stop may take its whole stop-timeout.
    static let acting = Duration.seconds(90)
}

/// A duration on the command line, written as in the configuration.
struct Span: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let duration = Amounts.duration(argument), duration > .zero else { return nil }
        self.duration = duration
    }
}
