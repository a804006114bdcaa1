// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveSupervisor

/// `reeve init`, as far as `reeve help` tells of it. It is a role of its own and has begun before the argument
/// parser is asked (main.swift), so this is never run.
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Run one command as the init of a container, in place of tini or dumb-init.",
        usage: "reeve init [options] [--] command [argument ...]",
        discussion: "`reeve init --help` tells all.")

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var words: [String] = []
}
