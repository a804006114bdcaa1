// SPDX-License-Identifier: Apache-2.0
//
// What a program says of itself through its notify socket (sd_notify(3)).

/// One assignment of a message, checked by the shell as far as it is about the sender.
package enum Notification: Equatable, Sendable {
    case ready
    /// One line without control characters.
    case status(String)
    case watchdog
    /// It has found out itself that it is stuck.
    case watchdogTriggered
    /// How often signs of life come from here on; zero: none do.
    case watchdogPeriod(Duration)
    case stopping
    case reloading
    /// A member of the run.
    case mainProcess(ProcessIdentity)
    /// From now on, this much time for what is going on.
    case extendTimeout(Duration)
    /// An errno with its words, "permission denied (EACCES)".
    case failure(words: String)
}

/// What the current run has said.
struct SignsOfLife: Equatable, Sendable {
    var isReady = false
    var isStopping = false
    var status: String?
    var mainProcess: ProcessIdentity?
    /// nil: as configured.
    var watchdogPeriod: Duration?
    /// The last WATCHDOG=1, or what stands for the first.
    var lastSeen: Instant?
    /// When patience with the start ends, where it was asked for more.
    var startDeadline: Instant?
    var failure: String?
}
