// SPDX-License-Identifier: Apache-2.0
//
// Commands that are no runs: health checks, hooks, deliveries. Each is a tree of processes of its own, in a
// session of its own and with an id of its own, so that the same evidence that tells a run's processes tells
// a command's. It is over when its first process has ended and nothing else of it is left: what that process
// leaves behind is killed at once, and everything at the timeout. Each is answered exactly once, even where
// something of it cannot die.

internal import ReeveCore
internal import ReeveLinux

/// The commands that are running.
final class Commands {
    /// From SIGKILL until a command is answered although something of it is alive.
    static let forceTime = Duration.seconds(5)
    /// How often a command is looked at that does not die.
    private static let lookInterval = Duration.milliseconds(100)

    /// One command between its start and its answer.
    private final class Running {
        let id: CommandID
        let run: Run
        let output: CommandOutput?
        let isLogged: Bool
        /// The end of its time; then, of patience with what does not die.
        var deadline: Instant
        var isKilled = false
        var isTimedOut = false
        var status: ExitStatus?

        init(
            id: CommandID, run: Run, output: CommandOutput?, isLogged: Bool, deadline: Instant
        ) {
            self.id = id
            self.run = run
            self.output = output
            self.isLogged = isLogged
            self.deadline = deadline
        }
    }

    private let epoll: Epoll
    private let processes: Processes
    private let hub: OutputHub
    private var running: [CommandID: Running] = [:]
    private var outputs = OutputTable()
    /// Not after the nearest deadline; may be too early, which costs one look.
    private var earliest: Instant?

    init(epoll: Epoll, processes: Processes, output: OutputHub) {
        self.epoll = epoll
        self.processes = processes
        hub = output
    }

    /// How many have not been answered.
    var count: Int { running.count }

    // MARK: Start and end

    /// Starts a command; `input` is what it reads, nothing where it is empty; `role` that of this binary,
    /// where that is the program. Throws a sentence where it cannot be started, and nothing is kept then.
    func start(
        _ id: CommandID, _ command: AuxiliaryCommand, _ specification: SchedulerSpecification?,
        input: [UInt8] = [], role: String? = nil, at now: Moment
    ) throws(SpawnFailure) {
        let isLogged = command.output == .logged && specification != nil
        if let scheduler = command.scheduler, let specification {
            hub.adopt(specification, of: scheduler)
        }
        var output: CommandOutput?
        do throws(SpawnFailure) {
            var streams = try streams(id, command, isLogged: isLogged, &output)
            if !input.isEmpty {
                streams.stdin = .descriptor(try memory(holding: input))
            }
            let about = command.run.flatMap { processes.table[$0] }
            let run = try processes.spawnCommand(
                id, command, specification, mainPID: about?.leader.pid, role: role, streams: streams
            )
            let deadline = now.monotonic + command.timeout
            running[id] = Running(
                id: id, run: run, output: output, isLogged: isLogged, deadline: deadline)
            earliest = min(earliest ?? deadline, deadline)
        } catch {
            if let output { close(output) }
            if isLogged { hub.runEnded(id.run, at: now) }
            throw error
        }
    }

    /// Kills what is left of a command. Unknown ones are ignored: they have been answered.
    func end(_ id: CommandID, at now: Moment) {
        guard let command = running[id], !command.isKilled else { return }
        kill(command, at: now)
    }

    private func kill(_ command: Running, at now: Moment) {
        command.isKilled = true
        command.deadline = now.monotonic + Commands.forceTime
        _ = processes.kill(command.run)
        wake(at: now.monotonic + Commands.lookInterval)
    }

    private func wake(at instant: Instant) { earliest = min(earliest ?? instant, instant) }

    // MARK: What happened

    /// The first process of a command was reaped.
    func ended(_ id: CommandID, _ status: ExitStatus, at now: Moment) -> Event? {
        guard let command = running[id] else { return nil }
        command.status = status
        return conclude(command, at: now)
    }

    /// Another process of a command was reaped.
    func diminished(_ id: CommandID, at now: Moment) -> Event? {
        running[id].flatMap { conclude($0, at: now) }
    }

    /// Something of a command's output can be read.
    func ready(_ token: Token) {
        // A stale token's output was closed earlier in this turn.
        guard let output = outputs[token] else { return }
        if !output.read() { epoll.remove(output.descriptor) }
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? { earliest }

    /// Kills what has had its time, and gives up on what does not die.
    func timePassed(at now: Moment) -> [Event] {
        earliest = nil
        var events: [Event] = []
        for id in running.keys.sorted() {
            guard let command = running[id] else { continue }
            if !command.isKilled, command.deadline <= now.monotonic {
                command.isTimedOut = command.status == nil
                kill(command, at: now)
            }
            if command.isKilled, let event = conclude(command, at: now) {
                events.append(event)
                continue
            }
            wake(at: command.deadline)
            if command.isKilled { wake(at: now.monotonic + Commands.lookInterval) }
        }
        return events
    }

    /// Answers where nothing is left, or where patience is over. What the first process left behind is
    /// killed at once.
    private func conclude(_ command: Running, at now: Moment) -> Event? {
        let isGivenUp = command.isKilled && command.deadline <= now.monotonic
        guard command.status != nil || isGivenUp else { return nil }
        if !isGivenUp, !processes.alive(command.run).isEmpty {
            if !command.isKilled { kill(command, at: now) }
            return nil
        }
        running[command.id] = nil
        if running.isEmpty { earliest = nil }
        let text = command.output?.finish() ?? ""
        if let output = command.output { close(output) }
        processes.table.forget(command.id.run)
        if command.isLogged { hub.runEnded(command.id.run, at: now) }
        guard !command.isTimedOut, let status = command.status else {
            return .commandEnded(command.id, .timedOut(output: text))
        }
        if let failure = command.run.launchFailure {
            return .commandEnded(command.id, CommandOutcome(failure))
        }
        return .commandEnded(command.id, .ended(status, output: text))
    }

    // MARK: Streams

    private func streams(
        _ id: CommandID, _ command: AuxiliaryCommand, isLogged: Bool,
        _ output: inout CommandOutput?
    ) throws(SpawnFailure) -> ChildStreams {
        do throws(Errno) {
            if isLogged, let scheduler = command.scheduler {
                return try hub.open(run: id.run, of: scheduler)
            }
            guard command.output == .kept else {
                return ChildStreams(stdout: .null, stderr: .null)
            }
            return try Pipe.make().split { (readEnd, writeEnd) throws(Errno) -> ChildStreams in
                let made = CommandOutput(descriptor: readEnd, token: outputs.reserve())
                outputs.insert(made)
                output = made
                try epoll.add(made.descriptor, token: made.token, interest: .readable)
                let second = try writeEnd.duplicate()
                return ChildStreams(stdout: .descriptor(writeEnd), stderr: .descriptor(second))
            }
        } catch {
            throw SpawnFailure(
                errno: error.code, words: "no pipe for its output could be made: \(error)")
        }
    }

    private func memory(holding input: [UInt8]) throws(SpawnFailure) -> FileDescriptor {
        do throws(Errno) {
            return try Memfd.readable(name: "reeve-input", contents: input.span)
        } catch {
            throw SpawnFailure(
                errno: error.code, words: "its input could not be written to memory: \(error)")
        }
    }

    private func close(_ output: CommandOutput) {
        // Before the descriptor goes: a child that is being spawned may hold a duplicate of it.
        epoll.remove(output.descriptor)
        outputs.remove(output)
    }
}
