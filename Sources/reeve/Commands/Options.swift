// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore

/// How a command reaches the supervisor.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The control socket; otherwise REEVE_SOCKET, or the first runtime directory with one.",
            valueName: "path"))
    var socket: String?

    // Unconditional: what begins with a dash is a value too, and told why it will not do.
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Wait at most this long for an answer, such as 5s or 1m30s.", valueName: "duration"),
        transform: ConnectionOptions.wait)
    var timeout: Duration?

    /// Connects.
    func connect(timeout otherwise: Duration) throws(ClientError) -> ControlClient {
        try ControlClient(
            to: SocketLocation.current(named: socket), timeout: timeout ?? otherwise)
    }

    /// How long reading commands wait.
    static let reading = Duration.seconds(5)
    /// How long acting commands wait: a stop may take its whole stop-timeout.
    static let acting = Duration.seconds(90)

    /// Reads a duration, written as in the configuration.
    private static func wait(_ text: String) throws -> Duration {
        guard let duration = Amounts.duration(text) else {
            throw ValidationError(
                "it is no duration; write numbers with d, h, m, s or ms, such as 5s or 1m30s")
        }
        guard duration > .zero else {
            throw ValidationError("nothing can be waited for in no time; the least is 1ms")
        }
        return duration
    }
}

/// The name of a scheduler on the command line. Whether there is one of that name is the supervisor's
/// to say.
enum NameText {
    static func read(_ text: String) throws -> String {
        guard !text.isEmpty else {
            throw ValidationError("a scheduler's name is not empty; `reeve status` lists them")
        }
        return text
    }

    /// The names that the supervisor knows which the command line leads to; none where none answers at once.
    static let completion = CompletionKind.custom { words, _, _ in
        let named = words.firstIndex(of: "--socket").map { words.index(after: $0) }
        let socket = named.flatMap { words.indices.contains($0) ? words[$0] : nil }
        do {
            let client = try ControlClient(
                to: SocketLocation.current(named: socket), timeout: .milliseconds(500))
            return try client.status().schedulers.map(\.name)
        } catch {
            return []
        }
    }
}
