// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveSupervisor

@Suite struct ProcessesInboxTests {
    private let run = RunID(order: 1, origin: 2)
    private let other = RunID(order: 2, origin: 2)

    private func drained(_ events: [Event]) -> [Event] {
        var inbox = Inbox()
        inbox.append(contentsOf: events)
        #expect(inbox.count == events.count)
        var result: [Event] = []
        while let event = inbox.next() { result.append(event) }
        #expect(inbox.isEmpty)
        return result
    }

    @Test func `a turn handles spawns before exits, exits before requests, and time after both`() {
        let identity = ProcessIdentity(pid: PID(7), startTime: 1)
        let events: [Event] = [
            .timePassed,
            .sampled(run, .resident(.zero)),
            .requested(RequestID(1), .stopAll),
            .exited(run, .exited(code: 0), leftovers: []),
            .spawned(run, identity),
            .began,
        ]
        #expect(
            drained(events) == events.reversed().map { $0 }.sorted { $0.priority < $1.priority })
        #expect(drained(events).map(\.priority) == [0, 1, 2, 3, 4, 5])
    }

    @Test func `events of one priority keep their order`() {
        let events: [Event] = [
            .exited(other, .exited(code: 1), leftovers: []),
            .surveyed(run, alive: [], reached: nil),
            .exited(run, .exited(code: 0), leftovers: []),
            .swept(alive: []),
        ]
        #expect(drained(events) == events)
    }

    @Test func `what a turn leaves is before what comes later, within its priority`() {
        var inbox = Inbox()
        inbox.append(.requested(RequestID(1), .stopAll))
        inbox.append(.requested(RequestID(2), .stopAll))
        #expect(inbox.next() == .requested(RequestID(1), .stopAll))
        inbox.append(.requested(RequestID(3), .stopAll))
        inbox.append(.exited(run, .exited(code: 0), leftovers: []))
        #expect(inbox.next() == .exited(run, .exited(code: 0), leftovers: []))
        #expect(inbox.next() == .requested(RequestID(2), .stopAll))
        #expect(inbox.next() == .requested(RequestID(3), .stopAll))
        #expect(inbox.next() == nil)
    }
}
