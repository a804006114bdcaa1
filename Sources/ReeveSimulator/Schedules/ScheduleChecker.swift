// SPDX-License-Identifier: Apache-2.0
//
// Every instant of a schedule is executed once at most and has exactly one outcome, however the clocks go
// and however often the supervisor dies; executions keep their number at a time, their attempts and
// their delays; what is begun is written down before. The instants come from `TimetableTruth`.

internal import ReeveCore

/// The rules of schedules, over all supervisors of a simulation.
struct ScheduleChecker: Checker {
    let name = "schedules"
    let outlivesSupervisor = true
    let scenario: Scenario
    var accounts: [ScheduleAccount]
    var isPaused: [Bool]
    /// While it is paused: what is due later than this may not be executed.
    private var pausedSince: [WallTime?]
    /// An operator wants it down, or the configuration does.
    var isDown: [Bool]
    /// Followed by this supervisor at some time.
    private var inForce: [ScheduleSettings?]
    private var wasFollowed: [Bool]
    /// Followed after the last turn.
    var isFollowed: [Bool]
    /// When its program was last asked for.
    var startedLast: [Instant]
    /// When something of a run that could not be ended was last alive: nothing is started over it.
    private var survivedLast: [Int: Instant] = [:]
    var intervals: [IntervalBooks]
    var isShuttingDown = false
    /// Runs that were written down and not yet asked for: an on-start command may come before. Looked up, never
    /// iterated.
    private var announced: Set<RunID> = []
    /// When occurrences were written off that were too many to be counted.
    var countedOut: WallTime?
    private var startsWritten: [Int]
    var bootsWritten: [Int]
    /// The clock goes back and supervisors die: how far the books of the dead reach is not in them.
    let hasGaps: Bool
    let hasBackSteps: Bool
    /// A configuration was loaded: what depends on the numbers of the one before has no sharp edges.
    private(set) var hasReloaded = false
    /// The schedulers that the present event is about.
    var touched: [SchedulerID] = []
    /// By scheduler: when an operator, or a configuration, was last about it.
    var touchedLast: [Int: Instant] = [:]
    /// Wanted down by some event since the last turn. Looked up, never iterated.
    var wasDown: Set<Int> = []
    /// An operator has asked for a run since it last rested: what waits is not all in the books.
    var wasAskedFor: [Bool]
    /// A dependency was shown as not met after the last turn.
    private var hadUnmet: [Bool]
    /// Skipped for a dependency, and no reason was seen: the core's view after the turn decides.
    var doubted: [(index: Int, occurrence: WallTime)] = []
    let dependencies: DependencyChecker
    /// Timetables that are in force once the event is dealt with.
    private var wantedUp: [SchedulerID] = []
    /// Requests for a pause, or a resumption, that are not answered.
    private var pauses: [(id: RequestID, scheduler: SchedulerID, isPause: Bool)] = []
    private var successors: [(index: Int, truth: TimetableTruth?)] = []

    /// An interval's occurrences since its grid began.
    struct IntervalBooks {
        var base: Instant?
        var count = 0
    }

    init(scenario: Scenario) {
        self.scenario = scenario
        let count = scenario.specification.schedulers.count
        accounts = scenario.specification.schedulers.map { specification in
            var account = ScheduleAccount()
            account.truth = specification.schedule.flatMap { TimetableTruth($0) }
            return account
        }
        inForce = scenario.specification.schedulers.map(\.schedule)
        isPaused = Array(repeating: false, count: count)
        pausedSince = Array(repeating: nil, count: count)
        isDown = isPaused
        wasAskedFor = isPaused
        hadUnmet = isPaused
        dependencies = DependencyChecker(graph: Graph(scenario.specification))
        wasFollowed = isPaused
        isFollowed = isPaused
        startedLast = Array(repeating: .zero, count: count)
        intervals = Array(repeating: IntervalBooks(), count: count)
        startsWritten = Array(repeating: 0, count: count)
        bootsWritten = startsWritten
        let operations = scenario.operations.map(\.operation)
        let dies = operations.contains { if case .kill = $0 { true } else { false } }
        let goesBack = operations.contains {
            if case .wallStep(let step) = $0 { step < .zero } else { false }
        }
        hasGaps = dies && goesBack
        hasBackSteps = goesBack
    }

