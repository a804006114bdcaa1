// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// One scheduler has one run at a time; every run is forgotten once, when nothing of it is left or
/// what is left was named; no effect names a run that is not there to be named.
struct RunChecker: Checker {
    let name = "runs"
    /// By scheduler: a command before its start may let another's run overtake it.
    private var lastRuns: [SchedulerID: RunID] = [:]
    /// The same by scheduler, until an operator forces a start over them.
    private var survivorsLast: [SchedulerID: [(run: RunID, processes: [ProcessDescription])]] = [:]
    /// Whether the operator forced the last start, by scheduler.
    private var forced: [SchedulerID: Bool] = [:]

    /// Disabled schedulers that an operator has asked for all the same.
    private var wanted: [SchedulerID: Bool] = [:]

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        for scheduler in event.wantedUp(of: kernel.count) { wanted[scheduler] = true }
        guard case .requested(_, let request) = event else { return nil }
        switch request {
        case .start(let scheduler, let force), .restart(let scheduler, let force):
            if force { forced[scheduler] = true }
        case .stop, .reset, .recover, .signal, .startAll, .stopAll, .runNow, .pause, .resume,
            .reload, .change:
            break
        }
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        switch effect {
        case .spawn(let run, let scheduler): return spawn(run, of: scheduler, in: kernel)
        case .abandonSpawn(let run): return abandon(run, in: kernel)
        case .forget(let run): return forget(run, in: kernel)
        case .signal(let run, _, let target):
            return act(on: run, "signal", in: kernel)
                ?? (target == .leader && kernel.run(run)?.reapedAt != nil
                    ? "\(kernel.label(run)): a signal goes to a leader that was reaped" : nil)
        case .passSignal(let run, _): return act(on: run, "passSignal", in: kernel)
        case .kill(let run): return act(on: run, "kill", in: kernel)
        case .survey(let run): return act(on: run, "survey", in: kernel)
        case .sample(let run): return act(on: run, "sample", in: kernel)
        case .runStopCommand(let run): return act(on: run, "runStopCommand", in: kernel)
        case .record(let record):
            if case .survived(let processes) = record.fact, let run = record.run {
                if let truth = kernel.run(run) {
                    survivorsLast[truth.scheduler, default: []].append((run, processes))
                }
            }
            return nil
        case .reply, .keep, .ledger, .sweep, .tellManager, .exit, .loadConfiguration,
            .adoptSettings, .adoptLog, .forgetScheduler, .runCommand, .endCommand,
            .probe, .deliverAlerts, .keepFailure:
            return nil
        }
    }

    private func abandon(_ run: RunID, in kernel: Kernel) -> String? {
        guard let truth = kernel.run(run) else { return "a spawn is abandoned that never was" }
        return truth.toldAt == nil
            ? nil : "\(kernel.label(run)): its spawn is abandoned, and was answered"
    }

    private func act(on run: RunID, _ verb: String, in kernel: Kernel) -> String? {
        guard let truth = kernel.run(run) else {
            return "\(verb) names a run that never was, \(run)"
        }
        if truth.forgottenAt != nil { return "\(kernel.label(run)): \(verb) after forget" }
        if truth.toldAt == nil {
            return "\(kernel.label(run)): \(verb) before its spawn was answered"
        }
        if truth.failedToSpawn { return "\(kernel.label(run)): \(verb), but it never started" }
        return nil
    }

    private mutating func spawn(
        _ run: RunID, of scheduler: SchedulerID, in kernel: Kernel
    ) -> String? {
        guard kernel.specification.schedulers.indices.contains(scheduler.index) else {
            return "a scheduler is started that does not exist: \(scheduler.index)"
        }
        if kernel.run(run) != nil { return "\(kernel.label(run)): its id is used twice" }
        if let last = lastRuns[scheduler], run <= last {
            return "the id of a new run is not above the last"
        }
        lastRuns[scheduler] = run
        let specification = kernel.specification(of: scheduler)
        if !specification.enabled, wanted[scheduler] == nil {
            return "\(specification.name) is disabled and is started unasked"
        }
        let isForced = forced.removeValue(forKey: scheduler) ?? false
        // Once forced, the operator knows of those.
        if isForced { survivorsLast[scheduler] = nil }
        let open = kernel.openRuns.filter { earlier in
            earlier.scheduler == scheduler && !(earlier.failedToSpawn && earlier.toldAt != nil)
        }
        if let earlier = open.first, open.count >= specification.parallelMax {
            return "\(specification.name) is started while \(kernel.label(earlier.id)) is not over"
        }
        guard !isForced else { return nil }
        for (id, survivors) in survivorsLast[scheduler] ?? [] {
            guard let earlier = kernel.run(id) else { continue }
            let living = kernel.breathing(of: earlier).map(\.identity)
            if let survivor = survivors.first(where: { living.contains($0.identity) }) {
                return "\(specification.name) is started while \(survivor) of "
                    + "\(kernel.label(id)) survives"
            }
        }
        return nil
    }

    private func forget(_ run: RunID, in kernel: Kernel) -> String? {
        guard let truth = kernel.run(run) else { return "a run is forgotten that never was" }
        let label = kernel.label(run)
        if truth.forgottenAt != nil { return "\(label) is forgotten twice" }
        if truth.toldAt == nil { return "\(label) is forgotten before its spawn was answered" }
        return nil
    }

    mutating func answered(
        _ event: Event, with effects: [Effect], in kernel: Kernel
    ) -> String? {
        for case .record(let record) in effects {
            // A run whose on-start command is at work has no spawn to abandon.
            guard case .stopping = record.fact, let run = record.run, let truth = kernel.run(run),
                truth.toldAt == nil, !effects.contains(.abandonSpawn(run))
            else { continue }
            return "\(kernel.label(run)) is to be ended, and its spawn is not abandoned"
        }
        for effect in effects {
            guard case .forget(let run) = effect, let truth = kernel.run(run) else { continue }
            // Who forces a start over survivors leaves behind whatever there is.
            if case .requested = event, truth.survivedAt != nil { continue }
            if let sentence = left(by: truth, in: kernel) { return sentence }
        }
        return nil
    }

    /// What is wrong with what the forgotten run left alive.
    private func left(by run: RunTruth, in kernel: Kernel) -> String? {
        if run.failedToSpawn { return nil }
        let specification = kernel.specification(of: run.scheduler)
        let label = kernel.label(run.id)
        if run.survivedAt != nil {
            let names = run.survivors.map(\.identity)
            for process in kernel.breathing(of: run) where !names.contains(process.identity) {
                return "\(label) is forgotten and its survivor \(process) was not named"
            }
            return nil
        }
        if run.reapedAt == nil { return "\(label) is forgotten before its leader was reaped" }
        let endedItself = !run.wasStopped
        if specification.stop.leftovers == .keep, endedItself { return nil }
        if specification.stop.scope == .leader { return nil }
        if let process = kernel.breathing(of: run).first {
            return "\(label) is forgotten while \(process) is alive"
        }
        return nil
    }

    mutating func ended(in kernel: Kernel) -> String? {
        for run in kernel.openRuns where !run.failedToSpawn && run.survivedAt == nil {
            return "reeve has left and \(kernel.label(run.id)) was never forgotten"
        }
        return nil
    }
}
