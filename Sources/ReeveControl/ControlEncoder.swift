// SPDX-License-Identifier: Apache-2.0
//
// The lines of the control socket, written. Each function appends whole lines to a buffer, newline
// included, none longer than `ControlLimits.lineBytesMax`. Answers to one request have its id, and every
// line of an answer has `"more"`: true on all but the last. Lists are written page by page, so that the
// server makes the next page only when the socket has drained the last one.

package import ReeveCore

/// Appends lines of the protocol to a byte buffer.
package enum ControlEncoder {
    // MARK: From the client

    /// One request.
    package static func request(_ request: ControlRequest, to buffer: inout [UInt8]) {
        buffer.beginObject()
        buffer.field("id", Int64(clamping: request.id.number))
        buffer.field("op", request.operation.word)
        switch request.operation {
        case .start(let name, let force), .restart(let name, let force),
            .runNow(let name, let force):
            buffer.field("name", name)
            if force { buffer.field("force", true) }
        case .register(let registration):
            buffer.field("name", registration.name.text)
            buffer.field("text", registration.text)
            if let file = registration.file { buffer.field("file", file) }
            if registration.isRestricted { buffer.field("restricted", true) }
        case .stop(let name), .reset(let name), .recover(let name), .pause(let name),
            .resume(let name), .unregister(let name):
            buffer.field("name", name)
        case .signal(let name, let signal):
            buffer.field("name", name)
            buffer.field("signal", signal.shortName)
        case .status(let name):
            if let name { buffer.field("name", name) }
        case .subscribe(let after, let follow):
            if let after { buffer.field("after", after.description) }
            buffer.field("follow", follow)
        case .logs(let name, let lines, let follow):
            buffer.field("name", name)
            if let lines { buffer.field("lines", lines) }
            buffer.field("follow", follow)
        case .runs(let name, let last):
            buffer.field("name", name)
            if let last { buffer.field("last", last) }
        case .next(let name, let count):
            if let name { buffer.field("name", name) }
            if let count { buffer.field("count", count) }
        case .metrics(let name):
            if let name { buffer.field("name", name) }
        case .failure(let name, let run):
            buffer.field("name", name)
            if let run { buffer.field("run", run) }
        case .cancel(let request):
            buffer.field("request", Int64(clamping: request.number))
        case .startAll, .stopAll, .reload, .overview, .configuration, .alerts, .usage,
            .ping:
            break
        }
        buffer.endObject()
        buffer.endLine()
    }

    // MARK: From the supervisor

    /// A refusal: `{"id":1,"ok":false,"error":{"code":"…","message":"…"},"more":false}`. The id is null
    /// where the request's could not be read. Always the last line of its answer.
    package static func failure(
        _ error: ControlError, id: RequestID?, to buffer: inout [UInt8]
    ) {
        buffer.beginAnswer(to: id, isOK: false)
        buffer.error(error.code, error.message)
        buffer.endAnswer(hasMore: false)
    }

    /// One page of the answer to an action, beginning with the outcome `start`; returns the index of the
    /// first outcome of the next page. The answer is complete when that is `reply.outcomes.count`, and
    /// even an empty reply has one page.
    /// `{"id":1,"ok":true,"results":[{"name":"web","result":"done","message":"…"}],"more":false}`; the
    /// first page has a `message` about the whole where there is one, and that of a registration `change`.
    package static func outcomes(
        of reply: Reply, from start: Int, id: RequestID, name: (SchedulerID) -> SchedulerName?,
        to buffer: inout [UInt8]
    ) -> Int {
        buffer.beginAnswer(to: id, isOK: reply.succeeded)
        if let error = ControlError(of: reply, name: name) {
            buffer.error(error.code, error.message)
        }
        if start == 0, reply.refusal == nil, let words = reply.words {
            buffer.field("message", words.shortened(toBytes: ControlLimits.messageBytesMax))
        }
        if start == 0, let change = reply.change { buffer.field("change", change.rawValue) }
        return buffer.page("results", from: start, count: reply.outcomes.count) { index, line in
            let outcome = reply.outcomes[index]
            let report = OutcomeReport(
                name: name(outcome.scheduler)?.text ?? "?", result: outcome.result,
                message: outcome.words, actions: outcome.actions)
            report.write(to: &line)
        }
    }

    /// The first line of the answer to `status` without a name; pages of schedulers follow.
    package static func statusHeader(
        _ overview: Overview, id: RequestID, to buffer: inout [UInt8]
    ) {
        buffer.beginAnswer(to: id, isOK: true)
        overview.writeHead(to: &buffer)
        overview.writeTail(to: &buffer)
        buffer.endAnswer(hasMore: true)
    }

    /// The answer to `overview`.
    package static func overview(
        _ overview: Overview, id: RequestID, to buffer: inout [UInt8]
    ) {
        buffer.beginAnswer(to: id, isOK: true)
        overview.writeHead(to: &buffer)
        overview.writeTail(to: &buffer)
        buffer.endAnswer(hasMore: false)
    }

    /// One page of schedulers, beginning with the scheduler `start` of `count`; returns the index of the
    /// first scheduler of the next page. The answer is complete when that is `count`, and even no
    /// schedulers make one page. For `status` with a name: `start` 0, `count` 1, after `settings`.
    package static func schedulers(
        from start: Int, count: Int, id: RequestID, status: (Int) -> SchedulerStatus?,
        to buffer: inout [UInt8]
    ) -> Int {
        schedulers(
            from: start, count: count, id: id, report: { status($0).map { SchedulerReport($0) } },
            to: &buffer)
    }

    static func schedulers(
        from start: Int, count: Int, id: RequestID, report: (Int) -> SchedulerReport?,
        to buffer: inout [UInt8]
    ) -> Int {
        buffer.beginAnswer(to: id, isOK: true)
        return buffer.page("schedulers", from: start, count: count) { index, line in
            report(index)?.write(to: &line)
        }
    }

    /// The first line of the answer to `status` with a name; the scheduler follows.
    package static func settings(
        of specification: SchedulerSpecification, id: RequestID, to buffer: inout [UInt8]
    ) {
        buffer.beginAnswer(to: id, isOK: true)
        buffer.beginObject("settings")
        SettingsReport(specification).writeMembers(to: &buffer)
        buffer.endObject()
        buffer.endAnswer(hasMore: true)
    }

    /// One page of metrics, as of `schedulers`; one that is nil is left out. `isLast`: nothing follows the
    /// last page.
    package static func metrics(
        from start: Int, count: Int, isLast: Bool = true, id: RequestID,
        metrics: (Int) -> SchedulerMetrics?, to buffer: inout [UInt8]
    ) -> Int {
        buffer.beginAnswer(to: id, isOK: true)
        return buffer.page("metrics", from: start, count: count, isLast: isLast) { index, line in
            if let found = metrics(index) { MetricsReport(found).write(to: &line) }
        }
    }

    /// One page of alerts, as of `schedulers`.
    package static func alerts(
        _ alerts: [Alert], from start: Int, isLast: Bool = true, id: RequestID,
        to buffer: inout [UInt8]
    ) -> Int {
        buffer.beginAnswer(to: id, isOK: true)
        return buffer.page("alerts", from: start, count: alerts.count, isLast: isLast) {
            index, line in
            AlertReport(alerts[index]).write(to: &line)
        }
    }

    /// What is kept of a failed run; the lines of its log follow, and `end`.
    package static func bundle(_ bundle: FailureBundle, id: RequestID, to buffer: inout [UInt8]) {
        buffer.beginAnswer(to: id, isOK: true)
        bundle.write("failure", to: &buffer)
        buffer.endAnswer(hasMore: true)
    }

    /// One event; more follow, or `end`.
    package static func event(
        _ record: Record, position: EventPosition, id: RequestID, to buffer: inout [UInt8]
    ) {
        buffer.beginAnswer(to: id, isOK: true)
        EventReport(record, position: position).write("event", to: &buffer)
        buffer.endAnswer(hasMore: true)
    }

    /// One entry of the ledger; more follow, or `end`.
    package static func entry(_ entry: LedgerEntry, id: RequestID, to buffer: inout [UInt8]) {
        buffer.beginAnswer(to: id, isOK: true)
        LedgerReport(entry).write("entry", to: &buffer)
        buffer.endAnswer(hasMore: true)
    }

    /// The coming occurrences of one scheduler; more follow, or `end`.
    package static func coming(
        _ coming: ComingOccurrences, id: RequestID, to buffer: inout [UInt8]
    ) {
        buffer.beginAnswer(to: id, isOK: true)
        ComingReport(coming).write("next", to: &buffer)
        buffer.endAnswer(hasMore: true)
    }

    /// One line of a scheduler's tail, without its newline; more follow, or `end`. A tail's line is
    /// `2026-11-25T17:38:34.123Z o text`: `o` is stdout, `e` stderr, in upper case where the line goes on
    /// in the next one; anything else is all text. What is no UTF-8 becomes U+FFFD; a line too long for
    /// the protocol is cut and has `"cut":true`.
    package static func logLine(
        _ tailLine: ArraySlice<UInt8>, id: RequestID, to buffer: inout [UInt8]
    ) {
        let line = TailLine(tailLine)
        buffer.beginAnswer(to: id, isOK: true)
        buffer.field("at", line.time)
        buffer.field("stream", line.stream?.rawValue)
        buffer.field("continues", line.continues)
        let isWhole = buffer.field(
            "line", bytes: line.text, bytesMax: ControlLimits.lineBytesMax - 512)
        buffer.field("cut", !isWhole)
        buffer.endAnswer(hasMore: true)
    }

    /// Something is missing here in a stream of events or log lines: how many, where that is known,
    /// and why, as a sentence without a full stop.
    package static func gap(
        missed: UInt64?, reason: String, id: RequestID, to buffer: inout [UInt8]
    ) {
        buffer.beginAnswer(to: id, isOK: true)
        GapReport(missed: missed, reason: reason).write("gap", to: &buffer)
        buffer.endAnswer(hasMore: true)
    }

    /// A piece of the configuration in force, which is a text in lines (`StandingText`); more follow, or
    /// `end`. At most `ControlLimits.partBytesMax` bytes, whole characters only.
    package static func part(_ text: String, id: RequestID, to buffer: inout [UInt8]) {
        buffer.beginAnswer(to: id, isOK: true)
        buffer.field("part", text)
        buffer.endAnswer(hasMore: true)
    }

    /// The last line of a stream.
    package static func end(id: RequestID, to buffer: inout [UInt8]) {
        buffer.beginAnswer(to: id, isOK: true)
        buffer.endAnswer(hasMore: false)
    }

    /// The answer to `usage`.
    package static func usage(_ usage: UsageReport, id: RequestID, to buffer: inout [UInt8]) {
        buffer.beginAnswer(to: id, isOK: true)
        usage.write(to: &buffer)
        buffer.endAnswer(hasMore: false)
    }

    /// The answer to `ping`.
    package static func pong(_ greeting: Greeting, id: RequestID, to buffer: inout [UInt8]) {
        buffer.beginAnswer(to: id, isOK: true)
        buffer.beginObject("supervisor")
        greeting.write(to: &buffer)
        buffer.endObject()
        buffer.endAnswer(hasMore: false)
    }
}

