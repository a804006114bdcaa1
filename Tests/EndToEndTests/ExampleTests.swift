// SPDX-License-Identifier: Apache-2.0

import ReeveTestSupport
import Testing

@Suite struct ExampleTests {
    @Test func `the first steps show what they promise within half a minute`() async throws {
        let text = try #require(Tree.text("examples/first-steps/reeve.toml"))
        let schedulers = text.split(separator: "\n\n", omittingEmptySubsequences: false)
            .filter { $0.contains("[schedulers.") }.joined(separator: "\n\n")
        try await Reeve.supervising({ _ in schedulers }) { reeve in
            for words in ["web: waits for database", "flaky: next start in", "above 40MB"] {
                try await reeve.log(says: words, within: 30)
            }
            try await reeve.scheduler("web", becomes: "healthy", within: 30) {
                $0.status == "healthy"
            }
            let hungry = try await reeve.scheduler("hungry")
            #expect(hungry.restartCount >= 1)
            let steady = try await reeve.scheduler("steady")
            #expect(steady.restartCount == 0)
            #expect(reeve.process.output.contains("steady | tick"))
        }
    }
}
