// SPDX-License-Identifier: Apache-2.0

import ReeveControl
import ReeveCore
import Testing

@Suite struct AnswerTests {
    private let id = RequestID(7)

    @Test func `each kind of line is written as documented and read back`() throws {
        let status = try fullStatus()
        let report = SchedulerReport(status)
        let record = Record(
            at: sampleTime + .microseconds(1_999), scheduler: try name("web"),
            run: RunID("01J9ZK00000000000000000000"),
            fact: .exited(
                .exited(code: 3), ran: .seconds(2), isFailure: true,
                meaning: "failed with exit code 3"))
        let position = EventPosition(epoch: "K3F", sequence: 12)
        var event = EventReport(record, position: position)
        event.at = sampleTime + .milliseconds(1)

        try check(
            #"{"id":7,"ok":false,"error":{"code":"idle","message":"gone \"x\""},"more":false}"#,
            hasMore: false, .failure(ControlError(.idle, #"gone "x""#))
        ) { ControlEncoder.failure(ControlError(.idle, #"gone "x""#), id: id, to: &$0) }
        try check(
            #"{"id":7,"ok":true,"event":{"position":"K3F-12","at":"2024-01-15T10:30:00.001Z","#
                + #""level":"warning","event":"exited","scheduler":"web","#
                + #""runId":"01J9ZK00000000000000000000","#
                + #""message":"failed with exit code 3, having run 2s"},"more":true}"#,
            hasMore: true, .event(event)
        ) { ControlEncoder.event(record, position: position, id: id, to: &$0) }
        try check(
            #"{"id":7,"ok":true,"at":null,"stream":null,"continues":false,"#
                + #""line":"a\tb","cut":false,"more":true}"#,
            hasMore: true, .line(OutputReport(text: "a\tb"))
        ) { ControlEncoder.logLine(Array("a\tb".utf8)[...], id: id, to: &$0) }
        try check(
            #"{"id":7,"ok":true,"at":"2024-01-15T10:30:00.001Z","stream":"stderr","#
                + #""continues":true,"line":" x","cut":false,"more":true}"#,
            hasMore: true,
            .line(
                OutputReport(
                    text: " x", at: sampleTime + .milliseconds(1), stream: .stderr, continues: true)
            )
        ) {
            let tail = Array("2024-01-15T10:30:00.001Z E  x".utf8)
            ControlEncoder.logLine(tail[...], id: id, to: &$0)
        }
        try check(
            #"{"id":7,"ok":true,"gap":{"missed":3,"reason":"slow"},"more":true}"#,
            hasMore: true, .gap(GapReport(missed: 3, reason: "slow"))
        ) { ControlEncoder.gap(missed: 3, reason: "slow", id: id, to: &$0) }
        try check(
            #"{"id":7,"ok":true,"gap":{"missed":null,"reason":"another epoch"},"more":true}"#,
            hasMore: true, .gap(GapReport(missed: nil, reason: "another epoch"))
        ) { ControlEncoder.gap(missed: nil, reason: "another epoch", id: id, to: &$0) }
        try check(#"{"id":7,"ok":true,"more":false}"#, hasMore: false, .end) {
            ControlEncoder.end(id: id, to: &$0)
        }
        let usage = UsageReport(
            memory: nil, processorTime: .milliseconds(12), descriptors: 9, clients: 1)
        try check(
            #"{"id":7,"ok":true,"usage":{"memoryBytes":null,"processorTime":12,"descriptors":9,"#
                + #""clients":1},"more":false}"#, hasMore: false, .usage(usage)
        ) { ControlEncoder.usage(usage, id: id, to: &$0) }
        try check(
            #"{"id":7,"ok":true,"supervisor":{"pid":1,"version":"0.1.0","epoch":"K3F"},"#
                + #""more":false}"#, hasMore: false, .greeting(sampleGreeting)
        ) { ControlEncoder.pong(sampleGreeting, id: id, to: &$0) }
        try check(
            #"{"id":7,"ok":true,"schedulers":[\#(text { report.write(to: &$0) })],"more":false}"#,
            hasMore: false, .schedulers([report])
        ) { buffer in
            let next = ControlEncoder.schedulers(
                from: 0, count: 1, id: id, status: { _ in status }, to: &buffer)
            #expect(next == 1)
        }
    }

    @Test func `the head of a status answer is read back`() throws {
        let overview = sampleOverview()
        let line = text { ControlEncoder.statusHeader(overview, id: id, to: &$0) }
        var read = overview
        read.at = sampleTime + .seconds(1)
        #expect(
            try ControlDecoder.message(Array(line.utf8.dropLast()))
                == ServerMessage(id: id, hasMore: true, body: .overview(read)))
    }

    @Test func `a refusal of a request that had no id has none, either`() throws {
        let line = text {
            ControlEncoder.failure(.requestTooLong, id: nil, to: &$0)
        }
        #expect(
            line == #"{"id":null,"ok":false,"error":{"code":"too-long","#
                + #""message":"a request has at most 65536 bytes; closing"},"more":false}"# + "\n")
        #expect(try ControlDecoder.message(Array(line.utf8)).id == nil)
    }

    // MARK: Actions

    private let names = ["db", "web"]

    private func outcomes(_ reply: Reply) throws -> (String, ServerMessage) {
        let known = try names.map { try name($0) }
        let line = text { buffer in
            let next = ControlEncoder.outcomes(
                of: reply, from: 0, id: id, name: { known[$0.index] }, to: &buffer)
            #expect(next == reply.outcomes.count)
        }
        return (line, try ControlDecoder.message(Array(line.utf8)))
    }

    @Test func `an action that went well lists what it did`() throws {
        let (line, message) = try outcomes(
            Reply(outcomes: [
                .init(scheduler: SchedulerID(1), result: .done, words: "started, pid 12"),
                .init(scheduler: SchedulerID(0), result: .unchanged, words: "is running already"),
            ]))
        #expect(
            line == #"{"id":7,"ok":true,"results":[{"name":"web","result":"done","#
                + #""message":"started, pid 12","actions":[]},{"name":"db","result":"unchanged","#
                + #""message":"is running already","actions":[]}],"more":false}"# + "\n")
        #expect(
            message.body
                == .outcomes(
                    [
                        OutcomeReport(name: "web", result: .done, message: "started, pid 12"),
                        OutcomeReport(
                            name: "db", result: .unchanged, message: "is running already"),
                    ], nil))
    }

    @Test func `an action of which a part failed names the first failure and counts the rest`()
        throws
    {
        let failed = Reply.Outcome(
            scheduler: SchedulerID(1), result: .failed, words: "could not be started")
        let pending = Reply.Outcome(
            scheduler: SchedulerID(0), result: .pending, words: "waits for x")
        let (_, one) = try outcomes(Reply(outcomes: [pending, failed]))
        guard case .outcomes(let results, let error) = one.body else {
            Issue.record("\(one)")
            return
        }
        #expect(results.map(\.result) == [.pending, .failed])
        #expect(error == ControlError(.failed, "web: could not be started"))
        let (_, two) = try outcomes(Reply(outcomes: [failed, failed, failed]))
        guard case .outcomes(_, let many) = two.body else {
            Issue.record("\(two)")
            return
        }
        #expect(many == ControlError(.failed, "web: could not be started (and 2 more failed)"))
    }

    @Test func `a refusal as a whole has its own sentence`() throws {
        let (_, empty) = try outcomes(Reply(refusal: .shuttingDown, outcomes: []))
        #expect(
            empty.body
                == .outcomes(
                    [],
                    ControlError(
                        .shuttingDown, "reeve is shutting down and takes no more requests")))
        // What was done before the shutdown came is no reason of the refusal.
        let done = Reply.Outcome(scheduler: SchedulerID(0), result: .done, words: "started")
        let (_, partly) = try outcomes(Reply(refusal: .shuttingDown, outcomes: [done]))
        guard case .outcomes(_, let error) = partly.body else {
            Issue.record("\(partly)")
            return
        }
        #expect(error?.message == "reeve is shutting down and takes no more requests")
    }

    // MARK: Bounds

    @Test func `a long list goes out in lines of at most 64 kB, in order, none lost`() throws {
        let status = try fullStatus()
        var next = 0
        var buffer: [UInt8] = []
        while next < 1_000 {
            let before = next
            next = ControlEncoder.schedulers(
                from: next, count: 1_000, id: id,
                status: { index in
                    var numbered = status
                    numbered.priority = index
                    return numbered
                }, to: &buffer)
            #expect(next > before)
        }
        let lines = buffer.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count > 5)
        var priorities: [Int] = []
        for (index, line) in lines.enumerated() {
            #expect(line.count < ControlLimits.lineBytesMax)
            let message = try ControlDecoder.message(line)
            #expect(message.hasMore == (index < lines.count - 1))
            guard case .schedulers(let page) = message.body else {
                Issue.record("\(message)")
                continue
            }
            priorities += page.map(\.priority)
        }
        #expect(priorities == Array(0..<1_000))
    }

    @Test func `an empty list is one page`() throws {
        var buffer: [UInt8] = []
        let status = try fullStatus()
        let next = ControlEncoder.schedulers(
            from: 0, count: 0, id: id, status: { _ in status }, to: &buffer)
        #expect(next == 0)
        let message = try ControlDecoder.message(buffer)
        #expect(message == ServerMessage(id: id, hasMore: false, body: .schedulers([])))
    }

    @Test func `any bytes of output make a line that can be read, cut where it is too long`() throws
    {
        let everything = Array(0...255 as ClosedRange<UInt8>)
        let cases: [([UInt8], isWhole: Bool)] = [
            ([], true), (everything, true), ([0xF0, 0x9F, 0x98], true),
            (Array(repeating: 0x01, count: 100_000), false),
            (Array(repeating: 0xFF, count: 100_000), false),
            (Array(repeating: UInt8(ascii: "x"), count: 65_000), true),
            (Array(String(repeating: "é\"", count: 50_000).utf8), false),
        ]
        for (bytes, isWhole) in cases {
            var buffer: [UInt8] = []
            ControlEncoder.logLine(bytes[...], id: id, to: &buffer)
            #expect(buffer.count <= ControlLimits.lineBytesMax)
            #expect(buffer.count { $0 == UInt8(ascii: "\n") } == 1)
            guard case .line(let read) = try ControlDecoder.message(buffer).body else {
                Issue.record("no line")
                continue
            }
            #expect(read.isWhole == isWhole)
            #expect(String(decoding: bytes, as: UTF8.self).hasPrefix(read.text))
            if isWhole { #expect(read.text == String(decoding: bytes, as: UTF8.self)) }
        }
    }

    @Test func `what was configured for one scheduler comes in front of how it is`() throws {
        var specification = SchedulerSpecification(
            name: try name("web"), program: Program(arguments: ["python3", "-c", "print(\"a\")"]))
        var shown = SettingsReport(specification)
        try check(
            #"{"id":7,"ok":true,"settings":{"description":null,"command":["python3","-c","#
                + #""print(\"a\")"],"workingDirectory":null,"user":null,"group":null},"more":true}"#,
            hasMore: true, .settings(shown)
        ) { ControlEncoder.settings(of: specification, id: id, to: &$0) }
        specification.description = "serves"
        specification.program.workingDirectory = "/srv"
        shown = SettingsReport(specification)
        #expect(shown.description == "serves" && shown.workingDirectory == "/srv")
        // The longest there is, of what takes most room when it is escaped, still fits.
        let long = String(repeating: "\u{1}", count: 100_000)
        specification.description = long
        specification.program.workingDirectory = long
        for arguments in [[long], Array(repeating: "", count: 20_000), [long, long]] {
            specification.program.arguments = arguments
            var line: [UInt8] = []
            ControlEncoder.settings(of: specification, id: id, to: &line)
            #expect(line.count <= ControlLimits.lineBytesMax / 2)
            let report = SettingsReport(specification)
            #expect(report.command.last?.hasSuffix("…") == true)
            #expect(try ControlDecoder.message(line.dropLast()).body == .settings(report))
        }
    }

    @Test func `what only looks like the head of a tail's line is text`() throws {
        let texts = [
            "2024-01-15T10:30:00.001Z x text", "2024-01-15T10:30:00.001Z o", "o text",
            "2024-01-15 10:30:00.001Z o text", "2024-99-15T10:30:00.001Z o text", "",
            "2024-01-15T10:30:00.001Z  o text",
        ]
        for text in texts {
            var buffer: [UInt8] = []
            ControlEncoder.logLine(Array(text.utf8)[...], id: id, to: &buffer)
            #expect(try ControlDecoder.message(buffer).body == .line(OutputReport(text: text)))
        }
    }

    @Test func `lines of an answer that are none are refused with a sentence`() {
        let broken = [
            "", "x", "[]", "{}", #"{"ok":true}"#, #"{"id":1,"ok":true}"#,
            #"{"id":"1","ok":true,"more":false}"#, #"{"id":1,"ok":false,"more":false}"#,
            #"{"id":1,"ok":true,"more":false,"schedulers":[{}]}"#,
            #"{"id":1,"ok":true,"more":false,"schedulers":{}}"#,
            #"{"id":1,"ok":true,"more":false,"event":{"position":"x"}}"#,
            #"{"id":1,"ok":true,"more":true,"summary":{}}"#,
            #"{"id":1,"ok":true,"more":true,"settings":{"command":[1]}}"#,
        ]
        for line in broken {
            let error = #expect(throws: ServerMessageError.self, "\(line)") {
                try ControlDecoder.message(Array(line.utf8))
            }
            #expect(
                error?.description.hasPrefix("the supervisor's answer cannot be understood: ")
                    == true)
        }
    }

    @Test func `members that a newer supervisor adds are passed over`() throws {
        let line =
            #"{"id":1,"ok":true,"more":false,"new":{"a":[1]},"#
            + #""supervisor":{"pid":2,"version":"9.9.9","epoch":"A","new":null}}"#
        let message = try ControlDecoder.message(Array(line.utf8))
        #expect(message.body == .greeting(Greeting(pid: PID(2), version: "9.9.9", epoch: "A")))
    }

    // MARK: Details

    private func check(
        _ expected: String, hasMore: Bool, _ body: ServerMessage.Body,
        _ write: (inout [UInt8]) throws -> Void
    ) throws {
        var buffer: [UInt8] = []
        try write(&buffer)
        #expect(String(decoding: buffer, as: UTF8.self) == expected + "\n")
        #expect(
            try ControlDecoder.message(buffer.dropLast())
                == ServerMessage(id: id, hasMore: hasMore, body: body))
    }
}
