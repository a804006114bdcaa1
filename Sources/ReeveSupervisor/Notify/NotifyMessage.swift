// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// One datagram of sd_notify(3), read: lines of VARIABLE=VALUE.
struct NotifyMessage: Equatable {
    /// Longest datagram that is looked at, as systemd has it.
    static let bytesMax = 4_096
    /// Bytes of STATUS= that are kept.
    static let statusBytesMax = 256

    var notifications: [Notification] = []
    /// The pid that MAINPID= named last: to be looked at before it becomes a notification.
    var mainPID: PID?
    /// BARRIER=1: the descriptor that came along is to be closed after what came before.
    var isBarrier = false
    /// FDSTORE=1 or FDSTOREREMOVE=1: reeve keeps no descriptors.
    var wantsStore = false
    /// A known variable with a value that it cannot have, or a line that is none.
    var hasGarbage = false

    /// Reads a datagram. Unknown variables are passed over, as every receiver does.
    init(_ bytes: ArraySlice<UInt8>) {
        var bytes = bytes
        // Some senders count the NUL of their string in.
        while bytes.last == 0 { bytes = bytes.dropLast() }
        guard !bytes.isEmpty, !bytes.contains(0) else {
            hasGarbage = true
            return
        }
        for line in bytes.split(separator: 0x0A) {
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else {
                hasGarbage = true
                continue
            }
            let name = String(decoding: line[..<equals], as: UTF8.self)
            take(name, line[line.index(after: equals)...])
        }
    }

    private mutating func take(_ name: String, _ value: ArraySlice<UInt8>) {
        switch name {
        case "STATUS":
            notifications.append(
                .status(PlainText.line(value, max: NotifyMessage.statusBytesMax)))
        case "READY": take(value, .ready)
        case "RELOADING": take(value, .reloading)
        case "STOPPING": take(value, .stopping)
        case "WATCHDOG":
            value.elementsEqual("trigger".utf8)
                ? notifications.append(.watchdogTriggered) : take(value, .watchdog)
        case "WATCHDOG_USEC": take(microseconds(value)) { .watchdogPeriod($0) }
        case "EXTEND_TIMEOUT_USEC": take(microseconds(value)) { .extendTimeout($0) }
        case "ERRNO":
            take(number(value).flatMap { (1..<4_096).contains($0) ? Int32($0) : nil }) {
                .failure(words: Errno($0).description)
            }
        case "MAINPID":
            guard let number = number(value).flatMap({ Int32(exactly: $0) }), number > 0 else {
                hasGarbage = true
                return
            }
            mainPID = PID(number)
        case "BARRIER": isBarrier = isOne(value)
        case "FDSTORE", "FDSTOREREMOVE": wantsStore = wantsStore || isOne(value)
        default: break
        }
    }

    private mutating func take(_ value: ArraySlice<UInt8>, _ notification: Notification) {
        if isOne(value) { notifications.append(notification) } else { hasGarbage = true }
    }

    private mutating func take<Value>(_ value: Value?, _ make: (Value) -> Notification) {
        guard let value else {
            hasGarbage = true
            return
        }
        notifications.append(make(value))
    }

    private func isOne(_ value: ArraySlice<UInt8>) -> Bool { value.elementsEqual("1".utf8) }

    private func number(_ value: ArraySlice<UInt8>) -> Int64? {
        Int64(String(decoding: value, as: UTF8.self)).flatMap { $0 >= 0 ? $0 : nil }
    }

    private func microseconds(_ value: ArraySlice<UInt8>) -> ReeveCore.Duration? {
        // Numbers beyond Int64 are as good as no end.
        if value.count > 18, value.allSatisfy({ (0x30...0x39).contains($0) }) { return .max }
        return number(value).map { .microseconds($0) }
    }
}
