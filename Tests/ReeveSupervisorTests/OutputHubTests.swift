// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

@Suite struct OutputHubTests {
    private func specification(
        _ names: [String] = ["web"], format: SupervisorSettings.LogFormat = .text,
        edit: (inout SchedulerSpecification) -> Void = { _ in }
    ) -> Specification {
        var specification = Specification()
        specification.supervisor.logFormat = format
        specification.schedulers = names.map { text in
            var scheduler = SchedulerSpecification(
                name: name(text), program: Program(arguments: ["/bin/true"]))
            edit(&scheduler)
            return scheduler
        }
        return specification
    }

    @Test func `each stream goes to its own, with the name in front`() throws {
        let bench = try HubBench(specification(["web", "db"]))
        let web = try bench.open(1)
        let db = try bench.open(2, of: 1)
        web.print("hello\nwor")
        web.complain("oops\n")
        db.print("ready\n")
        web.print("ld\n")
        try bench.turn { bench.stdout?.lines.count == 3 && bench.stderr?.lines.count == 1 }
        #expect(
            bench.stdout?.lines.sorted() == ["db | ready", "web | hello", "web | world"])
        #expect(bench.stderr?.text == "web | oops\n")
        web.close()
        db.close()
        bench.hub.runEnded(web.run, at: Clock.now())
        bench.hub.runEnded(db.run, at: Clock.now())
        #expect(bench.hub.nextDeadline == nil)
        #expect(bench.hub.openPipes == 0)
    }

    @Test func `inherit and none need no pipe`() throws {
        for (destination, expected) in [
            (LogSettings.Destination.inherit, "inherit"), (.none, "null"),
        ] {
            let bench = try HubBench(specification { $0.log.destination = destination })
            let streams = try bench.hub.open(run: RunID(order: 1, origin: 7), of: SchedulerID(0))
            #expect(streams.stdout.kind == expected)
            #expect(streams.stderr.kind == expected)
            bench.hub.runEnded(RunID(order: 1, origin: 7), at: Clock.now())
            #expect(bench.hub.openPipes == 0)
        }
    }

    @Test func `a line without end is handed on after a while, once`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        child.print("password: ")
        try bench.turn { bench.hub.nextDeadline != nil }
        #expect(bench.stdout?.text.isEmpty == true)
        let due = try #require(bench.hub.nextDeadline)
        let now = Clock.now()
        #expect(due - now.monotonic <= OutputHub.partialDelay)
        let then = Moment(monotonic: due, wall: now.wall)
        bench.hub.timePassed(at: then)
        try bench.turn(at: then)
        #expect(bench.stdout?.text == "web | password: \n")
        #expect(bench.hub.nextDeadline == nil)
        child.print("secret\n")
        try bench.turn { bench.stdout?.lines.count == 2 }
        #expect(bench.stdout?.text == "web | password: \nweb | secret\n")
    }

    @Test func `the last words come without a line break, too`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        child.print("a\nb")
        child.close()
        try bench.turn { bench.hub.openPipes == 0 }
        #expect(bench.stdout?.text == "web | a\nweb | b\n")
        #expect(bench.hub.nextDeadline == nil)
    }

    @Test func `what a run has written is taken before its end is told`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        child.print("last words\n")
        child.close()
        bench.hub.drain(child.run, at: Clock.now())
        bench.hub.flush(at: Clock.now())
        try bench.stdout?.take()
        #expect(bench.stdout?.text == "web | last words\n")
        #expect(bench.hub.openPipes == 0)
    }

    @Test func `a pipe that a leftover holds is closed after the grace`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        let now = Clock.now()
        bench.hub.runEnded(child.run, at: now)
        #expect(bench.hub.openPipes == 2)
        child.print("late")
        try bench.turn()
        let due = try #require(bench.hub.nextDeadline)
        #expect(due == now.monotonic + OutputHub.grace)
        let then = Moment(monotonic: due, wall: now.wall)
        bench.hub.timePassed(at: then)
        try bench.stdout?.take()
        #expect(bench.stdout?.text == "web | late\n")
        #expect(bench.hub.openPipes == 0)
        #expect(bench.hub.nextDeadline == nil)
    }

    @Test func `what is left of one that is gone for good is not heard as another's`() throws {
        let bench = try HubBench(specification { $0.stop.leftovers = .keep })
        let child = try bench.open(1)
        child.print("heard\n")
        try bench.turn { bench.stdout?.lines.count == 1 }
        bench.hub.runEnded(child.run, at: Clock.now())
        #expect(bench.hub.openPipes == 2)
        bench.hub.forget(SchedulerID(0))
        #expect(bench.hub.openPipes == 0)
        // Another one has the place, and nothing of the pipes before is among the kept ones.
        bench.hub.adopt(
            specification { $0.stop.leftovers = .keep }.schedulers[0], of: SchedulerID(0))
        let other = try bench.open(2)
        bench.hub.runEnded(other.run, at: Clock.now())
        #expect(bench.hub.openPipes == 2)
        other.close()
    }

    @Test func `kept leftovers keep their pipe, those of a bounded number of runs`() throws {
        let bench = try HubBench(specification { $0.stop.leftovers = .keep })
        var children: [Child] = []
        for number in 1...UInt64(OutputHub.keptRunsMax + 2) {
            let child = try bench.open(number)
            bench.hub.runEnded(child.run, at: Clock.now())
            children.append(child)
            #expect(bench.hub.nextDeadline == nil)
            #expect(bench.hub.openPipes == 2 * min(Int(number), OutputHub.keptRunsMax))
        }
        children.last?.print("still here\n")
        try bench.turn { bench.stdout?.lines.count == 1 }
        for child in children { child.close() }
        try bench.turn { bench.hub.openPipes == 0 }
    }

    @Test func `JSON lines carry name, run, stream and time`() throws {
        let bench = try HubBench(specification(format: .json))
        let child = try bench.open(1)
        child.print(Array("say \"hi\" ".utf8) + [0xFF, 10])
        child.complain("x\n")
        try bench.turn { bench.stdout?.lines.count == 1 && bench.stderr?.lines.count == 1 }
        let line = try #require(bench.stdout?.lines.first)
        #expect(line.hasPrefix("{\"time\":\"20"))
        #expect(
            line.hasSuffix(
                "Z\",\"scheduler\":\"web\",\"run\":\"\(child.run)\",\"stream\":\"stdout\","
                    + "\"message\":\"say \\\"hi\\\" \u{FFFD}\"}"))
        #expect(bench.stderr?.text.contains("\"stream\":\"stderr\",\"message\":\"x\"}") == true)
    }

    @Test func `records go to stderr, those below the level nowhere`() throws {
        var quiet = specification()
        quiet.supervisor.logLevel = .warning
        let bench = try HubBench(quiet)
        bench.hub.write(Record(at: Clock.now().wall, fact: .notice(.info, "no")))
        bench.hub.write(
            Record(at: Clock.now().wall, scheduler: name("web"), fact: .notice(.warning, "yes")))
        bench.hub.notice(.error, "also", at: Clock.now())
        try bench.turn { bench.stderr?.lines.count == 2 }
        #expect(bench.stderr?.lines.first?.hasSuffix("Z warning web: yes") == true)
        #expect(bench.stderr?.lines.last?.hasSuffix("Z error reeve: also") == true)
        #expect(bench.notices.count == 1)
    }

    @Test func `a reader that does not read costs lines, not time, and hears of it`() throws {
        let bench = try HubBench(specification(["loud", "quiet"]))
        let loud = try bench.open(1)
        let quiet = try bench.open(2, of: 1)
        let line = [UInt8](repeating: 120, count: 99) + [10]
        let block = Array(repeating: line, count: 600).flatMap(\.self)
        var written = 0
        let began = Clock.now().monotonic
        // Far more than the pipe and the buffer hold; nobody reads stdout meanwhile.
        while written < 4_000_000 {
            written += loud.flood(Array(block[(written % block.count)...]))
            try bench.epoll.wait(until: Clock.now().monotonic) { token, events in
                bench.hub.ready(token, events, at: Clock.now())
            }
        }
        #expect(Clock.now().monotonic - began < .seconds(20))
        // stderr still works, and the other child is still read.
        quiet.complain("I am here\n")
        bench.hub.notice(.info, "so am I", at: Clock.now())
        for _ in 0..<10 {
            try bench.epoll.wait(until: Clock.now().monotonic) { token, events in
                bench.hub.ready(token, events, at: Clock.now())
            }
        }
        try bench.stderr?.take()
        #expect(bench.stderr?.text.contains("quiet | I am here\n") == true)
        #expect(bench.stderr?.text.contains("so am I\n") == true)
        // That lines are dropped was said when it began, and is an event.
        #expect(bench.stderr?.text.contains("warning reeve: stdout's reader is too slow") == true)
        #expect(bench.notices.count == 2)
        // The reader wakes up: it gets whole lines, and the loss is said on stderr, once.
        try bench.turn { bench.stderr?.text.contains("not written since") == true }
        let said = try #require(bench.stderr?.lines.filter { $0.contains("not written") })
        #expect(said.count == 1)
        let sentence = try #require(said.first)
        #expect(sentence.hasSuffix(": stdout's reader was too slow"))
        let words = sentence.split(separator: " ")
        let index = try #require(words.firstIndex(of: "lines"))
        let lost = try #require(Int(words[index - 1]))
        // Not a line of the child is unaccounted for, and none is broken.
        try bench.turn { bench.stdout?.lines.count == written / 100 - lost }
        let lines = try #require(bench.stdout?.lines)
        #expect(lines.allSatisfy { $0.utf8.count == 99 + "loud | ".utf8.count })
    }

    @Test func `a flooding child leaves the others their turn`() throws {
        let bench = try HubBench(specification(["loud", "quiet"]))
        let loud = try bench.open(1)
        let quiet = try bench.open(2, of: 1)
        let block = [UInt8](repeating: 10, count: 65_536)
        _ = loud.flood(block)
        quiet.print("hello\n")
        var reads = 0
        // One turn of the loop: each ready pipe is read once.
        try bench.epoll.wait(until: Clock.now().monotonic + .seconds(1)) { token, events in
            reads += 1
            bench.hub.ready(token, events, at: Clock.now())
        }
        #expect(reads == 2)
        try bench.turn { bench.stdout?.text.contains("quiet | hello\n") == true }
    }

    @Test func `a closed stdout is said on stderr once, and nothing else changes`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        bench.stdout = nil
        for _ in 0..<5 {
            child.print("into the void\n")
            try bench.turn()
        }
        child.complain("still here\n")
        try bench.turn { bench.stderr?.text.contains("web | still here\n") == true }
        let said = bench.stderr?.lines.filter { $0.contains("stdout has no reader any more") }
        #expect(said?.count == 1)
        #expect(said?.first?.contains("broken pipe (EPIPE)") == true)
        // How much is lost is said after a while, once, and then there is nothing to wait for.
        let due = try #require(bench.hub.nextDeadline)
        let now = Clock.now()
        #expect(due > now.monotonic && due <= now.monotonic + Outlet.lossInterval)
        try bench.turn(at: Moment(monotonic: due, wall: now.wall))
        let lost = bench.stderr?.lines.filter { $0.contains("lines of output were not written") }
        #expect(lost?.count == 1)
        #expect(
            lost?.first?.hasSuffix(", and it goes on: stdout: broken pipe (EPIPE)") == true)
        #expect(lost?.first?.contains("reeve: 5 lines") == true)
        #expect(bench.hub.nextDeadline == nil)
    }

    @Test func `loss is said while it lasts, and at the end what was never written`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        let block = Array(repeating: [UInt8](repeating: 120, count: 99) + [10], count: 600)
            .flatMap(\.self)
        var written = 0
        var now = Clock.now()
        /// Nobody reads stdout.
        func flood(_ bytes: Int) throws {
            let end = written + bytes
            while written < end {
                written += child.flood(Array(block[(written % block.count)...]))
                bench.hub.drain(child.run, at: now)
                try bench.stderr?.take()
            }
        }
        func said(_ words: String) -> [String] {
            bench.stderr?.lines.filter { $0.contains(words) } ?? []
        }
        func numbers() -> [Int] {
            said("not written since").compactMap { line in
                let words = line.split(separator: " ")
                return words.firstIndex(of: "lines").flatMap { Int(words[$0 - 1]) }
            }
        }
        try flood(1_000_000)
        #expect(said("reader is too slow").count == 1 && said("not written").isEmpty)
        let due = try #require(bench.hub.nextDeadline)
        now = Moment(monotonic: due, wall: now.wall + Outlet.lossInterval)
        bench.hub.timePassed(at: now)
        try bench.stderr?.take()
        #expect(said("and it goes on: stdout's reader was too slow").count == 1)
        try flood(1_000_000)
        bench.hub.finish(until: Clock.now().monotonic + .milliseconds(50))
        try bench.stderr?.take()
        try bench.stdout?.take()
        #expect(said("reader is too slow").count == 1 && numbers().count == 2)
        // Every line was written, or said to be lost; the line that was cut is among the latter.
        let whole = bench.stdout?.bytes.count { $0 == 10 } ?? 0
        #expect(numbers().reduce(0, +) + whole == (written + 99) / 100)
        #expect(bench.notices.count == 3)
    }

    @Test func `a stream that is full again and again is said so now and then`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        let block = [UInt8](repeating: 10, count: 60_000)
        let now = Clock.now()
        for _ in 0..<5 {
            for _ in 0..<10 {
                _ = child.flood(block)
                bench.hub.drain(child.run, at: now)
            }
            // The reader catches up.
            repeat {
                try bench.stdout?.take()
            } while try bench.epoll.wait(until: Clock.now().monotonic) { token, events in
                bench.hub.ready(token, events, at: now)
            } > 0
        }
        try bench.stderr?.take()
        let lines = bench.stderr?.lines ?? []
        #expect(lines.filter { $0.contains("reader is too slow") }.count == 1)
        #expect(lines.filter { $0.contains("not written since") }.count == 1)
        #expect(bench.hub.nextDeadline == now.monotonic + Outlet.lossInterval)
    }

    @Test func `what stderr loses is said on stdout`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        let line = String(repeating: "x", count: 999) + "\n"
        for _ in 0..<600 {
            child.complain(line)
            bench.hub.drain(child.run, at: Clock.now())
        }
        try bench.stdout?.take()
        #expect(bench.stdout?.text.contains("stderr's reader is too slow") == true)
        bench.hub.finish(until: Clock.now().monotonic + .milliseconds(50))
        try bench.stdout?.take()
        #expect(
            bench.stdout?.text.contains("lines of output were not written since") == true)
    }

    @Test func `a closed stderr is said on stdout`() throws {
        let bench = try HubBench(specification())
        bench.stderr = nil
        bench.hub.notice(.info, "lost", at: Clock.now())
        bench.hub.notice(.info, "lost too", at: Clock.now())
        try bench.turn { bench.stdout?.text.contains("stderr has no reader any more") == true }
        #expect(bench.stdout?.lines.count == 1)
        // Kept for the event ring in any case.
        #expect(bench.notices.count == 3)
    }

    @Test func `both closed is no reason to end`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        bench.stdout = nil
        bench.stderr = nil
        for _ in 0..<3 {
            child.print("a\n")
            child.complain("b\n")
            bench.hub.notice(.error, "c", at: Clock.now())
            try bench.turn()
        }
        child.close()
        try bench.turn { bench.hub.openPipes == 0 }
        // What each has lost is an event; that nobody can be told of it is no loss of its own.
        for _ in 0..<3 {
            guard let due = bench.hub.nextDeadline else { break }
            bench.hub.timePassed(at: Moment(monotonic: due, wall: Clock.now().wall))
        }
        #expect(bench.hub.nextDeadline == nil)
        let numbers = bench.notices.map(\.message).filter { $0.contains("not written since") }
        #expect(numbers.count == 2)
        bench.hub.finish(until: Clock.now().monotonic + .seconds(1))
    }

    @Test func `where stdout and stderr are one, no line is torn`() throws {
        let bench = try HubBench(specification(), isShared: true)
        let child = try bench.open(1)
        // Longer than what a pipe takes whole.
        let lines = Array(
            repeating: [UInt8](repeating: UInt8(ascii: "x"), count: 4_999) + [10], count: 12
        ).flatMap(\.self)
        for round in 0..<14 {
            child.print(lines)
            bench.hub.drain(child.run, at: Clock.now())
            child.complain("complaint \(round)\n")
            bench.hub.drain(child.run, at: Clock.now())
            bench.hub.notice(.info, "notice \(round)", at: Clock.now())
            if round % 3 == 0 { try bench.stdout?.take(atMost: 20_000) }
        }
        try bench.turn { bench.stdout?.text.contains("not written since") == true }
        try bench.stderr?.take()
        #expect(bench.stderr?.bytes.isEmpty == true)
        let shown = bench.stdout?.lines ?? []
        #expect(shown.contains { $0.hasSuffix("stdout and stderr's reader was too slow") })
        for line in shown where line.contains("x") && !line.contains("reeve: ") {
            #expect(line.count == 4_999 + "web | ".count)
        }
        #expect(shown.count { $0.contains("reeve: notice ") } == 14)
    }

    @Test func `a full disk is tried again and what was lost is said`() throws {
        let epoll = try Epoll()
        let number = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
        try #require(number >= 0)
        let full = FileDescriptor(owning: number)
        let (reader, sink) = try Pipe.make().split {
            (readEnd, writeEnd) throws(Errno) -> (Int32, Int32) in
            (readEnd.release(), writeEnd.release())
        }
        let stderr = Reader(FileDescriptor(owning: reader))
        let hub = OutputHub(
            epoll: epoll, specification: specification(), tailDirectory: nil,
            stdout: .descriptor(full), stderr: .descriptor(FileDescriptor(owning: sink)))
        let child = try Child(
            run: RunID(order: 1, origin: 7),
            hub.open(run: RunID(order: 1, origin: 7), of: SchedulerID(0)))
        child.print("one\n")
        var now = Clock.now()
        try epoll.wait(until: now.monotonic + .seconds(1)) { hub.ready($0, $1, at: now) }
        try stderr.take()
        #expect(stderr.lines.count == 1)
        #expect(stderr.text.contains("no space left on device (ENOSPC)"))
        // Tried again, in vain, without another word.
        let due = try #require(hub.nextDeadline)
        #expect(due == now.monotonic + Outlet.retryInterval)
        // What was lost: nothing yet, the buffer has it.
        now = Moment(monotonic: due, wall: now.wall)
        hub.timePassed(at: now)
        #expect(hub.nextDeadline == now.monotonic + Outlet.retryInterval)
        try stderr.take()
        #expect(stderr.lines.count == 1)
        // At the end it is lost, and that is said.
        hub.finish(until: Clock.now().monotonic + .milliseconds(50))
        try stderr.take()
        #expect(stderr.lines.count == 2)
        #expect(stderr.lines.last?.contains("reeve: 1 line of output was not written") == true)
        #expect(stderr.lines.last?.hasSuffix("no space left on device (ENOSPC)") == true)
    }

    @Test func `the end waits for a reader, but not for ever`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        child.print("the last\nline")
        bench.hub.finish(until: Clock.now().monotonic + .seconds(5))
        try bench.stdout?.take()
        #expect(bench.stdout?.text == "web | the last\nweb | line\n")
        // Nobody reads: given up at the deadline.
        let block = [UInt8](repeating: 10, count: 60_000)
        for _ in 0..<4 {
            _ = child.flood(block)
            bench.hub.drain(child.run, at: Clock.now())
        }
        let began = Clock.now().monotonic
        bench.hub.finish(until: began + .milliseconds(100))
        let took = Clock.now().monotonic - began
        #expect(took >= .milliseconds(90) && took < .seconds(3))
    }

    @Test func `running out of descriptors fails the open and keeps nothing`() throws {
        let bench = try HubBench(specification())
        #expect(throws: Errno.invalid) {
            _ = try bench.hub.open(run: RunID(order: 1, origin: 7), of: SchedulerID(9))
        }
        #expect(bench.hub.openPipes == 0)
    }

    @Test func `a stale token finds nothing`() throws {
        let bench = try HubBench(specification())
        let child = try bench.open(1)
        var stale: Token?
        child.print("x\n")
        try bench.epoll.wait(until: Clock.now().monotonic + .seconds(1)) { token, _ in stale = token
        }
        child.close()
        bench.hub.drain(child.run, at: Clock.now())
        let next = try bench.open(2)
        next.print("y\n")
        let token = try #require(stale)
        bench.hub.ready(token, .readable, at: Clock.now())
        try bench.stdout?.take()
        #expect(bench.stdout?.text == "web | x\n")
        bench.hub.ready(Token(source: 5, slot: 4_000_000_000), .readable, at: Clock.now())
        try bench.turn { bench.stdout?.lines.count == 2 }
    }
}

extension StreamEnd {
    fileprivate var kind: String {
        switch self {
        case .inherit: "inherit"
        case .null: "null"
        case .descriptor: "pipe"
        }
    }
}
