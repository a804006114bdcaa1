// SPDX-License-Identifier: Apache-2.0
//
// An execution of a scheduled one, from its first attempt to its outcome. The runs themselves go through
// the same machinery as a task's; here is what their ends mean for the execution.

extension Scheduler {
    /// Writes down an outcome of occurrences that were not executed.
    mutating func settle(
        _ trigger: LedgerEntry.Trigger, from first: WallTime, through last: WallTime? = nil,
        count: Int = 1, _ outcome: LedgerEntry.Outcome, reason: String, _ turn: inout Turn
    ) {
        turn.effects.append(
            .ledger(
                LedgerEntry(
                    scheduler: specification.name, trigger: trigger, occurrence: first,
                    through: last, count: count, at: turn.now.wall,
                    event: .ended(outcome, reason: reason, run: nil))))
        metrics.note(outcome, count: count)
        record(
            .occurrenceEnded(outcome, occurrence: first, count: count, reason: reason), in: &turn)
    }

    mutating func settle(
        _ execution: Execution, _ outcome: LedgerEntry.Outcome, reason: String, _ turn: inout Turn
    ) {
        settle(execution.trigger, from: execution.occurrence, outcome, reason: reason, &turn)
        schedule?.lastConclusion = (execution.number, "\(outcome.words): \(reason)")
    }

    /// Ends the current execution with its outcome.
    mutating func conclude(
        _ outcome: LedgerEntry.Outcome, reason: String, _ turn: inout Turn
    ) {
        guard let execution = schedule?.current else { return }
        schedule?.current = nil
        schedule?.lastOutcome = outcome
        schedule?.lastConclusion = (execution.number, "\(outcome.words): \(reason)")
        turn.effects.append(
            .ledger(
                LedgerEntry(
                    scheduler: specification.name, trigger: execution.trigger,
                    occurrence: execution.occurrence, at: turn.now.wall,
                    event: .ended(outcome, reason: reason, run: execution.run))))
        record(
            .occurrenceEnded(
                outcome, occurrence: execution.occurrence, count: 1, reason: reason),
            run: execution.run, in: &turn)
        metrics.note(outcome, count: 1)
        if outcome == .succeeded || outcome == .failed || outcome == .timedOut {
            metrics.executed(
                succeeded: outcome == .succeeded, timedOut: outcome == .timedOut,
                at: turn.now.monotonic)
        }
        if outcome == .succeeded {
            let next = schedule?.nextDue(at: turn.now)
            metrics.succeeded(
                at: turn.now.wall, expectedBy: next.map { $0 + (specification.timeout ?? .zero) })
        }
        switch outcome {
        case .failed, .timedOut: countFailure(&turn)
        case .succeeded: resetFailures(reason: "it succeeded", &turn)
        case .skippedOverlap, .skippedDependency, .missed, .coalesced, .cancelled, .paused, .lost:
            break
        }
    }

    /// Earlier supervisors dealt with everything through this instant. One that is not scheduled now may be later.
    mutating func restore(through: WallTime) {
        guard schedule == nil else {
            schedule?.restore(through: through)
            return
        }
        var former =
            formerSchedule ?? ScheduleState(ScheduleSettings(.cron("@start")), zones: [], seed: 0)
        former.restore(through: through)
        formerSchedule = former
    }

    /// An earlier supervisor saw it succeed.
    mutating func restoreSuccess(at success: WallTime) {
        guard let schedule, metrics.lastSuccess.map({ $0 < success }) ?? true else { return }
        metrics.succeeded(
            at: success,
            expectedBy: schedule.expected(after: success).map {
                $0 + (specification.timeout ?? .zero)
            })
    }

    /// The entry that goes before each spawn.
    mutating func writeStart(of run: RunID, _ turn: inout Turn) {
        schedule?.current?.run = run
        guard let execution = schedule?.current else { return }
        turn.effects.append(
            .ledger(
                LedgerEntry(
                    scheduler: specification.name, trigger: execution.trigger,
                    occurrence: execution.occurrence, at: turn.now.wall,
                    event: .started(run, attempt: execution.attempt))))
    }

    /// A run of an execution ended: its outcome, or a further attempt.
    mutating func followExecution(
        _ verdict: Verdict, isTimeout: Bool = false, _ turn: inout Turn
    ) -> RestartOutcome {
        switch verdict.kind {
        case .success: conclude(.succeeded, reason: verdict.meaning, &turn)
        case .ended: conclude(.cancelled, reason: verdict.meaning, &turn)
        case .failure:
            if let refusal = retryRefusal(isTimeout: isTimeout) {
                let words = refusal.isEmpty ? verdict.meaning : "\(verdict.meaning); \(refusal)"
                conclude(isTimeout ? .timedOut : .failed, reason: words, &turn)
            } else {
                retry(verdict, &turn)
                return .settled
            }
        }
        return rest()
    }

