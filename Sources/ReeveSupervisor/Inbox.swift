// SPDX-License-Identifier: Apache-2.0
//
// Where events wait for the core. Sources and the executor put them in, the loop takes them out in
// the order of `Event.priority`; within one priority first come is first served. What does not fit
// into a turn waits for the next, still in that order.

internal import DequeModule
internal import ReeveCore

/// The events of the next turn, ordered by priority.
struct Inbox {
    /// One queue per priority; `Event.priority` is the index. Six queues cost nothing to order.
    private var queues: [Deque<Event>] = []
    /// How many events wait.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Adds an event behind those of its own priority.
    mutating func append(_ event: Event) {
        let priority = max(0, event.priority)
        while queues.count <= priority { queues.append(Deque()) }
        queues[priority].append(event)
        count += 1
    }

    /// Adds events in their order.
    mutating func append(contentsOf events: [Event]) {
        for event in events { append(event) }
    }

    /// Takes the first event of the smallest priority; nil when nothing waits.
    mutating func next() -> Event? {
        guard count > 0 else { return nil }
        for index in queues.indices {
            if let event = queues[index].popFirst() {
                count -= 1
                return event
            }
        }
        return nil
    }
}
