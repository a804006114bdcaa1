// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

@Suite struct ProcessesEnvironmentTests {
    private let run = RunID(order: 3, origin: 4)

    private func environment(_ own: [String: String]) throws -> ChildEnvironment {
        var block = EnvironmentBlock()
        for (name, value) in own.sorted(by: { $0.key < $1.key }) { try block.set(name, value) }
        return ChildEnvironment(own: block, names: own.keys.sorted())
    }

    private func specification() throws -> SchedulerSpecification {
        SchedulerSpecification(
            name: try #require(SchedulerName("web")), program: Program(arguments: ["true"]))
    }

    @Test func `a child gets what reeve has, and the names of its run`() throws {
        let block = try environment(["PATH": "/bin", "LANG": "C"])
            .block(for: specification(), run: run, attempt: 1)
        #expect(block.value(of: "PATH") == "/bin")
        #expect(block.value(of: "LANG") == "C")
        #expect(block.value(of: "REEVE_RUN_ID") == run.description)
        #expect(block.value(of: "REEVE_RUN_PATH") == run.description)
        #expect(block.value(of: "REEVE_SCHEDULER") == "web")
        #expect(block.value(of: "REEVE_ATTEMPT") == "1")
        #expect(block.count == 6)
    }

    @Test func `what was meant for reeve is withheld`() throws {
        let own = [
            "NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2",
            "LISTEN_FDS": "1", "LISTEN_PID": "2", "LISTEN_FDNAMES": "a",
            "CREDENTIALS_DIRECTORY": "/run/c", "JOURNAL_STREAM": "8:1", "SWIFT_BACKTRACE": "x",
            "REEVE_ROLE": "supervisor:3", "REEVE_SCHEDULED_AT": "then",
        ]
        let block = try environment(own).block(for: specification(), run: run, attempt: 1)
        for name in own.keys { #expect(block.value(of: name) == nil, "\(name) is inherited") }
    }

    @Test func `the journal's stream goes on only to a child that inherits the output`() throws {
        var specification = try specification()
        specification.log.destination = .inherit
        let block = try environment(["JOURNAL_STREAM": "8:1"])
            .block(for: specification, run: run, attempt: 1)
        #expect(block.value(of: "JOURNAL_STREAM") == "8:1")
    }

    @Test func `a scheduler's own variables win, but not over the run's names`() throws {
        var specification = try specification()
        specification.program.environment = [
            EnvironmentVariable(name: "LANG", value: "de"),
            EnvironmentVariable(name: "NOTIFY_SOCKET", value: "/mine"),
            EnvironmentVariable(name: "REEVE_RUN_ID", value: "forged"),
        ]
        let block = try environment(["LANG": "C", "NOTIFY_SOCKET": "/run/x"])
            .block(for: specification, run: run, attempt: 2)
        #expect(block.value(of: "LANG") == "de")
        #expect(block.value(of: "NOTIFY_SOCKET") == "/mine")
        #expect(block.value(of: "REEVE_RUN_ID") == run.description)
        #expect(block.value(of: "REEVE_ATTEMPT") == "2")
    }

    @Test func `a cleared environment has the scheduler's variables and the run's names only`()
        throws
    {
        var specification = try specification()
        specification.program.clearEnvironment = true
        specification.program.environment = [EnvironmentVariable(name: "A", value: "b")]
        let block = try environment(["PATH": "/bin"])
            .block(for: specification, run: run, attempt: 1)
        #expect(block.count == 5)
        #expect(block.value(of: "PATH") == nil)
    }

    @Test func `a reeve below another one appends to the path of runs`() throws {
        let block = try environment(["REEVE_RUN_PATH": "OUTER", "REEVE_RUN_ID": "OUTER"])
            .block(for: specification(), run: run, attempt: 1)
        #expect(block.value(of: "REEVE_RUN_PATH") == "OUTER/\(run)")
        #expect(block.value(of: "REEVE_RUN_ID") == run.description)
    }

    @Test func `a value that no program can get is a sentence`() throws {
        var specification = try specification()
        specification.program.environment = [EnvironmentVariable(name: "A=B", value: "c")]
        let environment = try environment([:])
        #expect(throws: SystemFailure.self) {
            try environment.block(for: specification, run: run, attempt: 1)
        }
    }
}
