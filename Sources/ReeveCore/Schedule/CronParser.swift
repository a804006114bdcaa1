// SPDX-License-Identifier: Apache-2.0
//
// Reads cron expressions strictly. What Debian's cron takes and then gets wrong (a reversed range that
// never runs, text after a field that is dropped, a step without a range) is an error with the cure.

/// Why an expression was refused.
package struct CronError: Error, Equatable, Sendable {
    /// The field, or nil where the whole is wrong.
    package let field: String?
    /// From 1, in characters of the expression.
    package let column: Int
    /// A sentence without a full stop.
    package let message: String
}

/// What an expression says about when to run.
package enum CronSchedule: Equatable, Sendable {
    case times(CronExpression)
    /// `@every 90s`.
    case every(Duration)
    /// `@reboot`: once per boot, and per container.
    case reboot
    /// `@start`: once per start of reeve.
    case start
}

/// A parsed expression, and what is surely not meant.
package struct ParsedCron: Equatable, Sendable {
    package let schedule: CronSchedule
    /// Sentences without a full stop.
    package let warnings: [String]
}

/// Reads one expression.
package struct CronParser {
    private struct Field {
        let name: String
        let low: Int
        let high: Int
        var names: [String] = []
        /// What the first name stands for.
        var firstName = 0
        var isWeek: Bool { high == 7 }
    }

    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    private static let fields = [
        Field(name: "second", low: 0, high: 59),
        Field(name: "minute", low: 0, high: 59),
        Field(name: "hour", low: 0, high: 23),
        Field(name: "day of month", low: 1, high: 31),
        Field(name: "month", low: 1, high: 12, names: months, firstName: 1),
        Field(name: "day of week", low: 0, high: 7, names: weekdays),
    ]
    private static let nicknames = [
        ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"), ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ]

    /// Longer than any that is meant.
    private static let lengthMax = 1_000

    private let text: [UInt8]
    /// What `H` stands for: stable for one scheduler.
    private let hash: UInt64
    private var warnings: [String] = []

    /// Reads five fields, six with seconds in front, or a nickname.
    ///
    /// - Throws: `CronError` with the field and the column of the first mistake.
    package static func parse(_ text: String, hash: UInt64) throws(CronError) -> ParsedCron {
        var parser = CronParser(text: Array(text.utf8), hash: hash)
        return try parser.parse()
    }

    private init(text: [UInt8], hash: UInt64) {
        self.text = text
        self.hash = hash
    }

    private mutating func parse() throws(CronError) -> ParsedCron {
        guard text.count <= CronParser.lengthMax else {
            throw CronError(
                field: nil, column: CronParser.lengthMax + 1,
                message: "the expression is longer than \(CronParser.lengthMax) characters")
        }
        let words = split()
        guard let first = words.first else {
            throw CronError(
                field: nil, column: 1,
                message: "the expression is empty; write five fields, for instance \"*/15 * * * *\""
            )
        }
        if string(first).hasPrefix("@") { return try nickname(words) }
        guard words.count == 5 || words.count == 6 else {
            let found = counted(words.count, "field")
            let column = (words.count > 6 ? words[6] : first).lowerBound + 1
            throw CronError(
                field: nil, column: column,
                message: "found \(found); write minute, hour, day of month, month and day of week, "
                    + "with seconds in front if they are wanted")
        }
        return try expression(words)
    }

    private mutating func expression(_ words: [Range<Int>]) throws(CronError) -> ParsedCron {
        var expression = CronExpression()
        let offset = words.count == 6 ? 0 : 1
        for (index, word) in words.enumerated() {
            let field = CronParser.fields[index + offset]
            let beginsWithStar = text[word.lowerBound] == UInt8(ascii: "*") || string(word) == "?"
            switch index + offset {
            case 0: expression.seconds = try mask(word, field)
            case 1: expression.minutes = try mask(word, field)
            case 2: expression.hours = try mask(word, field)
            case 3:
                expression.days = try daysOfMonth(word, field)
                expression.days.beginsWithStar = beginsWithStar
            case 4: expression.months = try mask(word, field)
            default:
                expression.weekdays = try daysOfWeek(word, field)
                expression.weekdays.beginsWithStar = beginsWithStar
            }
        }
        let minute = words[1 - offset]
        let hour = words[2 - offset]
        expression.isFixedTime =
            text[minute.lowerBound] != UInt8(ascii: "*")
            && text[hour.lowerBound] != UInt8(ascii: "*")
        warn(expression, words, hasSeconds: offset == 0)
        return ParsedCron(schedule: .times(expression), warnings: warnings)
    }

    private mutating func warn(
        _ expression: CronExpression, _ words: [Range<Int>], hasSeconds: Bool
    ) {
        if expression.next(after: CivilTime(second: 0)) == nil {
            warnings.append("it never occurs: no such date exists")
        }
        if hasSeconds, expression.seconds.nonzeroBitCount == 60 {
            warnings.append(
                "with six fields the first is seconds: it runs every second of each matching minute; "
                    + "leave the first field out if minutes were meant")
            return
        }
        let hour = string(words[hasSeconds ? 2 : 1])
        let isEveryMinute = expression.minutes.nonzeroBitCount == 60
        if isEveryMinute, hour.hasPrefix("*/") || CronParser.digits(hour[...]) != nil {
            warnings.append(
                "it runs every minute of each matching hour; "
                    + "write 0 in the minute field if once an hour was meant")
        }
    }

    private mutating func nickname(_ words: [Range<Int>]) throws(CronError) -> ParsedCron {
        let name = string(words[0])
        if name == "@every" {
            guard words.count == 2, let span = Amounts.duration(string(words[1])), span > .zero
            else {
                throw CronError(
                    field: nil, column: words[min(1, words.count - 1)].lowerBound + 1,
                    message: "@every wants one span above zero, for instance \"@every 90s\"")
            }
            return ParsedCron(schedule: .every(span), warnings: [])
        }
        if words.count > 1 {
            throw CronError(
                field: nil, column: words[1].lowerBound + 1,
                message: "nothing may follow \(name)")
        }
        if name == "@reboot" { return ParsedCron(schedule: .reboot, warnings: []) }
        if name == "@start" { return ParsedCron(schedule: .start, warnings: []) }
        guard let expansion = CronParser.nicknames.first(where: { $0.0 == name })?.1 else {
            let known = CronParser.nicknames.map(\.0) + ["@every", "@reboot", "@start"]
            throw CronError(
                field: nil, column: words[0].lowerBound + 1,
                message: "\(name) is not known; known are \(known.joined(separator: ", "))")
        }
        return try CronParser.parse(expansion, hash: hash)
    }

    // MARK: Fields

    private mutating func mask(_ word: Range<Int>, _ field: Field) throws(CronError) -> UInt64 {
        if string(word) == "?" {
            throw error(field, word.lowerBound, "\"?\" stands only for a day field; write \"*\"")
        }
        var mask: UInt64 = 0
        for item in items(word) { mask |= try range(item, field) }
        return mask
    }

    private mutating func daysOfMonth(
        _ word: Range<Int>, _ field: Field
    ) throws(CronError) -> CronExpression.DaysOfMonth {
        var days = CronExpression.DaysOfMonth()
        if string(word) == "?" {
            days.mask = ~0
            return days
        }
        for item in items(word) {
            let part = string(item).uppercased()
            if part == "L" {
                days.beforeLast.append(0)
            } else if part == "LW" || part == "WL" {
                days.lastWeekday = true
            } else if part.hasPrefix("L-") {
                guard let before = CronParser.digits(part.dropFirst(2)), (1...30).contains(before)
                else {
                    throw error(
                        field, item.lowerBound, "\"L-\" wants a number from 1 to 30 after it")
                }
                days.beforeLast.append(before)
            } else if part.hasSuffix("W") {
                guard let day = CronParser.digits(part.dropLast()), (1...31).contains(day) else {
                    throw error(field, item.lowerBound, "\"W\" wants a day from 1 to 31 before it")
                }
                days.nearestWeekday.append(day)
            } else {
                days.mask |= try range(item, field)
            }
        }
        return days
    }

    private mutating func daysOfWeek(
        _ word: Range<Int>, _ field: Field
    ) throws(CronError) -> CronExpression.DaysOfWeek {
        var days = CronExpression.DaysOfWeek()
        if string(word) == "?" {
            days.mask = 0x7F
            return days
        }
        for item in items(word) {
            let part = string(item).lowercased()
            if let hash = part.firstIndex(of: "#") {
                let weekday = try number(String(part[..<hash]), field, item.lowerBound)
                guard let which = CronParser.digits(part[part.index(after: hash)...]),
                    (1...5).contains(which)
                else {
                    throw error(field, item.lowerBound, "\"#\" wants a number from 1 to 5 after it")
                }
                days.nth.append((weekday % 7, which))
            } else if part.hasSuffix("l") {
                guard part.count > 1 else {
                    throw error(
                        field, item.lowerBound, "\"L\" wants a weekday before it, as in \"5L\"")
                }
                days.last.append(try number(String(part.dropLast()), field, item.lowerBound) % 7)
            } else {
                days.mask |= try range(item, field)
            }
        }
        // 7 is Sunday as well as 0.
        if days.mask.hasBit(7) { days.mask |= 1 }
        days.mask &= 0x7F
        return days
    }

    /// `*`, `5`, `1-5`, each with `/step` where it is a range; `H`, `H/15`, `H(0-29)`.
    private mutating func range(_ item: Range<Int>, _ field: Field) throws(CronError) -> UInt64 {
        let (body, step) = try stepped(item, field)
        let text = string(body)
        var (low, high) = (field.low, field.isWeek ? 6 : field.high)
        if text.hasPrefix("H") { return try hashed(text, body, step, field) }
        if text != "*" {
            let dash = text.dropFirst().firstIndex(of: "-")
            low = try number(String(text[..<(dash ?? text.endIndex)]), field, body.lowerBound)
            high = low
            if let dash {
                let column =
                    body.lowerBound + text.utf8.distance(from: text.startIndex, to: dash) + 1
                high = try number(String(text[text.index(after: dash)...]), field, column)
                if high < low {
                    throw error(
                        field, body.lowerBound,
                        "the range \(text) runs backwards and would never match; write "
                            + CronParser.around(low, high, field))
                }
            } else if let step {
                throw error(
                    field, body.lowerBound,
                    "a step needs a range before it; write \(low)-\(field.high)/\(step)")
            }
        }
        if let step, step > high - low, high > low {
            warnings.append(
                "in the \(field.name) field the step \(step) is wider than its range: only \(low) matches"
            )
        }
        var mask: UInt64 = 0
        for value in stride(from: low, through: high, by: step ?? 1) { mask.setBit(value) }
        return mask
    }

    /// What a range that runs backwards was meant to be: "22-23,0-2", "5-7" for Friday to Sunday.
    private static func around(_ low: Int, _ high: Int, _ field: Field) -> String {
        func range(_ from: Int, _ to: Int) -> String { from == to ? "\(from)" : "\(from)-\(to)" }
        guard field.isWeek else {
            return range(low, field.high) + "," + range(field.low, high)
        }
        // 7 is Sunday, so a week's range can end with it.
        return range(low, 7) + (high > 0 ? "," + range(1, high) : "")
    }

    private func stepped(
        _ item: Range<Int>, _ field: Field
    ) throws(CronError) -> (body: Range<Int>, step: Int?) {
        guard let slash = text[item].firstIndex(of: UInt8(ascii: "/")) else { return (item, nil) }
        guard let step = CronParser.digits(string(slash + 1..<item.upperBound)[...]),
            (1...9_999).contains(step)
        else {
            throw error(field, slash + 1, "the step after \"/\" has to be a number from 1 on")
        }
        return (item.lowerBound..<slash, step)
    }

    private func hashed(
        _ text: String, _ body: Range<Int>, _ step: Int?, _ field: Field
    ) throws(CronError) -> UInt64 {
        // The last days do not exist in every month; a hash should not make a job skip months.
        var (low, high) = (field.low, field.name == "day of month" ? 28 : field.high)
        if field.isWeek { high = 6 }
        if text != "H" {
            let inner = text.dropFirst(2).dropLast().split(
                separator: "-", omittingEmptySubsequences: false
            )
            .map { CronParser.digits($0) }
            guard text.hasPrefix("H("), text.hasSuffix(")"), inner.count == 2, let from = inner[0],
                let to = inner[1], low <= from, from <= to, to <= field.high
            else {
                throw error(
                    field, body.lowerBound,
                    "\"\(text)\" is not understood; write H, H/\(max(2, (high - low + 1) / 4)) or H(\(low)-\(high))"
                )
            }
            (low, high) = (from, to)
        }
        let width = UInt64(step.map { min($0, high - low + 1) } ?? (high - low + 1))
        // FNV-1a of the field's name, so that the fields do not move in step.
        let salt = field.name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        var mixer = SplitMix64(seed: hash ^ salt)
        let start = low + Int(mixer.next() % width)
        var mask: UInt64 = 0
        guard let step else {
            mask.setBit(start)
            return mask
        }
        for value in stride(from: start, through: high, by: step) { mask.setBit(value) }
        return mask
    }

    private func number(_ text: String, _ field: Field, _ column: Int) throws(CronError) -> Int {
        if let index = field.names.firstIndex(of: text.lowercased()) {
            return index + field.firstName
        }
        if text.isEmpty { throw error(field, column, "a value is missing here") }
        guard let value = CronParser.digits(text[...]) else {
            let names =
                field.names.isEmpty
                ? "" : " or a name from \(field.names[0]) to \(field.names.last ?? "")"
            throw error(
                field, column,
                "\"\(text)\" is not a number from \(field.low) to \(field.high)\(names)")
        }
        guard (field.low...field.high).contains(value) else {
            throw error(field, column, "\(value) is not between \(field.low) and \(field.high)")
        }
        return value
    }

    /// A number without a sign, leading zeros allowed.
    private static func digits(_ text: Substring) -> Int? {
        let isNumber = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return isNumber ? Int(text) : nil
    }

    // MARK: Text

    private func error(_ field: Field, _ index: Int, _ message: String) -> CronError {
        CronError(field: field.name, column: index + 1, message: message)
    }

    private func string(_ range: Range<Int>) -> String {
        String(decoding: text[range], as: UTF8.self)
    }

    private func split() -> [Range<Int>] {
        var words: [Range<Int>] = []
        var start: Int?
        for (index, byte) in text.enumerated() {
            if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
                if let first = start { words.append(first..<index) }
                start = nil
            } else if start == nil {
                start = index
            }
        }
        if let first = start { words.append(first..<text.count) }
        return words
    }

    /// The parts between commas; an empty one is an empty range, which no number matches.
    private func items(_ word: Range<Int>) -> [Range<Int>] {
        var items: [Range<Int>] = []
        var start = word.lowerBound
        for index in word where text[index] == UInt8(ascii: ",") {
            items.append(start..<index)
            start = index + 1
        }
        items.append(start..<word.upperBound)
        return items
    }
}
