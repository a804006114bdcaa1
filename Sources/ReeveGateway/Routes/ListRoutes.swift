// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import NIOCore
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

extension Gateway {
    /// The last lines of its output.
    func logs(_ name: String, _ query: Query) async throws -> Response {
        let lines = query.number("lines")
        if query.flag("follow") ?? false {
            // What is wrong with the name is said before the stream begins.
            _ = try await link.logs(of: name, lines: 0)
            return try await stream(.logs(name: name, lines: lines, follow: true))
        }
        let found = try await link.logs(of: name, lines: lines)
        var body: [UInt8] = []
        ListDocuments.logs(of: name, found.lines, gaps: found.gaps, to: &body)
        return JSONBody.response(bytes: body)
    }

    /// Its last records in the ledger.
    func runs(_ name: String, _ query: Query) async throws -> Response {
        var body: [UInt8] = []
        ListDocuments.runs(
            of: name, try await link.runs(of: name, last: query.number("last")), to: &body)
        return JSONBody.response(bytes: body)
    }

    /// Its coming occurrences.
    func next(_ name: String, _ query: Query) async throws -> Response {
        var body: [UInt8] = []
        try await link.next(of: name, count: query.number("count")).write(to: &body)
        return JSONBody.response(bytes: body)
    }

    /// The alerts that are on.
    func alerts() async throws -> Response {
        var body: [UInt8] = []
        ListDocuments.alerts(try await link.alerts(), at: Clock.now().wall, to: &body)
        return JSONBody.response(bytes: body)
    }

    /// What happens.
    func events(_ request: Request, _ query: Query) async throws -> Response {
        let after: EventPosition?
        var isUnknown = false
        if let field = request.headers[ServerSentEvents.lastEventID] {
            // A browser that comes back with something else can do nothing about it.
            after = EventPosition(field)
            isUnknown = after == nil
        } else if let text = query.text("after") {
            guard let position = EventPosition(text) else {
                throw Problem.badRequest(
                    "invalid-parameter", "\"after\" is an event's id, as the events carry it")
            }
            after = position
        } else {
            after = nil
        }
        let follow = query.flag("follow") ?? true
        return try await stream(
            .subscribe(after: after, follow: follow), beginsWithGap: isUnknown)
    }
}
