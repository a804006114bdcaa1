// SPDX-License-Identifier: Apache-2.0
//
// Memory as programs use it, drawn from a seed: the classes of curves on which leak detection is measured.
// A curve is a function of time and does not know how it is sampled. All amounts are megabytes.

@testable import ReeveCore

/// A class of curves.
enum CurveClass: String, CaseIterable {
    /// Grows by 0.5 to 5 % of where it began each minute, with noise.
    case steadyLeak = "steady leak"
    /// Grows by 0.15 to 0.5 % each minute.
    case slowLeak = "slow leak"
    /// A leak under a garbage collector: the floor of a saw rises.
    case collectedLeak = "leak under a sawtooth"
    /// A leak whose run is restarted, each time after two to four windows.
    case restartedLeak = "leak with restarts"
    /// A garbage collector's saw with a period of 5 s up to a window, of irregular height, often two at once.
    case sawtooth
    /// Comes to its level like a cache that fills: time constant 10 s to 5 min, or with a straight start.
    case warmUp = "warm-up"
    /// One to three jumps to another level, at least 5 min apart, with noise.
    case step
    /// Noise around a level: white, or slow with a memory of up to 3 min; bursts of work.
    case noise
    /// None of it, with restarts at any time.
    case restarts = "restarts, no leak"
    /// A saw with periods from one window up to three: what the window cannot tell from a leak.
    case longSawtooth = "sawtooth longer than the window"

    var isLeak: Bool {
        switch self {
        case .steadyLeak, .slowLeak, .collectedLeak, .restartedLeak: true
        case .sawtooth, .warmUp, .step, .noise, .restarts, .longSawtooth: false
        }
    }
}

/// One program's memory.
struct MemoryCurve {
    /// When runs begin, in seconds; the first is 0.
    let starts: [Double]
    private let growth: Double
    private let base: Double
    private let teeth: [Tooth]
    private let warmUp: (height: Double, constant: Double, isLinear: Bool)?
    private let steps: [(at: Double, height: Double)]
    private let white: Double
    private let slow: (size: Double, constant: Double)?
    private let bursts: (every: Double, height: Double, length: Double)?
    private var random: SplitMix64
    private var drift = 0.0
    private var lastTime = 0.0

    private struct Tooth {
        let period: Double
        let height: Double
        let phase: Double
        let irregularity: Double
    }

    /// Over `span` seconds, for a detector with `window` seconds.
    init(_ kind: CurveClass, seed: UInt64, window: Double, span: Double) {
        var random = SplitMix64(seed: seed)
        func draw(_ low: Double, _ high: Double) -> Double {
            low + (high - low) * random.nextUnit()
        }
        /// Evenly over orders of magnitude.
        func scale(_ low: Double, _ high: Double) -> Double {
            var factor = 1.0
            // 2^x by repeated roots would be dear; a table of 64 steps is fine enough.
            let steps = 64
            let chosen = Int(random.nextUnit() * Double(steps))
            var ratio = high / low
            for _ in 0..<6 { ratio = ratio.squareRoot() }
            for _ in 0..<chosen { factor *= ratio }
            return low * factor
        }
        func chance(_ percent: Double) -> Bool { random.nextUnit() * 100 < percent }
        let base = scale(20, 2_000)
        let minute = 60.0 * window / 900
        var growth = 0.0
        var teeth: [Tooth] = []
        var warmUp: (height: Double, constant: Double, isLinear: Bool)?
        var steps: [(at: Double, height: Double)] = []
        var white = base * draw(0, 0.004)
        var slow: (size: Double, constant: Double)?
        var bursts: (every: Double, height: Double, length: Double)?
        var starts = [0.0]
        func tooth(_ period: Double) -> Tooth {
            Tooth(
                period: period, height: base * draw(0.05, 1), phase: draw(0, period),
                irregularity: draw(0, 0.4))
        }
        func mildWarmUp() {
            if chance(60) {
                warmUp = (base * draw(0.1, 1), scale(5, 120) * minute / 60, chance(30))
            }
        }
        switch kind {
        case .steadyLeak, .restartedLeak:
            growth = base * draw(0.005, 0.05) / minute
            mildWarmUp()
            if kind == .restartedLeak {
                while let last = starts.last, last < span {
                    starts.append(last + window * draw(2, 4))
                }
            }
        case .slowLeak:
            growth = base * draw(0.0015, 0.005) / minute
            white = base * draw(0, 0.002)
        case .collectedLeak:
            growth = base * draw(0.005, 0.05) / minute
            teeth = [tooth(scale(5, 60) * minute / 60)]
        case .sawtooth:
            teeth = [tooth(scale(5, 900) * minute / 60)]
            if chance(50) { teeth.append(tooth(scale(5, 60) * minute / 60)) }
            mildWarmUp()
        case .longSawtooth:
            teeth = [tooth(window * draw(1, 3))]
        case .warmUp:
            warmUp = (base * draw(0.2, 10), scale(10, 300) * minute / 60, chance(30))
        case .step:
            var at = 0.0
            for _ in 0..<(1 + Int(draw(0, 3))) {
                at += draw(5, 30) * minute
                steps.append((at, base * draw(-0.3, 1)))
            }
            mildWarmUp()
        case .noise:
            white = base * draw(0, 0.15)
            if chance(60) { slow = (base * draw(0.01, 0.2), scale(5, 180) * minute / 60) }
            if chance(40) {
                bursts = (scale(20, 900) * minute / 60, base * draw(0.1, 2), scale(5, 120))
            }
        case .restarts:
            mildWarmUp()
            teeth = chance(50) ? [tooth(scale(5, 300) * minute / 60)] : []
            while let last = starts.last, last < span {
                starts.append(last + window * draw(0.05, 3))
            }
        }
        self.base = base
        (self.growth, self.teeth, self.warmUp, self.steps) = (growth, teeth, warmUp, steps)
        (self.white, self.slow, self.bursts, self.starts) = (white, slow, bursts, starts)
        self.random = random
    }

