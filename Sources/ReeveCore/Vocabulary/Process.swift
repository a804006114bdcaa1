// SPDX-License-Identifier: Apache-2.0
//
// What the core knows of processes: numbers and names that the shell saw. It never asks the kernel.

/// A process id, as seen in reeve's own pid namespace; above zero.
package struct PID: Comparable, Hashable, Sendable, CustomStringConvertible {
    package let number: Int32

    package init(_ number: Int32) {
        self.number = number
    }

    package static func < (left: PID, right: PID) -> Bool { left.number < right.number }

    package var description: String { "\(number)" }
}

/// One process for its whole life. A pid alone can be reused; a pid with the start time cannot.
package struct ProcessIdentity: Comparable, Hashable, Sendable {
    package let pid: PID
    /// Field 22 of /proc/PID/stat: clock ticks between the boot and the start of the process.
    package let startTime: UInt64

    package init(pid: PID, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    package static func < (left: ProcessIdentity, right: ProcessIdentity) -> Bool {
        (left.pid, left.startTime) < (right.pid, right.startTime)
    }
}

/// A process that is named to the operator.
package struct ProcessDescription: Hashable, Sendable, CustomStringConvertible {
    /// Why a process outlives SIGKILL.
    package enum Obstacle: Hashable, Sendable {
        /// State D in /proc/PID/stat: it waits for a device and cannot take a signal.
        case uninterruptible
        /// EPERM: it belongs to another user.
        case notPermitted
    }

    /// Which process.
    package let identity: ProcessIdentity
    /// The kernel's name for it, at most 15 bytes (/proc/PID/comm).
    package let name: String
    package let obstacle: Obstacle?

    package init(identity: ProcessIdentity, name: String, obstacle: Obstacle? = nil) {
        self.identity = identity
        self.name = name
        self.obstacle = obstacle
    }

    package var description: String {
        let why =
            switch obstacle {
            case .uninterruptible: ", waits for a device (state D)"
            case .notPermitted: ", belongs to another user"
            case nil: ""
            }
        return "\(name) (pid \(identity.pid)\(why))"
    }
}

/// Children of reeve that belong to no run, as far as can be proved.
package struct Orphans: Equatable, Sendable {
    /// Some of them, by rising pid.
    package var named: [ProcessDescription]
    /// All of them.
    package var count: Int

    package init(named: [ProcessDescription] = [], count: Int = 0) {
        self.named = named
        self.count = count
    }
}

/// How a process ended, from `waitid`.
package enum ExitStatus: Hashable, Sendable, CustomStringConvertible {
    /// It called exit; 0 to 255.
    case exited(code: Int32)
    case signalled(Signal, coreDumped: Bool)

    package var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signalled(let signal, let coreDumped):
            "\(signal)" + (coreDumped ? " (core dumped)" : "")
        }
    }

    /// Whether this signal ended it.
    package func isDeath(by signal: Signal) -> Bool {
        if case .signalled(signal, coreDumped: _) = self { return true }
        return false
    }

    /// The code a shell would report: the exit code, or 128 and the signal's number.
    package var shellCode: Int32 {
        switch self {
        case .exited(let code): code
        case .signalled(let signal, coreDumped: _): 128 + signal.number
        }
    }
}

/// Why a program could not be started. The shell fills in the words; the core only passes them on.
package struct SpawnFailure: Hashable, Sendable, CustomStringConvertible {
    package let errno: Int32
    /// A sentence without a full stop: "/usr/bin/foo: no such file (ENOENT)".
    package let words: String

    package init(errno: Int32, words: String) {
        self.errno = errno
        self.words = words
    }

    package var description: String { words }

    /// The machine has no more of something for the moment: EAGAIN, ENOMEM, ENFILE or EMFILE. It says nothing of the
    /// program.
    package var isShortage: Bool { [11, 12, 23, 24].contains(errno) }
}

/// The resident memory of a run's whole process tree, at one moment.
package enum MemoryReading: Hashable, Sendable {
    case resident(Bytes)
    /// /proc did not tell, and why; the memory rule is inactive while that lasts.
    case unreadable(String)
}
