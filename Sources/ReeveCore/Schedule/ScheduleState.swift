// SPDX-License-Identifier: Apache-2.0
//
// Where a schedule stands: which instants have been dealt with, which is next, what is being executed.
// It knows time and instants only; what becomes of an occurrence is decided by the supervisor.
//
// A wall clock can be set. What has been dealt with is therefore a stretch of wall time, not a moment:
// from `accounted.from` to `accounted.through` every instant has its outcome. A clock that goes back
// into the stretch waits until it has left it again; one that goes back before it begins a new stretch,
// and will jump over the old one when it comes there.

/// One thing to execute.
struct Execution: Equatable, Sendable {
    /// Counts executions of one scheduler, from 1.
    let number: Int
    let trigger: LedgerEntry.Trigger
    /// The nominal instant.
    let occurrence: WallTime
    /// Why it runs, for the log.
    let reason: String
    /// Neither pause, dependencies nor overlap keep it from running in its turn.
    var isForced = false
    /// From 1.
    var attempt = 1
    /// The last attempt's run; nil before the first.
    var run: RunID?
}

/// A stretch of wall time whose occurrences all have an outcome.
struct AccountedStretch: Equatable, Sendable {
    var from: WallTime
    var through: WallTime
}

/// Occurrences without an execution, one after another.
struct PassedOccurrences: Equatable, Sendable {
    let first: WallTime
    var last: WallTime
    var count: Int
    /// There are more than were counted.
    var isAtLeast = false
}

/// What is due when a schedule is looked at.
struct DueOccurrences: Equatable, Sendable {
    struct Nominal: Equatable, Sendable {
        let at: WallTime
        /// When it was due: spread and jitter included.
        let due: WallTime
        /// Occurrences that a gap of the clock merged into this one.
        let merged: Int
    }

    /// Those that passed while nothing could run; the last `Limits.misfireRunsMax` of them by name.
    var missed: [Nominal] = []
    /// Of all missed: from when to when, and how many (at least, where `isCut` or `isAbandoned`). What was
    /// dealt with before the clock was set back parts them.
    var spans: [PassedOccurrences] = []
    /// There were so many that some were passed over, between the first and the last ones.
    var isCut = false
    fileprivate(set) var lastBeforeJump: Nominal?
    /// There were so many that not even the last ones were looked for.
    var isAbandoned = false

    /// The spans without these, which are the last.
    func spans(before eligible: [Nominal]) -> [PassedOccurrences] {
        guard let first = eligible.first else { return spans }
        return spans.compactMap { span in
            guard span.first < first.at else { return nil }
            var rest = span
            for nominal in eligible where nominal.at <= span.last {
                rest.count -= 1 + nominal.merged
            }
            rest.last = min(span.last, first.at + .nanoseconds(-1))
            return rest.count > 0 ? rest : nil
        }
    }
    /// The one that is due now; at most one when it is handed out.
    var onTime: [Nominal] = []
}

struct ScheduleState: Sendable {
    /// The next occurrence.
    struct Upcoming: Equatable, Sendable {
        /// nil for an interval, whose instant is `deadline`.
        var nominal: WallTime?
        /// Spread and jitter included.
        var due: WallTime?
        /// Elapsed time decides.
        var deadline: Instant?
        var merged = 0
    }

    private(set) var settings: ScheduleSettings
    private(set) var timetable: Timetable
    private(set) var next: Upcoming?
    /// Of an interval: where its grid lies, by the clock as it is now.
    private(set) var accounted: AccountedStretch?
    private var earlier: [AccountedStretch] = []
    /// When the schedule began to be followed; nil while it is not.
    private(set) var enabledAt: Moment?
    private(set) var isPaused = false
    /// Settings that are in force when the supervisor takes them up, zones included.
    var successor: (settings: ScheduleSettings, zones: [ZoneFile])?
    /// It was followed and is not: what passes meanwhile counts as paused, not as missed.
    private(set) var isStopped = false
    /// `accounted` comes from an earlier supervisor, whose grid of an interval goes on.
    private var isRestored = false
    /// Whether `@start`, `@reboot` or `run-on-start` has had its execution.
    var hasRunAtStart = false
    var current: Execution?
    /// What runs after it, in order.
    var queue: [Execution] = []
    private(set) var executions = 0
    /// The last instant at which something was executed that no timetable wanted, and how often.
    private var unscheduled: (at: WallTime, count: Int64)?
    /// How the last execution ended.
    var lastOutcome: LedgerEntry.Outcome?
    var lastConclusion: (number: Int, words: String)?
    /// The last instant of an interval, by the clock as it was.
    private var lastNominal: WallTime?
    private var random: SplitMix64

    init(_ settings: ScheduleSettings, zones: [ZoneFile], seed: UInt64) {
        self.settings = settings
        timetable = Timetable(settings, zones: zones)
        random = SplitMix64(seed: seed)
    }

