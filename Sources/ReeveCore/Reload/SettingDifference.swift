// SPDX-License-Identifier: Apache-2.0
//
// Which keys differ between two values of the specification, and how either reads in a configuration.
// Both are found by reflection, so that a field that is new is compared, named and shown without being
// listed here; what is listed is how the field's name and the key differ.

/// One key with two values.
package struct SettingDifference: Equatable, Sendable {
    /// As a file has it.
    package var key: String
    /// As a file has them; "none" where there is none.
    package var old: String
    package var new: String

    package init(key: String, old: String, new: String) {
        self.key = key
        self.old = old
        self.new = new
    }
}

/// The keys of the stored values in which two of one type differ.
func differences(of old: Any, from new: Any, in group: String = "") -> [SettingDifference] {
    var found: [SettingDifference] = []
    for (before, after) in zip(Mirror(reflecting: old).children, Mirror(reflecting: new).children) {
        guard let label = before.label, !isSame(before.value, after.value) else { continue }
        let (left, right) = (unwrapped(before.value), unwrapped(after.value))
        if let left, let right, isGroup(left) {
            found += differences(of: left, from: right, in: label)
            continue
        }
        if let difference = environmentDifference(left, right) {
            found.append(difference)
            continue
        }
        guard let name = key(label, of: right ?? left, in: group) else { continue }
        let (old, new) = (settingText(left, key: name), settingText(right, key: name))
        // An account by the same name, that the system has changed.
        let isSameText = old == new && left is any Account
        found.append(
            SettingDifference(
                key: name, old: old, new: isSameText ? "\(new) with another entry" : new))
    }
    return found.enumerated().filter { index, difference in
        index == found.firstIndex { $0.key == difference.key }
    }.map(\.element)
}

/// What is named by one key, although it has several parts.
private protocol Account {
    var name: String? { get }
    var number: UInt32 { get }
}

extension UserAccount: Account {}
extension GroupAccount: Account {}

private func isSame(_ old: Any, _ new: Any) -> Bool {
    func isEqual<Value: Equatable>(_ old: Value) -> Bool { (new as? Value) == old }
    guard let old = old as? any Equatable else { return false }
    return isEqual(old)
}

/// Whether a value stands for several keys.
private func isGroup(_ value: Any) -> Bool {
    Mirror(reflecting: value).displayStyle == .struct && !(value is any CustomStringConvertible)
        && !(value is HealthCheckSettings) && !(value is any Account)
}

/// The value in an optional, or the value itself; nil where there is none.
private func unwrapped(_ value: Any) -> Any? {
    let mirror = Mirror(reflecting: value)
    guard mirror.displayStyle == .optional else { return value }
    return mirror.children.first?.value
}

/// "delayMax" in "restart" is "restart-delay-max"; nil for what is no key but comes of others.
private func key(_ label: String, of value: Any?, in group: String) -> String? {
    switch (group, label) {
    case ("program", "arguments"): return "command"
    case ("restart", "mode"): return "restart"
    case ("restart", "maxRestarts"), ("restart", "whenExhausted"), ("stop", "leftovers"):
        return kebab(label)
    case ("readiness", "rule"): return "ready"
    case ("readiness", _): return kebab(label)
    case ("notify", "socket"): return "notify"
    case ("notify", _): return kebab(label)
    case ("log", "destination"): return "log"
    case ("", "gatewayRegisters"): return "gateway.allow-register"
    case ("launch", "environmentFiles"): return "env-file"
    case ("alerts", "watchesAllMemory"): return "alerts.leak-window"
    case ("alerts", _): return "alerts.\(kebab(label))"
    case ("launch", "oomScoreAdjustment"): return "oom-score-adj"
    case ("launch", "isForced"), ("launch", "slowPlace"): return "launcher"
    case ("launch", _): return kebab(label)
    case ("schedule", "rule"):
        if case .interval? = value as? ScheduleSettings.Rule { return "interval" }
        return "cron"
    case ("schedule", "zone"): return "timezone"
    // Made from the host and the name.
    case ("schedule", "hash"): return nil
    case ("", "schedule"):
        return key("rule", of: (value as? ScheduleSettings)?.rule, in: "schedule")
    case ("", _), ("program", _), ("order", _), ("schedule", _), ("recovery", _):
        return kebab(label)
    default: return "\(kebab(group))-\(kebab(label))"
    }
}

private func kebab(_ label: String) -> String {
    label.reduce(into: "") { text, character in
        if character.isUppercase { text += "-" }
        text += character.lowercased()
    }
}

// MARK: Values

/// A value as a configuration has it.
private func settingText(_ value: Any?, key: String) -> String {
    guard let value else { return key == "max-restarts" ? "\"unlimited\"" : "none" }
    switch value {
    case let text as String: return quoted(text)
    case let isTrue as Bool: return isTrue ? "true" : "false"
    case let mode as UInt32 where key == "control-mode" || key == "umask":
        return "\"0\(String(mode, radix: 8))\""
    case let rule as Readiness.Rule:
        switch rule {
        case .spawn: return "\"spawn\""
        case .uptime(let span): return quoted("\(span)")
        case .notify: return "\"notify\""
        case .probe: return "\"probe\""
        }
    case let rule as ScheduleSettings.Rule:
        switch rule {
        case .cron(let text): return quoted(text)
        case .interval(let span): return quoted("\(span)")
        }
    case let check as HealthCheckSettings: return text(of: check)
    case let schedule as ScheduleSettings: return settingText(schedule.rule, key: key)
    case let dependency as Dependency: return text(of: dependency)
    case let cleanup as RecoverySettings.Cleanup: return text(of: cleanup)
    case let account as any Account: return account.name.map(quoted) ?? "\(account.number)"
    // An empty list is a list of anything.
    case let limits as [ResourceLimit] where key == "limits": return table(limits.map(text))
    case let secrets as [Secret] where key == "secrets":
        return table(secrets.map { "\($0.name) = \(quoted($0.path))" })
    case let file as EnvironmentFile: return quoted((file.mayBeMissing ? "-" : "") + file.path)
    case let list as [Any]:
        return "[" + list.map { settingText($0, key: key) }.joined(separator: ", ") + "]"
    default: return otherText(value)
    }
}