    private func index(of name: SchedulerName) -> Int? {
        scenario.specification.schedulers.firstIndex { $0.name == name }
    }

    private func schedule(_ index: Int, _ kernel: Kernel) -> ScheduleSettings? {
        let specification = kernel.specification(of: SchedulerID(index))
        return specification.kind == .scheduled ? specification.schedule : nil
    }

    // MARK: Supervisors

    mutating func beginsAgain(in kernel: Kernel) -> String? {
        successors = []
        wantedUp = []
        pauses = []
        doubted = []
        for index in accounts.indices {
            let settings = schedule(index, kernel)
            if settings != inForce[index] {
                // Killed within a reload: what was due by the old schedule is nobody's.
                accounts[index].beginUncertainty(at: accounts[index].mark + .seconds(-86_400))
            }
            // What was begun is settled, although nothing is scheduled any more.
            inForce[index] = settings ?? inForce[index]
            accounts[index].truth = settings.flatMap { TimetableTruth($0) }
            guard
                let name = schedule(index, kernel).map({ _ in
                    kernel.specification(of: SchedulerID(index)).name
                })
            else { continue }
            let wish = kernel.disk.wish(of: name)
            pause(index, wish?.isPaused ?? false, in: kernel)
            isDown[index] = wish?.isStopped ?? false
            hadUnmet[index] = false
            wasFollowed[index] = false
            isFollowed[index] = false
            intervals[index] = IntervalBooks()
            startsWritten[index] = 0
            for execution in accounts[index].open.indices {
                accounts[index].open[execution].attemptEndedAt = nil
            }
            let through = kernel.disk.ledger.filter {
                $0.scheduler == name && $0.trigger == .schedule
            }.map(\.through).max()
            if let through, accounts[index].uncertainSince == nil {
                // What only waited for its turn is in no book.
                accounts[index].excuse(through: through)
                if hasGaps { accounts[index].forget() }
            } else {
                accounts[index].forget()
            }
        }
        announced = []
        return nil
    }

    private mutating func pause(_ index: Int, _ isPause: Bool, in kernel: Kernel) {
        isPaused[index] = isPause
        // What a clock that went back has passed before may wait since then.
        let since = max(kernel.wall, accounts[index].latest)
        pausedSince[index] = isPause ? pausedSince[index] ?? since : nil
    }

    // MARK: Events

    mutating func told(_ event: Event, in kernel: Kernel) -> String? {
        touched = event.touched(of: kernel.count) ?? []
        for scheduler in touched { touchedLast[scheduler.index] = kernel.now }
        switch event {
        case .shutdownRequested: isShuttingDown = true
        case .configurationLoaded:
            hasReloaded = true
            for index in accounts.indices { touchedLast[index] = kernel.now }
            reloaded(in: kernel)
        case .exited(let run, let status, leftovers: _, used: _):
            ended(run, status.shellCode, in: kernel)
        case .spawnFailed(let run, let failure):
            // As a shell has it: 127 where there is no such program.
            ended(run, failure.errno == 2 ? 127 : 126, in: kernel)
        case .requested(let id, let request):
            wantedUp = event.wantedUp(of: kernel.count)
            for scheduler in event.wantedDown(of: kernel.count) {
                isDown[scheduler.index] = true
                wasDown.insert(scheduler.index)
            }
            if case .runNow(let scheduler, force: _) = request {
                wasAskedFor[scheduler.index] = true
            }
            if case .pause(let scheduler) = request { pauses.append((id, scheduler, true)) }
            if case .resume(let scheduler) = request { pauses.append((id, scheduler, false)) }
        case .began, .spawned, .spawnAbandoned, .surveyed, .signalFailed, .stopCommandFailed,
            .sampled, .commandEnded, .probed, .notified, .requestWithdrawn, .reloadRequested,
            .configurationRejected, .swept, .timePassed:
            break
        }
        return nil
    }

