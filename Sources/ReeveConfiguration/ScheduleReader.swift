// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// From the keys of a scheduled one to its schedule. The zone is looked up by the loader, which reads
/// each file once.
struct ScheduleReader {
    let name: SchedulerName
    let label: String
    let nameSpan: SourceSpan
    let effective: EffectiveSettings

    /// nil after reporting what is wrong.
    func read(_ findings: inout Findings) -> ScheduleSettings? {
        guard let rule = rule(&findings) else { return nil }
        var result = ScheduleSettings(rule)
        result.hash = ScheduleHash.of(name)
        effective.assign("interval-from", to: &result.intervalFrom)
        effective.assign("jitter", to: &result.jitter)
        effective.assign("spread", to: &result.spread)
        effective.assign("overlap", to: &result.overlap)
        effective.assign("max-parallel", to: &result.maxParallel)
        effective.assign("misfire", to: &result.misfire)
        effective.assign("misfire-deadline", to: &result.misfireDeadline)
        effective.assign("run-on-start", to: &result.runOnStart)
        effective.assign("starts-at", to: &result.startsAt)
        effective.assign("expires-at", to: &result.expiresAt)
        effective.assign("max-retries", to: &result.maxRetries)
        effective.assign("retry-delay", to: &result.retryDelay)
        effective.assign("retry-factor", to: &result.retryFactor)
        effective.assign("retry-delay-max", to: &result.retryDelayMax)
        if case .exitCodes(let codes)? = effective.value("no-retry-exit-codes") {
            result.noRetryExitCodes = codes
        }
        effective.assign("drain-timeout", to: &result.drainTimeout)
        warn(about: result, &findings)
        return result
    }

    private func rule(_ findings: inout Findings) -> ScheduleSettings.Rule? {
        let cron = effective.setting("cron")?.0
        if effective.own["cron"] != nil, let interval = effective.own["interval"] {
            findings.error(
                "\(label) has both `cron` and `interval`", at: interval.keySpan,
                help: "leave one of them out")
            return nil
        }
        if effective.own["interval"] == nil, let cron, case .text(let text) = cron.value {
            return check(text, cron, &findings) ? .cron(text) : nil
        }
        if case .duration(let span)? = effective.value("interval") { return .interval(span) }
        let isMeant =
            effective.own.present.contains("cron") || effective.own.present.contains("interval")
        if !isMeant {
            findings.error(
                "\(label) is a scheduled one without a schedule", at: nameSpan,
                help: "add cron = \"*/15 * * * *\" or interval = \"15m\"")
        }
        return nil
    }

    /// Reports what is wrong with an expression at its column.
    private func check(_ text: String, _ setting: Setting, _ findings: inout Findings) -> Bool {
        do throws(CronError) {
            let parsed = try CronParser.parse(text, hash: ScheduleHash.of(name))
            for warning in parsed.warnings {
                findings.warning("`cron` \(quoted(text)): \(warning)", at: setting.span)
            }
            return true
        } catch {
            let field = error.field.map { ", in the \($0) field" } ?? ""
            findings.error(
                "`cron` is no schedule\(field): \(error.message)",
                at: span(ofColumn: error.column, in: text, setting))
            return false
        }
    }

    /// The place of a character within a string of the file; the whole where it was written with
    /// escapes or over several lines.
    private func span(ofColumn column: Int, in text: String, _ setting: Setting) -> SourceSpan? {
        guard var span = setting.node.span, span.length == text.unicodeScalars.count + 2 else {
            return setting.span
        }
        span.column += column
        span.length = 1
        return span
    }

    private func warn(about schedule: ScheduleSettings, _ findings: inout Findings) {
        func isSaid(_ key: String) -> Bool { effective.own[key] != nil }
        if case .cron = schedule.rule, isSaid("interval-from") {
            findings.warning(
                "interval-from has no effect on a cron schedule",
                at: effective.span("interval-from"), help: "leave it out")
        }
        if case .interval = schedule.rule, isSaid("timezone") {
            findings.warning(
                "timezone has no effect on an interval, which is elapsed time",
                at: effective.span("timezone"), help: "leave it out")
        }
        if case .interval = schedule.rule, isSaid("jitter") || isSaid("spread") {
            findings.warning(
                "jitter and spread have no effect on an interval",
                at: effective.span("jitter") ?? effective.span("spread"), help: "use `cron`")
        }
        if schedule.overlap != .allow, isSaid("max-parallel") {
            findings.warning(
                "max-parallel has no effect while overlap is \(quoted(schedule.overlap.rawValue))",
                at: effective.span("max-parallel"), help: "set overlap = \"allow\"")
        }
        if let start = schedule.startsAt, let end = schedule.expiresAt, end <= start {
            findings.warning(
                "expires-at is not after starts-at, so it never runs",
                at: effective.span("expires-at"))
        }
        if schedule.maxRetries == 0, isSaid("retry-delay") || isSaid("retry-factor") {
            findings.warning(
                "retry-delay and retry-factor have no effect while max-retries is 0",
                at: effective.span("retry-delay") ?? effective.span("retry-factor"),
                help: "set max-retries")
        }
    }
}
