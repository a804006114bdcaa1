// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveControl
import ReeveCore
import ReeveLinux
import ReeveTestSupport
import Testing

@testable import ReeveSupervisor

/// A loop around a ledger: everything that is due, until nothing is.
private func settle(_ ledger: Ledger, at now: Moment) throws {
    let deadline = Clock.now().monotonic + .seconds(20)
    while Clock.now().monotonic < deadline {
        ledger.work(at: now)
        ledger.ready(at: now)
        if !ledger.isCompacting { return }
    }
    Issue.record("a compaction does not end")
}

@Suite struct LedgerGrowthTests {
    @Test func `a ledger that has grown is compacted to what is needed`() throws {
        let shelf = try Shelf()
        let ledger = try shelf.open()
        let rare = try #require(SchedulerName("rare"))
        let web = try #require(SchedulerName("web"))
        ledger.append(.wish(web, .stopped, at: Samples.moment(0).wall), at: Samples.moment(0))
        ledger.append(.entry(try Samples.ended("rare", 0)), at: Samples.moment(0))
        let success = try Samples.ended("fails", 0)
        ledger.append(.entry(success), at: Samples.moment(0))
        let unfinished = try Samples.started("long", 0)
        ledger.append(.entry(unfinished), at: Samples.moment(0))
        var sizeMax = 0
        var second = 1
        for _ in 0..<12 {
            for _ in 0..<1_000 {
                ledger.append(
                    .entry(try Samples.started("backup", second)), at: Samples.moment(second))
                ledger.append(
                    .entry(try Samples.ended("backup", second)), at: Samples.moment(second))
                if second % 10 == 0 {
                    let failure = try Samples.ended("fails", second, .failed)
                    ledger.append(.entry(failure), at: Samples.moment(second))
                }
                second += 1
            }
            // Some are written while the copying goes on.
            ledger.work(at: Samples.moment(second))
            ledger.append(
                .entry(try Samples.started("meanwhile", second)), at: Samples.moment(second))
            try settle(ledger, at: Samples.moment(second))
            sizeMax = max(sizeMax, try shelf.contents.count)
        }
        #expect(sizeMax < 2_500_000)
        #expect(try shelf.contents.count < 1_600_000)
        #expect(shelf.said == [])
        for ledger in [ledger, try shelf.open()] {
            #expect(ledger.entries(of: rare, last: 9) == [try Samples.ended("rare", 0)])
            let last = ledger.entries(of: try #require(Samples.backup), last: 100)
            #expect(last.count == 100)
            #expect(last.last == (try Samples.ended("backup", second - 1)))
            #expect(last.map(\.at) == last.map(\.at).sorted())
            #expect(
                ledger.entries(of: try #require(SchedulerName("meanwhile")), last: 100).count == 12)
            #expect(ledger.index.wishes.map(\.name) == [web])
            #expect(ledger.history().contains(unfinished))
            #expect(ledger.history().contains(success))
            let fails = try #require(SchedulerName("fails"))
            #expect(!ledger.entries(of: fails, last: 100).contains(success))
        }
        #expect(unsafe access(shelf.file("ledger.new"), F_OK) != 0)
    }

    @Test func `what is forgotten is in no compacted ledger, and makes room for others`() throws {
        let shelf = try Shelf()
        let ledger = try shelf.open()
        let gone = try #require(SchedulerName("gone"))
        ledger.append(.wish(gone, .stopped, at: Samples.moment(0).wall), at: Samples.moment(0))
        ledger.append(.entry(try Samples.ended("gone", 0)), at: Samples.moment(0))
        // It is remembered for as long as there is room, and whoever is back is.
        let others = try (1...LedgerIndex.departedMax).map {
            try #require(SchedulerName("job-\($0)"))
        }
        ledger.forget(gone) { _ in false }
        for name in others.dropLast() { ledger.forget(name) { _ in false } }
        #expect(ledger.entries(of: gone, last: 9).count == 1)
        ledger.forget(try #require(others.last)) { $0 == others[0] }
        #expect(ledger.entries(of: gone, last: 9) == [] && ledger.index.wishes.isEmpty)
        var second = 1
        while !ledger.isCompacting {
            ledger.append(.entry(try Samples.ended("backup", second)), at: Samples.moment(second))
            second += 1
        }
        try settle(ledger, at: Samples.moment(second))
        let next = try shelf.open()
        #expect(next.entries(of: gone, last: 9) == [] && next.index.wishes.isEmpty)
        #expect(
            next.entries(of: try #require(Samples.backup), last: 1)
                == [try Samples.ended("backup", second - 1)])
    }

    @Test func `of earlier configurations the names that were written of last are kept`() throws {
        var index = LedgerIndex()
        let names = try (0..<6).map { try #require(SchedulerName("job-\($0)")) }
        for (number, name) in names.enumerated() {
            index.note(
                .entry(try Samples.ended(name.text, number)),
                at: LedgerPlace(offset: Int64(100 * number), length: 99))
        }
        index.forgetOthers(than: [names[0], names[5]], keeping: 2)
        let left = names.filter { !index.recent(of: $0).isEmpty }
        #expect(left == [names[0], names[3], names[4], names[5]])
        // A shelf that is free is taken before a new one.
        index.note(
            .entry(try Samples.ended("job-1", 7)), at: LedgerPlace(offset: 900, length: 99))
        #expect(index.recent(of: names[1]).map(\.offset) == [900])
        #expect(index.forgotten == 0)
    }

    @Test func `a death at any point of a compaction costs nothing`() throws {
        let shelf = try Shelf()
        var second = 1
        func fill(_ ledger: Ledger) throws {
            while !ledger.isCompacting {
                ledger.append(
                    .entry(try Samples.ended("backup", second)), at: Samples.moment(second))
                second += 1
            }
        }
        for steps in 0..<4 {
            let ledger = try shelf.open()
            try fill(ledger)
            for _ in 0..<steps { ledger.work(at: Samples.moment(second)) }
            ledger.append(.entry(try Samples.ended("backup", second)), at: Samples.moment(second))
            // The process is gone here; the next one finds what is on the disk.
            let next = try shelf.open()
            let last = next.entries(of: try #require(Samples.backup), last: 100)
            #expect(last.last == (try Samples.ended("backup", second)), "after \(steps) steps")
            #expect(last.count == 100)
            second += 1
            try fill(next)
            try settle(next, at: Samples.moment(second))
        }
        #expect(shelf.said == [])
    }

    @Test func `what was written is synchronised in the background, once for many`() throws {
        let shelf = try Shelf()
        let epoll = try Epoll()
        let ledger = try Ledger(directory: shelf.directory, epoll: epoll) { _, words in
            Issue.record("said: \(words)")
        }
        let start = Clock.now()
        ledger.append(.entry(try Samples.ended("backup", 1)), at: start)
        let due = try #require(ledger.nextDeadline)
        #expect(due <= start.monotonic + Ledger.syncDelay)
        var turns = 0
        while ledger.nextDeadline != nil || ledger.isSynchronising, turns < 1_000 {
            turns += 1
            try epoll.wait(until: ledger.nextDeadline ?? start.monotonic + .seconds(20)) {
                token, _ in
                #expect(token.source == SourceKind.ledger.rawValue)
                ledger.ready(at: Clock.now())
            }
            ledger.timePassed(at: Clock.now())
        }
        // Then nothing wakes the loop any more.
        #expect(ledger.nextDeadline == nil && !ledger.hasWork)
        #expect(turns < 20)
    }

    @Test func `the end of reeve waits for the storage, and no longer than its deadline`() throws {
        let shelf = try Shelf()
        let ledger = try shelf.open()
        let now = Clock.now()
        ledger.append(.entry(try Samples.ended("backup", 1)), at: now)
        ledger.finish(until: now.monotonic + .seconds(20), at: now)
        #expect(!ledger.isSynchronising)
        #expect(ledger.nextDeadline == nil)
        ledger.finish(until: now.monotonic, at: now)
    }
}

/// unshare(2), which the C library's header hides.
private func unshare(_ flags: Int32) -> Int32 {
    guard let symbol = unsafe dlsym(nil, "unshare") else { return -1 }
    let function = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Int32).self)
    return function(flags)
}

@Suite struct LedgerFullDiskTests {
    /// Runs the body with a file system of 64 kB, in mounts that this process has for itself.
    private static func onTinyDisk(_ body: (String) throws -> Void) throws {
        // CLONE_NEWNS, then MS_REC | MS_PRIVATE.
        try #require(unshare(0x20000) == 0)
        try #require(unsafe mount("none", "/", nil, 0x44000, nil) == 0)
        let path = "/tmp/reeve-tiny-\(getpid())"
        try PrivateDirectory.ensure(path)
        defer { unsafe rmdir(path) }
        try #require(unsafe mount("tmpfs", path, "tmpfs", 0, "size=65536,mode=0700") == 0)
        defer { unsafe umount2(path, 2) }
        try body(path)
    }

    @Test(.needs("the capability to mount", if: Machine.mayMount))
    func `on a full disk everything goes on, and what waited is written when there is room`()
        async
    {
        await #expect(processExitsWith: .success) {
            try Self.onTinyDisk { path in
                var said: [String] = []
                let ledger = try Ledger(directory: path, epoll: nil) { _, words in
                    said.append(words)
                }
                let name = try #require(Samples.backup)
                let ballast = try StateFile.open(path + "/ballast")
                var size = 0
                let page = [UInt8](repeating: 1, count: 4_096)
                while (try? ballast.writeAll(page.span, at: Int64(size))) != nil {
                    size += page.count
                }
                // The rest of the ledger's last page is used up, then a record does not fit.
                var second = 1
                while said.isEmpty, second < 1_000 {
                    ledger.append(
                        .entry(try Samples.ended("backup", second)), at: Samples.moment(second))
                    second += 1
                }
                #expect(said.count == 1)
                let words = "cannot be written (no space left on device (ENOSPC))"
                #expect(said.first?.contains(words) == true)
                for _ in 0..<50 {
                    ledger.append(
                        .entry(try Samples.ended("backup", second)), at: Samples.moment(second))
                    second += 1
                }
                #expect(said.count == 1)
                #expect(
                    ledger.entries(of: name, last: 1) == [try Samples.ended("backup", second - 1)])
                // A reader of the file sees whole records only.
                #expect(
                    try Ledger(directory: path, epoll: nil) { _, words in said.append(words) }
                        .entries(of: name, last: 100).count < second)
                #expect(said.count == 1)
                try ballast.setSize(0)
                #expect(ledger.nextDeadline != nil)
                ledger.timePassed(at: Samples.moment(second + 20))
                #expect(said.count == 2)
                #expect(said.last?.hasSuffix("is written again, nothing is missing") == true)
                let again = try Ledger(directory: path, epoll: nil) { _, words in said.append(words)
                }
                #expect(again.entries(of: name, last: 100).count == min(100, second - 1))
                #expect(said.count == 2)
            }
        }
    }

