// SPDX-License-Identifier: Apache-2.0
//
// What others have written to judge an interface by: schemathesis for the description, promtool and a Prometheus
// for the figures.

import Foundation
import Glibc
import ReeveTestSupport
import Testing

@Suite struct ToolTests {
    private static let examples = Tree.root + "/examples/monitoring"
    private static let schemathesis = Tree.root + "/.build/python/bin/schemathesis"

    private static let schedulers: @Sendable (Place) -> String = { place in
        """
        [schedulers.web]
        command = \(place.child("forever"))
        ready = "spawn"
        memory-threshold = "400MB"
        [schedulers.backup]
        command = "echo saved"
        interval = "1h"
        run-on-start = true
        timeout = "1m"
        """
    }

    @Test(.needs("schemathesis", if: FileManager.default.isExecutableFile(atPath: schemathesis)))
    func `requests made up from the description get the answers that it promises`() async throws {
        try await Reeve.supervising(Self.schedulers) { reeve in
            try await reeve.withGateway { gateway in
                let url = "http://127.0.0.1:\(gateway.port)/api/openapi.json"
                let fixtures = Tree.root + "/Tests/Fixtures/Schemathesis/"
                // The seed is fixed: what a change is told must not hang on luck.
                let run = try Guarded(
                    [
                        Self.schemathesis, "--config-file", fixtures + "schemathesis.toml", "run",
                        url,
                        // It never ends; StreamTests is for it.
                        "--exclude-path", "/api/events",
                        "--seed", "1", "--max-examples", "20", "--phases", "coverage,fuzzing",
                        "--request-timeout", "40", "--suppress-health-check", "all",
                        "--generation-database", "none", "--no-color",
                    ], directory: reeve.directory, name: "schemathesis")
                let ending = try await run.ended(within: 240)
                #expect(ending == .exit(0), "\(run.output.suffix(6_000))\n\(run.errors)")
                let made = run.output.firstMatch(of: /(\d+) generated/).flatMap { Int($0.output.1) }
                #expect((made ?? 0) > 400, "\(run.output.suffix(2_000))")
                // Neither of the two has taken harm.
                #expect(try await gateway.get("/healthz").status == 200)
                #expect(try await reeve.command("status").code == 0)
            }
        }
    }

    @Test(.needs("promtool", if: Machine.has("promtool")))
    func `the rules for Prometheus fire when they should, by its own tool`() async throws {
        let place = try Place()
        defer { place.remove() }
        for words in [
            ["check", "config", "prometheus.yml"],
            ["check", "rules", "--lint-fatal", "alerts.yml"],
            ["test", "rules", "alerts_test.yml"],
        ] {
            let tool = try Guarded(
                ["/bin/sh", "-c", "cd \"$0\" && exec promtool \"$@\"", Self.examples] + words,
                directory: place.directory,
                name: words.joined(separator: "-").replacing("/", with: "-"))
            #expect(try await tool.ended() == .exit(0), "\(words): \(tool.output)\(tool.errors)")
        }
    }

    @Test(.needs("prometheus and promtool", if: Machine.has("prometheus", "promtool")))
    func `a Prometheus takes all figures, and knows those that rules and dashboard ask for`()
        async throws
    {
        try await Reeve.supervising(Self.schedulers) { reeve in
            try await reeve.scheduler("backup", becomes: "executed") {
                $0.lastOutcome == "succeeded"
            }
            try await reeve.withGateway { gateway in
                let place = Place(at: reeve.directory)
                try place.write("figures", try await gateway.get("/metrics").text)
                let tool = try Guarded(
                    ["/bin/sh", "-c", "exec promtool check metrics <figures"],
                    directory: reeve.directory, name: "promtool")
                #expect(try await tool.ended() == .exit(0), "\(tool.output)\(tool.errors)")
                #expect(tool.output + tool.errors == "")

                let server = try await prometheus(scraping: gateway, place)
                try await eventually("figures in Prometheus", within: 30) {
                    try await query("up{job=\"reeve\"}", port: server.port)?.first == 1
                }
                for (name, value) in [
                    ("reeve_schedulers{health=\"healthy\"}", 2.0),
                    (
                        "reeve_scheduler_executions_total{scheduler=\"backup\",result=\"success\"}",
                        1
                    ),
                    ("sum(reeve_scheduler_run_duration_seconds_count{scheduler=\"backup\"})", 1),
                    (
                        "count(time() > reeve_scheduler_expected_by_timestamp_seconds) or vector(0)",
                        0
                    ),
                ] {
                    #expect(try await query(name, port: server.port) == [value], "\(name)")
                }
                let known = try await names(port: server.port)
                for expression in try Self.expressions() {
                    #expect(try await query(expression, port: server.port) != nil, "\(expression)")
                    for name in expression.matches(of: /\b(reeve|process)_\w+/).map({
                        String($0.output.0)
                    }) {
                        #expect(known.contains(name), "\(name) in \(expression)")
                    }
                }
                let rules = try await get("/api/v1/rules", port: server.port)
                let group = rules["data"]?["groups"]?[0]?["rules"]?.list ?? []
                #expect(group.count > 5)
                Processes.signal(try await server.process.pid(), SIGTERM)
                #expect(try await server.process.ended(within: 30) == .exit(0))
            }
        }
    }

