// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveControl
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

/// A state directory that goes with its owner, and the ledger in it.
final class Shelf {
    let directory: String
    private(set) var said: [String] = []

    init() throws {
        directory = "/tmp/reeve-ledger-\(getpid())-\(try Host.random())"
        try PrivateDirectory.ensure(directory)
    }

    deinit {
        for name in ["ledger", "ledger.new", "ledger.newer"] { unsafe unlink(file(name)) }
        unsafe rmdir(directory)
    }

    func file(_ name: String) -> String { directory + "/" + name }

    func open() throws -> Ledger {
        try Ledger(directory: directory, epoll: nil) { [weak self] level, words in
            self?.said.append("\(level.rawValue): \(words)")
        }
    }

    func forget() { said = [] }

    var contents: [UInt8] {
        get throws {
            let file = try StateFile.open(file("ledger"))
            var bytes = [UInt8](repeating: 0, count: Int(try StateFile.size(of: file)))
            #expect(try file.read(into: &bytes, at: 0) == bytes.count)
            return bytes
        }
    }

    func replace(_ bytes: [UInt8]) throws {
        try StateFile.open(file("ledger"), emptied: true).writeAll(bytes.span, at: 0)
    }
}

/// Numbers that look random and are the same each time (xorshift64).
private struct Drawn {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

enum Samples {
    static let backup = SchedulerName("backup")
    static let start: Int64 = 1_795_628_314_000_000_000

    static func moment(_ second: Int) -> Moment {
        Moment(
            monotonic: Instant(nanoseconds: Int64(second) * 1_000_000_000 + 1),
            wall: WallTime(nanoseconds: start + Int64(second) * 1_000_000_000))
    }

    static func started(
        _ name: String, _ second: Int, trigger: LedgerEntry.Trigger = .schedule
    ) throws -> LedgerEntry {
        LedgerEntry(
            scheduler: try #require(SchedulerName(name)), trigger: trigger,
            occurrence: moment(second).wall, at: moment(second).wall,
            event: .started(RunID(order: UInt64(second) << 16, origin: 7), attempt: 1))
    }

    static func ended(
        _ name: String, _ second: Int, _ outcome: LedgerEntry.Outcome = .succeeded,
        trigger: LedgerEntry.Trigger = .schedule
    ) throws -> LedgerEntry {
        LedgerEntry(
            scheduler: try #require(SchedulerName(name)), trigger: trigger,
            occurrence: moment(second).wall, at: moment(second + 1).wall,
            event: .ended(
                outcome, reason: "ended with \"0\"\n\tand ü", run: RunID(order: 1, origin: 2)))
    }
}

@Suite struct LedgerTests {
    @Test func `the checksum is CRC-32C`() {
        #expect(Checksum.crc32c("123456789".utf8) == 0xE306_9283)
        #expect(Checksum.crc32c("".utf8) == 0)
    }

    @Test func `every kind of record comes back as it was written`() throws {
        let name = try #require(SchedulerName("web"))
        var records: [LedgerRecord] = [
            .head(needs: 1),
            .gap(count: 3, from: WallTime(nanoseconds: -5), to: Samples.moment(1).wall),
            .wish(name, .stopped, at: Samples.moment(2).wall),
            .wish(name, nil, at: Samples.moment(2).wall),
            .entry(try Samples.started("web", 5)),
            .entry(
                LedgerEntry(
                    scheduler: name, trigger: .manual, occurrence: Samples.moment(1).wall,
                    through: Samples.moment(9).wall, count: 9, at: WallTime(nanoseconds: .max),
                    event: .ended(.missed, reason: "", run: nil))),
        ]
        for outcome in LedgerEntry.Outcome.allCases {
            for trigger in [.schedule, .start, .boot("a-b 12"), .manual] as [LedgerEntry.Trigger] {
                records.append(.entry(try Samples.ended("web", 1, outcome, trigger: trigger)))
            }
        }
        for record in records {
            let line = LedgerFraming.line(record)
            #expect(line.last == UInt8(ascii: "\n"))
            #expect(LedgerFraming.isWhole(line.dropLast()))
            #expect(LedgerRecord(json: line.dropLast()) == record, "\(record)")
        }
    }

