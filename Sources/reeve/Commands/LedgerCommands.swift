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
    @Flag(help: "Print one JSON object a line, for each record of the ledger.")
    var json = false
    @Argument(help: "The scheduler.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    mutating func validate() throws {
        if let last, !(0...ControlLimits.logLinesMax).contains(last) {
            throw ValidationError("-n takes 0 to \(ControlLimits.logLinesMax)")
        }
    }

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let entries = try client.runs(of: name, last: json ? last : nil)
        let output = Output()
        if json {
            for entry in entries { try output.write(entry.jsonLine) }
        } else {
            let accounts = RunsText.accounts(entries)
            try output.write(
                RunsText.table(Array(accounts.suffix(last ?? accounts.count)), output.appearance))
        }
        try output.flush()
    }
}

/// `reeve why`.
struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Tell what was decided about one occurrence of a scheduler, and why.",
        discussion: """
            Without a time it is the last occurrence, else the one at that time, or the last before it.

              $ reeve why backup
              $ reeve why backup 2026-11-25T03:00:00Z
            """)

    @Flag(help: "Print one JSON object a line, for each record of the ledger.")
    var json = false
    @Argument(help: "The scheduler.")
    var name: String
    @Argument(
        help: ArgumentHelp("An instant in UTC, 2026-11-25T03:00:00Z.", valueName: "time"),
        transform: WhyCommand.time)
    var time: WallTime?
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let accounts = RunsText.accounts(try client.runs(of: name, last: nil))
        guard let account = RunsText.account(of: time, among: accounts) else {
            let begin = accounts.first.map {
                "the ledger knows it from \($0.first.occurrence.rfc3339(fractionDigits: 0)) on"
            }
            throw Exit(
                code: 1,
                message: "\(name.printable): " + (begin ?? "nothing of it is in the ledger"))
        }
        let output = Output()
        if json {
            for entry in account.entries { try output.write(entry.jsonLine) }
        } else {
            try output.write(RunsText.chain(account, output.appearance))
        }
        try output.flush()
    }

    private static func time(_ text: String) throws -> WallTime {
        guard let time = WallTime(rfc3339: text) else {
            throw ValidationError("'\(text)' is no time such as 2026-11-25T03:00:00Z")
        }
        return time
    }
}

extension LedgerReport {
    /// One line for programs.
    fileprivate var jsonLine: String {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }
}
