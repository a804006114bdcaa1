// SPDX-License-Identifier: Apache-2.0
//
// What the next occurrence costs: reads cron expressions, one a line, and prints nanoseconds for each: to
// read it, and to find its next occurrence in UTC and in a zone with daylight saving time. Built and run by
// schedules.py.

internal import Glibc
internal import ReeveCore

/// Now, in nanoseconds.
private func now() -> UInt64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

private func bytes(of path: String) -> [UInt8] {
    guard let file = unsafe fopen(path, "re") else { return [] }
    defer { unsafe _ = fclose(file) }
    var bytes: [UInt8] = []
    while true {
        let byte = unsafe getc(file)
        if byte < 0 { return bytes }
        bytes.append(UInt8(truncatingIfNeeded: byte))
    }
}

@main struct Next {
    static func main() throws {
        var lines: [String] = []
        while let line = readLine() { lines.append(line) }
        let start: Int64 = 1_795_628_314
        let berlin = try Zone.parse(
            bytes(of: "/usr/share/zoneinfo/Europe/Berlin"), name: "Europe/Berlin")
        var best: [String: Double] = [:]
        for _ in 0..<5 {
            var began = now()
            var expressions: [CronExpression] = []
            for line in lines {
                if case .times(let expression) = try CronParser.parse(line, hash: 0).schedule {
                    expressions.append(expression)
                }
            }
            note("read", began, lines.count, &best)
            for (name, zone) in [("utc", Zone.utc), ("berlin", berlin)] {
                began = now()
                var sum: Int64 = 0
                for expression in expressions {
                    sum &+= expression.occurrence(after: start, in: zone)?.second ?? 0
                }
                note(name, began, expressions.count, &best)
                if sum == 1 { print("never") }
            }
        }
        for (name, value) in best.sorted(by: { $0.key < $1.key }) { print(name, value) }
    }

    private static func note(
        _ name: String, _ began: UInt64, _ count: Int, _ best: inout [String: Double]
    ) {
        let each = Double(now() - began) / Double(count)
        best[name] = min(best[name] ?? each, each)
    }
}
