// SPDX-License-Identifier: Apache-2.0
//
// What is done with the ledger of an earlier supervisor before this one appends to it: it is read, a
// record that was not finished is cut off, what is damaged is counted, and a file of a version that
// this one does not understand is put aside, not touched.

internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The outcome of opening a ledger.
struct LedgerOpening {
    private(set) var index = LedgerIndex()
    /// Where the next record goes.
    private(set) var end: Int64 = 0
    /// The file's name is new.
    private(set) var isNew = false

    private let path: String
    private let say: (SupervisorSettings.LogLevel, String) -> Void

    /// Reads the file, or makes it. Throws a sentence.
    init(
        _ path: String, say: @escaping (SupervisorSettings.LogLevel, String) -> Void
    ) throws(SystemFailure) {
        self.path = path
        self.say = say
        do throws(Errno) {
            var file = try StateFile.open(path)
            if try !read(file) {
                index = LedgerIndex()
                try StateFile.rename(path, to: path + ".newer")
                file = try StateFile.open(path)
                _ = try read(file)
            }
        } catch {
            throw SystemFailure("ledger \(path): cannot be read", error)
        }
    }

    /// Reads and mends the file; false where a newer reeve wrote it.
    private mutating func read(_ file: borrowing FileDescriptor) throws(Errno) -> Bool {
        var index = LedgerIndex()
        var needs: Int64 = 0
        var unknown = 0
        let scan = try LedgerScan(file, bytesMax: Ledger.readBytesMax) { record, place in
            switch record {
            case .head(let version): needs = max(needs, version)
            case .unknown: unknown += 1
            case .entry, .wish, .gap: break
            }
            index.note(record, at: place)
        }
        guard needs <= LedgerRecord.version else {
            say(
                .error,
                "ledger \(path): was written by a newer reeve, which this version does not "
                    + "understand; it is kept as \(path).newer, and a new one begins, so that "
                    + "missed occurrences are not known")
            return false
        }
        self.index = index
        end = scan.end
        try mend(file, scan)
        if index.forgotten > 0 {
            say(
                .warning,
                "ledger \(path): \(index.forgotten) records of too many schedulers are not kept")
        }
        if unknown > 0 {
            say(.info, "ledger \(path): \(unknown) records of a later version are kept, not read")
        }
        return true
    }

    private mutating func mend(
        _ file: borrowing FileDescriptor, _ scan: LedgerScan
    ) throws(Errno) {
        if scan.start > 0 {
            say(
                .warning,
                "ledger \(path): \(Bytes(scan.size)) long, only its last \(Bytes(Ledger.readBytesMax)) "
                    + "are read")
        }
        if scan.damages > 0 {
            say(
                .error,
                "ledger \(path): damaged in \(scan.damages) place\(scan.damages == 1 ? "" : "s"), "
                    + "which are skipped; \(scan.records) records are whole")
        }
        if scan.size > scan.end {
            say(
                .warning,
                "ledger \(path): its last record was not written to its end; "
                    + "\(scan.size - scan.end) bytes are cut off")
            try file.setSize(scan.end)
        }
        if scan.lacksLineBreak {
            try file.writeAll([UInt8(ascii: "\n")].span, at: end)
            end += 1
        }
        if end == 0 {
            let head = LedgerFraming.line(.head(needs: 1))
            try file.writeAll(head.span, at: 0)
            end = Int64(head.count)
            isNew = true
        }
    }
}
