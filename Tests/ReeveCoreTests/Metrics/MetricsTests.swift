// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ReeveCore

@Suite struct DurationHistogramTests {
    @Test func `a span comes back within three point two percent`() {
        var random = SplitMix64(seed: 1)
        var worst = 0.0
        for _ in 0..<20_000 {
            let magnitude = Int64(random.next() % 40)
            let nanoseconds = Int64(random.next() % (1 << 10)) << magnitude
            guard nanoseconds > 3_000_000, nanoseconds < 1 << 50 else { continue }
            let bucket = DurationHistogram.bucket(of: Duration(nanoseconds: nanoseconds))
            let shown = DurationHistogram.middle(of: bucket).nanoseconds
            worst = max(worst, abs(Double(shown - nanoseconds)) / Double(nanoseconds))
        }
        #expect(worst < 0.032 && worst > 0.02)
    }

    @Test func `short spans are within seven hundredths of a millisecond`() {
        for microseconds in stride(from: Int64(0), to: 3_000, by: 7) {
            let bucket = DurationHistogram.bucket(of: .microseconds(microseconds))
            let shown = DurationHistogram.middle(of: bucket).nanoseconds
            #expect(abs(shown - microseconds * 1_000) <= 70_000)
        }
    }

    @Test func `buckets rise with spans and never leave the table`() {
        var last = 0
        for power in 0..<63 {
            let bucket = DurationHistogram.bucket(of: Duration(nanoseconds: 1 << power))
            #expect(bucket >= last && bucket < DurationHistogram.buckets)
            last = bucket
        }
        #expect(DurationHistogram.bucket(of: .max) == DurationHistogram.buckets - 1)
        #expect(DurationHistogram.bucket(of: Duration(nanoseconds: .min)) == 0)
    }

    @Test func `quantiles are by nearest rank`() {
        var histogram = DurationHistogram()
        #expect(histogram.quantile(500) == nil)
        for number in Int64(1)...100 { histogram.add(.milliseconds(number * 10)) }
        let half = histogram.quantile(500)?.milliseconds ?? 0
        let most = histogram.quantile(990)?.milliseconds ?? 0
        #expect((484...516).contains(half) && (958...1_022).contains(most))
    }

    @Test func `what is old weighs less and less`() {
        var histogram = DurationHistogram()
        for _ in 0..<DurationHistogram.countMax { histogram.add(.seconds(10)) }
        for _ in 0..<DurationHistogram.countMax { histogram.add(.milliseconds(10)) }
        #expect(histogram.count <= DurationHistogram.countMax)
        #expect((histogram.quantile(500)?.milliseconds ?? 0) < 11)
    }
}

@Suite struct ErrorWindowTests {
    @Test func `what is older than the window does not count`() {
        var window = ErrorWindow(.minutes(5))
        let start = Instant(nanoseconds: 3_000_000_000)
        window.add(succeeded: false, at: start)
        window.add(succeeded: true, at: start + .minutes(4))
        #expect(window.counts(at: start + .minutes(4)) == (1, 1))
        #expect(window.counts(at: start + .minutes(6)) == (1, 0))
        #expect(window.counts(at: start + .minutes(60)) == (0, 0))
        #expect(window.nextChange(after: start + .minutes(60)) == nil)
    }

    @Test func `the next change is when something leaves the window, and later than now`() {
        var window = ErrorWindow(.minutes(5))
        var now = Instant(nanoseconds: 1_234_567_890_123)
        for _ in 0..<5 {
            window.add(succeeded: false, at: now)
            now = now + .seconds(37)
        }
        var left = 5
        while let next = window.nextChange(after: now) {
            #expect(next > now)
            now = next
            let counts = window.counts(at: now)
            #expect(counts.failed < left)
            left = counts.failed
        }
        #expect(left == 0)
    }

    @Test func `counting anew gives the same as the ring`() {
        var random = SplitMix64(seed: 7)
        var window = ErrorWindow(.seconds(30))
        var all: [(at: Instant, succeeded: Bool)] = []
        var now = Instant(nanoseconds: 0)
        for _ in 0..<2_000 {
            now = now + .milliseconds(Int64(random.next() % 2_500))
            let succeeded = random.next() % 3 == 0
            window.add(succeeded: succeeded, at: now)
            all.append((now, succeeded))
            let slot = now.nanoseconds / 1_000_000_000
            let inside = all.filter { slot - $0.at.nanoseconds / 1_000_000_000 < 30 }
            let counts = window.counts(at: now)
            #expect(counts.succeeded == inside.count { $0.succeeded })
            #expect(counts.failed == inside.count { !$0.succeeded })
        }
    }
}