    /// The memory `age` seconds after the start of a run; `age` must not fall within a run.
    mutating func megabytes(at age: Double) -> Double {
        var sum = base + growth * age
        for tooth in teeth {
            let place = (age + tooth.phase) / tooth.period
            var number = SplitMix64(seed: UInt64(max(0, place)) &+ UInt64(tooth.phase * 1_000))
            let height = tooth.height * (1 - tooth.irregularity * number.nextUnit())
            sum += height * (place - place.rounded(.down))
        }
        if let warmUp {
            let share = age / warmUp.constant
            sum += warmUp.height * (warmUp.isLinear ? min(1, share / 3) : 1 - exponential(-share))
        }
        for step in steps where age >= step.at { sum += step.height }
        if let bursts, age.truncatingRemainder(dividingBy: bursts.every) < bursts.length {
            sum += bursts.height
        }
        if let slow {
            let elapsed = max(0, age < lastTime ? age : age - lastTime)
            let keep = exponential(-elapsed / slow.constant)
            drift = drift * keep + slow.size * (1 - keep * keep).squareRoot() * normal()
        }
        lastTime = age
        return max(1, sum + white * normal() + drift)
    }

    /// The sum of twelve even draws less six: near enough to the normal kind, and without libm.
    private mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += random.nextUnit() }
        return sum
    }

    /// e to a power of zero or less.
    private func exponential(_ power: Double) -> Double {
        if power < -40 { return 0 }
        // (e^(x/64))^64, the inner one by its series.
        let x = power / 64
        var result = 1 + x + x * x / 2 + x * x * x / 6 + x * x * x * x / 24
        for _ in 0..<6 { result *= result }
        return result
    }
}

/// What the detector says of a curve that is sampled every `interval` seconds for `span` seconds.
struct CurveVerdict {
    /// When the first leak was found, in seconds after the start.
    var found: Double?
    var slope: Double?

    init(_ kind: CurveClass, seed: UInt64, window: Double, interval: Double, span: Double) {
        var curve = MemoryCurve(kind, seed: seed, window: window, span: span)
        let starts = curve.starts
        let width = Duration.milliseconds(Int64(window * 1_000))
        var detector = LeakDetector(window: width)
        var run = 0
        var time = 0.0
        while time < span {
            if run + 1 < starts.count, time >= starts[run + 1] {
                run += 1
                detector = LeakDetector(window: width)
            }
            let megabytes = curve.megabytes(at: time - starts[run])
            let now = Instant(nanoseconds: Int64(time * 1e9))
            _ = detector.sampled(Bytes(Int64(megabytes * 1e6)), at: now)
            if case .leak(let trend) = detector.finding, found == nil {
                found = time
                slope = Double(trend.perMinute.count) / 1e6
                return
            }
            let close = detector.closeInterval.map { Double($0.nanoseconds) / 1e9 } ?? interval
            time += min(interval, close)
        }
    }
}