    @Test func `what does not fit into memory either is counted in the ledger`() async {
        await #expect(processExitsWith: .success) {
            try Self.onTinyDisk { path in
                var said: [String] = []
                let ledger = try Ledger(directory: path, epoll: nil) { _, words in
                    said.append(words)
                }
                let ballast = try StateFile.open(path + "/ballast")
                var size = 0
                let page = [UInt8](repeating: 1, count: 4_096)
                while (try? ballast.writeAll(page.span, at: Int64(size))) != nil {
                    size += page.count
                }
                for second in 1..<3_000 {
                    ledger.append(
                        .entry(try Samples.ended("backup", second)), at: Samples.moment(second))
                }
                #expect(said.count == 1)
                try ballast.setSize(0)
                // All that waits is more than the disk: it is written as far as it goes.
                ledger.append(.entry(try Samples.ended("backup", 3_000)), at: Samples.moment(3_000))
                var gaps: [Int64] = []
                let file = try StateFile.open(path + "/ledger")
                let scan = try LedgerScan(file, bytesMax: 1 << 20) { record, _ in
                    if case .gap(let count, _, _) = record { gaps.append(count) }
                }
                #expect(scan.damages == 0)
                #expect(gaps.count == 1)
                #expect((gaps.first ?? 0) > 1_000)
            }
        }
    }
}