@Suite struct MetricsTests {
    /// The heap of an array: its header and its elements.
    private func heap<Element>(_ type: Element.Type, _ count: Int) -> Int {
        count == 0 ? 0 : 32 + count * MemoryLayout<Element>.stride
    }

    @Test func `all of it is at most four kilobytes, and little where nothing has ended`() {
        let full =
            MemoryLayout<Metrics>.size
            + heap(UInt16.self, DurationHistogram.buckets)
            + heap((UInt32, UInt32).self, ErrorWindow.slots)
            + heap((EndKind, UInt32).self, Metrics.endKindsMax)
            + heap(PastRun.self, Metrics.lastRunsMax)
            + heap(UInt32.self, LedgerEntry.Outcome.allCases.count)
            + heap(
                UInt32.self,
                RecoveryAction.Kind.allCases.count * RecoveryAction.Result.allCases.count)
            + heap(MemoryPoint.self, MemoryHistory.pointsMax)
            + heap(Int64.self, LeakDetector.slices + 1)
            + heap(Instant.self, Metrics.restartsMax)
            + heap(UInt32.self, Metrics.durationBounds.count + 1)
        #expect(full <= 4_096)
        #expect(MemoryLayout<Metrics>.size <= 320)
    }

    @Test func `totals of durations only grow, and each bucket holds those before it`() {
        var metrics = Metrics(errorWindow: .minutes(5))
        #expect(metrics.durationTotals.count == 0)
        #expect(metrics.durationTotals.cumulative.allSatisfy { $0.count == 0 })
        var spans: [Int64] = []
        for milliseconds: Int64 in [0, 10, 11, 700, 20_000, 86_400_000, 90_000_000] {
            metrics.took(.milliseconds(milliseconds))
            spans.append(milliseconds)
            let totals = metrics.durationTotals
            #expect(totals.count == UInt64(spans.count))
            #expect(totals.sum == .milliseconds(spans.reduce(0, +)))
            #expect(totals.cumulative.count == 11)
            for (bound, count) in totals.cumulative {
                #expect(count == UInt64(spans.count { $0 <= bound }), "\(bound)")
            }
        }
    }

    @Test func `a success is expected again by the next occurrence and its timeout`() throws {
        var world = World.booted([
            scheduled("backup", .interval(.minutes(10)), { _ in }) { $0.timeout = .minutes(2) }
        ])
        func metrics() throws -> SchedulerMetrics {
            try #require(world.supervisor.metrics(of: world.id("backup"), at: world.now))
        }
        #expect(try metrics().lastSuccess == nil && metrics().expectedBy == nil)
        let start = world.now.wall
        world.pass(.minutes(10))
        world.pass(.seconds(5))
        world.exit("backup", code: 0)
        #expect(try metrics().lastSuccess == start + .minutes(10) + .seconds(5))
        let expected = start + .minutes(22)
        #expect(try metrics().expectedBy == expected)
        // A failure moves neither: it is late from then on.
        world.pass(.minutes(10))
        world.exit("backup", code: 1)
        #expect(try metrics().lastSuccess == start + .minutes(10) + .seconds(5))
        #expect(try metrics().expectedBy == expected)
    }

    @Test func `the last success is known to the next supervisor, and late is late there too`()
        throws
    {
        var world = World.booted([
            scheduled("backup", .interval(.minutes(10)), { _ in }) { $0.timeout = .minutes(2) },
            scheduled("nightly", .cron("0 3 * * *"), { _ in }) { $0.timeout = .minutes(30) },
            scheduled("never", .interval(.minutes(10)), { _ in }) { _ in },
        ])
        func metrics(_ name: String) throws -> SchedulerMetrics {
            try #require(world.supervisor.metrics(of: world.id(name), at: world.now))
        }
        world.pass(.minutes(10))
        world.exit("backup", code: 0)
        world.exit("never", code: 1)
        world.request(1, .runNow(world.id("nightly"), force: false))
        world.exit("nightly", code: 0)
        let success = world.now.wall
        let nightly = try #require(try metrics("nightly").expectedBy)
        world.pass(.minutes(10))
        world.exit("backup", code: 1)
        world.replaceSupervisor(after: .minutes(1))
        #expect(try metrics("backup").lastSuccess == success)
        #expect(try metrics("backup").expectedBy == success + .minutes(12))
        #expect(try metrics("nightly").lastSuccess == success)
        #expect(try metrics("nightly").expectedBy == nightly)
        #expect(try metrics("never").lastSuccess == nil && metrics("never").expectedBy == nil)
    }

