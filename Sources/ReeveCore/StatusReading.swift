// SPDX-License-Identifier: Apache-2.0
//
// The reading methods: copies for whoever asks. They change nothing and cost what is asked for.

extension Supervisor {
    /// One scheduler as it is now; nil for an id out of range, and for an empty place of the table.
    package func status(of id: SchedulerID, at now: Moment) -> SchedulerStatus? {
        guard schedulers.indices.contains(id.index), !schedulers[id.index].isDropped else {
            return nil
        }
        let scheduler = schedulers[id.index]
        let (health, reason) = scheduler.health
        let run = scheduler.lifecycle.run
        // A leader that was reaped is nobody: its pid may be another process's by now.
        let leader = scheduler.lifecycle.isLeaderGone ? nil : run?.leader
        return SchedulerStatus(
            id: id, name: scheduler.specification.name, kind: scheduler.specification.kind,
            origin: scheduler.configured.origin,
            health: health, lifecycle: scheduler.lifecycle.name,
            reason: describe(reason, of: id), priority: scheduler.specification.order.priority,
            phase: plan.phases[id.index], run: run?.id, pid: leader?.pid,
            runs: currentRuns(of: scheduler), memory: memory(of: scheduler),
            memoryThreshold: scheduler.specification.memory.threshold,
            uptime: uptime(of: scheduler, leader, at: now),
            consecutiveFailures: scheduler.consecutiveFailures,
            restartCount: scheduler.restartCount,
            restartsInWindow: scheduler.restartWindow.counted(
                within: scheduler.specification.restart.window, at: now.monotonic),
            lastExit: scheduler.lastExit, lastExecution: scheduler.lastExecution,
            nextRestart: nextRestart(of: scheduler, at: now),
            nextRun: scheduler.schedule?.nextDue(at: now),
            isPaused: scheduler.schedule?.isPaused ?? false,
            lastOutcome: scheduler.schedule?.lastOutcome,
            checks: checks(of: scheduler, at: now),
            statusText: run == nil ? nil : scheduler.signs.status,
            mainPID: run == nil ? nil : scheduler.signs.mainProcess?.pid,
            dependencies: plan.dependencies[id.index].map { edge in
                .init(
                    name: edge.name, condition: edge.condition,
                    isMet: edge.target.map { views[$0.index].holds(edge) } ?? false)
            },
            survivors: survivors(of: scheduler), recovery: scheduler.recovery?.status,
            lastRecovery: scheduler.lastRecovery?.status)
    }

    /// The parts of reeve itself that are supervised, in the order of their places.
    package var components: [SchedulerID] {
        schedulers.indices.filter {
            schedulers[$0].specification.isComponent && !schedulers[$0].isDropped
        }.map { SchedulerID($0) }
    }

    /// The whole as it is now.
    package func status(at now: Moment) -> SupervisorStatus {
        SupervisorStatus(
            health: counts.overall, healthy: counts.healthy, degraded: counts.degraded,
            unhealthy: counts.unhealthy, stopped: counts.stopped, starting: counts.starting,
            stopping: counts.stopping, phase: startup.phase, isShuttingDown: shutdown != nil,
            startedAt: startedAt.wall, uptime: now.monotonic - startedAt.monotonic,
            alertCount: alertCount, defects: defects)
    }

    /// One line for a service manager: what is up, and what is not well.
    package var statusLine: String {
        if let shutdown {
            return
                "shutting down (\(shutdown.cause.words)), \(counted(liveCount, "scheduler")) still up"
        }
        let parts = [
            (counts.unhealthy, "unhealthy"), (counts.degraded, "degraded"),
            (counts.starting, "starting"), (counts.stopping, "stopping"),
            (counts.stopped, "stopped"),
        ].filter { $0.0 > 0 }.map { ", \($0.0) \($0.1)" }.joined()
        let phase = startup.phase.map { "phase \($0): " } ?? ""
        return
            "\(phase)\(counts.healthy) of \(counted(counts.total, "scheduler")) healthy\(parts)"
    }

    /// Start-up, a reload or the shutdown is going on and comes nearer to its end: a service manager above
    /// should not lose patience yet. Each of them is bounded.
    package var isInTransition: Bool {
        !startup.hasAnnouncedReady || reload != nil || shutdown != nil
    }

    /// Adds to a reason what only the supervisor knows: which dependencies are waited for.
    private func describe(_ reason: String, of id: SchedulerID) -> String {
        guard case .waitingForDependencies = schedulers[id.index].lifecycle else { return reason }
        let unmet = unmetDependencies(of: id).map { name in
            guard let target = configuredScheduler(named: name.text) else {
                return "\(name) (unknown)"
            }
            return "\(name) (\(views[target.index].health.rawValue))"
        }
        return unmet.isEmpty ? reason : "\(reason): \(listed(unmet))"
    }

    private func checks(
        of scheduler: Scheduler, at now: Moment
    ) -> SchedulerStatus.CheckStatus? {
        guard scheduler.specification.healthCheck != nil else { return nil }
        return SchedulerStatus.CheckStatus(
            state: scheduler.check.state, failuresInRow: scheduler.check.failuresInRow,
            next: scheduler.check.due.map { now.wall(at: $0) }, results: scheduler.check.results)
    }

    /// A scheduled one is up since its schedule is followed, any other since its run began.
    private func uptime(
        of scheduler: Scheduler, _ leader: ProcessIdentity?, at now: Moment
    ) -> Duration? {
        if let schedule = scheduler.schedule {
            return schedule.enabledAt.map { now.monotonic - $0.monotonic }
        }
        guard leader != nil, let run = scheduler.lifecycle.run else { return nil }
        return now.monotonic - run.startedAt.monotonic
    }

    /// What a run of a scheduled one is told of its execution; nil for other runs.
    package func execution(of run: RunID) -> ExecutionContext? {
        guard let id = scheduler(of: run), schedulers[id.index].schedule != nil,
            let execution = schedulers[id.index].executing.first(where: {
                $0.lifecycle.run?.id == run
            })?.execution
        else { return nil }
        return ExecutionContext(scheduledAt: execution.occurrence, attempt: execution.attempt)
    }

    private func currentRuns(of scheduler: Scheduler) -> [SchedulerStatus.CurrentRun] {
        scheduler.lifecycles.compactMap { lifecycle in
            guard let run = lifecycle.run else { return nil }
            return .init(
                id: run.id, pid: lifecycle.isLeaderGone ? nil : run.leader?.pid,
                startedAt: run.startedAt.wall, memory: run.memory.last,
                scheduledAt: execution(of: run.id)?.scheduledAt)
        }
    }

    /// A sum without one of them would be less than they use.
    private func memory(of scheduler: Scheduler) -> Bytes? {
        let runs = scheduler.runs
        let samples = runs.compactMap(\.memory.last)
        guard !samples.isEmpty, samples.count == runs.count else { return nil }
        return samples.reduce(.zero) { $0 + $1 }
    }

    private func nextRestart(of scheduler: Scheduler, at now: Moment) -> WallTime? {
        guard case .backingOff(let backOff) = scheduler.lifecycle else { return nil }
        return now.wall(at: backOff.until)
    }

    private func survivors(of scheduler: Scheduler) -> [ProcessDescription] {
        scheduler.survived.flatMap(\.alive)
    }
}
