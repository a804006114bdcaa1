// SPDX-License-Identifier: Apache-2.0

import ReeveControl
import ReeveCore
import Testing

@testable import ReeveClient

@Suite struct LedgerAnswerTests {
    private func entry(
        _ second: Int64, _ event: LedgerEntry.Event, trigger: LedgerEntry.Trigger = .schedule,
        through: Int64? = nil, count: Int = 1, at: Int64? = nil
    ) throws -> LedgerEntry {
        LedgerEntry(
            scheduler: try #require(SchedulerName("backup")), trigger: trigger,
            occurrence: WallTime(nanoseconds: second * 1_000_000_000 + 17),
            through: through.map { WallTime(nanoseconds: $0 * 1_000_000_000) }, count: count,
            at: WallTime(nanoseconds: (at ?? second) * 1_000_000_000), event: event)
    }

    private let run = RunID(order: 77 << 16, origin: 9)

    private func samples() throws -> [LedgerReport] {
        [
            try entry(60, .started(run, attempt: 1)),
            try entry(60, .started(run, attempt: 2), at: 63),
            try entry(60, .ended(.succeeded, reason: "ended with exit code 0", run: run), at: 65),
            try entry(
                120, .ended(.missed, reason: "reeve was not there", run: nil), through: 240,
                count: 3, at: 250),
            try entry(250, .started(run, attempt: 1), trigger: .manual),
        ].map { LedgerReport($0) }
    }

    @Test func `every entry comes through the socket as it was`() throws {
        let events: [LedgerEntry.Event] =
            LedgerEntry.Outcome.allCases.map { .ended($0, reason: "because \"\n\u{1}", run: run) }
            + [.started(run, attempt: 3), .ended(.missed, reason: "", run: nil)]
        for event in events {
            for trigger in [.schedule, .manual, .start, .boot("x")] as [LedgerEntry.Trigger] {
                let entry = try entry(5, event, trigger: trigger, through: 9, count: 4)
                var buffer: [UInt8] = []
                ControlEncoder.entry(entry, id: RequestID(4), to: &buffer)
                let message = try ControlDecoder.message(buffer)
                #expect(message.hasMore && message.id == RequestID(4))
                #expect(message.body == .entry(LedgerReport(entry)))
            }
        }
    }

    @Test func `entries are told by occurrence`() throws {
        let accounts = RunsText.accounts(try samples())
        #expect(accounts.map(\.entries.count) == [3, 1, 1])
        #expect(accounts[0].end?.outcome == "succeeded")
        #expect(accounts[2].end == nil)
        let table = RunsText.table(accounts, .plain)
        #expect(
            table == """
                OCCURRENCE                         BY        STARTED               TOOK  OUTCOME    WHY
                1970-01-01T00:01:00Z               schedule  1970-01-01T00:01:00Z    5s  succeeded  ended with exit code 0
                1970-01-01T00:02:00Z (and 2 more)  schedule  -                        -  missed     reeve was not there
                1970-01-01T00:04:10Z               manual    1970-01-01T00:04:10Z     -  running

                """)
    }

    @Test func `why tells the occurrence of a time, the last before it, or the latest`() throws {
        let accounts = RunsText.accounts(try samples())
        func first(_ second: Int64) -> Int64? {
            let time = WallTime(nanoseconds: second * 1_000_000_000)
            return RunsText.account(of: time, among: accounts)?.first.occurrence.nanoseconds
        }
        #expect(RunsText.account(of: nil, among: accounts) == accounts[2])
        #expect(first(61) == 60_000_000_017)
        #expect(first(119) == 60_000_000_017)
        #expect(first(200) == 120_000_000_017)
        #expect(first(10) == nil)
        #expect(RunsText.account(of: nil, among: []) == nil)
        #expect(
            RunsText.chain(accounts[0], .plain) == """
                backup, due at 1970-01-01T00:01:00Z (schedule)
                1970-01-01T00:01:00.000Z started as run \(run), attempt 1
                1970-01-01T00:01:03.000Z started as run \(run), attempt 2
                1970-01-01T00:01:05.000Z succeeded: ended with exit code 0

                """)
        #expect(RunsText.chain(accounts[2], .plain).hasSuffix("it has no outcome yet\n"))
        #expect(
            RunsText.chain(accounts[1], .plain).contains(
                "and 2 more times until 1970-01-01T00:04:00Z"))
    }
}
