// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// The schedulers of a file and who waits for whom.
struct Graph {
    /// All names, in the order of the file.
    let names: [String]
    private let schedulers: [DeclaredScheduler]
    private let areTablesMissing: Bool
    private let indices: [String: Int]

    init(_ schedulers: [DeclaredScheduler], areTablesMissing: Bool) {
        self.schedulers = schedulers
        self.areTablesMissing = areTablesMissing
        names = schedulers.map(\.name)
        var indices: [String: Int] = [:]
        for (index, scheduler) in schedulers.enumerated() { indices[scheduler.name] = index }
        self.indices = indices
    }

    /// Reports edges that lead nowhere, to themselves, in a circle, or to what never meets them.
    mutating func check(staggered: Bool, into findings: inout Findings) {
        for scheduler in schedulers {
            for dependency in scheduler.dependencies {
                check(dependency, of: scheduler, into: &findings)
            }
        }
        guard let order = dependenciesFirst(&findings), staggered else { return }
        warnOfMovedPhases(order, &findings)
    }

    private func check(
        _ dependency: DependencySetting, of scheduler: DeclaredScheduler,
        into findings: inout Findings
    ) {
        if dependency.name == scheduler.name {
            findings.error(
                "\(quoted(scheduler.name)) depends on itself, so it could never start",
                at: dependency.span, help: "leave it out")
            return
        }
        guard let index = indices[dependency.name] else {
            if areTablesMissing { return }
            findings.error(
                "\(quoted(scheduler.name)) depends on \(quoted(dependency.name)), "
                    + "and there is no such scheduler",
                at: dependency.span,
                help: Suggestion.nearest(to: dependency.name, in: names)
                    .map { "did you mean \"\($0)\"?" })
            return
        }
        if schedulers[index].isRegistered, !scheduler.isRegistered {
            findings.error(
                "\(quoted(scheduler.name)) depends on \(quoted(dependency.name)), which is not in "
                    + "this file but registered",
                at: dependency.span, help: "what is in the file has to do without what is not")
            return
        }
        guard let other = schedulers[index].specification else { return }
        if !other.enabled, scheduler.specification?.enabled != false {
            findings.warning(
                "\(quoted(scheduler.name)) depends on \(quoted(dependency.name)), which is "
                    + "disabled; "
                    + "it waits until somebody starts that",
                at: dependency.span, help: "leave the dependency out, or enabled = false there")
        }
        if dependency.condition == .completed, other.kind == .daemon, other.restart.mode == .always
        {
            findings.warning(
                "\(quoted(dependency.name)) is a daemon that always restarts, so it never "
                    + "completes",
                at: dependency.conditionSpan ?? dependency.span,
                help: "use condition = \"healthy\", or kind = \"task\" there")
        }
    }

    // MARK: - Circles

    /// All schedulers, each after those it depends on; nil after reporting circles.
    ///
    /// A depth-first walk with a stack of its own: chains may be as long as the file has
    /// schedulers.
    private func dependenciesFirst(_ findings: inout Findings) -> [Int]? {
        enum Mark { case new, open, done }
        var marks = Array(repeating: Mark.new, count: schedulers.count)
        var order: [Int] = []
        var isAcyclic = true
        for root in schedulers.indices where marks[root] == .new {
            var path: [(index: Int, next: Int)] = [(root, 0)]
            marks[root] = .open
            while let (index, next) = path.last {
                guard next < schedulers[index].dependencies.count else {
                    marks[index] = .done
                    order.append(index)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let dependency = schedulers[index].dependencies[next]
                guard let target = indices[dependency.name], target != index else { continue }
                switch marks[target] {
                case .done: break
                case .new:
                    marks[target] = .open
                    path.append((target, 0))
                case .open:
                    isAcyclic = false
                    let circle = path.map(\.index).drop { $0 != target } + [target]
                    report(Array(circle), at: dependency.span, &findings)
                }
            }
        }
        return isAcyclic ? order : nil
    }

    private func report(_ circle: [Int], at span: SourceSpan?, _ findings: inout Findings) {
        let shownMax = 100
        var words = circle.prefix(shownMax).map { printable(names[$0]) }
        if circle.count > shownMax { words.append("(\(circle.count - shownMax) more)") }
        findings.error(
            "these wait for each other, so none could start: " + words.joined(separator: " -> "),
            at: span, help: "take one of these dependencies out")
    }

    // MARK: - Phases

    private func warnOfMovedPhases(_ order: [Int], _ findings: inout Findings) {
        var phases = Array(repeating: 1, count: schedulers.count)
        for index in order {
            guard let own = schedulers[index].specification else { continue }
            var phase = StartPlan.phase(ofPriority: own.order.priority)
            let ownPhase = phase
            var cause: DependencySetting?
            for dependency in schedulers[index].dependencies {
                guard let target = indices[dependency.name], phases[target] > phase else {
                    continue
                }
                phase = phases[target]
                cause = dependency
            }
            phases[index] = phase
            guard let cause else { continue }
            findings.warning(
                "\(quoted(own.name.text)) has priority \(own.order.priority), which is phase "
                    + "\(ownPhase), but starts in phase \(phase), because it depends on "
                    + quoted(cause.name),
                at: schedulers[index].effective.span("priority") ?? cause.span,
                help: "give \(quoted(cause.name)) a priority of at least \(own.order.priority)")
        }
    }
}
