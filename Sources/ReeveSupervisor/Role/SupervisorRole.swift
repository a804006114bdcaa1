// SPDX-License-Identifier: Apache-2.0
//
// The way from a sealed hand-over to the event loop. The order matters: signals are blocked before
// anything can be missed, the standard descriptors are filled before anything is opened, orphans
// are ours before the first child is, and the lock is held before a socket is touched.

internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// The supervisor role: what the process becomes after `reeve run` has sealed its specification.
package enum SupervisorRole {
    /// The longest hand-over that is read, in bytes.
    private static let handoverBytesMax = 64 << 20

    /// Takes the sealed hand-over from the descriptor `fd` and supervises until everything has
    /// ended.
    ///
    /// Called once, on the main thread, before any other thread exists. Returns the exit code of
    /// reeve (article Commands). Takes over the descriptor. Blocks all signals that reeve handles,
    /// makes the process a subreaper unless it is PID 1, and raises its limit of open files.
    package static func run(specification fd: Int32) -> Int32 {
        ChildrenApart.run { supervise(fd) }
    }

    private static func supervise(_ fd: Int32) -> Int32 {
        do throws(StartFailure) {
            let isHangupIgnored = HangupDisposition.isIgnored()
            let signals = try takeSignals()
            let specification = try readHandover(FileDescriptor(owning: fd))
            let supervisor = try Assembly(
                specification, signals: signals, isHangupIgnored: isHangupIgnored)
            return supervisor.run()
        } catch {
            say("reeve: \(error.words); reeve does not start")
            return error.code
        }
    }

    private static func takeSignals() throws(StartFailure) -> SignalDescriptor {
        do {
            try Signals.prepare()
            let signals = try SignalDescriptor(Signal.handled)
            try StandardStreams.fillGaps()
            return signals
        } catch {
            throw StartFailure("the signals cannot be taken over: \(error)", code: 71)
        }
    }

    private static func readHandover(
        _ descriptor: consuming FileDescriptor
    ) throws(StartFailure) -> Specification {
        let bytes: [UInt8]
        do {
            guard Memfd.isSealed(descriptor) else {
                throw StartFailure(
                    "the specification was not handed over in sealed memory; REEVE_ROLE is set by "
                        + "`reeve run` itself and by nobody else",
                    code: 70)
            }
            bytes = try Memfd.readAll(descriptor, max: handoverBytesMax)
        } catch let failure as StartFailure {
            throw failure
        } catch {
            throw StartFailure("the handed over specification cannot be read: \(error)", code: 70)
        }
        do {
            return try Handover.decode(bytes)
        } catch {
            throw StartFailure("the handed over specification cannot be read: \(error)", code: 70)
        }
    }

    /// One line to stderr, while there is no log yet. It may block: there is nothing to hold up.
    private static func say(_ line: String) {
        // Where stderr cannot be written to, the exit code is all that is left to tell.
        guard let stream = try? StandardStream(.error) else { return }
        let bytes = Array((line + "\n").utf8)
        _ = try? stream.write(bytes.span)
    }
}

extension Signal {
    /// What reeve reads instead of being interrupted, or ended, by it. The signals of job control
    /// keep their action, so that a reeve in a terminal can be suspended; those that stand for a
    /// defect of reeve itself keep theirs too.
    static let handled: [Signal] = {
        let left: Set<Int32> = [
            4, 5, 6, 7, 8, 9, 11, 31,  // ILL, TRAP, ABRT, BUS, FPE, KILL, SEGV, SYS
            13, 18, 19, 20, 21, 22,  // PIPE (ignored), CONT, STOP, TSTP, TTIN, TTOU
            32, 33,  // glibc's own
        ]
        return (Int32(1)...64).filter { !left.contains($0) }.compactMap { Signal(number: $0) }
    }()
}

/// How SIGHUP stood when reeve was started.
enum HangupDisposition {
    /// Whether it was ignored, as `nohup` has it. Read from /proc/self/status; no where that is
    /// missing.
    static func isIgnored() -> Bool {
        // Without /proc the usual meaning of SIGHUP holds.
        guard let file = try? FileDescriptor.openForReading("/proc/self/status") else {
            return false
        }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        guard let count = try? file.read(into: &buffer) else { return false }
        return isIgnored(in: String(decoding: buffer.prefix(count), as: UTF8.self))
    }

    /// Bit n-1 of the hexadecimal number after "SigIgn:" stands for signal n.
    static func isIgnored(in status: String) -> Bool {
        for line in status.split(separator: "\n") where line.hasPrefix("SigIgn:") {
            let digits = line.dropFirst("SigIgn:".count).drop { $0 == "\t" || $0 == " " }
            guard let mask = UInt64(digits, radix: 16) else { return false }
            return mask & 1 != 0
        }
        return false
    }
}
