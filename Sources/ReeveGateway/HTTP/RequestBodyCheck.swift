// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// No request of the interface has a body. What clients send all the same is read as far as it is harmless.
enum RequestBodyCheck {
    /// Throws a `Problem` for a body that holds anything, is too long, or does not come.
    static func requireEmpty(_ request: Request) async throws {
        if let length = request.headers[.contentLength], (Int(length) ?? .max) > bytesMax {
            throw Problem.bodyTooLarge
        }
        let hasBody =
            request.headers[.transferEncoding] != nil
            || (request.headers[.contentLength].flatMap { Int($0) } ?? 0) > 0
        guard hasBody else { return }
        let body = try await collected(request.body)
        let text = String(buffer: body).filter { !$0.isWhitespace }
        guard text.isEmpty || text == "{}" else {
            throw Problem.badRequest(
                "unexpected-body", "this request takes no body; parameters go into the query")
        }
    }

    private static let bytesMax = GatewayLimits.bodyBytesMax

    /// The whole body, within its bounds of size and time.
    private static func collected(_ body: RequestBody) async throws -> ByteBuffer {
        try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
            group.addTask {
                var collected = ByteBuffer()
                do {
                    for try await var part in body {
                        guard collected.readableBytes + part.readableBytes <= bytesMax else {
                            throw Problem.bodyTooLarge
                        }
                        collected.writeBuffer(&part)
                    }
                } catch let problem as Problem {
                    throw problem
                } catch {
                    // The decoder of HTTP has lost its way, or the client has gone.
                    throw Problem.malformedBody
                }
                return collected
            }
            group.addTask {
                try await Task.sleep(for: .seconds(GatewayLimits.bodySeconds))
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let found = first else {
                throw Problem.bodyTooSlow
            }
            return found
        }
    }
}
