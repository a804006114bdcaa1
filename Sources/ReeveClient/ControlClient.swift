// SPDX-License-Identifier: Apache-2.0

package import ReeveControl
package import ReeveCore
internal import ReeveLinux

/// One piece of a stream.
package enum StreamItem: Equatable, Sendable {
    case event(EventReport)
    case line(OutputReport)
    /// Something is missing here.
    case gap(GapReport)
}

/// The operations of the control socket, typed; synchronous, for one thread.
///
/// Every call is bounded by the timeout, in whole: all of its sending and receiving. Streams that
/// follow have no bound after their first wait.
package struct ControlClient {
    private let connection: ControlConnection
    private let timeout: Duration

    /// Connects; see `ControlConnection.init`.
    package init(to location: SocketLocation, timeout: Duration) throws(ClientError) {
        self.timeout = timeout
        connection = try ControlConnection(to: location, timeout: timeout)
    }

    /// As `ControlConnection.duplicateSocket`.
    func duplicateSocket() throws(ClientError) -> FileDescriptor {
        try connection.duplicateSocket()
    }

    private var deadline: Instant { Clock.now().monotonic + timeout }

    // MARK: Reading

    /// Everything.
    package func status() throws(ClientError) -> StatusAnswer {
        let answer = try answer(to: .status(name: nil)).status
        guard let answer else { throw ClientError(.failed, "the supervisor sent no status") }
        return answer
    }

    /// The head of the status only; the rest of the answer is not waited for, so that this has to be
    /// the last call.
    package func overview() throws(ClientError) -> Overview {
        let deadline = deadline
        let id = try connection.send(.status(name: nil))
        while true {
            let message = try connection.receive(until: deadline)
            if case .failure(let error) = message.body { throw ClientError(error) }
            if case .overview(let overview) = message.body, message.id == id { return overview }
        }
    }

    /// One scheduler. Throws where there is none of that name.
    package func status(of name: String) throws(ClientError) -> SchedulerReport {
        let found = try answer(to: .status(name: name)).scheduler
        guard let found else { throw ClientError(.failed, "the supervisor sent no status") }
        return found
    }

    /// Who answers.
    package func ping() throws(ClientError) -> Greeting {
        let greeting = try answer(to: .ping).greeting
        guard let greeting else { throw ClientError(.failed, "the supervisor sent no greeting") }
        return greeting
    }

    /// The last entries of a scheduler in the ledger, oldest first; nil: all that are kept.
    package func runs(of name: String, last count: Int?) throws(ClientError) -> [LedgerReport] {
        try answer(to: .runs(name: name, last: count)).entries
    }

    /// The alerts that are on, in the order in which they began.
    package func alerts() throws(ClientError) -> [AlertReport] {
        try answer(to: .alerts).alerts
    }

    /// The metrics of one scheduler, or of all.
    package func metrics(of name: String? = nil) throws(ClientError) -> [MetricsReport] {
        try answer(to: .metrics(name: name)).metrics
    }

    /// What is kept of a failed run with its log, of the last one where `run` is nil; nil where nothing is.
    package func failure(
        of name: String, run: String?
    ) throws(ClientError) -> (bundle: FailureBundle, log: [OutputReport])? {
        let answer = try answer(to: .failure(name: name, run: run), accepting: .noFailure)
        return answer.bundle.map { ($0, answer.lines) }
    }

    /// The configuration in force, values of environments as fingerprints, and where each scheduler stands.
    package func configuration() throws(ClientError) -> (
        settings: SupervisorSettings, standings: [SchedulerStanding]
    ) {
        var text: [UInt8] = []
        try ask(.configuration) { (body) throws(ClientError) in
            if case .part(let part) = body { text += part.utf8 }
            guard text.count <= ControlClient.configurationBytesMax else {
                throw ClientError(.failed, "the configuration in force is larger than 64 MiB")
            }
        }
        do {
            return try StandingText.read(text)
        } catch {
            throw ClientError(.failed, error.description)
        }
    }

    private static let configurationBytesMax = 64 << 20

    /// The coming occurrences of one scheduler, or of every scheduled one.
    package func next(of name: String?, count: Int) throws(ClientError) -> [ComingReport] {
        try answer(to: .next(name: name, count: count)).coming
    }

    /// Asks, and returns what all lines of the answer carry.
    private func answer(
        to operation: ControlOperation, accepting accepted: ControlError.Code? = nil
    ) throws(ClientError) -> [ServerMessage.Body] {
        var bodies: [ServerMessage.Body] = []
        try ask(operation, accepting: accepted) { bodies.append($0) }
        return bodies
    }

    /// Asks, and hands over each line of the answer; `each` takes what it knows and passes over the rest.
    /// Throws where the supervisor refuses, for another reason than `accepted`.
    private func ask(
        _ operation: ControlOperation, accepting accepted: ControlError.Code? = nil,
        each: (ServerMessage.Body) throws(ClientError) -> Void
    ) throws(ClientError) {
        let deadline = deadline
        let id = try connection.send(operation)
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            if case .failure(let error) = body, error.code != accepted { throw ClientError(error) }
            try each(body)
        }
    }

    // MARK: Acting

    /// Sends all operations at once and hands each answer to `each` with the operation's index, in the
    /// order of the operations. An operation that fails does not keep the others from being done.
    package func perform(
        _ operations: [ControlOperation], each: (Int, ActionAnswer) -> Void
    ) throws(ClientError) {
        let deadline = deadline
        var answers: [ActionAnswer] = []
        var indices: [RequestID: Int] = [:]
        // So many that neither side's buffers can fill up while both write, and no more than are taken.
        let window = ControlLimits.openRequestsMax
        var sent = 0
        var isComplete: [Bool] = []
        var reported = 0
        while reported < operations.count {
            while sent < operations.count, sent - reported < window {
                indices[try connection.send(operations[sent])] = sent
                answers.append(ActionAnswer())
                isComplete.append(false)
                sent += 1
            }
            let message = try connection.receive(until: deadline)
            guard let id = message.id, let index = indices[id] else {
                if case .failure(let error) = message.body { throw ClientError(error) }
                continue
            }
            answers[index].add(message)
            isComplete[index] = !message.hasMore
            while reported < sent, isComplete[reported] {
                each(reported, answers[reported])
                reported += 1
            }
        }
    }

    // MARK: Streams

    /// The events after a position, oldest first; with `follow` it goes on until the supervisor ends.
    package func events(
        after position: EventPosition?, follow: Bool,
        each: (StreamItem) throws(ClientError) -> Void
    ) throws(ClientError) {
        try stream(.subscribe(after: position, follow: follow), follow: follow, each: each)
    }

    /// The last `lines` lines of a scheduler's output (nil: all that is kept); with `follow` it goes on.
    package func logs(
        of name: String, lines: Int?, follow: Bool,
        each: (StreamItem) throws(ClientError) -> Void
    ) throws(ClientError) {
        try stream(.logs(name: name, lines: lines, follow: follow), follow: follow, each: each)
    }

    private func stream(
        _ operation: ControlOperation, follow: Bool,
        each: (StreamItem) throws(ClientError) -> Void
    ) throws(ClientError) {
        let deadline: Instant? = follow ? nil : self.deadline
        let id = try connection.send(operation)
        try answers(to: id, until: deadline, isStream: true) { (body) throws(ClientError) in
            if case .failure(let error) = body { throw ClientError(error) }
            if case .event(let event) = body { try each(.event(event)) }
            if case .line(let line) = body { try each(.line(line)) }
            if case .gap(let gap) = body { try each(.gap(gap)) }
        }
    }

    /// Hands over each line of the answer to one request. A failure that answers no request concerns
    /// the connection and ends the call.
    private func answers(
        to id: RequestID, until deadline: Instant?, isStream: Bool = false,
        each: (ServerMessage.Body) throws(ClientError) -> Void
    ) throws(ClientError) {
        var hasBegun = false
        while true {
            let message: ServerMessage
            do {
                message = try connection.receive(until: deadline)
            } catch {
                guard isStream, hasBegun, error.kind == .noSupervisor else { throw error }
                throw ClientError(
                    .noSupervisor, "the supervisor has gone, there is no more to show")
            }
            if message.id == nil, case .failure(let error) = message.body {
                throw ClientError(error)
            }
            guard message.id == id else { continue }
            hasBegun = true
            try each(message.body)
            if !message.hasMore { return }
        }
    }
}
