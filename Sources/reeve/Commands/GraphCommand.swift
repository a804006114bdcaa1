// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration

/// `reeve graph`.
struct GraphCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Print who waits for whom, to be drawn by Graphviz or Mermaid.",
        discussion: """
            Needs no supervisor and starts nothing. An arrow leads from a scheduler to what it depends \
            on, and says on which condition; a frame is a start-up phase. Without a file the same is \
            taken as by `reeve run`.

              $ reeve graph reeve.toml | dot -Tsvg >reeve.svg
              $ reeve graph --format mermaid reeve.toml
            """)

    @Option(help: ArgumentHelp("dot, or mermaid for Markdown.", valueName: "format"))
    var format = GraphText.Format.dot

    @Argument(help: ArgumentHelp("The configuration.", valueName: "config"), completion: .file())
    var config: String?

    mutating func run() throws {
        let (specification, _) = try ConfigurationFile.find(config).load()
        let output = Output()
        try output.write(GraphText.graph(of: specification, as: format))
        try output.flush()
    }
}

extension GraphText.Format: ExpressibleByArgument {}
