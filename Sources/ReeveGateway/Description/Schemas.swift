// SPDX-License-Identifier: Apache-2.0
//
// The bodies of the interface. The tests hold every answer against these, member by member.

internal import ReeveControl
internal import ReeveCore

/// The schemas, by their names.
enum Schemas {
    static let all: [String: Schema] = schedulers.merging(figures) { $1 }.merging(lists) { $1 }
        .merging(["SchedulerConfiguration": configuration]) { $1 }

    /// What is registered; times in milliseconds, memory in MB (10^6 bytes).
    private static let configuration: Schema = {
        var members = SchedulerConfiguration.members.map { ($0.name, Schema($0.type)) }
        let required = members.prefix { ["name", "command"].contains($0.0) }
        members.removeFirst(required.count)
        return Schema.object(Array(required), optional: members.map { ($0.0, $0.1.orNull) })
            .closed.about(
                "The scheduler; times are whole milliseconds, memoryThreshold is in MB (10^6 bytes)"
            )
    }()

    static let health = Schema.oneOf(Health.allCases.map(\.rawValue))
    private static let words = Schema.string.about("A sentence without a full stop")
    private static let summary = Schema.reference("Summary")

    // MARK: Schedulers

    private static let schedulers: [String: Schema] = [
        "SchedulersHealth": .object([
            "status": health, "summary": summary,
            "schedulers": .list(.reference("Scheduler")),
            "components": .list(.reference("Component")), "timestamp": .time,
            "supervisor": .reference("Supervisor"),
        ]),
        "Summary": .object([
            "totalSchedulers": .count, "healthySchedulers": .count, "degradedSchedulers": .count,
            "unhealthySchedulers": .count, "stoppedSchedulers": .count,
            "startingSchedulers": .count, "stoppingSchedulers": .count,
        ]),
        "Supervisor": .object([
            "pid": .integer, "version": .string, "epoch": .string, "startedAt": .time,
            "uptime": .count.about("Whole seconds"), "phase": .integer.orNull,
            "shuttingDown": .boolean, "defects": .count, "alerts": .list(.reference("Alert")),
            "alertCount": .count, "orphans": .list(.reference("Orphan")), "orphanCount": .count,
        ]),
        "Component": .object([
            "name": .string, "status": health, "reason": words, "pid": .integer.orNull,
            "uptime": .count, "restartCount": .count, "memoryBytes": .count.orNull,
        ]),
        "Orphan": .object(["pid": .integer, "name": .string]),
        "Scheduler": scheduler(further: [:]),
        "RecoveredScheduler": scheduler(further: ["actions": .list(.reference("RecoveryAction"))]),
        "Execution": .object([
            "timestamp": .time.about("Its start"), "duration": .count.about("Whole milliseconds"),
            "success": .boolean,
        ]),
        "Run": .object([
            "runId": .string, "pid": .integer.orNull, "since": .time, "memoryBytes": .count.orNull,
            "scheduledAt": .time.orNull,
        ]),
        "LastExit": .object([
            "code": .integer.orNull, "signal": .string.orNull, "meaning": words, "at": .time,
        ]),
        "HealthChecks": .object([
            "state": .oneOf(CheckState.allCases.map(\.rawValue)), "failuresInRow": .count,
            "next": .time.orNull,
            "results": .list(
                .object([
                    "at": .time, "duration": .count.about("Whole milliseconds"),
                    "passed": .boolean.orNull.about("null where it could not be asked"),
                    "words": words,
                ])),
        ]),
        "Dependency": .object([
            "name": .string, "condition": .oneOf(["healthy", "ready", "started", "completed"]),
            "met": .boolean,
        ]),
        "Survivor": .object(["pid": .integer, "name": .string, "why": .string.orNull]),
        "Recovery": .object([
            "number": .count, "trigger": .string, "message": words, "endedAt": .time.orNull,
            "actions": .list(.reference("RecoveryAction")),
        ]),
        "RecoveryAction": .object([
            "action": .oneOf(RecoveryAction.Kind.allCases.map(\.rawValue)), "trigger": .string,
            "before": .string.orNull, "after": .string.orNull,
            "result": .oneOf(RecoveryAction.Result.allCases.map(\.rawValue)), "reason": words,
        ]),
        "SchedulersResult": .object([
            "status": health, "summary": summary, "results": .list(.reference("Result")),
            "timestamp": .time,
        ]),
        "Result": .object([
            "name": .string, "result": .oneOf(["done", "unchanged", "pending", "failed"]),
            "message": words,
        ]),
        "Accepted": .object(["status": .oneOf(["accepted"]), "message": words]),
    ]

