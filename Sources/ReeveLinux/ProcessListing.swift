// SPDX-License-Identifier: Apache-2.0
//
// A listing of /proc that passes over processes which the caller knows. The kernel makes an entry in its cache
// of names for each process that it lists, and takes it down when the process is reaped: with a thousand children
// of our own that is most of what a listing costs.
//
// The place of a process in /proc is its pid and a constant (TGID_OFFSET in the kernel's fs/proc/base.c). That
// is no promise, so it is measured: each entry tells the place of the next. Where the differences are not all the
// same, nothing is passed over.

internal import CReeveLinux
internal import Glibc
package import ReeveCore

extension ProcFS {
    /// Every process id but the `known` ones, rising. Those of the known ones that have neighbours of theirs are
    /// passed over by runs of pids without a gap; they must not be reaped meanwhile. Throws as `processes` does.
    package func processes(besides isKnown: (PID) -> Bool) throws(Errno) -> [PID] {
        let flags = OpenFlags.readOnly | OpenFlags.directory
        let directory = try FileDescriptor.open(root, flags: flags)
        var listing = ProcessListing()
        try unsafe withUnsafeTemporaryAllocation(
            of: UInt8.self, capacity: ProcessListing.bufferBytes
        ) { (buffer) throws(Errno) in
            while true {
                let result = unsafe reeve_getdents(
                    directory.number, buffer.baseAddress, buffer.count)
                let count = Int(try Errno.check(result))
                guard count > 0 else { return }
                let entries = unsafe UnsafeBufferPointer(buffer).span.extracting(first: count)
                listing.take(entries, isKnown)
                if let place = listing.placeToGoOn(isKnown) {
                    try Errno.check(lseek(directory.number, place, SEEK_SET) < 0 ? -1 : 0)
                }
            }
        }
        return listing.found
    }
}

/// What a listing has found, and what it knows of places.
struct ProcessListing {
    /// As many entries as are made in vain, at most, where a run of known ones begins.
    static let bufferBytes = 1_024
    /// A shorter run is read.
    private static let runMin: Int32 = 16
    /// So many differences must be the same.
    private static let samplesMin = 3

    private(set) var found: [PID] = []
    /// The last process of the last batch.
    private var last: PID?
    /// From a pid to its place; nil: the differences are not the same.
    private var difference: Int64? = 0
    private var samples = 0

    /// Takes a batch of entries, each as in getdents64(2): 8 bytes inode, 8 place of the next, 2 length of the entry,
    /// 1 type, then the name with its NUL.
    mutating func take(_ entries: Span<UInt8>, _ isKnown: (PID) -> Bool) {
        var start = 0
        var next: Int64?
        while start + 19 <= entries.count {
            // Little-endian, as every machine that reeve is built for.
            let length = Int(entries[start + 16]) | Int(entries[start + 17]) << 8
            guard length >= 19, start + length <= entries.count else { return }
            var scanner = Scanner(from: start + 19)
            if let value = scanner.number(in: entries), let id = Int32(exactly: value), id > 0 {
                let pid = PID(id)
                if let next { measure(next.subtractingReportingOverflow(Int64(id))) }
                if !isKnown(pid) { found.append(pid) }
                last = pid
            }
            var place: UInt64 = 0
            for index in (8..<16).reversed() { place = place << 8 | UInt64(entries[start + index]) }
            next = last == nil ? nil : Int64(bitPattern: place)
            start += length
        }
    }

    private mutating func measure(_ found: (partialValue: Int64, overflow: Bool)) {
        let value = found.overflow ? nil : found.partialValue
        if samples == 0 {
            difference = value
        } else if difference != value {
            difference = nil
        }
        samples += 1
    }

    /// Where to go on after a batch that ended in a run of known processes; nil: where it is.
    func placeToGoOn(_ isKnown: (PID) -> Bool) -> Int? {
        guard let last, isKnown(last), let difference, samples >= ProcessListing.samplesMin else {
            return nil
        }
        var end = last.number
        while end < Int32.max, isKnown(PID(end + 1)) { end += 1 }
        guard end - last.number >= ProcessListing.runMin else { return nil }
        let (place, overflows) = difference.addingReportingOverflow(Int64(end) + 1)
        return overflows ? nil : Int(exactly: place)
    }
}
