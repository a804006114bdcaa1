// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import ReeveCore
import ReeveLinux

/// A directory of a test's own; short, since it holds sockets.
struct TemporaryDirectory {
    let path: String

    init() throws {
        path = "/tmp/rvc-\(UUID().uuidString.prefix(13))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// A supervisor that answers by a script, on a thread of its own, one client at a time.
final class ScriptedServer: Sendable {
    /// Gets whole lines without the last newline, and appends what is to be sent.
    typealias Script = @Sendable (ArraySlice<UInt8>, inout [UInt8]) throws -> Void

    let path: String
    private let directory: TemporaryDirectory
    private let stopper: FileDescriptor
    /// Kept open, so that stopping twice is no broken pipe.
    private let stopperEnd: FileDescriptor
    private let hasEnded = DispatchSemaphore(value: 0)

    /// The script is called with each line, or with as many lines at once as are waited for.
    init(
        linesBeforeReply: Int = 1, closesAfterReply: Bool = false, script: @escaping Script
    ) throws {
        directory = try TemporaryDirectory()
        path = directory.path + "/s"
        let listener = try UnixSocket.listen(at: path, mode: 0o600).release()
        let (reader, writer) = try Pipe.make().split { reader, writer throws(Errno) in
            (reader.release(), writer.release())
        }
        stopper = FileDescriptor(owning: writer)
        stopperEnd = FileDescriptor(owning: reader)
        let stopped = try stopperEnd.duplicate().release()
        let ended = hasEnded
        Thread.detachNewThread {
            // Its sockets are closed before the end is told.
            do {
                let thread = ServerThread(
                    listener: listener, stopper: stopped, linesBeforeReply: linesBeforeReply,
                    closesAfterReply: closesAfterReply, script: script)
                try? thread.run()
            }
            ended.signal()
        }
    }

    /// Ends the thread, with its sockets, and removes everything.
    func close() {
        stopListening()
        directory.remove()
    }

    /// Ends the thread, with its sockets; the path stays.
    func stopListening() {
        try? stopper.writeAll([UInt8(1)].span)
        hasEnded.wait()
        hasEnded.signal()
    }
}

private final class ServerThread {
    private final class Client {
        let socket: FileDescriptor
        init(_ socket: consuming FileDescriptor) { self.socket = socket }
    }

    private let listener: FileDescriptor
    private let stopper: FileDescriptor
    private let linesBeforeReply: Int
    private let closesAfterReply: Bool
    private let script: ScriptedServer.Script
    private var client: Client?
    private var received: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 65_536)

    init(
        listener: Int32, stopper: Int32, linesBeforeReply: Int, closesAfterReply: Bool,
        script: @escaping ScriptedServer.Script
    ) {
        self.listener = FileDescriptor(owning: listener)
        self.stopper = FileDescriptor(owning: stopper)
        self.linesBeforeReply = linesBeforeReply
        self.closesAfterReply = closesAfterReply
        self.script = script
    }

    func run() throws {
        let epoll = try Epoll()
        try epoll.add(listener, token: Token(source: 0, slot: 0), interest: .readable)
        try epoll.add(stopper, token: Token(source: 0, slot: 1), interest: .readable)
        while true {
            var ready: Set<UInt32> = []
            try epoll.wait(until: nil) { token, _ in ready.insert(token.slot) }
            if ready.contains(1) { return }
            if ready.contains(0), let socket = try UnixSocket.accept(listener) {
                let new = Client(socket)
                try epoll.add(new.socket, token: Token(source: 0, slot: 2), interest: .readable)
                client = new
                received = []
            } else if ready.contains(2), let client, try !serve(client) {
                epoll.remove(client.socket)
                self.client = nil
            }
        }
    }

    /// Returns false when the connection is over, also where the client went in the middle.
    private func serve(_ client: Client) throws -> Bool {
        do {
            return try converse(client)
        } catch let error as Errno where [.brokenPipe, .connectionReset].contains(error) {
            return false
        }
    }

    private func converse(_ client: Client) throws -> Bool {
        guard let count = try UnixSocket.receive(into: &chunk, from: client.socket) else {
            return true
        }
        if count == 0 { return false }
        received += chunk[..<count]
        while let batch = takeLines() {
            var reply: [UInt8] = []
            try script(batch, &reply)
            var sent = 0
            while sent < reply.count {
                sent +=
                    try UnixSocket.send(
                        reply.span.extracting(sent..<reply.count), to: client.socket) ?? 0
            }
            if closesAfterReply { return false }
        }
        return true
    }

    private func takeLines() -> ArraySlice<UInt8>? {
        var end = received.startIndex
        for _ in 0..<linesBeforeReply {
            guard let newline = received[end...].firstIndex(of: UInt8(ascii: "\n")) else {
                return nil
            }
            end = newline + 1
        }
        let lines = received[..<(end - 1)]
        received = Array(received[end...])
        return lines
    }
}
