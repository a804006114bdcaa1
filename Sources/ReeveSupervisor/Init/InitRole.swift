// SPDX-License-Identifier: Apache-2.0
//
// `reeve init -- COMMAND...`: one program under an init, as under tini or dumb-init. One thread, one
// place where it waits, no descriptor of its own: what the program gets is what reeve was given.

internal import ReeveControl
internal import ReeveCore
package import ReeveLinux

/// The init role.
package enum InitRole {
    /// How many changes of children are taken before the signals are looked at again.
    fileprivate static let changesPerTurnMax = 1_024
    /// How often is looked whether the others are gone; not all of them are our children.
    fileprivate static let lookInterval = Duration.milliseconds(50)
    /// After so long without a signal the start is over.
    fileprivate static let quietTime = Duration.milliseconds(200)

    /// Where an init's own options begin in the arguments, if these ask for an init: behind `init`;
    /// with `NAME -- COMMAND`, under any name; under the name of another init; and under a foreign
    /// name with options and a `--`. Nil where they do not.
    package static func start(in arguments: CStringArray) -> Int? {
        guard let first = arguments[1] else { return nil }
        if first == "init" { return 2 }
        if first == "--" { return 1 }
        let name = name(in: arguments)
        let inits: Set<String> = [
            "tini", "tini-static", "dumb-init", "docker-init", "podman-init", "catatonit", "init",
        ]
        if inits.contains(name) { return 1 }
        guard first.utf8.first == UInt8(ascii: "-"), !name.hasPrefix("reeve") else { return nil }
        return (1..<arguments.count).contains { arguments[$0] == "--" } ? 1 : nil
    }

    private static func name(in arguments: CStringArray) -> String {
        let path = arguments[0] ?? ""
        return path.utf8.split(separator: UInt8(ascii: "/")).last
            .map { String(Substring($0)) } ?? path
    }

    /// Runs the program until it and all others have ended. Returns its exit code, or 128 and the
    /// number of the signal that ended it; 126 or 127 where it cannot be executed; 64 for arguments
    /// that make no sense; 71 where the system refuses.
    ///
    /// Called once, on the main thread, before any other thread exists and before anything is opened.
    package static func run(_ arguments: CStringArray, from first: Int) -> Int32 {
        let options = InitOptions(
            name: name(in: arguments),
            arguments: (0..<arguments.count).map { arguments[$0] ?? "" }, from: first,
            variable: Environment.value(of:))
        switch options.task {
        case .run(let position):
            do throws(Errno) {
                let loop = try InitLoop(options, arguments.dropping(first: position))
                return loop.run()
            } catch {
                StandardStreams.complain("reeve init: the program cannot be started: \(error)\n")
                return 71
            }
        case .pause:
            do throws(Errno) {
                return try pause()
            } catch {
                StandardStreams.complain("reeve init: cannot wait for signals: \(error)\n")
                return 71
            }
        case .help:
            StandardStreams.print(InitText.help)
            return 0
        case .version:
            StandardStreams.print("reeve \(Version.text)\n")
            return 0
        case .license:
            StandardStreams.print(InitText.license)
            return 0
        case .refuse(let words):
            StandardStreams.complain("reeve init: \(words)\n")
            return 64
        }
    }
}

extension InitRole {
    /// Holds the namespaces of a pod: reaps whatever comes, and ends with 0 at a request to stop.
    private static func pause() throws(Errno) -> Int32 {
        _ = try InheritedSignals.takeAll()
        var hasMore = true
        while true {
            let received = try PendingSignals.next(within: hasMore ? .zero : nil)
            if let signal = received?.signal, pauseEnds.contains(signal) { return 0 }
            hasMore = true
            for _ in 0..<changesPerTurnMax where hasMore {
                hasMore = try Reaper.nextChange() != nil
            }
        }
    }

    private static let pauseEnds: Set<Signal> = [.terminate, .interrupt, .quit]
}

/// Carries out what the core decides.
private final class InitLoop {
    private let options: InitOptions
    private let program: PID
    private let isFirst = Host.pid.number == 1
    private var core: InitCore
    private var exitCode: Int32?

    /// Starts the program.
    init(_ options: InitOptions, _ arguments: CStringArray) throws(Errno) {
        self.options = options
        let signals = try InheritedSignals.takeAll()
        // Where that is not possible, what outlives its parent goes to another init.
        if !isFirst { try? Subreaper.enable() }
        if let signal = options.parentDeath { try InitLoop.follow(signal) }
        let hasTerminal = try InitLoop.takeTerminal(options)
        let start = InitProgram(
            arguments: arguments, signals: signals, placement: options.placement)
        program = try start.start(
            withTerminal: hasTerminal, diesWithUs: options.parentDeath == .kill)
        let situation = InitSituation(
            isFirst: isFirst, hasTerminal: Terminal.isControlling,
            isWithoutShell: Terminal.isWithoutShell)
        core = InitCore(options, situation)
        say(2, "pid \(program) is \(arguments[0] ?? "")")
    }

    /// SIGKILL, or another signal that goes on to the program, when our parent dies.
    private static func follow(_ signal: Signal) throws(Errno) {
        let parent = Host.parent
        try Signals.setParentDeath(signal)
        // It died before it could be followed.
        if Host.parent != parent, let parent, parent.number > 1 {
            try? Signals.send(signal, toUnreaped: Host.pid)
        }
    }

