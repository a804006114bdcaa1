// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveLinux

@Suite struct OutOfMemoryTests {
    private func read(_ files: [String: String]) throws -> OutOfMemoryCounter {
        let directory = try TemporaryDirectory()
        for (path, text) in files {
            let whole = directory.path + "/" + path
            try PrivateDirectory.ensure(
                String(whole[..<(whole.lastIndex(of: "/") ?? whole.endIndex)]), makingParents: true)
            try SmallFile.replace(whole, contents: Array(text.utf8))
        }
        return OutOfMemoryCounter.read(root: directory.path)
    }

    private let since = WallTime(nanoseconds: 0)

    @Test func `the own group's counter is read where it is shown, else the root's`() throws {
        let own = try read([
            "proc/self/cgroup": "0::/pod/web\n",
            "sys/fs/cgroup/pod/web/memory.events": "low 0\noom 3\noom_kill 2\n",
            "sys/fs/cgroup/memory.events": "oom_kill 9\n",
            "proc/vmstat": "nr_free_pages 1\noom_kill 7\nswap_ra 0\n",
        ])
        #expect(own == OutOfMemoryCounter(group: 2, machine: 7))
        let shown = try read([
            "proc/self/cgroup": "0::/docker/0123\n",
            "sys/fs/cgroup/memory.events": "oom_kill 4\n",
        ])
        #expect(shown == OutOfMemoryCounter(group: 4, machine: nil))
        #expect(try read([:]) == OutOfMemoryCounter(group: nil, machine: nil))
    }

    @Test func `a rise is evidence, the group's before the machine's`() {
        let before = OutOfMemoryCounter(group: 1, machine: 5)
        #expect(
            OutOfMemoryCounter(group: 3, machine: 9).evidence(after: before, at: since)
                == .inGroup(2, since: since))
        #expect(
            OutOfMemoryCounter(group: 1, machine: 9).evidence(after: before, at: since)
                == .none(since: since))
        #expect(
            OutOfMemoryCounter(group: nil, machine: 9).evidence(after: before, at: since)
                == .onMachine(4, since: since))
        #expect(
            OutOfMemoryCounter(group: nil, machine: nil).evidence(after: before, at: since)
                == .unknown)
    }

    @Test func `this machine's counter is what the kernel shows`() throws {
        func shown() throws -> Int64 {
            var text = ""
            let file = try FileDescriptor.openForReading("/proc/vmstat")
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while let count = try file.read(into: &buffer), count > 0 {
                text += String(decoding: buffer.prefix(count), as: UTF8.self)
            }
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") })
            return try #require(Int64(line.dropFirst("oom_kill ".count)))
        }
        let before = try shown()
        let counter = try #require(OutOfMemoryCounter.read().machine)
        #expect(try (before...shown()).contains(counter))
    }
}
