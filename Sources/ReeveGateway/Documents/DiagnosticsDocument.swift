// SPDX-License-Identifier: Apache-2.0

internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The body of `/api/diagnostics`: what an operator looks at first when something is wrong.
struct DiagnosticsDocument: Codable, Equatable, Sendable {
    /// reeve itself.
    struct Supervisor: Codable, Equatable, Sendable {
        var pid: Int32
        var version: String
        /// Names the instance, as in the ids of events.
        var epoch: String
        var startedAt: String
        /// Whole seconds.
        var uptime: Int64
        /// The start-up phase that is going on, 1 to 4.
        @Nullable package var phase: Int?
        var shuttingDown: Bool
        /// Impossible states that were seen.
        var defects: Int
        var usage: UsageDocument
    }

    /// The process that answers.
    struct GatewayProcess: Codable, Equatable, Sendable {
        var pid: Int32
        var version: String
        var startedAt: String
        var uptime: Int64
        /// Requests by the first digit of their status: "2xx".
        var requests: [String: UInt64]
        var streams: Int
        var usage: UsageDocument
    }

    /// A scheduler that is not healthy.
    struct Trouble: Codable, Equatable, Sendable {
        var name: String
        var status: String
        var lifecycle: String
        var reason: String
        var consecutiveFailures: Int
        var restartCount: Int
        /// What the last end means, in words.
        @Nullable package var lastExit: String?
        @Nullable package var nextRestart: String?
    }

    struct ActiveAlert: Codable, Equatable, Sendable {
        var kind: String
        var scheduler: String
        var since: String
        var message: String
    }

    struct Orphan: Codable, Equatable, Sendable {
        var pid: Int32
        var name: String
    }

    var status: String
    var summary: SummaryDocument
    var supervisor: Supervisor
    var gateway: GatewayProcess
    /// Schedulers that are neither healthy nor stopped, in the order of the configuration.
    var attention: [Trouble]
    /// The first few that are on; `alertCount` counts all.
    var alerts: [ActiveAlert]
    var alertCount: Int
    /// Children of reeve that belong to no run: the first few; `orphanCount` counts all.
    var orphans: [Orphan]
    var orphanCount: Int
    var timestamp: String

    init(_ answer: StatusAnswer, _ usage: UsageReport, _ figures: GatewayFigures) {
        let overview = answer.overview
        status = overview.health.rawValue
        summary = SummaryDocument(overview)
        supervisor = Supervisor(
            pid: overview.greeting.pid.number, version: overview.greeting.version,
            epoch: overview.greeting.epoch,
            startedAt: overview.startedAt.rfc3339(fractionDigits: 3),
            uptime: overview.uptime, phase: overview.phase,
            shuttingDown: overview.isShuttingDown, defects: overview.defects,
            usage: UsageDocument(usage))
        gateway = GatewayProcess(figures)
        attention = answer.schedulers.filter { $0.status != .healthy && $0.status != .stopped }
            .map(Trouble.init)
        alerts = overview.alerts.map {
            ActiveAlert(
                kind: $0.kind, scheduler: $0.scheduler, since: $0.since.rfc3339(fractionDigits: 3),
                message: $0.message)
        }
        alertCount = overview.alertCount
        orphans = overview.orphans.map { Orphan(pid: $0.pid, name: $0.name) }
        orphanCount = overview.orphanCount
        timestamp = overview.at.rfc3339(fractionDigits: 0)
    }
}

extension DiagnosticsDocument.GatewayProcess {
    init(_ figures: GatewayFigures) {
        pid = Host.pid.number
        version = Version.text
        startedAt = figures.startedAt.wall.rfc3339(fractionDigits: 3)
        uptime = (Clock.now().monotonic - figures.startedAt.monotonic).seconds
        requests = figures.requests.reduce(into: [:]) { $0["\($1.statusClass)xx"] = $1.count }
        streams = figures.streams
        usage = UsageDocument(own: figures)
    }
}

extension DiagnosticsDocument.Trouble {
    init(_ report: SchedulerReport) {
        name = report.name
        status = report.status.rawValue
        lifecycle = report.lifecycle.rawValue
        reason = report.reason
        consecutiveFailures = report.consecutiveFailures
        restartCount = report.restartCount
        lastExit = report.lastExit?.meaning
        nextRestart = report.nextRestart?.rfc3339(fractionDigits: 3)
    }
}
