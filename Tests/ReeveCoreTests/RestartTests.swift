// SPDX-License-Identifier: Apache-2.0
//
// Back-off, the sliding window, what an end means and what follows it.

import Testing

@testable import ReeveCore

@Suite struct BackoffTests {
    @Test func `each delay is twice the one before, up to the cap`() {
        let policy = RestartPolicy(mode: .always)
        let delays = (1...9).map { policy.plainDelay($0).seconds }
        #expect(delays == [1, 2, 4, 8, 16, 32, 60, 60, 60])
    }

    @Test func `factor 1 keeps the delay constant`() {
        var policy = RestartPolicy(mode: .always)
        policy.factor = 1
        policy.delay = .milliseconds(700)
        #expect((1...50).allSatisfy { policy.plainDelay($0) == .milliseconds(700) })
    }

    @Test func `a factor that is no whole number multiplies exactly`() {
        var policy = RestartPolicy(mode: .always)
        policy.factor = 1.5
        #expect((1...4).map { policy.plainDelay($0).milliseconds } == [1_000, 1_500, 2_250, 3_375])
    }

    @Test func `a base above the cap is the cap`() {
        var policy = RestartPolicy(mode: .always)
        policy.delay = .minutes(5)
        #expect(policy.plainDelay(1) == .seconds(60))
        #expect(policy.plainDelay(3) == .seconds(60))
    }

    @Test func `no delay stays none`() {
        var policy = RestartPolicy(mode: .always)
        policy.delay = .zero
        #expect(policy.plainDelay(1) == .zero && policy.plainDelay(100) == .zero)
    }

    @Test func `no count and no factor overflows`() {
        var policy = RestartPolicy(mode: .always)
        #expect(policy.plainDelay(.max) == .seconds(60))
        #expect(policy.plainDelay(0) == .seconds(1))
        #expect(policy.plainDelay(-5) == .seconds(1))
        policy.factor = .greatestFiniteMagnitude
        policy.delayMax = .max
        #expect(policy.plainDelay(2) == .max)
        #expect(policy.plainDelay(.max) == .max)
        policy.factor = .infinity
        #expect(policy.plainDelay(2) == .max)
        policy.factor = .nan
        #expect(policy.plainDelay(2) == .seconds(1))
    }

    @Test func `jitter stays within its share and reaches both sides`() {
        var policy = RestartPolicy(mode: .always)
        policy.jitter = 0.25
        var random = SplitMix64(seed: 42)
        let drawn = (0..<10_000).map { _ in policy.jittered(.seconds(4), &random) }
        #expect(drawn.allSatisfy { $0 >= .seconds(3) && $0 <= .seconds(5) })
        #expect(drawn.contains { $0 < .milliseconds(3_010) })
        #expect(drawn.contains { $0 > .milliseconds(4_990) })
        let mean = drawn.reduce(0) { $0 + $1.milliseconds } / 10_000
        #expect((3_950...4_050).contains(mean))
    }

    @Test func `without jitter the delay is exact and nothing is drawn`() {
        var policy = RestartPolicy(mode: .always)
        policy.jitter = 0
        var random = SplitMix64(seed: 42)
        #expect(policy.jittered(.seconds(4), &random) == .seconds(4))
        var untouched = SplitMix64(seed: 42)
        #expect(random.next() == untouched.next())
    }

    @Test func `full jitter never gives a negative delay`() {
        var policy = RestartPolicy(mode: .always)
        policy.jitter = 1
        var random = SplitMix64(seed: 3)
        for _ in 0..<10_000 {
            let drawn = policy.jittered(.seconds(1), &random)
            #expect(drawn >= .zero && drawn <= .seconds(2))
        }
        #expect(policy.jittered(.max, &random) >= .zero)
    }

    @Test func `equal seeds draw equal delays and others do not`() {
        let draw = { (seed: UInt64) in
            var random = SplitMix64(seed: seed)
            let policy = RestartPolicy(mode: .always)
            return (0..<8).map { _ in policy.jittered(.seconds(1), &random) }
        }
        #expect(draw(1) == draw(1))
        #expect(draw(1) != draw(2))
    }

