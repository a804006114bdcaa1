// SPDX-License-Identifier: Apache-2.0
//
// Starting programs with posix_spawn(3): no fork of our memory, and every error of the exec comes
// back as an errno. The child gets a session of its own, the default action of every signal, an
// empty signal mask, /dev/null as its input or what it is given, two streams, and no other descriptor of ours.

internal import CReeveLinux
package import ReeveCore

/// What to start.
package struct SpawnRequest: Sendable {
    /// Never empty; the first is the program and its own argument 0.
    package let arguments: CStringArray
    /// The whole environment.
    package var environment: EnvironmentBlock
    /// nil: reeve's own. Relative program names are looked up from there.
    package var workingDirectory: String?

    /// Throws a sentence where the arguments are empty or a string contains a NUL.
    package init(
        arguments: [String], environment: EnvironmentBlock, workingDirectory: String? = nil
    ) throws(SpawnFailure) {
        guard let program = arguments.first, !program.isEmpty else {
            throw SpawnFailure("the command names no program", .invalid)
        }
        do {
            self.arguments = try CStringArray(arguments)
        } catch {
            throw SpawnFailure("argument \(error.words)", .invalid)
        }
        if let workingDirectory, workingDirectory.utf8.contains(0) {
            throw SpawnFailure("the working directory contains a NUL character", .invalid)
        }
        self.environment = environment
        self.workingDirectory = workingDirectory
    }
}

/// Where one stream of a child goes, or comes from.
package enum StreamEnd: ~Copyable, Sendable {
    /// To wherever reeve's own goes.
    case inherit
    /// To /dev/null.
    case null
    /// To this, of which the child gets a duplicate. Close it (by dropping it) after the spawn.
    case descriptor(FileDescriptor)
}

/// Where the streams of a child go, and what it reads.
package struct ChildStreams: ~Copyable, Sendable {
    /// Nothing, unless said otherwise.
    package var stdin = StreamEnd.null
    package var stdout: StreamEnd
    package var stderr: StreamEnd

    package init(stdout: consuming StreamEnd, stderr: consuming StreamEnd) {
        self.stdout = stdout
        self.stderr = stderr
    }
}

/// A child that runs.
package struct SpawnedProcess: Hashable, Sendable {
    /// The start time is 0 where /proc did not tell.
    package let identity: ProcessIdentity
}

extension SpawnFailure: Error {
    init(_ words: String, _ errno: Errno) {
        self.init(errno: errno.code, words: "\(words) (\(errno.name))")
    }
}

