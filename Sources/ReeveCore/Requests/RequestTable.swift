// SPDX-License-Identifier: Apache-2.0
//
// Requests that are not answered yet. Each waits for its schedulers to reach a goal; a scheduler knows
// which requests wait for it, so that an event looks only at those it concerns.

/// What a request waits for, of one scheduler.
enum RequestGoal: Equatable, Sendable {
    case up
    case down
    /// As the configuration wants it.
    case reloaded
    /// Up with another run than this.
    case restarted(from: RunID?)
    /// The execution of this number has begun, or will not.
    case executed(Int)
    /// The recovery of this number is over.
    case recovered(Int)
}

struct WaitingRequest: Equatable, Sendable {
    let goal: RequestGoal
    let askedAt: Instant
    /// Schedulers that have not reached the goal.
    var missing: Int
    var outcomes: [Reply.Outcome]
    /// What the reply says about the whole.
    let words: String?
    let change: Reply.Change?
}

struct RequestTable: Sendable {
    /// Looked up by id, never iterated.
    private var waiting: [RequestID: WaitingRequest] = [:]
    /// Every waiting id, in the order of arrival.
    private(set) var order: [RequestID] = []
    /// By scheduler: who waits for it.
    private var waitersByScheduler: [[RequestID]] = []

    var count: Int { order.count }

    subscript(_ id: RequestID) -> WaitingRequest? { waiting[id] }

    func waiters(for scheduler: SchedulerID) -> [RequestID] {
        waitersByScheduler.indices.contains(scheduler.index)
            ? waitersByScheduler[scheduler.index] : []
    }

    mutating func add(
        _ id: RequestID, _ goal: RequestGoal, at now: Instant, for schedulers: [SchedulerID],
        words: String?, change: Reply.Change? = nil
    ) {
        waiting[id] = WaitingRequest(
            goal: goal, askedAt: now, missing: schedulers.count, outcomes: [], words: words,
            change: change)
        order.append(id)
        for scheduler in schedulers {
            while waitersByScheduler.count <= scheduler.index { waitersByScheduler.append([]) }
            waitersByScheduler[scheduler.index].append(id)
        }
    }

    /// Notes that one scheduler reached a request's goal, or cannot. Returns the whole request when that
    /// was the last one; it is then removed.
    mutating func reached(
        _ id: RequestID, _ scheduler: SchedulerID, _ outcome: Reply.Outcome
    ) -> WaitingRequest? {
        waitersByScheduler[scheduler.index].removeAll { $0 == id }
        // Changed in place: a copy would move all outcomes for each of them.
        waiting[id]?.outcomes.append(outcome)
        waiting[id]?.missing -= 1
        guard let request = waiting[id], request.missing <= 0 else { return nil }
        waiting[id] = nil
        order.removeAll { $0 == id }
        return request
    }

    mutating func remove(_ id: RequestID) {
        guard waiting.removeValue(forKey: id) != nil else { return }
        order.removeAll { $0 == id }
        for index in waitersByScheduler.indices where waitersByScheduler[index].contains(id) {
            waitersByScheduler[index].removeAll { $0 == id }
        }
    }
}
