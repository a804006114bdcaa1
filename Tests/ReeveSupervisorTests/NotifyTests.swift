// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveLinux
import ReeveTestSupport
import Testing

@testable import ReeveSupervisor

/// Readers that close things, without processes of their own.
final class Elsewhere {
    private var begun: [(pid: PID, work: ReaderRole.Work, input: SharedDescriptor)] = []
    private var started: Int32 = 0
    private(set) var ended = 0
    /// Throws this instead.
    var failure: SpawnFailure?
    private(set) lazy var discards = Discards { [unowned self] (work, input) throws(SpawnFailure) in
        let input = SharedDescriptor(input)
        if let failure { throw failure }
        started += 1
        begun.append((PID(1_000_000_000 + started), work, input))
        return ProcessIdentity(pid: PID(1_000_000_000 + started), startTime: 1)
    }

    var works: [ReaderRole.Work] { begun.map(\.work) }

    /// The oldest of them does its work and ends; or dies before it has.
    func endOne(at now: Moment = Clock.now(), isKilled: Bool = false) throws {
        let (pid, work, input) = try #require(begun.first)
        begun.removeFirst()
        defer { ended += 1 }
        // Without room for descriptors the kernel closes them, as it would at the end of a process.
        var byte: UInt8 = 0
        if isKilled {
            #expect(discards.ended(pid, .signalled(.kill, coreDumped: false), at: now))
            return
        }
        if work == .close {
            while unsafe recv(input.descriptor.number, &byte, 1, Int32(MSG_DONTWAIT)) >= 0 {}
        }
        if work == .discard {
            #expect(unsafe recv(input.descriptor.number, &byte, 1, Int32(MSG_DONTWAIT)) >= 0)
        }
        #expect(discards.ended(pid, .exited(code: 0), at: now))
    }
}

/// Notify sockets in a directory of their own, and a sender.
private final class NotifyBench {
    let scratch: ScratchDirectory
    let epoll: Epoll
    let sockets: NotifySockets
    /// Plays the readers: what they would end is ended when the test says so.
    let elsewhere = Elsewhere()
    let run: RunID
    private let said: Box
    private(set) var address = ""
    var complaints: [String] { said.sentences }
    /// The pids that were looked for among the run's.
    var looks: [Int32] { said.looks }

    final class Box {
        var sentences: [String] = []
        var looks: [Int32] = []
    }

    init(
        user: UInt32 = Host.user, isAbstract: Bool = false, directory: Bool = true,
        runUser: UInt32? = nil, order: UInt64 = 1
    ) throws {
        // Abstract names are the machine's: another run of these tests has others.
        run = RunID(order: order, origin: UInt64(getpid()))
        scratch = try ScratchDirectory()
        epoll = try Epoll()
        let said = Box()
        self.said = said
        sockets = NotifySockets(
            epoll: epoll, discards: elsewhere.discards, directory: directory ? scratch.path : nil,
            ownUser: user,
            member: { pid, _ in
                said.looks.append(pid.number)
                return pid.number == 77 ? ProcessIdentity(pid: pid, startTime: 5) : nil
            },
            say: { _, _, sentence in said.sentences.append(sentence) })
        var specification = SchedulerSpecification(
            name: name("web"), program: Program(arguments: ["x"]))
        if let runUser {
            specification.program.launch.user = UserAccount(
                name: nil, number: runUser, group: runUser)
        }
        specification.notify.socket = isAbstract ? .abstract : .path
        address = try sockets.open(run, specification)
    }

    deinit {
        // Its file is in the directory, which has to be empty to be removed.
        sockets.close(run, at: Clock.now())
    }

    /// Sends a datagram, with descriptors.
    func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws {
        try #require(trySend(bytes, descriptors: descriptors), "errno \(errno)")
    }

