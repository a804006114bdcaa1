// SPDX-License-Identifier: Apache-2.0
//
// The system's time zones: files of /usr/share/zoneinfo. They are read when the configuration is, so
// that the supervisor opens none.

internal import Glibc
package import ReeveCore

/// Why a zone cannot be had.
package struct ZoneLookupError: Error, Equatable, Sendable {
    /// A sentence without a full stop.
    package let message: String
    /// What to do about it.
    package let help: String?
}

/// Reads zone files.
package enum ZoneDatabase {
    private static let directories = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"]
    private static let bytesMax = 1_000_000

    /// The zone of an IANA name such as "Europe/Berlin"; "UTC" needs no file. `TZDIR` names another
    /// directory, as for the C library.
    package static func zone(named name: String) throws(ZoneLookupError) -> ZoneFile {
        if name == ZoneFile.utc.name { return .utc }
        let isName =
            !name.isEmpty && name.utf8.count <= 100 && !name.hasPrefix("/")
            && name.utf8.allSatisfy { isNameCharacter($0) }
            && !name.split(separator: "/", omittingEmptySubsequences: false).contains {
                $0.isEmpty || $0.hasPrefix(".")
            }
        guard isName else {
            throw ZoneLookupError(
                message: "\"\(name)\" is no name of a time zone",
                help: "write an IANA name such as \"Europe/Berlin\", or \"UTC\"")
        }
        let custom = unsafe getenv("TZDIR").map { unsafe String(cString: $0) }
        let places = custom.map { [$0] } ?? directories
        for directory in places {
            switch readFile("\(directory)/\(name)", bytesMax: bytesMax) {
            case .bytes(let bytes): return try checked(bytes, name)
            case .tooLarge:
                throw ZoneLookupError(
                    message: "\(directory)/\(name) is larger than any time zone", help: nil)
            case .failed: continue
            }
        }
        let hasAny = places.contains { unsafe access($0, F_OK) == 0 }
        throw ZoneLookupError(
            message: "the time zone \"\(name)\" is unknown: it is not in "
                + places.joined(separator: " or "),
            help: hasAny
                ? "check its spelling; names are as in `timedatectl list-timezones`"
                : "install the system's time zones (Debian: tzdata)")
    }

    /// The host's own zone: what `TZ` says, which is given, else /etc/localtime, else UTC. Where `TZ` is
    /// set and cannot be used it is UTC, as for the C library, and `objection` says why.
    package static func host(
        _ variable: String?
    ) -> (zone: ZoneFile, objection: ZoneLookupError?) {
        guard let variable, !variable.isEmpty else {
            // A file that is no zone tells nothing: then it is UTC, as for the C library.
            return ((try? zone(at: "/etc/localtime")) ?? .utc, nil)
        }
        let name = variable.hasPrefix(":") ? String(variable.dropFirst()) : variable
        do throws(ZoneLookupError) {
            return (try name.hasPrefix("/") ? zone(at: name) : zone(named: name), nil)
        } catch {
            return (.utc, error)
        }
    }

    /// The zone in a file, by the name that its place says.
    private static func zone(at path: String) throws(ZoneLookupError) -> ZoneFile {
        switch readFile(path, bytesMax: bytesMax) {
        case .bytes(let bytes): return try checked(bytes, name(ofFile: path))
        case .tooLarge:
            throw ZoneLookupError(message: "\(path) is larger than any time zone", help: nil)
        case .failed(let words, let help):
            throw ZoneLookupError(message: "\(path): \(words)", help: help)
        }
    }

    /// What stands behind "zoneinfo" in a path, or else in what it points to; "localtime" where it is a
    /// file of its own.
    private static func name(ofFile path: String) -> String {
        if let name = name(inDatabase: path) { return name }
        var buffer = [CChar](repeating: 0, count: 4_096)
        let length = unsafe readlink(path, &buffer, buffer.count)
        guard length > 0 else { return "localtime" }
        let bytes = buffer.prefix(length).map { UInt8(bitPattern: $0) }
        return name(inDatabase: String(decoding: bytes, as: UTF8.self)) ?? "localtime"
    }

    private static func name(inDatabase path: String) -> String? {
        let words = path.split(separator: "/")
        guard let root = words.lastIndex(of: "zoneinfo") else { return nil }
        let name = words[(root + 1)...].joined(separator: "/")
        return name == "Etc/UTC" ? "UTC" : name
    }

    private static func checked(
        _ bytes: [UInt8], _ name: String
    ) throws(ZoneLookupError) -> ZoneFile {
        do throws(ZoneError) {
            _ = try Zone.parse(bytes, name: name)
            return ZoneFile(name: name, bytes: bytes)
        } catch {
            throw ZoneLookupError(
                message: "the time zone file of \"\(name)\" cannot be used: \(error.message)",
                help: nil)
        }
    }

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "_"),
            UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
