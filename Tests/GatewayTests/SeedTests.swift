// SPDX-License-Identifier: Apache-2.0
//
// The document that reeve was made from: its endpoints, its `curl` lines and its JSON, against a supervisor and
// a gateway that run.

import Foundation
import ReeveTestSupport
import Testing

@Suite struct SeedTests {
    /// The example response, as the document has it.
    private static let example = """
        {
          "status": "degraded",
          "summary": {
            "totalSchedulers": 5,
            "healthySchedulers": 3,
            "degradedSchedulers": 1,
            "unhealthySchedulers": 1,
            "stoppedSchedulers": 0
          },
          "schedulers": [
            {
              "name": "post-scheduler",
              "status": "healthy",
              "memoryUsage": 45,
              "uptime": 3600,
              "consecutiveFailures": 0,
              "restartCount": 0,
              "lastExecution": {
                "timestamp": "2024-01-15T10:30:00Z",
                "duration": 1250,
                "success": true
              }
            }
          ],
          "timestamp": "2024-01-15T10:30:00Z"
        }
        """

    /// Five schedulers, three of them healthy, one degraded, one unhealthy.
    @Sendable private static func five(_ place: Place) -> String {
        """
        [schedulers.post-scheduler]
        command = \(place.child(
            "first", "3", "@once", "exit", "0", "end", "grow", "45", "stamp", "@grown", "up", "forever"))
        ready = "spawn"
        restart-delay = "100ms"
        [schedulers.second]
        command = \(place.child("forever"))
        ready = "spawn"
        [schedulers.third]
        command = ["/bin/true"]
        interval = "1h"
        [schedulers.fragile]
        command = ["/bin/false"]
        restart-delay = "1h"
        error-threshold = 5
        [schedulers.broken]
        command = ["/bin/false"]
        restart-delay = "1h"
        error-threshold = 1
        """
    }

    /// Waits until they are what they are meant to be.
    private func settle(_ reeve: Reeve) async throws {
        try await reeve.scheduler("fragile", becomes: "degraded") { $0.status == "degraded" }
        try await reeve.scheduler("broken", becomes: "unhealthy") { $0.status == "unhealthy" }
        _ = try await reeve.stamps("grown", reach: 1)
        try await reeve.scheduler("post-scheduler", becomes: "healthy, having ended once") {
            $0.status == "healthy" && $0.lastExecution != nil && $0.memoryUsage ?? 0 >= 45
        }
    }

