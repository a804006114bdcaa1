// SPDX-License-Identifier: Apache-2.0
//
// The supervisor's end of the scribe. Lines wait here, in bounded queues, until the scribe has said that they
// are in their file. Of each file one message at most is under way, so that a file that fails takes nothing
// from the others; a scribe that died is followed by another, which is sent once more what had no answer, and
// finds out how much of that was written (`WriteMark`). Bundles go the same way, one at a time; one that had no
// answer is written once more. Nothing here waits, save `finish`, at the very end.

internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// How the scribe stands.
private enum Connection {
    /// Nothing was to be written yet. Next: `running`, `waiting`.
    case none
    /// Next: `waiting`.
    case running(Running)
    /// It ended, or could not be started. `failures` in a row. Next: `running`, `waiting`.
    case waiting(until: Instant, failures: Int)
}

/// A scribe that runs.
private final class Running {
    let process: ProcessIdentity
    let socket: FileDescriptor
    let since: Moment
    /// How often one had ended soon before it.
    let failures: Int
    /// At most one message, and the beginning of files.
    var outgoing = ByteQueue()
    var incoming = MessageBuffer()
    var waitsForRoom = false
    /// It has written something.
    var hasWritten = false
    /// Nothing comes of it any more; its end is waited for.
    var isOver = false

    init(
        _ process: ProcessIdentity, _ socket: consuming FileDescriptor, since: Moment, failures: Int
    ) {
        self.process = process
        self.socket = socket
        self.since = since
        self.failures = failures
    }
}

/// The bounded, never waiting way to log files.
final class ScribeLink {
    /// From a failure of a file to the next try.
    static let retryInterval = Duration.seconds(5)
    /// How long the pipes of a scheduler are left alone for a file that does not come forward.
    static let patience = Duration.seconds(3)
    /// What waits for all files together, in bytes. From half of that on those count as full that have the most.
    static let bytesMax = 16_000_000
    private static let largeBytes = 32_000
    /// A scribe that ran this long, or wrote anything, was a good one.
    private static let goodTime = Duration.seconds(10)
    private static let restartDelay = Duration.milliseconds(100)
    private static let restartDelayMax = Duration.seconds(10)
    private static let bundleLossesMax = 3
    /// From the end of its connection to its own.
    private static let endTime = Duration.milliseconds(100)
    /// Scribes that are started when everything has ended, one after the other.
    private static let lastStartsMax = 3

    /// Starts a scribe with these as its standard input and output.
    typealias Starter = (
        _ socket: consuming FileDescriptor, _ mark: consuming FileDescriptor
    ) throws(SpawnFailure) -> ProcessIdentity

    private let epoll: Epoll
    private let start: Starter
    /// Where the files are that have no path of their own; nil: nowhere.
    private let directory: String?
    private var connection = Connection.none
    private var restarts = 0
    private var mark: FileDescriptor?
    /// By scheduler.
    private var channels: [Int: LogChannel] = [:]
    /// How far those had come that were forgotten: who has their number goes on from there.
    private var positions: [Int: UInt64] = [:]
    /// Of those, what may have something to send; each once.
    private var waiting: [Int] = []
    /// Those with a failure.
    private var failing: [Int] = []
    /// Bytes that wait, of all.
    private var total = 0
    private var buffer = [UInt8](repeating: 0, count: 4_096)
    private var sentences: [String] = []
    /// Called when a file has room again.
    var onRoom: ((SchedulerID) -> Void)?
    weak var bundles: (any BundleSource)?
    /// The message of the bundle that has no answer yet; and whether this scribe was sent it.
    private var bundle: [UInt8]?
    private var isBundleSent = false
    private var bundleSince = Instant.zero
    /// Scribes that ended with it.
    private var bundleLosses = 0

    /// `directory`: for the files that have no path of their own. `start` is called from here only.
    init(epoll: Epoll, directory: String?, start: @escaping Starter) {
        self.epoll = epoll
        self.directory = directory
        self.start = start
    }

    /// What is to be said; each sentence comes once.
    func takeSentences() -> [String] {
        defer { sentences = [] }
        return sentences
    }

    // MARK: Files

