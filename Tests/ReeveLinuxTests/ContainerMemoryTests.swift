// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveLinux

@Suite struct ContainerMemoryTests {
    /// Lays files into a folder that stands for the root, and reads the limit there.
    private func limit(_ files: [String: String]) throws -> ContainerMemory? {
        let directory = try TemporaryDirectory()
        for (path, text) in files {
            let whole = directory.path + "/" + path
            try PrivateDirectory.ensure(
                String(whole[..<(whole.lastIndex(of: "/") ?? whole.endIndex)]), makingParents: true)
            try SmallFile.replace(whole, contents: Array(text.utf8))
        }
        return ContainerMemory.current(root: directory.path)
    }

    @Test func `version 2: the lowest limit of the group and those above it`() throws {
        let found = try limit([
            "proc/self/cgroup": "0::/pod/web\n",
            "sys/fs/cgroup/pod/web/memory.max": "max\n",
            "sys/fs/cgroup/pod/memory.max": "50000000\n",
        ])
        #expect(
            found
                == ContainerMemory(
                    limit: Bytes(50_000_000), file: "/sys/fs/cgroup/pod/memory.max"))
    }

    @Test
    func `version 1, as a container sees it: the host's path, of which only the end is there`()
        throws
    {
        let found = try limit([
            "proc/self/cgroup": "9:memory:/docker/0123\n5:cpu,cpuacct:/docker/0123\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "67108864\n",
        ])
        #expect(found?.limit == Bytes(67_108_864))
        #expect(found?.file == "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    }

    @Test(arguments: ["max\n", "9223372036854771712\n", "0\n", "", "many\n", "-5\n"])
    func `what is no limit is none`(_ text: String) throws {
        #expect(
            try limit(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": text]) == nil)
    }

    @Test func `without control groups there is no limit`() throws {
        #expect(try limit([:]) == nil)
        #expect(try limit(["proc/self/cgroup": "nonsense\n\n:::\n"]) == nil)
    }
}
