// SPDX-License-Identifier: Apache-2.0

import ReeveClient
import ReeveControl
@testable import ReeveCore
import Testing

/// 2024-01-15T10:30:00Z, the instant of the document that reeve was made from.
let sampleTime = WallTime(nanoseconds: 1_705_314_600_000_000_000)

func name(_ text: String) throws -> SchedulerName {
    try #require(SchedulerName(text))
}

/// A scheduler of which everything is known.
func fullStatus() throws -> SchedulerStatus {
    SchedulerStatus(
        id: SchedulerID(0), name: try name("post-scheduler"), kind: .daemon, health: .degraded,
        lifecycle: .backingOff, reason: "failed with exit code 3, next start in 4s", priority: 10,
        phase: 2, run: RunID("01J9ZK00000000000000000000"), pid: PID(4711),
        runs: RunID("01J9ZK00000000000000000000").map {
            [
                .init(
                    id: $0, pid: PID(4711), startedAt: sampleTime, memory: Bytes(45_999_999),
                    scheduledAt: nil)
            ]
        } ?? [],
        memory: Bytes(45_999_999), memoryThreshold: Bytes(50_000_000),
        uptime: .milliseconds(3_600_999), consecutiveFailures: 1, restartCount: 2,
        restartsInWindow: 1,
        lastExit: .init(
            status: .exited(code: 3), meaning: "failed with exit code 3",
            at: sampleTime + .milliseconds(1_250)),
        lastExecution: .init(
            startedAt: sampleTime, duration: .microseconds(1_250_900), succeeded: true),
        nextRestart: sampleTime + .milliseconds(5_250),
        checks: .init(
            state: .failed, failuresInRow: 3, next: sampleTime + .seconds(7),
            results: [
                CheckResult(
                    at: sampleTime, duration: .microseconds(2_900),
                    outcome: .passed(words: "status 200")),
                CheckResult(
                    at: sampleTime + .seconds(1), duration: .seconds(3),
                    outcome: .failed(words: "no response within 3s")),
            ]),
        statusText: "serving 3 clients", mainPID: PID(4712),
        dependencies: [
            .init(name: try name("db"), condition: .healthy, isMet: true),
            .init(name: try name("cache"), condition: .ready, isMet: false),
        ],
        survivors: [
            ProcessDescription(
                identity: ProcessIdentity(pid: PID(99), startTime: 1), name: "dd",
                obstacle: .uninterruptible),
            ProcessDescription(
                identity: ProcessIdentity(pid: PID(98), startTime: 1), name: "cp"),
        ])
}

/// A scheduler of which nothing is known.
func emptyStatus(_ text: String = "worker") throws -> SchedulerStatus {
    SchedulerStatus(
        id: SchedulerID(1), name: try name(text), kind: .task, health: .stopped,
        lifecycle: .stopped, reason: "not started yet", priority: 0, phase: 4, run: nil, pid: nil,
        memory: nil, memoryThreshold: nil, uptime: nil, consecutiveFailures: 0, restartCount: 0,
        restartsInWindow: 0, lastExit: nil, lastExecution: nil, nextRestart: nil, dependencies: [],
        survivors: [])
}

func sampleOverview() -> Overview {
    var status = SupervisorStatus(
        health: .degraded, startedAt: sampleTime, uptime: .seconds(11_520))
    status.healthy = 3
    status.degraded = 1
    status.stopped = 2
    status.phase = 2
    return Overview(status, greeting: sampleGreeting, at: sampleTime + .milliseconds(1_999))
}

let sampleGreeting = Greeting(pid: PID(1), version: "0.1.0", epoch: "K3F")

func text(_ write: (inout [UInt8]) -> Void) -> String {
    var buffer: [UInt8] = []
    write(&buffer)
    return String(decoding: buffer, as: UTF8.self)
}
