// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux
package import ReeveCore

/// Who is at the other end of a socket (SO_PEERCRED), as of its connect or listen.
package struct PeerCredentials: Hashable, Sendable {
    /// nil where the peer is outside our pid namespace.
    package let pid: PID?
    /// The effective user.
    package let user: UInt32
    /// The effective group.
    package let group: UInt32
}

/// Two sockets that are connected with each other; both blocking, closed on exec.
package struct SocketPair: ~Copyable, Sendable {
    package let first: FileDescriptor
    package let second: FileDescriptor

    /// Hands over the two, each to be kept on its own. Throws what the body throws.
    package consuming func split<Result: ~Copyable>(
        _ body: (
            _ first: consuming FileDescriptor, _ second: consuming FileDescriptor
        ) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        try body(first, second)
    }
}

/// A socket in the file system, told apart from another one at the same path.
package struct SocketIdentity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
}

/// Stream sockets in the file system.
package enum UnixSocket {
    /// The longest path in bytes, of sockaddr_un without its NUL.
    package static let pathMax = 107

    /// Listens; the result is non-blocking. A socket left by an earlier process is replaced (the
    /// caller holds the directory's lock); anything else at that path is an error. The socket never
    /// has more permissions than `mode`, from its first moment. Throws a sentence.
    package static func listen(
        at path: String, mode: UInt32, group: UInt32? = nil, backlog: Int32 = 128
    ) throws(SystemFailure) -> FileDescriptor {
        let what = "socket \(printable(path))"
        try check(path, what)
        try makeRoom(path, what)
        var isBound = false
        do {
            let socket = FileDescriptor(owning: try Errno.check(reeve_socket_unix(1)))
            // bind gives the file the socket's own mode, less the umask: private until the group is
            // set, since the mode of the file that a client must pass is that of the path.
            try Errno.check(reeve_fchmod(socket.number, mode & 0o700))
            try Errno.check(bind(socket, to: path))
            isBound = true
            if let group {
                let result = unsafe path.withCString { unsafe reeve_lchown($0, -1, Int64(group)) }
                try Errno.check(result)
            }
            try Errno.check(unsafe path.withCString { unsafe reeve_chmod($0, mode & 0o777) })
            try Errno.check(reeve_socket_listen(socket.number, backlog))
            return socket
        } catch {
            if isBound { remove(path) }
            throw SystemFailure("\(what): cannot be made", error)
        }
    }

    static func check(_ path: String, _ what: String) throws(SystemFailure) {
        guard path.utf8.count <= pathMax else {
            throw SystemFailure(
                "\(what): the path has \(path.utf8.count) bytes, and a socket's at most \(pathMax)",
                errno: .nameTooLong)
        }
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw SystemFailure("\(what): the path is empty or contains a NUL", errno: .invalid)
        }
    }

    static func makeRoom(_ path: String, _ what: String) throws(SystemFailure) {
        guard let facts = FileFacts(path, following: false) else { return }
        guard facts.kind == .socket else {
            throw SystemFailure("\(what): there is another file at this path", errno: .exists)
        }
        remove(path)
    }

    static func bind(_ socket: borrowing FileDescriptor, to path: String) -> Int32 {
        let number = socket.number
        return unsafe path.withCString { unsafe reeve_socket_bind(number, $0, path.utf8.count) }
    }

    /// Takes one waiting client, non-blocking; nil where none waits. Throws EMFILE or ENFILE: the
    /// client then goes on waiting, and so does the readiness of the listener.
    package static func accept(
        _ listener: borrowing FileDescriptor
    ) throws(Errno) -> FileDescriptor? {
        let result = reeve_socket_accept(listener.number)
        if result == -Errno.tryAgain.code { return nil }
        return FileDescriptor(owning: try Errno.check(result))
    }

    /// Connects; the result is blocking, and `timeout` (nil: none) bounds the connecting and each
    /// later read and send, which then report "would block". The failure's errno is ENOENT or
    /// ECONNREFUSED where nobody listens, EACCES where we may not, EAGAIN at the timeout.
    package static func connect(
        to path: String, timeout: Duration? = nil
    ) throws(SystemFailure) -> FileDescriptor {
        let what = "socket \(printable(path))"
        try check(path, what)
        do {
            let socket = FileDescriptor(owning: try Errno.check(reeve_socket_unix(0)))
            if let timeout {
                try setTimeout(timeout, of: socket)
            }
            let number = socket.number
            let result = unsafe path.withCString {
                unsafe reeve_socket_connect(number, $0, path.utf8.count)
            }
            try Errno.check(result)
            return socket
        } catch .tryAgain {
            throw SystemFailure("\(what): nobody took the connection in time", errno: .tryAgain)
        } catch {
            throw SystemFailure("\(what): cannot connect", error)
        }
    }

    /// Bounds each later read and send of a blocking socket; at least a microsecond.
    package static func setTimeout(
        _ timeout: Duration, of socket: borrowing FileDescriptor
    ) throws(Errno) {
        // 0 would mean "without end"; a century is long enough, and fits every kernel's time.
        let bounded = min(max(timeout.nanoseconds, 1_000), 3_000_000_000_000_000_000)
        try Errno.check(reeve_socket_timeout(socket.number, bounded))
    }

    /// Makes a connected pair. Throws EMFILE or ENFILE.
    package static func pair() throws(Errno) -> SocketPair {
        var (first, second): (Int32, Int32) = (-1, -1)
        try Errno.check(unsafe reeve_socket_pair(&first, &second))
        return SocketPair(
            first: FileDescriptor(owning: first), second: FileDescriptor(owning: second))
    }

    /// Who connected, or listens.
    package static func peer(of socket: borrowing FileDescriptor) throws(Errno) -> PeerCredentials {
        var (pid, user, group): (Int32, UInt32, UInt32) = (0, 0, 0)
        try Errno.check(unsafe reeve_socket_credentials(socket.number, &pid, &user, &group))
        return PeerCredentials(pid: pid > 0 ? PID(pid) : nil, user: user, group: group)
    }

    /// The supplementary groups of who connected (SO_PEERGROUPS, Linux 4.13), as of its connect.
    /// Throws ENOPROTOOPT where the kernel does not tell.
    package static func groups(
        ofPeerOf socket: borrowing FileDescriptor
    ) throws(Errno) -> [UInt32] {
        // NGROUPS_MAX.
        var groups = [UInt32](repeating: 0, count: 65_536)
        let count = try Errno.check(
            unsafe reeve_socket_peer_groups(socket.number, &groups, groups.count))
        return Array(groups.prefix(Int(count)))
    }

    /// Sends once without waiting and without SIGPIPE. Returns how many bytes were taken, nil where
    /// there is no room; throws EPIPE or ECONNRESET where the peer has gone.
    package static func send(
        _ bytes: Span<UInt8>, to socket: borrowing FileDescriptor
    ) throws(Errno) -> Int? {
        try Errno.checkUnlessBlocked(send(bytes, to: socket.number, waiting: false))
    }

    /// Sends everything, waiting as the socket's timeout allows; for clients. Throws EAGAIN at it,
    /// EPIPE or ECONNRESET where the peer has gone.
    package static func sendAll(
        _ bytes: Span<UInt8>, to socket: borrowing FileDescriptor
    ) throws(Errno) {
        var done = 0
        while done < bytes.count {
            let rest = bytes.extracting(done..<bytes.count)
            done += Int(try Errno.check(send(rest, to: socket.number, waiting: true)))
        }
    }

    private static func send(_ bytes: Span<UInt8>, to number: Int32, waiting: Bool) -> Int64 {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe reeve_socket_send(number, bytes.baseAddress, bytes.count, waiting ? 1 : 0)
        }
    }

    /// Ends both directions, for whoever waits in another thread: a read then finds the end.
    package static func shutDown(_ socket: borrowing FileDescriptor) {
        // ENOTCONN: the peer was faster, and the end is there already.
        _ = reeve_socket_shutdown(socket.number)
    }

    /// Receives once without waiting, to the start of `buffer`, at most its count. Returns the
    /// number of bytes, 0 where the peer sends no more, nil where nothing is there.
    package static func receive(
        into buffer: inout [UInt8], from socket: borrowing FileDescriptor
    ) throws(Errno) -> Int? {
        let number = socket.number
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe reeve_socket_receive(number, bytes.baseAddress, bytes.count)
        }
        return try Errno.checkUnlessBlocked(result)
    }

    /// Tells the peer that nothing more will be sent.
    package static func finishSending(_ socket: borrowing FileDescriptor) throws(Errno) {
        try Errno.check(reeve_socket_shutdown_write(socket.number))
    }

    /// Which socket is at a path; nil where there is none.
    package static func identity(at path: String) -> SocketIdentity? {
        guard let facts = FileFacts(path, following: false), facts.kind == .socket else {
            return nil
        }
        return SocketIdentity(device: facts.device, inode: facts.inode)
    }

    /// Removes the socket from the file system if it is still this one: another process may have
    /// put its own there.
    package static func remove(_ path: String, ifStill identity: SocketIdentity?) {
        guard let identity, self.identity(at: path) == identity else { return }
        remove(path)
    }

    /// Removes the socket from the file system, if it is one.
    package static func remove(_ path: String) {
        guard FileFacts(path, following: false)?.kind == .socket else { return }
        // Someone else was faster, or it cannot be removed: then the next bind says so.
        _ = unsafe path.withCString { unsafe reeve_unlink($0) }
    }
}