    /// Returns whether the socket had room for it.
    func trySend(_ bytes: [UInt8], descriptors: [Int32] = []) -> Bool {
        let sender = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(sender) }
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        let path = Array(address.utf8)
        unsafe withUnsafeMutableBytes(of: &target.sun_path) { room in
            for (index, byte) in path.enumerated() {
                unsafe room[index] = index == 0 && byte == UInt8(ascii: "@") ? 0 : byte
            }
        }
        let length = socklen_t(
            (MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2) + path.count)
        let sent = unsafe withUnsafeMutablePointer(to: &target) { target in
            var bytes = bytes
            return unsafe bytes.withUnsafeMutableBytes { data in
                var vector = unsafe iovec(iov_base: data.baseAddress, iov_len: data.count)
                // One header of 16 bytes and room for the numbers, as CMSG_SPACE has it.
                var control = [UInt64](repeating: 0, count: 2 + (descriptors.count + 1) / 2)
                return unsafe control.withUnsafeMutableBytes { control in
                    unsafe withUnsafeMutablePointer(to: &vector) { vector in
                        var message = unsafe msghdr()
                        unsafe message.msg_name = UnsafeMutableRawPointer(target)
                        unsafe message.msg_namelen = length
                        unsafe message.msg_iov = vector
                        unsafe message.msg_iovlen = 1
                        if !descriptors.isEmpty {
                            let size = 16 + 4 * descriptors.count
                            unsafe control.storeBytes(of: UInt64(size), as: UInt64.self)
                            unsafe control.storeBytes(
                                of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
                            unsafe control.storeBytes(of: 1, toByteOffset: 12, as: Int32.self)
                            for (index, number) in descriptors.enumerated() {
                                unsafe control.storeBytes(
                                    of: number, toByteOffset: 16 + 4 * index, as: Int32.self)
                            }
                            unsafe message.msg_control = control.baseAddress
                            unsafe message.msg_controllen = control.count
                        }
                        return unsafe sendmsg(sender, &message, Int32(MSG_DONTWAIT))
                    }
                }
            }
        }
        return sent == bytes.count
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// One turn of the loop.
    func turn(at now: Moment? = nil) throws -> [ReeveCore.Notification] {
        var events: [Event] = []
        let now = now ?? Clock.now()
        if let due = sockets.nextDeadline, due <= now.monotonic { sockets.timePassed(at: now) }
        try epoll.wait(until: .zero) { token, _ in
            events += sockets.ready(token, at: now)
        }
        var found: [ReeveCore.Notification] = []
        for case .notified(run, let notifications) in events { found += notifications }
        return found
    }

    func received(_ text: String) throws -> [ReeveCore.Notification] {
        try send(text)
        return try turn()
    }
}

@Suite struct NotifyTests {
    @Test(arguments: [false, true])
    func `each variable that is known becomes what it says`(isAbstract: Bool) throws {
        let bench = try NotifyBench(isAbstract: isAbstract)
        #expect(bench.address.hasPrefix("@") == isAbstract)
        let all = """
            READY=1
            STATUS=serving\u{1B}[2J 3 clients
            WATCHDOG=1
            STOPPING=1
            RELOADING=1
            WATCHDOG_USEC=2500000
            EXTEND_TIMEOUT_USEC=99999999999999999999999
            ERRNO=13
            MAINPID=77
            EXIT_STATUS=3
            MONOTONIC_USEC=12
            X_OWN=1
            WATCHDOG=trigger

            """
        #expect(
            try bench.received(all) == [
                .ready, .status("serving [2J 3 clients"), .watchdog, .stopping, .reloading,
                .watchdogPeriod(.milliseconds(2_500)), .extendTimeout(.max),
                .failure(words: "permission denied (EACCES)"), .watchdogTriggered,
                .mainProcess(ProcessIdentity(pid: PID(77), startTime: 5)),
            ])
        #expect(bench.complaints == [])
        bench.sockets.close(bench.run, at: Clock.now())
        #expect(bench.sockets.count == 0)
    }

    @Test func `garbage is passed over and said once`() throws {
        let bench = try NotifyBench()
        for text in [
            "READY", "READY=2", "READY=", "ERRNO=x", "ERRNO=0", "ERRNO=99999", "MAINPID=-1",
            "MAINPID=99999999999", "WATCHDOG=yes", "WATCHDOG_USEC=-5", "\0\0", "A\0READY=1",
            "EXTEND_TIMEOUT_USEC=", "=", "\n\n\n", "\u{FFFD}=1",
        ] {
            #expect(try bench.received(text) == [], "\(text)")
        }
        try bench.send([0xFF, 0xFE, 0x3D, 0x31])
        #expect(try bench.turn() == [])
        #expect(bench.complaints == ["it sends notify messages that are not understood"])
        // What can be understood of a message is.
        #expect(try bench.received("nonsense\nREADY=1\0") == [.ready])
        // Another process's pid is no main process of this run.
        #expect(try bench.received("MAINPID=1") == [])
        #expect(bench.complaints.last?.contains("MAINPID=") == true)
    }