    private mutating func ended(_ run: RunID, _ code: Int32?, in kernel: Kernel) {
        guard let scheduler = kernel.run(run)?.scheduler else { return }
        for index in accounts[scheduler.index].open.indices
        where accounts[scheduler.index].open[index].run == run {
            accounts[scheduler.index].open[index].attemptEndedAt = kernel.now
            accounts[scheduler.index].open[index].exitCode = code
        }
    }

    /// Another timetable, from now on, or from when the last run under the old one is over.
    private mutating func reloaded(in kernel: Kernel) {
        guard !kernel.isEnding else { return }
        for index in accounts.indices {
            let scheduler = SchedulerID(index)
            guard let settings = schedule(index, kernel) else {
                // What is being executed still ends.
                if inForce[index] != nil { accounts[index].beginUncertainty(at: kernel.wall) }
                wasFollowed[index] = false
                isFollowed[index] = false
                continue
            }
            accounts[index].pass(to: kernel.wall)
            intervals[index] = IntervalBooks()
            if kernel.isRemoved[index] {
                accounts[index].beginUncertainty(at: kernel.wall)
                isDown[index] = true
                continue
            }
            if kernel.comingBack(by: .configurationLoaded(kernel.specification)).contains(scheduler)
            {
                isDown[index] = false
                let wish = kernel.disk.wish(of: kernel.specification(of: scheduler).name)
                pause(index, wish?.isPaused ?? false, in: kernel)
            }
            if kernel.openRuns.contains(where: { $0.scheduler == scheduler })
                || !wasFollowed[index]
            {
                accounts[index].beginUncertainty(at: kernel.wall)
            }
            successors.append((index, TimetableTruth(settings)))
        }
    }

