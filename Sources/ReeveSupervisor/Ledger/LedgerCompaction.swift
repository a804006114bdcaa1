// SPDX-License-Identifier: Apache-2.0
//
// A ledger that has grown is copied, as far as it is needed, into a new file that then takes its
// name. The copying is spread over turns; what is appended meanwhile goes to the old file and is
// copied last. Until the new name is given the old file is whole, so that nothing can be lost.

internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// A new ledger file in the making.
final class LedgerCompaction {
    /// Copied in one turn.
    private static let sliceBytes = 131_072

    private let path: String
    private let file: FileDescriptor
    private let places: [LedgerPlace]
    /// Where each of `places` lies in the new file, as far as they are copied.
    private var targets: [Int64] = []
    /// The old file's length when the compaction began.
    private let before: Int64
    /// Where what lies behind `before` in the old file begins in the new one.
    private var restAt: Int64 = 0
    /// The new file's length.
    private(set) var end: Int64 = 0

    /// Makes the new file. `places`: what is kept of the first `before` bytes, in their order.
    init(_ path: String, keeping places: [LedgerPlace], before: Int64) throws(Errno) {
        self.path = path
        self.places = places
        self.before = before
        file = try StateFile.open(path, emptied: true)
        targets.reserveCapacity(places.count)
        try append(LedgerFraming.line(.head(needs: 1)))
    }

    /// Whether there are records to copy.
    var hasMoreToCopy: Bool { targets.count < places.count }

    /// Copies the next records.
    func copyMore(from old: borrowing FileDescriptor) throws(Errno) {
        var slice: [UInt8] = []
        slice.reserveCapacity(LedgerCompaction.sliceBytes)
        while hasMoreToCopy, slice.count < LedgerCompaction.sliceBytes {
            let place = places[targets.count]
            var line = [UInt8](repeating: 0, count: Int(place.length))
            guard try old.read(into: &line, at: place.offset) == line.count else {
                throw .inputOutput
            }
            targets.append(end + Int64(slice.count))
            slice.append(contentsOf: line)
            slice.append(UInt8(ascii: "\n"))
        }
        try append(slice)
    }

    func startSync(_ sync: BackgroundSync) throws(Errno) {
        try sync.start(file)
    }

    /// Copies what the old file got since the compaction began.
    func copyRest(from old: borrowing FileDescriptor, until oldEnd: Int64) throws(Errno) {
        restAt = end
        var offset = before
        while offset < oldEnd {
            let count = min(oldEnd - offset, Int64(LedgerCompaction.sliceBytes))
            var bytes = [UInt8](repeating: 0, count: Int(count))
            guard try old.read(into: &bytes, at: offset) == bytes.count else {
                throw .inputOutput
            }
            try append(bytes)
            offset += count
        }
    }

    /// Gives the new file the name, and hands it out.
    func take(name: String) throws(Errno) -> FileDescriptor {
        let taken = try file.duplicate()
        try StateFile.rename(path, to: name)
        return taken
    }

    /// Where a record of the old file lies in the new one.
    func moved(_ place: LedgerPlace) -> LedgerPlace {
        if place.offset >= before {
            return LedgerPlace(offset: place.offset - before + restAt, length: place.length)
        }
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle] < place { low = middle + 1 } else { high = middle }
        }
        guard low < targets.count, places[low] == place else { return place }
        return LedgerPlace(offset: targets[low], length: place.length)
    }

    private func append(_ bytes: [UInt8]) throws(Errno) {
        try file.writeAll(bytes.span, at: end)
        end += Int64(bytes.count)
    }
}
