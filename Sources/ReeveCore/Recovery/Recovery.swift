// SPDX-License-Identifier: Apache-2.0
//
// A recovery is a ladder: what costs nobody anything comes first, and the first action that helped ends
// it. Free memory; forget failures; see to the dependencies; and only then restart. Each action says what
// it measured and why it went as it did. What an action waits for has an end of its own, so that a
// recovery always ends.

/// A recovery under way.
struct Recovery: Equatable, Sendable {
    enum Step: Equatable, Sendable {
        /// This action's turn has come. Next: any other step, or the end.
        case due(RecoveryAction.Kind)
        /// The cleanup command runs. Next: `settling`, `due`.
        case cleaning(CommandID)
        /// The cleanup was asked for; what it freed shows after a while. Next: `measuring`.
        case settling(until: Instant)
        /// A sample was asked for; it is given up at `until`. Next: `due`.
        case measuring(until: Instant)
        /// A dependency is not met; at `until` it is waited for no longer. Next: `due`, the end.
        case waiting(for: [SchedulerName], until: Instant)
        /// Its run is being ended, and a new one follows. Next: the end.
        case restarting
    }

    /// Counts the recoveries of one scheduler, from 1.
    let number: Int
    let trigger: RecoveryTrigger
    let began: Instant
    /// The run it is about; nil where none was up.
    let run: RunID?
    var step: Step
    /// Memory when the cleanup was asked for.
    var before: Bytes?
    var actions: [RecoveryAction] = []

    /// When the step is over in any case; nil while something else moves it.
    var deadline: Instant? {
        switch step {
        case .settling(let until), .measuring(let until), .waiting(_, let until): until
        case .due, .cleaning, .restarting: nil
        }
    }
}

/// How a recovery ended.
struct RecoveryReport: Equatable, Sendable {
    let number: Int
    let trigger: RecoveryTrigger
    let actions: [RecoveryAction]
    let end: Recovery.End
    let at: WallTime
}

extension Recovery {
    /// The whole's end.
    enum End: Equatable, Sendable {
        /// What was wrong is so no longer, or a new run has been started.
        case helped
        /// Nothing was wrong.
        case notNeeded
        /// It is as it was; the words say why.
        case failed(String)
    }
}

extension Recovery {
    /// For `reeve status`.
    var status: RecoveryStatus {
        let words =
            switch step {
            case .due(let kind): "\(kind.words) comes next"
            case .cleaning: "its cleanup command runs"
            case .settling: "waits for what the cleanup frees"
            case .measuring: "measures what the cleanup freed"
            case .waiting(let names, _): "waits for \(listed(names))"
            case .restarting: "restarts it"
            }
        return RecoveryStatus(number: number, trigger: trigger, words: words, actions: actions)
    }
}

extension RecoveryReport {
    var status: RecoveryStatus {
        let words =
            switch end {
            case .helped: "recovered"
            case .notNeeded: "there was nothing to recover from"
            case .failed(let why): why
            }
        return RecoveryStatus(
            number: number, trigger: trigger, words: words, actions: actions, endedAt: at)
    }
}

extension Scheduler {
    /// Begins a recovery, unless one is under way.
    mutating func beginRecovery(_ trigger: RecoveryTrigger, _ turn: inout Turn) {
        guard recovery == nil else { return }
        recoveries += 1
        recovery = Recovery(
            number: recoveries, trigger: trigger, began: turn.now.monotonic,
            run: trigger == .errors ? nil : lifecycle.run?.id, step: .due(.memoryCleanup))
    }

    /// A failure in a row more. At `error-threshold` it is unhealthy, and what can be seen to is.
    mutating func countFailure(_ turn: inout Turn) {
        consecutiveFailures += 1
        if consecutiveFailures == specification.errorThreshold { beginRecovery(.errors, &turn) }
    }

    /// Writes an action down; it is said unless there was nothing for it to do.
    mutating func noteRecovery(
        _ kind: RecoveryAction.Kind, before: String? = nil, after: String? = nil,
        _ result: RecoveryAction.Result, _ reason: String, _ turn: inout Turn
    ) {
        guard let recovery else { return }
        let action = RecoveryAction(
            kind, because: recovery.trigger, before: before, after: after, result, reason)
        self.recovery?.actions.append(action)
        metrics.note(kind, result)
        if result != .skipped { record(.recovering(action), run: recovery.run, in: &turn) }
    }

    /// Ends the recovery and keeps what it did.
    mutating func endRecovery(_ end: Recovery.End, _ turn: inout Turn) {
        guard let recovery else { return }
        self.recovery = nil
        lastRecovery = RecoveryReport(
            number: recovery.number, trigger: recovery.trigger, actions: recovery.actions,
            end: end, at: turn.now.wall)
        // What was refused has said so itself.
        if case .failed(let words) = end, recovery.actions.last?.result != .refused {
            record(.recoveryFailed(recovery.trigger, reason: words), run: recovery.run, in: &turn)
        }
    }

    // MARK: Memory cleanup

    /// Whether a cleanup is to be tried before a restart for memory.
    var mayCleanUp: Bool {
        guard specification.memory.action == .recover, let run = lifecycle.run else { return false }
        return specification.recovery.cleanup != nil && !run.isCleanupTried && run.leader != nil
    }

