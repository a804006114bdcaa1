// SPDX-License-Identifier: Apache-2.0
//
// The words of each record. An operator reads what happened, to what, why, and what reeve does next.

extension Record {
    /// Warning: reeve goes on, and the message says how. Error: an operator has to act.
    package var level: SupervisorSettings.LogLevel {
        switch fact {
        case .supervisorStarted, .startupEnded, .shutdownBegan, .shutdownWaits, .started,
            .completed,
            .failuresReset, .waiting, .dependencyBack, .stopping, .stopped, .signalled,
            .memoryRecovered, .reloadBegan, .configurationChanged, .removed, .orphansAdopted,
            .staysStopped, .staysPaused, .retryScheduled, .paused, .resumed, .cleanupBegan,
            .checkPassed, .notified:
            return .info
        case .recovering(let action):
            switch action.result {
            // The line before says why, the one after it how: this is for programs.
            case .done where action.kind == .restart: return .debug
            case .helped, .done, .skipped: return .info
            case .failed, .refused: return .warning
            }
        case .timedOut:
            // The warning is the line of its end, which says after which timeout and how it came.
            return .info
        case .occurrenceEnded(let outcome, _, _, _):
            switch outcome {
            case .succeeded, .cancelled, .coalesced, .paused: return .info
            case .failed, .timedOut, .skippedOverlap, .skippedDependency, .missed, .lost:
                return .warning
            }
        case .clockStepped, .alertDeliveryFailed, .alertsDropped:
            return .warning
        case .alert(let alert):
            return alert.phase == .ended ? .info : .warning
        case .reloaded(let changes):
            return changes.fixedSettings.isEmpty ? .info : .warning
        case .phaseBegan, .becameReady:
            return .debug
        case .phaseEnded(_, let timedOut, _):
            return timedOut ? .warning : .debug
        case .shutdownForced, .spawnFailed, .overRestartLimit,
            .dependencyTimedOut, .dependencyLost, .killed, .signalFailed, .stopCommandFailed,
            .memoryAbove, .memoryUnreadable, .recoveryFailed, .hookFailed, .checkFailed,
            .startTimedOut, .watchdogMissed, .registrationFailed:
            return .warning
        case .shutdownEnded(_, _, let alive):
            return alive.isEmpty ? .info : .error
        case .exited(_, _, let isFailure, _):
            return isFailure ? .warning : .info
        case .restartScheduled:
            return .info
        case .leftBehind:
            return .info
        case .exhausted, .survived, .defect, .reloadFailed:
            return .error
        case .healthChanged(let old, let new, _):
            return new == .unhealthy ? .warning : (old == .unhealthy ? .info : .debug)
        case .notice(let level, _):
            return level
        }
    }

    /// The event's stable name, for programs: "exited", "restart-scheduled".
    package var name: String {
        switch fact {
        case .supervisorStarted: "supervisor-started"
        case .phaseBegan: "phase-began"
        case .phaseEnded: "phase-ended"
        case .startupEnded: "startup-ended"
        case .shutdownBegan: "shutdown-began"
        case .shutdownWaits: "shutdown-waits"
        case .shutdownForced: "shutdown-forced"
        case .shutdownEnded: "shutdown-ended"
        case .reloadBegan: "reload-began"
        case .reloaded: "reloaded"
        case .reloadFailed: "reload-failed"
        case .registrationFailed: "registration-failed"
        case .configurationChanged: "configuration-changed"
        case .removed: "removed"
        case .defect: "defect"
        case .alert(let alert):
            switch alert.phase {
            case .began: "alert-began"
            case .continues: "alert-continues"
            case .ended: "alert-ended"
            }
        case .alertDeliveryFailed: "alert-delivery-failed"
        case .alertsDropped: "alerts-dropped"
        case .orphansAdopted: "orphans-adopted"
        case .notice: "notice"
        case .started: "started"
        case .becameReady: "ready"
        case .spawnFailed: "spawn-failed"
        case .exited: "exited"
        case .restartScheduled: "restart-scheduled"
        case .failuresReset: "failures-reset"
        case .overRestartLimit: "over-restart-limit"
        case .exhausted: "exhausted"
        case .completed: "completed"
        case .timedOut: "timed-out"
        case .occurrenceEnded: "occurrence-ended"
        case .retryScheduled: "retry-scheduled"
        case .paused: "paused"
        case .resumed: "resumed"
        case .clockStepped: "clock-stepped"
        case .waiting: "waiting"
        case .dependencyTimedOut: "dependency-timed-out"
        case .dependencyLost: "dependency-lost"
        case .dependencyBack: "dependency-back"
        case .stopping: "stopping"
        case .leftBehind: "left-behind"
        case .signalled: "signalled"
        case .killed: "killed"
        case .signalFailed: "signal-failed"
        case .stopCommandFailed: "stop-command-failed"
        case .stopped: "stopped"
        case .survived: "survived"
        case .staysStopped: "stays-stopped"
        case .checkFailed: "check-failed"
        case .checkPassed: "check-passed"
        case .startTimedOut: "start-timed-out"
        case .watchdogMissed: "watchdog-missed"
        case .notified: "notified"
        case .staysPaused: "stays-paused"
        case .memoryAbove: "memory-above"
        case .memoryRecovered: "memory-recovered"
        case .memoryUnreadable: "memory-unreadable"
        case .cleanupBegan: "cleanup-began"
        case .recovering: "recovering"
        case .hookFailed: "hook-failed"
        case .recoveryFailed: "recovery-failed"
        case .healthChanged: "health-changed"
        }
    }

