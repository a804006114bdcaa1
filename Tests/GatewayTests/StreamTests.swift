// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveTestSupport
import Testing

@Suite struct StreamTests {
    private static let one: @Sendable (Place) -> String = { place in
        """
        [schedulers.web]
        command = "echo line one; exec sleep 1000"
        ready = "spawn"
        """
    }

    /// The ids of the events in what a stream has sent.
    private func ids(_ text: String) -> [String] {
        text.matches(of: /(?m)^id: (\S+)$/).map { String($0.output.1) }
    }

    @Test func `events go on, and after a break where they were`() async throws {
        try await Reeve.supervising(Self.one) { reeve in
            try await reeve.withGateway { gateway in
                let stream = try await gateway.open("/api/events")
                try await eventually("the first events") {
                    stream.text.contains(#""event":"started""#)
                }
                #expect(stream.text.contains("Content-Type: text/event-stream"))
                #expect(!stream.text.contains("event: gap"))
                #expect(try await gateway.post("/api/scheduler/web/restart").status == 200)
                try await eventually("what came later") {
                    stream.text.components("\"event\":\"started\"") == 2
                }
                let all = ids(stream.text)
                let middle = try #require(all.dropFirst(2).first)
                // A client that comes back, to another gateway, misses nothing and gets nothing twice.
                try await reeve.withGateway { other in
                    let resumed = try await other.open(
                        "/api/events?follow=false", ["Last-Event-ID: \(middle)"])
                    let answer = try await resumed.answer()
                    #expect(
                        Array(ids(answer.text).prefix(all.count - 3)) == Array(all.dropFirst(3)))
                }
                let unknown = try await gateway.open(
                    "/api/events?follow=false", ["Last-Event-ID: other-7"])
                let gap = try await unknown.answer().text
                #expect(gap.contains("event: gap\ndata: {\"missed\":null"))
                #expect(ids(gap).first == all.first)
            }
        }
    }

    @Test func `output is followed line by line, and a stream ends with the gateway`() async throws
    {
        try await Reeve.supervising(Self.one) { reeve in
            let gateway = try await RunningGateway(
                ["--socket", reeve.socket], directory: reeve.directory)
            let stream = try await gateway.open("/api/scheduler/web/logs?follow&lines=5")
            try await eventually("the line") { stream.text.contains(#""line":"line one""#) }
            _ = try await gateway.post("/api/scheduler/web/restart")
            try await eventually("the next") {
                stream.text.components(#""line":"line one""#) == 2
            }
            #expect(try await gateway.end() == .exit(0))
            try await stream.end()
            #expect(stream.text.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test func `a stream that nobody reads any more is given up, here and in the supervisor`()
        async throws
    {
        try await Reeve.supervising(Self.one) { reeve in
            try await reeve.withGateway { gateway in
                do {
                    var streams: [HTTPConnection] = []
                    for _ in 0..<64 { streams.append(try await gateway.open("/api/events")) }
                    for stream in streams {
                        try await eventually("events") { stream.text.contains("id: ") }
                    }
                    let answer = try await gateway.get("/api/events")
                    #expect(answer.status == 503)
                    #expect(try answer.json["code"] == .text("too-many-streams"))
                }
                // All connections are closed here. Something that is written tells the gateway.
                try await eventually("a free place", within: 40) {
                    _ = try await gateway.post("/api/scheduler/web/restart")
                    let found = try await gateway.get("/api/diagnostics").json
                    return found["gateway"]?["streams"] == .number(0)
                }
            }
        }
    }
}

extension String {
    /// How often the other text is in it.
    func components(_ other: String) -> Int { ranges(of: other).count }
}
