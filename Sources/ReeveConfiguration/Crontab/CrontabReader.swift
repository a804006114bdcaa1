// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Reads one crontab, line by line; every error of the file is found.
struct CrontabReader {
    private let source: SourceText
    private let form: Crontab.Form
    private let user: String?
    private let machine: Machine
    private var findings: Findings
    private var environment: [EnvironmentVariable] = []
    private var jobs: [Crontab.Job] = []
    private var differences = CrontabDifferences()

    init(path: String, bytes: [UInt8], form: Crontab.Form, user: String?, machine: Machine) {
        self.machine = machine
        source = SourceText(name: path, bytes: bytes)
        self.form = form
        self.user = user
        findings = Findings(source: source)
    }

    /// `names` are those that jobs have had, by the fingerprint of what they execute.
    mutating func read(_ names: [String: [String]]) -> CrontabOutcome {
        for number in 1...source.lineCount { readLine(number) }
        if let last = source.bytes.last, last != UInt8(ascii: "\n") {
            findings.warning(
                "the last line has no line break: Debian's cron refuses such a file",
                at: span(source.lineCount, source.line(source.lineCount).count, 1))
        }
        guard !findings.hasErrors else {
            return CrontabOutcome(crontab: nil, diagnostics: findings.sorted)
        }
        CrontabNames.give(to: &jobs, keeping: names)
        let crontab = Crontab(jobs: jobs, differences: differences.sentences(of: jobs))
        return CrontabOutcome(crontab: crontab, diagnostics: findings.sorted)
    }

    private mutating func readLine(_ number: Int) {
        let line = CrontabLine(source.line(number))
        guard let first = line.first, first != UInt8(ascii: "#") else { return }
        if line.isCut(from: source.bytes, lineNumber: number, source) {
            differences.hasCarriageReturns = true
        }
        guard String(validating: line.bytes, as: UTF8.self) != nil else {
            return findings.error(
                "the line is not UTF-8", at: span(number, 0, 1), help: "save the file as UTF-8")
        }
        if line.bytes.contains(0) {
            return findings.error(
                "the line holds a NUL character, which no program can be given",
                at: span(number, line.offset(of: 0), 1))
        }
        if let setting = line.setting { return set(setting, number) }
        readJob(line, number)
    }

    // MARK: Settings

    private mutating func set(_ setting: CrontabLine.Setting, _ number: Int) {
        guard EnvironmentName.isValid(setting.name) else {
            return findings.error(
                "\(quoted(setting.name)) is no name of a variable",
                at: span(number, setting.offset, setting.name.utf8.count),
                help: "a name has letters, digits and underscores, and begins with no digit")
        }
        if setting.value.contains("$") {
            findings.warning(
                "the value holds a \"$\", which neither Debian's cron nor reeve expands here",
                at: span(number, setting.offset, setting.name.utf8.count))
        }
        if !setting.isQuoted, setting.value.contains(" #") {
            findings.warning(
                "what follows \"#\" is a part of the value, as in Debian's cron",
                at: span(number, setting.offset, setting.name.utf8.count))
        }
        if setting.name == "CRON_TZ", !setting.value.isEmpty {
            do {
                _ = try ZoneDatabase.zone(named: setting.value)
            } catch {
                findings.error(
                    error.message, at: span(number, setting.offset, setting.name.utf8.count),
                    help: error.help)
            }
        }
        environment.removeAll { $0.name == setting.name }
        environment.append(EnvironmentVariable(name: setting.name, value: setting.value))
    }

    // MARK: Jobs

