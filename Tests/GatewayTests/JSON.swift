// SPDX-License-Identifier: Apache-2.0

import Foundation
import ReeveTestSupport

/// A value of JSON, to be looked at in any shape.
indirect enum JSON: Equatable, Sendable {
    case null
    case truth(Bool)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    init(_ bytes: [UInt8]) throws {
        self = try JSONDecoder().decode(JSON.self, from: Data(bytes))
    }

    init(_ text: String) throws {
        try self.init(Array(text.utf8))
    }

    subscript(_ key: String) -> JSON? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    subscript(_ index: Int) -> JSON? {
        if case .list(let elements) = self, elements.indices.contains(index) {
            elements[index]
        } else {
            nil
        }
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var number: Double? { if case .number(let number) = self { number } else { nil } }
    var list: [JSON]? { if case .list(let list) = self { list } else { nil } }
    var object: [String: JSON]? { if case .object(let object) = self { object } else { nil } }

    /// The word that JSON Schema has for its type.
    var typeName: String {
        switch self {
        case .null: "null"
        case .truth: "boolean"
        case .number(let number): number == number.rounded() ? "integer" : "number"
        case .text: "string"
        case .list: "array"
        case .object: "object"
        }
    }
}

extension JSON: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let truth = try? container.decode(Bool.self) {
            self = .truth(truth)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([JSON].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }
}

extension HTTPAnswer {
    var json: JSON { get throws { try JSON(body) } }
}

/// Holds values against the schemas of `/api/openapi.json`: what JSON Schema calls type, properties,
/// required, items, enum, anyOf and additionalProperties. An object whose schema names its members may have
/// no others, although the schema, for the sake of clients, does not say so.
struct SchemaCheck {
    let document: JSON

    /// What is wrong; empty where nothing is.
    func faults(of value: JSON, against schema: JSON, at place: String = "$") -> [String] {
        if let reference = schema["$ref"]?.text {
            let name = String(reference.split(separator: "/").last ?? "")
            guard let target = document["components"]?["schemas"]?[name] else {
                return ["\(place): there is no schema \(name)"]
            }
            return faults(of: value, against: target, at: place)
        }
        var found: [String] = []
        if let choices = schema["anyOf"]?.list {
            let fits = choices.contains { faults(of: value, against: $0, at: place).isEmpty }
            if !fits {
                found.append("\(place): none of the choices fits \(value)")
                found += choices.first.map { faults(of: value, against: $0, at: place) } ?? []
            }
        }
        found += typeFaults(of: value, schema, place)
        if let words = schema["enum"]?.list, !words.contains(value) {
            found.append("\(place): \(value) is none of \(words)")
        }
        if let number = value.number {
            if let least = schema["minimum"]?.number, number < least {
                found.append("\(place): \(number)")
            }
            if let most = schema["maximum"]?.number, number > most {
                found.append("\(place): \(number)")
            }
        }
        if schema["format"]?.text == "date-time", let text = value.text,
            text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/) == nil
        {
            found.append("\(place): \(text) is no time in UTC")
        }
        for (index, element) in (value.list ?? []).enumerated() {
            guard let items = schema["items"] else { continue }
            found += faults(of: element, against: items, at: "\(place)[\(index)]")
        }
        return found + memberFaults(of: value, schema, place)
    }

    private func typeFaults(of value: JSON, _ schema: JSON, _ place: String) -> [String] {
        guard let type = schema["type"] else { return [] }
        let allowed = type.text.map { [$0] } ?? (type.list ?? []).compactMap(\.text)
        let isFitting =
            allowed.contains(value.typeName)
            || (value.typeName == "integer" && allowed.contains("number"))
        return isFitting ? [] : ["\(place): is \(value.typeName), not \(allowed)"]
    }

    private func memberFaults(of value: JSON, _ schema: JSON, _ place: String) -> [String] {
        guard let members = value.object else { return [] }
        var found: [String] = []
        for name in (schema["required"]?.list ?? []).compactMap(\.text) where members[name] == nil {
            found.append("\(place): \(name) is missing")
        }
        guard let properties = schema["properties"]?.object else {
            if let each = schema["additionalProperties"] {
                for (name, member) in members {
                    found += faults(of: member, against: each, at: "\(place).\(name)")
                }
            }
            return found
        }
        for (name, member) in members {
            guard let own = properties[name] else {
                found.append("\(place): \(name) is in no schema")
                continue
            }
            found += faults(of: member, against: own, at: "\(place).\(name)")
        }
        return found
    }

    /// The same for an answer: its status and content type have to be described, too.
    func faults(of answer: HTTPAnswer, to method: String, _ path: String) throws -> [String] {
        let operation = document["paths"]?[path]?[method.lowercased()]
        guard let response = operation?["responses"]?["\(answer.status)"] else {
            return ["\(method) \(path): \(answer.status) is not described"]
        }
        let type = answer.fields["content-type"] ?? ""
        if response["content"] == nil {
            return answer.body.isEmpty ? [] : ["\(method) \(path): \(answer.status) has a body"]
        }
        guard let content = response["content"]?[type] else {
            return ["\(method) \(path): \(answer.status) as \(type) is not described"]
        }
        guard type.contains("json"), let schema = content["schema"] else { return [] }
        return try faults(
            of: answer.json, against: schema, at: "\(method) \(path) \(answer.status)")
    }
}
