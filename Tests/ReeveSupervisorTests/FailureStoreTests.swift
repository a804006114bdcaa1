// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveControl
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

@Suite struct FailureStoreTests {
    /// A state and a runtime directory that go with their owner.
    private final class Place {
        let directory: String
        let tails: Tails
        private(set) var said: [String] = []

        init() throws {
            directory = "/tmp/reeve-failures-\(getpid())-\(try Host.random())"
            try PrivateDirectory.ensure(directory)
            try PrivateDirectory.ensure(directory + "/tails")
            let name = try #require(SchedulerName("web"))
            var scheduler = SchedulerSpecification(
                name: name, program: Program(arguments: ["/bin/true"]))
            scheduler.log.tail = Bytes(400_000)
            tails = Tails(directory: directory + "/tails", schedulers: [scheduler], say: { _ in })
        }

        deinit {
            for path in ["failures/web", "failures", "tails/web", "tails", ""] {
                _ = unsafe remove(directory + "/" + path)
            }
        }

        func store() -> FailureStore {
            FailureStore(directory: directory, tails: tails, at: Clock.now()) {
                [weak self] level, words in self?.said.append("\(level.rawValue): \(words)")
            }
        }
    }

    private let name = SchedulerName("web")

    private func report(_ number: UInt64, second: Int64) throws -> FailureReport {
        let start = WallTime(nanoseconds: 1_795_628_314_000_000_000) + .seconds(second)
        return FailureReport(
            scheduler: try #require(name), run: RunID(order: number, origin: 1),
            reason: "start-up", startedAt: start, endedAt: start + .milliseconds(900),
            ran: .milliseconds(900), status: .exited(code: 3), meaning: "failed")
    }

    /// Writes all that is due, as the scribe does. Returns how many that were.
    @discardableResult
    private func write(from store: FailureStore) -> Int {
        var count = 0
        while let bundle = store.nextBundle() {
            // One at a time.
            #expect(store.nextBundle() == nil)
            do throws(Errno) {
                try bundle.write()
                store.bundleEnded(nil, at: Clock.now())
            } catch {
                store.bundleEnded(error, at: Clock.now())
            }
            count += 1
        }
        return count
    }

    /// What the store says itself, or its reader would find in the file that it names.
    private func kept(
        _ name: SchedulerName, in store: FailureStore, run: String? = nil
    ) -> KeptFailure? {
        switch store.find(name, run: run) {
        case .waits(let kept): kept
        case .file(let path):
            FailureStore.kept(in: path, run: run).flatMap { KeptFailure(Array($0)) }
        case .nothing: nil
        }
    }

    /// A line of the tail, at a second after the start of time.
    private func line(_ text: String, second: Int64) -> [UInt8] {
        let at = WallTime(nanoseconds: 1_795_628_314_500_000_000) + .seconds(second)
        return Array("\(at.rfc3339(fractionDigits: 3)) o \(text)\n".utf8)
    }

    @Test func `each bundle has the lines of its own run, and the newest five are there`() throws {
        let place = try Place()
        let store = place.store()
        for number in 0..<40 {
            let text = String(repeating: "x", count: 70) + " of \(number)"
            for _ in 0..<1_000 {
                place.tails.append(line(text, second: Int64(number)), to: SchedulerID(0))
            }
            store.keep(
                try report(UInt64(number), second: Int64(number)), of: SchedulerID(0),
                among: 1, at: Clock.now())
            store.hurry(at: Clock.now())
            write(from: store)
        }
        let web = try #require(name)
        for number in 35..<40 {
            let run = RunID(order: UInt64(number), origin: 1).description
            let found = try #require(kept(web, in: store, run: run))
            #expect(found.bundle.runID == run)
            #expect(found.lines.count > 500 && Int(found.bundle.logLines) == found.lines.count)
            let bytes = found.lines.reduce(0) { $0 + $1.count + 1 }
            #expect(bytes <= FailureStore.logBytesMax)
            let isOwn = found.lines.allSatisfy {
                String(decoding: $0, as: UTF8.self).hasSuffix(" of \(number)")
            }
            #expect(isOwn)
            #expect(found.bundle.logNote == "earlier lines are no longer there")
        }
        #expect(kept(web, in: store, run: RunID(order: 1, origin: 1).description) == nil)
        // They are there for the next supervisor, too.
        let later = place.store()
        #expect(kept(web, in: later, run: nil)?.bundle.runID.isEmpty == false)
        #expect(place.said == [])
    }

