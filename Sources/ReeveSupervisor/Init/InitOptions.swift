// SPDX-License-Identifier: Apache-2.0
//
// What an init was asked for, in the words of tini and of dumb-init. The two agree on nearly all
// letters. Where they do not it is the name that decides: called as `dumb-init` the program gets a
// session of its own and signals go to its whole group; under any other name it gets a group of its
// own, and signals go to it alone, as with tini.

internal import ReeveCore
internal import ReeveLinux

/// What an init was asked for.
struct InitOptions: Equatable {
    /// What to do.
    enum Task: Equatable {
        /// Run the program that begins at this argument.
        case run(at: Int)
        /// Run nothing: reap, and end when asked to. The pause process of a pod.
        case pause
        case help, version, license
        /// The arguments make no sense; a sentence without a full stop.
        case refuse(String)
    }

    var task = Task.help
    var placement = InitProgram.Placement.group
    /// Signals go to the program's whole group.
    var isGroupSignalled = false
    /// What a received signal becomes; nil is swallowed. Those not named stay as they are.
    var rewrites: [Signal: Signal?] = [:]
    /// Exit codes that become 0.
    var forgiven: Set<Int32> = []
    var parentDeath: Signal?
    var warnsOfReaping = false
    /// 0 says nothing, 1 warnings, 2 what happens, 3 everything.
    var verbosity = 1
    /// How long the others have when the main program has ended.
    var grace = Duration.seconds(5)

    /// Reads the arguments behind the name (and behind `init`), and the environment.
    ///
    /// - Parameters:
    ///   - name: the last part of argument 0.
    ///   - arguments: everything, argument 0 included.
    ///   - first: where the options begin.
    ///   - variable: the value of an environment variable.
    init(
        name: String, arguments: [String], from first: Int, variable: (String) -> String?
    ) {
        readEnvironment(isSession: name == "dumb-init", variable)
        var reader = Reader(arguments: arguments, position: first)
        do throws(Refusal) {
            try read(&reader)
        } catch {
            task = .refuse(error.words)
            return
        }
        // A group of its own would be suspended by nobody, and a session has no shell.
        if placement == .session {
            for stop in [Signal.terminalStop, .terminalInput, .terminalOutput]
            where rewrites[stop] == nil {
                rewrites[stop] = .some(.stop)
            }
        }
    }

    private mutating func readEnvironment(isSession: Bool, _ variable: (String) -> String?) {
        switch variable("DUMB_INIT_SETSID") {
        case "0": placement = .shared
        case nil: if isSession { startSession() }
        default: startSession()
        }
        if variable("DUMB_INIT_DEBUG") == "1" { verbosity = 3 }
        if variable("TINI_KILL_PROCESS_GROUP") != nil { isGroupSignalled = true }
        // TINI_SUBREAPER asks for what holds anyway.
        if let level = variable("TINI_VERBOSITY").flatMap({ Int($0) }) { verbosity = level }
        if let grace = variable("REEVE_INIT_GRACE").flatMap(InitOptions.seconds) {
            self.grace = grace
        }
    }

    private mutating func startSession() {
        placement = .session
        isGroupSignalled = true
    }

    // MARK: Arguments

    private mutating func read(_ reader: inout Reader) throws(Refusal) {
        while let argument = reader.next() {
            if argument == "--" {
                reader.position += 1
                break
            }
            guard argument.utf8.first == UInt8(ascii: "-"), argument != "-" else { break }
            reader.position += 1
            if argument.hasPrefix("--") {
                try readLong(String(argument.dropFirst(2)), &reader)
            } else {
                try readLetters(argument.dropFirst(), &reader)
            }
            if case .run = task { continue }
            if task != .help || hasAsked { return }
        }
        guard reader.next() != nil else {
            throw Refusal("no program was named; `reeve init --help` tells how")
        }
        task = .run(at: reader.position)
    }

    /// The help was asked for, and is not what is done for want of anything else.
    private var hasAsked = false

