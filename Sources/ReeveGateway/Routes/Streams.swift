// SPDX-License-Identifier: Apache-2.0
//
// Server-sent events: what the supervisor streams, line by line. Each event has its position in the
// supervisor's stream as its id, so that a client that comes back with Last-Event-ID goes on where it was;
// what it has missed meanwhile is told as an event "gap". Comments keep the connection from looking dead.

internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import ReeveClient
internal import ReeveControl
internal import ServiceLifecycle

/// The form of the stream, as the HTML standard defines it.
enum ServerSentEvents {
    static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .ifMatch

    /// What the stream begins with: how soon a client is to come back, in milliseconds.
    static let head = ByteBuffer(string: "retry: 1000\n\n")

    static let comment = ByteBuffer(string: ": nothing new\n\n")

    /// One event; nil for what has no form in a stream.
    static func event(_ body: ServerMessage.Body) -> ByteBuffer? {
        switch body {
        case .event(let event):
            return encoded(nil, id: event.position.description) { event.write(to: &$0) }
        case .line(let line):
            return encoded(nil, id: nil) { line.write(to: &$0) }
        case .gap(let gap):
            return encoded("gap", id: nil) { gap.write(to: &$0) }
        default:
            return nil
        }
    }

    static func problem(_ problem: Problem) -> ByteBuffer {
        encoded("problem", id: nil) { data in
            // A problem holds texts and a number, which JSON can always hold.
            data = (try? JSONBody.encode(problem.document)) ?? []
        }
    }

    /// Without a name it is what clients get as a message. The data is one line, since JSON escapes line
    /// breaks.
    private static func encoded(
        _ name: String?, id: String?, _ write: (inout [UInt8]) -> Void
    ) -> ByteBuffer {
        var data: [UInt8] = []
        write(&data)
        var buffer = ByteBuffer()
        if let id { buffer.writeString("id: \(id)\n") }
        if let name { buffer.writeString("event: \(name)\n") }
        buffer.writeString("data: ")
        buffer.writeBytes(data)
        buffer.writeString("\n\n")
        return buffer
    }
}

extension Gateway {
    /// A response that goes on until the client leaves, the supervisor goes, or the gateway ends.
    func stream(
        _ operation: ControlOperation, beginsWithGap: Bool = false
    ) async throws -> Response {
        guard let place = StreamPlace(figures) else { throw Problem.tooManyStreams }
        let parts = try await link.follow(operation)
        let body = ResponseBody { writer in
            defer { withExtendedLifetime(place) {} }
            try await writer.write(ServerSentEvents.head)
            if beginsWithGap {
                let gap = GapReport(missed: nil, reason: "the Last-Event-ID is no event's id")
                if let event = ServerSentEvents.event(.gap(gap)) { try await writer.write(event) }
            }
            do {
                for try await part in parts.cancelOnGracefulShutdown() {
                    try await write(part, &writer)
                }
            } catch let failure as LinkFailure {
                try await writer.write(ServerSentEvents.problem(Problem(failure)))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store",
                HTTPField.Name("X-Accel-Buffering") ?? .server: "no",
            ], body: body)
    }
}

/// One of the streams that may be open at once. Given back when nobody holds it any more: a response may be
/// dropped before its body was begun.
private final class StreamPlace: Sendable {
    private let figures: GatewayFigures

    /// nil: all are taken.
    init?(_ figures: GatewayFigures) {
        guard figures.takeStream() else { return nil }
        self.figures = figures
    }

    deinit { figures.giveStream() }
}

private func write(_ part: StreamPart, _ writer: inout any ResponseBodyWriter) async throws {
    switch part {
    case .quiet: try await writer.write(ServerSentEvents.comment)
    case .body(let body):
        if let event = ServerSentEvents.event(body) { try await writer.write(event) }
    }
}
