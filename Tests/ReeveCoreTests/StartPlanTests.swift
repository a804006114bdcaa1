// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

@Suite struct StartPlanTests {
    /// A scheduler with a priority that needs others.
    private func unit(
        _ text: String, priority: Int = 0, needs: String...
    ) -> SchedulerSpecification {
        daemon(text) { specification in
            specification.order.priority = priority
            for need in needs { specification.needs(need) }
        }
    }

    private func ids(_ indices: Int...) -> [SchedulerID] { indices.map { SchedulerID($0) } }

    @Test(
        arguments: [
            (.max, 1), (11, 1), (10, 1), (9, 2), (5, 2), (4, 3), (1, 3), (0, 4), (-1, 4), (.min, 4),
        ] as [(Int, Int)])
    func `the phase comes from the priority`(priority: Int, phase: Int) {
        #expect(StartPlan.phase(ofPriority: priority) == phase)
    }

    @Test func `a dependency in a later phase moves its dependents there`() {
        let plan = StartPlan([
            unit("web", priority: 10, needs: "api"), unit("api", priority: 5, needs: "db"),
            unit("db", priority: 0), unit("other", priority: 10),
        ])
        #expect(plan.ownPhases == [1, 2, 4, 1])
        #expect(plan.phases == [4, 4, 4, 1])
        #expect(plan.depths == [2, 1, 0, 0])
        #expect(plan.cycle == [] && plan.unstartable == [])
    }

    @Test func `a dependency in an earlier phase moves nothing`() {
        let plan = StartPlan([unit("web", needs: "db"), unit("db", priority: 10)])
        #expect(plan.phases == [4, 1])
    }

    @Test func `depth is the longest way down, not the shortest`() {
        let plan = StartPlan([
            unit("top", needs: "a", "d"), unit("a", needs: "b"), unit("b", needs: "c"),
            unit("c", needs: "d"), unit("d"),
        ])
        #expect(plan.depths == [4, 3, 2, 1, 0])
        #expect(plan.dependents == [[], ids(0), ids(1), ids(2), ids(0, 3)])
    }

    @Test func `a cycle is named closed and nothing on it or above it can start`() {
        let plan = StartPlan([
            unit("above", needs: "a"), unit("a", needs: "b"), unit("b", needs: "c"),
            unit("c", needs: "a"), unit("free"), unit("below-is-fine", needs: "free"),
        ])
        #expect(plan.cycle.map(\.text) == ["a", "b", "c", "a"])
        #expect(plan.unstartable == ids(0, 1, 2, 3))
        #expect(plan.depths[5] == 1)
    }

    @Test func `what a cycle needs can start`() {
        let plan = StartPlan([
            unit("a", needs: "db", "b"), unit("b", needs: "a"), unit("db"),
        ])
        #expect(plan.unstartable == ids(0, 1))
        #expect(plan.cycle.map(\.text) == ["a", "b", "a"])
    }

    @Test func `needing oneself is a cycle`() {
        let plan = StartPlan([unit("a", needs: "a")])
        #expect(plan.cycle.map(\.text) == ["a", "a"])
        #expect(plan.unstartable == ids(0))
    }

    @Test func `of two cycles one is named and both are held`() {
        let plan = StartPlan([
            unit("a", needs: "b"), unit("b", needs: "a"), unit("x", needs: "y"),
            unit("y", needs: "x"),
        ])
        #expect(plan.cycle.map(\.text) == ["a", "b", "a"])
        #expect(plan.unstartable == ids(0, 1, 2, 3))
    }

    @Test func `an unknown dependency is kept without a target`() {
        let plan = StartPlan([unit("web", needs: "ghost")])
        #expect(plan.dependencies[0].map(\.target) == [nil])
        #expect(plan.dependencies[0].map(\.name.text) == ["ghost"])
        #expect(plan.depths == [0] && plan.unstartable == [])
    }

    @Test func `a dependency named twice counts once and keeps both conditions`() {
        let plan = StartPlan([
            daemon("web") {
                $0.needs("db", .started)
                $0.needs("db", .healthy)
            }, unit("db"),
        ])
        #expect(plan.dependencies[0].map(\.condition) == [.started, .healthy])
        #expect(plan.dependents[1] == ids(0))
        #expect(plan.depths == [1, 0])
    }

    @Test func `a chain of ten thousand is worked out`() {
        let plan = StartPlan(
            (0..<10_000).map { index in
                index == 0 ? unit("d0") : unit("d\(index)", needs: "d\(index - 1)")
            })
        #expect(plan.depths.last == 9_999)
        #expect(plan.stopLevels(staggered: true).count == 10_000)
    }

    @Test func `stopping goes back through phases and depths, a level at once`() {
        let plan = StartPlan([
            unit("db", priority: 10), unit("cache", priority: 10),
            unit("api", priority: 10, needs: "db"), unit("web", needs: "api"), unit("job"),
        ])
        #expect(plan.stopLevels(staggered: true) == [ids(3), ids(4), ids(2), ids(0, 1)])
        #expect(plan.stopLevels(staggered: false) == [ids(3), ids(2), ids(0, 1, 4)])
    }

