// SPDX-License-Identifier: Apache-2.0
//
// Auxiliary commands with real processes; each test in a process of its own, as those of `Processes`.

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

/// Commands beside runs, and a loop that drives them.
private final class CommandBench {
    let nursery: Nursery
    let commands: Commands
    private(set) var outcomes: [CommandID: CommandOutcome] = [:]
    private(set) var answers = 0
    private let epoll: Epoll
    private var number: UInt64 = 1_000

    init() throws {
        nursery = try Nursery()
        epoll = try Epoll()
        let hub = OutputHub(
            epoll: epoll, specification: Specification(), tailDirectory: nil, environment: [])
        commands = Commands(epoll: epoll, processes: nursery.processes, output: hub)
        nursery.onReaping = { [unowned self] in turn(after: $0) }
    }

    func start(
        _ script: String, about run: Run? = nil, timeout: Duration = .seconds(10),
        input: String = ""
    ) throws -> CommandID {
        try start(["/bin/sh", "-c", script], about: run, timeout: timeout, input: input)
    }

    func start(
        _ arguments: [String], about run: Run? = nil, timeout: Duration = .seconds(10),
        input: String = ""
    ) throws -> CommandID {
        number += 1
        let id = CommandID(RunID(order: number, origin: Nursery.origin))
        let command = AuxiliaryCommand(
            .healthCheck, for: SchedulerID(0), about: run?.id, arguments: arguments,
            timeout: timeout)
        try commands.start(
            id, command, try nursery.specification(["unused"]), input: Array(input.utf8),
            at: Clock.now())
        return id
    }

    func wait(_ what: Comment, until condition: () -> Bool) {
        nursery.wait(what, until: condition)
    }

    func outcome(of id: CommandID) -> CommandOutcome? {
        wait("command \(id) is answered") { outcomes[id] != nil }
        return outcomes[id]
    }

    private func turn(after reaping: Processes.Reaping) {
        let now = Clock.now()
        _ = try? epoll.wait(until: .zero) { token, _ in commands.ready(token) }
        var events = reaping.commands.compactMap { id, status in
            status.map { commands.ended(id, $0, at: now) } ?? commands.diminished(id, at: now)
        }
        if let due = commands.nextDeadline, due <= now.monotonic {
            events += commands.timePassed(at: now)
        }
        for case .commandEnded(let id, let outcome) in events {
            outcomes[id] = outcome
            answers += 1
        }
    }
}

@Suite struct CommandsTests {
    @Test func `a command tells its end and the last that it wrote`() async {
        await #expect(processExitsWith: .success) {
            let bench = try CommandBench()
            let id = try bench.start("echo one; echo two >&2; printf 'th\\033ree'; exit 3")
            #expect(
                bench.outcome(of: id) == .ended(.exited(code: 3), output: "one\ntwo\nth ree"))
            #expect(bench.commands.count == 0 && bench.commands.nextDeadline == nil)
            bench.nursery.end()
        }
    }

    @Test func `a command that writes without end is read and of it the last is kept`() async {
        await #expect(processExitsWith: .success) {
            let bench = try CommandBench()
            let id = try bench.start("head -c 3000000 /dev/zero | tr '\\0' x; printf end")
            guard case .ended(.exited(code: 0), let output) = bench.outcome(of: id) else {
                Issue.record("it did not end")
                return
            }
            #expect(output.utf8.count == 4_096 && output.hasSuffix("xend"))
            bench.nursery.end()
        }
    }

    @Test func `at its timeout the whole tree is killed, what left the session too`() async {
        await #expect(processExitsWith: .success) {
            let bench = try CommandBench()
            let id = try bench.start(
                "echo begun; (setsid sleep 100 &) ; trap '' TERM; sleep 100",
                timeout: .milliseconds(300))
            #expect(bench.outcome(of: id) == .timedOut(output: "begun"))
            bench.wait("nothing is left") {
                bench.nursery.processes.sweep(nil).alive.isEmpty
            }
            #expect(bench.answers == 1)
            bench.nursery.end()
        }
    }

    @Test func `what a command leaves behind is killed, and its own end is told`() async {
        await #expect(processExitsWith: .success) {
            let bench = try CommandBench()
            let id = try bench.start("sleep 100 & (setsid sleep 100 &) ; exit 0")
            #expect(bench.outcome(of: id) == .ended(.exited(code: 0), output: ""))
            bench.wait("nothing is left") {
                bench.nursery.processes.sweep(nil).alive.isEmpty
            }
            #expect(bench.answers == 1)
            bench.nursery.end()
        }
    }

    @Test func `a command that is not wanted any more is killed and answered`() async {
        await #expect(processExitsWith: .success) {
            let bench = try CommandBench()
            let id = try bench.start("sleep 100")
            bench.commands.end(id, at: Clock.now())
            bench.commands.end(id, at: Clock.now())
            #expect(
                bench.outcome(of: id)
                    == .ended(.signalled(.kill, coreDumped: false), output: ""))
            #expect(bench.answers == 1)
            bench.nursery.end()
        }
    }

    @Test func `a command's processes are neither the run's that it is about nor strangers`() async
    {
        await #expect(processExitsWith: .success) {
            let bench = try CommandBench()
            let run = try bench.nursery.spawn("exec sleep 100")
            let id = try bench.start("(setsid sleep 100 &) ; sleep 100", about: run)
            let processes = bench.nursery.processes
            bench.wait("the daemon has come to reeve") {
                processes.adoptStrangers(.always)
                return processes.table.children.count == 3
            }
            #expect(processes.survey(run).map(\.identity) == [run.leader])
            #expect(processes.orphans().count == 0 && processes.strangers.isEmpty)
            #expect(processes.table.run(of: SchedulerID(0)) === run)
            _ = processes.kill(run)
            #expect(bench.outcomes[id] == nil && bench.commands.count == 1)
            bench.commands.end(id, at: Clock.now())
            _ = bench.outcome(of: id)
            bench.nursery.end()
        }
    }

    @Test func `a command knows what it is for, the run that it is about, and its input`() async {
        await #expect(processExitsWith: .success) {
            let bench = try CommandBench()
            let run = try bench.nursery.spawn("exec sleep 100")
            let id = try bench.start(
                "echo $REEVE_COMMAND $REEVE_SCHEDULER $REEVE_ABOUT_RUN $MAINPID $REEVE_RUN_ID; cat",
                about: run, input: "read me")
            let words =
                "health-check test \(run.id) \(run.leader.pid) \(id)\nread me"
            #expect(bench.outcome(of: id) == .ended(.exited(code: 0), output: words))
            bench.nursery.end()
        }
    }

    @Test func `a program that is missing is said, and nothing is kept`() async {
        await #expect(processExitsWith: .success) {
            let bench = try CommandBench()
            _ = bench.outcome(of: try bench.start("exit 0"))
            let before = descriptors()
            do {
                _ = try bench.start(["/nonexistent/check"])
                Issue.record("it was started")
            } catch let failure as SpawnFailure {
                #expect(failure.words.contains("/nonexistent/check"))
            }
            #expect(bench.commands.count == 0 && descriptors() == before)
            for _ in 0..<20 { _ = bench.outcome(of: try bench.start("exit 0")) }
            #expect(descriptors() == before)
            bench.nursery.end()
        }
    }
}

private func descriptors() -> Int {
    (0..<1_024).reduce(0) { $0 + (fcntl(Int32($1), F_GETFD) >= 0 ? 1 : 0) }
}
