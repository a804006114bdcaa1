// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

extension Processes {
    /// Starts a scheduler's program as this run. Returns its leader; nil where a launcher stands before
    /// the program, which the run's answer then comes from (`launches`). Throws a sentence that says
    /// what was missing.
    func spawn(
        _ id: RunID, of scheduler: SchedulerID, _ specification: SchedulerSpecification,
        execution: ExecutionContext? = nil, notify: ChildEnvironment.Notify? = nil,
        streams: borrowing ChildStreams
    ) throws(SpawnFailure) -> ProcessIdentity? {
        let block = try environmentBlock { () throws(SystemFailure) in
            try environment.block(
                for: specification, run: id, attempt: execution?.attempt ?? 1,
                scheduledAt: execution?.scheduledAt, mainPID: nil, notify: notify)
        }
        var answer: ProcessIdentity?
        try start(specification.program.arguments, specification, run: id, block, streams: streams)
        {
            process, isLaunching in
            let run = Run(id: id, .program(scheduler), leader: process)
            table.add(run)
            answer = isLaunching ? nil : process
            return .leader(run)
        }
        return answer
    }

    /// Starts the stop command beside a run, in a session of its own that belongs to the run.
    func spawnStopCommand(
        _ command: [String], for run: Run, _ specification: SchedulerSpecification,
        execution: ExecutionContext? = nil, streams: borrowing ChildStreams
    ) throws(SpawnFailure) {
        let block = try environmentBlock { () throws(SystemFailure) in
            try environment.block(
                for: specification, run: run.id, attempt: execution?.attempt ?? 1,
                scheduledAt: execution?.scheduledAt, mainPID: run.leader.pid)
        }
        try start(command, specification, run: run.id, block, streams: streams) { process, _ in
            table.addStopCommand(process, to: run)
            return .stopCommand(run)
        }
    }

    /// Starts a command that is no run, in a session of its own. `mainPID`: the leader of the run that it is
    /// about. `role`: of this binary, where that is the program. Throws a sentence that says what was missing;
    /// where a launcher stands before the command, what it finds missing is in `launchFailure` when it has
    /// ended.
    func spawnCommand(
        _ id: CommandID, _ command: AuxiliaryCommand, _ specification: SchedulerSpecification?,
        mainPID: PID?, role: String? = nil, streams: borrowing ChildStreams
    ) throws(SpawnFailure) -> Run {
        let block = try environmentBlock { () throws(SystemFailure) in
            var block = try environment.block(for: command, id, specification, mainPID: mainPID)
            if let role { try block.set("REEVE_ROLE", role) }
            return block
        }
        var made: Run?
        try start(command.arguments, specification, run: id.run, block, streams: streams) {
            process, _ in
            let run = Run(id: id.run, .command(id), leader: process)
            table.add(run)
            made = run
            return .command(run)
        }
        guard let made else { throw SpawnFailure(errno: 0, words: "it was not started") }
        return made
    }

    /// Starts this binary in another role, with reeve's own environment. It has to end by itself or be
    /// killed; its end is in `Reaping.helpers`. `isSpared`: a sweep is not for it.
    func spawnHelper(
        role: String, arguments: [String], isSpared: Bool = false,
        streams: borrowing ChildStreams
    ) throws(SpawnFailure) -> ProcessIdentity {
        var block = EnvironmentBlock.current()
        do {
            try block.set("REEVE_ROLE", role)
        } catch {
            throw SpawnFailure(errno: 0, words: error.words)
        }
        let request = try SpawnRequest(
            arguments: ["/proc/self/exe"] + arguments, environment: block)
        let process = try spawner.spawn(request, streams: streams).identity
        table.addHelper(process, isSpared: isSpared)
        return process
    }

    private func environmentBlock(
        _ body: () throws(SystemFailure) -> EnvironmentBlock
    ) throws(SpawnFailure) -> EnvironmentBlock {
        do {
            return try body()
        } catch {
            throw SpawnFailure(errno: error.errno?.code ?? 0, words: error.words)
        }
    }

    /// Starts a program, or the launcher that is to become it; `take` gives the process a place in the table.
    private func start(
        _ arguments: [String], _ specification: SchedulerSpecification?, run: RunID,
        _ block: EnvironmentBlock, streams: borrowing ChildStreams,
        take: (ProcessIdentity, _ isLaunching: Bool) -> Launches.Purpose
    ) throws(SpawnFailure) {
        let request = try SpawnRequest(
            arguments: arguments, environment: block,
            workingDirectory: specification?.program.workingDirectory)
        guard let specification, specification.program.launch.isNeeded else {
            _ = take(try spawner.spawn(request, streams: streams).identity, false)
            return
        }
        try launch(arguments, specification, run: run, block, streams: streams) { take($0, true) }
    }

    // MARK: Through a launcher

    /// Starts a launcher; `take` gives its process a place in the table.
    private func launch(
        _ arguments: [String], _ specification: SchedulerSpecification, run: RunID,
        _ block: EnvironmentBlock, streams: borrowing ChildStreams,
        take: (ProcessIdentity) -> Launches.Purpose
    ) throws(SpawnFailure) {
        var settings = specification.program.launch
        for index in settings.secrets.indices {
            settings.secrets[index].path = try path(of: settings.secrets[index])
        }
        let order = LaunchOrder(
            scheduler: specification.name.text, arguments: arguments, environment: block.entries,
            workingDirectory: specification.program.workingDirectory, settings: settings)
        var refusal: SpawnFailure?
        do {
            let memory = try Memfd.sealed(name: "reeve-launch", contents: order.encoded.span)
            let request = try SpawnRequest(
                arguments: ["/proc/self/exe"], environment: try environment.launcherBlock(for: run))
            try Pipe.make().split { reading, writing throws(Errno) in
                let process: ProcessIdentity
                do throws(SpawnFailure) {
                    process = try spawner.spawn(
                        request, streams: streams, handing: memory, writing
                    ).identity
                } catch {
                    refusal = error
                    throw Errno(error.errno)
                }
                let purpose = take(process)
                do throws(Errno) {
                    try launches.begin(
                        purpose, process, specification, report: reading,
                        at: Clock.now().monotonic)
                } catch {
                    abort(process, purpose)
                    throw error
                }
            }
        } catch {
            throw SpawnFailure(
                errno: refusal?.errno ?? (error as? Errno)?.code ?? 0,
                words: "its launcher could not be started: \(refusal?.words ?? "\(error)")")
        }
    }

    /// A launcher that cannot be listened to is ended, and its run with it.
    private func abort(_ process: ProcessIdentity, _ purpose: Launches.Purpose) {
        // ESRCH cannot be: it has not been reaped.
        try? Signals.send(.kill, toUnreaped: process.pid)
        switch purpose {
        case .leader(let run), .command(let run): table.forget(run.id)
        case .stopCommand: break
        }
    }

    /// Exactly the variable CREDENTIALS_DIRECTORY is replaced, at the begin of the path.
    private func path(of secret: Secret) throws(SpawnFailure) -> String {
        for prefix in ["$CREDENTIALS_DIRECTORY/", "${CREDENTIALS_DIRECTORY}/"]
        where secret.path.hasPrefix(prefix) {
            guard let directory = environment.credentialsDirectory else {
                throw SpawnFailure(
                    errno: Errno.noEntry.code,
                    words:
                        "secret \(secret.name): there is no CREDENTIALS_DIRECTORY: reeve was not "
                        + "given any credentials (LoadCredential= of its unit)")
            }
            return directory + "/" + secret.path.dropFirst(prefix.count)
        }
        return secret.path
    }
}
