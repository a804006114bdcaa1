// SPDX-License-Identifier: Apache-2.0
//
// What the gateway answers, as a table: the routes, the checks of queries, the refusals of other methods and
// the description in `/api/openapi.json` are all made from it, so that they cannot say different things.

internal import HTTPTypes
internal import ReeveCore

/// One path with one method.
struct Endpoint: Sendable {
    /// What it does; also the description's `operationId`.
    enum Operation: String, CaseIterable, Sendable {
        case schedulersHealth, schedulerHealth
        case startScheduler, stopScheduler, restartScheduler, recoverScheduler
        case runScheduler, pauseScheduler, resumeScheduler, resetScheduler
        case startAllSchedulers, stopAllSchedulers
        case registerScheduler, unregisterScheduler
        case schedulerLogs, schedulerRuns, schedulerNext
        case metrics, memoryHealth, diagnostics, alerts, events
        case healthz, readyz, prometheus, openapi
    }

    /// Who may.
    enum Access: Sendable {
        /// Everybody who gets through to the port.
        case open
        /// Whoever has the read or the control token, where there are tokens.
        case read
        /// Whoever has the control token, where there are tokens.
        case control
        /// Whoever has the control token, which there has to be, where registering is allowed.
        case register
    }

    /// A parameter of the query.
    struct Parameter: Sendable {
        enum Kind: Sendable {
            case flag
            case number(ClosedRange<Int>, default: Int)
            case text
        }
        let name: String
        let kind: Kind
        let summary: String
    }

    let operation: Operation
    let method: HTTPRequest.Method
    /// With `{name}` where a scheduler's name stands.
    let path: String
    let access: Access
    let summary: String
    let parameters: [Parameter]
    /// Status, the name of the schema (nil: a text), and when it comes.
    let answers: [Answer]
    /// The schema of the body that it takes; nil: none.
    var requestBody: String?

    /// One answer that may come.
    struct Answer: Sendable {
        let status: Int
        let body: Body
        let summary: String
    }

    /// What an answer holds.
    enum Body: Sendable {
        case json(schema: String)
        case problem
        case text(type: String)
        /// Nothing.
        case none
    }
}

// MARK: - The table

extension Endpoint {
    /// All of them.
    static let all: [Endpoint] = reading + acting + registering + watching

    private static let reading: [Endpoint] = [
        .get(
            .schedulersHealth, "/api/scheduler/health", "The health of the whole, and of each",
            [
                .json(200, "SchedulersHealth", "Healthy, degraded, starting, stopping or stopped"),
                .json(503, "SchedulersHealth", "Unhealthy"),
            ]),
        .get(
            .schedulerHealth, "/api/scheduler/{name}/health", "The health of one scheduler",
            [
                .json(200, "Scheduler", "Healthy, degraded, starting, stopping or stopped"),
                .json(503, "Scheduler", "Unhealthy"), .unknownName,
            ]),
        .get(
            .schedulerLogs, "/api/scheduler/{name}/logs",
            "The last lines of its output, or with follow=true a stream of them",
            [
                .json(
                    200, "Logs", "The lines; with follow=true events of the type text/event-stream"),
                .unknownName,
            ],
            [
                .lines, Parameter(name: "follow", kind: .flag, summary: "Go on with each new line"),
            ]),
        .get(
            .schedulerRuns, "/api/scheduler/{name}/runs", "Its last records in the ledger",
            [.json(200, "Runs", "The records, oldest first"), .unknownName],
            [
                Parameter(
                    name: "last", kind: .number(1...GatewayLimits.runsMax, default: 20),
                    summary: "How many")
            ]),
        .get(
            .schedulerNext, "/api/scheduler/{name}/next", "Its coming occurrences",
            [
                .json(200, "Coming", "The occurrences"), .unknownName,
                .problem(409, "It has no schedule"),
            ],
            [
                Parameter(
                    name: "count", kind: .number(1...GatewayLimits.occurrencesMax, default: 5),
                    summary: "How many")
            ]),
        .get(
            .metrics, "/api/metrics", "What the schedulers do, and what reeve itself takes",
            [.json(200, "Metrics", "The figures")]),
        .get(
            .memoryHealth, "/api/memory/health", "Memory of all schedulers, and of reeve itself",
            [
                .json(200, "MemoryHealth", "No threshold is exceeded"),
                .json(503, "MemoryHealth", "At least one scheduler is above its threshold"),
            ]),
        .get(
            .diagnostics, "/api/diagnostics",
            "What an operator looks at first when something is wrong",
            [.json(200, "Diagnostics", "The whole")]),
        .get(
            .alerts, "/api/alerts", "The alerts that are on",
            [.json(200, "Alerts", "In the order in which they began")]),
    ]

    private static let acting: [Endpoint] = [
        .act(.startScheduler, "start", "Starts it and waits until it is up", canForce: true),
        .act(.stopScheduler, "stop", "Stops it and waits until nothing of it is left"),
        .act(.restartScheduler, "restart", "Stops and starts it", canForce: true),
        .act(
            .recoverScheduler, "recover", "Recovers it, and tells each action that was taken",
            schema: "RecoveredScheduler"),
        .act(.runScheduler, "run-now", "Executes a scheduled one now", canForce: true),
        .act(.pauseScheduler, "pause", "Holds its schedule"),
        .act(.resumeScheduler, "resume", "Goes on with its schedule"),
        .act(.resetScheduler, "reset", "Forgets its failures and restarts"),
        .actOnAll(.startAllSchedulers, "start-all", "Starts all that are enabled, in their phases"),
        .actOnAll(.stopAllSchedulers, "stop-all", "Stops all, in reverse order"),
    ]

