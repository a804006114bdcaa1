// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux
package import ReeveCore

/// The signal state of this process.
package enum Signals {
    /// SIGCHLD gets its default action, since an inherited "ignored" would let children vanish
    /// without an exit status; SIGPIPE is ignored, so that a reader's end is an error, not a death.
    /// As PID 1 the signals of a fault get theirs, too, which sent to it then have no effect. Children get
    /// every signal's default action in any case.
    package static func prepare() throws(Errno) {
        try Errno.check(reeve_signals_prepare())
    }

    /// Empties the mask of blocked signals, which an `execve` takes over from the old image.
    package static func unblockAll() throws(Errno) {
        try Errno.check(reeve_signals_unblock_all())
    }
}

/// A signal that came to this process.
package struct ReceivedSignal: Hashable, Sendable {
    package let signal: Signal
    /// siginfo's `si_code`.
    package let code: Int32
    /// Who sent it; nil for the kernel, and for a sender outside our pid namespace.
    package let sender: PID?
    /// The sender's real user.
    package let senderUser: UInt32

    /// It came from the kernel itself (SI_KERNEL), as SIGHUP does when the terminal went away.
    package var isFromKernel: Bool { code == 0x80 }
}

/// Signals as something to read (signalfd(2)).
package struct SignalDescriptor: ~Copyable {
    /// For `Epoll.add`: readable when a signal is pending.
    package let descriptor: FileDescriptor

    /// Blocks the signals for this thread, and so for the process as long as it has no other; from
    /// then on they are only read. To be called before anything starts a thread. SIGKILL and
    /// SIGSTOP are left out by the kernel. Throws EMFILE, ENFILE or ENOMEM.
    package init(_ signals: [Signal]) throws(Errno) {
        var set: UInt64 = 0
        for signal in signals { set |= 1 << UInt64(signal.number - 1) }
        try Errno.check(reeve_signals_block(set))
        descriptor = FileDescriptor(owning: try Errno.check(reeve_signal_descriptor(set)))
    }

    /// What is pending, at most 16, without waiting; empty when there is nothing. Signals of one
    /// number that came in a row are one, except for real-time signals.
    package func read() throws(Errno) -> [ReceivedSignal] {
        var buffer = Array(repeating: reeve_received_signal(), count: 16)
        let number = descriptor.number
        let result = unsafe buffer.withUnsafeMutableBufferPointer { signals in
            unsafe reeve_signal_read(number, signals.baseAddress, Int32(signals.count))
        }
        if result == -Errno.tryAgain.code { return [] }
        let count = Int(try Errno.check(result))
        return buffer.prefix(count).compactMap { received in
            guard let signal = Signal(number: received.signal) else { return nil }
            return ReceivedSignal(
                signal: signal, code: received.code,
                sender: received.pid > 0 ? PID(received.pid) : nil, senderUser: received.user)
        }
    }
}
