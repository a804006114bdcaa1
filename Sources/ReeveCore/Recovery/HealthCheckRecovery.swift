// SPDX-License-Identifier: Apache-2.0
//
// What a failed health check leads to. A daemon is restarted, where its dependencies are well and nothing
// else forbids it; a task and an execution are marked and left to come to their end.

extension Scheduler {
    /// The check has turned failed: says so, and what is done about it. Called once per change.
    mutating func healthCheckTurnedFailed(
        _ words: String, autoRecovery: Bool, _ turn: inout Turn
    ) {
        let refusal = checkRecoveryRefusal(autoRecovery, at: turn.now.monotonic)
        record(
            .checkFailed(
                words: words, failures: check.failuresInRow, action: refusal ?? restartWords),
            run: lifecycle.run?.id, in: &turn)
        if refusal == nil { restartForCheck(&turn) }
    }

    /// The check failed before and fails again: a restart that was put off may be possible now.
    mutating func healthCheckFailsOn(_ words: String, autoRecovery: Bool, _ turn: inout Turn) {
        guard checkRecoveryRefusal(autoRecovery, at: turn.now.monotonic) == nil else { return }
        record(
            .checkFailed(words: words, failures: check.failuresInRow, action: restartWords),
            run: lifecycle.run?.id, in: &turn)
        restartForCheck(&turn)
    }

    private mutating func restartForCheck(_ turn: inout Turn) {
        beginStop(
            .checkFailed, reason: "its health check failed: \(check.lastWords ?? "no answer")",
            &turn)
    }

    private mutating func checkRecoveryRefusal(_ autoRecovery: Bool, at now: Instant) -> String? {
        guard specification.kind == .daemon else { return "it is marked, and goes on" }
        if let lost = lostDependencies.first {
            return "it is not restarted while its dependency \(lost) is lost"
        }
        return recoveryRestartRefusal(autoRecovery, still: "fails", at: now)
    }

    /// What a recovery restart does.
    var restartWords: String {
        specification.restart.mode == .never
            ? "it is stopped, and restart is \"never\"" : "it is restarted"
    }

    /// Why a recovery restart is not done now; nil where it is. `still`: what has to be so at the end of the
    /// cooldown, after "if it still".
    mutating func recoveryRestartRefusal(
        _ autoRecovery: Bool, still: String, at now: Instant
    ) -> String? {
        if desired != .up || pendingStop != nil { return "it is being stopped anyway" }
        if !autoRecovery { return "it would be restarted, but auto-recovery is off" }
        let policy = specification.restart
        if let last = lastRecoveryRestart, now - last < policy.cooldown {
            return "it is restarted after the cooldown of \(policy.cooldown), if it still \(still)"
        }
        let inWindow = restartWindow.count(within: policy.window, at: now)
        if let maxRestarts = policy.maxRestarts, inWindow >= maxRestarts {
            return "it would be restarted, but was \(maxRestarts) times within \(policy.window)"
        }
        return nil
    }
}
