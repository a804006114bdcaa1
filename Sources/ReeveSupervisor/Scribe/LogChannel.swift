// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// What of a run a line comes from: two that write at a time do not tear each other's lines.
struct LogOrigin: Equatable {
    let run: RunID
    let stream: OutputStream
}

/// Lines that were not kept, until their number has been said.
private struct Loss {
    let since: WallTime
    var lines: UInt64 = 0
}

/// What waits for one log file, and how that stands. Bytes stay until the scribe has said that they are
/// written, so that its death loses none.
final class LogChannel {
    /// From here on the scheduler's pipes are not read, as long as the scribe comes forward with this file.
    static let fullBytes = 256_000
    /// From here on they are read again.
    static let readyBytes = fullBytes / 2
    /// What waits at most: also what pipes hold when a run ends.
    static let bytesMax = 1_000_000

    let scheduler: SchedulerID
    let name: SchedulerName
    var settings: LogFileSettings
    var timestamps: Bool

    private(set) var queue = ByteQueue()
    /// Of the first byte that waits, over the life of the supervisor.
    private(set) var position: UInt64
    /// Bytes that the scribe has and did not answer for; 0: none.
    private(set) var inFlight = 0
    /// The scribe that runs has not been told of the settings.
    var isAnnounced = false
    /// Why the file is not written, and when that is tried again.
    private(set) var failure: (trouble: LogTrouble, retryAt: Instant)?
    /// It does not come forward, although nothing failed: what does not fit is dropped.
    private(set) var isStalled = false
    /// When it last came forward, or began to wait.
    private(set) var progressAt = Instant.zero
    private var loss: Loss?
    /// What is kept ends in a line of this origin, that goes on; nil: in none that does.
    private var open: LogOrigin?
    /// What is kept ends with a line break, or is empty.
    private var endsWithBreak = true
    /// Whose line was dropped and goes on: the rest of it is dropped, too.
    private var dropped: [LogOrigin] = []

    init(
        _ scheduler: SchedulerID, _ name: SchedulerName, _ settings: LogFileSettings,
        timestamps: Bool, position: UInt64 = 0
    ) {
        self.position = position
        self.scheduler = scheduler
        self.name = name
        self.settings = settings
        self.timestamps = timestamps
    }

    // MARK: Lines

    /// Keeps a line, or drops and counts it where `limit` bytes would be exceeded. Returns how many bytes were
    /// added.
    func append(
        _ line: OutputLine, from origin: LogOrigin, time: [UInt8], limit: Int, at now: WallTime
    ) -> Int {
        // Of a message to syslog that was cut nothing follows.
        let ends = line.ending == .complete || origin.stream == .syslog
        if let index = dropped.firstIndex(of: origin) {
            if ends { dropped.remove(at: index) }
            return 0
        }
        let continues = open == origin
        let before = queue.count
        let isKept = queue.append(atMost: min(limit, LogChannel.bytesMax)) { buffer in
            if !continues {
                if !endsWithBreak { buffer.append(UInt8(ascii: "\n")) }
                if timestamps { buffer += time + [UInt8(ascii: " ")] }
            }
            buffer += line.bytes
            if ends { buffer.append(UInt8(ascii: "\n")) }
        }
        guard isKept else {
            drop(1, at: now)
            if !ends { dropped.append(origin) }
            if continues { open = nil }
            return 0
        }
        open = ends ? nil : origin
        endsWithBreak = ends
        return queue.count - before
    }

    /// A stream is over.
    func forget(_ origin: LogOrigin) {
        dropped.removeAll { $0 == origin }
        if open == origin { open = nil }
    }

    private func drop(_ lines: UInt64, at now: WallTime) {
        if loss == nil { loss = Loss(since: now) }
        let (sum, overflows) = (loss?.lines ?? 0).addingReportingOverflow(lines)
        loss?.lines = overflows ? .max : sum
    }

    // MARK: The scribe

    /// Whether something can be sent now.
    func isSendable(at now: Instant) -> Bool {
        !queue.isEmpty && inFlight == 0 && (failure.map { $0.retryAt <= now } ?? true)
    }

