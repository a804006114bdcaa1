// SPDX-License-Identifier: Apache-2.0
//
// What becomes of an occurrence that is due: it is executed, waits, replaces, or is settled at once with
// the outcome that says why not. Rules in their order: pause, dependencies, overlap.

extension Supervisor {
    /// A scheduled one is to go on: its current execution's next attempt, or its schedule.
    mutating func wantExecution(_ id: SchedulerID, _ turn: inout Turn) {
        touch(id)
        if shutdown != nil { return schedulers[id.index].enter(.stopped(.shutdown)) }
        if schedulers[id.index].schedule?.current != nil { return spawn(id, &turn) }
        schedulers[id.index].enter(.idle)
        // The configuration that is in force now may know of no schedule.
        guard schedulers[id.index].schedule != nil else { return wantStart(id, &turn) }
        takeUpSuccessor(id, &turn)
        if case .unusable(let why)? = schedulers[id.index].schedule?.timetable {
            return schedulers[id.index].enter(.stopped(.unstartable(why)))
        }
        if schedulers[id.index].schedule?.enabledAt == nil {
            schedulers[id.index].accountForPause(&turn)
            schedulers[id.index].schedule?.enable(at: turn.now)
            runAtStart(id, &turn)
        }
        takeNext(id, &turn)
        occurrencesDue(id, &turn)
    }

    /// A configuration that waited for the end of what ran is in force; its schedule is, too.
    private mutating func takeUpSuccessor(_ id: SchedulerID, _ turn: inout Turn) {
        guard let (settings, zones) = schedulers[id.index].schedule?.successor else { return }
        schedulers[id.index].schedule?.successor = nil
        settleBefore(settings, id, &turn)
        schedulers[id.index].schedule?.adopt(settings, zones: zones, at: turn.now)
    }

    /// Another schedule follows: what the present one has made due by now has its outcome first.
    mutating func settleBefore(
        _ settings: ScheduleSettings, _ id: SchedulerID, _ turn: inout Turn
    ) {
        guard schedulers[id.index].schedule?.differs(from: settings, zones: zones) == true else {
            return
        }
        occurrencesDue(id, &turn)
        schedulers[id.index].accountForPause(&turn)
        guard schedulers[id.index].schedule?.enabledAt != nil else { return }
        for span in schedulers[id.index].schedule?.account(through: turn.now.wall) ?? [] {
            schedulers[id.index].settle(
                .schedule, from: span.first, through: span.last, count: span.count, .cancelled,
                reason: "the schedule was changed before its delay was over", &turn)
        }
    }

    /// What waits may have room by now, and an interval may begin.
    mutating func reviewSchedule(_ id: SchedulerID, _ turn: inout Turn) {
        guard let state = schedulers[id.index].schedule else { return }
        if !state.queue.isEmpty { takeNext(id, &turn) }
        let isExecuting = state.current != nil || !schedulers[id.index].lanes.isEmpty
        schedulers[id.index].schedule?.countFromEnd(isExecuting: isExecuting, at: turn.now)
    }

    /// Executes what waits.
    mutating func takeNext(_ id: SchedulerID, _ turn: inout Turn) {
        while schedulers[id.index].hasRoom,
            let next = schedulers[id.index].schedule?.queue.first
        {
            schedulers[id.index].schedule?.queue.removeFirst()
            let unmet = next.isForced ? [] : unmetDependencies(of: id)
            guard unmet.isEmpty else {
                skip(next, unmet, id, &turn)
                continue
            }
            begin(next, id, &turn)
        }
    }

