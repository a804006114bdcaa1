// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

/// The gateway as reeve's own child, by `[gateway]`.
@Suite struct ManagedTests {
    private static let token = "control-token-0123456789"

    /// Under root the gateway is nobody, who may not get to where this was built.
    private func programFor(_ place: Place) async throws -> String {
        guard geteuid() == 0 else { return "" }
        let probe = try Guarded(
            [
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                Tree.product("reeve-gateway"), "--version",
            ], directory: place.directory, name: "probe")
        return try await probe.ended() == .exit(0) ? "" : "user = \"root\""
    }

    /// Where the gateway listens now: the last that it said.
    private func port(_ reeve: Reeve, starts: Int) async throws -> Int {
        try await eventually("start \(starts) of the gateway") {
            let found = reeve.log.matches(of: /listening on http:\/\/127.0.0.1:(\d+)/)
            guard found.count >= starts, let last = found.last else { return nil }
            return Int(last.output.1)
        }
    }

    private func get(_ path: String, port: Int, method: String = "GET") async throws -> HTTPAnswer {
        let connection = try HTTPConnection(port: port)
        try await connection.send(
            "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n"
                + "Authorization: Bearer \(Self.token)\r\n\r\n")
        return try await connection.answer()
    }

    @Test func `it is supervised, unprivileged and in no total, and is back when it was killed`()
        async throws
    {
        let scratch = try Place()
        defer { scratch.remove() }
        let account = try await programFor(scratch)
        try await Reeve.supervising({ place in
            try? place.write("token", Self.token + "\n", mode: 0o600)
            return """
                [schedulers.web]
                command = \(place.child("forever"))
                ready = "spawn"
                [gateway]
                listen = "127.0.0.1:0"
                token-file = "\(place.file("token"))"
                \(account)
                """
        }) { reeve in
            var port = try await port(reeve, starts: 1)
            let answer = try await get("/api/scheduler/health", port: port)
            #expect(answer.status == 200)
            let health = try answer.json
            #expect(health["summary"]?["totalSchedulers"] == .number(1))
            #expect(health["schedulers"]?.list?.count == 1)
            let component = try #require(health["components"]?[0])
            #expect(component["name"] == .text("gateway"))
            let pid = try #require(component["pid"]?.number)
            #expect(try await get("/metrics", port: port).status == 200)
            let denied = try HTTPConnection(port: port)
            try await denied.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try await denied.answer().status == 401)
            let status = try String(contentsOfFile: "/proc/\(Int(pid))/status", encoding: .utf8)
            if geteuid() == 0, account.isEmpty {
                #expect(status.contains("Uid:\t65534\t65534\t65534\t65534"))
                #expect(status.contains("CapEff:\t0000000000000000"))
            }
            // What stops all schedulers leaves it, or its own answer would not come.
            let stopped = try await get("/api/scheduler/stop-all", port: port, method: "POST")
            #expect(stopped.status == 200)
            #expect(try stopped.json["results"]?.list?.count == 1)
            #expect(
                try await get("/api/scheduler/web/start", port: port, method: "POST").status == 200)
            for word in ["stop", "restart", "recover"] {
                let refused = try await get(
                    "/api/scheduler/gateway/\(word)", port: port, method: "POST")
                #expect(refused.status == 409)
                #expect(try refused.json["code"] == .text("own-end"))
            }
            let web = try await reeve.scheduler("web").pid
            for round in 2...4 {
                let found = try await get("/api/scheduler/health", port: port).json
                let pid = try #require(found["components"]?[0]?["pid"]?.number)
                Processes.signal(Int32(pid), SIGKILL)
                port = try await self.port(reeve, starts: round)
                #expect(try await get("/api/scheduler/web/health", port: port).status == 200)
            }
            #expect(try await reeve.scheduler("web").pid == web)
            #expect(try await reeve.status().summary.totalSchedulers == 1)
            let shown = try await reeve.command("status", "gateway")
            #expect(shown.code == 0, "\(shown.errors)")
        }
    }
}
