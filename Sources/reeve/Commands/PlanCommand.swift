// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveClient
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore
internal import ReeveSupervisor

/// `reeve plan`.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what a reload of a configuration would do, and do nothing.",
        discussion: """
            Compares the file with what the running reeve has in force. Each scheduler that a reload \
            would start, restart, stop or give other settings is listed, with the old and the new value \
            of every key that differs; values of environments are not shown. The exit code is 0 whether \
            or not there are changes, 78 for a file with errors, 69 where no reeve runs.

              $ reeve plan reeve.toml && reeve reload
              $ reeve plan --json reeve.toml | jq '.schedulers[] | select(.action == "restart")'

            Without a file the one that the running reeve reads is taken, where it was named by an \
            absolute path; else the same as by `reeve run`. It is read here, with the variables of \
            this command (REEVE_PROFILE, RENDER, REEVE_STOP_BUDGET, TZ); a reload reads with those of \
            the running reeve.
            """)

    @Argument(help: ArgumentHelp("The configuration.", valueName: "config"), completion: .file())
    var config: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var connection: ConnectionOptions

    mutating func run() throws {
        // A file with errors is told of even where nobody is there to compare it with.
        let inForce: Result<InForce, ClientError> = inForce()
        let (path, outcome) = try read(as: inForce)
        StandardError.write(outcome.diagnostics.rendered)
        guard let specification = outcome.specification else { throw Exit.configuration(nil) }
        let (settings, standings) = try inForce.get()
        var new = specification
        new.schedulers = new.schedulers.map(\.withoutSecrets)
        if !Self.isPermitted(settings) {
            let registered = standings.map(\.specification).filter { $0.origin == .registered }
            let names = Set(new.schedulers.map(\.name))
            new.schedulers += registered.filter { !names.contains($0.name) }
        }
        let plan = ReloadPlan(from: settings, standings, to: new)
        let output = Output()
        if json {
            var bytes: [UInt8] = []
            PlanDocument.write(plan, words: PlanText.words, to: &bytes)
            try output.write(bytes)
        } else {
            try output.write(
                PlanText.rendered(plan, path: path.printable, output.appearance))
        }
        try output.flush()
    }

    /// Whether what is registered may be read: it belongs to the user that reeve runs as.
    private static func isPermitted(_ settings: SupervisorSettings) -> Bool {
        settings.registeredDirectory.map { RegisteredFiles(directory: $0).isPermitted } ?? true
    }

    private typealias InForce = (settings: SupervisorSettings, standings: [SchedulerStanding])

    private func inForce() -> Result<InForce, ClientError> {
        do throws(ClientError) {
            let client = try connection.connect(timeout: ConnectionOptions.reading)
            return .success(try client.configuration())
        } catch {
            return .failure(error)
        }
    }

    /// Reads the file as the running reeve would: one that runs a crontab reads crontabs.
    private func read(
        as inForce: Result<InForce, ClientError>
    ) throws -> (path: String, outcome: LoadOutcome) {
        var running: String?
        var registered: [RegisteredText] = []
        if case .success(let (settings, standings)) = inForce {
            running = config == nil ? settings.source : nil
            let kept = Self.registered(settings)
            if !kept.unreadable.isEmpty {
                let errors = kept.unreadable.map { $0.error("a reload would be refused") }
                return (config ?? settings.source ?? "", .failed(errors))
            }
            registered = kept.texts
            if settings.sourceForm != .configuration,
                var source = ConfigurationSource(
                    of: Specification(
                        supervisor: settings, schedulers: standings.map(\.specification)))
            {
                if let running { warnOfRelative(running, taking: running) }
                source.path = config ?? source.path
                if !Self.isPermitted(settings) { source.registeredDirectory = nil }
                return (source.path, ParserRole.outcome(of: source))
            }
        }
        if let running, running.hasPrefix("/") {
            return (running, ConfigurationFile(path: running).outcome(registered: registered))
        }
        let file = try ConfigurationFile.find(config)
        if let running { warnOfRelative(running, taking: file.path) }
        return (file.path, file.outcome(registered: registered))
    }

    /// What is registered with the running reeve, as a reload would read it.
    private static func registered(
        _ settings: SupervisorSettings
    ) -> (texts: [RegisteredText], unreadable: [RegisteredFiles.Unreadable]) {
        guard let directory = settings.registeredDirectory else { return ([], []) }
        guard isPermitted(settings) else {
            StandardError.say(
                "what is registered may not be read by this user, and is taken as it is in force")
            return ([], [])
        }
        return RegisteredFiles(directory: directory).read()
    }

    /// The supervisor's working directory need not be this one.
    private func warnOfRelative(_ source: String, taking path: String) {
        guard !source.hasPrefix("/") else { return }
        StandardError.say(
            "the running reeve reads \(source), from the directory that it was started in; "
                + "compared with \(path) from here, which may be another: name the file to be sure")
    }
}
