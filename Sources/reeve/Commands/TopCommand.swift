// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// `reeve top`.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch all schedulers in a table that keeps itself current.",
        discussion: """
            The worst stand first. Keys: o changes the order (state, name, memory, restarts), j and k \
            or the arrows scroll, the space bar scrolls a page, q leaves. A supervisor that goes away is \
            waited for.

              $ reeve top
              $ reeve top --interval 5s
            """)

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Ask this often, at least 250ms.", valueName: "duration"),
        transform: TopCommand.interval)
    var interval = Duration.seconds(1)

    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        guard StandardStreams.isTerminal(.output) else {
            throw Exit(
                code: 64,
                message: "top draws on a terminal, and standard output is none; "
                    + "`reeve status` prints the same once")
        }
        // The first look is an error like any other command's: nobody may be there.
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let answer = try client.status()
        do {
            var session = try TopSession.begin(connection, interval, client, answer)
            try session.run()
        } catch let error as Errno {
            throw Exit(code: 1, message: "top cannot use this terminal: \(error)")
        }
    }

    private static func interval(_ text: String) throws -> Duration {
        guard let duration = Amounts.duration(text), duration >= .milliseconds(250) else {
            throw ValidationError("it is no duration of 250ms or more; write 1s or 500ms")
        }
        return duration
    }
}

/// The loop of `reeve top`: it waits for a key, a signal or the next look, and draws.
private struct TopSession: ~Copyable {
    private static let keys = Token(source: 1, slot: 0)
    private static let signals = Token(source: 2, slot: 0)
    /// To the other screen and without a cursor, and back (xterm's control sequences).
    private static let enter = "\u{1B}[?1049h\u{1B}[?25l"
    private static let leave = "\u{1B}[?25h\u{1B}[?1049l"
    private static let home = "\u{1B}[H"
    private static let clearToEnd = "\u{1B}[K"

    private let connection: ConnectionOptions
    private let interval: Duration
    private let output = Output()
    private let terminal: RawTerminal
    private let input: FileDescriptor
    private let signals: SignalDescriptor
    private let epoll: Epoll
    private var client: ControlClient?
    private var answer: StatusAnswer
    private var history = TopHistory()
    private var order = TopOrder.state
    private var first = 0
    private var notice: String?

    private init(
        _ connection: ConnectionOptions, _ interval: Duration, _ client: ControlClient,
        _ answer: StatusAnswer, _ terminal: consuming RawTerminal,
        _ input: consuming FileDescriptor, _ signals: consuming SignalDescriptor, _ epoll: Epoll
    ) {
        self.connection = connection
        self.interval = interval
        self.client = client
        self.answer = answer
        history.add(answer.schedulers)
        self.terminal = terminal
        self.input = input
        self.signals = signals
        self.epoll = epoll
    }

    /// Takes over the terminal until the session is dropped. `answer` is shown first.
    static func begin(
        _ connection: ConnectionOptions, _ interval: Duration, _ client: ControlClient,
        _ answer: StatusAnswer
    ) throws(Errno) -> TopSession {
        let terminal = try RawTerminal()
        let input = FileDescriptor(owning: 0)
        let signals = try SignalDescriptor([
            .terminate, .interrupt, .hangup, .quit, .windowChange,
        ])
        let epoll = try Epoll()
        try epoll.add(input, token: TopSession.keys, interest: .readable)
        try epoll.add(signals.descriptor, token: TopSession.signals, interest: .readable)
        return TopSession(
            connection, interval, client, answer, terminal, input, signals, epoll)
    }

    mutating func run() throws {
        try output.write(TopSession.enter)
        do {
            try loop()
        } catch {
            try? output.write(TopSession.leave)
            try? output.flush()
            throw error
        }
        try output.write(TopSession.leave)
        try output.flush()
    }

    private mutating func loop() throws {
        var nextLook = Clock.now().monotonic + interval
        while true {
            try draw()
            var hasKeys = false
            var hasSignals = false
            do throws(Errno) {
                try epoll.wait(until: nextLook) { token, _ in
                    if token == TopSession.keys { hasKeys = true } else { hasSignals = true }
                }
            } catch {
                throw Exit(code: 1, message: "waiting for a key failed: \(error)")
            }
            if hasSignals, try shouldLeave() { return }
            if hasKeys, try handleKeys() { return }
            if Clock.now().monotonic >= nextLook {
                look()
                nextLook = Clock.now().monotonic + interval
            }
        }
    }

    /// Asks for the status. Where nobody answers the last one stays, and is told to be old.
    private mutating func look() {
        do throws(ClientError) {
            if client == nil { client = try connection.connect(timeout: interval) }
            guard let client else { return }
            let fresh = try client.status()
            answer = fresh
            history.add(fresh.schedulers)
            notice = nil
        } catch {
            client = nil
            notice = "\(error.message); trying again, q leaves"
        }
    }

    private mutating func draw() throws {
        let size = RawTerminal.size()
        let screen = TopScreen(columns: size?.columns ?? 80, rows: size?.rows ?? 24)
        first = max(0, min(first, StatusText.topScrollMax(answer.schedulers.count, on: screen)))
        let text = StatusText.top(
            answer, history, order: order, first: first, notice: notice, on: screen,
            at: Clock.now().wall, output.appearance)
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        try output.write(
            TopSession.home
                + lines.joined(separator: TopSession.clearToEnd + "\r\n") + TopSession.clearToEnd)
        try output.flush()
    }

    /// Whether a signal came that ends it; a changed window only needs to be drawn.
    private func shouldLeave() throws -> Bool {
        do throws(Errno) {
            return try signals.read().contains { $0.signal != .windowChange }
        } catch {
            throw Exit(code: 1, message: "reading the pending signals failed: \(error)")
        }
    }

    /// Returns whether a key says that it is enough.
    private mutating func handleKeys() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64)
        let count: Int?
        do throws(Errno) {
            count = try input.read(into: &buffer)
        } catch {
            throw Exit(code: 1, message: "reading a key failed: \(error)")
        }
        // The terminal has gone.
        guard let count, count > 0 else { return true }
        let page = max(1, (RawTerminal.size()?.rows ?? 24) - 3)
        let keys = buffer.prefix(count)
        if keys.starts(with: Array("\u{1B}[A".utf8)) {
            first -= 1
        } else if keys.starts(with: Array("\u{1B}[B".utf8)) {
            first += 1
        } else if keys.first == 0x1B {
            // Another key of several bytes.
        } else {
            for key in keys {
                switch key {
                case UInt8(ascii: "q"), 0x03: return true
                case UInt8(ascii: "o"):
                    order = order.next
                    first = 0
                case UInt8(ascii: "j"): first += 1
                case UInt8(ascii: "k"): first -= 1
                case UInt8(ascii: " "): first += page
                default: break
                }
            }
        }
        return false
    }
}
