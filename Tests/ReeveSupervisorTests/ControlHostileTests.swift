// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveControl
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

@Suite struct ControlHostileTests {
    @Test func `what cannot be read is answered with a sentence, and the connection goes on`()
        throws
    {
        let bench = try ControlBench()
        let client = try bench.connect()
        let rubbish: [[UInt8]] = [
            Array("hello".utf8), Array("[]".utf8), Array("{}".utf8), [0xFF, 0xFE], [0, 0, 0],
            Array(#"{"id":1,"op":"explode"}"#.utf8), Array(#"{"id":"x","op":"ping"}"#.utf8),
            Array(#"{"id":1,"op":"start"}"#.utf8), Array(#"{"id":1,"op":"start","name":7}"#.utf8),
            Array(String(repeating: "[", count: 5_000).utf8),
        ]
        for line in rubbish { try client.send(line + [10]) }
        try client.ask(#"{"id":99,"op":"ping"}"#)
        try bench.turn { client.lines.count == rubbish.count + 1 }
        for line in client.lines.dropLast() {
            #expect(line.contains(#""ok":false"#) && line.contains(#""message":"#))
        }
        #expect(client.lines.last?.hasPrefix(#"{"id":99,"ok":true"#) == true)
        #expect(!client.isClosed && bench.events.isEmpty)
    }

    @Test func `a request without end is answered and the connection closed`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.ask(#"{"id":1,"op":"ping"}"#)
        try client.send([UInt8](repeating: 120, count: ControlLimits.requestBytesMax + 1_000))
        try bench.turn { client.isClosed || (try? client.take()) == nil }
        #expect(client.lines.count == 2)
        #expect(client.lines.last?.contains(#""code":"too-long""#) == true)
        #expect(bench.server.clientCount == 0)
    }

    @Test func `a whole request that is too long is refused, too`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        // Its end arrives in the same read as its beginning's limit.
        let name = String(repeating: "x", count: ControlLimits.requestBytesMax)
        let bytes = Array(#"{"id":1,"op":"stop","name":"\#(name)"}"#.utf8) + [10]
        try client.send(bytes)
        try bench.turn { client.lines.count == 1 }
        #expect(client.lines[0].contains(#""code":"too-long""#))
    }

    @Test func `requests byte by byte are requests`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        for byte in Array("{\"id\":1,\"op\":\"ping\"}\n".utf8) {
            try client.send([byte])
            try bench.turn()
        }
        try bench.turn { client.lines.count == 1 }
        #expect(bench.server.clientCount == 1)
    }

    @Test func `half a request is waited for thirty seconds`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        try client.send(Array(#"{"id":1,"#.utf8))
        try bench.turn { bench.server.nextDeadline != nil }
        try bench.turn()
        let due = try #require(bench.server.nextDeadline)
        #expect(due <= Clock.now().monotonic + ControlServer.partialTimeout)
        // A byte now and then does not help.
        bench.advance(by: .seconds(20))
        try client.send([UInt8(ascii: " ")])
        try bench.turn()
        #expect(bench.server.clientCount == 1)
        bench.advance(by: .seconds(11))
        try bench.turn { bench.server.clientCount == 0 }
        #expect(client.lines.last?.contains("was not complete within 30s") == true)
        try client.take()
        #expect(client.isClosed)
    }

    @Test func `who asks nothing for ten minutes is told and closed, who waits is not`() throws {
        let bench = try ControlBench()
        let idle = try bench.connect()
        let waiting = try bench.connect()
        let subscribed = try bench.connect()
        try waiting.ask(#"{"id":1,"op":"stop","name":"s0"}"#)
        try subscribed.ask(#"{"id":1,"op":"subscribe"}"#)
        try bench.turn {
            bench.server.clientCount == 3 && bench.events.count == 1
                && bench.server.followerCount == 1
        }
        bench.advance(by: .minutes(11))
        try bench.turn { bench.server.clientCount == 2 }
        #expect(idle.lines.last?.contains("nothing was asked for 10m") == true)
        #expect(bench.server.nextDeadline == nil)
        // Its time begins anew with the answer.
        bench.server.reply(
            RequestID(1), Reply(outcomes: []), at: bench.now, view: bench.view)
        try bench.turn { waiting.lines.count == 1 }
        #expect(
            bench.server.nextDeadline == (bench.clock?.monotonic).map { $0 + .minutes(10) })
    }

    @Test func `a client that asks and never reads is stopped, then dropped`() throws {
        let bench = try ControlBench(schedulers: 500)
        let client = try bench.connect()
        let line = Array("{\"id\":1,\"op\":\"status\"}\n".utf8)
        var sent = 0
        for _ in 0..<60 {
            sent += try client.sendSome(Array(repeating: line, count: 100).flatMap(\.self))
            try bench.turn()
            if let buffered = bench.server.bufferedBytes.max() {
                #expect(buffered <= ControlLimits.bufferBytesMax)
            }
        }
        // It was read from only as long as there was room for the answers.
        #expect(sent < 1_000_000)
        #expect(bench.server.clientCount == 1)
        #expect(try bench.turn() == 0)
        bench.advance(by: .seconds(31))
        try bench.turn { bench.server.clientCount == 0 }
        #expect(bench.log.contains("has read nothing for 30s and is dropped"))
    }

    @Test func `refused requests do not pile up either`() throws {
        let bench = try ControlBench(schedulers: 500)
        let client = try bench.connect()
        let line = Array("{\"id\":1,\"op\":\"stop\",\"name\":\"s\"}\n".utf8)
        for _ in 0..<60 {
            _ = try client.sendSome(Array(repeating: line, count: 200).flatMap(\.self))
            try bench.turn()
            if let buffered = bench.server.bufferedBytes.max() {
                #expect(buffered <= ControlLimits.bufferBytesMax)
            }
        }
        #expect(bench.server.clientCount == 1)
    }

    @Test func `one client has a bounded number of open requests`() throws {
        let bench = try ControlBench()
        let client = try bench.connect()
        for id in 1...(ControlServer.answersMax + 5) {
            try client.ask(#"{"id":\#(id),"op":"stop","name":"s0"}"#)
        }
        try bench.turn { client.lines.count == 5 }
        #expect(bench.events.count == ControlServer.answersMax)
        #expect(client.lines.allSatisfy { $0.contains(#""code":"too-many-requests""#) })
    }

    @Test func `the client after the last is told so`() throws {
        let bench = try ControlBench()
        var clients: [TestClient] = []
        for _ in 0..<ControlLimits.clientsMax {
            clients.append(try bench.connect())
            try clients.last?.ask(#"{"id":1,"op":"ping"}"#)
            try bench.turn()
        }
        try bench.turn { bench.server.clientCount == ControlLimits.clientsMax }
        try bench.turn { clients.allSatisfy { $0.lines.count == 1 } }
        bench.advance(by: .seconds(2))
        let late = try bench.connect()
        try bench.turn { late.lines.count == 1 && late.isClosed }
        #expect(late.lines[0].contains(#""code":"too-many-clients""#))
        clients[10].close()
        try bench.turn { bench.server.clientCount == ControlLimits.clientsMax - 1 }
        let next = try bench.connect()
        try next.ask(#"{"id":1,"op":"ping"}"#)
        try bench.turn { next.lines.count == 1 }
    }

    @Test func `who never asked for anything makes room when all places are taken`() throws {
        let bench = try ControlBench()
        bench.clock = Clock.now()
        var clients: [TestClient] = []
        for _ in 0..<ControlLimits.clientsMax {
            clients.append(try bench.connect())
            try bench.turn()
        }
        try bench.turn { bench.server.clientCount == ControlLimits.clientsMax }
        try clients[0].ask(#"{"id":1,"op":"ping"}"#)
        try clients[1].ask(#"{"id":1,"op":"subscribe"}"#)
        try bench.turn { clients[0].lines.count == 1 && bench.server.followerCount == 1 }
        // Whoever has just come may be about to ask.
        let early = try bench.connect()
        try bench.turn { early.isClosed || early.lines.count == 1 }
        bench.advance(by: .seconds(2))
        let late = try bench.connect()
        try late.ask(#"{"id":7,"op":"ping"}"#)
        try bench.turn { late.lines.count == 1 }
        #expect(late.lines.first?.hasPrefix(#"{"id":7,"ok":true"#) == true)
        #expect(clients[2].lines.last?.contains("another client needs the place") == true)
        #expect(clients[2].isClosed && !clients[0].isClosed && !clients[1].isClosed)
        #expect(bench.server.clientCount == ControlLimits.clientsMax)
    }

    @Test func `only those who may are served`() {
        let table: [(access: ControlAccess, user: UInt32, group: UInt32, groups: [UInt32], Bool)] =
            [
                (ControlAccess(), 0, 0, [], true), (ControlAccess(), 1_000, 5, [], true),
                (ControlAccess(), 1_001, 5, [7], false),
                (ControlAccess(group: 7), 1_001, 5, [7], true),
                (ControlAccess(group: 7), 1_001, 7, [], true),
                (ControlAccess(group: 7), 1_001, 5, [6, 8], false),
                (ControlAccess(isOpenToAll: true), 1_001, 5, [], true),
                (ControlAccess(mode: 0o600, group: 7), 1_001, 7, [], false),
                (ControlAccess(mode: 0o640, group: 7), 1_001, 7, [], false),
                (ControlAccess(mode: 0o660, group: 7), 1_001, 7, [], true),
                (ControlAccess(mode: 0o662, group: 7), 1_001, 8, [], true),
            ]
        for (access, user, group, groups, expected) in table {
            let allowed = access.allows(user: user, group: group, own: 1_000) { groups }
            #expect(allowed == expected)
        }
    }

    @Test func `running out of descriptors does not spin`() async {
        // The limit is the process's, hence a process of its own.
        await #expect(processExitsWith: .success) {
            exit(try ControlHostileTests.exhaustDescriptors())
        }
    }

    /// Returns 0, or which expectation failed.
    private static func exhaustDescriptors() throws -> Int32 {
        let bench = try ControlBench()
        let served = try bench.connect()
        try bench.turn { bench.server.clientCount == 1 }
        let waiting = try bench.connect()
        let resource = __rlimit_resource_t(7)
        var limit = rlimit()
        _ = unsafe getrlimit(resource, &limit)
        let soft = limit.rlim_cur
        // Every number below the limit is taken, so that the accept finds none.
        limit.rlim_cur = 64
        _ = unsafe setrlimit(resource, &limit)
        while dup(0) >= 0 {}
        var found = 0
        for _ in 0..<20 { found += try bench.turn() }
        guard found <= 2, bench.server.clientCount == 1 else { return 2 }
        guard bench.server.nextDeadline != nil else { return 3 }
        guard bench.log.contains("cannot accept a client: too many open files") else { return 4 }
        // Those who are connected are served meanwhile.
        try served.ask(#"{"id":1,"op":"ping"}"#)
        try bench.turn { served.lines.count == 1 }
        limit.rlim_cur = soft
        _ = unsafe setrlimit(resource, &limit)
        bench.advance(by: .seconds(2))
        try waiting.ask(#"{"id":1,"op":"ping"}"#)
        try bench.turn { waiting.lines.count == 1 }
        return bench.log.split(separator: "\n").count == 1 ? 0 : 5
    }

    @Test func `random bytes from many clients end nobody but themselves`() throws {
        let bench = try ControlBench()
        var generator = SystemRandomNumberGenerator()
        let steady = try bench.connect()
        for round in 0..<60 {
            let client = try bench.connect()
            let words = [
                "{\"id\":1,\"op\":\"status\"}\n", "{\"id\":", "\n", "}\u{0}",
                "\"op\":\"subscribe\"}\n",
                "{\"id\":3,\"op\":\"logs\",\"name\":\"s0\"}\n", "{\"id\":2,\"op\":\"subscribe\"}\n",
            ]
            for _ in 0..<Int.random(in: 1...40, using: &generator) {
                var bytes = Array((words.randomElement(using: &generator) ?? "").utf8)
                if Bool.random(using: &generator), !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
                        UInt8.random(in: 0...255, using: &generator)
                }
                _ = try client.sendSome(bytes)
            }
            if round % 3 == 0 { client.finishSending() }
            bench.publish("event \(round)")
            try bench.turn()
            client.close()
            try bench.turn()
        }
        try steady.ask(#"{"id":5,"op":"ping"}"#)
        try bench.turn { steady.lines.count == 1 }
        try bench.turn { bench.server.clientCount == 1 }
    }
}
