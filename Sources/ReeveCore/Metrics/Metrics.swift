// SPDX-License-Identifier: Apache-2.0
//
// What is counted of one scheduler. Everything is bounded: some 200 bytes while nothing has ended, and at
// most 4 kB whatever happens (a test adds it up). It lives as long as the scheduler is configured, through
// restarts, stops and reloads; it does not outlive reeve.

/// How runs end, as a kind: a code or a signal.
package enum EndKind: Hashable, Sendable {
    case code(UInt8)
    case signal(UInt8)
    /// It could not be started.
    case notStarted
}

/// A run that is over.
package struct PastRun: Equatable, Sendable {
    /// What came of it; `.ended`: somebody willed it.
    package enum Outcome: String, Equatable, Sendable, CaseIterable {
        case succeeded, failed, ended
    }

    /// When, and how long it ran.
    package var startedAt: WallTime
    package var duration: Duration
    /// How it ended, and what that means.
    package var end: EndKind
    package var outcome: Outcome
}

/// The counters and windows of one scheduler.
struct Metrics: Sendable {
    /// Kinds of ends that are told apart; the rest is counted together.
    static let endKindsMax = 16
    /// Runs that are kept.
    static let lastRunsMax = 5
    /// Restart instants that are kept.
    static let restartsMax = 101
    /// From the shortest job to one that takes a day; milliseconds.
    static let durationBounds: [Int64] = [
        10, 100, 1_000, 5_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000,
    ]

    /// Executions that ended; a scheduled one's once, after its last attempt.
    private(set) var succeeded: UInt64 = 0
    private(set) var failed: UInt64 = 0
    private(set) var window: ErrorWindow
    /// Of runs that succeeded or failed, attempts included.
    private(set) var durations = DurationHistogram()
    private(set) var durationSum = Duration.zero
    private(set) var durationCount: UInt64 = 0
    /// The same runs, each in the first of `durationBounds` that it does not exceed, the longest in one more
    /// place at the end. Only grows, unlike `durations`; empty until a run has succeeded or failed.
    private(set) var durationCounts: [UInt32] = []
    /// When an execution last succeeded.
    private(set) var lastSuccess: WallTime?
    /// By when the next one has to have succeeded, as it was known at the last success.
    private(set) var expectedBy: WallTime?
    private(set) var ends: [(kind: EndKind, count: UInt32)] = []
    private(set) var otherEnds: UInt32 = 0
    /// The last few, oldest first, attempts included.
    private(set) var lastRuns: [PastRun] = []
    /// Occurrences by outcome, in the order of `allCases`; empty without any.
    private var outcomes: [UInt32] = []
    /// By action and result, in the order of both `allCases`; empty without any.
    private var actions: [UInt32] = []
    /// Processor time of runs that ended.
    private(set) var processorTime = Duration.zero

    /// Of the present run, or the last one.
    var memory = MemoryHistory()
    var leak: LeakDetector?
    private(set) var memoryPeak = Bytes.zero

    /// Executions in a row that ran into their timeout.
    private(set) var timeoutsInRow = 0
    /// Automatic restarts, oldest first; one more than the alert's limit is enough to judge.
    private(set) var restarts: [Instant] = []

    init(errorWindow: Duration) {
        window = ErrorWindow(errorWindow)
    }

    // MARK: Ends

    /// An execution has ended, and somebody's will was not the reason.
    mutating func executed(succeeded isSuccess: Bool, timedOut: Bool, at now: Instant) {
        if isSuccess { succeeded &+= 1 } else { failed &+= 1 }
        window.add(succeeded: isSuccess, at: now)
        timeoutsInRow = timedOut ? min(timeoutsInRow + 1, 1_000_000) : 0
    }

    /// A run has taken this long to its success or failure.
    mutating func took(_ span: Duration) {
        durations.add(span)
        durationSum = durationSum + span
        durationCount &+= 1
        if durationCounts.isEmpty {
            durationCounts = Array(repeating: 0, count: Metrics.durationBounds.count + 1)
        }
        let place =
            Metrics.durationBounds.firstIndex { span <= .milliseconds($0) }
            ?? Metrics.durationBounds.count
        durationCounts[place] = durationCounts[place].addingSaturated(1)
    }

    /// An execution has succeeded. `expectedBy`: the latest end of the next one; nil where none is due.
    mutating func succeeded(at now: WallTime, expectedBy next: WallTime?) {
        lastSuccess = now
        expectedBy = next
    }

