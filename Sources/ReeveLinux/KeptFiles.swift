// SPDX-License-Identifier: Apache-2.0
//
// A directory of small files that each are written as a whole, and are to survive a crash of the host as
// soon as a call has come back. Everything here may block: it is nothing for the supervisor's loop.

internal import CReeveLinux
internal import Glibc

/// Small files of one directory of our own.
package struct KeptFiles: Sendable {
    package let directory: String

    package init(directory: String) {
        self.directory = directory
    }

    /// The path of a file.
    package func path(of name: String) -> String { directory + "/" + name }

    /// The names of what is in the directory, sorted, hidden ones left out; empty where there is no such
    /// directory. Throws a sentence, also for more than `max` of them.
    package func names(max: Int) throws(SystemFailure) -> [String] {
        do throws(Errno) {
            let descriptor = try StateFile.openDirectory(directory)
            var names: [String] = []
            var buffer = [UInt8](repeating: 0, count: 32_768)
            while true {
                let size = buffer.count
                let result = unsafe buffer.withUnsafeMutableBytes { bytes in
                    unsafe reeve_getdents(descriptor.number, bytes.baseAddress, size)
                }
                let count = Int(try Errno.check(result))
                guard count > 0 else { return names.sorted() }
                names += KeptFiles.names(in: buffer.prefix(count))
                guard names.count <= max else { throw .fileTooLarge }
            }
        } catch .noEntry {
            return []
        } catch {
            throw SystemFailure("directory \(printable(directory)): cannot be read", error)
        }
    }

    /// Each entry has its length at byte 16 and its name, with a NUL, from byte 19 on (getdents64(2)).
    private static func names(in entries: ArraySlice<UInt8>) -> [String] {
        var names: [String] = []
        var rest = entries
        while rest.count >= 19 {
            let start = rest.startIndex
            let length = Int(rest[start + 16]) | Int(rest[start + 17]) << 8
            guard length >= 19, length <= rest.count else { return names }
            let name = rest[(start + 19)..<(start + length)].prefix { $0 != 0 }
            if name.first != UInt8(ascii: ".") {
                names.append(String(decoding: name, as: UTF8.self))
            }
            rest = rest.dropFirst(length)
        }
        return names
    }

    /// The contents of a file; nil where there is none. Throws a sentence, also where it has more than
    /// `bytesMax` bytes or is no regular file.
    package func read(_ name: String, bytesMax: Int) throws(SystemFailure) -> [UInt8]? {
        do throws(Errno) {
            let file = try FileDescriptor.open(
                path(of: name),
                flags: OpenFlags.readOnly | OpenFlags.nonblocking | OpenFlags.noFollow)
            let facts = try FileFacts(file)
            guard facts.kind == .regular else { throw .invalid }
            guard facts.size <= Int64(bytesMax) else { throw .fileTooLarge }
            var bytes = [UInt8](repeating: 0, count: Int(facts.size))
            let count = try file.read(into: &bytes, at: 0)
            return Array(bytes.prefix(count))
        } catch .noEntry {
            return nil
        } catch {
            throw SystemFailure("\(printable(path(of: name))): cannot be read", error)
        }
    }

    /// Makes the directory, where it is missing, and writes a file of mode 0600 into it. Throws a sentence;
    /// what the file held before is then in it still.
    package func write(_ name: String, _ contents: [UInt8]) throws(SystemFailure) {
        try PrivateDirectory.ensure(directory)
        try SmallFile.replace(path(of: name), contents: contents)
        try synchronize()
    }

    /// Removes a file. Returns whether there was one; throws a sentence.
    package func remove(_ name: String) throws(SystemFailure) -> Bool {
        let result = unsafe path(of: name).withCString { unsafe reeve_unlink($0) }
        if result == -Errno.noEntry.code || result == -Errno.notDirectory.code { return false }
        guard result >= 0 else {
            throw SystemFailure("\(printable(path(of: name))): cannot be removed", Errno(-result))
        }
        try synchronize()
        return true
    }

    /// Removes all but the files of these names and, of the others, the `count` that were written last. Returns the
    /// names of what is left; nothing is removed where the directory cannot be read.
    package func removeOthers(than names: Set<String>, keeping count: Int) -> [String] {
        guard let found = try? self.names(max: KeptFiles.namesMax) else { return [] }
        let unasked = found.filter { !names.contains($0) }
        guard unasked.count > count else { return found }
        let others = unasked.map { (name: $0, written: modified($0)) }
            .sorted { ($0.written, $0.name) < ($1.written, $1.name) }
        let removed = Set(others.dropLast(count).map(\.name))
        for name in removed { StateFile.remove(path(of: name)) }
        return found.filter { !removed.contains($0) }
    }

    private static let namesMax = 1_000_000

    /// Nanoseconds since 1970; 0 where it cannot be told.
    private func modified(_ name: String) -> Int64 {
        var stamp = reeve_file_stamp()
        let result = unsafe path(of: name).withCString {
            unsafe reeve_file_stamp($0, &stamp)
        }
        return result == 0 ? stamp.modified : 0
    }

    /// Brings the directory's entries to the storage.
    private func synchronize() throws(SystemFailure) {
        do throws(Errno) {
            let descriptor = try StateFile.openDirectory(directory)
            guard fsync(descriptor.number) == 0 else { throw Errno(errno) }
        } catch {
            throw SystemFailure(
                "directory \(printable(directory)): cannot be brought to the disk", error)
        }
    }
}
