// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport
import Testing

/// The example `swift-scheduler`: the programs are those of its own sources, which this package builds too.
extension ExampleTests {
    private func withSwiftSchedulers(
        _ changes: [(String, String)] = [],
        _ body: (Place, Guarded, (String...) async throws -> Outcome) async throws -> Void
    ) async throws {
        try await running(
            "swift-scheduler",
            change: { text in
                var text = text.replacingOccurrences(of: ".build/release", with: Tree.products)
                for (old, new) in changes {
                    #expect(text.contains(old))
                    text = text.replacingOccurrences(of: old, with: new)
                }
                return text
            }, body)
    }

    private func status(
        of name: String, _ command: (String...) async throws -> Outcome
    ) async throws -> SchedulerReport {
        let outcome = try await command("status", "--json")
        let report = try JSONDecoder().decode(StatusReport.self, from: Data(outcome.output.utf8))
        return try #require(report.schedulers.first { $0.name == name })
    }

    /// Moved into the inbox, so that it is never seen half written.
    private func bringText(to place: Place) throws {
        try place.write("run/store/text", "three short words")
        try FileManager.default.moveItem(
            atPath: place.file("run/store/text"), toPath: place.file("run/store/inbox/text"))
    }

    @Test func `a daemon in Swift is ready, works, cleans up, and is stopped in order`()
        async throws
    {
        // Always above its threshold, about which only an operator does something.
        let memory =
            "memory-threshold = \"1MB\"\nmemory-action = \"alert\"\nhealth-check-interval = \"1s\""
        try await withSwiftSchedulers([("memory-threshold = \"200MB\"", memory)]) {
            place, process, command in
            try await eventually("its readiness") {
                let report = try await status(of: "data-processor", command)
                return report.lifecycle == "running"
            }
            try await eventually("its memory") { process.errors.contains("above 1MB") }
            let run = try #require(try await status(of: "data-processor", command).runId)
            #expect(process.output.contains("data-processor | execution \(run)\n"))
            try bringText(to: place)
            try await eventually("the count") { process.output.contains("text: 3 words") }
            try await eventually("what it does") {
                try await command("status", "data-processor").output
                    .contains("1 counted, 1 remembered")
            }
            // The recovery would go on for ten seconds, and then restart it; the cleanup is at once.
            _ = try await command("recover", "data-processor", "--timeout", "100ms")
            try await eventually("the cleanup") { process.output.contains("forgets 1 texts") }
            #expect(process.errors.contains("SIGUSR1"))
            #expect(try await status(of: "data-processor", command).runId == run)
            let stop = try await command("stop", "data-processor")
            #expect(stop.code == 0 && !stop.output.contains("killed"), "\(stop)")
            try await eventually("the end of its output") {
                let lines = process.output.split(separator: "\n")
                    .filter { $0.hasPrefix("data-processor | ") }
                return lines.suffix(2) == [
                    "data-processor | stops, 1 counted", "data-processor | forgets 0 texts",
                ]
            }
        }
    }

    @Test func `a daemon in Swift that is not well gives no sign of life, and is restarted`()
        async throws
    {
        try await withSwiftSchedulers([("watchdog = \"10s\"", "watchdog = \"1s\"")]) {
            place, process, command in
            try await eventually("its folder") {
                FileManager.default.fileExists(atPath: place.file("run/store/done"))
            }
            try FileManager.default.removeItem(atPath: place.file("run/store/done"))
            try await eventually("the watchdog") {
                process.errors.contains("the health check failed: it is not well")
                    && process.errors.contains("no sign of life")
            }
            try await eventually("its health, after a restart") {
                let report = try await status(of: "data-processor", command)
                return report.restartCount == 1 && report.lifecycle == "running"
                    && FileManager.default.fileExists(atPath: place.file("run/store/done"))
            }
        }
    }

    @Test func `a daemon in Swift answers reeve's own health check`() async throws {
        try await withSwiftSchedulers([
            ("watchdog = \"10s\"", "health-check-interval = \"1s\""),
            ("\"--health-check\"]", "\"--health-check\"], failures = 2"),
        ]) { place, process, command in
            try await eventually("an answer") {
                try await command("status", "data-processor").output.contains("passed")
            }
            try FileManager.default.removeItem(atPath: place.file("run/store/done"))
            try await eventually("the restart", within: 30) {
                let report = try await status(of: "data-processor", command)
                return report.restartCount == 1
            }
            #expect(process.errors.contains("failed: it is not well"))
        }
    }

    @Test
    func `an execution in Swift that fails gets a second attempt, which knows that it is one`()
        async throws
    {
        try await withSwiftSchedulers([("retry-delay = \"10s\"", "retry-delay = \"3s\"")]) {
            place, process, command in
            try await eventually("its folder") {
                FileManager.default.fileExists(atPath: place.file("run/store/inbox"))
            }
            _ = try await command("run-now", "daily-report")
            try await eventually("the first attempt") {
                process.errors.contains("failed with exit code 75")
            }
            #expect(process.errors.contains("exit code 75: nothing has been counted yet"))
            try bringText(to: place)
            try await eventually("the second attempt") {
                process.output.contains(", attempt 2: 3 words in 1 texts")
            }
            try await eventually("its outcome") {
                try await command("runs", "daily-report").output.contains("succeeded")
            }
            // The id that it was told is the ledger's.
            let said = try #require(
                process.output.split(separator: "\n").last {
                    $0.hasPrefix("daily-report | execution ")
                }?.split(separator: " ").last)
            let ledger = try await command("runs", "daily-report", "--json")
            #expect(ledger.output.contains("\"\(said)\""), "\(ledger.output)")
        }
    }
}
