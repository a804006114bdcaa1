// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

/// Cron expressions and zones against others; a small part of what `Tests/Oracles/run` compares.
@Suite struct CronOracleTests {
    private struct Difference: CustomStringConvertible {
        let line: String
        let ours: [Int64]
        var description: String { "\(line) ours: \(ours)" }
    }

    @Test func `occurrences are those that cronsim gives`() {
        let differences = compare(cronGolden)
        #expect(differences.isEmpty, "\(differences)")
    }

    @Test func `occurrences are those at which Debian's cron starts its jobs`() {
        let differences = compare(debianCronGolden)
        #expect(differences.isEmpty, "\(differences)")
    }

    @Test func `zones are those that Python's zoneinfo reads`() throws {
        for line in zoneGolden.split(separator: "\n") {
            let parts = line.split(separator: "|").map(String.init)
            try #require(parts.count == 4)
            let zone = try #require(ZoneFiles.zone(parts[0]))
            let second = try #require(Int64(parts[1]))
            let period = zone.period(at: second)
            #expect("\(period.offset)" == parts[2] && period.abbreviation == parts[3], "\(line)")
        }
    }

    private func compare(_ lines: String) -> [Difference] {
        var zones: [String: Zone] = [:]
        var differences: [Difference] = []
        for line in lines.split(separator: "\n") {
            let parts = line.split(separator: "|").map(String.init)
            if zones[parts[1]] == nil { zones[parts[1]] = ZoneFiles.zone(parts[1]) }
            guard parts.count == 4, let start = Int64(parts[2]), let zone = zones[parts[1]] else {
                differences.append(.init(line: String(line), ours: []))
                continue
            }
            let theirs = parts[3].split(separator: ",").compactMap { Int64($0) }
            var ours: [Int64] = []
            if case .times(let expression)? = try? CronParser.parse(parts[0], hash: 0).schedule {
                var second = start
                while ours.count < theirs.count,
                    let next = expression.occurrence(after: second, in: zone)
                {
                    ours.append(next.second)
                    second = next.second
                }
            }
            if ours != theirs { differences.append(.init(line: String(line), ours: ours)) }
        }
        return differences
    }
}
