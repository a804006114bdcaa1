// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ReeveTestSupport
import Testing

/// `POST /api/scheduler` and `DELETE /api/scheduler/{name}`.
@Suite struct RegisterTests {
    private static let token = "control-token-0123456789"
    private static let readToken = "read-token-0123456789abc"

    /// Where reeve is root somebody has to be named.
    private static let table = """
        [gateway]
        managed = "external"
        register-user = "\(geteuid() == 0 ? "root" : "\(geteuid())")"

        """

    private static let file: @Sendable (Place) -> String = { place in
        """
        [schedulers.db]
        command = \(place.child("forever"))
        ready = "spawn"

        """ + (geteuid() == 0 ? table : "")
    }

    private static func body(_ name: String, _ further: String = "") -> String {
        #"{"name":"\#(name)","command":["sleep","1000"],"priority":1\#(further)}"#
    }

    private struct Client {
        let gateway: RunningGateway
        let check: SchemaCheck

        /// Asks with the control token, and holds the answer against the description.
        func send(
            _ method: String, _ path: String, body: String? = nil,
            token: String? = RegisterTests.token
        ) async throws -> HTTPAnswer {
            let fields = token.map { ["Authorization: Bearer \($0)"] } ?? []
            let answer = try await gateway.send(method, path, fields, body: body)
            let described = path == "/api/scheduler" ? path : "/api/scheduler/{name}"
            #expect(
                try check.faults(of: answer, to: method, described) == [],
                "\(method) \(path): \(answer.text)")
            return answer
        }

