// SPDX-License-Identifier: Apache-2.0
//
// From an errno of posix_spawn to a sentence. One number stands for many causes: ENOENT is a
// missing program as well as a missing interpreter, dynamic loader or working directory. After a
// failure there is time to look; what is found is what was true a moment later, which is nearly
// always the cause.

internal import CReeveLinux
internal import ReeveCore

/// Why a program could not be started.
struct SpawnDiagnosis {
    /// As given to the exec.
    let program: String
    let directory: String?
    let errno: Errno
    /// Who may not execute it.
    var whose = "reeve's user"

    /// A path as the child would see it: relative ones begin at its working directory.
    static func path(_ path: String, from directory: String?) -> String {
        guard let directory, !path.hasPrefix("/") else { return path }
        return "\(directory)/\(path)"
    }

    func failure() -> SpawnFailure {
        if let directory, let failure = SpawnDiagnosis.directoryFailure(directory, errno) {
            return failure
        }
        let words = limitWords ?? programWords ?? "\(errno.words)"
        return SpawnFailure("\(printable(program)): \(words)", errno)
    }

    /// Says what is wrong with the working directory; nil where it is fine.
    static func directoryFailure(_ directory: String, _ errno: Errno) -> SpawnFailure? {
        let what = "working directory \(printable(directory))"
        do {
            let facts = try FileFacts(checked: directory)
            guard facts.kind == .directory else {
                return SpawnFailure("\(what): not a directory", .notDirectory)
            }
            let mayEnter = unsafe directory.withCString { unsafe reeve_may_execute($0) }
            guard mayEnter < 0 else { return nil }
            return SpawnFailure("\(what): may not be entered", Errno(-mayEnter))
        } catch .noEntry {
            return SpawnFailure("\(what): no such directory", .noEntry)
        } catch {
            return SpawnFailure("\(what): \(error.words)", error)
        }
    }

    // MARK: Limits

    private var limitWords: String? {
        switch errno {
        case .tryAgain:
            "no more processes may be made: a limit (RLIMIT_NPROC, pids.max of the cgroup, "
                + "kernel.pid_max) is reached"
        case .noMemory: "the system has no memory left to start it"
        case .argumentListTooLong: "arguments and environment are too long for the kernel"
        case .tooManyOpenFiles: "reeve's limit of open files is reached"
        case .fileTableOverflow: "the system's limit of open files is reached"
        case .textFileBusy: "some process has the program open for writing"
        default: nil
        }
    }

    // MARK: The program

    private var programWords: String? {
        let path = SpawnDiagnosis.path(program, from: directory)
        switch errno {
        case .noEntry: return missingWords(path)
        case .accessDenied, .notPermitted: return refusedWords(path)
        case .notExecutableFormat: return formatWords(path)
        case .notDirectory: return "a part of the path is not a directory"
        case .tooManyLinks: return "too many symbolic links, or interpreters that need interpreters"
        case .badLibrary: return "its dynamic loader is no proper program"
        default: return nil
        }
    }

    private func missingWords(_ path: String) -> String {
        guard FileFacts(path) != nil else {
            return isDangling(path) ? "a symbolic link to nothing" : "no such file"
        }
        switch ProgramHead(path).interpreter {
        case .script(let interpreter) where interpreter.hasSuffix("\r"):
            return "its first line ends in a carriage return, so that its interpreter is sought as "
                + "\"\(interpreter.dropLast())\\r\""
        case .script(let interpreter):
            return "its interpreter \(printable(interpreter)) does not exist"
        case .loader(let loader):
            return "its dynamic loader \(printable(loader)) does not exist"
        case .none, .unknown:
            return "something that it needs does not exist"
        }
    }

    private func refusedWords(_ path: String) -> String {
        guard let facts = FileFacts(path) else {
            return "a directory on its path may not be entered"
        }
        if facts.kind == .directory { return "a directory, not a program" }
        if facts.kind != .regular { return "not a regular file" }
        let mayExecute = unsafe path.withCString { unsafe reeve_may_execute($0) }
        let isNoexec = unsafe path.withCString { unsafe reeve_is_noexec($0) } == 1
        if isNoexec { return "its file system is mounted with noexec" }
        if mayExecute < 0 {
            let isBare = facts.mode & 0o111 == 0
            return isBare
                ? "not executable (chmod +x is missing)" : "not executable for \(whose)"
        }
        switch ProgramHead(path).interpreter {
        case .script(let interpreter):
            return "its interpreter \(printable(interpreter)) may not be executed"
        case .loader(let loader):
            return "its dynamic loader \(printable(loader)) may not be executed"
        case .none, .unknown:
            return "not permitted"
        }
    }

    private func formatWords(_ path: String) -> String {
        let head = ProgramHead(path)
        if head.bytes.isEmpty { return "the file is empty" }
        if head.isELF { return "a program for another kind of processor, or a broken one" }
        return "neither a program nor a script that begins with #!"
    }

    private func isDangling(_ path: String) -> Bool {
        FileFacts(path, following: false)?.kind == .link
    }
}

/// The first bytes of a program.
struct ProgramHead {
    enum Interpreter: Equatable {
        /// After `#!`.
        case script(String)
        /// PT_INTERP of an ELF file.
        case loader(String)
        case none
        case unknown
    }

    let bytes: [UInt8]

    init(_ path: String) {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        // What cannot be read gives no words of its own.
        guard let file = try? FileDescriptor.openForReading(path),
            let count = try? file.read(into: &buffer)
        else {
            bytes = []
            return
        }
        bytes = Array(buffer.prefix(count))
    }

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isELF: Bool { bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) }

    var interpreter: Interpreter {
        if bytes.starts(with: [0x23, 0x21]) { return script }
        return isELF ? loader : .unknown
    }

    /// The kernel takes what follows `#!` and blanks, up to a blank or the end of the line.
    private var script: Interpreter {
        let line = bytes.dropFirst(2).prefix { $0 != 0x0A }.drop { $0 == 0x20 || $0 == 0x09 }
        let name = line.prefix { $0 != 0x20 && $0 != 0x09 && $0 != 0 }
        return name.isEmpty ? .none : .script(String(decoding: name, as: UTF8.self))
    }

    /// Walks the program headers of a 64-bit little-endian file (elf(5)) for the one of type 3.
    private var loader: Interpreter {
        guard number(at: 4, bytes: 2) == 0x0102, let table = number(at: 32, bytes: 8),
            let size = number(at: 54, bytes: 2), let count = number(at: 56, bytes: 2), size >= 56
        else { return .unknown }
        for index in 0..<min(count, 64) {
            guard let start = Int(exactly: table), start < bytes.count else { return .unknown }
            let header = start + Int(index * size)
            guard number(at: header, bytes: 4) == 3 else { continue }
            guard let offset = number(at: header + 8, bytes: 8), offset < UInt64(bytes.count) else {
                return .unknown
            }
            let name = bytes[Int(offset)...].prefix { $0 != 0 }
            return .loader(String(decoding: name, as: UTF8.self))
        }
        return .none
    }

    private func number(at offset: Int, bytes count: Int) -> UInt64? {
        guard offset >= 0, offset <= bytes.count - count else { return nil }
        return bytes[offset..<(offset + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
