// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveControl

/// `reeve logs`.
struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show the last lines that a scheduler wrote.",
        discussion: """
            reeve keeps the last lines of each scheduler with log = "prefixed" (log-tail, 16kB unless \
            configured). The whole output goes where reeve's own does.

              $ reeve logs web
              $ reeve logs -f -n 20 web
              $ reeve logs -t web
              $ reeve logs --json web | jq -r 'select(.stream == "stderr").line'
            """)

    @Flag(name: [.short, .long], help: "Go on with new lines as they come.")
    var follow = false
    @Option(
        name: [.customShort("n"), .long], parsing: .unconditional,
        help: ArgumentHelp(
            "At most so many of the last lines; otherwise all that is kept.", valueName: "count"),
        transform: LogsCommand.count)
    var lines: Int?
    @Flag(name: [.short, .long], help: "Put the time in front of each line.")
    var timestamps = false
    @Flag(help: "Print one JSON object a line: at, stream, line, continues, cut.")
    var json = false
    @Argument(help: "The scheduler.", completion: NameText.completion, transform: NameText.read)
    var name: String
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let output = Output()
        let (follow, json) = (follow, json)
        var writer = OutputText(hasTimestamps: timestamps)
        try client.logs(of: name, lines: lines, follow: follow) { (item) throws(ClientError) in
            switch item {
            case .line(let line) where json:
                try output.passLine(flush: follow) { line.write(to: &$0) }
            case .line(let line): try output.pass(writer.text(of: line), flush: follow)
            case .gap(let gap): StandardError.say(EventText.gap(gap, of: "line"))
            case .event: break
            }
        }
        try output.flush()
    }

    private static func count(_ text: String) throws -> Int {
        guard let count = Int(text), (0...ControlLimits.logLinesMax).contains(count) else {
            throw ValidationError("write a whole number from 0 to \(ControlLimits.logLinesMax)")
        }
        return count
    }
}

/// `reeve events`.
struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show what happened and what was decided, and why.",
        discussion: """
            reeve keeps its last events in memory (4,096 or 1 MB). Each has a position, EPOCH-SEQ, \
            after which a later call goes on; what has been dropped in between is said.

              $ reeve events -f
              $ reeve events --json | jq 'select(.event == "exited")'
              $ reeve events --json -f --after 01J9ZK-4711
            """)

    @Flag(name: [.short, .long], help: "Go on with new events as they come.")
    var follow = false
    @Flag(help: "Print one JSON object a line.")
    var json = false
    @Option(
        help: ArgumentHelp("Only events after this position.", valueName: "position"),
        transform: EventsCommand.position)
    var after: EventPosition?
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let client = try connection.connect(timeout: ConnectionOptions.reading)
        let output = Output()
        let (follow, json) = (follow, json)
        try client.events(after: after, follow: follow) { (item) throws(ClientError) in
            switch item {
            case .event(let event) where json:
                try output.passLine(flush: follow) { event.write(to: &$0) }
            case .event(let event):
                try output.pass(EventText.line(event, output.appearance), flush: follow)
            case .gap(let gap): StandardError.say(EventText.gap(gap, of: "event"))
            case .line: break
            }
        }
        try output.flush()
    }

    private static func position(_ text: String) throws -> EventPosition {
        guard let position = EventPosition(text) else {
            throw ValidationError("'\(text)' is no position; `reeve events --json` shows them")
        }
        return position
    }
}

extension Output {
    /// Writes from inside a stream.
    fileprivate func pass(_ text: String, flush: Bool) throws(ClientError) {
        try pass(flush: flush) { (output) throws(Exit) in try output.write(text) }
    }

    /// The same with one line for programs.
    fileprivate func passLine(
        flush: Bool, _ write: (inout [UInt8]) -> Void
    ) throws(ClientError) {
        try pass(flush: flush) { (output) throws(Exit) in try output.writeLine(write) }
    }

    private func pass(
        flush: Bool, _ body: (Output) throws(Exit) -> Void
    ) throws(ClientError) {
        do throws(Exit) {
            try body(self)
            if flush { try self.flush() }
        } catch {
            throw ClientError(.failed, error.message ?? "the reader of standard output has gone")
        }
    }
}