    /// `@start`, `@reboot` and `run-on-start`. They wait for their dependencies, as at start-up.
    private mutating func runAtStart(_ id: SchedulerID, _ turn: inout Turn) {
        guard let state = schedulers[id.index].schedule else { return }
        let isFirst = !state.hasRunAtStart
        schedulers[id.index].schedule?.hasRunAtStart = true
        let trigger: LedgerEntry.Trigger
        switch state.timetable {
        case .boot where isFirst && bootsSeen.insert(id).inserted: trigger = .boot(boot)
        case .start where isFirst: trigger = .start
        case .cron, .interval, .boot, .start, .unusable:
            guard state.settings.runOnStart else { return }
            trigger = .start
        }
        let instant =
            schedulers[id.index].schedule?.newInstant(at: turn.now) ?? turn.now.wall
        let execution = schedulers[id.index].schedule?.newExecution(
            trigger, at: instant, reason: trigger == .start ? "at start" : "after the boot")
        guard let execution else { return }
        if state.isPaused {
            return schedulers[id.index].settle(
                execution, .paused, reason: "the scheduler is paused", &turn)
        }
        let unmet = unmetDependencies(of: id)
        guard !unmet.isEmpty else { return begin(execution, id, &turn) }
        schedulers[id.index].schedule?.current = execution
        schedulers[id.index].startReason = execution.reason
        let timeout = schedulers[id.index].specification.order.dependencyTimeout
        schedulers[id.index].enter(
            .waitingForDependencies(.init(until: turn.now.monotonic + timeout)))
        schedulers[id.index].record(.waiting(for: unmet), in: &turn)
    }

    /// An execution at start has waited for its dependencies in vain.
    mutating func dependenciesTimedOut(_ id: SchedulerID, _ turn: inout Turn) {
        let unmet = unmetDependencies(of: id)
        schedulers[id.index].conclude(
            .skippedDependency, reason: "its dependencies were not met in time: \(listed(unmet))",
            &turn)
        wantExecution(id, &turn)
    }

    private mutating func skip(
        _ execution: Execution, _ unmet: [SchedulerName], _ id: SchedulerID, _ turn: inout Turn
    ) {
        schedulers[id.index].settle(
            execution, .skippedDependency, reason: "its dependencies are not met: \(listed(unmet))",
            &turn)
    }

    // MARK: Due

    /// Deals with everything that is due by now.
    mutating func occurrencesDue(_ id: SchedulerID, _ turn: inout Turn) {
        guard shutdown == nil, let state = schedulers[id.index].schedule, state.enabledAt != nil,
            !state.isPaused, let due = schedulers[id.index].schedule?.takeDue(at: turn.now)
        else { return }
        if !due.missed.isEmpty { makeUp(for: due, id, &turn) }
        for nominal in due.onTime {
            offer(nominal, "due at \(nominal.at)", mayWait: false, id, &turn)
        }
        touch(id)
    }

    /// The rule for occurrences that passed while nothing could run.
    private mutating func makeUp(
        for due: DueOccurrences, _ id: SchedulerID, _ turn: inout Turn
    ) {
        guard let last = due.missed.last, let settings = schedulers[id.index].schedule?.settings
        else { return }
        let late = turn.now.wall - last.due
        let isTooLate = !due.isAbandoned && settings.misfireDeadline.map { late > $0 } ?? false
        switch settings.misfire {
        case .skip:
            let reason = "nothing could run at its time; misfire = \"skip\""
            settleMissed(due, except: [], .missed, reason, id, &turn)
        case .runOnce where isTooLate:
            let reason = "\(late) late, more than misfire-deadline allows"
            settleMissed(due, except: [], .missed, reason, id, &turn)
        case .runOnce:
            if let next = due.onTime.first {
                let reason = "the one due at \(next.at) stands for it"
                return settleMissed(due, except: [], .coalesced, reason, id, &turn)
            }
            let made =
                due.isAbandoned
                ? DueOccurrences.Nominal(at: turn.now.wall, due: last.due, merged: 0) : last
            let reason = "the one due at \(made.at) stands for it"
            settleMissed(due, except: due.isAbandoned ? [] : [last], .coalesced, reason, id, &turn)
            offer(made, "made up for, \(late) late", mayWait: true, id, &turn)
        case .runAll: makeUpForAll(due, within: settings.misfireDeadline, id, &turn)
        }
    }

