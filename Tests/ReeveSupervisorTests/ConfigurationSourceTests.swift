// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveSupervisor

/// What the process that reads configurations is told.
@Suite struct ConfigurationSourceTests {
    private func source(_ change: RegistrationChange? = nil) -> ConfigurationSource {
        var source = ConfigurationSource(path: "/etc/reeve.toml", form: .crontab, watch: true)
        source.runtimeDirectory = "/run/reeve"
        source.registeredDirectory = "/var/lib/reeve/registered"
        source.names = ["0123": ["a", "b"]]
        source.change = change
        return source
    }

    @Test func `it is read as it was written, the text by another way`() throws {
        let registration = Registration(name: name("web"), text: "x", file: "web.toml")
        var restricted = registration
        (restricted.isRestricted, restricted.file) = (true, nil)
        for change in [
            nil, .unregister(name("web")), .register(registration), .register(restricted),
        ] as [RegistrationChange?] {
            let written = source(change)
            #expect(ConfigurationSource(arguments: written.arguments, text: { "x" }) == written)
            #expect(!written.arguments.contains("x"))
        }
        let registering = source(.register(registration)).arguments
        #expect(ConfigurationSource(arguments: registering) == nil)
        for (index, wrong) in [(6, "explode"), (7, "../x"), (7, "")] {
            var arguments = registering
            arguments[index] = wrong
            #expect(ConfigurationSource(arguments: arguments, text: { "x" }) == nil, "\(wrong)")
        }
        #expect(ConfigurationSource(arguments: Array(registering.prefix(8))) == nil)
    }

    @Test func `only jobs of the crontab keep names by what they execute`() throws {
        var specification = Specification(
            schedulers: ["job", "other"].map {
                SchedulerSpecification(name: name($0), program: Program(arguments: [$0]))
            })
        specification.schedulers[1].origin = .registered
        specification.supervisor.source = "/etc/crontab"
        specification.supervisor.sourceForm = .crontab
        specification.supervisor.registeredDirectory = "/r"
        let found = try #require(ConfigurationSource(of: specification))
        #expect(found.names.values.flatMap { $0 } == ["job"])
        #expect(found.registeredDirectory == "/r" && found.change == nil)
    }
}
