// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// What is shown after each turn adds up and is what the core was told.
struct StatusChecker: Checker {
    let name = "status"

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        if view.whole.defects != 0 { return "the status counts a defect" }
        if view.whole.total != view.schedulers.count {
            return "the status counts \(view.whole.total) of \(view.schedulers.count) schedulers"
        }
        // One that is no longer configured is shown until it is gone.
        let shown = Set(view.schedulers.map(\.id.index))
        for (index, isRemoved) in kernel.isRemoved.enumerated()
        where !isRemoved && !shown.contains(index) {
            return "\(kernel.name(SchedulerID(index))) is configured and not shown"
        }
        for (index, isRemoved) in kernel.isRemoved.enumerated()
        where isRemoved && shown.contains(index) {
            if !kernel.openRuns.contains(where: { $0.scheduler.index == index }),
                !kernel.runsHook(SchedulerID(index))
            {
                return "\(kernel.name(SchedulerID(index))) is gone and shown"
            }
        }
        for health in Health.allCases {
            let counted = view.schedulers.filter { $0.health == health }.count
            let shown = StatusChecker.count(of: health, in: view.whole)
            if counted != shown {
                return "the status counts \(shown) \(health.rawValue), and \(counted) are"
            }
        }
        if view.whole.health != StatusChecker.overall(view.schedulers.map(\.health)) {
            return "the status of all is \(view.whole.health.rawValue)"
        }
        for status in view.schedulers {
            if let sentence = check(status, in: kernel) {
                return "the status of \(status.name) \(sentence)"
            }
        }
        return nil
    }

    /// The worst; all stopped is stopped.
    private static func overall(_ healths: [Health]) -> Health {
        let ranks: [Health] = [.unhealthy, .degraded, .starting, .stopping, .healthy]
        return ranks.first { healths.contains($0) } ?? .stopped
    }

    private static func count(of health: Health, in status: SupervisorStatus) -> Int {
        switch health {
        case .healthy: status.healthy
        case .degraded: status.degraded
        case .unhealthy: status.unhealthy
        case .stopped: status.stopped
        case .starting: status.starting
        case .stopping: status.stopping
        }
    }

    private func check(_ status: SchedulerStatus, in kernel: Kernel) -> String? {
        let up = kernel.upRuns(of: status.id)
        let isUp = !up.isEmpty
        let shown = status.runs.map(\.id).sorted()
        let open = kernel.openRuns.filter {
            $0.scheduler == status.id && $0.survivedAt == nil
                && !($0.failedToSpawn && $0.toldAt != nil)
        }.map(\.id).sorted()
        // The run of a command before or after a program is shown as well.
        if shown != open, !kernel.runsHook(status.id) {
            return "shows the runs \(shown), and \(open) are not over"
        }
        if status.run != status.runs.first?.id { return "shows another run than the first" }
        if status.name != kernel.specification(of: status.id).name { return "has another's name" }
        if status.reason.isEmpty { return "gives no reason for \(status.lifecycle.rawValue)" }
        if status.pid != status.runs.first?.pid { return "shows another pid than the first run" }
        for run in status.runs {
            let truth = kernel.run(run.id)
            let leader = truth?.leader.map { kernel.processes[$0].identity.pid }
            let right = truth?.isUp == true ? leader : nil
            if run.pid != right {
                return "shows \(run.pid.map { "pid \($0)" } ?? "no pid") for "
                    + "\(kernel.label(run.id)), and it is \(right.map { "pid \($0)" } ?? "not up")"
            }
        }
        if let uptime = status.uptime {
            if !isUp, status.kind != .scheduled { return "shows an uptime, and nothing is up" }
            if uptime < .zero { return "shows an uptime below zero" }
        }
        if status.consecutiveFailures < 0 || status.restartsInWindow < 0 {
            return "counts below zero"
        }
        if status.restartCount < status.restartsInWindow {
            return "counts \(status.restartsInWindow) restarts of \(status.restartCount)"
        }
        if (status.nextRestart != nil) != (status.lifecycle == .backingOff) {
            return "is \(status.lifecycle.rawValue) and "
                + (status.nextRestart == nil ? "has no next restart" : "has a next restart")
        }
        if let sentence = check(status.health, status, isUp: isUp) { return sentence }
        switch status.lifecycle {
        case .running: return isUp ? nil : "is running, and nothing is up"
        case .starting, .stopping:
            return open.isEmpty && !kernel.runsHook(status.id)
                ? "is \(status.lifecycle.rawValue), and no run is there" : nil
        case .stopped, .waitingForPhase, .waitingForDependencies, .idle, .backingOff, .exhausted,
            .completed:
            return isUp && status.survivors.isEmpty
                ? "is \(status.lifecycle.rawValue), and a run is up" : nil
        }
    }

    private func check(_ health: Health, _ status: SchedulerStatus, isUp: Bool) -> String? {
        switch health {
        case .healthy:
            return status.lifecycle == .completed || status.lifecycle == .idle
                || (status.lifecycle == .running && isUp)
                ? nil : "is healthy and \(status.lifecycle.rawValue)"
        case .stopped: return isUp ? "is stopped and up" : nil
        case .starting:
            return status.consecutiveFailures > 0 ? "is starting after a failure" : nil
        case .degraded, .unhealthy, .stopping: return nil
        }
    }
}
