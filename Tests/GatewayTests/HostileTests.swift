// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveTestSupport
import Testing

/// Whoever reaches the port may send anything: an answer that says so, bounded memory, nothing disturbed.
@Suite struct HostileTests {
    private static let one: @Sendable (Place) -> String = { place in
        """
        [schedulers.web]
        command = \(place.child("forever"))
        ready = "spawn"
        """
    }

    @Test func `what is no request is refused, and the gateway goes on`() async throws {
        try await Reeve.supervising(Self.one) { reeve in
            try await reeve.withGateway { gateway in
                let long = String(repeating: "a", count: 200_000)
                for (request, wanted) in [
                    ("nonsense\r\n\r\n", [400]),
                    ("GET / HTTP/9.9\r\n\r\n", [400]),
                    ("GET /\(long) HTTP/1.1\r\nHost: localhost\r\n\r\n", [400, 414, 431]),
                    ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: \(long)\r\n\r\n", [400, 431]),
                    ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX y: 1\r\n\r\n", [400]),
                    (
                        "POST /api/scheduler/web/start HTTP/1.1\r\nHost: localhost\r\n"
                            + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                        [400]
                    ),
                    (
                        "POST /api/scheduler/web/start HTTP/1.1\r\nHost: localhost\r\n"
                            + "Content-Length: -1\r\n\r\n", [400]
                    ),
                    (
                        "POST /api/scheduler/web/start HTTP/1.1\r\nHost: localhost\r\n"
                            + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", [400]
                    ),
                    (
                        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                            + String(repeating: "X: 1\r\n", count: 200) + "\r\n", [400, 431]
                    ),
                ] {
                    let connection = try HTTPConnection(port: gateway.port)
                    try await connection.send(request)
                    let answer = try await connection.answer()
                    #expect(
                        wanted.contains(answer.status), "\(request.prefix(60)): \(answer.status)")
                    try await connection.end()
                }
                #expect(try await gateway.get("/healthz").status == 200)
            }
        }
    }

    @Test func `a body that is too large ends its connection, whatever its form`() async throws {
        try await Reeve.supervising(Self.one) { reeve in
            try await reeve.withGateway { gateway in
                let path = "/api/scheduler/web/start"
                let large = try await gateway.send(
                    "POST", path, body: String(repeating: " ", count: 65_537))
                #expect(large.status == 413)
                #expect(try large.json["code"] == .text("body-too-large"))
                let announced = try HTTPConnection(port: gateway.port)
                try await announced.send(
                    "POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
                )
                #expect(try await announced.answer().status == 413)
                try await announced.end()
                let chunked = try HTTPConnection(port: gateway.port)
                let chunk = "4000\r\n" + String(repeating: " ", count: 0x4000) + "\r\n"
                try await chunked.send(
                    "POST \(path) HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + String(repeating: chunk, count: 5))
                #expect(try await chunked.answer().status == 413)
                try await chunked.end()
                for (body, wanted) in [
                    ("", 200), ("{}", 200), (" { } \n", 200), ("{\"a\":1}", 400),
                ] {
                    #expect(
                        try await gateway.send("POST", path, body: body).status == wanted, "\(body)"
                    )
                }
            }
        }
    }

    @Test func `paths lead nowhere but to schedulers`() async throws {
        try await Reeve.supervising(Self.one) { reeve in
            try await reeve.withGateway { gateway in
                for (path, wanted) in [
                    ("/api/scheduler/..%2f..%2fetc%2fpasswd/health", 404),
                    ("/api/scheduler/../../etc/passwd", 404),
                    ("/api/scheduler/%00/health", 404),
                    ("/api/scheduler/web%0a/health", 404),
                    ("/api/scheduler//health", 404),
                    ("/api/scheduler/WEB/health", 404),
                    ("/api/scheduler/\(String(repeating: "a", count: 4_000))/health", 404),
                    ("/api/scheduler/start-all", 405), ("/api/scheduler/web/start", 405),
                    ("//api/metrics", 404), ("/API/metrics", 404), ("/", 404),
                    ("/api/scheduler/web/logs?lines=99999999999999999999", 400),
                    ("/api/scheduler/web/logs?lines=1&lines=2", 400),
                    ("/api/scheduler/web/logs?lines=-1", 400),
                    ("/api/scheduler/web/health?a", 400),
                    ("/api/events?after=nonsense", 400),
                ] {
                    let answer = try await gateway.get(path)
                    #expect(
                        answer.status == wanted,
                        "\(path.prefix(80)): \(answer.status) \(answer.text)")
                    #expect(
                        answer.fields["content-type"] == "application/problem+json",
                        "\(path.prefix(80))")
                }
                let answer = try await gateway.send("DELETE", "/api/metrics")
                #expect(answer.status == 405)
                #expect(answer.fields["allow"] == "GET")
            }
        }
    }

    @Test func `more connections than there may be are told so, and take nothing from the others`()
        async throws
    {
        try await Reeve.supervising(Self.one) { reeve in
            try await reeve.withGateway { gateway in
                let before = try await memory(gateway)
                var idle: [HTTPConnection] = []
                for _ in 0..<1_000 { idle.append(try HTTPConnection(port: gateway.port)) }
                // Others get through beside a thousand that say nothing.
                #expect(try await gateway.get("/api/scheduler/health").status == 200)
                for _ in 0..<60 { idle.append(try HTTPConnection(port: gateway.port)) }
                let last = try #require(idle.last)
                let answer = try await last.answer()
                #expect(answer.status == 503)
                try await last.end()
                #expect(try await reeve.command("status").code == 0)
                idle.removeAll()
                try await eventually("a place") { try await gateway.get("/healthz").status == 200 }
                let after = try await memory(gateway)
                #expect(after < before + 60_000_000, "\(before) -> \(after)")
            }
        }
    }

    @Test func `whoever takes his time has so much of it, and then the connection ends`()
        async throws
    {
        try await Reeve.supervising({ place in
            Self.one(place) + """

                [schedulers.flood]
                command = "exec yes 'a line that nobody wants to read'"
                ready = "spawn"
                """
        }) { reeve in
            try await reeve.withGateway { gateway in
                let before = try await memory(gateway)
                let silent = try HTTPConnection(port: gateway.port)
                let slow = try HTTPConnection(port: gateway.port)
                try await slow.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ")
                let post = "POST /api/scheduler/web/start HTTP/1.1\r\nHost: localhost\r\n"
                let waiting = try HTTPConnection(port: gateway.port)
                try await waiting.send(post + "Content-Length: 5\r\n\r\n{")
                let dripping = try HTTPConnection(port: gateway.port)
                try await dripping.send(post + "Content-Length: 5000\r\n\r\n{")
                let kept = try HTTPConnection(port: gateway.port)
                try await kept.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try await kept.answer().status == 200)
                let unread = try await gateway.open("/api/scheduler/flood/logs?follow=true")
                let followed = try await gateway.open("/api/events")
                // A byte now and then keeps neither a head nor a body alive.
                for connection in [waiting, dripping] {
                    try await eventually("the end of a body's time", within: 30) {
                        try await dripping.send(" ")
                        return connection.text.contains("HTTP/1.1 408")
                    }
                }
                for connection in [silent, slow, kept] {
                    try await eventually("the end of an idle connection", within: 60) {
                        try await slow.send("a")
                        _ = connection.text
                        return connection.isEnded
                    }
                }
                // Nothing was taken from it meanwhile.
                try await unread.end(within: 90)
                _ = followed.text
                #expect(!followed.isEnded, "a stream without news goes on")
                #expect(try await memory(gateway) < before + 60_000_000)
                #expect(try await reeve.command("status").code == 0)
            }
        }
    }

    private func memory(_ gateway: RunningGateway) async throws -> Double {
        let found = try await gateway.get("/api/diagnostics").json
        return try #require(found["gateway"]?["usage"]?["memoryBytes"]?.number)
    }
}
