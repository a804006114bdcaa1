// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// What the environment says of this execution. Read once, at the start.
struct Surroundings {
    let schedulerName: String
    let executionID: String
    let attempt: Int
    let scheduledAt: ExecutionContext.ScheduledTime?
    let isSupervised: Bool
    /// NOTIFY_SOCKET.
    let notifySocket: String?
    /// WATCHDOG_USEC; nil where no sign of life is expected of this very process.
    let watchdog: Swift.Duration?

    init(
        _ environment: EnvironmentBlock = .current(),
        program: String? = ProcessArguments.texts().first
    ) {
        func value(_ name: String) -> String? {
            environment.value(of: name).flatMap { $0.isEmpty ? nil : $0 }
        }
        let run = value("REEVE_RUN_ID")
        isSupervised = run != nil
        executionID = run ?? Surroundings.ownID()
        schedulerName =
            value("REEVE_SCHEDULER")
            ?? program?.split(separator: "/").last.map(String.init) ?? "scheduler"
        attempt = value("REEVE_ATTEMPT").flatMap { Int($0) } ?? 1
        scheduledAt = value("REEVE_SCHEDULED_AT").flatMap { ExecutionContext.ScheduledTime($0) }
        notifySocket = value("NOTIFY_SOCKET")
        // systemd names the process that it expects signs of life from; reeve takes any of the run.
        let isMeant = value("WATCHDOG_PID").map { $0 == "\(Host.pid)" } ?? true
        watchdog = value("WATCHDOG_USEC").flatMap { Int64($0) }.flatMap { period in
            isMeant && period > 0 ? .microseconds(period) : nil
        }
    }

    /// As reeve makes them: of the wall clock, and of random bits in place of a state directory's.
    private static func ownID() -> String {
        let milliseconds = UInt64(max(0, Clock.now().wall.nanoseconds / 1_000_000))
        // Without random bits (before Linux 3.17) the pid keeps two of the same millisecond apart.
        let origin = (try? Host.random()) ?? UInt64(Host.pid.number)
        return RunID(order: milliseconds << 16, origin: origin).description
    }
}
