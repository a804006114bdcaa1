// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveSupervisor

@Suite struct OutputLineTests {
    private func pieces(_ chunks: [[UInt8]], flush: OutputLine.Ending? = nil) -> [String] {
        var splitter = LineSplitter()
        var found: [String] = []
        func note(_ line: OutputLine) {
            found.append(String(decoding: line.bytes, as: UTF8.self) + "/\(line.ending)")
        }
        for chunk in chunks { splitter.take(chunk[...], into: note) }
        if let flush { splitter.flush(flush, into: note) }
        return found
    }

    @Test func `lines come out whole however the bytes arrive`() {
        let text = Array("one\n\ntwo\r\nthree".utf8)
        for cut in 0...text.count {
            let found = pieces([Array(text[..<cut]), Array(text[cut...])], flush: .complete)
            #expect(found == ["one/complete", "/complete", "two\r/complete", "three/complete"])
        }
    }

    @Test func `nothing is kept between lines`() {
        var splitter = LineSplitter()
        splitter.take(Array("one\n".utf8)[...]) { _ in }
        #expect(!splitter.hasPartial)
        splitter.flush(.complete) { _ in Issue.record("nothing was to be flushed") }
    }

    @Test func `a line of exactly the limit is whole, one byte more is cut`() {
        let limit = LineSplitter.lineBytesMax
        for extra in 0...2 {
            var sizes: [Int] = []
            var endings: [OutputLine.Ending] = []
            var splitter = LineSplitter()
            let line = [UInt8](repeating: 120, count: limit + extra) + [10]
            splitter.take(line[...]) {
                sizes.append($0.bytes.count)
                endings.append($0.ending)
            }
            #expect(sizes == (extra == 0 ? [limit] : [limit, extra]))
            #expect(endings == (extra == 0 ? [.complete] : [.cut, .complete]))
        }
    }

    @Test func `a line without end never needs more memory than the limit`() {
        var splitter = LineSplitter()
        var bytes = 0
        let chunk = [UInt8](repeating: 120, count: 65_536)
        for _ in 0..<64 {
            splitter.take(chunk[...]) {
                #expect($0.bytes.count <= LineSplitter.lineBytesMax)
                #expect($0.ending == .cut)
                bytes += $0.bytes.count
            }
        }
        splitter.flush(.complete) { bytes += $0.bytes.count }
        #expect(bytes == 64 * chunk.count)
    }

    @Test func `a cut does not fall inside a character`() {
        // 7,999 bytes, then characters of three bytes: the limit falls inside the first.
        let line = [UInt8](repeating: 120, count: 7_999) + Array("€€".utf8) + [10]
        var found: [[UInt8]] = []
        var splitter = LineSplitter()
        splitter.take(line[...]) { found.append(Array($0.bytes)) }
        #expect(found.map(\.count) == [7_999, 6])
        // Continuation bytes without a character: cut at the limit, as there is no better place.
        var stray = LineSplitter()
        found = []
        stray.take([UInt8](repeating: 0x80, count: 9_000)[...]) { found.append(Array($0.bytes)) }
        #expect(found.map(\.count) == [8_000])
    }

    @Test func `any bytes pass through as text, and NUL is kept`() {
        let origin = LineOrigin(
            name: name("web"), run: RunID(order: 1, origin: 2), index: 0, stream: .stdout)
        let line = OutputLine(bytes: [0x61, 0x00, 0xFF, 0x62], ending: .complete)
        var text: [UInt8] = []
        LogText.childLine(line, from: origin, run: [], coloured: false, to: &text)
        #expect(text == Array("web | a".utf8) + [0x00, 0xFF] + Array("b\n".utf8))
    }

    @Test func `a coloured prefix is closed before the text`() {
        let origin = LineOrigin(
            name: name("web"), run: RunID(order: 1, origin: 2), index: 6, stream: .stdout)
        var text: [UInt8] = []
        LogText.childLine(
            OutputLine(bytes: Array("hi".utf8)[...], ending: .cut), from: origin, run: [],
            coloured: true,
            to: &text)
        #expect(String(decoding: text, as: UTF8.self) == "\u{1B}[33mweb |\u{1B}[0m hi [...]\n")
    }

