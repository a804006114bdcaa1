// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import Synchronization
import Testing

@testable import ReeveLinux

private struct Missing: Error {}

/// What programs use that reeve runs.
@Suite struct `Programs` {
    @Test func `what is told arrives, by a path and by an abstract name`() throws {
        let directory = try TemporaryDirectory()
        for isAbstract in [false, true] {
            let name = directory.file("notify")
            let socket = try NotifySocket.bind(to: name, isAbstract: isAbstract)
            guard let sender = try NotifySender(isAbstract ? "@" + name : name) else {
                throw Missing()
            }
            let isSent = try sender.send("READY=1\nSTATUS=well")
            #expect(isSent)
            var buffer = [UInt8](repeating: 0, count: 100)
            let length = try Datagrams.receive(socket, into: &buffer)?.length ?? 0
            #expect(
                String(decoding: buffer.prefix(length), as: UTF8.self) == "READY=1\nSTATUS=well")
        }
    }

    @Test func `a full queue is said, a receiver that is not there is an error`() throws {
        let directory = try TemporaryDirectory()
        let name = directory.file("notify")
        guard let sender = try NotifySender(name) else { throw Missing() }
        #expect(throws: Errno.noEntry) { try sender.send("READY=1") }
        let socket = try NotifySocket.bind(to: name, isAbstract: false)
        var sent = 0
        while sent < 100_000, try sender.send("WATCHDOG=1") { sent += 1 }
        #expect(sent > 0 && sent < 100_000)
        var buffer = [UInt8](repeating: 0, count: 100)
        #expect(try Datagrams.receive(socket, into: &buffer)?.length == 10)
        let isSent = try sender.send("WATCHDOG=1")
        #expect(isSent)
    }

    @Test(arguments: ["", "/", "relative", "@", "vsock:2:1"])
    func `what is no address of a socket is none`(address: String) throws {
        let made = try NotifySender(address)
        let isThere = made != nil
        #expect(!isThere)
    }

    @Test func `both sides of an abstract socket know each other, and a name is taken once`() throws
    {
        let name = "reeve-tests/\(getpid())"
        let listener = try AbstractSocket.listen(as: name)
        #expect(throws: Errno.addressInUse) { _ = try AbstractSocket.listen(as: name) }
        let client = try AbstractSocket.connect(to: name)
        let user = try UnixSocket.peer(of: client).user
        #expect(user == Host.user)
        let taken = try UnixSocket.accept(listener)
        let isTaken = taken != nil
        #expect(isTaken)
        #expect(throws: Errno.connectionRefused) { _ = try AbstractSocket.connect(to: name + "?") }
        #expect(throws: Errno.nameTooLong) {
            _ = try AbstractSocket.listen(as: String(repeating: "x", count: 108))
        }
    }

    @Test func `a thread gets no signals`() throws {
        let blocked = Mutex<Bool?>(nil)
        try BackgroundThread.start {
            var mask = sigset_t()
            unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
            let isBlocked = unsafe sigismember(&mask, SIGTERM) == 1
            blocked.withLock { $0 = isBlocked }
        }
        #expect(eventually { blocked.withLock { $0 } != nil })
        #expect(blocked.withLock { $0 } == true)
    }

    @Test func `signals come as something to read, once in a process`() async throws {
        await #expect(processExitsWith: .exitCode(42)) {
            // A shell's background: SIGINT is ignored, and stays so.
            _ = signal(SIGINT, SIG_IGN)
            let relay = try SignalRelay([.terminate, .user1], unlessIgnored: [.interrupt])
            relay.receiveHere()
            for number in [SIGUSR1, SIGINT, SIGTERM] { raise(number) }
            guard try relay.read() == [.user1, .terminate], try relay.read() == [] else { exit(1) }
            do throws(Errno) {
                _ = try SignalRelay([.hangup], unlessIgnored: [])
            } catch {
                if error == .busy { exit(42) }
            }
        }
    }
}
