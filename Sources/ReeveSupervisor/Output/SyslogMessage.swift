// SPDX-License-Identifier: Apache-2.0
//
// What syslog(3) sends: "<86>Nov 25 21:00:01 CRON[42]: text" (RFC 3164, as glibc, musl and busybox write
// it). The number is eight times the facility and the severity. The time is of the second of sending and
// without a zone: reeve's own time takes its place. Anything may be sent; what has no such beginning is
// all text, with user.notice, as RFC 3164 has it.

internal import ReeveCore

/// One message, taken apart.
struct SyslogMessage: Equatable {
    /// 0 to 23.
    let facility: UInt8
    /// 0, the most severe, to 7.
    let severity: UInt8
    /// Who and what; without line breaks at its end.
    let text: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while let last = rest.last, last == 0 || last == UInt8(ascii: "\n") { rest.removeLast() }
        let number = SyslogMessage.takeNumber(from: &rest)
        facility = (number ?? 13) / 8
        severity = (number ?? 13) % 8
        if number != nil { SyslogMessage.dropTime(from: &rest) }
        text = rest
    }

    /// "cron.info".
    var origin: String {
        let names = SyslogMessage.facilities
        let name = names.indices.contains(Int(facility)) ? names[Int(facility)] : "\(facility)"
        return "\(name).\(SyslogMessage.severities[Int(severity)])"
    }

    /// What that severity is in reeve's own log.
    var level: SupervisorSettings.LogLevel {
        switch severity {
        case 0...3: .error
        case 4: .warning
        case 5, 6: .info
        default: .debug
        }
    }

    /// "<0>" to "<191>" in front; nil, and nothing taken, where there is none.
    private static func takeNumber(from rest: inout ArraySlice<UInt8>) -> UInt8? {
        guard rest.first == UInt8(ascii: "<"),
            let end = rest.prefix(5).firstIndex(of: UInt8(ascii: ">"))
        else { return nil }
        let digits = rest[(rest.startIndex + 1)..<end]
        guard (1...3).contains(digits.count), digits.allSatisfy(isDigit),
            let number = UInt8(String(decoding: digits, as: UTF8.self)), number <= 191
        else { return nil }
        rest = rest[(end + 1)...]
        return number
    }

    /// "Nov 25 21:00:01 ": fifteen characters and a blank.
    private static func dropTime(from rest: inout ArraySlice<UInt8>) {
        let time = Array(rest.prefix(16))
        guard time.count == 16, months.contains(Array(time[0..<3])) else { return }
        let blanks = [3, 6, 15].allSatisfy { time[$0] == UInt8(ascii: " ") }
        let colons = [9, 12].allSatisfy { time[$0] == UInt8(ascii: ":") }
        let digits = [5, 7, 8, 10, 11, 13, 14].allSatisfy { isDigit(time[$0]) }
        let day = time[4] == UInt8(ascii: " ") || isDigit(time[4])
        guard blanks, colons, digits, day else { return }
        rest = rest.dropFirst(16)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ].map { Array($0.utf8) }
    private static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3",
        "local4", "local5", "local6", "local7",
    ]
    private static let severities = [
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
    ]
}
