// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Glibc

/// What /proc says about processes, for tests; the supervisor's own reading is ReeveLinux's.
package enum Processes {
    /// One line of /proc/PID/stat.
    package struct Stat: Sendable {
        package let pid, parent, group, session: Int32
        /// "R", "S", "D", "T", "Z" and so on.
        package let state: String
        package let name: String
        /// User and system time of the process itself, in clock ticks.
        package let ticks: Int
        package let residentPages: Int
    }

    /// Nil where there is no such process.
    package static func stat(_ pid: Int32) -> Stat? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 21, let parent = Int32(fields[1]), let group = Int32(fields[2]),
            let session = Int32(fields[3]), let user = Int(fields[11]),
            let system = Int(fields[12]), let pages = Int(fields[21])
        else { return nil }
        return Stat(
            pid: pid, parent: parent, group: group, session: session, state: String(fields[0]),
            name: String(text[text.index(after: open)..<close]), ticks: user + system,
            residentPages: pages)
    }

    /// Whether the process is there and not a zombie.
    package static func isAlive(_ pid: Int32) -> Bool {
        guard let stat = stat(pid) else { return false }
        return stat.state != "Z" && stat.state != "X"
    }

    /// Every process that /proc shows.
    package static func all() -> [Stat] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.compactMap { stat($0) }
    }

    /// The children of a process, zombies included.
    package static func children(of pid: Int32) -> [Stat] {
        all().filter { $0.parent == pid }
    }

    /// How many descriptors a process has open.
    package static func descriptorCount(_ pid: Int32) -> Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []).count
    }

    /// The environment the process was started with.
    package static func environment(_ pid: Int32) -> [String] {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else {
            return []
        }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Sends a signal; false where that failed.
    @discardableResult
    package static func signal(_ pid: Int32, _ number: Int32) -> Bool {
        pid > 1 && kill(pid, number) == 0
    }
}