    mutating func takeMemoryCleanup(_ turn: inout Turn) {
        guard let recovery, case .due(.memoryCleanup) = recovery.step else { return }
        self.recovery?.step = .due(.errorReset)
        guard let cleanup = specification.recovery.cleanup else {
            return noteRecovery(.memoryCleanup, .skipped, "no `cleanup` is configured", &turn)
        }
        if recovery.trigger == .errors { return cleanUpAfterErrors(cleanup, &turn) }
        guard let run = lifecycle.run, let leader = run.leader, !isStopping else {
            return noteRecovery(.memoryCleanup, .skipped, "nothing of it runs", &turn)
        }
        if recovery.trigger == .operator, !run.memory.isPressing(specification.memory) {
            let words = "its memory is not near a threshold"
            return noteRecovery(
                .memoryCleanup, before: run.memory.last?.description, .skipped, words, &turn)
        }
        switch recovery.trigger {
        case .memory where !mayCleanUp:
            return noteRecovery(.memoryCleanup, .skipped, "it did not help before", &turn)
        case .healthCheck:
            return noteRecovery(.memoryCleanup, .skipped, "memory is not what is wrong", &turn)
        case .memory, .operator, .errors: break
        }
        updateRun { $0.isCleanupTried = true }
        self.recovery?.before = run.memory.last
        self.recovery?.step = .settling(until: turn.now.monotonic + Limits.cleanupSettleTime)
        switch cleanup {
        case .signal(let signal):
            turn.effects.append(.passSignal(run.id, signal))
            let words =
                "\(signal) to pid \(leader.pid); measured again in \(Limits.cleanupSettleTime)"
            record(.cleanupBegan(words), run: run.id, in: &turn)
        case .command(let arguments): runCleanup(arguments, about: run.id, &turn)
        }
    }

    /// Nothing of a scheduled one that failed runs any more; a command can still clear away what it left.
    private mutating func cleanUpAfterErrors(
        _ cleanup: RecoverySettings.Cleanup, _ turn: inout Turn
    ) {
        guard schedule != nil, case .command(let arguments) = cleanup else { return }
        runCleanup(arguments, about: nil, &turn)
    }

    private mutating func runCleanup(
        _ arguments: [String], about run: RunID?, _ turn: inout Turn
    ) {
        let command = turn.run(
            AuxiliaryCommand(
                .cleanup, for: id, about: run, arguments: arguments,
                timeout: specification.recovery.hookTimeout, output: .logged))
        recovery?.step = .cleaning(command)
        record(.cleanupBegan("its cleanup command runs"), run: run, in: &turn)
    }

    mutating func cleanupCommandEnded(
        _ id: CommandID, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard let recovery, recovery.step == .cleaning(id) else { return }
        if let failure = outcome.failure {
            let words = "its cleanup command \(failure)"
            cleanupEnded(before: recovery.before?.description, after: nil, .failed, words, &turn)
        } else if recovery.trigger == .errors {
            cleanupEnded(before: nil, after: nil, .done, "its cleanup command succeeded", &turn)
        } else {
            let until = turn.now.monotonic + Limits.cleanupSettleTime
            self.recovery?.step = .settling(until: until)
        }
    }

    /// The sample after a cleanup has come.
    mutating func measuredAfterCleanup(_ reading: MemoryReading, _ turn: inout Turn) {
        guard let recovery, case .measuring = recovery.step, recovery.run == lifecycle.run?.id
        else { return }
        let before = recovery.before?.description
        switch reading {
        case .unreadable(let why):
            cleanupEnded(
                before: before, after: nil, .failed, "it cannot be measured: \(why)", &turn)
        case .resident(let bytes):
            guard let limit = specification.memory.threshold else {
                return cleanupEnded(
                    before: before, after: bytes.description, .done, "no threshold is set", &turn)
            }
            let isBelow = bytes <= limit
            cleanupEnded(
                before: before, after: bytes.description, isBelow ? .helped : .failed,
                isBelow ? "below the threshold of \(limit)" : "above the threshold of \(limit)",
                &turn)
        }
    }

    private mutating func cleanupEnded(
        before: String?, after: String?, _ result: RecoveryAction.Result, _ reason: String,
        _ turn: inout Turn
    ) {
        noteRecovery(.memoryCleanup, before: before, after: after, result, reason, &turn)
        recovery?.step = .due(.errorReset)
        if result == .helped, recovery?.trigger == .memory { endRecovery(.helped, &turn) }
    }

    // MARK: Error reset

    /// Failures are forgotten when an operator recovers; the restart window is not.
    mutating func takeErrorReset(_ turn: inout Turn) {
        guard let recovery, case .due(.errorReset) = recovery.step else { return }
        self.recovery?.step = .due(.dependencyCheck)
        guard recovery.trigger == .operator else { return }
        guard consecutiveFailures > 0 || isOverLimit || restartsWithoutGoodTime > 0 else {
            return noteRecovery(.errorReset, .skipped, "no failure is counted", &turn)
        }
        let before = counted(consecutiveFailures, "failure")
        resetFailures(reason: "recovered by the operator", &turn)
        noteRecovery(
            .errorReset, before: before, after: counted(0, "failure"), .done,
            "failures are forgotten, its restarts still count", &turn)
    }

    // MARK: Time

    mutating func recoveryTimePassed(_ turn: inout Turn) {
        let now = turn.now.monotonic
        guard let recovery, let deadline = recovery.deadline, deadline <= now else { return }
        switch recovery.step {
        case .settling:
            self.recovery?.step = .measuring(until: now + Limits.cleanupSettleTime)
            if let run = recovery.run { turn.effects.append(.sample(run)) }
        case .measuring:
            cleanupEnded(
                before: recovery.before?.description, after: nil, .failed,
                "no measurement came", &turn)
        case .waiting(let names, _):
            let words = "\(listed(names)) still not met after \(now - recovery.began)"
            noteRecovery(.dependencyCheck, .failed, words, &turn)
            endRecovery(
                .failed("a restart would not help while \(listed(names)) is not met"), &turn)
        case .due, .cleaning, .restarting:
            break
        }
    }
}
