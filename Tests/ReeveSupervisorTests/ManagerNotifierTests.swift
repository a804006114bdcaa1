// SPDX-License-Identifier: Apache-2.0
//
// libsystemd reads the environment of the process, so each of these is a process of its own.

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

/// A service manager's end: a datagram socket that NOTIFY_SOCKET names.
private struct Manager {
    let socket: Int32
    let address: String

    /// `address`: a path, or "@" and an abstract name.
    init(at address: String) {
        self.address = address
        socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | 0o2004000, 0)
        var (name, size) = Manager.name(address)
        let result = unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket, $0, size)
            }
        }
        guard result == 0 else { exit(90) }
        unsafe setenv("NOTIFY_SOCKET", address, 1)
    }

    private static func name(_ address: String) -> (sockaddr_un, socklen_t) {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(address.utf8)
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        unsafe withUnsafeMutableBytes(of: &name.sun_path) { path in
            for (index, byte) in bytes.enumerated() { unsafe path[index] = byte }
        }
        return (name, socklen_t(2 + bytes.count + (bytes.first == 0 ? 0 : 1)))
    }

    /// The next message, or nil.
    func receive() -> String? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Fills the queue until nothing more fits.
    func fill() {
        let sender = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | 0o2004000, 0)
        var (name, size) = Manager.name(address)
        while true {
            let sent = unsafe withUnsafePointer(to: &name) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe sendto(sender, "x", 1, 0, $0, size)
                }
            }
            if sent < 0 { break }
        }
        close(sender)
    }

    func drain() {
        while receive() == "x" {}
    }
}

private final class Said {
    var sentences: [String] = []
}

private func notifier(_ said: Said, at now: Moment) -> ManagerNotifier {
    ManagerNotifier(environment: Environment.current().map { ($0.name, $0.value) }, at: now) {
        said.sentences.append($1)
    }
}

private func libraryIsLoaded() -> Bool {
    guard let file = unsafe fopen("/proc/self/maps", "r") else { exit(91) }
    defer { unsafe fclose(file) }
    var text = [CChar](repeating: 0, count: 4_096)
    while unsafe fgets(&text, 4_096, file) != nil {
        let line = String(
            decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        if line.contains("libsystemd") { return true }
    }
    return false
}

/// Ends the process with this code where the condition does not hold.
private func require(_ condition: Bool, _ code: Int32) {
    if !condition { exit(code) }
}

@Suite struct ManagerNotifierTests {
    @Test func `without a manager nothing is loaded or said`() async {
        await #expect(processExitsWith: .success) {
            unsafe unsetenv("NOTIFY_SOCKET")
            let said = Said()
            let now = Clock.now()
            let line = notifier(said, at: now)
            line.tell(.ready, at: now)
            require(!line.isActive && line.nextDeadline == nil && said.sentences.isEmpty, 1)
            require(!libraryIsLoaded(), 2)
            exit(0)
        }
    }

    #if Systemd
        @Test func `messages arrive, each as one line`() async {
            await #expect(processExitsWith: .success) {
                let path = "/tmp/reeve-notify-\(getpid())"
                for address in [path, "@reeve-notify-\(getpid())"] {
                    let manager = Manager(at: address)
                    if address == path { unsafe unlink(path + ".gone") }
                    let said = Said()
                    let now = Clock.now()
                    let line = notifier(said, at: now)
                    line.tell(.ready, at: now)
                    require(manager.receive() == "READY=1", 1)
                    line.tell(.status("all\nMAINPID=1\u{7F}up"), at: now)
                    require(manager.receive() == "STATUS=all MAINPID=1 up", 2)
                    line.tell(.status(String(repeating: "ä", count: 4_000)), at: now)
                    require((manager.receive()?.utf8.count ?? 0) <= 7 + 1_024, 3)
                    line.tell(.stopping, at: now)
                    require(manager.receive() == "STOPPING=1", 4)
                    require(line.nextDeadline == nil && said.sentences.isEmpty, 5)
                    require(libraryIsLoaded(), 6)
                }
                unsafe unlink(path)
                exit(0)
            }
        }

        @Test func `a manager that does not read costs no time and loses nothing`() async {
            await #expect(processExitsWith: .success) {
                let manager = Manager(at: "@reeve-notify-\(getpid())")
                let said = Said()
                let now = Clock.now()
                let line = notifier(said, at: now)
                manager.fill()
                line.tell(.status("one"), at: now)
                line.tell(.ready, at: now)
                line.tell(.status("two"), at: now)
                require(Clock.now().monotonic - now.monotonic < .seconds(1), 1)
                require(line.nextDeadline == now.monotonic + ManagerNotifier.retryInterval, 2)
                let later = Moment(
                    monotonic: now.monotonic + ManagerNotifier.retryInterval, wall: now.wall)
                line.timePassed(at: later)
                require(line.nextDeadline == later.monotonic + ManagerNotifier.retryInterval, 3)
                manager.fill()
                while manager.receive() != nil {}
                line.timePassed(
                    at: Moment(
                        monotonic: later.monotonic + ManagerNotifier.retryInterval, wall: now.wall))
                require(manager.receive() == "READY=1\nSTATUS=two", 4)
                require(line.nextDeadline == nil && said.sentences.isEmpty, 5)
                exit(0)
            }
        }

        @Test func `a manager that is not there is said once and given up`() async {
            await #expect(processExitsWith: .success) {
                unsafe setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1)
                let said = Said()
                var now = Clock.now()
                let line = notifier(said, at: now)
                line.tell(.ready, at: now)
                var tries = 0
                while let due = line.nextDeadline {
                    tries += 1
                    require(tries < 100, 1)
                    now = Moment(monotonic: due, wall: now.wall)
                    line.timePassed(at: now)
                }
                require(tries + 1 == ManagerNotifier.triesMax, 2)
                require(said.sentences.count == 1, 3)
                require(said.sentences[0].contains("cannot be told"), 4)
                exit(0)
            }
        }

        @Test func `a watchdog gets its sign of life twice in its time`() async {
            await #expect(processExitsWith: .success) {
                let manager = Manager(at: "@reeve-notify-\(getpid())")
                unsafe setenv("WATCHDOG_USEC", "4000000", 1)
                unsafe setenv("WATCHDOG_PID", "\(getpid())", 1)
                let said = Said()
                let now = Clock.now()
                let line = notifier(said, at: now)
                require(line.nextDeadline == now.monotonic + .seconds(2), 1)
                line.timePassed(at: now)
                require(manager.receive() == nil, 2)
                let later = Moment(monotonic: now.monotonic + .seconds(2), wall: now.wall)
                line.timePassed(at: later)
                require(manager.receive() == "WATCHDOG=1", 3)
                require(line.nextDeadline == later.monotonic + .seconds(2), 4)
                // Meant for another process.
                unsafe setenv("WATCHDOG_PID", "1", 1)
                require(notifier(said, at: now).nextDeadline == nil, 5)
                require(said.sentences.isEmpty, 6)
                exit(0)
            }
        }
    #else
        @Test func `without libsystemd that is said once`() async {
            await #expect(processExitsWith: .success) {
                unsafe setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1)
                let said = Said()
                let now = Clock.now()
                let line = notifier(said, at: now)
                line.tell(.ready, at: now)
                require(!line.isActive && line.nextDeadline == nil, 1)
                require(said.sentences.count == 1, 2)
                exit(0)
            }
        }
    #endif
}