    @Test func `what was kept is there for as many schedulers as there were and for more`() throws {
        let place = try Place()
        let web = try #require(name)
        let store = place.store()
        store.keep(try report(1, second: 0), of: SchedulerID(0), among: 1, at: Clock.now())
        let waits = try #require(kept(web, in: store, run: nil))
        #expect(waits.bundle.runID == RunID(order: 1, origin: 1).description)
        store.hurry(at: Clock.now())
        write(from: store)
        store.keep(try report(2, second: 1), of: SchedulerID(0), among: 1_000, at: Clock.now())
        store.hurry(at: Clock.now())
        write(from: store)
        for number: UInt64 in [1, 2] {
            let run = RunID(order: number, origin: 1).description
            #expect(kept(web, in: store, run: run)?.bundle.runID == run)
        }
    }

    @Test func `what waits is bounded, and that is said once`() throws {
        let place = try Place()
        let store = place.store()
        let now = Clock.now()
        for number in 0..<(FailureStore.waitingMax + 50) {
            store.keep(try report(UInt64(number), second: 0), of: SchedulerID(0), among: 1, at: now)
        }
        #expect(place.said.count == 1)
        #expect(store.nextDeadline == now.monotonic + FailureStore.delay)
        store.timePassed(at: now)
        #expect(write(from: store) == FailureStore.batch)
        #expect(store.nextDeadline != nil)
        #expect(place.said.count == 2 && place.said[1].contains("of 50 nothing was"))
        store.hurry(at: Clock.now())
        write(from: store)
        #expect(store.nextDeadline != nil)
        store.timePassed(at: now)
        #expect(store.nextDeadline == nil)
    }

    @Test func `a bundle leaves after its turn and its pause, with what its turn has seen`() throws
    {
        let place = try Place()
        let store = place.store()
        var now = Clock.now()
        var killed = try report(1, second: 0)
        killed.status = .signalled(.kill, coreDumped: false)
        store.timePassed(at: now)
        store.keep(killed, of: SchedulerID(0), among: 1, at: now)
        #expect(store.nextBundle() == nil)
        store.noteEvidence(at: now)
        #expect(store.nextBundle() == nil)
        now = Moment(monotonic: now.monotonic + FailureStore.delay, wall: now.wall)
        store.timePassed(at: now)
        #expect(write(from: store) == 1)
        // The pause holds for the next one, too.
        store.keep(try report(2, second: 0), of: SchedulerID(0), among: 1, at: now)
        #expect(store.nextBundle() == nil)
        #expect(store.nextDeadline == now.monotonic + FailureStore.delay)
    }

    @Test func `of one that is gone for good nothing is kept`() throws {
        let place = try Place()
        let web = try #require(name)
        let now = Clock.now()
        let store = place.store()
        // Nothing was: nothing is to be done.
        store.forget(web, at: now)
        #expect(store.bundleCount == 0 && store.nextDeadline == nil)
        store.keep(try report(1, second: 0), of: SchedulerID(0), among: 1, at: now)
        store.hurry(at: now)
        write(from: store)
        store.forget(web, at: now)
        #expect(store.bundleCount == 1 && store.nextDeadline != nil)
        #expect(write(from: store) == 1)
        #expect(kept(web, in: store) == nil && store.bundleCount == 0 && place.said == [])
        #expect(!StateFile.exists(place.directory + "/failures/web"))
        // At the next start it is known which files there are.
        store.keep(try report(2, second: 0), of: SchedulerID(0), among: 1, at: now)
        write(from: store)
        let later = place.store()
        later.forgetOthers(than: [])
        later.forget(web, at: now)
        #expect(later.bundleCount == 1)
    }

    @Test func `without a state directory nothing is kept and nothing is due`() throws {
        let place = try Place()
        let store = FailureStore(
            directory: nil, tails: place.tails, at: Clock.now()
        ) { _, _ in }
        store.keep(try report(1, second: 0), of: SchedulerID(0), among: 1, at: Clock.now())
        #expect(store.nextDeadline == nil)
        #expect(kept(try #require(name), in: store) == nil)
    }

    @Test func `where it cannot be written that is said once, and what comes is lost`() throws {
        let place = try Place()
        let store = place.store()
        // A directory in the place of the file.
        try PrivateDirectory.ensure(place.directory + "/failures/web")
        for number in 0..<3 {
            store.keep(
                try report(UInt64(number), second: 0), of: SchedulerID(0), among: 1, at: Clock.now()
            )
            store.hurry(at: Clock.now())
            write(from: store)
        }
        #expect(place.said.count == 1)
        #expect(place.said.first?.contains("everything else goes on") == true)
    }

    @Test func `the share of each shrinks with their number`() {
        #expect(FailureStore.capacity(schedulers: 1) == 5 * 73_728)
        #expect(FailureStore.capacity(schedulers: 170) == 5 * 73_728)
        #expect(FailureStore.capacity(schedulers: 1_000) == 64_000)
        #expect(FailureStore.capacity(schedulers: 10_000) == 5 * 9_216)
    }
}
