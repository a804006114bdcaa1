// SPDX-License-Identifier: Apache-2.0

internal import ReeveControl
internal import ReeveCore
internal import ReeveLinux

/// A supervisor, put together from its specification and what the machine offers.
final class Assembly {
    private let runtime: RuntimeDirectory
    private let state: StateDirectory
    private let loop: EventLoop
    /// The control socket that was made here; nil where it came from a service manager.
    private let socket: SocketIdentity?

    /// Everything up to the first turn. Throws where reeve cannot do without; says what it does
    /// without.
    init(
        _ specification: Specification, signals: consuming SignalDescriptor, isHangupIgnored: Bool
    ) throws(StartFailure) {
        let settings = specification.supervisor
        var notices: [StartNotice] = []
        Machine.becomeReaper(&notices)
        Machine.checkProcesses(&notices)
        let childOpenFiles = Machine.raiseOpenFiles(&notices)
        notices += ContainerNotices.make(
            for: specification, memory: ContainerMemory.current(), isFirst: Host.pid.number == 1)
        let group = try Machine.group(settings.controlGroup)
        runtime = try RuntimeDirectory.take(settings, group: group, notices: &notices)
        state = try StateDirectory.take(settings, random: Host.random, notices: &notices)
        let specification = specification.keepingRegistered(in: state.path, &notices)
        let tails = runtime.tails(notices: &notices)
        let notify = runtime.notifySockets(notices: &notices)
        let activated = ActivationSocket.take(&notices)
        let parts: Parts
        do throws(SystemFailure) {
            parts = try Parts(
                specification, state: state, tails: tails, notify: notify,
                childOpenFiles: childOpenFiles)
        } catch {
            throw StartFailure(error)
        }
        for notice in notices { parts.output.notice(notice.level, notice.words, at: parts.start) }
        parts.endEarlierRuns(of: state)
        let listener: FileDescriptor
        if let activated {
            listener = activated
            socket = nil
        } else {
            do throws(SystemFailure) {
                listener = try UnixSocket.listen(
                    at: runtime.socketPath, mode: settings.controlMode, group: group)
            } catch {
                throw StartFailure(error)
            }
            socket = UnixSocket.identity(at: runtime.socketPath)
        }
        do throws(Errno) {
            let control = try ControlServer(
                epoll: parts.epoll, listener: listener,
                access: ControlAccess(mode: settings.controlMode, group: group ?? Host.group),
                epoch: StateIdentifier.text(of: parts.seed), output: parts.output)
            loop = try parts.loop(control, signals: signals, isHangupIgnored: isHangupIgnored)
        } catch {
            throw StartFailure("the event loop cannot be made: \(error)", code: 71)
        }
    }

    /// Supervises until everything has ended. Returns reeve's exit code.
    func run() -> Int32 {
        let code = loop.run()
        UnixSocket.remove(runtime.socketPath, ifStill: socket)
        return code
    }
}

/// What the loop is made of, as far as it needs no other part of itself.
private struct Parts {
    let start = Clock.now()
    let seed: UInt64
    let epoll: Epoll
    let output: OutputHub
    let proc = ProcFS()
    let processes: Processes
    let readers: Readers
    let core: CoreCell
    let ledger: Ledger?
    let failures: FailureStore
    /// Where notify sockets are made; nil: in the abstract namespace.
    private let notifyDirectory: String?
    private let variables = Environment.current()

    init(
        _ specification: Specification, state: borrowing StateDirectory, tails: String?,
        notify: String?, childOpenFiles: UInt64?
    ) throws(SystemFailure) {
        notifyDirectory = notify
        do throws(Errno) {
            seed = try Host.random()
            epoll = try Epoll()
        } catch {
            throw SystemFailure("the event loop cannot be made", error)
        }
        output = OutputHub(
            epoll: epoll, specification: specification, tailDirectory: tails, environment: variables
        )
        processes = Processes(
            origin: state.origin, own: Host.pid, proc: proc,
            spawner: try ProcessSpawner(childOpenFiles: childOpenFiles, processes: proc),
            environment: ChildEnvironment(own: .current(), names: variables.map(\.name)),
            launches: Launches(epoll: epoll))
        readers = Readers(processes)
        let scribe = Parts.scribe(epoll, processes, state: state.path)
        output.use(scribe)
        ledger = Parts.ledger(in: state.path, epoll, output, at: start)
        failures = FailureStore(
            directory: state.path, tails: output.tails, at: start
        ) { [output] level, words in output.notice(level, words, at: Clock.now()) }
        scribe.bundles = failures
        failures.onDue = { now in
            scribe.begin(at: now)
            scribe.flush(at: now)
        }
        let names = Set(specification.schedulers.map(\.name))
        ledger?.forgetOthers(than: names)
        failures.forgetOthers(than: names)
        core = CoreCell(
            Supervisor(
                specification, wishes: ledger?.index.wishes ?? [],
                history: LedgerHistory(
                    entries: ledger?.history() ?? [], boot: Host.boot(proc)),
                origin: state.origin, seed: seed, at: start))
    }

