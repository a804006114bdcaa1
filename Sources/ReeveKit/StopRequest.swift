// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import Synchronization

/// Whether the program was asked to end, and what is to be cancelled when it is.
final class StopRequest: Sendable {
    private struct State {
        /// The first that came.
        var signal: Signal?
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// The signal that asked; nil where none has.
    var signal: Signal? { state.withLock { $0.signal } }
    var isRequested: Bool { signal != nil }

    /// False where it was asked before.
    func request(by signal: Signal) -> Bool {
        let (isFirst, cancel) = state.withLock { state in
            guard state.signal == nil else { return (false, nil as (@Sendable () -> Void)?) }
            state.signal = signal
            return (true, state.cancel)
        }
        cancel?()
        return isFirst
    }

    /// Carries out the body in a task that is cancelled when the program is asked to end, or was. One at a time.
    func heeded<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let task = Task.detached(operation: body)
        let isLate = state.withLock { state in
            state.cancel = { task.cancel() }
            return state.signal != nil
        }
        if isLate { task.cancel() }
        defer { state.withLock { $0.cancel = nil } }
        return try await task.value
    }
}
