// SPDX-License-Identifier: Apache-2.0
//
// `reeve status NAME`: everything that is known of one scheduler, as a block.

package import ReeveControl
package import ReeveCore

extension StatusText {
    /// The block of one scheduler.
    package static func details(
        of scheduler: SchedulerReport, at now: WallTime, _ appearance: Appearance
    ) -> String {
        let title = Tint.strong.paint(scheduler.name.printable, appearance)
        let state = scheduler.status.tint.paint(state(scheduler, appearance), appearance)
        var block = LabelBlock(appearance)
        block.add("reason", scheduler.reason.printable)
        if let settings = scheduler.settings { add(settings, to: &block) }
        block.add("kind", kind(scheduler))
        if scheduler.origin == .registered {
            block.add("origin", "registered while reeve ran, not in the configuration's file")
        }
        if scheduler.runCount > 1 {
            addRuns(of: scheduler, at: now, to: &block)
        } else {
            block.add("process", process(scheduler))
        }
        if let text = scheduler.statusText { block.add("says", text.printable) }
        block.add("memory", memory(scheduler))
        if let metrics = scheduler.metrics {
            addTrend(metrics, to: &block)
            if metrics.processorTime > 0 {
                block.add(
                    "processor", "\(Duration.milliseconds(metrics.processorTime)) of all runs")
            }
        }
        addChecks(of: scheduler, at: now, to: &block)
        block.add("restarts", restarts(scheduler))
        if let metrics = scheduler.metrics { addExecutions(metrics, to: &block) }
        for (index, alert) in (scheduler.alerts ?? []).enumerated() {
            let since = ago(alert.since, at: now)
            block.add(
                index == 0 ? "alerts" : "",
                Tint.warning.paint(alert.kind.printable, appearance)
                    + ", since \(since): \(alert.message.printable)")
        }
        if scheduler.kind == .scheduled {
            block.add("next run", nextRun(scheduler, at: now))
        }
        if let next = scheduler.nextRestart {
            let left = next - now
            let span = left < .zero ? "now" : "in \(left)"
            block.add("next start", "\(span) (\(next.rfc3339(fractionDigits: 0)))")
        }
        if let exit = scheduler.lastExit {
            let when = "\(ago(exit.at, at: now)) (\(exit.at.rfc3339(fractionDigits: 0)))"
            block.add("last exit", "\(exit.meaning.printable), \(when)")
        }
        if let metrics = scheduler.metrics { addLastRuns(metrics, to: &block) }
        addRecoveries(of: scheduler, at: now, to: &block)
        addDependencies(of: scheduler, to: &block)
        addSurvivors(of: scheduler, to: &block)
        return "\(title): \(state)\n" + block.text
    }

    private static func add(_ settings: SettingsReport, to block: inout LabelBlock) {
        if let description = settings.description {
            block.add("description", description.printable)
        }
        block.add("command", settings.command.map(shellWord).joined(separator: " "))
        block.add("directory", settings.workingDirectory?.printable ?? "reeve's own")
        if let user = settings.user { block.add("user", user.printable) }
        if let group = settings.group { block.add("group", group.printable) }
    }