    /// The sentence, without the scheduler's name in front and without a full stop.
    package var message: String {
        switch fact {
        case .supervisorStarted(let count, let profile, let reason):
            "supervising \(counted(count, "scheduler")), profile \(profile.rawValue) (\(reason))"
        case .phaseBegan(let phase, let members):
            "phase \(phase) begins with \(counted(members, "scheduler"))"
        case .phaseEnded(let phase, let timedOut, let waitingFor):
            phaseEnd(phase, timedOut: timedOut, waitingFor)
        case .startupEnded(let after): "start-up took \(after)"
        case .shutdownBegan(let cause, let running, let gracefulTimeout):
            "shutting down (\(cause.words)): stopping \(counted(running, "scheduler")), "
                + "at most \(gracefulTimeout) before SIGKILL"
        case .shutdownWaits(let names, let left):
            "shutdown waits for \(listed(names)); SIGKILL in \(left)"
        case .shutdownForced(let reason):
            "shutdown is forced (\(reason)): SIGKILL to everything that is left"
        case .shutdownEnded(let after, let code, let alive): shutdownEnd(after, code, alive)
        case .reloadBegan(let reason): "reading the configuration again (\(reason))"
        case .reloaded(let changes): "the configuration is in force: \(changes.words)"
        case .reloadFailed(let words):
            "the configuration cannot be used and nothing has changed: \(words)"
        case .registrationFailed(let name, isRemoval: false, let words):
            "\(name) is not registered, nothing has changed: \(words)"
        case .registrationFailed(let name, isRemoval: true, let words):
            "\(name) is not unregistered, nothing has changed: \(words)"
        case .configurationChanged(let keys, let restarts):
            "other settings (\(listed(keys)))"
                + (restarts ? ": takes them with its next start" : ", in force at once")
        case .removed: "no longer configured, and gone"
        case .defect(let words): "defect in reeve: \(words); please report it"
        case .alert(let alert): alert.sentence
        case .alertDeliveryFailed(let words, let alerts, let attempt, let next):
            "the alert command failed with \(counted(alerts, "alert")) (attempt \(attempt)): \(words); "
                + (next.map { "tried again in \($0)" } ?? "given up")
        case .alertsDropped(let limit):
            "\(limit) alerts wait for delivery: from here on the oldest are dropped"
        case .orphansAdopted(let processes):
            "\(listed(processes)) came to reeve and cannot be proved to belong to any run: left alone "
                + "until reeve ends"
        case .notice(_, let words): words
        case .started(let pid, let reason): "started, pid \(pid) (\(reason))"
        case .becameReady(let after): "ready after \(after)"
        case .spawnFailed(let failure): "could not be started: \(failure)"
        case .exited(_, let ran, _, let meaning): "\(meaning), having run \(ran)"
        case .restartScheduled(let after, let reason): "next start in \(after) (\(reason))"
        case .failuresReset(let reason): "failures are forgotten: \(reason)"
        case .overRestartLimit(let restarts, let window, let next):
            "restarted \(restarts) times within \(window), which is the limit; it is unhealthy and "
                + "goes on at the longest delay, next start in \(next)"
        case .exhausted(let reason, let endsReeve):
            "given up: \(reason); "
                + (endsReeve
                    ? "reeve ends with it (when-exhausted = \"exit\")"
                    : "`reeve start` resumes it")
        case .completed(let ran): "completed after \(ran)"
        case .timedOut(let limit): "ran longer than its timeout of \(limit) and is stopped"
        case .occurrenceEnded(let outcome, let occurrence, let count, let reason):
            count == 1
                ? "the execution of \(occurrence) \(outcome.verbWords): \(reason)"
                : "\(count) executions from \(occurrence) on \(outcome.verbWords): \(reason)"
        case .retryScheduled(let attempt, let all, let after, let reason):
            "attempt \(attempt) of \(all) in \(after) (\(reason))"
        case .paused: "paused: what is due until it is resumed is not run"
        case .resumed: "resumed"
        case .clockStepped(let step): clockStep(step)
        case .waiting(let names): "waits for \(listed(names))"
        case .dependencyTimedOut(let names, let timeout):
            "still waits for \(listed(names)) after \(timeout); it is unhealthy and starts when they are met"
        case .dependencyLost(let name, let action, let reason): loss(of: name, action, reason)
        case .dependencyBack(let name): "its dependency \(name) is back"
        case .stopping(let reason, let how, let timeout):
            "stopping (\(reason)): \(how)" + (timeout > .zero ? ", SIGKILL after \(timeout)" : "")
        case .leftBehind(let processes, let kept):
            "its leader left \(listed(processes)) behind, which "
                + (kept ? "may stay (leftovers = \"keep\")" : "is stopped before anything else")
        case .signalled(let signal, let processes): "\(signal) to \(listed(processes))"
        case .killed(let processes, let after):
            "SIGKILL to \(listed(processes)), \(after) after the stop began"
        case .signalFailed(let signal, let words):
            "\(signal) could not be sent to its leader: \(words)"
        case .stopCommandFailed(let words, let signalFollows):
            "its stop command failed: \(words)"
                + (signalFollows ? "; the stop signal is sent instead" : "")
        case .stopped(let after, let killed): stopEnd(after, killed: killed)
        case .survived(let processes):
            "could not be ended: \(listed(processes)); it is not started again while they live"
        case .staysStopped:
            "stays stopped, as an operator wanted before reeve was started; `reeve start` starts it"
        case .checkFailed(let words, let failures, let action):
            "its health check failed \(counted(failures, "time")) in a row (\(words)): \(action)"
        case .checkPassed(let words): "its health check passes again (\(words))"
        case .startTimedOut(let after, let words):
            "was not ready within \(after) (\(words)): it is stopped, and has failed"
        case .watchdogMissed(let words):
            "gave no sign of life (\(words)): it is stopped, and has failed"
        case .notified(let words): "says that \(words)"
        case .staysPaused:
            "stays paused, as an operator wanted before reeve was started; `reeve resume` resumes it"
        case .memoryAbove(let bytes, let limit, let samples, let action):
            "uses \(bytes), above \(limit) in \(counted(samples, "sample")) in a row: \(action)"
        case .memoryRecovered(let bytes, let limit): "uses \(bytes) again, below \(limit)"
        case .memoryUnreadable(let why):
            "its memory cannot be read (\(why)): the memory rule is inactive until it can"
        case .cleanupBegan(let words): "memory cleanup: \(words)"
        case .recovering(let action): action.words
        case .hookFailed(let purpose, let words): "its \(purpose.rawValue) command \(words)"
        case .recoveryFailed(let trigger, let reason):
            "could not be recovered (\(trigger.words)): \(reason)"
        case .healthChanged(let old, let new, let reason):
            "\(old.rawValue) -> \(new.rawValue): \(reason)"
        }
    }

