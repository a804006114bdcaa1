// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import ReeveLinux
import ReeveTestSupport
import Testing

@testable import ReeveSupervisor

@Suite struct ReaderTests {
    @Test func `the work of a reader is told by its arguments, and nothing else is`() {
        let all: [ReaderRole.Work] = [
            .discard, .close, .bundle(path: "/x y", run: nil), .bundle(path: "/x", run: "R"),
        ]
        for work in all { #expect(ReaderRole.Work(work.arguments) == work) }
        for words in [[], ["x"], ["discard", "x"], ["bundle"], ["bundle", "a", "b", "c"]] {
            #expect(ReaderRole.Work(words) == nil, "\(words)")
        }
    }

    private func descriptor() throws -> SharedDescriptor {
        SharedDescriptor(try FileDescriptor.openForReading("/dev/null"))
    }

    @Test func `a few work at once, and who waits is next`() throws {
        let elsewhere = Elsewhere()
        var ended = 0
        for _ in 0..<20 {
            elsewhere.discards.close(try descriptor(), at: Clock.now())
        }
        #expect(elsewhere.works.count == Discards.atOnceMax)
        while !elsewhere.works.isEmpty, ended < 30 {
            try elsewhere.endOne()
            ended += 1
        }
        #expect(ended == 20 && elsewhere.discards.nextDeadline == nil)
    }

    @Test func `where no reader can be started it is tried again`() throws {
        let elsewhere = Elsewhere()
        elsewhere.failure = SpawnFailure(errno: 11, words: "no process")
        let start = Clock.now()
        elsewhere.discards.close(try descriptor(), at: start)
        let due = try #require(elsewhere.discards.nextDeadline)
        #expect(due > start.monotonic && elsewhere.works == [])
        elsewhere.failure = nil
        elsewhere.discards.timePassed(at: Moment(monotonic: due, wall: start.wall))
        #expect(elsewhere.works == [.close])
    }

    @Test func `what does not come to an end is killed, and no place is kept for it`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            var pids: [PID] = []
            // Waits for bytes that nobody writes.
            let discards = Discards { (_, input) throws(SpawnFailure) in
                let request = try SpawnRequest(
                    arguments: ["/bin/sleep", "1000"], environment: .current())
                var streams = ChildStreams(stdout: .null, stderr: .null)
                streams.stdin = .descriptor(input)
                let process = try nursery.processes.spawner.spawn(request, streams: streams)
                pids.append(process.identity.pid)
                return process.identity
            }
            let start = Clock.now()
            let shared = SharedDescriptor(try FileDescriptor.openForReading("/dev/null"))
            discards.close(shared, at: start)
            #expect(discards.nextDeadline == start.monotonic + Discards.timeout)
            let later = Moment(
                monotonic: start.monotonic + Discards.timeout, wall: start.wall)
            discards.timePassed(at: later)
            let pid = try #require(pids.first)
            // SIGKILL has no say: it is reaped.
            var reaped: Reaped?
            try await eventually("its end") {
                reaped = try Reaper.reap(pid)
                return reaped != nil
            }
            #expect(reaped?.status == .signalled(.kill, coreDumped: false))
            let status = ExitStatus.signalled(.kill, coreDumped: false)
            #expect(discards.ended(pid, status, at: later) && discards.nextDeadline == nil)
            #expect(!discards.ended(pid, status, at: later))
        }
    }

    @Test func `a reading that cannot begin has its outcome at once`() {
        let reader = BundleReader { (_, _) throws(SpawnFailure) in
            throw SpawnFailure(errno: 11, words: "no process can be made")
        }
        let reading = BundleReading(path: "/kept/web", run: nil)
        reader.begin(reading, at: Clock.now())
        guard case .failed(let words)? = reading.outcome else {
            Issue.record("no outcome")
            return
        }
        #expect(
            words == "the process that reads it could not be started: no process can be made")
        #expect(reader.nextDeadline == nil)
    }

    @Test func `readings of bundles are a few at once, and each has an end`() throws {
        var started: [PID] = []
        let reader = BundleReader { (_, _) throws(SpawnFailure) in
            started.append(PID(1_000_000_000 + Int32(started.count)))
            return ProcessIdentity(pid: started[started.count - 1], startTime: 1)
        }
        var ended: [String] = []
        reader.onEnd = { reading in
            switch reading.outcome {
            case .read(nil): ended.append("nothing")
            case .read: ended.append("read")
            case .failed(let words): ended.append(words)
            case nil: ended.append("no outcome")
            }
        }
        let start = Clock.now()
        for number in 0..<6 {
            reader.begin(BundleReading(path: "/kept/\(number)", run: nil), at: start)
        }
        #expect(started.count == BundleReader.atOnceMax)
        #expect(reader.ended(started[0], .exited(code: 66), at: start))
        #expect(reader.ended(started[1], .exited(code: 0), at: start))
        #expect(reader.ended(started[2], .signalled(.kill, coreDumped: false), at: start))
        #expect(started.count == 6 && !reader.ended(PID(1), .exited(code: 0), at: start))
        #expect(
            ended == [
                "nothing", "/kept/1: what is kept there is damaged",
                "the process that reads /kept/2 ended by SIGKILL",
            ])
    }

    @Test func `where disks do not answer a bounded number of readers is left`()
        throws
    {
        var started: Int32 = 0
        let reader = BundleReader { (_, _) throws(SpawnFailure) in
            started += 1
            return ProcessIdentity(pid: PID(1_000_000_000 + started), startTime: 1)
        }
        var now = Clock.now()
        var words: [String] = []
        reader.onEnd = { reading in
            if case .failed(let why)? = reading.outcome { words.append(why) }
        }
        for number in 0..<20 {
            reader.begin(BundleReading(path: "/kept/\(number)", run: nil), at: now)
        }
        // Nobody reaps them.
        for _ in 0..<20 {
            guard let due = reader.nextDeadline else { break }
            now = Moment(monotonic: due, wall: now.wall)
            reader.timePassed(at: now)
        }
        reader.begin(BundleReading(path: "/kept/late", run: nil), at: now)
        #expect(started >= Int32(BundleReader.stuckMax) && started <= 12)
        #expect(words.count == 21 && words.last?.contains("is not read") == true, "\(words)")
        #expect(reader.ended(PID(1_000_000_001), .signalled(.kill, coreDumped: false), at: now))
    }
}
