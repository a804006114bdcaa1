// SPDX-License-Identifier: Apache-2.0
//
// What is kept of failed runs, in the state directory: for each scheduler one file of fixed size, a ring, in
// which the newest few bundles are. A bundle is a line of JSON and the last lines of the run's log, as text.
//
// What the core tells is queued, and handed to the scribe a little later, a few at a time, so that a thousand programs
// that fail together do not hold up their own restarts; the log is read from the tail only then. A write goes to the
// kernel's cache and is never synchronised: a bundle survives any death of reeve, and not a crash of the host. What
// cannot be written (a full disk) is dropped, counted and said once.

internal import DequeModule
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The bundles of all schedulers.
final class FailureStore: BundleSource {
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
        let turn: Instant
        /// nil until the end of its turn.
        var evidence: OutOfMemoryEvidence?
        /// Of its scheduler's file, in bytes.
        let capacity: Int

        var logBytes: Int { capacity / FailureStore.bundles - FailureStore.headBytesMax }
    }

    private let directory: String?
    private let tails: Tails
    private let say: (SupervisorSettings.LogLevel, String) -> Void
    private var waiting = Deque<Waiting>()
    /// Handed out, without an answer.
    private var underWay: Waiting?
    /// Names whose files are to be removed; and whether the first of them is handed out.
    private var departed = Deque<SchedulerName>()
    private var isRemoving = false
    /// Names that may have a file.
    private var files: Set<String> = []
    /// So many may be handed out before the next pause.
    private var quota = 0
    /// Without pauses.
    private var isLast = false
    private var dueAt: Instant?
    /// Called when bundles are due.
    var onDue: ((Moment) -> Void)?
    /// Written to no file since it was last said; and whether it was.
    private var lost = 0
    private var hasComplained = false
    private var counter: OutOfMemoryCounter
    private var countedAt: Moment
    /// One that waits has none yet.
    private var lacksEvidence = false

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
        var evidence: OutOfMemoryEvidence? = .unknown
        if case .signalled(.kill, _)? = report.status, report.stop == nil {
            evidence = nil
            lacksEvidence = true
        }
        guard waiting.count < FailureStore.waitingMax else {
            lost += 1
            return complain("more than \(FailureStore.waitingMax) wait to be written")
        }
        waiting.append(
            Waiting(
                report: report, scheduler: scheduler, turn: now.monotonic, evidence: evidence,
                capacity: FailureStore.capacity(schedulers: count)))
        if dueAt == nil, underWay == nil { dueAt = now.monotonic + FailureStore.delay }
    }

    /// Looks for what says that the kernel killed for want of memory, where a run of this turn may have been. To be
    /// called at the turn's end: nobody's restart waits for it. All get one reading: they may be hundreds, and which
    /// of them the kernel killed it does not tell.
    func noteEvidence(at now: Moment) {
        guard lacksEvidence else { return }
        lacksEvidence = false
        let latest = OutOfMemoryCounter.read()
        let evidence = latest.evidence(after: counter, at: countedAt.wall)
        counter = latest
        countedAt = now
        // Those of this turn are the last ones.
        let turn = waiting.last?.turn
        for index in waiting.indices.reversed() {
            if waiting[index].turn != turn { return }
            if waiting[index].evidence == nil { waiting[index].evidence = evidence }
        }
    }

    /// A run begins: the counters should not be much older than it.
    func runBegins(at now: Moment) {
        // Whoever waits for what they say needs them as they were before its end.
        guard directory != nil, !lacksEvidence,
            now.monotonic - countedAt.monotonic >= FailureStore.counterAge
        else { return }
        counter = .read()
        countedAt = now
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? { dueAt }

    func timePassed(at now: Moment) {
        dueAt = nil
        quota = waiting.isEmpty && departed.isEmpty ? 0 : FailureStore.batch
        onDue?(now)
    }

    /// The end of reeve: no pauses any more.
    func hurry(at now: Moment) {
        noteEvidence(at: now)
        isLast = true
    }

    // MARK: The scribe

    var bundleCount: Int {
        waiting.count + departed.count + (underWay == nil && !isRemoving ? 0 : 1)
    }

    /// At the start: of schedulers of earlier configurations only what the last few left is kept.
    func forgetOthers(than names: Set<SchedulerName>) {
        guard let directory else { return }
        let left = KeptFiles(directory: directory).removeOthers(
            than: Set(names.map(\.text)), keeping: Limits.emptyPlacesMax)
        files.formUnion(left)
    }

    /// Of a scheduler that is long gone nothing is kept any more.
    func forget(_ name: SchedulerName, at now: Moment) {
        waiting.removeAll { $0.report.scheduler == name }
        let isUnderWay = underWay?.report.scheduler == name
        guard files.remove(name.text) != nil || isUnderWay else { return }
        departed.append(name)
        if dueAt == nil, underWay == nil, !isRemoving {
            dueAt = now.monotonic + FailureStore.delay
        }
    }

    func nextBundle() -> Bundle? {
        if let directory, underWay == nil, !isRemoving, isLast || quota > 0,
            let name = departed.popFirst()
        {
            isRemoving = true
            return .removal(of: "\(directory)/\(name)")
        }
        return nextOfWaiting()
    }

    private func nextOfWaiting() -> Bundle? {
        guard let directory, underWay == nil, !isRemoving, isLast || quota > 0,
            let first = waiting.first, first.evidence != nil, let item = waiting.popFirst()
        else { return nil }
        quota = waiting.isEmpty ? 0 : max(0, quota - 1)
        underWay = item
        files.insert(item.report.scheduler.text)
        let (bundle, log) = bundle(of: item)
        var bytes: [UInt8] = []
        bundle.write(to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
        bytes += log
        return Bundle(
            path: "\(directory)/\(item.report.scheduler)", capacity: item.capacity,
            bytes: bytes)
    }

    func bundleEnded(_ failure: Errno?, at now: Moment) {
        // A file that cannot be removed is tried again at the next start.
        let wasRemoval = isRemoving
        (underWay, isRemoving) = (nil, false)
        if quota == 0 || wasRemoval, !waiting.isEmpty || !departed.isEmpty {
            dueAt = now.monotonic + FailureStore.delay
        }
        if wasRemoval { return }
        if let failure {
            lost += 1
            return complain("\(failure)")
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
            item.report, reading: item.report.reading(item.evidence ?? .unknown),
            logLines: log.lines, logNote: log.note)
        return (bundle, log.bytes)
    }

    /// The last lines of the run's own output; where it could not be started, those of what was to be done
    /// before.
    private func log(of item: Waiting) -> (bytes: [UInt8], lines: Int, note: String?) {
        guard tails.has(item.scheduler, named: item.report.scheduler) else {
            return ([], 0, "no output of it is kept (log, log-tail)")
        }
        let found = tails.lines(
            of: item.scheduler, from: item.report.startedAt, through: item.report.endedAt,
            bytesMax: item.logBytes)
        let note = found.isCut ? "earlier lines are no longer there" : nil
        return (found.bytes, found.count, note)
    }

    // MARK: Reading

    /// What is kept of a run.
    enum Found {
        /// It waits to be written.
        case waits(KeptFailure)
        /// It is in this file, if anywhere: `kept(in:run:)`.
        case file(path: String)
        case nothing
    }

    /// Looks for the newest bundle of a scheduler, or that of a run, among what waits.
    func find(_ name: SchedulerName, run: String?) -> Found {
        let isMeant = { (item: Waiting) in
            item.report.scheduler == name && (run == nil || item.report.run.description == run)
        }
        if let waits = waiting.last(where: isMeant)
            ?? underWay.flatMap({ isMeant($0) ? $0 : nil })
        {
            let (bundle, log) = bundle(of: waits)
            return .waits(KeptFailure(bundle: bundle, log: log[...]))
        }
        guard let directory else { return .nothing }
        return .file(path: directory + "/" + name.text)
    }

    /// The bytes of the newest bundle in a file, or of that of a run; nil where there is none that can be read.
    /// Reads the whole file, at most 360 kB: for the reader, which may wait for a disk.
    static func kept(in path: String, run: String?) -> ArraySlice<UInt8>? {
        guard let bytes = try? RingFile.contents(of: path) else { return nil }
        var end = bytes.endIndex
        for line in bytes.split(separator: UInt8(ascii: "\n")).reversed()
        where line.first == UInt8(ascii: "{") {
            if let bundle = FailureBundle(json: line), run == nil || bundle.runID == run {
                return bytes[line.startIndex..<end]
            }
            end = line.startIndex
        }
        return nil
    }
}
