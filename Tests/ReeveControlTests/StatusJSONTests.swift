// SPDX-License-Identifier: Apache-2.0

import ReeveControl
@testable import ReeveCore
import Testing

@Suite struct StatusJSONTests {
    @Test func `a scheduler of which everything is known is written member by member`() throws {
        let report = SchedulerReport(try fullStatus())
        let expected = """
            {"name":"post-scheduler","status":"degraded","memoryUsage":45,"uptime":3600,\
            "consecutiveFailures":1,"restartCount":2,\
            "lastExecution":{"timestamp":"2024-01-15T10:30:00Z","duration":1250,"success":true},\
            "kind":"daemon","origin":"file","lifecycle":"backing-off",\
            "reason":"failed with exit code 3, next start in 4s","priority":10,"phase":2,\
            "pid":4711,"runId":"01J9ZK00000000000000000000",\
            "runs":[{"runId":"01J9ZK00000000000000000000","pid":4711,\
            "since":"2024-01-15T10:30:00.000Z","memoryBytes":45999999,"scheduledAt":null}],\
            "runCount":1,"memoryBytes":45999999,\
            "memoryThreshold":50000000,\
            "lastExit":{"code":3,"signal":null,"meaning":"failed with exit code 3",\
            "at":"2024-01-15T10:30:01.250Z"},"nextRun":null,\
            "paused":false,"lastOutcome":null,"healthChecks":{"state":"failed","failuresInRow":3,\
            "next":"2024-01-15T10:30:07.000Z","results":[\
            {"at":"2024-01-15T10:30:00.000Z","duration":2,"passed":true,"words":"status 200"},\
            {"at":"2024-01-15T10:30:01.000Z","duration":3000,"passed":false,\
            "words":"no response within 3s"}]},\
            "statusText":"serving 3 clients","mainPid":4712,"nextRestart":"2024-01-15T10:30:05.250Z","restartsInWindow":1,\
            "dependencies":[{"name":"db","condition":"healthy","met":true},\
            {"name":"cache","condition":"ready","met":false}],"dependencyCount":2,\
            "survivors":[{"pid":99,"name":"dd","why":"waits for a device (state D)"},\
            {"pid":98,"name":"cp","why":null}],"survivorCount":2,"recovery":null,"lastRecovery":null}
            """
        #expect(text { report.write(to: &$0) } == expected)
    }

    @Test func `what is not known is null and never missing`() throws {
        let report = SchedulerReport(try emptyStatus())
        let expected = """
            {"name":"worker","status":"stopped","memoryUsage":null,"uptime":0,\
            "consecutiveFailures":0,"restartCount":0,"lastExecution":null,\
            "kind":"task","origin":"file","lifecycle":"stopped","reason":"not started yet",\
            "priority":0,"phase":4,\
            "pid":null,"runId":null,"runs":[],"runCount":0,"memoryBytes":null,"memoryThreshold":null,"lastExit":null,\
            "nextRun":null,"paused":false,"lastOutcome":null,"healthChecks":null,"statusText":null,"mainPid":null,\
            "nextRestart":null,"restartsInWindow":0,"dependencies":[],\
            "dependencyCount":0,"survivors":[],"survivorCount":0,\
            "recovery":null,"lastRecovery":null}
            """
        #expect(text { report.write(to: &$0) } == expected)
    }

    @Test func `death by a signal names the signal and has no code`() throws {
        var status = try fullStatus()
        status.lastExit?.status = .signalled(.kill, coreDumped: true)
        let written = text { SchedulerReport(status).write(to: &$0) }
        #expect(written.contains(#""lastExit":{"code":null,"signal":"SIGKILL","#))
    }