extension ControlError {
    /// What went wrong with an action as a whole; nil where nothing did.
    init?(of reply: Reply, name: (SchedulerID) -> SchedulerName?) {
        let failed = reply.outcomes.filter { $0.result == .failed }
        guard reply.refusal != nil || !failed.isEmpty else { return nil }
        let code = reply.refusal.map { Code(rawValue: $0.rawValue) } ?? .failed
        if let first = failed.first {
            let more = failed.count > 1 ? " (and \(failed.count - 1) more failed)" : ""
            let subject = name(first.scheduler)?.text ?? "?"
            self.init(code, "\(subject): \(first.words)\(more)")
        } else {
            self.init(code, reply.words ?? reply.refusal?.sentence ?? "the request failed")
        }
    }
}

extension Reply.Refusal {
    /// What the refusal means, for a reply that has no outcome with words of its own.
    fileprivate var sentence: String {
        switch self {
        case .shuttingDown: "reeve is shutting down and takes no more requests"
        case .survivors:
            "processes of an earlier run are still alive; --force starts it all the same"
        case .notRunning: "it is not running"
        case .notScheduled: "it has no schedule"
        case .configuration: "the configuration has errors, nothing has changed"
        case .conflict: "the name belongs to another scheduler"
        case .unknownScheduler: "nothing of this name is registered"
        case .notKept: "what is registered cannot be kept"
        case .tooManyRequests: "too many requests wait for an answer already; try again later"
        }
    }
}

