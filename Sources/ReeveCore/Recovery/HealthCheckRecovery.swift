// SPDX-License-Identifier: Apache-2.0
//
// What a failed health check leads to. A daemon is recovered: its dependencies are looked at, then it is
// restarted, unless cooldown, limit or configuration stand against it. A task and an execution are marked
// and left to come to their end: they may be half through something.

extension Scheduler {
    /// The check has turned failed: says so, and what is done about it. Called once per change.
    mutating func healthCheckTurnedFailed(
        _ words: String, autoRecovery: Bool, _ turn: inout Turn
    ) {
        let isDaemon = specification.kind == .daemon
        let refusal =
            isDaemon
            ? recoveryRestartRefusal(.healthCheck, autoRecovery, at: turn.now.monotonic)
            : "it is marked, and goes on"
        record(
            .checkFailed(
                words: words, failures: check.failuresInRow, action: refusal ?? "it is recovered"),
            run: lifecycle.run?.id, in: &turn)
        if refusal == nil { beginRecovery(.healthCheck, &turn) }
    }

    /// The check counts as passed again: what was put off for it is dropped, a wait for dependencies included.
    mutating func healthCheckTurnedPassed(_ words: String, _ turn: inout Turn) {
        record(.checkPassed(words: words), run: lifecycle.run?.id, in: &turn)
        guard let recovery, recovery.trigger == .healthCheck, case .waiting = recovery.step else {
            return
        }
        noteRecovery(.dependencyCheck, .helped, "its health check passes again", &turn)
        endRecovery(.helped, &turn)
    }

    /// The check failed before and fails again: a recovery that was put off may be possible now.
    mutating func healthCheckFailsOn(autoRecovery: Bool, _ turn: inout Turn) {
        guard specification.kind == .daemon, lostDependencies.isEmpty,
            recoveryRestartRefusal(.healthCheck, autoRecovery, at: turn.now.monotonic) == nil
        else { return }
        beginRecovery(.healthCheck, &turn)
    }
}
