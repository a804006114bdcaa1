// SPDX-License-Identifier: Apache-2.0
//
// Everything that is written: children's lines with their prefix, reeve's own log, and the tails.
// Bytes come in through one pipe for each stream of each run, are cut into lines, and leave through
// two outlets, reeve's stdout and stderr; through one where both are the same pipe, socket or
// terminal, since two would tear each other's lines where it takes a part of a write. Reading never depends on writing: when an outlet is full,
// lines are dropped there, so that no child waits for a slow reader of somebody else's output. A
// child that floods gets one read of bounded size in each turn, as every other.

package import ReeveCore
package import ReeveLinux

/// Children's output and reeve's own log.
///
/// A. `open`, `drain` and `runEnded` follow a run's life. B. `ready` and `timePassed` are the
/// loop's; ask `nextDeadline` after each turn. C. `write` and `notice` are the log. Nothing here
/// ever waits, save `finish`, at the very end.
package final class OutputHub {
    /// Bytes read from one pipe in one turn.
    static let readBytesMax = 65_536
    /// Reads of one pipe by `drain`: more than a pipe holds (64 kB, or up to 1 MB where it was
    /// enlarged).
    static let drainReadsMax = 17
    /// How long the beginning of a line waits for its end.
    static let partialDelay = Duration.seconds(2)
    /// How long a forgotten run's pipe stays open for those who still hold it.
    static let grace = Duration.seconds(2)
    /// Ended runs of one scheduler with `leftovers = "keep"` whose pipes stay open; the oldest goes
    /// first.
    static let keptRunsMax = 4

    /// Called with each record that the hub itself makes (lost output, a stream that fails), after
    /// it was written: for the event ring.
    package var onNotice: ((Record) -> Void)?
    /// Bytes of reeve's own log that wait for the end of a turn at most.
    static let queuedBytesMax = 16_384

    private var hasQueued = false
    /// Called when a scheduler's tail has grown.
    var onTailGrown: ((SchedulerID) -> Void)?

    private let epoll: Epoll
    private var settings: SupervisorSettings
    /// nil: one that a reload has added, and that nothing was started of.
    private var schedulers: [SchedulerSpecification?]
    private let isJournal: Bool
    private let journal = JournalLink()
    private let stdout: Outlet
    private let stderr: Outlet
    private(set) var tails: Tails
    /// nil: nothing is written to files.
    private(set) var scribe: ScribeLink?

    private var captures = CaptureTable()
    private var capturesOfRun: [RunID: [Capture]] = [:]
    /// Those with a deadline, in no order.
    private var timed: [Capture] = []
    /// Not after the nearest deadline of `timed`; may be too early, which costs one look.
    private var timedEarliest: Instant?
    /// Those that are not read until their log file has room, by scheduler.
    private var paused: [SchedulerID: [Capture]] = [:]
    /// Ended runs whose pipes their leftovers keep, oldest first.
    private var keptRuns: [SchedulerID: [RunID]] = [:]

    private var buffer = [UInt8](repeating: 0, count: OutputHub.readBytesMax)
    private var tailLines: [UInt8] = []
    private var stamp = TimeStamp()
    private var sentences: [String] = []

    /// Takes over reeve's own stdout and stderr for writing. `tailDirectory` must exist; nil keeps
    /// no tails. `environment` is looked at for NO_COLOR and JOURNAL_STREAM.
    package convenience init(
        epoll: Epoll, specification: Specification, tailDirectory: String?,
        environment: [EnvironmentVariable]
    ) {
        let noColor = environment.contains { $0.name == "NO_COLOR" && !$0.value.isEmpty }
        let journal = environment.first { $0.name == "JOURNAL_STREAM" }?.value
        let isShared = StandardStreams.areOne
        self.init(
            epoll: epoll, specification: specification, tailDirectory: tailDirectory,
            stdout: OutletSink(.output),
            stderr: isShared ? .unusable(.badDescriptor) : OutletSink(.error), isShared: isShared,
            coloured: (
                stdout: !noColor && StandardStreams.isTerminal(.output),
                stderr: !noColor && StandardStreams.isTerminal(.error)
            ),
            journal: Journal.isConnected(toStandardErrorAs: journal))
    }

    /// The same with streams of the caller's. `isShared`: stdout is both, and `stderr` is not used.
    init(
        epoll: Epoll, specification: Specification, tailDirectory: String?,
        stdout: consuming OutletSink, stderr: consuming OutletSink, isShared: Bool = false,
        coloured: (stdout: Bool, stderr: Bool) = (false, false), journal: Bool = false
    ) {
        self.epoll = epoll
        settings = specification.supervisor
        schedulers = specification.schedulers
        isJournal = journal
        self.stdout = Outlet(
            .stdout, named: isShared ? "stdout and stderr" : nil, epoll: epoll, sink: stdout,
            coloured: coloured.stdout)
        self.stderr =
            isShared
            ? self.stdout
            : Outlet(.stderr, epoll: epoll, sink: stderr, coloured: coloured.stderr)
        tails = Tails(directory: nil, schedulers: [], say: { _ in })
        tails = Tails(directory: tailDirectory, schedulers: specification.schedulers) {
            [weak self] sentence in
            self?.sentences.append(sentence)
        }
    }

    /// Writes the output of schedulers with `log = "file"` by this; to be called once, before any run.
    func use(_ scribe: ScribeLink) {
        self.scribe = scribe
        scribe.onRoom = { [weak self] scheduler in self?.resume(scheduler) }
        for (index, scheduler) in schedulers.enumerated() {
            if let scheduler { scribe.adopt(scheduler, of: SchedulerID(index)) }
        }
    }

    /// Pipes that are open.
    var openPipes: Int { captures.count }

    /// Takes other settings of reeve's own log, from the next line on.
    package func adopt(_ settings: SupervisorSettings) {
        self.settings = settings
    }

    /// Takes what a scheduler's output is to become, from its next run on, and of its log file at once;
    /// `scheduler` may be one that was not known. To be called before each `open`.
    package func adopt(_ specification: SchedulerSpecification, of scheduler: SchedulerID) {
        // Those that a reload has added start in the order of their phases and schedules.
        while schedulers.count <= scheduler.index { schedulers.append(nil) }
        guard schedulers[scheduler.index] != specification else { return }
        schedulers[scheduler.index] = specification
        tails.adopt(specification, of: scheduler)
        scribe?.adopt(specification, of: scheduler)
    }

    /// Another scheduler has this place from here on.
    func forget(_ scheduler: SchedulerID) {
        // What its last runs left running is heard no more.
        for capture in captures.all where capture.scheduler == scheduler { close(capture) }
        (keptRuns[scheduler], paused[scheduler]) = (nil, nil)
        if specification(of: scheduler) != nil { schedulers[scheduler.index] = nil }
        tails.forget(scheduler)
        scribe?.forget(scheduler)
    }

    private func specification(of scheduler: SchedulerID) -> SchedulerSpecification? {
        schedulers.indices.contains(scheduler.index) ? schedulers[scheduler.index] : nil
    }

    // MARK: - A run's life

    /// Makes what a new run's streams are connected to. Throws EMFILE or ENFILE, with nothing kept.
    /// Every run that was opened must be ended with `runEnded`, a failed spawn's too. May be called
    /// again for another process of the run, its stop command.
    package func open(run: RunID, of scheduler: SchedulerID) throws(Errno) -> ChildStreams {
        guard let specification = specification(of: scheduler) else { throw .invalid }
        switch specification.log.destination {
        case .inherit: return ChildStreams(stdout: .inherit, stderr: .inherit)
        case .none: return ChildStreams(stdout: .null, stderr: .null)
        case .prefixed, .file, .journal:
            if specification.log.destination == .file { scribe?.begin(at: Clock.now()) }
            let earlier = capturesOfRun[run]?.count ?? 0
            let out = try capture(.stdout, of: run, specification, scheduler)
            do throws(Errno) {
                let err = try capture(.stderr, of: run, specification, scheduler)
                return ChildStreams(stdout: .descriptor(out), stderr: .descriptor(err))
            } catch {
                for capture in (capturesOfRun[run] ?? []).dropFirst(earlier) { close(capture) }
                throw error
            }
        }
    }

    /// Takes what the run has written so far, a bounded amount, without waiting: so that its last
    /// words come before what reeve says about its end; written with that by `flush`, or as soon as much
    /// has come together. To be called when the leader was reaped.
    package func drain(_ run: RunID, at now: Moment) {
        // A log file's are not what its full buffer is for: they are read when it has room.
        guard let open = capturesOfRun[run] else { return }
        for capture in open where !capture.isPaused {
            drain(capture, at: now) { !capture.isPaused }
        }
        noteQueued(at: now)
    }

    private func drain(_ capture: Capture, at now: Moment, while isWanted: () -> Bool = { true }) {
        var reads = 0
        while reads < OutputHub.drainReadsMax, read(capture, at: now), isWanted() { reads += 1 }
    }

    /// The run is forgotten. Its pipes are closed at the end of their output, or after a bounded
    /// grace; with `leftovers = "keep"` they stay open for those that it left behind. Unknown runs
    /// are ignored.
    package func runEnded(_ run: RunID, at now: Moment) {
        drain(run, at: now)
        guard let rest = capturesOfRun[run], let scheduler = rest.first?.scheduler else { return }
        let keeps = specification(of: scheduler)?.stop.leftovers == .keep
        for capture in rest {
            if !keeps { capture.closeAt = now.monotonic + OutputHub.grace }
            time(capture)
        }
        guard keeps else { return }
        keptRuns[scheduler, default: []].append(run)
        if keptRuns[scheduler, default: []].count > OutputHub.keptRunsMax {
            let oldest = keptRuns[scheduler, default: []].removeFirst()
            for capture in capturesOfRun[oldest] ?? [] { finish(capture, at: now) }
            settle(at: now)
        }
    }

    // MARK: - The loop

    /// Something of kind `output`, `standardOut` or `standardError` is ready.
    package func ready(_ token: Token, _ events: PollEvents, at now: Moment) {
        switch SourceKind(rawValue: token.source) {
        case .output:
            // A stale token's capture was closed earlier in this turn.
            if let capture = captures[token], !capture.isPaused { _ = read(capture, at: now) }
        case .standardOut: stdout.flush(at: now)
        case .standardError: stderr.flush(at: now)
        case .scribe: scribe?.ready(at: now)
        case .signals, .timer, .listener, .client, .ledger, .command,
            .launch, .probe, .notify, .configuration, .syslog, nil:
            return
        }
        settle(at: now)
    }

    /// When `timePassed` is due.
    package var nextDeadline: Instant? {
        [
            timedEarliest, stdout.nextDeadline, stderr.nextDeadline, scribe?.nextDeadline,
            paused.keys.compactMap { scribe?.patienceEnd(of: $0) }.min(),
        ]
        .compactMap(\.self).min()
    }

    /// Flushes unfinished lines, closes pipes whose grace is over, tries failing streams again.
    package func timePassed(at now: Moment) {
        if let earliest = timedEarliest, earliest <= now.monotonic {
            let before = timed
            timed = []
            timedEarliest = nil
            for capture in before { capture.timedIndex = nil }
            for capture in before {
                if let at = capture.closeAt, at <= now.monotonic {
                    // What nobody read yet is read now.
                    if capture.isPaused { drain(capture, at: now) }
                    finish(capture, at: now)
                    continue
                }
                if let at = capture.flushAt, at <= now.monotonic {
                    flushPartial(of: capture, .waiting, at: now)
                }
                time(capture)
            }
        }
        endPauses(at: now)
        if let due = scribe?.nextDeadline, due <= now.monotonic { scribe?.timePassed(at: now) }
        stdout.flush(at: now)
        stderr.flush(at: now)
        settle(at: now)
    }

    /// At exit: takes what the pipes hold and writes out what can be written until the deadline, of files until
    /// `force-timeout`. Blocks at most that long.
    package func finish(until deadline: Instant) {
        let now = Clock.now()
        for capture in captures.all {
            drain(capture, at: now)
            flushPartial(of: capture, .complete, at: now)
        }
        scribe?.finish(
            until: max(deadline, now.monotonic + settings.forceTimeout), bundlesUntil: deadline)
        settle(at: now)
        stdout.finish(until: deadline)
        settle(at: Clock.now())
        stderr.finish(until: deadline)
        // What was said of stderr goes to stdout.
        settle(at: Clock.now())
    }

    // MARK: - reeve's own log

    /// Writes a record to reeve's own log. Never blocks; never calls `onNotice`.
    package func write(_ record: Record) {
        let now = Clock.now()
        write(record, to: stderr, at: now)
        stderr.flush(at: now)
        settle(at: now)
    }

    /// The same for one of many records of a turn: it is written with the others by `flush`, or as soon
    /// as much has come together.
    package func queue(_ record: Record, at now: Moment) {
        write(record, to: stderr, at: now)
        noteQueued(at: now)
    }

    private func noteQueued(at now: Moment) {
        hasQueued = true
        if max(stdout.byteCount, stderr.byteCount) > OutputHub.queuedBytesMax { flush(at: now) }
    }

    /// Writes what `queue` has kept. To be called at the end of a turn.
    package func flush(at now: Moment) {
        guard hasQueued else { return }
        hasQueued = false
        settle(at: now)
    }

    /// Makes a notice of one sentence (without a full stop), writes it and hands it to `onNotice`.
    package func notice(_ level: SupervisorSettings.LogLevel, _ sentence: String, at now: Moment) {
        say(level, sentence, on: stderr, at: now)
        settle(at: now)
    }

    private func say(
        _ level: SupervisorSettings.LogLevel, _ sentence: String, on outlet: Outlet,
        tellsLoss: Bool = false, at now: Moment
    ) {
        let record = Record(at: now.wall, fact: .notice(level, sentence))
        write(record, to: outlet, tellsLoss: tellsLoss, at: now)
        outlet.flush(at: now)
        onNotice?(record)
    }

    private func write(
        _ record: Record, to outlet: Outlet, tellsLoss: Bool = false, at now: Moment
    ) {
        guard record.level <= settings.logLevel else { return }
        if settings.logFormat == .journal {
            let isSent = journal.send(record, at: now)
            noteJournal()
            if isSent { return }
        }
        stamp.update(to: record.at)
        outlet.append(own: true, tellsLoss: tellsLoss, at: now) { line in
            switch settings.logFormat {
            case .text, .journal:
                LogText.record(record, time: stamp.bytes, journal: isJournal, to: &line)
            case .json: LogText.recordJSON(record, time: stamp.bytes, to: &line)
            }
        }
    }

    /// Writes what was queued, and says what is to be said about it: of stdout on stderr, of stderr
    /// on stderr where that takes lines again, else on stdout; and in any case as an event. Each
    /// outlet says each thing once, so this ends.
    private func settle(at now: Moment) {
        stdout.flush(at: now)
        stderr.flush(at: now)
        scribe?.flush(at: now)
        while true {
            let own = sentences + (scribe?.takeSentences() ?? [])
            sentences = []
            let aboutStdout = stdout.takeSentences()
            let aboutStderr = stderr.takeSentences()
            if own.isEmpty, aboutStdout.isEmpty, aboutStderr.isEmpty { return }
            for sentence in own { say(.warning, sentence, on: stderr, at: now) }
            for sentence in aboutStdout {
                say(.warning, sentence, on: stderr, tellsLoss: true, at: now)
            }
            let outlet = stderr.isTaking ? stderr : stdout
            for sentence in aboutStderr {
                say(.warning, sentence, on: outlet, tellsLoss: true, at: now)
            }
        }
    }

    /// A line that a process of a run sent by syslog(3), beside its streams. `origin` is facility and
    /// severity.
    func take(
        _ text: ArraySlice<UInt8>, isCut: Bool, severity: UInt8, origin: String,
        of scheduler: SchedulerID, run: RunID, at now: Moment
    ) {
        guard let specification = specification(of: scheduler),
            specification.log.destination != .none
        else { return }
        let source = source(.syslog, of: run, specification, scheduler)
        // The journal has a field for the severity, which it takes from the front of the line.
        var bytes = Array((source.goesToJournal ? "<\(severity)>" : "\(origin) ").utf8)
        bytes += text
        stamp.update(to: now.wall)
        tailLines.removeAll(keepingCapacity: true)
        let line = OutputLine(bytes: bytes[...], ending: isCut ? .cut : .complete)
        emit(line, of: source, to: stderr, at: now)
        keepTail(of: scheduler)
        hasQueued = true
    }

    // MARK: - Pipes

    private func source(
        _ stream: OutputStream, of run: RunID, _ specification: SchedulerSpecification,
        _ scheduler: SchedulerID
    ) -> LineSource {
        let log = specification.log
        let origin = LineOrigin(
            name: specification.name, run: run, index: scheduler.index,
            stream: stream, showsRun: log.prefix == .run)
        let isRunShown = origin.showsRun || settings.logFormat == .json
        return LineSource(
            scheduler: scheduler, origin: origin,
            runText: isRunShown ? Array(run.description.utf8) : [],
            goesToJournal: log.destination == .journal
                || (settings.logFormat == .journal && log.destination != .file),
            goesToFile: log.destination == .file)
    }

    private func capture(
        _ stream: OutputStream, of run: RunID, _ specification: SchedulerSpecification,
        _ scheduler: SchedulerID
    ) throws(Errno) -> FileDescriptor {
        let source = source(stream, of: run, specification, scheduler)
        return try Pipe.make().split { (readEnd, writeEnd) throws(Errno) -> FileDescriptor in
            let capture = Capture(
                descriptor: readEnd, token: captures.reserve(), source: source)
            captures.insert(capture)
            do throws(Errno) {
                try epoll.add(capture.descriptor, token: capture.token, interest: .readable)
            } catch {
                captures.remove(capture)
                throw error
            }
            capturesOfRun[run, default: []].append(capture)
            return writeEnd
        }
    }

    /// Reads once. Returns whether there may be more.
    private func read(_ capture: Capture, at now: Moment) -> Bool {
        let count: Int
        do throws(Errno) {
            guard let read = try capture.descriptor.read(into: &buffer) else { return false }
            count = read
        } catch {
            // EIO or the like; a pipe of our own has none. What cannot be read has ended.
            count = 0
        }
        guard count > 0 else {
            finish(capture, at: now)
            return false
        }
        stamp.update(to: now.wall)
        tailLines.removeAll(keepingCapacity: true)
        let outlet = (capture.origin.stream == .stdout ? stdout : stderr)
        capture.splitter.take(buffer[..<count]) { line in
            emit(line, of: capture.source, to: outlet, at: now)
        }
        keepTail(of: capture.scheduler)
        if capture.source.goesToFile { pauseIfFull(capture, at: now.monotonic) }
        if capture.splitter.hasPartial {
            if capture.flushAt == nil {
                capture.flushAt = now.monotonic + OutputHub.partialDelay
                time(capture)
            }
        } else {
            capture.flushAt = nil
            time(capture)
        }
        return true
    }

    // MARK: Waiting for log files

    private func pauseIfFull(_ capture: Capture, at now: Instant) {
        guard !capture.isPaused, scribe?.shouldWait(for: capture.scheduler, at: now) == true else {
            return
        }
        // ENOMEM: then it is read on, and what does not fit is dropped.
        guard
            (try? epoll.modify(capture.descriptor, token: capture.token, interest: .oneShot)) != nil
        else { return }
        capture.isPaused = true
        paused[capture.scheduler, default: []].append(capture)
    }

    private func resume(_ scheduler: SchedulerID) {
        for capture in paused.removeValue(forKey: scheduler) ?? [] {
            capture.isPaused = false
            // It only takes the place of what was asked before, which needs nothing.
            try? epoll.modify(capture.descriptor, token: capture.token, interest: .readable)
        }
    }

    private func endPauses(at now: Moment) {
        for scheduler in paused.keys.sorted()
        where scribe?.shouldWait(for: scheduler, at: now.monotonic) != true { resume(scheduler) }
    }

    /// A helper process was reaped. Returns whether it was the scribe.
    func helperEnded(_ pid: PID, _ status: ExitStatus, at now: Moment) -> Bool {
        guard scribe?.ended(pid, status, at: now) == true else { return false }
        settle(at: now)
        return true
    }

    private func flushPartial(of capture: Capture, _ ending: OutputLine.Ending, at now: Moment) {
        capture.flushAt = nil
        stamp.update(to: now.wall)
        tailLines.removeAll(keepingCapacity: true)
        let outlet = (capture.origin.stream == .stdout ? stdout : stderr)
        capture.splitter.flush(ending) { line in
            emit(line, of: capture.source, to: outlet, at: now)
        }
        keepTail(of: capture.scheduler)
    }

    private func emit(_ line: OutputLine, of source: LineSource, to outlet: Outlet, at now: Moment)
    {
        let time = stamp.bytes
        defer {
            if tails.has(source.scheduler) {
                LogText.tailLine(line, stream: source.origin.stream, time: time, to: &tailLines)
            }
        }
        if source.goesToFile {
            scribe?.append(line, of: source.scheduler, from: source.logOrigin, time: time, at: now)
            return
        }
        if source.goesToJournal {
            let isSent = journal.send(line, from: source.origin, at: now)
            noteJournal()
            if isSent { return }
        }
        outlet.append(at: now) { buffer in
            switch settings.logFormat {
            case .text, .journal:
                LogText.childLine(
                    line, from: source.origin, run: source.runText,
                    coloured: outlet.isColoured, to: &buffer)
            case .json:
                LogText.childLineJSON(
                    line, from: source.origin, run: source.runText, time: time, to: &buffer)
            }
        }
    }

    /// What is to be said of the journal comes with the next `settle`.
    private func noteJournal() {
        if let sentence = journal.takeSentence() { sentences.append(sentence) }
    }

    private func keepTail(of scheduler: SchedulerID) {
        guard !tailLines.isEmpty else { return }
        tails.append(tailLines, to: scheduler)
        onTailGrown?(scheduler)
    }

    /// The end of a stream: its last line may lack a line break.
    private func finish(_ capture: Capture, at now: Moment) {
        flushPartial(of: capture, .complete, at: now)
        close(capture)
    }

    private func close(_ capture: Capture) {
        // Before the descriptor goes: a child that is being spawned may hold a duplicate of it.
        epoll.remove(capture.descriptor)
        captures.remove(capture)
        if capture.source.goesToFile {
            paused[capture.scheduler]?.removeAll { $0 === capture }
            scribe?.forget(capture.source.logOrigin, of: capture.scheduler)
        }
        (capture.flushAt, capture.closeAt) = (nil, nil)
        time(capture)
        let run = capture.origin.run
        capturesOfRun[run]?.removeAll { $0 === capture }
        guard capturesOfRun[run]?.isEmpty == true else { return }
        capturesOfRun[run] = nil
        guard var kept = keptRuns[capture.scheduler] else { return }
        kept.removeAll { $0 == run }
        keptRuns[capture.scheduler] = kept.isEmpty ? nil : kept
    }

    /// Puts a capture on the list of those that wait for time, or takes it off.
    private func time(_ capture: Capture) {
        guard let deadline = capture.deadline else {
            guard let index = capture.timedIndex, let last = timed.popLast() else { return }
            capture.timedIndex = nil
            if last !== capture {
                timed[index] = last
                last.timedIndex = index
            }
            if timed.isEmpty { timedEarliest = nil }
            return
        }
        timedEarliest = min(timedEarliest ?? deadline, deadline)
        guard capture.timedIndex == nil else { return }
        capture.timedIndex = timed.count
        timed.append(capture)
    }
}
