// SPDX-License-Identifier: Apache-2.0

import ReeveControl
import ReeveCore
import Testing

/// The configuration in force, as the control socket tells it.
@Suite struct StandingTests {
    @Test func `every field but the values of environments survives`() throws {
        let specification = try everyFieldChanged()
        var text = StandingText.line(of: specification.supervisor)
        var expected: [SchedulerStanding] = []
        for (scheduler, presence) in zip(
            specification.schedulers, SchedulerStanding.Presence.allCases)
        {
            let standing = SchedulerStanding(
                specification: scheduler, presence: presence, isWanted: presence == .running)
            text += StandingText.line(of: standing)
            expected.append(standing)
            expected[expected.count - 1].specification = scheduler.withoutSecrets
        }
        let read = try StandingText.read(text)
        #expect(read.settings == specification.supervisor)
        #expect(read.standings == expected)
        #expect(!expected.isEmpty)
    }

    @Test func `values of environments are told apart and not told`() throws {
        func line(_ value: String) throws -> String {
            var scheduler = SchedulerSpecification(
                name: try name("web"), program: Program(arguments: ["web"]))
            scheduler.program.environment = [EnvironmentVariable(name: "TOKEN", value: value)]
            let bytes = StandingText.line(of: SchedulerStanding(specification: scheduler))
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(try !line("hunter2").contains("hunter2"))
        #expect(try line("hunter2") == line("hunter2"))
        #expect(try line("hunter2") != line("hunter3"))
    }

    @Test func `what is no configuration in force is refused with a sentence`() throws {
        let head = StandingText.line(of: SupervisorSettings())
        for text in ["", "\n", "{}", #"{"handover":1}"#, "nonsense"] {
            #expect(throws: HandoverError.self) { _ = try StandingText.read(Array(text.utf8)) }
        }
        let cut = head + Array(#"{"presence":"running","wan"#.utf8)
        #expect(throws: HandoverError.self) { _ = try StandingText.read(cut) }
        let other = #"{"handover":1,"supervisor":{}}"#
        do {
            _ = try StandingText.read(Array(other.utf8))
        } catch {
            #expect(error.description.contains("the reeve that the supervisor was started with"))
        }
    }
}