    @Test func `the generator is SplitMix64`() {
        // The first outputs for seed 1234567, as its authors publish them.
        var random = SplitMix64(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        var units = SplitMix64(seed: 9)
        #expect((0..<10_000).allSatisfy { _ in (0..<1).contains(units.nextUnit()) })
    }
}

@Suite struct RestartWindowTests {
    private func at(_ seconds: Int64) -> Instant { Instant.zero + .seconds(seconds) }

    @Test func `restarts leave the window one by one`() {
        var window = RestartWindow()
        for second: Int64 in [0, 10, 20] { window.add(at(second)) }
        #expect(window.count(within: .seconds(30), at: at(20)) == 3)
        #expect(window.count(within: .seconds(30), at: at(29)) == 3)
        #expect(window.count(within: .seconds(30), at: at(30)) == 2)
        #expect(window.count(within: .seconds(30), at: at(45)) == 1)
        #expect(window.count(within: .seconds(30), at: at(50)) == 0)
    }

    @Test func `reading counts the same and forgets nothing`() {
        var window = RestartWindow()
        for second: Int64 in [0, 10, 20] { window.add(at(second)) }
        #expect(window.counted(within: .seconds(30), at: at(45)) == 1)
        #expect(window.counted(within: .seconds(30), at: at(20)) == 3)
        #expect(window.count(within: .seconds(30), at: at(45)) == 1)
    }

    @Test func `it remembers a bounded number`() {
        var window = RestartWindow()
        for second in 0..<5_000 { window.add(at(Int64(second))) }
        #expect(
            window.count(within: .seconds(100_000), at: at(5_000)) == Limits.restartsRememberedMax)
    }

    @Test func `clearing forgets all`() {
        var window = RestartWindow()
        window.add(at(1))
        window.clear()
        #expect(window == RestartWindow())
        #expect(window.count(within: .seconds(10), at: at(1)) == 0)
    }
}

@Suite struct VerdictTests {
    private static let failure = SpawnFailure(errno: 2, words: "/bin/x: no such file (ENOENT)")
    private static let segfault = ExitStatus.signalled(.segmentationViolation, coreDumped: true)

    @Test(
        arguments: [
            (.exited(.exited(code: 0)), true, nil, .success, "ended with exit code 0"),
            (
                .exited(.exited(code: 0)), false, nil, .failure,
                "ended with exit code 0 before it was ready"
            ),
            (.exited(.exited(code: 3)), true, nil, .failure, "failed with exit code 3"),
            (.exited(.exited(code: 3)), false, nil, .failure, "failed with exit code 3"),
            (
                .exited(.killed(.kill)), true, nil, .failure,
                "was killed by SIGKILL, not sent by reeve"
            ),
            (.exited(segfault), true, nil, .failure, "was killed by SIGSEGV and dumped core"),
            (
                .exited(.killed(.user1)), true, .user1, .ended,
                "was ended by the operator's SIGUSR1"
            ),
            (.exited(.killed(.terminate)), true, .user1, .failure, "was killed by SIGTERM"),
            (.spawnFailed(failure), false, nil, .failure, "could not be started: \(failure.words)"),
        ] as [(RunEnd, Bool, Signal?, Verdict.Kind, String)])
    func `a daemon's end is judged`(
        end: RunEnd, wasReady: Bool, sent: Signal?, kind: Verdict.Kind, meaning: String
    ) {
        let verdict = daemon("web").verdict(on: end, wasReady: wasReady, operatorSignal: sent)
        #expect(verdict == Verdict(kind: kind, meaning: meaning))
    }

    @Test func `a task's success needs no readiness`() {
        let verdict = task("job").verdict(
            on: .exited(.exited(code: 0)), wasReady: false, operatorSignal: nil)
        #expect(verdict == Verdict(kind: .success, meaning: "ended with exit code 0"))
    }

