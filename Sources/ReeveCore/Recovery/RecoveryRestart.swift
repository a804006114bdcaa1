// SPDX-License-Identifier: Apache-2.0
//
// The last action of a recovery. It is bounded twice: by a cooldown between two of them, and by the same
// window that limits restarts after an exit.

extension Scheduler {
    /// Why a recovery restart is not done now; nil where it is.
    mutating func recoveryRestartRefusal(
        _ trigger: RecoveryTrigger, _ autoRecovery: Bool, at now: Instant
    ) -> String? {
        // For its memory it is stopped all the same, and has failed.
        if specification.restart.mode == .never && schedule == nil && trigger != .memory {
            return "restart is \"never\"; `reeve restart` does it all the same"
        }
        if isBeingStopped { return "it is being stopped anyway" }
        if !autoRecovery { return "it would be restarted, but auto-recovery is off" }
        let policy = specification.restart
        if let last = lastRecoveryRestart, now - last < policy.cooldown {
            return "it is restarted after the cooldown of \(policy.cooldown), if it still is wrong"
        }
        let inWindow = restartWindow.count(within: policy.window, at: now)
        if let maxRestarts = policy.maxRestarts, inWindow >= maxRestarts {
            return "it would be restarted, but was \(maxRestarts) times within \(policy.window)"
        }
        return nil
    }

    /// Its run is to end, or does. One that is no longer configured, or not enabled, may execute for the last
    /// time: that goes on to its end, and has the limits that it has.
    var isBeingStopped: Bool {
        if pendingStop != nil || isStopping { return true }
        return switch desired {
        case .up: false
        case .down: schedule == nil
        case .downForShutdown: true
        }
    }

    /// What a recovery's restart does, for the log.
    var recoveryRestartWords: String {
        if schedule != nil { return "its execution is ended" }
        return specification.restart.mode == .never
            ? "it is stopped, and restart is \"never\"" : "it is restarted"
    }
}