    @Test func `the run stands beside the name where that is asked for`() {
        let run = RunID(order: 1, origin: 2)
        let origin = LineOrigin(
            name: name("web"), run: run, index: 0, stream: .stdout, showsRun: true)
        var text: [UInt8] = []
        LogText.childLine(
            OutputLine(bytes: Array("hi".utf8)[...], ending: .complete), from: origin,
            run: Array(run.description.utf8), coloured: false, to: &text)
        #expect(String(decoding: text, as: UTF8.self) == "web \(run) | hi\n")
    }

    @Test func `JSON takes any bytes`() {
        let table: [(bytes: [UInt8], text: String)] = [
            (Array("plain".utf8), "plain"), (Array("\"\\\t\n\r".utf8), "\\\"\\\\\\t\\n\\r"),
            ([0x00, 0x1B, 0x7F], "\\u0000\\u001b\\u007f"), (Array("äö€😀".utf8), "äö€😀"),
            ([0xFF, 0x61], "\u{FFFD}a"), ([0xE2, 0x82], "\u{FFFD}"),
            ([0xE2, 0x82, 0x61], "\u{FFFD}a"), ([0xC0, 0x80], "\u{FFFD}\u{FFFD}"),
            ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
            ([0xF4, 0x90, 0x80, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
            ([0xF0, 0x9F, 0x98], "\u{FFFD}"), ([0xE0, 0x80], "\u{FFFD}\u{FFFD}"),
        ]
        for row in table {
            var json: [UInt8] = []
            JSONText.appendString(row.bytes[...], to: &json)
            #expect(String(decoding: json, as: UTF8.self) == "\"\(row.text)\"")
            // The standard library replaces by the same rule.
            #expect(
                String(decoding: row.bytes, as: UTF8.self).filter { $0 == "\u{FFFD}" }.count
                    == row.text.filter { $0 == "\u{FFFD}" }.count)
        }
    }

    @Test func `a record reads as one line whatever is in it`() {
        let record = Record(
            at: WallTime(nanoseconds: 1_764_092_314_123_456_789), scheduler: name("web"),
            fact: .notice(.warning, "bad\nwords\u{1B}[2J"))
        var text: [UInt8] = []
        let time = Array(record.at.rfc3339(fractionDigits: 3).utf8)
        LogText.record(record, time: time, journal: false, to: &text)
        #expect(
            String(decoding: text, as: UTF8.self)
                == "2025-11-25T17:38:34.123Z warning web: bad?words?[2J\n")
        text = []
        LogText.record(record, time: time, journal: true, to: &text)
        #expect(String(decoding: text.prefix(4), as: UTF8.self) == "<4>2")
        text = []
        LogText.recordJSON(record, time: time, to: &text)
        #expect(
            String(decoding: text, as: UTF8.self)
                == "{\"time\":\"2025-11-25T17:38:34.123Z\",\"level\":\"warning\","
                + "\"event\":\"notice\",\"scheduler\":\"web\",\"message\":\"bad\\nwords\\u001b[2J\"}\n"
        )
    }

    @Test func `a queue keeps order and gives its memory back`() {
        var queue = ByteQueue()
        var expected: [UInt8] = []
        var taken: [UInt8] = []
        for round in 0..<2_000 {
            let bytes = [UInt8](repeating: UInt8(round % 251), count: round % 97)
            queue.append { $0 += bytes }
            expected += bytes
            let count = round % 53
            queue.withBytes { span in
                for index in 0..<min(count, span.count) { taken.append(span[index]) }
            }
            queue.removeFirst(count)
        }
        queue.withBytes { span in for index in span.indices { taken.append(span[index]) } }
        #expect(taken == expected)
        queue.removeFirst(.max)
        #expect(queue.isEmpty)
        #expect(!queue.append(atMost: 3) { $0 += [1, 2, 3, 4] })
        #expect(queue.append(atMost: 3) { $0 += [1, 2, 3] })
        #expect(queue.count == 3)
    }
}
