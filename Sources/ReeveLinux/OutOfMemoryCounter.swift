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
            group: ownGroup(root),
            machine: contents(of: root + "/proc/vmstat").flatMap(kills(in:)))
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

    private static func ownGroup(_ root: String) -> Int64? {
        let mount = root + "/sys/fs/cgroup"
        guard let groups = contents(of: root + "/proc/self/cgroup"),
            let path = line(after: "0::", in: groups)
        else { return nil }
        let name = String(decoding: path, as: UTF8.self)
        let own = mount + (name == "/" ? "" : name) + "/memory.events"
        return (contents(of: own) ?? contents(of: mount + "/memory.events")).flatMap(kills(in:))
    }

    private static func kills(in text: [UInt8]) -> Int64? {
        line(after: "oom_kill ", in: text).flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
    }

    /// What follows the word that a line begins with. Bytes, since these files are read while programs that
    /// were killed wait for their restart.
    private static func line(after word: StaticString, in text: [UInt8]) -> ArraySlice<UInt8>? {
        let word = unsafe UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.endIndex
            if unsafe text[start..<end].starts(with: word) {
                return text[(start + word.count)..<end]
            }
            start = end + 1
        }
        return nil
    }

    private static func contents(of path: String) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 32_768)
        // Where it cannot be read there is no evidence.
        guard let file = try? FileDescriptor.openForReading(path),
            let count = try? file.read(into: &buffer)
        else { return nil }
        buffer.removeSubrange(count...)
        return buffer
    }
}
