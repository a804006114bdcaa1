// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveTestSupport
import Testing

@testable import ReeveLinux

@Suite struct `Sockets` {
    private func facts(_ path: String) throws -> FileFacts {
        try FileFacts(checked: path, following: false)
    }

    @Test func `a client connects, both sides speak, and each knows the other`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("control.sock")
        let listener = try UnixSocket.listen(at: path, mode: 0o600)
        #expect(try UnixSocket.accept(listener) == nil)
        let client = try UnixSocket.connect(to: path, timeout: .seconds(10))
        guard let server = try UnixSocket.accept(listener) else {
            Issue.record("nobody waits")
            return
        }
        #expect(
            try UnixSocket.peer(of: server)
                == PeerCredentials(pid: Host.pid, user: Host.user, group: Host.group))
        var own = [gid_t](repeating: 0, count: 65_536)
        let count = unsafe getgroups(Int32(own.count), &own)
        #expect(Set(try UnixSocket.groups(ofPeerOf: server)) == Set(own.prefix(Int(count))))
        try UnixSocket.sendAll(Array("hello".utf8).span, to: client)
        var buffer = [UInt8](repeating: 0, count: 64)
        #expect(try UnixSocket.receive(into: &buffer, from: server) == 5)
        #expect(try UnixSocket.receive(into: &buffer, from: server) == nil)
        #expect(try UnixSocket.send([1, 2].span, to: server) == 2)
        #expect(try client.read(into: &buffer) == 2)
        try UnixSocket.finishSending(client)
        #expect(try UnixSocket.receive(into: &buffer, from: server) == 0)
    }

    @Test func `the socket has the mode that was asked for`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("s")
        for mode: UInt32 in [0o600, 0o660, 0o666] {
            let listener = try UnixSocket.listen(at: path, mode: mode)
            #expect(try facts(path).kind == .socket)
            #expect(try facts(path).mode == mode)
            #expect(listener.number > 2)
        }
    }

    @Test(.needsRoot) func `the socket has another group that was asked for`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("s")
        let listener = try UnixSocket.listen(at: path, mode: 0o660, group: 54_321)
        #expect(try facts(path).group == 54_321)
        #expect(try facts(path).mode == 0o660)
        #expect(listener.number > 2)
    }

    @Test func `a socket of an earlier process is replaced, another file is not`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("s")
        do { _ = try UnixSocket.listen(at: path, mode: 0o600) }
        #expect(try facts(path).kind == .socket)
        #expect(
            words(of: SystemFailure.self) { _ = try UnixSocket.connect(to: path) }
                == "socket \(path): cannot connect: connection refused (ECONNREFUSED)")
        do { _ = try UnixSocket.listen(at: path, mode: 0o600) }
        UnixSocket.remove(path)
        #expect(
            words(of: SystemFailure.self) { _ = try UnixSocket.connect(to: path) }
                == "socket \(path): cannot connect: no such file or directory (ENOENT)")
        try directory.write("s", "precious")
        #expect(
            words(of: SystemFailure.self) { _ = try UnixSocket.listen(at: path, mode: 0o600) }
                == "socket \(path): there is another file at this path")
        UnixSocket.remove(path)
        #expect(try facts(path).kind == .regular)
    }

    @Test func `a path that is too long is refused with its length`() throws {
        let directory = try TemporaryDirectory()
        let room = UnixSocket.pathMax - directory.path.utf8.count - 1
        let longest = directory.file(String(repeating: "x", count: room))
        do { _ = try UnixSocket.listen(at: longest, mode: 0o600) }
        #expect(
            words(of: SystemFailure.self) {
                _ = try UnixSocket.listen(at: longest + "y", mode: 0o600)
            }
                == "socket \(longest)y: the path has 108 bytes, and a socket's at most 107")
        #expect(throws: SystemFailure.self) { _ = try UnixSocket.connect(to: "") }
        #expect(throws: SystemFailure.self) { _ = try UnixSocket.connect(to: "a\0b") }
        let missing = directory.file("no/s")
        #expect(
            words(of: SystemFailure.self) { _ = try UnixSocket.listen(at: missing, mode: 0o600) }
                == "socket \(missing): cannot be made: no such file or directory (ENOENT)")
    }

    @Test func `a peer that does not read makes "no room", one that has gone an error`() throws {
        let pair = try UnixSocket.pair()
        let chunk = [UInt8](repeating: 7, count: 65_536)
        var total = 0
        while let count = try UnixSocket.send(chunk.span, to: pair.first), total < 10_000_000 {
            total += count
        }
        #expect(total > 0)
        #expect(total < 10_000_000)
        let alone = try lonely()
        var buffer = [UInt8](repeating: 0, count: 8)
        // A child that another test is about to start has the other end, too, for a moment.
        while try UnixSocket.receive(into: &buffer, from: alone) == nil { usleep(1_000) }
        #expect(throws: Errno.brokenPipe) { _ = try UnixSocket.send(chunk.span, to: alone) }
        #expect(throws: Errno.brokenPipe) { try UnixSocket.sendAll(chunk.span, to: alone) }
        #expect(try UnixSocket.receive(into: &buffer, from: alone) == 0)
    }

    private func lonely() throws -> FileDescriptor {
        let pair = try UnixSocket.pair()
        return try pair.first.duplicate()
    }

    @Test func `a client does not wait longer than it said`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("s")
        let listener = try UnixSocket.listen(at: path, mode: 0o600, backlog: 0)
        let first = try UnixSocket.connect(to: path, timeout: .milliseconds(20))
        // Nobody accepts, and the queue is full now.
        let message = words(of: SystemFailure.self) {
            for _ in 0..<4 { _ = try UnixSocket.connect(to: path, timeout: .milliseconds(20)) }
        }
        #expect(message == "socket \(path): nobody took the connection in time")
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(try first.read(into: &buffer) == nil)
        #expect(listener.number > 2)
        try UnixSocket.setTimeout(.zero, of: first)
        #expect(try first.read(into: &buffer) == nil)
        try UnixSocket.setTimeout(.max, of: first)
    }
}