    /// Takes up what earlier supervisors wrote: everything through this instant has its outcome. How far
    /// back that goes the ledger does not tell; a clock that was set back by more than a day since is
    /// taken for one that was wrong before.
    mutating func restore(through: WallTime) {
        isRestored = true
        let latest = max(accounted?.through ?? through, through)
        accounted = AccountedStretch(from: latest + .seconds(-86_400), through: latest)
    }

    /// What passes from here on counts as paused, because an operator stopped it before this start.
    mutating func noteStopped() {
        isStopped = true
    }

    private mutating func remember(_ stretch: AccountedStretch) {
        earlier.append(stretch)
        if earlier.count > Limits.stretchesMax { earlier.removeFirst() }
    }

    mutating func exchangeCurrent(_ lane: inout Lane) {
        swap(&current, &lane.execution)
    }

    /// An instant for what no timetable wants. It is a key: two of one turn differ by the least.
    mutating func newInstant(at now: Moment) -> WallTime {
        guard let last = unscheduled, last.at == now.wall else {
            unscheduled = (now.wall, 1)
            return now.wall
        }
        unscheduled = (last.at, last.count + 1)
        return last.at + .nanoseconds(last.count)
    }

    mutating func newExecution(
        _ trigger: LedgerEntry.Trigger, at occurrence: WallTime, reason: String,
        isForced: Bool = false
    ) -> Execution {
        executions += 1
        return Execution(
            number: executions, trigger: trigger, occurrence: occurrence, reason: reason,
            isForced: isForced)
    }

    // MARK: Following the schedule

    /// Begins to follow the schedule, or goes on where an earlier supervisor left it.
    mutating func enable(at now: Moment) {
        guard enabledAt == nil else { return }
        enabledAt = now
        isStopped = false
        if accounted == nil {
            accounted = AccountedStretch(from: now.wall, through: now.wall)
        } else {
            leaveStretch(at: now)
        }
        if !isPaused { plan(at: now) }
        isRestored = false
    }

    /// Whether these settings make other instants due.
    func differs(from settings: ScheduleSettings, zones: [ZoneFile]) -> Bool {
        if Timetable(settings, zones: zones) != timetable { return true }
        if settings.startsAt != self.settings.startsAt { return true }
        if settings.expiresAt != self.settings.expiresAt { return true }
        return settings.spread != self.settings.spread || settings.jitter != self.settings.jitter
    }

    /// Follows other settings from now on. Nothing that they would have made due before is.
    mutating func adopt(_ settings: ScheduleSettings, zones: [ZoneFile], at now: Moment?) {
        let differs = differs(from: settings, zones: zones)
        let wasByClock = timetable.isByClock
        self.settings = settings
        timetable = Timetable(settings, zones: zones)
        guard differs, let now, enabledAt != nil || isStopped else { return }
        if let through = accounted?.through, through < now.wall { accounted?.through = now.wall }
        // What moves with the clock, and what does not, are dealt with in stretches of their own.
        if timetable.isByClock != wasByClock, accounted != nil { beginStretch(at: now) }
        if enabledAt != nil, !isPaused { plan(at: now) }
    }

    /// Takes over what a predecessor of the same name has dealt with, so that a clock that is set back
    /// repeats nothing. What passed in between was nobody's.
    mutating func inherit(from predecessor: ScheduleState) {
        earlier = predecessor.earlier
        if let stretch = predecessor.accounted { remember(stretch) }
    }

    /// Stops following it. Occurrences from here on have no outcome until `account` gives them one.
    mutating func disable() {
        isStopped = isStopped || enabledAt != nil
        enabledAt = nil
        next = nil
    }

    mutating func pause() {
        isPaused = true
        next = nil
    }

    mutating func resume(at now: Moment) {
        isPaused = false
        guard enabledAt != nil else { return }
        // The grid of an interval goes on.
        isRestored = true
        plan(at: now)
        isRestored = false
    }

    /// Everything up to `wall` is dealt with; returns what lies in between, which the caller gives an
    /// outcome. A stretch that was dealt with before the clock was set back parts it in two.
    mutating func account(through wall: WallTime) -> [PassedOccurrences] {
        guard let stretch = accounted, stretch.through < wall else { return [] }
        switch timetable {
        case .cron: break
        case .interval(let span, .start):
            return accountGrid(of: span, after: stretch.through, through: wall)
        case .interval(_, .end), .boot, .start, .unusable:
            // What counts from the end of an execution is due after none.
            return []
        }
        var found: [PassedOccurrences] = []
        var from = stretch.through
        if let startsAt = settings.startsAt { from = max(from, startsAt + .nanoseconds(-1)) }
        var steps = 0
        while let next = following(from), next.at <= wall, !isExpired(next.at) {
            let isParted = earlier.contains { $0.through > from && $0.from < next.at }
            if found.isEmpty || isParted {
                found.append(PassedOccurrences(first: next.at, last: next.at, count: 0))
            }
            found[found.count - 1].last = next.at
            found[found.count - 1].count += 1 + next.merged
            from = next.at
            steps += 1
            if steps >= Limits.occurrencesCountedMax {
                // What lies beyond is not counted, and has the same outcome.
                found[found.count - 1].last = wall
                found[found.count - 1].isAtLeast = true
                break
            }
        }
        accounted?.through = wall
        return found
    }

