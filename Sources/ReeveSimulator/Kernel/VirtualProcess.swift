// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// What a process does when it is told to end.
enum Reaction: Equatable, Sendable {
    /// It ends after the span, in its own way.
    case ends(after: Duration, ExitStatus)
    /// It goes on; only SIGKILL ends it.
    case ignores
}

/// A process that a leader starts.
struct Fork: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// In the leader's process group, a child of the leader.
        case member
        /// In a session of its own, a child of the leader.
        case escapee
        /// In a session of its own, its parent already gone: reeve's child from the first moment.
        case daemonized
    }

    var kind: Kind
    /// After the start of the leader.
    var after: Duration
    /// nil lives until it is ended.
    var lifetime: Duration?
    var reaction: Reaction
    /// It waits for a device from its start on, this long; nil never does.
    var blocked: Blocking?
}

/// State D: no signal, not even SIGKILL, is taken in it.
struct Blocking: Equatable, Sendable {
    /// After the start of the process.
    var after: Duration
    /// nil never ends.
    var lasts: Duration?
}

/// Everything a run will do, drawn before it starts.
struct RunScript: Equatable, Sendable {
    enum Memory: Equatable, Sendable {
        case grows(from: Bytes, perSecond: Bytes)
        case unreadable
    }
    enum StopCommand: Equatable, Sendable {
        /// The leader is told to end after the span.
        case works(after: Duration)
        /// It ends with a failure after the span.
        case fails(after: Duration)
        /// It never ends and does nothing.
        case hangs
    }

    /// The spawn fails; nothing else of the script happens.
    var failure: SpawnFailure?
    /// A launcher stands before the program and takes this long.
    var launching: Duration?
    /// nil lives until it is ended.
    var lifetime: Duration?
    var status = ExitStatus.exited(code: 0)
    var reaction = Reaction.ends(after: .milliseconds(5), .signalled(.terminate, coreDumped: false))
    var forks: [Fork] = []
    var memory = Memory.grows(from: Bytes(20_000_000), perSecond: .zero)
    /// Its cleanup signal makes it free what it has taken.
    var reactsToCleanup = true
    var blocked: Blocking?
    /// It changed to another user: no signal of reeve's reaches it.
    var isForeign = false
    var stopCommand = StopCommand.works(after: .milliseconds(10))
    var health = HealthScript()
}

/// A process of the virtual kernel, alive or not.
struct VirtualProcess {
    let identity: ProcessIdentity
    /// Index of the run it belongs to, for its whole life.
    let run: Int
    let name: String
    let isLeader: Bool
    /// Index of the parent; nil is reeve.
    let parent: Int?
    let startedAt: Instant
    let reaction: Reaction
    let isForeign: Bool
    let blockedFrom: Instant?
    /// Only with `blockedFrom`; nil never ends.
    let blockedUntil: Instant?
    /// When it will end, as things stand.
    var endsAt: Instant?
    var endsWith = ExitStatus.exited(code: 0)
    /// When it ended.
    var endedAt: Instant?

    var isAlive: Bool { endedAt == nil }

    func isBlocked(at instant: Instant) -> Bool {
        guard let from = blockedFrom, from <= instant else { return false }
        guard let until = blockedUntil else { return true }
        return instant < until
    }
}

/// A run as the world saw it: facts with their times, no judgement.
package struct RunTruth {
    /// Its name.
    package let id: RunID
    /// Whose run it is.
    package let scheduler: SchedulerID
    /// 0 for the scheduler's first run.
    package let ordinal: Int
    /// When the core asked for it.
    package let askedAt: Instant
    let script: RunScript
    /// Index of the leader, nil where the spawn failed.
    var leader: Int?
    /// Indices of all processes that ever belonged to it.
    var members: [Int] = []
    /// When the core was told of the spawn or its failure.
    var toldAt: Instant?
    var failedToSpawn: Bool { script.failure != nil || abandonedAt != nil }
    /// When its spawn was given up, before its program had begun.
    var abandonedAt: Instant?
    /// Whether its launcher is at work.
    var isLaunching: Bool { leader == nil && !failedToSpawn }
    /// When the core was told of the leader's end, and of which.
    var reapedAt: Instant?
    var status: ExitStatus?
    /// Whether other processes of the run were alive then.
    var leftBehind = false
    /// When the core first asked for its end: a signal of its own accord, a stop command, SIGKILL.
    var stopBeganAt: Instant?
    /// Whether that, or its announcement, was before the core was told of the leader's end.
    var wasStopped = false
    var killedAt: Instant?
    /// When the core said that its stop ended with survivors, and which.
    var survivedAt: Instant?
    var survivors: [ProcessDescription] = []
    /// The last signal that an operator sent it through reeve.
    var passedSignal: Signal?
    /// When its cleanup signal was last sent, and when it last freed what it had taken.
    var cleanupAskedAt: Instant?
    var cleanedAt: Instant?
    var lastSampledAt: Instant?
    /// What it asked for when its stop was under way (EXTEND_TIMEOUT_USEC).
    var stopExtension = Duration.zero
    /// What its checks and its own words add up to.
    var checks = CheckTruth()
    /// What it began with, where it cannot go on under what is configured by now.
    var kept: SchedulerSpecification?
    var forgottenAt: Instant?

    /// Told of, not reaped, not given up as a survivor: what the core must take for running.
    package var isUp: Bool {
        toldAt != nil && !failedToSpawn && reapedAt == nil && survivedAt == nil
    }
}
