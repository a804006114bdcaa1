// SPDX-License-Identifier: Apache-2.0
//
// A lock file and a directory of our own: what makes one supervisor the only one in its place.

internal import CReeveLinux
package import ReeveCore

extension FileDescriptor {
    /// Reads from a position until the buffer is full or the file ends; returns how many bytes.
    package func read(into buffer: inout [UInt8], at offset: Int64) throws(Errno) -> Int {
        let number = self.number
        var done = 0
        while done < buffer.count {
            let result = unsafe buffer.withUnsafeMutableBytes { bytes in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
                return unsafe reeve_pread(
                    number, rest.baseAddress, rest.count, offset &+ Int64(done))
            }
            let count = Int(try Errno.check(result))
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Writes everything at a position.
    package func writeAll(_ bytes: Span<UInt8>, at offset: Int64) throws(Errno) {
        let number = self.number
        var done = 0
        while done < bytes.count {
            let rest = bytes.extracting(done..<bytes.count)
            let result = unsafe rest.withUnsafeBytes { bytes in
                unsafe reeve_pwrite(number, bytes.baseAddress, bytes.count, offset &+ Int64(done))
            }
            let count = Int(try Errno.check(result))
            guard count > 0 else { throw .noSpace }
            done += count
        }
    }

    /// Makes the file longer (with zeroes) or shorter.
    package func setSize(_ size: Int64) throws(Errno) {
        try Errno.check(reeve_truncate(number, size))
    }
}

/// The outcome of `FileLock.take`.
package enum LockOutcome: ~Copyable, Sendable {
    case taken(FileLock)
    /// Another process has it; its pid, if the file tells.
    case held(by: PID?)
}

/// A lock on a file that ends with this process, whatever ends it (flock(2)).
package struct FileLock: ~Copyable, Sendable {
    private let descriptor: FileDescriptor
    /// Why our pid could not be noted in the file (a full disk); the lock holds all the same, but
    /// whom it keeps away cannot tell who has it.
    package let noteFailure: Errno?

    private init(_ descriptor: consuming FileDescriptor, noteFailure: Errno?) {
        self.descriptor = descriptor
        self.noteFailure = noteFailure
    }

    /// Takes the lock without waiting, making the file if there is none, and writes our pid into it
    /// for the next one to read, if it can. A symbolic link is refused. Throws a sentence. The file
    /// is never removed: someone might hold the lock of a file without a name.
    package static func take(_ path: String) throws(SystemFailure) -> LockOutcome {
        do throws(Errno) {
            let flags = OpenFlags.readWrite | OpenFlags.create | OpenFlags.noFollow
            let file = try FileDescriptor.open(
                path, flags: flags | OpenFlags.noTerminal | OpenFlags.nonblocking, mode: 0o600)
            guard try FileFacts(file).kind == .regular else { throw Errno.exists }
            guard try Errno.check(reeve_lock(file.number)) == 1 else {
                return .held(by: owner(file))
            }
            let failure = note(Host.pid, in: file)
            return .taken(FileLock(file, noteFailure: failure))
        } catch .exists {
            throw SystemFailure(
                "lock file \(printable(path)): there is another kind of file at this path",
                errno: .exists)
        } catch .tooManyLinks {
            throw SystemFailure(
                "lock file \(printable(path)): a symbolic link, which is not followed",
                errno: .tooManyLinks)
        } catch {
            throw SystemFailure("lock file \(printable(path)): cannot be locked", error)
        }
    }

    /// Better nothing than the pid of an earlier owner.
    private static func note(_ pid: PID, in file: borrowing FileDescriptor) -> Errno? {
        let text = Array("\(pid)\n".utf8)
        do {
            try file.setSize(0)
            try file.writeAll(text.span, at: 0)
            return nil
        } catch {
            return error
        }
    }

    private static func owner(_ file: borrowing FileDescriptor) -> PID? {
        var text = [UInt8](repeating: 0, count: 16)
        // Empty while the owner is about to write: then it stays unnamed.
        guard let count = try? file.read(into: &text, at: 0) else { return nil }
        let digits = text.prefix(count).prefix { $0 != 0x0A }
        guard let number = Int32(String(decoding: digits, as: UTF8.self)), number > 0 else {
            return nil
        }
        return PID(number)
    }
}

/// A directory that belongs to us alone.
package enum PrivateDirectory {
    /// Makes the directory with mode 0700 (0710 and the group's where `searchableBy` names one), or
    /// checks one that is there and gives it that mode.
    ///
    /// Throws a sentence where it is a symbolic link or no directory, belongs to another user, or
    /// others may write to it. Parents are made too when asked, with mode 0755.
    package static func ensure(
        _ path: String, makingParents: Bool = false, searchableBy group: UInt32? = nil
    ) throws(SystemFailure) {
        let what = "directory \(printable(path))"
        var refusal: String?
        if makingParents { try makeParents(of: path) }
        do {
            try make(path, mode: 0o700)
        } catch {
            throw SystemFailure("\(what): cannot be made", error)
        }
        if FileFacts(path, following: false)?.kind == .link {
            throw SystemFailure(
                "\(what): a symbolic link, which is not followed", errno: .tooManyLinks)
        }
        // Everything from here on is about what was opened, whatever becomes of the path.
        let flags = OpenFlags.readOnly | OpenFlags.directory | OpenFlags.noFollow
        do throws(Errno) {
            let directory = try FileDescriptor.open(path, flags: flags)
            if let words = objection(to: try FileFacts(directory)) {
                refusal = words
            } else {
                if let group { try Errno.check(reeve_fchown(directory.number, -1, Int64(group))) }
                try Errno.check(reeve_fchmod(directory.number, group == nil ? 0o700 : 0o710))
            }
        } catch {
            throw SystemFailure("\(what): cannot be used", error)
        }
        if let refusal { throw SystemFailure("\(what): \(refusal)", errno: .notPermitted) }
    }

    private static func objection(to facts: FileFacts) -> String? {
        if facts.user != Host.user {
            return "belongs to user \(facts.user), not to user \(Host.user)"
        }
        if facts.mode & 0o022 != 0 {
            return "others may write to it; give it the mode 0700 after a look at what is in it"
        }
        return nil
    }

    private static func makeParents(of path: String) throws(SystemFailure) {
        for index in path.indices.dropFirst() where path[index] == "/" {
            let parent = String(path[..<index])
            do {
                try make(parent, mode: 0o755)
            } catch {
                throw SystemFailure("directory \(printable(parent)): cannot be made", error)
            }
        }
    }

    /// What is there already is fine.
    private static func make(_ path: String, mode: UInt32) throws(Errno) {
        let result = unsafe path.withCString { unsafe reeve_mkdir($0, mode) }
        guard result < 0, result != -Errno.exists.code else { return }
        // A read-only file system may say so before it looks whether the directory is there.
        guard FileFacts(path)?.kind != .directory else { return }
        throw Errno(-result)
    }
}
