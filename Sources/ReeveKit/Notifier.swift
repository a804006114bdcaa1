// SPDX-License-Identifier: Apache-2.0

internal import ReeveLinux
internal import Synchronization

/// What the program tells its supervisor (sd_notify(3)). Never waits: what the receiver has no room for is kept,
/// of status lines only the last, and sent a little later.
final class Notifier: Sendable {
    private struct Waiting {
        var messages: [String] = []
        var status: String?
        /// A task sends what is kept.
        var isRetrying = false
    }

    private let sender: NotifySender?
    private let waiting = Mutex(Waiting())

    /// nil, and an address that nothing can be sent to: nobody listens.
    init(to address: String?) {
        guard let address else {
            sender = nil
            return
        }
        do {
            sender = try NotifySender(address)
        } catch {
            say("NOTIFY_SOCKET: nothing can be told to the supervisor: \(error)")
            sender = nil
        }
    }

    /// Whether somebody listens.
    var isHeard: Bool { sender != nil }

    /// Sends a message, such as "READY=1".
    func send(_ message: String) {
        send { waiting in
            // A sign of life that was not taken yet is as good as two.
            let isKept = waiting.messages.contains(message)
            if !isKept, waiting.messages.count < Notifier.keptMax {
                waiting.messages.append(message)
            }
        }
    }

    /// Sends a line of at most 256 bytes; control characters become spaces.
    func send(status text: String) {
        let scalars = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }
        var line = ""
        for character in String(String.UnicodeScalarView(scalars)) {
            guard line.utf8.count + character.utf8.count <= 256 else { break }
            line.append(character)
        }
        send { $0.status = "STATUS=" + line }
    }

    private func send(_ change: (inout Waiting) -> Void) {
        let mustRetry = waiting.withLock { waiting in
            change(&waiting)
            guard !flush(&waiting), !waiting.isRetrying else { return false }
            waiting.isRetrying = true
            return true
        }
        if mustRetry { Task(priority: .high) { await retry() } }
    }

    private func retry() async {
        var isDone = false
        while !isDone {
            // The receiver is woken by what fills its queue. A task that is cancelled goes on at once, and
            // this one is cancelled by nobody.
            try? await Task.sleep(for: .milliseconds(20))
            isDone = waiting.withLock { waiting in
                waiting.isRetrying = !flush(&waiting)
                return !waiting.isRetrying
            }
        }
    }

    /// True when nothing is left.
    private func flush(_ waiting: inout Waiting) -> Bool {
        while let message = waiting.messages.first ?? waiting.status {
            guard hasSent(message) else { return false }
            if waiting.messages.isEmpty {
                waiting.status = nil
            } else {
                waiting.messages.removeFirst()
            }
        }
        return true
    }

    private func hasSent(_ message: String) -> Bool {
        guard sender != nil else { return true }
        do {
            return try sender?.send(message) ?? true
        } catch {
            // Nobody receives at the moment, or not this. A later sign of life says so by itself: by its absence.
            return true
        }
    }

    private static let keptMax = 16
}
