// SPDX-License-Identifier: Apache-2.0
//
// The launchers at work. Each has the pid that its program will have, so it is the leader of its run from
// the first moment: a sweep reaches it, a stop ends it, and a reeve that comes after a crash knows it by its
// run id. What it tells comes over a pipe that the loop reads; what the pipe does not tell, its death does.
// So the core gets exactly one answer: the program has begun, it has not, or it was kept from it.

internal import ReeveCore
internal import ReeveLinux

/// Launchers whose programs have not begun.
final class Launches {
    /// What a launcher may tell, in bytes; the rest is read and dropped.
    private static let reportBytesMax = 32 << 10
    /// How long a launcher that was killed may take to be gone: one in the kernel's hands cannot be.
    private static let deathGrace = Duration.seconds(5)

    /// Whose program a launcher is to become.
    enum Purpose {
        case leader(Run)
        case stopCommand(Run)
        /// A command that is no run; whoever runs it answers for it.
        case command(Run)

        var run: Run {
            switch self {
            case .leader(let run), .stopCommand(let run), .command(let run): run
            }
        }
    }

    private final class Launch {
        let purpose: Purpose
        let process: ProcessIdentity
        let settings: LaunchSettings
        let timeout: Duration
        let token: Token
        var report: FileDescriptor?
        var bytes: [UInt8] = []
        var deadline: Instant
        /// Why it was killed.
        var killed: Killed?

        init(
            _ purpose: Purpose, _ process: ProcessIdentity, _ settings: LaunchSettings,
            timeout: Duration, token: Token, report: consuming FileDescriptor, at now: Instant
        ) {
            self.purpose = purpose
            self.process = process
            self.settings = settings
            self.timeout = timeout
            self.token = token
            self.report = consume report
            deadline = now + timeout
        }

        func isLeader(of id: RunID) -> Bool {
            if case .leader(let run) = purpose { run.id == id } else { false }
        }
    }

    private enum Killed { case abandoned, timedOut }

    private let epoll: Epoll
    private var launches: [PID: Launch] = [:]
    /// Of the token made last, whose slot is a pid.
    private var generation: UInt32 = 0
    private var buffer = [UInt8](repeating: 0, count: 4_096)
    /// No later than the first deadline.
    private(set) var nextDeadline: Instant?
    /// What could not be had for a program, not yet said.
    private var notes: [(run: Run, words: String)] = []

    init(epoll: Epoll) {
        self.epoll = epoll
    }

    /// Whether any launcher is at work.
    var isEmpty: Bool { launches.isEmpty }

    /// Takes on a launcher that was spawned. Throws where its pipe cannot be waited for.
    func begin(
        _ purpose: Purpose, _ process: ProcessIdentity, _ specification: SchedulerSpecification,
        report: consuming FileDescriptor, at now: Instant
    ) throws(Errno) {
        generation = Token.generation(after: generation)
        let token = Token(
            source: SourceKind.launch.rawValue, slot: UInt32(bitPattern: process.pid.number),
            generation: generation)
        try epoll.add(report, token: token, interest: .readable)
        let launch = Launch(
            purpose, process, specification.program.launch,
            timeout: specification.readiness.startTimeout, token: token, report: report, at: now)
        launches[process.pid] = launch
        note(launch.deadline)
    }

    private func note(_ deadline: Instant) {
        nextDeadline = min(nextDeadline ?? deadline, deadline)
    }

    func takeNotes() -> [(run: Run, words: String)] {
        defer { notes.removeAll() }
        return notes
    }

    // MARK: What is told

    /// A launcher has told something, or its program has begun.
    func ready(_ token: Token) -> [Event] {
        guard let launch = launches[PID(Int32(bitPattern: token.slot))], launch.token == token
        else { return [] }
        return read(launch) ? told(launch) : []
    }

    /// Reads what is there. Returns whether that was the end.
    private func read(_ launch: Launch) -> Bool {
        while launch.report != nil {
            let count: Int?
            do {
                count = try launch.report?.read(into: &buffer)
            } catch {
                // What cannot be read has ended; the death of the process tells the rest.
                count = 0
            }
            guard let count else { return false }
            if count == 0 {
                closeReport(of: launch)
                return true
            }
            let room = Launches.reportBytesMax - launch.bytes.count
            launch.bytes += buffer.prefix(min(count, max(0, room)))
        }
        return true
    }

    private func closeReport(of launch: Launch) {
        guard let report = launch.report.take() else { return }
        epoll.remove(report)
    }

    /// The pipe has ended. Unless the program has begun, the launcher's death says what follows.
    private func told(_ launch: Launch) -> [Event] {
        let report = LaunchReport(launch.bytes, launch.settings)
        guard report.hasBegun, report.failure == nil, launch.killed == nil else { return [] }
        finish(launch, report)
        return begun(launch)
    }