    /// The instants of an interval's grid: with 3 s after 10:00:00 through 10:00:10 they are :03, :06 and :09.
    private mutating func accountGrid(
        of span: Duration, after through: WallTime, through wall: WallTime
    ) -> [PassedOccurrences] {
        var first = through + span
        if let startsAt = settings.startsAt { first = max(first, startsAt) }
        let end = settings.expiresAt.map { min(wall, $0 + .nanoseconds(-1)) } ?? wall
        guard first <= end, span > .zero else { return [] }
        let further = (end - first).nanoseconds / span.nanoseconds
        let last = first + span * further
        accounted?.through = last
        return [
            PassedOccurrences(first: first, last: last, count: Int(clamping: further) + 1)
        ]
    }

    /// The wall clock was set by this much.
    mutating func clockStepped(by step: Duration, at now: Moment) {
        switch timetable {
        case .cron: leaveStretch(at: now)
        case .interval:
            // Elapsed time decides: by the clock its instants lie elsewhere now.
            guard let stretch = accounted else { return }
            remember(stretch)
            let through = stretch.through + step
            accounted = AccountedStretch(from: through, through: through)
        case .boot, .start, .unusable: break
        }
    }

    /// A clock that went back behind all that was dealt with begins a new stretch.
    private mutating func leaveStretch(at now: Moment) {
        guard let stretch = accounted, case .cron = timetable, now.wall < stretch.from else {
            return
        }
        beginStretch(at: now)
        if enabledAt != nil && !isPaused { plan(at: now) }
    }

    /// What has been dealt with stays so, wherever the clock goes from here.
    private mutating func beginStretch(at now: Moment) {
        if let stretch = accounted { remember(stretch) }
        accounted = AccountedStretch(from: now.wall, through: now.wall)
    }

    /// Counts an interval from the end of what runs: while anything is executed or waits, none is due.
    mutating func countFromEnd(isExecuting: Bool, at now: Moment) {
        guard case .interval(_, .end) = timetable, enabledAt != nil, !isPaused else { return }
        if isExecuting || !queue.isEmpty {
            next = nil
        } else if next == nil {
            plan(at: now)
        }
    }

    /// Takes out what is due, in order.
    mutating func takeDue(at now: Moment) -> DueOccurrences {
        var found = DueOccurrences()
        var steps = 0
        while let upcoming = next, let (nominal, late) = lateness(of: upcoming, at: now) {
            // Of several that are due at once only the last is on time: nothing could run at the others'.
            if let before = found.onTime.popLast() { miss(before, &found) }
            if late > Limits.misfireTolerance {
                miss(nominal, &found)
            } else {
                found.onTime.append(nominal)
            }
            steps += 1
            if steps >= 2 * Limits.occurrencesCountedMax {
                found.isAbandoned = true
                accounted?.through = now.wall
                next = nil
                plan(at: now)
                break
            }
            advance(past: nominal.at, upcoming, at: now)
            if steps == Limits.occurrencesCountedMax { jump(over: &found, at: now) }
        }
        if found.missed.isEmpty, let last = found.lastBeforeJump {
            found.missed = [last]
            found.isAbandoned = true
        }
        return found
    }

    private func miss(_ nominal: DueOccurrences.Nominal, _ found: inout DueOccurrences) {
        // An interval's instants may lie within what was dealt with, and are others.
        let isParted = found.spans.last.map { span in
            timetable.isByClock
                && earlier.contains { $0.through > span.last && $0.from < nominal.at }
        }
        if isParted ?? true {
            found.spans.append(PassedOccurrences(first: nominal.at, last: nominal.at, count: 0))
        }
        found.spans[found.spans.count - 1].last = nominal.at
        found.spans[found.spans.count - 1].count += 1 + nominal.merged
        found.missed.append(nominal)
        if found.missed.count > Limits.misfireRunsMax { found.missed.removeFirst() }
    }

