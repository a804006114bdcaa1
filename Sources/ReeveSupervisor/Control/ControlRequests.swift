// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

extension ControlServer {
    /// What became of one line.
    struct Performed {
        /// What the core is asked.
        var event: Event?
        /// It took so long that no more lines are taken in this turn.
        var isDear = false
    }

    /// Reads a request and answers it, begins its answer, or hands it to the core.
    func perform(_ line: [UInt8], for client: ControlClient, view: CoreView) -> Performed {
        let request: ControlRequest
        do throws(ControlError) {
            request = try ControlDecoder.request(line)
        } catch {
            fail(client, error)
            return Performed()
        }
        guard client.waiting.count + client.answers.count < ControlServer.answersMax else {
            fail(
                client,
                ControlError(
                    .tooManyRequests,
                    "\(ControlServer.answersMax) requests of this connection are open, "
                        + "which is the limit"), id: request.id)
            return Performed()
        }
        return perform(request, for: client, view: view)
    }

    private func perform(
        _ request: ControlRequest, for client: ControlClient, view: CoreView
    ) -> Performed {
        let id = request.id
        switch request.operation {
        case .start(let name, let force):
            return act(on: name, for: client, id: id, view: view) { .start($0, force: force) }
        case .stop(let name):
            return act(on: name, for: client, id: id, view: view) { .stop($0) }
        case .restart(let name, let force):
            return act(on: name, for: client, id: id, view: view) { .restart($0, force: force) }
        case .reset(let name):
            return act(on: name, for: client, id: id, view: view) { .reset($0) }
        case .recover(let name):
            return act(on: name, for: client, id: id, view: view) { .recover($0) }
        case .signal(let name, let signal):
            return act(on: name, for: client, id: id, view: view) { .signal($0, signal) }
        case .runNow(let name, let force):
            return act(on: name, for: client, id: id, view: view) { .runNow($0, force: force) }
        case .pause(let name):
            return act(on: name, for: client, id: id, view: view) { .pause($0) }
        case .resume(let name):
            return act(on: name, for: client, id: id, view: view) { .resume($0) }
        case .startAll: return Performed(event: ask(.startAll, for: client, own: id))
        case .stopAll: return Performed(event: ask(.stopAll, for: client, own: id))
        case .reload: return Performed(event: ask(.reload, for: client, own: id))
        case .register(let registration):
            return register(registration, for: client, id: id, view: view)
        case .unregister(let name): return unregister(name, for: client, id: id, view: view)
        case .configuration:
            client.answers.append(ControlAnswer(id: id, rest: .configuration(.init())))
            return Performed()
        case .cancel(let request):
            cancel(request, for: client, id: id)
            return Performed()
        case .usage:
            answer(client, usage: id)
            // A descriptor that is open costs a little more than nothing to count.
            return Performed(isDear: true)
        case .ping:
            answer(client, ping: id)
            return Performed()
        case .status(nil):
            client.answers.append(ControlAnswer(id: id, rest: .overview))
            return Performed()
        case .overview:
            client.answers.append(ControlAnswer(id: id, rest: .head))
            return Performed()
        case .status(let name?):
            return with(name, for: client, id: id, view: view) { scheduler in
                client.answers.append(ControlAnswer(id: id, rest: .scheduler(scheduler)))
            }
        case .metrics(nil):
            client.answers.append(ControlAnswer(id: id, rest: .metrics(from: 0)))
            return Performed()
        case .metrics(let name?):
            return with(name, for: client, id: id, view: view) { scheduler in
                client.answers.append(ControlAnswer(id: id, rest: .metricsOfOne(scheduler)))
            }
        case .alerts:
            let alerts = view.alerts(at: Clock.now())
            client.answers.append(ControlAnswer(id: id, rest: .alerts(alerts, from: 0)))
            return Performed()
        case .failure(let name, let run):
            return with(name, for: client, id: id, view: view, isDear: true) { scheduler in
                showFailure(of: scheduler, run, to: client, id: id, view: view)
            }
        case .subscribe(let after, let follow):
            subscribe(client, id: id, after: after, follow: follow)
            return Performed()
        case .runs(let name, let last):
            return with(name, for: client, id: id, view: view, isDear: true) { scheduler in
                let entries = view.entries(of: scheduler, last: last ?? .max)
                client.answers.append(ControlAnswer(id: id, rest: .entries(entries, from: 0)))
            }
        case .next(let name?, let count):
            guard let scheduler = view.scheduler(named: name) else {
                return refuse(name, for: client, id: id, view: view)
            }
            guard view.specification(of: scheduler)?.schedule != nil else {
                fail(client, ControlError(.notScheduled, "\(name) has no schedule", id: id))
                return Performed()
            }
            showComing(from: scheduler.index, to: scheduler.index + 1, count, client, id)
            return Performed()
        case .next(nil, let count):
            showComing(from: 0, to: view.schedulerCount, count, client, id)
            return Performed()
        case .logs(let name, let lines, let follow):
            return with(name, for: client, id: id, view: view) { scheduler in
                showLog(of: scheduler, to: client, id: id, lines: lines, follow: follow, view: view)
            }
        }
    }

    private func act(
        on name: String, for client: ControlClient, id: RequestID, view: CoreView,
        _ request: (SchedulerID) -> Request
    ) -> Performed {
        guard let scheduler = view.scheduler(named: name) else {
            return refuse(name, for: client, id: id, view: view)
        }
        return Performed(event: ask(request(scheduler), for: client, own: id))
    }

