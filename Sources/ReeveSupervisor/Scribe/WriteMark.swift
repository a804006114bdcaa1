// SPDX-License-Identifier: Apache-2.0
//
// What makes a line be written once although the scribe may die at any moment. Before each write the scribe
// notes what it is about to write where, and after it that it has, each file in a place of its own; in memory
// that the supervisor keeps, and hands to the next scribe. Between a write and its answer that one then sees by
// the size of the file how much of it there is.

internal import ReeveLinux

/// What the scribe was doing last with one file.
struct WriteMark: Equatable {
    enum State: UInt64 {
        /// The bytes may be in the file, all, some or none.
        case begun = 1
        /// They are.
        case done = 2
    }

    var state: State
    var file: UInt32
    /// Of the first byte of that write.
    var position: UInt64
    var count: Int
    /// Of the file, before it.
    var size: Int64
    var identity: FileIdentity

    /// Where the next byte belongs. `found`: the file of that identity has this size now; nil: it is nowhere to
    /// be found, and what was not said to be done is done again.
    func nextPosition(found: Int64?) -> UInt64 {
        switch state {
        case .done: return position &+ UInt64(count)
        case .begun:
            guard let found else { return position }
            return position &+ UInt64(min(max(0, found - size), Int64(count)))
        }
    }

    // MARK: Memory

    private static let fields = 7

    private static func offset(of file: UInt32) -> Int64 { Int64(file) * Int64(fields * 8) }

    func write(to memory: borrowing FileDescriptor) throws(Errno) {
        let numbers = [
            state.rawValue, UInt64(file), position, UInt64(count), UInt64(bitPattern: size),
            identity.device, identity.inode,
        ]
        let bytes = numbers.flatMap { number in
            (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
        }
        try memory.writeAll(bytes.span, at: WriteMark.offset(of: file))
    }

    /// nil: there is none of that file yet.
    init?(of file: UInt32, from memory: borrowing FileDescriptor) {
        var bytes = [UInt8](repeating: 0, count: WriteMark.fields * 8)
        guard let count = try? memory.read(into: &bytes, at: WriteMark.offset(of: file)),
            count == bytes.count
        else { return nil }
        let numbers = stride(from: 0, to: bytes.count, by: 8).map { start in
            bytes[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        guard let state = State(rawValue: numbers[0]), numbers[1] == UInt64(file),
            let length = Int(exactly: numbers[3])
        else { return nil }
        self.init(
            state: state, file: file, position: numbers[2], count: length,
            size: Int64(bitPattern: numbers[4]),
            identity: FileIdentity(device: numbers[5], inode: numbers[6]))
    }

    init(
        state: State, file: UInt32, position: UInt64, count: Int, size: Int64,
        identity: FileIdentity
    ) {
        self.state = state
        self.file = file
        self.position = position
        self.count = count
        self.size = size
        self.identity = identity
    }
}
