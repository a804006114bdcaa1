// SPDX-License-Identifier: Apache-2.0
//
// A reeve that is killed takes nobody along; the next one on the same state directory must not start
// anybody a second time.

import ReeveTestSupport
import Testing

@Suite struct CrashTests {
    @Test func `what a killed reeve left is ended before anything starts again`() async throws {
        try await Reeve.supervising(
            { place in
                """
                [schedulers.web]
                command = \(place.child("stamp", "@pids", "up", "forever"))
                """
            },
            setup: { $0.prefix = ["/bin/sh", "-c", "\"$@\"; exec \"$@\"", "sh"] }
        ) { reeve in
            let first = try await reeve.stamps("pids", reach: 1)[0].pid
            let killed = try #require(Processes.children(of: reeve.pid).first?.pid)
            Processes.signal(killed, 9)

            let second = try await reeve.stamps("pids", reach: 2)[1].pid
            #expect(second != first)
            #expect(!Processes.isAlive(first), "it ran twice")
            try await reeve.log(says: "nothing of the earlier reeve is left")
            #expect(reeve.log.contains("was killed and left"))

            Processes.signal(reeve.pid, 15)
            #expect(try await reeve.process.ended() == .exit(0))
        }
    }
}
