// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// `reeve next`: of a supervisor's schedulers, or of an expression.
struct NextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next",
        abstract: "Show when schedulers, or a cron expression, are due.",
        discussion: """
            Without --cron a supervisor is asked: for one scheduler, or for every one with a schedule. Each \
            occurrence is shown in its scheduler's time zone, with what a change of the clock does to it.

              $ reeve next
              $ reeve next backup -n 10 --json

            With --cron no supervisor is needed. The expression has five fields (minute, hour, day of month, month, day of week), or six \
            with seconds in front, or is a name such as @daily.

              $ reeve next backup -n 3
              $ reeve next
              $ reeve next --cron "30 2 * * 1-5" --timezone Europe/Berlin -n 3
              $ reeve next --cron "0 0 L * *" --after 2028-02-01T00:00:00Z --json

            A time that the clock skips (daylight saving time begins) comes right after the gap, and \
            one that comes twice runs at the first pass, unless the minute or hour field begins with \
            "*": then it follows the clock on the wall.
            """)

    @Option(help: ArgumentHelp("The cron expression.", valueName: "expression"))
    var cron: String?

    @Option(help: ArgumentHelp("An IANA time zone; otherwise the host's.", valueName: "zone"))
    var timezone: String?

    @Option(
        help: ArgumentHelp(
            "Only what comes after this instant; otherwise now.", valueName: "rfc3339"))
    var after: String?

    @Option(
        name: .customShort("n"),
        help: ArgumentHelp("How many; at most 10000, of a supervisor 100.", valueName: "n"))
    var count = 5

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(
        help: "The scheduler; without one, all that have a schedule.",
        completion: NameText.completion, transform: NameText.read)
    var name: String?
    @OptionGroup var connection: ConnectionOptions

    mutating func validate() throws {
        if cron == nil, timezone != nil || after != nil {
            throw ValidationError("--timezone and --after go with --cron")
        }
        if cron != nil, name != nil {
            throw ValidationError("either --cron or the name of a scheduler")
        }
        let most = cron == nil ? ComingOccurrences.countMax : 10_000
        guard (1...most).contains(count) else {
            throw ValidationError("-n \(count): write a number from 1 to \(most)")
        }
    }

    mutating func run() throws {
        guard let cron else { return try showSchedulers() }
        let zone = try resolvedZone()
        let start = try startSecond()
        let parsed = try parse(cron)
        for warning in parsed.warnings { StandardError.say("warning: \(cron): \(warning)") }
        var occurrences: [Occurrence] = []
        switch parsed.schedule {
        case .times(let expression):
            var second = start
            while occurrences.count < count,
                let next = expression.occurrence(after: second, in: zone)
            {
                occurrences.append(next)
                second = next.second
            }
        case .every(let span):
            // It counts from the start of reeve, which here is the given instant.
            for number in 1...Int64(count) {
                let second = (WallTime(second: start) + span * number).second
                let offset = zone.period(at: second).offset
                occurrences.append(Occurrence(second: second, offset: offset, mark: .ordinary))
            }
        case .reboot, .start: break
        }
        try show(occurrences, parsed.schedule, zone)
    }

    private func showSchedulers() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let reports = try client.next(of: name, count: count)
        let output = Output()
        if json {
            for report in reports { try output.writeLine { report.write(to: &$0) } }
        } else if reports.isEmpty {
            try output.write("no scheduler has a schedule\n")
        } else {
            try output.write(ComingText.blocks(reports, output.appearance))
        }
        try output.flush()
    }

    private func parse(_ cron: String) throws(Exit) -> ParsedCron {
        do throws(CronError) {
            return try CronParser.parse(cron, hash: ScheduleHash.host)
        } catch {
            let field = error.field.map { " (\($0))" } ?? ""
            throw .configuration("\"\(cron)\", column \(error.column)\(field): \(error.message)")
        }
    }

    private func resolvedZone() throws(Exit) -> Zone {
        do {
            guard let timezone else {
                let (zone, objection) = ZoneDatabase.host(Environment.value(of: "TZ"))
                if let objection {
                    StandardError.say("warning: TZ: \(objection.message); this is in UTC")
                }
                return try zone.zone()
            }
            return try ZoneDatabase.zone(named: timezone).zone()
        } catch let error as ZoneLookupError {
            throw .configuration(error.message + (error.help.map { "; \($0)" } ?? ""))
        } catch {
            throw .configuration("the host's time zone cannot be read")
        }
    }

    private func startSecond() throws(Exit) -> Int64 {
        guard let after else { return Clock.now().wall.second }
        guard let instant = WallTime(instant: after) else {
            throw Exit(
                code: 64,
                message: "--after \(after): write an instant such as 2026-11-25T17:38:34Z")
        }
        return instant.second
    }

    private func show(_ occurrences: [Occurrence], _ schedule: CronSchedule, _ zone: Zone) throws {
        let output = Output()
        if json {
            let texts = occurrences.map { "\"\($0.rfc3339)\"" }.joined(separator: ", ")
            try output.write("{\"occurrences\": [\(texts)]}\n")
            return try output.flush()
        }
        for occurrence in occurrences {
            let name = zone.period(at: occurrence.second).abbreviation
            try output.write(
                ComingText.line(
                    at: occurrence.rfc3339, zone: name, mark: occurrence.mark.words))
        }
        switch schedule {
        case .reboot: try output.write("once after each boot, when reeve starts\n")
        case .start: try output.write("once at each start of reeve\n")
        case .times where occurrences.isEmpty: try output.write("it never occurs\n")
        case .times, .every: break
        }
        try output.flush()
    }
}