    private func begun(_ launch: Launch) -> [Event] {
        switch launch.purpose {
        case .leader(let run): [.spawned(run.id, launch.process)]
        case .stopCommand, .command: []
        }
    }

    private func finish(_ launch: Launch, _ report: LaunchReport) {
        notes += report.notes.map { (launch.purpose.run, $0) }
        closeReport(of: launch)
        launches[launch.process.pid] = nil
        if launches.isEmpty { nextDeadline = nil }
    }

    // MARK: The end

    /// What the death of a process means that a launcher was, or still is.
    enum End {
        /// The program has begun, and this is its own end.
        case program([Event])
        /// The program never began.
        case failed([Event])
    }

    /// A child was reaped; nil where no launcher of ours had its pid.
    func ended(_ pid: PID, _ status: ExitStatus) -> End? {
        guard let launch = launches[pid] else { return nil }
        // Whoever wrote is dead, so this is all.
        _ = read(launch)
        let report = LaunchReport(launch.bytes, launch.settings)
        finish(launch, report)
        if report.hasBegun, report.failure == nil, launch.killed == nil {
            return .program(begun(launch))
        }
        let failure = report.failure ?? silence(launch, status)
        switch launch.purpose {
        case .stopCommand(let run):
            return .failed([.stopCommandFailed(run.id, words: failure.words)])
        case .command(let run):
            run.launchFailure = failure
            return .program([])
        case .leader(let run):
            return .failed(
                launch.killed == .abandoned
                    ? [.spawnAbandoned(run.id)] : [.spawnFailed(run.id, failure)])
        }
    }

    private func silence(_ launch: Launch, _ status: ExitStatus) -> SpawnFailure {
        guard launch.killed == nil else {
            return SpawnFailure(errno: Errno.timedOut.code, words: timeoutWords(launch))
        }
        let how =
            switch status {
            case .exited(let code): "exit code \(code)"
            case .signalled(let signal, coreDumped: _): "\(signal)"
            }
        return SpawnFailure(
            errno: 0, words: "its launcher ended by \(how) before the program began")
    }

    private func timeoutWords(_ launch: Launch) -> String {
        let files =
            launch.settings.environmentFiles.isEmpty && launch.settings.secrets.isEmpty
            ? "its program or its directory" : "one of its files, its program or its directory"
        return "its program had not begun after the start-timeout of \(launch.timeout): \(files) "
            + "cannot be reached"
    }

    // MARK: Ending one

    /// Keeps a run's program from beginning, unless it has.
    func abandon(_ id: RunID) -> [Event] {
        guard let launch = launches.values.first(where: { $0.isLeader(of: id) }) else { return [] }
        if read(launch) {
            let events = told(launch)
            if !events.isEmpty { return events }
        }
        launch.killed = .abandoned
        kill(launch)
        return []
    }

    private func kill(_ launch: Launch) {
        // ESRCH cannot be: it has not been reaped. A launcher that changed its user is still ours to end,
        // since only root can do that.
        try? Signals.send(.kill, toUnreaped: launch.process.pid)
        launch.deadline = Clock.now().monotonic + Launches.deathGrace
        note(launch.deadline)
    }

    /// Ends launchers that take too long, and gives up those that cannot be ended.
    func timePassed(at now: Instant) -> [Event] {
        var events: [Event] = []
        nextDeadline = nil
        for launch in launches.values.sorted(by: { $0.process < $1.process }) {
            if launch.deadline <= now { events += due(launch) }
            if launches[launch.process.pid] === launch { note(launch.deadline) }
        }
        return events
    }

    private func due(_ launch: Launch) -> [Event] {
        guard let killed = launch.killed else {
            // A stop command has the stop's own time.
            if read(launch) {
                let events = told(launch)
                if !events.isEmpty || launches[launch.process.pid] == nil { return events }
            }
            launch.killed = .timedOut
            kill(launch)
            return []
        }
        // SIGKILL is pending and the kernel does not let go of it. It stays a child of reeve.
        finish(launch, LaunchReport())
        switch (launch.purpose, killed) {
        case (.leader(let run), .abandoned):
            // The stop goes on with what is there, and names it as a survivor.
            return [.spawned(run.id, launch.process)]
        case (.leader(let run), .timedOut):
            let words =
                timeoutWords(launch) + "; SIGKILL does not end it (pid \(launch.process.pid))"
            return [
                .spawnFailed(run.id, SpawnFailure(errno: Errno.timedOut.code, words: words))
            ]
        case (.command, _):
            // It has a time of its own.
            return []
        case (.stopCommand(let run), _):
            return [.stopCommandFailed(run.id, words: timeoutWords(launch))]
        }
    }
}
