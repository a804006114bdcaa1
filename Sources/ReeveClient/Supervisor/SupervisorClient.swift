// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl
internal import ReeveCore

/// A supervisor on this machine, to be asked and told.
///
/// ```swift
/// let supervisor = try await SupervisorClient.connect()
/// let health = try await supervisor.health()
/// for scheduler in health.schedulers where scheduler.status == .unhealthy {
///     try await supervisor.restart(scheduler.name)
/// }
/// ```
///
/// A value, to be copied and shared as you like: each call makes a connection of its own, so that calls do not
/// wait for each other, and a supervisor that was restarted meanwhile is found again. At most sixteen calls
/// are made at once, further ones wait their turn; streams do not count.
///
/// Every call throws ``SupervisorError``, or `CancellationError` in a task that is cancelled. Actions come back
/// when it is so, and not when it was asked for; one that is broken off by its timeout or by cancellation
/// goes on in the supervisor.
public struct SupervisorClient: Sendable {
    private let route: Route

    /// The supervisor at a socket, without asking whether it is there.
    ///
    /// - Parameters:
    ///   - socket: The path of `control.sock`. nil looks for it as the command line does: `REEVE_SOCKET`, then the
    ///     usual runtime directories.
    ///   - timeout: How long an answer may take, once the call has its turn: sixteen are made at once. An action waits for schedulers to start or to stop, so
    ///     it should be more than their `stop-timeout`.
    public init(socket: String? = nil, timeout: Swift.Duration = .seconds(60)) {
        var location = SocketLocation.current(named: socket)
        if socket?.isEmpty == false { location.namedBy = "the call" }
        let (seconds, attoseconds) = timeout.components
        // Ten years are as good as for ever.
        let bounded = min(max(seconds, 0), 315_360_000)
        let milliseconds = bounded * 1_000 + max(0, attoseconds) / 1_000_000_000_000_000
        route = Route(
            location: location, timeout: .milliseconds(max(1, milliseconds)), limit: CallLimit(16))
    }

    /// The supervisor at a socket, when it has answered.
    public static func connect(
        socket: String? = nil, timeout: Swift.Duration = .seconds(60)
    ) async throws -> SupervisorClient {
        let client = SupervisorClient(socket: socket, timeout: timeout)
        _ = try await client.ping()
        return client
    }

    // MARK: Asking

    /// Who answers.
    public func ping() async throws -> SupervisorIdentity {
        try await read { (client) throws(ClientError) in SupervisorIdentity(try client.ping()) }
    }

    /// How everything is.
    public func health() async throws -> SupervisorHealth {
        try await read { (client) throws(ClientError) in SupervisorHealth(try client.status()) }
    }

    /// How one scheduler is.
    public func health(of scheduler: String) async throws -> SchedulerHealth {
        try await read { (client) throws(ClientError) in
            SchedulerHealth(try client.status(of: scheduler))
        }
    }

    /// The last entries of a scheduler in the ledger, oldest first; nil: all that are kept.
    public func runs(of scheduler: String, last count: Int? = nil) async throws -> [LedgerRecord] {
        try await read { (client) throws(ClientError) in
            try client.runs(of: scheduler, last: count).map { LedgerRecord($0) }
        }
    }

    /// The coming occurrences of a scheduler, or of all that have a schedule; at most 100 of each.
    public func next(
        of scheduler: String? = nil, count: Int = 5
    ) async throws -> [UpcomingOccurrences] {
        try await read { (client) throws(ClientError) in
            try client.next(of: scheduler, count: count).map { UpcomingOccurrences($0) }
        }
    }

    /// The last lines of a scheduler's output, oldest first; nil: all that is kept.
    public func logs(of scheduler: String, lines: Int? = nil) async throws -> [LogLine] {
        try await read { (client) throws(ClientError) in
            var found: [LogLine] = []
            try SupervisorClient.logs(client, of: scheduler, lines: lines, follow: false) {
                found.append($0)
            }
            return found
        }
    }