    @Test func `a long reason is cut and the longest line is still read`() throws {
        let entry = LedgerEntry(
            scheduler: try #require(Samples.backup),
            trigger: .boot(String(repeating: "\u{1}", count: 9_000)),
            occurrence: Samples.moment(1).wall, at: Samples.moment(1).wall,
            event: .ended(.failed, reason: String(repeating: "\u{1}", count: 9_000), run: nil))
        let line = LedgerFraming.line(.entry(entry))
        #expect(LedgerFraming.isWhole(line.dropLast()))
    }

    @Test func `what was written is there when the ledger is opened again`() throws {
        let shelf = try Shelf()
        let web = try #require(SchedulerName("web"))
        do {
            let ledger = try shelf.open()
            ledger.append(.entry(try Samples.started("backup", 60)), at: Samples.moment(60))
            ledger.append(.entry(try Samples.ended("backup", 60)), at: Samples.moment(61))
            ledger.append(.entry(try Samples.started("backup", 120)), at: Samples.moment(120))
            ledger.append(
                .wish(web, .stopped, at: Samples.moment(121).wall), at: Samples.moment(121))
        }
        #expect(shelf.said == [])
        let again = try shelf.open()
        #expect(
            again.history()
                == [try Samples.ended("backup", 60), try Samples.started("backup", 120)])
        let entries = again.entries(of: try #require(Samples.backup), last: 2)
        #expect(entries == [try Samples.ended("backup", 60), try Samples.started("backup", 120)])
        #expect(again.index.wishes.map(\.name) == [web])
        again.append(.wish(web, nil, at: Samples.moment(130).wall), at: Samples.moment(130))
        #expect(try shelf.open().index.wishes.isEmpty)
        #expect(shelf.said == [])
    }

    @Test func `a ledger cut at any byte holds every record that was whole`() throws {
        let shelf = try Shelf()
        var ends: [Int] = []
        do {
            let ledger = try shelf.open()
            for second in 1...8 {
                ends.append(try shelf.contents.count)
                ledger.append(
                    .entry(try Samples.ended("backup", second)), at: Samples.moment(second))
            }
            ends.append(try shelf.contents.count)
        }
        let whole = try shelf.contents
        let name = try #require(Samples.backup)
        for length in 0...whole.count {
            try shelf.replace(Array(whole[..<length]))
            shelf.forget()
            let ledger = try shelf.open()
            // A record is whole without its line break, too.
            let expected = ends.dropFirst().count { $0 - 1 <= length }
            #expect(ledger.entries(of: name, last: 100).count == expected, "cut at \(length)")
            let isTorn = length > 0 && !ends.contains(length) && !ends.contains(length + 1)
            #expect(shelf.said.count == (isTorn ? 1 : 0), "cut at \(length): \(shelf.said)")
            // What is appended behind the cut is read the next time, and nothing is damaged.
            ledger.append(.entry(try Samples.ended("backup", 99)), at: Samples.moment(99))
            shelf.forget()
            let again = try shelf.open()
            #expect(again.entries(of: name, last: 100).count == expected + 1)
            #expect(shelf.said == [])
        }
    }