    private mutating func readLetters(
        _ letters: Substring, _ reader: inout Reader
    ) throws(Refusal) {
        var rest = letters
        while let letter = rest.popFirst() {
            switch letter {
            case "s": continue
            case "w": warnsOfReaping = true
            case "g": isGroupSignalled = true
            case "v": verbosity += 1
            case "c": shareGroup()
            case "h": ask(.help)
            case "l", "L": ask(.license)
            case "P": ask(.pause)
            case "V": ask(.version)
            case "e", "p", "r":
                // The value is the rest of the argument, or the next one.
                let value = rest.isEmpty ? reader.take() : String(rest)
                guard let value else { throw Refusal("-\(letter) needs a value") }
                try set(letter, value)
                return
            default:
                throw Refusal("there is no option -\(letter)")
            }
        }
    }

    private mutating func readLong(_ option: String, _ reader: inout Reader) throws(Refusal) {
        let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let inline = parts.count == 2 ? String(parts[1]) : nil
        switch parts[0] {
        case "help": ask(.help)
        case "version": ask(.version)
        case "verbose": verbosity = 3
        case "single-child": shareGroup()
        case "rewrite", "grace":
            guard let value = inline ?? reader.take() else {
                throw Refusal("--\(parts[0]) needs a value")
            }
            try set(parts[0] == "rewrite" ? "r" : "G", value)
        default:
            throw Refusal("there is no option --\(parts[0])")
        }
    }

    private mutating func ask(_ task: Task) {
        self.task = task
        hasAsked = true
    }

    private mutating func shareGroup() {
        placement = .shared
        isGroupSignalled = false
    }

    private mutating func set(_ option: Character, _ value: String) throws(Refusal) {
        switch option {
        case "e":
            guard let code = Int32(value), (0...255).contains(code) else {
                throw Refusal("-e takes an exit code from 0 to 255, not \"\(value)\"")
            }
            forgiven.insert(code)
        case "p":
            guard let signal = Signal(value) else {
                throw Refusal("-p takes a signal, such as SIGKILL, not \"\(value)\"")
            }
            parentDeath = signal
        case "G":
            guard let grace = InitOptions.seconds(value) else {
                throw Refusal("--grace takes whole seconds, at most 86400, not \"\(value)\"")
            }
            self.grace = grace
        default:
            try addRewrite(value)
        }
    }

    private mutating func addRewrite(_ value: String) throws(Refusal) {
        let parts = value.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let from = Signal(String(parts[0])) else {
            throw Refusal(
                "-r takes S:R, a signal and what it becomes, 0 for nothing; not \"\(value)\"")
        }
        if parts[1] == "0" {
            rewrites[from] = .some(nil)
        } else if let to = Signal(String(parts[1])) {
            rewrites[from] = .some(to)
        } else {
            throw Refusal("-r \(value): \"\(parts[1])\" is no signal, and not 0")
        }
    }

    private static func seconds(_ text: String) -> Duration? {
        guard let seconds = Int64(text), (0...86_400).contains(seconds) else { return nil }
        return .seconds(seconds)
    }
}

/// Why the arguments make no sense.
private struct Refusal: Error {
    let words: String

    init(_ words: String) {
        self.words = words
    }
}

/// The arguments, from left to right.
private struct Reader {
    let arguments: [String]
    var position: Int

    func next() -> String? {
        arguments.indices.contains(position) ? arguments[position] : nil
    }

    mutating func take() -> String? {
        guard let argument = next() else { return nil }
        position += 1
        return argument
    }
}

extension Signal {
    /// SIGTSTP.
    static let terminalStop = Signal(number: 20) ?? .stop
    /// SIGTTIN.
    static let terminalInput = Signal(number: 21) ?? .stop
    /// SIGTTOU.
    static let terminalOutput = Signal(number: 22) ?? .stop
    /// SIGWINCH.
    static let windowChange = Signal(number: 28) ?? .stop
}
