// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Restarts keep their distance: never two spawns within 100 ms, delays that grow with each failure
/// up to the cap, no more than `max-restarts` in the window, none where the mode forbids it; and a
/// restart that was announced happens.
struct RestartChecker: Checker {
    let name = "restarts"
    private struct Memory {
        var spawnedAt: Instant?
        /// When the core heard of the last end, by itself or by failing to spawn; nil after a spawn.
        var endedAt: Instant?
        /// It came no further than the command before its program.
        var hasFailedBefore = false
        /// Failures in a row, at least and at most: what counts as good time has soft edges.
        var failuresLeast = 0
        var failuresMost = 0
        /// Ends of runs that were restarted automatically, since an operator last had a hand in it.
        var restartedEnds: [Instant] = []
        /// The operator asked for something since the last end.
        var isTouched = false
        var promised: Instant?
    }

    private let scenario: Scenario
    private var memories: [Memory]
    private var isShuttingDown = false

    init(scenario: Scenario) {
        self.scenario = scenario
        memories = scenario.specification.schedulers.map { _ in Memory() }
    }

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        for scheduler in event.touched(of: kernel.count) ?? [] {
            if case .requested(_, .signal) = event { continue }
            memories[scheduler.index].isTouched = true
            memories[scheduler.index].failuresLeast = 0
            memories[scheduler.index].restartedEnds = []
            memories[scheduler.index].promised = nil
        }
        switch event {
        case .spawnFailed(let run, _):
            guard let truth = kernel.run(run), !kernel.isScheduled(truth.scheduler) else {
                return nil
            }
            let index = truth.scheduler.index
            // What was to be stopped before it was there is started again for another reason.
            memories[index].endedAt = truth.wasStopped ? nil : kernel.now
            noteOperator(index)
            if truth.wasStopped { memories[index].failuresLeast = -1 }
            memories[index].failuresLeast += 1
            memories[index].failuresMost += 1
        case .exited(let run, _, leftovers: _, used: _): ended(run, in: kernel)
        case .shutdownRequested: isShuttingDown = true
        case .began, .spawned, .spawnAbandoned, .surveyed, .signalFailed, .stopCommandFailed,
            .sampled, .requested,
            .requestWithdrawn, .reloadRequested, .configurationLoaded, .configurationRejected,
            .commandEnded, .probed, .notified, .swept, .timePassed:
            break
        }
        return nil
    }

    /// A run whose end an operator had a hand in counts as no step of growth.
    private mutating func noteOperator(_ index: Int) {
        if memories[index].isTouched { memories[index].failuresLeast = -1 }
    }

    private mutating func ended(_ run: RunID, in kernel: Kernel) {
        // Whether an execution is tried again is the schedules' business.
        guard let truth = kernel.run(run), let status = truth.status, let told = truth.toldAt,
            !kernel.isScheduled(truth.scheduler)
        else { return }
        let index = truth.scheduler.index
        let policy = kernel.specification(of: truth.scheduler).restart
        guard !truth.wasStopped else {
            memories[index].failuresLeast = 0
            memories[index].failuresMost += 1
            memories[index].endedAt = nil
            return
        }
        let ready = kernel.readyAt(truth) ?? told
        let ran = kernel.now - told
        memories[index].endedAt = kernel.now
        let isReset =
            ran + scenario.delivery.slack >= policy.resetAfter
            || kernel.isSuccess(status, of: truth.scheduler)
        noteOperator(index)
        memories[index].failuresLeast = isReset ? 1 : memories[index].failuresLeast + 1
        let isSurelyReset = kernel.now >= ready + policy.resetAfter + .milliseconds(1)
        memories[index].failuresMost = isSurelyReset ? 1 : memories[index].failuresMost + 1
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        if let scheduler = effect.starts(in: kernel) {
            guard memories.indices.contains(scheduler.index) else { return nil }
            defer {
                memories[scheduler.index].spawnedAt = kernel.now
                memories[scheduler.index].endedAt = nil
                memories[scheduler.index].hasFailedBefore = false
                memories[scheduler.index].isTouched = false
                memories[scheduler.index].promised = nil
            }
            return spawn(scheduler, in: kernel)
        }
        switch effect {
        case .record(let record):
            if case .shutdownBegan = record.fact { isShuttingDown = true }
            if case .hookFailed(.onStart, words: _) = record.fact {
                failedBefore(record, in: kernel)
            }
            guard case .restartScheduled(let after, reason: _) = record.fact,
                let name = record.scheduler,
                let index = kernel.specification.schedulers.firstIndex(where: { $0.name == name })
            else { return nil }
            return promise(after, of: SchedulerID(index), in: kernel)
        case .spawn, .abandonSpawn, .signal, .passSignal, .kill, .survey, .runStopCommand, .sample,
            .forget,
            .sweep,
            .reply, .keep, .ledger, .tellManager, .exit, .loadConfiguration,
            .adoptSettings, .adoptLog, .forgetScheduler, .runCommand, .endCommand,
            .probe, .deliverAlerts, .keepFailure:
            return nil
        }
    }

    /// What has to be done before the program has failed: a failed start.
    private mutating func failedBefore(_ record: Record, in kernel: Kernel) {
        guard
            let index = kernel.specification.schedulers.firstIndex(where: {
                $0.name == record.scheduler
            }), !kernel.isScheduled(SchedulerID(index))
        else { return }
        memories[index].endedAt = kernel.now
        memories[index].hasFailedBefore = true
        noteOperator(index)
        memories[index].failuresLeast += 1
        memories[index].failuresMost += 1
    }

    // MARK: Delays

    /// min(cap, base × factor^(n−1)): 1 s, 2 s, 4 s … for a factor of 2.
    private static func delay(_ policy: RestartPolicy, failures: Int) -> Double {
        var delay = Double(policy.delay.nanoseconds)
        let cap = Double(policy.delayMax.nanoseconds)
        for _ in 0..<max(0, min(failures, 200) - 1) where delay < cap { delay *= policy.factor }
        return min(delay, cap)
    }

    private static let floor = Duration.milliseconds(100)
    private static let rounding = Duration.milliseconds(2)

    private func shortest(_ scheduler: SchedulerID, in kernel: Kernel) -> Duration {
        let policy = kernel.specification(of: scheduler).restart
        let failures = memories[scheduler.index].failuresLeast
        let delay = RestartChecker.delay(policy, failures: failures) * (1 - policy.jitter)
        return .nanoseconds(Int64(delay)) - RestartChecker.rounding
    }

    private func longest(_ scheduler: SchedulerID, in kernel: Kernel) -> Duration {
        let policy = kernel.specification(of: scheduler).restart
        let delay = Double(policy.delayMax.nanoseconds) * (1 + policy.jitter)
        return max(RestartChecker.floor, .nanoseconds(Int64(delay))) + RestartChecker.rounding
    }

    private mutating func promise(
        _ after: Duration, of scheduler: SchedulerID, in kernel: Kernel
    ) -> String? {
        let name = kernel.name(scheduler)
        memories[scheduler.index].promised = kernel.now + after
        if after > longest(scheduler, in: kernel) {
            return "\(name) will be restarted after \(after), longer than its cap"
        }
        let memory = memories[scheduler.index]
        if memory.endedAt != nil, !memory.isTouched, after < shortest(scheduler, in: kernel) {
            return "\(name) will be restarted after \(after) for failure number "
                + "\(memory.failuresLeast) or more"
        }
        return nil
    }

    // MARK: Spawns

    private mutating func spawn(_ scheduler: SchedulerID, in kernel: Kernel) -> String? {
        let memory = memories[scheduler.index]
        let name = kernel.name(scheduler)
        if let last = memory.spawnedAt, kernel.now - last < RestartChecker.floor {
            return "\(name) is started \(kernel.now - last) after its last start"
        }
        guard let ended = memory.endedAt, !memory.isTouched else { return nil }
        if let sentence = forbidden(scheduler, in: kernel) { return sentence }
        let waited = kernel.now - ended
        if waited < shortest(scheduler, in: kernel) {
            return "\(name) is restarted \(waited) after failure number \(memory.failuresLeast)"
        }
        defer { memories[scheduler.index].restartedEnds.append(ended) }
        return limit(scheduler, waited: waited, in: kernel)
    }

    private func forbidden(_ scheduler: SchedulerID, in kernel: Kernel) -> String? {
        let hasFailedBefore = memories[scheduler.index].hasFailedBefore
        let last = kernel.lastRun(of: scheduler)
        guard last != nil || hasFailedBefore else { return nil }
        let name = kernel.name(scheduler)
        switch kernel.specification(of: scheduler).restart.mode {
        case .always: return nil
        case .never: return "\(name) is restarted although restart = never"
        case .onFailure where hasFailedBefore: return nil
        case .onFailure:
            guard let last else { return nil }
            let isSuccess = last.status.map { kernel.isSuccess($0, of: scheduler) } ?? false
            // A daemon that ends before it is ready has failed, whatever its code.
            let wasReady =
                kernel.readyAt(last).map { ready in ready <= (last.reapedAt ?? .zero) } ?? false
            let isTask = kernel.specification(of: scheduler).kind == .task
            return isSuccess && (isTask || wasReady)
                ? "\(name) is restarted after a success although restart = on-failure" : nil
        }
    }

    private func limit(
        _ scheduler: SchedulerID, waited: Duration, in kernel: Kernel
    ) -> String? {
        let policy = kernel.specification(of: scheduler).restart
        guard let most = policy.maxRestarts else { return nil }
        let memory = memories[scheduler.index]
        // Counted from the ends that led to them and to the present, which is the fewest of all ways.
        let recent = memory.restartedEnds.filter { kernel.now - $0 < policy.window }.count
        guard recent >= most else { return nil }
        let name = kernel.name(scheduler)
        switch policy.whenExhausted {
        case .fail, .exit:
            return "\(name) is restarted for the \(recent + 1). time within \(policy.window), "
                + "more than \(most), and when-exhausted is \(policy.whenExhausted.rawValue)"
        case .retry:
            let cap = Double(policy.delayMax.nanoseconds) * (1 - policy.jitter)
            let least = Duration.nanoseconds(Int64(cap)) - RestartChecker.rounding
            return waited < least
                ? "\(name) is over its restart limit and restarted after \(waited) only" : nil
        }
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        guard !isShuttingDown else { return nil }
        for index in memories.indices {
            guard let promised = memories[index].promised else { continue }
            let scheduler = SchedulerID(index)
            // Dependencies may hold it back; the liveness checker has an eye on those.
            let isFree = kernel.specification(of: scheduler).order.dependencies.isEmpty
            guard isFree, kernel.now > promised + scenario.delivery.slack + .milliseconds(100)
            else {
                continue
            }
            return "\(kernel.name(scheduler)) should have been restarted "
                + "\(kernel.now - promised) ago and was not"
        }
        return nil
    }
}
