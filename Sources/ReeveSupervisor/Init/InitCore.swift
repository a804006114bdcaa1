// SPDX-License-Identifier: Apache-2.0
//
// What an init decides, as a value: no clock, no system call. Every signal goes on to the program.
// When the program has ended the others are asked to end, get a grace, and are killed; then the init
// ends with the program's exit code. Suspending is the awkward part: a shell that waits for us must
// see us stop when the program stops, and where there is no such shell nobody could resume it.

internal import ReeveCore
internal import ReeveLinux

/// What an init does next.
enum InitEffect: Equatable {
    /// To the program, or to its group where signals go there.
    case forward(Signal)
    /// Be stopped until SIGCONT comes; the signal goes to our own group first, where the shell's other
    /// programs of the same job are.
    case suspend(ownGroup: Signal?)
    /// The terminal is ours again, if it is the program's.
    case takeTerminalBack
    /// If the terminal is ours, it becomes the program's.
    case lendTerminal
    /// To every process but the init: of the namespace, or below us.
    case signalOthers(Signal)
    case warn(String)
    case exit(Int32)
}

/// Where an init stands, to its program and to those that started it.
struct InitSituation: Equatable {
    /// PID 1 of its namespace: nothing can stop it.
    var isFirst = false
    /// The program has our terminal.
    var hasTerminal = false
    /// Nobody would resume us after a stop.
    var isWithoutShell = true
}

/// The decisions of an init. Ask `deadline` after every call.
struct InitCore {
    /// How long the others have after SIGKILL, to be reaped.
    static let reapTime = Duration.seconds(2)
    /// A signal that asks for the end is one with that which ended the program, if it comes this early.
    static let duplicateTime = Duration.seconds(1)

    private enum State: Equatable {
        /// The program runs. Next: `asking`, `killing`, `over`.
        case running
        /// The others have been asked. Next: `killing`, `over`.
        case asking(code: Int32, since: Instant)
        /// The others have been killed, and are reaped. Next: `over`.
        case killing(code: Int32, since: Instant)
        /// Next: nothing.
        case over
    }

    private let options: InitOptions
    private let situation: InitSituation
    private var state = State.running

    init(_ options: InitOptions, _ situation: InitSituation) {
        self.options = options
        self.situation = situation
    }

    /// The program has ended, and others are waited for.
    var isEnding: Bool {
        switch state {
        case .running, .over: false
        case .asking, .killing: true
        }
    }

    /// When to call `timePassed`.
    var deadline: Instant? {
        switch state {
        case .running, .over: nil
        case .asking(code: _, let since): since + options.grace
        case .killing(code: _, let since): since + InitCore.reapTime
        }
    }

    // MARK: What comes in

    /// A signal came, SIGCHLD aside. `isFromTerminal`: the kernel sent it, for a key or a new size.
    mutating func received(
        _ signal: Signal, isFromTerminal: Bool, at now: Instant
    ) -> [InitEffect] {
        switch state {
        case .running:
            return whileRunning(signal, isFromTerminal: isFromTerminal)
        case .asking(let code, let since):
            let asks: Set<Signal> = [.terminate, .interrupt, .quit]
            guard asks.contains(signal), now - since >= InitCore.duplicateTime else { return [] }
            return kill(code, at: now)
        case .killing, .over:
            // Nothing is left to be told of it.
            return []
        }
    }

    private func whileRunning(_ signal: Signal, isFromTerminal: Bool) -> [InitEffect] {
        var effects: [InitEffect] = []
        if signal == .continue && situation.hasTerminal { effects.append(.lendTerminal) }
        // A program in our own group has had the terminal's signals already.
        let byKey: Set<Signal> = [.interrupt, .quit, .terminalStop, .windowChange]
        let isKnown =
            options.placement == .shared && isFromTerminal && byKey.contains(signal)
        if !isKnown, let target = rewritten(signal) { effects.append(.forward(target)) }
        let stops: Set<Signal> = [.terminalStop, .terminalInput, .terminalOutput]
        if stops.contains(signal) && !situation.isFirst {
            effects.append(.suspend(ownGroup: nil))
        }
        return effects
    }

    private func rewritten(_ signal: Signal) -> Signal? {
        guard let target = options.rewrites[signal] else { return signal }
        return target
    }

    /// The program was stopped.
    mutating func programStopped(by signal: Signal) -> [InitEffect] {
        guard state == .running, situation.hasTerminal else { return [] }
        if !situation.isFirst && !situation.isWithoutShell {
            let group = options.placement == .shared ? nil : signal
            return [.takeTerminalBack, .suspend(ownGroup: group)]
        }
        // By Ctrl-Z, with nobody there who could ever resume it.
        return signal == .terminalStop ? [.forward(.continue)] : []
    }

    /// We were stopped, and go on.
    mutating func resumed() -> [InitEffect] {
        guard state == .running else { return [] }
        let terminal: [InitEffect] = situation.hasTerminal ? [.lendTerminal] : []
        return terminal + (rewritten(.continue).map { [.forward($0)] } ?? [])
    }

    /// The program ended, and was reaped.
    mutating func programEnded(
        _ status: ExitStatus, areOthersThere: Bool, at now: Instant
    ) -> [InitEffect] {
        guard state == .running else { return [] }
        let code = options.forgiven.contains(status.shellCode) ? 0 : status.shellCode
        let terminal: [InitEffect] = situation.hasTerminal ? [.takeTerminalBack] : []
        guard areOthersThere else { return terminal + end(code) }
        guard options.grace > .zero else { return terminal + kill(code, at: now) }
        state = .asking(code: code, since: now)
        return terminal + [.signalOthers(.terminate), .signalOthers(.continue)]
    }

    /// Nobody but us is left.
    mutating func othersGone() -> [InitEffect] {
        switch state {
        case .asking(let code, since: _), .killing(let code, since: _): end(code)
        // The program is there, or everything is said.
        case .running, .over: []
        }
    }

    /// The deadline may have come.
    mutating func timePassed(at now: Instant) -> [InitEffect] {
        guard let deadline, deadline <= now else { return [] }
        switch state {
        case .asking(let code, since: _):
            let words = "not everyone ended within \(options.grace.seconds) s of SIGTERM; killed"
            return [.warn(words)] + kill(code, at: now)
        case .killing(let code, since: _):
            return [.warn("not everyone could be killed; left to the kernel")] + end(code)
        case .running, .over:
            return []
        }
    }

    private mutating func kill(_ code: Int32, at now: Instant) -> [InitEffect] {
        state = .killing(code: code, since: now)
        return [.signalOthers(.kill)]
    }

    private mutating func end(_ code: Int32) -> [InitEffect] {
        state = .over
        return [.exit(code)]
    }
}
