// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// Nothing is started before the conditions of its dependencies hold, by what the core was told.
struct DependencyChecker: Checker {
    let name = "dependencies"
    let graph: Graph

    mutating func asked(_ effect: Effect, because cause: Event, in kernel: Kernel) -> String? {
        guard let scheduler = effect.starts(in: kernel),
            graph.edges.indices.contains(scheduler.index)
        else { return nil }
        let isFirst = !kernel.hasBegun(scheduler)
        for edge in graph.edges[scheduler.index] where !holds(edge, in: kernel) {
            // What is to be ignored when it fails holds up the first start alone.
            if edge.onFailure == .ignore, !isFirst { continue }
            return "\(kernel.name(scheduler)) is started although its dependency "
                + "\(kernel.name(edge.target)) is not \(edge.condition.rawValue)"
        }
        return nil
    }

    /// Whether the condition holds by the truth that the core was told.
    func holds(_ edge: Graph.Edge, in kernel: Kernel) -> Bool {
        guard let run = kernel.lastRun(of: edge.target) else { return false }
        if hasCompleted(run, in: kernel) { return true }
        switch edge.condition {
        case .started: return run.isUp
        case .completed: return false
        case .ready, .healthy:
            guard run.isUp, let ready = kernel.readyAt(run) else { return false }
            return ready <= kernel.now
        }
    }

    /// It ended by itself, with success, and nothing follows. That meets every condition.
    private func hasCompleted(_ run: RunTruth, in kernel: Kernel) -> Bool {
        guard let status = run.status, !run.wasStopped else { return false }
        if run.survivedAt != nil, run.forgottenAt == nil { return false }
        let specification = kernel.specification(of: run.scheduler)
        guard kernel.isSuccess(status, of: run.scheduler), specification.restart.mode != .always
        else { return false }
        // A daemon that ends before it is ready has failed, whatever its code.
        guard specification.kind == .daemon else { return true }
        guard let ready = kernel.readyAt(run), let reaped = run.reapedAt else { return false }
        return ready <= reaped
    }
}
