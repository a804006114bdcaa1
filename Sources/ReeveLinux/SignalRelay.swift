// SPDX-License-Identifier: Apache-2.0
//
// Signals for a program that has threads, and programs of its own. A `SignalDescriptor` needs its signals
// blocked in every thread, and whatever the program starts inherits that mask: a child would not hear SIGTERM.
// A handler needs nothing blocked, and execve(2) puts the default action back. So here a handler writes the
// number of its signal to a pipe, which is one of the few things that a handler may do.

internal import CReeveLinux
package import ReeveCore

/// Signals as something to read, without any of them blocked.
package struct SignalRelay: ~Copyable, Sendable {
    /// For `Epoll.add`: readable when a signal came. Non-blocking.
    package let descriptor: FileDescriptor

    /// Handles the signals from here on, for the rest of the process's life; those of `unlessIgnored` only where
    /// they are not ignored, as the shell has it with SIGINT for what runs in its background.
    ///
    /// Throws EBUSY for a second one in a process, EMFILE or ENFILE, EINVAL for SIGKILL and SIGSTOP.
    package init(_ signals: [Signal], unlessIgnored others: [Signal]) throws(Errno) {
        var number: Int32 = -1
        let result = unsafe reeve_relay_signals(
            SignalRelay.mask(signals), SignalRelay.mask(others), &number)
        // Owned before the check, so that it is closed where only a handler was refused.
        let descriptor = FileDescriptor(owning: number)
        try Errno.check(result)
        self.descriptor = descriptor
    }

    /// Has them delivered in this thread, whatever the others block: one is enough, and without one they would
    /// stay pending, since the threads of Swift's own pool take no signals.
    package func receiveHere() {
        // It fails for no argument that is ever passed.
        _ = reeve_relay_here()
    }

    private static func mask(_ signals: [Signal]) -> UInt64 {
        signals.reduce(0) { $0 | 1 << UInt64($1.number - 1) }
    }

    /// The signals that came since the last call, in their order; empty where there were none.
    package func read() throws(Errno) -> [Signal] {
        var bytes = [UInt8](repeating: 0, count: 64)
        guard let count = try descriptor.read(into: &bytes) else { return [] }
        return bytes.prefix(count).compactMap { Signal(number: Int32($0)) }
    }
}