    @Test func `every field of the example is there, with its name, its type and its unit`()
        async throws
    {
        try await Reeve.supervising(Self.five) { reeve in
            try await settle(reeve)
            try await reeve.withGateway { gateway in
                let answer = try await gateway.get("/api/scheduler/health")
                let health = try answer.json
                let example = try JSON(Self.example)
                #expect(missing(from: health, like: example, at: "$") == [])
                // One is unhealthy, and so is the whole: the worst of all decides.
                #expect(answer.status == 503)
                #expect(health["status"] == .text("unhealthy"))
                for (name, count) in example["summary"]?.object ?? [:] {
                    #expect(health["summary"]?[name] == count, "\(name)")
                }
                let post = try #require(health["schedulers"]?[0])
                #expect(post["name"] == .text("post-scheduler"))
                #expect(post["status"] == .text("healthy"))
                let megabytes = try #require(post["memoryUsage"]?.number)
                #expect((45...60).contains(megabytes))
                let bytes = try #require(post["memoryBytes"]?.number)
                #expect(megabytes == (bytes / 1_000_000).rounded(.down))
                let uptime = try #require(post["uptime"]?.number)
                #expect((0...60).contains(uptime))
                #expect(post["consecutiveFailures"] == .number(0))
                #expect(post["lastExecution"]?["success"] == .truth(true))
                let duration = try #require(post["lastExecution"]?["duration"]?.number)
                #expect((0..<10_000).contains(duration))
                // The same of one alone, and as the command shows it.
                let one = try await gateway.get("/api/scheduler/post-scheduler/health")
                #expect(one.status == 200)
                #expect(
                    missing(
                        from: try one.json, like: try #require(example["schedulers"]?[0]), at: "$")
                        == [])
                let command = try JSON(try await reeve.command("status", "--json").output)
                #expect(
                    Set(command.object?.keys.map { $0 } ?? [])
                        == Set(health.object?.keys.map { $0 } ?? []))
                let broken = try await gateway.get("/api/scheduler/broken/health")
                #expect(broken.status == 503)
            }
        }
    }

    @Test func `the lines with curl get what they ask for`() async throws {
        try await Reeve.supervising(Self.five) { reeve in
            try await settle(reeve)
            try await reeve.withGateway { gateway in
                for path in [
                    "/api/scheduler/health", "/api/metrics", "/api/memory/health",
                    "/api/diagnostics",
                ] {
                    let output = try await curl(["http://localhost:\(gateway.port)\(path)"], reeve)
                    #expect(try JSON(output)["timestamp"]?.text?.hasSuffix("Z") == true, "\(path)")
                }
                // The figures that the document names.
                let metrics = try await gateway.get("/api/metrics").json
                let post = try #require(metrics["schedulers"]?[0])
                #expect(post["executionSuccessRate"] == .number(1))
                #expect(post["errorRate"] == .number(0))
                #expect(post["averageExecutionTime"]?.number ?? -1 >= 0)
                #expect(post["memoryUsageTrend"]?.text != nil)
                #expect(post["restartFrequency"]?.number ?? -1 >= 0)
                #expect(post["memory"]?["now"]?.number ?? 0 > 45_000_000)
                #expect(metrics["supervisor"]?["memoryBytes"]?.number ?? 0 > 1_000_000)
                // "health.checks.schedulers" of the enhanced health check.
                let check = try await gateway.get("/healthz?verbose")
                #expect(check.status == 503)
                let schedulers = try check.json["checks"]?["schedulers"]
                #expect(schedulers?["status"] == .text("unhealthy"))
                #expect(schedulers?["summary"]?["totalSchedulers"] == .number(5))
            }
        }
    }

    @Test func `all eight endpoints do what they say`() async throws {
        try await Reeve.supervising({ place in
            """
            [schedulers.web]
            command = \(place.child("forever"))
            ready = "spawn"
            [schedulers.other]
            command = \(place.child("forever"))
            ready = "spawn"
            """
        }) { reeve in
            try await reeve.withGateway { gateway in
                func post(_ verb: String) async throws -> JSON {
                    let output = try await curl(
                        ["-X", "POST", "http://localhost:\(gateway.port)/api/scheduler/\(verb)"],
                        reeve)
                    return try JSON(output)
                }
                let first = try await reeve.scheduler("web").pid
                #expect(try await post("web/stop")["lifecycle"] == .text("stopped"))
                #expect(try await reeve.scheduler("web").pid == nil)
                // What is so already is no error.
                #expect(try await post("web/stop")["status"] == .text("stopped"))
                let started = try await post("web/start")
                #expect(started["status"] == .text("healthy"))
                let second = try await reeve.scheduler("web").pid
                #expect(second != nil && second != first)
                #expect(started["pid"] == second.map { .number(Double($0)) })
                #expect(try await post("web/start")["pid"] == started["pid"])
                let restarted = try await post("web/restart")
                #expect(restarted["pid"] != started["pid"] && restarted["pid"] != .null)
                let recovered = try await post("web/recover")
                let actions = try #require(recovered["actions"]?.list)
                let kinds = actions.compactMap { $0["action"]?.text }
                #expect(kinds == ["memory-cleanup", "error-reset", "dependency-check", "restart"])
                for action in actions {
                    #expect(
                        Set(action.object?.keys.map { $0 } ?? [])
                            == ["action", "trigger", "before", "after", "result", "reason"])
                }
                let stopped = try await post("stop-all")
                #expect(stopped["summary"]?["stoppedSchedulers"] == .number(2))
                #expect(stopped["results"]?.list?.count == 2)
                #expect(try await reeve.status().summary.stoppedSchedulers == 2)
                let all = try await post("start-all")
                #expect(all["status"] == .text("healthy"))
                #expect(try await reeve.status().summary.healthySchedulers == 2)
            }
        }
    }

    /// What `curl` prints.
    private func curl(_ arguments: [String], _ reeve: Reeve) async throws -> String {
        let name = "curl-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        let process = try Guarded(
            ["curl", "--silent", "--show-error"] + arguments, directory: reeve.directory, name: name
        )
        let ending = try await process.ended(within: 40)
        guard ending == .exit(0) else { throw HarnessFailure("curl: \(ending) \(process.errors)") }
        return process.output
    }

    /// Members of the example that the answer lacks or has as another type.
    private func missing(from value: JSON, like example: JSON, at place: String) -> [String] {
        switch example {
        case .object(let members):
            members.sorted { $0.key < $1.key }.flatMap { name, member in
                value[name].map { missing(from: $0, like: member, at: "\(place).\(name)") }
                    ?? ["\(place).\(name)"]
            }
        case .list(let elements):
            elements.first.map { first in
                value[0].map { missing(from: $0, like: first, at: "\(place)[0]") } ?? [
                    "\(place)[0]"
                ]
            } ?? []
        case .text(let text) where text.hasSuffix("Z"):
            value.text?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil ? [] : [place]
        case .null, .truth, .number, .text:
            value.typeName == example.typeName ? [] : ["\(place) is \(value.typeName)"]
        }
    }
}
