// SPDX-License-Identifier: Apache-2.0
//
// What posix_spawn(3) cannot do for a program: another user, limits, files that are read at each start.
// A helper of this binary, the launcher, does it in the process that becomes the program.

/// What is done between the spawn and the program. Where nothing of it is set, no launcher is needed.
package struct LaunchSettings: Equatable, Sendable {
    /// Whom it runs as; nil is reeve's own user.
    package var user: UserAccount?
    /// Its group; nil is that of `user`, or reeve's own.
    package var group: GroupAccount?
    /// Permission bits that its new files do not get; 0 to 0o777.
    package var umask: UInt32?
    /// In the order of the file; each resource once.
    package var limits: [ResourceLimit] = []
    /// Absolute, not relative to reeve's own; -20 to 19.
    package var nice: Int32?
    /// -1,000 to 1,000.
    package var oomScoreAdjustment: Int32?
    /// Read at each start, in this order; a later one wins.
    package var environmentFiles: [EnvironmentFile] = []
    /// Read at each start; a name occurs once.
    package var secrets: [Secret] = []
    /// Asked for by `launcher = true`.
    package var isForced = false
    /// Why the spawn itself might block: "its program lies on /srv (nfs4)".
    package var slowPlace: String?

    package init() {}

    /// Whether a launcher stands between the spawn and the program.
    package var isNeeded: Bool { self != LaunchSettings() }
}

/// An account, as /etc/passwd and /etc/group had it when the configuration was read.
package struct UserAccount: Equatable, Sendable {
    /// nil for a number without an entry.
    package var name: String?
    package var number: UInt32
    /// The group of its entry, or the one that is configured.
    package var group: UInt32
    /// Its supplementary groups, without repetition.
    package var groups: [UInt32]
    package var home: String
    package var shell: String

    package init(
        name: String?, number: UInt32, group: UInt32, groups: [UInt32] = [], home: String = "/",
        shell: String = "/bin/sh"
    ) {
        self.name = name
        self.number = number
        self.group = group
        self.groups = groups
        self.home = home
        self.shell = shell
    }
}

/// A group, as /etc/group had it when the configuration was read.
package struct GroupAccount: Equatable, Sendable {
    /// nil for a number without an entry.
    package var name: String?
    package var number: UInt32

    package init(name: String?, number: UInt32) {
        self.name = name
        self.number = number
    }
}

/// A limit of setrlimit(2). nil is unlimited.
package struct ResourceLimit: Equatable, Sendable {
    /// The kernel's resources, by the names that the configuration has for them.
    package enum Resource: String, Equatable, Sendable, CaseIterable {
        case addressSpace = "as"
        case core, cpu, data
        case fileSize = "fsize"
        case locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack
    }

    /// What is limited.
    package var resource: Resource
    /// In the kernel's unit: bytes, seconds (cpu), microseconds (rttime), or a count.
    package var soft: UInt64?
    package var hard: UInt64?

    package init(_ resource: Resource, soft: UInt64?, hard: UInt64?) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}

/// A file with variables.
package struct EnvironmentFile: Equatable, Sendable {
    /// Where it is; a relative one counts from reeve's own working directory.
    package var path: String
    package var mayBeMissing: Bool

    package init(path: String, mayBeMissing: Bool = false) {
        self.path = path
        self.mayBeMissing = mayBeMissing
    }
}

/// A variable whose value is read from a file at each start. The value is nowhere but in the program.
package struct Secret: Equatable, Sendable {
    /// The variable's name.
    package var name: String
    /// May begin with `$CREDENTIALS_DIRECTORY/`.
    package var path: String

    package init(name: String, path: String) {
        self.name = name
        self.path = path
    }
}
