// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Every request gets exactly one reply, in bounded time, and a true one; a withdrawn one gets none.
struct RequestChecker: Checker {
    let name = "requests"
    private enum State { case waiting, answered, withdrawn }
    private struct Asked {
        var request: Request
        var at: Instant
        var state: State
    }

    private let scenario: Scenario
    private var asked: [Asked] = []
    private var positions: [RequestID: Int] = [:]
    private var waiting: [Int] = []
    /// The last request that wanted it up, by position.
    private var wantedUp: [SchedulerID: Int] = [:]
    private let longest: Duration

    init(scenario: Scenario, graph: Graph) {
        self.scenario = scenario
        let settings = scenario.specification.supervisor
        // Stops one after the other, then starts one after the other that wait for each other.
        let patience = Duration.minutes(2) + scenario.delivery.suspension
        longest = scenario.specification.schedulers.reduce(patience) {
            $0 + $1.stop.timeout + settings.forceTimeout + $1.order.dependencyTimeout
                + settings.phaseTimeout + $1.restart.delayMax * 3 + $1.recovery.hookTimeout * 2
        }
    }

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        switch event {
        case .requested(let id, let request):
            positions[id] = asked.count
            for scheduler in event.wantedUp(of: kernel.count) { wantedUp[scheduler] = asked.count }
            waiting.append(asked.count)
            asked.append(Asked(request: request, at: kernel.now, state: .waiting))
        case .requestWithdrawn(let id):
            guard let position = positions[id], asked[position].state == .waiting else {
                return nil
            }
            asked[position].state = .withdrawn
            waiting.removeAll { $0 == position }
        case .configurationLoaded:
            // What is configured again is another, which no request before it is about.
            for scheduler in kernel.comingBack(by: event) { wantedUp[scheduler] = asked.count }
        case .began, .spawned, .spawnFailed, .spawnAbandoned, .exited, .surveyed, .signalFailed,
            .stopCommandFailed, .sampled, .commandEnded, .probed, .notified, .reloadRequested,
            .configurationRejected,
            .shutdownRequested, .swept, .timePassed:
            break
        }
        return nil
    }

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        guard case .reply(let id, let reply) = effect else { return nil }
        guard let position = positions[id] else { return "a reply to a request that never was" }
        switch asked[position].state {
        case .answered: return "request \(id.number) is answered twice"
        case .withdrawn: return "request \(id.number) was withdrawn and is answered"
        case .waiting: break
        }
        asked[position].state = .answered
        waiting.removeAll { $0 == position }
        return check(reply, to: asked[position].request, id, in: kernel)
    }

    private func check(
        _ reply: Reply, to request: Request, _ id: RequestID, in kernel: Kernel
    ) -> String? {
        let isThere = zip(kernel.specification.schedulers, kernel.isRemoved).filter { !$1 }.map(\.0)
        let isForNobody =
            request == .startAll && !isThere.contains(where: \.enabled)
            || request == .stopAll && isThere.isEmpty
        if reply.refusal == nil, reply.outcomes.isEmpty, reply.words == nil, !isForNobody {
            return "the reply to \(id.number) tells nothing"
        }
        for outcome in reply.outcomes {
            guard kernel.specification.schedulers.indices.contains(outcome.scheduler.index) else {
                return "the reply to \(id.number) is about a scheduler that does not exist"
            }
            if outcome.words.isEmpty {
                return "the reply to \(id.number) has an outcome without words"
            }
            if let sentence = check(outcome, to: request, id, in: kernel) { return sentence }
        }
        return nil
    }

    private func check(
        _ outcome: Reply.Outcome, to request: Request, _ id: RequestID, in kernel: Kernel
    ) -> String? {
        guard outcome.result == .done || outcome.result == .unchanged else { return nil }
        let scheduler = outcome.scheduler
        let last = kernel.lastRun(of: scheduler)
        let name = kernel.name(scheduler)
        switch request {
        case .stop, .stopAll:
            guard let last = kernel.upRuns(of: scheduler).first else { return nil }
            // What was down when its turn came may have been started since by somebody else.
            if let wanted = wantedUp[scheduler], let position = positions[id], wanted > position {
                return nil
            }
            return "the reply to \(id.number) says that \(name) is stopped, and \(outcome.words): "
                + "\(kernel.label(last.id)) is up"
        case .start(let asked, force: _), .restart(let asked, force: _):
            guard asked == scheduler, !kernel.isScheduled(scheduler) else { return nil }
            guard let last, !last.failedToSpawn, last.toldAt != nil else {
                return "the reply to \(id.number) says that \(name) is up, and it never was"
            }
            // A task may have completed.
            if !last.isUp, !(last.status.map { kernel.isSuccess($0, of: scheduler) } ?? false) {
                return "the reply to \(id.number) says that \(name) is up, and it is not"
            }
            if case .restart = request, let position = positions[id], last.isUp,
                last.askedAt < self.asked[position].at
            {
                return "the reply to \(id.number) says that \(name) was restarted, and it was not"
            }
            return nil
        case .startAll, .reset, .recover, .signal, .runNow, .pause, .resume,
            .reload, .change:
            return nil
        }
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        for position in waiting where kernel.now - asked[position].at > longest {
            return "a request waits for its reply since \(kernel.now - asked[position].at): "
                + "\(asked[position].request)"
        }
        return nil
    }

    mutating func ended(in kernel: Kernel) -> String? {
        guard let position = waiting.first else { return nil }
        return "reeve has left and owes a reply: \(asked[position].request)"
    }
}
