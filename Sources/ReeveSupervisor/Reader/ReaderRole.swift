// SPDX-License-Identifier: Apache-2.0
//
// The role in which this binary does one thing that may never come to an end: closing what somebody sent, reading
// a disk. The supervisor bounds its time, and ends it by SIGKILL.

internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The reader: a process that may wait where the supervisor may not.
package enum ReaderRole {
    /// The value of REEVE_ROLE for the child.
    package static let name = "reader"
    /// Its exit code where nothing is kept.
    static let nothingKept: Int32 = 66

    /// What it is started for: its arguments.
    enum Work: Equatable {
        /// Takes the next datagram of the socket that is its standard input, with the descriptors that came along.
        case discard
        /// Takes all datagrams that are left in the socket that is its standard input: whoever closes that last then
        /// closes nothing with it.
        case close
        /// Writes what is kept of a failed run to standard output. `run`: nil is the newest.
        case bundle(path: String, run: String?)

        var arguments: [String] {
            switch self {
            case .discard: ["discard"]
            case .close: ["close"]
            case .bundle(let path, let run): ["bundle", path] + (run.map { [$0] } ?? [])
            }
        }

        init?(_ arguments: [String]) {
            switch (arguments.first, arguments.count) {
            case ("discard", 1): self = .discard
            case ("close", 1): self = .close
            case ("bundle", 2): self = .bundle(path: arguments[1], run: nil)
            case ("bundle", 3): self = .bundle(path: arguments[1], run: arguments[2])
            default: return nil
            }
        }
    }

    /// Returns the exit code: 0, 64 where the arguments are none that reeve gives, 66 where nothing is kept, 71
    /// where the system refused.
    package static func run() -> Int32 {
        SelfExecution.setName("reeve-reader")
        guard let work = Work(Array(ProcessArguments.texts().dropFirst())) else { return 64 }
        do throws(Errno) {
            switch work {
            case .discard: try Datagrams.discard(FileDescriptor(owning: 0))
            case .close:
                let socket = FileDescriptor(owning: 0)
                // EAGAIN: there are no more.
                while (try? Datagrams.discard(socket)) != nil {}
            case .bundle(let path, let run): return try tellBundle(path, run)
            }
            return 0
        } catch {
            return 71
        }
    }

    private static func tellBundle(_ path: String, _ run: String?) throws(Errno) -> Int32 {
        guard let found = FailureStore.kept(in: path, run: run) else { return nothingKept }
        try FileDescriptor(owning: 1).writeAll(found.span)
        return 0
    }
}
