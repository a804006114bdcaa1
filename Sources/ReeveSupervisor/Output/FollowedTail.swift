// SPDX-License-Identifier: Apache-2.0
//
// The newest output of a scheduler that somebody follows. The ring file is made for those who come
// later and is small: one burst overwrites it before a follower's turn comes, however fast he is.
// While somebody follows, the same bytes are kept in memory as well, under the same places.

/// What followers may still read although the ring has lost it.
struct FollowedTail {
    /// Bytes kept at most: what a pipe that was never enlarged delivers in eight turns.
    static let bytesMax = 512 * 1_024

    private var queue = ByteQueue()
    /// The place of the oldest byte, where a line begins.
    private(set) var start: UInt64

    /// Nothing is kept of what came before `place`.
    init(from place: UInt64) {
        start = place
    }

    /// Adds whole lines and drops the oldest beyond the bound; `end` is the place after them.
    mutating func append(_ lines: [UInt8], end: UInt64) {
        queue.append { $0.append(contentsOf: lines) }
        if queue.count > FollowedTail.bytesMax {
            queue.removeFirst(lineBreak(from: queue.count - FollowedTail.bytesMax) + 1)
        }
        start = end - min(end, UInt64(queue.count))
    }

    /// Bytes from a place on that is not before `start`.
    func read(from place: UInt64, atMost count: Int) -> [UInt8] {
        let first = Int(clamping: place - min(place, start))
        return queue.withBytes { bytes in
            guard first < bytes.count else { return [] }
            var result: [UInt8] = []
            for index in first..<min(bytes.count, first + count) { result.append(bytes[index]) }
            return result
        }
    }

    /// Where the first line break at `index` or after it is; the last byte is one.
    private func lineBreak(from index: Int) -> Int {
        queue.withBytes { bytes in
            var index = index
            while index < bytes.count - 1, bytes[index] != UInt8(ascii: "\n") { index += 1 }
            return index
        }
    }
}