    /// Passes over what is too much to be counted, up to about as many before now as can be made up for.
    private mutating func jump(over found: inout DueOccurrences, at now: Moment) {
        guard let first = found.missed.first, let last = found.missed.last, let upcoming = next
        else { return }
        let span = last.at - first.at
        switch timetable {
        case .cron:
            let target = now.wall + (.zero - span)
            // What the clock has passed before would be passed over, and what lies around it forgotten.
            let isParted = earlier.contains { $0.through > last.at && $0.from < target }
            guard let through = accounted?.through, through < target, !isParted else { return }
            accounted?.through = target
            plan(at: now)
        case .interval(let interval, .start):
            guard let deadline = upcoming.deadline else { return }
            let left = (now.monotonic - deadline) - span
            let count = left.nanoseconds / max(1, interval.nanoseconds)
            guard count > 0 else { return }
            next = Upcoming(deadline: deadline + interval * count)
        case .interval(_, .end), .boot, .start, .unusable: return
        }
        found.isCut = true
        found.missed = []
        found.lastBeforeJump = last
    }

    /// The wall time of the next occurrence, delays included.
    func nextDue(at now: Moment) -> WallTime? {
        next.flatMap { upcoming in upcoming.deadline.map { now.wall(at: $0) } ?? upcoming.due }
    }

    /// When the occurrence after an instant of an earlier supervisor's time is due at the latest: where its
    /// grid of an interval lay, and what its jitter drew, is not known.
    func expected(after wall: WallTime) -> WallTime? {
        let due: WallTime? =
            switch timetable {
            case .cron: timetable.next(after: wall)?.at
            case .interval(let span, _): wall + span
            case .boot, .start, .unusable: nil
            }
        guard let due, !isExpired(due) else { return nil }
        return due + settings.spreadDelay + settings.jitter
    }

    // MARK: Details

    private func lateness(
        of upcoming: Upcoming, at now: Moment
    ) -> (DueOccurrences.Nominal, Duration)? {
        if let deadline = upcoming.deadline {
            guard deadline <= now.monotonic else { return nil }
            // An instant is a key: one that a step of the clock would repeat is moved by the least.
            var at = now.wall(at: deadline)
            let passes = earlier.count { $0.from <= at && at <= $0.through }
            at = at + .nanoseconds(Int64(passes))
            if at == lastNominal { at = at + .nanoseconds(1) }
            return (.init(at: at, due: at, merged: 0), now.monotonic - deadline)
        }
        guard let at = upcoming.nominal, let due = upcoming.due, due <= now.wall else { return nil }
        return (.init(at: at, due: due, merged: upcoming.merged), now.wall - due)
    }

    private mutating func advance(past at: WallTime, _ upcoming: Upcoming, at now: Moment) {
        accounted?.through = at
        if upcoming.deadline != nil { lastNominal = at }
        switch timetable {
        case .cron: plan(at: now)
        case .interval(let span, .start):
            next = upcoming.deadline.map { Upcoming(deadline: $0 + span) }
            if let due = nextDue(at: now), isExpired(due) { next = nil }
        case .interval(_, .end), .boot, .start, .unusable: next = nil
        }
    }

    /// Works out the next occurrence.
    private mutating func plan(at now: Moment) {
        next = nil
        switch timetable {
        case .cron:
            var from = accounted?.through ?? now.wall
            if let startsAt = settings.startsAt { from = max(from, startsAt + .nanoseconds(-1)) }
            guard let following = following(from), !isExpired(following.at) else { return }
            var due = following.at + settings.spreadDelay
            if settings.jitter > .zero {
                due = due + settings.jitter.scaled(by: random.nextUnit(), atMost: settings.jitter)
            }
            next = Upcoming(nominal: following.at, due: due, merged: following.merged)
        case .interval(let span, let origin):
            var deadline = now.monotonic + span
            // The grid of the supervisor before goes on; what it missed is due at once. Its last
            // instant cannot lie ahead, unless the clock was set.
            if isRestored, origin == .start, let last = accounted, last.through <= now.wall {
                deadline = now.monotonic + (span - (now.wall - last.through))
            } else if let through = accounted?.through, now.wall < through {
                beginStretch(at: now)
            } else {
                accounted?.through = now.wall
            }
            if let startsAt = settings.startsAt, startsAt > now.wall {
                deadline = max(deadline, now.monotonic + (startsAt - now.wall))
            }
            guard !isExpired(now.wall(at: deadline)) else { return }
            next = Upcoming(deadline: deadline)
        case .boot, .start, .unusable: return
        }
    }

    /// The occurrence after an instant that lies in no stretch of the past.
    func following(_ wall: WallTime) -> (at: WallTime, merged: Int)? {
        var from = wall
        for _ in 0...earlier.count {
            guard let next = timetable.next(after: from) else { return nil }
            guard let past = earlier.first(where: { $0.from < next.at && next.at <= $0.through })
            else { return next }
            from = past.through
        }
        return timetable.next(after: from)
    }

    func isExpired(_ wall: WallTime) -> Bool {
        settings.expiresAt.map { wall >= $0 } ?? false
    }
}
