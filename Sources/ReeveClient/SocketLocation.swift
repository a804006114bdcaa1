// SPDX-License-Identifier: Apache-2.0
//
// Where the supervisor's socket is looked for. A named socket is the only one tried. Without a name
// each runtime directory is tried in the supervisor's own order, and the first that answers is taken.
// `/tmp` and `/dev/shm` are writable by all, so whoever answers there has to be root or the user who asks.

internal import ReeveControl
package import ReeveCore
package import ReeveLinux

/// Which sockets are tried, in order.
package struct SocketLocation: Equatable, Sendable {
    /// One socket that may be there.
    package struct Candidate: Equatable, Sendable {
        package var path: String
        /// The one who answers must be root or this user; nil trusts the path.
        package var trustedUser: UInt32?
    }

    /// At least one.
    package var candidates: [Candidate]
    /// How the socket was named, for messages; nil where it was searched for.
    package var namedBy: String?

    /// `named` is what `--socket` says, `variable` the value of REEVE_SOCKET; an empty one is none.
    package init(
        named: String?, variable: String?, xdgRuntimeDirectory: String?, user: UInt32
    ) {
        for (path, origin) in [(named, "--socket"), (variable, "REEVE_SOCKET")] {
            if let path, !path.isEmpty {
                candidates = [Candidate(path: path, trustedUser: nil)]
                namedBy = origin
                return
            }
        }
        let directories = RuntimePaths.directories(
            xdgRuntimeDirectory: xdgRuntimeDirectory, uid: user)
        candidates = directories.map { directory in
            Candidate(
                path: RuntimePaths.socket(in: directory),
                trustedUser: SocketLocation.isShared(directory) ? user : nil)
        }
        namedBy = nil
    }

    private static func isShared(_ directory: String) -> Bool {
        directory.hasPrefix("/tmp/") || directory.hasPrefix("/dev/shm/")
    }

    /// The location for this process: its environment and its user.
    package static func current(named: String?) -> SocketLocation {
        let environment = EnvironmentBlock.current()
        return SocketLocation(
            named: named, variable: environment.value(of: "REEVE_SOCKET"),
            xdgRuntimeDirectory: environment.value(of: "XDG_RUNTIME_DIR"), user: Host.user)
    }

    /// Connects to the first that answers. Throws a sentence that names every path that was tried.
    package func connect(timeout: Duration) throws(ClientError) -> FileDescriptor {
        var tried: [String] = []
        var denied: ClientError?
        for candidate in candidates {
            do {
                let socket = try UnixSocket.connect(to: candidate.path, timeout: timeout)
                if let user = candidate.trustedUser, !isTrusted(socket, user: user) {
                    denied = ClientError(
                        .notPermitted,
                        "\(candidate.path) belongs to another user and is not trusted")
                    continue
                }
                return socket
            } catch {
                switch error.errno {
                case .noEntry, .notDirectory: tried.append("\(candidate.path) (not there)")
                case .connectionRefused: tried.append("\(candidate.path) (nobody listens)")
                case .accessDenied, .notPermitted:
                    denied = ClientError(
                        .notPermitted,
                        "\(candidate.path): this user may not use the socket (EACCES)")
                case .tryAgain:
                    throw ClientError(
                        .timedOut,
                        "\(candidate.path): the supervisor took no connection within \(timeout)")
                case nil, .nameTooLong: throw ClientError(.usage, error.words)
                default: throw ClientError(.noSupervisor, error.words)
                }
            }
        }
        throw denied ?? nobody(tried)
    }

    private func isTrusted(_ socket: borrowing FileDescriptor, user: UInt32) -> Bool {
        // Credentials that cannot be read are no reason to trust.
        guard let peer = try? UnixSocket.peer(of: socket) else { return false }
        return peer.user == 0 || peer.user == user
    }

    private func nobody(_ tried: [String]) -> ClientError {
        let places = tried.joined(separator: ", ")
        let hint =
            namedBy.map { "it was named by \($0)" }
            ?? "start one with `reeve run`, or name its socket with --socket"
        return ClientError(.noSupervisor, "no supervisor answers at \(places); \(hint)")
    }
}
