// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveControl
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

@Suite struct ControlServerTests {
    private func done(_ words: String) -> Reply {
        Reply(outcomes: [.init(scheduler: SchedulerID(0), result: .done, words: words)])
    }

    @Test func `a request reaches the core and its answer the client`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":7,"op":"restart","name":"s1"}"#)
        try bench.turn { !bench.events.isEmpty }
        #expect(
            bench.events == [.requested(RequestID(1), .restart(SchedulerID(1), force: false))])
        #expect(client.lines.isEmpty)
        bench.server.reply(RequestID(1), done("s0: restarted"), at: bench.now, view: bench.view)
        try bench.turn { client.lines.count == 1 }
        let line = try #require(client.lines.first)
        #expect(line.hasPrefix(#"{"id":7,"ok":true"#))
        #expect(line.contains("s0: restarted"))
        #expect(line.hasSuffix(#""more":false}"#))
    }

    @Test func `every action finds its scheduler`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"start","name":"s0","force":true}"#)
        try client.ask(#"{"id":2,"op":"stop","name":"s2"}"#)
        try client.ask(#"{"id":3,"op":"reset","name":"s1"}"#)
        try client.ask(#"{"id":4,"op":"signal","name":"s1","signal":"HUP"}"#)
        try client.ask(#"{"id":5,"op":"start-all"}"#)
        try client.ask(#"{"id":6,"op":"stop-all"}"#)
        try client.ask(#"{"id":7,"op":"start","name":"s"}"#)
        try bench.turn { bench.events.count == 6 && client.lines.count == 1 }
        let requests: [Request] = [
            .start(SchedulerID(0), force: true), .stop(SchedulerID(2)), .reset(SchedulerID(1)),
            .signal(SchedulerID(1), .hangup), .startAll, .stopAll,
        ]
        #expect(
            bench.events
                == requests.enumerated().map { .requested(RequestID(UInt64($0 + 1)), $1) })
        #expect(client.lines.first?.contains(#""code":"unknown-scheduler""#) == true)
        #expect(client.lines.first?.hasPrefix(#"{"id":7,"ok":false"#) == true)
    }

    @Test func `answers come in any order, each with its id`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":10,"op":"start","name":"s0"}"#)
        try client.ask(#"{"id":11,"op":"stop","name":"s1"}"#)
        try client.ask(#"{"id":12,"op":"ping"}"#)
        try bench.turn { bench.events.count == 2 }
        bench.server.reply(RequestID(2), done("b"), at: bench.now, view: bench.view)
        bench.server.reply(RequestID(1), done("a"), at: bench.now, view: bench.view)
        try bench.turn { client.lines.count == 3 }
        #expect(client.lines.map { $0.prefix(8) } == [#"{"id":12"#, #"{"id":11"#, #"{"id":10"#])
    }

    @Test func `status of one carries memory that was read now`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"status","name":"s1"}"#)
        try bench.turn { client.lines.last?.hasSuffix(#""more":false}"#) == true }
        #expect(
            client.lines.first == #"{"id":1,"ok":true,"settings":{"description":null,"#
                + #""command":["/bin/true"],"workingDirectory":null,"user":null,"group":null},"#
                + #""more":true}"#)
        #expect(client.lines.last?.contains(#""name":"s1""#) == true)
        #expect(client.lines.last?.contains("42000000") == true)
        #expect(bench.memoryReads == 1)
    }

    @Test func `status of all comes in bounded lines, made as they are read`() throws {
        let count = 3_000
        let bench = try ControlBench(schedulers: count)
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"status"}"#)
        for _ in 0..<50 { try bench.turn() }
        // The client has read nothing: only what fits the socket and the buffer was made.
        #expect(bench.memoryReads < count)
        let early = bench.memoryReads
        for _ in 0..<10 { try bench.turn() }
        #expect(bench.memoryReads == early)
        try bench.turn { client.lines.last?.hasSuffix(#""more":false}"#) == true }
        // The one that did not fit a page was read again for the next.
        #expect(bench.memoryReads < count + client.lines.count)
        #expect(client.sizes.allSatisfy { $0 < ControlLimits.lineBytesMax })
        let names = client.lines.reduce(0) { $0 + $1.components(of: #"{"name":"s"#) }
        #expect(names == count)
        #expect(client.lines.dropLast().allSatisfy { $0.hasSuffix(#""more":true}"#) })
    }

    @Test func `events are numbered, replayed and followed`() throws {
        let bench = try ControlBench()
        for number in 1...3 { bench.publish("event \(number)") }
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"subscribe","after":"epoch1-1"}"#)
        try bench.turn { client.lines.count == 2 }
        #expect(client.lines[0].contains("event 2") && client.lines[0].contains("epoch1-2"))
        #expect(client.lines[1].contains("event 3") && client.lines[1].contains("epoch1-3"))
        bench.publish("event 4")
        bench.publish("event 5")
        try bench.turn { client.lines.count == 4 }
        #expect(client.lines[3].contains("epoch1-5"))
        // A follower that has caught up costs no wake-up.
        try bench.turn()
        #expect(try bench.turn() == 0)
        let other = try bench.connect()
        try other.ask(#"{"id":2,"op":"subscribe","follow":false}"#)
        try bench.turn { other.lines.count == 6 }
        #expect(other.lines.last?.hasSuffix(#""more":false}"#) == true)
    }

    @Test func `another instance's position, or one to come, is said to be a gap`() throws {
        let bench = try ControlBench()
        bench.publish("event 1")
        for after in ["other-1", "epoch1-9"] {
            let client = try bench.connect()
            try client.ask(#"{"id":1,"op":"subscribe","after":"\#(after)","follow":false}"#)
            try bench.turn { client.lines.count == 3 }
            #expect(client.lines[0].contains("gap") && client.lines[0].contains(after))
            #expect(client.lines[1].contains("event 1"))
        }
    }

    @Test func `a subscriber that falls behind is told how much it missed`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"subscribe"}"#)
        try bench.turn { bench.server.followerCount == 1 }
        let total = 3 * EventRing.recordsMax
        for number in 1...total {
            bench.publish("event \(number) " + String(repeating: "x", count: 100))
            if number % 64 == 0 { try bench.turn() }
        }
        try bench.turn { client.lines.last?.contains("epoch1-\(total)\"") == true }
        let gaps = client.lines.filter { $0.contains(#""gap""#) }
        #expect(!gaps.isEmpty)
        let missed = gaps.reduce(0) { $0 + ($1.number(after: #""missed":"#) ?? 0) }
        #expect(client.lines.count - gaps.count + missed == total)
    }

    @Test func `logs show the last lines and follow`() throws {
        let bench = try ControlBench(tails: true)
        let child = try Child(
            run: RunID(order: 1, origin: 7),
            bench.hub.open(run: RunID(order: 1, origin: 7), of: SchedulerID(1)))
        child.print("one\ntwo\nthree\n")
        bench.hub.drain(child.run, at: bench.now)
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"logs","name":"s1","lines":2,"follow":true}"#)
        try bench.turn { client.lines.count == 2 }
        #expect(client.lines[0].contains(#""stream":"stdout","continues":false,"line":"two""#))
        #expect(client.lines[1].contains(#""line":"three""#))
        #expect(client.lines[1].contains(#""at":"20"#))
        try bench.turn()
        #expect(try bench.turn() == 0)
        child.complain("four\n")
        try bench.turn { client.lines.count == 3 }
        #expect(client.lines[2].contains(#""stream":"stderr","continues":false,"line":"four""#))
        let other = try bench.connect()
        try other.ask(#"{"id":2,"op":"logs","name":"s1"}"#)
        try bench.turn { other.lines.count == 5 }
        #expect(other.lines.last?.hasSuffix(#""more":false}"#) == true)
        child.close()
    }

    @Test func `who follows the log of one that is gone for good sees its end`() throws {
        let bench = try ControlBench(tails: true)
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"logs","name":"s1","lines":2,"follow":true}"#)
        try client.ask(#"{"id":2,"op":"logs","name":"s0","follow":true}"#)
        try bench.turn { bench.server.followerCount == 2 }
        bench.server.forget(SchedulerID(1), name("s1"))
        try bench.turn { client.lines.count == 2 }
        #expect(client.lines[0].contains("s1 is no longer configured"))
        #expect(client.lines[1] == #"{"id":1,"ok":true,"more":false}"#)
        #expect(bench.server.followerCount == 1)
    }

    @Test func `the head of the status comes alone, in one line`() throws {
        let bench = try ControlBench(schedulers: 2_000)
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"overview"}"#)
        try bench.turn { client.lines.count == 1 }
        #expect(client.lines[0].number(after: #""totalSchedulers":"#) == 2_000)
        #expect(client.lines[0].hasSuffix(#""more":false}"#))
        #expect(bench.memoryReads == 0)
    }

    @Test func `what the supervisor itself takes is told`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        _ = try bench.connect()
        try client.ask(#"{"id":1,"op":"usage"}"#)
        try bench.turn { client.lines.count == 1 }
        let line = try #require(client.lines.first)
        #expect((line.number(after: #""memoryBytes":"#) ?? 0) > 1_000_000)
        #expect((line.number(after: #""descriptors":"#) ?? 0) > 3)
        #expect(line.number(after: #""clients":"#) == 2)
    }

    @Test func `a part of reeve itself is served over a pair, however long it is silent`() throws {
        let bench = try ControlBench()
        let part = try UnixSocket.pair().split { (own, child) throws(Errno) in
            try own.setNonblocking()
            try bench.server.adopt(own, at: bench.now)
            return TestClient(over: child)
        }
        let other = try bench.connect()
        try bench.turn { bench.server.clientCount == 2 }
        bench.advance(by: .minutes(11))
        try bench.turn { bench.server.clientCount == 1 }
        #expect(other.lines.count == 1 && part.lines.isEmpty)
        try part.ask(#"{"id":1,"op":"ping"}"#)
        try bench.turn { part.lines.count == 1 }
        // Others that want all the places do not get this one.
        var clients: [TestClient] = []
        for _ in 0..<(2 * ControlLimits.clientsMax) {
            clients.append(try bench.connect())
            bench.advance(by: .seconds(2))
            try bench.turn()
        }
        try part.ask(#"{"id":2,"op":"ping"}"#)
        try bench.turn { part.lines.count == 2 }
        part.close()
        clients.removeAll()
        try bench.turn { bench.server.clientCount == 0 }
    }

    @Test func `the gateway registers only where the configuration says so, and with few keys`()
        throws
    {
        let bench = try ControlBench()
        bench.settings.registeredDirectory = "/nowhere"
        let part = try UnixSocket.pair().split { (own, child) throws(Errno) in
            try own.setNonblocking()
            try bench.server.adopt(own, at: bench.now)
            return TestClient(over: child)
        }
        let register = #"{"id":1,"op":"register","name":"web","text":"[schedulers.web]"}"#
        let unregister = #"{"id":2,"op":"unregister","name":"web"}"#
        try part.ask(register)
        try part.ask(unregister)
        try bench.turn { part.lines.count == 2 }
        for line in part.lines {
            #expect(line.contains(#""code":"may-not-register""#), "\(line)")
        }
        #expect(bench.events.isEmpty)
        // Whoever has come through the socket may.
        let client = try bench.connect()
        try client.ask(register)
        try bench.turn { bench.events.count == 1 }
        var registration = Registration(name: name("web"), text: "[schedulers.web]")
        #expect(
            bench.events
                == [.requested(RequestID(1), .change(.register(registration)))])
        bench.settings.gatewayRegisters = true
        try part.ask(register)
        try part.ask(unregister)
        try bench.turn { bench.events.count == 3 }
        registration.isRestricted = true
        #expect(
            bench.events.dropFirst() == [
                .requested(RequestID(2), .change(.register(registration))),
                .requested(RequestID(3), .change(.unregister(name("web")))),
            ])
    }

    @Test func `without a directory to keep it in nothing is registered`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"register","name":"web","text":""}"#)
        try client.ask(#"{"id":2,"op":"unregister","name":"web"}"#)
        try bench.turn { client.lines.count == 2 }
        #expect(client.lines.first?.contains(#""code":"not-kept""#) == true)
        #expect(client.lines.last?.contains(#""code":"unknown-scheduler""#) == true)
        #expect(bench.events.isEmpty)
    }

    @Test func `a stream that is cancelled ends, and the connection goes on`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"subscribe"}"#)
        try client.ask(#"{"id":2,"op":"subscribe"}"#)
        try bench.turn { bench.server.followerCount == 2 }
        try client.ask(#"{"id":3,"op":"cancel","request":1}"#)
        try bench.turn { client.lines.count == 2 }
        #expect(
            client.lines == [
                #"{"id":1,"ok":true,"more":false}"#, #"{"id":3,"ok":true,"more":false}"#,
            ])
        #expect(bench.server.followerCount == 1)
        bench.publish("event 1")
        try bench.turn { client.lines.count == 3 }
        #expect(client.lines.last?.hasPrefix(#"{"id":2,"#) == true)
        // What has ended already, or is no stream, is left alone.
        try client.ask(#"{"id":4,"op":"restart","name":"s0"}"#)
        try client.ask(#"{"id":5,"op":"cancel","request":1}"#)
        try client.ask(#"{"id":6,"op":"cancel","request":4}"#)
        try bench.turn { client.lines.count == 5 }
        bench.server.reply(RequestID(1), done("restarted"), at: bench.now, view: bench.view)
        try bench.turn { client.lines.count == 6 }
        #expect(client.lines.last?.hasPrefix(#"{"id":4,"ok":true"#) == true)
    }

    @Test func `a follower misses nothing of a burst that the tail cannot hold`() throws {
        let bench = try ControlBench(tails: true)
        let child = try Child(
            run: RunID(order: 1, origin: 7),
            bench.hub.open(run: RunID(order: 1, origin: 7), of: SchedulerID(1)))
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"logs","name":"s1","follow":true}"#)
        try bench.turn { bench.server.followerCount == 1 }
        // What `seq 1 8000` writes, in one turn.
        child.print((1...8_000).map { "\($0)\n" }.joined())
        bench.hub.drain(child.run, at: bench.now)
        try bench.turn { client.lines.count >= 8_000 }
        #expect(client.lines.allSatisfy { !$0.contains(#""gap""#) })
        #expect(client.lines.last?.contains(#""line":"8000""#) == true)
        client.close()
        try bench.turn { bench.server.clientCount == 0 }
        child.close()
    }

    @Test func `a log that is not kept is refused with the reason`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"logs","name":"s1"}"#)
        try bench.turn { client.lines.count == 1 }
        #expect(client.lines[0].contains(#""code":"no-log""#))
        #expect(client.lines[0].contains("no output of s1 is kept"))
    }

    @Test func `a client that leaves withdraws what it asked`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"stop","name":"s0"}"#)
        try client.ask(#"{"id":2,"op":"stop","name":"s1"}"#)
        try bench.turn { bench.events.count == 2 }
        client.close()
        try bench.turn { bench.events.count == 4 }
        #expect(
            bench.events.suffix(2)
                == [.requestWithdrawn(RequestID(1)), .requestWithdrawn(RequestID(2))])
        #expect(bench.server.clientCount == 0)
        // The core's late answer finds nobody.
        bench.server.reply(RequestID(1), done("late"), at: bench.now, view: bench.view)
        #expect(bench.server.nextDeadline == nil)
    }

    @Test func `who asks and leaves at once is obeyed`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"stop","name":"s0"}"#)
        client.close()
        try bench.turn { bench.events.count == 2 }
        #expect(
            bench.events == [
                .requested(RequestID(1), .stop(SchedulerID(0))), .requestWithdrawn(RequestID(1)),
            ])
    }

    @Test func `a client that ends its side still gets its answers`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        // Without a line break at the end.
        try client.send(Array(#"{"id":1,"op":"stop","name":"s0"}"#.utf8))
        client.finishSending()
        try bench.turn { bench.events.count == 1 }
        // Half closed and waiting: no reason to spin.
        try bench.turn()
        #expect(try bench.turn() == 0)
        bench.server.reply(RequestID(1), done("stopped"), at: bench.now, view: bench.view)
        try bench.turn { client.lines.count == 1 && client.isClosed }
        #expect(bench.server.clientCount == 0)
        #expect(bench.events.count == 1)
    }

    @Test func `the end sends what is left and closes`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"subscribe"}"#)
        bench.publish("the first event")
        try bench.turn { client.lines.count == 1 }
        bench.publish("the last event")
        bench.server.close(at: bench.now, view: bench.view)
        #expect(client.lines.count == 3)
        #expect(client.lines[1].contains("the last event"))
        #expect(client.lines.last?.hasSuffix(#""more":false}"#) == true)
        #expect(client.isClosed)
        #expect(throws: SystemFailure.self) { _ = try bench.connect() }
    }
}

extension ControlBench {
    func publish(_ text: String) {
        server.publish(Record(at: now.wall, fact: .notice(.info, text)))
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(of part: String) -> Int {
        let (bytes, pattern) = (Array(utf8), Array(part.utf8))
        guard bytes.count >= pattern.count else { return 0 }
        return (0...(bytes.count - pattern.count)).count {
            bytes[$0] == pattern[0] && bytes[$0..<($0 + pattern.count)] == pattern[...]
        }
    }

    /// The number that follows `part`.
    fileprivate func number(after part: String) -> Int? {
        let (bytes, pattern) = (Array(utf8), Array(part.utf8))
        guard bytes.count > pattern.count else { return nil }
        for start in 0..<(bytes.count - pattern.count)
        where bytes[start..<(start + pattern.count)] == pattern[...] {
            let digits = bytes[(start + pattern.count)...].prefix { (48...57).contains($0) }
            return Int(String(decoding: digits, as: UTF8.self))
        }
        return nil
    }
}