    private static let registering: [Endpoint] = [
        Endpoint(
            operation: .registerScheduler, method: .post, path: "/api/scheduler", access: .register,
            summary: "Registers a scheduler, or gives one that was registered other settings",
            parameters: [.timeout],
            answers: [
                .json(201, "Scheduler", "It is new; the header Location says where its health is"),
                .json(200, "Scheduler", "It was registered before, and is so now"), .stillGoingOn,
                .problem(409, "reeve shuts down, or the name is in the configuration's file"),
                .problem(422, "It is not right, alone or with the other schedulers"),
                .problem(500, "It cannot be kept"),
            ], requestBody: "SchedulerConfiguration"),
        Endpoint(
            operation: .unregisterScheduler, method: .delete, path: "/api/scheduler/{name}",
            access: .register, summary: "Stops a scheduler that was registered, and removes it",
            parameters: [.timeout],
            answers: [
                .init(status: 204, body: .none, summary: "It is gone"), .stillGoingOn, .unknownName,
                .problem(
                    409,
                    "reeve shuts down, others depend on it, or it is in the configuration's file"),
                .problem(500, "It could not be removed, or something of it cannot be ended"),
            ]),
    ]

    private static let watching: [Endpoint] = [
        .get(
            .events, "/api/events", "What happens, as server-sent events",
            [.text(200, "text/event-stream", "Events, until the client leaves")],
            [
                Parameter(
                    name: "after", kind: .text,
                    summary: "Go on after this event; the header Last-Event-ID goes before it"),
                Parameter(
                    name: "follow", kind: .flag,
                    summary: "false: end after what has happened so far"),
            ]),
        .get(
            .healthz, "/healthz", "Whether all is well, in a word; with verbose all checks",
            [
                .json(200, "Healthz", "Healthy, degraded, starting, stopping or stopped"),
                .json(503, "Healthz", "Unhealthy, or the supervisor does not answer"),
            ],
            [Parameter(name: "verbose", kind: .flag, summary: "Tell each check")],
            access: .open),
        .get(
            .readyz, "/readyz", "Whether the start is over",
            [
                .json(200, "Readyz", "It is"),
                .json(503, "Readyz", "It is not, or reeve shuts down, or does not answer"),
            ], access: .open),
        .get(
            .prometheus, "/metrics", "The figures for Prometheus",
            [.text(200, "text/plain; version=0.0.4; charset=utf-8", "The figures")]),
        .get(
            .openapi, "/api/openapi.json", "This description",
            [.json(200, "Description", "OpenAPI 3.1")], access: .open),
    ]

    private static func get(
        _ operation: Operation, _ path: String, _ summary: String, _ answers: [Answer],
        _ parameters: [Parameter] = [], access: Access = .read
    ) -> Endpoint {
        Endpoint(
            operation: operation, method: .get, path: path, access: access, summary: summary,
            parameters: parameters, answers: answers)
    }

    private static func act(
        _ operation: Operation, _ verb: String, _ summary: String, canForce: Bool = false,
        schema: String = "Scheduler"
    ) -> Endpoint {
        Endpoint(
            operation: operation, method: .post, path: "/api/scheduler/{name}/\(verb)",
            access: .control, summary: summary,
            parameters: canForce ? [.timeout, .force] : [.timeout],
            answers: [
                .json(200, schema, "It is so"), .stillGoingOn, .unknownName,
                .problem(
                    409,
                    "reeve shuts down, processes of an earlier run are alive, the scheduler has no "
                        + "schedule, or a gateway that reeve runs is to end itself"),
                .problem(500, "It did not succeed"),
            ])
    }

    private static func actOnAll(
        _ operation: Operation, _ verb: String, _ summary: String
    ) -> Endpoint {
        Endpoint(
            operation: operation, method: .post, path: "/api/scheduler/\(verb)", access: .control,
            summary: summary, parameters: [.timeout],
            answers: [
                .json(200, "SchedulersResult", "It is so"), .stillGoingOn,
                .problem(409, "reeve shuts down"),
                .problem(500, "At least one did not succeed"),
            ])
    }

    /// The methods that a path takes; empty where there is no such path.
    static func methods(at path: String) -> [HTTPRequest.Method] {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return all.filter { endpoint in
            let own = endpoint.path.split(separator: "/", omittingEmptySubsequences: false)
            return own.count == parts.count
                && zip(own, parts).allSatisfy { $0 == "{name}" ? isName($1) : $0 == $1 }
        }.map(\.method)
    }

    private static func isName(_ part: Substring) -> Bool {
        !part.isEmpty && !SchedulerName.reserved.contains(String(part))
    }
}

extension Endpoint.Parameter {
    static let timeout = Endpoint.Parameter(
        name: "timeout",
        kind: .number(1...GatewayLimits.actionSecondsMax, default: GatewayLimits.actionSeconds),
        summary: "Seconds to wait until it is so; then 202 is answered, and it goes on")
    static let force = Endpoint.Parameter(
        name: "force", kind: .flag, summary: "Although processes of an earlier run are alive")
    static let lines = Endpoint.Parameter(
        name: "lines", kind: .number(0...GatewayLimits.logLinesMax, default: 100),
        summary: "How many of the last lines")
}

extension Endpoint.Answer {
    static func json(_ status: Int, _ schema: String, _ summary: String) -> Self {
        Self(status: status, body: .json(schema: schema), summary: summary)
    }

    static func problem(_ status: Int, _ summary: String) -> Self {
        Self(status: status, body: .problem, summary: summary)
    }

    static func text(_ status: Int, _ type: String, _ summary: String) -> Self {
        Self(status: status, body: .text(type: type), summary: summary)
    }

    static let unknownName = problem(404, "No scheduler has this name, or nothing of this is kept")
    static let stillGoingOn = json(202, "Accepted", "It is not so yet, and goes on")
}