    mutating func ended(_ run: PastRun) {
        lastRuns.append(run)
        if lastRuns.count > Metrics.lastRunsMax { lastRuns.removeFirst() }
        count(run.end)
    }

    private mutating func count(_ kind: EndKind) {
        if let index = ends.firstIndex(where: { $0.kind == kind }) {
            ends[index].count = ends[index].count.addingSaturated(1)
        } else if ends.count < Metrics.endKindsMax {
            ends.append((kind, 1))
        } else {
            otherEnds = otherEnds.addingSaturated(1)
        }
    }

    mutating func used(_ time: Duration) {
        processorTime = processorTime + time
    }

    mutating func note(_ outcome: LedgerEntry.Outcome, count: Int) {
        let all = LedgerEntry.Outcome.allCases
        if outcomes.isEmpty { outcomes = Array(repeating: 0, count: all.count) }
        guard let index = all.firstIndex(of: outcome) else { return }
        outcomes[index] = outcomes[index].addingSaturated(UInt32(clamping: count))
    }

    /// A recovery has done this, and this came of it: the one place where recovery tells.
    mutating func note(_ action: RecoveryAction.Kind, _ result: RecoveryAction.Result) {
        let results = RecoveryAction.Result.allCases
        if actions.isEmpty {
            let count = RecoveryAction.Kind.allCases.count * results.count
            actions = Array(repeating: 0, count: count)
        }
        guard let row = RecoveryAction.Kind.allCases.firstIndex(of: action),
            let column = results.firstIndex(of: result)
        else { return }
        let index = row * results.count + column
        actions[index] = actions[index].addingSaturated(1)
    }

    /// Outcomes that there were, in the order of `allCases`.
    var outcomeCounts: [(outcome: LedgerEntry.Outcome, count: Int)] {
        zip(LedgerEntry.Outcome.allCases, outcomes).filter { $0.1 > 0 }.map { ($0, Int($1)) }
    }

    /// Actions that there were, in the order of `allCases`.
    var actionCounts: [(action: RecoveryAction.Kind, result: RecoveryAction.Result, count: Int)] {
        let results = RecoveryAction.Result.allCases
        return actions.enumerated().filter { $0.element > 0 }.map { index, count in
            (
                RecoveryAction.Kind.allCases[index / results.count], results[index % results.count],
                Int(count)
            )
        }
    }

    // MARK: Restarts

    /// An automatic restart. Keeps what is needed to see more than `limit` of them.
    mutating func restarted(limit: Int, at now: Instant) {
        restarts.append(now)
        let kept = min(max(1, limit + 1), Metrics.restartsMax)
        if restarts.count > kept { restarts.removeFirst(restarts.count - kept) }
    }

    /// Restarts within a window, as far as they are kept.
    func restartCount(within window: Duration, at now: Instant) -> Int {
        restarts.count { now - $0 < window }
    }

    // MARK: Memory

    /// A new run: its memory begins anew.
    mutating func runBegan(leakWindow: Duration?) {
        memory.clear()
        leak = leakWindow.map { LeakDetector(window: $0) }
    }

    /// Returns whether what is known of a leak may have changed.
    mutating func sampled(_ bytes: Bytes, age: Duration, at now: Instant) -> Bool {
        memory.add(bytes, age: age)
        memoryPeak = max(memoryPeak, bytes)
        return leak?.sampled(bytes, at: now) ?? false
    }

    // MARK: Settings

    /// Forgets what alerts look at: an operator's `reset`.
    mutating func forgetTroubles() {
        window.clear()
        timeoutsInRow = 0
        restarts = []
    }

    /// Other settings of the alerts. Windows of another length begin anew.
    mutating func adopt(_ new: AlertSettings, insteadOf old: AlertSettings) {
        if new.errorRateWindow != old.errorRateWindow { window = ErrorWindow(new.errorRateWindow) }
        if new.leakWindow != old.leakWindow {
            leak = new.leakWindow.map { LeakDetector(window: $0) }
        }
    }
}

extension EndKind {
    /// From what `waitid` said; nil: it could not be started.
    init(_ status: ExitStatus?) {
        switch status {
        case .exited(let code)?: self = .code(UInt8(clamping: code))
        case .signalled(let signal, coreDumped: _)?: self = .signal(UInt8(clamping: signal.number))
        case nil: self = .notStarted
        }
    }
}
