// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import ReeveConfiguration
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// `reeve run`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the schedulers of a configuration, in the foreground.",
        discussion: """
            Starts everything in the order of phases and dependencies and supervises it until SIGTERM \
            or SIGINT; a second one stops at once. May be the first process of a container. Without a \
            file the first of these is taken: $REEVE_CONFIG, ./reeve.toml, /etc/reeve/reeve.toml.

              $ reeve run
              $ reeve run /etc/reeve/reeve.toml
              ENTRYPOINT ["/usr/bin/reeve", "run", "/etc/reeve/reeve.toml"]

            A configuration with errors starts nothing and exits 78.
            """)

    @Argument(help: ArgumentHelp("The configuration.", valueName: "config"), completion: .file())
    var config: String?

    mutating func run() throws {
        let (specification, source) = try ConfigurationFile.find(config).loadToRun()
        if config == nil { StandardError.say("configuration is \(source)") }
        throw RunCommand.execute(Handover.encode(specification))
    }

    /// Why /proc cannot be used; nil where it can. With the numbers of another namespace foreign
    /// processes would be taken for reeve's own.
    private static func procObjection() -> String? {
        do {
            let known = try ProcFS().ownPID()
            guard known != Host.pid else { return nil }
            return "it belongs to another pid namespace (pid \(Host.pid) is \(known) in it)"
        } catch {
            return "it cannot be read (\(error))"
        }
    }

    /// Becomes the supervisor; comes back only with the reason why that failed. The arguments stay, so
    /// that process lists show `reeve run FILE`.
    static func execute(_ handover: [UInt8]) -> Exit {
        if let words = procObjection() {
            return .system(
                "needs /proc to see and to end what it starts, and \(words): mount it "
                    + "(`mount -t proc proc /proc`)")
        }
        do {
            let memory = try Memfd.sealed(name: "reeve-specification", contents: handover.span)
            try memory.setKeptOnExec(true)
            var environment = EnvironmentBlock.current()
            // Its handler would hold up the end that a watchdog of the service manager brings about.
            try environment.set("SWIFT_BACKTRACE", "enable=no")
            try environment.set(Role.variable, Role.supervisor(specification: memory.number))
            let errno = SelfExecution.replace(
                arguments: SelfExecution.arguments(), environment: environment)
            return .system("the supervisor could not be executed (/proc/self/exe): \(errno)")
        } catch {
            return .system("the specification could not be handed over: \(error)")
        }
    }
}

/// Where a configuration is.
struct ConfigurationFile {
    let path: String

    /// The one named, or the first of the usual ones that exists; REEVE_CONFIG need not.
    static func find(_ named: String?) throws(Exit) -> ConfigurationFile {
        if let named { return ConfigurationFile(path: named) }
        if let variable = Environment.value(of: "REEVE_CONFIG"), !variable.isEmpty {
            return ConfigurationFile(path: variable)
        }
        let usual = ["./reeve.toml", "/etc/reeve/reeve.toml"]
        for path in usual {
            do {
                _ = try FileDescriptor.openForReading(path)
                return ConfigurationFile(path: path)
            } catch {
                // One that exists is taken, readable or not: the loader says what is wrong with it.
                if !error.isGone { return ConfigurationFile(path: path) }
            }
        }
        let places = usual.joined(separator: " nor ")
        throw .configuration(
            "no configuration: none was named, REEVE_CONFIG is not set, and there is neither \(places)"
        )
    }

    /// Reads it. Prints warnings and goes on; prints errors and throws exit code 78.
    func load() throws(Exit) -> (Specification, source: String) { try taken(outcome()) }

    /// The same with what is registered in its state directory.
    func loadToRun() throws(Exit) -> (Specification, source: String) {
        try taken(RegisteredFiles.added(to: outcome()) { self.outcome(registered: $0) })
    }

    private func taken(_ outcome: LoadOutcome) throws(Exit) -> (Specification, source: String) {
        StandardError.write(outcome.diagnostics.rendered)
        guard let specification = outcome.specification else { throw .configuration(nil) }
        return (specification, path)
    }

    /// Reads it, with what is registered.
    func outcome(
        registered: [RegisteredText] = [], change: RegisteredChange? = nil
    ) -> LoadOutcome {
        // Before it is read: what changes meanwhile is another state.
        let stamp = FileStamp(of: path)?.description
        var outcome = ConfigurationLoader.load(
            path: path, registered: registered, change: change,
            environment: ConfigurationFile.environment)
        outcome.specification?.supervisor.sourceStamp = stamp
        return outcome
    }

    /// The variables that a configuration may depend on.
    static var environment: [String: String] {
        var environment: [String: String] = [:]
        for variable in Environment.current() where environment[variable.name] == nil {
            environment[variable.name] = variable.value
        }
        return environment
    }
}
