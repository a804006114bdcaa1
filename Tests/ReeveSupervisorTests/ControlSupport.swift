// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveControl
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

/// A control server on a socket of its own, with a made-up core behind it, and a loop that drives
/// both.
final class ControlBench {
    let directory: ScratchDirectory
    let path: String
    let epoll: Epoll
    let hub: OutputHub
    let server: ControlServer
    var events: [Event] = []
    var memoryReads = 0
    /// `[reeve]`, as far as the server looks at it.
    var settings = SupervisorSettings()
    /// What the server is told as the time; nil: what it is.
    var clock: Moment?
    private let errorReader: Reader

    init(
        schedulers: Int = 3, access: ControlAccess = ControlAccess(), tails: Bool = false
    ) throws {
        try Signals.prepare()
        directory = try ScratchDirectory()
        path = directory.file("control.sock")
        epoll = try Epoll()
        var specification = Specification()
        for index in 0..<schedulers {
            let text = "s\(index)"
            specification.schedulers.append(
                SchedulerSpecification(
                    name: name(text), program: Program(arguments: ["/bin/true"])))
            if tails { _ = directory.file(text) }
        }
        let (reader, sink) = try Pipe.make().split {
            (readEnd, writeEnd) throws(Errno) -> (Int32, Int32) in
            try writeEnd.setNonblocking()
            return (readEnd.release(), writeEnd.release())
        }
        errorReader = Reader(FileDescriptor(owning: reader))
        hub = OutputHub(
            epoll: epoll, specification: specification,
            tailDirectory: tails ? directory.path : nil,
            stdout: .descriptor(FileDescriptor(owning: unsafe open("/dev/null", O_WRONLY))),
            stderr: .descriptor(FileDescriptor(owning: sink)))
        server = try ControlServer(
            epoll: epoll, listener: UnixSocket.listen(at: path, mode: 0o600), access: access,
            epoch: "epoch1", output: hub)
        self.specification = specification
    }

    private let specification: Specification

    /// What the server said in reeve's own log.
    var log: String {
        try? errorReader.take()
        return errorReader.text
    }

    var view: CoreView {
        let schedulers = specification.schedulers
        let overall = Supervisor(specification, origin: 1, seed: 1, at: Clock.now())
        return CoreView(
            status: { overall.status(at: $0) },
            schedulerStatus: { id, now in
                var status = overall.status(of: id, at: now)
                status?.run = RunID(order: 1, origin: 1)
                status?.pid = PID(1)
                return status
            },
            schedulerCount: { schedulers.count },
            schedulerNamed: { text in
                schedulers.firstIndex { $0.name.text == text }.map(SchedulerID.init)
            },
            schedulerOfRun: { _ in nil },
            specification: { schedulers.indices.contains($0.index) ? schedulers[$0.index] : nil },
            sampleMemory: { [unowned self] _ in
                memoryReads += 1
                return .resident(Bytes(42_000_000))
            }, supervisorSettings: { [unowned self] in settings })
    }

    var now: Moment { clock ?? Clock.now() }

    /// One turn of the loop; waits at most 20 ms. Returns how many events epoll had.
    @discardableResult
    func turn() throws -> Int {
        let count = try epoll.wait(until: Clock.now().monotonic + .milliseconds(20)) {
            token, ready in
            switch SourceKind(rawValue: token.source) {
            case .listener, .client:
                events += server.ready(token, ready, at: now, view: view)
            default: hub.ready(token, ready, at: now)
            }
        }
        if let deadline = server.nextDeadline, deadline <= now.monotonic {
            events += server.timePassed(at: now)
        }
        return count
    }

    /// Turns until the condition holds; fails after ten seconds.
    func turn(
        until condition: () throws -> Bool, _ location: SourceLocation = #_sourceLocation
    ) throws {
        let deadline = Clock.now().monotonic + .seconds(10)
        while try !condition() {
            guard Clock.now().monotonic < deadline else {
                Issue.record("the condition did not come true", sourceLocation: location)
                return
            }
            try turn()
        }
    }

    func connect() throws -> TestClient { try TestClient(to: path) }

    /// Lets the server's clock run ahead.
    func advance(by span: Duration) {
        let now = self.now
        clock = Moment(monotonic: now.monotonic + span, wall: now.wall + span)
    }
}

/// The other end of the socket.
final class TestClient {
    private var socket: FileDescriptor?
    private var buffer = [UInt8](repeating: 0, count: 65_536)
    private var bytes: [UInt8] = []
    /// The server has closed.
    private(set) var isClosed = false

    init(to path: String) throws {
        socket = try UnixSocket.connect(to: path)
    }

    init(over socket: consuming FileDescriptor) {
        self.socket = consume socket
    }

    /// Sends a request; a line break is added.
    func ask(_ text: String) throws { try send(Array(text.utf8) + [10]) }

    /// Sends all of it; there must be room.
    func send(_ bytes: [UInt8]) throws {
        #expect(try sendSome(bytes) == bytes.count)
    }

    /// Sends what there is room for.
    func sendSome(_ bytes: [UInt8]) throws -> Int {
        guard let number = socket?.number else { return 0 }
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        let count = unsafe Glibc.send(number, bytes, bytes.count, flags)
        return max(0, count)
    }

    func finishSending() {
        guard let number = socket?.number else { return }
        shutdown(number, Int32(SHUT_WR))
    }

    func close() { socket = nil }

    /// Receives what is there.
    func take(atMost limit: Int = .max) throws {
        var left = limit
        while left > 0, let number = socket?.number {
            let count = unsafe recv(
                number, &buffer, min(left, buffer.count), Int32(MSG_DONTWAIT))
            if count < 0 {
                if errno != EAGAIN { isClosed = true }
                return
            }
            if count == 0 {
                isClosed = true
                return
            }
            bytes += buffer[..<count]
            left -= count
        }
    }

    /// Everything that was received, as lines without their breaks.
    var lines: [String] {
        try? take()
        return bytes.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
    }

    var sizes: [Int] { bytes.split(separator: 10).map(\.count) }
}
