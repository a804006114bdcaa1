// SPDX-License-Identifier: Apache-2.0

/// What an epoll registration is for: the first byte of its token, by which the event loop finds
/// who handles it.
package enum SourceKind: UInt8, Sendable, CaseIterable {
    /// The signal descriptor: SIGCHLD and the signals that an operator sends.
    case signals = 1
    /// The timer of the wall clock: an occurrence is due, or the clock was set.
    case timer = 2
    /// The control socket, waiting for clients.
    case listener = 3
    /// A connected client of the control socket.
    case client = 4
    /// The read end of a child's stdout or stderr.
    case output = 5
    /// Our own stdout, waited for until it takes more.
    case standardOut = 6
    /// Our own stderr, waited for until it takes more.
    case standardError = 7
    /// The ledger's background synchronisation is over.
    case ledger = 10
    /// The read end of an auxiliary command's output.
    case command = 11
    /// A connection of a health check.
    case probe = 12
    /// A run's notify socket.
    case notify = 13
    /// Something happened to the configuration's file.
    case configuration = 16
    /// A message of syslog(3).
    case syslog = 17
    /// The pipe of a launcher that has not become its program.
    case launch = 20
    /// The socket to the scribe.
    case scribe = 21
}