    @Test func `of many main processes in one message only the last is looked at`() throws {
        let bench = try NotifyBench()
        let many = (1...300).map { "MAINPID=\($0)" }
        let last = try bench.received((many + ["MAINPID=77"]).joined(separator: "\n"))
        #expect(last == [.mainProcess(ProcessIdentity(pid: PID(77), startTime: 5))])
        #expect(bench.looks == [77] && bench.complaints == [])
    }

    @Test func `a message that is too long is refused, and one that just fits is read`() throws {
        let bench = try NotifyBench()
        let fits = "READY=1\nX=" + String(repeating: "x", count: 4_096 - 10)
        #expect(fits.utf8.count == 4_096)
        #expect(try bench.received(fits) == [.ready])
        #expect(try bench.received(fits + "x") == [])
        #expect(try bench.received(fits + "x") == [])
        #expect(
            bench.complaints == [
                "a notify message of 4097 bytes is refused, at most 4096 are read"
            ])
        let status = String(repeating: "ü", count: 1_000)
        guard case .status(let kept)? = try bench.received("STATUS=\(status)").first else {
            Issue.record("no status")
            return
        }
        #expect(kept.utf8.count == NotifyMessage.statusBytesMax)
    }

    @Test(.needsRoot) func `root, reeve's own user and the run's may speak, and nobody else`() async
    {
        await #expect(processExitsWith: .success) {
            // Reachable for all, so that the credentials alone decide.
            let roots = try NotifyBench(user: 0, isAbstract: true, order: 2)
            let runs = try NotifyBench(user: 0, isAbstract: true, runUser: 54_321, order: 3)
            let own = try NotifyBench(user: 54_321, isAbstract: true, order: 4)
            let others = try NotifyBench(
                user: 54_322, isAbstract: true, runUser: 54_323, order: 5)
            for bench in [roots, runs, own, others] {
                #expect(try bench.received("READY=1") == [.ready])
            }
            // The real one is what the kernel says of each message; the effective one may still clean up.
            #expect(setreuid(54_321, 0) == 0)
            #expect(try runs.received("READY=1") == [.ready])
            #expect(try own.received("READY=1") == [.ready])
            for bench in [roots, others] {
                #expect(try bench.received("READY=1") == [])
                #expect(
                    bench.complaints == ["a notify message from user 54321 is refused"])
            }
            #expect(runs.complaints == [] && own.complaints == [])
        }
    }

    @Test func `a flood is read no faster than so many messages a second`() throws {
        let bench = try NotifyBench()
        let start = Clock.now()
        var taken = 0
        for _ in 0..<100 {
            // The queue of a socket is short: as many as fit.
            for _ in 0..<5 { _ = bench.trySend(Array("WATCHDOG=1".utf8)) }
            let got = try bench.turn(at: start).count
            #expect(got <= NotifySockets.messagesPerTurnMax)
            taken += got
        }
        #expect(taken == NotifySockets.messagesPerSecondMax)
        #expect(bench.complaints.count == 1 && bench.complaints[0].contains("a second"))
        #expect(bench.sockets.nextDeadline == start.monotonic + .seconds(1))
        let later = Moment(
            monotonic: start.monotonic + .seconds(1), wall: start.wall + .seconds(1))
        #expect(try !bench.turn(at: later).isEmpty)
        #expect(bench.sockets.nextDeadline == nil && bench.complaints.count == 1)
    }

    /// A pipe whose read end tells when nobody has the other one any more.
    private final class Mark {
        private let readEnd: FileDescriptor
        private(set) var writeEnd: FileDescriptor?

        init() throws {
            let ends = try Pipe.make().split { (near, far) throws(Errno) -> [Int32] in
                [near.release(), far.release()]
            }
            readEnd = FileDescriptor(owning: ends[0])
            writeEnd = FileDescriptor(owning: ends[1])
        }

        func send(_ text: String, to bench: NotifyBench, copies: Int = 1) throws {
            guard let number = writeEnd?.number else { return }
            try bench.send(
                Array(text.utf8), descriptors: Array(repeating: number, count: copies))
            writeEnd = nil
        }

        var isClosed: Bool {
            get throws {
                var byte: [UInt8] = [0]
                return try readEnd.read(into: &byte) == 0
            }
        }
    }

    @Test func `a barrier is closed elsewhere, after what came before it is handled`() throws {
        let bench = try NotifyBench()
        let mark = try Mark()
        try bench.send("STATUS=before")
        try mark.send("BARRIER=1", to: bench)
        try bench.send("STATUS=after")
        #expect(try bench.turn() == [.status("before")])
        #expect(bench.elsewhere.works == [])
        bench.sockets.endTurn(at: Clock.now())
        #expect(bench.elsewhere.works == [.discard])
        // It is not closed here, and what comes after it waits for that.
        #expect(try bench.turn() == [] && !mark.isClosed)
        try bench.elsewhere.endOne()
        #expect(try mark.isClosed)
        #expect(try bench.turn() == [.status("after")])
        #expect(bench.complaints == [])
    }

    @Test func `what carries descriptors is read, told once, and closed elsewhere`() throws {
        let bench = try NotifyBench()
        for text in ["FDSTORE=1\nREADY=1", "READY=1", "FDSTORE=1\nREADY=1", "BARRIER=1\nREADY=1"] {
            let mark = try Mark()
            try mark.send(text, to: bench, copies: 20)
            #expect(try bench.turn() == [.ready], "\(text)")
            bench.sockets.endTurn(at: Clock.now())
            #expect(try !mark.isClosed)
            try bench.elsewhere.endOne()
            #expect(try mark.isClosed, "\(text)")
        }
        #expect(
            bench.complaints == [
                "it wants descriptors to be kept (FDSTORE=1): reeve keeps none",
                "descriptors that it sends along with messages are closed",
            ])
    }

    @Test func `a message that a reader has not taken is told once`() throws {
        let bench = try NotifyBench()
        try Mark().send("READY=1", to: bench)
        try Mark().send("READY=1", to: bench)
        for isKilled in [true, true, false] {
            let told = try bench.turn()
            #expect(told == (isKilled && bench.elsewhere.ended == 0 ? [.ready] : []))
            bench.sockets.endTurn(at: Clock.now())
            try bench.elsewhere.endOne(isKilled: isKilled)
        }
        // The same words once more, from another message.
        #expect(try bench.turn() == [.ready])
    }

    @Test func `of messages with descriptors a few are read in a second`() throws {
        let bench = try NotifyBench()
        let start = Clock.now()
        var taken = 0
        while bench.sockets.nextDeadline == nil, taken < 100 {
            try Mark().send("X=1", to: bench)
            _ = try bench.turn(at: start)
            bench.sockets.endTurn(at: start)
            guard !bench.elsewhere.works.isEmpty else { break }
            try bench.elsewhere.endOne()
            taken += 1
        }
        #expect(taken == NotifySockets.messagesPerSecondMax / NotifySockets.descriptorsWeight)
    }

    @Test func `a socket that has something left is closed elsewhere, an empty one is not`() throws
    {
        let bench = try NotifyBench()
        let mark = try Mark()
        try mark.send("READY=1", to: bench)
        bench.sockets.close(bench.run, at: Clock.now())
        #expect(bench.elsewhere.works == [.close] && bench.sockets.count == 0)
        #expect(try !mark.isClosed)
        try bench.elsewhere.endOne()
        #expect(try mark.isClosed)
        let empty = try NotifyBench(order: 2)
        empty.sockets.close(empty.run, at: Clock.now())
        #expect(empty.elsewhere.works == [])
        // One that is about to be taken may be there still.
        let third = try NotifyBench(isAbstract: true, order: 3)
        try Mark().send("READY=1", to: third)
        _ = try third.turn()
        third.sockets.endTurn(at: Clock.now())
        third.sockets.close(third.run, at: Clock.now())
        // Nothing comes after it any more, although it is open as long as a reader has it.
        #expect(!third.trySend(Array("READY=1".utf8)))
        #expect(third.elsewhere.works == [.discard, .close])
    }

    @Test func `sockets go with their runs, and those of earlier supervisors at start`() throws {
        let bench = try NotifyBench()
        #expect(UnixSocket.identity(at: bench.address) != nil)
        bench.sockets.close(bench.run, at: Clock.now())
        #expect(UnixSocket.identity(at: bench.address) == nil)
        let stale = bench.scratch.file("stale")
        _ = try NotifySocket.bind(to: stale, isAbstract: false)
        #expect(UnixSocket.identity(at: stale) != nil)
        #expect(try NotifySocket.removeAll(in: bench.scratch.path) == 1)
        #expect(UnixSocket.identity(at: stale) == nil)
        // Without a directory, and where the path would be too long, it is abstract.
        let other = try NotifyBench(directory: false)
        #expect(other.address.hasPrefix("@reeve/"))
        #expect(try other.received("READY=1") == [.ready])
    }
}
