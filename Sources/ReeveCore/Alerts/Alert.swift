// SPDX-License-Identifier: Apache-2.0
//
// An alert has a cause, a start and an end. It is told once when it starts, again after `repeat-after` while
// it lasts, and once when it ends. The cause is a kind and a scheduler: there is never more than one alert
// of a cause at a time. A lost dependency is the cause, whoever depends on it: they are named in its alert.

/// The `[alerts]` table.
package struct AlertSettings: Equatable, Sendable {
    /// Share of failed executions above which there is an alert; 0 to 1.
    package var errorRate = 0.2
    package var errorRateWindow = Duration.minutes(5)
    /// nil: memory is not watched for leaks.
    package var leakWindow: Duration? = .minutes(15)
    /// `leak-window` is in the file: every scheduler's memory is sampled, not only where it has a limit.
    package var watchesAllMemory = false
    /// More automatic restarts than this within `restartAlertWindow`; 1 to 100.
    package var frequentRestarts = 3
    package var restartAlertWindow = Duration.minutes(10)
    /// Timeouts in a row; at least 1.
    package var timeouts = 3
    /// Program and arguments that get each delivery on stdin; nil: none.
    package var exec: [String]?
    /// nil: an alert that lasts is not told again.
    package var repeatAfter: Duration? = .minutes(60)

    package init() {}

    /// Ended executions below which an error rate says nothing.
    package static let executionsMin = 5
}

/// What is told of an alert.
package struct Alert: Equatable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case errorRate = "error-rate"
        case memoryLeak = "memory-leak"
        case frequentRestarts = "frequent-restarts"
        case dependencyFailure = "dependency-failure"
        case timeouts
    }

    /// Where in its life it is told of.
    package enum Phase: String, Hashable, Sendable, CaseIterable {
        case began, continues, ended
    }

    /// Counts the alerts of this supervisor, from 1; the same in all that is told of one.
    package var number: UInt64
    package var kind: Kind
    package var phase: Phase
    /// Whom it is about; for `dependencyFailure` the dependency.
    package var scheduler: SchedulerName
    /// Who suffers from a failed dependency: the first `affectedMax`, in the order of the table.
    package var affected: [SchedulerName]
    /// All who suffer from it.
    package var affectedCount: Int
    package var since: WallTime
    /// When this was told.
    package var at: WallTime
    /// The cause, or why it is over, as a sentence without a full stop.
    package var words: String

    /// `affectedCount`: as many as are named, where it is not given.
    package init(
        number: UInt64, kind: Kind, phase: Phase, scheduler: SchedulerName,
        affected: [SchedulerName] = [], affectedCount: Int? = nil, since: WallTime, at: WallTime,
        words: String
    ) {
        self.number = number
        self.kind = kind
        self.phase = phase
        self.scheduler = scheduler
        self.affected = affected
        self.affectedCount = affectedCount ?? affected.count
        self.since = since
        self.at = at
        self.words = words
    }

    /// Names listed of those who are affected.
    package static let affectedMax = Limits.processesNamedMax
}

/// An alert that is on.
struct Alarm: Equatable, Sendable {
    let number: UInt64
    let kind: Alert.Kind
    let since: Moment
    /// The words of its cause as they are now.
    var words: String
    /// When it is told again.
    var repeatAt: Instant?
    /// Its condition is gone; it ends at this instant if that stays so.
    var endsAt: Instant?
}

/// What a condition says at the moment. Its words are asked for where there is something to say.
enum AlarmCondition: Equatable, Sendable {
    /// Begins an alert where there is none.
    case raised
    /// Neither begins one nor ends it.
    case between
    /// Ends it.
    case gone
}

extension Alert {
    /// What is said of it, without the scheduler's name in front and without a full stop.
    package var sentence: String {
        switch phase {
        case .began: "alert \(kind.rawValue): \(words)"
        case .continues: "alert \(kind.rawValue) lasts: \(words)"
        case .ended: "alert \(kind.rawValue) is over after \((at - since).shown): \(words)"
        }
    }
}

extension Duration {
    /// Never below zero, although the wall clock may have been set.
    fileprivate var shown: Duration { .seconds(Swift.max(0, seconds)) }
}
