// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

/// The supervisor's end of the scribe; the other end is the test's.
@Suite struct ScribeLinkTests {
    /// A scribe that does what the test says.
    private final class Other {
        private final class End {
            let socket: FileDescriptor
            init(_ socket: consuming FileDescriptor) { self.socket = socket }
        }

        private var end: End?
        private var incoming = MessageBuffer()
        private(set) var starts = 0
        /// Beyond every pid that the kernel gives.
        let process = ProcessIdentity(pid: PID(1 << 30), startTime: 0)

        func start(_ socket: consuming FileDescriptor) -> ProcessIdentity {
            end = End(socket)
            incoming = MessageBuffer()
            starts += 1
            return process
        }

        /// Everything that has come.
        func requests() throws -> [ScribeRequest] {
            var found: [ScribeRequest] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while let end, let count = try UnixSocket.receive(into: &buffer, from: end.socket),
                count > 0
            {
                incoming.append(buffer[..<count])
                while let message = try incoming.next(max: ScribeRequest.messageBytesMax) {
                    found.append(try ScribeRequest(reading: message))
                }
            }
            return found
        }

        /// What was to be written, by number.
        func writes() throws -> [UInt32: String] {
            var found: [UInt32: String] = [:]
            for case .write(let number, position: _, let bytes) in try requests() {
                found[number, default: ""] += String(decoding: bytes, as: UTF8.self)
            }
            return found
        }

        func answer(_ answer: ScribeAnswer) throws {
            var bytes: [UInt8] = []
            answer.append(to: &bytes)
            if let end { try UnixSocket.sendAll(bytes.span, to: end.socket) }
        }

        func die() { end = nil }
    }

    private let other = Other()
    private let link: ScribeLink
    private let run = RunID(order: 1, origin: 1)

    init() throws {
        let other = other
        link = ScribeLink(epoll: try Epoll(), directory: nil) { socket, _ in other.start(socket) }
        for index in 0..<2 {
            var specification = SchedulerSpecification(
                name: name("s\(index)"), program: Program(arguments: ["/bin/true"]))
            specification.log.destination = .file
            specification.log.file = "/log/\(index)"
            link.adopt(specification, of: SchedulerID(index))
        }
        link.begin(at: moment(0))
    }

