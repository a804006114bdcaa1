// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// The receiving end of sd_notify(3): datagrams with their sender's credentials.
package enum NotifySocket {
    /// A datagram.
    package struct Message: ~Copyable {
        /// Its whole length; more than was given room for means that the rest is lost.
        package let length: Int
        /// nil where the kernel did not tell.
        package let user: UInt32?
        /// What came with it; closed with the message, unless taken.
        package var descriptors: Descriptors
    }

    /// Descriptors that somebody passed: the list closes what is left of it.
    package struct Descriptors: ~Copyable {
        private var numbers: [Int32]

        init(_ numbers: [Int32]) { self.numbers = numbers }

        /// How many are left.
        package var count: Int { numbers.count }

        /// Gives away the first.
        package mutating func takeFirst() -> FileDescriptor? {
            numbers.isEmpty ? nil : FileDescriptor(owning: numbers.removeFirst())
        }

        deinit {
            for number in numbers { _ = reeve_close(number) }
        }
    }

    /// Binds a non-blocking socket to a path, which must not exist, with permission for everybody who
    /// reaches it; or to a name of the abstract namespace. Throws ENAMETOOLONG over 107 bytes, EADDRINUSE.
    package static func bind(to name: String, isAbstract: Bool) throws(Errno) -> FileDescriptor {
        let result = unsafe name.withCString {
            unsafe reeve_notify_socket($0, name.utf8.count, isAbstract ? 1 : 0)
        }
        let socket = FileDescriptor(owning: try Errno.check(result))
        if isAbstract { return socket }
        do throws(Errno) {
            try Errno.check(unsafe name.withCString { unsafe reeve_chmod($0, 0o666) })
        } catch {
            UnixSocket.remove(name)
            throw error
        }
        return socket
    }

    /// Removes the sockets of a directory that an earlier process left. The caller holds the lock of
    /// whoever may have any there. Returns their number.
    package static func removeAll(in directory: String) throws(Errno) -> Int {
        Int(try Errno.check(unsafe directory.withCString { unsafe reeve_remove_sockets($0) }))
    }

    /// Takes the next datagram into `buffer`; nil where there is none.
    package static func receive(
        _ socket: borrowing FileDescriptor, into buffer: inout [UInt8]
    ) throws(Errno) -> Message? {
        var sender = reeve_notify_sender()
        let number = socket.number
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe reeve_notify_receive(number, bytes.baseAddress, bytes.count, &sender)
        }
        guard let length = try Errno.checkUnlessBlocked(result) else { return nil }
        return Message(
            length: length,
            user: sender.has_credentials != 0 ? sender.user : nil,
            descriptors: Descriptors(numbers(of: sender)))
    }

    private static func numbers(of sender: reeve_notify_sender) -> [Int32] {
        let all = [
            sender.descriptors.0, sender.descriptors.1, sender.descriptors.2,
            sender.descriptors.3, sender.descriptors.4, sender.descriptors.5,
            sender.descriptors.6, sender.descriptors.7,
        ]
        return Array(all.prefix(Int(sender.descriptor_count)))
    }
}
