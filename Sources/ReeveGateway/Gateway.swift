// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
public import Hummingbird
public import Logging
internal import NIOCore
internal import ReeveClient
internal import ReeveControl

/// reeve's HTTP interface, to be mounted in any Hummingbird application.
///
/// ```swift
/// let gateway = Gateway(SupervisorLink(), admission: GatewayAdmission(tokens: tokens))
/// let router = Router()
/// gateway.addRoutes(to: router)
/// ```
public struct Gateway: Sendable {
    let link: SupervisorLink
    let admission: GatewayAdmission
    let allowsRegistration: Bool
    let logger: Logger
    let figures: GatewayFigures

    /// - Parameters:
    ///   - link: the supervisor whose interface this is.
    ///   - admission: who may use it. Without tokens everybody may do everything who gets through to the port.
    ///   - allowsRegistration: whether whoever has the control token may register schedulers, which is to
    ///     execute programs; without a control token nobody may.
    ///   - logger: takes what an operator has to know.
    public init(
        _ link: SupervisorLink, admission: GatewayAdmission, allowsRegistration: Bool = false,
        logger: Logger = Logger(label: "reeve-gateway")
    ) {
        self.link = link
        self.admission = admission
        self.allowsRegistration = allowsRegistration
        self.logger = logger
        figures = GatewayFigures()
    }

    /// Adds every path of the interface to a router.
    public func addRoutes<Context: RequestContext>(to router: some RouterMethods<Context>) {
        for endpoint in Endpoint.all {
            router.on(RouterPath(endpoint.path), method: endpoint.method) { request, context in
                await respond(
                    to: request, at: endpoint, name: context.parameters.get("name") ?? "")
            }
        }
    }

    /// The answer to one request, whatever it is.
    func respond(to request: Request, at endpoint: Endpoint, name: String) async -> Response {
        let response: Response
        do {
            // The router passes over empty parts; whoever writes them means to lead something astray.
            guard !request.uri.path.contains("//") else { throw Problem.noSuchPath }
            try admission.admit(request, for: access(to: endpoint, request))
            if case .register = endpoint.access { try admitRegistration() }
            let body = try await RequestBodyCheck.body(of: request, at: endpoint)
            let query = try Query(request, for: endpoint)
            response = try await answer(endpoint, request, query, body: body, name: name)
        } catch let problem as Problem {
            response = problem.response
        } catch let failure as LinkFailure {
            response = Problem(failure).response
        } catch {
            logger.error("a request could not be answered: \(error)")
            response = Problem.defect.response
        }
        figures.count(response.status.code)
        return response
    }

    /// All checks of the enhanced health check are for those who may look; the one word is for all.
    private func access(to endpoint: Endpoint, _ request: Request) -> Endpoint.Access {
        let isVerbose = endpoint.operation == .healthz && request.uri.query != nil
        return isVerbose ? .read : endpoint.access
    }

    private func admitRegistration() throws(Problem) {
        guard allowsRegistration, admission.hasControlToken else {
            // Whatever body came with it is not read.
            throw Problem.mayNotRegister.closingConnection
        }
    }

    private func answer(
        _ endpoint: Endpoint, _ request: Request, _ query: Query, body: [UInt8], name: String
    ) async throws -> Response {
        switch endpoint.operation {
        case .schedulersHealth: try await schedulersHealth()
        case .schedulerHealth: try await schedulerHealth(name)
        case .startScheduler:
            try await act(.start(name: name, force: query.flag("force") ?? false), name, query)
        case .stopScheduler: try await act(.stop(name: name), name, query)
        case .restartScheduler:
            try await act(.restart(name: name, force: query.flag("force") ?? false), name, query)
        case .recoverScheduler: try await act(.recover(name: name), name, query)
        case .runScheduler:
            try await act(.runNow(name: name, force: query.flag("force") ?? false), name, query)
        case .pauseScheduler: try await act(.pause(name: name), name, query)
        case .resumeScheduler: try await act(.resume(name: name), name, query)
        case .resetScheduler: try await act(.reset(name: name), name, query)
        case .startAllSchedulers: try await actOnAll(.startAll, query)
        case .stopAllSchedulers: try await actOnAll(.stopAll, query)
        case .registerScheduler: try await register(body, query)
        case .unregisterScheduler: try await unregister(name, query)
        case .schedulerLogs: try await logs(name, query)
        case .schedulerRuns: try await runs(name, query)
        case .schedulerNext: try await next(name, query)
        case .metrics: try await metrics()
        case .memoryHealth: try await memoryHealth()
        case .diagnostics: try await diagnostics()
        case .alerts: try await alerts()
        case .events: try await events(request, query)
        case .healthz: await healthz(isVerbose: query.flag("verbose") ?? false)
        case .readyz: await readyz()
        case .prometheus: try await prometheus()
        case .openapi: JSONBody.response(bytes: Description.bytes)
        }
    }
}
