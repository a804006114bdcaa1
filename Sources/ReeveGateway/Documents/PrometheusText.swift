// SPDX-License-Identifier: Apache-2.0
//
// The text format of Prometheus, version 0.0.4. Labels are bounded: names of schedulers and words of reeve's
// own; never a command, a message or a run id. What is not known has no line. The counters live in the
// supervisor, so that a restart of the gateway does not reset them.

internal import NIOCore
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// Writes families of metrics, each with its head before its samples.
struct PrometheusText {
    private(set) var buffer = ByteBuffer()

    enum Kind: String {
        case counter, gauge, histogram
    }

    /// The head of a family; its samples have to follow.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        buffer.writeString("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n")
    }

    /// One sample; none where nothing is known.
    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Double?) {
        guard let value, value.isFinite else { return }
        buffer.writeString(name)
        if !labels.isEmpty {
            let list = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
            buffer.writeString("{\(list)}")
        }
        buffer.writeString(" \(Self.text(value))\n")
    }

    /// A family of one sample.
    mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
        guard value != nil else { return }
        family(name, kind, help)
        sample(name, [], value)
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    /// Whole numbers without a fraction.
    private static func text(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return "\(whole)" }
        return "\(value)"
    }
}

// MARK: - What is shown

extension PrometheusText {
    /// Everything.
    mutating func write(
        _ answer: StatusAnswer, _ metrics: [MetricsReport], _ usage: UsageReport,
        _ figures: GatewayFigures
    ) {
        write(answer.overview)
        write(answer.schedulers)
        write(answer.schedulers, metrics)
        write(metrics)
        write(usage, answer.overview)
        write(figures)
    }

    private mutating func write(_ overview: Overview) {
        family("reeve_info", .gauge, "The supervisor that answers.")
        sample("reeve_info", [("version", overview.greeting.version)], 1)
        family("reeve_schedulers", .gauge, "Schedulers by their health.")
        let counts: [(Health, Int)] = [
            (.healthy, overview.healthy), (.degraded, overview.degraded),
            (.unhealthy, overview.unhealthy), (.stopped, overview.stopped),
            (.starting, overview.starting), (.stopping, overview.stopping),
        ]
        for (health, count) in counts {
            sample("reeve_schedulers", [("health", health.rawValue)], Double(count))
        }
        single(
            "reeve_start_timestamp_seconds", .gauge, "When supervision began.",
            overview.startedAt.unixSeconds)
        single(
            "reeve_startup_phase", .gauge,
            "The start-up phase that is going on, 0 when it is over.",
            Double(overview.phase ?? 0))
        single(
            "reeve_shutting_down", .gauge, "1 while reeve shuts down.",
            overview.isShuttingDown ? 1 : 0)
        single(
            "reeve_defects_total", .counter, "Impossible states that were seen.",
            Double(overview.defects))
        single("reeve_alerts", .gauge, "Alerts that are on.", Double(overview.alertCount))
        single(
            "reeve_orphans", .gauge, "Children of reeve that belong to no run.",
            Double(overview.orphanCount))
    }

    private mutating func write(_ schedulers: [SchedulerReport]) {
        each(
            schedulers, "reeve_scheduler_uptime_seconds",
            "How long the current run has been up, 0 when down."
        ) { Double($0.uptime) }
        each(
            schedulers, "reeve_scheduler_memory_bytes",
            "Resident memory of the tree of the current run."
        ) { $0.memoryBytes.map(Double.init) }
        each(
            schedulers, "reeve_scheduler_memory_threshold_bytes", "The configured memory-threshold."
        ) { $0.memoryThreshold.map(Double.init) }
        each(
            schedulers, "reeve_scheduler_consecutive_failures", "Failures since the last success."
        ) { Double($0.consecutiveFailures) }
        each(schedulers, "reeve_scheduler_paused", "1 while an operator holds its schedule.") {
            $0.kind == .scheduled ? ($0.paused ? 1 : 0) : nil
        }
        each(
            schedulers, "reeve_scheduler_next_run_timestamp_seconds",
            "When the next occurrence is due, delays included."
        ) { $0.nextRun?.unixSeconds }
        family(
            "reeve_scheduler_health", .gauge,
            "1 for the health that the scheduler has, 0 for the others.")
        for report in schedulers {
            for health in Health.allCases {
                sample(
                    "reeve_scheduler_health",
                    [("scheduler", report.name), ("health", health.rawValue)],
                    report.status == health ? 1 : 0)
            }
        }
    }

    private mutating func each(
        _ schedulers: [SchedulerReport], _ name: String, _ help: String,
        _ value: (SchedulerReport) -> Double?
    ) {
        family(name, .gauge, help)
        for report in schedulers {
            sample(name, [("scheduler", report.name)], value(report))
        }
    }

    /// What only scheduled ones have, zero included: a counter that begins with its first miss could not
    /// be watched for it.
    private mutating func write(_ schedulers: [SchedulerReport], _ metrics: [MetricsReport]) {
        let scheduled = Set(schedulers.filter { $0.kind == .scheduled }.map(\.name))
        family("reeve_scheduler_occurrences_total", .counter, "Occurrences by their outcome.")
        for one in metrics where scheduled.contains(one.name) {
            for outcome in LedgerEntry.Outcome.allCases {
                let found = one.outcomes.first { $0.what == outcome.rawValue }
                sample(
                    "reeve_scheduler_occurrences_total",
                    [("scheduler", one.name), ("outcome", outcome.rawValue)],
                    Double(found?.count ?? 0))
            }
        }
    }

