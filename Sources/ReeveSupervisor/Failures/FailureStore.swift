// SPDX-License-Identifier: Apache-2.0
//
// What is kept of failed runs, in the state directory: for each scheduler one file of fixed size, a ring, in
// which the newest few bundles are. A bundle is a line of JSON and the last lines of the run's log, as text.
//
// What the core tells is queued, and written a little later, a few at a time, so that a thousand programs
// that fail together do not hold up their own restarts; the log is read from the tail only then. A write goes to the kernel's cache and is never synchronised: a bundle survives any death of
// reeve, and not a crash of the host. What cannot be written (a full disk) is dropped, counted and said once.

internal import DequeModule
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The bundles of all schedulers.
final class FailureStore {
    /// Log of one run at most.
    static let logBytesMax = 65_536
    /// Bundles that always fit a file.
    static let bundles = 5
    /// What a bundle takes besides its log, at most.
    static let headBytesMax = 8_192
    /// The files of all schedulers together, at most; they take up room only as they fill. A file whose
    /// share has changed is of its new size from its next bundle on.
    static let bytesMax = 64_000_000
    /// Reports that wait to be written.
    static let waitingMax = 1_024
    /// From a failure until it is written, and between two batches.
    static let delay = Duration.milliseconds(20)
    /// Written in one go.
    static let batch = 4
    /// The counters of memory kills are read anew when they are older than this.
    private static let counterAge = Duration.seconds(60)

    private struct Waiting {
        let report: FailureReport
        let scheduler: SchedulerID
        let reading: String
        /// Of its scheduler's file, in bytes.
        let capacity: Int

        var logBytes: Int { capacity / FailureStore.bundles - FailureStore.headBytesMax }
    }

    private let directory: String?
    private let tails: Tails
    private let say: (SupervisorSettings.LogLevel, String) -> Void
    private var waiting = Deque<Waiting>()
    private var dueAt: Instant?
    /// Written to no file since it was last said; and whether it was.
    private var lost = 0
    private var hasComplained = false
    private var counter: OutOfMemoryCounter
    private var countedAt: Moment
    /// Of the turn in which it was last asked for.
    private var latestEvidence: (turn: Instant, evidence: OutOfMemoryEvidence)?

    /// `directory`: the state directory; nil keeps nothing.
    init(
        directory: String?, tails: Tails, at now: Moment,
        say: @escaping (SupervisorSettings.LogLevel, String) -> Void
    ) {
        self.tails = tails
        self.say = say
        counter = .read()
        countedAt = now
        guard let directory else {
            self.directory = nil
            return
        }
        let path = directory + (directory.hasSuffix("/") ? "failures" : "/failures")
        do throws(SystemFailure) {
            try PrivateDirectory.ensure(path)
            self.directory = path
        } catch {
            self.directory = nil
            say(.warning, "\(error.words); what failed runs leave is not kept")
        }
    }

    /// Each scheduler's share: five bundles in full up to 170 schedulers, less each above.
    static func capacity(schedulers: Int) -> Int {
        let full = bundles * (logBytesMax + headBytesMax)
        return min(full, max(bundles * (headBytesMax + 1_024), bytesMax / max(1, schedulers)))
    }

    // MARK: Keeping

    /// Notes a failed run of one of `count` schedulers; to be called in the turn of its end.
    func keep(
        _ report: FailureReport, of scheduler: SchedulerID, among count: Int, at now: Moment
    ) {
        guard directory != nil else { return }
        var evidence = OutOfMemoryEvidence.unknown
        if case .signalled(.kill, _)? = report.status, report.stop == nil {
            evidence = outOfMemoryEvidence(at: now)
        }
        guard waiting.count < FailureStore.waitingMax else {
            lost += 1
            return complain("more than \(FailureStore.waitingMax) wait to be written")
        }
        waiting.append(
            Waiting(
                report: report, scheduler: scheduler, reading: report.reading(evidence),
                capacity: FailureStore.capacity(schedulers: count)))
        if dueAt == nil { dueAt = now.monotonic + FailureStore.delay }
    }

