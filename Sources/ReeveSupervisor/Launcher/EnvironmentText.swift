// SPDX-License-Identifier: Apache-2.0
//
// The format of an `env-file`, which is that of systemd's EnvironmentFile= (systemd.exec(5)): lines of
// NAME=VALUE; a line that begins with # or ; is a comment. A value ends with its line, without the blanks at
// its ends. Quotes are quotes where a value, or a further part of it, begins: within '…' everything is as it
// is, within "…" a backslash stands before ", \\, $ and `. Elsewhere a backslash takes the next character as
// it is. At the end of a line it goes on in the next. Nothing is expanded. Unlike systemd, a line that is
// none of these is an error: it has been left out by mistake.

/// The variables of a file.
struct EnvironmentText: Equatable {
    /// Why a file cannot be used. No word of the file is in it: its values may be secrets.
    struct Fault: Error, Equatable {
        /// From 1.
        let line: Int
        let words: String
    }

    struct Variable: Equatable {
        var name: String
        var value: [UInt8]
        /// Where it begins, from 1.
        var line: Int
    }

    /// In the order of the file.
    private(set) var variables: [Variable] = []

    private enum State {
        case beforeName, name, beforeValue, value, escape, single, double, doubleEscape, comment
    }

    private var state = State.beforeName
    private var line = 1
    private var beginLine = 1
    private var name: [UInt8] = []
    private var value: [UInt8] = []
    /// How much of the value is kept when its line ends in blanks.
    private var keptCount = 0

    init(_ bytes: some Sequence<UInt8>) throws(Fault) {
        for byte in bytes {
            if byte == 0 { throw Fault(line: line, words: "it contains a NUL character") }
            try take(byte)
            if byte == UInt8(ascii: "\n") { line += 1 }
        }
        switch state {
        case .single, .double, .doubleEscape:
            throw Fault(line: beginLine, words: "a quote is not closed")
        case .beforeName, .name, .beforeValue, .value, .escape, .comment:
            try take(UInt8(ascii: "\n"))
        }
        if state == .beforeValue || state == .value { try finishValue() }
    }

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private mutating func take(_ byte: UInt8) throws(Fault) {
        let isEnd = EnvironmentText.isLineEnd(byte)
        switch state {
        case .beforeName:
            if isEnd || EnvironmentText.isBlank(byte) { return }
            beginLine = line
            name = []
            if byte == UInt8(ascii: "#") || byte == UInt8(ascii: ";") {
                state = .comment
            } else {
                state = .name
                try take(byte)
            }
        case .comment:
            if isEnd { state = .beforeName }
        case .name:
            if isEnd { throw Fault(line: line, words: "this is neither NAME=VALUE nor a comment") }
            guard byte == UInt8(ascii: "=") else { return name.append(byte) }
            try checkName()
            value = []
            keptCount = 0
            state = .beforeValue
        case .beforeValue: try takeBeforeValue(byte, isEnd: isEnd)
        case .value:
            if isEnd { return try finishValue() }
            if byte == UInt8(ascii: "\\") { return state = .escape }
            value.append(byte)
            if !EnvironmentText.isBlank(byte) { keptCount = value.count }
        case .escape, .single, .double, .doubleEscape: takeQuoted(byte, isEnd: isEnd)
        }
    }

    private mutating func takeBeforeValue(_ byte: UInt8, isEnd: Bool) throws(Fault) {
        if isEnd { return try finishValue() }
        switch byte {
        case UInt8(ascii: "'"): state = .single
        case UInt8(ascii: "\""): state = .double
        case UInt8(ascii: "\\"): state = .escape
        default:
            if EnvironmentText.isBlank(byte) { return }
            state = .value
            try take(byte)
        }
    }

    private mutating func takeQuoted(_ byte: UInt8, isEnd: Bool) {
        switch (state, byte) {
        case (.escape, _):
            state = .value
            if !isEnd { keep(byte) }
        case (.single, UInt8(ascii: "'")), (.double, UInt8(ascii: "\"")): state = .beforeValue
        case (.double, UInt8(ascii: "\\")): state = .doubleEscape
        case (.doubleEscape, _):
            state = .double
            if isEnd { return }
            let isSpecial = Array("\"\\$`".utf8).contains(byte)
            if !isSpecial { keep(UInt8(ascii: "\\")) }
            keep(byte)
        default: keep(byte)
        }
    }

    private mutating func keep(_ byte: UInt8) {
        value.append(byte)
        keptCount = value.count
    }

    private mutating func checkName() throws(Fault) {
        while let last = name.last, EnvironmentText.isBlank(last) { name.removeLast() }
        let isName = name.allSatisfy { byte in
            byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte)
                || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        guard isName, let first = name.first, !(0x30...0x39).contains(first) else {
            let isExport = name.starts(with: "export ".utf8)
            throw Fault(
                line: line,
                words: isExport
                    ? "`export` is a word of the shell, which reads no such file"
                    : "what stands before = is no name of a variable (letters, digits and _)")
        }
    }

    private mutating func finishValue() throws(Fault) {
        variables.append(
            Variable(
                name: String(decoding: name, as: UTF8.self), value: Array(value.prefix(keptCount)),
                line: beginLine))
        state = .beforeName
    }
}
