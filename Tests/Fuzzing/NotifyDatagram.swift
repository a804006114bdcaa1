// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// Any bytes as a datagram of sd_notify(3): what is kept of it is bounded, and stands on one line.
func fuzzNotify(_ bytes: [UInt8]) {
    let message = NotifyMessage(bytes[...])
    // What came before it in a buffer is none of its business.
    let behind = [0, 0x0A] + bytes
    if NotifyMessage(behind.dropFirst(2)) != message { finding("it is read from outside of it") }
    if message.notifications.count > bytes.count / "READY=1".utf8.count {
        finding("more notifications than there is room for")
    }
    for notification in message.notifications {
        switch notification {
        case .status(let words):
            if words.utf8.count > NotifyMessage.statusBytesMax {
                finding("a status of \(words.utf8.count) bytes")
            }
            if words.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
                finding("a control character in a status")
            }
        case .watchdogPeriod(let span), .extendTimeout(let span):
            if span < .zero { finding("a span of \(span)") }
        case .failure(let words):
            if words.isEmpty { finding("an error without words") }
        case .ready, .reloading, .stopping, .watchdog, .watchdogTriggered, .mainProcess: break
        }
    }
    if let pid = message.mainPID, pid.number < 1 { finding("the main pid \(pid)") }
}