    /// Whether the program gets the terminal at its start.
    private static func takeTerminal(_ options: InitOptions) throws(Errno) -> Bool {
        switch options.placement {
        case .shared:
            return false
        case .group:
            // In the background it is another's.
            return Terminal.isControlling && Terminal.isOurs
        case .session:
            guard Terminal.isPresent else { return false }
            if Terminal.isControlling { try Terminal.detach() }
            return true
        }
    }

    func run() -> Int32 {
        while true {
            if let exitCode { return exitCode }
            turn()
        }
    }

    private func turn() {
        let received: ReceivedSignal?
        do {
            received = try PendingSignals.next(within: timeLeft)
        } catch {
            // EFAULT and EINVAL are all it can be: a defect. Children are still looked after.
            say(1, "waiting for signals failed: \(error)")
            received = nil
        }
        if let received {
            take(received)
        } else if !hasReleased {
            // Nothing happens: time for what would have held up the start, or a short program's end.
            hasReleased = true
            ResidentMemory.release()
        }
        takeChanges()
        if core.isEnding && !areOthersThere { perform(core.othersGone()) }
        perform(core.timePassed(at: Clock.now().monotonic))
    }

    private var timeLeft: Duration? {
        if hasMoreChanges { return .zero }
        guard let deadline = core.deadline else {
            return hasReleased ? nil : InitRole.quietTime
        }
        return min(InitRole.lookInterval, max(.zero, deadline - Clock.now().monotonic))
    }

    // MARK: What comes in

    private func take(_ received: ReceivedSignal) {
        // SIGCHLD only says to look; and SIGPIPE of our own writing means nothing to the program.
        guard received.signal != .child, received.sender != Host.pid else { return }
        say(3, "\(received.signal) came")
        perform(
            core.received(
                received.signal, isFromTerminal: received.isFromKernel,
                at: Clock.now().monotonic))
    }

    private var hasMoreChanges = false
    /// What only the start needed was given back.
    private var hasReleased = false

    private func takeChanges() {
        for _ in 0..<InitRole.changesPerTurnMax {
            let change: ChildChange?
            do {
                change = try Reaper.nextChange()
            } catch {
                say(1, "waiting for children failed: \(error)")
                change = nil
            }
            guard let change else {
                hasMoreChanges = false
                return
            }
            take(change)
        }
        hasMoreChanges = true
    }

    private func take(_ change: ChildChange) {
        switch change {
        case .stopped(program, let signal):
            perform(core.programStopped(by: signal))
        case .stopped:
            break
        case .ended(program, let status):
            say(2, "the program ended: \(status)")
            perform(
                core.programEnded(
                    status, areOthersThere: areOthersThere, at: Clock.now().monotonic))
        case .ended(let pid, _):
            say(options.warnsOfReaping ? 1 : 3, "reaped pid \(pid)")
        }
    }

    /// As PID 1 everyone in the namespace counts, else everyone below us.
    private var areOthersThere: Bool {
        isFirst ? Signals.isAnybodyThere : Reaper.hasChildren()
    }

    // MARK: What is done

    private func perform(_ effects: [InitEffect]) {
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: InitEffect) {
        switch effect {
        case .forward(let signal): forward(signal)
        case .suspend(let group): suspend(group)
        case .takeTerminalBack: Terminal.takeBack(from: program)
        case .lendTerminal: if Terminal.isOurs { lendTerminal() }
        case .signalOthers(let signal): signalOthers(signal)
        case .warn(let words): say(1, words)
        case .exit(let code): exitCode = code
        }
    }

    private func lendTerminal() {
        if options.placement == .group { Terminal.give(to: program) }
    }

    /// The program is unreaped as long as signals are forwarded, so its pid is its own.
    private func forward(_ signal: Signal) {
        say(3, "\(signal) to pid \(program)")
        do throws(Errno) {
            let isStopped = signal == .continue && options.placement == .group
            guard options.isGroupSignalled || isStopped else { throw .noProcess }
            try Signals.send(signal, toGroupOf: program)
        } catch {
            // It is the program alone that is meant, or it has left the group that it had.
            try? Signals.send(signal, toUnreaped: program)
        }
    }

    private func suspend(_ group: Signal?) {
        if let group { Signals.sendToOwnGroup(group) }
        Signals.stopSelf()
        // Here somebody sent SIGCONT. It is answered before the stop of the program is looked at, which
        // is over by then.
        while let again = try? PendingSignals.next(within: .zero, of: [.continue]) { _ = again }
        perform(core.resumed())
    }

    private func signalOthers(_ signal: Signal) {
        if isFirst {
            // ESRCH: gone meanwhile. EPERM: another user's; the kernel ends them with us.
            try? Signals.sendToAll(signal)
            return
        }
        // Those that are made while we look are found by the next look.
        for _ in 0..<8 where Descendants.send(signal) > 0 && signal == .kill { takeChanges() }
        // A hidden /proc shows nobody; the program's group can be reached without.
        if options.placement != .shared { try? Signals.send(signal, toGroupOf: program) }
    }

    private func say(_ level: Int, _ words: String) {
        guard options.verbosity >= level else { return }
        StandardStreams.complain("reeve init: \(words)\n")
    }
}
