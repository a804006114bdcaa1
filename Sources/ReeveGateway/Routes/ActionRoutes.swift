// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore

extension Gateway {
    /// Does something with one scheduler, and answers with how it is then.
    func act(_ operation: ControlOperation, _ name: String, _ query: Query) async throws -> Response
    {
        switch operation {
        case .stop, .restart, .recover:
            // The answer could not come, and after a stop no other either.
            if name == SchedulerName.gateway, link.isInherited {
                throw Problem.ownEnd(operation.word)
            }
        default: break
        }
        let answer: ActionAnswer
        var before: SchedulerReport?
        if case .stop = operation { before = try? await link.scheduler(name) }
        do {
            answer = try await link.act(operation, within: limit(query))
        } catch LinkFailure.timedOut {
            return outOfTime(operation)
        }
        if let error = answer.error { throw Problem(error) }
        if let waiting = answer.outcomes.first(where: { $0.result == .pending }) {
            return stillGoingOn("\(waiting.name): \(waiting.message)")
        }
        let report: SchedulerReport
        do {
            report = try await link.scheduler(name)
        } catch LinkFailure.refused(let error) where error.code == .unknownScheduler {
            // The last of one that is no longer configured was stopped, and with that it is gone.
            guard let before else { throw Problem(error) }
            report = before.gone
        }
        guard case .recover = operation else { return response(to: report, status: .ok) }
        let actions = answer.outcomes.first { $0.name == name }?.actions ?? []
        var body: [UInt8] = []
        report.write(recovered: actions, to: &body)
        return JSONBody.response(bytes: body)
    }

    /// Does something with all, and answers with what became of each that was touched.
    func actOnAll(_ operation: ControlOperation, _ query: Query) async throws -> Response {
        let answer: ActionAnswer
        do {
            answer = try await link.act(operation, within: limit(query))
        } catch LinkFailure.timedOut {
            return outOfTime(operation)
        }
        let results = answer.outcomes.map {
            SchedulersResultDocument.Result(
                name: $0.name, result: $0.result.rawValue, message: $0.message)
        }
        if let error = answer.error {
            var problem = Problem(error)
            problem.results = results
            throw problem
        }
        let overview = try await link.overview()
        return JSONBody.response(
            SchedulersResultDocument(
                status: overview.health.rawValue, summary: SummaryDocument(overview),
                results: results, timestamp: overview.at.rfc3339(fractionDigits: 0)))
    }

    func limit(_ query: Query) -> TimeAmount { .seconds(Int64(query.number("timeout"))) }

    func outOfTime(_ operation: ControlOperation) -> Response {
        stillGoingOn("\(operation.word) goes on; its end did not come within the time to wait")
    }

    private func stillGoingOn(_ message: String) -> Response {
        JSONBody.response(
            AcceptedDocument(status: "accepted", message: message), status: .accepted)
    }
}

/// The body of an answer that did not wait for the end.
struct AcceptedDocument: Codable, Equatable, Sendable {
    /// Always "accepted".
    var status: String
    var message: String
}

/// The body of `start-all` and `stop-all`.
struct SchedulersResultDocument: Codable, Equatable, Sendable {
    struct Result: Codable, Equatable, Sendable {
        var name: String
        /// "done", "unchanged", "pending" or "failed".
        var result: String
        var message: String
    }

    var status: String
    var summary: SummaryDocument
    /// Each scheduler that was touched.
    var results: [Result]
    var timestamp: String
}

extension SchedulerReport {
    /// As it would be shown if it still were.
    fileprivate var gone: SchedulerReport {
        var report = self
        report.status = .stopped
        report.lifecycle = .stopped
        report.reason = "no longer configured, and gone"
        (report.pid, report.runID, report.mainPID) = (nil, nil, nil)
        (report.runs, report.runCount) = ([], 0)
        (report.memoryUsage, report.memoryBytes, report.uptime) = (nil, nil, 0)
        return report
    }
}
