// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// Few requests of the interface have a body. What clients send all the same is read as far as it is harmless.
enum RequestBodyCheck {
    /// The body of a request that takes one; empty for any other. Throws a `Problem` for one that is too long,
    /// does not come, or holds anything where none is taken.
    static func body(of request: Request, at endpoint: Endpoint) async throws -> [UInt8] {
        let body = try await body(of: request)
        if endpoint.requestBody != nil { return body }
        try requireEmpty(body)
        return []
    }

    private static func body(of request: Request) async throws -> [UInt8] {
        if let length = request.headers[.contentLength], (Int(length) ?? .max) > bytesMax {
            throw Problem.bodyTooLarge
        }
        let hasBody =
            request.headers[.transferEncoding] != nil
            || (request.headers[.contentLength].flatMap { Int($0) } ?? 0) > 0
        return hasBody ? Array(buffer: try await collected(request.body)) : []
    }

    private static func requireEmpty(_ body: [UInt8]) throws {
        let text = String(decoding: body, as: UTF8.self).filter { !$0.isWhitespace }
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
