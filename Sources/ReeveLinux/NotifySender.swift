// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// The sending end of sd_notify(3).
package struct NotifySender: ~Copyable, Sendable {
    private let socket: FileDescriptor
    private let name: String
    private let isAbstract: Bool

    /// `address` is the value of NOTIFY_SOCKET: an absolute path, or "@" and a name of the abstract namespace.
    /// nil for anything else, "vsock:…" included. Throws EMFILE or ENFILE.
    package init?(_ address: String) throws(Errno) {
        guard address.utf8.count > 1, let first = address.utf8.first, !address.utf8.contains(0),
            first == UInt8(ascii: "/") || first == UInt8(ascii: "@")
        else { return nil }
        isAbstract = first == UInt8(ascii: "@")
        name = isAbstract ? String(address.dropFirst()) : address
        socket = FileDescriptor(owning: try Errno.check(reeve_notify_sender_socket()))
    }

    /// Sends one message, without waiting. False where the receiver's queue is full: nothing was sent. Throws
    /// ENOENT or ECONNREFUSED where nobody receives, EMSGSIZE for what is too long.
    package func send(_ message: String) throws(Errno) -> Bool {
        let bytes = Array(message.utf8)
        let result = unsafe name.withCString { name in
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe reeve_notify_send(
                    socket.number, name, self.name.utf8.count, isAbstract ? 1 : 0,
                    bytes.baseAddress, bytes.count)
            }
        }
        return try Errno.checkUnlessBlocked(result) != nil
    }
}
