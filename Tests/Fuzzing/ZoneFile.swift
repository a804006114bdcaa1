// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Any bytes as a TZif file: refused, or a zone that answers for every instant.
func fuzzZone(_ bytes: [UInt8]) {
    guard let zone = try? Zone.parse(bytes, name: "fuzz") else { return }
    let day: Int64 = 86_400
    for second in [Int64.min, -1 << 40, 0, 1_795_628_314, 1 << 33, 1 << 40, .max] {
        let period = zone.period(at: second)
        if abs(period.offset) > 2 * day { finding("an offset of \(period.offset) seconds") }
    }
    guard case .times(let expression)? = try? CronParser.parse("30 2 * * *", hash: 0).schedule
    else { return }
    var second: Int64 = 1_795_628_314
    for _ in 0..<4 {
        guard let next = expression.occurrence(after: second, in: zone) else { return }
        if next.second <= second { finding("\(next.second) does not come after \(second)") }
        second = next.second
    }
}