    /// Why no attempt follows a failure; empty where none is configured, nil where one does.
    func retryRefusal(isTimeout: Bool) -> String? {
        guard let schedule, let execution = schedule.current, schedule.settings.maxRetries > 0
        else { return "" }
        if desired != .up { return "no further attempt, since it is stopped" }
        if replacement?.kind.isScheduled == false {
            return "no further attempt, since it is no longer scheduled"
        }
        if execution.attempt > schedule.settings.maxRetries {
            return "that was attempt \(execution.attempt), the last"
        }
        if !isTimeout, schedule.settings.noRetryExitCodes.contains(lastCode) {
            return "no further attempt after exit code \(lastCode)"
        }
        return nil
    }

    private mutating func retry(_ verdict: Verdict, _ turn: inout Turn) {
        guard let settings = schedule?.settings, let execution = schedule?.current else { return }
        let attempt = execution.attempt + 1
        let now = turn.now.monotonic
        let delay = max(settings.retryDelay(before: attempt), Limits.spawnSpacing)
        schedule?.current?.attempt = attempt
        startReason = "attempt \(attempt) of \(settings.maxRetries + 1): it \(verdict.meaning)"
        enter(.backingOff(.init(until: now + delay, reason: verdict.meaning)))
        record(
            .retryScheduled(
                attempt: attempt, of: settings.maxRetries + 1, after: delay,
                reason: verdict.meaning), in: &turn)
    }

    /// After an execution: idle again, by way of the supervisor, or down.
    private mutating func rest() -> RestartOutcome {
        if desired == .up { return .startNow }
        enter(.stopped(downReason))
        return .settled
    }

    /// A run of an execution was ended by reeve, and nothing of it is alive.
    mutating func finishedExecution(_ stop: Stop, _ turn: inout Turn) -> RestartOutcome {
        // Another execution may have ended since its leader did.
        if let status = stop.leaderStatus { lastCode = status.shellCode }
        switch stop.cause {
        case .shutdown: conclude(.cancelled, reason: "ended because reeve shuts down", &turn)
        case .byOperator: conclude(.cancelled, reason: "ended by the operator", &turn)
        case .replaced: conclude(.cancelled, reason: "replaced by the next occurrence", &turn)
        case .reconfigured:
            conclude(.cancelled, reason: "ended because its configuration changed", &turn)
        case .dependencyLost(let name), .dependencyBack(let name):
            conclude(.cancelled, reason: "ended for its dependency \(name)", &turn)
        case .recovery(.memory), .memoryHardLimit:
            let verdict = Verdict(kind: .failure, meaning: "was stopped for its memory")
            return followExecution(verdict, &turn)
        case .recovery:
            conclude(.cancelled, reason: "ended by a recovery: \(stop.reason)", &turn)
        case .timeout, .notReady, .watchdog:
            return followExecution(
                Verdict(kind: .failure, meaning: stop.failure?.words ?? "failed"),
                isTimeout: stop.cause == .timeout, &turn)
        case .leftovers(let verdict): return followExecution(verdict, &turn)
        }
        return rest()
    }

    /// What is left of a run could not be ended; its execution is over all the same.
    mutating func concludeSurvived(_ stop: Stop, _ turn: inout Turn) {
        conclude(
            stop.cause == .timeout ? .timedOut : .cancelled,
            reason: "\(stop.reason), and its processes could not be ended", &turn)
    }

    /// Follows the schedule no longer. What waits is withdrawn; a run goes on.
    mutating func closeSchedule(reason: String, _ turn: inout Turn) {
        guard schedule != nil else { return }
        for execution in schedule?.queue ?? [] {
            settle(execution, .cancelled, reason: reason, &turn)
        }
        schedule?.queue = []
        withdrawAttempts(reason: reason, &turn)
        accountForPause(&turn)
        schedule?.disable()
    }

    /// Its schedule was paused by an operator before it was taken up.
    var isKeptPaused: Bool { wish?.isPaused == true && schedule?.isPaused == true }

    /// Gives the occurrences of a pause, or of a stop, their outcome.
    mutating func accountForPause(through wall: WallTime? = nil, _ turn: inout Turn) {
        guard let state = schedule, state.isPaused || state.isStopped else { return }
        let reason = state.isPaused ? "the scheduler was paused" : "the scheduler was stopped"
        for span in schedule?.account(through: wall ?? turn.now.wall) ?? [] {
            settle(
                .schedule, from: span.first, through: span.last, count: span.count, .paused,
                reason: span.isAtLeast ? "\(reason); there were at least so many" : reason, &turn)
        }
    }
}

extension LedgerEntry.Outcome {
    /// With its verb, after "the execution".
    var verbWords: String {
        switch self {
        case .succeeded, .failed, .timedOut: words
        case .skippedOverlap, .skippedDependency, .missed, .coalesced, .cancelled, .lost:
            "is \(words)"
        case .paused: "is skipped"
        }
    }

    /// As it stands in a sentence: "timed out", "skipped".
    var words: String {
        switch self {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .timedOut: "timed out"
        case .skippedOverlap, .skippedDependency: "skipped"
        case .missed: "missed"
        case .coalesced: "coalesced"
        case .cancelled: "cancelled"
        case .paused: "paused"
        case .lost: "lost"
        }
    }
}
