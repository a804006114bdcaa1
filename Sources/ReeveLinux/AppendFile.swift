// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux
internal import Glibc

/// Which file something is, whatever it is called.
package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64

    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    /// What has this name, a symbolic link itself; nil: nothing has.
    package static func of(_ path: String) throws(Errno) -> FileIdentity? {
        do {
            return FileIdentity(try FileFacts(checked: path, following: false))
        } catch .noEntry {
            return nil
        }
    }

    fileprivate init(_ facts: FileFacts) {
        self.init(device: facts.device, inode: facts.inode)
    }
}

/// A regular file that is written at its end, for the scribe: every call may take as long as its disk does.
package struct AppendFile: ~Copyable {
    package let identity: FileIdentity
    /// As of the opening, in bytes.
    package let size: Int64
    /// Whether, as of the opening, its last line has its line break; an empty one has no line.
    package let endsWithBreak: Bool
    private let descriptor: FileDescriptor

    /// Opens a file, or makes it with mode 0640. A symbolic link is refused (ELOOP), and so is what is no
    /// regular file (EEXIST): it is looked at before it is opened, since a device may take the opening for
    /// more than it is, and again after it.
    package static func open(_ path: String) throws(Errno) -> AppendFile {
        if let facts = FileFacts(path, following: false) {
            if facts.kind == .link { throw .tooManyLinks }
            guard facts.kind == .regular else { throw .exists }
        }
        let flags = OpenFlags.readWrite | OpenFlags.create | OpenFlags.noFollow | O_APPEND
        let descriptor = try FileDescriptor.open(
            path, flags: flags | OpenFlags.noTerminal | OpenFlags.nonblocking, mode: 0o640)
        let facts = try FileFacts(descriptor)
        guard facts.kind == .regular else { throw .exists }
        return AppendFile(descriptor, facts)
    }

    private init(_ descriptor: consuming FileDescriptor, _ facts: FileFacts) {
        identity = FileIdentity(facts)
        size = facts.size
        var last: [UInt8] = [0]
        // What cannot be read is taken for whole: then the next line begins where it ends.
        let count = size > 0 ? (try? descriptor.read(into: &last, at: facts.size - 1)) ?? 0 : 0
        endsWithBreak = count == 0 || last.first == UInt8(ascii: "\n")
        self.descriptor = descriptor
    }

    /// Writes once, at the end. Returns how many bytes were taken; throws ENOSPC, EDQUOT, EFBIG, EIO, EROFS.
    package func append(_ bytes: Span<UInt8>) throws(Errno) -> Int {
        guard let count = try descriptor.write(bytes) else { throw .tryAgain }
        // A regular file that takes nothing has no room.
        guard count > 0 || bytes.isEmpty else { throw .noSpace }
        return count
    }

    /// fdatasync(2): waits until the storage has it. Throws EIO, ENOSPC or EDQUOT.
    package func synchronise() throws(Errno) {
        guard fdatasync(descriptor.number) != 0 else { return }
        // EROFS and EINVAL: what lies there is not kept anywhere else.
        guard errno != EROFS, errno != EINVAL else { return }
        throw Errno(errno)
    }

    /// Drops a name. Throws ENOENT where nothing has it.
    package static func remove(_ path: String) throws(Errno) {
        try Errno.check(unsafe path.withCString { unsafe reeve_unlink($0) })
    }

    /// Makes a directory with mode 0750, and those above it with 0755, where they are missing.
    package static func makeDirectory(_ path: String) throws(Errno) {
        for index in path.indices.dropFirst() where path[index] == "/" {
            try makeDirectory(String(path[..<index]), mode: 0o755)
        }
        try makeDirectory(path, mode: 0o750)
    }

    private static func makeDirectory(_ path: String, mode: UInt32) throws(Errno) {
        let result = unsafe path.withCString { unsafe reeve_mkdir($0, mode) }
        // A read-only file system may say so before it looks whether the directory is there.
        guard result < 0, FileFacts(path)?.kind != .directory else { return }
        throw Errno(-result)
    }
}
