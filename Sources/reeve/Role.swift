// SPDX-License-Identifier: Apache-2.0
//
// What reeve tells its own next image to be, in the environment variable REEVE_ROLE.

internal import Glibc
internal import ReeveLinux
internal import ReeveSupervisor

/// The roles of the binary.
enum Role {
    static let variable = "REEVE_ROLE"

    /// What makes the next image the supervisor: the descriptor holds the sealed hand-over.
    static func supervisor(specification descriptor: Int32) -> String {
        "supervisor:\(descriptor)"
    }

    /// Takes the role on and returns the exit code when it is over. The variable goes at once, so that
    /// no child inherits it.
    static func enter(_ text: String) -> Int32 {
        if text == LauncherRole.role { return LauncherRole.run() }
        _ = unsafe unsetenv(variable)
        // After an exec through /proc/self/exe the kernel's name would be "exe".
        SelfExecution.setName("reeve")
        if text == ConfigurationReader.role { return ParserRole.run() }
        if text == ProbeRole.name { return ProbeRole.run() }
        if text == ScribeRole.name { return ScribeRole.run() }
        if text == ReaderRole.name { return ReaderRole.run() }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "supervisor", let descriptor = Int32(parts[1]),
            descriptor > 2
        else {
            let words = "\(variable) is for reeve's own use, its value is not one that reeve gives"
            return Exit.usage.report(words)
        }
        return SupervisorRole.run(specification: descriptor)
    }
}
