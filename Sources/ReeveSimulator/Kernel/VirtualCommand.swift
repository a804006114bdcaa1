// SPDX-License-Identifier: Apache-2.0
//
// Commands that are no runs, and probes, as the virtual kernel sees them: how each will go is drawn when it
// is asked for, a health check's by the script of the run that it is about.

internal import ReeveCore

/// What a command will do.
enum CommandScript: Equatable, Sendable {
    case notStarted
    case ends(after: Duration, ExitStatus)
    case hangs
}

/// How a run answers health checks, and what it says of itself.
struct HealthScript: Equatable, Sendable {
    /// From its start until a check can pass.
    var passesAfter = Duration.zero
    /// When checks fail again, and until when.
    var failsFrom: Duration?
    var failsUntil = Duration.zero
    /// Until a check is answered.
    var takes = Duration.milliseconds(3)
    /// READY=1 is sent after this; nil: never.
    var readyAfter: Duration? = .milliseconds(50)
    /// EXTEND_TIMEOUT_USEC at the start, by this much.
    var extends: Duration?
    /// WATCHDOG=1 is sent this often; nil: never.
    var signEvery: Duration?
    /// The last sign of life; nil: they go on.
    var signsUntil: Duration?
    /// WATCHDOG=trigger is sent after this.
    var triggersAfter: Duration?
    var saysStatus = false
}

/// A command or a probe as the world saw it.
struct CommandTruth {
    let id: CommandID
    let purpose: AuxiliaryCommand.Purpose
    let isProbe: Bool
    let scheduler: SchedulerID?
    /// The run that it is about.
    let run: RunID?
    let askedAt: Instant
    /// When the core asked for its end.
    var endAskedAt: Instant?
    /// The check is another since it was asked for: its answer is of no use.
    var isStale = false
    /// How it goes, as things stand.
    var outcome: CommandOutcome
    /// Its outcome is on the way to the core.
    var isOver = false
    /// When the core was told of it.
    var answeredAt: Instant?

    /// As a shell would report its end: 124 where its time was over, 126 where there was nothing to start.
    var shellCode: Int32 {
        switch outcome {
        case .ended(let status, output: _): status.shellCode
        case .timedOut: 124
        case .notStarted: 126
        }
    }
    var isHealthCheck: Bool { purpose == .healthCheck }
    var hasPassed: Bool {
        if case .ended(.exited(code: 0), output: _) = outcome { true } else { false }
    }
}

extension Kernel {
    func index(of command: CommandID) -> Int? { commandIndices[command] }

    func command(_ id: CommandID) -> CommandTruth? { index(of: id).map { commands[$0] } }

    func add(_ command: CommandTruth) -> Int {
        commandIndices[command.id] = commands.count
        commands.append(command)
        openCommands.append(commands.count - 1)
        if command.purpose == .onStart, let scheduler = command.scheduler {
            begun.insert(scheduler)
        }
        return commands.count - 1
    }

    func noteAnswer(to id: CommandID) {
        guard let index = index(of: id) else { return }
        commands[index].answeredAt = now
        openCommands.removeAll { $0 == index }
        let command = commands[index]
        if command.purpose == .onStart, !command.hasPassed, let scheduler = command.scheduler {
            failedBefore[scheduler] = command
        }
    }

    /// Under other settings, which follow, what checks have said counts no more.
    func noteChange(
        of scheduler: SchedulerID, from old: SchedulerSpecification, to new: SchedulerSpecification
    ) {
        let isOtherReadiness = old.readiness.rule != new.readiness.rule
        // What cannot go on under the new settings is not judged by them: it is ended, or ends by itself.
        let isOther =
            old.kind != new.kind || old.program != new.program
            || old.wantsNotifySocket != new.wantsNotifySocket
        for index in runs.indices where isOther && runs[index].scheduler == scheduler {
            if runs[index].reapedAt == nil, runs[index].kept == nil { runs[index].kept = old }
        }
        guard
            isOtherReadiness || old.healthCheck != new.healthCheck
                || old.healthCheckInterval != new.healthCheckInterval
        else { return }
        for index in openCommands
        where commands[index].isHealthCheck && commands[index].scheduler == scheduler {
            let isKept = commands[index].run.flatMap { run($0) }?.kept != nil
            commands[index].isStale = commands[index].isStale || !isKept
        }
        for index in runs.indices where runs[index].scheduler == scheduler {
            guard runs[index].reapedAt == nil, !runs[index].failedToSpawn else {
                if isOtherReadiness { runs[index].checks.settle(readyAt: readyAt(runs[index])) }
                continue
            }
            guard runs[index].kept == nil else { continue }
            runs[index].checks.forget()
            if isOtherReadiness { runs[index].checks.judge(by: new.readiness.rule, at: now) }
        }
    }

    /// Health checks of a scheduler that were not answered.
    func pendingChecks(of scheduler: SchedulerID) -> [CommandTruth] {
        openCommands.map { commands[$0] }.filter { $0.isHealthCheck && $0.scheduler == scheduler }
    }

