// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// `reeve crontab`.
struct CrontabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crontab",
        abstract: "Run an existing crontab as it is, or turn it into a configuration.",
        discussion: """
            Reads a crontab as Debian's cron does: comments, settings (SHELL, PATH, HOME, MAILTO, \
            CRON_TZ, …), jobs of five fields or a nickname, "%" as line breaks of standard input. What \
            jobs write goes to standard output with the job's name in front. May be the first process of \
            a container.

              $ reeve crontab /etc/cron.d/app
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

    mutating func run() throws {
        let form = system ? .system : Crontab.Form(path: file)
        let outcome = Crontab.load(path: file, form: form, user: CrontabCommand.user)
        StandardError.write(outcome.diagnostics.rendered)
        guard let crontab = outcome.crontab else { throw Exit.configuration(nil) }
        let text = crontab.toml(source: file, home: CrontabCommand.home)
        if convert { return try show(crontab, text) }
        guard !crontab.jobs.isEmpty else {
            throw Exit.configuration("\(file.printable): there is no job to run")
        }
        StandardError.say(
            "\(file): \(crontab.jobs.count) jobs; what behaves differently from Debian's cron is listed "
                + "by `reeve crontab \(file) --convert`")
        throw RunCommand.execute(Handover.encode(try specification(of: text)))
    }

    private func show(_ crontab: Crontab, _ text: String) throws {
        let output = Output()
        try output.write(text)
        try output.flush()
        guard !crontab.differences.isEmpty else { return }
        StandardError.write("Differently from Debian's cron:\n")
        for difference in crontab.differences { StandardError.write(" * \(difference)\n") }
    }

    /// The table of reeve's own settings, as far as the command line tells them.
    private var settings: String {
        var table = "[reeve]\n"
        let pairs = [("runtime-directory", runtimeDirectory), ("state-directory", stateDirectory)]
        for case (let key, let value?) in pairs {
            table += "\(key) = \(Crontab.tomlText(value))\n"
        }
        return table
    }

    /// A crontab takes the way of every configuration, defaults and checks included.
    private func specification(of text: String) throws(Exit) -> Specification {
        var environment: [String: String] = [:]
        for variable in Environment.current() where environment[variable.name] == nil {
            environment[variable.name] = variable.value
        }
        let outcome = ConfigurationLoader.load(
            text: settings + text, path: "\(file) (converted)", environment: environment)
        StandardError.write(outcome.diagnostics.rendered)
        guard let specification = outcome.specification else { throw .configuration(nil) }
        return specification
    }

    /// Where jobs without a HOME of their own run; nil where reeve's is no directory, as in a container
    /// that has none: they then run where reeve does.
    private static var home: String? {
        guard let home = Environment.value(of: "HOME") else { return nil }
        do {
            _ = try StateFile.openDirectory(home)
            return home
        } catch {
            return nil
        }
    }

    /// The name of the account that reeve runs as, as far as the environment tells it.
    private static var user: String? {
        if Host.user == 0 { return "root" }
        return Environment.value(of: "LOGNAME") ?? Environment.value(of: "USER")
    }
}
