// SPDX-License-Identifier: Apache-2.0
//
// Where the health check of one scheduler stands. Like a judge who wants the same testimony several times
// before he changes his mind, either way: a check that fails once is a hiccup, and one that passes once need
// not be a cure. There is never more than one check on its way; the next one gets its instant when the
// answer has come.

/// One answer of a health check.
package struct CheckResult: Equatable, Sendable {
    /// When it was asked.
    package var at: WallTime
    /// From the question to the answer.
    package var duration: Duration
    /// What came of it.
    package var outcome: ProbeOutcome
}

/// What the checks of the current run add up to.
package enum CheckState: String, Equatable, Sendable, CaseIterable {
    /// Neither has happened often enough.
    case unknown
    case passed
    case failed
}

struct HealthCheck: Equatable, Sendable {
    /// A check that was asked for and is not answered.
    struct Pending: Equatable, Sendable {
        let id: CommandID
        let began: Moment
        /// Its answer is of no use any more: the run or the settings are others.
        var isStale = false
    }

    enum Change: Equatable, Sendable {
        case passed
        case failed
    }

    private(set) var state = CheckState.unknown
    private(set) var failuresInRow = 0
    private(set) var successesInRow = 0
    /// Since when every check has passed; nil where the last one failed, or there was none.
    private(set) var goodSince: Instant?
    var pending: Pending?
    /// When the next one is to be asked for; nil while one is pending, or nothing runs.
    var due: Instant?
    /// The last few, oldest first; they outlive their run.
    private(set) var results: [CheckResult] = []

    /// Another run, or other settings: nothing that was seen before counts.
    mutating func begin(due: Instant?) {
        state = .unknown
        (failuresInRow, successesInRow) = (0, 0)
        goodSince = nil
        pending?.isStale = true
        self.due = pending == nil ? due : nil
    }

    /// The run is up no longer. What was concluded of it stays to be read.
    mutating func end() {
        pending?.isStale = true
        due = nil
    }

    /// Takes an answer. Returns what it changes; a failure changes nothing while `isGrace`, and what could not be
    /// asked never does.
    mutating func take(
        _ outcome: ProbeOutcome, _ asked: Pending, _ settings: HealthCheckSettings, isGrace: Bool,
        at now: Moment
    ) -> Change? {
        results.append(
            CheckResult(
                at: asked.began.wall, duration: now.monotonic - asked.began.monotonic,
                outcome: outcome))
        if results.count > Limits.checkResultsMax { results.removeFirst() }
        if case .unasked = outcome { return nil }
        lastWords = outcome.words
        if outcome.isPassed {
            failuresInRow = 0
            successesInRow += 1
            if goodSince == nil { goodSince = now.monotonic }
            guard state != .passed, successesInRow >= settings.successes else { return nil }
            state = .passed
            return .passed
        }
        successesInRow = 0
        goodSince = nil
        if isGrace { return nil }
        failuresInRow += 1
        guard state != .failed, failuresInRow >= settings.failures else { return nil }
        state = .failed
        return .failed
    }

    /// What the last one saw that could be asked.
    private(set) var lastWords: String?
}

extension CommandOutcome {
    /// As the answer of a health check: exit code 0 passes.
    func checkOutcome(within timeout: Duration) -> ProbeOutcome {
        switch self {
        case .ended(.exited(code: 0), let output): .passed(words: said("exit code 0", output))
        case .ended(let status, let output): .failed(words: said("\(status)", output))
        case .timedOut(let output): .failed(words: said("no end within \(timeout)", output))
        case .notStarted(let words, isShortage: true): .unasked(words: words)
        case .notStarted(let words, isShortage: false):
            .failed(words: "it could not be started: \(words)")
        }
    }

    /// With the last line of its output.
    private func said(_ how: String, _ output: String) -> String {
        guard let line = output.split(separator: "\n").last else { return how }
        return "\(how): " + PlainText.line(line.utf8, max: Limits.checkWordsMax)
    }
}
