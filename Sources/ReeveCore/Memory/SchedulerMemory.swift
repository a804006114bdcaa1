// SPDX-License-Identifier: Apache-2.0
//
// When a scheduler's memory is read, and what its readings lead to.

extension Scheduler {
    /// Samples lie on whole seconds, so that many schedulers cost one wake-up; each scheduler has its own
    /// second of the interval, so that they do not all fall on the same one.
    func firstSample(after now: Instant) -> Instant {
        let interval = isSampled ? sampleInterval(MemoryGuard()) : .seconds(1)
        guard interval >= Limits.sampleGrid else { return now + interval }
        let slots = max(1, interval.seconds)
        let slot = Int64(id.index) % slots
        return wholeSecond(atOrBefore: now + .seconds(slot)) + Limits.sampleGrid
    }

    private func sampleInterval(_ memory: MemoryGuard) -> Duration {
        let interval = memory.interval(
            specification.memory, ordinary: specification.healthCheckInterval)
        // What looks like a leak is looked at more closely.
        return metrics.leak?.closeInterval.map { min(interval, max($0, Limits.sampleGrid)) }
            ?? interval
    }

    private func wholeSecond(atOrBefore instant: Instant) -> Instant {
        let grid = Limits.sampleGrid.nanoseconds
        return Instant(nanoseconds: instant.nanoseconds / grid * grid)
    }

    /// Asks for a sample when one is due. The next is set at once, so that a lost answer stops nothing.
    mutating func sampleIfDue(_ turn: inout Turn) {
        let now = turn.now.monotonic
        guard let run = lifecycle.run, let due = run.nextSample, due <= now else { return }
        turn.effects.append(.sample(run.id))
        let next = nextSample(run.memory, after: now)
        updateRun { $0.nextSample = next }
    }

    private func nextSample(_ memory: MemoryGuard, after now: Instant) -> Instant {
        let interval = sampleInterval(memory)
        // An interval shorter than the grid was asked for and is kept.
        return interval < Limits.sampleGrid
            ? now + interval : wholeSecond(atOrBefore: now + interval)
    }

    /// A reading has come. Only a run that is up is judged.
    mutating func sampled(_ reading: MemoryReading, autoRecovery: Bool, _ turn: inout Turn) {
        guard var run = lifecycle.run else { return }
        let verdict = run.memory.sampled(reading, specification.memory)
        if case .resident(let bytes) = reading {
            let now = turn.now.monotonic
            // Of several at a time no curve is that of one run.
            if lanes.isEmpty {
                _ = metrics.sampled(bytes, age: now - run.startedAt.monotonic, at: now)
            }
        }
        let memory = run.memory
        if run.nextSample != nil {
            run.nextSample = nextSample(memory, after: turn.now.monotonic)
        }
        let next = run.nextSample
        let isBelow = isWithinThreshold(reading)
        updateRun {
            $0.memory = memory
            $0.nextSample = next
            if isBelow { $0.isCleanupTried = false }
        }
        guard !isStopping else { return }
        measuredAfterCleanup(reading, &turn)
        switch verdict {
        case .below, .above:
            break
        case .unreadable(let why):
            record(.memoryUnreadable(why), run: run.id, in: &turn)
        case .recovered(let bytes, let limit):
            recoveryRefusal = nil
            record(.memoryRecovered(bytes, limit: limit), run: run.id, in: &turn)
        case .hardLimit(let bytes, let limit):
            let mayRestart = desired == .up && specification.restart.mode != .never
            let action = "SIGKILL at once" + (mayRestart ? ", then a restart" : "")
            record(
                .memoryAbove(bytes, limit: limit, samples: 1, action: action), run: run.id,
                in: &turn)
            beginStop(
                .memoryHardLimit, reason: "\(bytes) is above the hard limit of \(limit)", &turn)
        case .exceeded(let bytes, let limit, let samples):
            exceeded(run, bytes, limit: limit, samples: samples, autoRecovery, &turn)
        }
    }

    private func isWithinThreshold(_ reading: MemoryReading) -> Bool {
        guard case .resident(let bytes) = reading, let limit = specification.memory.threshold else {
            return false
        }
        return bytes <= limit
    }

    /// Above the threshold in enough samples: recovers, or says once why not.
    private mutating func exceeded(
        _ run: Run, _ bytes: Bytes, limit: Bytes, samples: Int, _ autoRecovery: Bool,
        _ turn: inout Turn
    ) {
        if let recovery, recovery.step == .restarting, let restarted = lastRecoveryRestart,
            run.askedAt.monotonic >= restarted
        {
            // However long the run that it brought takes to be ready, it is not well.
            let words = recovery.trigger == .memory ? ", too" : " of memory"
            endRecovery(.failed("the new run is above its threshold\(words)"), &turn)
        }
        guard recovery == nil else { return }
        let refusal = memoryRefusal(autoRecovery, at: turn.now.monotonic)
        if let refusal {
            guard recoveryRefusal != refusal else { return }
            recoveryRefusal = refusal
            return record(
                .memoryAbove(bytes, limit: limit, samples: samples, action: refusal), run: run.id,
                in: &turn)
        }
        recoveryRefusal = nil
        let action = mayCleanUp ? "memory cleanup comes first" : recoveryRestartWords
        record(
            .memoryAbove(bytes, limit: limit, samples: samples, action: action), run: run.id,
            in: &turn)
        beginRecovery(.memory, &turn)
    }

    /// Why nothing is done about its memory now; nil where something is.
    private mutating func memoryRefusal(_ autoRecovery: Bool, at now: Instant) -> String? {
        switch specification.memory.action {
        case .alert: return "nothing is done (memory-action = \"alert\")"
        case .restartWhenIdle:
            return "it is left to the end of its execution (memory-action = \"restart-when-idle\")"
        case .recover, .restart: break
        }
        if mayCleanUp {
            if isBeingStopped { return "it is being stopped anyway" }
            return autoRecovery ? nil : "it would be cleaned up, but auto-recovery is off"
        }
        return recoveryRestartRefusal(.memory, autoRecovery, at: now)
    }
}
