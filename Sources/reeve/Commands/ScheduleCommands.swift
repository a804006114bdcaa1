// SPDX-License-Identifier: Apache-2.0
//
// Commands for scheduled ones.

internal import ArgumentParser
internal import ReeveControl

/// `reeve run-now`.
struct RunNowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run-now",
        abstract: "Execute scheduled ones now, besides their schedule.",
        discussion: """
            The rules of an ordinary occurrence hold: it is skipped while the scheduler is paused, a \
            dependency is not met, or an execution runs (overlap decides). With --force it runs all \
            the same, after the one that runs.

              $ reeve run-now backup
            """)

    @OptionGroup var names: NamesArgument
    @Flag(help: "Run it although it is paused or a dependency is not met; wait for a running one.")
    var force = false
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        let force = force
        try perform(names.distinct.map { .runNow(name: $0, force: force) }, connection)
    }
}

/// `reeve pause`.
struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Run no occurrence of scheduled ones until they are resumed.",
        discussion: """
            What runs goes on. Each occurrence of the pause is accounted for as paused; none is made up \
            for afterwards.

              $ reeve pause backup
            """)

    @OptionGroup var names: NamesArgument
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        try perform(names.distinct.map { .pause(name: $0) }, connection)
    }
}

/// `reeve resume`.
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let paused schedules go on.",
        discussion: """
              $ reeve resume backup
            """)

    @OptionGroup var names: NamesArgument
    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        try perform(names.distinct.map { .resume(name: $0) }, connection)
    }
}
