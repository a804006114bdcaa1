// SPDX-License-Identifier: Apache-2.0
//
// What the dependency graph and the priorities say, worked out once. A scheduler's effective phase is
// the latest of its own and all its dependencies', since nothing can start before what it waits for;
// its depth counts the longest chain of dependencies below it. Stopping goes the same way back.

/// The order of a set of schedulers.
package struct StartPlan: Equatable, Sendable {
    /// One dependency of one scheduler, resolved. A name that is unknown has no `target` and is never met.
    package struct Edge: Equatable, Sendable {
        package let target: SchedulerID?
        package let name: SchedulerName
        package let condition: Dependency.Condition
        package let onFailure: Dependency.OnFailure
    }

    /// By scheduler: what it waits for, in the order of the file.
    package let dependencies: [[Edge]]
    /// By scheduler: who waits for it, ascending.
    package let dependents: [[SchedulerID]]
    /// By scheduler: the effective phase, 1 to 4.
    package let phases: [Int]
    /// By scheduler: the phase of its own priority, 1 to 4.
    package let ownPhases: [Int]
    /// By scheduler: length of the longest chain of dependencies, 0 for none.
    package let depths: [Int]
    /// All, each after what it depends on; the `unstartable` ones come last.
    package let dependenciesFirst: [SchedulerID]
    /// One cycle, closed: a, b, a. Empty where there is none. Its members never start.
    package let cycle: [SchedulerName]
    /// All members of cycles and whatever depends on them, ascending.
    package let unstartable: [SchedulerID]

    /// Phase 1 is priority 10 and more, 2 is 5 to 9, 3 is 1 to 4, 4 is 0 and less.
    package static func phase(ofPriority priority: Int) -> Int {
        switch priority {
        case 10...: 1
        case 5...: 2
        case 1...: 3
        default: 4
        }
    }

    /// Works the order out; names that appear twice count once, as their last.
    package init(_ schedulers: [SchedulerSpecification]) {
        var idsByName: [SchedulerName: SchedulerID] = [:]
        for (index, scheduler) in schedulers.enumerated() {
            idsByName[scheduler.name] = SchedulerID(index)
        }
        let edges = schedulers.map { scheduler in
            scheduler.order.dependencies.map {
                Edge(
                    target: idsByName[$0.name], name: $0.name, condition: $0.condition,
                    onFailure: $0.onFailure)
            }
        }
        var dependents: [[SchedulerID]] = Array(repeating: [], count: schedulers.count)
        let targets = edges.map(StartPlan.distinctTargets)
        var unresolved = targets.map(\.count)
        for (index, own) in targets.enumerated() {
            for target in own { dependents[target.index].append(SchedulerID(index)) }
        }

        // Kahn's order: a scheduler is settled once all its dependencies are.
        let ownPhases = schedulers.map { StartPlan.phase(ofPriority: $0.order.priority) }
        var phases = ownPhases
        var depths = Array(repeating: 0, count: schedulers.count)
        var settled = schedulers.indices.filter { unresolved[$0] == 0 }
        var next = 0
        while next < settled.count {
            let index = settled[next]
            next += 1
            for dependent in dependents[index] {
                phases[dependent.index] = max(phases[dependent.index], phases[index])
                depths[dependent.index] = max(depths[dependent.index], depths[index] + 1)
                unresolved[dependent.index] -= 1
                if unresolved[dependent.index] == 0 { settled.append(dependent.index) }
            }
        }
        let left = schedulers.indices.filter { unresolved[$0] > 0 }
        self.dependencies = edges
        self.dependents = dependents
        self.phases = phases
        self.ownPhases = ownPhases
        self.depths = depths
        dependenciesFirst = (settled + left).map { SchedulerID($0) }
        unstartable = left.map { SchedulerID($0) }
        cycle = StartPlan.findCycle(among: left, edges).map { schedulers[$0].name }
    }

    private static func distinctTargets(_ edges: [Edge]) -> [SchedulerID] {
        var distinct: [SchedulerID] = []
        for target in edges.compactMap(\.target) where !distinct.contains(target) {
            distinct.append(target)
        }
        return distinct
    }

    /// Follows dependencies inside `left` until a scheduler comes again; each has one there.
    private static func findCycle(among left: [Int], _ edges: [[Edge]]) -> [Int] {
        guard var current = left.first else { return [] }
        let members = Set(left)
        var path: [Int] = []
        while true {
            if let start = path.firstIndex(of: current) { return path[start...] + [current] }
            path.append(current)
            let step = edges[current].compactMap(\.target).first { members.contains($0.index) }
            guard let step else { return [] }
            current = step.index
        }
    }

    /// The levels of a shutdown, first to stop first: the later phase before the earlier, and inside a
    /// phase dependents before their dependencies. A level stops at once.
    package func stopLevels(staggered: Bool) -> [[SchedulerID]] {
        let order = depths.indices.map { index in
            (phase: staggered ? phases[index] : 0, depth: depths[index], id: SchedulerID(index))
        }.sorted { ($0.phase, $0.depth, $1.id) > ($1.phase, $1.depth, $0.id) }
        var levels: [[SchedulerID]] = []
        var previous: (phase: Int, depth: Int)?
        for entry in order {
            if let previous, previous == (entry.phase, entry.depth) {
                levels[levels.count - 1].append(entry.id)
            } else {
                levels.append([entry.id])
            }
            previous = (entry.phase, entry.depth)
        }
        return levels
    }
}