    private static func scheduler(further: KeyValuePairs<String, Schema>) -> Schema {
        let members: KeyValuePairs<String, Schema> = [
            "name": .string, "status": health,
            "memoryUsage": .count.orNull.about("MB (10^6 bytes) of the whole tree"),
            "uptime": .count.about("Whole seconds of the current run, 0 when down"),
            "consecutiveFailures": .count, "restartCount": .count,
            "lastExecution": .reference("Execution").orNull,
            "kind": .oneOf(["daemon", "task", "scheduled"]),
            "origin": .oneOf(["file", "registered"]),
            "lifecycle": .oneOf(LifecycleName.allCases.map(\.rawValue)), "reason": words,
            "priority": .integer, "phase": .integer, "pid": .integer.orNull,
            "runId": .string.orNull, "runs": .list(.reference("Run")), "runCount": .count,
            "memoryBytes": .count.orNull, "memoryThreshold": .count.orNull.about("Bytes"),
            "lastExit": .reference("LastExit").orNull, "nextRun": .time.orNull,
            "paused": .boolean,
            "lastOutcome": .oneOf(LedgerEntry.Outcome.allCases.map(\.rawValue)).orNull,
            "healthChecks": .reference("HealthChecks").orNull, "statusText": .string.orNull,
            "mainPid": .integer.orNull, "nextRestart": .time.orNull, "restartsInWindow": .count,
            "dependencies": .list(.reference("Dependency")), "dependencyCount": .count,
            "survivors": .list(.reference("Survivor")), "survivorCount": .count,
            "recovery": .reference("Recovery").orNull,
            "lastRecovery": .reference("Recovery").orNull,
        ]
        return .object(members, and: further)
    }

    // MARK: Figures