    // MARK: Effects

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        switch effect {
        case .ledger(let entry):
            guard let index = index(of: entry.scheduler) else {
                return "an entry is about \(entry.scheduler), which does not exist"
            }
            return check(entry, index, in: kernel).map { "\(entry.scheduler): \($0)" }
        case .spawn(let run, let scheduler):
            guard schedule(scheduler.index, kernel) != nil else { return nil }
            return announced.remove(run) != nil
                ? nil : "\(kernel.name(scheduler)) is started and nothing was written before"
        case .record(let record):
            if case .shutdownBegan = record.fact { isShuttingDown = true }
            guard let index = record.scheduler.flatMap({ self.index(of: $0) }) else { return nil }
            if record.fact == .paused || record.fact == .resumed {
                intervals[index] = IntervalBooks()
            }
            return nil
        case .reply(let id, let reply):
            guard let place = pauses.firstIndex(where: { $0.id == id }) else { return nil }
            let (_, scheduler, isPause) = pauses.remove(at: place)
            if reply.succeeded { pause(scheduler.index, isPause, in: kernel) }
            return nil
        case .abandonSpawn, .signal, .passSignal, .kill, .survey, .runStopCommand, .sample, .forget,
            .sweep, .runCommand, .endCommand, .probe, .keep, .keepFailure, .deliverAlerts,
            .tellManager, .exit, .loadConfiguration, .adoptSettings, .adoptLog, .forgetScheduler:
            return nil
        }
    }

    private mutating func check(
        _ entry: LedgerEntry, _ index: Int, in kernel: Kernel
    ) -> String? {
        guard let settings = schedule(index, kernel) ?? inForce[index] else {
            return "it has no schedule"
        }
        accounts[index].pass(to: kernel.wall)
        switch entry.event {
        case .started(let run, let attempt):
            if schedule(index, kernel) == nil { return "it begins, and has no schedule" }
            if isShuttingDown { return "an execution begins in a shutdown" }
            announced.insert(run)
            startedLast[index] = kernel.now
            if attempt > 1 { return retried(entry, run, attempt, index, settings, in: kernel) }
            return started(entry, run, index, settings, in: kernel)
        case .ended(let outcome, _, _):
            if accounts[index].open.contains(where: { $0.isOf(entry) }) {
                return concluded(entry, outcome, index, settings, in: kernel)
            }
            return writtenOff(entry, outcome, index, settings, in: kernel)
        }
    }

    private mutating func started(
        _ entry: LedgerEntry, _ run: RunID, _ index: Int, _ settings: ScheduleSettings,
        in kernel: Kernel
    ) -> String? {
        if entry.at != kernel.wall { return "an entry is of another time than now" }
        let parallel = kernel.specification(of: SchedulerID(index)).parallelMax
        // A configuration may have allowed more.
        if accounts[index].open.count >= parallel, accounts[index].uncertainSince == nil,
            !hasReloaded
        {
            return "\(accounts[index].open.count + 1) executions at a time"
        }
        accounts[index].open.append(
            ExecutionTruth(trigger: entry.trigger, occurrence: entry.occurrence, run: run))
        switch entry.trigger {
        case .schedule: break
        case .start, .boot, .manual:
            return count(entry.trigger, index, settings)
                ?? accounts[index].writeOther(entry, hasEnded: false)
        }
        intervals[index].count += 1
        if let since = pausedSince[index], entry.occurrence > since {
            return "\(entry.occurrence) is executed, and it is paused since \(since)"
        }
        if let sentence = accounts[index].write(entry.occurrence, hasEnded: false) {
            return sentence
        }
        guard accounts[index].truth != nil, !accounts[index].isUncertain(entry.occurrence) else {
            return nil
        }
        // One stands for too many to be counted, whose last is not looked for.
        let isStandIn = entry.occurrence == kernel.wall && countedOut == kernel.wall
        if !isStandIn, !hasReloaded, !accounts[index].isDue(entry.occurrence) {
            return "\(entry.occurrence) is executed, at which nothing is due"
        }
        return early(entry, index, settings, in: kernel)
    }

    /// What may not be executed now.
    private func early(
        _ entry: LedgerEntry, _ index: Int, _ settings: ScheduleSettings, in kernel: Kernel
    ) -> String? {
        let late = kernel.wall - entry.occurrence
        // What waited when the clock was set back, or when it was paused, is executed in its turn.
        let mayWait = settings.overlap == .queue || settings.overlap == .replace
        if late < settings.spreadDelay, !hasBackSteps {
            return "\(entry.occurrence) is executed \(late) after its time, before its delay"
        }
        guard settings.misfire == .skip, !mayWait, !hasReloaded else { return nil }
        let most = settings.spread + settings.jitter + .seconds(10) + scenario.delivery.slack
        return late > most + .seconds(2)
            ? "\(entry.occurrence) is executed \(late) late, and misfire is skip" : nil
    }

    /// `@start` once for each supervisor, `@reboot` once for each boot.
    private mutating func count(
        _ trigger: LedgerEntry.Trigger, _ index: Int, _ settings: ScheduleSettings
    ) -> String? {
        if case .boot = trigger {
            bootsWritten[index] += 1
            return bootsWritten[index] > 1 && !hasReloaded ? "it is run twice after one boot" : nil
        }
        guard trigger == .start, settings.rule == .cron("@start"), !settings.runOnStart,
            !hasReloaded
        else { return nil }
        startsWritten[index] += 1
        return startsWritten[index] > 1 ? "it is run twice by one supervisor" : nil
    }

    private mutating func retried(
        _ entry: LedgerEntry, _ run: RunID, _ attempt: Int, _ index: Int,
        _ settings: ScheduleSettings, in kernel: Kernel
    ) -> String? {
        guard let place = accounts[index].open.firstIndex(where: { $0.isOf(entry) }) else {
            return "attempt \(attempt) of what is not being executed"
        }
        let execution = accounts[index].open[place]
        accounts[index].open[place].attempt = attempt
        accounts[index].open[place].run = run
        accounts[index].open[place].attemptEndedAt = nil
        accounts[index].open[place].exitCode = nil
        if attempt != execution.attempt + 1 {
            return "attempt \(attempt) follows attempt \(execution.attempt)"
        }
        if attempt > settings.maxRetries + 1 {
            return "attempt \(attempt) of \(settings.maxRetries + 1)"
        }
        if let code = execution.exitCode, settings.noRetryExitCodes.contains(code),
            kernel.run(execution.run)?.wasStopped == false
        {
            return "an attempt follows exit code \(code)"
        }
        guard let ended = execution.attemptEndedAt else {
            return "attempt \(attempt) begins before the one before has ended"
        }
        let least = ScheduleChecker.delay(settings, before: attempt)
        return kernel.now - ended < least - .milliseconds(1)
            ? "attempt \(attempt) begins \(kernel.now - ended) after the one before, not \(least)"
            : nil
    }

    /// min(cap, base × factor^(attempt − 2)), at least 100 ms.
    private static func delay(_ settings: ScheduleSettings, before attempt: Int) -> Duration {
        var delay = Double(settings.retryDelay.nanoseconds)
        for _ in 2..<max(2, attempt) { delay *= settings.retryFactor }
        let capped = min(delay, Double(settings.retryDelayMax.nanoseconds))
        return max(.milliseconds(100), .nanoseconds(Int64(capped)))
    }

    // MARK: Turns

    mutating func turnEnded(_ view: View, in kernel: Kernel) -> String? {
        defer { wasDown = [] }
        for index in accounts.indices {
            guard let settings = schedule(index, kernel) else { continue }
            let status = view.schedulers.first { $0.id.index == index }
            let isFollowed = status?.kind == .scheduled && status?.uptime != nil
            if let sentence = checkDoubts(index, status, view) {
                return "\(kernel.name(SchedulerID(index))): \(sentence)"
            }
            if let sentence = accounts[index].mergedOwed() {
                return "\(kernel.name(SchedulerID(index))): \(sentence)"
            }
            // Stopped and started again in one turn: its grid begins anew.
            if wasDown.contains(index) { intervals[index] = IntervalBooks() }
            let isFirst = isFollowed && !wasFollowed[index]
            if isFollowed { wasFollowed[index] = true }
            self.isFollowed[index] = isFollowed
            settle(index, isFollowed: isFollowed, in: kernel)
            guard !isShuttingDown, isFollowed else {
                intervals[index] = IntervalBooks()
                continue
            }
            if !kernel.openRuns.contains(where: { $0.scheduler.index == index }),
                accounts[index].open.isEmpty
            {
                wasAskedFor[index] = false
            }
            if let status, status.isPaused != isPaused[index] {
                return "\(kernel.name(status.id)) is \(isPaused[index] ? "" : "not ")paused, "
                    + "and shown otherwise"
            }
            if isFirst, isFresh(index, in: kernel) {
                intervals[index] = IntervalBooks(base: kernel.now)
            }
            if let sentence = overdue(index, settings, status, in: kernel) {
                return "\(kernel.name(SchedulerID(index))): \(sentence)"
            }
        }
        return nil
    }

    /// Whether what was skipped for a dependency had one that was not met, then or right before.
    private mutating func checkDoubts(
        _ index: Int, _ status: SchedulerStatus?, _ view: View
    ) -> String? {
        // What has begun and is not well is a dependency lost.
        let unwell = view.schedulers.filter {
            $0.health == .unhealthy || $0.health == .stopping || $0.health == .stopped
        }.map(\.name)
        let hasUnmet =
            status?.dependencies.contains { !$0.isMet || unwell.contains($0.name) } ?? false
        defer { hadUnmet[index] = hasUnmet }
        let doubt = doubted.first { $0.index == index }
        doubted.removeAll { $0.index == index }
        guard let doubt, !hasUnmet, !hadUnmet[index] else { return nil }
        return "\(doubt.occurrence) is skipped for a dependency, and all are met"
    }

    /// A grid that goes on from the ledger has its first instant anywhere.
    private func isFresh(_ index: Int, in kernel: Kernel) -> Bool {
        let name = kernel.specification(of: SchedulerID(index)).name
        return !kernel.disk.ledger.contains { $0.scheduler == name && $0.trigger == .schedule }
    }

    mutating func answered(
        _ event: Event, with effects: [Effect], in kernel: Kernel
    ) -> String? {
        for (index, truth) in successors {
            accounts[index].truth = truth
            inForce[index] = schedule(index, kernel)
        }
        successors = []
        for scheduler in wantedUp { isDown[scheduler.index] = false }
        wantedUp = []
        return nil
    }

    private mutating func settle(_ index: Int, isFollowed: Bool, in kernel: Kernel) {
        accounts[index].pass(to: kernel.wall)
        guard isFollowed else { return }
        accounts[index].begin(at: kernel.wall)
        let runs = kernel.openRuns.contains { $0.scheduler.index == index }
        if !runs { accounts[index].endUncertainty(at: kernel.wall) }
    }

    private mutating func overdue(
        _ index: Int, _ settings: ScheduleSettings, _ status: SchedulerStatus?, in kernel: Kernel
    ) -> String? {
        let survivors = kernel.openRuns.filter { $0.survivedAt != nil }
        if survivors.contains(where: { $0.scheduler.index == index }) {
            survivedLast[index] = kernel.now
        }
        // It waits for the least distance between two starts.
        if status?.lifecycle == .backingOff { return nil }
        let isBusy =
            !accounts[index].open.isEmpty
            || kernel.openRuns.contains { $0.scheduler.index == index }
        let mayWait = isBusy && (settings.misfire != .skip || settings.overlap != .skip)
        if let sentence = lateRetry(index, settings, in: kernel) { return sentence }
        guard !isPaused[index], !mayWait, !hasGaps else { return nil }
        // What a clock that went back has passed before counts as dealt with, whichever timetable was in force.
        if hasBackSteps && hasReloaded { return nil }
        let delay = settings.spread + settings.jitter
        if let due = accounts[index].overdue(at: kernel.wall, delay: delay) {
            return "\(WallTime(second: due.second)) has passed and is neither executed nor "
                + "accounted for"
        }
        return intervalOverdue(index, settings, in: kernel)
    }

    private mutating func intervalOverdue(
        _ index: Int, _ settings: ScheduleSettings, in kernel: Kernel
    ) -> String? {
        let span: Duration
        switch settings.rule {
        case .interval(let interval): span = interval
        case .cron("@every 20s"): span = .seconds(20)
        case .cron: return nil
        }
        guard settings.intervalFrom == .start, settings.startsAt == nil, settings.expiresAt == nil
        else { return nil }
        guard let base = intervals[index].base else { return nil }
        let passed = Int((kernel.now - base).nanoseconds / span.nanoseconds)
        let count = intervals[index].count
        // Too many to count begin a new grid.
        if passed - count > 1_000 { intervals[index] = IntervalBooks() }
        return count == passed || passed - count > 1_000
            ? nil : "\(count) occurrences of an interval, and \(passed) are due"
    }

    /// An execution that waits for a further attempt gets it in time.
    private func lateRetry(
        _ index: Int, _ settings: ScheduleSettings, in kernel: Kernel
    ) -> String? {
        guard !hasReloaded, !isDown[index] else { return nil }
        for execution in accounts[index].open {
            guard let run = kernel.run(execution.run), let forgotten = run.forgottenAt else {
                continue
            }
            let over = max(forgotten, survivedLast[index] ?? .zero)
            let delay = ScheduleChecker.delay(settings, before: execution.attempt + 1)
            // Between any two starts lies the least distance, and each of the others may come first once.
            let others = accounts[index].open.count - 1
            let most =
                delay + .milliseconds(500) + .milliseconds(100) * Int64(others)
                + scenario.delivery.slack
            if kernel.now - over > most {
                return "attempt \(execution.attempt + 1) of \(execution.occurrence) is "
                    + "\(kernel.now - over - delay) late"
            }
        }
        return nil
    }

    mutating func ended(in kernel: Kernel) -> String? {
        for index in accounts.indices {
            if let execution = accounts[index].open.first {
                return "reeve has left, and \(execution.occurrence) of "
                    + "\(kernel.name(SchedulerID(index))) has no outcome"
            }
        }
        return nil
    }
}
