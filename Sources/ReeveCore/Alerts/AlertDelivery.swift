// SPDX-License-Identifier: Apache-2.0
//
// Telling alerts to the command of `exec`. What comes within a second goes together, so that a burst is one
// delivery; there is one at a time, and the next begins at least five seconds after it. What failed is tried again
// with the same alerts, twice, and then given up; what waits is bounded, and the oldest make room for what
// does not fit.

internal import DequeModule

/// What is to be delivered, and how far that is.
struct AlertDelivery: Equatable, Sendable {
    var waiting: Deque<Alert> = []
    /// Some were dropped since the last delivery because too many waited, which has been said.
    var isDropping = false
    /// With the command now, or to be tried again; nothing of it waits any more.
    var current: [Alert] = []
    /// Attempts that `current` has had.
    var attempts = 0
    /// The command that has been started and has not ended.
    var running: CommandID?
    /// When the next delivery is due; nil while nothing waits or one is running.
    var dueAt: Instant?
    var lastEnd: Instant?

    /// There is no command any more. What runs is still answered.
    mutating func close() {
        waiting = []
        dueAt = nil
        if running == nil { current = [] }
    }
}

extension Supervisor {
    /// Puts an alert into the next delivery.
    mutating func queue(_ alert: Alert, _ turn: inout Turn) {
        guard settings.alerts.exec != nil, shutdown == nil else { return }
        if delivery.waiting.count >= Limits.alertsWaitingMax {
            delivery.waiting.removeFirst()
            if !delivery.isDropping {
                turn.record(.alertsDropped(limit: Limits.alertsWaitingMax))
            }
            delivery.isDropping = true
        }
        delivery.waiting.append(alert)
        guard delivery.running == nil, delivery.dueAt == nil else { return }
        let spaced = (delivery.lastEnd ?? turn.now.monotonic) + Limits.alertSpacing
        let gathered = turn.now.monotonic + Limits.alertGathering
        delivery.dueAt = delivery.lastEnd == nil ? gathered : max(gathered, spaced)
    }

    /// Time has come for a delivery, or a further attempt.
    mutating func deliveryTimePassed(_ turn: inout Turn) {
        guard let due = delivery.dueAt, due <= turn.now.monotonic else { return }
        delivery.dueAt = nil
        guard shutdown == nil, let exec = settings.alerts.exec else { return }
        if delivery.current.isEmpty {
            delivery.current = Array(delivery.waiting.prefix(Limits.alertsDeliveredMax))
            delivery.waiting.removeFirst(delivery.current.count)
            delivery.attempts = 0
        }
        guard !delivery.current.isEmpty else { return }
        delivery.isDropping = false
        delivery.attempts += 1
        let command = AuxiliaryCommand(.alert, arguments: exec, timeout: Limits.alertTimeout)
        delivery.running = turn.deliver(delivery.current, by: command)
    }

    /// The alert command has ended.
    mutating func alertsDelivered(_ id: CommandID, _ outcome: CommandOutcome, _ turn: inout Turn) {
        guard delivery.running == id else { return }
        let failure = outcome.failureWords
        delivery.running = nil
        delivery.lastEnd = turn.now.monotonic
        if let failure {
            let isLast =
                delivery.attempts >= Limits.alertAttemptsMax || settings.alerts.exec == nil
            let pause = Limits.alertRetryDelay * Int64(delivery.attempts)
            turn.record(
                .alertDeliveryFailed(
                    words: failure, alerts: delivery.current.count, attempt: delivery.attempts,
                    next: isLast ? nil : pause))
            if !isLast, shutdown == nil {
                delivery.dueAt = turn.now.monotonic + pause
                return
            }
        }
        delivery.current = []
        guard !delivery.waiting.isEmpty, shutdown == nil else { return }
        delivery.dueAt = turn.now.monotonic + Limits.alertSpacing
    }
}

extension Turn {
    /// Has alerts delivered by a command. Its outcome comes in a later turn, in any case.
    fileprivate mutating func deliver(_ alerts: [Alert], by command: AuxiliaryCommand) -> CommandID
    {
        let id = CommandID(sequence.next(at: now.wall))
        effects.append(.deliverAlerts(id, command, alerts))
        newCommands.append((id, .command(command)))
        return id
    }
}

extension CommandOutcome {
    /// What went wrong, with the last of what it wrote; nil: it ended with success.
    fileprivate var failureWords: String? {
        switch self {
        case .ended(.exited(code: 0), output: _): nil
        case .ended(let status, let output): "it ended with \(status)" + saying(output)
        case .timedOut(let output): "it took longer than \(Limits.alertTimeout)" + saying(output)
        case .notStarted(let words, isShortage: _): words
        }
    }

    private func saying(_ output: String) -> String {
        output.isEmpty ? "" : " (\(output.suffix(200)))"
    }
}