    private func register(
        _ registration: Registration, for client: ControlClient, id: RequestID, view: CoreView
    ) -> Performed {
        guard mayRegister(client, id: id, view: view) else { return Performed() }
        guard view.supervisorSettings.registeredDirectory != nil else {
            fail(
                client,
                ControlError(
                    .notKept,
                    "reeve has no state directory, so what is registered would be gone with its end: "
                        + "set state-directory in [reeve], and start it anew", id: id))
            return Performed()
        }
        var registration = registration
        if client.isOwn { registration.isRestricted = true }
        // It may be as long as a request can be.
        return Performed(
            event: ask(.change(.register(registration)), for: client, own: id), isDear: true)
    }

    private func unregister(
        _ name: String, for client: ControlClient, id: RequestID, view: CoreView
    ) -> Performed {
        guard mayRegister(client, id: id, view: view) else { return Performed() }
        // What is registered and not in force is known to its directory only.
        guard let known = SchedulerName(name),
            view.supervisorSettings.registeredDirectory != nil
                || view.scheduler(named: name) != nil
        else { return refuse(name, for: client, id: id, view: view) }
        return Performed(event: ask(.change(.unregister(known)), for: client, own: id))
    }

    /// Whoever has come through the socket may do everything; what the gateway's own connection may is said
    /// in the configuration, so that a gateway that was taken over cannot execute what it likes.
    private func mayRegister(_ client: ControlClient, id: RequestID, view: CoreView) -> Bool {
        guard client.isOwn, !view.supervisorSettings.gatewayRegisters else { return true }
        fail(
            client,
            ControlError(
                .mayNotRegister,
                "the gateway may not register schedulers: `allow-register` in [gateway] is not set",
                id: id))
        return false
    }

    private func with(
        _ name: String, for client: ControlClient, id: RequestID, view: CoreView,
        isDear: Bool = false, _ body: (SchedulerID) -> Void
    ) -> Performed {
        guard let scheduler = view.scheduler(named: name) else {
            return refuse(name, for: client, id: id, view: view)
        }
        body(scheduler)
        return Performed(isDear: isDear)
    }

    /// No such scheduler. Looking for similar names is the dearest that a request can ask for.
    private func refuse(
        _ name: String, for client: ControlClient, id: RequestID, view: CoreView
    ) -> Performed {
        let count = min(view.schedulerCount, ControlServer.namesComparedMax)
        let names = (0..<count).lazy.compactMap {
            view.specification(of: SchedulerID($0))?.name.text
        }.filter { view.scheduler(named: $0) != nil }
        fail(client, .unknownScheduler(name, among: names, id: id))
        return Performed(isDear: true)
    }

    private func subscribe(
        _ client: ControlClient, id: RequestID, after: EventPosition?, follow: Bool
    ) {
        var start = ring.first
        if let after {
            if after.epoch == epoch, after.sequence < ring.next {
                start = after.sequence + 1
            } else {
                tellGap(
                    client, id: id,
                    reason: after.epoch == epoch
                        ? "event \(after) has not happened yet"
                        : "event \(after) is of another instance of the supervisor")
            }
        }
        client.answers.append(ControlAnswer(id: id, rest: .events(from: start, follow: follow)))
    }

    /// Ends the streams that a request began; what has ended already needs nothing.
    private func cancel(_ request: RequestID, for client: ControlClient, id: RequestID) {
        let ended = client.answers.filter { $0.isStream && $0.id == request }
        client.answers.removeAll { $0.isStream && $0.id == request }
        end(ended.map(\.id) + [id], of: client)
    }

    private func showComing(
        from first: Int, to end: Int, _ count: Int?, _ client: ControlClient, _ id: RequestID
    ) {
        let bounded = max(1, min(count ?? 5, ComingOccurrences.countMax))
        client.answers.append(
            ControlAnswer(id: id, rest: .coming(count: bounded, from: first, to: end)))
    }

    private func showFailure(
        of scheduler: SchedulerID, _ run: String?, to client: ControlClient, id: RequestID,
        view: CoreView
    ) {
        let name = view.specification(of: scheduler)?.name.text ?? "?"
        let words =
            run.map { "nothing is kept of a failed run \($0) of \(name)" }
            ?? "no failed run of \(name) is kept"
        switch view.failure(of: scheduler, run: run) {
        case .kept(let failure):
            client.answers.append(ControlAnswer(id: id, rest: .failure(failure, from: 0)))
        case .reading(let reading):
            client.answers.append(
                ControlAnswer(
                    id: id, rest: .reading(reading, otherwise: words),
                    isIdle: reading.outcome == nil))
        case nil: fail(client, ControlError(.noFailure, words, id: id))
        }
    }

    private func showLog(
        of scheduler: SchedulerID, to client: ControlClient, id: RequestID, lines: Int?,
        follow: Bool,
        view: CoreView
    ) {
        guard let specification = view.specification(of: scheduler) else { return }
        guard output.tails.has(scheduler) else {
            let name = specification.name
            let log = specification.log
            let why =
                switch log.destination {
                case .inherit, .none:
                    "no output of \(name) is kept, since log = \"\(log.destination.rawValue)\""
                case .prefixed where log.tail.count <= 0, .file where log.tail.count <= 0,
                    .journal where log.tail.count <= 0:
                    "no output of \(name) is kept, since log-tail = 0"
                case .prefixed, .file, .journal:
                    "no output of \(name) is kept, since the runtime directory cannot hold tails"
                }
            fail(client, ControlError(.noLog, why, id: id))
            return
        }
        let start = output.tails.start(of: scheduler, lines: lines)
        client.answers.append(
            ControlAnswer(id: id, rest: .logs(scheduler, from: start, follow: follow)))
        if follow { keepForFollowers() }
    }
}
