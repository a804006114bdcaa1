// SPDX-License-Identifier: Apache-2.0
//
// reeve's own stdout or stderr. Whole lines are queued and written as far as the stream takes them;
// a stream that takes too little costs lines, counted and said, and never time.

internal import ReeveCore
internal import ReeveLinux

/// Where a stream of reeve's own stands. Each case but the first has been said.
private enum Condition {
    /// It takes lines, or will when it has drained. Next: any other.
    case open
    /// It fails for a reason that may pass (no space): the queue is kept and tried again. Next:
    /// `open`.
    case failing(Errno, retryAt: Instant)
    /// Nobody reads it any more: what comes is dropped; a line after `retryAt` tries again, since a
    /// FIFO can get a new reader. Next: `open`.
    case gone(Errno, retryAt: Instant)
}

/// Lines that a stream did not take, until their number has been said.
private struct Loss {
    /// Since when they are lost, and why.
    let since: WallTime
    let reason: String
    var lines: UInt64 = 0
}

/// The bounded, never waiting way to one of reeve's own streams.
///
/// Loss is said when it begins, every `lossInterval` while it goes on, and when it is over, at the
/// latest by `finish`. A stream that is full and free again many times a second begins anew only
/// once in each `lossInterval`; what is lost in between is in the next number.
final class Outlet {
    /// Bytes that wait at most, of children's lines.
    static let bytesMax = 256_000
    /// What reeve's own lines may use beyond that, so that a flood of a child's does not silence
    /// reeve.
    static let reserveBytes = 64_000
    /// From a failure to the next try.
    static let retryInterval = Duration.seconds(5)
    /// The same where a full stream cannot be waited for with epoll.
    static let pollInterval = Duration.milliseconds(100)
    /// From one sentence about lost lines to the next while more are lost.
    static let lossInterval = Duration.seconds(30)

    let stream: OutputStream
    /// What it is called in sentences.
    let name: String
    /// Whether children's prefixes are coloured.
    let isColoured: Bool

    private let epoll: Epoll
    private let sink: OutletSink
    private var queue = ByteQueue()
    private var condition = Condition.open
    private var loss: Loss?
    /// Lines are being dropped, and that has been said.
    private var isSaidToDrop = false
    /// `finish` could not write everything.
    private var isGivenUp = false
    /// Until then nothing more is said of loss, except that one which was said to begin is over.
    private var lossQuietUntil = Instant.zero
    private var isWaiting = false
    private var pollAt: Instant?
    private var sentences: [String] = []

    /// `name` where it is more than the stream itself.
    init(
        _ stream: OutputStream, named name: String? = nil, epoll: Epoll,
        sink: consuming OutletSink, coloured: Bool
    ) {
        self.stream = stream
        self.name = name ?? stream.name
        self.epoll = epoll
        self.sink = sink
        isColoured = coloured
        if let error = self.sink.problem {
            condition = .gone(error, retryAt: .distantFuture)
            sentences = ["\(self.name) cannot be used: \(error); what goes there is dropped"]
        }
    }

    /// Whether the stream works, full or not, as far as is known.
    private var isOpen: Bool {
        if case .open = condition { true } else { false }
    }

    /// Whether the next line is likely to reach somebody.
    var isTaking: Bool { isOpen && !isSaidToDrop && !isGivenUp }

    /// Bytes that wait to be written.
    var byteCount: Int { queue.count }

    /// Queues one line, or drops and counts it. Call `flush` when the last of a batch is queued.
    /// `tellsLoss`: the line is itself about lost lines, and is neither counted when it is lost nor
    /// kept for a reader who has gone; otherwise the loss would never come to an end.
    func append(
        own: Bool = false, tellsLoss: Bool = false, at now: Moment,
        _ write: (inout [UInt8]) -> Void
    ) {
        if tellsLoss {
            if case .gone = condition { return }
            queue.append(atMost: Outlet.bytesMax + Outlet.reserveBytes, write)
            return
        }
        if case .gone(_, let retryAt) = condition, now.monotonic < retryAt {
            drop(1, at: now)
            return
        }
        let limit = Outlet.bytesMax + (own ? Outlet.reserveBytes : 0)
        guard queue.count < limit, queue.append(atMost: limit, write) else {
            drop(1, at: now)
            return
        }
    }

    /// Writes what the stream takes without waiting.
    func flush(at now: Moment) {
        defer { reportLoss(at: now) }
        if case .failing(_, let retryAt) = condition, now.monotonic < retryAt { return }
        while !queue.isEmpty {
            do throws(Errno) {
                guard let count = try write() else {
                    waitForRoom(at: now)
                    return
                }
                queue.removeFirst(count)
                condition = .open
            } catch {
                fail(error, at: now)
                return
            }
        }
        stopWaiting()
    }

    /// What is to be said about this stream; each sentence comes once.
    func takeSentences() -> [String] {
        defer { sentences = [] }
        return sentences
    }

    /// When `flush` is due although nothing is ready.
    var nextDeadline: Instant? {
        let report = loss == nil ? nil : lossQuietUntil
        let retry: Instant? =
            switch condition {
            case .open: pollAt
            case .failing(_, let retryAt): retryAt
            case .gone: nil
            }
        guard !queue.isEmpty, let retry else { return report }
        return min(retry, report ?? retry)
    }

