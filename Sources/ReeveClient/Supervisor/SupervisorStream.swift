// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux
internal import Synchronization

/// Events or lines as they come, until the supervisor ends, or whoever reads does.
///
/// Each iteration is a stream of its own, with a connection of its own. It is read no faster than it is
/// taken: a supervisor keeps what waits for a slow reader for a while, then says what is missing
/// (``StreamGap``), and drops a reader that takes nothing for half a minute. It throws `SupervisorError`, and
/// `CancellationError` in a task that is cancelled.
public struct SupervisorStream<Element: Sendable>: AsyncSequence, Sendable {
    /// Takes one after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let reader: Reader

        init(_ reader: Reader) {
            self.reader = reader
        }

        /// Waits for the next; nil at the end.
        public mutating func next() async throws -> Element? {
            try await reader.queue.next()
        }
    }

    /// Ends the stream with its last user.
    final class Reader: Sendable {
        let queue: StreamQueue<Element>

        init(_ queue: StreamQueue<Element>) {
            self.queue = queue
        }

        deinit { queue.cancel() }
    }

    private let route: Route
    private let body:
        @Sendable (ControlClient, (Element) throws(ClientError) -> Void) throws(ClientError) -> Void

    init(
        _ route: Route,
        _ body:
            @escaping @Sendable (
                ControlClient, (Element) throws(ClientError) -> Void
            ) throws(ClientError) -> Void
    ) {
        self.route = route
        self.body = body
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator {
        let (route, body) = (route, body)
        let queue: StreamQueue<Element>
        do throws(Errno) {
            queue = try StreamQueue()
        } catch {
            let failed = StreamQueue<Element>(
                failing: SupervisorError(.failed, "the stream cannot be read: \(error)"))
            return AsyncIterator(Reader(failed))
        }
        route.startThread {
            do throws(SupervisorError) {
                try route.converse(queue.interruption) { (client) throws(SupervisorError) in
                    try SupervisorError.wrapping { () throws(ClientError) in
                        try body(client) { (element) throws(ClientError) in
                            guard queue.give(element) else {
                                throw ClientError(.failed, "nobody reads any more")
                            }
                        }
                    }
                }
                queue.finish(nil)
            } catch {
                queue.finish(error)
            }
        } orFail: {
            queue.finish($0)
        }
        return AsyncIterator(Reader(queue))
    }
}

/// Where a thread waits until it is woken up.
private final class Parking: Sendable {
    private let pair: SocketPair

    init() throws(Errno) {
        pair = try UnixSocket.pair()
    }

    /// False where nobody can wake it up any more.
    func wait() -> Bool {
        var byte: [UInt8] = [0]
        // An error is like an end: nothing more can be handed over in order.
        return (try? pair.first.read(into: &byte)) == 1
    }

    func wake() {
        let byte: [UInt8] = [1]
        // There is room: at most two are ever sent for each wait.
        _ = try? pair.second.write(byte.span)
    }
}

/// What lies between the thread that reads from the socket and the task that takes. Bounded: a thread that is too
/// far ahead waits at a socket pair, where it can be woken up and cancelled.
final class StreamQueue<Element: Sendable>: Sendable {
    private enum Ending {
        case regular
        case failed(SupervisorError)
    }

    /// What one who takes gets.
    private enum Answer {
        case element(Element)
        case ending(Ending)
        case cancelled
        /// He waits.
        case later
    }

    private struct State {
        var elements: [Element] = []
        var ending: Ending?
        var isCancelled = false
        /// The thread waits until there is room.
        var isParked = false
        /// The task waits for an element.
        var taker: CheckedContinuation<Element?, any Error>?
    }

    let interruption = Interruption()
    private let state = Mutex(State())
    private let parking: Parking?
    private let elementsMax = 64

    /// Throws EMFILE or ENFILE.
    init() throws(Errno) {
        parking = try Parking()
    }

    /// One that has failed before it began.
    init(failing error: SupervisorError) {
        parking = nil
        finish(error)
    }

    // MARK: The thread

    /// Hands over, waiting while there is no room. False where nobody wants it any more.
    func give(_ element: Element) -> Bool {
        let (taker, mustWait, isWanted) = state.withLock { state in
            guard !state.isCancelled else { return (nil as Taker?, false, false) }
            if let taker = state.taker {
                state.taker = nil
                return (taker, false, true)
            }
            state.elements.append(element)
            state.isParked = state.elements.count >= elementsMax
            return (nil, state.isParked, true)
        }
        taker?.resume(returning: element)
        return isWanted && (!mustWait || parking?.wait() == true)
    }

    private typealias Taker = CheckedContinuation<Element?, any Error>

    /// There is no more; nil: as it should be.
    func finish(_ error: SupervisorError?) {
        let taker = state.withLock { state in
            state.ending = state.ending ?? error.map { .failed($0) } ?? .regular
            defer { state.taker = nil }
            return state.taker
        }
        guard let taker else { return }
        if let error { taker.resume(throwing: error) } else { taker.resume(returning: nil) }
    }

    // MARK: The task

    /// Takes the next; nil at the end. One at a time.
    func next() async throws -> Element? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { taker in take(taker) }
        } onCancel: {
            cancel()
        }
    }

    private func take(_ taker: Taker) {
        let (answer, mayGoOn) = state.withLock { state -> (Answer, Bool) in
            if state.isCancelled { return (.cancelled, false) }
            if !state.elements.isEmpty {
                let element = state.elements.removeFirst()
                let mayGoOn = state.isParked && state.elements.count <= elementsMax / 2
                if mayGoOn { state.isParked = false }
                return (.element(element), mayGoOn)
            }
            if let ending = state.ending { return (.ending(ending), false) }
            state.taker = taker
            return (.later, false)
        }
        if mayGoOn { parking?.wake() }
        switch answer {
        case .element(let element): taker.resume(returning: element)
        case .ending(.regular): taker.resume(returning: nil)
        case .ending(.failed(let error)): taker.resume(throwing: error)
        case .cancelled: taker.resume(throwing: CancellationError())
        case .later: break
        }
    }

    /// Ends the thread and whoever waits.
    func cancel() {
        let (isFirst, taker) = state.withLock { state -> (Bool, Taker?) in
            guard !state.isCancelled else { return (false, nil) }
            state.isCancelled = true
            state.elements = []
            defer { state.taker = nil }
            return (true, state.taker)
        }
        // Whoever asks again and again in a task that is cancelled wakes nobody up.
        guard isFirst else { return }
        taker?.resume(throwing: CancellationError())
        interruption.request()
        parking?.wake()
    }
}
