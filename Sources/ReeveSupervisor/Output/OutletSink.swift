// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
package import ReeveLinux

/// Where an outlet writes to.
package enum OutletSink: ~Copyable {
    /// Descriptor 1 or 2 of this process.
    case standard(StandardStream)
    /// Any descriptor that does not block.
    case descriptor(FileDescriptor)
    /// There is none, and why.
    case unusable(Errno)

    /// reeve's own stdout or stderr.
    package init(_ name: StandardStream.Name) {
        do throws(Errno) {
            self = .standard(try StandardStream(name))
        } catch {
            self = .unusable(error)
        }
    }

    /// Why nothing can be written at all.
    var problem: Errno? {
        switch self {
        case .standard: nil
        case .descriptor: nil
        case .unusable(let error): error
        }
    }

    /// Writes once, without waiting. Returns how many bytes were taken, nil where there is no room.
    borrowing func write(_ bytes: Span<UInt8>) throws(Errno) -> Int? {
        switch self {
        case .standard(let stream): try stream.write(bytes)
        case .descriptor(let descriptor): try descriptor.write(bytes)
        case .unusable(let error): throw error
        }
    }

    borrowing func startWaiting(with epoll: Epoll, token: Token) throws(Errno) {
        switch self {
        case .standard(let stream):
            try epoll.add(stream.descriptor, token: token, interest: .writable)
        case .descriptor(let descriptor):
            try epoll.add(descriptor, token: token, interest: .writable)
        case .unusable(let error): throw error
        }
    }

    borrowing func stopWaiting(with epoll: Epoll) {
        switch self {
        case .standard(let stream): epoll.remove(stream.descriptor)
        case .descriptor(let descriptor): epoll.remove(descriptor)
        case .unusable: break
        }
    }

    /// Sleeps until there is room or the deadline comes. Only for the end of the process. Returns
    /// false where that cannot be waited for.
    borrowing func waitUntilWritable(until deadline: Instant) -> Bool {
        do throws(Errno) {
            // A set of its own: the loop's has registrations that nobody would look at any more.
            let epoll = try Epoll()
            try startWaiting(with: epoll, token: Token(source: 0, slot: 0))
            defer { stopWaiting(with: epoll) }
            try epoll.wait(until: deadline) { _, _ in }
            return true
        } catch {
            // EMFILE or ENOMEM, or what is always ready: the end does not wait for it.
            return false
        }
    }
}
