// SPDX-License-Identifier: Apache-2.0
//
// What a test needs of its machine beyond the build: root, a tool, a file. Where that is missing the test is
// skipped and says why. Where everything has to be there it fails instead: a gate that skips is open.

internal import Foundation
package import Testing

/// The machine that tests run on.
package enum Machine {
    /// Whether what a test needs has to be there: the environment says so by `REEVE_REQUIRE_ALL` or `CI`, with
    /// anything but nothing, `0` and `false`.
    package static let hasToHaveAll = ["REEVE_REQUIRE_ALL", "CI"].contains { name in
        let value = ProcessInfo.processInfo.environment[name] ?? ""
        return !["", "0", "false"].contains(value)
    }

    /// Whether tests run as root.
    package static let isRoot = geteuid() == 0

    /// Whether file systems can be mounted in namespaces of their own: CAP_SYS_ADMIN, capability 21.
    package static let mayMount: Bool = {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let mask = line?.split(whereSeparator: \.isWhitespace).last.flatMap {
            UInt64($0, radix: 16)
        }
        return (mask ?? 0) & (1 << 21) != 0
    }()

    /// Whether a file system that does not answer can be mounted, in a namespace of its own.
    package static let mayMountDeaf =
        mayMount && has("unshare") && FileManager.default.fileExists(atPath: "/dev/fuse")

    /// Goes before `reeve run`: below "away", in its working directory, is a file system that does not answer, until
    /// there is a file "back". `isStuck`: whoever asks it cannot even be killed.
    package static func withDeafMount(isStuck: Bool) -> [String] {
        let program = Tree.product("reeve-test-machine")
        let words = isStuck ? "stuck" : "away"
        return [
            "unshare", "--mount", "--propagation", "private", "sh", "-c",
            "mkdir -p away && exec \"$@\"", "sh", program, words, "away", "back",
        ]
    }

    /// Whether all of these programs are in one of the usual directories.
    package static func has(_ programs: String...) -> Bool {
        programs.allSatisfy { program in
            ["/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"].contains {
                FileManager.default.isExecutableFile(atPath: $0 + program)
            }
        }
    }
}

/// A test's need that the machine does not meet, and has to.
package struct NeedUnmet: Error, CustomStringConvertible {
    package let description: String
}

extension Trait where Self == ConditionTrait {
    /// Skips the test, or fails it where `Machine.hasToHaveAll`, unless the condition holds.
    package static func needs(
        _ what: String, if condition: @autoclosure @escaping @Sendable () -> Bool
    ) -> Self {
        .enabled("needs \(what)") {
            if condition() { return true }
            guard Machine.hasToHaveAll else { return false }
            throw NeedUnmet(
                description:
                    "this test needs \(what); that is not here, and REEVE_REQUIRE_ALL or CI "
                    + "says that everything is")
        }
    }

    /// Skips the test, or fails it where `Machine.hasToHaveAll`, unless it runs as root.
    package static var needsRoot: Self { .needs("root", if: Machine.isRoot) }
}
