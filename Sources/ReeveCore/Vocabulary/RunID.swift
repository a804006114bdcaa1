// SPDX-License-Identifier: Apache-2.0

/// Where a scheduler stands in the supervisor's table. Stable for the life of a supervisor.
package struct SchedulerID: Comparable, Hashable, Sendable {
    package let index: Int

    package init(_ index: Int) {
        self.index = index
    }

    package static func < (left: SchedulerID, right: SchedulerID) -> Bool {
        left.index < right.index
    }
}

/// The name of one run: unique, sortable by start, 26 characters of Crockford's base 32.
///
/// 48 bits of wall-clock milliseconds, 16 bits of sequence, then the 64 bits of the state directory's
/// own random id, by which reeve knows a process of its own from another supervisor's.
package struct RunID: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// Milliseconds in the upper 48 bits, sequence in the lower 16.
    package let order: UInt64
    /// The state directory's random id.
    package let origin: UInt64

    package init(order: UInt64, origin: UInt64) {
        self.order = order
        self.origin = origin
    }

    package static func < (left: RunID, right: RunID) -> Bool {
        (left.order, left.origin) < (right.order, right.origin)
    }

    /// The instant the run was asked for, cut to milliseconds.
    package var milliseconds: UInt64 { order >> 16 }

    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    package var description: String {
        // 130 bits for 26 characters: the first takes three bits of the number, the rest five each.
        var digits = [UInt8](repeating: 0, count: 26)
        var (high, low) = (order, origin)
        for index in digits.indices.reversed() {
            digits[index] = RunID.alphabet[Int(low & 31)]
            low = (low >> 5) | (high << 59)
            high >>= 5
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// Reads what `description` writes; nil for anything else.
    package init?(_ text: String) {
        let characters = Array(text.utf8)
        guard characters.count == 26, characters[0] <= UInt8(ascii: "7") else { return nil }
        var (high, low): (UInt64, UInt64) = (0, 0)
        for character in characters {
            guard let digit = RunID.alphabet.firstIndex(of: character) else { return nil }
            high = (high << 5) | (low >> 59)
            low = (low << 5) | UInt64(digit)
        }
        self.init(order: high, origin: low)
    }
}

/// Gives each run its id. Ids grow even where the wall clock steps backwards or stands still.
struct RunSequence: Sendable {
    private let origin: UInt64
    private var last: UInt64 = 0

    init(origin: UInt64) {
        self.origin = origin
    }

    mutating func next(at wall: WallTime) -> RunID {
        let milliseconds = UInt64(max(0, wall.nanoseconds)) / 1_000_000
        let first = (milliseconds & 0xFFFF_FFFF_FFFF) << 16
        // Past the 65,536th run of one millisecond the number runs ahead of the clock.
        last = max(last &+ 1, first)
        return RunID(order: last, origin: origin)
    }
}
