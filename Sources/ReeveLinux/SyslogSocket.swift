// SPDX-License-Identifier: Apache-2.0
//
// The other end of syslog(3): a datagram socket in the file system, /dev/log, to which every process may
// send. What was sent while nobody read waits in the kernel, up to its limit
// (net.unix.max_dgram_qlen), and then the senders wait: whoever opens one has to keep reading.

internal import CReeveLinux

/// A socket for syslog(3), to be read by `Datagrams`.
package struct SyslogSocket: ~Copyable {
    /// The longest message that is read whole.
    package static let bytesMax = 8 * 1_024

    /// For `Epoll.add`: readable when a message is there.
    package let descriptor: FileDescriptor
    /// Which socket in the file system it is, for `UnixSocket.remove`.
    package let identity: SocketIdentity?

    /// Opens one to which everybody may send. A socket that nobody reads any more is replaced.
    ///
    /// Throws a sentence: another program reads it, something else is at that path, or the directory
    /// cannot be written to.
    package init(at path: String) throws(SystemFailure) {
        let what = "syslog socket \(printable(path))"
        try UnixSocket.check(path, what)
        do throws(Errno) {
            let isRead = try SyslogSocket.isRead(path)
            if isRead { throw .addressInUse }
        } catch .addressInUse {
            throw SystemFailure("\(what): another program reads it already")
        } catch {
            throw SystemFailure("\(what): cannot be made", error)
        }
        try UnixSocket.makeRoom(path, what)
        do throws(Errno) {
            descriptor = try SyslogSocket.open(path)
        } catch {
            throw SystemFailure("\(what): cannot be made", error)
        }
        identity = UnixSocket.identity(at: path)
    }

    private static func open(_ path: String) throws(Errno) -> FileDescriptor {
        let socket = FileDescriptor(owning: try Errno.check(reeve_syslog_socket()))
        try Errno.check(UnixSocket.bind(socket, to: path))
        do throws(Errno) {
            try Errno.check(unsafe path.withCString { unsafe reeve_chmod($0, 0o666) })
        } catch {
            UnixSocket.remove(path)
            throw error
        }
        return socket
    }

    /// Whether somebody has this socket open, as seen by connecting another one to it.
    private static func isRead(_ path: String) throws(Errno) -> Bool {
        let probe = FileDescriptor(owning: try Errno.check(reeve_syslog_socket()))
        let number = probe.number
        let result = unsafe path.withCString {
            unsafe reeve_socket_connect(number, $0, path.utf8.count)
        }
        return result == 0
    }
}
