// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// Whatever the file holds, the loader answers, within bounds.
@Suite struct RobustnessTests {
    /// A small generator of its own: the same cases each time.
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
    }

    private static let sample = Array(
        """
        [reeve]
        profile = "auto" # comment
        graceful-timeout = "30s"
        exit-with = "web"
        [defaults]
        environment = { A = "1", "b c" = 'x' }
        [schedulers.web]
        command = ["web", "-x", \"""
        long\"""]
        dependencies = ["db", { name = "cache", condition = "ready" }]
        memory-threshold = 50
        restart-factor = 1.5
        ready = "1.5s"
        [schedulers."db.1"]
        command = "db ü"
        starts-at = 2026-01-01T00:00:00Z
        [schedulers.cache.environment]
        A.b = 1
        """.utf8)

    /// Pieces that mean something to a parser.
    private static let pieces = [
        "[", "]", "{", "}", "=", ".", ",", "\"", "'", "\"\"\"", "'''", "#", "\n", "\r\n", "\\",
        "\\u0000",
        "[[", "]]", "0x", "1e9", "inf", "nan", "-", "true", "\u{0}", "\u{1B}", "ü", "\u{FEFF}",
        "[schedulers.web]", "[defaults]", "command = ", "99999999999999999999",
    ].map { Array($0.utf8) }

    private func check(_ bytes: [UInt8], _ comment: Comment) {
        let outcome = ConfigurationLoader.load(bytes: bytes, path: "x", environment: [:])
        #expect((outcome.specification == nil) == !outcome.errors.isEmpty, comment)
        let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
        var last = (0, 0)
        for diagnostic in outcome.diagnostics {
            guard let location = diagnostic.location else { continue }
            #expect((1...lines).contains(location.line), comment)
            #expect(location.column >= 1 && location.length >= 1, comment)
            #expect((location.line, location.column) >= last, comment)
            last = (location.line, location.column)
            let excerpt = location.excerpt
            #expect(excerpt.markStart >= 0 && excerpt.markLength >= 1, comment)
            #expect(
                excerpt.markStart + excerpt.markLength <= excerpt.text.unicodeScalars.count + 1,
                comment)
        }
        _ = outcome.diagnostics.rendered
        _ = outcome.explanation.rendered
    }

    @Test func `damaged files are answered`() {
        for seed: UInt64 in 0..<1_000 {
            var numbers = Numbers(state: seed)
            var bytes = RobustnessTests.sample
            for _ in 0..<Int.random(in: 1...6, using: &numbers) {
                let at = Int.random(in: 0...bytes.count, using: &numbers)
                let until = min(bytes.count, at + Int.random(in: 0...12, using: &numbers))
                switch Int.random(in: 0..<3, using: &numbers) {
                case 0: bytes.removeSubrange(at..<until)
                case 1:
                    bytes.insert(
                        contentsOf: RobustnessTests.pieces.randomElement(using: &numbers) ?? [],
                        at: at)
                default:
                    bytes.insert(contentsOf: bytes[at..<until], at: until)
                }
            }
            check(bytes, "seed \(seed)")
        }
    }

    @Test func `random bytes are answered`() {
        for seed: UInt64 in 0..<500 {
            var numbers = Numbers(state: seed)
            let bytes = (0..<Int.random(in: 0...200, using: &numbers)).map { _ in
                UInt8.random(in: 0...255, using: &numbers)
            }
            check(bytes, "seed \(seed)")
        }
    }

    @Test func `the sample, cut anywhere, is answered`() {
        for count in 0...RobustnessTests.sample.count {
            check(Array(RobustnessTests.sample.prefix(count)), "the first \(count) bytes")
        }
    }

    /// Depth is paid from the stack, by the parser and by whoever frees what it made.
    @Test func `deep nesting is answered`() {
        let dots = String(repeating: "a.", count: 16)
        let texts = [
            String(repeating: "a.", count: 300_000) + "a = 1",
            "[" + String(repeating: "a.", count: 300_000) + "a]",
            "x = " + String(repeating: "[", count: 100_000),
            "x = " + String(repeating: "{a = ", count: 100_000),
            "x = " + String(repeating: "[\n{\(dots)a = ", count: 120) + "1"
                + String(repeating: "}\n]", count: 120),
            "x = \"" + String(repeating: "a.", count: 300_000) + "\"",
            "x = " + String(repeating: "\"a\".", count: 100_000),
        ]
        for (index, text) in texts.enumerated() { check(Array(text.utf8), "text \(index)") }
    }

    @Test func `ten thousand schedulers are read, one more is refused`() {
        func file(_ count: Int) -> String {
            (0..<count).map {
                "[schedulers.s\($0)]\ncommand = [\"x\"]\ndependencies = [\"s\(max(0, $0 - 1))\"]\n"
            }.joined().replacing("dependencies = [\"s0\"]\n", with: "", maxReplacements: 1)
        }
        let outcome = ConfigurationLoader.load(text: file(10_000))
        #expect(outcome.specification?.schedulers.count == 10_000)
        let found = ConfigurationLoader.load(text: file(10_001)).diagnostics.map(Found.init)
        #expect(
            found == [Found("30000:13+6 error", "there are 10001 schedulers; reeve takes 10000")])
    }

    @Test func `the number of diagnostics is bounded, and the rest is counted`() {
        let lines = (0..<5_000).map { "oops\($0) = 1\n" }.joined()
        let outcome = ConfigurationLoader.load(text: "[schedulers.a]\ncommand = \"a\"\n" + lines)
        #expect(outcome.diagnostics.count == 1_001)
        #expect(
            outcome.diagnostics.last.map(Found.init)
                == Found("- error", "4000 more are not shown", help: "mend these first"))
    }

    @Test func `a circle of two thousand is named, its beginning at least`() throws {
        let count = 2_000
        let text = (0..<count).map {
            "[schedulers.s\($0)]\ncommand = [\"x\"]\ndependencies = [\"s\(($0 + 1) % count)\"]\n"
        }.joined()
        let found = ConfigurationLoader.load(text: text).diagnostics
        let message = try #require(found.first?.message)
        #expect(found.count == 1)
        #expect(message.contains(": s0 -> s1 -> s2 -> "))
        #expect(message.hasSuffix(" -> (1901 more)"))
    }
}
