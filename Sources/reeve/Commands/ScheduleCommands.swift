// SPDX-License-Identifier: Apache-2.0
//
// Commands for scheduled ones.

internal import ArgumentParser
internal import ReeveControl

/// `reeve run-now`.
struct RunNowCommand: NamesCommand {
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

    func operation(on name: String) -> ControlOperation { .runNow(name: name, force: force) }
}

/// `reeve pause`.
struct PauseCommand: NamesCommand {
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

    func operation(on name: String) -> ControlOperation { .pause(name: name) }
}

/// `reeve resume`.
struct ResumeCommand: NamesCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let paused schedules go on.",
        discussion: """
              $ reeve resume backup
            """)

    @OptionGroup var names: NamesArgument
    @OptionGroup var connection: ConnectionOptions

    func operation(on name: String) -> ControlOperation { .resume(name: name) }
}
