// SPDX-License-Identifier: Apache-2.0
//
// What an end says, in plain words: who ended it, as far as that can be known, and what such an end
// usually means.

/// What the kernel tells of processes that it killed for lack of memory, since it was last looked at.
package enum OutOfMemoryEvidence: Equatable, Sendable {
    /// So many in reeve's own control group.
    case inGroup(Int64, since: WallTime)
    /// So many on the whole machine; the control group does not tell.
    case onMachine(Int64, since: WallTime)
    case none(since: WallTime)
    /// Neither /proc/vmstat nor memory.events can be read.
    case unknown
}

extension FailureReport {
    /// A sentence without a full stop. `evidence` counts only for a SIGKILL that reeve did not send.
    package func reading(_ evidence: OutOfMemoryEvidence) -> String {
        switch status {
        case nil: return "it never ran: \(meaning)"
        case .exited(let code)?:
            if let stop { return "reeve ended it (\(stop)), and it left with exit code \(code)" }
            return FailureReport.reading(code: code)
        case .signalled(let signal, _)?:
            if wasKilledByReeve, signal == .kill {
                return "reeve sent SIGKILL (\(stop ?? "its stop took too long"))"
            }
            if let stop { return "reeve ended it by \(signal) (\(stop))" }
            if meaning == Verdict.killedByCleanup(signal).meaning {
                return "reeve sent \(signal) to make it free memory (`cleanup`): a program that "
                    + "does not handle that signal is ended by it"
            }
            return signal == .kill
                ? FailureReport.reading(evidence) : FailureReport.reading(signal: signal)
        }
    }

    private static func reading(code: Int32) -> String {
        switch code {
        case 126: return "exit code 126: a shell found the command and could not execute it"
        case 127: return "exit code 127: a shell did not find the command"
        case 129...192:
            guard let signal = Signal(number: code - 128) else { break }
            return "exit code \(code) is 128 and \(code - 128): what it ran was probably killed by "
                + "\(signal), or it left so when it got that signal"
        default: break
        }
        return "it ended by itself with exit code \(code); its log should say why"
    }

    private static func reading(_ evidence: OutOfMemoryEvidence) -> String {
        switch evidence {
        case .inGroup(let count, let since):
            return "SIGKILL, not sent by reeve: most likely out of memory, since the kernel killed "
                + "\(processes(count)) of this control group for lack of memory after \(since)"
        case .onMachine(let count, let since):
            return "SIGKILL, not sent by reeve: likely out of memory, since the kernel killed "
                + "\(processes(count)) of this machine for lack of memory after \(since)"
        case .none(let since):
            return "somebody else sent SIGKILL: the kernel has killed nothing for lack of memory "
                + "since \(since)"
        case .unknown:
            return
                "SIGKILL, not sent by reeve: whether the kernel was short of memory cannot be told"
        }
    }

    private static func processes(_ count: Int64) -> String {
        counted(Int(clamping: count), "process", "processes")
    }

    private static func reading(signal: Signal) -> String {
        switch signal.number {
        case 4: "SIGILL: it executed what is no instruction, as Swift and Rust do to end on purpose"
        case 5: "SIGTRAP: it ran into a trap, as Swift does to end on purpose"
        case 6: "SIGABRT: it called abort(3), as a failed assertion or an uncaught exception does"
        case 7: "SIGBUS: it read memory whose file was cut or whose disk failed"
        case 8: "SIGFPE: it divided by zero"
        case 11: "SIGSEGV: it used memory that is not its own"
        case 13: "SIGPIPE: it wrote to a pipe or socket that nobody reads any more"
        case 24: "SIGXCPU: it used more processor time than its limit allows"
        case 25: "SIGXFSZ: it wrote a file longer than its limit allows"
        case 31: "SIGSYS: it made a system call that a filter forbids"
        default: "\(signal), not sent by reeve: somebody else sent it, or it did itself"
        }
    }
}
