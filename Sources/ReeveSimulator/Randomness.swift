// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// All chance of a simulation: xoshiro256** (Blackman and Vigna), started from one number through
/// SplitMix64. Equal seeds give equal draws on every machine and in every build.
package struct Randomness: Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    /// The stream of this seed.
    package init(seed: UInt64) {
        var mixer = seed
        state = (
            Randomness.mix(&mixer), Randomness.mix(&mixer), Randomness.mix(&mixer),
            Randomness.mix(&mixer)
        )
    }

    /// A stream of its own for each part of a simulation, so that one more draw in one part does not
    /// change what happens in another.
    package init(seed: UInt64, stream: UInt64, part: UInt64 = 0) {
        var mixer = seed ^ (stream &* 0xD6E8_FEB8_6659_FD93)
        let first = Randomness.mix(&mixer)
        self.init(seed: first ^ (part &* 0xA076_1D64_78BD_642F))
    }

    private static func mix(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        let rotated = Randomness.rotate(state.1 &* 5, by: 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = Randomness.rotate(state.3, by: 45)
        return rotated
    }

    private static func rotate(_ word: UInt64, by count: UInt64) -> UInt64 {
        (word << count) | (word >> (64 - count))
    }

    /// A number from 0 to `bound`, exclusive; 0 where the bound is below one.
    package mutating func below(_ bound: Int) -> Int {
        guard bound > 0 else { return 0 }
        return Int(next() % UInt64(bound))
    }

    /// True in `percent` of a hundred draws.
    package mutating func chance(_ percent: Int) -> Bool {
        below(100) < percent
    }

    /// A span in whole microseconds, bounds included.
    package mutating func span(_ least: Duration, _ most: Duration) -> Duration {
        let width = max(0, (most - least).nanoseconds / 1_000)
        return least + .microseconds(Int64(below(Int(width) + 1)))
    }

    /// One of the choices; the last of a list stands in where the list were empty.
    package mutating func pick<Choice>(_ first: Choice, _ rest: Choice...) -> Choice {
        let index = below(rest.count + 1)
        return index == 0 ? first : rest[index - 1]
    }
}
