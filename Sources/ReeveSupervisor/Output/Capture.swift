// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore
internal import ReeveLinux

/// The read end of one stream of one run.
final class Capture {
    let descriptor: FileDescriptor
    let token: Token
    let source: LineSource
    var splitter = LineSplitter()
    /// When an unfinished line is handed on as it is.
    var flushAt: Instant?
    /// When it is closed although somebody may still write to it.
    var closeAt: Instant?
    /// It is not read until its log file has room.
    var isPaused = false
    /// Where it is in the hub's list of those that wait for time.
    var timedIndex: Int?

    init(
        descriptor: consuming FileDescriptor, token: Token, source: LineSource
    ) {
        self.descriptor = descriptor
        self.token = token
        self.source = source
    }

    var scheduler: SchedulerID { source.scheduler }
    var origin: LineOrigin { source.origin }

    /// The nearer of both deadlines.
    var deadline: Instant? {
        switch (flushAt, closeAt) {
        case (let flush?, let close?): min(flush, close)
        case (let flush, let close): flush ?? close
        }
    }
}

/// The captures by slot, so that a token finds its capture and a stale one finds none.
struct CaptureTable {
    private var captures: [Capture?] = []
    private var generations: [UInt32] = []
    private var free: [Int] = []

    /// How many are open.
    var count: Int { captures.count - free.count }

    /// The token of the next capture.
    mutating func reserve() -> Token {
        let slot = free.popLast() ?? grow()
        return Token(
            source: SourceKind.output.rawValue, slot: UInt32(truncatingIfNeeded: slot),
            generation: generations[slot])
    }

    /// Puts a capture into the slot that was reserved for its token.
    mutating func insert(_ capture: Capture) {
        captures[Int(capture.token.slot)] = capture
    }

    /// The capture of a token; nil where it was removed.
    subscript(token: Token) -> Capture? {
        let slot = Int(token.slot)
        guard captures.indices.contains(slot), generations[slot] == token.generation else {
            return nil
        }
        return captures[slot]
    }

    mutating func remove(_ capture: Capture) {
        let slot = Int(capture.token.slot)
        guard captures.indices.contains(slot), captures[slot] === capture else { return }
        captures[slot] = nil
        generations[slot] = Token.generation(after: generations[slot])
        free.append(slot)
    }

    /// All that are open, by slot.
    var all: [Capture] { captures.compactMap(\.self) }

    private mutating func grow() -> Int {
        captures.append(nil)
        generations.append(0)
        return captures.count - 1
    }
}
