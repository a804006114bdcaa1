// SPDX-License-Identifier: Apache-2.0
//
// The launcher: this binary in the process that is to become a scheduler's program, doing what a spawn cannot.
// It reads files (with reeve's rights, and they may be slow), changes what it may change, gives up its rights
// and executes the program. It has nothing of the program's environment itself, so that a library path
// meant for the program cannot make code of the program's run with reeve's rights.

internal import ReeveCore
internal import ReeveLinux

/// The launcher role.
package enum LauncherRole {
    /// The value of REEVE_ROLE for it.
    package static let role = "launcher"
    /// What may be handed over: an environment has at most some megabytes.
    private static let orderBytesMax = 64 << 20
    /// The kernel takes no single variable that is longer (MAX_ARG_STRLEN).
    static let fileBytesMax = 131_072

    /// Carries out the order in descriptor 3 and tells of it in descriptor 4. Comes back only where that
    /// failed.
    package static func run() -> Int32 {
        let order = FileDescriptor(owning: 3)
        guard Memfd.isSealed(order) else {
            say("reeve: REEVE_ROLE is for reeve's own use")
            // Descriptor 4 is somebody's.
            return 64
        }
        let report = FileDescriptor(owning: 4)
        do throws(Errno) {
            try order.setKeptOnExec(false)
            try report.setKeptOnExec(false)
            SelfExecution.setName("reeve-launcher")
            let bytes = try Memfd.readAll(order, max: orderBytesMax)
            guard let order = LaunchOrder(bytes) else { throw .invalid }
            tell(LaunchReport.line(launch(order, report)), report)
        } catch {
            let words = "what the launcher is to do cannot be read: \(error)"
            tell(LaunchReport.line(SpawnFailure(errno: error.code, words: words)), report)
        }
        return 126
    }

    /// Comes back only with the reason why it failed.
    private static func launch(
        _ order: LaunchOrder, _ report: borrowing FileDescriptor
    ) -> SpawnFailure {
        do throws(SystemFailure) {
            var plan = LaunchPlan(
                arguments: try CStringArray(order.arguments),
                environment: try environment(of: order, report))
            plan.workingDirectory = order.workingDirectory
            let settings = order.settings
            if let score = settings.oomScoreAdjustment {
                attempt("oom-score-adj = \(score)", report) { () throws(Errno) in
                    try Launch.setOomScore(score)
                }
            }
            if let nice = settings.nice {
                attempt("nice = \(nice)", report) { () throws(Errno) in try Launch.setNice(nice) }
            }
            if let umask = settings.umask { Launch.setUmask(umask) }
            plan.limits = settings.limits
            setIdentity(settings, of: &plan)
            return Launch.become(plan, report: report)
        } catch {
            return SpawnFailure(errno: error.errno?.code ?? 0, words: error.words)
        }
    }

    private static func setIdentity(_ settings: LaunchSettings, of plan: inout LaunchPlan) {
        if let user = settings.user {
            plan.user = user.number
            plan.userName = user.label
            plan.group = user.group
            plan.groupName = "\(user.group)"
            plan.groups = user.groups
        }
        if let group = settings.group {
            plan.group = group.number
            plan.groupName = group.label
            // Those of reeve's user are not meant.
            if settings.user == nil { plan.groups = [] }
        }
    }

    /// Something that may be refused: the program runs all the same.
    private static func attempt(
        _ what: String, _ report: borrowing FileDescriptor, _ body: () throws(Errno) -> Void
    ) {
        do {
            try body()
        } catch {
            let words = "\(what) was refused: \(error); it runs without"
            tell(LaunchReport.line(note: words), report)
        }
    }

    // MARK: Files

    /// The environment with what the files say; what names the run stays.
    private static func environment(
        of order: LaunchOrder, _ report: borrowing FileDescriptor
    ) throws(SystemFailure) -> EnvironmentBlock {
        var block = EnvironmentBlock()
        for entry in order.environment { block.append(entry: entry) }
        for file in order.settings.environmentFiles {
            for variable in try variables(of: file) {
                guard !ChildEnvironment.own.contains(variable.name) else {
                    let words =
                        "env-file \(file.path), line \(variable.line): \(variable.name) is set by "
                        + "reeve itself"
                    tell(LaunchReport.line(note: words), report)
                    continue
                }
                try block.set(variable.name, bytes: variable.value)
            }
        }
        for secret in order.secrets {
            try block.set(secret.name, bytes: try value(of: secret))
        }
        return block
    }

    private static func variables(
        of file: EnvironmentFile
    ) throws(SystemFailure) -> [EnvironmentText.Variable] {
        let bytes: [UInt8]
        do {
            bytes = try Launch.read(file.path, max: 16 * fileBytesMax)
        } catch {
            if file.mayBeMissing, error == .noEntry { return [] }
            throw SystemFailure("env-file \(file.path)", error)
        }
        do throws(EnvironmentText.Fault) {
            return try EnvironmentText(bytes).variables
        } catch {
            throw SystemFailure(
                "env-file \(file.path), line \(error.line): \(error.words)", errno: .invalid)
        }
    }

    /// The file's bytes without the line break at the end.
    private static func value(of secret: Secret) throws(SystemFailure) -> [UInt8] {
        var bytes: [UInt8]
        do {
            bytes = try Launch.read(secret.path, max: fileBytesMax)
        } catch {
            throw SystemFailure("secret \(secret.name): \(secret.path)", error)
        }
        if bytes.last == 0x0A { bytes.removeLast() }
        if bytes.last == 0x0D { bytes.removeLast() }
        guard !bytes.contains(0) else {
            throw SystemFailure(
                "secret \(secret.name): \(secret.path): it contains a NUL character, and no "
                    + "variable can", errno: .invalid)
        }
        return bytes
    }

    // MARK: Words

    private static func tell(_ line: String, _ report: borrowing FileDescriptor) {
        // Where the supervisor has gone nobody is to be told.
        try? report.writeAll(Array(line.utf8).span)
    }

    private static func say(_ line: String) {
        guard let stream = try? StandardStream(.error) else { return }
        _ = try? stream.write(Array((line + "\n").utf8).span)
    }
}
