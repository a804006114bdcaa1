// SPDX-License-Identifier: Apache-2.0
//
// From a TOML value to what a key may hold. Each error says what is expected and what was found,
// and its help shows a line that would do.

internal import ReeveCore

/// Reads the values of one key.
struct ValueReader {
    /// As the file has it; for the example line in help.
    let key: String
    /// A value of the key, where that of its shape would mislead.
    var example: String?

    /// Returns the value; nil after reporting why it is none.
    func read(
        _ node: TomlNode, as shape: ValueShape, into findings: inout Findings
    ) -> SettingValue? {
        switch shape {
        case .boolean: boolean(node, shape, &findings)
        case .duration(let range, let none): duration(node, shape, range, none, &findings)
        case .size(let range, let none, let isMegabytes):
            size(node, shape, range, none, isMegabytes, &findings)
        case .integer(let range, let word): integer(node, shape, range, word, &findings)
        case .number(let range): number(node, shape, range, &findings)
        case .choice(let words, let later): choice(node, shape, words, later, &findings)
        case .text, .cron, .zone:
            text(node, shape, isEmptyAllowed: true, &findings).map(SettingValue.text)
        case .path(let path): self.path(node, shape, path, &findings)
        case .account: account(node, shape, &findings)
        case .mode(let max): mode(node, shape, max, &findings)
        case .signal: signal(node, shape, &findings)
        case .limit: limit(node, shape, &findings)
        case .scheduler: text(node, shape, &findings).map(SettingValue.text)
        case .command: command(node, shape, &findings).map(SettingValue.command)
        case .variables: variables(node, shape, &findings)
        case .secrets: secrets(node, shape, &findings)
        case .exitCodes: exitCodes(node, shape, &findings)
        case .dependencies: dependencies(node, shape, &findings)
        case .readiness: readiness(node, shape, &findings)
        case .healthCheck: healthCheck(node, shape, &findings)
        case .list(let element): list(node, shape, element, &findings)
        case .table(let fields, let oneOf):
            table(node, shape, fields, oneOf, &findings).map(SettingValue.table)
        case .either(let first, let second): either(node, first, second, &findings)
        case .timestamp: timestamp(node, shape, &findings)
        }
    }

    /// Reports a value of the wrong type.
    func mismatch(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings, example: String? = nil
    ) {
        findings.error(
            "\(code(key)) is \(shape.noun), but this is \(node.found)", at: node.span,
            help: example.map(writeAs) ?? writeExample(of: shape))
    }

    /// Reports a value of the right type that does not do.
    func refuse(
        _ node: TomlNode, _ message: String, _ findings: inout Findings, help: String? = nil
    ) {
        findings.error("\(code(key)) \(message)", at: node.span, help: help)
    }

    func writeAs(_ value: String) -> String {
        "write it as `\(printable(tomlKey(key))) = \(value)`"
    }

    func writeExample(of shape: ValueShape) -> String {
        writeAs(example ?? shape.example)
    }

    /// A text that a program can get: no NUL. Empty text is refused where `isEmptyAllowed` is
    /// false.
    func text(
        _ node: TomlNode, _ shape: ValueShape, isEmptyAllowed: Bool = false,
        _ findings: inout Findings
    ) -> String? {
        guard case .string(let text) = node.value else {
            mismatch(node, shape, &findings)
            return nil
        }
        if text.utf8.contains(0) {
            refuse(
                node, "holds a NUL character, which no program can be given", &findings,
                help: "leave out the \\u0000")
            return nil
        }
        if text.isEmpty, !isEmptyAllowed {
            refuse(node, "is empty", &findings, help: "leave the key out where it has no value")
            return nil
        }
        return text
    }
}

// MARK: - Plain values

extension ValueReader {
    private func boolean(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        if case .boolean(let value) = node.value { return .boolean(value) }
        var example: String?
        if case .string(let text) = node.value {
            switch text.lowercased() {
            case "true", "yes", "on", "1", "y", "enabled": example = "true"
            case "false", "no", "off", "0", "n", "disabled", "none": example = "false"
            default: break
            }
        }
        mismatch(node, shape, &findings, example: example)
        return nil
    }

    private func duration(
        _ node: TomlNode, _ shape: ValueShape, _ range: ClosedRange<Duration>, _ none: Bool,
        _ findings: inout Findings
    ) -> SettingValue? {
        switch node.value {
        case .string(let text):
            if none, text == "none" { return .absent }
            guard let span = Amounts.duration(text) else {
                refuse(
                    node, "is \(shape.noun), and \(quoted(text)) is not one", &findings,
                    help: durationHelp(text))
                return nil
            }
            guard range.contains(span) else {
                refuse(
                    node,
                    "is from \(range.lowerBound) to \(range.upperBound), and \(quoted(text)) "
                        + "is not",
                    &findings)
                return nil
            }
            return .duration(span)
        case .integer(let number):
            findings.error(
                "\(code(key)) is \(shape.noun), but this is the number \(number) without a unit",
                at: node.span,
                help: "write \"\(number)ms\" for milliseconds or \"\(number)s\" for seconds")
            return nil
        case .number(let number):
            findings.error(
                "\(code(key)) is \(shape.noun), but this is the number \(number) without a unit",
                at: node.span, help: writeAs("\"\(number)s\""))
            return nil
        case .table, .array, .boolean, .dateTime:
            mismatch(node, shape, &findings)
            return nil
        }
    }

