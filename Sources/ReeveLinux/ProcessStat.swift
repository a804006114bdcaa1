// SPDX-License-Identifier: Apache-2.0
//
// The texts of /proc, without any file: what they mean, tested with texts of every shape.

package import ReeveCore

/// The state of a process, field 3 of /proc/PID/stat.
package enum ProcessState: UInt8, Hashable, Sendable {
    case running = 0x52  // R
    case sleeping = 0x53  // S
    /// Waits for a device and takes no signal.
    case uninterruptible = 0x44  // D
    /// Ended and not yet reaped.
    case zombie = 0x5A  // Z
    case stopped = 0x54  // T
    case traced = 0x74  // t
    case dead = 0x58  // X
    /// An idle kernel thread.
    case idle = 0x49  // I
    /// A letter of a later kernel.
    case other = 0
}

/// What /proc/PID/stat tells.
package struct ProcessStat: Hashable, Sendable {
    package var pid: PID
    /// The kernel's name for it: at most 15 bytes for a program; control characters replaced.
    package var name: String
    package var state: ProcessState
    /// nil for the first process of a pid namespace and whatever entered the namespace from
    /// outside.
    package var parent: PID?
    /// nil for kernel threads, and where the group's number belongs to another namespace.
    package var group: PID?
    package var session: PID?
    package var threads: Int
    /// Clock ticks from the boot to its start; see `Host.ticksPerSecond`.
    package var startTime: UInt64
    package var resident: Bytes
    /// User and system time, its own and that of the children that it has waited for, in clock ticks.
    package var processorTicks: UInt64 = 0
    /// No where /proc does not show the process: `unseen`.
    package var isSeen = true

    /// Itself, told apart from any later owner of its pid.
    package var identity: ProcessIdentity { ProcessIdentity(pid: pid, startTime: startTime) }
    /// Neither ended nor about to.
    package var isAlive: Bool { state != .zombie && state != .dead }
}

extension ProcessStat {
    /// Reads "PID (NAME) STATE PARENT GROUP SESSION …". The name may contain anything, blanks,
    /// parentheses and line ends too, but no field after it has a parenthesis: the last one ends
    /// it.
    init?(_ text: Span<UInt8>, pid: PID) {
        var (open, close) = (-1, -1)
        for index in text.indices {
            if open < 0, text[index] == UInt8(ascii: "(") { open = index }
            if text[index] == UInt8(ascii: ")") { close = index }
        }
        guard open >= 0, close > open else { return nil }
        self.name = ProcessStat.name(text.extracting((open + 1)..<close))
        self.pid = pid
        var scanner = Scanner(from: close + 1)
        guard let letter = scanner.letter(in: text) else { return nil }
        state = ProcessState(rawValue: letter) ?? .other
        guard let parent = scanner.number(in: text), let group = scanner.number(in: text),
            let session = scanner.number(in: text)
        else { return nil }
        self.parent = ProcessStat.pid(parent)
        self.group = ProcessStat.pid(group)
        self.session = ProcessStat.pid(session)
        // Fields 7 to 13: terminal, flags and faults; 14 to 17: times; 18 and 19: priority and nice.
        for field in 7...19 {
            guard let number = scanner.number(in: text) else { return nil }
            if (14...17).contains(field) { processorTicks &+= number }
        }
        guard let threads = scanner.number(in: text), scanner.number(in: text) != nil,
            let startTime = scanner.number(in: text), scanner.number(in: text) != nil,
            let pages = scanner.number(in: text)
        else { return nil }
        self.threads = Int(clamping: threads)
        self.startTime = startTime
        resident = ProcFS.bytes(pages: pages)
    }

    /// At most 15 bytes for a program, so that the string needs no memory of its own.
    private static func name(_ bytes: Span<UInt8>) -> String {
        let name = unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe String(decoding: bytes, as: UTF8.self)
        }
        let isPlain = name.utf8.allSatisfy { $0 >= 32 && $0 != 127 }
        return isPlain ? name : printable(name)
    }

    private static func pid(_ number: UInt64) -> PID? {
        guard let number = Int32(exactly: number), number > 0 else { return nil }
        return PID(number)
    }
}

/// Reads numbers from a text of the kernel. It is given the text anew each time, and so keeps
/// nothing of it.
struct Scanner {
    private var position: Int

    init(from position: Int = 0) {
        self.position = position
    }

    /// The next decimal number, after blanks; nil where something else comes, or it is too large. A
    /// negative number counts as zero.
    mutating func number(in text: Span<UInt8>) -> UInt64? {
        skipBlanks(in: text)
        let isNegative = position < text.count && text[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        var value: UInt64 = 0
        let start = position
        while position < text.count, case let digit = text[position] &- 0x30, digit < 10 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            value = sum
            position += 1
        }
        guard position > start else { return nil }
        return isNegative ? 0 : value
    }

    /// The next byte that is no blank.
    mutating func letter(in text: Span<UInt8>) -> UInt8? {
        skipBlanks(in: text)
        guard position < text.count else { return nil }
        position += 1
        return text[position - 1]
    }

    private mutating func skipBlanks(in text: Span<UInt8>) {
        while position < text.count, text[position] == 0x20 { position += 1 }
    }
}

/// Finds a variable in blocks of "NAME=VALUE" with a NUL after each, as they come.
struct EnvironmentSearch {
    private let sought: [UInt8]
    private let longest: Int
    private(set) var value: [UInt8]?
    private var entry: [UInt8] = []
    /// The entry that is read cannot be the one.
    private var isOther = false

    init(_ name: String, longest: Int) {
        sought = Array(name.utf8) + [UInt8(ascii: "=")]
        self.longest = longest
    }

    /// Takes the next block; true when the variable was found. What ends without a NUL counts for
    /// nothing: the process may have written over it.
    mutating func feed(_ block: ArraySlice<UInt8>) -> Bool {
        var rest = block
        while let end = rest.firstIndex(of: 0) {
            take(rest[rest.startIndex..<end])
            if !isOther, entry.count >= sought.count {
                value = Array(entry.dropFirst(sought.count))
                return true
            }
            entry.removeAll(keepingCapacity: true)
            isOther = false
            rest = rest[(end + 1)...]
        }
        take(rest)
        return false
    }

    private mutating func take(_ piece: ArraySlice<UInt8>) {
        guard !isOther else { return }
        let known = entry.count
        entry.append(contentsOf: piece.prefix(sought.count + longest + 1 - known))
        let compared = min(entry.count, sought.count)
        isOther =
            entry.count > sought.count + longest
            || !entry.prefix(compared).elementsEqual(sought.prefix(compared))
    }
}
