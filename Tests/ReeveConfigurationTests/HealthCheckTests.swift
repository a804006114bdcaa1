// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveConfiguration

@Suite struct HealthCheckTests {
    private func scheduler(_ lines: String) throws -> SchedulerSpecification {
        let text = "[schedulers.a]\ncommand = [\"a\"]\n" + lines
        let outcome = ConfigurationLoader.load(text: text)
        #expect(outcome.diagnostics.map(Found.init) == [], "\(lines)")
        return try #require(outcome.specification?.schedulers.first)
    }

    private func method(_ table: String) throws -> HealthCheckSettings.Method? {
        try scheduler("health-check = \(table)").healthCheck?.method
    }

    private func target(_ host: String, _ port: UInt16) -> ProbeTarget {
        ProbeTarget(host: host, port: port)
    }

    @Test func `a health check is a command, a port or a page`() throws {
        #expect(try method(#"{ exec = ["check", "-q"] }"#) == .exec(["check", "-q"]))
        #expect(
            try method(#"{ exec = "check | grep ok" }"#)
                == .exec(["/bin/sh", "-c", "check | grep ok"]))
        #expect(try method(#"{ tcp = "localhost:5432" }"#) == .tcp(target("localhost", 5432)))
        #expect(try method(#"{ tcp = ":80" }"#) == .tcp(target("localhost", 80)))
        #expect(try method(#"{ tcp = "[::1]:80" }"#) == .tcp(target("::1", 80)))
        #expect(try method(#"{ tcp = "10.0.0.7:65535" }"#) == .tcp(target("10.0.0.7", 65_535)))
        #expect(
            try method(#"{ http = "http://localhost:8080/health?deep=1#top" }"#)
                == .http(target("localhost", 8_080), path: "/health?deep=1", status: 200...399))
        #expect(
            try method(#"{ http = "HTTP://db.internal" , status = 204 }"#)
                == .http(target("db.internal", 80), path: "/", status: 204...204))
        #expect(
            try method(#"{ http = "http://[fe80::1%eth0]?x", status = "200 - 299" }"#)
                == .http(target("fe80::1%eth0", 80), path: "/?x", status: 200...299))
    }

    @Test func `its judgement has defaults and can be changed`() throws {
        let plain = try #require(try scheduler(#"health-check = { tcp = "a:1" }"#).healthCheck)
        #expect(plain == HealthCheckSettings(.tcp(target("a", 1))))
        #expect(plain.timeout == .seconds(3) && plain.failures == 3 && plain.successes == 1)
        #expect(plain.startPeriod == .zero)
        let own = try #require(
            try scheduler(
                #"health-check = { tcp = "a:1", timeout = "250ms", failures = 1, successes = 2, "#
                    + #"start-period = "1m" }"#
            ).healthCheck)
        #expect(own.timeout == .milliseconds(250) && own.failures == 1 && own.successes == 2)
        #expect(own.startPeriod == .minutes(1))
    }

    @Test func `readiness, watchdog and the notify socket are read`() throws {
        let notify = try scheduler(
            "ready = \"notify\"\nstart-timeout = \"5s\"\nwatchdog = \"500ms\"")
        #expect(notify.readiness.rule == .notify && notify.readiness.startTimeout == .seconds(5))
        #expect(notify.notify.watchdog == .milliseconds(500) && notify.notify.socket == .none)
        #expect(notify.wantsNotifySocket)
        let probe = try scheduler("ready = \"probe\"\nhealth-check = { tcp = \"a:1\" }")
        #expect(probe.readiness.rule == .probe && !probe.wantsNotifySocket)
        for (text, socket) in [
            ("true", NotifySettings.Socket.path), ("false", .none), ("\"abstract\"", .abstract),
            ("\"path\"", .path),
        ] {
            #expect(try scheduler("notify = \(text)").notify.socket == socket)
        }
    }

    private static let wrong: [Case] = [
        Case(
            #"health-check = { http = "http://localhost", tcp = "a:1" }"#,
            [
                Found(
                    "3:16+42 error", "`health-check` needs exactly one of `exec`, `tcp`, `http`",
                    help: #"write it as `health-check = { tcp = "localhost:8080" }`"#)
            ]),
        Case(
            "health-check = { exec = [], timeout = 3 }",
            [
                Found(
                    "3:25+2 error", "`exec` is empty: there is nothing to execute",
                    help: #"write it as `exec = ["/usr/bin/app", "--flag"]`"#),
                Found(
                    "3:39+1 error",
                    "`timeout` is a duration, but this is the number 3 without a unit",
                    help: #"write "3ms" for milliseconds or "3s" for seconds"#),
            ]),
        Case(
            #"health-check = "http://localhost""#,
            [
                Found(
                    "3:16+18 error",
                    #"`health-check` is a table, but this is the text "http://localhost""#,
                    help: #"write it as `health-check = { tcp = "localhost:8080" }`"#)
            ]),
        Case(
            #"health-check = { tcp = "localhost" }"#,
            [
                Found(
                    "3:24+11 error",
                    #"`health-check` connects to a host and a port, and "localhost" is none"#,
                    help: #"write it as tcp = "localhost:5432", or "[::1]:5432""#)
            ]),
        Case(
            #"health-check = { http = "https://a/" }"#,
            [
                Found(
                    "3:25+12 error",
                    "`health-check` asks over plain HTTP; reeve itself speaks no TLS",
                    help: #"ask with a command: exec = ["curl", "-fsS", "https://a/"]"#)
            ]),
        Case(
            #"health-check = { http = "http://a/", status = "399-200" }"#,
            [
                Found(
                    "3:47+9 error",
                    #"`health-check` has a status code or a range of them, and "399-200" is none"#,
                    help: #"write it as status = "200-399""#)
            ]),
        Case(
            #"health-check = { tcp = "a:1", status = 200 }"#,
            [
                Found(
                    "3:40+3 error", "`health-check` has a `status`, which only a page has",
                    help: "leave it out, or write http = \"http://localhost:8080/health\"")
            ]),
        Case(
            #"ready = "probe""#,
            [
                Found(
                    "3:9+7 error",
                    #"ready = "probe" waits for a health check, and "web" has none"#,
                    help: #"add health-check = { tcp = "localhost:8080" }"#)
            ]),
    ]

    @Test(arguments: wrong)
    func `what cannot be asked is refused at its place`(_ example: Case) {
        example.check()
    }

    @Test func `addresses that are none are refused`() {
        for text in [
            "", ":", "a", "a:", "a:0", "a:65536", "a:-1", "a b:1", "[::1]", "::1:80", "[a]:1",
            "a/b:1", "[]:1",
        ] {
            #expect(ProbeTarget(text) == nil, "\(text)")
        }
        for text in [
            "http://", "http://:x/", "http://a b/", "http://u:p@a/", "http://a/b c",
            "http://a/\r\nHost: b", "ftp://a", "http://a/\u{E9}", "http://[::1", "http://a:/",
        ] {
            guard case .refused = PageAddress.read(text) else {
                Issue.record("\(text) is taken")
                continue
            }
        }
    }
}
