// SPDX-License-Identifier: Apache-2.0
//
// From `[gateway]` to the daemon that the gateway is to the supervisor: its options become arguments, its
// tokens secrets where it runs as another user, who could not read their files.

internal import ReeveCore

/// Reads `[gateway]`.
struct GatewayReader: Sendable {
    /// The name by which the gateway is supervised.
    static let name = SchedulerName.gateway
    /// nobody, on every Linux.
    private static let unprivileged: UInt32 = 65_534
    private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private let effective: EffectiveSettings
    private let machine: Machine

    init(own: TableSettings, profile: Profile, machine: Machine) {
        effective = EffectiveSettings(
            table: .gateway, own: own, defaults: TableSettings(), preset: TableSettings(),
            profile: profile, kinds: .all)
        self.machine = machine
    }

    /// The gateway as a scheduler; nil where something else runs it, or it cannot be. `names` are those of
    /// the schedulers.
    func specification(
        names: [String], into findings: inout Findings
    ) -> SchedulerSpecification? {
        check(names, &findings)
        guard text("managed") != "external", let name = SchedulerName(GatewayReader.name) else {
            return nil
        }
        var program = Program(arguments: arguments)
        program.clearEnvironment = true
        program.environment = [EnvironmentVariable(name: "PATH", value: GatewayReader.path)]
        program.launch.user = account(&findings)
        if program.launch.user != nil {
            program.launch.secrets = tokens.map { Secret(name: $0.variable, path: $0.path) }
        } else {
            program.arguments += tokens.flatMap { [$0.option, $0.path] }
        }
        var gateway = SchedulerSpecification(name: name, program: program)
        gateway.description = "reeve's HTTP interface"
        gateway.isComponent = true
        gateway.readiness.rule = .spawn
        // It comes back at once, and never stops trying; only one that dies as soon as it is up, for want of
        // its port perhaps, is given time.
        gateway.restart.delay = .milliseconds(100)
        gateway.restart.delayMax = .seconds(5)
        gateway.restart.resetAfter = .milliseconds(500)
        gateway.restart.maxRestarts = nil
        // Whoever watches the start sees it from its beginning.
        gateway.order.priority = 10
        return gateway
    }

    // MARK: The program

    private var arguments: [String] {
        var arguments = command + ["--control-descriptor", "0", "--listen", listen]
        for key in ["tls-certificate", "tls-key"] {
            if let path = text(key) { arguments += ["--\(key)", path] }
        }
        if case .list(let hosts)? = effective.value("hosts") {
            for case .text(let host) in hosts { arguments += ["--host", host] }
        }
        if allowsNetwork { arguments.append("--allow-unauthenticated-network") }
        if allowsRegistration { arguments.append("--allow-register") }
        return arguments
    }

    private var command: [String] {
        guard case .command(let own)? = effective.value("command") else {
            return [beside ?? "reeve-gateway"]
        }
        // Text for a shell: the options become its positional parameters.
        guard own.count == 3, own[0] == "/bin/sh", own[1] == "-c" else { return own }
        return [own[0], own[1], own[2] + " \"$@\"", GatewayReader.name]
    }

    private var beside: String? {
        guard let directory = machine.programDirectory else { return nil }
        let path = directory + "/reeve-gateway"
        return machine.isExecutable(path) ? path : nil
    }

    private var tokens: [(option: String, variable: String, path: String)] {
        [
            ("--token-file", "REEVE_GATEWAY_TOKEN", "token-file"),
            ("--read-token-file", "REEVE_GATEWAY_READ_TOKEN", "read-token-file"),
        ].compactMap { option, variable, key in text(key).map { (option, variable, $0) } }
    }

    // MARK: Settings

    private func text(_ key: String) -> String? {
        if case .text(let text)? = effective.value(key) { text } else { nil }
    }

    private var listen: String { text("listen") ?? "127.0.0.1:5000" }