    private mutating func write(_ metrics: [MetricsReport]) {
        family("reeve_scheduler_executions_total", .counter, "Executions by their result.")
        for one in metrics {
            let succeeded = one.total.count - min(one.total.failed, one.total.count)
            for (result, count) in [("success", succeeded), ("failure", one.total.failed)] {
                sample(
                    "reeve_scheduler_executions_total",
                    [("scheduler", one.name), ("result", result)], Double(count))
            }
        }
        writeDurations(metrics)
        family("reeve_scheduler_restarts_total", .counter, "Automatic restarts.")
        for one in metrics {
            sample(
                "reeve_scheduler_restarts_total", [("scheduler", one.name)],
                Double(one.restartCount))
        }
        family(
            "reeve_scheduler_cpu_seconds_total", .counter,
            "Processor time of the trees of all runs.")
        for one in metrics {
            sample(
                "reeve_scheduler_cpu_seconds_total", [("scheduler", one.name)],
                Double(one.processorTime) / 1_000)
        }
        family("reeve_scheduler_memory_peak_bytes", .gauge, "The most memory of any run.")
        for one in metrics {
            sample(
                "reeve_scheduler_memory_peak_bytes", [("scheduler", one.name)],
                one.memoryPeak.map(Double.init))
        }
        family("reeve_scheduler_run_ends_total", .counter, "Ends of runs by their kind.")
        for one in metrics {
            for end in one.ends {
                sample(
                    "reeve_scheduler_run_ends_total", [("scheduler", one.name), ("end", end.what)],
                    Double(end.count))
            }
        }
        family(
            "reeve_scheduler_recovery_actions_total", .counter,
            "Actions of recovery by what came of them.")
        for one in metrics {
            for action in one.actions {
                sample(
                    "reeve_scheduler_recovery_actions_total",
                    [
                        ("scheduler", one.name), ("action", action.what),
                        ("result", action.result ?? ""),
                    ], Double(action.count))
            }
        }
    }

    private mutating func writeDurations(_ metrics: [MetricsReport]) {
        let name = "reeve_scheduler_run_duration_seconds"
        family(name, .histogram, "How long runs took that succeeded or failed.")
        for one in metrics {
            let scheduler = ("scheduler", one.name)
            for bucket in one.durationBuckets {
                let bound = Self.text(Double(bucket.atMost) / 1_000)
                sample("\(name)_bucket", [scheduler, ("le", bound)], Double(bucket.count))
            }
            sample("\(name)_bucket", [scheduler, ("le", "+Inf")], Double(one.durationCount))
            sample("\(name)_sum", [scheduler], Double(one.durationSum) / 1_000)
            sample("\(name)_count", [scheduler], Double(one.durationCount))
        }
        family(
            "reeve_scheduler_last_success_timestamp_seconds", .gauge,
            "When an execution last succeeded.")
        for one in metrics {
            sample(
                "reeve_scheduler_last_success_timestamp_seconds", [("scheduler", one.name)],
                one.lastSuccess?.unixSeconds)
        }
        family(
            "reeve_scheduler_expected_by_timestamp_seconds", .gauge,
            "When the occurrence after the last success has to have succeeded; late is an alert.")
        for one in metrics {
            sample(
                "reeve_scheduler_expected_by_timestamp_seconds", [("scheduler", one.name)],
                one.expectedBy?.unixSeconds)
        }
    }

    private mutating func write(_ usage: UsageReport, _ overview: Overview) {
        single(
            "reeve_supervisor_resident_memory_bytes", .gauge, "Resident memory of the supervisor.",
            usage.memoryBytes.map(Double.init))
        single(
            "reeve_supervisor_cpu_seconds_total", .counter, "Processor time of the supervisor.",
            Double(usage.processorTime) / 1_000)
        single(
            "reeve_supervisor_open_fds", .gauge, "Open descriptors of the supervisor.",
            usage.descriptors.map(Double.init))
        single(
            "reeve_supervisor_clients", .gauge, "Clients of the control socket.",
            Double(usage.clients))
    }

    /// Those of the gateway itself have the names that every program's have.
    private mutating func write(_ figures: GatewayFigures) {
        let usage = ProcessUsage.own()
        single(
            "process_resident_memory_bytes", .gauge, "Resident memory of the gateway.",
            (usage.resident?.count).map(Double.init))
        single(
            "process_cpu_seconds_total", .counter, "Processor time of the gateway.",
            Double(usage.processorTime.milliseconds) / 1_000)
        single(
            "process_open_fds", .gauge, "Open descriptors of the gateway.",
            usage.descriptors.map(Double.init))
        single(
            "process_start_time_seconds", .gauge, "When the gateway began.",
            figures.startedAt.wall.unixSeconds)
        single(
            "reeve_gateway_connections", .gauge, "Connections of clients.",
            Double(figures.connections))
        single(
            "reeve_gateway_streams", .gauge, "Streams that are followed.", Double(figures.streams))
        family("reeve_gateway_requests_total", .counter, "Requests by the class of their status.")
        for (statusClass, count) in figures.requests {
            sample("reeve_gateway_requests_total", [("status", "\(statusClass)xx")], Double(count))
        }
    }
}

extension WallTime {
    /// Seconds since 1970, to the millisecond.
    fileprivate var unixSeconds: Double { Double(nanoseconds / 1_000_000) / 1_000 }
}
