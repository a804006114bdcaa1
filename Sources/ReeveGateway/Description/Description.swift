// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import ReeveControl

/// The body of `/api/openapi.json`, made from the table of endpoints.
enum Description {
    /// The whole document.
    static let bytes: [UInt8] = {
        // Texts, numbers and truths only, which JSON can always hold.
        (try? JSONBody.encode(document)) ?? Array("{}".utf8)
    }()

    private static var document: JSONNode {
        .object([
            "openapi": .text("3.1.0"),
            "info": .object([
                "title": .text("reeve"), "version": .text(Version.text),
                "summary": .text("Health and control of reeve's schedulers"),
                "license": .object([
                    "name": .text("Apache License 2.0"), "identifier": .text("Apache-2.0"),
                ]),
            ]),
            "servers": .array([.object(["url": .text("/")])]),
            "paths": .object(paths),
            "components": .object([
                "schemas": .object(Schemas.all.mapValues { .object($0.node) }),
                "securitySchemes": .object([
                    "token": .object([
                        "type": .text("http"), "scheme": .text("bearer"),
                        "description": .text(
                            "Only where the gateway has tokens. Reading takes the read token or the "
                                + "control token, acting the control token."),
                    ])
                ]),
            ]),
        ])
    }

    private static var paths: [String: JSONNode] {
        var paths: [String: [String: JSONNode]] = [:]
        for endpoint in Endpoint.all {
            paths[endpoint.path, default: [:]][endpoint.method.rawValue.lowercased()] =
                operation(endpoint)
        }
        return paths.mapValues { .object($0) }
    }

    private static func operation(_ endpoint: Endpoint) -> JSONNode {
        var parameters = endpoint.parameters.map(parameter)
        if endpoint.path.contains("{name}") {
            parameters.append(
                .object([
                    "name": .text("name"), "in": .text("path"), "required": .truth(true),
                    "schema": .object(["type": .text("string"), "minLength": .number(1)]),
                    "description": .text("A scheduler's name"),
                ]))
        }
        if endpoint.operation == .events {
            parameters.append(
                .object([
                    "name": .text("Last-Event-ID"), "in": .text("header"),
                    "schema": .object(["type": .text("string")]),
                    "description": .text("The id of the last event that was seen"),
                ]))
        }
        var operation: [String: JSONNode] = [
            "operationId": .text(endpoint.operation.rawValue), "summary": .text(endpoint.summary),
            "parameters": .array(parameters), "responses": .object(responses(endpoint)),
        ]
        switch endpoint.access {
        case .open: operation["security"] = .array([])
        case .read, .control, .register:
            // Without tokens none is needed; to register, 403 then says that nobody may.
            operation["security"] = .array([.object(["token": .array([])]), .object([:])])
        }
        if let body = endpoint.requestBody {
            operation["requestBody"] = .object([
                "required": .truth(true), "content": .object(content(.json(schema: body))),
            ])
        }
        return .object(operation)
    }

    private static func parameter(_ parameter: Endpoint.Parameter) -> JSONNode {
        let schema: [String: JSONNode] =
            switch parameter.kind {
            case .flag: ["type": .text("boolean")]
            case .number(let range, let standard):
                [
                    "type": .text("integer"), "minimum": .number(range.lowerBound),
                    "maximum": .number(range.upperBound), "default": .number(standard),
                ]
            case .text:
                ["type": .text("string"), "minLength": .number(1), "maxLength": .number(256)]
            }
        return .object([
            "name": .text(parameter.name), "in": .text("query"), "schema": .object(schema),
            "description": .text(parameter.summary),
        ])
    }

    private static func responses(_ endpoint: Endpoint) -> [String: JSONNode] {
        var responses: [String: JSONNode] = [:]
        for answer in endpoint.answers + Endpoint.Answer.common(endpoint.access) {
            let key = "\(answer.status)"
            guard responses[key] == nil else { continue }
            var content = content(answer.body)
            if endpoint.operation == .schedulerLogs, answer.status == 200 {
                content.merge(Self.content(.text(type: "text/event-stream"))) { own, _ in own }
            }
            // Beside its own body, 503 also says that the supervisor does not answer.
            if answer.status == 503, endpoint.access != .open {
                content.merge(Self.content(.problem)) { own, _ in own }
            }
            var response: [String: JSONNode] = ["description": .text(answer.summary)]
            if !content.isEmpty { response["content"] = .object(content) }
            responses[key] = .object(response)
        }
        return responses
    }

    private static func content(_ body: Endpoint.Body) -> [String: JSONNode] {
        switch body {
        case .json(let schema):
            ["application/json": .object(["schema": .object(Schema.reference(schema).node)])]
        case .problem:
            [
                "application/problem+json": .object([
                    "schema": .object(Schema.reference("Problem").node)
                ])
            ]
        case .text(let type):
            // OpenAPI 3.1 has no schema for the events of a stream.
            [
                type: .object(
                    type == "text/event-stream"
                        ? [:] : ["schema": .object(["type": .text("string")])])
            ]
        case .none: [:]
        }
    }
}

extension Endpoint.Answer {
    /// What every path may answer.
    fileprivate static func common(_ access: Endpoint.Access) -> [Endpoint.Answer] {
        let always: [Endpoint.Answer] = [
            .problem(
                400,
                "A parameter is unknown or out of its bounds, or the body is none that is taken here"
            ),
            .problem(401, "A token is needed"),
            .problem(
                403,
                "The token may not do this, nobody may, or the request comes from another site's page"
            ),
            .problem(408, "The body did not come in time"),
            .problem(413, "The body is too large"),
            .problem(421, "The gateway is not called by this name"),
        ]
        guard access != .open else { return always }
        return always + [
            .problem(500, "The gateway or the supervisor has a defect"),
            .problem(503, "The supervisor does not answer"),
            .problem(504, "The supervisor did not answer in time"),
        ]
    }
}
