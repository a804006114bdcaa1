// SPDX-License-Identifier: Apache-2.0
//
// Reading the configuration again, in a child: this binary in the parser's role. Its output goes to
// memory without a name, which is sealed when it has ended, so that nothing is read that anybody can
// still change. The loop waits for nothing; a child that does not come to an end is killed.

internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// How the child ends, beside 0 for what was read, and what was registered is kept.
package enum ParserFailure: Int32, Sendable {
    /// Its arguments are none that reeve gives.
    case usage = 64
    /// Nothing of the name is registered.
    case unknown = 66
    /// The name is another's.
    case conflict = 69
    /// The system refused.
    case system = 71
    /// What was to be registered, or not any more, could not be kept.
    case notKept = 73
    /// What was read has errors.
    case invalid = 78

    fileprivate var refusal: Reply.Refusal {
        switch self {
        case .usage, .system, .invalid: .configuration
        case .unknown: .unknownScheduler
        case .conflict: .conflict
        case .notKept: .notKept
        }
    }
}

/// At most one reading of the configuration file.
package final class ConfigurationReader {
    /// The value of REEVE_ROLE for the child.
    package static let role = "parser"
    /// How long the child may take: the file may be on a disk that is slow, or not there.
    static let timeout = Duration.seconds(20)
    /// How long it may then take to die: where its disk is gone, SIGKILL waits for it too.
    static let killTimeout = Duration.seconds(5)
    private static let handoverBytesMax = 64 << 20
    private static let wordsBytesMax = 64 << 10
    /// What is said of errors at most; the rest is in the file.
    private static let wordsShownMax = 4_096

    /// The two files that the child writes to.
    private final class Reading {
        let path: String
        let process: ProcessIdentity
        let handover: FileDescriptor
        let words: FileDescriptor
        var deadline: Instant
        var isKilled = false

        init(
            path: String, process: ProcessIdentity, handover: consuming FileDescriptor,
            words: consuming FileDescriptor, deadline: Instant
        ) {
            self.path = path
            self.process = process
            self.handover = handover
            self.words = words
            self.deadline = deadline
        }
    }

    private var reading: Reading?

    init() {}

    /// Starts the child. Returns why that failed, as a sentence; nil where `ended` will tell.
    func begin(
        _ specification: Specification, _ change: RegistrationChange?, _ processes: Processes,
        at now: Instant
    ) -> String? {
        guard var source = ConfigurationSource(of: specification) else {
            return "this reeve was not started from a file"
        }
        source.change = change
        let path = source.path
        guard reading == nil else { return "the configuration is being read already" }
        do {
            let handover = try Memfd.empty(name: "reeve-specification")
            let words = try Memfd.empty(name: "reeve-diagnostics")
            var streams = ChildStreams(
                stdout: .descriptor(try handover.duplicate()),
                stderr: .descriptor(try words.duplicate()))
            if case .register(let registration)? = change {
                streams.stdin = .descriptor(
                    try Memfd.readable(
                        name: "reeve-registration", contents: Array(registration.text.utf8).span))
            }
            let process = try processes.spawnHelper(
                role: ConfigurationReader.role, arguments: source.arguments, streams: streams)
            reading = Reading(
                path: path, process: process, handover: handover, words: words,
                deadline: now + ConfigurationReader.timeout)
            return nil
        } catch {
            return "the process that reads it could not be started: \(error)"
        }
    }

    /// When `timePassed` is due.
    var nextDeadline: Instant? { reading?.deadline }

    /// The child has not come to an end. Returns what becomes of the reading where it cannot be ended
    /// either: it is reaped whenever that is, and no later reading waits for it.
    func timePassed(at now: Instant) -> Event? {
        guard let reading else { return nil }
        guard !reading.isKilled else {
            self.reading = nil
            return .configurationRejected(
                words: "\(reading.path) cannot be read: the process that reads it cannot even be "
                    + "killed, its disk does not answer")
        }
        reading.isKilled = true
        reading.deadline = now + ConfigurationReader.killTimeout
        // ESRCH cannot be: it has not been reaped. Nothing else can go wrong with a child of ours.
        try? Signals.send(.kill, toUnreaped: reading.process.pid)
        return nil
    }

    /// A helper process was reaped. Returns what became of the reading; nil where it was another
    /// process. `warn` gets each warning about the file.
    func ended(_ pid: PID, _ status: ExitStatus, warn: (String) -> Void) -> Event? {
        guard let reading, reading.process.pid == pid else { return nil }
        self.reading = nil
        if reading.isKilled {
            return .configurationRejected(
                words: "reading \(reading.path) took longer than \(ConfigurationReader.timeout)")
        }
        let lines = lines(of: reading)
        guard status == .exited(code: 0) else {
            guard case .exited(let code) = status, let failure = ParserFailure(rawValue: code),
                !lines.isEmpty
            else {
                return .configurationRejected(
                    words: lines.isEmpty
                        ? "the process that reads \(reading.path) ended by \(status)"
                        : lines.joined(separator: "; "))
            }
            return .configurationRejected(
                words: lines.joined(separator: "; "), as: failure.refusal)
        }
        do {
            try Memfd.seal(reading.handover)
            let bytes = try Memfd.readAll(
                reading.handover, max: ConfigurationReader.handoverBytesMax)
            let specification = try Handover.decode(bytes)
            for line in lines { warn(line) }
            return .configurationLoaded(specification)
        } catch {
            return .configurationRejected(words: "what was read cannot be taken over: \(error)")
        }
    }

    private func lines(of reading: Reading) -> [String] {
        // Without its words the exit status tells what there is to tell.
        guard let bytes = try? Memfd.readAll(reading.words, max: ConfigurationReader.wordsBytesMax)
        else { return [] }
        let shown = String(decoding: bytes.prefix(ConfigurationReader.wordsShownMax), as: UTF8.self)
        return shown.split(separator: "\n").map(String.init)
    }
}
