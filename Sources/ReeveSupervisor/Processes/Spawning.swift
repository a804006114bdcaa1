// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

extension Processes {
    /// Starts a scheduler's program as this run. Throws a sentence that says what was missing.
    func spawn(
        _ id: RunID, of scheduler: SchedulerID, _ specification: SchedulerSpecification,
        execution: ExecutionContext? = nil, streams: borrowing ChildStreams
    ) throws(SpawnFailure) -> ProcessIdentity {
        let leader = try start(
            specification.program.arguments, specification, run: id, execution, mainPID: nil,
            streams: streams)
        table.add(Run(id: id, .program(scheduler), leader: leader))
        return leader
    }

    /// Starts the stop command beside a run, in a session of its own that belongs to the run.
    func spawnStopCommand(
        _ command: [String], for run: Run, _ specification: SchedulerSpecification,
        execution: ExecutionContext? = nil, streams: borrowing ChildStreams
    ) throws(SpawnFailure) {
        let process = try start(
            command, specification, run: run.id, execution, mainPID: run.leader.pid,
            streams: streams)
        table.addStopCommand(process, to: run)
    }

    /// Starts a command that is no run, in a session of its own. `mainPID`: the leader of the run that it is
    /// about. Throws a sentence that says what was missing.
    func spawnCommand(
        _ id: CommandID, _ command: AuxiliaryCommand, _ specification: SchedulerSpecification?,
        mainPID: PID?, streams: borrowing ChildStreams
    ) throws(SpawnFailure) -> Run {
        let block = try environmentBlock { () throws(SystemFailure) in
            try environment.block(for: command, id, specification, mainPID: mainPID)
        }
        let leader = try start(
            command.arguments, block, in: specification?.program.workingDirectory,
            streams: streams)
        let run = Run(id: id.run, .command(id), leader: leader)
        table.add(run)
        return run
    }

    /// Starts this binary in another role, with reeve's own environment. It has to end by itself or be
    /// killed; its end is in `Reaping.helpers`.
    func spawnHelper(
        role: String, arguments: [String], streams: borrowing ChildStreams
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
        table.addHelper(process)
        return process
    }

    private func start(
        _ arguments: [String], _ specification: SchedulerSpecification, run: RunID,
        _ execution: ExecutionContext?, mainPID: PID?, streams: borrowing ChildStreams
    ) throws(SpawnFailure) -> ProcessIdentity {
        let block = try environmentBlock { () throws(SystemFailure) in
            try environment.block(
                for: specification, run: run, attempt: execution?.attempt ?? 1,
                scheduledAt: execution?.scheduledAt, mainPID: mainPID)
        }
        return try start(
            arguments, block, in: specification.program.workingDirectory, streams: streams)
    }

    private func start(
        _ arguments: [String], _ block: EnvironmentBlock, in directory: String?,
        streams: borrowing ChildStreams
    ) throws(SpawnFailure) -> ProcessIdentity {
        let request = try SpawnRequest(
            arguments: arguments, environment: block, workingDirectory: directory)
        return try spawner.spawn(request, streams: streams).identity
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
}
