// SPDX-License-Identifier: Apache-2.0
//
// Names of signals, of schedulers and of runs.

import Testing

@testable import ReeveCore

@Suite struct SignalTests {
    @Test(
        arguments: [
            ("TERM", 15), ("SIGTERM", 15), ("term", 15), ("SigHup", 1), ("15", 15), ("9", 9),
            ("USR1", 10), ("CHLD", 17), ("SYS", 31), ("RTMIN", 34), ("SIGRTMIN+3", 37),
            ("RTMAX", 64),
            ("RTMAX-2", 62), ("rtmin+30", 64), ("RTMAX-30", 34), ("64", 64),
        ] as [(String, Int32)])
    func `a signal is read by name or number`(text: String, number: Int32) {
        #expect(Signal(text)?.number == number)
    }

    @Test(arguments: [
        "", "SIG", "0", "65", "-1", "TERMINATE", "SIGSIGTERM", "RTMIN+31", "RTMAX-31", "RTMIN+",
        "RTMIN-1", "RTMAX+1", "RTMIN+-3", " TERM", "TERM ", "15.0", "99999999999999999999",
    ])
    func `anything else is no signal`(text: String) {
        #expect(Signal(text) == nil)
    }

    @Test func `every number but the two of the C library reads back from its name`() {
        for number in Int32(1)...64 where number != 32 && number != 33 {
            let signal = Signal(number: number)
            #expect(signal?.number == number)
            #expect(signal.flatMap { Signal($0.description) } == signal)
            #expect(signal.flatMap { Signal($0.shortName) } == signal)
        }
        #expect(Signal(number: 0) == nil && Signal(number: 65) == nil)
        #expect(Signal(number: -1) == nil && Signal(number: .max) == nil)
    }

    @Test func `the known ones carry their names`() {
        let known: [Signal] = [
            .hangup, .interrupt, .quit, .abort, .kill, .user1, .segmentationViolation, .user2,
            .terminate, .continue, .stop,
        ]
        #expect(
            known.map(\.description) == [
                "SIGHUP", "SIGINT", "SIGQUIT", "SIGABRT", "SIGKILL", "SIGUSR1", "SIGSEGV",
                "SIGUSR2", "SIGTERM", "SIGCONT", "SIGSTOP",
            ])
        #expect(Set(Signal.names).count == 31)
    }

    @Test func `an end is told as a shell would report it`() {
        #expect(ExitStatus.exited(code: 3).shellCode == 3)
        #expect(ExitStatus.killed(.kill).shellCode == 137)
        #expect(ExitStatus.exited(code: 3).description == "exit code 3")
        #expect(ExitStatus.killed(.terminate).description == "SIGTERM")
        let dumped = ExitStatus.signalled(.segmentationViolation, coreDumped: true)
        #expect(dumped.description == "SIGSEGV (core dumped)")
    }
}

@Suite struct SchedulerNameTests {
    @Test(arguments: [
        "a", "0", "web", "web-1", "web.example", "a_b", "9-._", String(repeating: "x", count: 63),
        "start", "healthy",
    ])
    func `a name of the allowed characters is one`(text: String) {
        #expect(SchedulerName(text)?.text == text)
    }

    @Test(arguments: [
        "", "-web", ".web", "_web", "Web", "web 1", "web/1", "wéb", "web\n", "web\0", "é",
        String(repeating: "x", count: 64), "health", "start-all", "stop-all", "web:1", "../x",
    ])
    func `any other text is none`(text: String) {
        #expect(SchedulerName(text) == nil)
    }

    @Test func `names are ordered by their text`() {
        #expect(name("a") < name("b") && name("web-1") < name("web-2"))
    }
}

@Suite struct RunIDTests {
    @Test func `an id reads back from its 26 characters`() {
        let patterns: [UInt64] = [0, 1, 31, 32, .max, 1 << 63, 0x0123_4567_89AB_CDEF, .max - 1]
        for order in patterns {
            for origin in patterns {
                let id = RunID(order: order, origin: origin)
                #expect(id.description.utf8.count == 26)
                #expect(RunID(id.description) == id)
            }
        }
        #expect(RunID(order: 0, origin: 0).description == String(repeating: "0", count: 26))
        #expect(
            RunID(order: .max, origin: .max).description == "7" + String(repeating: "Z", count: 25))
    }

    @Test(arguments: [
        "", "0", String(repeating: "0", count: 25), String(repeating: "0", count: 27),
        "8" + String(repeating: "0", count: 25), String(repeating: "I", count: 26),
        "0000000000000000000000000l", "0000000000000000000000000u", "000000000000000000000000 0",
        String(repeating: "é", count: 13),
    ])
    func `no other text is an id`(text: String) {
        #expect(RunID(text) == nil)
    }

    @Test func `ids sort as their texts do`() {
        var random = SplitMix64(seed: 7)
        var ids = (0..<500).map { _ in RunID(order: random.next(), origin: random.next()) }
        ids.sort()
        #expect(ids.map(\.description) == ids.map(\.description).sorted())
    }

    @Test func `the first characters tell the time and the next the sequence`() {
        var sequence = RunSequence(origin: 5)
        let id = sequence.next(at: World.start.wall)
        #expect(id.milliseconds == 1_795_628_314_000)
        #expect(id.order & 0xFFFF == 0 && id.origin == 5)
        let second = sequence.next(at: World.start.wall)
        #expect(second.milliseconds == id.milliseconds && second.order & 0xFFFF == 1)
    }

    @Test func `ids grow although the wall clock steps back or stands still`() {
        var sequence = RunSequence(origin: 1)
        let wall = World.start.wall
        var last = sequence.next(at: wall)
        for step: Int64 in [0, 0, -3_600, 1, -86_400 * 365, 0, 2] {
            let next = sequence.next(at: wall + .seconds(step))
            #expect(next > last)
            last = next
        }
        #expect(sequence.next(at: WallTime(nanoseconds: -5)) > last)
        #expect(sequence.next(at: WallTime(nanoseconds: .min)) > last)
    }

    @Test func `more runs than a millisecond has numbers stay unique and in order`() {
        var sequence = RunSequence(origin: 1)
        var last = sequence.next(at: World.start.wall)
        for _ in 0..<70_000 {
            let next = sequence.next(at: World.start.wall)
            #expect(next > last)
            last = next
        }
    }

    @Test func `two state directories never give one id`() {
        var one = RunSequence(origin: 1)
        var two = RunSequence(origin: 2)
        #expect(one.next(at: World.start.wall) != two.next(at: World.start.wall))
    }
}
