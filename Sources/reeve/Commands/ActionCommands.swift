// SPDX-License-Identifier: Apache-2.0
//
// Commands that change something. Several names go out on one connection at once; each result is
// printed as one line, and one failure makes the exit code 1.

internal import ArgumentParser
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore

/// Which schedulers an action is for.
struct NamesArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The schedulers.", valueName: "name"), completion: NameText.completion,
        transform: NameText.read)
    var names: [String]

    /// Each once, in the order given.
    var distinct: [String] { names.distinct }
}

/// A command that asks for one thing, of each scheduler that is named.
protocol NamesCommand: ParsableCommand {
    var names: NamesArgument { get }
    var connection: ConnectionOptions { get }

    /// What is asked for, of one of them.
    func operation(on name: String) -> ControlOperation
}

extension NamesCommand {
    func run() throws {
        try perform(names.distinct.map(operation(on:)), connection)
    }
}

extension [String] {
    /// Each once, in the order of their first.
    var distinct: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}

/// `reeve start`.
struct StartCommand: NamesCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Start schedulers, and wait until they run.",
        discussion: """
            A scheduler whose dependencies are not met is started as soon as they are; the line says \
            what is waited for. One that had given up gets its restarts back.

              $ reeve start web worker
            """)

    @OptionGroup var names: NamesArgument
    @Flag(help: "Start even though processes of an earlier run could not be ended.")
    var force = false
    @OptionGroup var connection: ConnectionOptions

    func operation(on name: String) -> ControlOperation { .start(name: name, force: force) }
}

/// `reeve stop`.
struct StopCommand: NamesCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stop schedulers, and wait until nothing of them is left.",
        discussion: """
            The stop signal goes to the leader, then to everything it started, and SIGKILL follows at \
            the scheduler's stop-timeout. It stays stopped until `reeve start`. Schedulers that depend \
            on it with on-failure = "stop" are stopped first. One that is no longer configured is found \
            as long as its last execution goes on.

              $ reeve stop worker
            """)

    @OptionGroup var names: NamesArgument
    @OptionGroup var connection: ConnectionOptions

    func operation(on name: String) -> ControlOperation { .stop(name: name) }
}

/// `reeve restart`.
struct RestartCommand: NamesCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Stop and start schedulers, and wait until they run again.",
        discussion: """
            One that does not run is started. Restarts by hand do not count towards max-restarts.

              $ reeve restart web
            """)

    @OptionGroup var names: NamesArgument
    @Flag(help: "Start even though processes of an earlier run could not be ended.")
    var force = false
    @OptionGroup var connection: ConnectionOptions

    func operation(on name: String) -> ControlOperation { .restart(name: name, force: force) }
}

/// `reeve reset`.
struct ResetCommand: NamesCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Forget failures and restarts of schedulers.",
        discussion: """
            Sets the failures in a row, the restarts in the window and the count of restarts to zero; \
            one that had given up starts again.

              $ reeve reset worker
            """)

    @OptionGroup var names: NamesArgument
    @OptionGroup var connection: ConnectionOptions

    func operation(on name: String) -> ControlOperation { .reset(name: name) }
}

/// `reeve recover`.
struct RecoverCommand: NamesCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Recover schedulers: free memory, forget failures, see to dependencies, restart.",
        discussion: """
            The actions are taken in this order, and the first that helps ends it: what is healthy is \
            not restarted. Each action is printed with what was measured before and after it, and why. \
            Restarts by recover keep restart-cooldown and count towards max-restarts; `reeve restart` \
            does neither.

              $ reeve recover web
            """)

    @OptionGroup var names: NamesArgument
    @OptionGroup var connection: ConnectionOptions

    func operation(on name: String) -> ControlOperation { .recover(name: name) }
}

/// `reeve start-all`.
struct StartAllCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start-all",
        abstract: "Start all enabled schedulers, in the order of their phases.",
        discussion: """
            A task that has completed is not done again, and is no longer held stopped.

              $ reeve start-all --timeout 3m
            """)

    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        try perform([.startAll], connection)
    }
}

/// `reeve stop-all`.
struct StopAllCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop-all",
        abstract: "Stop all schedulers; reeve itself goes on.",
        discussion: """
            Dependents stop before what they depend on. `reeve start-all` starts them again. To end \
            reeve itself send it SIGTERM.

              $ reeve stop-all
            """)

    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        try perform([.stopAll], connection)
    }
}

/// `reeve reload`.
struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Read the configuration again and bring about what changed.",
        discussion: """
            Schedulers that did not change go on untouched. Changed ones are stopped and started, or \
            take their new settings as they run where that is possible (restart rules, memory, stop, \
            order); new ones are started, and those that are gone are stopped. A file with errors \
            changes nothing: the errors are printed and the exit code is 1. SIGHUP does the same.

              $ reeve reload
            """)

    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        try perform([.reload], connection)
    }
}

/// `reeve signal`.
struct SignalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signal",
        abstract: "Send a signal to a scheduler's process.",
        discussion: """
            The signal goes to the process that reeve started, not to its children. It is no stop: a \
            process that it ends has not failed, and starts again with restart = "always".

              $ reeve signal web HUP
              $ reeve signal web RTMIN+3
            """)

    @Argument(help: "The scheduler.", completion: NameText.completion, transform: NameText.read)
    var name: String
    @Argument(help: "The signal: HUP, SIGHUP or 1.", transform: SignalCommand.signal)
    var signal: Signal
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        try perform([.signal(name: name, signal)], connection)
    }

    private static func signal(_ text: String) throws -> Signal {
        guard let signal = Signal(text) else {
            throw ValidationError("no signal is named '\(text)'; write HUP, SIGHUP or 1")
        }
        return signal
    }
}

/// Asks for all of it and prints a line for each result, successes to standard output and failures to
/// standard error. Throws where any failed: code 1, or that of `exitCodes` for the error.
func perform(
    _ operations: [ControlOperation], _ connection: ConnectionOptions,
    exitCodes: [ControlError.Code: Int32] = [:]
) throws {
    let client = try connection.connect(timeout: ConnectionOptions.acting)
    let output = Output()
    var lines = ""
    var failure: Exit?
    var broken: ClientError?
    do throws(ClientError) {
        try client.perform(operations) { _, answer in
            if let summary = answer.summary { lines += summary.printable + "\n" }
            for outcome in answer.outcomes {
                let line = "\(outcome.name): \(outcome.message)"
                if outcome.result == .failed {
                    StandardError.say(line)
                } else {
                    lines += line.printable + "\n"
                }
                for action in outcome.actions { lines += "  " + action.words.printable + "\n" }
            }
            guard let error = answer.error else { return }
            failure = exitCodes[error.code].map { Exit(code: $0, message: nil) } ?? .failed
            if !answer.outcomes.contains(where: { $0.result == .failed }) {
                StandardError.say(error.message)
            }
            if error.code == .notPermitted { broken = ClientError(error) }
        }
    } catch {
        broken = error
    }
    try output.write(lines)
    try output.flush()
    if var broken {
        if broken.kind == .timedOut {
            broken.message = "it has not happened in time; what was asked for may still happen"
        }
        throw broken
    }
    if let failure { throw failure }
}
