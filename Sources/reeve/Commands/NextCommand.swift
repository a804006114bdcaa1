// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// `reeve next`.
struct NextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next",
        abstract: "Show when scheduled ones, or a cron expression, are due next.",
        discussion: """
            Of one scheduler, of all, or, with --cron and without a supervisor, of an expression. It has five fields (minute, hour, day of month, month, day of week), or six \
            with seconds in front, or is a name such as @daily.

              $ reeve next backup -n 3
              $ reeve next
              $ reeve next --cron "30 2 * * 1-5" --timezone Europe/Berlin -n 3
              $ reeve next --cron "0 0 L * *" --after 2028-02-01T00:00:00Z --json

            A time that the clock skips (daylight saving time begins) comes right after the gap, and \
            one that comes twice runs at the first pass, unless the minute or hour field begins with \
            "*": then it follows the clock on the wall.
            """)

    @Argument(
        help: ArgumentHelp("The scheduler; without one, all.", valueName: "name"),
        transform: NameText.read)
    var name: String?

    @Option(
        help: ArgumentHelp("A cron expression, in place of a scheduler.", valueName: "expression"))
    var cron: String?

    @Option(help: ArgumentHelp("An IANA time zone; otherwise the host's.", valueName: "zone"))
    var timezone: String?

    @Option(
        help: ArgumentHelp(
            "Only what comes after this instant; otherwise now.", valueName: "rfc3339"))
    var after: String?

    @Option(name: .customShort("n"), help: ArgumentHelp("How many, at most 10000.", valueName: "n"))
    var count = 5

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var connection: ConnectionOptions

    mutating func validate() throws {
        if cron != nil, name != nil {
            throw ValidationError("--cron takes the place of a scheduler: leave one of them out")
        }
        if cron == nil, timezone != nil {
            throw ValidationError("--timezone is for --cron: a scheduler has a zone of its own")
        }
    }

    mutating func run() throws {
        guard (1...10_000).contains(count) else {
            throw Exit(code: 64, message: "-n \(count): write a number from 1 to 10000")
        }
        let start = try startSecond()
        guard let cron else { return try showConfigured(after: start) }
        let zone = try resolvedZone()
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

    /// What the running reeve has in force.
    private func showConfigured(after start: Int64) throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let schedulers = try client.configuration().standings.map(\.specification)
        let chosen = schedulers.filter { name == nil || $0.name.text == name }
        if let name {
            guard let found = chosen.first else {
                throw Exit(
                    code: 1,
                    message: ControlError.unknownScheduler(name, among: schedulers.map(\.name.text))
                        .message)
            }
            guard found.schedule != nil else {
                throw Exit(code: 1, message: "\(name): it has no schedule")
            }
        }
        let coming = ComingOccurrences(of: chosen, after: start, count: count)
        let output = Output()
        try output.write(json ? coming.json : coming.text(showsNames: name == nil))
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
            guard let timezone else { return try ZoneDatabase.host().zone() }
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
            let mark = occurrence.mark.words.map { "  \($0)" } ?? ""
            try output.write("\(occurrence.rfc3339)  \(name.printable)\(mark)\n")
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
