// SPDX-License-Identifier: Apache-2.0
//
// What /proc tells of processes. Each reading is one open, read and close into memory on the stack;
// nothing is kept, since a process may vanish at any time and its pid come back as another's.
// Two errors mean that it has gone: ENOENT (before the open) and ESRCH (between open and read).

internal import CReeveLinux
package import ReeveCore

/// The value of an environment variable that another process was started with.
package enum EnvironmentReading: Hashable, Sendable {
    case value(String)
    /// It was started without, or has overwritten it; or it is a zombie, a kernel thread, or in the
    /// middle of an exec (as a child is for a moment after its spawn).
    case missing
    /// Another user's, without CAP_SYS_PTRACE: EACCES or EPERM.
    case unreadable(Errno)
}

/// Reads /proc.
package struct ProcFS: Sendable {
    let root: String

    /// `root`: where the file system is mounted; below 400 bytes.
    package init(root: String = "/proc") {
        self.root = root
    }

    /// Whether the kernel lists the children of a thread (CONFIG_PROC_CHILDREN). Costs an open.
    package var listsChildren: Bool {
        let path = "\(root)/thread-self/children"
        return (try? FileDescriptor.openForReading(path)) != nil
    }

    /// Whether other users' processes are hidden from us (mount option `hidepid`), or /proc is not
    /// mounted at all: then only processes of our own user are seen. Costs a reading of PID 1.
    package var hidesOthers: Bool {
        do {
            _ = try stat(PID(1))
            return false
        } catch {
            return true
        }
    }

    /// The pid by which this /proc knows us: another one than our own where it was mounted for another
    /// pid namespace, and then all of its numbers mean other processes than ours. Throws ENOENT where
    /// nothing is mounted, or where we are not in that namespace at all.
    package func ownPID() throws(Errno) -> PID {
        let file = try FileDescriptor.openForReading("\(root)/self/stat")
        var buffer = [UInt8](repeating: 0, count: 16)
        let count = try file.read(into: &buffer) ?? 0
        let digits = buffer.prefix(count).prefix { (0x30...0x39).contains($0) }
        guard let number = Int32(String(decoding: digits, as: UTF8.self)), number > 0 else {
            throw .invalid
        }
        return PID(number)
    }

    /// Reads /proc/PID/stat. Throws ENOENT or ESRCH where it has gone (`Errno.isGone`), EPERM or
    /// EACCES where it is hidden (ENOENT too, with `hidepid=2`), EINVAL for a text that is none.
    package func stat(_ pid: PID) throws(Errno) -> ProcessStat {
        let parsed = try read(pid, "stat") { text in ProcessStat(text, pid: pid) }
        guard let parsed else { throw .invalid }
        return parsed
    }

    /// Reads the resident memory from /proc/PID/statm: 0 for a zombie. Throws as `stat` does.
    package func resident(_ pid: PID) throws(Errno) -> Bytes {
        let pages = try read(pid, "statm") { text in
            var scanner = Scanner()
            _ = scanner.number(in: text)
            return scanner.number(in: text)
        }
        guard let pages else { throw .invalid }
        return ProcFS.bytes(pages: pages)
    }

    /// Reads the proportional memory from /proc/PID/smaps_rollup (Linux 4.14): each page divided by the number
    /// of those that share it. The kernel walks the process's memory for it: some milliseconds for a large one.
    /// Throws as `stat` does, EACCES for another user's without CAP_SYS_PTRACE, ENOSYS where the kernel has none.
    package func proportional(_ pid: PID) throws(Errno) -> Bytes {
        let kilobytes: UInt64?
        do throws(Errno) {
            kilobytes = try read(pid, "smaps_rollup", ProcFS.proportional(in:))
        } catch .noEntry {
            // The file is missing, or the process is.
            _ = try stat(pid)
            throw .notImplemented
        }
        guard let kilobytes, let count = Int64(exactly: kilobytes) else { throw .invalid }
        let (bytes, overflows) = count.multipliedReportingOverflow(by: 1_024)
        guard !overflows else { throw .invalid }
        return Bytes(bytes)
    }

    /// The number in the line "Pss: 229 kB".
    static func proportional(in text: Span<UInt8>) -> UInt64? {
        let name = Array("\nPss:".utf8)
        var start = 0
        while start + name.count <= text.count {
            if name.indices.allSatisfy({ text[start + $0] == name[$0] }) {
                var scanner = Scanner(from: start + name.count)
                return scanner.number(in: text)
            }
            start += 1
        }
        return nil
    }

    /// Appends the children that all threads of a process have, in no order of meaning. Ended ones
    /// that were not reaped are among them. `threads`: how many it has, where its `stat` was just read.
    ///
    /// The list is exact only while no child ends: the kernel may leave out others then. Look until
    /// two readings are equal. Throws ENOENT or ESRCH where the process has gone, ENOSYS where the
    /// kernel keeps no lists: then `everyProcess` and its parents have to do.
    package func children(
        of pid: PID, threads count: Int? = nil, into children: inout [PID]
    ) throws(Errno) {
        var known = count
        if known == nil { known = try threadCount(of: pid) }
        // Nearly every process has one thread, and needs no listing.
        if known == 1 {
            do {
                return try appendChildren(of: pid, thread: pid, to: &children)
            } catch {
                // The main thread may have ended before the one that is left.
                guard error.isGone else { throw error }
            }
        }
        var threads: [PID] = []
        try list(
            try open(pid, "task", directory: true), into: &threads)
        for thread in threads {
            do {
                try appendChildren(of: pid, thread: thread, to: &children)
            } catch {
                // A thread that ends hands its children to another thread of its process.
                guard error.isGone else { throw error }
            }
        }
    }

    /// The directory has two links of its own and one for each thread, as proc_task_getattr in the kernel counts.
    private func threadCount(of pid: PID) throws(Errno) -> Int {
        var facts = reeve_file_facts()
        let found = unsafe root.withCString { root in
            unsafe reeve_proc_stat(root, pid.number, "task", &facts)
        }
        try Errno.check(found)
        return Int(clamping: facts.links) - 2
    }

    /// Appends the children that this process has on its main thread: with `ChildrenApart` those that it took
    /// over when their parents died, in the order in which it did, otherwise all. Exact while only the caller
    /// reaps. Throws as `children(of:into:)` does.
    package func inheritedChildren(of own: PID, into children: inout [PID]) throws(Errno) {
        try appendChildren(of: own, thread: own, to: &children)
    }

    /// How many descriptors a process of our own user has open: one reading of /proc/PID/fd, which is
    /// itself not counted where it is our own. Throws as `stat` does, and EACCES for another user's.
    package func descriptorCount(of pid: PID) throws(Errno) -> Int {
        var found: [PID] = []
        try list(try open(pid, "fd", directory: true), into: &found)
        // The list leaves out the name "0", which nearly every process has, and holds the descriptor
        // that reads it.
        return found.count
    }

    /// Every process id there is, in the kernel's order (rising). Throws ENOENT where /proc is not
    /// mounted, EMFILE, ENFILE.
    package func processes() throws(Errno) -> [PID] {
        var found: [PID] = []
        let flags = OpenFlags.readOnly | OpenFlags.directory
        try list(try FileDescriptor.open(root, flags: flags), into: &found)
        return found
    }

    /// Hands every process to `body`; those that vanish meanwhile or are hidden are left out. One
    /// pass over /proc, some 10 µs each. Throws as `processes` does.
    package func everyProcess(_ body: (ProcessStat) -> Void) throws(Errno) {
        for pid in try processes() {
            do {
                body(try stat(pid))
            } catch {
                switch error {
                // No more descriptors: whoever asks must not take that for "nobody is there".
                case .tooManyOpenFiles, .fileTableOverflow, .noMemory: throw error
                default: continue
                }
            }
        }
    }

    /// Looks for a variable in /proc/PID/environ: what the process was started with. At most
    /// `longest` bytes of the value count; a longer one is missing. Throws where the process has
    /// gone.
    package func environmentValue(
        _ name: String, of pid: PID, longest: Int = 4_096
    ) throws(Errno) -> EnvironmentReading {
        do {
            let file = try open(pid, "environ")
            var search = EnvironmentSearch(name, longest: longest)
            var buffer = [UInt8](repeating: 0, count: 16_384)
            while let count = try file.read(into: &buffer), count > 0 {
                if search.feed(buffer.prefix(count)) { break }
            }
            guard let value = search.value else { return .missing }
            return .value(String(decoding: value, as: UTF8.self))
        } catch .accessDenied, .notPermitted {
            return .unreadable(.accessDenied)
        } catch {
            throw error
        }
    }

    /// The run ids that a process was started with: its own (`REEVE_RUN_ID`), then those of the reeves above it
    /// (`REEVE_RUN_PATH`), innermost first; what is no run id is left out. Empty where they may not be read (another
    /// user's, without CAP_SYS_PTRACE). Throws where the process has gone.
    ///
    /// Nobody can make it wait: what a process has put a file's pages over is not read (Linux 4.17, CVE-2018-1120).
    package func runIDs(of pid: PID) throws(Errno) -> [RunID] {
        var ids: [RunID] = []
        if case .value(let text) = try environmentValue("REEVE_RUN_ID", of: pid, longest: 26) {
            ids += RunID(text).map { [$0] } ?? []
        }
        if case .value(let path) = try environmentValue("REEVE_RUN_PATH", of: pid) {
            ids += path.split(separator: "/").reversed().compactMap { RunID(String($0)) }
        }
        return ids
    }
}