    /// All that SIGKILL ended in one turn get one reading: they may be hundreds, and which of them the kernel
    /// killed it does not tell.
    private func outOfMemoryEvidence(at now: Moment) -> OutOfMemoryEvidence {
        if let latest = latestEvidence, latest.turn == now.monotonic { return latest.evidence }
        let latest = OutOfMemoryCounter.read()
        let evidence = latest.evidence(after: counter, at: countedAt.wall)
        counter = latest
        countedAt = now
        latestEvidence = (now.monotonic, evidence)
        return evidence
    }

    /// A run begins: the counters should not be much older than it.
    func runBegins(at now: Moment) {
        guard directory != nil,
            now.monotonic - countedAt.monotonic >= FailureStore.counterAge
        else { return }
        counter = .read()
        countedAt = now
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? { dueAt }

    func timePassed(at now: Moment) {
        for _ in 0..<FailureStore.batch {
            guard let next = waiting.popFirst() else { break }
            write(next)
        }
        dueAt = waiting.isEmpty ? nil : now.monotonic + FailureStore.delay
    }

    /// The end of reeve: writes what waits, until the deadline.
    func finish(until deadline: Instant) {
        while let next = waiting.popFirst() {
            if Clock.now().monotonic >= deadline { return }
            write(next)
        }
    }

    private func write(_ item: Waiting) {
        guard let directory else { return }
        let (bundle, log) = bundle(of: item)
        var bytes: [UInt8] = []
        bundle.write(to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
        bytes += log
        do throws(Errno) {
            var file = try RingFile(
                path: directory + "/" + item.report.scheduler.text, capacity: item.capacity)
            try file.append(bytes.span)
        } catch {
            lost += 1
            return complain("\(error)")
        }
        guard hasComplained else { return }
        hasComplained = false
        say(.info, "failed runs are kept again; of \(lost) nothing was")
        lost = 0
    }

    private func complain(_ words: String) {
        guard !hasComplained else { return }
        hasComplained = true
        say(
            .warning,
            "what failed runs leave cannot be kept in \(directory ?? "the state directory"): "
                + "\(words); everything else goes on, and it is tried with each failure")
    }

    private func bundle(of item: Waiting) -> (FailureBundle, log: [UInt8]) {
        let log = log(of: item)
        let bundle = FailureBundle(
            item.report, reading: item.reading, logLines: log.lines, logNote: log.note)
        return (bundle, log.bytes)
    }

    /// The last lines of the run's own output; where it could not be started, those of what was to be done
    /// before.
    private func log(of item: Waiting) -> (bytes: [UInt8], lines: Int, note: String?) {
        guard tails.has(item.scheduler) else {
            return ([], 0, "no output of it is kept (log, log-tail)")
        }
        let found = tails.lines(
            of: item.scheduler, from: item.report.startedAt, through: item.report.endedAt,
            bytesMax: item.logBytes)
        let note = found.isCut ? "earlier lines are no longer there" : nil
        return (found.bytes, found.count, note)
    }

    // MARK: Reading

    /// The newest bundle of a scheduler, or that of a run; nil where there is none, or none that can be
    /// read. What still waits is found, too.
    func failure(of name: SchedulerName, run: String?) -> KeptFailure? {
        let waits = waiting.last { item in
            item.report.scheduler == name && (run == nil || item.report.run.description == run)
        }
        if let waits {
            let (bundle, log) = bundle(of: waits)
            return KeptFailure(bundle: bundle, log: log[...])
        }
        guard let directory,
            let bytes = try? RingFile.contents(of: directory + "/" + name.text)
        else { return nil }
        var end = bytes.endIndex
        for line in bytes.split(separator: UInt8(ascii: "\n")).reversed()
        where line.first == UInt8(ascii: "{") {
            if let bundle = FailureBundle(json: line), run == nil || bundle.runID == run {
                return KeptFailure(bundle: bundle, log: bytes[line.endIndex..<end])
            }
            end = line.startIndex
        }
        return nil
    }
}
