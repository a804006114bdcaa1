// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// `reeve alerts`.
struct AlertsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts",
        abstract: "Show the alerts that are on.",
        discussion: """
            An alert begins when too many executions fail, a program restarts too often, runs into \
            its timeout again and again or leaks memory, or a dependency fails others; it lasts \
            until that is over. What began and ended is in `reeve events`. The rules are in \
            [alerts] of the configuration.

              $ reeve alerts
              $ reeve alerts --json | jq -r .scheduler

            That alerts are on does not change the exit code.
            """)

    @Flag(help: "Print one JSON object a line, for each alert.")
    var json = false
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let alerts = try client.alerts()
        let output = Output()
        if json {
            for alert in alerts { try output.writeLine { alert.write(to: &$0) } }
        } else {
            try output.write(AlertsText.table(alerts, at: Clock.now().wall, output.appearance))
        }
        try output.flush()
    }
}

/// `reeve metrics`.
struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Print what is counted and measured of all schedulers, or of some, as JSON.",
        discussion: """
            One object a line: executions and error rate, durations, memory with its curve and trend, \
            restarts, processor time, ends by exit code and signal, outcomes. It is counted since the \
            scheduler was configured or reeve was started, whatever came last.

              $ reeve metrics | jq '{name, p95: .duration.p95}'
              $ reeve metrics web | jq .recent.errorRate
            """)

    @Argument(
        help: ArgumentHelp("The schedulers; without one, all.", valueName: "name"),
        completion: NameText.completion, transform: NameText.read)
    var names: [String] = []
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let output = Output()
        var found: [MetricsReport] = []
        if names.isEmpty { found = try client.metrics() }
        for name in names.distinct { found += try client.metrics(of: name) }
        for metrics in found { try output.writeLine { metrics.write(to: &$0) } }
        try output.flush()
    }
}