    private func durationHelp(_ text: String) -> String {
        if let number = Int64(text) {
            return "write \"\(number)ms\" for milliseconds or \"\(number)s\" for seconds"
        }
        if let meant = Amounts.durationMeant(by: text) { return writeAs("\"\(meant)\"") }
        return "units are d, h, m, s and ms, the larger first: \"250ms\", \"30s\", \"1h30m\""
    }

    private func size(
        _ node: TomlNode, _ shape: ValueShape, _ range: ClosedRange<Bytes>, _ none: Bool,
        _ bareIsMegabytes: Bool, _ findings: inout Findings
    ) -> SettingValue? {
        switch node.value {
        case .string(let text):
            if none, text == "none" { return .absent }
            guard let size = Amounts.bytes(text) else {
                refuse(
                    node, "is \(shape.noun), and \(quoted(text)) is not one", &findings,
                    help: sizeHelp(text))
                return nil
            }
            return sizeInRange(node, size, range, none, &findings)
        case .integer(let number):
            if bareIsMegabytes, (0...1_000_000).contains(number) {
                return sizeInRange(node, Bytes(number * 1_000_000), range, none, &findings)
            }
            findings.error(
                bareIsMegabytes
                    ? "\(code(key)) counts megabytes where it has no unit, and \(number) is "
                        + "not plausible"
                    : "\(code(key)) is \(shape.noun), but this is the number \(number) "
                        + "without a unit",
                at: node.span,
                help: "write \"\(number)B\" for bytes or \"\(number)MB\" for megabytes")
            return nil
        case .table, .array, .number, .boolean, .dateTime:
            mismatch(node, shape, &findings)
            return nil
        }
    }

    private func sizeInRange(
        _ node: TomlNode, _ size: Bytes, _ range: ClosedRange<Bytes>, _ none: Bool,
        _ findings: inout Findings
    ) -> SettingValue? {
        if range.contains(size) { return .bytes(size) }
        refuse(
            node, "is from \(range.lowerBound) to \(range.upperBound), and \(size) is not",
            &findings, help: none ? "\"none\" is for no such size" : nil)
        return nil
    }

    private func sizeHelp(_ text: String) -> String {
        if let number = Int64(text) {
            return "write \"\(number)B\" for bytes or \"\(number)MB\" for megabytes"
        }
        if let meant = Amounts.sizeMeant(by: text) { return writeAs("\"\(meant)\"") }
        return "units are B, kB, MB, GB, TB and KiB, MiB, GiB, TiB: \"100MB\", \"100MiB\""
    }

    private func integer(
        _ node: TomlNode, _ shape: ValueShape, _ range: ClosedRange<Int64>, _ word: String?,
        _ findings: inout Findings
    ) -> SettingValue? {
        switch node.value {
        case .integer(let number):
            if range.contains(number) { return .integer(number) }
            refuse(
                node, "is from \(range.lowerBound) to \(range.upperBound), and \(number) is not",
                &findings,
                help: key == "max-restarts" && number == 0
                    ? "restart = \"never\" is for no restart at all" : nil)
            return nil
        case .string(let text):
            if let word, text == word { return .absent }
            let example = Int64(text).map { "\($0)" } ?? word.map { "\"\($0)\"" }
            mismatch(node, shape, &findings, example: example)
            return nil
        case .number(let number):
            let example = Int64(exactly: number.rounded()).map { "\($0)" }
            mismatch(node, shape, &findings, example: example)
            return nil
        case .table, .array, .boolean, .dateTime:
            mismatch(node, shape, &findings)
            return nil
        }
    }

    private func number(
        _ node: TomlNode, _ shape: ValueShape, _ range: ClosedRange<Double>,
        _ findings: inout Findings
    ) -> SettingValue? {
        let number: Double
        switch node.value {
        case .number(let value): number = value
        case .integer(let value): number = Double(value)
        case .string(let text):
            let value = Double(text).flatMap { range.contains($0) ? "\($0)" : nil }
            mismatch(node, shape, &findings, example: value)
            return nil
        case .table, .array, .boolean, .dateTime:
            mismatch(node, shape, &findings)
            return nil
        }
        // "Not a number" is in no range.
        if range.contains(number) { return .number(number) }
        refuse(
            node, "is from \(range.lowerBound) to \(range.upperBound), and \(number) is not",
            &findings)
        return nil
    }

    private func choice(
        _ node: TomlNode, _ shape: ValueShape, _ words: [String], _ later: [String],
        _ findings: inout Findings
    ) -> SettingValue? {
        guard let text = text(node, shape, &findings) else { return nil }
        if words.contains(text) { return .text(text) }
        if later.contains(text) {
            findings.error(
                "`\(key) = \"\(text)\"` is not in this version of reeve yet", at: node.span,
                help: "use \(shape.noun)")
            return nil
        }
        let nearest = Suggestion.nearest(to: text, in: words + later)
        refuse(
            node, "is \(shape.noun), and \(quoted(text)) is not", &findings,
            help: nearest.map { "did you mean \"\($0)\"?" })
        return nil
    }

