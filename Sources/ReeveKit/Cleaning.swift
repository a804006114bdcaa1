// SPDX-License-Identifier: Apache-2.0

internal import ReeveLinux

/// The scheduler's cleanup, never twice at the same time.
actor Cleaning {
    private let cleanup: @Sendable () async throws -> Void
    private var running: Task<Void, Never>?
    /// It was asked for again while it ran: what came up meanwhile may be left.
    private var isAskedAgain = false

    init(_ cleanup: @escaping @Sendable () async throws -> Void) {
        self.cleanup = cleanup
    }

    /// Begins one, or has the one that runs followed by another.
    func request() {
        guard running == nil else {
            isAskedAgain = true
            return
        }
        running = Task {
            repeat {
                isAskedAgain = false
                await once()
            } while isAskedAgain
            running = nil
        }
    }

    /// The last one, after whichever runs.
    func finish() async {
        isAskedAgain = false
        await running?.value
        await once()
    }

    private func once() async {
        do {
            try await cleanup()
        } catch {
            say("the cleanup failed, and the program goes on: \(error)")
        }
        ResidentMemory.releaseHeap()
    }
}
