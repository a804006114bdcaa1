// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveTestSupport
import Testing

@testable import ReeveLinux

@Suite struct `Standard streams` {
    private let chunk = [UInt8](repeating: 0x2E, count: 10_000)

    /// Writes until there is no room; the number of bytes.
    private func fill(_ stream: borrowing StandardStream) throws -> Int {
        var total = 0
        while let count = try stream.write(chunk.span), total < 10_000_000 { total += count }
        return total
    }

    private func isNonblocking(_ number: Int32) -> Bool { fcntl(number, F_GETFL) & O_NONBLOCK != 0 }

    @Test func `a pipe is opened anew and never waits, while those who share it still would`()
        throws
    {
        let ends = try Pipe.make()
        let stream = try StandardStream(number: ends.writeEnd.number)
        #expect(stream.method == .reopened as StandardStream.Method?)
        #expect(isNonblocking(stream.descriptor.number))
        #expect(!isNonblocking(ends.writeEnd.number))
        let total = try fill(stream)
        #expect(total >= 4_096)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        #expect(try ends.readEnd.read(into: &buffer) == min(total, 65_536))
        #expect(try stream.write(chunk.span) == 10_000)
        let epoll = try Epoll()
        try epoll.add(stream.descriptor, token: Token(source: 1, slot: 1), interest: .writable)
        #expect(try epoll.wait(until: .zero) { _, _ in } == 1)
        epoll.remove(stream.descriptor)
    }

    @Test func `a pipe that nobody reads is an error`() async {
        await #expect(processExitsWith: .success) {
            try Signals.prepare()
            let writing = try Pipe.make().split { _, writeEnd throws(Errno) in writeEnd }
            let stream = try StandardStream(number: writing.number)
            #expect(throws: Errno.brokenPipe) { _ = try stream.write([1].span) }
        }
    }

    @Test(.needsRoot) func `another user's pipe is asked before each write`() async {
        await #expect(processExitsWith: .success) {
            let ends = try Pipe.make()
            #expect(setuid(54_321) == 0)
            let stream = try StandardStream(number: ends.writeEnd.number)
            #expect(stream.method == .polled as StandardStream.Method?)
            let chunk = [UInt8](repeating: 1, count: 10_000)
            var total = 0
            while let count = try stream.write(chunk.span) {
                #expect(count <= 4_096)
                total += count
            }
            #expect(total >= 4_096)
            var buffer = [UInt8](repeating: 0, count: 8_192)
            #expect(try ends.readEnd.read(into: &buffer) == 8_192)
            #expect(try stream.write(chunk.span) == 4_096)
        }
    }

    @Test func `a file is written where those who share it left off`() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("log", "")
        let file = try FileDescriptor.open(path, flags: O_WRONLY)
        let stream = try StandardStream(number: file.number)
        #expect(stream.method == .file as StandardStream.Method?)
        try file.writeAll(Array("one ".utf8).span)
        #expect(try stream.write(Array("two ".utf8).span) == 4)
        try file.writeAll(Array("three".utf8).span)
        var buffer = [UInt8](repeating: 0, count: 100)
        let count = try FileDescriptor.openForReading(path).read(into: &buffer)
        #expect(String(decoding: buffer.prefix(count ?? 0), as: UTF8.self) == "one two three")
    }

    @Test func `a socket is not waited for`() throws {
        let pair = try UnixSocket.pair()
        let stream = try StandardStream(number: pair.first.number)
        #expect(stream.method == .socket as StandardStream.Method?)
        #expect(try fill(stream) > 0)
        #expect(!isNonblocking(pair.first.number))
        var buffer = [UInt8](repeating: 0, count: 1_000_000)
        #expect(try UnixSocket.receive(into: &buffer, from: pair.second) ?? 0 > 0)
        while try UnixSocket.receive(into: &buffer, from: pair.second) != nil {}
        #expect(try stream.write(chunk.span) == 10_000)
    }

    @Test func `a terminal is opened anew without becoming ours`() throws {
        let control = try FileDescriptor.open("/dev/ptmx", flags: O_RDWR | O_NOCTTY)
        // TIOCSPTLCK unlocks the other side, TIOCGPTN tells its number.
        var (unlocked, number): (Int32, UInt32) = (0, 0)
        try #require(unsafe ioctl(control.number, 0x4004_5431, &unlocked) == 0)
        try #require(unsafe ioctl(control.number, 0x8004_5430, &number) == 0)
        let path = "/dev/pts/\(number)"
        let terminal = try FileDescriptor.open(path, flags: O_RDWR | O_NOCTTY)
        let stream = try StandardStream(number: terminal.number)
        #expect(stream.method == .reopened as StandardStream.Method?)
        #expect(try fill(stream) > 0)
        #expect(!isNonblocking(terminal.number))
        #expect(isNonblocking(stream.descriptor.number))
    }

    @Test func `closed standard streams are filled before anything gets their numbers`() async {
        await #expect(processExitsWith: .success) {
            let saved = fcntl(2, F_DUPFD_CLOEXEC, 100)
            for number: Int32 in 0...2 { close(number) }
            try StandardStreams.fillGaps()
            let next = try FileDescriptor.openForReading("/dev/null")
            let outcome = next.number
            let output = try StandardStream(.output)
            let taken = try output.write([1].span)
            dup2(saved, 2)
            #expect(outcome > 2)
            #expect(taken == 1)
            #expect(!StandardStreams.isTerminal(.output))
        }
    }

    @Test func `a closed stream is an error`() {
        #expect(throws: Errno.badDescriptor) { _ = try StandardStream(number: 999_999) }
    }
}
