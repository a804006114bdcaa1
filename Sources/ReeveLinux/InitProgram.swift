// SPDX-License-Identifier: Apache-2.0
//
// An init stands between whoever started it and the one program that it runs. To be invisible there
// it needs things that a supervisor does not: every signal that there is, the stops of its child,
// the terminal, and a start that leaves the program the signals, descriptors, arguments and
// environment that the init was given itself.

internal import CReeveLinux
internal import Glibc
package import ReeveCore

/// How signals stood when this process was started; the program gets them so.
package struct InheritedSignals: Hashable, Sendable {
    /// Bit n-1 stands for signal n.
    package let blocked: UInt64
    /// SIGCHLD was ignored. All other signals keep their action in this process.
    package let isChildIgnored: Bool

    /// Blocks every signal from now on, to be read by `PendingSignals`, and gives SIGCHLD its default
    /// action, without which children vanish unseen. Real faults still end the process.
    package static func takeAll() throws(Errno) -> InheritedSignals {
        var blocked: UInt64 = 0
        var isChildIgnored: Int32 = 0
        try Errno.check(unsafe reeve_init_take_signals(&blocked, &isChildIgnored))
        return InheritedSignals(blocked: blocked, isChildIgnored: isChildIgnored != 0)
    }
}

/// Blocked signals that came.
package enum PendingSignals {
    /// Takes the next one, the lowest number first; waits for it without end where `time` is nil. Nil
    /// where none came, and sometimes early: ask again.
    package static func next(
        within time: Duration?, of signals: [Signal]? = nil
    ) throws(Errno) -> ReceivedSignal? {
        let mask =
            signals.map { $0.reduce(UInt64(0)) { $0 | 1 << UInt64($1.number - 1) } } ?? .max
        let nanoseconds = time.map { max(0, $0.nanoseconds) } ?? -1
        var found = reeve_received_signal()
        let result = unsafe reeve_signal_wait(mask, nanoseconds, &found)
        guard try Errno.check(result) > 0, let signal = Signal(number: found.signal) else {
            return nil
        }
        return ReceivedSignal(
            signal: signal, code: found.code, sender: found.pid > 0 ? PID(found.pid) : nil,
            senderUser: found.user)
    }
}

/// What became of a child.
package enum ChildChange: Hashable, Sendable {
    /// It ended, and was reaped.
    case ended(PID, ExitStatus)
    /// The signal stopped it; it goes on with SIGCONT.
    case stopped(PID, Signal)
}

extension Reaper {
    /// Takes one change of any child: reaps one that has ended, or notes one that was stopped. Nil
    /// where there is no news. Never waits.
    package static func nextChange() throws(Errno) -> ChildChange? {
        var found = reeve_exit()
        let result = unsafe reeve_wait_change(&found)
        if result == -Errno.noChild.code { return nil }
        guard try Errno.check(result) > 0 else { return nil }
        let pid = PID(found.pid)
        guard let signal = Signal(number: found.status), found.how != 0 else {
            return .ended(pid, .exited(code: found.status))
        }
        if found.how == 3 { return .stopped(pid, signal) }
        return .ended(pid, .signalled(signal, coreDumped: found.how == 2))
    }
}

extension Signals {
    /// Sends to every process that this one may signal, but itself and PID 1. For PID 1 of a
    /// namespace that is the namespace. Throws ESRCH where nobody is there, EPERM where nobody may
    /// be signalled.
    package static func sendToAll(_ signal: Signal) throws(Errno) {
        try Errno.check(reeve_kill(-1, signal.number))
    }

    /// Whether `sendToAll` would find somebody.
    package static var isAnybodyThere: Bool { reeve_kill(-1, 0) != -Errno.noProcess.code }

    /// Sends to the process group of this process, itself included where it is not blocked.
    package static func sendToOwnGroup(_ signal: Signal) {
        // Nothing stands in the way of signalling oneself.
        _ = reeve_kill(0, signal.number)
    }

    /// Stops this process until SIGCONT comes; no effect on PID 1.
    package static func stopSelf() {
        _ = reeve_kill(getpid(), SIGSTOP)
    }

    /// The signal that this process gets when its parent dies; never passed on to children.
    package static func setParentDeath(_ signal: Signal) throws(Errno) {
        try Errno.check(reeve_set_parent_death_signal(signal.number))
    }
}