// MARK: - Reading

extension ProcFS {
    static func bytes(pages: UInt64) -> Bytes {
        let (bytes, overflow) = Int64(clamping: pages).multipliedReportingOverflow(
            by: Host.pageSize)
        return Bytes(overflow ? .max : bytes)
    }

    private func open(
        _ pid: PID, thread: PID = PID(0), _ leaf: String, directory: Bool = false
    ) throws(Errno) -> FileDescriptor {
        let result = unsafe root.withCString { root in
            unsafe reeve_proc_open(root, pid.number, thread.number, leaf, directory ? 1 : 0)
        }
        return FileDescriptor(owning: try Errno.check(result))
    }

    /// Opens, reads once and closes; 1,024 bytes hold more of `stat` and `statm` than we use.
    private func read<Result>(
        _ pid: PID, _ leaf: String, _ body: (Span<UInt8>) -> Result
    ) throws(Errno) -> Result {
        let file = try open(pid, leaf)
        return try unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1_024) {
            (buffer) throws(Errno) -> Result in
            let result = unsafe reeve_read(file.number, buffer.baseAddress, buffer.count)
            let count = Int(try Errno.check(result))
            // A process that was reaped after the open reads as empty in some kernels.
            guard count > 0 else { throw .noProcess }
            return body(unsafe UnsafeBufferPointer(buffer).span.extracting(first: count))
        }
    }

    private func openChildren(of pid: PID, thread: PID) throws(Errno) -> FileDescriptor {
        do {
            return try open(pid, thread: thread, "children")
        } catch {
            throw error == .noEntry && !listsChildren ? .notImplemented : error
        }
    }

    /// Reads /proc/PID/task/TID/children: numbers with a blank after each, as many as there are.
    private func appendChildren(
        of pid: PID, thread: PID, to children: inout [PID]
    ) throws(Errno) {
        let file = try openChildren(of: pid, thread: thread)
        var number: Int32 = 0
        try unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16_384) {
            (buffer) throws(Errno) in
            while true {
                let result = unsafe reeve_read(file.number, buffer.baseAddress, buffer.count)
                let count = Int(try Errno.check(result))
                guard count > 0 else { return }
                let text = unsafe UnsafeBufferPointer(buffer).span.extracting(first: count)
                for index in text.indices {
                    let digit = text[index] &- 0x30
                    if digit < 10 {
                        number = number &* 10 &+ Int32(digit)
                    } else if number > 0 {
                        children.append(PID(number))
                        number = 0
                    }
                }
            }
        }
        // A kernel that leaves the last blank out.
        if number > 0 { children.append(PID(number)) }
    }

    /// Appends the entries of a directory that are numbers.
    private func list(
        _ directory: consuming FileDescriptor, into found: inout [PID]
    ) throws(Errno) {
        try ProcFS.readEntries(of: directory, bytes: 32_768) { (entries) throws(Errno) in
            ProcFS.forEachNumber(in: entries) { pid, _ in found.append(pid) }
        }
    }

    /// Hands the entries of a directory to `body`, as many at a time as fit so many bytes. `body` may set another
    /// place to go on from.
    static func readEntries(
        of directory: borrowing FileDescriptor, bytes: Int,
        _ body: (Span<UInt8>) throws(Errno) -> Void
    ) throws(Errno) {
        let number = directory.number
        try unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytes) {
            (buffer) throws(Errno) in
            while true {
                let result = unsafe reeve_getdents(number, buffer.baseAddress, buffer.count)
                let count = Int(try Errno.check(result))
                guard count > 0 else { return }
                try body(unsafe UnsafeBufferPointer(buffer).span.extracting(first: count))
            }
        }
    }

    /// Hands each entry that is a number to `body`, with the place of the next entry. An entry is laid out as in
    /// getdents64(2): 8 bytes inode, 8 place of the next, 2 length of the entry, 1 type, then the name with its NUL.
    static func forEachNumber(in entries: Span<UInt8>, _ body: (PID, _ next: Int64) -> Void) {
        var start = 0
        while start + 19 <= entries.count {
            // Little-endian, as every machine that reeve is built for.
            let length = Int(entries[start + 16]) | Int(entries[start + 17]) << 8
            guard length >= 19, start + length <= entries.count else { return }
            var scanner = Scanner(from: start + 19)
            if let value = scanner.number(in: entries), let id = Int32(exactly: value), id > 0 {
                let next = (8..<16).reversed().reduce(UInt64(0)) {
                    $0 << 8 | UInt64(entries[start + $1])
                }
                body(PID(id), Int64(bitPattern: next))
            }
            start += length
        }
    }
}
