// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

// MARK: - Values with parts

extension ValueReader {
    /// Program and arguments, never empty; text becomes a shell's.
    func command(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> [String]? {
        switch node.value {
        case .string(let line):
            guard text(node, shape, isEmptyAllowed: true, &findings) != nil else { return nil }
            if line.utf8.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) {
                refuse(
                    node, "is empty: there is nothing to execute", &findings,
                    help: writeExample(of: shape))
                return nil
            }
            return ["/bin/sh", "-c", line]
        case .array(let elements):
            guard !elements.isEmpty else {
                refuse(
                    node, "is empty: there is nothing to execute", &findings,
                    help: writeExample(of: shape))
                return nil
            }
            return words(elements, &findings)
        case .table, .integer, .number, .boolean, .dateTime:
            mismatch(node, shape, &findings)
            return nil
        }
    }

    private func words(_ elements: [TomlNode], _ findings: inout Findings) -> [String]? {
        var words: [String] = []
        for (index, element) in elements.enumerated() {
            guard case .string(let word) = element.value else {
                findings.error(
                    "each word of \(code(key)) is text, but this is \(element.found)",
                    at: element.span, help: "put it in quotes: \(quotedWord(element))")
                continue
            }
            if index == 0, word.isEmpty {
                findings.error(
                    "the first word of \(code(key)) is the program, and this is empty",
                    at: element.span, help: writeExample(of: .command))
                continue
            }
            guard text(element, .text, isEmptyAllowed: true, &findings) != nil else { continue }
            words.append(word)
        }
        guard words.count == elements.count else { return nil }
        if words.count == 1, words[0].contains(" ") {
            findings.warning(
                "\(code(key)) has one word, so the program's name has blanks in it: "
                    + "\(quoted(words[0]))",
                at: elements[0].span,
                help: "put each word in quotes of its own, or leave out the brackets for a shell")
        }
        return words
    }

    private func quotedWord(_ node: TomlNode) -> String {
        switch node.value {
        case .integer, .number, .boolean, .dateTime: tomlString(node.toml)
        case .table, .array, .string: "\"word\""
        }
    }

    func variables(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        guard case .table(let entries) = node.value else {
            mismatch(node, shape, &findings)
            return nil
        }
        var variables: [EnvironmentVariable] = []
        for entry in entries where isVariable(entry, &findings) {
            guard case .string(let value) = entry.node.value else {
                findings.error(
                    "a variable is text, but this is \(entry.node.found)", at: entry.node.span,
                    help: "put it in quotes: `\(printable(tomlKey(entry.key))) = "
                        + "\(quotedWord(entry.node))`")
                continue
            }
            let reader = ValueReader(key: entry.key)
            guard reader.text(entry.node, .text, isEmptyAllowed: true, &findings) != nil
            else { continue }
            variables.append(EnvironmentVariable(name: entry.key, value: value))
        }
        return variables.count == entries.count ? .variables(variables) : nil
    }

    /// Paths by name. What is no path may be the secret itself: it is not repeated.
    func secrets(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        guard case .table(let entries) = node.value else {
            findings.error(
                secret: "\(code(key)) is a table of names and files, and this is none",
                at: node.span.map(beforeValue), help: writeExample(of: shape))
            return nil
        }
        var paths: [EnvironmentVariable] = []
        for entry in entries where isVariable(entry, &findings) {
            guard case .string(let path) = entry.node.value, !path.utf8.contains(0) else {
                findings.error(
                    secret: "the secret \(code(entry.key)) names a file, and this is no path",
                    at: entry.keySpan, help: ValueReader.secretHelp(entry.key))
                continue
            }
            paths.append(EnvironmentVariable(name: entry.key, value: path))
        }
        return paths.count == entries.count ? .variables(paths) : nil
    }

    /// The line of a value from its begin, where the key is.
    private func beforeValue(_ span: SourceSpan) -> SourceSpan {
        let length = min(key.unicodeScalars.count, span.column - 1)
        return SourceSpan(
            line: span.line, column: 1, length: max(1, length), source: span.source)
    }

    static func secretHelp(_ name: String) -> String {
        "secrets are read from files, their values do not belong here: "
            + "`\(printable(tomlKey(name))) = \"/run/secrets/NAME\"`"
    }

    /// Whether a variable may have this name; reports where not.
    private func isVariable(_ entry: TomlEntry, _ findings: inout Findings) -> Bool {
        if entry.key.isEmpty || entry.key.contains("=") || entry.key.utf8.contains(0) {
            findings.error(
                "\(quoted(entry.key)) is no name of a variable: it is empty, or holds = or NUL",
                at: entry.keySpan)
            return false
        }
        if ValueReader.ownVariables.contains(entry.key) {
            findings.error(
                "\(code(entry.key)) is set by reeve itself, for each run", at: entry.keySpan,
                help: "leave it out")
            return false
        }
        return true
    }

    /// What each run gets from reeve.
    private static let ownVariables = [
        "REEVE_RUN_ID", "REEVE_RUN_PATH", "REEVE_SCHEDULER", "REEVE_ATTEMPT", "REEVE_SCHEDULED_AT",
        "REEVE_COMMAND", "REEVE_ABOUT_RUN",
        "REEVE_ROLE",
    ]

