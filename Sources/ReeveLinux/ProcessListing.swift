// SPDX-License-Identifier: Apache-2.0
//
// A listing of /proc that passes over processes which the caller knows. The kernel makes an entry in its cache
// of names for each process that it lists, and takes it down when the process is reaped: with a thousand children
// of our own that is most of what a listing costs.
//
// The place of a process in /proc is its pid and a constant (TGID_OFFSET in the kernel's fs/proc/base.c). That
// is no promise, so it is measured: each entry tells the place of the next. Where the differences are not all the
// same, nothing is passed over.

internal import Glibc
package import ReeveCore

extension ProcFS {
    /// Every process id but the known ones, rising. Known ones whose pids follow each other without a gap are
    /// passed over; they must not be reaped meanwhile. Throws as `processes` does.
    package func processes(besides isKnown: (PID) -> Bool) throws(Errno) -> [PID] {
        let flags = OpenFlags.readOnly | OpenFlags.directory
        let directory = try FileDescriptor.open(root, flags: flags)
        let number = directory.number
        var listing = ProcessListing()
        try ProcFS.readEntries(of: directory, bytes: ProcessListing.bufferBytes) {
            (entries) throws(Errno) in
            listing.take(entries, isKnown)
            if let place = listing.placeToGoOn(isKnown) {
                try Errno.check(lseek(number, place, SEEK_SET) < 0 ? -1 : 0)
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

    /// Takes a batch of entries.
    mutating func take(_ entries: Span<UInt8>, _ isKnown: (PID) -> Bool) {
        var place: Int64?
        ProcFS.forEachNumber(in: entries) { pid, next in
            if let place { measure(place.subtractingReportingOverflow(Int64(pid.number))) }
            if !isKnown(pid) { found.append(pid) }
            last = pid
            place = next
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
