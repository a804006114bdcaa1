// SPDX-License-Identifier: Apache-2.0
//
// Launchers as the loop sees them. What stands for one here is a shell that writes to descriptor 4 what a
// launcher would, so that every moment of one can be held still.

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

@Suite struct ProcessesLaunchTests {
    /// A launcher that runs a script, and the run that it is the leader of.
    private static func launch(_ nursery: Nursery, _ script: String) throws -> Run {
        let id = RunID(order: UInt64.random(in: 1...(1 << 40)), origin: Nursery.origin)
        let memory = try Memfd.sealed(name: "order", contents: [0].span)
        let request = try SpawnRequest(
            arguments: ["/bin/sh", "-c", script], environment: .current())
        var made: Run?
        try Pipe.make().split { reading, writing throws(Errno) in
            do {
                let process = try nursery.processes.spawner.spawn(
                    request, streams: ChildStreams(stdout: .null, stderr: .null), handing: memory,
                    writing
                ).identity
                let run = Run(id: id, .program(SchedulerID(0)), leader: process)
                nursery.processes.table.add(run)
                let specification = try nursery.specification(["x"])
                try nursery.processes.launches.begin(
                    .leader(run), process, specification, report: reading,
                    at: Clock.now().monotonic)
                made = run
            } catch {
                throw .invalid
            }
        }
        return try #require(made)
    }

    @Test func `each end of a launcher has its answer`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let table: [(String, (Event, Run) -> Bool)] = [
                ("echo exec >&4", { event, run in event == .spawned(run.id, run.leader) }),
                (
                    "echo 'fail 2 no such file' >&4; exit 126",
                    { event, run in
                        event
                            == .spawnFailed(run.id, SpawnFailure(errno: 2, words: "no such file"))
                    }
                ),
                (
                    "echo exec >&4; echo 'fail 13 not permitted' >&4; exit 126",
                    { event, run in
                        event
                            == .spawnFailed(run.id, SpawnFailure(errno: 13, words: "not permitted"))
                    }
                ),
                (
                    "kill -SEGV $$",
                    { event, run in
                        let words = "its launcher ended by SIGSEGV before the program began"
                        return event == .spawnFailed(run.id, SpawnFailure(errno: 0, words: words))
                    }
                ),
            ]
            for (script, isAnswer) in table {
                let run = try ProcessesLaunchTests.launch(nursery, script)
                nursery.wait("the answer to \(script)") {
                    nursery.events.contains { isAnswer($0, run) }
                }
                let isProgram = script == "echo exec >&4"
                if isProgram { nursery.wait("its end") { nursery.exit(of: run) != nil } }
                #expect((nursery.exit(of: run) != nil) == isProgram, "\(script)")
            }
            #expect(nursery.processes.launches.isEmpty)
            #expect(nursery.processes.launches.nextDeadline == nil)
            nursery.end()
        }
    }

    @Test func `one that is abandoned never begins; one that has begun is not touched`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let early = try ProcessesLaunchTests.launch(nursery, "exec sleep 1000")
            #expect(nursery.processes.launches.abandon(early.id) == [])
            nursery.wait("the answer") { nursery.events.contains(.spawnAbandoned(early.id)) }
            #expect(nursery.exit(of: early) == nil)
            // It said so and closed the pipe, as an exec does.
            let late = try ProcessesLaunchTests.launch(
                nursery, "echo exec >&4; exec sleep 1000 4>&-")
            let deadline = Clock.now().monotonic + .seconds(10)
            var events: [Event] = []
            while events.isEmpty, Clock.now().monotonic < deadline {
                try nursery.epoll.wait(until: deadline) { token, _ in
                    events += nursery.processes.launches.ready(token)
                }
            }
            #expect(events == [.spawned(late.id, late.leader)])
            #expect(nursery.processes.launches.abandon(late.id) == [])
            #expect(nursery.processes.survey(late).map(\.name) == ["sleep"])
            nursery.end()
        }
    }

    @Test func `the death of one whose run was forgotten is noted, so that its pid is let go`()
        async
    {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let launches = nursery.processes.launches
            let run = try ProcessesLaunchTests.launch(nursery, "exec sleep 1000")
            _ = nursery.processes.kill(run)
            nursery.processes.table.forget(run.id)
            nursery.wait("its end") { launches.isEmpty }
            #expect(launches.nextDeadline == nil)
            #expect(nursery.events == [])
            nursery.end()
        }
    }

    /// Nobody can hold a process against SIGKILL; not reaping it looks the same to what waits for its end.
    @Test func `one that cannot be killed is given up, to its stop or as a failure`() async {
        await #expect(processExitsWith: .success) {
            let nursery = try Nursery()
            let launches = nursery.processes.launches
            let stopped = try ProcessesLaunchTests.launch(nursery, "exec sleep 1000")
            #expect(launches.abandon(stopped.id) == [])
            let now = Clock.now().monotonic
            #expect(launches.timePassed(at: now) == [])
            #expect(
                launches.timePassed(at: now + .seconds(6)) == [.spawned(stopped.id, stopped.leader)]
            )
            // Its end is the run's from here on.
            nursery.wait("its end") { nursery.exit(of: stopped) != nil }

            let slow = try ProcessesLaunchTests.launch(nursery, "exec sleep 1000")
            #expect(launches.timePassed(at: now + .seconds(30)) == [])
            #expect(launches.timePassed(at: now + .seconds(90)) == [])
            let failures = launches.timePassed(at: now + .seconds(180))
            guard case .spawnFailed(slow.id, let failure)? = failures.first else {
                Issue.record("\(failures)")
                return
            }
            #expect(failure.words.contains("SIGKILL does not end it (pid \(slow.leader.pid))"))
            #expect(launches.isEmpty && launches.nextDeadline == nil)
            nursery.end()
        }
    }
}
