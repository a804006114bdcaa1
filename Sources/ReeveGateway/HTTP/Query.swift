// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import ReeveControl

/// The query of a request, every parameter of it known and within its bounds.
struct Query {
    private var values: [String: String] = [:]
    private let endpoint: Endpoint

    /// Throws a `Problem` for what is unknown, twice there, or not of its kind.
    init(_ request: Request, for endpoint: Endpoint) throws(Problem) {
        self.endpoint = endpoint
        for (key, value) in request.uri.queryParameters {
            let name = String(key)
            guard let parameter = endpoint.parameters.first(where: { $0.name == name }) else {
                throw Query.unknown(name, endpoint)
            }
            guard values[name] == nil else {
                throw .badRequest("invalid-parameter", "\"\(name)\" is there twice")
            }
            try Query.check(String(value), parameter)
            values[name] = String(value)
        }
    }

    private static func unknown(_ name: String, _ endpoint: Endpoint) -> Problem {
        let known = endpoint.parameters.map { "\"\($0.name)\"" }.joined(separator: ", ")
        let takes = known.isEmpty ? "no parameters are taken here" : "known are \(known)"
        return .badRequest(
            "unknown-parameter", "\"\(name.shortened(toBytes: 80))\" is no parameter; \(takes)")
    }

    private static func check(
        _ value: String, _ parameter: Endpoint.Parameter
    ) throws(Problem) {
        let shown = value.shortened(toBytes: 80)
        switch parameter.kind {
        case .flag:
            guard ["", "true", "false"].contains(value) else {
                throw .badRequest(
                    "invalid-parameter",
                    "\"\(parameter.name)\" is true or false, not \"\(shown)\"")
            }
        case .number(let range, default: _):
            guard let number = plainNumber(value), range.contains(number) else {
                throw .badRequest(
                    "invalid-parameter",
                    "\"\(parameter.name)\" is a whole number from \(range.lowerBound) to "
                        + "\(range.upperBound), not \"\(shown)\"")
            }
        case .text:
            guard !value.isEmpty, value.utf8.count <= 256 else {
                throw .badRequest(
                    "invalid-parameter", "\"\(parameter.name)\" has 1 to 256 bytes")
            }
        }
    }

    /// Digits only.
    private static func plainNumber(_ text: String) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            ? Int(text) : nil
    }

    /// `?follow` and `?follow=true` are true; nil where it is not there.
    func flag(_ name: String) -> Bool? {
        values[name].map { $0 != "false" }
    }

    /// The number, or the parameter's default; 0 for a parameter that the endpoint does not have.
    func number(_ name: String) -> Int {
        if let value = values[name], let number = Int(value) { return number }
        for parameter in endpoint.parameters where parameter.name == name {
            if case .number(_, let standard) = parameter.kind { return standard }
        }
        return 0
    }

    func text(_ name: String) -> String? { values[name] }
}
