// SPDX-License-Identifier: Apache-2.0
//
// Schedulers that are registered while reeve runs: each a text of its own beside the file. The file goes
// before: it is read as if nothing was registered, and has to be right by itself. Of what is registered,
// whatever is wrong, or does not fit the file any more, is left out with a warning, so that nobody keeps
// reeve from starting; what is about to be registered has to be right with everything else.

internal import ReeveCore

/// A registered scheduler as it is kept.
package struct RegisteredText: Equatable, Sendable {
    package var name: String
    /// How messages name the file; nil: they tell no place in it.
    package var file: String?
    /// TOML with the one table `[schedulers.NAME]`; any bytes at all.
    package var bytes: [UInt8]

    package init(name: String, file: String?, bytes: [UInt8]) {
        self.name = name
        self.file = file
        self.bytes = bytes
    }
}

/// One change of what is registered.
package enum RegisteredChange: Sendable {
    /// Add it, or put it in the place of the one of its name. With `keys` only these may be in it, and it
    /// runs as `register-user` in `[gateway]` says.
    case register(RegisteredText, keys: Set<String>?)
    case unregister(String)
}

/// The one table of a registered text.
struct RegisteredTable {
    let name: String
    private let source: SourceText
    private(set) var areKeysMissing = false

    init(name: String, source: SourceText) {
        self.name = name
        self.source = source
    }
}

extension RegisteredTable {
    /// The table's entry; nil, after saying why, where there is not exactly this one.
    mutating func read(into findings: inout Findings) -> TomlEntry? {
        if let (message, span) = source.encodingError {
            findings.error(message, at: span, help: "save the file as UTF-8")
            return nil
        }
        let document = readToml(source, into: &findings)
        areKeysMissing = document.areKeysMissing
        guard let entries = document.entries, !document.areTablesMissing else { return nil }
        var found: TomlEntry?
        let help = "write one header, [schedulers.\(printable(tomlKey(name)))], and its keys"
        for entry in entries {
            guard entry.key == "schedulers", case .table(let tables) = entry.node.value else {
                findings.error(
                    "\(code(entry.key)) is no part of what is registered", at: entry.keySpan,
                    help: help)
                continue
            }
            for table in tables {
                if table.key != name {
                    findings.error(
                        "this is about \(quoted(table.key)), and \(quoted(name)) is registered",
                        at: table.keySpan, help: help)
                } else if case .table = table.node.value {
                    found = table
                } else {
                    findings.error(
                        "\(code(table.key)) is a table, but this is \(table.node.found)",
                        at: table.keySpan, help: help)
                }
            }
        }
        if found == nil, !findings.failedSources.contains(source.index) {
            findings.error(
                "there is no scheduler in it",
                at: SourceSpan(line: 1, column: 1, length: 1, source: source.index), help: help)
        }
        return found
    }
}

extension ConfigurationLoader {
    /// Longest text that is registered, in bytes.
    package static let registeredBytesMax = 64 << 10

    /// The name of the one scheduler that a text is about; nil where it cannot be read or is about more or
    /// less, which the errors say. Whether the scheduler is right is not looked at.
    package static func registeredName(
        in bytes: [UInt8], file: String
    ) -> (name: String?, errors: [Diagnostic]) {
        let source = SourceText(name: file, bytes: bytes)
        var findings = Findings(source: source)
        if let (message, span) = source.encodingError {
            findings.error(message, at: span, help: "save the file as UTF-8")
            return (nil, findings.sorted)
        }
        let document = readToml(source, into: &findings)
        var names: [String] = []
        for entry in document.entries ?? [] {
            guard entry.key == "schedulers", case .table(let tables) = entry.node.value else {
                findings.error(
                    "\(code(entry.key)) is no part of what is registered", at: entry.keySpan,
                    help: "write one header, [schedulers.NAME], and its keys")
                continue
            }
            for table in tables {
                names.append(table.key)
                if names.count == 2 {
                    findings.error(
                        "this is a second scheduler, and they are registered one by one",
                        at: table.keySpan, help: "write it to a file of its own")
                }
                if let words = SchedulerName.objection(to: table.key) {
                    findings.error("\(quoted(table.key)): \(words)", at: table.keySpan)
                }
            }
        }
        if names.isEmpty, !findings.hasErrors {
            findings.error(
                "there is no scheduler in it", at: nil,
                help: "write one header, [schedulers.NAME], and its keys")
        }
        return (findings.hasErrors ? nil : names.first, findings.sorted)
    }

    /// Validates the file together with what is registered, and with a change of that. What was registered
    /// before and is wrong is left out, with a warning.
    package static func load(
        bytes: [UInt8], path: String, registered: [RegisteredText], change: RegisteredChange?,
        environment: [String: String], machine: Machine = .current()
    ) -> LoadOutcome {
        let reading = RegisteredReading(
            bytes: bytes, path: path, environment: environment, machine: machine)
        let (kept, outcome) = reading.leavingOut(registered)
        guard let change, outcome.specification != nil else { return outcome }
        switch change {
        case .register(let text, let keys):
            return reading.register(text, keys: keys, kept, outcome)
        case .unregister(let name): return reading.unregister(name, kept)
        }
    }
}

