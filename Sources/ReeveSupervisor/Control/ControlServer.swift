// SPDX-License-Identifier: Apache-2.0
//
// The control socket and the event ring. A client may be hostile, slow or gone: everything that is
// kept for one is bounded, nothing waits for one, and who has to be dropped is told why where it
// still reads. Nothing is made before the socket can take it, so that a slow reader costs its own
// time only.

internal import ReeveControl
package import ReeveCore
package import ReeveLinux

/// The listening socket, which is closed with this.
private final class Listener {
    let socket: FileDescriptor

    init(_ socket: consuming FileDescriptor) {
        self.socket = socket
    }
}

/// The control socket and the event ring.
///
/// A. `ready` and `timePassed` are the loop's and return what clients ask of the core; ask
/// `nextDeadline` after each turn. B. `reply` brings the core's answer to a request. C. `publish`
/// feeds the event ring.
package final class ControlServer {
    /// How long the beginning of a request waits for its end.
    static let partialTimeout = Duration.seconds(30)
    /// How long a client may be connected without asking for anything.
    static let idleTimeout = Duration.minutes(10)
    /// How long a client that has asked for nothing yet keeps its place although others want it.
    static let newcomerTime = Duration.seconds(1)
    /// How long a client may take nothing of what is queued for it.
    static let stuckTimeout = Duration.seconds(30)
    /// The same for one that is only to be told why it is closed.
    static let closingTimeout = Duration.seconds(5)
    /// How long nobody is accepted after descriptors have run out.
    static let acceptPause = Duration.seconds(1)
    /// From one sentence about that to the next, where clients were accepted in between.
    static let exhaustionInterval = Duration.minutes(1)
    /// Clients accepted in one turn.
    static let acceptsMax = 16
    /// Times that a client gets as much as it has room for in one turn, each sent at once.
    static let fillsPerTurnMax = 8
    /// Requests taken from one client in one turn.
    static let requestsPerTurnMax = 32
    /// Answers that one client may have open at once, streams included.
    static let answersMax = ControlLimits.openRequestsMax
    /// Scheduler names that a refusal looks through for a similar one.
    static let namesComparedMax = 500

    let epoll: Epoll
    let output: OutputHub
    private let access: ControlAccess
    /// nil when the end has come.
    private var listener: Listener?
    private let greeting: Greeting
    private(set) var ring = EventRing()

    private var isListening = false
    private var listenAt: Instant?
    private var saidExhaustedAt: Instant?

    private var clients: [ControlClient?]
    private var generations: [UInt32]
    private var requestsMade: UInt64 = 0
    private var clientOfRequest: [RequestID: Token] = [:]

    /// The time of the last call that brought one.
    private var turnAt = Instant.zero
    /// Made with the first client.
    private lazy var buffer = [UInt8](repeating: 0, count: ControlLimits.requestBytesMax)
    private var lines: [UInt8] = []

    /// `epoch` names this supervisor instance: 1 to 32 ASCII letters or digits. Registers the
    /// listener; throws what `Epoll.add` throws.
    package init(
        epoll: Epoll, listener: consuming FileDescriptor, access: ControlAccess, epoch: String,
        output: OutputHub
    ) throws(Errno) {
        self.epoll = epoll
        self.access = access
        self.output = output
        greeting = Greeting(pid: Host.pid, version: Version.text, epoch: epoch)
        clients = Array(repeating: nil, count: ControlLimits.clientsMax)
        generations = Array(repeating: 0, count: ControlLimits.clientsMax)
        let listener = Listener(listener)
        try epoll.add(listener.socket, token: ControlServer.listenerToken, interest: .readable)
        self.listener = listener
        isListening = true
        output.onTailGrown = { [weak self] in self?.tailHasGrown(of: $0) }
    }

    /// Unsent bytes of each client.
    var bufferedBytes: [Int] { clients.compactMap { $0?.unsentBytes } }

    /// Streams that clients follow.
    var followerCount: Int {
        clients.reduce(0) { $0 + ($1?.answers.count { $0.isStream } ?? 0) }
    }

    /// Clients that are connected.
    var clientCount: Int { clients.count { $0 != nil } }

    // MARK: - Entry points

    /// Something of kind `listener` or `client` is ready. Requests come out as `requested`, those
    /// of clients that have gone as `requestWithdrawn`.
    package func ready(
        _ token: Token, _ events: PollEvents, at now: Moment, view: CoreView
    ) -> [Event] {
        turnAt = now.monotonic
        if token == ControlServer.listenerToken {
            accept(at: now)
            return []
        }
        // A stale token's client was closed earlier in this turn.
        guard let client = client(token) else { return [] }
        if events.contains(.writable) { client.stuckSince = nil }
        client.receive(into: &buffer, at: now.monotonic)
        if events.contains(.closed) || events.contains(.failed) {
            // It has closed both ways. What it asked for at last is done, though nobody waits for
            // it.
            let last = takeRequests(of: client, at: now, view: view)
            return last + drop(client)
        }
        return serve(client, at: now, view: view)
    }

    /// The core's answer to a request. One that was withdrawn meanwhile is dropped.
    package func reply(_ id: RequestID, _ reply: Reply, at now: Moment, view: CoreView) {
        guard let token = clientOfRequest.removeValue(forKey: id), let client = client(token),
            let own = client.take(core: id)
        else { return }
        turnAt = now.monotonic
        client.askedAt = now.monotonic
        client.answers.append(ControlAnswer(id: own, rest: .outcomes(reply, from: 0)))
        advance(client, at: now, view: view)
        client.send()
        // It is closed, if it is done, when the socket next tells: the loop takes no events here.
        setInterest(of: client, wakes: client.isDone)
    }

    /// Puts a record into the event ring, for whoever subscribes.
    package func publish(_ record: Record) {
        ring.append(record)
        wake { rest in if case .events = rest { true } else { false } }
    }

    /// When `timePassed` is due.
    package var nextDeadline: Instant? {
        var nearest = listenAt
        for case let client? in clients {
            guard let deadline = deadline(of: client)?.at else { continue }
            nearest = min(nearest ?? deadline, deadline)
        }
        return nearest
    }

    /// Drops idle and stuck clients, and listens again after a pause.
    package func timePassed(at now: Moment) -> [Event] {
        turnAt = now.monotonic
        if let at = listenAt, at <= now.monotonic { listen() }
        var events: [Event] = []
        for case let client? in clients {
            guard let due = deadline(of: client), due.at <= now.monotonic else { continue }
            events += expire(client, due.why, at: now)
        }
        return events
    }

    /// At exit: sends what can be sent at once, then closes the listener and all clients.
    package func close(at now: Moment, view: CoreView) {
        if let listener { epoll.remove(listener.socket) }
        listener = nil
        isListening = false
        listenAt = nil
        for case let client? in clients {
            advance(client, at: now, view: view)
            lines.removeAll(keepingCapacity: true)
            for answer in client.answers where answer.isStream {
                ControlEncoder.end(id: answer.id, to: &lines)
            }
            client.queue(lines)
            client.send()
            _ = drop(client)
        }
    }

    // MARK: - Accepting

    private static let listenerToken = Token(source: SourceKind.listener.rawValue, slot: 0)

    private func accept(at now: Moment) {
        guard let listener else { return }
        for _ in 0..<ControlServer.acceptsMax {
            do throws(Errno) {
                guard let socket = try UnixSocket.accept(listener.socket) else { return }
                try welcome(socket, at: now)
                if let at = saidExhaustedAt,
                    now.monotonic - at >= ControlServer.exhaustionInterval
                {
                    saidExhaustedAt = nil
                }
            } catch .connectionAborted {
                // It left before it was accepted.
                continue
            } catch {
                // EMFILE, ENFILE, ENOBUFS, ENOMEM: the client goes on waiting, and so would the
                // readiness of the listener; hence a pause.
                pause(because: error, at: now)
                return
            }
        }
    }

    private func welcome(_ socket: consuming FileDescriptor, at now: Moment) throws(Errno) {
        // Whoever cannot be named is not served.
        guard let peer = try? UnixSocket.peer(of: socket) else { return }
        guard access.allows(peer, at: socket) else {
            refuse(
                socket,
                ControlError(.notPermitted, "user \(peer.user) may not use this control socket"))
            return
        }
        guard let slot = clients.firstIndex(where: { $0 == nil }) ?? freeSlot(at: now) else {
            refuse(
                socket,
                ControlError(
                    .tooManyClients,
                    "\(ControlLimits.clientsMax) clients are connected, which is the limit"))
            return
        }
        let token = Token(
            source: SourceKind.client.rawValue, slot: UInt32(slot), generation: generations[slot])
        let client = ControlClient(socket: socket, token: token, at: now.monotonic)
        try epoll.add(client.socket, token: token, interest: client.interest)
        clients[slot] = client
    }

    /// Serves the other end of a pair of sockets that a part of reeve itself gets: it need not be let in, and
    /// may be silent for as long as it likes. Throws EAGAIN where all places are taken, ENOMEM.
    package func adopt(_ socket: consuming FileDescriptor, at now: Moment) throws(Errno) {
        guard let slot = clients.firstIndex(where: { $0 == nil }) ?? freeSlot(at: now) else {
            throw .tryAgain
        }
        let token = Token(
            source: SourceKind.client.rawValue, slot: UInt32(slot), generation: generations[slot])
        let client = ControlClient(socket: socket, token: token, at: now.monotonic)
        client.isOwn = true
        client.hasAsked = true
        try epoll.add(client.socket, token: token, interest: client.interest)
        clients[slot] = client
    }

    /// All places are taken: the client that has been connected longest without ever asking for
    /// anything gives up its own. Idle connections, forgotten or meant so, lock nobody out.
    private func freeSlot(at now: Moment) -> Int? {
        var longest: ControlClient?
        for case let client? in clients
        where !client.hasAsked && now.monotonic - client.askedAt >= ControlServer.newcomerTime {
            if let found = longest, found.askedAt <= client.askedAt { continue }
            longest = client
        }
        guard let longest else { return nil }
        fail(
            longest,
            ControlError(
                .idle,
                "nothing was asked since the connection was made, and another client needs the "
                    + "place; the connection is closed"))
        longest.send()
        // It has asked the core for nothing, so that nothing is withdrawn.
        _ = drop(longest)
        return Int(longest.token.slot)
    }

    /// Tells a peer that is not served, as far as the socket takes it at once.
    private func refuse(_ socket: consuming FileDescriptor, _ error: ControlError) {
        var line: [UInt8] = []
        ControlEncoder.failure(error, id: nil, to: &line)
        // A new socket has room for one line; a peer that has gone needs no answer.
        _ = try? UnixSocket.send(line.span, to: socket)
    }

    private func pause(because error: Errno, at now: Moment) {
        if let listener { epoll.remove(listener.socket) }
        isListening = false
        listenAt = now.monotonic + ControlServer.acceptPause
        guard saidExhaustedAt == nil else { return }
        saidExhaustedAt = now.monotonic
        output.notice(
            .warning,
            "the control socket cannot accept a client: \(error); trying again every "
                + "\(ControlServer.acceptPause)", at: now)
    }

    private func listen() {
        listenAt = nil
        guard !isListening, let listener else { return }
        do throws(Errno) {
            try epoll.add(listener.socket, token: ControlServer.listenerToken, interest: .readable)
            isListening = true
        } catch {
            listenAt = Clock.now().monotonic + ControlServer.acceptPause
        }
    }

    // MARK: - One client

    func client(_ token: Token) -> ControlClient? {
        let slot = Int(token.slot)
        guard clients.indices.contains(slot), generations[slot] == token.generation else {
            return nil
        }
        return clients[slot]
    }

    /// Takes requests, makes answers and sends, each as far as it goes now.
    private func serve(_ client: ControlClient, at now: Moment, view: CoreView) -> [Event] {
        client.send()
        let events = takeRequests(of: client, at: now, view: view)
        for _ in 0..<ControlServer.fillsPerTurnMax where client.hasAnswers {
            advance(client, at: now, view: view)
            client.send()
        }
        client.send()
        if client.isDone { return events + drop(client) }
        setInterest(of: client)
        return events
    }

    /// Takes a bounded number of requests.
    private func takeRequests(
        of client: ControlClient, at now: Moment, view: CoreView
    ) -> [Event] {
        var events: [Event] = []
        for _ in 0..<ControlServer.requestsPerTurnMax {
            guard let line = client.takeLine(at: now.monotonic) else { break }
            guard !line.isEmpty else { continue }
            client.askedAt = now.monotonic
            client.hasAsked = true
            let outcome = perform(line, for: client, view: view)
            if let event = outcome.event { events.append(event) }
            if outcome.isDear { break }
        }
        if client.lineIsTooLong {
            fail(client, .requestTooLong)
            client.finish()
        }
        return events
    }

    /// Gives each open answer a page, in turn, while the client has room.
    private func advance(_ client: ControlClient, at now: Moment, view: CoreView) {
        guard client.answers.contains(where: { !$0.isIdle }), client.hasRoom else { return }
        let source = AnswerSource(
            view: view, ring: ring, tails: output.tails, greeting: greeting, now: now)
        for _ in 0..<client.answers.count {
            guard client.hasRoom, !client.answers.isEmpty else { return }
            var answer = client.answers.removeFirst()
            guard !answer.isIdle else {
                client.answers.append(answer)
                continue
            }
            lines.removeAll(keepingCapacity: true)
            let goesOn = source.advance(&answer, to: &lines)
            client.queue(lines)
            if goesOn { client.answers.append(answer) }
        }
    }

    /// Answers with a failure.
    func fail(_ client: ControlClient, _ error: ControlError, id: RequestID? = nil) {
        lines.removeAll(keepingCapacity: true)
        ControlEncoder.failure(error, id: id ?? error.id, to: &lines)
        client.queue(lines)
    }

    func answer(_ client: ControlClient, usage id: RequestID) {
        lines.removeAll(keepingCapacity: true)
        let usage = ProcessUsage.own()
        ControlEncoder.usage(
            UsageReport(
                memory: usage.resident, processorTime: usage.processorTime,
                descriptors: usage.descriptors, clients: clientCount), id: id, to: &lines)
        client.queue(lines)
    }

    func answer(_ client: ControlClient, ping id: RequestID) {
        lines.removeAll(keepingCapacity: true)
        ControlEncoder.pong(greeting, id: id, to: &lines)
        client.queue(lines)
    }

    /// Queues the last line of each of these answers. Streams among them were taken out before.
    func end(_ ids: [RequestID], of client: ControlClient) {
        lines.removeAll(keepingCapacity: true)
        for id in ids { ControlEncoder.end(id: id, to: &lines) }
        client.queue(lines)
        keepForFollowers()
    }

    func tellGap(_ client: ControlClient, id: RequestID, reason: String) {
        lines.removeAll(keepingCapacity: true)
        ControlEncoder.gap(missed: nil, reason: reason, id: id, to: &lines)
        client.queue(lines)
    }

    /// Names this supervisor instance in the positions of events.
    var epoch: String { greeting.epoch }

    /// Hands a request to the core.
    func ask(_ request: Request, for client: ControlClient, own: RequestID) -> Event {
        requestsMade += 1
        let id = RequestID(requestsMade)
        client.add(core: id, own: own)
        clientOfRequest[id] = client.token
        return .requested(id, request)
    }

    private func drop(_ client: ControlClient) -> [Event] {
        let slot = Int(client.token.slot)
        guard clients.indices.contains(slot), clients[slot] === client else { return [] }
        epoll.remove(client.socket)
        clients[slot] = nil
        generations[slot] = Token.generation(after: generations[slot])
        keepForFollowers()
        // A descriptor is free again: whoever waits for one need not wait for the pause's end.
        if !isListening, listenAt != nil { listen() }
        return client.takeAllWaiting().map { id in
            clientOfRequest[id] = nil
            return .requestWithdrawn(id)
        }
    }

    /// Tells epoll what the client waits for. `wakes`: look at it in the next turn in any case.
    private func setInterest(of client: ControlClient, wakes: Bool = false) {
        var wanted = client.wantedInterest
        if wakes { wanted.insert(.writable) }
        if !wanted.contains(.writable) {
            client.stuckSince = nil
        } else if client.stuckSince == nil {
            client.stuckSince = turnAt
        }
        guard wanted != client.interest else { return }
        do throws(Errno) {
            try epoll.modify(client.socket, token: client.token, interest: wanted)
            client.interest = wanted
        } catch {
            // ENOMEM: nothing was changed; the next call tries again, a deadline ends it otherwise.
        }
    }

    // MARK: - News for followers

    /// Those whose output somebody follows now.
    func keepForFollowers() {
        var followed: [SchedulerID] = []
        for case let client? in clients {
            for answer in client.answers {
                guard case .logs(let scheduler, _, follow: true) = answer.rest,
                    !followed.contains(scheduler)
                else { continue }
                followed.append(scheduler)
            }
        }
        output.tails.keepForFollowers(of: followed)
    }

    /// What is kept of a failed run was read, or could not be.
    package func readingEnded(_ reading: BundleReading) {
        wake { rest in if case .reading(reading, _) = rest { true } else { false } }
    }

    /// Another scheduler has this place from here on: whoever follows the log of the one before has seen its end.
    package func forget(_ scheduler: SchedulerID, _ name: SchedulerName) {
        for case let client? in clients {
            var ended: [RequestID] = []
            client.answers.removeAll { answer in
                guard case .logs(scheduler, _, _) = answer.rest else { return false }
                ended.append(answer.id)
                return true
            }
            for id in ended {
                tellGap(client, id: id, reason: "\(name) is no longer configured")
            }
            guard !ended.isEmpty else { continue }
            end(ended, of: client)
            setInterest(of: client, wakes: true)
        }
    }

    private func tailHasGrown(of scheduler: SchedulerID) {
        wake { rest in
            if case .logs(scheduler, _, _) = rest { true } else { false }
        }
    }

    /// Has those followers looked at in the next turn; what comes in one turn is sent at once.
    private func wake(_ matches: (ControlAnswer.Rest) -> Bool) {
        for case let client? in clients {
            var isAwake = false
            for index in client.answers.indices
            where client.answers[index].isIdle && matches(client.answers[index].rest) {
                client.answers[index].isIdle = false
                isAwake = true
            }
            if isAwake { setInterest(of: client) }
        }
    }

    // MARK: - Time

    private enum Expiry {
        case partial, idle, stuck
    }

    private func deadline(of client: ControlClient) -> (at: Instant, why: Expiry)? {
        if let since = client.stuckSince {
            let limit = client.isClosing ? ControlServer.closingTimeout : ControlServer.stuckTimeout
            return (since + limit, .stuck)
        }
        if let since = client.partialSince {
            return (since + ControlServer.partialTimeout, .partial)
        }
        guard client.waiting.isEmpty, client.answers.isEmpty, !client.isOwn else { return nil }
        return (client.askedAt + ControlServer.idleTimeout, .idle)
    }

    private func expire(_ client: ControlClient, _ why: Expiry, at now: Moment) -> [Event] {
        let error: ControlError
        switch why {
        case .stuck:
            if !client.isClosing {
                output.notice(
                    .warning,
                    "a client of the control socket has read nothing for "
                        + "\(ControlServer.stuckTimeout) and is dropped", at: now)
            }
            return drop(client)
        case .partial:
            error = ControlError(
                .idle,
                "the request was not complete within \(ControlServer.partialTimeout); "
                    + "the connection is closed")
        case .idle:
            error = ControlError(
                .idle,
                "nothing was asked for \(ControlServer.idleTimeout); the connection is closed")
        }
        fail(client, error)
        client.finish()
        client.send()
        client.stuckSince = nil
        if client.isDone { return drop(client) }
        setInterest(of: client)
        return []
    }
}
