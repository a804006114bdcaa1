// SPDX-License-Identifier: Apache-2.0

import ReeveTestSupport
import Testing

/// `/api/openapi.json` is held against what is answered.
@Suite struct DescriptionTests {
    private static let places: @Sendable (Place) -> String = { place in
        """
        [schedulers.web]
        command = \(place.child("forever"))
        ready = "spawn"
        health-check = { exec = ["/bin/true"] }
        health-check-interval = "1s"
        memory-threshold = "400MB"
        [schedulers.needs]
        command = \(place.child("forever"))
        ready = "spawn"
        dependencies = ["web"]
        [schedulers.backup]
        command = "echo saved; exit 3"
        interval = "1h"
        run-on-start = true
        """
    }

    @Test func `every answer is as the description says, member by member`() async throws {
        try await Reeve.supervising(Self.places) { reeve in
            try await reeve.scheduler("backup", becomes: "executed") { $0.lastOutcome == "failed" }
            try await reeve.scheduler("web", becomes: "healthy") { $0.status == "healthy" }
            try await reeve.withGateway { gateway in
                let document = try await gateway.get("/api/openapi.json").json
                #expect(document["openapi"] == .text("3.1.0"))
                let check = SchemaCheck(document: document)
                var seen: Set<String> = []
                let paths = try #require(document["paths"]?.object)
                for (path, operations) in paths.sorted(by: { $0.key < $1.key }) {
                    for (method, _) in operations.object ?? [:] where path != "/api/events" {
                        // "backup" exercises what only a scheduled one has; each is asked of both.
                        for name in path.contains("{name}") ? ["web", "backup", "nobody"] : [""] {
                            let target = path.replacing("{name}", with: name)
                            let answer = try await gateway.send(method.uppercased(), target)
                            let faults = try check.faults(of: answer, to: method.uppercased(), path)
                            #expect(faults == [], "\(target): \(answer.text.prefix(300))")
                            if path.contains("{name}"), name == "nobody" {
                                // Nobody may remove anything here.
                                let status = method == "delete" ? 403 : 404
                                #expect(answer.status == status, "\(target)")
                            }
                            seen.insert(path)
                        }
                    }
                }
                #expect(seen.count == paths.count - 1)
                for path in [
                    "/healthz?verbose", "/healthz?wrong", "/api/scheduler/web/logs?lines=x",
                ] {
                    let answer = try await gateway.get(path)
                    let plain = path.split(separator: "?")[0].replacing("web", with: "{name}")
                    #expect(try check.faults(of: answer, to: "GET", String(plain)) == [], "\(path)")
                }
            }
        }
    }

    @Test func `a value that the schema does not allow is seen`() throws {
        let document = try JSON(
            #"{"components":{"schemas":{"A":{"type":"object","properties":{"a":{"type":"integer"}},"#
                + #""required":["a"]}}}}"#)
        let check = SchemaCheck(document: document)
        let schema = try JSON(##"{"$ref":"#/components/schemas/A"}"##)
        #expect(check.faults(of: try JSON(#"{"a":1}"#), against: schema) == [])
        for wrong in [#"{"a":"1"}"#, #"{"a":1.5}"#, #"{}"#, #"{"a":1,"b":2}"#, #"[]"#] {
            #expect(check.faults(of: try JSON(wrong), against: schema).count == 1, "\(wrong)")
        }
    }
}
