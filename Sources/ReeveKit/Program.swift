// SPDX-License-Identifier: Apache-2.0
//
// The life of a program, from the first signal that it hears to its exit code. One task goes through it; what
// can be cancelled runs in a task of its own, so that `onStop` and the last cleanup are not.

internal import Glibc
internal import ReeveCore
internal import ReeveLinux
internal import Synchronization

/// One scheduler as a whole program.
struct Program<Kind: Scheduler> {
    /// Runs it. Returns the exit code.
    func run() async -> Int32 {
        if Array(ProcessArguments.texts().dropFirst()) == [HealthQuestion.argument] {
            return HealthQuestion.ask()
        }
        // What is printed goes to a pipe and is looked at now, not when four kilobytes have come together.
        StandardStreams.bufferLines()
        let surroundings = Surroundings()
        let desk = Desk(surroundings)
        do throws(Errno) {
            _ = try Attendant(
                onSignal: { desk.received($0) }, onQuestion: { desk.isAsked(by: $0) })
        } catch {
            say("the program cannot begin, since it would not hear any signal: \(error)")
            return 71
        }
        do {
            let scheduler = try await desk.stopping.heeded { try await Kind() }
            return await live(scheduler, surroundings, desk)
        } catch {
            return desk.exitCode(after: error, in: "the start")
        }
    }

    private func live(
        _ scheduler: Kind, _ surroundings: Surroundings, _ desk: Desk
    ) async -> Int32 {
        let cleaning = Cleaning { try await scheduler.cleanup() }
        var code: Int32
        do {
            try await desk.stopping.heeded { try await scheduler.onStart() }
            desk.begin(
                Desk.Work(
                    health: HealthCheck { try await scheduler.healthCheck() }, cleaning: cleaning))
            let context = ExecutionContext(
                surroundings, stopping: desk.stopping, standing: desk.standing)
            code = await work(scheduler, context, desk)
        } catch {
            code = desk.exitCode(after: error, in: "the start")
        }
        await cleaning.finish()
        return code
    }

    /// From readiness to the end of `onStop`.
    private func work(_ scheduler: Kind, _ context: ExecutionContext, _ desk: Desk) async -> Int32 {
        var code: Int32 = 0
        if !desk.stopping.isRequested {
            if Kind.readiness == .afterStart { desk.standing.becomeReady() }
            do {
                try await desk.stopping.heeded { try await scheduler.execute(context) }
            } catch {
                code = desk.exitCode(after: error, in: "the execution")
            }
        } else {
            code = desk.exitCode(after: CancellationError(), in: "the start")
        }
        desk.end()
        do {
            try await scheduler.onStop()
        } catch {
            let ownCode = desk.exitCode(after: error, in: "the orderly end")
            if code == 0 { code = ownCode }
        }
        return code
    }
}

/// Where what comes from outside meets what runs.
final class Desk: Sendable {
    /// What can be asked of a scheduler between its start and its end.
    struct Work: Sendable {
        let health: HealthCheck
        let cleaning: Cleaning
    }

    let stopping = StopRequest()
    let standing: Standing
    private let work = Mutex<Work?>(nil)
    private let watchdog: Swift.Duration?
    private let isSupervised: Bool

    init(_ surroundings: Surroundings) {
        let notifier = Notifier(to: surroundings.notifySocket)
        standing = Standing(notifier)
        watchdog = notifier.isHeard ? surroundings.watchdog : nil
        isSupervised = surroundings.isSupervised
    }

    /// From now on there is somebody to ask.
    func begin(_ work: Work) {
        self.work.withLock { $0 = work }
        guard let watchdog else { return }
        let dog = Watchdog(period: watchdog, health: work.health, standing: standing)
        standing.whenReady { Task(priority: .high) { await dog.run() } }
    }

    /// From now on there is not.
    func end() {
        standing.beginStopping()
        work.withLock { $0 = nil }
    }

    /// A signal came, on the attendant's thread.
    func received(_ signal: Signal) {
        if signal == .user1 {
            // Before the start nothing is there to be given up, and at the end everything is anyway.
            guard let cleaning = work.withLock({ $0?.cleaning }) else { return }
            Task { await cleaning.request() }
            return
        }
        let isFirst = stopping.request(by: signal)
        standing.beginStopping()
        // Ctrl-C for the second time. A supervisor that repeats its signal means nothing else by it, and knows
        // other means.
        if !isFirst, signal == .interrupt, !isSupervised { _exit(130) }
    }

    /// Somebody waits for the health, on the attendant's thread.
    func isAsked(by asker: HealthAsker) {
        switch standing.phase {
        case .starting: asker.answer(.failed("it is not ready yet"))
        case .stopping: asker.answer(.failed("it is stopping"))
        case .ready:
            guard let health = work.withLock({ $0?.health }) else { return }
            Task(priority: .high) { asker.answer(await health.answer()) }
        }
    }

    /// Says what failed; nothing where an end that was asked for is all there is. Returns the exit code: that of
    /// the error, 0 after SIGTERM, and 130 after SIGINT as a shell expects, so that a script does not go on.
    func exitCode(after error: any Error, in part: String) -> Int32 {
        if error is CancellationError, let signal = stopping.signal {
            return signal == .interrupt ? 130 : 0
        }
        let code = exitCodeChosen(by: error)
        say("\(part) failed, exit code \(code): \(error)")
        return code
    }
}
