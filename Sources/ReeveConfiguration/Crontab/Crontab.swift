// SPDX-License-Identifier: Apache-2.0
//
// An existing crontab, read as Debian's cron reads it (crontab(5)): a line is a comment, an environment
// setting or a job; settings hold for the jobs below them. What that cron accepts and then never runs
// is left out and named; what it refuses is an error. Whatever a job means is then written as TOML,
// so that a crontab takes the same way as any other configuration.

package import ReeveCore

/// The jobs of a crontab.
package struct Crontab: Sendable {
    /// Which of the two forms.
    package enum Form: Sendable {
        /// `crontab -e`: five fields and a command.
        case user
        /// /etc/crontab and /etc/cron.d: the user's name stands before the command.
        case system

        /// What the path of a file tells: the system's files are known by their place.
        package init(path: String) {
            let isSystem = path == "/etc/crontab" || path.hasPrefix("/etc/cron.d/")
            self = isSystem ? .system : .user
        }
    }

    /// One job.
    package struct Job: Equatable, Sendable {
        /// Made from its command; unique in the file.
        package var name: String
        /// From 1.
        package var line: Int
        /// Five fields, or a nickname such as `@daily`.
        package var schedule: String
        /// Only in the system's form.
        package var user: String?
        /// What the shell is given, `\%` resolved.
        package var command: String
        /// What the command gets on its standard input; nil for nothing.
        package var input: String?
        /// The settings above it, in their order, each name once.
        package var environment: [EnvironmentVariable]
        /// Where a job of another user runs that has no HOME of its own; nil where that is not known.
        package var home: String?

        /// What is executed.
        var arguments: [String] {
            let shell = setting("SHELL").flatMap { $0.isEmpty ? nil : $0 } ?? "/bin/sh"
            guard let input else { return [shell, "-c", command] }
            // The shell's name, the command and its input are arguments, so that nothing has to be
            // quoted.
            return [
                "/bin/sh", "-c", #"printf %s "$3" | "$1" -c "$2""#, "crontab", shell, command,
                input,
            ]
        }

        /// The last setting of a name.
        package func setting(_ name: String) -> String? {
            environment.first { $0.name == name }?.value
        }
    }

    /// In the order of the file.
    package var jobs: [Job] = []
    /// Whom cron would mail what jobs write (MAILTO), each once.
    package var recipients: [String] { CrontabDifferences.recipients(of: jobs) }
    /// What behaves differently from Debian's cron; sentences without a full stop.
    package var differences: [String] = []
}

/// What became of reading a crontab.
package struct CrontabOutcome: Sendable {
    /// nil when there is any error.
    package var crontab: Crontab?
    /// By line and column.
    package var diagnostics: [Diagnostic]
}

extension Crontab {
    /// Reads a file, at most `ConfigurationLoader.bytesMax`. A file that cannot be read is an error in the outcome.
    ///
    /// `names` are those that jobs have had, by the fingerprint of what they execute (`Program`): a job
    /// keeps its name for as long as it executes the same, wherever in the file it stands.
    package static func load(
        path: String, form: Form, user: String?, names: [String: [String]] = [:]
    ) -> CrontabOutcome {
        func failure(_ message: String, _ help: String?) -> CrontabOutcome {
            let diagnostic = Diagnostic(
                severity: .error, file: path, location: nil, message: message, help: help)
            return CrontabOutcome(crontab: nil, diagnostics: [diagnostic])
        }
        switch readFile(path, bytesMax: ConfigurationLoader.bytesMax) {
        case .bytes(let bytes):
            return read(bytes, path: path, form: form, user: user, names: names)
        case .tooLarge: return failure(ConfigurationLoader.tooLargeWords, nil)
        case .failed(let message, let help): return failure(message, help)
        }
    }

    /// Reads a text, any bytes at all. `path` is only a name for messages. `user` is the account that
    /// reeve runs as: a job of another one needs the key `user`.
    package static func read(
        _ bytes: [UInt8], path: String, form: Form, user: String?, names: [String: [String]] = [:],
        machine: Machine = .current()
    ) -> CrontabOutcome {
        var reader = CrontabReader(
            path: path, bytes: bytes, form: form, user: user, machine: machine)
        return reader.read(names)
    }
}
