// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// Files that grow over the life of many processes.
package enum StateFile {
    /// Opens a file for reading and writing, making it with mode 0600 where there is none;
    /// `emptied` drops what is in it. A symbolic link is refused (ELOOP), and so is what is no
    /// regular file (EEXIST).
    package static func open(_ path: String, emptied: Bool = false) throws(Errno) -> FileDescriptor
    {
        let flags = OpenFlags.readWrite | OpenFlags.create | OpenFlags.noFollow
        let file = try FileDescriptor.open(
            path, flags: flags | OpenFlags.noTerminal | OpenFlags.nonblocking, mode: 0o600)
        guard try FileFacts(file).kind == .regular else { throw .exists }
        if emptied { try file.setSize(0) }
        return file
    }

    /// Opens a directory, to have its entries synchronised.
    package static func openDirectory(_ path: String) throws(Errno) -> FileDescriptor {
        try FileDescriptor.open(path, flags: OpenFlags.readOnly | OpenFlags.directory)
    }

    /// The file's length in bytes.
    package static func size(of file: borrowing FileDescriptor) throws(Errno) -> Int64 {
        try FileFacts(file).size
    }

    /// The numbers of a file or directory and of its device, which stay for as long as both do; nil where there is none.
    package static func place(of path: String) -> (inode: UInt64, device: UInt64)? {
        FileFacts(path).map { ($0.inode, $0.device) }
    }

    /// Whether there is anything of this name.
    package static func exists(_ path: String) -> Bool { FileFacts(path) != nil }

    /// Gives a file another name, in the place of whatever has it: rename(2).
    package static func rename(_ path: String, to newPath: String) throws(Errno) {
        let result = unsafe path.withCString { old in
            unsafe newPath.withCString { new in unsafe reeve_rename(old, new) }
        }
        try Errno.check(result)
    }

    /// Removes a file's name; that there is none is fine.
    package static func remove(_ path: String) {
        // What could not be removed is found, and overwritten, the next time.
        _ = unsafe path.withCString { unsafe reeve_unlink($0) }
    }
}
