// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

/// What is a cron expression, and what is not.
@Suite struct CronParserTests {
    private func next(_ text: String, after: String, count: Int = 1) throws -> [String] {
        let parsed = try CronParser.parse(text, hash: 1)
        guard case .times(let expression) = parsed.schedule,
            let start = WallTime(instant: after)
        else { return [] }
        var second = start.second
        var found: [String] = []
        while found.count < count, let next = expression.occurrence(after: second, in: .utc) {
            found.append(next.rfc3339.replacing("+00:00", with: ""))
            second = next.second
        }
        return found
    }

    @Test func `an error names its field, its column and the cure`() {
        let table: [(text: String, field: String?, column: Int, part: String)] = [
            ("", nil, 1, "empty"), ("* * * *", nil, 1, "found 4 fields"),
            ("* * * * * * 2026", nil, 13, "found 7 fields"),
            ("*/0 * * * *", "minute", 3, "from 1 on"),
            ("60 * * * *", "minute", 1, "between 0 and 59"),
            ("0 24 * * *", "hour", 3, "between 0 and 23"),
            ("0 0 0 * *", "day of month", 5, "between"),
            ("0 0 1 13 *", "month", 7, "between 1 and 12"),
            ("0 0 * * 8", "day of week", 9, "between"),
            ("5/15 * * * *", "minute", 1, "write 5-59/15"),
            ("58-2 * * * *", "minute", 1, "58-59,0-2"),
            ("0 22-2 * * *", "hour", 3, "22-23,0-2"),
            ("0 0 * * fri-mon", "day of week", 9, "5-7,1"),
            ("0 0 * * fri-sun", "day of week", 9, "write 5-7"),
            ("0 0 * 11-2 *", "month", 7, "11-12,1-2"), (",1 * * * *", "minute", 1, "missing"),
            ("1,,2 * * * *", "minute", 3, "missing"), ("1- * * * *", "minute", 3, "missing"),
            ("+5 * * * *", "minute", 1, "not a number"),
            ("-5 * * * *", "minute", 1, "not a number"),
            ("*/+5 * * * *", "minute", 3, "from 1 on"),
            ("0~30 * * * *", "minute", 1, "not a number"),
            ("0 0 * * MONDAY", "day of week", 9, "sun to sat"),
            ("0 0 * * mon#6", "day of week", 9, "1 to 5"),
            ("0 0 * * mon#1x", "day of week", 9, "1 to 5"),
            ("0 0 * * L", "day of week", 9, "as in"),
            ("? * * * *", "minute", 1, "only for a day field"),
            ("0 0 L-31 * *", "day of month", 5, "1 to 30"),
            ("0 0 32W * *", "day of month", 5, "1 to 31"),
            ("H(5-1) * * * *", "minute", 1, "H(0-59)"),
            ("@every 0s", nil, 8, "above zero"), ("@every", nil, 1, "above zero"),
            ("@DAILY", nil, 1, "not known"), ("@daily x", nil, 8, "nothing may follow"),
            ("0 0 1 1 99999999999999999999", "day of week", 9, "not a number"),
            (String(repeating: "*", count: 1_001), nil, 1_001, "longer"),
        ]
        for row in table {
            do throws(CronError) {
                _ = try CronParser.parse(row.text, hash: 0)
                Issue.record("accepted: \(row.text)")
            } catch {
                #expect(error.field == row.field, "\(row.text)")
                #expect(error.column == row.column, "\(row.text)")
                #expect(error.message.contains(row.part), "\(row.text): \(error.message)")
            }
        }
    }

    @Test func `what is surely a mistake is accepted with a warning`() throws {
        let table = [
            ("0 0 30 2 *", "never occurs"), ("0 0 31 4 *", "never occurs"),
            ("*/60 * * * *", "only 0"), ("1-5/99 * * * *", "only 1"),
            ("* */15 * * * *", "every second"),
            ("* 3 * * *", "every minute"), ("* */2 * * *", "every minute"),
        ]
        for (text, part) in table {
            let warnings = try CronParser.parse(text, hash: 0).warnings
            #expect(warnings.contains { $0.contains(part) }, "\(text): \(warnings)")
        }
        for text in ["*/5 9-17 * * 1-5", "0 0 * * 7", "* * * * *", "0 0 29 2 *"] {
            #expect(try CronParser.parse(text, hash: 0).warnings == [], "\(text)")
        }
    }

