// SPDX-License-Identifier: Apache-2.0
//
// The program around `ReeveGateway`: options, log, exit codes.

internal import ArgumentParser
internal import Logging
internal import ReeveGateway

/// `reeve-gateway`.
@main
struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reeve-gateway",
        abstract: "reeve's HTTP interface.",
        discussion: """
            Serves the health of reeve's schedulers, takes requests to start, stop, restart and recover \
            them, and gives Prometheus its figures. It holds nothing: it may be killed and started again \
            at any moment, and the supervisor goes on without it.

            Try: curl http://127.0.0.1:5000/api/scheduler/health
            """,
        version: GatewayVersion.text)

    @Option(help: ArgumentHelp("Address and port to listen on.", valueName: "address:port"))
    var listen = "127.0.0.1:5000"

    @Option(
        help: ArgumentHelp(
            "The supervisor's control socket; without it REEVE_SOCKET and the usual places are tried.",
            valueName: "path"))
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "A connection to the supervisor, as reeve itself gives it; in place of --socket.",
            valueName: "number", visibility: .hidden))
    var controlDescriptor: Int32?

    @Option(
        help: ArgumentHelp(
            "A file whose first line clients have to send as a bearer token, to look and to act.",
            valueName: "path"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "The same with a token that is for looking only.", valueName: "path"))
    var readTokenFile: String?

    @Option(
        help: ArgumentHelp(
            "A certificate chain in PEM; read anew when it changes.", valueName: "path"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("Its private key in PEM.", valueName: "path"))
    var tlsKey: String?

    @Option(
        name: .customLong("host"),
        help: ArgumentHelp(
            "A name by which clients call the gateway, where no token is asked for; may be given several "
                + "times.", valueName: "name"))
    var hosts: [String] = []

    @Flag(help: "Listen on a network address although there is no token.")
    var allowUnauthenticatedNetwork = false

    @Flag(
        help:
            "Let whoever has the control token register schedulers, which is to execute programs.")
    var allowRegister = false

    @Option(help: "The least that is logged.")
    var logLevel = Verbosity.info

    func run() async throws {
        let level = logLevel.level
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let logger = Logger(label: "reeve-gateway")
        do {
            try await GatewayServer(options(), logger: logger).run()
        } catch let error as GatewayError {
            throw Exit.configuration.said("\(error)", logger)
        } catch {
            throw Exit.failed.said("the gateway cannot go on: \(error)", logger)
        }
    }

    private func options() throws(GatewayError) -> GatewayOptions {
        var options = GatewayOptions(listen: try ListenAddress(listen))
        options.socket = socket
        options.controlDescriptor = controlDescriptor
        options.takeTokensOfEnvironment()
        options.tokenFile = tokenFile
        options.readTokenFile = readTokenFile
        options.tlsCertificate = tlsCertificate
        options.tlsKey = tlsKey
        options.hosts = hosts
        options.allowsUnauthenticatedNetwork = allowUnauthenticatedNetwork
        options.allowsRegistration = allowRegister
        return options
    }
}

/// The words of `log-level`, as in reeve's configuration.
enum Verbosity: String, CaseIterable, ExpressibleByArgument {
    case debug, info, warning, error

    fileprivate var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warning: .warning
        case .error: .error
        }
    }
}

/// Exit codes, as `reeve` has them.
private enum Exit: Int32 {
    case failed = 1
    /// EX_CONFIG.
    case configuration = 78

    /// Logs the reason, and is what to end with.
    func said(_ words: String, _ logger: Logger) -> ExitCode {
        logger.error("\(words)")
        return ExitCode(rawValue)
    }
}
