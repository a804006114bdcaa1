// SPDX-License-Identifier: Apache-2.0
//
// How long to wait before the next start. The idea: the first restart comes soon, because most crashes
// are one-time; each further one waits longer, up to a cap, because a program that cannot run should
// not burn the machine; and each delay is drawn a little shorter or longer, so that many programs which
// died of one cause do not come back in one instant.

extension RestartPolicy {
    /// The delay before the `n`th restart without good time in between (`n` from 1), before jitter.
    ///
    /// min(cap, base × factor^(n−1)). With base 1 s, factor 2, cap 60 s: 1, 2, 4, 8, 16, 32, 60, 60 s. The product is
    /// capped at each step, so that no `n` overflows it.
    func plainDelay(_ n: Int) -> Duration {
        var delay = min(self.delay, delayMax)
        guard factor > 1, delay > .zero else { return delay }
        for _ in 1..<max(1, n) {
            let grown = delay.scaled(by: factor, atMost: delayMax)
            if grown == delay { break }
            delay = grown
        }
        return delay
    }

    /// The delay with jitter: uniform in plain × [1 − jitter, 1 + jitter].
    func jittered(_ plain: Duration, _ random: inout SplitMix64) -> Duration {
        guard jitter > 0 else { return plain }
        let share = 1 + jitter * (2 * random.nextUnit() - 1)
        return plain.scaled(by: share, atMost: .max)
    }
}