    @Test func `the whole document is the seed's, extended`() throws {
        let schedulers = [SchedulerReport(try emptyStatus()), SchedulerReport(try fullStatus())]
        let written = text {
            StatusDocument.write(sampleOverview(), schedulers: schedulers, to: &$0)
        }
        let first = text { schedulers[0].write(to: &$0) }
        let second = text { schedulers[1].write(to: &$0) }
        let expected = """
            {"status":"degraded","summary":{"totalSchedulers":6,"healthySchedulers":3,\
            "degradedSchedulers":1,"unhealthySchedulers":0,"stoppedSchedulers":2,\
            "startingSchedulers":0,"stoppingSchedulers":0},"schedulers":[\
            \(first),\(second)],"components":[],"timestamp":"2024-01-15T10:30:01Z",\
            "supervisor":{"pid":1,"version":"0.1.0","epoch":"K3F",\
            "startedAt":"2024-01-15T10:30:00.000Z","uptime":11520,"phase":2,\
            "shuttingDown":false,"defects":0,"alerts":[],"alertCount":0,"orphans":[],"orphanCount":0}}

            """
        #expect(written == expected)
    }

    @Test func `memory is whole megabytes of ten to the sixth, towards zero`() throws {
        let cases: [(Int64, Int64)] = [
            (0, 0), (999_999, 0), (1_000_000, 1), (45_200_000, 45), (.max, 9_223_372_036_854),
        ]
        for (bytes, megabytes) in cases {
            var status = try emptyStatus()
            status.memory = Bytes(bytes)
            #expect(SchedulerReport(status).memoryUsage == megabytes)
        }
    }

    @Test func `a scheduler with thousands of dependencies and survivors still fits a line`()
        throws
    {
        var status = try fullStatus()
        let longest = String(repeating: "n", count: 63)
        status.reason = String(repeating: "\u{1}", count: 100_000)
        status.lastExit?.meaning = String(repeating: "\u{1}", count: 100_000)
        status.dependencies = try (0..<5_000).map { _ in
            .init(name: try name(longest), condition: .completed, isMet: false)
        }
        status.survivors = (0..<5_000).map { _ in
            ProcessDescription(
                identity: ProcessIdentity(pid: PID(.max), startTime: 1),
                name: String(repeating: "\u{1}", count: 15), obstacle: .uninterruptible)
        }
        let report = SchedulerReport(status)
        #expect(report.dependencyCount == 5_000)
        #expect(report.survivorCount == 5_000)
        let written = text { report.write(to: &$0) }
        #expect(written.utf8.count < ControlLimits.lineBytesMax - 256)
    }

    @Test func `an instant is written and read back to the digit`() throws {
        for digits in [0, 3, 9] {
            for offset: Int64 in [0, 1, 999_999_999, 86_400_000_000_000 * 45, -5_000_000_000] {
                let unit: Int64 = [0: 1_000_000_000, 3: 1_000_000, 9: 1][digits] ?? 1
                let time = sampleTime + Duration(nanoseconds: offset)
                let read = try #require(WallTime(rfc3339: time.rfc3339(fractionDigits: digits)))
                #expect(time - read < Duration(nanoseconds: unit))
                #expect(time - read >= .zero)
            }
        }
        // Every day of eight years, leap days and turns of the century's rule included.
        for day in Int64(-25_600)...Int64(-25_500) {
            let time = WallTime(nanoseconds: day * 86_400_000_000_000)
            #expect(WallTime(rfc3339: time.description) == time)
        }
        for day in Int64(18_000)..<21_000 {
            let time = WallTime(nanoseconds: day * 86_400_000_000_000)
            #expect(WallTime(rfc3339: time.description) == time)
        }
    }

    @Test func `what is no instant in UTC is none`() {
        let broken = [
            "", "2024", "2024-01-15", "2024-01-15T10:30:00", "2024-01-15T10:30:00+00:00",
            "2024-13-15T10:30:00Z", "2024-02-30T10:30:00Z", "2023-02-29T10:30:00Z",
            "2024-01-15T24:30:00Z", "2024-01-15T10:60:00Z", "2024-01-15T10:30:60Z",
            "2024-01-15T10:30:00.Z", "2024-01-15T10:30:00.1234567890Z", "2024-01-15 10:30:00Z",
            "+024-01-15T10:30:00Z", "1677-01-15T10:30:00Z", "2262-01-15T10:30:00Z",
            "2024-01-15T10:30:00ZZ", "２０２４-01-15T10:30:00Z",
        ]
        for text in broken { #expect(WallTime(rfc3339: text) == nil, "\(text)") }
    }
}
