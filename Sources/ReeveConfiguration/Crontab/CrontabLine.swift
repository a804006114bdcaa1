// SPDX-License-Identifier: Apache-2.0
//
// One line of a crontab, taken apart as Debian's cron does it (its `load_env` and `load_entry`).

internal import ReeveCore

/// The bytes of a line, and the ways to look at them.
struct CrontabLine {
    /// A setting: `NAME = value`.
    struct Setting: Equatable {
        var name: String
        var value: String
        /// Where the name begins, in bytes.
        var offset: Int
        var isQuoted: Bool
    }

    /// Without line break and without the carriage return before it.
    let bytes: [UInt8]
    /// Where the first byte is that is no blank.
    let start: Int

    init(_ line: ArraySlice<UInt8>) {
        bytes = Array(line)
        start = bytes.firstIndex { !CrontabLine.isBlank($0) } ?? bytes.count
    }

    /// The first byte that is no blank; nil for an empty line.
    var first: UInt8? { start < bytes.count ? bytes[start] : nil }

    func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    func offset(of byte: UInt8) -> Int { bytes.firstIndex(of: byte) ?? 0 }

    /// Whether a carriage return stood before the line break; `SourceText` has cut it off.
    func isCut(from text: [UInt8], lineNumber: Int, _ source: SourceText) -> Bool {
        let end = source.line(lineNumber).endIndex
        return end < text.count && text[end] == UInt8(ascii: "\r")
    }

    /// The words between blanks.
    var words: [Range<Int>] {
        var words: [Range<Int>] = []
        var begin: Int?
        for (index, byte) in bytes.enumerated() {
            if CrontabLine.isBlank(byte) {
                if let first = begin { words.append(first..<index) }
                begin = nil
            } else if begin == nil {
                begin = index
            }
        }
        if let first = begin { words.append(first..<bytes.count) }
        return words
    }

    /// The setting that the line is; nil for anything else.
    var setting: Setting? {
        var index = start
        guard let (name, isNameQuoted) = value(&index, until: UInt8(ascii: "=")) else { return nil }
        skipBlanks(&index)
        guard index < bytes.count, bytes[index] == UInt8(ascii: "="), !name.isEmpty || isNameQuoted
        else { return nil }
        index += 1
        skipBlanks(&index)
        let rest = index
        if let (text, isQuoted) = value(&index, until: nil) {
            skipBlanks(&index)
            if index == bytes.count {
                return Setting(name: name, value: text, offset: start, isQuoted: isQuoted)
            }
        }
        // A quotation mark that does not enclose all of it is a part of the value.
        let end = bytes.lastIndex { !CrontabLine.isBlank($0) }.map { $0 + 1 } ?? rest
        return Setting(
            name: name, value: self.text(rest..<max(rest, end)), offset: start, isQuoted: false)
    }

    /// Reads a word or a quoted text; nil where a quotation mark is not closed. `until` ends a word
    /// besides blanks; nil lets a word have blanks in it.
    private func value(_ index: inout Int, until stop: UInt8?) -> (String, isQuoted: Bool)? {
        guard index < bytes.count else { return ("", false) }
        let quote = bytes[index]
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            guard let end = bytes[(index + 1)...].firstIndex(of: quote) else { return nil }
            defer { index = end + 1 }
            return (text(index + 1..<end), true)
        }
        let begin = index
        if let stop {
            while index < bytes.count, bytes[index] != stop, !CrontabLine.isBlank(bytes[index]) {
                index += 1
            }
            return (text(begin..<index), false)
        }
        let end = bytes.lastIndex { !CrontabLine.isBlank($0) }.map { $0 + 1 } ?? begin
        index = max(begin, end)
        return (text(begin..<index), false)
    }

    private func skipBlanks(_ index: inout Int) {
        while index < bytes.count, CrontabLine.isBlank(bytes[index]) { index += 1 }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }
}

/// The meaning of `%` in a command: the first one that no backslash protects ends it, what follows is
/// its input, and each further one is a line break there.
struct CrontabPercent: Equatable {
    let command: String
    /// Ends with a line break unless it is empty; nil without a `%`.
    let input: String?

    init(_ bytes: [UInt8]) {
        var parts: [[UInt8]] = [[]]
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\\"), index + 1 < bytes.count,
                bytes[index + 1] == UInt8(ascii: "%")
            {
                parts[parts.count - 1].append(UInt8(ascii: "%"))
                index += 2
                continue
            }
            if byte == UInt8(ascii: "%") {
                parts.append([])
            } else {
                parts[parts.count - 1].append(byte)
            }
            index += 1
        }
        command = String(decoding: parts[0], as: UTF8.self)
        guard parts.count > 1 else {
            input = nil
            return
        }
        var text = parts.dropFirst().map { String(decoding: $0, as: UTF8.self) }
            .joined(separator: "\n")
        if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
        input = text
    }
}

/// Names for jobs, from their commands.
struct CrontabNames {
    private var used: Set<String> = []

    /// Words that say how something is run, not what.
    private static let wrappers: Set<String> = [
        "cd", "test", "exec", "nice", "ionice", "nohup", "env", "flock", "timeout", "chronic",
        "run-parts", "sleep", "sh", "bash", "dash", "sudo", "if", "then", "root", "dev", "null",
        "python", "python3", "perl", "php", "ruby", "node", "echo", "true", "command",
    ]
    private static let bytesMax = 50

    /// Names all jobs. One that executes what a job did before has that one's name; then the others, in
    /// the order of the file, get names that are left.
    static func give(to jobs: inout [Crontab.Job], keeping known: [String: [String]]) {
        var names = CrontabNames()
        var known = known
        var isNamed = Array(repeating: false, count: jobs.count)
        if !known.isEmpty {
            for index in jobs.indices {
                let fingerprint = Program(arguments: jobs[index].arguments).fingerprint
                guard let name = known[fingerprint]?.first else { continue }
                known[fingerprint]?.removeFirst()
                guard SchedulerName(name) != nil, names.used.insert(name).inserted else { continue }
                jobs[index].name = name
                isNamed[index] = true
            }
        }
        for index in jobs.indices where !isNamed[index] {
            jobs[index].name = names.name(for: jobs[index].command)
        }
    }

    private mutating func name(for command: String) -> String {
        var base = ""
        for word in command.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == ";" }) {
            if word.hasPrefix("-") || word.contains("=") { continue }
            let last = word.split(separator: "/").last ?? ""
            let candidate = CrontabNames.sanitized(last)
            if base.isEmpty, !candidate.isEmpty { base = candidate }
            let hasLetter = candidate.utf8.contains {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
            }
            if !candidate.isEmpty, hasLetter, !CrontabNames.wrappers.contains(candidate) {
                base = candidate
                break
            }
        }
        if base.isEmpty { base = "job" }
        var name = base
        var number = 1
        while SchedulerName(name) == nil || !used.insert(name).inserted {
            number += 1
            name = "\(base)-\(number)"
        }
        return name
    }

    private static func sanitized(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        for byte in text.lowercased().utf8 where bytes.count < bytesMax {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                bytes.append(byte)
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                if !bytes.isEmpty { bytes.append(byte) }
            default:
                if let last = bytes.last, last != UInt8(ascii: "-") {
                    bytes.append(UInt8(ascii: "-"))
                }
            }
        }
        while let last = bytes.last,
            !(UInt8(ascii: "0")...UInt8(ascii: "z")).contains(last) || last == UInt8(ascii: "_")
        {
            bytes.removeLast()
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