/// Starts programs. Descriptors 0, 1 and 2 of this process must be open
/// (`StandardStreams.fillGaps`).
package final class ProcessSpawner {
    /// Opened once: in a child with a low limit of open files nothing could be opened.
    private let null: FileDescriptor
    /// Given up for a moment when there are no more descriptors, to look at a child all the same.
    private var reserve: FileDescriptor?
    private let openFiles: UInt64?
    private let processes: ProcFS

    /// `childOpenFiles`: the soft limit of open files that children get; nil is reeve's own. Throws
    /// where /dev/null cannot be opened.
    package init(childOpenFiles: UInt64? = nil, processes: ProcFS = ProcFS()) throws(SystemFailure)
    {
        do {
            null = try FileDescriptor.open("/dev/null", flags: OpenFlags.readWrite)
            reserve = try null.duplicate()
        } catch {
            throw SystemFailure("/dev/null: cannot be opened", error)
        }
        openFiles = childOpenFiles
        self.processes = processes
    }

    /// Starts a program and returns when it has been loaded. The caller has to reap it, and until then
    /// signals it by its pid (`Signals.send`), which is its own that long. It gets no pidfd: one for each
    /// child would be copied and closed again by every later spawn.
    ///
    /// Blocks as long as the kernel takes to load the program: on a stalled network file system
    /// that may be long. Throws a sentence that names what is missing or not permitted: the
    /// program, its interpreter, or the directory; or which limit was reached.
    package func spawn(
        _ request: SpawnRequest, streams: borrowing ChildStreams
    ) throws(SpawnFailure) -> SpawnedProcess {
        try spawn(request, streams: streams, extras: nil)
    }

    /// The same, and the child gets duplicates of two more descriptors, as its 3 and 4.
    package func spawn(
        _ request: SpawnRequest, streams: borrowing ChildStreams,
        handing third: borrowing FileDescriptor, _ fourth: borrowing FileDescriptor
    ) throws(SpawnFailure) -> SpawnedProcess {
        try spawn(request, streams: streams, extras: (third.number, fourth.number))
    }

    private func spawn(
        _ request: SpawnRequest, streams: borrowing ChildStreams, extras: (Int32, Int32)?
    ) throws(SpawnFailure) -> SpawnedProcess {
        let program = try ProgramSearch(request).program()
        var pid: Int32 = 0
        let before = Clock.sinceBoot()
        let result = start(program, request, streams, extras, &pid)
        guard result == 0 else {
            let diagnosis = SpawnDiagnosis(
                program: program, directory: request.workingDirectory, errno: Errno(-result))
            throw diagnosis.failure()
        }
        let startTime =
            ProcessSpawner.startTime(between: before, and: Clock.sinceBoot())
            ?? startTime(of: PID(pid))
        return SpawnedProcess(
            identity: ProcessIdentity(pid: PID(pid), startTime: startTime))
    }

    /// The start time that /proc would tell of a process made in between, where there is only one.
    ///
    /// The kernel counts it in ticks (of 10 ms, as a rule) since the boot, so most spawns begin and
    /// end within one tick, and the first look at /proc/PID is saved: it makes the kernel build
    /// structures that have to be torn down at the end of the process, which costs more than a
    /// `waitid`. `between: 1.234 s, and: 1.236 s` is 123, `between: 1.239 s, and: 1.241 s` is nil.
    static func startTime(between before: Duration, and after: Duration) -> UInt64? {
        let tick = 1_000_000_000 / Host.ticksPerSecond
        guard tick > 0, before.nanoseconds / tick == after.nanoseconds / tick else { return nil }
        return UInt64(exactly: before.nanoseconds / tick)
    }

    /// Zero where /proc does not tell. It cannot have been reaped, so this is its own start time and no
    /// other's.
    private func startTime(of child: PID) -> UInt64 {
        do {
            return try processes.stat(child).startTime
        } catch .tooManyOpenFiles, .fileTableOverflow {
            reserve = nil
            defer { reserve = try? null.duplicate() }
            return (try? processes.stat(child))?.startTime ?? 0
        } catch {
            return 0
        }
    }

    private func start(
        _ program: String, _ request: SpawnRequest, _ streams: borrowing ChildStreams,
        _ extras: (Int32, Int32)?, _ pid: inout Int32
    ) -> Int32 {
        let input = number(of: streams.stdin, inherited: 0)
        let output = number(of: streams.stdout, inherited: 1)
        let error = number(of: streams.stderr, inherited: 2)
        let result = unsafe request.arguments.withPointers { arguments in
            unsafe request.environment.strings.withPointers { environment in
                unsafe program.withCString { program in
                    unsafe withOptionalCString(request.workingDirectory) { directory in
                        var spawn = unsafe reeve_spawn()
                        unsafe spawn.program = unsafe program
                        unsafe spawn.arguments = unsafe arguments
                        unsafe spawn.environment = unsafe environment
                        unsafe spawn.directory = unsafe directory
                        unsafe spawn.streams = (input, output, error)
                        unsafe spawn.has_nofile = openFiles == nil ? 0 : 1
                        unsafe spawn.nofile = openFiles ?? 0
                        unsafe spawn.has_extras = extras == nil ? 0 : 1
                        unsafe spawn.extras = extras ?? (-1, -1)
                        return unsafe reeve_spawn(&spawn, &pid)
                    }
                }
            }
        }
        return (result ?? nil) ?? -Errno.noMemory.code
    }

    private func number(of end: borrowing StreamEnd, inherited: Int32) -> Int32 {
        switch end {
        case .inherit: inherited
        case .null: null.number
        case .descriptor(let descriptor): descriptor.number
        }
    }
}

func withOptionalCString<Result>(
    _ text: String?, _ body: (UnsafePointer<CChar>?) -> Result
) -> Result {
    guard let text else { return body(nil) }
    return unsafe text.withCString { unsafe body($0) }
}