    @Test func `whatever happens, no part grows beyond its bound`() {
        var metrics = Metrics(errorWindow: .minutes(5))
        var random = SplitMix64(seed: 3)
        var now = Instant(nanoseconds: 0)
        metrics.runBegan(leakWindow: .minutes(15))
        for _ in 0..<50_000 {
            now = now + .milliseconds(Int64(random.next() % 3_000))
            metrics.executed(
                succeeded: random.next() % 2 == 0, timedOut: random.next() % 5 == 0, at: now)
            metrics.took(.milliseconds(Int64(random.next() % 100_000)))
            for end: EndKind in [
                .code(UInt8(random.next() % 256)), .signal(UInt8(1 + random.next() % 64)),
            ] {
                metrics.ended(
                    PastRun(
                        startedAt: World.start.wall, duration: .seconds(1), end: end,
                        outcome: .failed))
            }
            metrics.restarted(limit: 100, at: now)
            metrics.note(.missed, count: .max)
            metrics.note(.memoryCleanup, .failed)
            _ = metrics.sampled(
                Bytes(Int64(random.next() >> 1)), age: now - Instant(nanoseconds: 0), at: now)
        }
        #expect(metrics.ends.count == Metrics.endKindsMax && metrics.otherEnds > 0)
        #expect(metrics.lastRuns.count == Metrics.lastRunsMax)
        #expect(metrics.restarts.count == Metrics.restartsMax)
        #expect(metrics.memory.points.count <= MemoryHistory.pointsMax)
        #expect(metrics.succeeded + metrics.failed == 50_000)
        #expect(metrics.outcomeCounts.map(\.count) == [Int(UInt32.max)])
        #expect(metrics.actionCounts.map(\.count) == [50_000])
    }

    @Test func `a thinned curve keeps its peak, its order and its whole span`() {
        var history = MemoryHistory()
        for second in Int64(0)..<10_000 {
            let bytes = second == 4_321 ? Bytes(9_000_000) : Bytes(1_000_000 + second)
            history.add(bytes, age: .seconds(second))
        }
        #expect(history.points.count <= MemoryHistory.pointsMax && history.points.count > 25)
        #expect(history.points.map(\.kilobytes).max() == 9_000)
        #expect(history.points.map(\.age) == history.points.map(\.age).sorted())
        #expect(history.points.first?.age == 0 && (history.points.last?.age ?? 0) > 9_000)
    }

    @Test func `runs are counted by how they end, and what an operator ends by nobody`() throws {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        world.exit("web", code: 3)
        world.pass(.seconds(2))
        world.exit("web", .killed(.kill))
        world.pass(.seconds(70))
        world.isObedient = true
        world.request(1, .restart(world.id("web"), force: false))
        world.pass(.seconds(1))
        let metrics = try #require(world.supervisor.metrics(of: world.id("web"), at: world.now))
        #expect(metrics.executions == .init(succeeded: 0, failed: 2))
        #expect(metrics.recent.errorRate == 1)
        #expect(
            metrics.ends.map(\.kind) == [.code(3), .signal(9), .signal(15)])
        #expect(metrics.restartCount == 2 && metrics.durations != nil)
    }

    @Test func `metrics survive a restart and a reload, and processor time adds up`() throws {
        var world = World.booted([daemon("web")])
        world.pass(.seconds(2))
        for _ in 0..<2 {
            world.send(
                .exited(
                    world.run(of: "web"), .exited(code: 1), leftovers: [], used: .milliseconds(40)))
            world.pass(.seconds(4))
        }
        let metrics = try #require(world.supervisor.metrics(of: world.id("web"), at: world.now))
        #expect(metrics.processorTime == .milliseconds(80))
        #expect(metrics.executions.failed == 2)
    }

    @Test func `a scheduled one's execution counts once, after its last attempt`() throws {
        var world = World.booted([
            scheduled("job", .interval(.seconds(60))) { $0.maxRetries = 2 }
        ])
        world.pass(.seconds(60))
        for _ in 0..<3 {
            world.exit("job", code: 1)
            world.pass(.seconds(10))
        }
        world.pass(.seconds(60))
        world.exit("job", code: 0)
        let metrics = try #require(world.supervisor.metrics(of: world.id("job"), at: world.now))
        #expect(metrics.executions == .init(succeeded: 1, failed: 1))
        #expect(metrics.ends.map(\.count) == [3, 1])
        #expect(metrics.outcomes.map(\.outcome) == [.succeeded, .failed])
    }
}
