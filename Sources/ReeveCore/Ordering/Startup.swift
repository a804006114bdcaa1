// SPDX-License-Identifier: Apache-2.0
//
// Start-up by phases: a phase begins when every member of the one before has settled, or its time is
// over. Whoever is not in a phase yet waits, and `reeve start-all` goes through the same door.

/// How far start-up has come.
struct Startup: Equatable, Sendable {
    /// The phase that is going on; nil before and after.
    var phase: Int?
    /// By scheduler: whether the phase waits for it.
    var isAwaited: [Bool] = []
    var awaitedCount = 0
    /// When the phase's time is over.
    var deadline: Instant?
    var hasAnnouncedReady = false

    /// Whether the phase waits for it.
    func awaits(_ id: SchedulerID) -> Bool {
        isAwaited.indices.contains(id.index) && isAwaited[id.index]
    }

    mutating func forget(_ id: SchedulerID) {
        guard awaits(id) else { return }
        isAwaited[id.index] = false
        awaitedCount -= 1
    }
}

extension Supervisor {
    mutating func began(_ turn: inout Turn) {
        guard !startup.hasAnnouncedReady, startup.isAwaited.isEmpty else {
            return defect("began a second time", &turn)
        }
        startup.isAwaited = Array(repeating: false, count: schedulers.count)
        turn.record(
            .supervisorStarted(
                schedulers: schedulers.count { !$0.specification.isComponent },
                profile: settings.profile,
                reason: settings.profileReason))
        settleLost(&turn)
        for id in plan.unstartable {
            let names = plan.cycle.map(\.text).joined(separator: " -> ")
            schedulers[id.index].enter(
                .stopped(.unstartable("its dependencies form a cycle: \(names)")))
            touch(id)
        }
        for index in schedulers.indices where schedulers[index].specification.enabled {
            if schedulers[index].isKeptPaused { schedulers[index].record(.staysPaused, in: &turn) }
            if schedulers[index].wish?.isStopped == true {
                holdDown(SchedulerID(index), &turn)
            } else {
                queueForPhase(SchedulerID(index))
            }
        }
        beginNextPhase(&turn)
    }

    /// An operator stopped it before reeve was started; a start takes that back.
    mutating func holdDown(_ id: SchedulerID, _ turn: inout Turn) {
        if case .stopped(.unstartable) = schedulers[id.index].lifecycle { return }
        schedulers[id.index].enter(.stopped(.heldDown))
        schedulers[id.index].schedule?.noteStopped()
        schedulers[id.index].record(.staysStopped, in: &turn)
        touch(id)
    }

    /// It is wanted up, and starts with its phase.
    mutating func queueForPhase(_ id: SchedulerID) {
        if case .stopped(.unstartable) = schedulers[id.index].lifecycle { return }
        schedulers[id.index].desired = .up
        schedulers[id.index].enter(.waitingForPhase)
        touch(id)
    }

    /// Starts at once what the phase that is going on, or one before it, would have started: its members may
    /// be waiting for just that one. Without staggering there is only one phase.
    mutating func joinPhase(_ id: SchedulerID, _ turn: inout Turn) {
        guard let phase = startup.phase else { return }
        guard !settings.staggeredStartup || plan.phases[id.index] <= phase else { return }
        if !startup.isAwaited[id.index] { startup.awaitedCount += 1 }
        startup.isAwaited[id.index] = true
        wantStart(id, &turn)
    }

    /// Begins the earliest phase that has someone waiting; ends start-up if there is none.
    mutating func beginNextPhase(_ turn: inout Turn) {
        let waiting = schedulers.indices.filter { schedulers[$0].lifecycle == .waitingForPhase }
        guard let first = waiting.map({ plan.phases[$0] }).min() else { return endStartup(&turn) }
        let members = waiting.filter { !settings.staggeredStartup || plan.phases[$0] == first }
            .sorted {
                let (left, right) = (schedulers[$0].specification, schedulers[$1].specification)
                return (plan.depths[$0], -left.order.priority, $0)
                    < (plan.depths[$1], -right.order.priority, $1)
            }
        startup.phase = first
        startup.deadline = turn.now.monotonic + settings.phaseTimeout
        if settings.staggeredStartup { turn.record(.phaseBegan(first, members: members.count)) }
        for index in members {
            if !startup.isAwaited[index] { startup.awaitedCount += 1 }
            startup.isAwaited[index] = true
            wantStart(SchedulerID(index), &turn)
        }
    }

    private mutating func endStartup(_ turn: inout Turn) {
        startup.phase = nil
        startup.deadline = nil
        guard !startup.hasAnnouncedReady else { return }
        startup.hasAnnouncedReady = true
        turn.record(.startupEnded(after: turn.now.monotonic - startedAt.monotonic))
        turn.effects.append(.tellManager(.ready))
    }

    /// Called for each scheduler that was looked at.
    mutating func noteSettled(_ id: SchedulerID) {
        if schedulers[id.index].hasSettled { startup.forget(id) }
    }

    mutating func advanceStartup(_ turn: inout Turn) {
        guard shutdown == nil, let phase = startup.phase, startup.awaitedCount == 0,
            !touched.hasNext
        else { return }
        if settings.staggeredStartup {
            turn.record(.phaseEnded(phase, timedOut: false, waitingFor: []))
        }
        beginNextPhase(&turn)
    }

    mutating func startupTimePassed(_ turn: inout Turn) {
        guard let deadline = startup.deadline, deadline <= turn.now.monotonic,
            let phase = startup.phase
        else { return }
        let late = schedulers.indices.filter { startup.isAwaited[$0] }
        let names = late.map { schedulers[$0].specification.name }
        if settings.staggeredStartup {
            turn.record(.phaseEnded(phase, timedOut: true, waitingFor: names))
        } else {
            let words =
                "start-up has taken \(settings.phaseTimeout) and counts as over, without \(listed(names))"
            turn.record(.notice(.warning, words))
        }
        for index in late { startup.forget(SchedulerID(index)) }
        beginNextPhase(&turn)
    }
}
