// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux
internal import Glibc
package import ReeveCore

/// Facts of this process and its machine.
package enum Host {
    package static var pid: PID { PID(getpid()) }
    /// The parent; nil for the first process of a pid namespace.
    package static var parent: PID? { getppid() > 0 ? PID(getppid()) : nil }
    /// The effective user.
    package static var user: UInt32 { geteuid() }
    /// The effective group.
    package static var group: UInt32 { getegid() }
    /// Clock ticks per second, the unit of `ProcessIdentity.startTime`; 100 on every usual kernel.
    package static var ticksPerSecond: Int64 { max(1, Int64(reeve_ticks_per_second())) }
    /// Bytes in a page.
    package static var pageSize: Int64 { max(1, Int64(reeve_page_size())) }
    /// The machine's name; "localhost" where it has none.
    package static var name: String {
        var buffer = [CChar](repeating: 0, count: 256)
        let length = unsafe reeve_hostname(&buffer, buffer.count)
        guard length > 0 else { return "localhost" }
        return String(
            decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Names this boot of this machine or container: the kernel's boot id, and when the first process of
    /// the pid namespace was started. Empty where /proc does not tell.
    package static func boot(_ proc: ProcFS) -> String {
        var buffer = [UInt8](repeating: 0, count: 64)
        // What cannot be read (a hidden /proc) leaves the boot without a name, as documented.
        guard
            let file = try? FileDescriptor.open(
                "/proc/sys/kernel/random/boot_id", flags: OpenFlags.readOnly),
            let count = try? file.read(into: &buffer), let first = try? proc.stat(PID(1))
        else { return "" }
        let identity = buffer.prefix(count).prefix { $0 > UInt8(ascii: " ") }
        return "\(String(decoding: identity, as: UTF8.self))/\(first.startTime)"
    }

    /// Random bits from the kernel (getrandom(2)). Throws ENOSYS before Linux 3.17.
    package static func random() throws(Errno) -> UInt64 {
        var bits: UInt64 = 0
        // So few bytes come whole or not at all.
        try Errno.check(unsafe reeve_random(&bits, MemoryLayout<UInt64>.size))
        return bits
    }

    /// The number of a group, by name (getgrnam_r(3)) or by number. Throws a sentence where there
    /// is none. Name services may take their time: not for the supervisor's loop.
    package static func group(named name: String) throws(SystemFailure) -> UInt32 {
        if let number = UInt32(name), number < .max { return number }
        var group: UInt32 = 0
        let result = unsafe name.withCString { unsafe reeve_group_id($0, &group) }
        switch result {
        case 0: return group
        case -Errno.noEntry.code:
            throw SystemFailure("group \(printable(name)): there is no such group", errno: .noEntry)
        default:
            throw SystemFailure("group \(printable(name)): cannot be looked up", Errno(-result))
        }
    }
}

/// The limit of open files (RLIMIT_NOFILE).
package struct OpenFilesLimit: Hashable, Sendable {
    package let soft: UInt64
    package let hard: UInt64

    package init(soft: UInt64, hard: UInt64) {
        self.soft = soft
        self.hard = hard
    }

    /// This process's own.
    package static func current() throws(Errno) -> OpenFilesLimit {
        var (soft, hard): (UInt64, UInt64) = (0, 0)
        try Errno.check(unsafe reeve_get_nofile(&soft, &hard))
        return OpenFilesLimit(soft: soft, hard: hard)
    }

    /// Raises the soft limit to the hard one, at most to `max`; never lowers it. Returns the limit
    /// as it was before, whose soft value children are to get (`ProcessSpawner`): programs that use
    /// select(2) or walk all possible descriptors need it low.
    package static func raise(atMost max: UInt64 = 1_048_576) throws(Errno) -> OpenFilesLimit {
        let before = try current()
        let wanted = min(before.hard, max)
        if wanted > before.soft { try Errno.check(reeve_set_soft_nofile(wanted)) }
        return before
    }
}
