// SPDX-License-Identifier: Apache-2.0
//
// What the supervisor hands to a launcher, in sealed memory: fields one after the other, each a letter, its
// bytes and a NUL. Nothing that goes to a program can contain a NUL, and an environment need not be
// text, so nothing is escaped.

internal import ReeveCore
internal import ReeveLinux

/// Everything that a launcher has to know.
struct LaunchOrder: Equatable {
    /// "web"; for messages.
    var scheduler: String
    /// Program and arguments.
    var arguments: [String]
    /// "NAME=VALUE" each, as the program gets them but for what the launcher reads.
    var environment: [[UInt8]]
    var workingDirectory: String?
    var settings: LaunchSettings
    /// With `$CREDENTIALS_DIRECTORY` replaced.
    var secrets: [Secret] { settings.secrets }

    init(
        scheduler: String, arguments: [String], environment: [[UInt8]], workingDirectory: String?,
        settings: LaunchSettings
    ) {
        self.scheduler = scheduler
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.settings = settings
    }

    // MARK: Writing

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        func put(_ letter: Character, _ value: [UInt8]) {
            bytes.append(letter.asciiValue ?? 0)
            bytes += value
            bytes.append(0)
        }
        func put(_ letter: Character, _ text: String) { put(letter, Array(text.utf8)) }
        put("S", scheduler)
        for argument in arguments { put("A", argument) }
        for entry in environment { put("E", entry) }
        if let workingDirectory { put("D", workingDirectory) }
        if let user = settings.user {
            put("u", "\(user.number)")
            put("n", user.name ?? "")
            put("g", "\(user.group)")
            for group in user.groups { put("G", "\(group)") }
        }
        if let group = settings.group {
            put("r", "\(group.number)")
            put("R", group.name ?? "")
        }
        if let umask = settings.umask { put("m", "\(umask)") }
        if let nice = settings.nice { put("i", "\(nice)") }
        if let score = settings.oomScoreAdjustment { put("o", "\(score)") }
        for limit in settings.limits {
            put("l", limit.resource.rawValue)
            put("s", "\(limit.soft ?? .max)")
            put("h", "\(limit.hard ?? .max)")
        }
        for file in settings.environmentFiles { put(file.mayBeMissing ? "f" : "F", file.path) }
        for secret in settings.secrets {
            put("k", secret.name)
            put("p", secret.path)
        }
        return bytes
    }

    // MARK: Reading

    /// nil where it is not what `encoded` gives.
    init?(_ bytes: [UInt8]) {
        var order = LaunchOrder(
            scheduler: "", arguments: [], environment: [], workingDirectory: nil,
            settings: LaunchSettings())
        guard bytes.last == 0 else { return nil }
        for field in bytes.dropLast().split(separator: 0, omittingEmptySubsequences: false) {
            guard let letter = field.first, order.take(Character(UnicodeScalar(letter)), field)
            else { return nil }
        }
        guard !order.arguments.isEmpty else { return nil }
        self = order
    }

    private mutating func take(_ letter: Character, _ field: ArraySlice<UInt8>) -> Bool {
        let value = Array(field.dropFirst())
        let text = String(decoding: value, as: UTF8.self)
        switch letter {
        case "S": scheduler = text
        case "A": arguments.append(text)
        case "E": environment.append(value)
        case "D": workingDirectory = text
        case "F": settings.environmentFiles.append(EnvironmentFile(path: text))
        case "f":
            settings.environmentFiles.append(EnvironmentFile(path: text, mayBeMissing: true))
        case "k": settings.secrets.append(Secret(name: text, path: ""))
        case "p":
            guard !settings.secrets.isEmpty else { return false }
            settings.secrets[settings.secrets.count - 1].path = text
        case "l":
            guard let resource = ResourceLimit.Resource(rawValue: text) else { return false }
            settings.limits.append(ResourceLimit(resource, soft: nil, hard: nil))
        case "n": settings.user?.name = text.isEmpty ? nil : text
        case "R": settings.group?.name = text.isEmpty ? nil : text
        default: return takeNumber(letter, text)
        }
        return true
    }

    private mutating func takeNumber(_ letter: Character, _ text: String) -> Bool {
        let last = settings.limits.count - 1
        switch letter {
        case "u":
            guard let number = UInt32(text) else { return false }
            settings.user = UserAccount(name: nil, number: number, group: number)
        case "g":
            guard let number = UInt32(text) else { return false }
            settings.user?.group = number
        case "G":
            guard let number = UInt32(text) else { return false }
            settings.user?.groups.append(number)
        case "r":
            guard let number = UInt32(text) else { return false }
            settings.group = GroupAccount(name: nil, number: number)
        case "m":
            guard let mask = UInt32(text) else { return false }
            settings.umask = mask
        case "i":
            guard let nice = Int32(text) else { return false }
            settings.nice = nice
        case "o":
            guard let score = Int32(text) else { return false }
            settings.oomScoreAdjustment = score
        case "s", "h":
            guard let number = UInt64(text), last >= 0 else { return false }
            let limit = number == .max ? nil : number
            if letter == "s" {
                settings.limits[last].soft = limit
            } else {
                settings.limits[last].hard = limit
            }
        default: return false
        }
        return true
    }
}

extension UserAccount {
    /// "nobody (65534)", or the number alone.
    var label: String { name.map { "\($0) (\(number))" } ?? "\(number)" }
}

extension GroupAccount {
    /// "staff (50)", or the number alone.
    var label: String { name.map { "\($0) (\(number))" } ?? "\(number)" }
}