    /// Executes all that are not too late. With jitter an earlier one may have been due later than the next.
    private mutating func makeUpForAll(
        _ due: DueOccurrences, within deadline: Duration?, _ id: SchedulerID, _ turn: inout Turn
    ) {
        let now = turn.now.wall
        func isTooLate(_ nominal: DueOccurrences.Nominal) -> Bool {
            deadline.map { now - nominal.due > $0 } ?? false
        }
        let last = due.isAbandoned ? [] : Array(due.missed.drop(while: isTooLate))
        let reason = "too late, or too many to make up for"
        settleMissed(due, except: last, .missed, reason, id, &turn)
        for nominal in last {
            guard isTooLate(nominal) else {
                offer(
                    nominal, "made up for, \(now - nominal.due) late", mayWait: true, id, &turn)
                continue
            }
            schedulers[id.index].settle(
                .schedule, from: nominal.at, through: nominal.at, count: 1 + nominal.merged,
                .missed, reason: reason, &turn)
        }
    }

    /// Writes down what becomes of all that was missed, but for the last ones, which are made up for.
    private mutating func settleMissed(
        _ due: DueOccurrences, except eligible: [DueOccurrences.Nominal],
        _ outcome: LedgerEntry.Outcome, _ reason: String, _ id: SchedulerID, _ turn: inout Turn
    ) {
        let isAtLeast = due.isCut || due.isAbandoned
        let words = isAtLeast ? "\(reason); there were at least so many" : reason
        let spans = due.spans(before: eligible)
        for (index, span) in spans.enumerated() {
            // Where the last ones were not looked for, the last span reaches up to now.
            let isOpen = due.isAbandoned && index == spans.count - 1
            let end = isOpen ? turn.now.wall + .nanoseconds(-1) : span.last
            schedulers[id.index].settle(
                .schedule, from: span.first, through: end, count: span.count, outcome,
                reason: words, &turn)
        }
    }

    private mutating func offer(
        _ nominal: DueOccurrences.Nominal, _ reason: String, mayWait: Bool, _ id: SchedulerID,
        _ turn: inout Turn
    ) {
        let execution = schedulers[id.index].schedule?.newExecution(
            .schedule, at: nominal.at, reason: reason)
        if let execution { offer(execution, mayWait: mayWait, id, &turn) }
        guard nominal.merged > 0 else { return }
        // They have no instant of their own: the nanoseconds after it make their keys. They come after it,
        // so that a death in between leaves it to the next supervisor.
        schedulers[id.index].settle(
            .schedule, from: nominal.at + .nanoseconds(1),
            through: nominal.at + .nanoseconds(Int64(nominal.merged)), count: nominal.merged,
            .coalesced, reason: "the clock skipped it; the one at \(nominal.at) stands for it",
            &turn)
    }

    /// Executes, queues or settles one occurrence.
    mutating func offer(
        _ execution: Execution, mayWait: Bool, _ id: SchedulerID, _ turn: inout Turn
    ) {
        guard let state = schedulers[id.index].schedule else { return }
        if !execution.isForced {
            if state.isPaused {
                return schedulers[id.index].settle(
                    execution, .paused, reason: "the scheduler is paused", &turn)
            }
            let unmet = unmetDependencies(of: id)
            if !unmet.isEmpty { return skip(execution, unmet, id, &turn) }
        }
        if schedulers[id.index].hasRoom, state.queue.isEmpty {
            return begin(execution, id, &turn)
        }
        if mayWait || execution.isForced, state.queue.count <= Limits.misfireRunsMax {
            schedulers[id.index].schedule?.queue.append(execution)
            return
        }
        switch state.settings.overlap {
        case .queue where state.queue.isEmpty:
            schedulers[id.index].schedule?.queue.append(execution)
        case .replace: replace(with: execution, id, &turn)
        case .skip, .queue, .allow:
            schedulers[id.index].settle(
                execution, .skippedOverlap, reason: schedulers[id.index].busyWords, &turn)
        }
    }

    private mutating func replace(
        with execution: Execution, _ id: SchedulerID, _ turn: inout Turn
    ) {
        let reason = "replaced by the one of \(execution.occurrence)"
        for waiting in schedulers[id.index].schedule?.queue ?? [] {
            schedulers[id.index].settle(waiting, .cancelled, reason: reason, &turn)
        }
        schedulers[id.index].schedule?.queue = [execution]
        // Several run where the configuration allowed it until now.
        let isSeveral = !schedulers[id.index].lanes.isEmpty
        if isSeveral { schedulers[id.index].withdrawAttempts(reason: reason, &turn) }
        switch schedulers[id.index].lifecycle {
        case .starting, .running: schedulers[id.index].beginStops(.replaced, reason: reason, &turn)
        case .backingOff, .waitingForDependencies:
            schedulers[id.index].conclude(.cancelled, reason: reason, &turn)
            wantExecution(id, &turn)
        case .stopped, .waitingForPhase, .idle, .stopping, .exhausted, .completed:
            // It is being ended, or cannot be: the queue is taken up when it is over.
            break
        }
    }