    @Test func `dependents always stop in an earlier level`() {
        var random = SplitMix64(seed: 11)
        for _ in 0..<200 {
            let count = 2 + Int(random.next() % 20)
            let plan = StartPlan(
                (0..<count).map { index in
                    daemon("d\(index)") { specification in
                        specification.order.priority = Int(random.next() % 15) - 2
                        for other in 0..<index where random.next() % 4 == 0 {
                            specification.needs("d\(other)")
                        }
                    }
                })
            for staggered in [true, false] {
                let levels = plan.stopLevels(staggered: staggered)
                var level = Array(repeating: -1, count: count)
                for (number, members) in levels.enumerated() {
                    for member in members { level[member.index] = number }
                }
                #expect(!level.contains(-1))
                for (index, edges) in plan.dependencies.enumerated() {
                    #expect(
                        edges.compactMap(\.target).allSatisfy { level[$0.index] > level[index] })
                    #expect(
                        edges.compactMap(\.target)
                            .allSatisfy { plan.phases[$0.index] <= plan.phases[index] })
                }
            }
        }
    }

    @Test func `no scheduler makes an empty plan`() {
        let plan = StartPlan([])
        #expect(plan.phases == [] && plan.cycle == [] && plan.stopLevels(staggered: true) == [])
    }
}

@Suite struct DeadlineQueueTests {
    private func at(_ seconds: Int64) -> Instant { Instant.zero + .seconds(seconds) }
    private let a = SchedulerID(0)
    private let b = SchedulerID(1)

    @Test func `the earliest is first and each comes once`() {
        var queue = DeadlineQueue(count: 2)
        #expect(queue.earliest == nil && queue.popDue(at: .distantFuture) == nil)
        queue.set(at(5), for: a)
        queue.set(at(3), for: b)
        #expect(queue.earliest == at(3))
        #expect(queue.popDue(at: at(2)) == nil)
        #expect(queue.popDue(at: at(5)) == b)
        #expect(queue.popDue(at: at(5)) == a)
        #expect(queue.popDue(at: at(5)) == nil && queue.earliest == nil)
    }

    @Test func `at one instant they come in the order of their ids`() {
        var queue = DeadlineQueue(count: 2)
        queue.set(at(1), for: b)
        queue.set(at(1), for: a)
        #expect(queue.popDue(at: at(1)) == a)
        #expect(queue.popDue(at: at(1)) == b)
    }

    @Test func `a deadline that was moved or dropped wakes nobody`() {
        var queue = DeadlineQueue(count: 2)
        queue.set(at(1), for: a)
        queue.set(at(9), for: a)
        #expect(queue.earliest == at(9) && queue.popDue(at: at(5)) == nil)
        queue.set(at(4), for: a)
        #expect(queue.earliest == at(4))
        queue.set(nil, for: a)
        #expect(queue.earliest == nil && queue.popDue(at: .distantFuture) == nil)
        queue.set(at(1), for: a)
        queue.set(at(2), for: a)
        queue.set(at(1), for: a)
        #expect(queue.popDue(at: at(3)) == a)
        #expect(queue.popDue(at: at(3)) == nil)
    }

    @Test func `deadlines that only ever move away leave nothing behind`() {
        var queue = DeadlineQueue(count: 2)
        queue.set(at(1), for: b)
        for second: Int64 in 10..<5_000 { queue.set(at(second), for: a) }
        #expect(queue.earliest == at(1))
        #expect(queue.popDue(at: at(4_998)) == b)
        #expect(queue.earliest == at(4_999))
        #expect(queue.popDue(at: at(4_999)) == a)
        #expect(queue.popDue(at: .distantFuture) == nil)
    }

    @Test func `it tells the same as a plain table, whatever is moved`() {
        var random = SplitMix64(seed: 5)
        var queue = DeadlineQueue(count: 8)
        var table: [Instant?] = Array(repeating: nil, count: 8)
        for step in 0..<20_000 {
            let index = Int(random.next() % 8)
            if random.next() % 3 == 0 {
                let now = at(Int64(random.next() % 100))
                let due = table.indices.filter { table[$0].map { $0 <= now } ?? false }
                    .min { (table[$0] ?? .zero, $0) < (table[$1] ?? .zero, $1) }
                #expect(queue.popDue(at: now)?.index == due, "step \(step)")
                if let due { table[due] = nil }
            } else {
                let deadline = random.next() % 4 == 0 ? nil : at(Int64(random.next() % 100))
                queue.set(deadline, for: SchedulerID(index))
                table[index] = deadline
            }
            #expect(queue.earliest == table.compactMap { $0 }.min(), "step \(step)")
        }
    }
}
