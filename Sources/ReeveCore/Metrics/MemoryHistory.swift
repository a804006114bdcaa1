// SPDX-License-Identifier: Apache-2.0
//
// The memory of one run over its whole life in at most sixty points. When they are full, each pair
// becomes one, the higher of the two, and from then on twice as many samples make a point: the curve of
// a long life is coarse, and its peaks are still in it.

/// One point of a memory curve.
package struct MemoryPoint: Hashable, Sendable {
    /// Whole seconds since the start of the run; of the first sample of the point.
    package var age: UInt32
    /// The most that the point's samples showed, in kB (10^3), rounded down.
    package var kilobytes: UInt32

    package init(age: UInt32, kilobytes: UInt32) {
        self.age = age
        self.kilobytes = kilobytes
    }
}

/// A run's memory curve.
struct MemoryHistory: Equatable, Sendable {
    static let pointsMax = 60

    private(set) var points: [MemoryPoint] = []
    /// Samples that make a point.
    private var stride = 1
    /// Samples in the last point.
    private var inLast = 0

    mutating func add(_ bytes: Bytes, age: Duration) {
        let kilobytes = UInt32(clamping: bytes.count / 1_000)
        if inLast > 0, inLast < stride, let last = points.last {
            points[points.count - 1].kilobytes = max(last.kilobytes, kilobytes)
            inLast += 1
            return
        }
        if points.count >= MemoryHistory.pointsMax { thin() }
        points.append(MemoryPoint(age: UInt32(clamping: age.seconds), kilobytes: kilobytes))
        inLast = 1
    }

    private mutating func thin() {
        let merged = Swift.stride(from: 0, to: points.count - 1, by: 2).map { index in
            MemoryPoint(
                age: points[index].age,
                kilobytes: max(points[index].kilobytes, points[index + 1].kilobytes))
        }
        points = merged
        stride *= 2
    }

    mutating func clear() {
        self = MemoryHistory()
    }
}
