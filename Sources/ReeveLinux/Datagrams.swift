// SPDX-License-Identifier: Apache-2.0
//
// Datagrams from whoever may be hostile. A message can carry descriptors, and the last one of a file or
// connection takes as long to close as its owner has arranged: a socket with SO_LINGER and unsent bytes up to its
// whole linger time, a file of a FUSE server for as long as that likes. Nobody may make the supervisor do that. So a
// message is looked at first, and one with descriptors is left where it is, for a process that may wait.

internal import CReeveLinux
package import ReeveCore

/// Receiving on the sockets to which every process may send.
package enum Datagrams {
    /// A message.
    package struct Message: Equatable, Sendable {
        /// Its whole length; more than was given room for means that the rest is lost.
        package let length: Int
        /// nil where the kernel did not tell.
        package let user: UInt32?
        /// Who sent it; nil where that process is outside our pid namespace.
        package let sender: PID?
        /// It carries descriptors, and is still the next one: `discard` it elsewhere.
        package let hasDescriptors: Bool
    }

    /// Reads the next message into `buffer`, and takes it unless it carries descriptors; nil where there is none.
    /// Throws ENOMEM, ENOBUFS.
    package static func receive(
        _ socket: borrowing FileDescriptor, into buffer: inout [UInt8]
    ) throws(Errno) -> Message? {
        var sender = reeve_datagram_sender()
        let number = socket.number
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe reeve_datagram_receive(number, bytes.baseAddress, bytes.count, &sender)
        }
        guard let length = try Errno.checkUnlessBlocked(result) else { return nil }
        return Message(
            length: length,
            user: sender.has_credentials != 0 ? sender.user : nil,
            sender: sender.pid > 0 ? PID(sender.pid) : nil,
            hasDescriptors: sender.has_descriptors != 0)
    }

    /// Takes the next message. What it carried ends with this process, which should be soon. Throws EAGAIN where
    /// there is none.
    package static func discard(_ socket: borrowing FileDescriptor) throws(Errno) {
        try Errno.check(reeve_discard(socket.number))
    }

    /// From here on whoever sends gets EPIPE. Returns whether messages are left.
    package static func close(_ socket: borrowing FileDescriptor) throws(Errno) -> Bool {
        try Errno.check(reeve_close_queue(socket.number)) == 1
    }
}
