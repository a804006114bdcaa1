// SPDX-License-Identifier: Apache-2.0
//
// What the supervisor and the scribe tell each other, over a socket of their own. A message is its length
// (4 bytes), a letter, the number of the file (4 bytes, 0 for a bundle) and what the letter stands for; all numbers
// have their lowest byte first. Neither side believes the other: what cannot be read ends the connection.

internal import ReeveLinux

/// How a log file is kept.
struct LogFileSettings: Equatable {
    /// Absolute.
    var path: String
    /// In bytes; nil: never rotated here.
    var maxSize: Int64?
    /// With the one that is written; at least 1.
    var maxFiles = 10
    /// Whether its directory is reeve's own, and made where it is missing.
    var makesDirectory = false
}

/// What keeps a log file from being kept.
struct LogTrouble: Equatable {
    enum Step: UInt8, CaseIterable {
        /// It cannot be opened.
        case open = 1
        /// It cannot be written.
        case write
        /// It cannot be renamed, and grows on.
        case rotate
        /// Its disk does not say that it has it.
        case synchronise
    }

    var step: Step
    var errno: Errno
}

/// What the supervisor asks of the scribe.
enum ScribeRequest: Equatable {
    /// This is the file of that number from now on.
    case file(UInt32, LogFileSettings)
    /// Bytes that follow those before `position`, counted over the life of the supervisor.
    case write(UInt32, position: UInt64, bytes: [UInt8])
    /// Something to be kept beside the log files.
    case bundle(Bundle)
}

/// What the scribe answers: to `write` `written` or `failed`, to `bundle` `kept`, exactly once.
enum ScribeAnswer: Equatable {
    /// What is before `position` is in the file.
    case written(UInt32, position: UInt64)
    /// What is before `position` is in the file; the rest was not taken, and is to be sent again.
    case failed(UInt32, position: UInt64, LogTrouble)
    /// It is written, and something else about it fails; nil: no longer.
    case troubled(UInt32, LogTrouble?)
    /// The bundle is in its file; or it is not, and why.
    case kept(Errno?)
}

/// A message that is none.
struct ScribeFault: Error {}

extension ScribeRequest {
    /// Bytes of one `write` at most.
    static let writeBytesMax = 65_536
    /// The longest message; a path has at most 4,095 bytes.
    static let messageBytesMax = max(writeBytesMax, Bundle.bytesMax) + 8_192

    func append(to bytes: inout [UInt8]) {
        switch self {
        case .file(let number, let settings):
            bytes.appendMessage("F", number) {
                $0.append(UInt64(bitPattern: settings.maxSize ?? -1))
                $0.append(UInt64(clamping: settings.maxFiles))
                $0.append(settings.makesDirectory ? 1 : 0)
                $0.append(contentsOf: settings.path.utf8)
            }
        case .write(let number, let position, let text):
            bytes.appendMessage("W", number) {
                $0.append(position)
                $0.append(contentsOf: text)
            }
        case .bundle(let bundle):
            bytes.appendMessage("B", 0) {
                $0.append(UInt64(clamping: bundle.capacity))
                $0.append(UInt64(clamping: bundle.path.utf8.count))
                $0.append(contentsOf: bundle.path.utf8)
                $0.append(contentsOf: bundle.bytes)
            }
        }
    }

    init(reading message: ArraySlice<UInt8>) throws(ScribeFault) {
        var reader = try MessageReader(message)
        switch reader.letter {
        case UInt8(ascii: "F"):
            let maxSize = Int64(bitPattern: try reader.number())
            guard let maxFiles = Int(exactly: try reader.number()), maxFiles > 0 else {
                throw ScribeFault()
            }
            let makesDirectory = try reader.byte() == 1
            guard let path = String(validating: reader.rest, as: UTF8.self), path.hasPrefix("/")
            else { throw ScribeFault() }
            self = .file(
                reader.file,
                LogFileSettings(
                    path: path, maxSize: maxSize < 0 ? nil : maxSize, maxFiles: maxFiles,
                    makesDirectory: makesDirectory))
        case UInt8(ascii: "W"):
            let position = try reader.number()
            self = .write(reader.file, position: position, bytes: Array(reader.rest))
        case UInt8(ascii: "B"):
            guard let capacity = Int(exactly: try reader.number()),
                let length = Int(exactly: try reader.number()), length <= reader.rest.count,
                let path = String(validating: reader.rest.prefix(length), as: UTF8.self),
                path.hasPrefix("/")
            else { throw ScribeFault() }
            self = .bundle(
                Bundle(
                    path: path, capacity: capacity, bytes: Array(reader.rest.dropFirst(length))))
        default: throw ScribeFault()
        }
    }
}

