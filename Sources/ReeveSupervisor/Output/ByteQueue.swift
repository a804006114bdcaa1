// SPDX-License-Identifier: Apache-2.0

/// Bytes that wait to be written, first in, first out.
///
/// Taking from the front is cheap: the gap is closed only when it has grown as large as the rest.
/// An empty queue holds no more than a page, so that many idle ones cost little.
struct ByteQueue {
    private var storage: [UInt8] = []
    private var start = 0

    /// The largest memory that an empty queue keeps, in bytes.
    private static let keptBytesMax = 4_096

    var count: Int { storage.count - start }
    var isEmpty: Bool { storage.count == start }

    /// Lets `write` append to the end, and takes it back where the queue would then hold more than
    /// `limit` bytes. Returns whether it was kept.
    @discardableResult
    mutating func append(atMost limit: Int = .max, _ write: (inout [UInt8]) -> Void) -> Bool {
        let before = storage.count
        write(&storage)
        guard count > limit else { return true }
        storage.removeLast(storage.count - before)
        return false
    }

    /// Hands the waiting bytes, oldest first, to `body`.
    func withBytes<Result, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let all = storage.span
        return try body(all.extracting(start..<all.count))
    }

    /// How many line breaks wait.
    var lines: Int { storage[start...].count { $0 == UInt8(ascii: "\n") } }

    /// Forgets the oldest `count` bytes, or all where there are fewer.
    mutating func removeFirst(_ count: Int) {
        start += min(max(0, count), self.count)
        if start == storage.count {
            storage.removeAll(keepingCapacity: storage.capacity <= ByteQueue.keptBytesMax)
            start = 0
        } else if start >= storage.count - start {
            storage.removeSubrange(..<start)
            start = 0
        }
    }

    mutating func removeAll() {
        storage = []
        start = 0
    }
}
