// SPDX-License-Identifier: Apache-2.0
//
// Health checks that reeve makes itself: a connection, or a request and the status of its response. Nothing
// here waits; a probe is a socket in the loop, a deadline and a bounded buffer. Names other than localhost
// are no business of the loop, since name services block: those probes are made by a child (`ProbeRole`),
// which uses this same component.

internal import ReeveCore
internal import ReeveLinux

/// The probes that are on their way.
final class Prober {
    /// One probe between its start and its answer.
    private final class Running {
        let id: CommandID
        let probe: Probe
        let token: Token
        let deadline: Instant
        /// Those that were not tried yet.
        var addresses: ArraySlice<String>
        var socket: FileDescriptor?
        var isConnected = false
        /// What is still to be sent.
        var request: ArraySlice<UInt8> = []
        var response: [UInt8] = []
        /// Why the first address failed.
        var firstFailure: String?
        /// That was for want of descriptors or memory.
        var lacksRoom = false

        init(
            id: CommandID, _ probe: Probe, addresses: [String], token: Token, deadline: Instant
        ) {
            self.id = id
            self.probe = probe
            self.addresses = addresses[...]
            self.token = token
            self.deadline = deadline
        }
    }

    private let epoll: Epoll
    private var running: [Running?] = []
    private var generations: [UInt32] = []
    private var free: [Int] = []
    /// Not after the nearest deadline; may be too early, which costs one look.
    private var earliest: Instant?
    private var buffer = [UInt8](repeating: 0, count: 4_096)

    init(epoll: Epoll) {
        self.epoll = epoll
    }

    /// How many have not been answered.
    var count: Int { running.count - free.count }

    /// The numeric addresses of a host, without a name service; nil for any other name.
    static func addresses(of host: String) -> [String]? {
        if host.lowercased() == "localhost" { return ["127.0.0.1", "::1"] }
        return InternetSocket.isNumeric(host) ? [host] : nil
    }

    // MARK: The loop's side

    /// Begins a probe of the first of these addresses that takes a connection. Returns the answer where it
    /// is there at once.
    func start(
        _ id: CommandID, _ probe: Probe, addresses: [String], at now: Moment
    ) -> Event? {
        let slot = free.popLast() ?? grow()
        let token = Token(
            source: SourceKind.probe.rawValue, slot: UInt32(truncatingIfNeeded: slot),
            generation: generations[slot])
        let made = Running(
            id: id, probe, addresses: addresses, token: token,
            deadline: now.monotonic + probe.timeout)
        running[slot] = made
        earliest = min(earliest ?? made.deadline, made.deadline)
        return connect(made)
    }

    /// Ends a probe that is not wanted any more, and answers it. nil where it has been.
    func end(_ id: CommandID) -> Event? {
        running.first { $0?.id == id }?.flatMap {
            finish($0, .failed(words: "it is not wanted any more"))
        }
    }

