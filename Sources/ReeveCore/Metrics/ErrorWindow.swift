// SPDX-License-Identifier: Apache-2.0
//
// How many executions succeeded and failed lately: a ring of thirty slots, each a thirtieth of the window.
// The present slot is part of it, so that the window is between 29 and 30 thirtieths long.

/// Successes and failures within a window.
struct ErrorWindow: Equatable, Sendable {
    static let slots = 30

    private struct Slot: Equatable, Sendable {
        var succeeded: UInt32 = 0
        var failed: UInt32 = 0
    }

    private let width: Duration
    /// Empty until something comes in.
    private var ring: [Slot] = []
    /// The number of the present slot, counted from the clock's origin.
    private var present: Int64 = 0

    init(_ window: Duration) {
        width = max(.milliseconds(1), window / ErrorWindow.slots)
    }

    mutating func add(succeeded: Bool, at now: Instant) {
        if ring.isEmpty {
            ring = Array(repeating: Slot(), count: ErrorWindow.slots)
            present = number(now)
        }
        turn(to: now)
        let index = place(present)
        if succeeded {
            ring[index].succeeded = ring[index].succeeded.addingSaturated(1)
        } else {
            ring[index].failed = ring[index].failed.addingSaturated(1)
        }
    }

    /// What ended within the window.
    func counts(at now: Instant) -> (succeeded: Int, failed: Int) {
        var sum = (succeeded: 0, failed: 0)
        for (_, slot) in known(at: now) {
            sum.succeeded += Int(slot.succeeded)
            sum.failed += Int(slot.failed)
        }
        return sum
    }

    /// When something leaves the window; nil while there is nothing in it.
    func nextChange(after now: Instant) -> Instant? {
        let oldest = known(at: now).map(\.number).min()
        return oldest.map { number in
            let end = number + Int64(ErrorWindow.slots)
            return Instant(nanoseconds: end.multipliedSaturated(by: width.nanoseconds))
        }
    }

    mutating func clear() {
        ring = []
    }

    /// The slots of the window that hold something, with their numbers.
    private func known(at now: Instant) -> [(number: Int64, slot: Slot)] {
        guard !ring.isEmpty else { return [] }
        let oldest = number(now) - Int64(ErrorWindow.slots) + 1
        return (0..<Int64(ErrorWindow.slots)).compactMap { age in
            let number = present - age
            let slot = ring[place(number)]
            return number >= oldest && slot != Slot() ? (number, slot) : nil
        }
    }

    private mutating func turn(to now: Instant) {
        let number = number(now)
        guard number > present else { return }
        for step in 0..<min(number - present, Int64(ErrorWindow.slots)) {
            ring[place(number - step)] = Slot()
        }
        present = number
    }

    private func number(_ now: Instant) -> Int64 { max(0, now.nanoseconds) / width.nanoseconds }

    private func place(_ number: Int64) -> Int {
        let slots = Int64(ErrorWindow.slots)
        return Int((number % slots + slots) % slots)
    }
}

extension UInt32 {
    /// The sum, or the highest number there is.
    func addingSaturated(_ other: UInt32) -> UInt32 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

extension Int64 {
    fileprivate func multipliedSaturated(by other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