    /// What writes log files and what failed runs leave.
    private static func scribe(
        _ epoll: Epoll, _ processes: Processes, state: String?
    ) -> ScribeLink {
        ScribeLink(epoll: epoll, directory: LogDirectory.path(state: state)) {
            (socket, mark) throws(SpawnFailure) in
            var streams = ChildStreams(stdout: .descriptor(mark), stderr: .null)
            streams.stdin = .descriptor(socket)
            return try processes.spawnHelper(
                role: ScribeRole.name, arguments: [], isSpared: true, streams: streams)
        }
    }

    /// The ledger of the state directory; nil, and said, where there is none or it cannot be used.
    private static func ledger(
        in directory: String?, _ epoll: Epoll, _ output: OutputHub, at start: Moment
    ) -> Ledger? {
        guard let directory else { return nil }
        do {
            return try Ledger(directory: directory, epoll: epoll) { level, words in
                output.notice(level, words, at: Clock.now())
            }
        } catch {
            output.notice(
                .error,
                "\(error.words); going on without it: what ran, was missed and was stopped by an "
                    + "operator is not known after a restart of reeve",
                at: start)
            return nil
        }
    }

    /// Before the first spawn. A state directory that is not kept, or was just made, has no earlier runs.
    func endEarlierRuns(of state: borrowing StateDirectory) {
        guard !state.isNew else { return }
        do throws(Errno) {
            let runs = try EarlierRuns(origin: state.origin, proc: proc)
            runs.end { output.notice($0, $1, at: Clock.now()) }
        } catch {
            output.notice(
                .warning, "what an earlier reeve may have left is not looked for: \(error)",
                at: start)
        }
    }

    private func notifySockets() -> NotifySockets {
        NotifySockets(
            epoll: epoll, discards: readers.discards, directory: notifyDirectory,
            member: { [processes] pid, run in
                processes.table[run].flatMap { processes.survey($0) }?
                    .first { $0.identity.pid == pid }?.identity
            },
            say: { [output] name, run, sentence in
                output.notice(.warning, "\(name), run \(run): \(sentence)", at: Clock.now())
            })
    }

    func loop(
        _ control: ControlServer, signals: consuming SignalDescriptor, isHangupIgnored: Bool
    ) throws(Errno) -> EventLoop {
        output.onNotice = { [control] record in control.publish(record) }
        let manager = ManagerNotifier(
            environment: variables.map { ($0.name, $0.value) }, at: start
        ) { [output] level, words in
            output.notice(level, words, at: Clock.now())
        }
        let view = CoreView(of: core, processes, ledger, failures, readers.bundles, output)
        readers.bundles.onEnd = { [control] in control.readingEnded($0) }
        let executor = Executor(
            processes: processes, output: output, control: control, manager: manager,
            commands: Commands(epoll: epoll, processes: processes, output: output),
            prober: Prober(epoll: epoll), notify: notifySockets(), readers: readers,
            ledger: ledger, failures: failures, core: core, view: view, epoll: epoll, at: start)
        return try EventLoop(
            epoll: epoll, signals: signals, core: core, executor: executor, view: view,
            isHangupIgnored: isHangupIgnored)
    }
}

extension Specification {
    /// The same, where it was made with what is registered in this state directory. Where reeve goes on
    /// without one, they belong to whoever has it, and nothing can be registered.
    fileprivate func keepingRegistered(
        in directory: String?, _ notices: inout [StartNotice]
    ) -> Specification {
        let registered = schedulers.filter { $0.origin == .registered }
        var kept = self
        if let directory {
            kept.supervisor.registeredDirectory = StateLocation.registered(in: directory)
            if !registered.isEmpty {
                notices.append(
                    .info("registered, beside those of the file: \(names(of: registered))"))
            }
            return kept
        }
        kept.supervisor.registeredDirectory = nil
        kept.schedulers.removeAll { $0.origin == .registered }
        if !registered.isEmpty {
            notices.append(
                .warning(
                    "without its state directory reeve does not run what is registered: "
                        + names(of: registered)))
        }
        return kept
    }