    /// A probe's socket is ready.
    func ready(_ token: Token) -> Event? {
        let slot = Int(token.slot)
        // A stale token's probe was answered earlier in this turn.
        guard running.indices.contains(slot), generations[slot] == token.generation,
            let probe = running[slot]
        else { return nil }
        return probe.isConnected ? exchange(probe) : connected(probe)
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? { earliest }

    /// Answers those whose time is over.
    func timePassed(at now: Moment) -> [Event] {
        earliest = nil
        var events: [Event] = []
        for case let probe? in running {
            guard probe.deadline <= now.monotonic else {
                earliest = min(earliest ?? probe.deadline, probe.deadline)
                continue
            }
            let what = probe.isConnected ? "no response" : "no connection"
            let words = "\(what) within \(probe.probe.timeout)"
            events.append(finish(probe, .failed(words: words)))
        }
        return events
    }

    // MARK: One probe

    private func connect(_ probe: Running) -> Event? {
        while let address = probe.addresses.popFirst() {
            do throws(Errno) {
                let connection = try InternetSocket.connect(
                    to: address, port: probe.probe.target.port)
                let isConnected = connection.isConnected
                let socket = connection.take()
                try epoll.add(socket, token: probe.token, interest: .writable)
                probe.socket = consume socket
                if !isConnected { return nil }
                return connected(probe)
            } catch {
                note(error, of: probe)
            }
        }
        let words = probe.firstFailure ?? "it has no address"
        return finish(
            probe, probe.lacksRoom ? .unasked(words: words) : .failed(words: words))
    }

    private func note(_ error: Errno, of probe: Running) {
        guard probe.firstFailure == nil else { return }
        probe.firstFailure = error.description
        switch error {
        // ENOSPC: no more sockets may be watched.
        case .tooManyOpenFiles, .fileTableOverflow, .noMemory, .noSpace: probe.lacksRoom = true
        default: break
        }
    }

    private func connected(_ probe: Running) -> Event? {
        do throws(Errno) {
            try withSocket(of: probe) { (socket) throws(Errno) in
                try InternetSocket.checkConnected(socket)
            }
        } catch {
            note(error, of: probe)
            close(probe)
            return connect(probe)
        }
        probe.isConnected = true
        switch probe.probe.question {
        case .connects:
            return finish(probe, .passed(words: "\(probe.probe.target) took the connection"))
        case .responds(let path, status: _):
            probe.request = HTTPResponse.request(to: probe.probe.target, path: path)[...]
            return exchange(probe)
        }
    }

    /// Sends what is left of the request, then reads.
    private func exchange(_ probe: Running) -> Event? {
        do throws(Errno) {
            guard try send(probe) else { return nil }
            return try receive(probe)
        } catch {
            return finish(probe, .failed(words: "the connection failed: \(error)"))
        }
    }

    /// Returns whether all of it is sent.
    private func send(_ probe: Running) throws(Errno) -> Bool {
        guard !probe.request.isEmpty else { return true }
        let bytes = Array(probe.request)
        let sent = try withSocket(of: probe) { (socket) throws(Errno) in
            try UnixSocket.send(bytes.span, to: socket)
        }
        probe.request = probe.request.dropFirst(sent ?? 0)
        guard probe.request.isEmpty else { return false }
        try withSocket(of: probe) { (socket) throws(Errno) in
            try epoll.modify(socket, token: probe.token, interest: .readable)
        }
        return true
    }

    private func receive(_ probe: Running) throws(Errno) -> Event? {
        guard case .responds(path: _, let wanted) = probe.probe.question else { return nil }
        while probe.response.count < HTTPResponse.bytesMax {
            let read = try withSocket(of: probe) { (socket) throws(Errno) in
                try socket.read(into: &buffer)
            }
            guard let read else { return nil }
            probe.response += buffer.prefix(read)
            switch HTTPResponse.read(probe.response) {
            case .status(let code):
                let isWanted = wanted.contains(code)
                let range = "\(wanted.lowerBound)-\(wanted.upperBound)"
                return finish(
                    probe,
                    isWanted
                        ? .passed(words: "status \(code)")
                        : .failed(words: "status \(code), and \(range) passes"))
            case .foreign(let text) where read > 0 || !text.isEmpty:
                return finish(probe, .failed(words: "the response is no HTTP: \(text)"))
            case .foreign, .incomplete: break
            }
            if read == 0 {
                let words = "the connection was closed without a response"
                return finish(probe, .failed(words: words))
            }
        }
        return finish(
            probe, .failed(words: "no status within \(HTTPResponse.bytesMax) bytes of response"))
    }

    private func withSocket<Result>(
        of probe: Running, _ body: (borrowing FileDescriptor) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        guard let socket = probe.socket.take() else { throw .badDescriptor }
        do throws(Errno) {
            let result = try body(socket)
            probe.socket = consume socket
            return result
        } catch {
            probe.socket = consume socket
            throw error
        }
    }

    private func finish(_ probe: Running, _ outcome: ProbeOutcome) -> Event {
        close(probe)
        let slot = Int(probe.token.slot)
        running[slot] = nil
        generations[slot] = Token.generation(after: generations[slot])
        free.append(slot)
        if count == 0 { earliest = nil }
        return .probed(probe.id, outcome)
    }

    private func close(_ probe: Running) {
        guard let socket = probe.socket.take() else { return }
        // Before the descriptor goes: a child that is being spawned may hold a duplicate of it.
        epoll.remove(socket)
    }

    private func grow() -> Int {
        running.append(nil)
        generations.append(0)
        return running.count - 1
    }
}
