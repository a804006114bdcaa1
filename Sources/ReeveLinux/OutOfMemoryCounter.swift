// SPDX-License-Identifier: Apache-2.0
//
// How often the kernel killed a process for lack of memory. The control group of reeve, and of what it
// runs, counts those of its own (memory.events, version 2); /proc/vmstat counts those of the machine. What
// a container shows as its own group may be either the group or the root of what is mounted.

package import ReeveCore

/// Reads the two counters; nothing of it is kept.
package struct OutOfMemoryCounter: Hashable, Sendable {
    /// Of reeve's own control group and those below it; nil where it cannot be read.
    package let group: Int64?
    /// Of the machine since its boot; nil where it cannot be read.
    package let machine: Int64?

    /// Two or three files: some 50 µs.
    ///
    /// `root`: where /proc and /sys are, for tests.
    package static func read(root: String = "") -> OutOfMemoryCounter {
        OutOfMemoryCounter(
            group: ownGroup(root).flatMap { number(after: "oom_kill ", in: $0) },
            machine: number(after: "oom_kill ", in: root + "/proc/vmstat"))
    }

    package init(group: Int64?, machine: Int64?) {
        self.group = group
        self.machine = machine
    }

    /// What was killed from an earlier reading to this one.
    package func evidence(after earlier: OutOfMemoryCounter, at: WallTime) -> OutOfMemoryEvidence {
        if let group, let before = earlier.group {
            return group > before
                ? .inGroup(group - before, since: at) : .none(since: at)
        }
        if let machine, let before = earlier.machine {
            return machine > before
                ? .onMachine(machine - before, since: at) : .none(since: at)
        }
        return .unknown
    }

    private static func ownGroup(_ root: String) -> String? {
        let mount = root + "/sys/fs/cgroup"
        guard let groups = contents(of: root + "/proc/self/cgroup") else { return nil }
        for line in groups.split(separator: "\n") where line.hasPrefix("0::") {
            let path = line.dropFirst("0::".count)
            let own = mount + (path == "/" ? "" : path) + "/memory.events"
            return contents(of: own) == nil ? mount + "/memory.events" : own
        }
        return nil
    }

    private static func number(after word: String, in path: String) -> Int64? {
        guard let text = contents(of: path) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix(word) {
            return Int64(line.dropFirst(word.utf8.count))
        }
        return nil
    }

    private static func contents(of path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 32_768)
        // Where it cannot be read there is no evidence.
        guard let file = try? FileDescriptor.openForReading(path),
            let count = try? file.read(into: &buffer)
        else { return nil }
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}
