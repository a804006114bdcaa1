// SPDX-License-Identifier: Apache-2.0
//
// The last bytes of a stream in a file of fixed size. A header counts what was written; the ring
// itself is somewhat longer than what is kept, and no write is longer than that surplus. So the
// bytes of a write whose header did not follow (we died in between) lie over what nobody reads any
// more, and the file is right at every moment.

internal import CReeveLinux

/// The last bytes that were written to it, in a file of fixed size that survives us.
package struct RingFile: ~Copyable, Sendable {
    private var header: Header
    private let file: FileDescriptor

    /// How many bytes it keeps.
    package var capacity: Int { header.capacity }
    /// How many bytes ever came in.
    package var written: UInt64 { header.written }

    /// What `capacity` may be.
    package static let capacities = 512...67_108_864

    /// Opens the file and goes on after what is in it, or makes it anew where there is none or it is no
    /// ring file. Of one with another capacity the last bytes that fit are carried over. A capacity
    /// outside `capacities` is brought to the nearest one. A symbolic link is refused (ELOOP), and so
    /// is what is no regular file (EEXIST). The file takes up room only as it fills.
    package init(path: String, capacity: Int) throws(Errno) {
        let range = RingFile.capacities
        let capacity = min(max(capacity, range.lowerBound), range.upperBound)
        let file = try RingFile.open(path, OpenFlags.readWrite | OpenFlags.create)
        header = try RingFile.prepare(file, capacity)
        self.file = file
    }

    /// Makes a ring of this capacity of the file, with the last bytes of what it was.
    private static func prepare(
        _ file: borrowing FileDescriptor, _ capacity: Int
    ) throws(Errno) -> Header {
        guard let found = try Header(of: file) else {
            let header = Header(capacity: capacity, written: 0)
            try makeAnew(file, header)
            return header
        }
        if found.capacity == capacity { return found }
        let kept = try found.read(file, from: found.oldest, atMost: found.capacity)
        let carried = kept.suffix(capacity)
        var header = Header(
            capacity: capacity, written: found.written - UInt64(carried.count))
        header.first = header.written
        try makeAnew(file, header)
        try header.append(carried.span, to: file)
        return header
    }

    /// What a ring file keeps, oldest first, whatever its capacity; nil where there is none. Changes
    /// nothing.
    package static func contents(of path: String) throws(Errno) -> [UInt8]? {
        do {
            let file = try open(path, OpenFlags.readOnly)
            guard let found = try Header(of: file) else { return nil }
            return try found.read(file, from: found.oldest, atMost: found.capacity)
        } catch .noEntry {
            return nil
        }
    }

    private static func open(_ path: String, _ flags: Int32) throws(Errno) -> FileDescriptor {
        let file = try FileDescriptor.open(
            path,
            flags: flags | OpenFlags.noFollow | OpenFlags.noTerminal | OpenFlags.nonblocking,
            mode: 0o600)
        guard try FileFacts(file).kind == .regular else { throw .exists }
        return file
    }

    private static func makeAnew(
        _ file: borrowing FileDescriptor, _ header: Header
    ) throws(Errno) {
        try file.setSize(0)
        try file.setSize(header.fileSize)
        try file.writeAll(header.bytes.span, at: 0)
    }

    /// Appends, over the oldest; of more than the capacity only the end is written. Throws ENOSPC,
    /// EIO; what was there before is then still readable.
    package mutating func append(_ bytes: Span<UInt8>) throws(Errno) {
        try header.append(bytes, to: file)
    }

    /// The place of the oldest byte that is kept. Places count all bytes that ever came in.
    package var oldest: UInt64 { header.oldest }

    /// What is kept, oldest first; after an overflow it begins anywhere in a line.
    package func read() throws(Errno) -> [UInt8] {
        try read(from: oldest, atMost: capacity)
    }

    /// What is kept from this place on, or from `oldest` where that is later; at most `count` bytes.
    package func read(from place: UInt64, atMost count: Int) throws(Errno) -> [UInt8] {
        try header.read(file, from: place, atMost: count)
    }
}

/// The file's layout: mark, capacity, count, check and first place, 8 bytes each, little-endian; then room
/// for later; then the ring.
private struct Header {
    let capacity: Int
    var written: UInt64
    /// Of the places before this one nothing is there: the file had another capacity then.
    var first: UInt64 = 0

    /// Bytes before the ring.
    static let size = 64
    /// "reevRNG1".
    private static let mark: UInt64 = 0x3147_4E52_7665_6572

    init(capacity: Int, written: UInt64) {
        self.capacity = capacity
        self.written = written
    }

    /// Of a file; nil where it is none of ours, or not as long as it says.
    init?(of file: borrowing FileDescriptor) throws(Errno) {
        var bytes = [UInt8](repeating: 0, count: 40)
        guard try file.read(into: &bytes, at: 0) == bytes.count else { return nil }
        let fields = (0..<5).map { field in
            bytes[(field * 8)..<(field * 8 + 8)].reversed().reduce(UInt64(0)) {
                $0 << 8 | UInt64($1)
            }
        }
        guard let capacity = Int(exactly: fields[1]), RingFile.capacities.contains(capacity) else {
            return nil
        }
        self.init(capacity: capacity, written: fields[2])
        first = fields[4]
        guard bytes == self.bytes, first <= written, try FileFacts(file).size == fileSize else {
            return nil
        }
    }

    var bytes: [UInt8] {
        let sum = written ^ UInt64(capacity) << 32 ^ first << 16 ^ Header.mark
        let check = sum &* 0x9E37_79B9_7F4A_7C15
        return [Header.mark, UInt64(capacity), written, check, first].flatMap { field in
            (0..<8).map { UInt8(truncatingIfNeeded: field >> ($0 * 8)) }
        }
    }

    /// The longest write.
    var surplus: Int { min(max(512, capacity / 4), 65_536) }
    var ringSize: Int { capacity + surplus }
    var fileSize: Int64 { Int64(Header.size + ringSize) }
    var oldest: UInt64 { max(first, written - min(written, UInt64(capacity))) }

    func read(
        _ file: borrowing FileDescriptor, from place: UInt64, atMost count: Int
    ) throws(Errno) -> [UInt8] {
        let place = min(max(place, oldest), written)
        let count = min(max(0, count), Int(written - place))
        let start = Int(place % UInt64(ringSize))
        var first = [UInt8](repeating: 0, count: min(count, ringSize - start))
        var second = [UInt8](repeating: 0, count: count - first.count)
        // A file that someone cut reads as zeroes from there on.
        _ = try file.read(into: &first, at: Int64(Header.size + start))
        if second.isEmpty { return first }
        _ = try file.read(into: &second, at: Int64(Header.size))
        return first + second
    }
    mutating func append(
        _ bytes: Span<UInt8>, to file: borrowing FileDescriptor
    ) throws(Errno) {
        var rest = bytes.extracting(last: capacity)
        while !rest.isEmpty {
            let next = rest.extracting(first: surplus)
            try place(next, in: file)
            var after = self
            after.written &+= UInt64(next.count)
            try file.writeAll(after.bytes.span, at: 0)
            self = after
            rest = rest.extracting(droppingFirst: next.count)
        }
    }

    private func place(
        _ bytes: Span<UInt8>, in file: borrowing FileDescriptor
    ) throws(Errno) {
        let start = Int(written % UInt64(ringSize))
        let untilEnd = min(bytes.count, ringSize - start)
        try file.writeAll(bytes.extracting(first: untilEnd), at: Int64(Header.size + start))
        try file.writeAll(bytes.extracting(droppingFirst: untilEnd), at: Int64(Header.size))
    }
}
