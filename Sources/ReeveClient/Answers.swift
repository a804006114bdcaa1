// SPDX-License-Identifier: Apache-2.0
//
// How the lines of an answer come together, for every client, however it gets them.

package import ReeveControl
package import ReeveCore

/// What a status answer says.
package struct StatusAnswer: Equatable, Sendable {
    package var overview: Overview
    package var schedulers: [SchedulerReport]

    package init(overview: Overview, schedulers: [SchedulerReport]) {
        self.overview = overview
        self.schedulers = schedulers
    }
}

/// How one request of several ended.
package struct ActionAnswer: Equatable, Sendable {
    package var outcomes: [OutcomeReport]
    /// nil where all went well.
    package var error: ControlError?
    /// A sentence about the whole.
    package var summary: String?
    /// What a registration came to.
    package var change: Reply.Change?

    package init(outcomes: [OutcomeReport] = [], error: ControlError? = nil) {
        self.outcomes = outcomes
        self.error = error
    }

    /// Takes in one line of the answer.
    package mutating func add(_ message: ServerMessage) {
        if case .outcomes(let page, let failure) = message.body {
            outcomes += page
            error = failure ?? error
        }
        if case .failure(let failure) = message.body { error = failure }
        summary = message.summary ?? summary
        change = message.change ?? change
    }
}

extension Sequence<ServerMessage.Body> {
    /// The head of a status; nil where there is none.
    package var overview: Overview? {
        for case .overview(let overview) in self { return overview }
        return nil
    }

    /// Everything; nil without a head.
    package var status: StatusAnswer? {
        overview.map { StatusAnswer(overview: $0, schedulers: schedulers) }
    }

    /// All pages of schedulers.
    package var schedulers: [SchedulerReport] {
        list { if case .schedulers(let page) = $0 { page } else { nil } }
    }

    /// One scheduler with its settings, metrics and alerts, as far as they came; nil where it did not.
    package var scheduler: SchedulerReport? {
        guard var found = schedulers.first else { return nil }
        for case .settings(let settings) in self { found.settings = settings }
        found.metrics = metrics.first
        found.alerts = alerts
        return found
    }

    /// All pages of metrics.
    package var metrics: [MetricsReport] {
        list { if case .metrics(let page) = $0 { page } else { nil } }
    }

    /// All pages of alerts.
    package var alerts: [AlertReport] {
        list { if case .alerts(let page) = $0 { page } else { nil } }
    }

    /// All entries of a ledger.
    package var entries: [LedgerReport] {
        list { if case .entry(let entry) = $0 { [entry] } else { nil } }
    }

    /// The coming occurrences of each scheduler.
    package var coming: [ComingReport] {
        list { if case .coming(let report) = $0 { [report] } else { nil } }
    }

    /// All lines of output.
    package var lines: [OutputReport] {
        list { if case .line(let line) = $0 { [line] } else { nil } }
    }

    /// What is missing.
    package var gaps: [GapReport] {
        list { if case .gap(let gap) = $0 { [gap] } else { nil } }
    }

    /// Who answers; nil where nobody says so.
    package var greeting: Greeting? {
        for case .greeting(let greeting) in self { return greeting }
        return nil
    }

    /// What the supervisor itself takes; nil where it does not say.
    package var usage: UsageReport? {
        for case .usage(let usage) in self { return usage }
        return nil
    }

    /// What is kept of a failed run; nil where nothing is.
    package var bundle: FailureBundle? {
        for case .bundle(let bundle) in self { return bundle }
        return nil
    }

    private func list<Element>(_ page: (ServerMessage.Body) -> [Element]?) -> [Element] {
        var found: [Element] = []
        for body in self { found += page(body) ?? [] }
        return found
    }
}