    private static let figures: [String: Schema] = [
        "Metrics": .object([
            "overall": .reference("OverallMetrics"),
            "schedulers": .list(.reference("SchedulerMetrics")),
            "supervisor": .reference("Usage"), "gateway": .reference("Usage"), "timestamp": .time,
        ]),
        "OverallMetrics": .object([
            "executions": .count, "failures": .count, "executionSuccessRate": .rate.orNull,
            "errorRate": .rate.orNull, "restartCount": .count, "restartFrequency": .count,
            "memoryBytes": .count, "processorTime": .count.about("Whole milliseconds"),
        ]),
        "SchedulerMetrics": .object([
            "name": .string, "executions": .count, "failures": .count,
            "executionSuccessRate": .rate.orNull, "errorRate": .rate.orNull,
            "averageExecutionTime": .count.orNull.about("Whole milliseconds"),
            "executionTime": Schema.object([
                "mean": .count, "p50": .count, "p95": .count, "p99": .count,
            ]).orNull.about("Whole milliseconds"),
            "lastSuccess": .time.orNull, "expectedBy": .time.orNull,
            "memoryUsageTrend": trend,
            "memory": .object([
                "now": .count.orNull, "peakOfRun": .count.orNull, "peak": .count.orNull,
                "growthPerMinute": .integer.orNull, "thresholdIn": .count.orNull,
            ]),
            "recent": .object([
                "window": .count.about("Whole seconds"), "executions": .count, "failures": .count,
                "executionSuccessRate": .rate.orNull, "errorRate": .rate.orNull,
            ]),
            "restartCount": .count,
            "restartFrequency": .count.about("Automatic restarts within restart-window"),
            "uptime": .count, "processorTime": .count.about("Whole milliseconds"),
            "ends": .map(.count), "outcomes": .map(.count), "recoveryActions": .map(.count),
        ]),
        "Usage": .object([
            "memoryBytes": .count.orNull, "processorTime": .count.about("Whole milliseconds"),
            "openDescriptors": .count.orNull, "clients": .count,
        ]),
        "MemoryHealth": .object([
            "status": .oneOf(["healthy", "degraded", "unhealthy"]), "totalMemoryBytes": .count,
            "schedulers": .list(.reference("SchedulerMemory")), "supervisor": .reference("Usage"),
            "gateway": .reference("Usage"), "timestamp": .time,
        ]),
        "SchedulerMemory": .object([
            "name": .string, "status": .oneOf(["healthy", "degraded", "unhealthy", "stopped"]),
            "memoryUsage": .count.orNull.about("MB"), "memoryThreshold": .count.orNull.about("MB"),
            "memoryBytes": .count.orNull, "memoryThresholdBytes": .count.orNull,
            "memoryPeakBytes": .count.orNull, "memoryUsageTrend": trend,
            "growthPerMinute": .integer.orNull, "thresholdIn": .count.orNull,
        ]),
        "Diagnostics": .object([
            "status": health, "summary": summary,
            "supervisor": .object([
                "pid": .integer, "version": .string, "epoch": .string, "startedAt": .time,
                "uptime": .count, "phase": .integer.orNull, "shuttingDown": .boolean,
                "defects": .count, "usage": .reference("Usage"),
            ]),
            "gateway": .object([
                "pid": .integer, "version": .string, "startedAt": .time, "uptime": .count,
                "requests": .map(.count), "streams": .count, "usage": .reference("Usage"),
            ]),
            "attention": .list(
                .object([
                    "name": .string, "status": health, "lifecycle": .string, "reason": words,
                    "consecutiveFailures": .count, "restartCount": .count,
                    "lastExit": .string.orNull, "nextRestart": .time.orNull,
                ])),
            "alerts": .list(
                .object([
                    "kind": .string, "scheduler": .string, "since": .time, "message": words,
                ])), "alertCount": .count, "orphans": .list(.reference("Orphan")),
            "orphanCount": .count, "timestamp": .time,
        ]),
        "Healthz": .object(["status": health], optional: ["checks": .reference("Checks")]),
        "Checks": .object([
            "supervisor": .object(["status": health, "message": words]),
            "schedulers": Schema.object(["status": health, "summary": summary]).orNull,
        ]),
        "Readyz": .object(["ready": .boolean, "reason": words]),
    ]

    private static let trend = Schema.oneOf(["steady", "growing", "unknown"])

    // MARK: Lists

    private static let lists: [String: Schema] = [
        "Logs": .object([
            "name": .string,
            "lines": .list(
                .object([
                    "at": .time.orNull, "stream": .oneOf(["stdout", "stderr"]).orNull,
                    "continues": .boolean.about("The next line goes on with it"),
                    "line": .string, "cut": .boolean,
                ])),
            "gaps": .list(.object(["missed": .count.orNull, "reason": words])),
        ]),
        "Runs": .object([
            "name": .string,
            "runs": .list(
                .object([
                    "kind": .oneOf(["started", "ended"]), "scheduler": .string,
                    "trigger": .oneOf(["schedule", "manual", "start", "boot"]),
                    "occurrence": .time, "through": .time, "count": .count, "at": .time,
                    "outcome": .oneOf(LedgerEntry.Outcome.allCases.map(\.rawValue)).orNull,
                    "reason": .string.orNull, "runId": .string.orNull, "attempt": .count.orNull,
                ])),
        ]),
        "Coming": .object([
            "scheduler": .string,
            "occurrences": .list(
                .object([
                    "at": .string.about("RFC 3339 with the zone's offset"), "zone": .string,
                    "due": .time, "mark": .string.orNull,
                ])), "spread": .count.about("Whole milliseconds"),
            "jitter": .count.about("Whole milliseconds"), "obstacle": .string.orNull,
        ]),
        "Alerts": .object(["alerts": .list(.reference("Alert")), "timestamp": .time]),
        "Alert": .object([
            "number": .count, "kind": .string, "phase": .oneOf(["began", "continues", "ended"]),
            "scheduler": .string, "affected": .list(.string), "affectedCount": .count,
            "since": .time, "at": .time, "message": words,
        ]),
        "Problem": .object(
            [
                "type": .string, "title": .string, "status": .integer, "detail": .string,
                "code": .string.about("For programs to compare"),
            ], optional: ["results": .list(.reference("Result"))]),
        "Description": .map(.any),
    ]
}
