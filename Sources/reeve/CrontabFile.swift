// SPDX-License-Identifier: Apache-2.0

internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveCore
internal import ReeveLinux
internal import ReeveSupervisor

/// A crontab and what the command line says besides; read when reeve starts, and again at each reload.
struct CrontabFile {
    let source: ConfigurationSource

    /// The jobs, and everything that is to be said about the file.
    func read() -> CrontabOutcome {
        let form: Crontab.Form = source.form == .systemCrontab ? .system : .user
        return Crontab.load(
            path: source.path, form: form, user: CrontabFile.user, names: source.names)
    }

    /// The equivalent configuration.
    func toml(of crontab: Crontab) -> String {
        crontab.toml(source: source.path, home: CrontabFile.home)
    }

    /// A crontab takes the way of every configuration, defaults and checks included.
    private func specification(
        of crontab: Crontab, _ registered: [RegisteredText], _ change: RegisteredChange?
    ) -> LoadOutcome {
        guard !crontab.jobs.isEmpty else {
            return .failed(source.path, because: "there is no job to run")
        }
        var outcome = ConfigurationLoader.load(
            bytes: Array((settings + toml(of: crontab)).utf8),
            path: "\(source.path) (converted)", registered: registered, change: change,
            environment: ConfigurationFile.environment)
        outcome.specification?.supervisor.source = source.path
        outcome.specification?.supervisor.sourceForm = source.form
        return outcome
    }

    /// From the file to the specification; what is to be said of either is in the outcome.
    func load(
        registered: [RegisteredText] = [], change: RegisteredChange? = nil
    ) -> LoadOutcome {
        // Before it is read: what changes meanwhile is another state.
        let stamp = FileStamp(of: source.path)?.description
        let read = read()
        guard let crontab = read.crontab else { return .failed(read.diagnostics) }
        var outcome = specification(of: crontab, registered, change)
        outcome.diagnostics = read.diagnostics + outcome.diagnostics
        outcome.specification?.supervisor.sourceStamp = stamp
        if !crontab.recipients.isEmpty {
            let names = crontab.recipients.map(\.printable).joined(separator: ", ")
            outcome.warn(
                source.path, of: "MAILTO: nothing is mailed to \(names)",
                help: "what jobs write goes to standard output, with the job and the run in front")
        }
        return outcome
    }

    /// The table of reeve's own settings, as far as the command line tells them.
    private var settings: String {
        var table = "[reeve]\nwatch = \(source.watch)\n"
        let pairs = [
            ("runtime-directory", source.runtimeDirectory),
            ("state-directory", source.stateDirectory),
        ]
        for case (let key, let value?) in pairs {
            table += "\(key) = \(Crontab.tomlText(value))\n"
        }
        return table
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
