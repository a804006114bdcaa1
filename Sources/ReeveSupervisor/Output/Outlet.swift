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

/// The bounded, never waiting way to one of reeve's own streams.
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

    let stream: OutputStream
    /// Whether children's prefixes are coloured.
    let isColoured: Bool

    private let epoll: Epoll
    private let sink: OutletSink
    private var queue = ByteQueue()
    private var condition = Condition.open
    private var lost: UInt64 = 0
    private var lostSince = WallTime(nanoseconds: 0)
    private var lostReason = ""
    private var isWaiting = false
    private var pollAt: Instant?
    private var sentences: [String] = []

    init(_ stream: OutputStream, epoll: Epoll, sink: consuming OutletSink, coloured: Bool) {
        self.stream = stream
        self.epoll = epoll
        self.sink = sink
        isColoured = coloured
        if let error = self.sink.problem {
            condition = .gone(error, retryAt: .distantFuture)
            sentences = ["\(stream.name) cannot be used: \(error); what goes there is dropped"]
        }
    }

    /// Whether lines reach somebody, as far as is known.
    var isOpen: Bool {
        if case .open = condition { true } else { false }
    }

    /// Bytes that wait to be written.
    var byteCount: Int { queue.count }

    /// Queues one line, or drops and counts it. Call `flush` when the last of a batch is queued.
    func append(own: Bool = false, at now: Moment, _ write: (inout [UInt8]) -> Void) {
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
        if case .failing(_, let retryAt) = condition, now.monotonic < retryAt { return }
        while !queue.isEmpty {
            do throws(Errno) {
                guard let count = try write() else {
                    waitForRoom(at: now)
                    return
                }
                queue.removeFirst(count)
                condition = .open
                reportLoss()
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
        if queue.isEmpty { return nil }
        return switch condition {
        case .open: pollAt
        case .failing(_, let retryAt): retryAt
        case .gone: nil
        }
    }

    /// At exit: writes until all is written, the stream fails or the deadline comes.
    func finish(until deadline: Instant) {
        while true {
            let now = Clock.now()
            flush(at: now)
            guard !queue.isEmpty, isOpen, now.monotonic < deadline,
                sink.waitUntilWritable(until: deadline)
            else { break }
        }
        stopWaiting()
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
            sentences.append(
                "\(stream.name) cannot be written: \(error); it is tried again every "
                    + "\(Outlet.retryInterval), and what does not fit the buffer is dropped")
        default:
            // EPIPE, EBADF, EIO of a terminal that hung up, ECONNRESET: nobody is there.
            let isFinal = error == .badDescriptor
            condition = .gone(
                error, retryAt: isFinal ? .distantFuture : now.monotonic + Outlet.retryInterval)
            drop(UInt64(queue.lines), at: now)
            queue.removeAll()
            guard wasOpen else { return }
            sentences.append(
                "\(stream.name) has no reader any more: \(error); what goes there is dropped")
        }
    }

    private func drop(_ count: UInt64, at now: Moment) {
        guard count > 0 else { return }
        if lost == 0 {
            lostSince = now.wall
            lostReason =
                switch condition {
                case .open: "\(stream.name)'s reader was too slow"
                case .failing(let error, _), .gone(let error, _): "\(stream.name): \(error)"
                }
        }
        lost = lost.addingReportingOverflow(count).partialValue
    }

    /// Says what was lost when there is room again: once for each time that the queue ran full.
    private func reportLoss() {
        guard lost > 0, queue.count <= Outlet.bytesMax / 2 else { return }
        let lines = lost == 1 ? "1 line of output was" : "\(lost) lines of output were"
        let since = lostSince.rfc3339(fractionDigits: 3)
        sentences.append("\(lines) not written since \(since): \(lostReason)")
        lost = 0
    }
}

extension Errno {
    /// EDQUOT.
    fileprivate static let quotaExceeded = Errno(122)
}
