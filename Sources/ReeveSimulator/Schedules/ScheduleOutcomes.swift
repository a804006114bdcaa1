// SPDX-License-Identifier: Apache-2.0
//
// What may be written of an execution at its end, and of an occurrence that was never begun: each outcome
// has a cause that is seen from outside.

internal import ReeveCore

extension ScheduleChecker {
    mutating func concluded(
        _ entry: LedgerEntry, _ outcome: LedgerEntry.Outcome, _ index: Int,
        _ settings: ScheduleSettings, in kernel: Kernel
    ) -> String? {
        guard let place = accounts[index].open.firstIndex(where: { $0.isOf(entry) }) else {
            return nil
        }
        let execution = accounts[index].open.remove(at: place)
        let sentence =
            entry.trigger == .schedule
            ? accounts[index].write(entry.occurrence, hasEnded: true)
            : accounts[index].writeOther(entry, hasEnded: true)
        if let sentence { return sentence }
        if entry.count != 1 || entry.through != entry.occurrence {
            return "the end of an execution stands for several"
        }
        switch outcome {
        case .succeeded:
            guard let run = kernel.run(execution.run), let status = run.status,
                kernel.isSuccess(status, of: SchedulerID(index)), !run.wasStopped
            else { return "\(entry.occurrence) succeeded, and its last run did not" }
        case .failed, .timedOut:
            let isLast =
                execution.attempt > settings.maxRetries || isDown[index] || isShuttingDown
                || kernel.run(execution.run)?.survivedAt != nil
                || execution.exitCode.map { settings.noRetryExitCodes.contains($0) } == true
            if !isLast, !hasReloaded {
                return "\(entry.occurrence) is given up after attempt \(execution.attempt) of "
                    + "\(settings.maxRetries + 1)"
            }
        case .lost:
            if kernel.run(execution.run) != nil { return "a run is lost that is this supervisor's" }
        case .cancelled:
            if !isCancelled(execution, index, settings, in: kernel) {
                return "\(entry.occurrence) is cancelled, and nobody has ended it"
            }
        case .skippedDependency, .skippedOverlap, .missed, .coalesced, .paused:
            return "\(entry.occurrence) was begun, and is \(outcome.rawValue)"
        }
        return nil
    }

    mutating func writtenOff(
        _ entry: LedgerEntry, _ outcome: LedgerEntry.Outcome, _ index: Int,
        _ settings: ScheduleSettings, in kernel: Kernel
    ) -> String? {
        switch entry.trigger {
        case .schedule:
            intervals[index].count += entry.count
            if entry.isAtLeast { countedOut = kernel.wall }
            // What waited under an earlier timetable is called off by itself; and one may stand for too many to be
            // counted, at no instant of theirs.
            let isStandIn = entry.occurrence == kernel.wall && countedOut == kernel.wall
            let sentence =
                (outcome == .cancelled && hasReloaded || isStandIn) && entry.count == 1
                ? accounts[index].write(entry.occurrence, hasEnded: true)
                : accounts[index].writeOff(entry)
            if let sentence { return sentence }
        case .manual, .start, .boot:
            if case .boot = entry.trigger { bootsWritten[index] += 1 }
            if let sentence = accounts[index].writeOther(entry, hasEnded: true) { return sentence }
        }
        switch outcome {
        case .succeeded, .failed, .timedOut, .lost:
            return "\(entry.occurrence) is \(outcome.rawValue) and was never begun"
        case .skippedOverlap: return room(for: entry, index, settings, in: kernel)
        case .paused:
            // What passed before a stop in this turn, and was not seen, is told with what came after it.
            return isPaused[index] || isDown[index] || hasReloaded || !isFollowed[index]
                || wasDown.contains(index)
                ? nil : "\(entry.occurrence) is paused, which the schedule is not"
        case .missed, .coalesced:
            // Late by more than the tolerance, or the clock skipped it, or another is due at the same time.
            // What the clock skipped has its key in the nanoseconds after the second that stands for it.
            let second = WallTime(second: entry.occurrence.nanoseconds / 1_000_000_000)
            let late = kernel.wall - second
            return late < settings.spreadDelay && accounts[index].truth != nil && !hasBackSteps
                ? "\(entry.occurrence) is \(outcome.rawValue) after \(late)" : nil
        case .cancelled:
            return isCalledOff(index) || hasReloaded || settings.overlap == .replace
                ? nil : "\(entry.occurrence) is cancelled, and nobody has called it off"
        case .skippedDependency:
            let edges = dependencies.graph.edges[index]
            if edges.isEmpty { return "\(entry.occurrence) is skipped, and it depends on nobody" }
            if edges.allSatisfy({ dependencies.holds($0, in: kernel) }) {
                doubted.append((index, entry.occurrence))
            }
            return nil
        }
    }

    /// An operator, the configuration or a shutdown wants it to end.
    private func isCalledOff(_ index: Int) -> Bool {
        isDown[index] || isShuttingDown || touched.contains { $0.index == index }
    }

    /// Whether what was begun was ended by somebody, before it ended itself.
    private func isCancelled(
        _ execution: ExecutionTruth, _ index: Int, _ settings: ScheduleSettings, in kernel: Kernel
    ) -> Bool {
        if isCalledOff(index) { return true }
        guard let run = kernel.run(execution.run) else {
            // Its on-start command was ended, and no program was asked for.
            return touchedLast[index].map { kernel.now - $0 <= scenario.delivery.slack } ?? false
        }
        if run.wasStopped || run.abandonedAt != nil || run.survivedAt != nil { return true }
        if run.passedSignal != nil { return true }
        // It waited for a further attempt, and the next one took its place.
        return settings.overlap == .replace && execution.attemptEndedAt != nil
    }

    /// Why there was room for what is said to have found none; nil where there was none.
    private func room(
        for entry: LedgerEntry, _ index: Int, _ settings: ScheduleSettings, in kernel: Kernel
    ) -> String? {
        let hasJustStarted =
            // It waits for the least distance between two starts.
            kernel.now - startedLast[index] <= .milliseconds(100) + scenario.delivery.slack
        let isBusy =
            !accounts[index].open.isEmpty
            || kernel.openRuns.contains { $0.scheduler.index == index } || hasJustStarted
        if !isBusy { return "\(entry.occurrence) is skipped, and nothing runs" }
        guard entry.trigger == .schedule else { return nil }
        switch settings.overlap {
        case .skip: return nil
        case .replace: return "\(entry.occurrence) is skipped, and it replaces what runs"
        case .queue:
            // What a clock that went back passes anew may wait, the instant at which all began included.
            let isKnown =
                accounts[index].truth != nil && !hasReloaded && !hasBackSteps && !wasAskedFor[index]
                && !accounts[index].isUncertain(entry.occurrence)
            let waits = accounts[index].owed.contains {
                WallTime(second: $0.second) != entry.occurrence
            }
            return isKnown && !waits
                ? "\(entry.occurrence) is skipped, and none waits before it" : nil
        case .allow:
            let most = kernel.specification(of: SchedulerID(index)).parallelMax
            // What is made up for goes first.
            let waits =
                !accounts[index].owed.isEmpty || hasJustStarted
                || kernel.openRuns.contains {
                    $0.scheduler.index == index && ($0.survivedAt != nil || $0.stopBeganAt != nil)
                }
            return accounts[index].open.count < most && !waits && !hasReloaded
                ? "\(entry.occurrence) is skipped beside \(accounts[index].open.count) of \(most)"
                : nil
        }
    }
}
