// SPDX-License-Identifier: Apache-2.0
//
// Descriptors 0, 1 and 2 are shared: with the shell that started us, with the service manager, with
// children that inherit them. O_NONBLOCK belongs to the open file, so setting it there would make
// other programs' writes fail. A pipe, terminal or device is therefore opened anew through
// /proc/self/fd, which gives an open file of our own.

internal import CReeveLinux
internal import Glibc

/// Descriptors 0, 1 and 2.
package enum StandardStreams {
    /// Opens /dev/null for each of them that is closed, so that no other file gets its number. To
    /// be called before anything is opened.
    package static func fillGaps() throws(Errno) {
        for number: Int32 in 0...2 where reeve_is_open(number) == 0 {
            // The lowest free number is taken, which is this one: those below are open.
            let opened = unsafe reeve_open("/dev/null", OpenFlags.readWrite, 0)
            try Errno.check(opened)
        }
    }

    /// Device and inode of its open file, as JOURNAL_STREAM names one; nil where it is closed.
    package static func identity(
        of stream: StandardStream.Name
    ) -> (device: UInt64, inode: UInt64)? {
        var facts = reeve_file_facts()
        guard unsafe reeve_fstat(stream.rawValue, &facts) == 0 else { return nil }
        return (facts.device, facts.inode)
    }

    /// Whether stdout and stderr are one pipe, socket, terminal or device, so that what is written to
    /// one stands between what is written to the other. Never true of regular files, which take
    /// every write whole.
    package static var areOne: Bool {
        var (output, error) = (reeve_file_facts(), reeve_file_facts())
        guard unsafe reeve_fstat(StandardStream.Name.output.rawValue, &output) == 0,
            unsafe reeve_fstat(StandardStream.Name.error.rawValue, &error) == 0
        else { return false }
        let isRegular = output.mode & 0o170000 == 0o100000
        return !isRegular && output.device == error.device && output.inode == error.inode
    }

    /// Writes all of a text, waiting as long as it takes: for programs, not for the supervisor. What cannot be
    /// written, because nobody reads it any more, is dropped.
    package static func write(_ text: String, to stream: StandardStream.Name) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes[done...].withUnsafeBytes { bytes in
                unsafe reeve_write(stream.rawValue, bytes.baseAddress, bytes.count)
            }
            guard count > 0 else { return }
            done += Int(count)
        }
    }

    /// Has the C library, and `print` with it, write each line as it ends, also to a pipe (setvbuf(3)). To be called
    /// before anything is printed.
    package static func bufferLines() {
        reeve_buffer_lines()
    }

    /// Whether it is a terminal.
    package static func isTerminal(_ stream: StandardStream.Name) -> Bool {
        reeve_is_terminal(stream.rawValue) == 1
    }
}

/// Our standard output or error, written to without ever waiting and without making it non-blocking
/// for those who share it.
package struct StandardStream: ~Copyable {
    /// Which one; the raw value is the descriptor's number.
    package enum Name: Int32, Hashable, Sendable {
        case output = 1
        case error = 2
    }

    /// How it is kept from blocking.
    package enum Method: Hashable, Sendable {
        /// A pipe, terminal or device, opened anew with O_NONBLOCK.
        case reopened
        /// A socket: MSG_DONTWAIT.
        case socket
        /// A regular file, which is always ready. It is not opened anew, since the position belongs
        /// to the open file, and two of them would write over each other.
        case file
        /// Could not be opened anew (another user's pipe, no /proc): poll(2) before each write of
        /// at most 4,096 bytes, what a pipe that is ready has room for; 256 for a terminal. Another
        /// writer between the two may make the write wait.
        case polled
    }

    /// How this one is kept from blocking.
    package let method: Method
    /// For `Epoll.add`, which refuses it for `.file` (EPERM). Remove it from there before this
    /// value ends.
    package let descriptor: FileDescriptor
    private let pieceMax: Int

    /// Opens it. Throws EBADF where it is closed, EMFILE, ENFILE.
    package init(_ name: Name) throws(Errno) {
        try self.init(number: name.rawValue)
    }

    /// The same for any number; for tests, which have no standard streams to spare.
    init(number: Int32) throws(Errno) {
        let duplicate = FileDescriptor(owning: try Errno.check(reeve_duplicate(number)))
        let kind = try FileFacts(duplicate).kind
        var pieceMax = Int.max
        switch kind {
        case .socket:
            method = .socket
            descriptor = duplicate
        case .regular:
            method = .file
            descriptor = duplicate
        case .fifo, .other, .directory, .link:
            if let reopened = StandardStream.reopen(duplicate) {
                method = .reopened
                descriptor = reopened
            } else {
                method = .polled
                descriptor = duplicate
                pieceMax = reeve_is_terminal(number) == 1 ? 256 : 4_096
            }
        }
        self.pieceMax = pieceMax
    }

    /// An open file of our own for the same pipe or device. nil where that is not possible: EACCES
    /// for another user's, ENXIO for a pipe that nobody reads, ENOENT without /proc or for a
    /// terminal of another mount namespace. All of them can still be written to as they are.
    private static func reopen(_ original: borrowing FileDescriptor) -> FileDescriptor? {
        let flags = OpenFlags.writeOnly | OpenFlags.nonblocking | OpenFlags.noTerminal
        let path = "/proc/self/fd/\(original.number)"
        guard let reopened = try? FileDescriptor.open(path, flags: flags) else { return nil }
        guard reeve_is_same_file(original.number, reopened.number) == 1 else { return nil }
        return reopened
    }

    /// Writes once. Returns how many bytes were taken, nil where there is no room now. Throws EPIPE
    /// where nobody reads any more (SIGPIPE must be ignored: `Signals.prepare`), EIO for a terminal
    /// that is gone, ENOSPC for a file.
    package func write(_ bytes: Span<UInt8>) throws(Errno) -> Int? {
        switch method {
        case .reopened, .file:
            return try descriptor.write(bytes)
        case .socket:
            return try UnixSocket.send(bytes, to: descriptor)
        case .polled:
            let ready = reeve_poll(descriptor.number, Int32(POLLOUT), 0)
            guard try Errno.check(ready) > 0 else { return nil }
            return try descriptor.write(bytes.extracting(first: min(bytes.count, pieceMax)))
        }
    }
}
