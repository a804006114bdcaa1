// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux
internal import Glibc

/// A descriptor that this value owns: it is closed when the value ends.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The descriptor's number, zero or above; never to be closed by anyone else.
    package let number: Int32

    /// Takes over an open descriptor; nobody else may close it from now on.
    package init(owning number: Int32) {
        self.number = number
    }

    deinit {
        // Nothing can be done about an error: Linux has given the number back in every case.
        _ = reeve_close(number)
    }

    /// Gives the descriptor away: the caller has to close it.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    /// Another descriptor, above 2 and closed on exec, for the same open file.
    ///
    /// Throws EMFILE or ENFILE where there are no more. Both share offset and status flags; an
    /// epoll registration outlives the closing of one of them, so remove it before.
    package func duplicate() throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try Errno.check(reeve_duplicate(number)))
    }

    /// Whether an `execve` of this process (not a spawn: that closes everything) keeps it open.
    package func setKeptOnExec(_ kept: Bool) throws(Errno) {
        try Errno.check(reeve_set_close_on_exec(number, kept ? 0 : 1))
    }

    /// Sets O_NONBLOCK on the open file, for everyone who shares it.
    package func setNonblocking() throws(Errno) {
        try Errno.check(reeve_set_nonblocking(number, 1))
    }

    /// Reads once, to the start of `buffer`, at most its count.
    ///
    /// Returns the number of bytes, 0 at the end of the file, nil where it would have blocked. The
    /// buffer keeps its count and may be used again without being cleared.
    package func read(into buffer: inout [UInt8]) throws(Errno) -> Int? {
        let number = self.number
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe reeve_read(number, bytes.baseAddress, bytes.count)
        }
        return try Errno.checkUnlessBlocked(result)
    }

    /// Writes once. Returns how many bytes were taken, nil where it would have blocked.
    ///
    /// Throws EPIPE where nobody reads any more (SIGPIPE is ignored after `Signals.prepare`).
    package func write(_ bytes: Span<UInt8>) throws(Errno) -> Int? {
        let number = self.number
        let result = unsafe bytes.withUnsafeBytes { bytes in
            unsafe reeve_write(number, bytes.baseAddress, bytes.count)
        }
        return try Errno.checkUnlessBlocked(result)
    }

    /// Writes everything. Only for files and blocking descriptors: throws EAGAIN where it would
    /// block.
    package func writeAll(_ bytes: Span<UInt8>) throws(Errno) {
        var done = 0
        while done < bytes.count {
            guard let count = try write(bytes.extracting(done..<bytes.count)) else {
                throw .tryAgain
            }
            // A regular file that takes nothing has no room.
            guard count > 0 else { throw .noSpace }
            done += count
        }
    }

    /// Opens a path with open(2)'s flags and, for a file that is made, permission bits. O_CLOEXEC
    /// is always added.
    static func open(_ path: String, flags: Int32, mode: UInt32 = 0) throws(Errno) -> FileDescriptor
    {
        let result = unsafe path.withCString { unsafe reeve_open($0, flags | closeOnExec, mode) }
        return FileDescriptor(owning: try Errno.check(result))
    }

    /// Opens a file for reading. Never blocks on a FIFO without a writer; a terminal does not
    /// become the controlling one.
    package static func openForReading(_ path: String) throws(Errno) -> FileDescriptor {
        try open(path, flags: OpenFlags.readOnly | OpenFlags.nonblocking | OpenFlags.noTerminal)
    }

    private static let closeOnExec = OpenFlags.closeOnExec
}

/// open(2)'s flags, by their numbers in Glibc.
enum OpenFlags {
    static let readOnly = O_RDONLY
    static let writeOnly = O_WRONLY
    static let readWrite = O_RDWR
    static let create = O_CREAT
    static let exclusive = O_EXCL
    static let nonblocking = O_NONBLOCK
    static let noTerminal = O_NOCTTY
    static let noFollow = O_NOFOLLOW
    static let directory = O_DIRECTORY
    static let closeOnExec = O_CLOEXEC
    /// Not in the C library's header without _GNU_SOURCE.
    static let pathOnly: Int32 = 0o10000000
}

/// Both ends of a pipe.
package struct Pipe: ~Copyable, Sendable {
    /// Non-blocking.
    package let readEnd: FileDescriptor
    /// Blocking: it is made for a child.
    package let writeEnd: FileDescriptor

    /// Makes a pipe, both ends closed on exec. Throws EMFILE or ENFILE.
    package static func make() throws(Errno) -> Pipe {
        var (first, second): (Int32, Int32) = (-1, -1)
        try Errno.check(unsafe reeve_pipe(&first, &second))
        let pipe = Pipe(
            readEnd: FileDescriptor(owning: first), writeEnd: FileDescriptor(owning: second))
        try pipe.readEnd.setNonblocking()
        return pipe
    }

    private init(readEnd: consuming FileDescriptor, writeEnd: consuming FileDescriptor) {
        self.readEnd = readEnd
        self.writeEnd = writeEnd
    }

    /// Hands both ends to `body`, each to be kept or dropped.
    package consuming func split<Result: ~Copyable>(
        _ body: (
            _ readEnd: consuming FileDescriptor, _ writeEnd: consuming FileDescriptor
        ) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        try body(readEnd, writeEnd)
    }
}
