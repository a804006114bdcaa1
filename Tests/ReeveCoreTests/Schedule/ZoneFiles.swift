// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore

/// The system's zone files, read as the shell reads them.
enum ZoneFiles {
    /// nil where the system has no such zone.
    static func zone(_ name: String) -> Zone? {
        guard name != "UTC" else { return .utc }
        guard let bytes = bytes(of: "/usr/share/zoneinfo/\(name)") else { return nil }
        return try? Zone.parse(bytes, name: name)
    }

    static func bytes(of path: String) -> [UInt8]? {
        guard let file = unsafe fopen(path, "re") else { return nil }
        defer { unsafe _ = fclose(file) }
        var bytes: [UInt8] = []
        while true {
            let byte = unsafe getc(file)
            if byte < 0 { return bytes }
            bytes.append(UInt8(truncatingIfNeeded: byte))
        }
    }
}
