// SPDX-License-Identifier: Apache-2.0
//
// The last bytes of a stream in a file of fixed size. A header counts what was written; the ring
// itself is somewhat longer than what is kept, and no write is longer than that surplus. So the
// bytes of a write whose header did not follow (we died in between) lie over what nobody reads any
// more, and the file is right at every moment.

internal import CReeveLinux

/// The last bytes that were written to it, in a file of fixed size that survives us.
package struct RingFile: ~Copyable, Sendable {
    /// How many bytes it keeps.
    package let capacity: Int
    /// How many bytes ever came in.
    package private(set) var written: UInt64
    private let file: FileDescriptor

    /// What `capacity` may be.
    package static let capacities = 512...67_108_864

    /// Opens the file and goes on after what is in it, or makes it anew where there is none, it has
    /// another capacity, or is no ring file. A capacity outside `capacities` is brought to the
    /// nearest one. A symbolic link is refused (ELOOP), and so is what is no regular file (EEXIST).
    /// The file takes up room only as it fills.
    package init(path: String, capacity: Int) throws(Errno) {
        let range = RingFile.capacities
        let capacity = min(max(capacity, range.lowerBound), range.upperBound)
        let flags = OpenFlags.readWrite | OpenFlags.create | OpenFlags.noFollow
        let file = try FileDescriptor.open(
            path, flags: flags | OpenFlags.noTerminal | OpenFlags.nonblocking, mode: 0o600)
        let facts = try FileFacts(file)
        guard facts.kind == .regular else { throw .exists }
        let size = Int64(RingFile.headerSize + RingFile.ringSize(capacity))
        var written: UInt64 = 0
        if facts.size == size, let found = try RingFile.header(of: file, capacity) {
            written = found
        } else {
            try file.setSize(0)
            try file.setSize(size)
            try file.writeAll(RingFile.header(written: 0, capacity: capacity).span, at: 0)
        }
        self.written = written
        self.capacity = capacity
        self.file = file
    }

    /// Appends, over the oldest; of more than the capacity only the end is written. Throws ENOSPC,
    /// EIO; what was there before is then still readable.
    package mutating func append(_ bytes: Span<UInt8>) throws(Errno) {
        var rest = bytes.extracting(last: capacity)
        let piece = RingFile.surplus(capacity)
        while !rest.isEmpty {
            let next = rest.extracting(first: piece)
            try place(next)
            let total = written &+ UInt64(next.count)
            try file.writeAll(RingFile.header(written: total, capacity: capacity).span, at: 0)
            written = total
            rest = rest.extracting(droppingFirst: next.count)
        }
    }

    private func place(_ bytes: Span<UInt8>) throws(Errno) {
        let size = RingFile.ringSize(capacity)
        let start = Int(written % UInt64(size))
        let untilEnd = min(bytes.count, size - start)
        try file.writeAll(
            bytes.extracting(first: untilEnd), at: Int64(RingFile.headerSize + start))
        try file.writeAll(
            bytes.extracting(droppingFirst: untilEnd), at: Int64(RingFile.headerSize))
    }

    /// The place of the oldest byte that is kept. Places count all bytes that ever came in.
    package var oldest: UInt64 { written - min(written, UInt64(capacity)) }

    /// What is kept, oldest first; after an overflow it begins anywhere in a line.
    package func read() throws(Errno) -> [UInt8] {
        try read(from: oldest, atMost: capacity)
    }

    /// What is kept from this place on, or from `oldest` where that is later; at most `count` bytes.
    package func read(from place: UInt64, atMost count: Int) throws(Errno) -> [UInt8] {
        let size = RingFile.ringSize(capacity)
        let place = min(max(place, oldest), written)
        let count = min(max(0, count), Int(written - place))
        let start = Int(place % UInt64(size))
        var first = [UInt8](repeating: 0, count: min(count, size - start))
        var second = [UInt8](repeating: 0, count: count - first.count)
        // A file that someone cut reads as zeroes from there on.
        _ = try file.read(into: &first, at: Int64(RingFile.headerSize + start))
        if second.isEmpty { return first }
        _ = try file.read(into: &second, at: Int64(RingFile.headerSize))
        return first + second
    }

    // MARK: The file's layout

    /// Mark, capacity, count and check, 8 bytes each, little-endian; the rest is room for later.
    private static let headerSize = 64
    /// "reevRNG1".
    private static let mark: UInt64 = 0x3147_4E52_7665_6572

    private static func surplus(_ capacity: Int) -> Int {
        min(max(512, capacity / 4), 65_536)
    }

    private static func ringSize(_ capacity: Int) -> Int {
        capacity + surplus(capacity)
    }

    private static func check(_ written: UInt64, _ capacity: Int) -> UInt64 {
        (written ^ UInt64(capacity) << 32 ^ mark) &* 0x9E37_79B9_7F4A_7C15
    }

    private static func header(written: UInt64, capacity: Int) -> [UInt8] {
        let fields = [mark, UInt64(capacity), written, check(written, capacity)]
        return fields.flatMap { field in
            (0..<8).map { UInt8(truncatingIfNeeded: field >> ($0 * 8)) }
        }
    }

    /// The count that the header tells; nil where it is none of ours.
    private static func header(
        of file: borrowing FileDescriptor, _ capacity: Int
    ) throws(Errno) -> UInt64? {
        var bytes = [UInt8](repeating: 0, count: 32)
        guard try file.read(into: &bytes, at: 0) == 32 else { return nil }
        let written = bytes[16..<24].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return bytes == header(written: written, capacity: capacity) ? written : nil
    }
}
