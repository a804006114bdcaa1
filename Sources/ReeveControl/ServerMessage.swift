// SPDX-License-Identifier: Apache-2.0
//
// Reading what the supervisor sends. A client is newer or older than its supervisor after an upgrade:
// members it does not know are passed over, members it needs have to be there.

package import ReeveCore

/// One line from the supervisor.
package struct ServerMessage: Equatable, Sendable {
    /// What a line carries.
    package enum Body: Equatable, Sendable {
        /// A refusal, or an action that failed and has no outcomes.
        case failure(ControlError)
        /// A page of outcomes; the error where one of them, or the whole, failed.
        case outcomes([OutcomeReport], ControlError?)
        case overview(Overview)
        /// A page of schedulers.
        case schedulers([SchedulerReport])
        /// What was configured for the one scheduler that was asked about.
        case settings(SettingsReport)
        case event(EventReport)
        case line(OutputReport)
        /// An entry of the ledger.
        case entry(LedgerReport)
        case metrics([MetricsReport])
        case alerts([AlertReport])
        /// A failed run; the lines of its log follow.
        case bundle(FailureBundle)
        /// A piece of the configuration in force.
        case part(String)
        /// The coming occurrences of a scheduler.
        case coming(ComingReport)
        case gap(GapReport)
        case greeting(Greeting)
        case usage(UsageReport)
        /// The end of a stream.
        case end
    }

    /// The request it answers; nil where that could not be read, or nothing was asked.
    package var id: RequestID?
    /// More lines of this answer follow.
    package var hasMore: Bool
    package var body: Body
    /// A sentence about the whole of an action, beside its outcomes.
    package var summary: String?
    /// What a registration came to.
    package var change: Reply.Change?

    package init(
        id: RequestID?, hasMore: Bool, body: Body, summary: String? = nil,
        change: Reply.Change? = nil
    ) {
        self.id = id
        self.hasMore = hasMore
        self.body = body
        self.summary = summary
        self.change = change
    }
}

/// Why a line from the supervisor could not be understood; a sentence without a full stop.
package struct ServerMessageError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

extension ControlDecoder {
    /// Reads one line from the supervisor, without its newline.
    package static func message(
        _ line: some Collection<UInt8>
    ) throws(ServerMessageError) -> ServerMessage {
        do {
            let root = try JSONDocument(line, allowsNUL: true).root
            let id: RequestID? = try root.optional("id") { (id) throws(JSONFault) in
                RequestID(UInt64(clamping: try id.requireWholeNumber()))
            }
            let summary = root["message"] == nil ? nil : try root.text("message")
            let change = root["change"] == nil ? nil : try root.text("change")
            return ServerMessage(
                id: id, hasMore: try root.truth("more"), body: try body(root), summary: summary,
                change: change.flatMap { Reply.Change(rawValue: $0) })
        } catch {
            throw ServerMessageError(
                description: "the supervisor's answer cannot be understood: \(error.sentence)")
        }
    }

    private static func body(_ root: JSONValue) throws(JSONFault) -> ServerMessage.Body {
        let error: ControlError? =
            try root.truth("ok")
            ? nil
            : try root.object("error") { (error) throws(JSONFault) in
                ControlError(
                    ControlError.Code(rawValue: try error.text("code")), try error.text("message"))
            }
        if root["results"] != nil {
            return .outcomes(try root.list("results", OutcomeReport.init(reading:)), error)
        }
        if let error { return .failure(error) }
        if root["schedulers"] != nil {
            return .schedulers(try root.list("schedulers", SchedulerReport.init(reading:)))
        }
        if root["settings"] != nil {
            return .settings(try root.object("settings", SettingsReport.init(reading:)))
        }
        if root["event"] != nil { return .event(try root.object("event", EventReport.init)) }
        if root["line"] != nil { return .line(try OutputReport(reading: root)) }
        if root["entry"] != nil {
            return .entry(try root.object("entry", LedgerReport.init(reading:)))
        }
        if root["metrics"] != nil {
            return .metrics(try root.list("metrics", MetricsReport.init(reading:)))
        }
        if root["alerts"] != nil {
            return .alerts(try root.list("alerts", AlertReport.init(reading:)))
        }
        if root["failure"] != nil {
            return .bundle(try root.object("failure", FailureBundle.init(reading:)))
        }
        if root["part"] != nil { return .part(try root.text("part")) }
        if root["next"] != nil {
            return .coming(try root.object("next", ComingReport.init(reading:)))
        }
        if root["gap"] != nil { return .gap(try root.object("gap", GapReport.init(reading:))) }
        if root["summary"] != nil { return .overview(try Overview(reading: root)) }
        if root["supervisor"] != nil {
            return .greeting(try root.object("supervisor", Greeting.init(reading:)))
        }
        if root["usage"] != nil {
            return .usage(try root.object("usage", UsageReport.init(reading:)))
        }
        return .end
    }
}
