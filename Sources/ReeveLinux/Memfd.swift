// SPDX-License-Identifier: Apache-2.0

internal import CReeveLinux

/// Memory as a file without a name, to hand over to the next image of this process.
package enum Memfd {
    /// An empty file that another process is to fill. Throws as `sealed` does.
    package static func empty(name: String) throws(Errno) -> FileDescriptor {
        let result = unsafe name.withCString { unsafe reeve_memfd($0) }
        return FileDescriptor(owning: try Errno.check(result))
    }

    /// From here on nobody can change it, whoever holds it. Throws EBUSY while it is mapped for writing.
    package static func seal(_ descriptor: borrowing FileDescriptor) throws(Errno) {
        try Errno.check(reeve_seal(descriptor.number))
    }

    /// A file with these contents that nobody can change any more. `name` shows in /proc/PID/fd.
    /// Throws EMFILE, ENFILE, ENOMEM, ENOSYS, or EINVAL for a name of more than 249 bytes.
    package static func sealed(
        name: String, contents: Span<UInt8>
    ) throws(Errno) -> FileDescriptor {
        let result = unsafe name.withCString { unsafe reeve_memfd($0) }
        let memory = FileDescriptor(owning: try Errno.check(result))
        try memory.writeAll(contents)
        try Errno.check(reeve_seal(memory.number))
        return memory
    }

    /// A file with these contents, to be read from its start by whoever gets a duplicate. Throws as
    /// `sealed` does.
    package static func readable(
        name: String, contents: Span<UInt8>
    ) throws(Errno) -> FileDescriptor {
        let memory = try empty(name: name)
        // By offset: what follows it is the position that the reader shares.
        try memory.writeAll(contents, at: 0)
        return memory
    }

    /// The whole contents from the start, wherever the file's position is. Throws EFBIG where they
    /// are longer than `max` bytes.
    package static func readAll(
        _ descriptor: borrowing FileDescriptor, max: Int
    ) throws(Errno) -> [UInt8] {
        let size = try FileFacts(descriptor).size
        guard size <= Int64(max), let count = Int(exactly: size) else { throw .fileTooLarge }
        var contents = [UInt8](repeating: 0, count: count)
        let done = try descriptor.read(into: &contents, at: 0)
        contents.removeLast(count - done)
        return contents
    }

    /// Whether it is a memfd that can change neither contents nor size.
    package static func isSealed(_ descriptor: borrowing FileDescriptor) -> Bool {
        reeve_is_sealed(descriptor.number) == 1
    }
}

/// Replacing this process's program by the same one, in another role.
package enum SelfExecution {
    /// Executes the running program anew (/proc/self/exe), with the same pid. Comes back only with
    /// an error: ENOENT without /proc, E2BIG, ENOMEM. Descriptors that are not `setKeptOnExec` are
    /// closed, blocked signals stay blocked.
    package static func replace(
        arguments: CStringArray, environment: EnvironmentBlock
    ) -> Errno {
        let result = unsafe arguments.withPointers { arguments in
            unsafe environment.strings.withPointers { environment in
                unsafe reeve_exec_self(arguments, environment)
            }
        }
        let code: Int32? = result ?? nil
        return code.map { Errno(-$0) } ?? .noMemory
    }

    /// Sets the name that `ps` and `pgrep` show: after `replace` it would be "exe". Cut to 15
    /// bytes.
    package static func setName(_ name: String) {
        // Fails for no name.
        _ = unsafe name.withCString { unsafe reeve_set_name($0) }
    }

    /// This process's arguments as they came, byte for byte.
    package static func arguments() -> CStringArray {
        var arguments = CStringArray()
        for argument in ProcessArguments.bytes() { arguments.append(unchecked: argument) }
        return arguments
    }
}
