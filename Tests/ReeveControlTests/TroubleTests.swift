// SPDX-License-Identifier: Apache-2.0

import ReeveClient
import ReeveControl
@testable import ReeveCore
import Testing

/// What is told of trouble: metrics, alerts, failed runs.
@Suite struct TroubleTests {
    private func message(_ write: (inout [UInt8]) -> Void) throws -> ServerMessage {
        var bytes: [UInt8] = []
        write(&bytes)
        #expect(bytes.last == UInt8(ascii: "\n"))
        #expect(bytes.count <= ControlLimits.lineBytesMax)
        return try ControlDecoder.message(bytes.dropLast())
    }

    private func metrics() throws -> SchedulerMetrics {
        SchedulerMetrics(
            name: try name("web"), executions: .init(succeeded: 1, failed: 2),
            recent: .init(succeeded: 0, failed: 0), window: .minutes(5),
            durations: .init(
                mean: .seconds(2), p50: .seconds(1), p95: .seconds(3), p99: .seconds(4)),
            durationTotals: .init(
                sum: .seconds(6),
                cumulative: [(atMost: 1_000, count: 1), (atMost: 5_000, count: 3)],
                count: 4), lastSuccess: sampleTime, expectedBy: nil,
            memory: Bytes(5), memoryPeakOfRun: Bytes(6), memoryPeak: Bytes(7),
            growth: LeakTrend(perMinute: Bytes(8), level: Bytes(9)), isSteady: false,
            forecast: .seconds(10),
            memoryCurve: (0..<60).map { MemoryPoint(age: $0, kilobytes: .max - $0) },
            restartCount: 11, restartsInWindow: 12, uptime: .seconds(13),
            processorTime: .milliseconds(14),
            lastRuns: [
                PastRun(
                    startedAt: sampleTime, duration: .seconds(3), end: .signal(9), outcome: .failed)
            ],
            ends: [
                .init(kind: .code(3), count: 1), .init(kind: .signal(9), count: 2),
                .init(kind: .notStarted, count: 3),
            ], otherEnds: 15, outcomes: [.init(outcome: .missed, count: 16)],
            actions: [.init(action: .memoryCleanup, result: .helped, count: 17)])
    }

