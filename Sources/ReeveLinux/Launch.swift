// SPDX-License-Identifier: Apache-2.0
//
// What a launcher does to itself before it becomes a program. Settings that may be refused are single
// calls; the rest, from the limits to the exec, is one (Launch.c).

internal import CReeveLinux
package import ReeveCore

/// What a launcher becomes.
package struct LaunchPlan: Sendable {
    /// Program and arguments, never empty.
    package var arguments: CStringArray
    package var environment: EnvironmentBlock
    package var workingDirectory: String?
    package var limits: [ResourceLimit] = []
    package var user: UInt32?
    package var group: UInt32?
    /// nil leaves the supplementary groups as they are.
    package var groups: [UInt32]?
    /// "nobody (65534)"; for messages.
    package var userName = ""
    package var groupName = ""

    package init(arguments: CStringArray, environment: EnvironmentBlock) {
        self.arguments = arguments
        self.environment = environment
    }
}

/// Changes of this process, for the program that it is about to be.
package enum Launch {
    /// Sets the bits that new files do not get.
    package static func setUmask(_ mask: UInt32) {
        // The kernel takes what fits and refuses nothing.
        _ = reeve_set_umask(mask & 0o777)
    }

    /// Sets the priority. Throws EACCES where it may not be raised.
    package static func setNice(_ value: Int32) throws(Errno) {
        try Errno.check(reeve_set_nice(value))
    }

    /// Sets how readily the kernel ends this process for memory. Throws EACCES where it may not be
    /// lowered, and what a missing /proc gives.
    package static func setOomScore(_ value: Int32) throws(Errno) {
        let file = try FileDescriptor.open("/proc/self/oom_score_adj", flags: OpenFlags.writeOnly)
        try file.writeAll(Array("\(value)".utf8).span)
    }

    /// Reads a file as it comes, a pipe to its end; blocks. Throws EFBIG above `max` bytes.
    package static func read(_ path: String, max: Int) throws(Errno) -> [UInt8] {
        let file = try FileDescriptor.open(
            path, flags: OpenFlags.readOnly | OpenFlags.noTerminal)
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while let count = try file.read(into: &buffer), count > 0 {
            contents += buffer.prefix(count)
            guard contents.count <= max else { throw .fileTooLarge }
        }
        return contents
    }

    /// Limits, identity, directory and program, in this order. Comes back only with the reason why not.
    /// `report` gets a line for each limit that was refused, and one before the exec.
    package static func become(
        _ plan: LaunchPlan, report: borrowing FileDescriptor
    ) -> SpawnFailure {
        let number = report.number
        let candidates = candidates(plan)
        let limits = plan.limits.map { limit in
            reeve_launch_limit(
                resource: unsafe limit.resource.rawValue.withCString {
                    unsafe reeve_limit_number($0)
                }, soft: limit.soft ?? .max, hard: limit.hard ?? .max)
        }
        let groups = plan.groups ?? []
        var step: Int32 = 0
        let result = unsafe candidates.withPointers { programs in
            unsafe plan.arguments.withPointers { arguments in
                unsafe plan.environment.strings.withPointers { environment in
                    unsafe limits.withUnsafeBufferPointer { limits in
                        unsafe groups.withUnsafeBufferPointer { groups in
                            unsafe withOptionalCString(plan.workingDirectory) { directory in
                                var launch = unsafe reeve_launch()
                                unsafe launch.programs = unsafe programs
                                unsafe launch.arguments = unsafe arguments
                                unsafe launch.environment = unsafe environment
                                unsafe launch.directory = unsafe directory
                                unsafe launch.limits = limits.baseAddress
                                unsafe launch.limit_count = limits.count
                                unsafe launch.has_user = plan.user == nil ? 0 : 1
                                unsafe launch.user = plan.user ?? 0
                                unsafe launch.has_group = plan.group == nil ? 0 : 1
                                unsafe launch.group = plan.group ?? 0
                                unsafe launch.has_groups = plan.groups == nil ? 0 : 1
                                unsafe launch.groups = groups.baseAddress
                                unsafe launch.group_count = groups.count
                                unsafe launch.report = number
                                return unsafe reeve_launch(&launch, &step)
                            }
                        }
                    }
                }
            }
        }
        let code: Int32 = ((result ?? nil) ?? nil) ?? -Errno.noMemory.code
        return failure(plan, step: step, Errno(-code))
    }

    /// Where the program may be: a path as it is, a name in each directory of the program's PATH.
    private static func candidates(_ plan: LaunchPlan) -> CStringArray {
        var found = CStringArray()
        let name = plan.arguments[0] ?? ""
        guard !name.utf8.contains(UInt8(ascii: "/")) else {
            found.append(unchecked: Array(name.utf8))
            return found
        }
        let path = plan.environment.value(of: "PATH") ?? ProgramSearch.defaultPath
        for element in path.utf8.split(
            separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        {
            let directory = element.isEmpty ? "." : String(Substring(element))
            found.append(unchecked: Array("\(directory)/\(name)".utf8))
        }
        return found
    }

    private static func failure(
        _ plan: LaunchPlan, step: Int32, _ errno: Errno
    ) -> SpawnFailure {
        switch Int(step) {
        case REEVE_LAUNCH_GROUPS:
            let whom = plan.user == nil ? "group \(plan.groupName)" : "user \(plan.userName)"
            return SpawnFailure(
                "it cannot become \(whom), whose supplementary groups it cannot have: "
                    + "\(errno.words)\(rootWords(errno))", errno)
        case REEVE_LAUNCH_GROUP:
            return SpawnFailure(
                "it cannot become group \(plan.groupName): \(errno.words)\(rootWords(errno))", errno
            )
        case REEVE_LAUNCH_USER:
            return SpawnFailure(
                "it cannot become user \(plan.userName): \(errno.words)\(rootWords(errno))", errno)
        case REEVE_LAUNCH_DIRECTORY:
            let directory = plan.workingDirectory ?? ""
            return SpawnDiagnosis.directoryFailure(directory, errno)
                ?? SpawnFailure("working directory \(printable(directory)): \(errno.words)", errno)
        default:
            return programFailure(plan, errno)
        }
    }

    private static func rootWords(_ errno: Errno) -> String {
        errno == .notPermitted ? "; reeve runs as user \(Host.user), and only root may" : ""
    }

    /// The search that a spawn makes, with the eyes of the program's user.
    private static func programFailure(_ plan: LaunchPlan, _ errno: Errno) -> SpawnFailure {
        var program = plan.arguments[0] ?? ""
        do throws(SpawnFailure) {
            program = try ProgramSearch(
                name: program, environment: plan.environment, directory: nil
            ).program()
        } catch {
            return error
        }
        var diagnosis = SpawnDiagnosis(program: program, directory: nil, errno: errno)
        if plan.user != nil { diagnosis.whose = "user \(plan.userName)" }
        return diagnosis.failure()
    }
}
