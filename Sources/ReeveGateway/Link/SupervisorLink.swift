// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOPosix
internal import ReeveClient
internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The connection to one supervisor, shared by all who ask.
///
/// It is made when somebody asks and made anew when it has broken, so that neither a restart of the
/// supervisor nor its idle limit needs any care. Reading is asked a second time where the connection broke
/// meanwhile; an action never, since it may have been done.
public actor SupervisorLink {
    /// A connection that is up.
    private struct Live: Sendable {
        let channel: any Channel
        let lines: NIOLoopBound<ControlLines>
    }

    private enum Origin: Sendable {
        case socket(SocketLocation)
        /// A connection that was there when the program began. There is no second one.
        case descriptor(Int32)
    }

    private let origin: Origin
    private var hasConnected = false
    private var live: Live?
    /// One attempt to connect, shared by all who ask meanwhile.
    private var connecting: Task<Live, any Error>?

    /// To the supervisor at `socket`; nil looks for it as the command line does: REEVE_SOCKET, then the
    /// usual runtime directories.
    public init(socket: String? = nil) {
        origin = .socket(SocketLocation.current(named: socket))
    }

    /// Over a connection that this process was given, which belongs to the link from then on.
    public init(descriptor: Int32) {
        origin = .descriptor(descriptor)
    }

    /// Whether the supervisor at the other end runs this very process.
    nonisolated var isInherited: Bool {
        if case .descriptor = origin { true } else { false }
    }

    // MARK: - Asking

    /// Everything an answer holds. Throws `LinkFailure`.
    func read(
        _ operation: ControlOperation, within limit: TimeAmount = SupervisorLink.readTimeout
    ) async throws -> [ServerMessage] {
        do {
            return try await ask(operation, within: limit)
        } catch LinkFailure.interrupted {
            return try await ask(operation, within: limit)
        }
    }

    /// Does something, once. Throws `LinkFailure`; a refusal with outcomes comes as an answer.
    func act(
        _ operation: ControlOperation, within limit: TimeAmount
    ) async throws -> ActionAnswer {
        var answer = ActionAnswer()
        for message in try await ask(operation, within: limit) {
            answer.add(message)
        }
        return answer
    }

    private func ask(
        _ operation: ControlOperation, within limit: TimeAmount
    ) async throws -> [ServerMessage] {
        let live = try await connection()
        return try await live.channel.eventLoop.flatSubmit {
            live.lines.value.ask(operation, within: limit)
        }.get()
    }

    /// The parts of an answer that may go on for ever. Whoever stops reading ends it.
    func follow(
        _ operation: ControlOperation
    ) async throws -> AsyncThrowingStream<StreamPart, any Error> {
        let live = try await connection()
        let (stream, parts) = AsyncThrowingStream.makeStream(
            of: StreamPart.self, bufferingPolicy: .bufferingOldest(ControlLines.streamItemsMax))
        let id = try await live.channel.eventLoop.submit {
            live.lines.value.follow(operation, into: parts)
        }.get()
        parts.onTermination = { _ in
            live.channel.eventLoop.execute { live.lines.value.cancel(id) }
        }
        return stream
    }

    /// How long a reading request is waited for.
    static let readTimeout = TimeAmount.seconds(10)

    // MARK: - Connecting

    private func connection() async throws -> Live {
        if let live, live.channel.isActive { return live }
        if let connecting { return try await connecting.value }
        if case .descriptor = origin, hasConnected {
            throw LinkFailure.unreachable("the connection to the supervisor has ended")
        }
        hasConnected = true
        let origin = origin
        let attempt = Task { try await SupervisorLink.connect(to: origin) }
        connecting = attempt
        defer { connecting = nil }
        let made = try await attempt.value
        live = made
        return made
    }

    private static func descriptor(of origin: Origin) async throws -> Int32 {
        switch origin {
        case .descriptor(let descriptor): return descriptor
        case .socket(let location):
            return try await NIOThreadPool.singleton.runIfActive {
                do throws(ClientError) {
                    return try location.connect(timeout: .seconds(2)).release()
                } catch {
                    throw LinkFailure.unreachable(error.message)
                }
            }
        }
    }

    private static func connect(to origin: Origin) async throws -> Live {
        let descriptor = try await descriptor(of: origin)
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .withConnectedSocket(descriptor) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let lines = ControlLines(on: channel)
                    try channel.pipeline.syncOperations.addHandler(lines)
                    return Live(
                        channel: channel,
                        lines: NIOLoopBound(lines, eventLoop: channel.eventLoop))
                }
            }
    }

    /// Connects, and gives an element when that connection has ended.
    func end() async throws -> AsyncStream<Void> {
        let channel = try await connection().channel
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        channel.closeFuture.whenComplete { _ in
            continuation.yield()
            continuation.finish()
        }
        return stream
    }

    /// Ends the connection; what waits fails.
    func close() {
        live?.channel.close(promise: nil)
        live = nil
    }
}
