// SPDX-License-Identifier: Apache-2.0
//
// What a schedule will do next, for whoever asks. It is worked out from where the schedule stands, so that
// it says what will happen and not what the expression alone means.

/// The next occurrences of one scheduler.
package struct ComingOccurrences: Equatable, Sendable {
    package struct One: Equatable, Sendable {
        /// The nominal instant, with its zone's offset; of an interval in UTC.
        package let occurrence: Occurrence
        /// "CEST".
        package let zone: String
        /// When it is executed: spread included, and the delay of jitter where it is drawn already.
        package let due: WallTime
    }

    /// Whose they are.
    package let scheduler: SchedulerName
    /// In order; few, where few are left.
    package var occurrences: [One] = []
    /// A fixed delay, which `due` includes.
    package var spread = Duration.zero
    /// At most so much is added to each when it comes near.
    package var jitter = Duration.zero
    /// Why none of them is executed as things stand, or why there are none, as a sentence without a full
    /// stop; nil where they are.
    package var obstacle: String?

    /// Without any.
    package init(scheduler: SchedulerName) {
        self.scheduler = scheduler
    }

    /// More than these are not asked for at a time.
    package static let countMax = 100
}

extension Supervisor {
    /// The next occurrences of a scheduled one, at most `ComingOccurrences.countMax`; nil for any other.
    package func coming(_ count: Int, of id: SchedulerID, at now: Moment) -> ComingOccurrences? {
        guard schedulers.indices.contains(id.index), !schedulers[id.index].isDropped,
            let schedule = schedulers[id.index].schedule
        else { return nil }
        let scheduler = schedulers[id.index]
        var coming = ComingOccurrences(scheduler: scheduler.specification.name)
        coming.spread = schedule.settings.spreadDelay
        coming.jitter = schedule.settings.jitter
        coming.occurrences = schedule.coming(
            max(0, min(count, ComingOccurrences.countMax)), at: now)
        if shutdown != nil {
            coming.obstacle = "reeve shuts down"
        } else if schedule.isPaused {
            coming.obstacle =
                "paused by the operator: none of these is executed until it is resumed"
        } else if schedule.enabledAt == nil {
            coming.obstacle =
                "it is \(scheduler.health.reason): none is executed until it is started"
        } else if coming.occurrences.isEmpty {
            coming.obstacle = schedule.noneWords
        }
        return coming
    }
}

extension ScheduleState {
    fileprivate func coming(_ count: Int, at now: Moment) -> [ComingOccurrences.One] {
        switch timetable {
        case .cron(let expression, let zone): return coming(count, expression, zone, at: now)
        case .interval(let span, let origin):
            // From the end of an execution only the next is known, and that while none runs.
            guard let deadline = next?.deadline else { return [] }
            let first = now.wall(at: deadline)
            return (0..<(origin == .end ? min(count, 1) : count)).map { first + span * Int64($0) }
                .prefix { !isExpired($0) }
                .map { wall in
                    let occurrence = Occurrence(second: wall.second, offset: 0, mark: .ordinary)
                    return .init(occurrence: occurrence, zone: "UTC", due: wall)
                }
        case .boot, .start, .unusable: return []
        }
    }

    private func coming(
        _ count: Int, _ expression: CronExpression, _ zone: Zone, at now: Moment
    ) -> [ComingOccurrences.One] {
        // One whose delay is not over is the first, though its instant has passed.
        var from = next?.nominal.map { $0 + .nanoseconds(-1) } ?? now.wall
        if let startsAt = settings.startsAt { from = max(from, startsAt + .nanoseconds(-1)) }
        var found: [ComingOccurrences.One] = []
        while found.count < count,
            let occurrence = expression.occurrence(after: from.second, in: zone)
        {
            let wall = WallTime(second: occurrence.second)
            guard wall > from, wall.nanoseconds < .max, !isExpired(wall) else { break }
            let drawn = next?.nominal == wall ? next?.due : nil
            found.append(
                .init(
                    occurrence: occurrence,
                    zone: zone.period(at: occurrence.second).abbreviation,
                    due: drawn ?? wall + settings.spreadDelay))
            from = wall
        }
        return found
    }

    /// Why nothing comes.
    fileprivate var noneWords: String {
        switch timetable {
        case .boot: "it is executed once after each boot, when reeve starts"
        case .start: "it is executed once at each start of reeve"
        case .interval(_, .end): "its interval begins when what runs has ended"
        case .unusable(let why): why
        case .cron, .interval: "no further run is due"
        }
    }
}