    /// As one would type it: in quotes where a shell would otherwise see more than a word.
    private static func shellWord(_ word: String) -> String {
        let plain = Set("%+,-./:=@_…".utf8)
        let isPlain = word.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || plain.contains(byte)
        }
        if isPlain && !word.isEmpty { return word }
        let quoted = word.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: #"'\''"#)
        return "'\(quoted.printable)'"
    }

    private static func nextRun(_ scheduler: SchedulerReport, at now: WallTime) -> String {
        if scheduler.paused { return "paused" }
        guard let next = scheduler.nextRun else { return "none" }
        let left = next - now
        return "\(left < .zero ? "now" : "in \(left)") (\(next.rfc3339(fractionDigits: 0)))"
    }

    private static func kind(_ scheduler: SchedulerReport) -> String {
        let own = StartPlan.phase(ofPriority: scheduler.priority)
        let moved = own == scheduler.phase ? "" : ", its own is \(own)"
        return "\(scheduler.kind.rawValue), priority \(scheduler.priority), "
            + "start-up phase \(scheduler.phase)\(moved)"
    }

    private static func process(_ scheduler: SchedulerReport) -> String {
        guard let pid = scheduler.pid else { return "none" }
        let run = scheduler.runID.map { ", run \($0.printable)" } ?? ""
        let main = scheduler.mainPID.map { ", main process \($0)" } ?? ""
        return "pid \(pid)\(main), up \(uptime(scheduler))\(run)"
    }

    private static func addChecks(
        of scheduler: SchedulerReport, at now: WallTime, to block: inout LabelBlock
    ) {
        guard let checks = scheduler.healthChecks else { return }
        let failures = checks.failuresInRow
        let state =
            switch checks.state {
            case .unknown: "not known yet"
            case .passed: Tint.good.paint("passed", block.appearance)
            case .failed: Tint.bad.paint("failed", block.appearance)
            }
        let inRow = failures > 0 ? ", \(counted(failures, "failure")) in a row" : ""
        let next = checks.next.map { ", next in \(max(.zero, $0 - now))" } ?? ""
        block.add("checks", state + inRow + next)
        for result in checks.results.reversed() {
            block.add("", checkWords(result, ago(result.at, at: now), block.appearance))
        }
    }

    /// One answer of a health check. `when` comes after "passed" or "failed".
    static func checkWords(
        _ result: ChecksReport.Result, _ when: String, _ appearance: Appearance
    ) -> String {
        let how =
            switch result.passed {
            case true?: "passed"
            case false?: Tint.bad.paint("failed", appearance)
            case nil: "not asked"
            }
        let took = Duration.milliseconds(result.duration)
        return "\(how) \(when), took \(took): \(result.words.printable)"
    }

    private static func addRuns(
        of scheduler: SchedulerReport, at now: WallTime, to block: inout LabelBlock
    ) {
        for (index, run) in scheduler.runs.enumerated() {
            let process = run.pid.map { "pid \($0)" } ?? "no leader"
            let span = max(.zero, now - run.since)
            block.add(
                index == 0 ? "processes" : "",
                "\(process), up \(Duration.seconds(span.seconds)), run \(run.runID.printable)")
        }
        block.addRest(scheduler.runCount - scheduler.runs.count)
    }

    private static func memory(_ scheduler: SchedulerReport) -> String {
        let threshold = scheduler.memoryThreshold.map { "threshold \(Bytes($0))" } ?? "no threshold"
        let otherwise = scheduler.pid == nil ? "none" : "not known"
        return (scheduler.memoryBytes.map { Bytes($0).description } ?? otherwise)
            + ", \(threshold)"
    }

    /// The curve, and where it leads.
    private static func addTrend(_ metrics: MetricsReport, to block: inout LabelBlock) {
        let curve = AlertsText.sparkline(metrics.curve, block.appearance)
        guard !curve.isEmpty, let peak = metrics.memoryPeakOfRun else { return }
        var text = "\(curve) at most \(Bytes(peak))"
        if let growth = metrics.growthPerMinute {
            text += ", grows by \(Bytes(growth)) a minute"
            if let left = metrics.thresholdIn, left > 0 {
                text += ", at its threshold in \(Duration.seconds(left))"
            }
        }
        block.add("", text)
    }

    private static func addExecutions(_ metrics: MetricsReport, to block: inout LabelBlock) {
        guard metrics.total.count > 0 else { return }
        var text = "\(metrics.total.count), \(metrics.total.failed) failed"
        if metrics.recent.count > 0 {
            text += "; \(metrics.recent.failed) of \(metrics.recent.count) within "
            text += "\(Duration.seconds(metrics.window))"
        }
        if let durations = metrics.durations {
            text += "; took \(Duration.milliseconds(durations.p50)) at the median, "
            text += "\(Duration.milliseconds(durations.p95)) at 95 %"
        }
        block.add("executions", text)
    }

    private static func addLastRuns(_ metrics: MetricsReport, to block: inout LabelBlock) {
        for (index, run) in metrics.lastRuns.reversed().enumerated() {
            let tint: Tint? =
                switch run.outcome {
                case "succeeded": .good
                case "failed": .bad
                default: nil
                }
            let outcome = run.outcome.printable
            block.add(
                index == 0 ? "last runs" : "",
                "\(run.startedAt.rfc3339(fractionDigits: 0)) "
                    + (tint?.paint(outcome, block.appearance) ?? outcome)
                    + ", \(run.end.printable), took \(Duration.milliseconds(run.duration))")
        }
    }

    private static func restarts(_ scheduler: SchedulerReport) -> String {
        let failures = scheduler.consecutiveFailures
        return "\(scheduler.restartCount) automatic, \(scheduler.restartsInWindow) in the window, "
            + (failures == 0 ? "no failure" : counted(failures, "failure")) + " in a row"
    }

    private static func addRecoveries(
        of scheduler: SchedulerReport, at now: WallTime, to block: inout LabelBlock
    ) {
        if let recovery = scheduler.recovery {
            block.add("recovering", "\(recovery.words.printable) (\(recovery.trigger.words))")
        }
        guard let last = scheduler.lastRecovery else { return }
        let when = last.endedAt.map { ago($0, at: now) } ?? ""
        block.add(
            "recovery", "\(last.words.printable), \(when) (\(last.trigger.words))")
        for action in last.actions where action.result != .skipped {
            block.add("", action.words.printable)
        }
    }

    private static func addDependencies(of scheduler: SchedulerReport, to block: inout LabelBlock) {
        for (index, dependency) in scheduler.dependencies.enumerated() {
            let met =
                dependency.met
                ? Tint.good.paint("met", block.appearance)
                : Tint.bad.paint("not met", block.appearance)
            let name = dependency.name.printable
            block.add(
                index == 0 ? "depends on" : "", "\(name) (\(dependency.condition.rawValue)): \(met)"
            )
        }
        if scheduler.dependencies.isEmpty { block.add("depends on", "nothing") }
        block.addRest(scheduler.dependencyCount - scheduler.dependencies.count)
    }

    private static func addSurvivors(of scheduler: SchedulerReport, to block: inout LabelBlock) {
        for (index, survivor) in scheduler.survivors.enumerated() {
            let why = survivor.why.map { ", \($0.printable)" } ?? ""
            block.add(
                index == 0 ? "survivors" : "",
                Tint.bad.paint(
                    "\(survivor.name.printable) (pid \(survivor.pid)\(why))", block.appearance))
        }
        block.addRest(scheduler.survivorCount - scheduler.survivors.count)
    }
}