    @Test func `the last day, the nearest weekday and the nth weekday are found`() throws {
        let table: [(text: String, after: String, days: [String])] = [
            ("0 0 L * *", "2028-02-01T00:00:00Z", ["2028-02-29", "2028-03-31"]),
            ("0 0 L-2 * *", "2026-02-01T00:00:00Z", ["2026-02-26", "2026-03-29"]),
            ("0 0 LW * *", "2026-01-01T00:00:00Z", ["2026-01-30", "2026-02-27"]),
            ("0 0 1W * *", "2026-07-20T00:00:00Z", ["2026-08-03", "2026-09-01"]),
            ("0 0 15W * *", "2026-11-01T00:00:00Z", ["2026-11-16", "2026-12-15"]),
            ("0 0 31W * *", "2026-05-01T00:00:00Z", ["2026-05-29", "2026-07-31"]),
            ("0 0 * * fri#2", "2026-11-01T00:00:00Z", ["2026-11-13", "2026-12-11"]),
            ("0 0 * * mon#5", "2026-11-01T00:00:00Z", ["2026-11-30", "2027-03-29"]),
            ("0 0 * * 5L", "2026-11-01T00:00:00Z", ["2026-11-27", "2026-12-25"]),
            ("0 0 * * 7", "2026-11-25T00:00:00Z", ["2026-11-29", "2026-12-06"]),
            ("0 0 13 * ?", "2026-11-25T00:00:00Z", ["2026-12-13", "2027-01-13"]),
            ("0 0 29 2 *", "2096-03-01T00:00:00Z", ["2104-02-29", "2108-02-29"]),
        ]
        for row in table {
            let found = try next(row.text, after: row.after, count: row.days.count)
            #expect(found == row.days.map { "\($0)T00:00:00" }, "\(row.text)")
        }
    }

    /// Debian's cron, run at midnight of Friday 2026-03-20.
    @Test func `both day fields have to match where one begins with a star`() throws {
        let table = [
            ("0 0 */2 * 5", false), ("0 0 20 * */2", false), ("0 0 1,*/2 * 5", true),
            ("0 0 1-31 * 1", true),
        ]
        for (text, runs) in table {
            let found = try next(text, after: "2026-03-19T23:59:59Z")
            #expect((found == ["2026-03-20T00:00:00"]) == runs, "\(text)")
        }
    }

    @Test func `seconds stand in front, and names say the usual`() throws {
        #expect(
            try next("*/30 0 12 * * *", after: "2026-11-25T12:00:00Z", count: 2)
                == ["2026-11-25T12:00:30", "2026-11-26T12:00:00"])
        let table = [
            ("@hourly", "2026-11-25T18:00:00"), ("@daily", "2026-11-26T00:00:00"),
            ("@weekly", "2026-11-29T00:00:00"), ("@monthly", "2026-12-01T00:00:00"),
            ("@yearly", "2027-01-01T00:00:00"),
        ]
        for (text, first) in table {
            #expect(try next(text, after: "2026-11-25T17:38:34Z") == [first], "\(text)")
        }
        #expect(try CronParser.parse("@every 90s", hash: 0).schedule == .every(.seconds(90)))
        #expect(try CronParser.parse("@reboot", hash: 0).schedule == .reboot)
        #expect(try CronParser.parse("@start", hash: 0).schedule == .start)
    }

    @Test func `a hash is the same for ever, and within its bounds`() throws {
        for hash in 0..<200 as Range<UInt64> {
            let first = try CronParser.parse("H H(2-4) * * *", hash: hash)
            #expect(try CronParser.parse("H H(2-4) * * *", hash: hash) == first)
            guard case .times(let expression) = first.schedule,
                let next = expression.next(after: CivilTime(second: 0))
            else {
                Issue.record("it never occurs")
                continue
            }
            #expect((2...4).contains(next.hour))
            #expect(expression.isFixedTime)
        }
    }

    /// Every expression of a few characters, however odd, is refused or searched, and nothing traps.
    @Test func `no text traps the parser`() {
        let alphabet = [
            "*", "/", "-", ",", "0", "7", "9", "L", "W", "#", "?", "H", "(", "@", "ä", " ",
        ]
        var seed: UInt64 = 1
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0..<12 {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1
                text += alphabet[Int(seed >> 33) % alphabet.count]
            }
            for whole in [text, "0 0 \(text.replacing(" ", with: "")) * *"] {
                guard
                    case .times(let expression)? = try? CronParser.parse(whole, hash: seed).schedule
                else { continue }
                _ = expression.next(after: CivilTime(second: 1_000))
            }
        }
    }
}