    // MARK: Following

    /// What happens, as it happens.
    ///
    /// - Parameter position: Where to go on: that of the last event that was seen. nil begins with the oldest
    ///   that is kept. What is no longer kept, or of an earlier supervisor, is told as a gap.
    public func events(after position: SupervisorEvent.Position? = nil)
        -> SupervisorStream<SupervisorEvent>
    {
        let position = position.flatMap { EventPosition($0.rawValue) }
        return SupervisorStream(route) { (client, each) throws(ClientError) in
            var gap: StreamGap?
            try client.events(after: position, follow: true) { (item) throws(ClientError) in
                switch item {
                case .event(let report):
                    try each(SupervisorEvent(report, after: gap))
                    gap = nil
                case .gap(let report): gap = StreamGap(report)
                case .line: break
                }
            }
        }
    }

    /// The last lines of a scheduler's output (nil: all that is kept), and then each that comes.
    public func followLogs(of scheduler: String, lines: Int? = nil) -> SupervisorStream<LogLine> {
        SupervisorStream(route) { (client, each) throws(ClientError) in
            try SupervisorClient.logs(
                client, of: scheduler, lines: lines, follow: true, each: each)
        }
    }

    private static func logs(
        _ client: ControlClient, of scheduler: String, lines: Int?, follow: Bool,
        each: (LogLine) throws(ClientError) -> Void
    ) throws(ClientError) {
        var gap: StreamGap?
        try client.logs(of: scheduler, lines: lines, follow: follow) { (item) throws(ClientError) in
            switch item {
            case .line(let report):
                try each(LogLine(report, after: gap))
                gap = nil
            case .gap(let report): gap = StreamGap(report)
            case .event: break
            }
        }
    }

    // MARK: Acting

    /// Starts a scheduler and waits until it is ready. With `force` although processes of an earlier run live.
    /// Returns how it went for each scheduler that was touched, as all actions do.
    @discardableResult
    public func start(_ scheduler: String, force: Bool = false) async throws -> [ActionOutcome] {
        try await act(.start(name: scheduler, force: force))
    }

    /// Stops a scheduler, and those that cannot do without it, and waits until nothing of it is left.
    @discardableResult
    public func stop(_ scheduler: String) async throws -> [ActionOutcome] {
        try await act(.stop(name: scheduler))
    }

    /// Stops what runs of a scheduler and starts it again. With `force` although something could not be ended.
    @discardableResult
    public func restart(_ scheduler: String, force: Bool = false) async throws -> [ActionOutcome] {
        try await act(.restart(name: scheduler, force: force))
    }

    /// Does what helps a scheduler: memory cleanup, error reset, dependency check, restart, in this order and as
    /// far as is needed. Returns what was done.
    @discardableResult
    public func performRecovery(_ scheduler: String) async throws -> [RecoveryStep] {
        try await act(.recover(name: scheduler)).flatMap(\.recoveryActions)
    }

    /// Starts everything that is enabled, in order.
    @discardableResult
    public func startAll() async throws -> [ActionOutcome] { try await act(.startAll) }

    /// Stops everything, in the reverse order.
    @discardableResult
    public func stopAll() async throws -> [ActionOutcome] { try await act(.stopAll) }

    /// Executes a scheduled one now, under the rules of its occurrences, or with `force` in any case.
    @discardableResult
    public func runNow(_ scheduler: String, force: Bool = false) async throws -> [ActionOutcome] {
        try await act(.runNow(name: scheduler, force: force))
    }

    /// Has no occurrence of a schedule executed until it is resumed.
    @discardableResult
    public func pause(_ scheduler: String) async throws -> [ActionOutcome] {
        try await act(.pause(name: scheduler))
    }

