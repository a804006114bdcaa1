// SPDX-License-Identifier: Apache-2.0

import ReeveConfiguration
import ReeveCore
import Testing

/// `[gateway]`: a part of reeve that is supervised like a scheduler.
@Suite struct GatewayTests {
    private func gateway(_ lines: String, as user: UInt32 = 1_000) -> SchedulerSpecification? {
        let machine = Machine(
            user: user, passwd: "web:x:1001:1002::/srv/web:/bin/zsh", group: "", mountinfo: "")
        let outcome = ConfigurationLoader.load(
            text: "[schedulers.web]\ncommand = \"x\"\n[gateway]\n" + lines, machine: machine)
        #expect(outcome.diagnostics.map(Found.init) == [], "\(lines)")
        #expect(outcome.specification?.schedulers.first?.isComponent == false)
        return outcome.specification?.schedulers.dropFirst().first
    }

    @Test func `an empty table is the gateway as it comes`() throws {
        let found = try #require(gateway(""))
        #expect(found.name.text == "gateway" && found.isComponent && found.kind == .daemon)
        #expect(
            found.program.arguments
                == ["reeve-gateway", "--control-descriptor", "0", "--listen", "127.0.0.1:5000"])
        // Nothing of what reeve was given is for it.
        #expect(found.program.clearEnvironment)
        #expect(found.program.environment.map(\.name) == ["PATH"])
        #expect(found.restart.maxRestarts == nil && found.restart.mode == .always)
        #expect(!found.program.launch.isNeeded)
    }

    @Test func `settings become arguments`() throws {
        let found = try #require(
            gateway(
                """
                listen = "0.0.0.0:80"
                command = ["/opt-gateway", "--log-level", "debug"]
                token-file = "/t"
                read-token-file = "/r"
                tls-certificate = "/c"
                tls-key = "/k"
                hosts = ["a.example", "b.example"]
                """))
        #expect(
            found.program.arguments == [
                "/opt-gateway", "--log-level", "debug", "--control-descriptor", "0", "--listen",
                "0.0.0.0:80", "--tls-certificate", "/c", "--tls-key", "/k", "--host", "a.example",
                "--host", "b.example", "--token-file", "/t", "--read-token-file", "/r",
            ])
        let shell = try #require(gateway("command = \"exec nice reeve-gateway\""))
        #expect(
            shell.program.arguments.prefix(4)
                == ["/bin/sh", "-c", "exec nice reeve-gateway \"$@\"", "gateway"])
    }

    @Test func `under root it is nobody, and gets its tokens without being able to read them`()
        throws
    {
        let found = try #require(gateway("token-file = \"/t\"", as: 0))
        #expect(found.program.launch.user?.number == 65_534)
        #expect(found.program.launch.user?.group == 65_534)
        #expect(found.program.launch.secrets == [Secret(name: "REEVE_GATEWAY_TOKEN", path: "/t")])
        #expect(!found.program.arguments.contains("/t"))
        #expect(try #require(gateway("user = \"web\"", as: 0)).program.launch.user?.number == 1_001)
    }

    @Test func `another manager's gateway is not run`() {
        #expect(gateway("managed = \"external\"") == nil)
    }

    @Test func `what must not be is an error at its place`() {
        for (lines, place, message) in [
            ("listen = \"0.0.0.0:80\"", "4:10+", "can be reached from the network"),
            ("listen = \"[::]:80\"", "4:10+", "can be reached from the network"),
            ("listen = \"5000\"", "4:10+", "is an address and a port"),
            ("tls-key = \"/k\"", "4:11+", "TLS needs both"),
            ("user = \"nobodyy\"", "4:8+", "there is no user"),
            ("history-retention = \"1d\"", "4:1+17", "not in this version"),
            ("[schedulers.gateway]\ncommand = \"x\"", "-", "is what [gateway] runs as"),
        ] {
            let outcome = ConfigurationLoader.load(
                text: "[schedulers.web]\ncommand = \"x\"\n[gateway]\n" + lines)
            let found = outcome.diagnostics.map(Found.init)
            #expect(outcome.specification == nil, "\(lines)")
            #expect(found.count == 1, "\(found)")
            #expect(found.first?.message.contains(message) == true, "\(found)")
            #expect(found.first?.place.hasPrefix(place) == true, "\(found)")
        }
        let open = ConfigurationLoader.load(
            text:
                "[schedulers.web]\ncommand = \"x\"\n[gateway]\nlisten = \"0.0.0.0:80\"\nallow-unauthenticated-network = true"
        )
        #expect(open.specification != nil)
    }
}
