// SPDX-License-Identifier: Apache-2.0
//
// The role in which this binary reads a configuration for a supervisor that runs: the supervisor parses
// no TOML, and a file on a stalled disk holds up only this process. Standard output and standard error
// are memory of the supervisor's.

internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux
internal import ReeveSupervisor

/// Reads what the arguments name (`ConfigurationSource`).
enum ParserRole {
    /// Diagnostics written; more are counted.
    private static let diagnosticsMax = 20

    /// Writes the hand-over to standard output and warnings, or errors, to standard error, one a line.
    /// Returns 0 where there is no error.
    static func run() -> Int32 {
        let arguments = Array(ProcessArguments.texts().dropFirst())
        guard let source = ConfigurationSource(arguments: arguments) else { return 64 }
        let outcome = outcome(of: source)
        let shown = outcome.specification == nil ? outcome.errors : outcome.warnings
        var text = shown.prefix(diagnosticsMax).map { line($0) + "\n" }.joined()
        if shown.count > diagnosticsMax { text += "and \(shown.count - diagnosticsMax) more\n" }
        StandardError.write(text)
        guard let specification = outcome.specification else { return 78 }
        let stream = FileDescriptor(owning: 1)
        var code: Int32 = 0
        do {
            try stream.writeAll(Handover.encode(specification).span)
        } catch {
            StandardError.write("the configuration could not be handed over: \(error)\n")
            code = 71
        }
        // Descriptor 1 stays open: it is not ours.
        _ = stream.release()
        return code
    }

    /// Reads a file of either kind.
    static func outcome(of source: ConfigurationSource) -> LoadOutcome {
        switch source.form {
        case .configuration: ConfigurationFile(path: source.path).outcome()
        case .crontab, .systemCrontab: CrontabFile(source: source).load()
        }
    }

    /// "reeve.toml:3:1: [schedulers.web] has no key `comand` (did you mean `command`?)"
    private static func line(_ diagnostic: Diagnostic) -> String {
        let place = diagnostic.location.map { ":\($0.line):\($0.column)" } ?? ""
        let help = diagnostic.help.map { " (\($0))" } ?? ""
        return "\(diagnostic.file)\(place): \(diagnostic.message)\(help)".printable
    }
}
