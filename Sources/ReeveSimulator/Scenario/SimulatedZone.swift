// SPDX-License-Identifier: Apache-2.0

internal import ReeveCore

/// The time zones of simulations, known twice: as the bytes of a zone file, which the core reads, and as
/// a few instants, by which the checker reckons.
enum SimulatedZone: String, CaseIterable {
    case utc = "UTC"
    /// Half an hour off, always.
    case fixed = "Sim/Fixed"
    /// An hour ahead, two in summer: the rule of central Europe.
    case central = "Sim/Central"

    /// Seconds east of Greenwich at an instant, in seconds since 1970.
    func offset(at second: Int64) -> Int64 {
        switch self {
        case .utc: return 0
        case .fixed: return 5 * 3_600 + 1_800
        case .central:
            var isSummer = false
            for change in SimulatedZone.changes where change <= second { isSummer.toggle() }
            return isSummer ? 7_200 : 3_600
        }
    }

    /// 2026-03-29T01:00Z, 2026-10-25T01:00Z, 2027-03-28T01:00Z, 2027-10-31T01:00Z
    private static let changes: [Int64] = [
        1_774_746_000, 1_792_890_000, 1_806_195_600, 1_824_944_400,
    ]

    /// A zone file without a table: its last line says it all.
    var file: ZoneFile {
        let rule: String
        switch self {
        case .utc: return ZoneFile.utc
        case .fixed: rule = "SIM-5:30"
        case .central: rule = "CET-1CEST,M3.5.0,M10.5.0/3"
        }
        let head = Array("TZif2".utf8) + Array(repeating: UInt8(0), count: 15)
        // Neither UT and standard indicators nor leap seconds nor transitions; one type, four characters.
        let counts = Array(repeating: UInt8(0), count: 16) + [0, 0, 0, 1] + [0, 0, 0, 4]
        let types = Array(repeating: UInt8(0), count: 6) + Array("SIM".utf8) + [0]
        let table = head + counts + types
        return ZoneFile(name: rawValue, bytes: table + table + Array("\n\(rule)\n".utf8))
    }
}
