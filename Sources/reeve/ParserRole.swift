// SPDX-License-Identifier: Apache-2.0
//
// The role in which this binary reads a configuration for a supervisor that runs: the supervisor parses
// no TOML, and a file on a stalled disk holds up only this process. It also makes the changes of what is
// registered, since only here it is known whether they are right. Standard input, with what is to be
// registered, standard output and standard error are memory of the supervisor's.

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
    /// Returns 0 where there is no error, and else a `ParserFailure`.
    static func run() -> Int32 {
        let arguments = Array(ProcessArguments.texts().dropFirst())
        guard let source = ConfigurationSource(arguments: arguments, text: registrationText) else {
            return ParserFailure.usage.rawValue
        }
        if case .unregister(let name)? = source.change, !isKept(name, source) {
            StandardError.write("nothing is registered under the name \"\(name)\"\n")
            return ParserFailure.unknown.rawValue
        }
        let (texts, hindrances) = registered(source)
        guard hindrances.isEmpty else {
            write(hindrances)
            return (source.change == nil ? ParserFailure.invalid : .notKept).rawValue
        }
        let outcome = outcome(of: source, registered: texts)
        guard let specification = outcome.specification else {
            write(outcome.errors)
            return (outcome.isConflict ? ParserFailure.conflict : .invalid).rawValue
        }
        // What is kept is in force: nothing can fail after it.
        if let failure = handOver(specification) ?? keep(outcome, source) {
            return failure.rawValue
        }
        write(outcome.warnings)
        return 0
    }

    private static func write(_ diagnostics: [Diagnostic]) {
        var text = diagnostics.prefix(diagnosticsMax).map { line($0) + "\n" }.joined()
        let rest = diagnostics.count - diagnosticsMax
        if rest > 0 { text += "and \(rest) more\n" }
        StandardError.write(text)
    }

    /// Reads a file of either kind, and what is registered beside it.
    static func outcome(of source: ConfigurationSource) -> LoadOutcome {
        let (texts, hindrances) = registered(source)
        return hindrances.isEmpty
            ? outcome(of: source, registered: texts) : .failed(hindrances)
    }

    private static func outcome(
        of source: ConfigurationSource, registered texts: [RegisteredText]
    ) -> LoadOutcome {
        let change = source.change.map(RegisteredChange.init)
        return switch source.form {
        case .configuration:
            ConfigurationFile(path: source.path).outcome(registered: texts, change: change)
        case .crontab, .systemCrontab:
            CrontabFile(source: source).load(registered: texts, change: change)
        }
    }

    /// What is registered; and what of it cannot be read, which must not end what runs of it. Another text of
    /// what is changed does not count.
    private static func registered(
        _ source: ConfigurationSource
    ) -> (texts: [RegisteredText], hindrances: [Diagnostic]) {
        guard let directory = source.registeredDirectory else { return ([], []) }
        let (texts, unreadable) = RegisteredFiles(directory: directory).read()
        let hindrances = unreadable.filter { $0.name == nil || $0.name != source.change?.name.text }
        return (texts, hindrances.map { $0.error(consequence(source)) })
    }

    /// What follows where a change cannot be made.
    private static func consequence(_ source: ConfigurationSource) -> String {
        switch source.change {
        case nil: "what is registered there goes on as it is"
        case .register: "nothing is registered"
        case .unregister: "it stays registered"
        }
    }

    private static func handOver(_ specification: Specification) -> ParserFailure? {
        let stream = FileDescriptor(owning: 1)
        var failure: ParserFailure?
        do {
            try stream.writeAll(Handover.encode(specification).span)
        } catch {
            StandardError.write("the configuration could not be handed over: \(error)\n")
            failure = .system
        }
        // Descriptor 1 stays open: it is not ours.
        _ = stream.release()
        return failure
    }

    // MARK: What is registered

    private static func registrationText() -> String? {
        let stream = FileDescriptor(owning: 0)
        // Without it there is nothing to register.
        let bytes = try? Memfd.readAll(stream, max: ConfigurationLoader.registeredBytesMax)
        // Descriptor 0 stays open: it is not ours.
        _ = stream.release()
        return bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func isKept(_ name: SchedulerName, _ source: ConfigurationSource) -> Bool {
        source.registeredDirectory.map { RegisteredFiles(directory: $0).holds(name.text) } ?? false
    }

    /// Makes the change, which is right, last for longer than this reeve, where there is one.
    private static func keep(
        _ outcome: LoadOutcome, _ source: ConfigurationSource
    ) -> ParserFailure? {
        guard let change = source.change else { return nil }
        guard let directory = source.registeredDirectory else {
            StandardError.write("reeve has no state directory to keep it in\n")
            return .notKept
        }
        let files = RegisteredFiles(directory: directory)
        do {
            switch change {
            case .register(let registration):
                try files.keep(
                    registration.name.text, outcome.registered ?? Array(registration.text.utf8))
            case .unregister(let name): try files.remove(name.text)
            }
            return nil
        } catch {
            StandardError.write("\(error.words); \(consequence(source))".printable + "\n")
            return .notKept
        }
    }

    /// "reeve.toml:3:1: [schedulers.web] has no key `comand` (did you mean `command`?)"
    private static func line(_ diagnostic: Diagnostic) -> String {
        let place = diagnostic.location.map { ":\($0.line):\($0.column)" } ?? ""
        let help = diagnostic.help.map { " (\($0))" } ?? ""
        let file = diagnostic.file.isEmpty ? "" : "\(diagnostic.file)\(place): "
        return "\(file)\(diagnostic.message)\(help)".printable
    }
}

extension RegisteredChange {
    /// What it is to whoever reads configurations.
    fileprivate init(_ change: RegistrationChange) {
        switch change {
        case .register(let registration):
            let text = RegisteredText(
                name: registration.name.text, file: registration.file,
                bytes: Array(registration.text.utf8))
            self = .register(
                text, keys: registration.isRestricted ? SchedulerConfiguration.tomlKeys : nil)
        case .unregister(let name): self = .unregister(name.text)
        }
    }
}
