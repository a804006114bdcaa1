// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

/// Zones, and schedules where their clocks change.
@Suite struct ZoneTests {
    private func occurrences(
        _ text: String, _ zoneName: String, from: String, before: String
    ) throws -> [String] {
        let zone = try #require(ZoneFiles.zone(zoneName))
        guard case .times(let expression) = try CronParser.parse(text, hash: 0).schedule else {
            return []
        }
        let end = try #require(WallTime(instant: before)).second
        var second = try #require(WallTime(instant: from)).second - 1
        var found: [String] = []
        while let next = expression.occurrence(after: second, in: zone), next.second < end {
            second = next.second
            found.append(String(next.rfc3339.dropFirst(11)))
        }
        return found
    }

    /// What Debian's cron 3.0pl1 did; three runs at 03:00 are one here.
    @Test func `in spring a fixed time comes right after the gap, and a rhythm follows the clock`()
        throws
    {
        let table: [(text: String, times: [String])] = [
            ("30 2 * * *", ["03:00:00+02:00"]), ("0 2 * * *", ["03:00:00+02:00"]),
            ("45 2 * * 0", ["03:00:00+02:00"]),
            (
                "0,30 1-3 * * *",
                ["01:00:00+01:00", "01:30:00+01:00", "03:00:00+02:00", "03:30:00+02:00"]
            ),
            ("*/30 2 * * *", []), ("30 */2 * * *", ["00:30:00+01:00", "04:30:00+02:00"]),
            (
                "0 * * * *",
                ["00:00:00+01:00", "01:00:00+01:00", "03:00:00+02:00", "04:00:00+02:00"]
            ),
        ]
        for row in table {
            let found = try occurrences(
                row.text, "Europe/Berlin", from: "2026-03-28T23:00:00Z",
                before: "2026-03-29T03:00:00Z")
            #expect(found == row.times, "\(row.text)")
        }
    }

    @Test func `in autumn a fixed time comes at the first pass, and a rhythm at both`() throws {
        let table: [(text: String, times: [String])] = [
            ("30 2 * * *", ["02:30:00+02:00"]), ("0 2 * * *", ["02:00:00+02:00"]),
            (
                "0,30 1-3 * * *",
                [
                    "01:00:00+02:00", "01:30:00+02:00", "02:00:00+02:00", "02:30:00+02:00",
                    "03:00:00+01:00", "03:30:00+01:00",
                ]
            ),
            (
                "*/30 2 * * *",
                ["02:00:00+02:00", "02:30:00+02:00", "02:00:00+01:00", "02:30:00+01:00"]
            ),
            ("30 */2 * * *", ["00:30:00+02:00", "02:30:00+02:00", "02:30:00+01:00"]),
            (
                "10 * * * *",
                [
                    "00:10:00+02:00", "01:10:00+02:00", "02:10:00+02:00", "02:10:00+01:00",
                    "03:10:00+01:00",
                ]
            ),
        ]
        for row in table {
            let found = try occurrences(
                row.text, "Europe/Berlin", from: "2026-10-24T22:00:00Z",
                before: "2026-10-25T03:00:00Z")
            #expect(found == row.times, "\(row.text)")
        }
    }