    /// Plans what a run will say, from its start on.
    func scheduleSigns(ofRun index: Int) {
        let health = runs[index].script.health
        if let span = health.extends { say([.extendTimeout(span)], ofRun: index, at: now) }
        if let after = health.readyAfter {
            let status: [Notification] = health.saysStatus ? [.status("up")] : []
            say([.ready] + status, ofRun: index, at: now + after)
        }
        if let after = health.triggersAfter {
            say([.watchdogTriggered], ofRun: index, at: now + after)
        }
        if health.signEvery != nil { scheduleSign(ofRun: index) }
    }

    /// The next WATCHDOG=1, if there is one.
    func scheduleSign(ofRun index: Int) {
        let health = runs[index].script.health
        guard let every = health.signEvery else { return }
        let at = now + every
        if let until = health.signsUntil, at - runs[index].askedAt > until { return }
        say([.watchdog], ofRun: index, at: at)
    }

    private func say(_ notifications: [Notification], ofRun index: Int, at instant: Instant) {
        guard wantsSocket(runs[index].scheduler) else { return }
        schedule(.says(run: index, notifications), at: instant)
    }

    private func wantsSocket(_ scheduler: SchedulerID) -> Bool {
        specification(of: scheduler).wantsNotifySocket
    }

    /// Whether a start of it has ever begun.
    func hasBegun(_ scheduler: SchedulerID) -> Bool {
        runCount(of: scheduler) > 0 || begun.contains(scheduler)
    }

    /// Whether a command around a run of it is not over.
    func runsHook(_ scheduler: SchedulerID) -> Bool {
        openCommands.map { commands[$0] }.contains {
            $0.scheduler == scheduler && ($0.purpose == .onStart || $0.purpose == .onStop)
        }
    }
}

extension Shell {
    func run(_ id: CommandID, _ command: AuxiliaryCommand) {
        // After the end of faults each command does what it is for.
        let script =
            kernel.now >= scenario.faultsEnd
            ? CommandScript.ends(after: .milliseconds(2), .exited(code: 0))
            : scenario.commandScript(command, ordinal: kernel.commands.count)
        var (outcome, after) = ending(of: script, timeout: command.timeout)
        if command.purpose == .healthCheck, let run = command.run.flatMap({ kernel.run($0) }),
            script != .notStarted
        {
            (outcome, after) = check(run, timeout: command.timeout)
        }
        start(
            CommandTruth(
                id: id, purpose: command.purpose, isProbe: false, scheduler: command.scheduler,
                run: command.run, askedAt: kernel.now, outcome: outcome), after: after)
        noteCleanup(command, script)
    }

    func probe(_ id: CommandID, _ probe: Probe) {
        let run = kernel.lastRun(of: probe.scheduler)
        let (outcome, after) =
            run.map { check($0, timeout: probe.timeout) } ?? (.timedOut(output: ""), probe.timeout)
        start(
            CommandTruth(
                id: id, purpose: .healthCheck, isProbe: true, scheduler: probe.scheduler,
                run: run?.id, askedAt: kernel.now, outcome: outcome), after: after)
    }

    private func start(_ command: CommandTruth, after: Duration) {
        guard kernel.index(of: command.id) == nil else { return }
        post(.command(kernel.add(command)), ready: kernel.now + after + delay())
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

    /// How a health check of this run goes. After the end of faults all pass.
    private func check(
        _ run: RunTruth, timeout: Duration
    ) -> (CommandOutcome, after: Duration) {
        let health = run.script.health
        let age = kernel.now - run.askedAt
        let isCalm = kernel.now >= scenario.faultsEnd
        let takes = isCalm ? .milliseconds(2) : health.takes
        guard takes < timeout else { return (.timedOut(output: ""), timeout) }
        let isFailing = health.failsFrom.map { $0 <= age && age < health.failsUntil } ?? false
        let passes = isCalm || (age >= health.passesAfter && !isFailing)
        return (.ended(.exited(code: passes ? 0 : 1), output: ""), takes)
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
        guard let index = kernel.index(of: id), kernel.commands[index].endAskedAt == nil
        else { return }
        kernel.commands[index].endAskedAt = kernel.now
        guard !kernel.commands[index].isOver else { return }
        kernel.commands[index].outcome = .ended(.signalled(.kill, coreDumped: false), output: "")
        post(.command(index), ready: kernel.now + delay())
    }

    /// The outcome of a command that is over; nil where it was told already.
    func outcome(ofCommand index: Int) -> Event? {
        guard !kernel.commands[index].isOver else { return nil }
        kernel.commands[index].isOver = true
        let command = kernel.commands[index]
        guard command.isProbe else { return .commandEnded(command.id, command.outcome) }
        return .probed(
            command.id,
            command.hasPassed ? .passed(words: "it answers") : .failed(words: "refused"))
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
    /// How the command of this number goes.
    func commandScript(_ command: AuxiliaryCommand, ordinal: Int) -> CommandScript {
        var random = Randomness(seed: seed, stream: 6, part: UInt64(ordinal))
        if command.purpose == .onStart {
            let span = random.span(.zero, .milliseconds(200))
            guard let index = command.scheduler?.index, temperaments.indices.contains(index),
                random.chance(temperaments[index].failsBefore)
            else { return .ends(after: span, .exited(code: 0)) }
            return random.pick(.ends(after: span, .exited(code: 1)), .notStarted, .hangs)
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