    @Test func `the configured codes are success, and 0 only if it is among them`() {
        let job = task("job") { $0.successExitCodes = [3, 75] }
        let isFailure = { (code: Int32) in
            job.verdict(on: .exited(.exited(code: code)), wasReady: true, operatorSignal: nil)
                .isFailure
        }
        #expect(!isFailure(3) && !isFailure(75) && isFailure(0) && isFailure(1) && isFailure(255))
    }
}

@Suite struct RestartDecisionTests {
    private let failed = Verdict(kind: .failure, meaning: "failed with exit code 3")
    private let ended = Verdict(kind: .success, meaning: "ended with exit code 0")

    private func policy(
        _ mode: RestartPolicy.Mode, _ change: (inout RestartPolicy) -> Void = { _ in }
    ) -> RestartPolicy {
        var policy = RestartPolicy(mode: mode)
        policy.jitter = 0
        change(&policy)
        return policy
    }

    private func decide(
        _ policy: RestartPolicy, _ verdict: Verdict, n: Int = 1, inWindow: Int = 0,
        forced: Bool = false
    ) -> RestartDecision {
        var random = SplitMix64(seed: 1)
        return policy.decide(
            verdict, n: n, restartsInWindow: inWindow, forced: forced, random: &random)
    }

    @Test func `always restarts after any end`() {
        let first = RestartDecision.restart(after: .seconds(1), overLimit: false)
        #expect(decide(policy(.always), failed) == first)
        #expect(decide(policy(.always), ended) == first)
        #expect(
            decide(policy(.always), failed, n: 4) == .restart(after: .seconds(8), overLimit: false))
    }

    @Test func `on-failure restarts after a failure only`() {
        #expect(
            decide(policy(.onFailure), failed) == .restart(after: .seconds(1), overLimit: false))
        #expect(decide(policy(.onFailure), ended) == .complete)
    }

    @Test func `never restarts nothing and says why`() {
        #expect(decide(policy(.never), ended) == .complete)
        #expect(
            decide(policy(.never), failed)
                == .giveUp(reason: "failed with exit code 3, and restart is \"never\""))
    }

    @Test func `what somebody ended is neither done nor failed`() {
        let signalled = Verdict(kind: .ended, meaning: "was ended by the operator's SIGHUP")
        #expect(decide(policy(.never), signalled) == .rest)
        #expect(decide(policy(.onFailure), signalled) == .rest)
        #expect(
            decide(policy(.always), signalled) == .restart(after: .seconds(1), overLimit: false))
    }

    @Test func `a recovery restarts whatever the mode is`() {
        let first = RestartDecision.restart(after: .seconds(1), overLimit: false)
        #expect(decide(policy(.never), ended, forced: true) == first)
        #expect(decide(policy(.onFailure), ended, forced: true) == first)
    }

    @Test func `at the limit it goes on at the cap, gives up, or ends reeve`() {
        let reason = "failed with exit code 3, after 10 restarts within 10m"
        #expect(
            decide(policy(.always), failed, n: 2, inWindow: 9)
                == .restart(after: .seconds(2), overLimit: false))
        #expect(
            decide(policy(.always), failed, n: 2, inWindow: 10)
                == .restart(after: .seconds(60), overLimit: true))
        #expect(
            decide(policy(.always) { $0.whenExhausted = .fail }, failed, inWindow: 10)
                == .giveUp(reason: reason))
        #expect(
            decide(policy(.always) { $0.whenExhausted = .exit }, failed, inWindow: 10)
                == .giveUpAndExit(reason: reason))
    }

    @Test func `no limit is never reached, and a limit of none at once`() {
        #expect(
            decide(policy(.always) { $0.maxRestarts = nil }, failed, inWindow: 999)
                == .restart(after: .seconds(1), overLimit: false))
        #expect(
            decide(
                policy(.always) {
                    $0.maxRestarts = 0
                    $0.whenExhausted = .fail
                }, failed)
                == .giveUp(reason: "failed with exit code 3, after 0 restarts within 10m"))
    }

    @Test func `a success that is not followed by a restart needs no limit`() {
        #expect(
            decide(policy(.onFailure) { $0.maxRestarts = 0 }, ended, inWindow: 50) == .complete)
    }
}
