// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import Testing

@testable import ReeveLinux

@Suite struct `Errors` {
    @Test func `an errno has a name and words`() {
        #expect(Errno.noEntry.name == "ENOENT")
        #expect(Errno.noEntry.words == "no such file or directory")
        #expect("\(Errno.accessDenied)" == "permission denied (EACCES)")
        #expect(Errno(73).words == "RFS specific error")
        #expect(Errno(4_711).description == "unknown error (errno 4711)")
    }

    @Test func `the named errnos have the numbers of this machine`() {
        let pairs: [(Errno, Int32)] = [
            (.notPermitted, EPERM), (.noEntry, ENOENT), (.noProcess, ESRCH), (.interrupted, EINTR),
            (.inputOutput, EIO), (.noDeviceOrAddress, ENXIO), (.argumentListTooLong, E2BIG),
            (.notExecutableFormat, ENOEXEC), (.badDescriptor, EBADF), (.noChild, ECHILD),
            (.tryAgain, EAGAIN), (.noMemory, ENOMEM), (.accessDenied, EACCES), (.busy, EBUSY),
            (.exists, EEXIST), (.notDirectory, ENOTDIR), (.isDirectory, EISDIR), (.invalid, EINVAL),
            (.fileTableOverflow, ENFILE), (.tooManyOpenFiles, EMFILE), (.textFileBusy, ETXTBSY),
            (.fileTooLarge, EFBIG), (.noSpace, ENOSPC), (.readOnlyFileSystem, EROFS),
            (.brokenPipe, EPIPE), (.range, ERANGE), (.nameTooLong, ENAMETOOLONG),
            (.notImplemented, ENOSYS), (.tooManyLinks, ELOOP), (.badLibrary, ELIBBAD),
            (.addressInUse, EADDRINUSE), (.connectionAborted, ECONNABORTED),
            (.connectionReset, ECONNRESET), (.connectionRefused, ECONNREFUSED),
        ]
        for (errno, number) in pairs { #expect(errno.code == number) }
    }

    @Test func `a failure says what failed and why`() {
        let failure = SystemFailure("/run/x: cannot be made", .readOnlyFileSystem)
        #expect(failure.description == "/run/x: cannot be made: read-only file system (EROFS)")
        #expect(failure.errno == .readOnlyFileSystem)
    }
}

@Suite struct `Descriptors` {
    @Test func `a pipe is empty, carries bytes, and ends`() throws {
        let ends = try Pipe.make()
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(try ends.readEnd.read(into: &buffer) == nil)
        #expect(try ends.writeEnd.write([1, 2, 3].span) == 3)
        #expect(try ends.readEnd.read(into: &buffer) == 3)
        #expect(buffer == [1, 2, 3, 0, 0, 0, 0, 0])
        let reading = try ends.readEnd.duplicate()
        drop(ends)
        #expect(try ended(reading))
    }

    /// A child that another test is about to start has all our descriptors for a moment.
    private func ended(_ reading: borrowing FileDescriptor) throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1)
        for _ in 0..<10_000 {
            if try reading.read(into: &buffer) == 0 { return true }
            usleep(1_000)
        }
        return false
    }

    private func drop(_ pipe: consuming Pipe) {}

    @Test func `both ends are handed over`() throws {
        let reading = try Pipe.make().split { readEnd, writeEnd throws(Errno) in
            _ = try writeEnd.write([7].span)
            return readEnd
        }
        var buffer = [UInt8](repeating: 0, count: 2)
        #expect(try reading.read(into: &buffer) == 1)
        #expect(try ended(reading))
    }

    @Test func `a value that ends closes its descriptor, one that was released does not`() throws {
        var number: Int32 = -1
        do {
            let descriptor = try FileDescriptor.openForReading("/dev/null")
            number = try descriptor.duplicate().release()
        }
        #expect(fcntl(number, F_GETFD) == FD_CLOEXEC)
        close(number)
        // Not looked at by number afterwards: another test may have got it.
        let ends = try Pipe.make()
        let reading = try ends.readEnd.duplicate()
        drop(ends)
        #expect(try ended(reading))
    }

    @Test func `a descriptor can be kept for an exec`() throws {
        let descriptor = try FileDescriptor.openForReading("/dev/null")
        try descriptor.setKeptOnExec(true)
        #expect(fcntl(descriptor.number, F_GETFD) == 0)
        try descriptor.setKeptOnExec(false)
        #expect(fcntl(descriptor.number, F_GETFD) == FD_CLOEXEC)
    }

    @Test func `what cannot be opened has an errno`() {
        #expect(throws: Errno.noEntry) { _ = try FileDescriptor.openForReading("/nonexistent") }
    }

    @Test func `everything is written, or the reason is thrown`() throws {
        let full = try FileDescriptor.open("/dev/full", flags: O_WRONLY)
        #expect(throws: Errno.noSpace) { try full.writeAll([1].span) }
    }
}

@Suite struct `Waiting` {
    @Test func `a token carries source, slot and generation`() {
        let token = Token(source: 0xAB, slot: 0x1234_5678, generation: 0xFF12_3456)
        #expect(token.source == 0xAB)
        #expect(token.slot == 0x1234_5678)
        #expect(token.generation == 0x12_3456)
        #expect(Token(rawValue: token.rawValue) == token)
        #expect(Token.generation(after: 5) == 6)
        #expect(Token.generation(after: 0xFF_FFFF) == 0)
    }

