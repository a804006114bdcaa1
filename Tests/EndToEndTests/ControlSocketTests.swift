// SPDX-License-Identifier: Apache-2.0
//
// Whoever may connect may send anything. Nothing of it may disturb what is supervised.

import ReeveTestSupport
import Testing

@Suite struct ControlSocketTests {
    /// A steady child and what must still be true of it at the end.
    private func besides(
        _ body: @Sendable (Reeve) async throws -> Void
    ) async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.steady]
            command = \(place.child("stamp", "@up", "up", "forever"))
            ready = "spawn"
            [schedulers.talks]
            command = \(place.child("await", "@flood", "flood", "30000000", "forever"))
            """
        }) { reeve in
            let before = try await reeve.scheduler("steady", becomes: "healthy") {
                $0.status == "healthy"
            }
            try await body(reeve)
            let after = try await reeve.scheduler("steady")
            #expect(after.pid == before.pid)
            #expect(after.restartCount == 0)
            #expect(reeve.stamps("up").count == 1)
        }
    }

    @Test func `every kind of malformed request gets a sentence`() async throws {
        let deep = String(repeating: "[", count: 30_000)
        let cases: [(bytes: [UInt8], code: String)] = [
            (Array("status".utf8), "malformed"),
            (Array("{\"id\":1,\"op\":\"ping\"".utf8), "malformed"),
            (Array("[1,2,3]".utf8), "malformed"),
            (Array("\"ping\"".utf8), "malformed"),
            (Array(deep.utf8), "malformed"),
            (Array("{\"id\":1,\"op\":\"ping\"} {}".utf8), "malformed"),
            ([UInt8(ascii: "{"), 0xFF, 0xFE, UInt8(ascii: "}")], "malformed"),
            (Array("{\"id\":1,\"op\":\"pi\0ng\"}".utf8), "malformed"),
            (Array("{}".utf8), "missing-field"),
            (Array("{\"id\":1}".utf8), "missing-field"),
            (Array("{\"op\":\"ping\"}".utf8), "missing-field"),
            (Array("{\"id\":1,\"op\":\"restart\"}".utf8), "missing-field"),
            (Array("{\"id\":\"1\",\"op\":\"ping\"}".utf8), "wrong-type"),
            (Array("{\"id\":1,\"op\":7}".utf8), "wrong-type"),
            (Array("{\"id\":1,\"op\":\"stop\",\"name\":[]}".utf8), "wrong-type"),
            (Array("{\"id\":-1,\"op\":\"ping\"}".utf8), "invalid-value"),
            (Array("{\"id\":1,\"op\":\"obliterate\"}".utf8), "unknown-operation"),
            (Array("{\"id\":1,\"op\":\"ping\",\"name\":\"x\"}".utf8), "unknown-field"),
            (Array("{\"id\":1,\"op\":\"stop\",\"name\":\"nobody\"}".utf8), "unknown-scheduler"),
            (
                Array("{\"id\":1,\"op\":\"signal\",\"name\":\"steady\",\"signal\":\"NOPE\"}".utf8),
                "invalid-value"
            ),
        ]
        try await besides { reeve in
            let connection = try ControlConnection(reeve.socket)
            for (bytes, code) in cases {
                try await connection.send(bytes + [UInt8(ascii: "\n")])
                let answer = try await connection.object()
                let request = String(decoding: bytes.prefix(60), as: UTF8.self)
                #expect(answer["ok"] as? Bool == false, "\(request)")
                let error = answer["error"] as? [String: Any]
                #expect(error?["code"] as? String == code, "\(request): \(answer)")
                let message = error?["message"] as? String ?? ""
                #expect(message.count > 10, "\(request): \(message)")
            }
            // The connection has survived all of it.
            try await connection.send("{\"id\":77,\"op\":\"ping\"}")
            let answer = try await connection.object()
            #expect(answer["id"] as? Int == 77)
            #expect(answer["ok"] as? Bool == true)
        }
    }

    @Test func `a request without an end is refused and the connection closed`() async throws {
        try await besides { reeve in
            let connection = try ControlConnection(reeve.socket)
            try await connection.send(
                [UInt8](repeating: UInt8(ascii: " "), count: 200_000), within: 3)
            let answer = try await connection.object()
            #expect((answer["error"] as? [String: Any])?["code"] as? String == "too-long")
            #expect(try await connection.line() == nil)
        }
    }

    @Test func `many requests at once are all answered, in order`() async throws {
        try await besides { reeve in
            let connection = try ControlConnection(reeve.socket)
            let requests = (1...500).map {
                "{\"id\":\($0),\"op\":\"status\",\"name\":\"steady\"}\n"
            }
            // Few enough for the buffers of the socket, so that nobody has to read meanwhile.
            let sent = try await connection.send(Array(requests.joined().utf8))
            var last = 0
            while last < 500 {
                let answer = try await connection.object()
                let id = answer["id"] as? Int ?? 0
                #expect(id == last || id == last + 1)
                #expect(answer["ok"] as? Bool != false)
                last = id
            }
            #expect(sent == requests.joined().utf8.count)
        }
    }

    @Test func `clients come and go in the middle of everything`() async throws {
        try await besides { reeve in
            let descriptors = Processes.descriptorCount(reeve.pid)
            for turn in 0..<60 {
                let connection = try ControlConnection(reeve.socket)
                switch turn % 4 {
                case 0: break
                case 1: try await connection.send(Array("{\"id\":1,\"op\":".utf8))
                case 2: try await connection.send("{\"id\":1,\"op\":\"subscribe\"}")
                default: try await connection.send("{\"id\":1,\"op\":\"status\"}")
                }
            }
            try await eventually("the descriptors of the clients to be closed") {
                Processes.descriptorCount(reeve.pid) <= descriptors
            }
        }
    }

    @Test func `more clients than there are places are told so`() async throws {
        try await besides { reeve in
            var connections: [ControlConnection] = []
            var refused = 0
            for _ in 0..<80 {
                let connection = try ControlConnection(reeve.socket)
                try await connection.send("{\"id\":1,\"op\":\"ping\"}")
                let answer = try await connection.object()
                if answer["ok"] as? Bool == true {
                    connections.append(connection)
                } else {
                    refused += 1
                    #expect(
                        (answer["error"] as? [String: Any])?["code"] as? String
                            == "too-many-clients")
                }
            }
            #expect(connections.count == 64)
            #expect(refused == 16)
            connections.removeAll()
            try await eventually("a free place") {
                try await reeve.command("status", "--json").code == 0
            }
        }
    }

    @Test func `a client that does not read misses lines, is told so, and nobody else notices`()
        async throws
    {
        try await besides { reeve in
            let lazy = try ControlConnection(reeve.socket)
            try await lazy.send("{\"id\":1,\"op\":\"logs\",\"name\":\"talks\",\"follow\":true}")
            try Place.touch(reeve.directory + "/flood")
            let last = "flood 000000299999"
            try await eventually("the end of the flood", within: 20) {
                let memory = Processes.stat(reeve.pid)?.residentPages ?? .max
                #expect(memory * 4_096 < 100_000_000)
                return try await reeve.command("logs", "-n", "1", "talks").output.contains(last)
            }
            var lines = 0
            var hasGap = false
            while let line = try await lazy.line(within: 15) {
                lines += 1
                if line.contains("\"gap\"") { hasGap = true }
                if line.contains(last) { break }
            }
            #expect(hasGap)
            #expect(lines < 30_000)
        }
    }

    @Test func `a client that asks and never reads is held up, not the others`() async throws {
        try await besides { reeve in
            let greedy = try ControlConnection(reeve.socket)
            let request = Array("{\"id\":1,\"op\":\"status\"}\n".utf8)
            let flood = Array(repeatElement(request, count: 100_000).joined())
            let sent = try await greedy.send(flood, within: 2)
            #expect(sent < flood.count)
            let answered = try await reeve.command("status", "--json")
            #expect(answered.code == 0)
            let memory = Processes.stat(reeve.pid)?.residentPages ?? .max
            #expect(memory * 4_096 < 60_000_000)
        }
    }

    @Test func `the socket and its directory are the owner's alone`() async throws {
        try await besides { reeve throws in
            #expect(try Place.mode(reeve.socket) == 0o600)
            #expect(try Place.mode(reeve.directory + "/run") == 0o700)
        }
    }
}