    private func moment(_ seconds: Int64) -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: seconds * 1_000_000_000),
            wall: WallTime(nanoseconds: seconds * 1_000_000_000))
    }

    private func add(_ text: String, to index: Int, at now: Moment) {
        link.append(
            OutputLine(bytes: Array(text.utf8)[...], ending: .complete), of: SchedulerID(index),
            from: LogOrigin(run: run, stream: .stdout), time: [], at: now)
        link.flush(at: now)
    }

    private func take(_ place: Int, _ text: String) {
        var specification = SchedulerSpecification(
            name: name(text), program: Program(arguments: ["/bin/true"]))
        specification.log.destination = .file
        specification.log.file = "/log/\(text)"
        link.forget(SchedulerID(place))
        link.adopt(specification, of: SchedulerID(place))
    }

    @Test func `who takes another one's place has a file of its own, and bytes are counted on`()
        throws
    {
        add("line", to: 0, at: moment(1))
        #expect(try other.writes() == [0: "line\n"])
        try other.answer(.written(0, position: 5))
        link.ready(at: moment(2))
        take(0, "late")
        add("other", to: 0, at: moment(3))
        let requests = try other.requests()
        #expect(
            requests == [
                .file(0, LogFileSettings(path: "/log/late", maxSize: 10_000_000)),
                .write(0, position: 5, bytes: Array("other\n".utf8)),
            ])
        // What waits for the file of who is gone is lost, and that is said.
        try other.answer(.failed(0, position: 5, LogTrouble(step: .write, errno: .noSpace)))
        link.ready(at: moment(4))
        _ = link.takeSentences()
        take(0, "later")
        #expect(link.takeSentences().contains { $0.contains("late") })
        #expect(link.nextDeadline == nil)
        add("more", to: 0, at: moment(5))
        #expect(
            try other.requests().last
                == .write(0, position: 11, bytes: Array("more\n".utf8)))
        try other.answer(.written(0, position: 16))
        link.ready(at: moment(6))
        #expect(other.starts == 1)
    }

    @Test func `a try that has no answer is waited for, and is no deadline that never moves`()
        throws
    {
        add("line", to: 0, at: moment(1))
        #expect(try other.writes() == [0: "line\n"])
        #expect(link.nextDeadline == nil)
        try other.answer(.failed(0, position: 0, LogTrouble(step: .write, errno: .noSpace)))
        link.ready(at: moment(2))
        #expect(link.nextDeadline == moment(7).monotonic)
        link.timePassed(at: moment(7))
        #expect(try other.writes() == [0: "line\n"])
        // The scribe stands still.
        #expect(link.nextDeadline == nil)
        try other.answer(.written(0, position: 5))
        link.ready(at: moment(60))
        #expect(link.nextDeadline == nil)
        #expect(link.takeSentences().last?.contains("is written again") == true)
    }

    @Test func `what it said before its end counts, of every file`() throws {
        add("one", to: 0, at: moment(1))
        #expect(try other.writes() == [0: "one\n"])
        try other.answer(.written(0, position: 4))
        other.die()
        // The end is met by the next line of another file.
        add("two", to: 1, at: moment(1))
        #expect(link.ended(other.process.pid, .signalled(.kill, coreDumped: false), at: moment(2)))
        link.timePassed(at: moment(3))
        #expect(other.starts == 2)
        #expect(try other.writes() == [1: "two\n"])
    }

    // MARK: Bundles

    private final class Source: BundleSource {
        var waiting: [Bundle] = []
        private var isUnderWay = false
        private(set) var ends: [Errno?] = []

        var bundleCount: Int { waiting.count + (isUnderWay ? 1 : 0) }

        func nextBundle() -> Bundle? {
            guard !isUnderWay, !waiting.isEmpty else { return nil }
            isUnderWay = true
            return waiting.removeFirst()
        }

        func bundleEnded(_ failure: Errno?, at now: Moment) {
            isUnderWay = false
            ends.append(failure)
        }
    }

    private func bundle(_ text: String) -> Bundle {
        Bundle(path: "/failures/\(text)", capacity: 9_216, bytes: Array(text.utf8))
    }

    @Test func `bundles go one at a time, beside the lines, and each has one end`() throws {
        let source = Source()
        link.bundles = source
        source.waiting = [bundle("a"), bundle("b")]
        add("line", to: 0, at: moment(1))
        var requests = try other.requests()
        #expect(requests.first == .bundle(bundle("a")))
        #expect(requests.count == 3)
        try other.answer(.written(0, position: 5))
        try other.answer(.kept(.noSpace))
        link.ready(at: moment(1))
        requests = try other.requests()
        #expect(requests == [.bundle(bundle("b"))])
        #expect(source.ends == [.noSpace])
        // A scribe that died may have written it or not: the next one is given it again.
        other.die()
        add("line", to: 0, at: moment(1))
        #expect(link.ended(other.process.pid, .signalled(.kill, coreDumped: false), at: moment(2)))
        link.timePassed(at: moment(3))
        #expect(try other.requests().first == .bundle(bundle("b")))
        try other.answer(.kept(nil))
        link.ready(at: moment(3))
        #expect(source.ends == [.noSpace, nil] && source.bundleCount == 0)
        // Nobody asked.
        try other.answer(.kept(nil))
        link.ready(at: moment(4))
        #expect(source.ends.count == 2)
    }

    @Test func `a bundle with which scribes end is given up, and lines are written again`() throws {
        let source = Source()
        link.bundles = source
        source.waiting = [bundle("a")]
        add("line", to: 0, at: moment(1))
        for number in 1...3 {
            #expect(try other.requests().first == .bundle(bundle("a")), "\(number)")
            other.die()
            let end = ExitStatus.signalled(.kill, coreDumped: false)
            #expect(link.ended(other.process.pid, end, at: moment(Int64(number * 100))))
            link.timePassed(at: moment(Int64(number * 100 + 50)))
        }
        #expect(source.ends == [.inputOutput])
        #expect(try other.writes() == [0: "line\n"])
    }
}
