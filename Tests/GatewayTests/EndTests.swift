// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveTestSupport
import Testing

/// Each of the two may go at any moment.
@Suite struct EndTests {
    private static let one: @Sendable (Place) -> String = { place in
        """
        [schedulers.web]
        command = \(place.child("forever"))
        ready = "spawn"
        """
    }

    @Test func `a gateway that is killed again and again disturbs nothing`() async throws {
        try await Reeve.supervising(Self.one) { reeve in
            let pid = try await reeve.scheduler("web").pid
            for _ in 0..<5 {
                let gateway = try await RunningGateway(
                    ["--socket", reeve.socket], directory: reeve.directory)
                var streams: [HTTPConnection] = []
                for _ in 0..<10 { streams.append(try await gateway.open("/api/events")) }
                for _ in 0..<20 {
                    #expect(try await gateway.get("/api/scheduler/health").status == 200)
                }
                #expect(try await gateway.end(SIGKILL) == .signal(SIGKILL))
            }
            let after = try await reeve.scheduler("web")
            #expect(after.pid == pid)
            #expect(after.restartCount == 0)
            // Nothing of the connections that were cut off is left in the supervisor: its own client is one.
            try await reeve.withGateway { gateway in
                let found = try await gateway.get("/api/metrics").json
                #expect(found["supervisor"]?["clients"] == .number(1))
            }
        }
    }

    @Test func `without a supervisor it says so, and it finds the next one`() async throws {
        let place = try Place()
        defer { place.remove() }
        try place.write("reeve.toml", place.settings("") + Self.one(place))
        let socket = place.file("run/control.sock")
        let gateway = try await RunningGateway(["--socket", socket], directory: place.directory)
        func expectNobody() async throws {
            for (method, path) in [
                ("GET", "/api/scheduler/health"), ("POST", "/api/scheduler/web/start"),
                ("GET", "/api/metrics"), ("GET", "/api/events"),
            ] {
                let answer = try await gateway.send(method, path)
                #expect(answer.status == 503, "\(path)")
                #expect(try answer.json["code"] == .text("no-supervisor"))
                #expect(answer.fields["retry-after"] == "1")
            }
            #expect(try await gateway.get("/healthz").status == 503)
            let ready = try await gateway.get("/readyz")
            #expect(ready.status == 503)
            #expect(try ready.json["reason"]?.text?.contains("no supervisor answers") == true)
        }
        try await expectNobody()
        for round in 0..<2 {
            let supervisor = try Guarded(
                [Tree.product("reeve"), "run", place.file("reeve.toml")],
                directory: place.directory, name: "reeve-\(round)")
            let pid = try await supervisor.pid()
            try await eventually("an answer through the gateway") {
                try await gateway.get("/readyz").status == 200
            }
            #expect(try await gateway.get("/api/scheduler/web/health").status == 200)
            Processes.signal(pid, SIGTERM)
            #expect(try await supervisor.ended() == .exit(0))
            _ = try await supervisor.leaks()
            try await expectNobody()
        }
        #expect(try await gateway.end() == .exit(0))
    }

    @Test func `an action that takes longer than one waits goes on, and is told as going on`()
        async throws
    {
        try await Reeve.supervising({ place in
            """
            [schedulers.slow]
            command = \(place.child("ignore", "15", "forever"))
            ready = "spawn"
            stop-timeout = "3s"
            """
        }) { reeve in
            try await reeve.withGateway { gateway in
                let answer = try await gateway.post("/api/scheduler/slow/stop?timeout=1")
                #expect(answer.status == 202)
                #expect(try answer.json["status"] == .text("accepted"))
                let later = try await gateway.post("/api/scheduler/slow/stop")
                #expect(later.status == 200)
                #expect(try later.json["lifecycle"] == .text("stopped"))
            }
        }
    }
}
