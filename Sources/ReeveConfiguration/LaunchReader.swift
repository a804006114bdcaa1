// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// From the keys that need a launcher to what it does.
struct LaunchReader {
    let effective: EffectiveSettings
    let machine: Machine
    /// reeve's own PATH.
    let path: String?

    /// What is wrong is reported, and left out.
    func read(_ program: Program, _ findings: inout Findings) -> LaunchSettings {
        var result = LaunchSettings()
        readAccounts(into: &result, &findings)
        if case .mode(let mask)? = effective.value("umask") { result.umask = mask }
        if case .integer(let nice)? = effective.value("nice") {
            result.nice = Int32(clamping: nice)
        }
        if case .integer(let score)? = effective.value("oom-score-adj") {
            result.oomScoreAdjustment = Int32(clamping: score)
        }
        result.limits = limits(&findings)
        result.environmentFiles = environmentFiles(&findings)
        result.secrets = variables("secrets").map { Secret(name: $0.name, path: $0.value) }
        effective.assign("launcher", to: &result.isForced)
        checkSecrets(result.secrets, program, &findings)
        result.slowPlace = slowPlace(of: program)
        return result
    }

    /// Those of `[defaults]` that are not its own, then its own.
    func variables(_ key: String) -> [EnvironmentVariable] {
        var own: [EnvironmentVariable] = []
        if case .variables(let variables)? = effective.own[key]?.value { own = variables }
        guard case .variables(let inherited)? = effective.defaults[key]?.value else { return own }
        let names = Set(own.map(\.name))
        return inherited.filter { !names.contains($0.name) } + own
    }

    private func checkSecrets(
        _ secrets: [Secret], _ program: Program, _ findings: inout Findings
    ) {
        for secret in secrets {
            if secret.path.isEmpty {
                findings.error(
                    "the secret \(code(secret.name)) has no file", at: effective.span("secrets"),
                    help: "secrets are read from files: `\(printable(tomlKey(secret.name))) = "
                        + "\"/run/secrets/NAME\"`")
            } else if !secret.path.hasPrefix("/"), !secret.path.hasPrefix("$") {
                // It may be the secret itself: it is not repeated.
                findings.error(
                    secret: "the secret \(code(secret.name)) names no absolute path of a file",
                    at: effective.setting("secrets")?.0.keySpan,
                    help: ValueReader.secretHelp(secret.name))
            }
            if program.environment.contains(where: { $0.name == secret.name }) {
                findings.warning(
                    "\(code(secret.name)) is in `environment` and in `secrets`, which wins",
                    at: effective.span("secrets"), help: "leave it out of `environment`")
            }
        }
    }

    // MARK: Accounts

    private func readAccounts(into result: inout LaunchSettings, _ findings: inout Findings) {
        if case .text(let text)? = effective.value("group") {
            result.group = machine.accounts.group(text)
            if result.group == nil {
                findings.error(
                    "there is no group \(quoted(text)) in /etc/group", at: effective.span("group"),
                    help: help(text, machine.accounts.groupNames, "write its number"))
                return
            }
        }
        guard case .text(let text)? = effective.value("user") else { return }
        guard let user = machine.accounts.user(text, group: result.group) else {
            let isNumber = Accounts.number(text) != nil
            findings.error(
                isNumber
                    ? "user \(printable(text)) is not in /etc/passwd, so its group is not known"
                    : "there is no user \(quoted(text)) in /etc/passwd",
                at: effective.span("user"),
                help: isNumber
                    ? "add `group`"
                    : help(text, machine.accounts.userNames, "write its number, and `group`"))
            return
        }
        result.user = user
        guard machine.user != 0, machine.user != user.number else { return }
        findings.warning(
            "reeve runs as user \(machine.user) here, and only root can start a program as "
                + "\(quoted(text))",
            at: effective.span("user"), help: "run reeve as root, or leave the key out")
    }

    private func help(_ text: String, _ names: [String], _ otherwise: String) -> String {
        Suggestion.nearest(to: text, in: names).map { "did you mean \"\(printable($0))\"?" }
            ?? "no other source of names is asked: \(otherwise)"
    }

    // MARK: Limits

