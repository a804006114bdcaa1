// SPDX-License-Identifier: Apache-2.0
//
// How much memory the kernel lets us have. Control groups of version 2 keep it in `memory.max`, of version 1
// in `memory.limit_in_bytes`; a limit anywhere above counts too. In a container the path that
// /proc/self/cgroup names may be the host's, of which the mounted hierarchy shows only the end.

package import ReeveCore

/// The memory limit of the control group that this process is in.
package struct ContainerMemory: Hashable, Sendable {
    /// Above zero.
    package let limit: Bytes
    /// The file that says so.
    package let file: String

    package init(limit: Bytes, file: String) {
        self.limit = limit
        self.file = file
    }

    /// The lowest limit that holds; nil where there is none, or none that can be read.
    ///
    /// `root`: where /proc and /sys are, for tests.
    package static func current(root: String = "") -> ContainerMemory? {
        // Where the file is missing there are no control groups, or nobody shows them to us.
        guard let groups = contents(of: root + "/proc/self/cgroup") else { return nil }
        var lowest: ContainerMemory?
        for line in groups.split(separator: "\n") {
            let fields = line.split(
                separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let mount: String
            let name: String
            if fields[1].isEmpty {
                (mount, name) = (root + "/sys/fs/cgroup", "memory.max")
            } else if fields[1].split(separator: ",").contains("memory") {
                (mount, name) = (root + "/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            } else {
                continue
            }
            for path in paths(of: fields[2]) {
                let file = mount + path + "/" + name
                guard let limit = limit(in: file) else { continue }
                if let known = lowest, known.limit <= limit { continue }
                lowest = ContainerMemory(limit: limit, file: String(file.dropFirst(root.count)))
            }
        }
        return lowest
    }

    /// The group and those above it, the outermost last: "/a/b", "/a", "".
    private static func paths(of group: Substring) -> [String] {
        var paths: [String] = []
        var rest = group
        while !rest.isEmpty && rest != "/" {
            paths.append(String(rest))
            rest = rest[..<(rest.lastIndex(of: "/") ?? rest.startIndex)]
        }
        return paths + [""]
    }

    /// Version 1 writes a number near the highest for "none", version 2 the word "max".
    private static func limit(in file: String) -> Bytes? {
        guard let text = contents(of: file), let number = Int64(text.prefix { $0 != "\n" }),
            number > 0, number < 1 << 60
        else { return nil }
        return Bytes(number)
    }

    private static func contents(of path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        guard let file = try? FileDescriptor.openForReading(path),
            let count = try? file.read(into: &buffer)
        else { return nil }
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}
