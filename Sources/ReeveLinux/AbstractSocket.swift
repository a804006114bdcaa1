// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// Stream sockets of the abstract namespace (unix(7)): they have no file, and nothing is left of them. Anybody
/// in the same network namespace reaches them, so that both sides look at `UnixSocket.peer`.
package enum AbstractSocket {
    /// Listens; the result is non-blocking, for `UnixSocket.accept`. Throws EADDRINUSE, ENAMETOOLONG over 107
    /// bytes.
    package static func listen(as name: String, backlog: Int32 = 8) throws(Errno) -> FileDescriptor
    {
        let length = name.utf8.count
        let result = unsafe name.withCString { unsafe reeve_abstract_listen($0, length, backlog) }
        return FileDescriptor(owning: try Errno.check(result))
    }

    /// Connects; the result is blocking. Throws ECONNREFUSED where nobody listens.
    package static func connect(to name: String) throws(Errno) -> FileDescriptor {
        let length = name.utf8.count
        let result = unsafe name.withCString { unsafe reeve_abstract_connect($0, length) }
        return FileDescriptor(owning: try Errno.check(result))
    }
}
