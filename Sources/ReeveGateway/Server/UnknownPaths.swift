// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird

/// Answers what no route takes, in the form of all other errors.
struct UnknownPaths<Context: RequestContext>: RouterMiddleware {
    let figures: GatewayFigures

    func handle(
        _ request: Request, context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError where error.status == .notFound {
            let methods = Endpoint.methods(at: request.uri.path)
            let problem: Problem =
                methods.isEmpty
                ? .noSuchPath
                : .methodNotAllowed(request.method.rawValue, allowed: methods.map(\.rawValue))
            figures.count(problem.status)
            // Whatever body came with it is not read.
            return problem.closingConnection.response
        }
    }
}