    private func path(
        _ node: TomlNode, _ shape: ValueShape, _ path: ValueShape.Path, _ findings: inout Findings
    ) -> SettingValue? {
        guard let text = text(node, shape, &findings) else { return nil }
        if path != .any, !text.hasPrefix("/") {
            refuse(
                node, "is \(shape.noun), and \(quoted(text)) does not begin with a slash",
                &findings,
                help: text.hasPrefix("~") || text.hasPrefix("$")
                    ? "there is no shell to replace ~ or $NAME" : nil)
            return nil
        }
        // PATH_MAX counts the NUL.
        let lengthMax = path == .runtimeDirectory ? ValueShape.runtimeDirectoryBytesMax : 4_095
        if text.utf8.count > lengthMax {
            let why =
                path == .runtimeDirectory
                ? "; the control socket's path would not fit into a socket's address" : ""
            refuse(
                node, "is at most \(lengthMax) bytes long, and this is \(text.utf8.count)\(why)",
                &findings)
            return nil
        }
        return .text(text)
    }

    private func account(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        if case .integer(let number) = node.value {
            // The highest number means "leave as it is" to chown(2).
            if (0..<Int64(UInt32.max)).contains(number) { return .text("\(number)") }
            refuse(node, "is from 0 to \(UInt32.max - 1), and \(number) is not", &findings)
            return nil
        }
        return text(node, shape, &findings).map(SettingValue.text)
    }

    private func mode(
        _ node: TomlNode, _ shape: ValueShape, _ max: UInt32, _ findings: inout Findings
    ) -> SettingValue? {
        guard case .string(let text) = node.value else {
            mismatch(node, shape, &findings)
            return nil
        }
        let digits = text.hasPrefix("0o") ? text.dropFirst(2) : Substring(text)
        guard (1...6).contains(digits.utf8.count), !digits.hasPrefix("+"),
            let mode = UInt32(digits, radix: 8), mode <= max
        else {
            refuse(
                node,
                "is an octal mode up to \"0\(String(max, radix: 8))\", and \(quoted(text)) is not",
                &findings, help: writeExample(of: shape))
            return nil
        }
        return .mode(mode)
    }

    private func signal(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        let name: String
        switch node.value {
        case .string(let text): name = text
        case .integer(let number): name = "\(number)"
        case .table, .array, .number, .boolean, .dateTime:
            mismatch(node, shape, &findings)
            return nil
        }
        guard let signal = Signal(name) else {
            let short = name.uppercased().hasPrefix("SIG") ? String(name.dropFirst(3)) : name
            let nearest =
                Signal.names.contains(short.uppercased())
                ? short.uppercased() : nearestSignal(short)
            refuse(
                node, "is the name of a signal, and \(quoted(name)) is not", &findings,
                help: nearest.map { "did you mean \"\($0)\"?" } ?? writeExample(of: shape))
            return nil
        }
        return .signal(signal)
    }

    /// What the text says depends on the resource.
    private func limit(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        switch node.value {
        case .integer(let number) where number >= 0: return .integer(number)
        case .string("unlimited"): return .absent
        case .string: return text(node, shape, &findings).map(SettingValue.text)
        case .table, .array, .integer, .number, .boolean, .dateTime:
            mismatch(node, shape, &findings)
            return nil
        }
    }

    private func nearestSignal(_ name: String) -> String? {
        Suggestion.nearest(to: name.lowercased(), in: Signal.names.map { $0.lowercased() })?
            .uppercased()
    }

    private func readiness(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        guard case .string(let text) = node.value else {
            // Numbers get the help about units.
            return duration(node, shape, Span.any, false, &findings)
        }
        switch text {
        case "spawn": return .readiness(.spawn)
        case "notify": return .readiness(.notify)
        case "probe": return .readiness(.probe)
        default: break
        }
        if let nearest = Suggestion.nearest(to: text, in: ["spawn", "notify", "probe"]) {
            refuse(
                node, "is \(shape.noun), and \(quoted(text)) is none of them", &findings,
                help: "did you mean \"\(nearest)\"?")
            return nil
        }
        guard case .duration(let span)? = duration(node, shape, Span.any, false, &findings) else {
            return nil
        }
        return .readiness(.uptime(span))
    }

    private func timestamp(
        _ node: TomlNode, _ shape: ValueShape, _ findings: inout Findings
    ) -> SettingValue? {
        switch node.value {
        case .dateTime(let text), .string(let text):
            if let instant = WallTime(instant: text) { return .instant(instant) }
            refuse(
                node, "is a date and time with an offset, and \(quoted(text)) is not", &findings,
                help: writeExample(of: shape))
            return nil
        case .table, .array, .integer, .number, .boolean:
            mismatch(node, shape, &findings)
            return nil
        }
    }
}