    @Test func `what is ready comes with its token, again until it is read`() throws {
        let epoll = try Epoll()
        let ends = try Pipe.make()
        let token = Token(source: 5, slot: 17, generation: 3)
        try epoll.add(ends.readEnd, token: token, interest: .readable)
        #expect(try collect(epoll, until: .zero).isEmpty)
        _ = try ends.writeEnd.write([1].span)
        for _ in 1...2 {
            let events = try collect(epoll, until: nil)
            #expect(events.map(\.0) == [token])
            #expect(events.map(\.1) == [.readable])
        }
        var buffer = [UInt8](repeating: 0, count: 8)
        _ = try ends.readEnd.read(into: &buffer)
        #expect(try collect(epoll, until: .zero).isEmpty)
    }

    @Test func `a changed interest and a removal count from the next wait`() throws {
        let epoll = try Epoll()
        let ends = try Pipe.make()
        let token = Token(source: 1, slot: 1)
        try epoll.add(ends.writeEnd, token: token, interest: .writable)
        #expect(try collect(epoll, until: .zero).map(\.1) == [.writable])
        try epoll.modify(ends.writeEnd, token: token, interest: [])
        #expect(try collect(epoll, until: .zero).isEmpty)
        try epoll.modify(ends.writeEnd, token: token, interest: .writable)
        epoll.remove(ends.writeEnd)
        epoll.remove(ends.writeEnd)
        #expect(try collect(epoll, until: .zero).isEmpty)
    }

    @Test func `the end of the other side is told without being asked for`() throws {
        let epoll = try Epoll()
        let reading = try Pipe.make().split { readEnd, _ throws(Errno) in readEnd }
        try epoll.add(reading, token: Token(source: 1, slot: 1), interest: [])
        #expect(try collect(epoll, until: nil).map(\.1) == [.closed])
    }

    @Test func `the wait ends at the deadline and not before`() throws {
        let epoll = try Epoll()
        for microseconds: Int64 in [1, 300, 1_500, 20_000] {
            let deadline = Clock.now().monotonic + .microseconds(microseconds)
            #expect(try epoll.wait(until: deadline) { _, _ in } == 0)
            #expect(Clock.now().monotonic >= deadline)
        }
    }

    @Test func `more events than one call carries come with the next`() throws {
        let epoll = try Epoll()
        var seen: Set<UInt32> = []
        // An eventfd would do as well; a pipe with a byte in it stays ready.
        let ends = try Pipe.make()
        _ = try ends.writeEnd.write([1].span)
        var copies: [Holder] = []
        for slot: UInt32 in 0..<300 {
            let holder = Holder(try ends.readEnd.duplicate())
            try epoll.add(
                holder.descriptor, token: Token(source: 1, slot: slot), interest: .readable)
            copies.append(holder)
        }
        for _ in 1...3 {
            let count = try epoll.wait(until: .zero) { token, _ in seen.insert(token.slot) }
            #expect(count <= 128)
        }
        #expect(seen.count == 300)
        for holder in copies { epoll.remove(holder.descriptor) }
    }

    private final class Holder {
        let descriptor: FileDescriptor
        init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
    }

    @Test func `a regular file cannot be waited for`() throws {
        let directory = try TemporaryDirectory()
        let file = try FileDescriptor.openForReading(try directory.write("file", "text"))
        let epoll = try Epoll()
        #expect(throws: Errno.notPermitted) {
            try epoll.add(file, token: Token(source: 1, slot: 1), interest: .readable)
        }
    }

    @Test func `the wall clock's timer goes off at its instant, and waits for the far one`() throws
    {
        let epoll = try Epoll()
        let timer = try WallTimer()
        try epoll.add(timer.descriptor, token: Token(source: 2, slot: 0), interest: .readable)
        let due = Clock.now().wall + .milliseconds(5)
        try timer.arm(at: due)
        #expect(try epoll.wait(until: nil) { _, _ in } == 1)
        #expect(Clock.now().wall >= due)
        timer.acknowledge()
        #expect(try epoll.wait(until: .zero) { _, _ in } == 0)
        try timer.arm(at: WallTime(nanoseconds: -1))
        #expect(try epoll.wait(until: nil) { _, _ in } == 1)
        try timer.arm(at: WallTimer.farAhead)
        #expect(try epoll.wait(until: .zero) { _, _ in } == 0)
    }

    @Test func `the clocks run`() {
        let first = Clock.now()
        let second = Clock.now()
        #expect(second.monotonic >= first.monotonic)
        // 2020-01-01.
        #expect(first.wall.nanoseconds > 1_577_836_800_000_000_000)
        #expect(Clock.sinceBoot() > .zero)
    }

    private func collect(
        _ epoll: Epoll, until deadline: Instant?
    ) throws -> [(Token, PollEvents)] {
        var events: [(Token, PollEvents)] = []
        try epoll.wait(until: deadline) { events.append(($0, $1)) }
        return events
    }
}