        func post(_ body: String) async throws -> HTTPAnswer {
            try await send("POST", "/api/scheduler", body: body)
        }
    }

    private func withClient(
        allowing arguments: [String] = ["--allow-register"], _ reeve: Reeve,
        _ body: (Client) async throws -> Void
    ) async throws {
        let place = Place(at: reeve.directory)
        try place.write("control", Self.token + "\n", mode: 0o600)
        try place.write("read", Self.readToken + "\n", mode: 0o600)
        let tokens = [
            "--token-file", place.file("control"), "--read-token-file", place.file("read"),
        ]
        try await reeve.withGateway(tokens + arguments) { gateway in
            let document = try await gateway.get("/api/openapi.json").json
            try await body(Client(gateway: gateway, check: SchemaCheck(document: document)))
        }
    }

    @Test func `a scheduler comes, changes and goes, with the statuses for that`() async throws {
        try await Reeve.supervising(Self.file) { reeve in
            try await withClient(reeve) { client in
                let new = try await client.post(Self.body("web"))
                #expect(new.status == 201, "\(new.text)")
                #expect(new.fields["location"] == "/api/scheduler/web/health")
                #expect(try new.json["origin"] == .text("registered"))
                #expect(try new.json["name"] == .text("web"))
                let pid = try await reeve.scheduler("web").pid
                #expect(pid != nil)
                let same = try await client.post(Self.body("web"))
                #expect(same.status == 200)
                #expect(try await reeve.scheduler("web").pid == pid)
                let other = try await client.post(Self.body("web", #","environment":{"A":"1"}"#))
                #expect(other.status == 200, "\(other.text)")
                #expect(try await reeve.scheduler("web").pid != pid)
                let gone = try await client.send("DELETE", "/api/scheduler/web")
                #expect(gone.status == 204 && gone.body.isEmpty)
                #expect(try await reeve.status().schedulers.map(\.name) == ["db"])
                let unknown = try await client.send("DELETE", "/api/scheduler/web")
                #expect(unknown.status == 404)
                #expect(try unknown.json["code"] == .text("unknown-scheduler"))
            }
        }
    }

    @Test func `the last execution of one that is gone is shown, and can be stopped`() async throws
    {
        try await Reeve.supervising(Self.file) { reeve in
            try await withClient(reeve) { client in
                let fields = ["Authorization: Bearer \(Self.token)"]
                func act(_ verb: String) async throws -> HTTPAnswer {
                    let answer = try await client.gateway.send(
                        "POST", "/api/scheduler/job/\(verb)", fields)
                    #expect(
                        try client.check.faults(
                            of: answer, to: "POST", "/api/scheduler/{name}/\(verb)") == [],
                        "\(verb): \(answer.text)")
                    return answer
                }
                let new = try await client.post(Self.body("job", #","interval":3600000"#))
                #expect(new.status == 201, "\(new.text)")
                #expect(try await reeve.command("run-now", "job").code == 0)
                let pid = try await reeve.scheduler("job", becomes: "up") { $0.pid != nil }.pid
                #expect(try await client.send("DELETE", "/api/scheduler/job").status == 204)
                #expect(try await reeve.scheduler("job").pid == pid)
                let start = try await act("start")
                #expect(start.status == 404, "\(start.text)")
                #expect(try start.json["code"] == .text("unknown-scheduler"))
                let stop = try await act("stop")
                #expect(stop.status == 200, "\(stop.text)")
                #expect(try stop.json["lifecycle"] == .text("stopped"))
                #expect(try stop.json["pid"] == .null)
                #expect(!Processes.isAlive(pid ?? 0))
                #expect(try await act("stop").status == 404)
            }
        }
    }

    @Test func `the document's own example is taken as it is, with a command`() async throws {
        try await Reeve.supervising(Self.file) { reeve in
            try await withClient(reeve) { client in
                let answer = try await client.post(
                    """
                    {"name": "my-scheduler", "enabled": true, "interval": 30000, "maxRetries": 3,
                     "retryDelay": 1000, "timeout": 10000, "memoryThreshold": 100,
                     "errorThreshold": 5, "restartDelay": 2000, "priority": 1, "dependencies": [],
                     "healthCheckInterval": 30000, "command": "date"}
                    """)
                #expect(answer.status == 201, "\(answer.text)")
                let scheduler = try answer.json
                #expect(scheduler["kind"] == .text("scheduled"))
                #expect(scheduler["priority"] == .number(1))
                #expect(scheduler["memoryThreshold"] == .number(100_000_000))
            }
        }
    }

    @Test func `what is refused is told apart, with a sentence`() async throws {
        try await Reeve.supervising(Self.file) { reeve in
            try await withClient(reeve) { client in
                for (body, status, words) in [
                    (Self.body("db"), 409, "db is in "),
                    (
                        Self.body("web", #","dependencies":["x"]"#), 422,
                        "there is no such scheduler"
                    ),
                    (Self.body("web", #","cronExpression":"99 * * * *""#), 422, "cron"),
                    (Self.body("web", #","comand":"x""#), 400, #"did you mean "command"?"#),
                    (Self.body("web", #","user":"root""#), 400, #"there is no member "user""#),
                    (Self.body("health"), 400, "reserved"),
                    (Self.body("gateway"), 400, "reeve's own gateway"),
                    ("", 400, "ends in the middle"), ("[]", 400, "one JSON object"),
                    (
                        Self.body(
                            "web",
                            #","description":"\#(String(repeating: "\\u0001", count: 10_000))""#),
                        413, "as the supervisor gets it"
                    ),
                ] {
                    let answer = try await client.post(body)
                    #expect(answer.status == status, "\(body.prefix(200)): \(answer.text)")
                    #expect(answer.fields["content-type"] == "application/problem+json")
                    #expect(
                        try answer.json["detail"]?.text?.contains(words) == true, "\(answer.text)")
                }
                let large = String(repeating: "x", count: 70_000)
                #expect(try await client.post(large).status == 413)
                let file = try await client.send("DELETE", "/api/scheduler/db")
                #expect(file.status == 409)
                // The connection to the supervisor is as it was.
                #expect(try await client.post(Self.body("web")).status == 201)
                let needs = Self.body("needs", #","dependencies":["web"]"#)
                #expect(try await client.post(needs).status == 201)
                #expect(try await client.send("DELETE", "/api/scheduler/web").status == 409)
                #expect(try await client.send("DELETE", "/api/scheduler/needs").status == 204)
                #expect(try await client.send("DELETE", "/api/scheduler/web").status == 204)
                let reserved = try await client.gateway.send(
                    "DELETE", "/api/scheduler/health", ["Authorization: Bearer \(Self.token)"])
                #expect(reserved.status == 405 && reserved.fields["allow"] == "GET")
            }
        }
    }

    @Test func `nobody may without the control token, and none where it is not allowed`()
        async throws
    {
        try await Reeve.supervising(Self.file) { reeve in
            try await withClient(reeve) { client in
                for (token, wanted) in [(nil, 401), (Self.readToken, 403)] as [(String?, Int)] {
                    for (method, path) in [
                        ("POST", "/api/scheduler"), ("DELETE", "/api/scheduler/db"),
                    ] {
                        let answer = try await client.send(
                            method, path, body: Self.body("web"), token: token)
                        #expect(answer.status == wanted, "\(method)")
                    }
                }
            }
            try await withClient(allowing: [], reeve) { client in
                let answer = try await client.post(Self.body("web"))
                #expect(answer.status == 403)
                #expect(try answer.json["code"] == .text("may-not-register"))
                #expect(try await client.send("DELETE", "/api/scheduler/db").status == 403)
            }
            #expect(try await reeve.status().schedulers.map(\.name) == ["db"])
        }
        let place = try Place()
        defer { place.remove() }
        let process = try Guarded(
            [Tree.product("reeve-gateway"), "--allow-register"], directory: place.directory,
            name: "refused")
        #expect(try await process.ended() == .exit(78))
        #expect(process.errors.contains("name a --token-file"), "\(process.errors)")
    }
}
