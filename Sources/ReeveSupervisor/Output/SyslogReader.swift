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
    private let discards: Discards
    private let owner: Owner
    private var buffer = [UInt8](repeating: 0, count: SyslogSocket.bytesMax)
    /// The second that is counted, from its first message on.
    private var windowEnd = Instant.zero
    private var written = 0
    private var dropped = 0
    /// The socket could not be read, and is left alone until then.
    private var heldUntil: Instant?
    /// The next message carries descriptors, and is being taken.
    private var isDiscarding = false
    private var saidDescriptors = false

    /// Throws a sentence where the socket cannot be made.
    init(
        _ path: String, epoll: Epoll, output: OutputHub, discards: Discards,
        owner: @escaping Owner
    ) throws(SystemFailure) {
        self.path = path
        self.epoll = epoll
        self.output = output
        self.discards = discards
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
    func close(at now: Moment) {
        epoll.remove(socket.descriptor)
        let hasRest = (try? Datagrams.close(socket.descriptor)) != false
        // EMFILE: then what is left in it is closed here.
        if hasRest || isDiscarding, let rest = try? socket.descriptor.duplicate() {
            discards.close(SharedDescriptor(rest), at: now)
        }
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
            if !isDiscarding { watch(.readable) }
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
        for _ in 0..<SyslogReader.messagesPerTurnMax where !isDiscarding {
            do throws(Errno) {
                guard let message = try Datagrams.receive(socket.descriptor, into: &buffer) else {
                    return
                }
                if message.hasDescriptors { return try discard(at: now) }
                take(message, at: now)
            } catch {
                // ENOMEM, ENOBUFS, EMFILE: what there is waits in the socket.
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

    /// Where the kernel lets anybody send descriptors to a log (`reeve_refuse_descriptors`).
    private func discard(at now: Moment) throws(Errno) {
        let shared = SharedDescriptor(try socket.descriptor.duplicate())
        isDiscarding = true
        watch([])
        discards.takeNext(of: shared, at: now) { [weak self] _, _ in
            guard let self else { return }
            isDiscarding = false
            if heldUntil == nil { watch(.readable) }
        }
        guard !saidDescriptors else { return }
        saidDescriptors = true
        output.notice(
            .warning, "\(path): messages that carry descriptors are dropped", at: now)
    }

    private func take(_ message: Datagrams.Message, at now: Moment) {
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
        let isCut = message.length > buffer.count
        let found = SyslogMessage(Array(buffer.prefix(message.length)))
        let sender = message.sender.flatMap(owner)
        for line in found.text.split(separator: UInt8(ascii: "\n")).prefix(SyslogReader.linesMax) {
            if let sender {
                output.take(
                    line, isCut: isCut, severity: found.severity, origin: found.origin,
                    of: sender.scheduler, run: sender.run, at: now)
            } else {
                let text = String(decoding: line, as: UTF8.self)
                let words = "syslog \(found.origin) \(text)" + (isCut ? " [...]" : "")
                output.queue(
                    Record(at: now.wall, fact: .notice(found.level, words)), at: now)
            }
        }
    }
}
