// SPDX-License-Identifier: Apache-2.0

/// A signal, by its Linux number on x86-64 and arm64 (signal(7)); 1 to 64.
package struct Signal: Hashable, Sendable, CustomStringConvertible {
    package let number: Int32

    /// Returns nil for numbers outside 1 to 64.
    package init?(number: Int32) {
        guard (1...64).contains(number) else { return nil }
        self.number = number
    }

    private init(known number: Int32) {
        self.number = number
    }

    /// The signals that reeve names itself.
    package static let hangup = Signal(known: 1)
    package static let interrupt = Signal(known: 2)
    package static let quit = Signal(known: 3)
    package static let abort = Signal(known: 6)
    package static let kill = Signal(known: 9)
    package static let user1 = Signal(known: 10)
    package static let segmentationViolation = Signal(known: 11)
    package static let user2 = Signal(known: 12)
    package static let terminate = Signal(known: 15)
    package static let `continue` = Signal(known: 18)
    package static let stop = Signal(known: 19)
    /// SIGWINCH: without a handler it does nothing.
    package static let windowChange = Signal(known: 28)

    /// Reads "TERM", "SIGTERM", "term", "15", "RTMIN", "RTMIN+3" or "RTMAX-2"; nil for anything else.
    package init?(_ text: String) {
        guard text.utf8.allSatisfy({ $0 < 128 }) else { return nil }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        if let number = Signal.digits(name) {
            self.init(number: number)
            return
        }
        if let index = Signal.names.firstIndex(of: name) {
            self.init(number: Int32(index) + 1)
            return
        }
        if name == "RTMIN" || name == "RTMAX" {
            self.init(known: name == "RTMIN" ? 34 : 64)
            return
        }
        guard name.hasPrefix("RTMIN+") || name.hasPrefix("RTMAX-"),
            let offset = Signal.digits(name.dropFirst(6)), (0...30).contains(offset)
        else { return nil }
        self.init(known: name.hasPrefix("RTMIN+") ? 34 + offset : 64 - offset)
    }

    private static func digits(_ text: some StringProtocol) -> Int32? {
        let areDigits = text.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        return areDigits ? Int32(text) : nil
    }

    /// The name without the prefix: "TERM", "KILL", "RTMIN+3".
    package var shortName: String {
        let index = Int(number) - 1
        if Signal.names.indices.contains(index) { return Signal.names[index] }
        return number < 34 ? "\(number)" : (number == 34 ? "RTMIN" : "RTMIN+\(number - 34)")
    }

    /// "SIGTERM"; also in everything an operator reads.
    package var description: String { "SIG" + shortName }

    /// Numbers 1 to 31, in order.
    package static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ]
}
