// SPDX-License-Identifier: Apache-2.0

package import ReeveCore

/// What became of a configuration.
package struct LoadOutcome: Sendable {
    /// nil when there is any error.
    package var specification: Specification?
    /// By line and column; what is about the whole file comes first.
    package var diagnostics: [Diagnostic]
    /// What was understood, also when there are errors.
    package var explanation: Explanation
    /// As whom those run that are registered through the gateway; nil: as reeve itself.
    package var registerUser: String?
    /// Of a registration that is right: the text that is to be kept.
    package var registered: [UInt8]?
    /// The name that was to be registered is the file's, or others depend on the one that was to go.
    package var isConflict = false
    var failures = Failures()

    /// What keeps a configuration from being used.
    struct Failures: Sendable {
        var isOfFile = true
        /// Indices of those that were read with it.
        var registered: [Int] = []
        /// Of the file, and then of each of those.
        var errors: [[Diagnostic]] = []
    }

    /// No configuration came of it, for these reasons.
    package static func failed(_ diagnostics: [Diagnostic]) -> LoadOutcome {
        LoadOutcome(specification: nil, diagnostics: diagnostics, explanation: Explanation())
    }

    /// No configuration came of a file, for a reason that has no place in it.
    package static func failed(_ file: String, because message: String) -> LoadOutcome {
        failed([
            Diagnostic(severity: .error, file: file, location: nil, message: message, help: nil)
        ])
    }

    /// Adds a warning that has no place in the file.
    package mutating func warn(_ file: String, of message: String, help: String?) {
        diagnostics.append(.warning(of: file, message, help: help))
    }

    /// Those that keep reeve from running it.
    package var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }
    /// Those that do not.
    package var warnings: [Diagnostic] { diagnostics.filter { $0.severity == .warning } }

    /// Adds a warning where a stop may take longer than the usual container engines wait before they kill;
    /// for whoever asks on behalf of a reeve that is PID 1.
    package mutating func warnOfStopBudget(file: String) {
        guard let settings = specification?.supervisor else { return }
        let budget = settings.gracefulTimeout + settings.forceTimeout
        guard budget > LoadOutcome.engineGrace else { return }
        diagnostics.insert(
            Diagnostic(
                severity: .warning, file: file, location: nil,
                message:
                    "a stop may take \(budget), and reeve is PID 1 of a container: engines kill "
                    + "everything \(LoadOutcome.engineGrace) after their stop signal",
                help: "lower graceful-timeout, or tell the engine: docker stop -t "
                    + "\(budget.seconds), terminationGracePeriodSeconds: \(budget.seconds)"),
            at: 0)
    }

    /// What Docker and podman wait by default.
    private static let engineGrace = Duration.seconds(10)
}

/// Text to specification. Reads one file, and of the machine what it refers to: accounts, mounts, zones.
package enum ConfigurationLoader {
    /// Largest file that is read: room for 10,000 schedulers of 800 bytes.
    package static let bytesMax = 8 << 20
    static let tooLargeWords = "the file is larger than \(bytesMax >> 20) MiB, so it is not read"

    /// Reads and validates a file. A file that cannot be read is an error in the outcome.
    ///
    /// `environment` is reeve's own: REEVE_PROFILE, RENDER and REEVE_STOP_BUDGET are looked up, TZ for a cron
    /// expression without a zone, and PATH where a command has no slash.
    /// Blocks for as long as the file does, so it is nothing for the supervisor role.
    package static func load(
        path: String, registered: [RegisteredText] = [], change: RegisteredChange? = nil,
        environment: [String: String], machine: Machine = .current()
    ) -> LoadOutcome {
        switch readFile(path, bytesMax: bytesMax) {
        case .bytes(let bytes):
            load(
                bytes: bytes, path: path, registered: registered, change: change,
                environment: environment, machine: machine)
        case .tooLarge: tooLarge(path)
        case .failed(let message, let help): failure(path, message, help: help)
        }
    }

    /// Validates a text; `path` is only a name for messages and for `SupervisorSettings.source`.
    package static func load(
        text: String, path: String = "reeve.toml", environment: [String: String] = [:],
        machine: Machine = .current()
    ) -> LoadOutcome {
        load(
            bytes: Array(text.utf8), path: path, environment: environment, machine: machine)
    }

    /// Validates what was read elsewhere; any bytes at all.
    package static func load(
        bytes: [UInt8], path: String, registered: [RegisteredText] = [],
        environment: [String: String], machine: Machine = .current()
    ) -> LoadOutcome {
        if bytes.count > bytesMax { return tooLarge(path) }
        // A byte order mark is no part of the text, and editors do not count it as a column.
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = bytes.starts(with: mark) ? Array(bytes.dropFirst(mark.count)) : bytes
        let source = SourceText(name: path, bytes: text)
        if let (message, span) = source.encodingError {
            return failure(
                path, message, help: "save the file as UTF-8", at: source.location(of: span))
        }
        var loader = Loader(
            name: path, bytes: text, registered: registered, environment: environment,
            machine: machine)
        return loader.load()
    }

    private static func tooLarge(_ path: String) -> LoadOutcome {
        failure(
            path, tooLargeWords,
            help: "10,000 schedulers fit into that; is this the right file?")
    }

    private static func failure(
        _ path: String, _ message: String, help: String?, at location: Diagnostic.Location? = nil
    ) -> LoadOutcome {
        let diagnostic = Diagnostic(
            severity: .error, file: path, location: location, message: message, help: help)
        return LoadOutcome(
            specification: nil, diagnostics: [diagnostic], explanation: Explanation())
    }
}
