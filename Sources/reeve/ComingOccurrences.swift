// SPDX-License-Identifier: Apache-2.0

internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore

/// When schedulers that are configured are due next, worked out here from their settings.
struct ComingOccurrences {
    /// One time at which one of them is due.
    struct Entry {
        let scheduler: SchedulerName
        let occurrence: Occurrence
        /// The zone's own name for the offset: "CEST".
        let abbreviation: String
        /// Added to each time of this scheduler.
        let spread: Duration
        /// Each time is put off by less than this, drawn anew.
        let jitter: Duration
    }

    /// By time.
    private(set) var entries: [Entry] = []
    /// What is due without times of its own, a sentence each.
    private(set) var notes: [String] = []

    /// The next `count` after an instant.
    init(of schedulers: [SchedulerSpecification], after start: Int64, count: Int) {
        for scheduler in schedulers {
            guard let settings = scheduler.schedule else { continue }
            add(scheduler.name, settings, after: start, count: count)
        }
        entries.sort { $0.occurrence.second < $1.occurrence.second }
        entries = Array(entries.prefix(count))
    }

    private mutating func add(
        _ name: SchedulerName, _ settings: ScheduleSettings, after start: Int64, count: Int
    ) {
        guard case .cron(let text) = settings.rule else {
            if case .interval(let span) = settings.rule {
                let from = settings.intervalFrom.rawValue
                notes.append("\(name): every \(span), counted from the \(from) of the one before")
            }
            return
        }
        let expression: CronExpression
        let zone: Zone
        do {
            switch try CronParser.parse(text, hash: settings.hash).schedule {
            case .times(let times): expression = times
            case .every(let span):
                return notes.append("\(name): every \(span), counted from the start")
            case .reboot: return notes.append("\(name): once after each boot, when reeve starts")
            case .start: return notes.append("\(name): once at each start of reeve")
            }
            let host = ZoneDatabase.host()
            zone =
                try (settings.zone == host.name ? host : ZoneDatabase.zone(named: settings.zone))
                .zone()
        } catch {
            // The running reeve has the same settings, and obeys them: the zone's file has gone since.
            return notes.append("\(name): its time zone \(settings.zone) cannot be read")
        }
        var second = max(start, settings.startsAt.map { $0.second - 1 } ?? start)
        for _ in 0..<count {
            guard let next = expression.occurrence(after: second, in: zone),
                settings.expiresAt.map({ next.second < $0.second }) ?? true
            else { break }
            entries.append(
                Entry(
                    scheduler: name, occurrence: next,
                    abbreviation: zone.period(at: next.second).abbreviation,
                    spread: settings.spreadDelay, jitter: settings.jitter))
            second = next.second
        }
    }

    /// A line for each, with the name where there are several.
    func text(showsNames: Bool) -> String {
        var text = ""
        for entry in entries {
            text += "\(entry.occurrence.rfc3339)  \(entry.abbreviation.printable)"
            if showsNames { text += "  \(entry.scheduler)" }
            text += entry.occurrence.mark.words.map { "  \($0)" } ?? ""
            if entry.spread > .zero { text += "  starts \(entry.spread) later (spread)" }
            if entry.jitter > .zero { text += "  up to \(entry.jitter) later (jitter)" }
            text += "\n"
        }
        return text + notes.map { $0 + "\n" }.joined()
    }

    /// `{"occurrences":[{"scheduler":…,"at":…,"start":…}]}`: `at` is the nominal instant with the zone's
    /// offset, `start` that instant and the spread, in UTC.
    var json: String {
        let objects = entries.map { entry in
            let start = WallTime(second: entry.occurrence.second) + entry.spread
            return
                "{\"scheduler\": \"\(entry.scheduler)\", \"at\": \"\(entry.occurrence.rfc3339)\", "
                + "\"start\": \"\(start.rfc3339(fractionDigits: 3))\"}"
        }
        return "{\"occurrences\": [\(objects.joined(separator: ", "))]}\n"
    }
}