    /// A Prometheus with the rules of the example, on a port that the kernel chose.
    private func prometheus(scraping gateway: RunningGateway, _ place: Place) async throws
        -> (process: Guarded, port: Int)
    {
        let text = try String(contentsOfFile: Self.examples + "/prometheus.yml", encoding: .utf8)
        let own = text.replacing("127.0.0.1:5000", with: "127.0.0.1:\(gateway.port)")
            .replacing("scrape_interval: 15s", with: "scrape_interval: 1s")
            .replacing("alerts.yml", with: Self.examples + "/alerts.yml")
        #expect(own.contains("127.0.0.1:\(gateway.port)") && own.contains(": 1s"))
        try place.write("prometheus.yml", own)
        let process = try Guarded(
            [
                "prometheus", "--config.file", place.file("prometheus.yml"), "--storage.tsdb.path",
                place.file("prometheus"), "--web.listen-address", "127.0.0.1:0",
            ], directory: place.directory, name: "prometheus")
        let port = try await eventually("the port of Prometheus", within: 30) {
            if let ending = process.ending { throw HarnessFailure("\(ending): \(process.errors)") }
            return process.errors.firstMatch(of: /"Listening on" address=127.0.0.1:(\d+)/)
                .flatMap { Int($0.output.1) }
        }
        return (process, port)
    }

    /// The values of an expression; nil where Prometheus does not understand it.
    private func query(_ expression: String, port: Int) async throws -> [Double]? {
        let allowed = CharacterSet.alphanumerics
        let text = expression.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        let answer = try await get("/api/v1/query?query=" + text, port: port)
        guard answer["status"] == .text("success") else { return nil }
        return (answer["data"]?["result"]?.list ?? []).compactMap {
            ($0["value"]?[1]?.text).flatMap(Double.init)
        }
    }

    private func names(port: Int) async throws -> Set<String> {
        let answer = try await get("/api/v1/label/__name__/values", port: port)
        return Set((answer["data"]?.list ?? []).compactMap(\.text))
    }

    private func get(_ path: String, port: Int) async throws -> JSON {
        let connection = try HTTPConnection(port: port)
        try await connection.send(
            "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        let answer = try await connection.answer()
        // While it starts it says so, in words.
        return answer.status == 503 ? .null : try JSON(answer.body)
    }

    /// Every expression of the rules and of the dashboard, its variables set.
    private static func expressions() throws -> [String] {
        let dashboard = try JSON(
            try String(contentsOfFile: examples + "/dashboard.json", encoding: .utf8))
        var found: [String] = []
        for panel in dashboard["panels"]?.list ?? [] {
            let targets = panel["targets"]?.list ?? []
            #expect(!targets.isEmpty, "\(panel["title"]?.text ?? "")")
            found += targets.compactMap { $0["expr"]?.text }
        }
        #expect(found.count > 20)
        let rules = try String(contentsOfFile: examples + "/alerts.yml", encoding: .utf8)
        found += rules.matches(of: /expr: ([^|\n].*)/).map { String($0.output.1) }
        return found.map {
            $0.replacing("$__rate_interval", with: "1m").replacing("$instance", with: ".*")
                .replacing("$scheduler", with: ".*")
        }
    }
}
