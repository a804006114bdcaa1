// SPDX-License-Identifier: Apache-2.0
//
// `syslog = "/dev/log"`: programs that know no other place for their log, such as Debian's cron, get one.
// Each line is output of the scheduler whose process sent it, or reeve's own where that cannot be told.
// Everything that is sent is read, since senders wait for a full socket; more than a bounded number of
// messages in a second is counted, and that is said.

internal import ReeveCore
internal import ReeveLinux

/// Reads a syslog socket.
final class SyslogReader {
    /// Messages read in one turn; the rest waits for the next.
    static let messagesPerTurnMax = 128
    /// Messages written in one second; more are counted.
    static let messagesPerSecondMax = 1_000
    /// Lines that one message may have.
    private static let linesMax = 16

    /// Whose process it is; nil: of no run that is known.
    typealias Owner = (PID) -> (scheduler: SchedulerID, run: RunID)?

    let path: String
    private let epoll: Epoll
    private let socket: SyslogSocket
    private let output: OutputHub
    private let owner: Owner
    private var buffer = [UInt8](repeating: 0, count: SyslogSocket.bytesMax)
    /// The second that is counted, from its first message on.
    private var windowEnd = Instant.zero
    private var written = 0
    private var dropped = 0
    /// The socket could not be read, and is left alone until then.
    private var heldUntil: Instant?

    /// Throws a sentence where the socket cannot be made.
    init(
        _ path: String, epoll: Epoll, output: OutputHub, owner: @escaping Owner
    ) throws(SystemFailure) {
        self.path = path
        self.epoll = epoll
        self.output = output
        self.owner = owner
        socket = try SyslogSocket(at: path)
        do throws(Errno) {
            let token = Token(source: SourceKind.syslog.rawValue, slot: 0)
            try epoll.add(socket.descriptor, token: token, interest: .readable)
        } catch {
            UnixSocket.remove(path, ifStill: socket.identity)
            throw SystemFailure("syslog socket \(path): cannot be waited for", error)
        }
    }

    /// Removes the socket: who sends from here on is refused, and need not wait.
    func close() {
        epoll.remove(socket.descriptor)
        UnixSocket.remove(path, ifStill: socket.identity)
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? {
        [dropped > 0 ? windowEnd : nil, heldUntil].compactMap(\.self).min()
    }

    /// Reads on where that could not be done, and says how many messages were dropped.
    func timePassed(at now: Moment) {
        if let until = heldUntil, until <= now.monotonic {
            heldUntil = nil
            watch(.readable)
        }
        countDropped(at: now)
    }

    private func countDropped(at now: Moment) {
        guard dropped > 0, windowEnd <= now.monotonic else { return }
        let words =
            "\(path): \(dropped) messages were dropped, more than "
            + "\(SyslogReader.messagesPerSecondMax) in a second"
        dropped = 0
        output.notice(.warning, words, at: now)
    }

    /// Reads what is there, a bounded number of messages.
    func ready(at now: Moment) {
        for _ in 0..<SyslogReader.messagesPerTurnMax {
            do throws(Errno) {
                guard let message = try socket.receive(into: &buffer) else { return }
                take(message, at: now)
            } catch {
                // ENOMEM, ENOBUFS: what there is waits in the socket.
                heldUntil = now.monotonic + .seconds(1)
                watch([])
                return
            }
        }
    }

    private func watch(_ interest: PollEvents) {
        // ENOMEM is all that it can be; unchanged, it is tried again in the next turn.
        try? epoll.modify(
            socket.descriptor, token: Token(source: SourceKind.syslog.rawValue, slot: 0),
            interest: interest)
    }

    private func take(_ message: SyslogSocket.Message, at now: Moment) {
        if now.monotonic >= windowEnd {
            countDropped(at: now)
            windowEnd = now.monotonic + .seconds(1)
            written = 0
        }
        guard written < SyslogReader.messagesPerSecondMax else {
            dropped += 1
            return
        }
        written += 1
        let found = SyslogMessage(message.bytes)
        let sender = message.sender.flatMap(owner)
        for line in found.text.split(separator: UInt8(ascii: "\n")).prefix(SyslogReader.linesMax) {
            if let sender {
                output.take(
                    line, isCut: message.isCut, severity: found.severity, origin: found.origin,
                    of: sender.scheduler, run: sender.run, at: now)
            } else {
                let text = String(decoding: line, as: UTF8.self)
                let words = "syslog \(found.origin) \(text)" + (message.isCut ? " [...]" : "")
                output.queue(
                    Record(at: now.wall, fact: .notice(found.level, words)), at: now)
            }
        }
    }
}
