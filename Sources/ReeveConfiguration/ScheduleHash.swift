// SPDX-License-Identifier: Apache-2.0
//
// What spreads schedules: `H` in a cron expression, and `spread`. The same scheduler on the same host
// gets the same number for ever; another host, or another scheduler, another one.

internal import Glibc
package import ReeveCore

/// Stable numbers from the host and a name.
package enum ScheduleHash {
    /// The host's share: `REEVE_HOST_ID`, else /etc/machine-id, else the host's name.
    package static let host: UInt64 = fnv(hostIdentity)

    /// The number of a scheduler on this host.
    package static func of(_ name: SchedulerName) -> UInt64 {
        fnv(name.text, from: host)
    }

    private static var hostIdentity: String {
        if let given = unsafe getenv("REEVE_HOST_ID").map({ unsafe String(cString: $0) }),
            !given.isEmpty
        {
            return given
        }
        if case .bytes(let bytes) = readFile("/etc/machine-id", bytesMax: 4_096) {
            let text = bytes.prefix { $0 > UInt8(ascii: " ") }
            if !text.isEmpty { return String(decoding: text, as: UTF8.self) }
        }
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "" }
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// FNV-1a over 64 bits.
    private static func fnv(
        _ text: String, from start: UInt64 = 0xcbf2_9ce4_8422_2325
    ) -> UInt64 {
        text.utf8.reduce(start) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
