// SPDX-License-Identifier: Apache-2.0
//
// What a configuration refers to on the machine that it is read on: accounts and mounts. Everything is read
// from files, once for each reading of a configuration; no name service is asked, which may take its time
// and is not there in a container.

internal import Glibc
internal import ReeveCore

/// Accounts and mounts of this machine.
package struct Machine: Sendable {
    /// Whom reeve runs as.
    var user: UInt32
    var accounts: Accounts
    var mounts: Mounts
    /// The directory of this program, where the gateway's is looked for; nil where it is not known.
    var programDirectory: String?

    /// As its files say: the contents of /etc/passwd, /etc/group and /proc/self/mountinfo.
    package init(user: UInt32, passwd: String, group: String, mountinfo: String) {
        self.user = user
        accounts = Accounts(passwd: passwd, group: group)
        mounts = Mounts(mountinfo)
    }

    /// The home of a user, or "/" where that is no directory of this machine; nil where there is no such user.
    func home(of user: String) -> String? {
        guard let home = accounts.user(user, group: nil)?.home else { return nil }
        var status = stat()
        let isDirectory =
            unsafe stat(home, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        return isDirectory ? home : "/"
    }

    /// This one. What cannot be read is empty.
    package static func current() -> Machine {
        func text(_ path: String) -> String {
            switch readFile(path, bytesMax: 16 << 20) {
            case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
            case .tooLarge, .failed: ""
            }
        }
        var machine = Machine(
            user: geteuid(), passwd: text("/etc/passwd"), group: text("/etc/group"),
            mountinfo: text("/proc/self/mountinfo"))
        machine.programDirectory = ownDirectory
        return machine
    }

    /// Whether reeve's own user may execute a file.
    func isExecutable(_ path: String) -> Bool {
        unsafe access(path, X_OK) == 0
    }

    private static var ownDirectory: String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) }
    }
}

/// The lines of passwd(5) and group(5).
struct Accounts: Sendable {
    private struct User {
        let name: String
        let number: UInt32
        let group: UInt32
        let home: String
        let shell: String
    }
    private struct Group {
        let name: String
        let number: UInt32
        let members: [Substring]
    }

    private let users: [User]
    private let groups: [Group]

    init(passwd: String, group: String) {
        func lines(_ text: String) -> [[Substring]] {
            text.split(separator: "\n").map {
                $0.split(separator: ":", omittingEmptySubsequences: false)
            }
        }
        users = lines(passwd).compactMap { fields in
            guard fields.count >= 7, let number = UInt32(fields[2]), let group = UInt32(fields[3])
            else { return nil }
            return User(
                name: String(fields[0]), number: number, group: group, home: String(fields[5]),
                shell: String(fields[6]))
        }
        groups = lines(group).compactMap { fields in
            guard fields.count >= 4, let number = UInt32(fields[2]) else { return nil }
            return Group(
                name: String(fields[0]), number: number, members: fields[3].split(separator: ","))
        }
    }

    /// By name, or by number where the text is one. A number need not have an entry: then `group` has to
    /// be known. nil: there is none.
    func user(_ text: String, group: GroupAccount?) -> UserAccount? {
        let number = Accounts.number(text)
        guard let entry = users.first(where: { $0.name == text || $0.number == number }) else {
            guard let number, let group else { return nil }
            return UserAccount(name: nil, number: number, group: group.number)
        }
        let primary = group?.number ?? entry.group
        var supplementary = [primary]
        for group in groups
        where group.members.contains(entry.name[...]) && !supplementary.contains(group.number) {
            supplementary.append(group.number)
        }
        return UserAccount(
            name: entry.name, number: entry.number, group: primary, groups: supplementary,
            home: entry.home.isEmpty ? "/" : entry.home,
            shell: entry.shell.isEmpty ? "/bin/sh" : entry.shell)
    }

    /// By name, or by number where the text is one, which need not have an entry. nil: there is none.
    func group(_ text: String) -> GroupAccount? {
        if let entry = groups.first(where: { $0.name == text }) {
            return GroupAccount(name: entry.name, number: entry.number)
        }
        guard let number = Accounts.number(text) else { return nil }
        return GroupAccount(
            name: groups.first { $0.number == number }?.name, number: number)
    }

    var userNames: [String] { users.map(\.name) }
    var groupNames: [String] { groups.map(\.name) }

    /// The highest number means "leave as it is" to the kernel.
    static func number(_ text: String) -> UInt32? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt32(text),
            number < .max
        else { return nil }
        return number
    }
}

/// Where a look at a file may take for ever: the mounts of file systems over a network, told by the kernel's
/// table of mounts and the text of a path. Nothing of them is touched, so nothing blocks; a symbolic link
/// that leads there is not seen.
struct Mounts: Sendable {
    private let slow: [(place: String, type: String)]
    private let places: [(place: String, type: String)]

    private static let slowTypes: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "ceph", "glusterfs",
        "lustre", "beegfs", "gfs2", "ocfs2", "gpfs", "orangefs", "pvfs2", "9p", "virtiofs",
        "autofs", "fuse",
    ]

    /// The text of proc(5)'s mountinfo: the fifth field is the place, the type comes after " - ".
    init(_ mountinfo: String) {
        places = mountinfo.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count >= 7, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count
            else { return nil }
            return (Mounts.unescaped(fields[4]), String(fields[dash + 1]))
        }
        slow = places.filter { mount in
            Mounts.slowTypes.contains(mount.type) || mount.type.hasPrefix("fuse.")
        }
    }

    /// "/srv (nfs4)", if an absolute path lies on such a mount. The root is none: reeve itself lies there.
    func slowPlace(of path: String) -> String? {
        guard !slow.isEmpty, path.hasPrefix("/") else { return nil }
        var best: (place: String, type: String)?
        for mount in places where Mounts.contains(mount.place, path) {
            // Of two mounts on one place the later one counts.
            if mount.place.utf8.count >= best?.place.utf8.count ?? 0 { best = mount }
        }
        guard let best, best.place != "/",
            Mounts.slowTypes.contains(best.type) || best.type.hasPrefix("fuse.")
        else { return nil }
        return "\(best.place) (\(best.type))"
    }

    private static func contains(_ place: String, _ path: String) -> Bool {
        place == "/" || path == place || path.hasPrefix(place + "/")
    }

    /// Blanks and the like are written as \040.
    private static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
