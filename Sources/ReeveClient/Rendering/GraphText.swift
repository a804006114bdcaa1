// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// What `reeve graph` prints: who waits for whom, as Graphviz or Mermaid draws it.
package enum GraphText {
    /// The language of the graph.
    package enum Format: String, Sendable, CaseIterable { case dot, mermaid }

    /// A graph with an arrow from each scheduler to what it depends on, in the order of the file; with a
    /// frame around each phase where start-up is staggered. An arrow says its condition and, but for
    /// `stop`, what becomes of the dependent when that is lost.
    package static func graph(of specification: Specification, as format: Format) -> String {
        let schedulers = specification.schedulers
        let plan = StartPlan(schedulers)
        var lines: [String] = []
        let isStaggered = specification.supervisor.staggeredStartup
        for phase in isStaggered ? Array(1...4) : [0] {
            let members = schedulers.indices.filter { !isStaggered || plan.phases[$0] == phase }
            if members.isEmpty { continue }
            let nodes = members.map { format.node($0, schedulers[$0]) }
            lines += isStaggered ? format.frame(phase, nodes) : nodes
        }
        for index in schedulers.indices {
            for edge in plan.dependencies[index] {
                guard let target = edge.target else { continue }
                lines.append(format.arrow(index, target.index, edge))
            }
        }
        return format.whole(lines)
    }
}

extension GraphText.Format {
    fileprivate func node(_ index: Int, _ scheduler: SchedulerSpecification) -> String {
        let kind = scheduler.kind == .daemon ? "" : scheduler.kind.rawValue
        let note = scheduler.enabled ? kind : kind.isEmpty ? "disabled" : kind + ", disabled"
        let name = scheduler.name.text
        switch self {
        case .dot:
            let label = note.isEmpty ? name : "\(name)\\n(\(note))"
            let style = scheduler.enabled ? "" : ", style=dashed"
            return "n\(index) [label=\"\(label)\"\(style)];"
        case .mermaid:
            return "n\(index)[\"\(name)\(note.isEmpty ? "" : "<br>(\(note))")\"]"
        }
    }

    fileprivate func frame(_ phase: Int, _ nodes: [String]) -> [String] {
        let inner = nodes.map { "  " + $0 }
        switch self {
        case .dot:
            return ["subgraph cluster_\(phase) {", "  label=\"phase \(phase)\";"] + inner + ["}"]
        case .mermaid: return ["subgraph p\(phase) [\"phase \(phase)\"]"] + inner + ["end"]
        }
    }

    fileprivate func arrow(_ from: Int, _ to: Int, _ edge: StartPlan.Edge) -> String {
        let words =
            edge.condition.rawValue
            + (edge.onFailure == .stop ? "" : ", \(edge.onFailure.rawValue)")
        switch self {
        case .dot: return "n\(from) -> n\(to) [label=\"\(words)\"];"
        case .mermaid: return "n\(from) -->|\"\(words)\"| n\(to)"
        }
    }

    fileprivate func whole(_ lines: [String]) -> String {
        let inner = lines.map { "  \($0)\n" }.joined()
        switch self {
        case .dot: return "digraph reeve {\n  node [shape=box];\n\(inner)}\n"
        case .mermaid: return "flowchart TD\n\(inner)"
        }
    }
}
