// SPDX-License-Identifier: Apache-2.0
//
// A thread that waits for what comes from outside: signals, and who asks for the health. It decides nothing; and
// as it waits in the kernel, it costs nothing.

internal import Glibc
internal import ReeveCore
internal import ReeveLinux

/// A connection whose owner waits for the health.
final class HealthAsker: Sendable {
    private let socket: FileDescriptor

    init(_ socket: consuming FileDescriptor) {
        self.socket = socket
    }

    /// Says it, as a line.
    func answer(_ answer: HealthAnswer) {
        var line = "passed\n"
        if case .failed(let words) = answer {
            let scalars = words.unicodeScalars.prefix(500).map { $0.value < 32 ? " " : $0 }
            line = "failed: \(String(String.UnicodeScalarView(scalars)))\n"
        }
        let bytes = Array(line.utf8)
        // A fresh socket has room for it, and who has gone needs no answer.
        _ = try? UnixSocket.send(bytes.span, to: socket)
    }
}

/// Where the health is asked for.
private final class HealthListener: Sendable {
    let socket: FileDescriptor

    /// By the run's id. A program of this kind that was started by another one has the same, and is found by
    /// its pid; nil where that is not possible either: it cannot be asked, and is as well without.
    init?() {
        for name in HealthQuestion.ownNames(.current()) {
            if let socket = try? AbstractSocket.listen(as: name) {
                self.socket = socket
                return
            }
        }
        return nil
    }

    /// The next who asks and may: this user and root. Throws where there is no descriptor for it: who waits goes
    /// on waiting.
    func next() throws(Errno) -> HealthAsker? {
        while let socket = try UnixSocket.accept(socket) {
            guard let peer = try? UnixSocket.peer(of: socket),
                peer.user == Host.user || peer.user == 0
            else { continue }
            return HealthAsker(socket)
        }
        return nil
    }
}

/// What comes from outside, and who is told.
final class Attendant: Sendable {
    private let relay: SignalRelay
    private let questions: HealthListener?
    private let onSignal: @Sendable (Signal) -> Void
    private let onQuestion: @Sendable (HealthAsker) -> Void

    /// Handles SIGTERM, SIGINT (unless ignored) and SIGUSR1 from here on, and listens for questions. Throws where
    /// the process has no descriptors or threads left.
    init(
        onSignal: @escaping @Sendable (Signal) -> Void,
        onQuestion: @escaping @Sendable (HealthAsker) -> Void
    ) throws(Errno) {
        relay = try SignalRelay([.terminate, .user1], unlessIgnored: [.interrupt])
        self.onSignal = onSignal
        self.onQuestion = onQuestion
        questions = HealthListener()
        try BackgroundThread.start { self.attend() }
    }

    private func attend() {
        relay.receiveHere()
        do throws(Errno) {
            let epoll = try Epoll()
            try epoll.add(relay.descriptor, token: Token(source: 0, slot: 0), interest: .readable)
            // Nobody is waited for, or from when on again.
            var resumeAt: Instant? = questions == nil ? .distantFuture : .zero
            while true {
                if let due = resumeAt, let questions, due <= Clock.now().monotonic {
                    resumeAt = nil
                    try epoll.add(
                        questions.socket, token: Token(source: 1, slot: 0), interest: .readable)
                }
                try epoll.wait(until: resumeAt) { _, _ in }
                for signal in try relay.read() { onSignal(signal) }
                guard resumeAt == nil, let questions else { continue }
                do {
                    while let asker = try questions.next() { onQuestion(asker) }
                } catch {
                    // No descriptors: whoever waits would be reported again and again.
                    epoll.remove(questions.socket)
                    resumeAt = Clock.now().monotonic + .seconds(1)
                }
            }
        } catch {
            // Without it no signal would ever end the program.
            say("signals cannot be waited for, and the program ends: \(error)")
            exit(1)
        }
    }
}
