// SPDX-License-Identifier: Apache-2.0

import Glibc
import ReeveCore
import ReeveLinux
import Testing

@testable import ReeveSupervisor

/// A directory that goes with its owner.
private final class Home {
    let path: String

    init() throws {
        path = "/tmp/reeve-test-\(getpid())-\(try Host.random())"
        try PrivateDirectory.ensure(path)
    }

    deinit {
        for name in ["lock", "id", "id.new"] {
            unsafe unlink(path + "/run/" + name)
            unsafe unlink(path + "/state/" + name)
        }
        unsafe rmdir(path + "/run/tails")
        unsafe rmdir(path + "/run")
        unsafe rmdir(path + "/state")
        unsafe rmdir(path)
    }
}

@Suite struct ProcessesDirectoriesTests {
    private func settings(_ directory: Home) -> SupervisorSettings {
        var settings = SupervisorSettings()
        settings.runtimeDirectory = directory.path + "/run"
        settings.stateDirectory = directory.path + "/state"
        return settings
    }

    @Test func `a second supervisor on one runtime directory is refused by name`() throws {
        let directory = try Home()
        var notices: [StartNotice] = []
        let first = try RuntimeDirectory.take(settings(directory), group: nil, notices: &notices)
        #expect(first.socketPath == directory.path + "/run/control.sock")
        #expect(notices.map(\.words) == ["runtime directory \(directory.path)/run (as configured)"])
        do throws(StartFailure) {
            _ = try RuntimeDirectory.take(settings(directory), group: nil, notices: &notices)
            Issue.record("the second was not refused")
        } catch {
            #expect(error.code == 69)
            #expect(error.words.contains("another supervisor (pid \(getpid())) holds its lock"))
        }
        _ = consume first
    }

    @Test func `the lock goes with the supervisor`() throws {
        let directory = try Home()
        var notices: [StartNotice] = []
        _ = try RuntimeDirectory.take(settings(directory), group: nil, notices: &notices)
        eventually("the lock is free") {
            (try? RuntimeDirectory.take(settings(directory), group: nil, notices: &notices)) != nil
        }
    }

    /// A lock that was let go may be held for a moment by a child that another test has forked and
    /// that has not got to its exec.
    private func eventually(_ what: Comment, _ condition: () -> Bool) {
        let deadline = Clock.now().monotonic + .seconds(10)
        while !condition() {
            guard Clock.now().monotonic < deadline else {
                Issue.record(what)
                return
            }
            usleep(1_000)
        }
    }

    @Test func `a runtime directory whose socket path is too long is an error of configuration`() {
        var settings = SupervisorSettings()
        settings.runtimeDirectory = "/tmp/" + String(repeating: "x", count: 100)
        var notices: [StartNotice] = []
        do throws(StartFailure) {
            _ = try RuntimeDirectory.take(settings, group: nil, notices: &notices)
            Issue.record("it was taken")
        } catch {
            #expect(error.code == 78)
            #expect(error.words.contains("may have 107"))
        }
    }

    @Test func `a state directory keeps its id`() throws {
        let directory = try Home()
        var notices: [StartNotice] = []
        let first = try StateDirectory.take(
            settings(directory), random: { () throws(Errno) in 0xABC }, notices: &notices)
        #expect(first.origin == 0xABC)
        #expect(first.path == directory.path + "/state")
        _ = consume first
        eventually("the directory is free") {
            let random = { () throws(Errno) in UInt64(0xDEF) }
            guard
                let second = try? StateDirectory.take(
                    settings(directory), random: random, notices: &notices)
            else { return false }
            return second.origin == 0xABC
        }
    }

    @Test func `a configured state directory of another supervisor is a refusal`() throws {
        let directory = try Home()
        var notices: [StartNotice] = []
        let first = try StateDirectory.take(
            settings(directory), random: { () throws(Errno) in 1 }, notices: &notices)
        do throws(StartFailure) {
            _ = try StateDirectory.take(
                settings(directory), random: { () throws(Errno) in 2 }, notices: &notices)
            Issue.record("the second was not refused")
        } catch {
            #expect(error.code == 69)
            #expect(error.words.contains("belongs to another supervisor (pid \(getpid()))"))
        }
        _ = consume first
    }

