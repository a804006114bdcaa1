// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// No defect is ever recorded; start-up is told to the manager once and its end too.
struct RecordChecker: Checker {
    let name = "records"
    private var startupEnded = false
    /// READY=1 is owed: start-up is not over, or a reload was told.
    private var owesReady = true
    private var toldStopping = 0

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        switch effect {
        case .record(let record): return check(record, in: kernel)
        case .tellManager(.ready):
            defer { owesReady = false }
            return owesReady ? nil : "the manager was told that reeve is ready, which it was"
        case .tellManager(.reloading):
            defer { owesReady = true }
            return owesReady ? "the manager was told of a reload while it waits for READY=1" : nil
        case .tellManager(.stopping):
            toldStopping += 1
            return toldStopping > 1 ? "the manager was told twice that reeve stops" : nil
        case .exit:
            return toldStopping == 1 ? nil : "reeve leaves and the manager was not told"
        case .spawn, .abandonSpawn, .signal, .passSignal, .kill, .survey, .runStopCommand, .sample,
            .forget,
            .sweep, .reply, .keep, .ledger, .tellManager(.status),
            .loadConfiguration, .adoptSettings, .adoptLog, .forgetScheduler, .runCommand,
            .endCommand,
            .probe, .deliverAlerts, .keepFailure:
            return nil
        }
    }

    private mutating func check(_ record: Record, in kernel: Kernel) -> String? {
        switch record.fact {
        case .defect(let words): return "a defect was recorded: \(words)"
        case .startupEnded:
            defer { startupEnded = true }
            return startupEnded ? "start-up ended twice" : nil
        case .started(let pid, reason: _):
            guard let run = record.run, let truth = kernel.run(run), let leader = truth.leader,
                kernel.processes[leader].identity.pid == pid
            else { return "a record tells of a start that was none, pid \(pid)" }
            return nil
        default: return nil
        }
    }
}

/// Time is no reason to be busy: a deadline that has come is dealt with, and the next one is later.
struct ClockChecker: Checker {
    let name = "clock"
    private var instant = Instant.zero
    private var count = 0
    private var idle = 0
    private var passed = false

    mutating func answered(
        _ event: Event, with effects: [Effect], in kernel: Kernel
    ) -> String? {
        guard event == .timePassed else {
            if !effects.isEmpty { idle = 0 }
            return nil
        }
        passed = true
        count = kernel.now == instant ? count + 1 : 1
        instant = kernel.now
        idle = effects.isEmpty ? idle + 1 : 0
        return count > 20 ? "time passed \(count) times at one instant" : nil
    }

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        defer { passed = false }
        guard passed, let next = view.nextDeadline, next <= kernel.now else {
            if passed { idle = 0 }
            return nil
        }
        return idle > 3 ? "time passed \(idle) times, nothing came of it, and it is due again" : nil
    }
}
