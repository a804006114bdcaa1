// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore

/// `reeve runs`.
struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs",
        abstract: "Show what became of a scheduler's last occurrences.",
        discussion: """
            Each occurrence of a schedule has one outcome and its reason. They are kept in the ledger of \
            the state directory, the last 100 records of each scheduler, over restarts of reeve.

              $ reeve runs backup
              $ reeve runs -n 5 backup
              $ reeve runs --json backup | jq 'select(.outcome == "missed")'
            """)

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("At most so many of the last occurrences.", valueName: "count"))
    var last: Int?
    @Flag(
        help: "Print one JSON object a line, for each record of the ledger, by occurrence.")
    var json = false
    @Argument(help: "The scheduler.", completion: NameText.completion, transform: NameText.read)
    var name: String
    @OptionGroup var connection: ConnectionOptions

    mutating func validate() throws {
        if let last, !(0...ControlLimits.logLinesMax).contains(last) {
            throw ValidationError("-n takes 0 to \(ControlLimits.logLinesMax)")
        }
    }

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        // Of each occurrence there are several records; the supervisor counts those.
        let accounts = RunsText.accounts(try client.runs(of: name, last: nil))
        let shown = Array(accounts.suffix(last ?? accounts.count))
        let output = Output()
        if json {
            for entry in shown.flatMap(\.entries) { try output.writeLine { entry.write(to: &$0) } }
        } else {
            try output.write(RunsText.table(shown, output.appearance))
        }
        try output.flush()
    }
}

/// `reeve why`.
struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract:
            "Tell what was decided about a scheduler's last occurrence and how its last run failed.",
        discussion: """
            Of a scheduled one: the decisions about its last occurrence, or with a time about the one at \
            that time, or the last before it. Of all: what is kept of the last failed run, or with --run \
            of another; how it ended and what that says, its limits, its memory, and the end of its log. \
            The newest failed runs of each scheduler are kept in the state directory.

              $ reeve why web
              $ reeve why backup 2026-11-25T03:00:00Z
              $ reeve why web --run 01M89WKBCG00014D2PF2DBSQQG
            """)

    @Flag(help: "Print one JSON object a line: records of the ledger, then the failed run.")
    var json = false
    @Option(
        name: .customLong("run"),
        help: ArgumentHelp("The failed run, by its id.", valueName: "id"))
    var runID: String?
    @Argument(help: "The scheduler.", completion: NameText.completion, transform: NameText.read)
    var name: String
    @Argument(
        help: ArgumentHelp("An instant in UTC, 2026-11-25T03:00:00Z.", valueName: "time"),
        transform: WhyCommand.time)
    var time: WallTime?
    @OptionGroup var connection: ConnectionOptions

    mutating func validate() throws {
        if runID != nil, time != nil {
            throw ValidationError("a time names an occurrence and --run a run: give one of them")
        }
    }

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let accounts =
            runID == nil ? RunsText.accounts(try client.runs(of: name, last: nil)) : []
        let account = RunsText.account(of: time, among: accounts)
        // Of an occurrence only what belongs to it.
        let wanted = runID ?? (time == nil ? nil : account?.end?.run ?? "")
        let failure = wanted == "" ? nil : try client.failure(of: name, run: wanted)
        guard account != nil || failure != nil else { throw nothing(accounts) }
        let output = Output()
        if json {
            for entry in account?.entries ?? [] { try output.writeLine { entry.write(to: &$0) } }
            if let failure {
                try output.writeLine { failure.bundle.write(log: failure.log, to: &$0) }
            }
        } else {
            let chain = account.map { RunsText.chain($0, output.appearance) }
            let block = failure.map {
                FailureText.block($0.bundle, log: $0.log, output.appearance)
            }
            try output.write([chain, block].compactMap { $0 }.joined(separator: "\n"))
        }
        try output.flush()
    }

    private func nothing(_ accounts: [RunsText.Account]) -> Exit {
        let words: String
        if let runID {
            words = "nothing is kept of a failed run \(runID.printable)"
        } else if let first = accounts.first {
            words =
                "the ledger knows it from \(first.first.occurrence.rfc3339(fractionDigits: 0)) on"
        } else {
            words = "nothing of it is in the ledger, and no failed run of it is kept"
        }
        return Exit(code: 1, message: "\(name.printable): \(words)")
    }

    private static func time(_ text: String) throws -> WallTime {
        guard let time = WallTime(rfc3339: text) else {
            throw ValidationError("'\(text)' is no time such as 2026-11-25T03:00:00Z")
        }
        return time
    }
}
