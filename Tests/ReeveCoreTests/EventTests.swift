// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

@Suite struct EventTests {
    private static let run = RunID(order: 1, origin: 1)

    @Test func `inside a turn spawns come before exits, then requests, time, and samples`() {
        let inOrder: [[Event]] = [
            [.began],
            [
                .spawned(Self.run, ProcessIdentity(pid: PID(1), startTime: 1)),
                .spawnFailed(Self.run, SpawnFailure(errno: 2, words: "x")),
                .notified(Self.run, [.ready]),
            ],
            [
                .exited(Self.run, .exited(code: 0), leftovers: []),
                .surveyed(Self.run, alive: [], reached: nil),
                .signalFailed(Self.run, .terminate, words: "x"),
                .stopCommandFailed(Self.run, words: "x"), .swept(alive: []),
            ],
            [
                .shutdownRequested(.terminalClosed), .requested(RequestID(1), .startAll),
                .requestWithdrawn(RequestID(1)),
                .commandEnded(CommandID(Self.run), .timedOut(output: "")),
                .probed(CommandID(Self.run), .passed(words: "")),
            ],
            [.timePassed], [.sampled(Self.run, .resident(Bytes(1)))],
        ]
        for (priority, events) in inOrder.enumerated() {
            #expect(events.allSatisfy { $0.priority == priority })
        }
    }

    @Test func `a process is one by its pid and its start`() {
        let one = ProcessIdentity(pid: PID(5), startTime: 1)
        let reused = ProcessIdentity(pid: PID(5), startTime: 2)
        #expect(one != reused && one < reused)
        #expect(one < ProcessIdentity(pid: PID(6), startTime: 0))
        #expect(PID(5) < PID(6) && PID(5).description == "5")
    }

    @Test func `a reply succeeds where nothing was refused and nothing failed`() {
        func reply(_ results: Reply.Outcome.Result..., refusal: Reply.Refusal? = nil) -> Reply {
            Reply(
                refusal: refusal,
                outcomes: results.map {
                    Reply.Outcome(scheduler: SchedulerID(0), result: $0, words: "x")
                })
        }
        #expect(reply().succeeded && reply(.done, .unchanged, .pending).succeeded)
        #expect(!reply(.done, .failed).succeeded && !reply(refusal: .shuttingDown).succeeded)
    }
}
