// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import Testing

/// Cron expressions against an independent implementation.
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

    /// Out of CI: tens of thousands of lines, from a generator.
    @Test(.enabled(if: unsafe getenv("REEVE_CRON_ORACLE") != nil))
    func `occurrences are those of a generated file`() throws {
        let path = try #require(
            unsafe getenv("REEVE_CRON_ORACLE").map { unsafe String(cString: $0) })
        let bytes = try #require(ZoneFiles.bytes(of: path))
        let differences = compare(String(decoding: bytes, as: UTF8.self))
        for difference in differences.prefix(40) { print(difference) }
        #expect(differences.isEmpty, "\(differences.count) differences")
    }

    private func compare(_ lines: String) -> [Difference] {
        var zones: [String: Zone] = [:]
        var differences: [Difference] = []
        for line in lines.split(separator: "\n") {
            let parts = line.split(separator: "|").map(String.init)
            guard parts.count == 4, let start = Int64(parts[2]) else { continue }
            if zones[parts[1]] == nil { zones[parts[1]] = ZoneFiles.zone(parts[1]) }
            guard let zone = zones[parts[1]] else {
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