// MARK: - The frame of an answer

extension [UInt8] {
    fileprivate mutating func beginAnswer(to id: RequestID?, isOK: Bool) {
        beginObject()
        field("id", id.map { Int64(clamping: $0.number) })
        field("ok", isOK)
    }

    fileprivate mutating func endAnswer(hasMore: Bool) {
        field("more", hasMore)
        endObject()
        endLine()
    }

    fileprivate mutating func error(_ code: ControlError.Code, _ message: String) {
        beginObject("error")
        field("code", code.rawValue)
        field("message", message.shortened(toBytes: ControlLimits.messageBytesMax))
        endObject()
    }

    /// Ends an answer with as many elements of a list as the line can hold, at least one; returns the
    /// index of the first that did not fit. No element is longer than half a line.
    fileprivate mutating func page(
        _ key: StaticString, from start: Int, count: Int, isLast: Bool = true,
        element: (Int, inout [UInt8]) -> Void
    ) -> Int {
        let lineStart = (lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
        // What ends the line: `],"more":false}` and the newline.
        let room = ControlLimits.lineBytesMax - 16
        beginArray(key)
        var next = start
        while next < count {
            let before = self.count
            element(next, &self)
            if self.count - lineStart > room, next > start {
                removeLast(self.count - before)
                break
            }
            next += 1
        }
        endArray()
        endAnswer(hasMore: next < count || !isLast)
        return next
    }
}