    @Test func `no state directory at all is said, and reeve goes on`() throws {
        var settings = SupervisorSettings()
        settings.stateDirectory = "/proc/reeve"
        var notices: [StartNotice] = []
        let state = try StateDirectory.take(
            settings, random: { () throws(Errno) in 9 }, notices: &notices)
        #expect(state.origin == 9)
        #expect(notices.count == 1)
    }

    @Test func `an id is sixteen hexadecimal digits, and where they were written`() {
        #expect(StateIdentifier.text(of: 0xAB) == "00000000000000ab")
        let place = StateIdentifier.Place(inode: 17, device: 3, boot: "b/1")
        let table: [(String, StateIdentifier?)] = [
            ("00000000000000ab 17 3 b/1\n", StateIdentifier(id: 0xAB, place: place)),
            ("00000000000000ab\n", StateIdentifier(id: 0xAB, place: nil)),
            ("00000000000000ab", StateIdentifier(id: 0xAB, place: nil)),
            ("ab\n", nil), ("-0000000000000ab\n", nil), ("", nil), ("00000000000000ab \n", nil),
            ("00000000000000ab x 3 b\n", nil), ("00000000000000ab 1 2\n", nil),
            ("00000000000000ab 1 2 3 4\n", nil),
        ]
        for (text, expected) in table {
            #expect(StateIdentifier(Array(text.utf8)) == expected, "\(text)")
        }
        for boot in ["b/1", ""] {
            let both = StateIdentifier(
                id: 1, place: StateIdentifier.Place(inode: 17, device: 3, boot: boot))
            #expect(StateIdentifier(both.contents) == both)
        }
    }

    @Test func `within one boot a directory is told by its device, too`() {
        func place(_ inode: UInt64, _ device: UInt64, _ boot: String) -> StateIdentifier.Place {
            StateIdentifier.Place(inode: inode, device: device, boot: boot)
        }
        let earlier = place(2, 7, "a")
        #expect(place(2, 7, "a").isThat(of: earlier))
        #expect(!place(2, 8, "a").isThat(of: earlier))
        #expect(place(2, 8, "b").isThat(of: earlier))
        #expect(!place(3, 7, "b").isThat(of: earlier))
    }

    @Test func `a copy of a state directory is another one`() throws {
        let scratch = try ScratchDirectory()
        let (first, second) = (scratch.file("first"), scratch.file("second"))
        try PrivateDirectory.ensure(first)
        try PrivateDirectory.ensure(second)
        func take(_ directory: String, else id: UInt64) throws -> (UInt64, StateIdentifier.Origin) {
            let found = try StateIdentifier.readOrCreate(in: directory, boot: "b") { id }
            return (found.id, found.origin)
        }
        #expect(try take(first, else: 0xA) == (0xA, .made))
        #expect(try take(first, else: 0xB) == (0xA, .read))
        let file = try FileDescriptor.openForReading(first + "/id")
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = try file.read(into: &bytes) ?? 0
        let contents = Array(bytes.prefix(count))
        try SmallFile.replace(second + "/id", contents: contents)
        #expect(try take(second, else: 0xC) == (0xC, .replaced))
        #expect(try take(second, else: 0xD) == (0xC, .read))
        // One of an earlier version does not say where it was written, and does from here on.
        try SmallFile.replace(first + "/id", contents: Array("00000000000000ee\n".utf8))
        #expect(try take(first, else: 0xF) == (0xEE, .read))
        let again = try FileDescriptor.openForReading(first + "/id")
        let length = try again.read(into: &bytes) ?? 0
        #expect(StateIdentifier(Array(bytes.prefix(length)))?.place != nil)
        // Where that cannot be written, as on a full disk, the id counts all the same.
        try SmallFile.replace(first + "/id", contents: Array("00000000000000dd\n".utf8))
        try PrivateDirectory.ensure(first + "/id.new")
        #expect(try take(first, else: 0xF) == (0xDD, .read))
        #expect(unsafe rmdir(first + "/id.new") == 0)
        for path in [first, second] { StateFile.remove(path + "/id") }
    }

    @Test func `nohup is recognised by the mask of ignored signals`() {
        #expect(HangupDisposition.isIgnored(in: "Name:\tx\nSigIgn:\t0000000000000001\n"))
        #expect(!HangupDisposition.isIgnored(in: "SigIgn:\t0000000000001000\n"))
        #expect(!HangupDisposition.isIgnored(in: ""))
    }
}
