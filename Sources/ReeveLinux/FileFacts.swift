// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// What stat(2) tells of a file.
struct FileFacts {
    enum Kind {
        case regular, directory, link, socket, fifo, other
    }

    private let facts: reeve_file_facts

    var user: UInt32 { facts.user }
    var group: UInt32 { facts.group }
    var device: UInt64 { facts.device }
    var inode: UInt64 { facts.inode }
    /// In bytes.
    var size: Int64 { facts.size }
    /// The permission bits, with those of setuid and the like.
    var mode: UInt32 { facts.mode & 0o7777 }
    var kind: Kind {
        switch facts.mode & 0o170000 {
        case 0o100000: .regular
        case 0o040000: .directory
        case 0o120000: .link
        case 0o140000: .socket
        case 0o010000: .fifo
        default: .other
        }
    }

    init(checked path: String, following: Bool = true) throws(Errno) {
        var facts = reeve_file_facts()
        let result = unsafe path.withCString {
            unsafe reeve_stat($0, following ? 1 : 0, &facts)
        }
        try Errno.check(result)
        self.facts = facts
    }

    /// nil for every error.
    init?(_ path: String, following: Bool = true) {
        guard let found = try? FileFacts(checked: path, following: following) else { return nil }
        self = found
    }

    init(_ descriptor: borrowing FileDescriptor) throws(Errno) {
        var facts = reeve_file_facts()
        try Errno.check(unsafe reeve_fstat(descriptor.number, &facts))
        self.facts = facts
    }
}
