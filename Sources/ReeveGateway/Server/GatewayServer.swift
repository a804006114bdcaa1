// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import UnixSignals

/// The gateway as a program of its own: the routes, a server for them, and the files it watches.
public struct GatewayServer: Sendable {
    private let options: GatewayOptions
    private let logger: Logger
    private let admission: GatewayAdmission
    private let tokens: GatewayTokens
    private let files: TLSFiles?
    private let tls: CurrentTLS?

    /// Reads all files that the options name. Throws `GatewayError` for whatever must not be so.
    public init(_ options: GatewayOptions, logger: Logger) throws(GatewayError) {
        try options.check()
        self.options = options
        self.logger = logger
        tokens = try options.tokens()
        files = try options.tlsFiles()
        tls = try files.map { (files) throws(GatewayError) in CurrentTLS(try files.context()) }
        admission = GatewayAdmission(
            tokens: tokens, hosts: options.hosts + [options.listen.host])
    }

    /// Serves until SIGTERM or SIGINT; then what is under way may end, for at most 5 s. Throws where the
    /// address cannot be listened on.
    public func run() async throws {
        for warning in options.warnings { logger.warning("\(warning)") }
        let link =
            options.controlDescriptor.map { SupervisorLink(descriptor: $0) }
            ?? SupervisorLink(socket: options.socket)
        let gateway = Gateway(
            link, admission: admission, allowsRegistration: options.allowsRegistration,
            logger: logger)
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            router: router(gateway), server: server(gateway.figures),
            configuration: ApplicationConfiguration(
                address: .hostname(options.listen.host, port: options.listen.port)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? options.listen.port
                let scheme = tls == nil ? "http" : "https"
                let host = options.listen.host
                let shown = host.contains(":") ? "[\(host)]" : host
                logger.info("listening on \(scheme)://\(shown):\(port)")
            }, logger: quiet)
        let watch = FileWatch(
            options: options, admission: admission, tls: tls, logger: logger, tokens: tokens,
            files: files)
        var services: [any Service] = [application, watch]
        if options.controlDescriptor != nil { services.append(LinkWatch(link: link)) }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint],
            logger: quiet)
        configuration.maximumGracefulShutdownDuration = .seconds(5)
        try await ServiceGroup(configuration: configuration).run()
        await link.close()
    }

    private func router(_ gateway: Gateway) -> Router<BasicRequestContext> {
        let router = Router(
            context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: UnknownPaths(figures: gateway.figures))
        gateway.addRoutes(to: router)
        return router
    }

    private func server(_ figures: GatewayFigures) -> HTTPServerBuilder {
        let configuration = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionGate(figures)],
            idleTimeout: .seconds(Int64(GatewayLimits.idleSeconds)),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: GatewayLimits.headerBytesMax,
                maxHeaderListSize: GatewayLimits.headerBytesMax,
                maxHeaderFieldCount: GatewayLimits.headerFieldsMax))
        return HTTPServerBuilder { responder in
            let plain = HTTP1Channel(responder: responder, configuration: configuration)
            guard let tls else { return plain }
            return SecureChannel(plain: plain, tls: tls)
        }
    }
}