    private var allowsNetwork: Bool {
        var allows = false
        effective.assign("allow-unauthenticated-network", to: &allows)
        return allows
    }

    /// Whether schedulers may be registered through it.
    var allowsRegistration: Bool {
        var allows = false
        effective.assign("allow-register", to: &allows)
        return allows
    }

    /// As whom those run that are registered through it.
    var registerUser: String? { text("register-user") }

    private var isLoopback: Bool {
        ["127.", "localhost:", "[::1]:"].contains { listen.hasPrefix($0) }
    }

    private func account(_ findings: inout Findings) -> UserAccount? {
        let group = GroupAccount(name: nil, number: GatewayReader.unprivileged)
        guard let name = text("user") else {
            return machine.user == 0
                ? machine.accounts.user("\(GatewayReader.unprivileged)", group: group) : nil
        }
        guard let account = machine.accounts.user(name, group: nil) else {
            findings.error(
                "there is no user \(quoted(name)) in /etc/passwd", at: effective.span("user"),
                help: Suggestion.nearest(to: name, in: machine.accounts.userNames).map {
                    "did you mean \"\(printable($0))\"?"
                } ?? "name one, or leave the key out")
            return nil
        }
        return account
    }

    private func check(_ names: [String], _ findings: inout Findings) {
        if names.contains(GatewayReader.name) {
            findings.error(
                "a scheduler is named \"\(GatewayReader.name)\", which is what [gateway] runs as",
                at: effective.span("listen"), help: "give the scheduler another name")
        }
        let port = listen.lastIndex(of: ":").map { listen[listen.index(after: $0)...] } ?? ""
        if UInt16(port) == nil || listen.hasPrefix(":") {
            findings.error(
                "`listen` is an address and a port, and \(quoted(listen)) is not",
                at: effective.span("listen"),
                help: "write \"127.0.0.1:5000\", or \"0.0.0.0:5000\" for all addresses")
        } else if !isLoopback, tokens.isEmpty, !allowsNetwork {
            findings.error(
                "\(quoted(listen)) can be reached from the network, and without a token everybody "
                    + "there could stop every scheduler", at: effective.span("listen"),
                help: "add `token-file`, or listen on 127.0.0.1")
        }
        checkRegistration(&findings)
        if (text("tls-certificate") == nil) != (text("tls-key") == nil) {
            findings.error(
                "TLS needs both, `tls-certificate` and `tls-key`",
                at: effective.span("tls-certificate") ?? effective.span("tls-key"),
                help: "name the other file too")
        }
    }

    private func checkRegistration(_ findings: inout Findings) {
        if let name = registerUser, machine.accounts.user(name, group: nil) == nil {
            findings.error(
                "there is no user \(quoted(name)) in /etc/passwd",
                at: effective.span("register-user"),
                help: Suggestion.nearest(to: name, in: machine.accounts.userNames).map {
                    "did you mean \"\(printable($0))\"?"
                } ?? "name one that those who register may be")
        }
        guard allowsRegistration else { return }
        if text("token-file") == nil {
            findings.error(
                "`allow-register` lets whoever reaches the gateway execute programs, and there is no "
                    + "control token", at: effective.span("allow-register"),
                help: "add `token-file`")
        }
        if machine.user == 0, registerUser == nil {
            findings.error(
                "`allow-register` lets whoever has the control token execute programs, and reeve runs "
                    + "as root", at: effective.span("allow-register"),
                help: "add `register-user`, the user that they are executed as")
        }
    }

    /// Values in force, and where each came from.
    var explanation: [Explanation.Entry] {
        KnownKeys.of(.gateway).filter { $0.status == .now }.map { key in
            guard let (setting, origin) = effective.setting(key.name) else {
                return Explanation.Entry(
                    table: "gateway", key: key.name, value: key.defaultText, origin: .builtIn)
            }
            return Explanation.Entry(
                table: "gateway", key: key.name, value: setting.node.toml, origin: origin)
        }
    }
}
