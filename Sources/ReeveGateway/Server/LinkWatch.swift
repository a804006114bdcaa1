// SPDX-License-Identifier: Apache-2.0

internal import ServiceLifecycle

/// Ends the program when a connection that it was given has ended: the supervisor starts it again, with
/// another one.
struct LinkWatch: Service {
    let link: SupervisorLink

    /// The supervisor has gone, or has closed the connection.
    struct Ended: Error, CustomStringConvertible {
        var description: String { "the supervisor has closed the connection" }
    }

    func run() async throws {
        for await _ in try await link.end().cancelOnGracefulShutdown() { throw Ended() }
    }
}
