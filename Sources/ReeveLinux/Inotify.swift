// SPDX-License-Identifier: Apache-2.0
//
// Being told of changes in directories and files (inotify(7)). A watch belongs to an inode, not to a
// path: two paths to one directory give one watch, and what a path leads to may change unseen; see
// `PathTrail`. Changes that another host makes on a network file system are not told.

internal import CReeveLinux

/// What happened to a file, or is to be told.
package struct FileChanges: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// IN_MODIFY: its contents.
    package static let modified = FileChanges(rawValue: 0x2)
    /// IN_ATTRIB: its mode, owner, times or number of names.
    package static let attributes = FileChanges(rawValue: 0x4)
    /// IN_CLOSE_WRITE: whoever wrote to it has closed it.
    package static let written = FileChanges(rawValue: 0x8)
    /// IN_MOVED_FROM | IN_MOVED_TO: a name in a directory went or came by rename(2).
    package static let renamed = FileChanges(rawValue: 0x40 | 0x80)
    /// IN_CREATE: a name in a directory.
    package static let created = FileChanges(rawValue: 0x100)
    /// IN_DELETE: a name in a directory.
    package static let deleted = FileChanges(rawValue: 0x200)
    /// IN_DELETE_SELF | IN_MOVE_SELF: what is watched was itself deleted or renamed.
    package static let gone = FileChanges(rawValue: 0x400 | 0x800)
    /// IN_UNMOUNT: its file system went; only told.
    package static let unmounted = FileChanges(rawValue: 0x2000)
    /// IN_Q_OVERFLOW: more happened than the kernel kept; only told, of no watch.
    package static let overflow = FileChanges(rawValue: 0x4000)
    /// IN_IGNORED: the watch is no more; only told.
    package static let ignored = FileChanges(rawValue: 0x8000)
    /// IN_MASK_ADD: beside what the watch of this inode is for already.
    fileprivate static let added = FileChanges(rawValue: 0x2000_0000)
}

/// One thing that happened.
package struct FileNotification: Equatable, Sendable {
    /// Which watch; -1 for an overflow.
    package let watch: Int32
    package let changes: FileChanges
    /// Which name of a watched directory; nil where the watched one itself is meant.
    package let name: String?
}

/// A set of watches.
package struct Inotify: ~Copyable {
    /// For `Epoll.add`: readable when something has happened.
    package let descriptor: FileDescriptor

    /// Throws EMFILE at the user's limit (fs.inotify.max_user_instances) or that of open files, ENFILE,
    /// ENOMEM.
    package init() throws(Errno) {
        descriptor = FileDescriptor(owning: try Errno.check(reeve_inotify_create()))
    }

    /// Watches a file or a directory, following symbolic links, beside what its inode is watched for
    /// already. Returns the number of the watch, the same for the same inode.
    ///
    /// Throws ENOENT, ENOTDIR or ELOOP where it is not there, EACCES where it may not be read, ENOSPC at
    /// the user's limit (fs.inotify.max_user_watches), ENOMEM.
    package func watch(_ path: String, for changes: FileChanges) throws(Errno) -> Int32 {
        let mask = changes.union(.added).rawValue
        let watch = unsafe path.withCString {
            unsafe reeve_inotify_add(descriptor.number, $0, mask)
        }
        return try Errno.check(watch)
    }

    /// Watches no longer.
    package func remove(_ watch: Int32) {
        // EINVAL: the kernel has dropped it already, with the file.
        _ = reeve_inotify_remove(descriptor.number, watch)
    }

    /// What has happened since, as much as 16 kB hold; empty where that is nothing.
    package func read() throws(Errno) -> [FileNotification] {
        var buffer = [UInt8](repeating: 0, count: 16 * 1_024)
        guard let count = try descriptor.read(into: &buffer) else { return [] }
        return Inotify.notifications(in: buffer.prefix(count))
    }

    /// struct inotify_event: wd, mask, cookie and length, 4 bytes each, then the name with its padding.
    static func notifications(in bytes: ArraySlice<UInt8>) -> [FileNotification] {
        var found: [FileNotification] = []
        var rest = bytes
        func number(_ index: Int) -> UInt32 {
            rest.dropFirst(index * 4).prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        while rest.count >= 16 {
            let watch = Int32(bitPattern: number(0))
            let changes = FileChanges(rawValue: number(1))
            let length = Int(number(3))
            let name = rest.dropFirst(16).prefix(length).prefix { $0 != 0 }
            found.append(
                FileNotification(
                    watch: watch, changes: changes,
                    name: name.isEmpty ? nil : String(decoding: name, as: UTF8.self)))
            rest = rest.dropFirst(16 + length)
        }
        return found
    }
}
