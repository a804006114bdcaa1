// SPDX-License-Identifier: Apache-2.0
//
// The turn: wait, gather what happened, tell the core in the order of `Event.priority`, carry out
// what it asks. What comes of an effect is an event of the next turn, never of this one. Nothing
// here decides anything, nothing in it blocks but the one wait, and without a deadline that wait
// has no end.

internal import ReeveCore
internal import ReeveLinux

/// The core, in the one place that may change it.
final class CoreCell {
    fileprivate(set) var supervisor: Supervisor

    init(_ supervisor: Supervisor) {
        self.supervisor = supervisor
    }
}

/// What the event loop drives.
final class EventLoop {
    /// What a turn handles at most; the rest waits for the next, so that no burst holds up the
    /// others.
    static let eventsPerTurnMax = 1_024
    /// How long a deadline of the core is put off that has not moved although it was told of it.
    private static let stuckDeadlinePause = Duration.milliseconds(100)
    /// How long the last lines of output are waited for at the end.
    private static let finishTime = Duration.seconds(1)

    private let epoll: Epoll
    private let signals: SignalDescriptor
    private let core: CoreCell
    private let executor: Executor
    private let view: CoreView
    private let isHangupIgnored: Bool
    /// Armed where any scheduler has a schedule.
    private let wallTimer: WallTimer
    /// What the timer is armed to; nil after it has gone off.
    private var armedFor: WallTime?
    private var inbox = Inbox()
    /// What was ready, kept between turns for its storage.
    private var ready: [(token: Token, events: PollEvents)] = []
    /// SIGCHLD came, or more children ended than a turn reaps.
    private var hasChildrenToReap = true
    /// Whom the SIGCHLD of this turn named, where none was waiting to be reaped before.
    private var namedChild: PID?
    private var deadline = CoreDeadline.asks
    /// What the hand-over needed and the first turns no longer do was given back.
    private var hasReleasedMemory = false

    /// Where the core's own deadline stands.
    private enum CoreDeadline {
        /// It is asked for. Next: `told`.
        case asks
        /// `timePassed` for this deadline is in the inbox. Next: `asks`, `stuck`.
        case told(Instant)
        /// It did not move although the core was told: a defect that would make the loop spin. It
        /// is told again at the given instant. Next: `told`.
        case stuck(until: Instant)
    }

    /// `isHangupIgnored`: reeve was started by `nohup`, and SIGHUP keeps having no effect.
    init(
        epoll: Epoll, signals: consuming SignalDescriptor, core: CoreCell, executor: Executor,
        view: CoreView, isHangupIgnored: Bool
    ) throws(Errno) {
        self.epoll = epoll
        self.signals = signals
        self.core = core
        self.executor = executor
        self.view = view
        self.isHangupIgnored = isHangupIgnored
        wallTimer = try WallTimer()
        let timerToken = Token(source: SourceKind.timer.rawValue, slot: 0)
        try epoll.add(wallTimer.descriptor, token: timerToken, interest: .readable)
        let token = Token(source: SourceKind.signals.rawValue, slot: 0)
        try epoll.add(self.signals.descriptor, token: token, interest: .readable)
    }

    /// Supervises until the core has asked for the end; returns its exit code.
    func run() -> Int32 {
        inbox.append(.began)
        while true {
            turn()
            if let code = executor.exitCode {
                executor.finish(until: Clock.now().monotonic + EventLoop.finishTime)
                return code
            }
        }
    }

    // MARK: The turn

    private func turn() {
        wait()
        let now = Clock.now()
        gather(at: now)
        executor.beginTurn(at: now)
        var handled = 0
        while handled < EventLoop.eventsPerTurnMax, let event = inbox.next() {
            executor.perform(core.supervisor.handle(event, at: now), at: now)
            handled += 1
            if case .timePassed = event { checkDeadline(at: now) }
            if executor.exitCode != nil { break }
        }
        executor.endTurn(at: now)
    }

    /// Arms the wall clock's timer: to the next occurrence, or far ahead, where it only tells that the
    /// clock was set. Without a schedule there is none.
    private func armWallTimer() {
        guard core.supervisor.hasSchedules else { return }
        let due = core.supervisor.nextWallDeadline ?? WallTimer.farAhead
        guard due != armedFor else { return }
        do {
            try wallTimer.arm(at: due)
            armedFor = due
        } catch {
            executor.reportDefect("arming the wall clock's timer failed: \(error)", at: Clock.now())
        }
    }

