// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// The receiving end of sd_notify(3): `Datagrams` with their sender's credentials.
package enum NotifySocket {
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
}
