// SPDX-License-Identifier: Apache-2.0
//
// Commands that are no runs: what reeve executes on behalf of a scheduler, or of itself, besides the
// scheduler's program. A command is short, bounded by its timeout, and nobody's to supervise: it is asked
// for, answered exactly once, and nothing of it is left.

/// The name of one command: a run id of its own, by which its processes are told from everybody else's.
package struct CommandID: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// What its processes carry as REEVE_RUN_ID.
    package let run: RunID

    package init(_ run: RunID) {
        self.run = run
    }

    package static func < (left: CommandID, right: CommandID) -> Bool { left.run < right.run }

    package var description: String { run.description }
}

/// What is to be executed, and for whom.
package struct AuxiliaryCommand: Equatable, Sendable {
    /// What it is for; in its environment as REEVE_COMMAND.
    package enum Purpose: String, Equatable, Sendable, CaseIterable {
        case healthCheck = "health-check"
        case cleanup
        case onStart = "on-start"
        case onStop = "on-stop"
        case alert
    }

    /// Where its output goes.
    package enum Output: Equatable, Sendable {
        /// Kept for the words of its outcome, the last 4 kB of it.
        case kept
        /// To where the scheduler's own output goes; none where it is for no scheduler.
        case logged
    }

    /// What it is for.
    package var purpose: Purpose
    /// Whose program, environment and working directory it shares; nil: reeve's own.
    package var scheduler: SchedulerID?
    /// The run it is about: in its environment as REEVE_ABOUT_RUN, its leader as MAINPID.
    package var run: RunID?
    /// The program and its arguments; executed without a shell.
    package var arguments: [String]
    /// From its start until SIGKILL to all of its processes.
    package var timeout: Duration
    /// Where its output goes.
    package var output: Output

    package init(
        _ purpose: Purpose, for scheduler: SchedulerID? = nil, about run: RunID? = nil,
        arguments: [String], timeout: Duration, output: Output = .kept
    ) {
        self.purpose = purpose
        self.scheduler = scheduler
        self.run = run
        self.arguments = arguments
        self.timeout = timeout
        self.output = output
    }
}

/// How a command went.
package enum CommandOutcome: Equatable, Sendable {
    /// It ended by itself, or by `endCommand`. `output`: the last of what it wrote, without control
    /// characters, at most 4 kB; empty where that was logged.
    case ended(ExitStatus, output: String)
    /// It took longer than its timeout and was killed.
    case timedOut(output: String)
    /// The program could not be started; and why, as a sentence without a full stop. `isShortage`: as in
    /// `SpawnFailure`.
    case notStarted(words: String, isShortage: Bool = false)
}

extension CommandOutcome {
    /// Of one whose program could not be started.
    package init(_ failure: SpawnFailure) {
        self = .notStarted(words: failure.words, isShortage: failure.isShortage)
    }
}