    func exitCodes(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        guard case .array(let elements) = node.value else {
            var example: String?
            if case .integer(let number) = node.value { example = "[\(number)]" }
            mismatch(node, shape, &findings, example: example)
            return nil
        }
        var codes: [Int32] = []
        for element in elements {
            guard case .integer(let number) = element.value else {
                findings.error(
                    "an exit code is a whole number, but this is \(element.found)",
                    at: element.span, help: writeExample(of: shape))
                continue
            }
            guard (0...255).contains(number), let exitCode = Int32(exactly: number) else {
                findings.error(
                    "an exit code is from 0 to 255, and \(number) is not", at: element.span)
                continue
            }
            codes.append(exitCode)
        }
        return codes.count == elements.count ? .exitCodes(Array(Set(codes)).sorted()) : nil
    }

    func list(
        _ node: TomlNode, _ shape: ValueShape, _ element: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        guard case .array(let elements) = node.value else {
            var example: String?
            if case .string = node.value { example = printable("[\(node.toml)]") }
            mismatch(node, shape, &findings, example: example)
            return nil
        }
        let values = elements.compactMap { read($0, as: element, into: &findings) }
        return values.count == elements.count ? .list(values) : nil
    }

    func either(
        _ node: TomlNode, _ first: ValueShape, _ second: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        var attempt = findings.attempt
        if let value = read(node, as: first, into: &attempt) { return value }
        attempt = findings.attempt
        if let value = read(node, as: second, into: &attempt) { return value }
        mismatch(node, .either(first, second), &findings)
        return nil
    }

    /// Returns the fields that were understood, by name; nil after reporting what is wrong.
    func table(
        _ node: TomlNode, _ shape: ValueShape, _ fields: [ValueShape.Field], _ oneOf: [String],
        _ findings: inout Findings
    ) -> [String: SettingValue]? {
        guard case .table(let entries) = node.value else {
            mismatch(node, shape, &findings)
            return nil
        }
        var values: [String: SettingValue] = [:]
        var isWhole = true
        for entry in entries {
            guard let field = fields.first(where: { $0.name == entry.key }) else {
                let names = fields.map(\.name)
                let nearest = Suggestion.nearest(to: entry.key, in: names)
                findings.error(
                    "\(code(key)) has no field \(code(entry.key))", at: entry.keySpan,
                    help: nearest.map { "did you mean `\($0)`?" }
                        ?? "its fields are " + names.map { "`\($0)`" }.joined(separator: ", "))
                isWhole = false
                continue
            }
            let reader = ValueReader(key: field.name, example: field.ownExample)
            values[field.name] = reader.read(entry.node, as: field.shape, into: &findings)
            if values[field.name] == nil { isWhole = false }
        }
        let chosen = entries.filter { oneOf.contains($0.key) }
        if !oneOf.isEmpty, chosen.count != 1 {
            refuse(
                node,
                (oneOf.count == 1 ? "needs " : "needs exactly one of ")
                    + oneOf.map { "`\($0)`" }.joined(separator: ", "),
                &findings, help: writeExample(of: shape))
            isWhole = false
        }
        return isWhole ? values : nil
    }
}

// MARK: - Dependencies

extension ValueReader {
    private static let dependencyFields: [ValueShape.Field] = [
        .init("name", .scheduler),
        .init("condition", .choice(Dependency.Condition.allCases.map(\.rawValue))),
        .init("on-failure", .choice(Dependency.OnFailure.allCases.map(\.rawValue))),
    ]

    func dependencies(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        guard case .array(let elements) = node.value else {
            var example: String?
            if case .string(let name) = node.value { example = "[\(tomlString(name))]" }
            mismatch(node, shape, &findings, example: example.map(printable))
            return nil
        }
        var result: [DependencySetting] = []
        var isWhole = true
        for element in elements {
            guard let dependency = dependency(element, &findings) else {
                isWhole = false
                continue
            }
            if result.contains(where: { $0.name == dependency.name }) {
                findings.error(
                    "\(quoted(dependency.name)) is a dependency twice", at: dependency.span,
                    help: "keep one of the two")
                isWhole = false
                continue
            }
            result.append(dependency)
        }
        return isWhole ? .dependencies(result) : nil
    }

    private func dependency(
        _ element: TomlNode, _ findings: inout Findings
    ) -> DependencySetting? {
        switch element.value {
        case .string:
            return text(element, .scheduler, &findings).map {
                DependencySetting(name: $0, span: element.span)
            }
        case .table(let entries):
            let fields = ValueReader.dependencyFields
            guard
                let values = table(element, .table(fields), fields, [], &findings)
            else { return nil }
            guard case .text(let name)? = values["name"] else {
                findings.error(
                    "a dependency needs the `name` of a scheduler", at: element.span,
                    help: "write { name = \"database\", condition = \"healthy\" }")
                return nil
            }
            func span(of field: String) -> SourceSpan? {
                entries.first { $0.key == field }?.node.span
            }
            var dependency = DependencySetting(name: name, span: span(of: "name"))
            if case .text(let word)? = values["condition"] {
                dependency.condition = Dependency.Condition(rawValue: word) ?? .healthy
                dependency.conditionSpan = span(of: "condition")
            }
            if case .text(let word)? = values["on-failure"] {
                dependency.onFailure = Dependency.OnFailure(rawValue: word) ?? .stop
            }
            return dependency
        case .array, .integer, .number, .boolean, .dateTime:
            findings.error(
                "a dependency is the name of a scheduler or a table, but this is \(element.found)",
                at: element.span, help: "write \"database\" or { name = \"database\" }")
            return nil
        }
    }
}