    /// The opposite of ``pause(_:)``.
    @discardableResult
    public func resume(_ scheduler: String) async throws -> [ActionOutcome] {
        try await act(.resume(name: scheduler))
    }

    /// Forgets a scheduler's failures and restarts, and has one that was given up go on.
    @discardableResult
    public func reset(_ scheduler: String) async throws -> [ActionOutcome] {
        try await act(.reset(name: scheduler))
    }

    /// Sends a signal to the program of a scheduler: "HUP", "SIGHUP", "1". Throws ``SupervisorError/Reason/usage``
    /// for what is no signal.
    @discardableResult
    public func signal(_ scheduler: String, _ signal: String) async throws -> [ActionOutcome] {
        guard let known = Signal(signal) else {
            throw SupervisorError(.usage, "\"\(signal)\" is no signal")
        }
        return try await act(.signal(name: scheduler, known))
    }

    /// Reads the configuration again and brings about what changed.
    @discardableResult
    public func reload() async throws -> [ActionOutcome] { try await act(.reload) }

    // MARK: Registering

    /// Adds a scheduler beside those of the configuration's file, or changes one that was added so, and waits until
    /// that has been brought about. It is kept in the state directory and is there again after a restart of reeve.
    ///
    /// ```swift
    /// try await supervisor.register(
    ///     "worker",
    ///     toml: """
    ///         [schedulers.worker]
    ///         command = ["/srv/worker"]
    ///         """)
    /// ```
    ///
    /// Throws ``SupervisorError/Reason/configuration`` where the text is not right, which then changes nothing,
    /// ``SupervisorError/Reason/conflict`` where the file has the name, and
    /// ``SupervisorError/Reason/notKept`` where it cannot be written down. A scheduler that is registered and whose
    /// program does not start is no error: its outcome says so.
    ///
    /// - Parameters:
    ///   - scheduler: Its name.
    ///   - text: TOML with the one table `[schedulers.NAME]`, as in a configuration.
    @discardableResult
    public func register(_ scheduler: String, toml text: String) async throws -> RegistrationResult
    {
        guard let name = SchedulerName(scheduler) else {
            throw SupervisorError(.usage, "\"\(scheduler)\" is no name of a scheduler")
        }
        let registration = Registration(name: name, text: text)
        return try await change(.register(registration))
    }

    /// Takes away a scheduler that was registered, and waits until nothing of it is left.
    /// Throws ``SupervisorError/Reason/conflict`` where the file has it or others depend on it.
    @discardableResult
    public func unregister(_ scheduler: String) async throws -> RegistrationResult {
        try await change(.unregister(name: scheduler))
    }

    private func change(_ operation: ControlOperation) async throws -> RegistrationResult {
        let answer = try await answer(to: operation)
        let outcomes = answer.outcomes.map { ActionOutcome($0) }
        guard let change = answer.change else {
            throw SupervisorError(
                answer.error ?? ControlError(.failed, "the supervisor sent no whole answer"),
                outcomes: outcomes)
        }
        return RegistrationResult(change: .init(rawValue: change.rawValue), outcomes: outcomes)
    }

    // MARK: Details

    private func read<Result: Sendable>(
        _ body: @escaping @Sendable (ControlClient) throws(ClientError) -> Result
    ) async throws -> Result {
        try await route.call { (client) throws(SupervisorError) in
            try SupervisorError.wrapping { () throws(ClientError) in try body(client) }
        }
    }

    private func act(_ operation: ControlOperation) async throws -> [ActionOutcome] {
        let answer = try await answer(to: operation)
        let outcomes = answer.outcomes.map { ActionOutcome($0) }
        if let error = answer.error { throw SupervisorError(error, outcomes: outcomes) }
        return outcomes
    }

    private func answer(to operation: ControlOperation) async throws -> ActionAnswer {
        try await read { (client) throws(ClientError) in
            var found = ActionAnswer()
            try client.perform([operation]) { found = $1 }
            return found
        }
    }
}
