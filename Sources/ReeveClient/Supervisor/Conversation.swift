// SPDX-License-Identifier: Apache-2.0
//
// How the asynchronous calls get to the synchronous core. Each has a connection and a thread of its own for as
// long as it takes: waiting for a supervisor is waiting in the kernel, and no thread of Swift's pool may do that.
// Both cost some 100 µs, a restart of the supervisor between two calls needs no care, and a call that waits for
// a slow scheduler keeps no other waiting.

internal import ReeveCore
internal import ReeveLinux
internal import Synchronization

/// A call that can be broken off from another thread.
final class Interruption: Sendable {
    private final class Handle: Sendable {
        let socket: FileDescriptor

        init(_ socket: consuming FileDescriptor) {
            self.socket = socket
        }
    }

    private struct State {
        var isRequested = false
        var handle: Handle?
    }

    private let state = Mutex(State())

    var isRequested: Bool { state.withLock { $0.isRequested } }

    /// Breaks off: what reads from the connection finds its end.
    func request() {
        let handle = state.withLock { state in
            state.isRequested = true
            return state.handle
        }
        if let handle { UnixSocket.shutDown(handle.socket) }
    }

    /// From now on it can be broken off; at once where that was asked for before. Throws where no descriptor
    /// is left.
    func arm(_ client: ControlClient) throws(ClientError) {
        let handle = Handle(try client.duplicateSocket())
        let isLate = state.withLock { state in
            state.handle = handle
            return state.isRequested
        }
        if isLate { UnixSocket.shutDown(handle.socket) }
    }

    /// The connection is no longer needed.
    func disarm() {
        state.withLock { $0.handle = nil }
    }
}

/// How many calls there are at once: a supervisor takes 64 connections of all its clients.
actor CallLimit {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ places: Int) {
        free = places
    }

    /// Waits for a place, in turn.
    func enter() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// The way to one supervisor.
struct Route: Sendable {
    let location: SocketLocation
    let timeout: ReeveCore.Duration
    let limit: CallLimit

    /// Carries out one call on a thread of its own. Throws `SupervisorError`, or `CancellationError` as soon as
    /// the task is cancelled while the answer is waited for; what was asked may then still be done.
    func call<Result: Sendable>(
        _ body: @escaping @Sendable (ControlClient) throws(SupervisorError) -> Result
    ) async throws -> Result {
        await limit.enter()
        do {
            try Task.checkCancellation()
            let result = try await onThread(body)
            await limit.leave()
            return result
        } catch {
            await limit.leave()
            throw error
        }
    }

    private func onThread<Result: Sendable>(
        _ body: @escaping @Sendable (ControlClient) throws(SupervisorError) -> Result
    ) async throws -> Result {
        let interruption = Interruption()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                startThread {
                    do throws(SupervisorError) {
                        continuation.resume(returning: try converse(interruption, body))
                    } catch {
                        continuation.resume(
                            throwing: interruption.isRequested ? CancellationError() : error)
                    }
                } orFail: {
                    continuation.resume(throwing: $0)
                }
            }
        } onCancel: {
            interruption.request()
        }
    }

    /// Connects and carries out the body, on the thread that calls.
    func converse<Result>(
        _ interruption: Interruption,
        _ body: (ControlClient) throws(SupervisorError) -> Result
    ) throws(SupervisorError) -> Result {
        let client = try SupervisorError.wrapping { () throws(ClientError) in
            let client = try ControlClient(to: location, timeout: timeout)
            try interruption.arm(client)
            return client
        }
        defer { interruption.disarm() }
        return try body(client)
    }

    /// Starts the body on a new thread, or fails.
    func startThread(
        _ body: @escaping @Sendable () -> Void, orFail: (SupervisorError) -> Void
    ) {
        do throws(Errno) {
            try BackgroundThread.start(body)
        } catch {
            orFail(SupervisorError(.failed, "the supervisor cannot be asked: no thread: \(error)"))
        }
    }
}

extension SupervisorError {
    /// Carries out what throws the core's error.
    static func wrapping<Result>(
        _ body: () throws(ClientError) -> Result
    ) throws(SupervisorError) -> Result {
        do throws(ClientError) {
            return try body()
        } catch {
            throw SupervisorError(error)
        }
    }
}
