// SPDX-License-Identifier: Apache-2.0
//
// The answers of the supervisor, put together from their lines.

internal import NIOCore
internal import ReeveClient
internal import ReeveControl

extension SupervisorLink {
    /// Everything.
    func status() async throws -> StatusAnswer {
        try await Self.whole(answer(to: .status(name: nil)).status)
    }

    /// One scheduler as the list shows it, without its settings, metrics and alerts.
    func scheduler(_ name: String) async throws -> SchedulerReport {
        try await Self.whole(answer(to: .status(name: name)).schedulers.first)
    }

    /// The metrics of all schedulers.
    func metrics() async throws -> [MetricsReport] {
        try await answer(to: .metrics(name: nil)).metrics
    }

    /// The alerts that are on, in the order in which they began.
    func alerts() async throws -> [AlertReport] {
        try await answer(to: .alerts).alerts
    }

    /// The last entries of a scheduler in the ledger, oldest first.
    func runs(of name: String, last count: Int) async throws -> [LedgerReport] {
        try await answer(to: .runs(name: name, last: count)).entries
    }

    /// The coming occurrences of one scheduler.
    func next(of name: String, count: Int) async throws -> ComingReport {
        try await Self.whole(answer(to: .next(name: name, count: count)).coming.first)
    }

    /// The last lines of a scheduler's output, and what is missing among them.
    func logs(
        of name: String, lines: Int
    ) async throws -> (lines: [OutputReport], gaps: [GapReport]) {
        let answer = try await answer(to: .logs(name: name, lines: lines, follow: false))
        return (answer.lines, answer.gaps)
    }

    /// The head of the status, without its schedulers.
    func overview() async throws -> Overview {
        try await Self.whole(answer(to: .overview).overview)
    }

    /// What the supervisor itself takes.
    func usage() async throws -> UsageReport {
        try await Self.whole(answer(to: .usage).usage)
    }

    /// What all lines of an answer carry. Throws where one is a refusal.
    private func answer(to operation: ControlOperation) async throws -> [ServerMessage.Body] {
        let bodies = try await read(operation).map(\.body)
        for case .failure(let error) in bodies { throw LinkFailure.refused(error) }
        return bodies
    }

    private static func whole<Answer>(_ answer: Answer?) throws -> Answer {
        guard let answer else {
            throw LinkFailure.interrupted("the supervisor sent no whole answer")
        }
        return answer
    }
}
