// SPDX-License-Identifier: Apache-2.0

import ReeveControl
import ReeveCore
import Testing

@Suite struct RequestTests {
    static let operations: [(String, ControlOperation)] = [
        (#"{"id":1,"op":"start","name":"web"}"#, .start(name: "web", force: false)),
        (#"{"id":1,"op":"start","name":"web","force":true}"#, .start(name: "web", force: true)),
        (#"{"id":1,"op":"stop","name":"web"}"#, .stop(name: "web")),
        (#"{"id":1,"op":"restart","name":"web"}"#, .restart(name: "web", force: false)),
        (#"{"id":1,"op":"restart","name":"web","force":true}"#, .restart(name: "web", force: true)),
        (#"{"id":1,"op":"reset","name":"web"}"#, .reset(name: "web")),
        (#"{"id":1,"op":"signal","name":"web","signal":"HUP"}"#, .signal(name: "web", .hangup)),
        (#"{"id":1,"op":"start-all"}"#, .startAll),
        (#"{"id":1,"op":"stop-all"}"#, .stopAll),
        (#"{"id":1,"op":"status"}"#, .status(name: nil)),
        (#"{"id":1,"op":"status","name":"web"}"#, .status(name: "web")),
        (#"{"id":1,"op":"overview"}"#, .overview),
        (#"{"id":1,"op":"subscribe","follow":true}"#, .subscribe(after: nil, follow: true)),
        (
            #"{"id":1,"op":"subscribe","after":"K3F-17","follow":false}"#,
            .subscribe(after: EventPosition(epoch: "K3F", sequence: 17), follow: false)
        ),
        (
            #"{"id":1,"op":"logs","name":"web","follow":false}"#,
            .logs(name: "web", lines: nil, follow: false)
        ),
        (
            #"{"id":1,"op":"logs","name":"web","lines":10,"follow":true}"#,
            .logs(name: "web", lines: 10, follow: true)
        ),
        (#"{"id":1,"op":"runs","name":"web"}"#, .runs(name: "web", last: nil)),
        (#"{"id":1,"op":"runs","name":"web","last":5}"#, .runs(name: "web", last: 5)),
        (#"{"id":1,"op":"metrics"}"#, .metrics(name: nil)),
        (#"{"id":1,"op":"metrics","name":"web"}"#, .metrics(name: "web")),
        (#"{"id":1,"op":"alerts"}"#, .alerts),
        (#"{"id":1,"op":"failure","name":"web"}"#, .failure(name: "web", run: nil)),
        (
            #"{"id":1,"op":"failure","name":"web","run":"01J9ZK00000000000000000000"}"#,
            .failure(name: "web", run: "01J9ZK00000000000000000000")
        ),
        (#"{"id":1,"op":"unregister","name":"web"}"#, .unregister(name: "web")),
        (#"{"id":1,"op":"configuration"}"#, .configuration),
        (#"{"id":1,"op":"cancel","request":7}"#, .cancel(request: RequestID(7))),
        (#"{"id":1,"op":"usage"}"#, .usage),
        (#"{"id":1,"op":"ping"}"#, .ping),
    ]

    @Test func `every operation is written and read`() throws {
        for (line, operation) in Self.operations {
            let request = ControlRequest(id: RequestID(1), operation: operation)
            #expect(try ControlDecoder.request(Array(line.utf8)) == request)
            var buffer: [UInt8] = []
            ControlEncoder.request(request, to: &buffer)
            #expect(String(decoding: buffer, as: UTF8.self) == line + "\n")
        }
    }

    @Test func `a registration is written and read, under a name that there can be`() throws {
        let web = try name("web")
        for (line, registration) in [
            (
                #"{"id":1,"op":"register","name":"web","text":"[schedulers.web]\n"}"#,
                Registration(name: web, text: "[schedulers.web]\n")
            ),
            (
                #"{"id":1,"op":"register","name":"web","text":"","file":"a.toml","restricted":true}"#,
                Registration(name: web, text: "", file: "a.toml", isRestricted: true)
            ),
        ] {
            let request = ControlRequest(id: RequestID(1), operation: .register(registration))
            #expect(try ControlDecoder.request(Array(line.utf8)) == request)
            var buffer: [UInt8] = []
            ControlEncoder.request(request, to: &buffer)
            #expect(String(decoding: buffer, as: UTF8.self) == line + "\n")
        }
        for (text, words) in [
            ("gateway", "\"gateway\" is the name of reeve's own gateway"),
            ("health", "\"health\" is reserved: the HTTP interface needs it for itself"),
            ("../x", "a name is 1 to 63 of a-z, 0-9"), ("", "\"name\" is empty"),
        ] {
            let line = #"{"id":1,"op":"register","name":"\#(text)","text":""}"#
            do throws(ControlError) {
                _ = try ControlDecoder.request(Array(line.utf8))
                Issue.record("\(text) is taken")
            } catch {
                #expect(error.code == .invalidValue && error.message.hasPrefix(words), "\(error)")
            }
        }
    }

    @Test func `members that may be absent have defaults, order and space do not matter`() throws {
        let subscribe = try ControlDecoder.request(Array(#"{ "op":"subscribe" , "id":2 }"#.utf8))
        #expect(subscribe.operation == .subscribe(after: nil, follow: true))
        let logs = try ControlDecoder.request(Array(#"{"name":"a","op":"logs","id":2}"#.utf8)[...])
        #expect(logs.operation == .logs(name: "a", lines: nil, follow: false))
        let escaped = try ControlDecoder.request(
            Array(#"{"id":9007199254740991,"op":"st\u006Fp","name":"\u00e4\n"}"#.utf8))
        #expect(escaped.id == RequestID(9_007_199_254_740_991))
        #expect(escaped.operation == .stop(name: "ä\n"))
    }

    static let malformed: [(String, ControlError.Code, String)] = [
        ("", .malformed, "the request ends in the middle of a value"),
        ("hello", .malformed, "the request is not valid JSON at byte 5"),
        ("7", .malformed, "the request is not valid JSON at byte 1"),
        (
            #"["id",1]"#, .malformed,
            "a request is one JSON object on one line, this is an array"
        ),
        (#"{"id":1,"op":"ping""#, .malformed, "the request ends in the middle of a value"),
        (#"{"id":1,"op":"ping"} x"#, .malformed, "the request goes on after its end at byte 22"),
        (#"{"id":1,"id":1,"op":"ping"}"#, .malformed, "the request has a key twice at byte 12"),
        (#"{"id":1,"op":"p\u0000g"}"#, .malformed, "NUL character"),
        (#"{"id":1,"o\u0000p":"ping"}"#, .malformed, "NUL character"),
        (#"{"id":1,"op":"\ud800"}"#, .malformed, "the request is not valid JSON at byte"),
        (#"{"id":1,"op":'ping'}"#, .malformed, "the request is not valid JSON at byte"),
        (#"{"id":1,"op":"ping",}"#, .malformed, "the request is not valid JSON at byte"),
        (#"{"id":01,"op":"ping"}"#, .malformed, "the request is not valid JSON at byte"),
        (#"{"id":NaN,"op":"ping"}"#, .malformed, "the request is not valid JSON at byte"),
        (
            #"{"id":123456789012345678901234567890,"op":"ping"}"#, .malformed,
            "the request has a number out of range at byte"
        ),
        (#"{"id":1e999,"op":"ping"}"#, .malformed, "the request has a number out of range"),
        (#"{"op":"ping"}"#, .missingField, #""id" is missing"#),
        (#"{}"#, .missingField, #""id" is missing"#),
        (
            #"{"id":"1","op":"ping"}"#, .wrongType,
            #""id" must be a whole number, it is a text"#
        ),
        (
            #"{"id":1.0,"op":"ping"}"#, .wrongType,
            #""id" must be a whole number, it is a number with a fraction"#
        ),
        (#"{"id":null,"op":"ping"}"#, .wrongType, #""id" must be a whole number, it is null"#),
        (#"{"id":-1,"op":"ping"}"#, .invalidValue, #""id" must be 0 to 9007199254740991"#),
        (
            #"{"id":9007199254740992,"op":"ping"}"#, .invalidValue,
            #""id" must be 0 to 9007199254740991, it is 9007199254740992"#
        ),
        (#"{"id":5}"#, .missingField, #""op" is missing"#),
        (#"{"id":5,"op":7}"#, .wrongType, #""op" must be a text, it is a whole number"#),
        (#"{"id":5,"op":{"a":[]}}"#, .wrongType, #""op" must be a text, it is an object"#),
        (
            #"{"id":5,"op":"restrat"}"#, .unknownOperation,
            #"unknown operation "restrat"; did you mean "restart"?"#
        ),
        (#"{"id":5,"op":"explode"}"#, .unknownOperation, "known are start, stop, restart, reset"),
        (#"{"id":5,"op":"stop"}"#, .missingField, #""name" is missing"#),
        (#"{"id":5,"op":"stop","name":""}"#, .invalidValue, #""name" is empty"#),
        (#"{"id":5,"op":"stop","name":["a"]}"#, .wrongType, #""name" must be a text"#),
        (#"{"id":5,"op":"status","name":null}"#, .wrongType, #""name" must be a text, it is null"#),
        (
            #"{"id":5,"op":"stop","name":"a","force":true}"#, .unknownField,
            #"unknown field "force": stop takes "name""#
        ),
        (
            #"{"id":5,"op":"ping","x":1}"#, .unknownField,
            #"unknown field "x": ping takes no further fields"#
        ),
        (
            #"{"id":5,"op":"start","name":"a","force":1}"#, .wrongType,
            #""force" must be true or false, it is a whole number"#
        ),
        (
            #"{"id":5,"op":"signal","name":"a","signal":"HUPP"}"#, .invalidValue,
            #""signal" is "HUPP", which names no signal; write "HUP", "SIGHUP" or "1""#
        ),
        (
            #"{"id":5,"op":"signal","name":"a","signal":"0"}"#, .invalidValue,
            "which names no signal"
        ),
        (#"{"id":5,"op":"signal","name":"a","signal":1}"#, .wrongType, #""signal" must be a text"#),
        (#"{"id":5,"op":"subscribe","after":"x"}"#, .invalidValue, "EPOCH-SEQ"),
        (#"{"id":5,"op":"subscribe","after":"x--1"}"#, .invalidValue, "EPOCH-SEQ"),
        (#"{"id":5,"op":"subscribe","after":"x-+1"}"#, .invalidValue, "EPOCH-SEQ"),
        (
            #"{"id":5,"op":"logs","name":"a","lines":-1}"#, .invalidValue,
            #""lines" must be 0 to 100000, it is -1"#
        ),
        (#"{"id":5,"op":"logs","name":"a","lines":2.5}"#, .wrongType, #""lines" must be a whole"#),
    ]

    @Test func `every malformed request is refused with a code and a sentence`() throws {
        for (line, code, sentence) in Self.malformed {
            let error = #expect(throws: ControlError.self, "\(line)") {
                try ControlDecoder.request(Array(line.utf8))
            }
            #expect(error?.code == code, "\(line)")
            #expect(error?.message.contains(sentence) == true, "\(line): \(error?.message ?? "")")
            #expect(error?.id == (line.contains(#""id":5"#) ? RequestID(5) : nil), "\(line)")
        }
    }

    @Test func `bytes that are no UTF-8, a NUL and bare control characters are refused`() throws {
        for byte: UInt8 in [0xFF, 0xC0, 0x80, 0x00, 0x01, 0x0A] {
            let line = Array(#"{"id":1,"op":"stop","name":"a"#.utf8) + [byte] + Array(#""}"#.utf8)
            let error = #expect(throws: ControlError.self, "\(byte)") {
                try ControlDecoder.request(line)
            }
            #expect(error?.code == .malformed)
            if byte >= 0x80 { #expect(error?.message.contains("is not UTF-8") == true) }
        }
    }

    @Test func `a request is bounded in length and depth`() throws {
        let head = #"{"id":1,"op":"stop","name":""#
        let room = ControlLimits.requestBytesMax - 1 - head.utf8.count - 2
        let longest = head + String(repeating: "a", count: room) + "\"}"
        #expect(
            try ControlDecoder.request(Array(longest.utf8)).operation
                == .stop(name: String(repeating: "a", count: room)))
        let tooLong = #expect(throws: ControlError.self) {
            try ControlDecoder.request(Array((longest + " ").utf8))
        }
        #expect(tooLong == .requestTooLong)

        for bomb in ["[", #"{"a":"#, #"{"id":1,"op":["#] {
            let line = String(repeating: bomb, count: 65_000 / bomb.utf8.count)
            let error = #expect(throws: ControlError.self) {
                try ControlDecoder.request(Array(line.utf8))
            }
            #expect(error?.message == "the request is nested too deeply")
        }
    }

    @Test func `texts from outside are cut in the sentences that repeat them`() {
        let long = String(repeating: "ü", count: 20_000)
        for line in [#"{"id":5,"op":"\#(long)"}"#, #"{"id":5,"op":"ping","\#(long)":1}"#] {
            let error = #expect(throws: ControlError.self) {
                try ControlDecoder.request(Array(line.utf8))
            }
            #expect((error?.message.utf8.count ?? .max) < 400)
        }
        let unknown = ControlError.unknownScheduler(long, among: ["web"])
        #expect(unknown.message.utf8.count < 200)
    }

    @Test func `an unknown scheduler is answered with the nearest names`() {
        let names = ["web", "worker", "worker-2", "database", "cache"]
        #expect(
            ControlError.unknownScheduler("wob", among: names).message
                == #"no scheduler is named "wob"; did you mean "web"?"#)
        #expect(
            ControlError.unknownScheduler("zzz", among: names).message
                == #"no scheduler is named "zzz"; `reeve status` lists those there are"#)
        #expect(nearestNames(to: "wroker", among: names) == ["worker"])
        #expect(nearestNames(to: "worke", among: names) == ["worker", "worker-2"])
        #expect(nearestNames(to: "DATABSE", among: names) == ["database"])
        #expect(nearestNames(to: "da", among: names) == ["database"])
        #expect(nearestNames(to: "", among: names) == [])
        #expect(nearestNames(to: "a", among: ["b", "c", "d", "e"]) == ["b", "c", "d"])
    }

    @Test func `a position is written and read, and nothing else is one`() {
        let position = EventPosition(epoch: "01J9ZK", sequence: .max)
        #expect(position.description == "01J9ZK-18446744073709551615")
        #expect(EventPosition(position.description) == position)
        let broken = [
            "", "-", "a", "a-", "-1", "a-b", "a-1-2", "ä-1", "a b-1", "a-18446744073709551616",
            String(repeating: "a", count: 33) + "-1",
        ]
        for text in broken { #expect(EventPosition(text) == nil, "\(text)") }
    }
}
