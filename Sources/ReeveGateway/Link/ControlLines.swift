// SPDX-License-Identifier: Apache-2.0
//
// The supervisor's lines, on the connection's event loop. Many requests share the connection, each with an
// id of its own; a line finds whoever waits for it. What is kept for one is bounded: a whole answer by the
// supervisor's own pages, a stream by `streamItemsMax`, beyond which its reader has lost it.

internal import NIOCore
internal import ReeveControl
internal import ReeveCore

/// One part of a stream.
enum StreamPart: Sendable {
    case body(ServerMessage.Body)
    /// Nothing has come for a while; the reader may look whether anybody still listens.
    case quiet
}

/// Sends requests and hands each line to whoever waits for it. Lives on its channel's event loop.
final class ControlLines: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Parts that wait for the reader of a stream.
    static let streamItemsMax = 8_192
    /// Bytes of one whole answer; 10,000 schedulers take some 15 MB.
    static let answerBytesMax = 256 << 20
    /// How often a stream without news says so.
    static let quietInterval = TimeAmount.seconds(15)

    private enum Waiting {
        case whole(EventLoopPromise<[ServerMessage]>, received: [ServerMessage], bytes: Int)
        case stream(AsyncThrowingStream<StreamPart, any Error>.Continuation)
    }

    private let channel: any Channel
    private var waiting: [UInt64: Waiting] = [:]
    private var nextID: UInt64 = 1
    private var received = ByteBuffer()
    /// Bytes of `received` that are known to hold no line break.
    private var searched = 0
    private var beat: Scheduled<Void>?
    /// Why the connection ends, as the supervisor said it.
    private var farewell: String?

    init(on channel: any Channel) {
        self.channel = channel
    }

    // MARK: - Asking

    /// Asks for an answer that ends. It fails after `limit`; whatever comes later is passed over.
    func ask(
        _ operation: ControlOperation, within limit: TimeAmount
    ) -> EventLoopFuture<[ServerMessage]> {
        let promise = channel.eventLoop.makePromise(of: [ServerMessage].self)
        let id = take(.whole(promise, received: [], bytes: 0))
        let timer = channel.eventLoop.assumeIsolated().scheduleTask(in: limit) {
            guard self.waiting.removeValue(forKey: id) != nil else { return }
            promise.fail(LinkFailure.timedOut)
        }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        send(operation, id)
        return promise.futureResult
    }

    /// Asks for an answer that may go on for ever, and returns its number for `cancel`.
    func follow(
        _ operation: ControlOperation,
        into parts: AsyncThrowingStream<StreamPart, any Error>.Continuation
    ) -> UInt64 {
        let id = take(.stream(parts))
        if beat == nil {
            scheduleBeat()
        }
        send(operation, id)
        return id
    }

    /// Ends a stream; nothing is done where it has ended already.
    func cancel(_ id: UInt64) {
        guard case .stream(let parts)? = waiting.removeValue(forKey: id) else { return }
        parts.finish()
        endStream(id)
    }

    private func take(_ one: Waiting) -> UInt64 {
        let id = nextID
        nextID += 1
        waiting[id] = one
        return id
    }

    private func send(_ operation: ControlOperation, _ id: UInt64) {
        var line: [UInt8] = []
        ControlEncoder.request(
            ControlRequest(id: RequestID(id), operation: operation), to: &line)
        channel.writeAndFlush(channel.allocator.buffer(bytes: line), promise: nil)
    }

    /// Tells the supervisor that nobody reads a stream any more.
    private func endStream(_ id: UInt64) {
        let own = nextID
        nextID += 1
        send(.cancel(request: RequestID(id)), own)
        stopBeatWithoutStreams()
    }

    private func scheduleBeat() {
        beat = channel.eventLoop.assumeIsolated().scheduleTask(in: ControlLines.quietInterval) {
            self.tellQuiet()
            self.scheduleBeat()
        }
    }

    private func tellQuiet() {
        for case .stream(let parts) in waiting.values { parts.yield(.quiet) }
    }

    private func stopBeatWithoutStreams() {
        let hasStreams = waiting.values.contains { if case .stream = $0 { true } else { false } }
        guard !hasStreams else { return }
        beat?.cancel()
        beat = nil
    }

    // MARK: - The channel

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var chunk = unwrapInboundIn(data)
        received.writeBuffer(&chunk)
        while true {
            let unread = received.readableBytesView
            guard
                let end = unread.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n"))
            else {
                searched = unread.count
                break
            }
            let length = end - unread.startIndex
            let line = received.readBytes(length: length) ?? []
            received.moveReaderIndex(forwardBy: 1)
            searched = 0
            take(line: line)
        }
        received.discardReadBytes()
        guard received.readableBytes <= 2 * ControlLimits.lineBytesMax else {
            farewell = "the supervisor's answer has a line without an end"
            context.close(promise: nil)
            return
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(farewell ?? "the supervisor closed the connection before it had answered")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        farewell = farewell ?? "the connection to the supervisor failed: \(error)"
        context.close(promise: nil)
    }

    private func take(line: [UInt8]) {
        let message: ServerMessage
        do throws(ServerMessageError) {
            message = try ControlDecoder.message(line)
        } catch {
            farewell = error.description
            channel.close(promise: nil)
            return
        }
        guard let id = message.id?.number else {
            // It answers no request: it says why the connection ends.
            if case .failure(let error) = message.body { farewell = error.message }
            return
        }
        switch waiting[id] {
        case .whole(let promise, var messages, let bytes):
            guard bytes + line.count <= ControlLines.answerBytesMax else {
                waiting[id] = nil
                promise.fail(LinkFailure.interrupted("the supervisor's answer is too long"))
                return
            }
            // Taken out first, so that the list is not copied.
            waiting[id] = nil
            messages.append(message)
            if message.hasMore {
                waiting[id] = .whole(promise, received: messages, bytes: bytes + line.count)
            } else {
                promise.succeed(messages)
            }
        case .stream(let parts):
            deliver(message, to: parts, id)
        case nil:
            // Its asker has given up.
            break
        }
    }

    private func deliver(
        _ message: ServerMessage, to parts: AsyncThrowingStream<StreamPart, any Error>.Continuation,
        _ id: UInt64
    ) {
        if case .failure(let error) = message.body {
            waiting[id] = nil
            parts.finish(throwing: LinkFailure.refused(error))
            return stopBeatWithoutStreams()
        }
        if case .dropped = parts.yield(.body(message.body)) {
            waiting[id] = nil
            parts.finish(throwing: LinkFailure.readerTooSlow)
            return endStream(id)
        }
        guard message.hasMore else {
            waiting[id] = nil
            parts.finish()
            return stopBeatWithoutStreams()
        }
    }

    private func fail(_ words: String) {
        beat?.cancel()
        beat = nil
        let all = waiting
        waiting = [:]
        for one in all.values {
            switch one {
            case .whole(let promise, _, _): promise.fail(LinkFailure.interrupted(words))
            case .stream(let parts): parts.finish(throwing: LinkFailure.interrupted(words))
            }
        }
    }
}