/// The terminal at descriptor 0, if there is one.
package enum Terminal {
    /// Whether descriptor 0 is a terminal that controls this process's session.
    package static var isControlling: Bool { tcgetpgrp(0) >= 0 }

    /// Whether descriptor 0 is a terminal, controlling or not.
    package static var isPresent: Bool { reeve_is_terminal(0) == 1 }

    /// Whether this process's group may read from it.
    package static var isOurs: Bool { tcgetpgrp(0) == getpgrp() }

    /// Whether this process leads its session, or was started from another one: then no shell is there
    /// that would resume it after a stop.
    package static var isWithoutShell: Bool {
        let session = getsid(0)
        return session == getpid() || getppid() == 0 || getsid(getppid()) != session
    }

    /// Lets the group of a child read from it. SIGTTOU must be blocked.
    package static func give(to child: PID) {
        // A group that is gone cannot have it; then it stays where it is.
        _ = tcsetpgrp(0, child.number)
    }

    /// Takes it back for this process's own group from the group of a child, or from one that is gone.
    /// Anyone else's it stays.
    package static func takeBack(from child: PID) {
        let holder = tcgetpgrp(0)
        guard holder == child.number || reeve_killpg(holder, 0) == -ESRCH else { return }
        _ = tcsetpgrp(0, getpgrp())
    }

    /// Gives it up as the controlling terminal, so that a new session can have it. Where this process
    /// leads its session, SIGHUP and SIGCONT come to it and are taken away again: they mean nothing.
    package static func detach() throws(Errno) {
        let isLeader = getsid(0) == getpid()
        try Errno.check(reeve_terminal_detach(0))
        guard isLeader else { return }
        for signal in [Signal.hangup, .continue] {
            _ = try PendingSignals.next(within: .zero, of: [signal])
        }
    }
}

/// The one program of an init.
package struct InitProgram: Sendable {
    /// Where the program runs.
    package enum Placement: Hashable, Sendable {
        /// In this process's group.
        case shared
        /// In a process group of its own.
        case group
        /// In a session of its own.
        case session
    }

    private let arguments: CStringArray
    private let signals: InheritedSignals
    private let placement: Placement

    /// `arguments`: never empty; the first is looked up in PATH.
    package init(arguments: CStringArray, signals: InheritedSignals, placement: Placement) {
        self.arguments = arguments
        self.signals = signals
        self.placement = placement
    }

    /// Starts it, with this process's own environment and descriptors. A program that cannot be
    /// executed says so on standard error and ends with 127, where there is none, or 126.
    ///
    /// `withTerminal`: the terminal at descriptor 0 becomes its. `diesWithUs`: SIGKILL when this
    /// process dies. Throws EAGAIN or ENOMEM where no process can be made.
    package func start(withTerminal: Bool, diesWithUs: Bool) throws(Errno) -> PID {
        var pid: Int32 = 0
        let placement =
            switch placement {
            case .shared: REEVE_INIT_SHARED
            case .group: REEVE_INIT_GROUP
            case .session: REEVE_INIT_SESSION
            }
        let result = unsafe arguments.withPointers { arguments in
            var start = unsafe reeve_init_start()
            unsafe start.arguments = unsafe arguments
            unsafe start.blocked = signals.blocked
            unsafe start.child_ignored = signals.isChildIgnored ? 1 : 0
            unsafe start.placement = Int32(placement)
            unsafe start.terminal = withTerminal ? 1 : 0
            unsafe start.dies_with_us = diesWithUs ? 1 : 0
            return unsafe reeve_init_start(&start, &pid)
        }
        try Errno.check((result ?? nil) ?? -Errno.noMemory.code)
        return PID(pid)
    }
}

/// The processes below this one.
package enum Descendants {
    /// Sends to all of them, as /proc shows them now, and returns how many there are; none where /proc
    /// is not there. Never hits a stranger: each is held by its start time, and its parent is one of us.
    package static func send(_ signal: Signal, processes: ProcFS = ProcFS()) -> Int {
        var families: Set<PID> = [Host.pid]
        var parents = [Host.pid]
        var count = 0
        while let parent = parents.popLast() {
            var children: [PID] = []
            // A process that is gone has no children left; its own are ours now and come with us.
            try? processes.children(of: parent, into: &children)
            for child in children where families.insert(child).inserted {
                // What cannot be read is gone, or hidden from us and none of ours.
                guard let stat = try? processes.stat(child), let above = stat.parent,
                    families.contains(above),
                    let handle = try? ProcessHandle.open(stat.identity, processes: processes)
                else { continue }
                // It may be gone, or belong to another user: the caller looks again.
                try? handle.send(signal)
                count += 1
                parents.append(child)
            }
        }
        return count
    }
}

extension StandardStreams {
    /// Writes to descriptor 2 what it takes now, at most 4,096 bytes, and never waits; the rest is lost.
    package static func complain(_ text: String) {
        let bytes = Array(text.utf8.prefix(4_096))
        let ready = reeve_poll(2, Int32(POLLOUT), 0)
        guard ready > 0, ready & Int32(POLLOUT) != 0 else { return }
        _ = unsafe bytes.withUnsafeBytes { unsafe reeve_write(2, $0.baseAddress, $0.count) }
    }

    /// Writes to descriptor 1, and waits for it.
    package static func print(_ text: String) {
        let stream = FileDescriptor(owning: 1)
        // Nobody is left to be told that this could not be said.
        try? stream.writeAll(Array(text.utf8).span)
        _ = stream.release()
    }
}
