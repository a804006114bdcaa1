// SPDX-License-Identifier: Apache-2.0
//
// The head of a status answer. `status`, `summary` and `timestamp` are those of the document reeve was
// made from; `summary` also counts the starting and stopping ones, so that it adds up; `supervisor`
// extends it.

package import ReeveCore

/// The whole, without its schedulers.
package struct Overview: Equatable, Sendable {
    package var health: Health
    /// Schedulers by health.
    package var healthy = 0
    package var degraded = 0
    package var unhealthy = 0
    package var stopped = 0
    package var starting = 0
    package var stopping = 0
    /// The start-up phase that is going on, 1 to 4; nil when start-up is over.
    package var phase: Int?
    package var isShuttingDown: Bool
    package var startedAt: WallTime
    /// Whole seconds.
    package var uptime: Int64
    /// Impossible states that were seen; zero unless reeve has a defect.
    package var defects: Int
    /// Alerts that are on: the first `alertsListedMax`; `alertCount` counts all.
    package var alerts: [AlertReport] = []
    package var alertCount = 0
    /// Children of reeve that belong to no run: the first `orphansListedMax`; `orphanCount` counts all.
    package var orphans: [Orphan] = []
    package var orphanCount = 0
    /// The parts of reeve itself that are supervised; the totals are without them.
    package var components: [ComponentReport] = []
    package var greeting: Greeting
    /// When this was read.
    package var at: WallTime

    /// One child of reeve that belongs to no run.
    package struct Orphan: Equatable, Sendable {
        package var pid: Int32
        package var name: String

        package init(pid: Int32, name: String) {
            self.pid = pid
            self.name = name
        }
    }

    /// Orphans listed, so that the head always fits a line.
    package static let orphansListedMax = 64

    /// Alerts listed, so that the head always fits a line.
    package static let alertsListedMax = 16

    /// All schedulers.
    package var total: Int { healthy + degraded + unhealthy + stopped + starting + stopping }

    /// From the core's copy, read at `at`.
    package init(
        _ status: SupervisorStatus, orphans: Orphans = Orphans(), alerts: [Alert] = [],
        components: [ComponentReport] = [], greeting: Greeting, at: WallTime
    ) {
        health = status.health
        healthy = status.healthy
        degraded = status.degraded
        unhealthy = status.unhealthy
        stopped = status.stopped
        starting = status.starting
        stopping = status.stopping
        phase = status.phase
        isShuttingDown = status.isShuttingDown
        startedAt = status.startedAt
        uptime = status.uptime.seconds
        defects = status.defects
        self.orphans = orphans.named.prefix(Self.orphansListedMax).map {
            Orphan(pid: $0.identity.pid.number, name: $0.name)
        }
        orphanCount = orphans.count
        self.alerts = alerts.prefix(Self.alertsListedMax).map { alert in
            var report = AlertReport(alert)
            report.message = report.message.shortened(toBytes: 256)
            return report
        }
        alertCount = status.alertCount
        self.components = components
        self.greeting = greeting
        self.at = at
    }

    /// Appends the members before `schedulers`: `status` and `summary`.
    func writeHead(to buffer: inout [UInt8]) {
        buffer.field("status", health.rawValue)
        buffer.beginObject("summary")
        buffer.field("totalSchedulers", total)
        buffer.field("healthySchedulers", healthy)
        buffer.field("degradedSchedulers", degraded)
        buffer.field("unhealthySchedulers", unhealthy)
        buffer.field("stoppedSchedulers", stopped)
        buffer.field("startingSchedulers", starting)
        buffer.field("stoppingSchedulers", stopping)
        buffer.endObject()
    }

    /// Appends the members after `schedulers`: `components`, `timestamp` and `supervisor`.
    func writeTail(to buffer: inout [UInt8]) {
        buffer.beginArray("components")
        for component in components { component.write(to: &buffer) }
        buffer.endArray()
        buffer.field("timestamp", at, fractionDigits: 0)
        buffer.beginObject("supervisor")
        greeting.write(to: &buffer)
        buffer.field("startedAt", startedAt, fractionDigits: 3)
        buffer.field("uptime", uptime)
        buffer.field("phase", phase.map(Int64.init))
        buffer.field("shuttingDown", isShuttingDown)
        buffer.field("defects", defects)
        buffer.beginArray("alerts")
        for alert in alerts { alert.write(to: &buffer) }
        buffer.endArray()
        buffer.field("alertCount", alertCount)
        buffer.beginArray("orphans")
        for orphan in orphans {
            buffer.beginObject()
            buffer.field("pid", Int64(orphan.pid))
            buffer.field("name", orphan.name)
            buffer.endObject()
        }
        buffer.endArray()
        buffer.field("orphanCount", orphanCount)
        buffer.endObject()
    }

    init(reading value: JSONValue) throws(JSONFault) {
        health = try value.word("status", as: Health.self)
        let summary = try value.object("summary", Summary.init(reading:))
        healthy = summary.healthy
        degraded = summary.degraded
        unhealthy = summary.unhealthy
        stopped = summary.stopped
        starting = summary.starting
        stopping = summary.stopping
        at = try value.time("timestamp")
        greeting = try value.object("supervisor", Greeting.init(reading:))
        let supervisor = try value.member("supervisor")
        phase = try supervisor.optional("phase") { (phase) throws(JSONFault) in
            Int(clamping: try phase.requireWholeNumber())
        }
        isShuttingDown = try supervisor.truth("shuttingDown")
        startedAt = try supervisor.time("startedAt")
        uptime = try supervisor.wholeNumber("uptime")
        defects = try supervisor.wholeNumber("defects", as: Int.self)
        // An older supervisor tells of none of these.
        if value["components"] != nil {
            components = try value.list("components", ComponentReport.init(reading:))
        }
        if supervisor["alerts"] != nil {
            alerts = try supervisor.list("alerts", AlertReport.init(reading:))
            alertCount = try supervisor.wholeNumber("alertCount", as: Int.self)
        }
        guard supervisor["orphans"] != nil else { return }
        orphans = try supervisor.list("orphans") { (orphan) throws(JSONFault) in
            Orphan(
                pid: try orphan.wholeNumber("pid", as: Int32.self), name: try orphan.text("name"))
        }
        orphanCount = try supervisor.wholeNumber("orphanCount", as: Int.self)
    }

    /// The counts as they are read: 32 bits each, so that no sum of them overflows.
    private struct Summary {
        let healthy, degraded, unhealthy, stopped, starting, stopping: Int

        init(reading summary: JSONValue) throws(JSONFault) {
            healthy = Int(try summary.wholeNumber("healthySchedulers", as: Int32.self))
            degraded = Int(try summary.wholeNumber("degradedSchedulers", as: Int32.self))
            unhealthy = Int(try summary.wholeNumber("unhealthySchedulers", as: Int32.self))
            stopped = Int(try summary.wholeNumber("stoppedSchedulers", as: Int32.self))
            starting = Int(try summary.wholeNumber("startingSchedulers", as: Int32.self))
            stopping = Int(try summary.wholeNumber("stoppingSchedulers", as: Int32.self))
        }
    }
}

/// The body of `reeve status --json`, and of `GET /api/scheduler/health`.
package enum StatusDocument {
    /// Appends the whole, one scheduler a line, with a newline at its end.
    package static func write(
        _ overview: Overview, schedulers: some Sequence<SchedulerReport>, to buffer: inout [UInt8]
    ) {
        buffer.beginObject()
        overview.writeHead(to: &buffer)
        buffer.beginArray("schedulers")
        for scheduler in schedulers {
            scheduler.write(to: &buffer)
        }
        buffer.endArray()
        overview.writeTail(to: &buffer)
        buffer.endObject()
        buffer.endLine()
    }
}