/// The file, to be read with one or the other of what is registered.
private struct RegisteredReading {
    let bytes: [UInt8]
    let path: String
    let environment: [String: String]
    let machine: Machine

    private func read(_ registered: [RegisteredText]) -> LoadOutcome {
        ConfigurationLoader.load(
            bytes: bytes, path: path, registered: registered, environment: environment,
            machine: machine)
    }

    /// Those that are right with the file and each other, and what comes of them. Each round leaves out at
    /// least one: one that depends on it is wrong in the next.
    func leavingOut(_ registered: [RegisteredText]) -> ([RegisteredText], LoadOutcome) {
        var kept = registered
        var warnings: [Diagnostic] = []
        var outcome = read(kept)
        while outcome.specification == nil {
            guard !kept.isEmpty else { return ([], outcome) }
            var failed = outcome.failures.registered
            if outcome.failures.isOfFile || failed.isEmpty {
                let alone = read([])
                guard alone.specification != nil else { return ([], alone) }
                // A default that is right for those of the file.
                failed = kept.indices.filter { read([kept[$0]]).specification == nil }
                if failed.isEmpty { failed = Array(kept.indices) }
            }
            warnings += failed.map { leftOut(kept[$0], outcome, at: $0) }
            kept = kept.indices.filter { !failed.contains($0) }.map { kept[$0] }
            outcome = read(kept)
        }
        outcome.diagnostics += warnings
        return (kept, outcome)
    }

    private func leftOut(
        _ text: RegisteredText, _ outcome: LoadOutcome, at index: Int
    ) -> Diagnostic {
        let errors = outcome.failures.errors
        let first =
            (errors.indices.contains(index + 1) ? errors[index + 1].first : nil)
            ?? errors.first?.first
        let reason = first?.message ?? "it does not fit the file"
        return Diagnostic(
            severity: .warning, file: text.file ?? text.name, location: first?.location,
            message: "\(quoted(text.name)) was registered and is left out: \(reason)",
            help: [first?.help, "mend this file, or remove it"].compactMap { $0 }
                .joined(separator: "; "))
    }

    func register(
        _ text: RegisteredText, keys: Set<String>?, _ kept: [RegisteredText],
        _ before: LoadOutcome
    ) -> LoadOutcome {
        let isTaken = before.specification?.schedulers.contains {
            $0.name.text == text.name && $0.origin == .file
        }
        if isTaken == true {
            var outcome = LoadOutcome.failed(
                path, because: "\(quoted(text.name)) is in this file already")
            outcome.isConflict = true
            return outcome
        }
        var candidate = text
        if let keys {
            switch restricted(text, to: keys, as: before.registerUser) {
            case .success(let bytes): candidate.bytes = bytes
            case .failure(let refusal): return .failed(refusal.diagnostics)
            }
        }
        let others = kept.filter { $0.name != text.name }
        let place = others.firstIndex { $0.name > text.name } ?? others.endIndex
        var outcome = read(others[..<place] + [candidate] + others[place...])
        guard outcome.specification != nil else { return .failed(outcome.errors) }
        outcome.diagnostics.removeAll { $0.file != (candidate.file ?? "") }
        outcome.registered = candidate.bytes
        return outcome
    }

    func unregister(_ name: String, _ kept: [RegisteredText]) -> LoadOutcome {
        let others = kept.filter { $0.name != name }
        var outcome = read(others)
        guard outcome.specification != nil else {
            let dependents = outcome.failures.registered.map { others[$0].name }
            var refused = LoadOutcome.failed(
                "",
                because: "\(quoted(name)) is depended on by \(dependents.joined(separator: ", ")), "
                    + "which would have to be unregistered or changed first")
            refused.isConflict = true
            return refused
        }
        outcome.diagnostics = []
        return outcome
    }

    private struct Refusal: Error {
        let diagnostics: [Diagnostic]
    }

    /// The same text with these keys only, and with the user; written anew, so that it says nothing else.
    private func restricted(
        _ text: RegisteredText, to keys: Set<String>, as user: String?
    ) -> Result<[UInt8], Refusal> {
        var findings = Findings(source: SourceText(name: path, bytes: []))
        let source = findings.add(name: text.file, bytes: text.bytes)
        var table = RegisteredTable(name: text.name, source: source)
        let entry = table.read(into: &findings)
        guard let entry, case .table(let inner) = entry.node.value else {
            return .failure(Refusal(diagnostics: findings.sorted))
        }
        for key in inner
        where !keys.contains(key.key) && KnownKeys.find(key.key, in: .schedulers) != nil {
            findings.error(
                "\(code(key.key)) cannot be registered through the gateway", at: key.keySpan,
                help: "leave it out, or register it on the machine itself")
        }
        if machine.user == 0, user == nil {
            findings.error(
                "reeve runs as root, and nothing says as whom it is to run", at: nil,
                help: "add `register-user` to [gateway]")
        }
        guard !findings.hasErrors else { return .failure(Refusal(diagnostics: findings.sorted)) }
        var lines = ["[schedulers.\(tomlKey(text.name))]"]
        lines += inner.map { "\(tomlKey($0.key)) = \($0.node.toml)" }
        if let user { lines.append("user = \(tomlString(user))") }
        return .success(Array((lines.joined(separator: "\n") + "\n").utf8))
    }
}
