// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore
internal import ReeveSupervisor

/// `reeve crontab`.
struct CrontabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crontab",
        abstract: "Run an existing crontab as it is, or turn it into a configuration.",
        discussion: """
            Reads a crontab as Debian's cron does: comments, settings (SHELL, PATH, HOME, MAILTO, \
            CRON_TZ, …), jobs of five fields or a nickname, "%" as line breaks of standard input. What \
            jobs write goes to standard output with the job's name in front. May be the first process of \
            a container. When the file changes it is read again; jobs that run are left alone, and a file \
            with errors changes nothing.

              $ reeve crontab /etc/cron.d/app
              $ reeve crontab --no-watch crontab.txt
              $ reeve crontab crontab.txt --convert > reeve.toml

            --convert prints the configuration that means the same, and says on standard error what will \
            behave differently from Debian's cron. The user's name before the command is expected in \
            /etc/crontab and /etc/cron.d, elsewhere with --system. A file with errors starts nothing and \
            exits 78.
            """)

    @Argument(help: "The crontab.")
    var file: String

    @Flag(help: "Print the equivalent configuration and start nothing.")
    var convert = false

    @Flag(help: "The file has the system's form: a user's name stands before each command.")
    var system = false

    @Option(help: ArgumentHelp("As `runtime-directory` in a configuration.", valueName: "path"))
    var runtimeDirectory: String?

    @Option(help: ArgumentHelp("As `state-directory` in a configuration.", valueName: "path"))
    var stateDirectory: String?

    @Flag(
        inversion: .prefixedNo,
        help: "Read the file again when it changes; without, only at SIGHUP and `reeve reload`.")
    var watch = true

    mutating func run() throws {
        let form: SupervisorSettings.SourceForm =
            system || Crontab.Form(path: file) == .system ? .systemCrontab : .crontab
        var source = ConfigurationSource(path: file, form: form, watch: watch)
        source.runtimeDirectory = runtimeDirectory
        source.stateDirectory = stateDirectory
        let crontab = CrontabFile(source: source)
        if convert { return try show(crontab) }
        let outcome = RegisteredFiles.added(to: crontab.load()) { crontab.load(registered: $0) }
        StandardError.write(outcome.diagnostics.rendered)
        guard let specification = outcome.specification else { throw Exit.configuration(nil) }
        let jobs = specification.schedulers.count { $0.origin == .file }
        StandardError.say(
            "\(file): \(jobs) jobs; what behaves differently from Debian's "
                + "cron is listed by `reeve crontab \(file) --convert`")
        throw RunCommand.execute(Handover.encode(specification))
    }

    private func show(_ file: CrontabFile) throws {
        let outcome = file.read()
        StandardError.write(outcome.diagnostics.rendered)
        guard let crontab = outcome.crontab else { throw Exit.configuration(nil) }
        let output = Output()
        try output.write(file.toml(of: crontab))
        try output.flush()
        guard !crontab.differences.isEmpty else { return }
        StandardError.write("Differently from Debian's cron:\n")
        for difference in crontab.differences { StandardError.write(" * \(difference)\n") }
    }
}
