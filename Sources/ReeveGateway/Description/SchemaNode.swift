// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl

/// A value of JSON, for the description.
indirect enum JSONNode: Encodable, Sendable {
    case object([String: JSONNode])
    case array([JSONNode])
    case text(String)
    case number(Int)
    case truth(Bool)

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .object(let members): try container.encode(members)
        case .array(let elements): try container.encode(elements)
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        case .truth(let isTrue): try container.encode(isTrue)
        }
    }
}

/// A schema as JSON Schema 2020-12 writes it, which is what OpenAPI 3.1 takes.
struct Schema: Sendable {
    let node: [String: JSONNode]

    private init(_ node: [String: JSONNode]) {
        self.node = node
    }

    /// Whatever it is.
    static let any = Schema([:])
    static let string = Schema(["type": .text("string")])
    static let integer = Schema(["type": .text("integer")])
    static let count = Schema(["type": .text("integer"), "minimum": .number(0)])
    static let number = Schema(["type": .text("number")])
    static let boolean = Schema(["type": .text("boolean")])
    /// RFC 3339 in UTC, with `Z`.
    static let time = Schema(["type": .text("string"), "format": .text("date-time")])
    /// 0 to 1.
    static let rate = Schema([
        "type": .text("number"), "minimum": .number(0), "maximum": .number(1),
    ])

    static func reference(_ name: String) -> Schema {
        Schema(["$ref": .text("#/components/schemas/\(name)")])
    }

    static func list(_ element: Schema) -> Schema {
        Schema(["type": .text("array"), "items": .object(element.node)])
    }

    static func oneOf(_ words: [String]) -> Schema {
        Schema(["type": .text("string"), "enum": .array(words.map { .text($0) })])
    }

    /// An object with any names, each with such a value.
    static func map(_ value: Schema) -> Schema {
        Schema(["type": .text("object"), "additionalProperties": .object(value.node)])
    }

    /// An object that always has all of these members.
    static func object(_ members: KeyValuePairs<String, Schema>) -> Schema {
        object(members, optional: [:])
    }

    /// An object that always has the first ones, and sometimes the others.
    static func object(
        _ members: KeyValuePairs<String, Schema>, optional: KeyValuePairs<String, Schema>
    ) -> Schema {
        object(members.map { ($0.key, $0.value) }, optional: optional.map { ($0.key, $0.value) })
    }

    /// The same of lists.
    static func object(_ members: [(String, Schema)], optional: [(String, Schema)]) -> Schema {
        var properties: [String: JSONNode] = [:]
        for (name, schema) in members + optional { properties[name] = .object(schema.node) }
        return Schema([
            "type": .text("object"), "properties": .object(properties),
            "required": .array(members.map { .text($0.0) }),
        ])
    }

    /// What a member of a request holds.
    init(_ type: SchedulerConfiguration.MemberType) {
        self =
            switch type {
            case .text: .string
            case .truth: .boolean
            case .wholeNumber: .integer
            case .number: .number
            case .texts: .list(.string)
            case .wholeNumbers: .list(.integer)
            case .variables: .map(.string)
            case .command:
                Schema([
                    "anyOf": .array([
                        .object(Schema.string.node), .object(Schema.list(.string).node),
                    ])
                ]).about("A text for /bin/sh, or the program and its arguments")
            }
    }

    /// An object without any other members.
    var closed: Schema {
        var changed = node
        changed["additionalProperties"] = .truth(false)
        return Schema(changed)
    }

    /// An object that always has all members of both.
    static func object(
        _ members: KeyValuePairs<String, Schema>, and further: KeyValuePairs<String, Schema>
    ) -> Schema {
        var properties: [String: JSONNode] = [:]
        for (name, schema) in members { properties[name] = .object(schema.node) }
        for (name, schema) in further { properties[name] = .object(schema.node) }
        return Schema([
            "type": .text("object"), "properties": .object(properties),
            "required": .array((members.map(\.key) + further.map(\.key)).map { .text($0) }),
        ])
    }

    /// The same or null.
    var orNull: Schema {
        guard case .text(let type)? = node["type"] else {
            return Schema(["anyOf": .array([.object(node), .object(["type": .text("null")])])])
        }
        var changed = node
        changed["type"] = .array([.text(type), .text("null")])
        if case .array(let words)? = node["enum"] {
            // null is a value that `enum` would exclude.
            changed["enum"] = nil
            changed["anyOf"] = .array([
                .object(["enum": .array(words)]), .object(["type": .text("null")]),
            ])
        }
        return Schema(changed)
    }

    /// The same with a sentence for the reader.
    func about(_ words: String) -> Schema {
        var changed = node
        changed["description"] = .text(words)
        return Schema(changed)
    }
}
