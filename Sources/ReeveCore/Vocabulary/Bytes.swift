// SPDX-License-Identifier: Apache-2.0

/// An amount of memory or storage, in bytes.
package struct Bytes: Comparable, Hashable, Sendable, CustomStringConvertible {
    package let count: Int64

    package init(_ count: Int64) {
        self.count = count
    }

    /// Nothing.
    package static let zero = Bytes(0)

    package static func < (left: Bytes, right: Bytes) -> Bool { left.count < right.count }

    /// Saturates; sums over a process tree come from outside.
    package static func + (left: Bytes, right: Bytes) -> Bytes {
        let (sum, overflow) = left.count.addingReportingOverflow(right.count)
        return Bytes(overflow ? .max : sum)
    }

    /// The given share in percent, rounded towards zero: `Bytes(1000).percent(80)` is 800.
    package func percent(_ share: Int64) -> Bytes {
        Bytes(count / 100 * share + count % 100 * share / 100)
    }

    /// Decimal units as the configuration writes them: "512B", "64kB", "45.2MB", "1.3GB".
    package var description: String {
        let units: [(name: String, size: Int64)] = [
            ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000),
        ]
        for unit in units where count >= unit.size {
            let tenths = count / (unit.size / 10)
            let rest = tenths % 10
            return "\(tenths / 10)" + (rest == 0 ? "" : ".\(rest)") + unit.name
        }
        return "\(count)B"
    }
}
