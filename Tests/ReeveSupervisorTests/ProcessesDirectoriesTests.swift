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

    @Test func `an id is sixteen hexadecimal digits`() {
        #expect(StateIdentifier.text(of: 0xAB) == "00000000000000ab")
        #expect(StateIdentifier.parse(Array("00000000000000ab\n".utf8)) == 0xAB)
        #expect(StateIdentifier.parse(Array("00000000000000ab".utf8)) == 0xAB)
        #expect(StateIdentifier.parse(Array("ab\n".utf8)) == nil)
        #expect(StateIdentifier.parse(Array("-0000000000000ab\n".utf8)) == nil)
        #expect(StateIdentifier.parse([]) == nil)
    }

    @Test func `nohup is recognised by the mask of ignored signals`() {
        #expect(HangupDisposition.isIgnored(in: "Name:\tx\nSigIgn:\t0000000000000001\n"))
        #expect(!HangupDisposition.isIgnored(in: "SigIgn:\t0000000000001000\n"))
        #expect(!HangupDisposition.isIgnored(in: ""))
    }
}