    /// What is to be sent next, taken as sent.
    func send() -> ScribeRequest {
        let count = min(queue.count, ScribeRequest.writeBytesMax)
        inFlight = count
        let bytes = queue.withBytes { span in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count)
            for index in 0..<count { bytes.append(span[index]) }
            return bytes
        }
        return .write(UInt32(truncatingIfNeeded: scheduler.index), position: position, bytes: bytes)
    }

    /// What is before `position` is written. Returns how many bytes that are, nil where that cannot be.
    func written(before position: UInt64, at now: Instant) -> Int? {
        let (count, overflows) = position.subtractingReportingOverflow(self.position)
        guard !overflows, inFlight > 0, count <= UInt64(inFlight) else { return nil }
        queue.removeFirst(Int(count))
        self.position = position
        inFlight = 0
        progressAt = now
        return Int(count)
    }

    /// The scribe has gone: whatever it did not answer for is sent again.
    func connectionLost() {
        inFlight = 0
        isAnnounced = false
    }

    // MARK: Trouble

    /// It could not be written. Returns a sentence where that is new.
    func failed(_ trouble: LogTrouble, retryAt: Instant) -> String? {
        let isNew = failure?.trouble != trouble
        failure = (trouble, retryAt)
        return isNew
            ? "\(label) \(trouble.words); it is tried again every \(ScribeLink.retryInterval), and what "
                + "does not fit the buffer is dropped, and counted"
            : nil
    }

    /// Something was waited for in vain for `ScribeLink.patience`.
    func stall() -> String? {
        guard !isStalled, failure == nil else { return nil }
        isStalled = true
        return
            "\(label) is not written: the scribe does not come forward; what does not fit the buffer is "
            + "dropped until it does, and counted"
    }

    func beginsToWait(at now: Instant) { progressAt = max(progressAt, now) }

    /// It was written. Returns a sentence where a trouble is over by that.
    func recovered() -> String? {
        guard failure != nil || isStalled else { return nil }
        failure = nil
        isStalled = false
        return "\(label) is written again; \(takeLoss() ?? "no line was dropped")"
    }

    /// Tried again at once, for the last time.
    func tryNow() {
        if let failure { self.failure = (failure.trouble, .zero) }
    }

    /// Loss of lines that came with no trouble: a flood at the very end of a run.
    func tellLoss() -> String? {
        guard failure == nil, !isStalled, queue.count <= LogChannel.readyBytes else { return nil }
        return takeLoss().map { "\(label): \($0): it did not fit the buffer" }
    }

    /// What waits is given up. Returns a sentence where lines are lost by that, or were.
    func giveUp(at now: WallTime) -> String? {
        let lines = UInt64(clamping: queue.lines + (endsWithBreak ? 0 : 1))
        if !queue.isEmpty { drop(lines, at: now) }
        queue.removeAll()
        inFlight = 0
        let reason = failure.map { $0.trouble.words } ?? "the scribe did not write it in time"
        return takeLoss().map { "\(label): \($0): \(reason)" }
    }

    private func takeLoss() -> String? {
        guard let loss else { return nil }
        self.loss = nil
        let lines = loss.lines == 1 ? "1 line was" : "\(loss.lines) lines were"
        return "\(lines) dropped since \(loss.since.rfc3339(fractionDigits: 3))"
    }

    var label: String { "the log file \(settings.path) of \(name)" }
}

extension LogTrouble {
    /// What cannot be done, and why: "cannot be written: no space left on device (ENOSPC)".
    var words: String {
        switch (step, errno) {
        case (.open, .exists): "cannot be written: it is no regular file"
        case (.open, .tooManyLinks):
            "cannot be written: it is a symbolic link, which is not followed"
        case (.open, .noEntry): "cannot be written: its directory does not exist (ENOENT)"
        case (.open, _): "cannot be opened: \(errno)"
        case (.write, _): "cannot be written: \(errno)"
        case (.rotate, _): "cannot be rotated: \(errno); it grows on"
        case (.synchronise, _):
            "was not brought to its disk: \(errno); what was written last may not be there after a crash "
                + "of the host"
        }
    }
}