    // MARK: Clock

    /// Compares the clocks: the wall clock was set, or the machine slept.
    mutating func watchClock(_ turn: inout Turn) {
        let offset = turn.now.wall.nanoseconds.subtractingReportingOverflow(
            turn.now.monotonic.nanoseconds
        ).partialValue
        defer { clockOffset = offset }
        guard hasSchedules else { return }
        guard let before = clockOffset else { return }
        let step = Duration(nanoseconds: offset.subtractingReportingOverflow(before).partialValue)
        guard step > Limits.clockStep || step < .zero - Limits.clockStep else { return }
        turn.record(.clockStepped(by: step))
        for index in schedulers.indices where schedulers[index].schedule != nil {
            // What passed by the clock as it was is accounted for before the clock is another.
            let before = turn.now.wall + (.zero - step)
            schedulers[index].accountForPause(through: before, &turn)
            schedulers[index].schedule?.clockStepped(by: step, at: turn.now)
            touch(SchedulerID(index))
        }
    }

    /// Takes up what earlier supervisors wrote; what they began and nobody saw the end of is lost.
    mutating func restore(_ history: LedgerHistory) {
        boot = history.boot
        for entry in history.entries {
            // What it began has an end, although it may be scheduled no longer.
            guard let id = configuredScheduler(named: entry.scheduler.text) else { continue }
            switch entry.trigger {
            case .schedule: schedulers[id.index].restore(through: entry.through)
            case .boot(let name) where name == history.boot && !name.isEmpty:
                bootsSeen.insert(id)
            case .boot, .manual, .start: break
            }
            let key = OpenEntry(id: id, trigger: entry.trigger, occurrence: entry.occurrence)
            switch entry.event {
            case .started(let run, attempt: _):
                open.removeAll { $0.key == key }
                open.append((key, run))
            case .ended(let outcome, reason: _, run: _):
                open.removeAll { $0.key == key }
                if outcome == .succeeded { schedulers[id.index].restoreSuccess(at: entry.at) }
            }
        }
    }

    /// Says which executions of an earlier supervisor have no end.
    mutating func settleLost(_ turn: inout Turn) {
        for (key, run) in open {
            let reason = "reeve ended while it ran, and its end could not be seen"
            let scheduler = schedulers[key.id.index]
            turn.effects.append(
                .ledger(
                    LedgerEntry(
                        scheduler: scheduler.specification.name, trigger: key.trigger,
                        occurrence: key.occurrence, at: turn.now.wall,
                        event: .ended(.lost, reason: reason, run: run))))
            schedulers[key.id.index].metrics.note(.lost, count: 1)
            schedulers[key.id.index].record(
                .occurrenceEnded(.lost, occurrence: key.occurrence, count: 1, reason: reason),
                run: run, in: &turn)
        }
        open = []
    }
}

/// An execution of an earlier supervisor without an end.
struct OpenEntry: Equatable, Sendable {
    let id: SchedulerID
    let trigger: LedgerEntry.Trigger
    let occurrence: WallTime
}

extension Scheduler {
    /// Why an occurrence finds no room.
    var busyWords: String {
        if schedule?.queue.isEmpty == false { return "one waits already for the current to end" }
        if let fullWords { return fullWords }
        switch lifecycle {
        case .backingOff: return "the one before waits for its next attempt"
        case .stopped(.survivors): return "processes of the last run cannot be ended"
        case .stopping: return "the one before is being ended"
        case .waitingForDependencies: return "the one at start waits for its dependencies"
        case .stopped, .waitingForPhase, .idle, .starting, .running, .exhausted, .completed:
            return "the one before still runs"
        }
    }
}
