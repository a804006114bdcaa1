// SPDX-License-Identifier: Apache-2.0
//
// What operators ask of schedules.

extension Supervisor {
    /// Executes a scheduled one now, under the rules of its occurrences.
    mutating func runNow(
        _ id: SchedulerID, _ request: RequestID, force: Bool, _ turn: inout Turn
    ) {
        guard let state = schedulers[id.index].schedule else {
            return refuseSchedule(id, request, &turn)
        }
        guard state.enabledAt != nil else {
            let words = "is not started; `reeve start` lets it follow its schedule"
            return refuse(.notRunning, words, id, request, &turn)
        }
        let instant =
            schedulers[id.index].schedule?.newInstant(at: turn.now) ?? turn.now.wall
        let execution = schedulers[id.index].schedule?.newExecution(
            .manual, at: instant, reason: "asked by the operator", isForced: force)
        guard let execution else { return }
        offer(execution, mayWait: false, id, &turn)
        wait(request, .executed(execution.number), [id], &turn)
    }

    /// Pauses or resumes a schedule. A run that goes on is left alone.
    mutating func setPaused(
        _ isPaused: Bool, _ id: SchedulerID, _ request: RequestID, _ turn: inout Turn
    ) {
        guard let state = schedulers[id.index].schedule else {
            return refuseSchedule(id, request, &turn)
        }
        guard state.isPaused != isPaused else {
            let words = isPaused ? "is paused already" : "is not paused"
            return answer(.unchanged, words, id, request, &turn)
        }
        if isPaused {
            schedulers[id.index].schedule?.pause()
            schedulers[id.index].record(.paused, in: &turn)
        } else {
            schedulers[id.index].accountForPause(&turn)
            schedulers[id.index].schedule?.resume(at: turn.now)
            schedulers[id.index].record(.resumed, in: &turn)
        }
        keep(paused: isPaused, of: id, &turn)
        touch(id)
        let next = schedulers[id.index].schedule?.nextDue(at: turn.now)
        let words = isPaused ? "paused" : "resumed" + (next.map { ", next run at \($0)" } ?? "")
        answer(.done, words, id, request, &turn)
    }

    private mutating func refuseSchedule(
        _ id: SchedulerID, _ request: RequestID, _ turn: inout Turn
    ) {
        let words = "has no schedule; `reeve start` and `reeve restart` start it"
        refuse(.notScheduled, words, id, request, &turn)
    }

    private func refuse(
        _ refusal: Reply.Refusal, _ words: String, _ id: SchedulerID, _ request: RequestID,
        _ turn: inout Turn
    ) {
        let outcome = Reply.Outcome(scheduler: id, result: .failed, words: words)
        turn.effects.append(.reply(request, Reply(refusal: refusal, outcomes: [outcome])))
    }

    private func answer(
        _ result: Reply.Outcome.Result, _ words: String, _ id: SchedulerID,
        _ request: RequestID, _ turn: inout Turn
    ) {
        let outcome = Reply.Outcome(scheduler: id, result: result, words: words)
        turn.effects.append(.reply(request, Reply(outcomes: [outcome])))
    }

    /// Whether an execution that was asked for has begun, or will not; nil while neither is known.
    func outcomeExecuted(_ number: Int, _ id: SchedulerID) -> Reply.Outcome? {
        func ended(_ result: Reply.Outcome.Result, _ words: String) -> Reply.Outcome {
            Reply.Outcome(scheduler: id, result: result, words: words)
        }
        guard let schedule = schedulers[id.index].schedule else {
            return ended(.failed, "is over: it is no longer scheduled")
        }
        let executing = schedulers[id.index].executing.first { $0.execution.number == number }
        if let executing {
            switch executing.lifecycle {
            case .running(let run): return run.leader.map { ended(.done, "started, pid \($0.pid)") }
            case .backingOff(let backOff):
                return backOff.isSpacing
                    ? nil : ended(.failed, "\(backOff.reason); it is tried again")
            case .stopping: return ended(.failed, "is being ended")
            case .stopped, .waitingForPhase, .idle, .waitingForDependencies, .starting, .exhausted,
                .completed:
                return nil
            }
        }
        if schedule.queue.contains(where: { $0.number == number }) {
            return ended(.pending, "runs when the one before has ended")
        }
        guard let last = schedule.lastConclusion, last.number == number else {
            return ended(.failed, "is over")
        }
        let hasRun = schedule.lastOutcome == .succeeded && last.words.hasPrefix("succeeded")
        return ended(hasRun ? .done : .failed, last.words)
    }
}
