// SPDX-License-Identifier: Apache-2.0
//
// What happened in a simulation, in order: events in, effects out, and what the kernel did between.
// It is kept as values and made readable only when somebody wants to read or compare it.

internal import ReeveCore

/// The record of one simulation.
package struct Timeline {
    enum Happening {
        case event(Event)
        case effect(Effect)
        case kernel(KernelFact)
        case wallStep(Duration)
        case suspended(Duration)
        case killed(downFor: Duration)
    }
    struct Entry {
        let at: Instant
        let happening: Happening
    }

    private let specification: Specification
    private(set) var entries: [Entry] = []
    /// Events that the core was told.
    package private(set) var eventCount = 0
    /// Labels of runs by their order of spawn: "web/3" is the third run of web.
    private var labels: [RunID: String] = [:]
    private var runsOf: [Int]
    private var commandLabels: [CommandID: String] = [:]

    init(specification: Specification) {
        self.specification = specification
        runsOf = Array(repeating: 0, count: specification.schedulers.count)
    }

    mutating func append(_ happening: Happening, at instant: Instant) {
        if case .event = happening { eventCount += 1 }
        if case .effect(.spawn(let run, let scheduler)) = happening, labels[run] == nil,
            runsOf.indices.contains(scheduler.index)
        {
            runsOf[scheduler.index] += 1
            labels[run] = "\(name(scheduler))/\(runsOf[scheduler.index])"
        }
        if case .effect(.deliverAlerts(let id, _, _)) = happening {
            commandLabels[id] = "alert/\(commandLabels.count + 1)"
        }
        if case .effect(.runCommand(let id, let command)) = happening {
            commandLabels[id] = "\(command.purpose.rawValue)/\(commandLabels.count + 1)"
        }
        if case .effect(.probe(let id, _)) = happening {
            commandLabels[id] = "probe/\(commandLabels.count + 1)"
        }
        entries.append(Entry(at: instant, happening: happening))
    }

    /// A number that differs where any event, effect or kernel fact differs, or its time (FNV-1a).
    package var hash: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for entry in entries {
            for byte in "\(entry.at.nanoseconds) \(text(entry.happening))".utf8 {
                hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
            }
        }
        return hash
    }

    /// The last lines, oldest first, each with the time since the start.
    package func lines(last count: Int = .max) -> [String] {
        entries.suffix(count).map { entry in
            let micros = (entry.at - Scenario.start).nanoseconds / 1_000
            let whole = String(micros / 1_000_000)
            let rest = String(micros % 1_000_000)
            let padded = String(repeating: "0", count: 6 - rest.utf8.count) + rest
            let blanks = String(repeating: " ", count: max(0, 5 - whole.utf8.count))
            return "\(blanks)\(whole).\(padded)  \(text(entry.happening))"
        }
    }

    private func text(_ happening: Happening) -> String {
        switch happening {
        case .event(let event): "> " + text(event)
        case .effect(let effect): "    < " + text(effect)
        case .kernel(.started(let process, let run, let isLeader)):
            "  . \(isLeader ? "leader" : "child") \(process.pid) of \(label(run)) started"
        case .kernel(.ended(let process, let status)): "  . \(process.pid) ended: \(status)"
        case .wallStep(let step): "  . the wall clock was set by \(step)"
        case .suspended(let span): "  . the supervisor did not run for \(span)"
        case .killed(let span): "  . the supervisor was killed; another begins after \(span)"
        }
    }

    private func name(_ scheduler: SchedulerID) -> String {
        specification.schedulers.indices.contains(scheduler.index)
            ? specification.schedulers[scheduler.index].name.text : "scheduler \(scheduler.index)"
    }

    func label(_ run: RunID) -> String { labels[run] ?? "unknown run \(run)" }

    private func label(_ command: CommandID) -> String {
        commandLabels[command] ?? "unknown command \(command)"
    }

    private func text(_ event: Event) -> String {
        switch event {
        case .began: "began"
        case .spawned(let run, let identity): "spawned \(label(run)), pid \(identity.pid)"
        case .spawnFailed(let run, let failure): "spawnFailed \(label(run)): \(failure)"
        case .spawnAbandoned(let run): "spawnAbandoned \(label(run))"
        case .exited(let run, let status, let leftovers, used: _):
            "exited \(label(run)): \(status)"
                + (leftovers.isEmpty ? "" : ", leftovers \(text(leftovers))")
        case .surveyed(let run, let alive, let reached):
            "surveyed \(label(run)): \(text(alive))"
                + (reached.map { ", \($0.signal) went to \(text($0.processes))" } ?? "")
        case .signalFailed(let run, let signal, let words):
            "signalFailed \(label(run)) \(signal): \(words)"
        case .stopCommandFailed(let run, let words): "stopCommandFailed \(label(run)): \(words)"
        case .sampled(let run, let reading): "sampled \(label(run)): \(reading)"
        case .commandEnded(let id, let outcome): "commandEnded \(label(id)): \(outcome)"
        case .probed(let id, let outcome): "probed \(label(id)): \(outcome)"
        case .notified(let run, let notifications): "notified \(label(run)): \(notifications)"
        case .requested(let id, let request): "requested \(id.number): \(text(request))"
        case .requestWithdrawn(let id): "requestWithdrawn \(id.number)"
        case .reloadRequested(let reason): "reloadRequested \(reason)"
        case .configurationLoaded: "configurationLoaded"
        case .configurationRejected(let words, _): "configurationRejected: \(words)"
        case .shutdownRequested(let cause): "shutdownRequested \(cause)"
        case .swept(let alive): "swept, alive: \(text(alive))"
        case .timePassed: "timePassed"
        }
    }

    private func text(_ request: Request) -> String {
        switch request {
        case .start(let scheduler, let force):
            "start \(name(scheduler))" + (force ? " --force" : "")
        case .stop(let scheduler): "stop \(name(scheduler))"
        case .restart(let scheduler, let force):
            "restart \(name(scheduler))" + (force ? " --force" : "")
        case .reset(let scheduler): "reset \(name(scheduler))"
        case .recover(let scheduler): "recover \(name(scheduler))"
        case .signal(let scheduler, let signal): "signal \(name(scheduler)) \(signal)"
        case .runNow(let scheduler, let force):
            "runNow \(name(scheduler))" + (force ? " --force" : "")
        case .pause(let scheduler): "pause \(name(scheduler))"
        case .resume(let scheduler): "resume \(name(scheduler))"
        case .startAll: "startAll"
        case .stopAll: "stopAll"
        case .reload: "reload"
        case .change(.register(let registration)): "register \(registration.name)"
        case .change(.unregister(let name)): "unregister \(name)"
        }
    }

    private func text(_ effect: Effect) -> String {
        switch effect {
        case .ledger(let entry): "ledger \(entry.scheduler) \(entry.occurrence): \(entry.event)"
        case .spawn(let run, let scheduler): "spawn \(label(run)) of \(name(scheduler))"
        case .abandonSpawn(let run): "abandonSpawn \(label(run))"
        case .signal(let run, let signal, let target): "signal \(label(run)) \(signal) to \(target)"
        case .passSignal(let run, let signal): "passSignal \(label(run)) \(signal)"
        case .kill(let run): "kill \(label(run))"
        case .survey(let run): "survey \(label(run))"
        case .runStopCommand(let run): "runStopCommand \(label(run))"
        case .sample(let run): "sample \(label(run))"
        case .runCommand(let id, let command):
            "runCommand \(label(id)) for \(command.scheduler.map(name) ?? "reeve")"
                + (command.run.map { ", about \(label($0))" } ?? "")
        case .probe(let id, let probe):
            "probe \(label(id)) for \(name(probe.scheduler)): \(probe.target)"
        case .endCommand(let id): "endCommand \(label(id))"
        case .forget(let run): "forget \(label(run))"
        case .sweep(let signal): "sweep" + (signal.map { " with \($0)" } ?? "")
        case .reply(let id, let reply): "reply \(id.number): \(text(reply))"
        case .record(let record):
            "record \(record.scheduler?.text ?? "reeve"): \(record.name): \(record.message)"
        case .keep(let scheduler, let wish):
            "keep \(scheduler.index) \(wish?.rawValue ?? "nothing")"
        case .deliverAlerts(let id, _, let alerts):
            "deliverAlerts \(label(id)): "
                + alerts.map { "\($0.number) \($0.phase.rawValue)" }.joined(separator: ", ")
        case .keepFailure(let report): "keepFailure \(label(report.run)): \(report.meaning)"
        case .tellManager(let message): "tellManager \(message)"
        case .loadConfiguration(let change):
            "loadConfiguration" + (change.map { " with a change of \($0.name)" } ?? "")
        case .adoptSettings: "adoptSettings"
        case .adoptLog(let scheduler): "adoptLog \(name(scheduler))"
        case .forgetScheduler(_, let name): "forgetScheduler \(name)"
        case .exit(let code): "exit \(code)"
        }
    }

    private func text(_ reply: Reply) -> String {
        let outcomes = reply.outcomes.map { "\(name($0.scheduler)) \($0.result): \($0.words)" }
        return (reply.refusal.map { "refused, \($0.rawValue); " } ?? "")
            + (reply.words.map { "\($0); " } ?? "")
            + outcomes.joined(separator: "; ")
    }

    private func text(_ processes: [ProcessDescription]) -> String {
        processes.isEmpty ? "nobody" : processes.map(\.description).joined(separator: ", ")
    }
}
