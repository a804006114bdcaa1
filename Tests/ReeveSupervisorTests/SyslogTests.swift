// SPDX-License-Identifier: Apache-2.0

import ReeveCore
import Testing

@testable import ReeveSupervisor

/// What syslog(3) sends.
@Suite struct SyslogTests {
    private func read(_ text: String) -> String {
        let message = SyslogMessage(Array(text.utf8))
        return "\(message.origin) \(String(decoding: message.text, as: UTF8.self))"
    }

    @Test func `facility and severity are decoded, the time goes`() {
        let table = [
            (
                "<78>Nov 25 21:00:01 CRON[42]: (root) CMD (x)\n",
                "cron.info CRON[42]: (root) CMD (x)"
            ),
            ("<78>Nov  5 21:00:01 crond: x\0", "cron.info crond: x"),
            ("<0>Jan 01 00:00:00 a", "kern.emerg a"), ("<191>a", "local7.debug a"),
            ("<13>Nov 25 21:00:01 a: b\nc\n\n", "user.notice a: b\nc"),
            // No time, or none of this form.
            ("<30>1 2026-11-25T21:00:01Z - a", "daemon.info 1 2026-11-25T21:00:01Z - a"),
            ("<30>Nox 25 21:00:01 a", "daemon.info Nox 25 21:00:01 a"),
            ("<30>Nov 25 21:00:01", "daemon.info Nov 25 21:00:01"),
            ("<30>Nov 2x 21:00:01 a", "daemon.info Nov 2x 21:00:01 a"),
            // No number.
            ("a b", "user.notice a b"), ("", "user.notice "), ("<>a", "user.notice <>a"),
            ("<192>a", "user.notice <192>a"), ("<-1>a", "user.notice <-1>a"),
            ("<1234>a", "user.notice <1234>a"), ("<12", "user.notice <12"),
            ("<+1>a", "user.notice <+1>a"),
        ]
        for (text, expected) in table { #expect(read(text) == expected, "\(text)") }
    }

    @Test func `severities are levels of reeve's own log`() {
        let levels = (0..<8).map { SyslogMessage(Array("<\($0)>x".utf8)).level.rawValue }
        #expect(
            levels == ["error", "error", "error", "error", "warning", "info", "info", "debug"])
    }

    @Test func `no bytes make it trap`() {
        var state: UInt64 = 7
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            var rest = state
            while rest > 0 {
                bytes.append(Array("<>0189Nov :\n\0\u{FF}".utf8)[Int(rest % 13)])
                rest /= 13
            }
            let message = SyslogMessage(bytes)
            #expect(message.text.count <= bytes.count && !message.origin.isEmpty)
        }
    }
}
