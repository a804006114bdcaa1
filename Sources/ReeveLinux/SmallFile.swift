// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Files that are written as a whole.
package enum SmallFile {
    /// Writes a file of mode 0600 so that whoever reads its path finds the old contents or the new ones,
    /// also after a crash of the host: a temporary file beside it is written, synchronised and renamed.
    ///
    /// Blocks until the storage has it: for start-up, not for the supervisor's loop. Throws a sentence.
    package static func replace(_ path: String, contents: [UInt8]) throws(SystemFailure) {
        let temporary = path + ".new"
        do throws(Errno) {
            let flags = OpenFlags.writeOnly | OpenFlags.create | O_TRUNC | OpenFlags.noFollow
            let file = try FileDescriptor.open(temporary, flags: flags, mode: 0o600)
            try file.writeAll(contents.span)
            guard fsync(file.number) == 0 else { throw Errno(errno) }
            guard unsafe rename(temporary, path) == 0 else { throw Errno(errno) }
        } catch {
            // It may not exist; that it could not be written is what counts.
            _ = unsafe unlink(temporary)
            throw SystemFailure("\(path): cannot be written", error)
        }
    }
}