    @Test func `a half hour, and a lost day`() throws {
        #expect(
            try occurrences(
                "15 2 * * *", "Australia/Lord_Howe", from: "2026-10-03T10:00:00Z",
                before: "2026-10-04T00:00:00Z") == ["02:30:00+11:00"])
        #expect(
            try occurrences(
                "45 1 * * *", "Australia/Lord_Howe", from: "2026-04-04T10:00:00Z",
                before: "2026-04-05T00:00:00Z") == ["01:45:00+11:00"])
        // 30 December 2011 did not exist in Apia: its run comes at midnight, with the next day's.
        #expect(
            try occurrences(
                "0 12 * * *", "Pacific/Apia", from: "2011-12-29T20:00:00Z",
                before: "2011-12-31T12:00:00Z")
                == ["12:00:00-10:00", "00:00:00+14:00", "12:00:00+14:00"])
    }

    @Test func `the rule after the table is obeyed up to 2100`() throws {
        #expect(
            try occurrences(
                "30 2 * * *", "Europe/Berlin", from: "2099-03-28T23:00:00Z",
                before: "2099-03-29T03:00:00Z") == ["03:00:00+02:00"])
        let zone = try #require(ZoneFiles.zone("America/New_York"))
        let july = try #require(WallTime(instant: "2098-07-01T00:00:00Z")).second
        #expect(zone.period(at: july).offset == -14_400)
        #expect(zone.period(at: july).abbreviation == "EDT")
    }

    @Test func `POSIX rules of all forms are read, and others refused`() {
        let year = CivilTime(
            CivilDate(year: 2026, month: 7, dayOfMonth: 1), hour: 0, minute: 0, second: 0)
        let table: [(text: String, july: Int64?)] = [
            ("CET-1CEST,M3.5.0,M10.5.0/3", 7_200), ("EST5EDT,M3.2.0,M11.1.0", -14_400),
            ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 37_800), ("UTC0", 0), ("<-03>3", -10_800),
            ("IST-1GMT0,M10.5.0,M3.5.0/1", 3_600), ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -3_600),
            ("EST5EDT,J60,J300", -14_400), ("EST5EDT,59,300/2", -14_400), ("", nil), ("C1", nil),
            ("CET-1CEST", nil), ("CET-1CEST,M3.6.0,M10.5.0", nil),
            ("CET-1CEST,M13.1.0,M10.5.0", nil),
            ("CET-99999999999999999999", nil), ("<+1", nil), ("CET-1CEST,M3.5.0,M10.5.0/3 ", nil),
        ]
        for row in table {
            #expect(
                PosixZoneRule(row.text)?.period(at: year.second).offset == row.july, "\(row.text)")
        }
    }

    @Test
    func `a rule answers for any second, and so does a file whose last change is the last second`()
        throws
    {
        let rule = try #require(PosixZoneRule("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"))
        for second in [Int64.min, -1 << 59, 1 << 59, .max] {
            #expect([37_800, 39_600].contains(rule.period(at: second).offset))
        }
        #expect(rule.transition(after: .max) == nil)
        #expect(rule.transition(after: .min) != nil)
        let period = Zone.Period(offset: 0, isDaylightSaving: false, abbreviation: "X")
        let zone = Zone(
            name: "x", transitions: [.init(at: .max, period: period)], first: period, rule: rule)
        #expect(zone.transition(after: 0)?.at == .max)
        #expect(zone.transition(after: .max) == nil)
        #expect(zone.period(at: .max).offset != 0)
    }

    @Test func `cut and altered files are refused or read, and never trap`() throws {
        let whole = try #require(ZoneFiles.bytes(of: "/usr/share/zoneinfo/Europe/Berlin"))
        #expect(throws: ZoneError.self) { try Zone.parse([], name: "x") }
        for length in stride(from: 0, to: whole.count, by: 7) {
            _ = try? Zone.parse(Array(whole[..<length]), name: "x")
        }
        var seed: UInt64 = 7
        for _ in 0..<3_000 {
            var bytes = whole
            for _ in 0..<4 {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1
                bytes[Int(seed >> 33) % bytes.count] = UInt8(truncatingIfNeeded: seed >> 20)
            }
            guard let zone = try? Zone.parse(bytes, name: "x") else { continue }
            _ = zone.period(at: 4_000_000_000)
            _ = zone.transition(after: -4_000_000_000)
        }
    }

    @Test func `instants are read with any offset, and nothing else is`() throws {
        #expect(WallTime(instant: "1970-01-01T01:00:00+01:00") == WallTime(nanoseconds: 0))
        #expect(
            WallTime(instant: "1969-12-31T19:30:00.25-04:30") == WallTime(nanoseconds: 250_000_000))
        for text in [
            "", "2026-02-29T00:00:00Z", "2026-01-01", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+1:00", "9999-01-01T00:00:00Z", "2026-01-01T00:00:00Zx",
        ] { #expect(WallTime(instant: text) == nil, "\(text)") }
    }
}
