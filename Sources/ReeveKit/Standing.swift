// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Where the program is in its life, and the telling of it.
final class Standing: Sendable {
    enum Phase {
        /// Next: `ready`, `stopping`.
        case starting
        /// Next: `stopping`.
        case ready
        /// The work is over, or was asked to be.
        case stopping
    }

    let notifier: Notifier
    private let current = Mutex(Phase.starting)
    private let follower = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ notifier: Notifier) {
        self.notifier = notifier
    }

    var phase: Phase { current.withLock { $0 } }

    /// What follows readiness; to be said before it comes.
    func whenReady(_ follower: @escaping @Sendable () -> Void) {
        self.follower.withLock { $0 = follower }
    }

    func becomeReady() {
        let isNew = current.withLock { phase in
            guard phase == .starting else { return false }
            phase = .ready
            return true
        }
        guard isNew else { return }
        notifier.send("READY=1")
        follower.withLock { $0 }?()
    }

    func beginStopping() {
        let isNew = current.withLock { phase in
            guard phase != .stopping else { return false }
            phase = .stopping
            return true
        }
        if isNew { notifier.send("STOPPING=1") }
    }
}