    /// Takes what a scheduler's file is to be, from the next line on.
    func adopt(_ specification: SchedulerSpecification, of scheduler: SchedulerID) {
        guard specification.log.destination == .file else { return }
        guard let settings = settings(of: specification) else {
            guard channels[scheduler.index] == nil else { return }
            sentences.append(
                "the output of \(specification.name) has no log file, since there is no state directory; set "
                    + "its log-file")
            return
        }
        if let channel = channels[scheduler.index] {
            channel.timestamps = specification.log.timestamps
            guard channel.settings != settings else { return }
            channel.settings = settings
            channel.isAnnounced = false
            channel.tryNow()
        } else {
            channels[scheduler.index] = LogChannel(
                scheduler, specification.name, settings, timestamps: specification.log.timestamps,
                position: positions.removeValue(forKey: scheduler.index) ?? 0)
        }
    }

    /// Another scheduler has this place from here on: what waits for the file of the one before is lost, if anything
    /// does, and the bytes of both are counted on.
    func forget(_ scheduler: SchedulerID) {
        guard let former = channels.removeValue(forKey: scheduler.index) else { return }
        positions[scheduler.index] = former.position + UInt64(former.queue.count)
        total -= former.queue.count
        failing.removeAll { $0 == scheduler.index }
        waiting.removeAll { $0 == scheduler.index }
        // Its answer would be taken for one about the next file: that scribe has stood still for long anyway.
        if former.inFlight > 0, case .running(let running) = connection { end(running) }
        if let words = former.giveUp(at: Clock.now().wall) { sentences.append(words) }
    }

    private func settings(of specification: SchedulerSpecification) -> LogFileSettings? {
        let log = specification.log
        guard let path = log.file ?? directory.map({ "\($0)/\(specification.name).log" }) else {
            return nil
        }
        return LogFileSettings(
            path: path, maxSize: log.maxSize?.count, maxFiles: log.maxFiles,
            makesDirectory: log.file == nil)
    }

    /// Starts the scribe where there is none yet.
    func begin(at now: Moment) {
        if case .none = connection { start(after: 0, at: now) }
    }

    /// Keeps one line for a scheduler's file. Call `flush` when the last of a batch is kept.
    func append(
        _ line: OutputLine, of scheduler: SchedulerID, from origin: LogOrigin, time: [UInt8],
        at now: Moment
    ) {
        guard let channel = channels[scheduler.index] else { return }
        let wasEmpty = channel.queue.isEmpty
        let isGivenUp = channel.isStalled || channel.failure != nil
        let limit =
            total >= ScribeLink.bytesMax
            ? 0 : isGivenUp ? LogChannel.fullBytes : LogChannel.bytesMax
        total += channel.append(line, from: origin, time: time, limit: limit, at: now.wall)
        if wasEmpty, !channel.queue.isEmpty, channel.inFlight == 0 {
            channel.beginsToWait(at: now.monotonic)
            waiting.append(scheduler.index)
        }
    }

    /// A stream is over.
    func forget(_ origin: LogOrigin, of scheduler: SchedulerID) {
        channels[scheduler.index]?.forget(origin)
    }

    /// Whether a scheduler's pipes are better not read for now. When that is over `onRoom` is called; after
    /// `patience` without any progress it is over in any case, and lines are dropped from then on.
    func shouldWait(for scheduler: SchedulerID, at now: Instant) -> Bool {
        guard let channel = channels[scheduler.index], channel.failure == nil, !channel.isStalled,
            isFull(channel)
        else { return false }
        guard now >= channel.progressAt + ScribeLink.patience else { return true }
        if let sentence = channel.stall() { sentences.append(sentence) }
        return false
    }

    private func isFull(_ channel: LogChannel) -> Bool {
        channel.queue.count >= LogChannel.fullBytes
            || (total >= ScribeLink.bytesMax / 2 && channel.queue.count >= ScribeLink.largeBytes)
    }

    /// When the patience with a scheduler's file is over.
    func patienceEnd(of scheduler: SchedulerID) -> Instant? {
        channels[scheduler.index].map { $0.progressAt + ScribeLink.patience }
    }

    // MARK: The loop

    /// The socket is ready.
    func ready(at now: Moment) {
        guard case .running(let running) = connection, !running.isOver else { return }
        receive(running, at: now)
        flush(at: now)
    }

