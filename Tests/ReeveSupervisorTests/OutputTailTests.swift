// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

@Suite struct OutputTailTests {
    private func schedulers(
        _ names: [String], tail: Int64, destination: LogSettings.Destination = .prefixed
    ) -> [SchedulerSpecification] {
        names.map { text in
            var scheduler = SchedulerSpecification(
                name: name(text), program: Program(arguments: ["/bin/true"]))
            scheduler.log.tail = Bytes(tail)
            scheduler.log.destination = destination
            return scheduler
        }
    }

    private func text(_ page: TailPage) -> String { String(decoding: page.bytes, as: UTF8.self) }

    @Test func `sizes shrink evenly above the bound`() {
        #expect(Tails.share(of: 16_000, sum: 16_000) == 16_000)
        #expect(Tails.share(of: 16_000, sum: 16_000_000) == 16_000)
        #expect(Tails.share(of: 16_000, sum: 32_000_000) == 8_000)
        #expect(Tails.share(of: 64_000, sum: 32_000_000) == 32_000)
        #expect(Tails.share(of: 16_000, sum: 160_000_000_000) == 512)
        #expect(Tails.share(of: .max, sum: .max) == 16_000_000)
    }

    @Test func `the last lines are found, with time and stream`() throws {
        let directory = try ScratchDirectory()
        _ = directory.file("web")
        var specification = Specification()
        specification.schedulers = schedulers(["web"], tail: 16_000)
        let bench = try HubBench(specification, tailDirectory: directory.path)
        let child = try bench.open(1)
        child.print("one\ntwo\nthr")
        try bench.turn { bench.stdout?.lines.count == 2 }
        child.complain("four\n")
        try bench.turn { bench.stderr?.lines.count == 1 }
        child.close()
        try bench.turn { bench.hub.openPipes == 0 }
        let tails = bench.hub.tails
        let web = SchedulerID(0)
        #expect(tails.has(web))
        let all = tails.page(of: web, from: tails.start(of: web, lines: nil), bytesMax: 10_000)
        let lines = text(all).split(separator: "\n")
        #expect(
            lines.map { $0.dropFirst("2026-11-25T17:38:34.123Z ".utf8.count) }
                == ["o one", "o two", "e four", "o thr"])
        #expect(
            lines.allSatisfy { $0.dropFirst(4).hasPrefix("-") && $0.dropFirst(23).hasPrefix("Z ") })
        #expect(all.next == tails.end(of: web))
        for (count, expected) in [(0, 0), (1, 1), (2, 2), (4, 4), (5, 4), (.max, 4)] {
            let page = tails.page(
                of: web, from: tails.start(of: web, lines: count), bytesMax: 10_000)
            #expect(text(page).split(separator: "\n").count == expected)
        }
    }

    @Test func `a tail outlives its supervisor`() throws {
        let directory = try ScratchDirectory()
        _ = directory.file("web")
        for round in 1...2 {
            let tails = Tails(
                directory: directory.path, schedulers: schedulers(["web"], tail: 4_000),
                say: { Issue.record("\($0)") })
            tails.append(Array("line \(round)\n".utf8), to: SchedulerID(0))
            let page = tails.page(of: SchedulerID(0), from: 0, bytesMax: 1_000)
            #expect(text(page) == (1...round).map { "line \($0)\n" }.joined())
        }
    }

    @Test func `a place that another one takes has nothing of who was there`() throws {
        let directory = try ScratchDirectory()
        let (first, second) = (directory.file("web"), directory.file("job"))
        let specifications = schedulers(["web", "job"], tail: 4_000)
        let tails = Tails(
            directory: directory.path, schedulers: [specifications[0]],
            say: { Issue.record("\($0)") })
        let place = SchedulerID(0)
        tails.append(Array("of web\n".utf8), to: place)
        #expect(StateFile.exists(first))
        tails.forget(place)
        #expect(!StateFile.exists(first) && !tails.has(place) && tails.openFiles == 0)
        tails.adopt(specifications[1], of: place)
        tails.append(Array("of job\n".utf8), to: place)
        #expect(text(tails.page(of: place, from: 0, bytesMax: 1_000)) == "of job\n")
        #expect(StateFile.exists(second))
        #expect(
            tails.has(place, named: name("job")) && !tails.has(place, named: name("web")))
        // One that has nothing is forgotten, too.
        tails.forget(SchedulerID(7))
    }

    @Test func `pages follow each other and an overtaken reader knows it`() throws {
        let directory = try ScratchDirectory()
        _ = directory.file("web")
        let web = SchedulerID(0)
        let tails = Tails(
            directory: directory.path, schedulers: schedulers(["web"], tail: 1_000),
            say: { Issue.record("\($0)") })
        var place: UInt64 = 0
        var seen: [String] = []
        var missed: UInt64 = 0
        var total = 0
        for number in 0..<500 {
            let line = "line \(number)\n"
            total += line.utf8.count
            tails.append(Array(line.utf8), to: web)
            // Behind at times, and then overtaken.
            guard number % 150 == 149 || number < 20 else { continue }
            while true {
                let page = tails.page(of: web, from: place, bytesMax: 64)
                missed += page.missed
                #expect(page.next == place + page.missed + UInt64(page.bytes.count))
                place = page.next
                if page.bytes.isEmpty { break }
                #expect(page.bytes.last == 10)
                seen += text(page).split(separator: "\n").map(String.init)
            }
        }
        let bytes = seen.reduce(0) { $0 + $1.utf8.count + 1 }
        #expect(missed > 0)
        let rest = tails.page(of: web, from: place, bytesMax: 10_000)
        #expect(bytes + Int(missed) + rest.bytes.count + Int(rest.missed) == total)
        #expect(seen.allSatisfy { $0.hasPrefix("line ") })
        #expect(Set(seen).count == seen.count)
    }

    @Test func `while somebody follows, a burst is kept in memory, up to a bound`() throws {
        let directory = try ScratchDirectory()
        _ = directory.file("web")
        let web = SchedulerID(0)
        let tails = Tails(
            directory: directory.path, schedulers: schedulers(["web"], tail: 1_000),
            say: { Issue.record("\($0)") })
        tails.append(Array("before\n".utf8), to: web)
        tails.keepForFollowers(of: [web])
        var place = tails.start(of: web, lines: nil)
        let burst = (0..<4_000).map { "line \($0)\n" }
        for part in 0..<4 {
            let lines = burst[(part * 1_000)..<((part + 1) * 1_000)].joined()
            tails.append(Array(lines.utf8), to: web)
        }
        func follow() -> (lines: String, missed: UInt64) {
            var (lines, missed) = ("", UInt64(0))
            while true {
                let page = tails.page(of: web, from: place, bytesMax: 4_096)
                missed += page.missed
                place = page.next
                lines += text(page)
                if page.bytes.isEmpty { return (lines, missed) }
            }
        }
        // What came before the first follower is the ring's, and may be gone.
        let first = follow()
        #expect(first.missed == 7 && first.lines == burst.joined())
        // More than that is missed, and known to be.
        let line = String(repeating: "x", count: 99) + "\n"
        let block = Array(String(repeating: line, count: 600).utf8)
        for _ in 0..<20 { tails.append(block, to: web) }
        let second = follow()
        #expect(second.lines.utf8.count + Int(second.missed) == 20 * block.count)
        #expect(second.lines.utf8.count > FollowedTail.bytesMax - 200)
        #expect(second.lines.utf8.count <= FollowedTail.bytesMax)
        #expect(second.lines.split(separator: "\n").allSatisfy { $0.count == 99 })
        // Nobody follows any more: the ring alone.
        tails.append(block, to: web)
        tails.keepForFollowers(of: [])
        #expect(follow().lines.utf8.count <= 1_000)
    }

    @Test func `more at once than the tail holds counts as missed`() throws {
        let directory = try ScratchDirectory()
        _ = directory.file("web")
        let tails = Tails(
            directory: directory.path, schedulers: schedulers(["web"], tail: 512),
            say: { Issue.record("\($0)") })
        let lines = (0..<200).map { "number \($0)\n" }.joined()
        tails.append(Array(lines.utf8), to: SchedulerID(0))
        let page = tails.page(of: SchedulerID(0), from: 0, bytesMax: 10_000)
        #expect(Int(page.missed) + page.bytes.count == lines.utf8.count)
        #expect(text(page).hasSuffix("number 199\n"))
        #expect(text(page).hasPrefix("number "))
    }

    @Test func `what has no tail has none`() throws {
        let directory = try ScratchDirectory()
        let none = Tails(
            directory: directory.path, schedulers: schedulers(["a"], tail: 0), say: { _ in })
        #expect(!none.has(SchedulerID(0)))
        let inherited = Tails(
            directory: directory.path,
            schedulers: schedulers(["a"], tail: 16_000, destination: .inherit), say: { _ in })
        #expect(!inherited.has(SchedulerID(0)))
        let nowhere = Tails(
            directory: nil, schedulers: schedulers(["a"], tail: 16_000), say: { _ in })
        #expect(!nowhere.has(SchedulerID(0)))
        #expect(!nowhere.has(SchedulerID(7)))
        #expect(nowhere.page(of: SchedulerID(7), from: 3, bytesMax: 10).bytes.isEmpty)
    }

    @Test func `a tail that cannot be written is said once`() {
        var said: [String] = []
        let tails = Tails(
            directory: "/nonexistent/tails", schedulers: schedulers(["web"], tail: 1_000),
            say: { said.append($0) })
        for _ in 0..<3 { tails.append(Array("x\n".utf8), to: SchedulerID(0)) }
        #expect(tails.page(of: SchedulerID(0), from: 0, bytesMax: 100).bytes.isEmpty)
        #expect(said.count == 1)
        #expect(said.first?.contains("the log tail of web cannot be written") == true)
    }

    @Test func `more tails than may be open take turns`() throws {
        let directory = try ScratchDirectory()
        let names = (0..<(Tails.openMax + 50)).map { "s\($0)" }
        for text in names { _ = directory.file(text) }
        let tails = Tails(
            directory: directory.path, schedulers: schedulers(names, tail: 1_000),
            say: { Issue.record("\($0)") })
        for round in 0..<2 {
            for index in names.indices {
                tails.append(Array("round \(round)\n".utf8), to: SchedulerID(index))
            }
        }
        #expect(tails.openFiles == Tails.openMax)
        for index in names.indices {
            let page = tails.page(of: SchedulerID(index), from: 0, bytesMax: 1_000)
            #expect(text(page) == "round 0\nround 1\n")
        }
    }
}
