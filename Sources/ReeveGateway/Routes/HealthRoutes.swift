// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore

extension Gateway {
    /// The body of `reeve status --json`.
    func schedulersHealth() async throws -> Response {
        let answer = try await link.status()
        var body: [UInt8] = []
        StatusDocument.write(answer.overview, schedulers: answer.schedulers, to: &body)
        return JSONBody.response(bytes: body, status: answer.overview.health.httpStatus)
    }

    /// One element of it.
    func schedulerHealth(_ name: String) async throws -> Response {
        let report = try await link.scheduler(name)
        return response(to: report, status: report.status.httpStatus)
    }

    func response(to report: SchedulerReport, status: HTTPResponse.Status) -> Response {
        var body: [UInt8] = []
        report.write(to: &body)
        body.append(UInt8(ascii: "\n"))
        return JSONBody.response(bytes: body, status: status)
    }

    // MARK: Probes

    /// The enhanced health check. That the supervisor does not answer is an answer of its own.
    func healthz(isVerbose: Bool) async -> Response {
        let overview: Overview
        do {
            overview = try await link.overview()
        } catch {
            let words = (error as? LinkFailure)?.words ?? "the supervisor did not answer"
            return health(.unhealthy, supervisor: .init(.unhealthy, words), nil, isVerbose)
        }
        let supervisor = HealthzDocument.Check(
            overview.isShuttingDown ? .stopping : .healthy,
            overview.isShuttingDown ? "reeve is shutting down" : "reeve answers")
        return health(overview.health, supervisor: supervisor, overview, isVerbose)
    }

    private func health(
        _ health: Health, supervisor: HealthzDocument.Check, _ overview: Overview?,
        _ isVerbose: Bool
    ) -> Response {
        var document = HealthzDocument(status: health.rawValue, checks: nil)
        if isVerbose {
            document.checks = .init(
                supervisor: supervisor, schedulers: overview.map { .init($0) })
        }
        return JSONBody.response(document, status: health.httpStatus)
    }

    /// Whether the start is over.
    func readyz() async -> Response {
        let document: ReadyzDocument
        do {
            let overview = try await link.overview()
            document =
                if overview.isShuttingDown {
                    ReadyzDocument(ready: false, reason: "reeve is shutting down")
                } else if let phase = overview.phase {
                    ReadyzDocument(ready: false, reason: "start-up is in phase \(phase)")
                } else {
                    ReadyzDocument(ready: true, reason: "start-up is over")
                }
        } catch {
            let words = (error as? LinkFailure)?.words ?? "the supervisor did not answer"
            document = ReadyzDocument(ready: false, reason: words)
        }
        return JSONBody.response(document, status: document.ready ? .ok : .serviceUnavailable)
    }
}

extension Health {
    /// 503 for unhealthy, else 200.
    var httpStatus: HTTPResponse.Status {
        switch self {
        case .unhealthy: .serviceUnavailable
        case .healthy, .degraded, .stopped, .starting, .stopping: .ok
        }
    }
}

/// The body of `/healthz`; `checks` only with `verbose`.
struct HealthzDocument: Codable, Equatable, Sendable {
    /// One thing that was looked at.
    struct Check: Codable, Equatable, Sendable {
        var status: String
        var message: String

        init(_ health: Health, _ message: String) {
            status = health.rawValue
            self.message = message
        }
    }

    /// The schedulers, as the head of their health shows them.
    struct Schedulers: Codable, Equatable, Sendable {
        var status: String
        var summary: SummaryDocument

        init(_ overview: Overview) {
            status = overview.health.rawValue
            summary = SummaryDocument(overview)
        }
    }

    struct Checks: Codable, Equatable, Sendable {
        var supervisor: Check
        /// null where the supervisor does not answer.
        @Nullable package var schedulers: Schedulers?
    }

    var status: String
    var checks: Checks?
}

/// The body of `/readyz`.
struct ReadyzDocument: Codable, Equatable, Sendable {
    var ready: Bool
    var reason: String
}

/// Schedulers by health; the seven add up.
struct SummaryDocument: Codable, Equatable, Sendable {
    var totalSchedulers: Int
    var healthySchedulers: Int
    var degradedSchedulers: Int
    var unhealthySchedulers: Int
    var stoppedSchedulers: Int
    var startingSchedulers: Int
    var stoppingSchedulers: Int

    init(_ overview: Overview) {
        totalSchedulers = overview.total
        healthySchedulers = overview.healthy
        degradedSchedulers = overview.degraded
        unhealthySchedulers = overview.unhealthy
        stoppedSchedulers = overview.stopped
        startingSchedulers = overview.starting
        stoppingSchedulers = overview.stopping
    }
}
