// SPDX-License-Identifier: Apache-2.0
//
// Commands that are no runs, as the virtual kernel sees them: how each will go is drawn when it is asked
// for, and the checkers read what became of it.

internal import ReeveCore

/// What a command will do.
enum CommandScript: Equatable, Sendable {
    case notStarted
    case ends(after: Duration, ExitStatus)
    case hangs
}

/// A command as the world saw it.
struct CommandTruth {
    let id: CommandID
    let command: AuxiliaryCommand
    let askedAt: Instant
    /// When the core asked for its end.
    var endAskedAt: Instant?
    /// How it goes, as things stand.
    var outcome: CommandOutcome
    /// Its outcome is on the way to the core.
    var isOver = false
    /// When the core was told of it.
    var answeredAt: Instant?
}

extension Kernel {
    func index(of command: CommandID) -> Int? { commands.firstIndex { $0.id == command } }

    /// Whether a start of it has ever begun.
    func hasBegun(_ scheduler: SchedulerID) -> Bool {
        runCount(of: scheduler) > 0
            || commands.contains {
                $0.command.scheduler == scheduler && $0.command.purpose == .onStart
            }
    }

    /// Whether a command around a run of it is not over.
    func runsHook(_ scheduler: SchedulerID) -> Bool {
        commands.contains {
            $0.answeredAt == nil && $0.command.scheduler == scheduler
                && ($0.command.purpose == .onStart || $0.command.purpose == .onStop)
        }
    }
}

extension Shell {
    func run(_ id: CommandID, _ command: AuxiliaryCommand) {
        guard kernel.index(of: id) == nil else { return }
        let script = scenario.commandScript(command, ordinal: kernel.commands.count)
        let (outcome, after) = ending(of: script, timeout: command.timeout)
        kernel.commands.append(
            CommandTruth(id: id, command: command, askedAt: kernel.now, outcome: outcome))
        post(.command(kernel.commands.count - 1), ready: kernel.now + after + delay())
        noteCleanup(command, script)
    }

    /// A cleanup command that succeeds reaches the program that it is about.
    private func noteCleanup(_ command: AuxiliaryCommand, _ script: CommandScript) {
        guard command.purpose == .cleanup, let run = command.run,
            let index = kernel.index(of: run)
        else { return }
        kernel.runs[index].cleanupAskedAt = kernel.now
        guard case .ends(_, .exited(code: 0)) = script else { return }
        if kernel.runs[index].script.reactsToCleanup { kernel.runs[index].cleanedAt = kernel.now }
    }

    private func ending(
        of script: CommandScript, timeout: Duration
    ) -> (CommandOutcome, after: Duration) {
        switch script {
        case .notStarted: (.notStarted(words: "/bin/c: no such file or directory (ENOENT)"), .zero)
        case .ends(let after, let status) where after < timeout: (.ended(status, output: ""), after)
        case .ends, .hangs: (.timedOut(output: ""), timeout)
        }
    }

    func end(_ id: CommandID) {
        guard let index = kernel.index(of: id), !kernel.commands[index].isOver,
            kernel.commands[index].endAskedAt == nil
        else { return }
        kernel.commands[index].endAskedAt = kernel.now
        kernel.commands[index].outcome = .ended(.signalled(.kill, coreDumped: false), output: "")
        post(.command(index), ready: kernel.now + delay())
    }

    /// The outcome of a command that is over; nil where it was told already.
    func outcome(ofCommand index: Int) -> Event? {
        guard !kernel.commands[index].isOver else { return nil }
        kernel.commands[index].isOver = true
        return .commandEnded(kernel.commands[index].id, kernel.commands[index].outcome)
    }
}

extension Effect {
    /// Whose start begins with this: with the command before it, where there is one.
    func starts(in kernel: Kernel) -> SchedulerID? {
        if case .runCommand(_, let command) = self, command.purpose == .onStart {
            return command.scheduler
        }
        guard case .spawn(_, let scheduler) = self,
            kernel.specification.schedulers.indices.contains(scheduler.index)
        else { return nil }
        return kernel.specification(of: scheduler).recovery.onStart == nil ? scheduler : nil
    }
}

extension Scenario {
    /// How the command of this number goes. What is run before a start never fails here: the checkers
    /// know starts by their runs.
    func commandScript(_ command: AuxiliaryCommand, ordinal: Int) -> CommandScript {
        var random = Randomness(seed: seed, stream: 6, part: UInt64(ordinal))
        if command.purpose == .onStart {
            return .ends(after: random.span(.zero, .milliseconds(200)), .exited(code: 0))
        }
        if random.chance(5) { return .notStarted }
        if random.chance(10) { return .hangs }
        let status = random.pick(
            ExitStatus.exited(code: 0), .exited(code: 0), .exited(code: 1),
            .signalled(.segmentationViolation, coreDumped: false))
        let longest = random.pick(Duration.milliseconds(5), .milliseconds(200), .seconds(4))
        return .ends(after: random.span(.zero, longest), status)
    }
}
