// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// A value of a known key, understood.
enum SettingValue: Equatable, Sendable {
    case boolean(Bool)
    case duration(Duration)
    case bytes(Bytes)
    case integer(Int64)
    case number(Double)
    /// A choice, text, a path, an account, a scheduler's name.
    case text(String)
    /// The word that stands for no value: "none", "unlimited".
    case absent
    case mode(UInt32)
    case signal(Signal)
    case command([String])
    case variables([EnvironmentVariable])
    case exitCodes([Int32])
    case dependencies([DependencySetting])
    case readiness(Readiness.Rule)
    case healthCheck(HealthCheckSettings)
    case instant(WallTime)
    /// The elements of a list.
    case list([SettingValue])
    /// The fields of a table, by name.
    case table([String: SettingValue])
}

/// One element of `dependencies`.
struct DependencySetting: Equatable, Sendable {
    var name: String
    var span: SourceSpan?
    var condition = Dependency.Condition.healthy
    /// nil where it is not said.
    var conditionSpan: SourceSpan?
    var onFailure = Dependency.OnFailure.stop
}

/// One line of a table that was understood.
struct Setting: Sendable {
    let key: KnownKey
    let value: SettingValue
    /// As the file has it; explanations show it.
    let node: TomlNode
    /// nil for a preset's.
    let keySpan: SourceSpan?

    var line: Int { keySpan?.line ?? 0 }
    /// Where the value is, else the key.
    var span: SourceSpan? { node.span ?? keySpan }
}

extension TomlNode {
    /// What was found, for "this is …".
    var found: String {
        switch value {
        case .table: "a table"
        case .array(let elements): elements.isEmpty ? "an empty array" : "an array"
        case .string(let text): text.isEmpty ? "an empty text" : "the text \(quoted(text))"
        case .integer(let number): "the whole number \(number)"
        case .number(let number): "the number \(number)"
        case .boolean(let value): "the boolean \(value)"
        case .dateTime(let text): "the date or time \(printable(text))"
        }
    }

    /// The value on one line, as TOML.
    var toml: String {
        switch value {
        case .table(let entries):
            entries.isEmpty
                ? "{}"
                : "{ "
                    + entries.map { "\(tomlKey($0.key)) = \($0.node.toml)" }.joined(separator: ", ")
                    + " }"
        case .array(let elements): "[" + elements.map(\.toml).joined(separator: ", ") + "]"
        case .string(let text): tomlString(text)
        case .integer(let number): "\(number)"
        case .number(let number): "\(number)"
        case .boolean(let value): "\(value)"
        case .dateTime(let text): text
        }
    }
}
