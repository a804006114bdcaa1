// SPDX-License-Identifier: Apache-2.0

/// The instants of a schedule, ready to be asked for.
enum Timetable: Equatable, Sendable {
    case cron(CronExpression, Zone)
    case interval(Duration, ScheduleSettings.IntervalOrigin)
    /// Once per boot.
    case boot
    /// Once per start.
    case start
    /// The specification cannot be obeyed, and why.
    case unusable(String)

    init(_ settings: ScheduleSettings, zones: [ZoneFile]) {
        switch settings.rule {
        case .interval(let span):
            self = .interval(max(span, Limits.spawnSpacing), settings.intervalFrom)
        case .cron(let text):
            do throws(CronError) {
                switch try CronParser.parse(text, hash: settings.hash).schedule {
                case .times(let expression):
                    self = Timetable(expression, zoneName: settings.zone, zones)
                case .every(let span):
                    self = .interval(max(span, Limits.spawnSpacing), settings.intervalFrom)
                case .reboot: self = .boot
                case .start: self = .start
                }
            } catch {
                self = .unusable("its schedule \"\(text)\": \(error.message)")
            }
        }
    }

    private init(_ expression: CronExpression, zoneName: String, _ zones: [ZoneFile]) {
        let file = zones.first { $0.name == zoneName } ?? ZoneFile.utc
        guard file.name == zoneName else {
            self = .unusable("its time zone \(zoneName) is not there")
            return
        }
        do throws(ZoneError) {
            self = .cron(expression, try file.zone())
        } catch {
            self = .unusable("its time zone \(zoneName): \(error.message)")
        }
    }

    /// Whether instants stay where they are by the wall clock when that is set; elapsed time moves an interval's.
    var isByClock: Bool {
        switch self {
        case .cron, .boot, .start, .unusable: true
        case .interval: false
        }
    }

    /// The first occurrence of a cron expression after an instant; nil for the other kinds, and where
    /// none follows.
    func next(after wall: WallTime) -> (at: WallTime, merged: Int)? {
        guard case .cron(let expression, let zone) = self,
            let next = expression.occurrence(after: wall.second, in: zone)
        else { return nil }
        let at = WallTime(second: next.second)
        // Past the year 2262 the clock of the core saturates: there is nothing to wait for.
        guard at > wall, at.nanoseconds < .max else { return nil }
        if case .afterGap(_, let others) = next.mark { return (at, others) }
        return (at, 0)
    }
}
