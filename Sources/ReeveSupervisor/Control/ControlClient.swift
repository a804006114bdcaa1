// SPDX-License-Identifier: Apache-2.0
//
// One connection of the control socket: its buffers and its clocks. What the lines mean is the
// server's affair.

internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// A connected client.
final class ControlClient {
    /// Unsent bytes from which on nothing more is made and nothing more is read for it. The largest
    /// page (half a line's limit of events, and one line that began just below that) on top keeps the
    /// bound of `ControlLimits.bufferBytesMax`.
    static let pageBytes =
        ControlLimits.bufferBytesMax - ControlLimits.lineBytesMax - AnswerSource.pageBytes

    let socket: FileDescriptor
    let token: Token

    /// What was received and not yet taken as lines.
    private var input: [UInt8] = []
    private var output = ByteQueue()
    /// Answers that are not complete, to be advanced in turn.
    var answers: [ControlAnswer] = []
    /// Requests that the core has: its number for each, and the client's own.
    private(set) var waiting: [(core: RequestID, own: RequestID)] = []

    /// The client sends no more.
    private(set) var inputHasEnded = false
    /// It is closed as soon as what is queued has been sent.
    private(set) var isClosing = false
    /// The connection is broken.
    private(set) var isBroken = false
    /// What epoll waits for.
    var interest: PollEvents = .readable

    /// The last time that it asked for something; when it was connected, before that.
    var askedAt: Instant
    /// It has asked for something.
    var hasAsked = false
    /// It is a part of reeve itself, and stays however long it says nothing.
    var isOwn = false
    /// Since when the beginning of a line waits for its end; counts only while we read on.
    private var inputSince: Instant?
    /// Since when the socket is to take something and epoll has not said that it would.
    var stuckSince: Instant?

    init(socket: consuming FileDescriptor, token: Token, at now: Instant) {
        self.socket = socket
        self.token = token
        askedAt = now
    }

    // MARK: - Receiving

    /// Receives once, at most what a line may still take; `buffer` is scratch.
    func receive(into buffer: inout [UInt8], at now: Instant) {
        guard wantsInput else { return }
        do throws(Errno) {
            guard let count = try UnixSocket.receive(into: &buffer, from: socket) else { return }
            guard count > 0 else {
                inputHasEnded = true
                return
            }
            input.append(contentsOf: buffer[..<count])
            if inputSince == nil { inputSince = now }
        } catch {
            // ECONNRESET and whatever else: there is nobody to talk to.
            isBroken = true
        }
    }

    /// Takes the next whole line, without its line break. nil: there is none, or it cannot be taken
    /// now. The last line may lack its break when the client has ended its side.
    func takeLine(at now: Instant) -> [UInt8]? {
        guard !isClosing, hasRoom, !lineIsTooLong else { return nil }
        if let end = lineEnd {
            let line = Array(input[..<end])
            input.removeSubrange(...end)
            inputSince = input.isEmpty ? nil : now
            return line
        }
        guard inputHasEnded, !input.isEmpty else { return nil }
        let line = input
        input = []
        inputSince = nil
        return line
    }

    /// The next line is longer than any request, whether its end has come or not.
    var lineIsTooLong: Bool {
        !isClosing && (lineEnd ?? input.count) >= ControlLimits.requestBytesMax
    }

    private var lineEnd: Int? { input.firstIndex(of: UInt8(ascii: "\n")) }

    /// Whether a line could be taken at once.
    var hasWork: Bool {
        guard !isClosing, hasRoom else { return false }
        if !input.isEmpty, inputHasEnded || lineEnd != nil { return true }
        return answers.contains { !$0.isIdle }
    }

    /// Whether an answer could be gone on with at once.
    var hasAnswers: Bool { hasRoom && answers.contains { !$0.isIdle } }

    /// Since when the client owes us the rest of a line.
    var partialSince: Instant? { wantsInput && !input.isEmpty ? inputSince : nil }

    private var wantsInput: Bool {
        !inputHasEnded && !isClosing && !isBroken && hasRoom
            && input.count < ControlLimits.requestBytesMax && lineEnd == nil
    }

    // MARK: - Sending

    /// Whether more may be queued now.
    var hasRoom: Bool { output.count < ControlClient.pageBytes }

    /// What waits to be sent.
    var unsentBytes: Int { output.count }

    /// Queues whole lines.
    func queue(_ lines: [UInt8]) {
        guard !isClosing, !isBroken else { return }
        output.append { $0.append(contentsOf: lines) }
    }

    /// Closes when what is queued has been sent; nothing is read any more and nothing else queued.
    func finish() {
        isClosing = true
        input = []
        inputSince = nil
        answers = []
    }

    /// Sends what the socket takes.
    func send() {
        while !output.isEmpty, !isBroken {
            do throws(Errno) {
                let sent = try output.withBytes { (bytes) throws(Errno) in
                    try UnixSocket.send(bytes, to: socket)
                }
                guard let sent, sent > 0 else { return }
                output.removeFirst(sent)
            } catch {
                // EPIPE, ECONNRESET: it has gone.
                isBroken = true
            }
        }
    }

    // MARK: - Requests with the core

    func add(core: RequestID, own: RequestID) {
        waiting.append((core, own))
    }

    /// The client's own id of a request that the core has answered.
    func take(core: RequestID) -> RequestID? {
        guard let index = waiting.firstIndex(where: { $0.core == core }) else { return nil }
        return waiting.remove(at: index).own
    }

    /// Gives up all that waits; the core is told by the caller.
    func takeAllWaiting() -> [RequestID] {
        defer { waiting = [] }
        return waiting.map(\.core)
    }

    // MARK: - Where it stands

    /// What epoll is to wait for.
    var wantedInterest: PollEvents {
        var wanted: PollEvents = []
        if wantsInput { wanted.insert(.readable) }
        if unsentBytes > 0 || hasWork { wanted.insert(.writable) }
        return wanted
    }

    /// Nothing more will come of it: it has gone, or everything was said.
    var isDone: Bool {
        if isBroken { return true }
        if isClosing { return output.isEmpty }
        return inputHasEnded && input.isEmpty && output.isEmpty && answers.isEmpty
            && waiting.isEmpty
    }
}
