// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

@Suite struct TimeTests {
    @Test(
        arguments: [
            (0, "0s"), (1_000, "1us"), (999_999, "999us"), (1_000_000, "1ms"),
            (250_000_000, "250ms"),
            (999_999_999, "999ms"), (1_000_000_000, "1s"), (1_250_000_000, "1.25s"),
            (1_050_000_000, "1.05s"), (1_500_000_000, "1.5s"), (59_000_000_000, "59s"),
            (60_000_000_000, "1m"), (90_000_000_000, "1m30s"), (90_700_000_000, "1m30s"),
            (3_600_000_000_000, "1h"), (3_661_000_000_000, "1h1m"), (86_400_000_000_000, "1d"),
            (183_600_000_000_000, "2d3h"), (86_460_000_000_000, "1d"),
        ] as [(Int64, String)])
    func `a span reads as an operator would write it`(nanoseconds: Int64, text: String) {
        #expect(Duration(nanoseconds: nanoseconds).description == text)
    }

    @Test func `the longest span reads as no limit`() {
        #expect(Duration.max.description == "unlimited")
    }

    @Test func `spans are made from any unit and read back in whole ones`() {
        #expect(Duration.microseconds(3) == Duration(nanoseconds: 3_000))
        #expect(Duration.milliseconds(250) == Duration(nanoseconds: 250_000_000))
        #expect(Duration.seconds(90) == Duration.minutes(1) + .seconds(30))
        #expect(Duration.milliseconds(1_999).seconds == 1)
        #expect(Duration(nanoseconds: 1_999_999).milliseconds == 1)
    }

    @Test func `arithmetic saturates at both ends`() {
        #expect(Duration.seconds(.max) == .max)
        #expect(Duration.seconds(.min) == Duration(nanoseconds: .min))
        #expect(Duration.minutes(200_000_000) == .max)
        #expect(Duration.max + .seconds(1) == .max)
        #expect(Duration(nanoseconds: .min) - .seconds(1) == Duration(nanoseconds: .min))
        #expect(Duration(nanoseconds: .min) + .seconds(-1) == Duration(nanoseconds: .min))
        #expect(Duration.zero - Duration(nanoseconds: .min) == .max)
        #expect(Duration.seconds(2) * .max == .max)
        #expect(Duration.seconds(-2) * .max == Duration(nanoseconds: .min))
        #expect(Duration.seconds(2) * 3 == .seconds(6))
        #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
        #expect(Instant(nanoseconds: .min) - .distantFuture == Duration(nanoseconds: .min))
        #expect(Instant.distantFuture - Instant(nanoseconds: .min) == .max)
        #expect(WallTime(nanoseconds: .max) + .seconds(1) == WallTime(nanoseconds: .max))
        #expect(WallTime(nanoseconds: .min) - WallTime(nanoseconds: .max) < .zero)
    }

    @Test func `division rounds towards zero and takes no divisor below one`() {
        #expect(Duration(nanoseconds: 10) / 3 == Duration(nanoseconds: 3))
        #expect(Duration.seconds(30) / 0 == .seconds(30))
        #expect(Duration(nanoseconds: .min) / -1 == Duration(nanoseconds: .min))
    }

    @Test func `no factor traps`() {
        let second = Duration.seconds(1)
        #expect(second.scaled(by: 1.5, atMost: .max) == .milliseconds(1_500))
        #expect(second.scaled(by: 1e300, atMost: .seconds(60)) == .seconds(60))
        #expect(second.scaled(by: .infinity, atMost: .max) == .max)
        #expect(second.scaled(by: .nan, atMost: .max) == .zero)
        #expect(second.scaled(by: -1, atMost: .max) == .zero)
        #expect(Duration.zero.scaled(by: .infinity, atMost: .max) == .zero)
        #expect(Duration.max.scaled(by: 1, atMost: .max) == .max)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_795_628_314, "2026-11-25T17:38:34Z"),
            (951_782_400, "2000-02-29T00:00:00Z"), (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"), (1_735_689_599, "2024-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"), (-86_400, "1969-12-31T00:00:00Z"),
            (2_147_483_648, "2038-01-19T03:14:08Z"),
        ] as [(Int64, String)])
    func `an instant is written as RFC 3339 in UTC`(seconds: Int64, text: String) {
        #expect(WallTime(nanoseconds: seconds * 1_000_000_000).description == text)
    }

    @Test func `the fraction of a second is cut, never rounded`() {
        let instant = WallTime(nanoseconds: 1_999_999_999)
        #expect(instant.rfc3339(fractionDigits: 0) == "1970-01-01T00:00:01Z")
        #expect(instant.rfc3339(fractionDigits: 3) == "1970-01-01T00:00:01.999Z")
        #expect(instant.rfc3339(fractionDigits: 9) == "1970-01-01T00:00:01.999999999Z")
        #expect(instant.rfc3339(fractionDigits: 12) == "1970-01-01T00:00:01.999999999Z")
        let early = WallTime(nanoseconds: -1)
        #expect(early.rfc3339(fractionDigits: 3) == "1969-12-31T23:59:59.999Z")
        let small = WallTime(nanoseconds: 5_000_000)
        #expect(small.rfc3339(fractionDigits: 3) == "1970-01-01T00:00:00.005Z")
    }

    @Test func `every day of four centuries follows the one before`() {
        var previous = WallTime(nanoseconds: -90_000 * 86_400_000_000_000).description
        var date = (year: 0, month: 0, day: 0)
        for day in -89_999..<100_000 {
            let text = WallTime(nanoseconds: Int64(day) * 86_400_000_000_000).description
            #expect(previous < text && text.hasSuffix("T00:00:00Z") && text.utf8.count == 20)
            let parts = text.prefix(10).split(separator: "-").compactMap { Int($0) }
            let next = (year: parts[0], month: parts[1], day: parts[2])
            if date.year != 0 {
                let isNextDay = next.month == date.month && next.day == date.day + 1
                let isNextMonth = next.day == 1 && next.month == date.month % 12 + 1
                #expect(isNextDay || isNextMonth)
                if next.month == 3 && next.day == 1 {
                    let year = next.year
                    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
                    #expect(date.day == (isLeap ? 29 : 28))
                }
            }
            previous = text
            date = next
        }
    }

    @Test func `a moment knows the wall time of another monotonic instant`() {
        let moment = World.start
        #expect(moment.wall(at: moment.monotonic + .seconds(5)) == moment.wall + .seconds(5))
        #expect(moment.wall(at: moment.monotonic + .seconds(-5)) == moment.wall + .seconds(-5))
    }

    @Test(
        arguments: [
            (0, "0B"), (512, "512B"), (999, "999B"), (1_000, "1kB"), (64_500, "64.5kB"),
            (45_200_000, "45.2MB"), (50_000_000, "50MB"), (1_300_000_000, "1.3GB"),
            (2_000_000_000_000, "2TB"),
        ] as [(Int64, String)])
    func `sizes are written in decimal units`(count: Int64, text: String) {
        #expect(Bytes(count).description == text)
    }

    @Test func `sizes saturate and shares of them do not overflow`() {
        #expect(Bytes(.max) + Bytes(1) == Bytes(.max))
        #expect(Bytes(1_000).percent(80) == Bytes(800))
        #expect(Bytes(1_001).percent(80) == Bytes(800))
        #expect(Bytes(50_000_000).percent(80) == Bytes(40_000_000))
        #expect(Bytes(.max).percent(80) < Bytes(.max))
        #expect(Bytes(.max).percent(80) > Bytes(.max / 100 * 79))
    }
}
