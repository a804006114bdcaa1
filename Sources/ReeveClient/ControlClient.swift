// SPDX-License-Identifier: Apache-2.0

package import ReeveControl
package import ReeveCore
internal import ReeveLinux

/// What a status answer says.
package struct StatusAnswer: Equatable, Sendable {
    package var overview: Overview
    package var schedulers: [SchedulerReport]

    package init(overview: Overview, schedulers: [SchedulerReport]) {
        self.overview = overview
        self.schedulers = schedulers
    }
}

/// How one request of several ended.
package struct ActionAnswer: Equatable, Sendable {
    package var outcomes: [OutcomeReport]
    /// nil where all went well.
    package var error: ControlError?
    /// A sentence about the whole.
    package var summary: String?
}

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

    private var deadline: Instant { Clock.now().monotonic + timeout }

    // MARK: Reading

    /// Everything.
    package func status() throws(ClientError) -> StatusAnswer {
        let deadline = deadline
        let id = try connection.send(.status(name: nil))
        var overview: Overview?
        var schedulers: [SchedulerReport] = []
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            switch body {
            case .overview(let head):
                overview = head
                schedulers.reserveCapacity(head.total)
            case .schedulers(let page): schedulers += page
            case .failure(let error): throw ClientError(error)
            case .outcomes, .event, .line, .entry, .gap, .part, .greeting, .settings, .end,
                .coming, .metrics, .alerts, .bundle:
                break
            }
        }
        guard let overview else { throw ClientError(.failed, "the supervisor sent no status") }
        return StatusAnswer(overview: overview, schedulers: schedulers)
    }

    /// The head of the status only; the rest of the answer is not waited for, so that this has to be
    /// the last call.
    package func overview() throws(ClientError) -> Overview {
        let deadline = deadline
        let id = try connection.send(.status(name: nil))
        while true {
            let message = try connection.receive(until: deadline)
            switch message.body {
            case .overview(let overview) where message.id == id: return overview
            case .failure(let error): throw ClientError(error)
            case .overview, .schedulers, .outcomes, .event, .line, .entry, .gap, .part,
                .greeting, .settings, .end, .coming, .metrics, .alerts, .bundle:
                break
            }
        }
    }

    /// One scheduler. Throws where there is none of that name.
    package func status(of name: String) throws(ClientError) -> SchedulerReport {
        let deadline = deadline
        let id = try connection.send(.status(name: name))
        var found: SchedulerReport?
        var settings: SettingsReport?
        var metrics: MetricsReport?
        var alerts: [AlertReport] = []
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            switch body {
            case .schedulers(let page): found = page.first ?? found
            case .settings(let report): settings = report
            case .failure(let error): throw ClientError(error)
            case .metrics(let page): metrics = page.first ?? metrics
            case .alerts(let page): alerts += page
            case .overview, .outcomes, .event, .line, .entry, .gap, .part, .greeting, .end,
                .coming, .bundle:
                break
            }
        }
        guard var found else { throw ClientError(.failed, "the supervisor sent no status") }
        found.settings = settings
        found.metrics = metrics
        found.alerts = alerts
        return found
    }

    /// Who answers.
    package func ping() throws(ClientError) -> Greeting {
        let deadline = deadline
        let id = try connection.send(.ping)
        var greeting: Greeting?
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            switch body {
            case .greeting(let found): greeting = found
            case .failure(let error): throw ClientError(error)
            case .overview, .schedulers, .outcomes, .event, .line, .entry, .gap, .part,
                .settings, .end, .coming, .metrics, .alerts, .bundle:
                break
            }
        }
        guard let greeting else { throw ClientError(.failed, "the supervisor sent no greeting") }
        return greeting
    }

    /// The last entries of a scheduler in the ledger, oldest first; nil: all that are kept.
    package func runs(of name: String, last count: Int?) throws(ClientError) -> [LedgerReport] {
        let deadline = deadline
        let id = try connection.send(.runs(name: name, last: count))
        var entries: [LedgerReport] = []
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            switch body {
            case .entry(let entry): entries.append(entry)
            case .failure(let error): throw ClientError(error)
            case .overview, .schedulers, .outcomes, .event, .line, .gap, .part, .greeting,
                .settings, .end, .coming, .metrics, .alerts, .bundle:
                break
            }
        }
        return entries
    }

    /// The alerts that are on, in the order in which they began.
    package func alerts() throws(ClientError) -> [AlertReport] {
        let deadline = deadline
        let id = try connection.send(.alerts)
        var alerts: [AlertReport] = []
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            switch body {
            case .alerts(let page): alerts += page
            case .failure(let error): throw ClientError(error)
            case .overview, .schedulers, .outcomes, .event, .line, .entry, .gap, .greeting,
                .settings, .coming, .metrics, .bundle, .part, .end:
                break
            }
        }
        return alerts
    }

    /// The metrics of one scheduler, or of all.
    package func metrics(of name: String? = nil) throws(ClientError) -> [MetricsReport] {
        let deadline = deadline
        let id = try connection.send(.metrics(name: name))
        var metrics: [MetricsReport] = []
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            switch body {
            case .metrics(let page): metrics += page
            case .failure(let error): throw ClientError(error)
            case .overview, .schedulers, .outcomes, .event, .line, .entry, .gap, .greeting,
                .settings, .coming, .alerts, .bundle, .part, .end:
                break
            }
        }
        return metrics
    }

    /// What is kept of a failed run with its log, of the last one where `run` is nil; nil where nothing is.
    package func failure(
        of name: String, run: String?
    ) throws(ClientError) -> (bundle: FailureBundle, log: [OutputReport])? {
        let deadline = deadline
        let id = try connection.send(.failure(name: name, run: run))
        var bundle: FailureBundle?
        var log: [OutputReport] = []
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            switch body {
            case .bundle(let found): bundle = found
            case .line(let line): log.append(line)
            case .failure(let error) where error.code == .noFailure: break
            case .failure(let error): throw ClientError(error)
            case .overview, .schedulers, .outcomes, .event, .entry, .gap, .greeting, .settings,
                .coming, .metrics, .alerts, .part, .end:
                break
            }
        }
        return bundle.map { ($0, log) }
    }

    /// The configuration in force, values of environments as fingerprints, and where each scheduler stands.
    package func configuration() throws(ClientError) -> (
        settings: SupervisorSettings, standings: [SchedulerStanding]
    ) {
        let deadline = deadline
        let id = try connection.send(.configuration)
        var text: [UInt8] = []
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            switch body {
            case .part(let part): text += part.utf8
            case .failure(let error): throw ClientError(error)
            case .overview, .schedulers, .outcomes, .event, .line, .entry, .coming, .gap,
                .greeting, .settings, .end, .metrics, .alerts, .bundle:
                break
            }
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
        let deadline = deadline
        let id = try connection.send(.next(name: name, count: count))
        var reports: [ComingReport] = []
        try answers(to: id, until: deadline) { (body) throws(ClientError) in
            switch body {
            case .coming(let report): reports.append(report)
            case .failure(let error): throw ClientError(error)
            case .overview, .schedulers, .outcomes, .event, .line, .entry, .part, .gap, .greeting,
                .settings, .metrics, .alerts, .bundle, .end:
                break
            }
        }
        return reports
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
                answers.append(ActionAnswer(outcomes: [], error: nil))
                isComplete.append(false)
                sent += 1
            }
            let message = try connection.receive(until: deadline)
            guard let id = message.id, let index = indices[id] else {
                if case .failure(let error) = message.body { throw ClientError(error) }
                continue
            }
            answers[index].add(message.body)
            answers[index].summary = message.summary ?? answers[index].summary
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
            switch body {
            case .event(let event): try each(.event(event))
            case .line(let line): try each(.line(line))
            case .gap(let gap): try each(.gap(gap))
            case .failure(let error): throw ClientError(error)
            case .overview, .schedulers, .outcomes, .entry, .part, .greeting, .settings, .end,
                .coming, .metrics, .alerts, .bundle:
                break
            }
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

extension ActionAnswer {
    fileprivate mutating func add(_ body: ServerMessage.Body) {
        switch body {
        case .outcomes(let page, let failure):
            outcomes += page
            error = failure ?? error
        case .failure(let failure): error = failure
        case .overview, .schedulers, .event, .line, .entry, .gap, .part, .greeting, .settings,
            .end, .coming, .metrics, .alerts, .bundle:
            break
        }
    }
}