    private func names(of schedulers: [SchedulerSpecification]) -> String {
        let shown = schedulers.prefix(16).map(\.name.text).joined(separator: ", ")
        return schedulers.count > 16 ? "\(shown) and \(schedulers.count - 16) more" : shown
    }
}

extension CoreView {
    /// Reads the core of a loop, and the processes where a fresh sample is wanted.
    fileprivate init(
        of core: CoreCell, _ processes: Processes, _ ledger: Ledger?, _ failures: FailureStore,
        _ bundles: BundleReader, _ output: OutputHub
    ) {
        self.init(
            status: { core.supervisor.status(at: $0) },
            schedulerStatus: { core.supervisor.status(of: $0, at: $1) },
            schedulerCount: { core.supervisor.schedulerCount },
            schedulerNamed: { core.supervisor.scheduler(named: $0) },
            schedulerOfRun: { core.supervisor.scheduler(of: $0) },
            specification: { core.supervisor.specification(of: $0) },
            sampleMemory: { scheduler in
                processes.table.run(of: scheduler).flatMap {
                    processes.sample($0, by: core.supervisor.measure(of: $0))
                }
            },
            sampleRun: { run in
                processes.table[run].flatMap {
                    processes.sample($0, by: core.supervisor.measure(of: $0))
                }
            },
            coming: { core.supervisor.coming($1, of: $0, at: $2) },
            orphans: { processes.orphans() },
            entries: { scheduler, count in
                guard let ledger, let name = core.supervisor.specification(of: scheduler)?.name
                else { return [] }
                return ledger.entries(of: name, last: count)
            },
            metrics: { id, now in
                guard var metrics = core.supervisor.metrics(of: id, at: now) else { return nil }
                for run in core.supervisor.status(of: id, at: now)?.runs ?? [] {
                    guard let run = processes.table[run.id] else { continue }
                    metrics.processorTime = metrics.processorTime + processes.processorTime(of: run)
                }
                return metrics
            },
            alerts: { core.supervisor.alerts(of: $0, at: $1) },
            failure: { scheduler, run in
                guard let name = core.supervisor.specification(of: scheduler)?.name else {
                    return nil
                }
                switch failures.find(name, run: run) {
                case .waits(let kept): return .kept(kept)
                case .file(let path):
                    let reading = BundleReading(path: path, run: run)
                    bundles.begin(reading, at: Clock.now())
                    return .reading(reading)
                case .nothing: return nil
                }
            },
            supervisorSettings: { core.supervisor.supervisorSettings },
            standing: { core.supervisor.standing(of: $0) },
            components: { core.supervisor.components },
            shellComponents: { now in
                let report = output.scribe?.report(at: now) { pid in
                    // Gone, or not to be read: not known.
                    try? processes.proc.resident(pid)
                }
                return report.map { [$0] } ?? []
            })
    }
}

/// What is asked of the machine once, at start.
private enum Machine {
    /// Orphans among the descendants become reeve's children. As PID 1 they do so anyway.
    static func becomeReaper(_ notices: inout [StartNotice]) {
        guard Host.pid.number != 1 else { return }
        do {
            try Subreaper.enable()
        } catch {
            notices.append(
                .warning(
                    "reeve cannot become a subreaper (\(error)), "
                        + "what outlives its parent is out of its sight"))
        }
    }

    /// What reeve sees of processes decides what a stop can end; less than usual is said.
    static func checkProcesses(_ notices: inout [StartNotice]) {
        let proc = ProcFS()
        do {
            _ = try proc.stat(Host.pid)
        } catch {
            notices.append(
                .warning(
                    "/proc cannot be read (\(error)), what a leader leaves behind is not seen "
                        + "and memory is not known"))
            return
        }
        if !proc.listsChildren {
            notices.append(
                .info("this kernel keeps no lists of children, parentage is read from all of /proc")
            )
        }
        if proc.hidesOthers {
            notices.append(
                .info(
                    "/proc hides other users' processes: of a program that changes its user the "
                        + "pid is known, its name and memory are not"
                ))
        }
    }

    /// Children get the limit that reeve was started with; nil where it could not be changed.
    static func raiseOpenFiles(_ notices: inout [StartNotice]) -> UInt64? {
        do {
            return try OpenFilesLimit.raise().soft
        } catch {
            notices.append(.warning("the limit of open files cannot be raised: \(error)"))
            return nil
        }
    }

    static func group(_ name: String?) throws(StartFailure) -> UInt32? {
        guard let name else { return nil }
        do {
            return try Host.group(named: name)
        } catch {
            throw StartFailure("control-group: \(error.words)", code: 78)
        }
    }
}