/// Values may be secrets: what differs is named and not shown. nil for anything but environments.
private func environmentDifference(_ old: Any?, _ new: Any?) -> SettingDifference? {
    guard let old = old as? [EnvironmentVariable], let new = new as? [EnvironmentVariable] else {
        return nil
    }
    func value(_ name: String, in list: [EnvironmentVariable]) -> String? {
        list.last { $0.name == name }?.value
    }
    let before = old.filter { value($0.name, in: new) != $0.value }.map(\.name)
    let after = new.compactMap { variable in
        guard let known = value(variable.name, in: old) else { return variable.name }
        return known == variable.value ? nil : "\(variable.name) with another value"
    }
    func text(_ words: [String]) -> String { words.isEmpty ? "none" : listed(words) }
    let isOrder = before.isEmpty && after.isEmpty
    return SettingDifference(
        key: "environment", old: isOrder ? "in this order" : text(before),
        new: isOrder ? "in another order" : text(after))
}

extension SchedulerSpecification {
    /// The same with fingerprints (FNV-1a, 64 bits) in place of the values of its environment, which may
    /// be secrets: enough to tell whether they are others.
    package var withoutSecrets: SchedulerSpecification {
        var copy = self
        for index in copy.program.environment.indices {
            copy.program.environment[index].value = fingerprint(
                of: [copy.program.environment[index].value])
        }
        return copy
    }
}

extension Program {
    /// What is executed, for telling programs apart: 16 hexadecimal digits.
    package var fingerprint: String { ReeveCore.fingerprint(of: arguments) }
}

/// 16 hexadecimal digits; each text ends with a byte that no UTF-8 has.
func fingerprint(of texts: [String]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for text in texts {
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ 0xFF) &* 0x100_0000_01B3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

private func otherText(_ value: Any) -> String {
    func rawText<Value: RawRepresentable>(_ value: Value) -> String? { value.rawValue as? String }
    if let value = value as? any RawRepresentable, let text = rawText(value) { return quoted(text) }
    let text = String(describing: value)
    return value is any Numeric ? text : quoted(text)
}

private func text(of check: HealthCheckSettings) -> String {
    var text =
        switch check.method {
        case .exec(let words): "exec = [" + words.map(quoted).joined(separator: ", ") + "]"
        case .tcp(let target): "tcp = \(quoted("\(target)"))"
        case .http(let target, let path, let status):
            "http = \(quoted("http://\(target)\(path)")), "
                + "status = \"\(status.lowerBound)-\(status.upperBound)\""
        }
    let plain = HealthCheckSettings(check.method)
    if check.timeout != plain.timeout { text += ", timeout = \"\(check.timeout)\"" }
    if check.failures != plain.failures { text += ", failures = \(check.failures)" }
    if check.successes != plain.successes { text += ", successes = \(check.successes)" }
    if check.startPeriod != plain.startPeriod {
        text += ", start-period = \"\(check.startPeriod)\""
    }
    return "{ \(text) }"
}

private func table(_ rows: [String]) -> String {
    rows.isEmpty ? "{}" : "{ \(rows.joined(separator: ", ")) }"
}

private func text(of limit: ResourceLimit) -> String {
    func text(_ number: UInt64?) -> String { number.map { "\($0)" } ?? "unlimited" }
    guard limit.soft == limit.hard else {
        return "\(limit.resource.rawValue) = \(quoted("\(text(limit.soft)):\(text(limit.hard))"))"
    }
    return "\(limit.resource.rawValue) = \(limit.soft.map { "\($0)" } ?? quoted("unlimited"))"
}

private func text(of cleanup: RecoverySettings.Cleanup) -> String {
    switch cleanup {
    case .signal(let signal): "{ signal = \(quoted("\(signal)")) }"
    case .command(let words): "{ exec = [\(words.map(quoted).joined(separator: ", "))] }"
    }
}

private func text(of dependency: Dependency) -> String {
    let plain = Dependency(name: dependency.name)
    guard dependency != plain else { return quoted(dependency.name.text) }
    var text = "{ name = \(quoted(dependency.name.text))"
    if dependency.condition != plain.condition {
        text += ", condition = \(quoted(dependency.condition.rawValue))"
    }
    if dependency.onFailure != plain.onFailure {
        text += ", on-failure = \(quoted(dependency.onFailure.rawValue))"
    }
    return text + " }"
}

/// A string of TOML.
private func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": quoted += "\\\""
        case "\\": quoted += "\\\\"
        case "\n": quoted += "\\n"
        case "\t": quoted += "\\t"
        case "\r": quoted += "\\r"
        default: quoted.unicodeScalars.append(scalar)
        }
    }
    return quoted + "\""
}