    /// At exit: writes until all is written, the stream fails or the deadline comes. What was not
    /// written is a sentence then.
    func finish(until deadline: Instant) {
        guard !isGivenUp else { return }
        if case .failing(let error, _) = condition {
            condition = .failing(error, retryAt: .zero)
        }
        while true {
            let now = Clock.now()
            flush(at: now)
            guard !queue.isEmpty, isOpen, now.monotonic < deadline,
                sink.waitUntilWritable(until: deadline)
            else { break }
        }
        stopWaiting()
        let now = Clock.now()
        drop(UInt64(queue.lines), at: now)
        queue.removeAll()
        guard let loss else { return }
        say(loss, ending: ": \(loss.reason)", at: now)
        isGivenUp = true
    }

    // MARK: - Details

    private func write() throws(Errno) -> Int? {
        let count = try queue.withBytes { (bytes) throws(Errno) in try sink.write(bytes) }
        // A file that takes nothing has no room; otherwise this would go round for ever.
        if count == 0 { throw .noSpace }
        return count
    }

    private func waitForRoom(at now: Moment) {
        condition = .open
        guard !isWaiting else { return }
        do throws(Errno) {
            try sink.startWaiting(with: epoll, token: token)
            isWaiting = true
            pollAt = nil
        } catch {
            // ENOSPC or ENOMEM: watches have run out. Look again without epoll's help.
            pollAt = now.monotonic + Outlet.pollInterval
        }
    }

    private func stopWaiting() {
        pollAt = nil
        guard isWaiting else { return }
        sink.stopWaiting(with: epoll)
        isWaiting = false
    }

    private var token: Token {
        let kind = stream == .stdout ? SourceKind.standardOut : SourceKind.standardError
        return Token(source: kind.rawValue, slot: 0)
    }

    private func fail(_ error: Errno, at now: Moment) {
        stopWaiting()
        let wasOpen = isOpen
        switch error {
        case .noSpace, .fileTooLarge, .noMemory, .quotaExceeded:
            let retryAt = now.monotonic + Outlet.retryInterval
            condition = .failing(error, retryAt: retryAt)
            guard wasOpen else { return }
            announceLoss(at: now)
            sentences.append(
                "\(name) cannot be written: \(error); it is tried again every "
                    + "\(Outlet.retryInterval), and what does not fit the buffer is dropped")
        default:
            // EPIPE, EBADF, EIO of a terminal that hung up, ECONNRESET: nobody is there.
            let isFinal = error == .badDescriptor
            condition = .gone(
                error, retryAt: isFinal ? .distantFuture : now.monotonic + Outlet.retryInterval)
            drop(UInt64(queue.lines), at: now)
            queue.removeAll()
            guard wasOpen else { return }
            announceLoss(at: now)
            sentences.append(
                "\(name) has no reader any more: \(error); what goes there is dropped")
        }
    }

    private func drop(_ count: UInt64, at now: Moment) {
        guard count > 0 else { return }
        if loss == nil { loss = Loss(since: now.wall, reason: lossReason) }
        loss?.lines.addSaturating(count)
        guard !isSaidToDrop, now.monotonic >= lossQuietUntil else { return }
        announceLoss(at: now)
        // A failure was said when it came.
        guard isOpen else { return }
        sentences.append(
            "\(name)'s reader is too slow: lines are dropped until it has caught up, and "
                + "counted")
    }

    private var lossReason: String {
        switch condition {
        case .open: "\(name)'s reader was too slow"
        case .failing(let error, _), .gone(let error, _): "\(name): \(error)"
        }
    }

    /// That lines are dropped is being said.
    private func announceLoss(at now: Moment) {
        isSaidToDrop = true
        lossQuietUntil = now.monotonic + Outlet.lossInterval
    }

    /// Says how much was lost where that is over, or was said long enough ago.
    private func reportLoss(at now: Moment) {
        let isOver = isOpen && queue.count <= Outlet.bytesMax / 2
        let wasSaid = isSaidToDrop
        if isOver { isSaidToDrop = false }
        guard let loss, (isOver && wasSaid) || now.monotonic >= lossQuietUntil else { return }
        say(loss, ending: (isOver ? "" : ", and it goes on") + ": \(loss.reason)", at: now)
    }

    private func say(_ loss: Loss, ending: String, at now: Moment) {
        let lines =
            loss.lines == 1 ? "1 line of output was" : "\(loss.lines) lines of output were"
        let since = loss.since.rfc3339(fractionDigits: 3)
        sentences.append("\(lines) not written since \(since)\(ending)")
        self.loss = nil
        lossQuietUntil = now.monotonic + Outlet.lossInterval
    }
}

extension UInt64 {
    fileprivate mutating func addSaturating(_ other: UInt64) {
        let (sum, overflows) = addingReportingOverflow(other)
        self = overflows ? .max : sum
    }
}

extension Errno {
    /// EDQUOT.
    fileprivate static let quotaExceeded = Errno(122)
}
