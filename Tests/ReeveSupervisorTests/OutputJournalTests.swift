// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveSupervisor

@Suite struct OutputJournalTests {
    @Test func `a number in front of a line is its priority and no part of it`() {
        let cases: [(String, UInt8, String)] = [
            ("<3>bad", 3, "bad"), ("<0>", 0, ""), ("<7>x", 7, "x"), ("plain", 6, "plain"),
            ("<8>x", 6, "<8>x"), ("<3", 6, "<3"), ("", 6, ""), ("<33>x", 6, "<33>x"),
        ]
        for (text, priority, rest) in cases {
            let (found, message) = JournalLink.split(Array(text.utf8)[...])
            #expect(found == priority && Array(message) == Array(rest.utf8), "\(text)")
        }
    }
}
