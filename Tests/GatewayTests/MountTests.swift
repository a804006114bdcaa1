// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveTestSupport
import Testing

/// The library in an application of somebody else.
@Suite struct MountTests {
    @Test func `the example of an application serves its own page and the interface`() async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("forever"))
            ready = "spawn"
            """
        }) { reeve in
            let token = "control-token-0123456789"
            let shop = try Guarded(
                [Tree.product("shop")],
                environment: Guarded.environment.merging([
                    "PORT": "0", "SUPERVISOR_TOKEN": token, "REEVE_SOCKET": reeve.socket,
                ]) { $1 }, directory: reeve.directory, name: "shop")
            let port = try await eventually("the shop's port") {
                if let ending = shop.ending { throw HarnessFailure("\(ending)\n\(shop.errors)") }
                return (shop.output + shop.errors).firstMatch(of: /127.0.0.1:([1-9]\d+)/)
                    .flatMap { Int($0.output.1) }
            }
            for (path, field, status, text) in [
                ("/", "X: 1", 200, "welcome to the shop"),
                ("/supervisor/api/scheduler/health", "X: 1", 401, "problem"),
                (
                    "/supervisor/api/scheduler/health", "Authorization: Bearer \(token)", 200,
                    "healthySchedulers"
                ),
                (
                    "/supervisor/api/scheduler/nobody/health", "Authorization: Bearer \(token)",
                    404,
                    "unknown-scheduler"
                ), ("/api/scheduler/health", "Authorization: Bearer \(token)", 404, ""),
            ] {
                let connection = try HTTPConnection(port: port)
                try await connection.send(
                    "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(field)\r\n\r\n")
                let answer = try await connection.answer()
                #expect(answer.status == status, "\(path)")
                #expect(answer.text.contains(text), "\(path): \(answer.text)")
            }
            Processes.signal(try await shop.pid(), SIGTERM)
            #expect(try await shop.ended() == .exit(0))
        }
    }
}
