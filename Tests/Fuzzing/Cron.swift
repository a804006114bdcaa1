// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Any text as a cron expression: it is refused with a place in the text, or its occurrences come one
/// after another.
func fuzzCron(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    do throws(CronError) {
        let parsed = try CronParser.parse(text, hash: UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15)
        guard case .times(let expression) = parsed.schedule else { return }
        var second: Int64 = 1_795_628_314
        for _ in 0..<3 {
            guard let next = expression.occurrence(after: second, in: .utc) else { return }
            if next.second <= second { finding("\(next.second) does not come after \(second)") }
            second = next.second
        }
    } catch {
        if error.message.isEmpty || error.column < 1 { finding("an error without words or place") }
    }
}
