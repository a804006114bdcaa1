// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

private struct ToldAlert: Decodable, Equatable {
    let number: Int
    let kind: String
    let phase: String
    let scheduler: String
    let affected: [String]
    let since: String
    let message: String
}

private struct Delivery: Decodable {
    let version: Int
    let host: String
    let alerts: [ToldAlert]
}

extension Reeve {
    fileprivate func alerts() async throws -> [ToldAlert] {
        let outcome = try await command("alerts", "--json")
        return try outcome.output.split(separator: "\n").map {
            try JSONDecoder().decode(ToldAlert.self, from: Data($0.utf8))
        }
    }

    /// What the alert command wrote down, a delivery a line.
    fileprivate func deliveries() throws -> [Delivery] {
        let path = directory + "/delivered"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return try text.split(separator: "\n").map {
            try JSONDecoder().decode(Delivery.self, from: Data($0.utf8))
        }
    }
}

@Suite struct AlertTests {
    @Test func `alerts begin, are shown everywhere, are delivered as JSON, and end`() async throws {
        try await Reeve.supervising({ place in
            """
            [alerts]
            exec = "cat >> \(place.file("delivered"))"
            error-rate-window = "3s"
            [schedulers.bad]
            command = "[ -e \(place.file("well")) ] && exec sleep 3600; exit 1"
            error-threshold = 1
            ready = "300ms"
            restart-delay = "100ms"
            restart-factor = 1.0
            restart-reset-after = "500ms"
            max-restarts = "unlimited"
            [schedulers.app]
            command = ["sleep", "3600"]
            dependencies = [{ name = "bad", on-failure = "ignore" }]
            dependency-timeout = "500ms"
            """
        }) { reeve in
            let on = try await eventually("three alerts") {
                let alerts = try await reeve.alerts()
                return alerts.count == 3 ? alerts : nil
            }
            #expect(
                Set(on.map(\.kind)) == ["error-rate", "frequent-restarts", "dependency-failure"])
            #expect(on.allSatisfy { $0.scheduler == "bad" })
            #expect(on.first { $0.kind == "dependency-failure" }?.affected == ["app"])
            #expect(try await reeve.command("alerts").output.contains("error-rate"))
            let status = try await reeve.command("status")
            #expect(status.output.contains("alert error-rate of bad"))
            let one = try await reeve.command("status", "bad")
            #expect(one.output.contains("alerts:"))
            let json = try await reeve.command("status", "bad", "--json")
            #expect(json.output.contains("\"metrics\":{") && json.output.contains("\"alerts\":[{"))
            try await reeve.log(says: "alert error-rate: ")
            let began = try await eventually("their delivery") {
                let told = try reeve.deliveries().flatMap(\.alerts)
                return told.count >= 3 ? told : nil
            }
            #expect(began.prefix(3).allSatisfy { $0.phase == "began" })
            try Place(at: reeve.directory).write("well", "")
            // The error rate's window is over in three seconds, the others take longer.
            try await eventually("the end of the error rate's alert", within: 25) {
                try await !reeve.alerts().contains { $0.kind == "error-rate" }
            }
            try await eventually("the delivery of the end") {
                try reeve.deliveries().flatMap(\.alerts).contains {
                    $0.kind == "error-rate" && $0.phase == "ended"
                }
            }
            let all = try reeve.deliveries()
            #expect(all.allSatisfy { $0.version == 1 && !$0.host.isEmpty })
            let told = all.flatMap(\.alerts)
            #expect(Set(told.map { "\($0.number) \($0.phase)" }).count == told.count)
            let events = try await reeve.command("events", "--json")
            #expect(events.output.contains("\"alert-began\""))
            #expect(events.output.contains("\"alert-ended\""))
        }
    }

    @Test func `an alert command that fails is said and tried again`() async throws {
        try await Reeve.supervising({ place in
            """
            [alerts]
            exec = "cat > /dev/null; echo no route >&2; exit 7"
            [schedulers.bad]
            command = "exit 1"
            restart-delay = "100ms"
            restart-factor = 1.0
            max-restarts = "unlimited"
            """
        }) { reeve in
            try await reeve.log(says: "the alert command failed with")
            #expect(reeve.log.contains("exit code 7") && reeve.log.contains("no route"))
            #expect(reeve.log.contains("tried again in 10s"))
        }
    }

    @Test func `metrics count what happened`() async throws {
        try await Reeve.supervising({ _ in
            """
            [schedulers.job]
            kind = "task"
            command = "sleep 0.2; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 3"
            restart = "never"
            [schedulers.busy]
            command = "while :; do :; done"
            """
        }) { reeve in
            _ = try await reeve.scheduler("job", becomes: "failed") { $0.lastExit != nil }
            let outcome = try await reeve.command("metrics", "job")
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
                    as? [String: Any])
            let total = object["total"] as? [String: Any]
            #expect(total?["count"] as? Int == 1 && total?["failed"] as? Int == 1)
            let duration = object["duration"] as? [String: Any]
            #expect((duration?["p50"] as? Int ?? 0) >= 190)
            let ends = object["ends"] as? [[String: Any]]
            #expect(ends?.first?["what"] as? String == "code 3")
            #expect((object["processorTime"] as? Int ?? 0) > 0)
            // What runs is counted, too.
            try await eventually("its processor time") {
                let text = try await reeve.command("metrics", "busy").output
                let busy = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
                return (busy?["processorTime"] as? Int ?? 0) >= 100
            }
            #expect(try await reeve.command("status", "busy").output.contains("processor: "))
        }
    }
}