extension ScribeAnswer {
    static let messageBytesMax = 64

    func append(to bytes: inout [UInt8]) {
        switch self {
        case .written(let number, let position):
            bytes.appendMessage("w", number) { $0.append(position) }
        case .failed(let number, let position, let trouble):
            bytes.appendMessage("f", number) {
                $0.append(position)
                $0.append(trouble)
            }
        case .troubled(let number, let trouble):
            bytes.appendMessage("t", number) {
                if let trouble { $0.append(trouble) }
            }
        case .kept(let errno):
            bytes.appendMessage("k", 0) { $0.append(UInt64(clamping: errno?.code ?? 0)) }
        }
    }

    init(reading message: ArraySlice<UInt8>) throws(ScribeFault) {
        var reader = try MessageReader(message)
        switch reader.letter {
        case UInt8(ascii: "w"): self = .written(reader.file, position: try reader.number())
        case UInt8(ascii: "f"):
            let position = try reader.number()
            self = .failed(reader.file, position: position, try reader.trouble())
        case UInt8(ascii: "t"):
            self = .troubled(reader.file, reader.rest.isEmpty ? nil : try reader.trouble())
        case UInt8(ascii: "k"):
            let code = Int32(truncatingIfNeeded: try reader.number())
            self = .kept(code == 0 ? nil : Errno(code))
        default: throw ScribeFault()
        }
        guard reader.rest.isEmpty else { throw ScribeFault() }
    }
}

/// Cuts a stream of bytes into messages.
struct MessageBuffer {
    private var bytes: [UInt8] = []
    private var start = 0

    mutating func append(_ more: ArraySlice<UInt8>) {
        bytes.removeSubrange(..<start)
        start = 0
        bytes.append(contentsOf: more)
    }

    /// The next message without its length; nil until it is whole. Throws where it is longer than `max` bytes.
    mutating func next(max: Int) throws(ScribeFault) -> ArraySlice<UInt8>? {
        let rest = bytes[start...]
        guard rest.count >= 4 else { return nil }
        let length = Int(rest.prefix(4).number)
        guard length <= max else { throw ScribeFault() }
        guard rest.count >= 4 + length else { return nil }
        start += 4 + length
        return rest.dropFirst(4).prefix(length)
    }
}

/// Takes a message apart.
private struct MessageReader {
    let letter: UInt8
    private(set) var file: UInt32 = 0
    private(set) var rest: ArraySlice<UInt8>

    init(_ message: ArraySlice<UInt8>) throws(ScribeFault) {
        guard let letter = message.first, message.count >= 5 else { throw ScribeFault() }
        self.letter = letter
        rest = message.dropFirst()
        file = UInt32(truncatingIfNeeded: try take(4))
    }

    mutating func byte() throws(ScribeFault) -> UInt8 { UInt8(truncatingIfNeeded: try take(1)) }

    mutating func number() throws(ScribeFault) -> UInt64 { try take(8) }

    mutating func trouble() throws(ScribeFault) -> LogTrouble {
        guard let step = LogTrouble.Step(rawValue: try byte()) else { throw ScribeFault() }
        return LogTrouble(step: step, errno: Errno(Int32(truncatingIfNeeded: try take(4))))
    }

    private mutating func take(_ count: Int) throws(ScribeFault) -> UInt64 {
        guard rest.count >= count else { throw ScribeFault() }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count).number
    }
}

extension ArraySlice<UInt8> {
    /// Up to eight bytes, the lowest first.
    fileprivate var number: UInt64 { reversed().reduce(0) { $0 << 8 | UInt64($1) } }
}

extension [UInt8] {
    fileprivate mutating func appendMessage(
        _ letter: Unicode.Scalar, _ file: UInt32, _ body: (inout [UInt8]) -> Void
    ) {
        let begin = count
        append(UInt32(0))
        append(UInt8(ascii: letter))
        append(file)
        body(&self)
        let length = UInt32(truncatingIfNeeded: count - begin - 4)
        for index in 0..<4 {
            self[begin + index] = UInt8(truncatingIfNeeded: length >> (8 * index))
        }
    }

    fileprivate mutating func append<Number: FixedWidthInteger>(_ number: Number)
    where Number: UnsignedInteger {
        for index in 0..<(Number.bitWidth / 8) {
            append(UInt8(truncatingIfNeeded: number >> Number(8 * index)))
        }
    }

    fileprivate mutating func append(_ trouble: LogTrouble) {
        append(trouble.step.rawValue)
        append(UInt32(bitPattern: trouble.errno.code))
    }
}