    /// Waits until something is ready or due; not at all while there is work left.
    private func wait() {
        ready.removeAll(keepingCapacity: true)
        armWallTimer()
        let hasWork = !inbox.isEmpty || hasChildrenToReap || executor.hasWork
        if !hasWork && !hasReleasedMemory {
            hasReleasedMemory = true
            ResidentMemory.release()
        }
        do {
            try epoll.wait(until: hasWork ? .zero : nextDeadline) { token, events in
                ready.append((token, events))
            }
        } catch {
            // EBADF, EFAULT and EINVAL are all it can be: a defect of reeve. The children are
            // looked after blindly from here on.
            executor.reportDefect("waiting for events failed: \(error)", at: Clock.now())
            hasChildrenToReap = true
        }
    }

    private var nextDeadline: Instant? {
        guard let own = coreDeadline else { return executor.nextDeadline }
        return min(own, executor.nextDeadline ?? own)
    }

    // MARK: Sources

    private func gather(at now: Moment) {
        // Outcomes first: whom a SIGKILL reached comes before the deaths that it brought about.
        inbox.append(contentsOf: executor.takeOutcomes())
        for (token, events) in ready { gather(token, events, at: now) }
        if hasChildrenToReap || executor.isReapingDue(at: now) {
            let reaping = executor.reap(named: namedChild, at: now)
            namedChild = nil
            hasChildrenToReap = reaping.isBounded
            inbox.append(contentsOf: reaping.events)
        }
        inbox.append(contentsOf: executor.timePassed(at: now))
        gatherDeadline(at: now)
    }

    private func gather(_ token: Token, _ events: PollEvents, at now: Moment) {
        switch SourceKind(rawValue: token.source) {
        case .signals:
            gatherSignals(at: now)
        case .output, .standardOut, .standardError, .scribe:
            executor.output.ready(token, events, at: now)
        case .listener, .client:
            inbox.append(contentsOf: executor.control.ready(token, events, at: now, view: view))
        case .ledger: executor.ledger?.ready(at: now)
        case .syslog: executor.syslog?.ready(at: now)
        case .configuration: executor.configurationChanged(at: now)
        case .launch: inbox.append(contentsOf: executor.launchReady(token))
        case .command: executor.commands.ready(token)
        case .probe:
            if let event = executor.prober.ready(token) { inbox.append(event) }
        case .notify: inbox.append(contentsOf: executor.notify.ready(token, at: now))
        case .timer:
            // The wall clock has come to an occurrence, or was set: the core compares the clocks.
            wallTimer.acknowledge()
            armedFor = nil
            inbox.append(.timePassed)
        case nil:
            executor.reportDefect("an event of an unknown source came: \(token)", at: now)
        }
    }

    // MARK: The core's deadline

    private var coreDeadline: Instant? {
        switch deadline {
        case .asks: core.supervisor.nextDeadline
        case .told(let instant), .stuck(until: let instant): instant
        }
    }

    private func gatherDeadline(at now: Moment) {
        switch deadline {
        case .told: return
        case .asks, .stuck: break
        }
        guard let due = coreDeadline, due <= now.monotonic else { return }
        deadline = .told(core.supervisor.nextDeadline ?? due)
        inbox.append(.timePassed)
    }

    /// The core was told that its deadline has come. If that is still its deadline, the loop would
    /// spin: the core is told again a little later.
    private func checkDeadline(at now: Moment) {
        guard case .told(let told) = deadline else { return }
        deadline = .asks
        guard let next = core.supervisor.nextDeadline, next <= now.monotonic, next == told else {
            return
        }
        deadline = .stuck(until: now.monotonic + EventLoop.stuckDeadlinePause)
        executor.reportDefect("a deadline that has come did not move", at: now)
    }

    // MARK: Signals

    private func gatherSignals(at now: Moment) {
        let received: [ReceivedSignal]
        do {
            received = try signals.read()
        } catch {
            executor.reportDefect("reading the pending signals failed: \(error)", at: now)
            return
        }
        for signal in received { gather(signal, at: now) }
    }

    private func gather(_ received: ReceivedSignal, at now: Moment) {
        switch received.signal {
        case .child:
            namedChild = hasChildrenToReap ? nil : received.sender
            hasChildrenToReap = true
        case .terminate, .interrupt, .quit, .powerFailure, .containerHalt:
            inbox.append(.shutdownRequested(.signal(received.signal)))
        case .hangup where isHangupIgnored:
            break
        case .hangup where received.isFromKernel:
            inbox.append(.shutdownRequested(.terminalClosed))
        case .hangup:
            inbox.append(.reloadRequested(reason: "SIGHUP"))
        default:
            executor.notice(
                .debug, "\(received.signal) has no meaning for reeve, ignored", at: now)
        }
    }
}

extension Signal {
    /// SIGCHLD.
    static let child = known(17)
    /// SIGPWR: how LXC asks an init to halt.
    static let powerFailure = known(30)
    /// SIGRTMIN+3: how systemd's containers are asked to halt.
    static let containerHalt = known(37)

    private static func known(_ number: Int32) -> Signal { Signal(number: number) ?? .terminate }
}