    private mutating func readJob(_ line: CrontabLine, _ number: Int) {
        if line.first == UInt8(ascii: "-") {
            return findings.error(
                "a line cannot begin with \"-\"", at: span(number, line.start, 1),
                help: "remove it: reeve logs each execution by itself")
        }
        var words = line.words[...]
        let isNickname = line.first == UInt8(ascii: "@")
        let isEvery = isNickname && words.first.map { line.text($0) } == "@every"
        let fieldCount = isNickname ? (isEvery ? 2 : 1) : 5
        let fields = words.prefix(fieldCount)
        words = words.dropFirst(fieldCount)
        guard fields.count == fieldCount, let begin = fields.first, let end = fields.last else {
            return findings.error(
                "this is neither a comment nor a setting, and for a job it lacks fields",
                at: span(number, line.start, line.bytes.count - line.start),
                help: "a job is: minute hour day-of-month month day-of-week command")
        }
        guard let schedule = schedule(line, fields, number) else { return }
        var account: String?
        if form == .system {
            guard let word = words.popFirst() else {
                return findings.error(
                    "the user and the command are missing",
                    at: span(number, end.lowerBound, end.count),
                    help: "in this file the name of a user stands before the command")
            }
            account = line.text(word)
            let place = span(number, word.lowerBound, word.count)
            guard isKnown(line.text(word), at: place) else { return }
        }
        guard let command = words.first else {
            return findings.warning(
                "there is no command: Debian's cron runs nothing here, and reeve leaves it out",
                at: span(number, begin.lowerBound, line.bytes.count - begin.lowerBound))
        }
        let percent = CrontabPercent(Array(line.bytes[command.lowerBound...]))
        jobs.append(
            Crontab.Job(
                name: "", line: number, schedule: schedule,
                user: account == user ? nil : account, command: percent.command,
                input: percent.input,
                environment: environment,
                home: account == user ? nil : account.flatMap(machine.home(of:))))
    }

    /// Whether there is such a user; Debian's cron ignores a whole file that names another.
    private mutating func isKnown(_ account: String, at span: SourceSpan) -> Bool {
        guard account != user, machine.accounts.user(account, group: nil) == nil else {
            return true
        }
        let nearest = Suggestion.nearest(to: account, in: machine.accounts.userNames)
        findings.error(
            "there is no user \(quoted(account)) in /etc/passwd", at: span,
            help: nearest.map { "did you mean \"\(printable($0))\"?" })
        return false
    }

    /// The checked expression; nil, and said, where there is none that runs.
    private mutating func schedule(
        _ line: CrontabLine, _ fields: ArraySlice<Range<Int>>, _ number: Int
    ) -> String? {
        guard let first = fields.first, let last = fields.last else { return nil }
        let text = line.text(first.lowerBound..<last.upperBound)
        do {
            let parsed = try CronParser.parse(text, hash: 0)
            for warning in parsed.warnings {
                findings.warning(
                    warning, at: span(number, first.lowerBound, last.upperBound - first.lowerBound))
            }
            noteDifferences(fields.map { line.text($0) })
            return fields.map { line.text($0) }.joined(separator: " ")
        } catch {
            let offset = first.lowerBound + error.column - 1
            let word = fields.first { $0.contains(offset) } ?? first
            let field = error.field.map { "in the \($0) field " } ?? ""
            if error.message.contains("runs backwards") {
                findings.warning(
                    "\(field)\(error.message). Debian's cron accepts this line and never runs it; "
                        + "reeve leaves it out",
                    at: span(number, offset, word.upperBound - offset))
            } else {
                findings.error(
                    "\(field)\(error.message)",
                    at: span(number, offset, max(1, word.upperBound - offset)))
            }
            return nil
        }
    }

    /// What Debian's cron takes and reads in another way.
    private mutating func noteDifferences(_ fields: [String]) {
        if fields.last?.contains("#") == true { differences.hasNthWeekday = true }
        if fields.first == "@reboot" { differences.hasReboot = true }
    }

    private func span(_ line: Int, _ offset: Int, _ length: Int) -> SourceSpan {
        let bytes = source.line(line)
        let start = min(bytes.count, max(0, offset))
        let end = min(bytes.count, start + max(1, length))
        func columns(_ part: ArraySlice<UInt8>) -> Int {
            String(decoding: part, as: UTF8.self).unicodeScalars.count
        }
        let before = bytes.prefix(start)
        return SourceSpan(
            line: line, column: columns(before) + 1,
            length: max(1, columns(bytes.dropFirst(start).prefix(end - start))))
    }
}

/// The rule for the names of variables.
enum EnvironmentName {
    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
        else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