    private func limits(_ findings: inout Findings) -> [ResourceLimit] {
        guard case .table(let fields)? = effective.value("limits") else { return [] }
        return ResourceLimit.Resource.allCases.compactMap { resource in
            guard let value = fields[resource.rawValue] else { return nil }
            let limit: ResourceLimit?
            switch value {
            case .integer(let number):
                let number = UInt64(clamping: number)
                limit = ResourceLimit(resource, soft: number, hard: number)
            case .absent: limit = ResourceLimit(resource, soft: nil, hard: nil)
            case .text(let text): limit = self.limit(resource, text)
            default: limit = nil
            }
            if limit == nil {
                findings.error(
                    "`\(resource.rawValue)` in `limits` is \(resource.noun), \"unlimited\", or two of "
                        + "them as \"SOFT:HARD\", the soft one not above the hard one",
                    at: effective.span("limits"),
                    help: "write `\(resource.rawValue) = \(resource.example)`")
            }
            return limit
        }
    }

    private func limit(_ resource: ResourceLimit.Resource, _ text: String) -> ResourceLimit? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard let first = parts.first, let last = parts.last, parts.count <= 2,
            let soft = resource.amount(first), let hard = resource.amount(last), soft <= hard
        else { return nil }
        return ResourceLimit(
            resource, soft: soft == .max ? nil : soft, hard: hard == .max ? nil : hard)
    }

    // MARK: Files

    private func environmentFiles(_ findings: inout Findings) -> [EnvironmentFile] {
        let texts: [String]
        switch effective.value("env-file") {
        case .text(let text)?: texts = [text]
        case .list(let values)?:
            texts = values.compactMap { if case .text(let text) = $0 { text } else { nil } }
        default: return []
        }
        return texts.compactMap { text in
            let mayBeMissing = text.hasPrefix("-")
            let path = mayBeMissing ? String(text.dropFirst()) : text
            guard !path.isEmpty else {
                findings.error(
                    "`env-file` names no file", at: effective.span("env-file"),
                    help: "write the path after the -")
                return nil
            }
            return EnvironmentFile(path: path, mayBeMissing: mayBeMissing)
        }
    }

    // MARK: Places

    /// Why a spawn itself might block.
    private func slowPlace(of program: Program) -> String? {
        let name = program.arguments.first ?? ""
        if let directory = program.workingDirectory,
            let place = machine.mounts.slowPlace(of: directory)
        {
            return "its working directory lies on \(place)"
        }
        var candidates = [name]
        if !name.contains("/") {
            let path = program.environment.last { $0.name == "PATH" }?.value ?? path ?? ""
            candidates = path.split(separator: ":").map { "\($0)/\(name)" }
        } else if !name.hasPrefix("/"), let directory = program.workingDirectory {
            candidates = ["\(directory)/\(name)"]
        }
        for candidate in candidates {
            if let place = machine.mounts.slowPlace(of: candidate) {
                return "its program may lie on \(place)"
            }
        }
        return nil
    }
}

extension ResourceLimit.Resource {
    private enum Unit { case bytes, seconds, microseconds, count }

    private var unit: Unit {
        switch self {
        case .addressSpace, .core, .data, .fileSize, .memlock, .msgqueue, .rss, .stack: .bytes
        case .cpu: .seconds
        case .rttime: .microseconds
        case .locks, .nice, .nofile, .nproc, .rtprio, .sigpending: .count
        }
    }

    fileprivate var noun: String {
        switch unit {
        case .bytes: "a number of bytes, a size such as \"512MB\""
        case .seconds: "a number of seconds, a duration such as \"10m\""
        case .microseconds: "a number of microseconds, a duration such as \"200ms\""
        case .count: "a number"
        }
    }

    /// A value as the file would have it.
    var example: String {
        switch unit {
        case .bytes: "\"512MB\""
        case .seconds: "\"10m\""
        case .microseconds: "\"200ms\""
        case .count: "\"1024:4096\""
        }
    }

    /// The kernel's number; the largest for "unlimited", nil where it is none.
    fileprivate func amount(_ text: String) -> UInt64? {
        if text == "unlimited" || text == "infinity" { return .max }
        if let number = UInt64(text) { return number }
        switch unit {
        case .bytes: return Amounts.bytes(text).flatMap { UInt64(exactly: $0.count) }
        case .seconds:
            return Amounts.duration(text).flatMap {
                UInt64(exactly: $0.nanoseconds / 1_000_000_000)
            }
        case .microseconds:
            return Amounts.duration(text).flatMap { UInt64(exactly: $0.nanoseconds / 1_000) }
        case .count: return nil
        }
    }
}
