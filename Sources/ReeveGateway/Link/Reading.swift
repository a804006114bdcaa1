// SPDX-License-Identifier: Apache-2.0
//
// The answers of the supervisor, put together from their lines.

internal import NIOCore
internal import ReeveClient
internal import ReeveControl

extension SupervisorLink {
    /// Everything.
    func status() async throws -> StatusAnswer {
        var overview: Overview?
        var schedulers: [SchedulerReport] = []
        for message in try await read(.status(name: nil)) {
            if case .overview(let head) = message.body { overview = head }
            if case .schedulers(let page) = message.body { schedulers += page }
            try Self.refuse(message)
        }
        guard let overview else { throw Self.incomplete }
        return StatusAnswer(overview: overview, schedulers: schedulers)
    }

    /// One scheduler as the list shows it, without its settings, metrics and alerts.
    func scheduler(_ name: String) async throws -> SchedulerReport {
        var found: SchedulerReport?
        for message in try await read(.status(name: name)) {
            if case .schedulers(let page) = message.body { found = page.first ?? found }
            try Self.refuse(message)
        }
        guard let found else { throw Self.incomplete }
        return found
    }

    /// The metrics of all schedulers.
    func metrics() async throws -> [MetricsReport] {
        try await list(.metrics(name: nil)) { body in
            if case .metrics(let page) = body { page } else { nil }
        }
    }

    /// The alerts that are on, in the order in which they began.
    func alerts() async throws -> [AlertReport] {
        try await list(.alerts) { body in
            if case .alerts(let page) = body { page } else { nil }
        }
    }

    /// The last entries of a scheduler in the ledger, oldest first.
    func runs(of name: String, last count: Int) async throws -> [LedgerReport] {
        try await list(.runs(name: name, last: count)) { body in
            if case .entry(let entry) = body { [entry] } else { nil }
        }
    }

    /// The coming occurrences of one scheduler.
    func next(of name: String, count: Int) async throws -> ComingReport {
        let found = try await list(.next(name: name, count: count)) { body in
            if case .coming(let report) = body { [report] } else { nil }
        }
        guard let first = found.first else { throw Self.incomplete }
        return first
    }

    /// The last lines of a scheduler's output, and what is missing among them.
    func logs(
        of name: String, lines: Int
    ) async throws -> (lines: [OutputReport], gaps: [GapReport]) {
        var found: [OutputReport] = []
        var gaps: [GapReport] = []
        for message in try await read(.logs(name: name, lines: lines, follow: false)) {
            if case .line(let line) = message.body { found.append(line) }
            if case .gap(let gap) = message.body { gaps.append(gap) }
            try Self.refuse(message)
        }
        return (found, gaps)
    }

    private func list<Element: Sendable>(
        _ operation: ControlOperation, _ page: (ServerMessage.Body) -> [Element]?
    ) async throws -> [Element] {
        var found: [Element] = []
        for message in try await read(operation) {
            try Self.refuse(message)
            found += page(message.body) ?? []
        }
        return found
    }

    static func refuse(_ message: ServerMessage) throws {
        if case .failure(let error) = message.body { throw LinkFailure.refused(error) }
    }

    static let incomplete = LinkFailure.interrupted("the supervisor sent no whole answer")
}

extension SupervisorLink {
    /// The head of the status, without its schedulers.
    func overview() async throws -> Overview {
        for message in try await read(.overview) {
            try Self.refuse(message)
            if case .overview(let head) = message.body { return head }
        }
        throw Self.incomplete
    }

    /// What the supervisor itself takes.
    func usage() async throws -> UsageReport {
        for message in try await read(.usage) {
            try Self.refuse(message)
            if case .usage(let usage) = message.body { return usage }
        }
        throw Self.incomplete
    }
}