    /// Sends what can be sent.
    func flush(at now: Moment) {
        guard case .running(let running) = connection, !running.isOver else { return }
        while !running.isOver {
            if running.outgoing.isEmpty { fill(running, at: now.monotonic) }
            guard !running.outgoing.isEmpty else { break }
            guard send(running, at: now) else { break }
        }
        wait(running)
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? {
        if case .waiting(until: let start, _) = connection { return start }
        // What was sent again is told by its answer, and what waits for room by the socket.
        return failing.compactMap { index in
            guard let channel = channels[index], !channel.queue.isEmpty, channel.inFlight == 0,
                !waiting.contains(index)
            else { return nil }
            return channel.failure?.retryAt
        }.min()
    }

    /// Starts the scribe again, tries failing files again.
    func timePassed(at now: Moment) {
        if case .waiting(until: let due, let failures) = connection, due <= now.monotonic {
            restarts += 1
            start(after: failures, at: now)
        }
        for index in failing
        where channels[index]?.isSendable(at: now.monotonic) == true && !waiting.contains(index) {
            waiting.append(index)
        }
        flush(at: now)
    }

    /// A helper process was reaped. Returns whether it was the scribe.
    func ended(_ pid: PID, _ status: ExitStatus, at now: Moment) -> Bool {
        guard case .running(let running) = connection, running.process.pid == pid else {
            return false
        }
        // What it said before its end counts. Its pid may be another's by now: nothing is sent to it.
        let hasEnded = running.isOver
        running.isOver = true
        if !hasEnded { receive(running, at: now) }
        epoll.remove(running.socket)
        let time = now.monotonic - running.since.monotonic
        let failures = running.hasWritten || time >= ScribeLink.goodTime ? 0 : running.failures
        lost(at: now)
        let delay = max(
            ScribeLink.delay(after: failures), time < .seconds(1) ? ScribeLink.restartDelay : .zero)
        connection = .waiting(until: now.monotonic + delay, failures: failures + 1)
        sentences.append(
            "the scribe (pid \(pid)), which writes log files and keeps what failed runs leave, ended by \(status); it is started again"
                + (delay == .zero ? "" : " in \(delay)")
                + ", and what it had not written waits for that")
        return true
    }

    /// `failures: 0` is none, `1: 100 ms`, `2: 200 ms`, at most 10 s.
    static func delay(after failures: Int) -> Duration {
        guard failures > 0 else { return .zero }
        return min(restartDelay * (1 << min(failures - 1, 7)), restartDelayMax)
    }

    private func lost(at now: Moment) {
        if isBundleSent {
            bundleLosses += 1
            // It may be what ends them, and is not to keep lines from their files.
            if bundleLosses >= ScribeLink.bundleLossesMax, bundle != nil {
                bundle = nil
                bundles?.bundleEnded(.inputOutput, at: now)
            }
        }
        isBundleSent = false
        waiting = []
        for index in channels.keys.sorted() {
            guard let channel = channels[index] else { continue }
            channel.connectionLost()
            if !channel.queue.isEmpty { waiting.append(index) }
        }
    }

    // MARK: The connection

    private func start(after failures: Int, at now: Moment) {
        do {
            connection = .running(try makeRunning(after: failures, at: now))
        } catch {
            let delay = max(ScribeLink.delay(after: failures), ScribeLink.restartDelay)
            connection = .waiting(until: now.monotonic + delay, failures: failures + 1)
            guard failures == 0 else { return }
            let words = (error as? SpawnFailure)?.words ?? "\(error)"
            sentences.append(
                "the scribe, which writes log files and keeps what failed runs leave, could not be started: \(words); it is tried again, and "
                    + "lines wait for that as far as they fit the buffer")
        }
    }

    private func makeRunning(after failures: Int, at now: Moment) throws -> Running {
        if mark == nil { mark = try Memfd.empty(name: "reeve-scribe") }
        var process: ProcessIdentity?
        var refusal: SpawnFailure?
        let number = try UnixSocket.pair().split { (own, other) throws(Errno) -> Int32 in
            guard let mark = try mark?.duplicate() else { throw .badDescriptor }
            do throws(SpawnFailure) {
                process = try start(other, mark)
            } catch {
                refusal = error
            }
            return own.release()
        }
        let socket = FileDescriptor(owning: number)
        if let refusal { throw refusal }
        guard let process else { throw Errno.noProcess }
        let running = Running(process, socket, since: now, failures: failures)
        // Where that fails it ends with the socket.
        try epoll.add(running.socket, token: ScribeLink.token, interest: .readable)
        return running
    }

    private static let token = Token(source: SourceKind.scribe.rawValue, slot: 0)

    /// Puts the next message into `outgoing`.
    private func fill(_ running: Running, at now: Instant) {
        if bundle == nil, let next = bundles?.nextBundle() {
            var bytes: [UInt8] = []
            ScribeRequest.bundle(next).append(to: &bytes)
            bundle = bytes
            bundleSince = now
            bundleLosses = 0
        }
        if let bundle, !isBundleSent {
            isBundleSent = true
            running.outgoing.append { $0 += bundle }
            return
        }
        while !waiting.isEmpty {
            let index = waiting.removeFirst()
            guard let channel = channels[index], channel.isSendable(at: now) else { continue }
            var bytes: [UInt8] = []
            if !channel.isAnnounced {
                channel.isAnnounced = true
                ScribeRequest.file(UInt32(truncatingIfNeeded: index), channel.settings)
                    .append(to: &bytes)
            }
            channel.send().append(to: &bytes)
            running.outgoing.append { $0 += bytes }
            return
        }
    }

    /// Returns whether everything went.
    private func send(_ running: Running, at now: Moment) -> Bool {
        do throws(Errno) {
            let count = try running.outgoing.withBytes { (bytes) throws(Errno) in
                try UnixSocket.send(bytes, to: running.socket)
            }
            running.outgoing.removeFirst(count ?? 0)
            return running.outgoing.isEmpty
        } catch {
            // EPIPE, ECONNRESET: it has ended, or is about to; what it said before counts.
            receive(running, at: now)
            end(running)
            return false
        }
    }

    private func wait(_ running: Running) {
        guard !running.isOver else { return }
        let waits = !running.outgoing.isEmpty
        guard waits != running.waitsForRoom else { return }
        running.waitsForRoom = waits
        // ENOMEM: without it what is left goes with the next answer or the next line.
        try? epoll.modify(
            running.socket, token: ScribeLink.token,
            interest: waits ? [.readable, .writable] : .readable)
    }

    private func receive(_ running: Running, at now: Moment) {
        do {
            while let count = try UnixSocket.receive(into: &buffer, from: running.socket) {
                guard count > 0 else { return end(running) }
                running.incoming.append(buffer[..<count])
                while let message = try running.incoming.next(max: ScribeAnswer.messageBytesMax) {
                    try take(ScribeAnswer(reading: message), at: now)
                }
            }
        } catch {
            end(running)
        }
    }

    /// Nothing can come of it any more: what still runs is killed, and its end told as that of any other.
    private func end(_ running: Running) {
        guard !running.isOver else { return }
        running.isOver = true
        epoll.remove(running.socket)
        // ESRCH cannot be: it has not been reaped.
        try? Signals.send(.kill, toUnreaped: running.process.pid)
    }

    private func take(_ answer: ScribeAnswer, at now: Moment) throws(ScribeFault) {
        switch answer {
        case .written(let number, let position):
            try advance(number, to: position, at: now) { $0.recovered() }
            if case .running(let running) = connection { running.hasWritten = true }
            failing.removeAll { $0 == Int(number) }
        case .failed(let number, let position, let trouble):
            try advance(number, to: position, at: now) { channel in
                channel.failed(trouble, retryAt: now.monotonic + ScribeLink.retryInterval)
            }
            if !failing.contains(Int(number)) { failing.append(Int(number)) }
        case .troubled(let number, let trouble):
            guard let channel = channels[Int(number)] else { throw ScribeFault() }
            sentences.append(
                "\(channel.label) \(trouble?.words ?? "is rotated and brought to its disk again")")
        case .kept(let failure):
            guard bundle != nil, isBundleSent else { throw ScribeFault() }
            (bundle, isBundleSent) = (nil, false)
            if case .running(let running) = connection { running.hasWritten = true }
            bundles?.bundleEnded(failure, at: now)
        }
    }

    private func advance(
        _ number: UInt32, to position: UInt64, at now: Moment,
        _ sentence: (LogChannel) -> String?
    ) throws(ScribeFault) {
        guard let channel = channels[Int(number)],
            let count = channel.written(before: position, at: now.monotonic)
        else { throw ScribeFault() }
        total -= count
        if let words = sentence(channel) ?? channel.tellLoss() { sentences.append(words) }
        if channel.isSendable(at: now.monotonic) { waiting.append(Int(number)) }
        if channel.queue.count <= LogChannel.readyBytes || channel.failure != nil {
            onRoom?(channel.scheduler)
        }
    }

    /// As the status shows it; nil where there was nothing to do for it yet.
    func report(at now: Moment, memory: (PID) -> Bytes?) -> ComponentReport? {
        let troubled = channels.values.filter { $0.failure != nil || $0.isStalled }
            .sorted { $0.scheduler < $1.scheduler }
        var report = ComponentReport(
            name: ScribeRole.name, status: .healthy,
            reason: "writes log files and what failed runs leave", pid: nil,
            uptime: 0,
            restartCount: restarts, memoryBytes: nil)
        if let first = troubled.first {
            let why =
                first.failure?.trouble.words ?? "is not written: the scribe does not come forward"
            let more = troubled.count > 1 ? ", and \(troubled.count - 1) more" : ""
            report.status = .degraded
            report.reason = "\(first.label) \(why)\(more)"
        }
        if troubled.isEmpty, bundle != nil, now.monotonic - bundleSince >= ScribeLink.patience {
            report.status = .degraded
            report.reason = "what failed runs leave is not kept: the scribe does not come forward"
        }
        switch connection {
        case .none: return nil
        case .running(let running):
            report.pid = running.process.pid.number
            report.uptime = (now.monotonic - running.since.monotonic).seconds
            report.memoryBytes = memory(running.process.pid)?.count
        case .waiting:
            report.status = .unhealthy
            report.reason = "it ended, or could not be started, and is started again"
        }
        return report
    }

    // MARK: The end

    /// At exit: writes until all is written or the deadline comes, and waits for the scribe's end. What was not
    /// written is a sentence then. Blocks at most that long.
    /// For bundles alone nothing waits beyond `bundleDeadline`.
    func finish(until deadline: Instant, bundlesUntil bundleDeadline: Instant) {
        if case .none = connection {
            guard bundlesLeft > 0 else { return }
            begin(at: Clock.now())
        }
        for channel in channels.values { channel.tryNow() }
        var starts = 0
        while total > 0 || bundlesLeft > 0,
            Clock.now().monotonic < (total > 0 ? deadline : bundleDeadline)
        {
            let now = Clock.now()
            switch connection {
            case .running(let running) where !running.isOver:
                timePassed(at: now)
                if isHopeless { break }
                awaitAnswer(running, until: total > 0 ? deadline : bundleDeadline)
                receive(running, at: Clock.now())
                continue
            case .none, .waiting, .running:
                guard starts < ScribeLink.lastStartsMax else { break }
                starts += 1
                lost(at: now)
                start(after: 1, at: now)
                continue
            }
            break
        }
        dismiss(until: bundlesLeft > 0 && total == 0 ? bundleDeadline : deadline)
        let now = Clock.now().wall
        for index in channels.keys.sorted() {
            if let words = channels[index]?.giveUp(at: now) { sentences.append(words) }
        }
        total = 0
        guard bundlesLeft > 0 else { return }
        sentences.append(
            "the bundles of \(bundlesLeft) failed runs are not kept: the scribe did not come to them in time"
        )
    }

    private var bundlesLeft: Int { bundles?.bundleCount ?? 0 }

    /// What waits fails, all of it, and was tried once more.
    private var isHopeless: Bool {
        bundlesLeft == 0
            && channels.values.allSatisfy { channel in
                channel.queue.isEmpty || (channel.failure.map { $0.retryAt > .zero } ?? false)
            }
    }

    private func awaitAnswer(_ running: Running, until deadline: Instant) {
        // A set of its own: the loop's has registrations that nobody would look at any more.
        guard let epoll = try? Epoll() else { return }
        let interest: PollEvents =
            running.outgoing.isEmpty ? .readable : [.readable, .writable]
        // EMFILE, ENOMEM: then the end does not wait for it.
        try? epoll.add(running.socket, token: ScribeLink.token, interest: interest)
        _ = try? epoll.wait(until: deadline) { _, _ in }
        epoll.remove(running.socket)
    }

    /// Ends the scribe, which synchronises what it wrote; kills one that does not come to that.
    private func dismiss(until deadline: Instant) {
        guard case .running(let running) = connection else { return }
        // ENOTCONN: it has gone.
        try? UnixSocket.finishSending(running.socket)
        while !running.isOver {
            awaitAnswer(running, until: deadline)
            receive(running, at: Clock.now())
            if Clock.now().monotonic >= deadline { end(running) }
        }
        reap(running.process.pid)
    }

    /// Its socket was closed by its end, which is a moment away. One that hangs in its disk is left to whoever comes
    /// after.
    private func reap(_ pid: PID) {
        guard let pause = try? Epoll() else { return }
        let patience = Clock.now().monotonic + ScribeLink.endTime
        // ECHILD: it was reaped.
        while let found = try? Optional.some(Reaper.reap(pid)), found == nil {
            let now = Clock.now().monotonic
            guard now < patience else { return }
            _ = try? pause.wait(until: now + .milliseconds(1)) { _, _ in }
        }
    }
}
