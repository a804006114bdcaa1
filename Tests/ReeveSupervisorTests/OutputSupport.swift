// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

func name(_ text: String) -> SchedulerName {
    guard let name = SchedulerName(text) else { fatalError("no name: \(text)") }
    return name
}

/// A directory of its own, removed with the value.
final class ScratchDirectory {
    let path: String

    init() throws {
        path = "/tmp/reeve-io-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        guard unsafe mkdir(path, 0o700) == 0 else { throw Errno(errno) }
    }

    /// A file in it, to be removed with it.
    func file(_ name: String) -> String {
        files.append(name)
        return path + "/" + name
    }

    private var files: [String] = []

    deinit {
        for file in files { unsafe unlink(path + "/" + file) }
        unsafe rmdir(path)
    }
}

/// The reading end of what the hub writes to.
final class Reader {
    let end: FileDescriptor
    private var buffer = [UInt8](repeating: 0, count: 65_536)
    private(set) var bytes: [UInt8] = []

    init(_ end: consuming FileDescriptor) {
        self.end = end
    }

    /// Takes what is there now, at most `limit` bytes.
    func take(atMost limit: Int = .max) throws {
        var left = limit
        while left > 0, let count = try end.read(into: &buffer), count > 0 {
            bytes += buffer[..<count]
            left -= count
        }
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// A hub with pipes in place of stdout and stderr, and a loop that drives it.
final class HubBench {
    let epoll: Epoll
    let hub: OutputHub
    var stdout: Reader?
    var stderr: Reader?
    var notices: [Record] = []

    init(
        _ specification: Specification, tailDirectory: String? = nil,
        isShared: Bool = false, coloured: (stdout: Bool, stderr: Bool) = (false, false)
    ) throws {
        // As the role does: writing where nobody reads is an error, not the end.
        try Signals.prepare()
        epoll = try Epoll()
        let (outReader, outSink) = try HubBench.pipe()
        let (errReader, errSink) = try HubBench.pipe()
        stdout = Reader(FileDescriptor(owning: outReader))
        stderr = Reader(FileDescriptor(owning: errReader))
        hub = OutputHub(
            epoll: epoll, specification: specification, tailDirectory: tailDirectory,
            stdout: .descriptor(FileDescriptor(owning: outSink)),
            stderr: .descriptor(FileDescriptor(owning: errSink)), isShared: isShared,
            coloured: coloured)
        hub.onNotice = { [unowned self] in notices.append($0) }
    }

    private static func pipe() throws -> (Int32, Int32) {
        try Pipe.make().split { (readEnd, writeEnd) throws(Errno) -> (Int32, Int32) in
            try writeEnd.setNonblocking()
            return (readEnd.release(), writeEnd.release())
        }
    }

    /// One turn of the loop: waits at most 20 ms, or until `date` where a test sets its own clock.
    func turn(at date: Moment? = nil) throws {
        try epoll.wait(until: Clock.now().monotonic + .milliseconds(20)) { token, events in
            hub.ready(token, events, at: date ?? Clock.now())
        }
        let now = date ?? Clock.now()
        if let deadline = hub.nextDeadline, deadline <= now.monotonic { hub.timePassed(at: now) }
        try stdout?.take()
        try stderr?.take()
    }

    /// Turns until the condition holds; fails after ten seconds.
    func turn(until condition: () -> Bool, _ location: SourceLocation = #_sourceLocation) throws {
        let deadline = Clock.now().monotonic + .seconds(10)
        while !condition() {
            guard Clock.now().monotonic < deadline else {
                Issue.record("the condition did not come true", sourceLocation: location)
                return
            }
            try turn()
        }
    }

    /// Opens a run and hands over the ends of its pipes.
    func open(_ number: UInt64, of scheduler: Int = 0) throws -> Child {
        let run = RunID(order: number, origin: 7)
        let streams = try hub.open(run: run, of: SchedulerID(scheduler))
        return try Child(run: run, streams)
    }
}

/// The writing ends of a run's pipes.
final class Child {
    let run: RunID
    private(set) var stdout: Int32
    private(set) var stderr: Int32

    init(run: RunID, _ streams: consuming ChildStreams) throws {
        self.run = run
        stdout = try Child.duplicate(streams.stdout)
        stderr = try Child.duplicate(streams.stderr)
        #expect(stdout >= 0 && stderr >= 0)
    }

    private static func duplicate(_ end: borrowing StreamEnd) throws -> Int32 {
        switch end {
        case .descriptor(let descriptor): try descriptor.duplicate().release()
        case .inherit: -1
        case .null: -1
        }
    }

    deinit { close() }

    func print(_ text: String) { print(Array(text.utf8)) }

    /// Writes all of it; the pipe must have room.
    func print(_ bytes: [UInt8]) { Child.write(bytes, to: stdout) }

    func complain(_ text: String) { Child.write(Array(text.utf8), to: stderr) }

    /// Writes what fits without waiting; returns how many bytes did.
    func flood(_ bytes: [UInt8]) -> Int {
        let flags = fcntl(stdout, F_GETFL)
        _ = fcntl(stdout, F_SETFL, flags | O_NONBLOCK)
        return max(0, unsafe Glibc.write(stdout, bytes, bytes.count))
    }

    func close() {
        if stdout >= 0 { Glibc.close(stdout) }
        if stderr >= 0 { Glibc.close(stderr) }
        (stdout, stderr) = (-1, -1)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        let count = unsafe Glibc.write(descriptor, bytes, bytes.count)
        #expect(count == bytes.count)
    }
}
