// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// What reeve says is so, and is said: every start, end and failure has its record, changes of health
/// follow each other, the numbers of the status are those of the kernel.
struct WordChecker: Checker {
    let name = "words"
    private let slack: Duration
    private var health: [SchedulerName: Health] = [:]
    /// The last reading that the core was told, by run.
    private var readings: [RunID: MemoryReading] = [:]
    /// The last run of each scheduler whose leader was reaped.
    private var reapedLast: [SchedulerID: RunID] = [:]
    private var lastReport: Instant?

    init(slack: Duration) {
        self.slack = slack
    }

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        if case .sampled(let run, let reading) = event { readings[run] = reading }
        // Those begin with a clean slate.
        for scheduler in kernel.comingBack(by: event) { reapedLast[scheduler] = nil }
        if case .exited(let run, _, leftovers: _, used: _) = event, let truth = kernel.run(run) {
            reapedLast[truth.scheduler] = run
        }
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        guard case .record(let record) = effect else { return nil }
        switch record.fact {
        case .healthChanged(let from, let to, reason: _):
            guard let name = record.scheduler else { return "a change of health is nobody's" }
            let known = health[name] ?? .stopped
            health[name] = to
            if from == to { return "\(name) changes its health from \(from.rawValue) to the same" }
            return from == known
                ? nil : "\(name) was \(known.rawValue) and changes from \(from.rawValue)"
        case .shutdownBegan, .shutdownWaits, .shutdownForced:
            lastReport = kernel.now
            return nil
        default: return nil
        }
    }

    mutating func answered(
        _ event: Event, with effects: [Effect], in kernel: Kernel
    ) -> String? {
        let facts = effects.compactMap { effect -> Record? in
            if case .record(let record) = effect { record } else { nil }
        }
        func said(_ run: RunID, _ isIt: (Fact) -> Bool) -> String? {
            let count = facts.count { $0.run == run && isIt($0.fact) }
            return count == 1 ? nil : "\(kernel.label(run)): \(count) records instead of one"
        }
        switch event {
        case .spawned(let run, let leader):
            return said(run) { fact in
                if case .started(leader.pid, reason: _) = fact { true } else { false }
            }
        case .spawnFailed(let run, let failure): return said(run) { $0 == .spawnFailed(failure) }
        case .exited(let run, let status, leftovers: _, used: _):
            return said(run) { fact in
                if case .exited(status, ran: _, isFailure: _, meaning: _) = fact {
                    true
                } else {
                    false
                }
            }
        case .began, .spawnAbandoned, .surveyed, .signalFailed, .stopCommandFailed, .sampled,
            .requested,
            .requestWithdrawn, .reloadRequested, .configurationLoaded, .configurationRejected,
            .commandEnded, .probed, .notified, .shutdownRequested, .swept, .timePassed:
            return nil
        }
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        for status in view.schedulers {
            let known = health[status.name] ?? .stopped
            if known != status.health {
                return "\(status.name) is \(status.health.rawValue) and was said to be "
                    + known.rawValue
            }
            if let sentence = check(status, in: kernel) {
                return "the status of \(status.name) \(sentence)"
            }
        }
        let isWaiting = kernel.openRuns.contains { $0.isUp }
        if view.whole.isShuttingDown, isWaiting, let last = lastReport,
            kernel.now - last > .seconds(2) + slack
        {
            return "the shutdown says nothing for \(kernel.now - last)"
        }
        return nil
    }

    private func check(_ status: SchedulerStatus, in kernel: Kernel) -> String? {
        if let run = reapedLast[status.id], let truth = kernel.run(run),
            status.lastExit?.status != truth.status
        {
            return "does not show the end of \(kernel.label(run))"
        }
        for run in status.runs {
            switch (run.memory, readings[run.id]) {
            case (nil, nil), (nil, .unreadable): break
            case (let shown?, .resident(let bytes)?) where shown == bytes: break
            default: return "shows another memory of \(kernel.label(run.id)) than was read"
            }
        }
        guard let last = kernel.lastRun(of: status.id), last.isUp, let told = last.toldAt,
            status.runs.count == 1
        else { return nil }
        if let uptime = status.uptime, status.kind != .scheduled, uptime != kernel.now - told {
            return "shows an uptime of \(uptime), and it is \(kernel.now - told)"
        }
        switch (status.memory, readings[last.id]) {
        case (nil, nil), (nil, .unreadable): break
        case (let shown?, .resident(let bytes)?) where shown == bytes: break
        default: return "shows another memory than was read"
        }
        guard let ready = kernel.readyAt(last), last.stopBeganAt == nil else { return nil }
        if status.lifecycle == .running, kernel.now < ready {
            return "is running before it is ready"
        }
        // What waits to be stopped keeps the rule of readiness that it began with.
        if status.lifecycle == .starting, status.health != .stopping, kernel.now > ready + slack {
            return "is starting, and has been ready for \(kernel.now - ready)"
        }
        return nil
    }
}