    @Test func `a changed byte costs at most the record that it is in`() throws {
        let shelf = try Shelf()
        do {
            let ledger = try shelf.open()
            for second in 1...6 {
                ledger.append(
                    .entry(try Samples.ended("backup", second)), at: Samples.moment(second))
            }
        }
        let whole = try shelf.contents
        let name = try #require(Samples.backup)
        let all = try (1...6).map { try Samples.ended("backup", $0) }
        for position in whole.indices {
            for change in [0x01, 0x80, 0xFF, whole[position] ^ UInt8(ascii: "\n")] as [UInt8] {
                var bytes = whole
                bytes[position] ^= change
                if bytes == whole { continue }
                try shelf.replace(bytes)
                let found = try shelf.open().entries(of: name, last: 100)
                #expect(found.count >= 5, "byte \(position) changed by \(change)")
                // Nothing is made up, and the order is kept.
                #expect(found.allSatisfy(all.contains))
                #expect(found.map(\.occurrence) == found.map(\.occurrence).sorted())
            }
        }
    }

    @Test func `whatever is in the file, the ledger opens and goes on`() throws {
        let shelf = try Shelf()
        var random = Drawn(state: 11)
        let good = LedgerFraming.line(.entry(try Samples.ended("backup", 1)))
        for _ in 0..<300 {
            var bytes: [UInt8] = []
            for _ in 0..<Int(random.next() % 8) {
                switch random.next() % 5 {
                case 0: bytes += good
                case 1: bytes += good.prefix(Int(random.next() % UInt64(good.count)))
                case 2: bytes += [UInt8](repeating: 0, count: Int(random.next() % 9_000))
                case 3:
                    bytes += (0..<Int(random.next() % 400)).map { _ in
                        UInt8(truncatingIfNeeded: random.next())
                    }
                default: bytes += LedgerFraming.mark + "\n".utf8
                }
            }
            try shelf.replace(bytes)
            let ledger = try shelf.open()
            ledger.append(.entry(try Samples.started("last", 5)), at: Samples.moment(5))
            let last = try #require(SchedulerName("last"))
            #expect(try shelf.open().entries(of: last, last: 9) == [try Samples.started("last", 5)])
        }
    }

    @Test func `damage in the middle is skipped, counted and said`() throws {
        let shelf = try Shelf()
        do {
            let ledger = try shelf.open()
            for second in 1...3 {
                ledger.append(
                    .entry(try Samples.ended("backup", second)), at: Samples.moment(second))
            }
        }
        var bytes = try shelf.contents
        bytes[bytes.count / 2] ^= 0x20
        try shelf.replace(bytes)
        _ = try shelf.open()
        #expect(shelf.said.count == 1)
        #expect(
            shelf.said.first?.hasPrefix(
                "error: ledger \(shelf.directory)/ledger: damaged in 1 place, ") == true)
    }

    @Test func `a ledger of a newer reeve is put aside`() throws {
        let shelf = try Shelf()
        try shelf.replace(LedgerFraming.line(.head(needs: 2)))
        let ledger = try shelf.open()
        #expect(shelf.said.count == 1)
        #expect(ledger.history() == [])
        #expect(unsafe access(shelf.file("ledger.newer"), F_OK) == 0)
    }

    @Test func `what a later version adds is skipped, and kept`() throws {
        let shelf = try Shelf()
        do { _ = try shelf.open() }
        var line =
            LedgerFraming.mark + "00000000\",\"kind\":\"promise\",\"scheduler\":\"backup\"}".utf8
        let sum = String(Checksum.crc32c(line[(LedgerFraming.mark.count + 9)...]), radix: 16)
        let digits = String(repeating: "0", count: 8 - sum.count) + sum
        line.replaceSubrange(
            LedgerFraming.mark.count..<LedgerFraming.mark.count + 8, with: digits.utf8)
        try shelf.replace(try shelf.contents + line + "\n".utf8)
        let ledger = try shelf.open()
        #expect(ledger.index.kept.count == 1)
        #expect(shelf.said.first?.contains("1 records of a later version") == true)
    }

    @Test func `what is no regular file is refused with a sentence`() throws {
        let shelf = try Shelf()
        unsafe symlink("/dev/null", shelf.file("ledger"))
        #expect(throws: SystemFailure.self) { try shelf.open() }
    }
}
