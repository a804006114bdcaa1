// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveConfiguration
import ReeveCore
import ReeveTestSupport
import Testing

/// Which zone a cron expression is in that names none.
@Suite struct ZoneDatabaseTests {
    private static let file = "/usr/share/zoneinfo/Europe/Berlin"
    private static let hasZones = unsafe access(file, R_OK) == 0

    private let cron = "[schedulers.web]\ncommand = [\"web\"]\ncron = \"0 3 * * *\"\n"

    private func load(_ text: String, _ variable: String) -> LoadOutcome {
        ConfigurationLoader.load(text: text, environment: ["TZ": variable])
    }

    @Test(
        .needs("the system's time zones", if: hasZones),
        arguments: ["Europe/Berlin", ":Europe/Berlin", file, ":" + file])
    func `TZ names a zone or its file`(variable: String) throws {
        let host = ZoneDatabase.host(variable)
        #expect(host.objection == nil)
        #expect(try host.zone == ZoneDatabase.zone(named: "Europe/Berlin"))
        let outcome = load(cron, variable)
        #expect(outcome.diagnostics.map(Found.init) == [])
        #expect(outcome.specification?.schedulers.first?.schedule?.zone == "Europe/Berlin")
        #expect(outcome.specification?.zones == [host.zone])
    }

    @Test(
        .needs("/etc/localtime", if: unsafe access("/etc/localtime", R_OK) == 0),
        arguments: ["/etc/localtime", ":/etc/localtime"])
    func `TZ may name what holds without it`(variable: String) {
        let host = ZoneDatabase.host(variable)
        #expect(host.objection == nil)
        #expect(host.zone == ZoneDatabase.host(nil).zone)
    }

    @Test func `a TZ that cannot be used is a warning where a zone is needed`() {
        let outcome = load(cron, ":/nowhere/zoneinfo/Europe/Berlin")
        #expect(
            outcome.diagnostics.rendered == """
                environment variable TZ: warning: /nowhere/zoneinfo/Europe/Berlin: there is no such \
                file; cron without `timezone` counts in UTC
                help: check the name and the directory you are in
                1 warning

                """)
        #expect(outcome.specification?.schedulers.first?.schedule?.zone == "UTC")
        let rule = load(cron, "CET-1CEST,M3.5.0,M10.5.0/3")
        #expect(
            rule.warnings.map(\.message) == [
                "\"CET-1CEST,M3.5.0,M10.5.0/3\" is no name of a time zone; "
                    + "cron without `timezone` counts in UTC"
            ])
        let named = cron + "timezone = \"UTC\"\n"
        let interval = "[schedulers.web]\ncommand = [\"web\"]\ninterval = \"1h\"\n"
        for text in [named, interval] {
            #expect(load(text, "/nowhere").diagnostics.map(Found.init) == [])
        }
        #expect(load(cron, "").diagnostics.map(Found.init) == [])
    }
}