    @Test func `metrics are read back as they were written`() throws {
        let metrics = try metrics()
        let message = try message {
            #expect(
                ControlEncoder.metrics(
                    from: 0, count: 1, id: RequestID(1), metrics: { _ in metrics }, to: &$0) == 1)
        }
        #expect(message.body == .metrics([MetricsReport(metrics)]) && !message.hasMore)
        let report = MetricsReport(metrics)
        #expect(report.total.errorRate == 0.6667 && report.total.count == 3)
        #expect(report.recent.errorRate == nil && report.trend == "growing")
        #expect(report.ends.map(\.what) == ["code 3", "SIGKILL", "not-started", "other"])
    }

    @Test func `the metrics of thousands come in pages`() throws {
        let metrics = try metrics()
        var start = 0
        var pages = 0
        while start < 500 {
            var bytes: [UInt8] = []
            let next = ControlEncoder.metrics(
                from: start, count: 500, id: RequestID(1), metrics: { _ in metrics }, to: &bytes)
            #expect(next > start && bytes.count <= ControlLimits.lineBytesMax)
            start = next
            pages += 1
        }
        #expect(pages > 5)
    }

    private func alert(_ number: UInt64, words: String = "it is so") throws -> Alert {
        Alert(
            number: number, kind: .dependencyFailure, phase: .began, scheduler: try name("db"),
            affected: try ["api", "web"].map { try name($0) }, since: sampleTime,
            at: sampleTime + .seconds(1), words: words)
    }

    @Test func `alerts are read back, long words are cut, and no alert is a page too`() throws {
        let alerts = [try alert(1), try alert(2, words: String(repeating: "\u{1}", count: 9_000))]
        let message = try message {
            #expect(ControlEncoder.alerts(alerts, from: 0, id: RequestID(1), to: &$0) == 2)
        }
        guard case .alerts(let read) = message.body else {
            Issue.record("\(message.body)")
            return
        }
        #expect(read[0] == AlertReport(alerts[0]) && read[0].affected == ["api", "web"])
        #expect(read[1].message.utf8.count <= ControlLimits.messageBytesMax)
        let none = try self.message {
            _ = ControlEncoder.alerts([], from: 0, id: RequestID(1), to: &$0)
        }
        #expect(none.body == .alerts([]) && !none.hasMore)
    }

    @Test func `what the alert command reads is one object with all of it`() throws {
        var bytes: [UInt8] = []
        AlertDocument.write([try alert(7)], host: "app-1", to: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"version":1,"host":"app-1","alerts":[{"number":7,"#
                + #""kind":"dependency-failure","phase":"began","scheduler":"db","#
                + #""affected":["api","web"],"affectedCount":2,"#
                + #""since":"2024-01-15T10:30:00.000Z","at":"2024-01-15T10:30:01.000Z","#
                + #""message":"it is so"}]}"# + "\n")
    }

    private func report() throws -> FailureReport {
        FailureReport(
            scheduler: try name("web"), run: try #require(RunID("01J9ZK00000000000000000000")),
            attempt: 2, occurrence: sampleTime, reason: "attempt 2 of 3",
            startedAt: sampleTime, endedAt: sampleTime + .seconds(5), ran: .seconds(5),
            status: .signalled(.kill, coreDumped: false), meaning: "was killed by SIGKILL",
            memoryCurve: [MemoryPoint(age: 0, kilobytes: 1_000)], memoryPeak: Bytes(1_000_000),
            checks: [
                CheckResult(
                    at: sampleTime + .seconds(1), duration: .milliseconds(7),
                    outcome: .passed(words: "status 200")),
                CheckResult(
                    at: sampleTime + .seconds(4), duration: .seconds(1),
                    outcome: .failed(words: "no response within 1s")),
            ],
            limits: [.init(key: "timeout", value: "5s")])
    }

    @Test func `a failed run is read back from the socket and from its file`() throws {
        let bundle = FailureBundle(
            try report(), reading: "somebody else", logLines: 1, logNote: "cut")
        let message = try message { ControlEncoder.bundle(bundle, id: RequestID(1), to: &$0) }
        #expect(message.body == .bundle(bundle) && message.hasMore)
        var bytes: [UInt8] = []
        bundle.write(to: &bytes)
        #expect(FailureBundle(json: bytes) == bundle)
        for end in stride(from: 0, to: bytes.count, by: 7) {
            #expect(FailureBundle(json: bytes[..<end]) == nil)
        }
        let text = FailureText.block(
            bundle, log: [OutputReport(text: "the end", at: sampleTime)],
            Appearance(hasSymbols: true))
        #expect(text.contains("attempt 2, due at 2024-01-15T10:30:00Z"))
        #expect(
            text.contains(
                """
                      checks: failed at 2024-01-15T10:30:04.000Z, took 1s: no response within 1s
                              passed at 2024-01-15T10:30:01.000Z, took 7ms: status 200

                """))
        #expect(text.hasSuffix("2024-01-15T10:30:00.000Z the end\n"))
    }

    @Test func `each end has a plain reading`() throws {
        var report = try report()
        let since = sampleTime
        #expect(
            report.reading(.inGroup(1, since: since)).contains(
                "most likely out of memory, since the kernel killed 1 process"))
        #expect(report.reading(.onMachine(2, since: since)).contains("2 processes of this machine"))
        #expect(report.reading(.none(since: since)).hasPrefix("somebody else sent SIGKILL"))
        #expect(report.reading(.unknown).contains("cannot be told"))
        report.stop = "memory above the hard limit"
        report.wasKilledByReeve = true
        #expect(report.reading(.unknown) == "reeve sent SIGKILL (memory above the hard limit)")
        report.stop = nil
        report.wasKilledByReeve = false
        report.status = .exited(code: 137)
        #expect(report.reading(.unknown).contains("probably killed by SIGKILL"))
        report.status = .signalled(.segmentationViolation, coreDumped: true)
        #expect(report.reading(.unknown).hasPrefix("SIGSEGV: it used memory"))
        report.status = nil
        #expect(report.reading(.unknown).hasPrefix("it never ran: "))
        for code in Int32(0)...255 {
            report.status = .exited(code: code)
            #expect(!report.reading(.unknown).isEmpty)
        }
    }
}
