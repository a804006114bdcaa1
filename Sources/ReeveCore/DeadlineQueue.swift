// SPDX-License-Identifier: Apache-2.0

internal import HeapModule

/// Which scheduler is due when. A heap in which an entry that no longer holds is skipped when it comes
/// up, so that moving a deadline costs one push and nothing grows with the number of schedulers.
struct DeadlineQueue: Sendable {
    private struct Entry: Comparable, Sendable {
        let at: Instant
        let scheduler: SchedulerID

        static func < (left: Entry, right: Entry) -> Bool {
            (left.at, left.scheduler) < (right.at, right.scheduler)
        }
    }

    private var heap = Heap<Entry>()
    /// The deadline in force of each scheduler; nil has none.
    private var current: [Instant?]

    init(count: Int) {
        current = Array(repeating: nil, count: count)
    }

    /// One more scheduler.
    mutating func add() { current.append(nil) }

    /// The earliest deadline in force.
    var earliest: Instant? {
        heap.min?.at
    }

    mutating func set(_ deadline: Instant?, for scheduler: SchedulerID) {
        guard current[scheduler.index] != deadline else { return }
        current[scheduler.index] = deadline
        if let deadline { heap.insert(Entry(at: deadline, scheduler: scheduler)) }
        dropStale()
        // Deadlines far ahead that were moved stay in the heap until they come up; not without bound.
        if heap.count > 4 * current.count + 64 { rebuild() }
    }

    /// Takes the next scheduler whose deadline has come. Its deadline is then unset.
    mutating func popDue(at now: Instant) -> SchedulerID? {
        guard let first = heap.min, first.at <= now else { return nil }
        heap.removeMin()
        current[first.scheduler.index] = nil
        dropStale()
        return first.scheduler
    }

    /// Keeps the top of the heap in force, so that `earliest` never wakes anyone for nothing.
    private mutating func dropStale() {
        while let first = heap.min, current[first.scheduler.index] != first.at { heap.removeMin() }
    }

    private mutating func rebuild() {
        heap = Heap(
            current.enumerated().compactMap { index, deadline in
                deadline.map { Entry(at: $0, scheduler: SchedulerID(index)) }
            })
    }
}