    private func phaseEnd(_ phase: Int, timedOut: Bool, _ waitingFor: [SchedulerName]) -> String {
        guard timedOut else { return "phase \(phase) has settled" }
        return "phase \(phase) did not settle in time, the next one starts; still waiting for "
            + listed(waitingFor)
    }

    private func shutdownEnd(
        _ after: Duration, _ code: Int32, _ alive: [ProcessDescription]
    ) -> String {
        let rest = alive.isEmpty ? "nothing is left" : "still alive: \(listed(alive))"
        return "shutdown took \(after), \(rest); leaving with exit code \(code)"
    }

    private func loss(
        of name: SchedulerName, _ action: Dependency.OnFailure, _ reason: String
    ) -> String {
        switch action {
        case .stop:
            "is stopped because its dependency \(name) is lost (\(reason)); it comes back with it"
        case .restart: "will be restarted when its dependency \(name) is back (\(reason))"
        case .ignore: "goes on although its dependency \(name) is lost (\(reason))"
        }
    }

    private func clockStep(_ step: Duration) -> String {
        step > .zero
            ? "the wall clock went forward by \(step) (set, or the machine slept): what was due "
                + "meanwhile goes by misfire"
            : "the wall clock went back by \(Duration.zero - step): nothing is run a second time"
    }

    private func stopEnd(_ after: Duration, killed: Int) -> String {
        let force = "; SIGKILL was needed for \(counted(killed, "process", "processes"))"
        return "stopped after \(after), nothing of it is left" + (killed > 0 ? force : "")
    }
}

extension ShutdownCause {
    /// "SIGTERM", "the terminal went away", "scheduler web ended".
    package var words: String {
        switch self {
        case .signal(let signal): "\(signal)"
        case .terminalClosed: "the terminal went away"
        case .schedulerEnded(let name, let code): "scheduler \(name) ended with exit code \(code)"
        }
    }

    /// 0 for an operator's stop; else the scheduler's code as a shell would report it.
    var exitCode: Int32 {
        switch self {
        case .signal, .terminalClosed: 0
        case .schedulerEnded(_, let code): code
        }
    }
}

/// "1 scheduler", "3 schedulers".
func counted(_ count: Int, _ singular: String, _ plural: String? = nil) -> String {
    "\(count) " + (count == 1 ? singular : plural ?? singular + "s")
}

/// "a, b, c", cut after `Limits.processesNamedMax` with the number of the rest.
func listed<Item: CustomStringConvertible>(_ items: [Item]) -> String {
    let named = items.prefix(Limits.processesNamedMax).map(\.description).joined(separator: ", ")
    let rest = items.count - Limits.processesNamedMax
    return rest > 0 ? named + " and \(rest) more" : named
}
